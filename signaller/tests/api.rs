//! The HTTP API as a stranger has it: over TLS, with a cookie or a token, and held to its own
//! description (`docs/ref/openapi.json`).
#![allow(clippy::unwrap_used)]
mod common;

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Client, Socket, Stranger, tcp, tcp_from};
use futures_util::future::join_all;
use intercom_signaller::{Config, Level, Registration, Server};
use jsonschema::Validator;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{interval, timeout};
use url::Url;

const PATIENCE: Duration = Duration::from_secs(30);
/// Within a second is what is promised; a busy machine has three times that.
const SOON: Duration = Duration::from_secs(3);
const PASSWORD: &str = "correct horse battery";
const OURS: &str = "https://localhost";
const LISTED: &str = "https://pages.example";

/// A server over TLS that asks everybody for a login; `ann` is its admin.
struct House {
    server: Stranger,
}

/// What somebody shows.
#[derive(Clone, Debug)]
enum Pass {
    Nothing,
    Token(String),
    /// Together with an Origin.
    Cookie(String, &'static str),
}

struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl House {
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let server = Stranger::start_with(|config| {
            config.registration = Registration::Invite;
            config.anonymous = Level::Deny;
            config.allowed_origins.push(Url::parse(LISTED).unwrap().origin());
            change(config);
        })
        .await;
        let mut first = Command::new(env!("CARGO_BIN_EXE_intercom-signaller"))
            .args(["account", "add", "ann", "--kind", "admin", "--data-dir"])
            .arg(server.data.path())
            .env("INTERCOM_CONFIG", "/dev/null")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(first.stdin.take().unwrap(), "{PASSWORD}").unwrap();
        assert!(first.wait().unwrap().success());
        Self { server }
    }

    async fn ask(&self, pass: &Pass, line: &str, body: Option<Value>) -> Answer {
        ask(self.server.tls().await, pass, line, body).await
    }

    /// What must be answered well.
    async fn done(&self, pass: &Pass, line: &str, body: Value) -> Value {
        let body = Some(body).filter(|body| !body.is_null());
        let answer = self.ask(pass, line, body).await;
        assert!((200..300).contains(&answer.status), "{line}: {} {}", answer.status, answer.body);
        answer.body
    }

    /// Status and code of what must not.
    async fn refused(&self, pass: &Pass, line: &str, body: Value) -> (u16, String) {
        let body = Some(body).filter(|body| !body.is_null());
        let answer = self.ask(pass, line, body).await;
        let code =
            answer.body["code"].as_str().unwrap_or_else(|| panic!("{line}: {}", answer.body));
        assert!(answer.body["details"].as_str().is_some_and(|details| !details.is_empty()));
        (answer.status, code.to_owned())
    }

    async fn log_in(&self, name: &str) -> Pass {
        let login = json!({"name": name, "password": PASSWORD});
        let answer = self.ask(&Pass::Nothing, "POST /api/login", Some(login)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.cookie()
    }

    async fn add(&self, admin: &Pass, name: &str, kind: &str) {
        let mut account = json!({"name": name, "kind": kind});
        if kind != "device" {
            account["password"] = PASSWORD.into();
        }
        self.done(admin, "POST /api/accounts", account).await;
    }

    async fn token(&self, admin: &Pass, name: &str) -> (i64, Pass) {
        let line = format!("POST /api/accounts/{name}/tokens");
        let made = self.done(admin, &line, json!({})).await;
        (made["id"].as_i64().unwrap(), Pass::Token(made["token"].as_str().unwrap().to_owned()))
    }

    /// A WebSocket of the stock protocol.
    async fn socket(&self, pass: &Pass) -> Result<Client, (u16, String)> {
        let (name, value, origin) = match pass {
            Pass::Nothing => ("X-Nothing", String::new(), None),
            Pass::Token(token) => ("Authorization", format!("Bearer {token}"), None),
            Pass::Cookie(cookie, origin) => ("Cookie", cookie.clone(), Some(*origin)),
        };
        let headers = [(name, value.as_str()), ("Origin", origin.unwrap_or_default())];
        let count = if origin.is_some() { 2 } else { 1 };
        Client::open(self.server.tls().await, "/ws", &headers[..count]).await
    }
}

impl Pass {
    fn at(&self, origin: &'static str) -> Self {
        let Self::Cookie(cookie, _) = self else { panic!("no cookie") };
        Self::Cookie(cookie.clone(), origin)
    }
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn cookie(&self) -> Pass {
        let cookie = self.header("set-cookie").unwrap();
        Pass::Cookie(cookie.split(';').next().unwrap().to_owned(), OURS)
    }
}

/// One exchange on a connection of its own; a body is JSON.
async fn ask(socket: Box<dyn Socket>, pass: &Pass, line: &str, body: Option<Value>) -> Answer {
    let body = body.map(|body| body.to_string());
    let json = body.as_ref().map(|_| "Content-Type: application/json");
    ask_raw(socket, pass, line, json.as_slice(), &body.unwrap_or_default()).await
}

async fn ask_raw(
    mut socket: Box<dyn Socket>,
    pass: &Pass,
    line: &str,
    headers: &[&str],
    body: &str,
) -> Answer {
    let pass = match pass {
        Pass::Nothing => String::new(),
        Pass::Token(token) => format!("Authorization: Bearer {token}\r\n"),
        Pass::Cookie(cookie, "") => format!("Cookie: {cookie}\r\n"),
        Pass::Cookie(cookie, origin) => format!("Cookie: {cookie}\r\nOrigin: {origin}\r\n"),
    };
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nUser-Agent: stranger\r\n\
         Content-Length: {length}\r\n{pass}{headers}\r\n{body}"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, socket.read_to_end(&mut answer)).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = serde_json::from_str(body).unwrap_or_else(|_| body.into());
    Answer { status, head: head.to_owned(), body }
}

/// The description, and what of it was seen to be true.
struct Description {
    all: Value,
    played: BTreeSet<String>,
}

impl Description {
    async fn of(house: &House) -> Self {
        let all = house.done(&Pass::Nothing, "GET /api/openapi.json", Value::Null).await;
        Self { all, played: BTreeSet::new() }
    }

    /// `(method, path, operation)` of all that there is.
    fn operations(&self) -> Vec<(String, String, Value)> {
        let paths = self.all["paths"].as_object().unwrap().iter();
        let all = paths.flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters");
            methods
                .map(|(method, operation)| (method.to_uppercase(), path.clone(), operation.clone()))
        });
        all.collect()
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.all.pointer(reference.trim_start_matches('#')).unwrap(),
            None => value,
        }
    }

    fn check(&self, schema: &Value, value: &Value, what: &str) {
        let mut schema = schema.clone();
        schema["components"] = self.all["components"].clone();
        let schema: Validator =
            jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let faults: Vec<_> = schema.iter_errors(value).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{what}: {faults:?} in {value}");
    }

    /// Plays an exchange as it is described; `line` may have the parts of the path filled in, and
    /// the body is the example unless another one is given.
    async fn play(
        &mut self,
        house: &House,
        pass: &Pass,
        template: &str,
        line: &str,
        body: Option<Value>,
        status: u16,
    ) -> Value {
        let (method, path) = template.split_once(' ').unwrap();
        let operation = self.all["paths"][path][method.to_lowercase()].clone();
        assert!(operation.is_object(), "{template} is not described");
        let described = &operation["requestBody"]["content"]["application/json"];
        let example = described.get("example").cloned();
        let body = body.or(example);
        if let Some(body) = &body {
            self.check(&described["schema"], body, template);
        }
        let answer = house.ask(pass, &format!("{method} {line}"), body).await;
        assert_eq!(answer.status, status, "{template}: {}", answer.body);
        let response = self.resolve(&operation["responses"][status.to_string()]).clone();
        assert!(response.is_object(), "{template}: {status} is not described");
        match response["content"].get("application/json") {
            Some(content) => self.check(&content["schema"], &answer.body, template),
            None => assert_eq!(answer.body, "", "{template}"),
        }
        for name in response["headers"].as_object().into_iter().flat_map(|all| all.keys()) {
            assert!(answer.header(name).is_some(), "{template}: {name}");
        }
        if (200..300).contains(&status) {
            self.played.insert(template.to_owned());
        }
        answer.body
    }
}

#[tokio::test]
async fn the_description_is_true() {
    let house = House::start().await;
    let mut api = Description::of(&house).await;
    let (guest, ann) = (Pass::Nothing, house.log_in("ann").await);
    macro_rules! play {
        ($pass:expr, $line:expr, $status:expr) => {
            play!($pass, $line, $line.split_once(' ').unwrap().1, None, $status)
        };
        ($pass:expr, $template:expr, $path:expr, $body:expr, $status:expr) => {
            api.play(&house, $pass, $template, $path, $body, $status).await
        };
    }
    play!(&guest, "GET /api/openapi.json", 200);
    play!(&guest, "GET /api/info", 200);
    play!(&guest, "POST /api/login", 200);
    play!(
        &guest,
        "POST /api/login",
        "/api/login",
        Some(json!({"name": "x", "password": "y"})),
        401
    );
    let invite = play!(&ann, "POST /api/invites", 201)["invite"].clone();
    let carol = json!({"name": "carol", "password": PASSWORD, "invite": invite});
    play!(&guest, "POST /api/register", "/api/register", Some(carol), 201);
    let carol = house.log_in("carol").await;
    play!(&carol, "GET /api/me", 200);
    play!(&guest, "GET /api/me", 401);
    play!(&carol, "POST /api/ticket", 200);
    let sessions = play!(&carol, "GET /api/sessions", 200);
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 2, "{sessions}");
    let id = sessions["sessions"][0]["id"].as_i64().unwrap();
    play!(&carol, "DELETE /api/sessions/{id}", &format!("/api/sessions/{id}"), None, 204);
    play!(&carol, "DELETE /api/sessions/{id}", &format!("/api/sessions/{id}"), None, 404);
    play!(&carol, "DELETE /api/sessions", 204);
    play!(&carol, "GET /api/ice-servers", 200);
    play!(&carol, "POST /api/password", 204);

    play!(&ann, "POST /api/accounts", 201);
    play!(&ann, "POST /api/accounts", 409);
    play!(&carol, "POST /api/accounts", 403);
    play!(&ann, "GET /api/accounts", 200);
    let garden = "/api/accounts/garden";
    play!(&ann, "GET /api/accounts/{name}", garden, None, 200);
    play!(&ann, "PATCH /api/accounts/{name}", garden, None, 200);
    play!(&ann, "PUT /api/accounts/{name}/rights", "/api/accounts/garden/rights", None, 200);
    play!(&ann, "GET /api/accounts/{name}/rights", "/api/accounts/garden/rights", None, 200);
    let made =
        play!(&ann, "POST /api/accounts/{name}/tokens", "/api/accounts/garden/tokens", None, 201);
    play!(&ann, "GET /api/accounts/{name}/tokens", "/api/accounts/garden/tokens", None, 200);
    let token = Pass::Token(made["token"].as_str().unwrap().to_owned());
    play!(&token, "GET /api/presence", 200);
    play!(&token, "POST /api/logout", 409);

    let mut door = house.socket(&token).await.unwrap();
    door.send(&json!({"type": "setPeerStatus", "roles": ["producer"]})).await;
    let mut watcher = house.socket(&ann).await.unwrap();
    watcher.start_session(&mut door).await;
    let shown = play!(&ann, "GET /api/connections", 200);
    assert_eq!(shown["sessions"][0]["producer"]["account"], "garden", "{shown}");
    assert_eq!(shown["sessions"][0]["consumer"]["account"], "ann", "{shown}");
    let path = format!("/api/connections/{}", door.id);
    play!(&ann, "DELETE /api/connections/{peerId}", &path, None, 204);
    play!(&ann, "DELETE /api/connections/{peerId}", &path, None, 404);

    miss_a_call(&house, &ann, "carol").await;
    let calls = play!(&ann, "GET /api/calls", 200);
    assert_eq!(calls["calls"][0]["callee"], "carol", "{calls}");
    let audit = play!(&ann, "GET /api/audit", "/api/audit?limit=500", None, 200);
    let actions: Vec<_> =
        audit["entries"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
    for action in ["login", "account add", "rights set", "token create", "watch", "cut", "call"] {
        assert!(actions.contains(&&json!(action)), "{action}: {actions:?}");
    }
    play!(&ann, "GET /api/audit", "/api/audit?limit=0", None, 422);

    let path = format!("/api/tokens/{}", made["id"]);
    play!(&ann, "DELETE /api/tokens/{id}", &path, None, 204);
    play!(&ann, "DELETE /api/tokens/{id}", &path, None, 404);
    play!(&ann, "DELETE /api/accounts/{name}", garden, None, 204);
    play!(&ann, "DELETE /api/accounts/{name}", garden, None, 404);
    play!(&ann, "DELETE /api/accounts/{name}", "/api/accounts/ann", None, 409);
    let metrics = house.ask(&ann, "GET /metrics", None).await;
    assert!(metrics.body.as_str().unwrap().contains("\nintercom_peers "), "{}", metrics.body);
    api.played.insert("GET /metrics".to_owned());
    play!(&carol, "POST /api/password", 403);
    play!(&carol, "POST /api/logout", 204);

    let all: BTreeSet<_> =
        api.operations().iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    assert_eq!(api.played, all, "played, and described");
}

/// Somebody is rung by an account and does not answer, and the call is written down.
async fn miss_a_call(house: &House, caller: &Pass, callee: &str) {
    let extended = ("Sec-WebSocket-Protocol", "intercom.v1");
    let Pass::Cookie(cookie, origin) = caller else { panic!("no cookie") };
    let headers = [extended, ("Cookie", cookie.as_str()), ("Origin", origin)];
    let mut phone = Client::upgrade(house.server.tls().await, "/ws", &headers).await.unwrap();
    phone.send(&json!({"type": "hello"})).await;
    hear(&mut phone, "welcome").await;
    let login = house.socket_of(callee).await;
    phone.send(&json!({"type": "offerCall", "to": callee, "media": {"audio": true}})).await;
    let call = hear(&mut phone, "callRinging").await["callId"].clone();
    phone.send(&json!({"type": "endCall", "callId": call})).await;
    hear(&mut phone, "callEnded").await;
    drop(login);
}

/// The next message of this type.
async fn hear(client: &mut Client, kind: &str) -> Value {
    loop {
        let message = client.next().await;
        if message["type"] == kind {
            return message;
        }
        assert_ne!(message["type"], "error", "{message}");
    }
}

impl House {
    /// From another machine, behind a proxy's door.
    async fn log_in_from(&self, host: u8, name: &str, password: &str) -> Answer {
        let login = json!({"name": name, "password": password});
        let socket = tcp_from(host, self.server.plain()).await;
        ask(socket, &Pass::Nothing, "POST /api/login", Some(login)).await
    }

    /// What an admin is shown of a connection.
    async fn connection(&self, admin: &Pass, peer: &Value) -> Value {
        let shown = self.done(admin, "GET /api/connections", Value::Null).await;
        let mut all = shown["connections"].as_array().unwrap().iter();
        all.find(|connection| connection["peerId"] == *peer).unwrap().clone()
    }

    /// Somebody who can be called, logged in with the password of the description's example.
    async fn socket_of(&self, name: &str) -> Client {
        let headers = [("Sec-WebSocket-Protocol", "intercom.v1")];
        let mut client = Client::upgrade(self.server.tls().await, "/ws", &headers).await.unwrap();
        let login = json!({"name": name, "password": "another long sentence"});
        client.send(&json!({"type": "hello", "login": login})).await;
        hear(&mut client, "welcome").await;
        client
    }
}

#[tokio::test]
async fn every_path_has_the_methods_that_are_described_and_no_others() {
    let house = House::start().await;
    let api = Description::of(&house).await;
    let paths: BTreeSet<_> = api.operations().into_iter().map(|(_, path, _)| path).collect();
    for path in paths {
        let described: BTreeSet<_> = api
            .operations()
            .into_iter()
            .filter_map(|(method, at, _)| (at == path).then_some(method))
            .collect();
        let answer = house.ask(&Pass::Nothing, &format!("TRACE {path}"), None).await;
        assert_eq!(answer.status, 405, "{path}");
        let allowed = answer.header("allow").unwrap().split(',').map(|word| word.trim().to_owned());
        let allowed: BTreeSet<_> = allowed.filter(|method| method != "HEAD").collect();
        assert_eq!(allowed, described, "{path}");
    }
}

#[tokio::test]
async fn who_may_what() {
    let house = House::start().await;
    let api = Description::of(&house).await;
    let session = house.log_in("ann").await;
    house.add(&session, "bob", "user").await;
    house.add(&session, "door", "device").await;
    let mut roles = vec![("nobody", Pass::Nothing)];
    for (role, name) in [("user", "bob"), ("device", "door"), ("admin", "ann")] {
        roles.push((role, house.token(&session, name).await.1));
    }
    for (method, path, operation) in api.operations() {
        let is_public = operation["security"] == json!([]);
        let is_for = |tag: &str| operation["tags"] == json!([tag]);
        let line = path.replace("{name}", "carol").replace("{id}", "0").replace("{peerId}", "x");
        for (role, pass) in &roles {
            // From elsewhere, as far as the server can tell.
            let proxied = ["X-Forwarded-For: 192.0.2.1"];
            let socket = house.server.tls().await;
            let answer = ask_raw(socket, pass, &format!("{method} {line}"), &proxied, "").await;
            let is_let_in = !matches!(answer.status, 401 | 403);
            let may = match *role {
                "nobody" => is_public,
                "admin" => true,
                _ => !is_for("admin") && !is_for("owner"),
            };
            assert_eq!(is_let_in, may, "{role}: {method} {path}: {}", answer.status);
            if !may {
                let status = if *role == "nobody" { 401 } else { 403 };
                assert_eq!(answer.status, status, "{role}: {method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn the_cookie_is_for_our_own_pages() {
    let house = House::start().await;
    let login = json!({"name": "Ann", "password": PASSWORD});
    let answer = house.ask(&Pass::Nothing, "POST /api/login", Some(login)).await;
    assert_eq!(answer.body, json!({"name": "ann", "kind": "admin", "label": null}));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let cookie = answer.header("set-cookie").unwrap();
    let attributes: BTreeSet<_> = cookie.split("; ").skip(1).collect();
    let expected = ["Path=/", "Secure", "HttpOnly", "SameSite=Strict", "Max-Age=34560000"];
    assert_eq!(attributes, expected.into());
    assert!(cookie.starts_with("__Host-intercom=ics_"), "{cookie}");

    let ann = answer.cookie();
    for (origin, reads, changes, connects) in [
        (OURS, 200, 200, true),
        (LISTED, 200, 200, true),
        ("", 200, 403, false),
        ("https://evil.example", 403, 403, false),
        ("http://localhost", 403, 403, false),
        ("https://localhost:8444", 403, 403, false),
        ("null", 403, 403, false),
    ] {
        let ann = ann.at(origin);
        assert_eq!(house.ask(&ann, "GET /api/me", None).await.status, reads, "{origin}");
        assert_eq!(house.ask(&ann, "POST /api/ticket", None).await.status, changes, "{origin}");
        assert_eq!(house.socket(&ann).await.is_ok(), connects, "{origin}");
    }
    let stolen = json!({"name": "ann", "password": PASSWORD});
    let evil = Pass::Cookie("a=b".into(), "https://evil.example");
    let refused = house.refused(&evil, "POST /api/login", stolen).await;
    assert_eq!(refused, (403, "foreignOrigin".into()));

    // As a page asks why it got no WebSocket: 401 is said to those without a login only.
    assert_eq!(house.ask(&ann, "POST /ws", None).await.status, 400);
    assert_eq!(house.ask(&ann.at(""), "POST /ws", None).await.status, 401);

    let info = house.ask(&ann, "GET /api/info", None).await;
    assert_eq!((&info.body["account"]["name"], info.header("set-cookie")), (&json!("ann"), None));
    assert_eq!(house.ask(&ann, "POST /api/logout", None).await.status, 204);
    let refused = house.refused(&ann, "GET /api/me", Value::Null).await;
    assert_eq!(refused, (401, "badLogin".into()));
    let info = house.ask(&ann, "GET /api/info", None).await;
    assert_eq!((info.status, &info.body["account"]), (200, &Value::Null));
    let taken_away = info.header("set-cookie").unwrap();
    assert!(taken_away.starts_with("__Host-intercom=; Max-Age=0; "), "{taken_away}");
}

#[tokio::test]
async fn pages_of_listed_origins_may_ask_and_read() {
    let house = House::start().await;
    for (origin, status) in [(LISTED, 204), ("https://evil.example", 403)] {
        let origin_header = format!("Origin: {origin}");
        let wants = [origin_header.as_str(), "Access-Control-Request-Method: PUT"];
        let socket = house.server.tls().await;
        let answer = ask_raw(socket, &Pass::Nothing, "OPTIONS /api/login", &wants, "").await;
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!((answer.status, allowed), (status, Some(origin).filter(|_| status == 204)));
    }
    let socket = house.server.tls().await;
    let origin = format!("Origin: {LISTED}");
    let answer = ask_raw(socket, &Pass::Nothing, "GET /api/me", &[&origin], "").await;
    assert_eq!((answer.status, answer.header("vary")), (401, Some("Origin")));
    assert_eq!(answer.header("access-control-allow-origin"), Some(LISTED));
}

#[tokio::test]
async fn a_ticket_opens_one_websocket() {
    let house = House::start().await;
    let ann = house.log_in("ann").await;
    let ticket = house.done(&ann, "POST /api/ticket", Value::Null).await;
    let path = format!("/ws?ticket={}", ticket["ticket"].as_str().unwrap());
    // What is no handshake does not use it up.
    let answer = house.ask(&Pass::Nothing, &format!("GET {path}"), None).await;
    assert_eq!(answer.status, 400);
    Client::open(house.server.tls().await, &path, &[]).await.unwrap();
    let again = Client::open(house.server.tls().await, &path, &[]).await.err().unwrap();
    assert_eq!(again.0, 401);
    let asks = format!("GET {}", path.replace("/ws", "/api/me"));
    let answer = house.ask(&Pass::Nothing, &asks, None).await;
    assert_eq!(answer.status, 401, "tickets are for WebSockets");
    let ticket = house.done(&ann, "POST /api/ticket", Value::Null).await;
    house.done(&ann, "POST /api/logout", Value::Null).await;
    let path = format!("/ws?ticket={}", ticket["ticket"].as_str().unwrap());
    let late = Client::open(house.server.tls().await, &path, &[]).await.err().unwrap();
    assert_eq!(late.0, 401);
}

#[tokio::test]
async fn what_is_taken_away_is_cut_within_a_second() {
    let house = House::start().await;
    let ann = house.log_in("ann").await;
    house.add(&ann, "bob", "user").await;
    house.add(&ann, "door", "device").await;
    let (id, token) = house.token(&ann, "door").await;
    let bob = house.log_in("bob").await;
    let by_peer = house.socket(&token).await.unwrap();
    let by_logout = house.socket(&bob).await.unwrap();
    let cut = format!("DELETE /api/connections/{}", by_peer.id);
    cut_soon(&house, &ann, &cut, by_peer, 4403).await;
    cut_soon(&house, &bob, "POST /api/logout", by_logout, 4401).await;
    let by_token = house.socket(&token).await.unwrap();
    cut_soon(&house, &ann, &format!("DELETE /api/tokens/{id}"), by_token, 4401).await;
    assert_eq!(house.socket(&token).await.err().unwrap().0, 401);
    let by_account = house.socket(&house.log_in("bob").await).await.unwrap();
    cut_soon(&house, &ann, "DELETE /api/accounts/bob", by_account, 4401).await;
}

async fn cut_soon(house: &House, by: &Pass, line: &str, mut whom: Client, code: u16) {
    let start = Instant::now();
    house.done(by, line, Value::Null).await;
    assert_eq!(whom.closed().await.0, code, "{line}");
    assert!(start.elapsed() < SOON, "{line}: {:?}", start.elapsed());
}

#[tokio::test]
async fn an_admin_sees_how_everybody_came_in() {
    let house = House::start().await;
    let ann = house.log_in("ann").await;
    house.add(&ann, "door", "device").await;
    let (_, Pass::Token(token)) = house.token(&ann, "door").await else { panic!() };
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str())];
    let before = OffsetDateTime::now_utc() - Duration::from_secs(1);
    let stock = Client::open(house.server.tls().await, "/ws", &headers).await.unwrap();
    let headers = [headers[0], ("Sec-WebSocket-Protocol", "intercom.v1")];
    let socket = async || {
        let address = house.server.plain();
        Client::upgrade(tcp(address).await, "/ws", &headers).await.unwrap()
    };
    let mut phone = socket().await;
    phone.send(&json!({"type": "hello"})).await;
    let welcome = hear(&mut phone, "welcome").await;
    let how = |connection: &Value| {
        ["remote", "transport", "protocol"].map(|field| connection[field].clone())
    };
    let since = |connection: &Value| {
        OffsetDateTime::parse(connection["since"].as_str().unwrap(), &Rfc3339).unwrap()
    };
    let shown = house.connection(&ann, &json!(stock.id)).await;
    assert_eq!(how(&shown), ["127.0.0.1", "tls", "gst"]);
    assert!(before <= since(&shown) && since(&shown) <= OffsetDateTime::now_utc());
    let shown = house.connection(&ann, &welcome["peerId"]).await;
    assert_eq!(how(&shown), ["127.0.0.1", "plain", "intercom.v1"]);

    // After a start it is known from before, and then as it came back.
    let House { server: Stranger { server, data } } = house;
    server.stop().await;
    let mut config = common::config(&data);
    config.anonymous = Level::Deny;
    let house = House { server: Stranger { server: Server::start(config).await.unwrap(), data } };
    let shown = house.connection(&ann, &welcome["peerId"]).await;
    assert_eq!(
        (&shown["away"], how(&shown)),
        (&json!(true), [Value::Null, Value::Null, Value::Null])
    );
    let socket = house.server.tls().await;
    let mut phone = Client::upgrade(socket, "/ws", &headers).await.unwrap();
    let resume = json!({"resumeToken": welcome["resumeToken"], "received": 0});
    phone.send(&json!({"type": "hello", "resume": resume})).await;
    hear(&mut phone, "resumed").await;
    let shown = house.connection(&ann, &welcome["peerId"]).await;
    assert_eq!((&shown["away"], how(&shown)[1].as_str()), (&json!(false), Some("tls")));
}

#[tokio::test]
async fn who_is_cut_is_in_no_session_and_no_call_any_more() {
    let house = House::start().await;
    let ann = house.log_in("ann").await;
    house.add(&ann, "bob", "user").await;
    house.add(&ann, "door", "device").await;
    let (_, token) = house.token(&ann, "door").await;
    let mut door = house.socket(&token).await.unwrap();
    door.send(&json!({"type": "setPeerStatus", "roles": ["producer"]})).await;
    door.hears_nothing().await;
    let mut watcher = house.socket(&house.log_in("bob").await).await.unwrap();
    let session = watcher.start_session(&mut door).await;
    let start = Instant::now();
    house.done(&ann, &format!("DELETE /api/connections/{}", door.id), Value::Null).await;
    assert_eq!(watcher.next().await, json!({"type": "endSession", "sessionId": session}));
    assert_eq!(door.closed().await.0, 4403);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    let shown = house.done(&ann, "GET /api/connections", Value::Null).await;
    assert_eq!(shown["sessions"], json!([]));
}

/// What the audit table says of tokens and passwords, oldest first, once it ends with this.
async fn audit_until(house: &House, admin: &Pass, last: &str) -> Vec<String> {
    let text = |entry: &Value| {
        let text = |field: &str| entry[field].as_str().unwrap_or("-").to_owned();
        ["who", "from", "action", "object", "outcome"].map(text).join(" ")
    };
    let mut looks = interval(Duration::from_millis(20));
    let told = async {
        loop {
            looks.tick().await;
            let audit = house.done(admin, "GET /api/audit?limit=100", Value::Null).await;
            let entries = audit["entries"].as_array().unwrap().iter().rev().map(text);
            let told: Vec<_> = entries
                .filter(|entry| ["login", "passwd"].iter().any(|word| entry.contains(word)))
                .collect();
            if told.last().is_some_and(|entry| entry.contains(last)) {
                return told;
            }
        }
    };
    timeout(PATIENCE, told).await.unwrap()
}

#[tokio::test]
async fn who_came_or_wanted_to_come_with_a_token_is_written_down() {
    let house = House::start().await;
    let ann = house.log_in("ann").await;
    house.add(&ann, "door", "device").await;
    let (id, token) = house.token(&ann, "door").await;
    let Pass::Token(secret) = &token else { panic!() };
    let hello = async |hello: Value| {
        let headers = [("Sec-WebSocket-Protocol", "intercom.v1")];
        let mut client = Client::upgrade(house.server.tls().await, "/", &headers).await.unwrap();
        client.send(&hello).await;
        client
    };
    // Once a minute however often, and coming back is no login.
    for _ in 0..3 {
        house.socket(&token).await.unwrap();
    }
    let mut phone = hello(json!({"type": "hello", "token": secret})).await;
    let welcome = hear(&mut phone, "welcome").await;
    let resume = json!({"resumeToken": welcome["resumeToken"], "received": 0});
    hear(&mut hello(json!({"type": "hello", "resume": resume})).await, "resumed").await;
    for _ in 0..3 {
        assert!(house.socket(&Pass::Token("ict_wrong".into())).await.is_err());
        let mut stranger = hello(json!({"type": "hello", "token": "ict_bad"})).await;
        assert_eq!(stranger.next().await["code"], "badLogin");
    }
    // Nor is it a login to say one's password once more.
    let change = |old: &str| json!({"old": old, "new": "quite another sentence"});
    let answer = house.ask(&ann, "POST /api/password", Some(change("wrong"))).await;
    assert_eq!(answer.status, 403);
    house.done(&ann, "POST /api/password", change(PASSWORD)).await;
    let told = audit_until(&house, &ann, "account passwd ann done").await;
    let expected = [
        "ann 127.0.0.1 login - done".to_owned(),
        format!("door 127.0.0.1 token login door {id} done"),
        "(guest) 127.0.0.1 token login - refused".to_owned(),
        "ann 127.0.0.1 account passwd ann refused".to_owned(),
        "ann 127.0.0.1 account passwd ann done".to_owned(),
    ];
    let is_told = |entry: &&String| told.contains(entry);
    assert_eq!(expected.iter().filter(is_told).count(), expected.len(), "{told:?}");
    assert_eq!(told.len(), expected.len(), "{told:?}");
}

#[tokio::test]
async fn what_was_guessed_of_an_account_is_not_held_against_who_gets_its_name() {
    let house = House::start().await;
    let ann = house.log_in("ann").await;
    house.add(&ann, "bob", "user").await;
    let mut bob = house.socket(&house.log_in("bob").await).await.unwrap();
    // Each wait is twice the one before: at some point it is longer than a guess takes here.
    let mut has_to_wait = false;
    for host in 2..20 {
        has_to_wait = house.log_in_from(host, "bob", "wrong").await.status == 429;
        if has_to_wait {
            break;
        }
    }
    assert!(has_to_wait, "wherever bob is guessed from");
    house.done(&ann, "DELETE /api/accounts/bob", Value::Null).await;
    assert_eq!(bob.closed().await.0, 4401);
    house.add(&ann, "bob", "user").await;
    assert_eq!(house.log_in_from(99, "bob", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn guessing_is_slowed_down_and_tells_nothing() {
    let house = House::start().await;
    let wrong = |name| json!({"name": name, "password": "wrong"}).to_string();
    let mut guesses = Vec::new();
    for guess in [wrong("ann"), wrong("nobody"), wrong("a b")].iter().cycle().take(8) {
        // The handshakes take their time before.
        guesses.push((house.server.tls().await, guess.clone()));
    }
    let later = guesses.split_off(3);
    let guess = async |(socket, guess): (_, String)| {
        let kind = ["Content-Type: application/json"];
        ask_raw(socket, &Pass::Nothing, "POST /api/login", &kind, &guess).await
    };
    let first = join_all(guesses.into_iter().map(guess)).await;
    for answer in &first {
        assert_eq!(answer.status, 401, "three are free: {}", answer.body);
    }
    // A busy machine may take as long as one of them has to wait.
    let (mut wrong, hasty): (Vec<_>, Vec<_>) = join_all(later.into_iter().map(guess))
        .await
        .into_iter()
        .partition(|answer| answer.status == 401);
    assert!(!hasty.is_empty(), "five more, and none of them waits");
    wrong.extend(first);
    for answer in &wrong {
        assert_eq!(answer.body, wrong[0].body);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    for answer in hasty {
        assert_eq!((answer.status, answer.body["code"].as_str()), (429, Some("tooManyFailures")));
        let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=13).contains(&wait), "{wait}");
    }
    let metrics = house.ask(&Pass::Nothing, "GET /metrics", None).await;
    let metrics = metrics.body.as_str().unwrap();
    assert!(metrics.contains("\nintercom_failed_logins_total 8\n"), "{metrics}");
}

/// A guesser who asks again and again, at once and when it is told to.
#[tokio::test]
async fn guessing_is_as_slow_as_it_is_documented() {
    let house = House::start().await;
    let mut looked_at = Vec::new();
    while looked_at.len() < 6 {
        let asked = Instant::now();
        let answer = house.log_in_from(2, "nobody", "wrong").await;
        match answer.status {
            401 => looked_at.push((asked, Instant::now())),
            429 => {
                let said = answer.header("retry-after").unwrap();
                // 0.8, 1.6 and 3.2 s, rounded up; less if some of it has passed.
                let longest = [1, 2, 4][looked_at.len() - 3];
                assert!((1..=longest).contains(&said.parse().unwrap()), "{said}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            other => panic!("{other}: {}", answer.body),
        }
    }
    for (index, millis) in [(3, 800), (4, 1600), (5, 3200)] {
        let ((asked, _), (_, answered)) = (looked_at[index - 1], looked_at[index]);
        let waited = answered - asked;
        assert!(waited >= Duration::from_millis(millis), "{index}: {waited:?}");
    }
}

#[tokio::test]
async fn whoever_guesses_beside_others_keeps_nobody_out_who_was_there_before() {
    let house = House::start().await;
    let ann = house.log_in("ann").await;
    house.add(&ann, "bob", "user").await;
    assert_eq!(house.log_in_from(3, "ann", PASSWORD).await.status, 200);
    let mut last = Instant::now();
    for _ in 0..3 {
        last = Instant::now();
        assert_eq!(house.log_in_from(3, "nobody", "wrong").await.status, 401);
    }
    // A machine that takes longer to look at a password than the wait lasts shows nothing here.
    let bob = house.log_in_from(3, "bob", PASSWORD).await.status;
    let is_over = last.elapsed() >= Duration::from_millis(800);
    assert!(bob == 429 || bob == 200 && is_over, "{bob}: never seen here");
    assert_eq!(house.log_in_from(3, "ann", PASSWORD).await.status, 200);
    assert_eq!(house.log_in_from(4, "bob", PASSWORD).await.status, 200, "elsewhere");
}

#[tokio::test]
async fn each_login_is_a_session_of_its_own() {
    let house = House::start().await;
    let (phone, tablet) = (house.log_in("ann").await, house.log_in("ann").await);
    let listed = house.done(&tablet, "GET /api/sessions", Value::Null).await;
    let current: Vec<_> =
        listed["sessions"].as_array().unwrap().iter().map(|session| &session["current"]).collect();
    assert_eq!(current, [false, true]);
    assert_eq!(listed["sessions"][0]["name"], "stranger");
    let change = json!({"old": PASSWORD, "new": "another long sentence"});
    house.done(&tablet, "POST /api/password", change).await;
    assert_eq!(house.ask(&phone, "GET /api/me", None).await.status, 401);
    assert_eq!(house.ask(&tablet, "GET /api/me", None).await.status, 200);
    let short = json!({"old": "another long sentence", "new": "short"});
    let refused = house.refused(&tablet, "POST /api/password", short).await;
    assert_eq!(refused, (422, "badPassword".into()));
}

#[tokio::test]
async fn the_only_admin_stays() {
    let house = House::start().await;
    let ann = house.log_in("ann").await;
    house.add(&ann, "bob", "user").await;
    let demote = json!({"kind": "user"});
    let last = (409, "lastAdmin".to_owned());
    assert_eq!(house.refused(&ann, "PATCH /api/accounts/ann", demote.clone()).await, last);
    assert_eq!(house.refused(&ann, "DELETE /api/accounts/ann", Value::Null).await, last);
    house.done(&ann, "PATCH /api/accounts/bob", json!({"kind": "admin"})).await;
    house.done(&ann, "PATCH /api/accounts/ann", demote).await;
    let refused = house.refused(&ann, "GET /api/accounts", Value::Null).await;
    assert_eq!(refused, (403, "forbidden".into()), "no longer an admin, at once");
}

#[tokio::test]
async fn an_owner_says_who_may_what_and_learns_nothing_by_it() {
    let house = House::start().await;
    let ann = house.log_in("ann").await;
    for name in ["bob", "carol", "secret"] {
        house.add(&ann, name, "user").await;
    }
    let rights = |see: Value| json!({"see": see, "watch": "nobody", "talk": "nobody", "call": "users", "control": []});
    let hidden = rights(json!("nobody"));
    house.done(&ann, "PUT /api/accounts/secret/rights", hidden).await;
    let bob = house.log_in("bob").await;
    let own = "PUT /api/accounts/bob/rights";
    until_seen(&house, &bob, json!(["ann", "carol"])).await;
    assert_eq!(house.done(&bob, own, rights(json!(["Carol"]))).await["see"], json!(["carol"]));
    for name in ["secret", "nobody"] {
        let answer = house.ask(&bob, own, Some(rights(json!([name])))).await;
        let details = format!("there is no account {name}");
        assert_eq!((answer.status, &answer.body["details"]), (422, &details.into()));
        let others = house.ask(&bob, &format!("GET /api/accounts/{name}/rights"), None).await;
        assert_eq!(others.status, 403);
    }
    let now = house.done(&bob, "GET /api/accounts/bob/rights", Value::Null).await;
    assert_eq!(now, rights(json!(["carol"])), "what is refused changes nothing");
}

/// Presence follows what is written within a third of a second.
async fn until_seen(house: &House, by: &Pass, names: Value) {
    let seen = async {
        loop {
            let presence = house.done(by, "GET /api/presence", Value::Null).await;
            let accounts = presence["accounts"].as_array().unwrap();
            let seen: Vec<_> = accounts.iter().map(|account| account["name"].clone()).collect();
            if Value::Array(seen) == names {
                return;
            }
        }
    };
    timeout(PATIENCE, seen).await.unwrap();
}

#[tokio::test]
async fn calls_are_for_those_who_took_part() {
    let house = House::start().await;
    let ann = house.log_in("ann").await;
    for (name, password) in [("bob", PASSWORD), ("carol", "another long sentence")] {
        let account = json!({"name": name, "password": password});
        house.done(&ann, "POST /api/accounts", account).await;
    }
    let bob = house.log_in("bob").await;
    miss_a_call(&house, &ann, "carol").await;
    let carol = json!({"name": "carol", "password": "another long sentence"});
    let carol = house.ask(&Pass::Nothing, "POST /api/login", Some(carol)).await.cookie();
    let count = async |pass: &Pass, query: &str| {
        let calls = house.done(pass, &format!("GET /api/calls{query}"), Value::Null).await;
        calls["calls"].as_array().unwrap().len()
    };
    assert_eq!(count(&carol, "").await, 1);
    assert_eq!(count(&carol, "?missed=true&since=2020-01-01T00:00:00Z").await, 1);
    assert_eq!(count(&carol, "?missed=true&since=2120-01-01T00:00:00Z").await, 0);
    assert_eq!(count(&carol, "?missed=true&before=1").await, 0);
    assert_eq!((count(&ann, "").await, count(&ann, "?missed=true").await), (1, 0));
    assert_eq!((count(&bob, "").await, count(&ann, "?account=bob").await), (0, 0));
    assert_eq!((count(&ann, "?account=*").await, count(&ann, "?account=*&before=1").await), (1, 0));
    for (query, refusal) in [
        ("?account=carol", (403, "forbidden")),
        ("?account=*", (403, "forbidden")),
        ("?missed=true&before=yesterday", (422, "unreadable")),
        ("?since=2020-01-01T00:00:00Z", (422, "unreadable")),
        ("?missed=perhaps", (422, "unreadable")),
        ("?limit=501", (422, "unreadable")),
        ("?colour=red", (422, "unreadable")),
    ] {
        let (status, code) =
            house.refused(&bob, &format!("GET /api/calls{query}"), Value::Null).await;
        assert_eq!((status, code.as_str()), refusal, "{query}");
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_said_in_one_shape() {
    let house = House::start().await;
    let ann = house.log_in("ann").await;
    let add = "POST /api/accounts";
    for (line, body, refusal) in [
        (add, json!({"name": "a b", "password": PASSWORD}), (422, "badName")),
        (add, json!({"name": "bob", "password": "short"}), (422, "badPassword")),
        (add, json!({"name": "bob"}), (422, "badPassword")),
        (add, json!({"name": "door", "kind": "device", "password": PASSWORD}), (409, "badState")),
        (add, json!({"name": "ann", "password": PASSWORD}), (409, "nameTaken")),
        (add, json!({"name": "bob", "kind": "king"}), (422, "unreadable")),
        (add, json!({"name": "bob", "password": PASSWORD, "colour": "red"}), (422, "unreadable")),
        (add, json!({"name": "bob", "password": PASSWORD, "label": "a\nb"}), (422, "badLabel")),
        (add, json!(["bob"]), (422, "unreadable")),
        ("PATCH /api/accounts/ann", json!({}), (422, "unreadable")),
        ("PATCH /api/accounts/ann", json!({"kind": "user", "label": "x"}), (422, "unreadable")),
        ("PATCH /api/accounts/nobody", json!({"label": "x"}), (404, "noSuchAccount")),
        ("PATCH /api/accounts/ann", json!({"kind": "device"}), (409, "badState")),
        ("GET /api/accounts/a%20b", Value::Null, (404, "noSuchAccount")),
        ("GET /api/accounts/%ff", Value::Null, (404, "notFound")),
        ("POST /api/accounts/nobody/tokens", json!({}), (404, "noSuchAccount")),
        ("POST /api/accounts/ann/tokens", json!({"days": 0}), (422, "unreadable")),
        ("DELETE /api/tokens/x", Value::Null, (404, "noSuchToken")),
        ("DELETE /api/sessions/0", Value::Null, (404, "noSuchSession")),
        ("GET /api/audit?account=nobody&before=x", Value::Null, (422, "unreadable")),
        ("GET /api/nothing", Value::Null, (404, "notFound")),
        ("GET /api", Value::Null, (404, "notFound")),
        ("PUT /api/me", Value::Null, (405, "methodNotAllowed")),
    ] {
        let (status, code) = house.refused(&ann, line, body.clone()).await;
        assert_eq!((status, code.as_str()), refusal, "{line} {body}");
    }
    let long = format!("\"{}\"", "x".repeat(16 * 1024));
    for (kind, body, refusal) in [
        ("application/json", "{\"name\":", (422, "unreadable")),
        ("application/json", long.as_str(), (413, "tooLong")),
        ("text/plain", "{\"name\":\"ann\",\"password\":\"x\"}", (415, "notJson")),
        ("application/x-www-form-urlencoded", "name=ann", (415, "notJson")),
    ] {
        let kind = format!("Content-Type: {kind}");
        let socket = house.server.tls().await;
        let answer = ask_raw(socket, &Pass::Nothing, "POST /api/login", &[&kind], body).await;
        let code = answer.body["code"].as_str().unwrap();
        assert_eq!((answer.status, code), refusal, "{kind}");
    }
}

#[tokio::test]
async fn strangers_get_in_by_invite() {
    let house = House::start().await;
    let ann = house.log_in("ann").await;
    let register = |invite: Value| json!({"name": "bob", "password": PASSWORD, "invite": invite});
    let refused =
        house.refused(&Pass::Nothing, "POST /api/register", register(json!("ici_x"))).await;
    assert_eq!(refused, (403, "badInvite".into()));
    let invite = house.done(&ann, "POST /api/invites", json!({})).await["invite"].clone();
    let made = house.ask(&Pass::Nothing, "POST /api/register", Some(register(invite))).await;
    assert_eq!((made.status, &made.body["kind"]), (201, &json!("user")));
    assert_eq!(house.ask(&made.cookie(), "GET /api/me", None).await.body["name"], "bob");
    let closed = House::start_with(|config| config.registration = Registration::Closed).await;
    let refused = closed.refused(&Pass::Nothing, "POST /api/register", register(Value::Null)).await;
    assert_eq!(refused, (403, "registrationClosed".into()));
    let info = closed.done(&Pass::Nothing, "GET /api/info", Value::Null).await;
    assert_eq!((&info["registration"], &info["guests"]), (&json!("closed"), &json!("deny")));
}

#[tokio::test]
async fn figures_are_for_this_machine_and_for_admins() {
    let house = House::start().await;
    let ann = house.log_in("ann").await;
    let figures = async |socket: Box<dyn Socket>, pass: &Pass, headers: &[&str]| {
        ask_raw(socket, pass, "GET /metrics", headers, "").await.status
    };
    let proxied = &["X-Forwarded-For: 192.0.2.1"][..];
    assert_eq!(figures(house.server.tls().await, &Pass::Nothing, &[]).await, 200);
    assert_eq!(figures(house.server.tls().await, &Pass::Nothing, proxied).await, 401);
    assert_eq!(figures(house.server.tls().await, &ann.at(""), proxied).await, 200);
    assert_eq!(figures(tcp(house.server.plain()).await, &Pass::Nothing, &[]).await, 401);
}

#[tokio::test]
async fn without_tls_the_main_port_takes_no_passwords() {
    let house = House::start().await;
    let login = json!({"name": "ann", "password": PASSWORD});
    let answer =
        ask(tcp(house.server.main()).await, &Pass::Nothing, "POST /api/login", Some(login));
    assert_eq!(answer.await.status, 308);
}

#[tokio::test]
async fn a_proxy_may_have_the_tls() {
    let house = House::start().await;
    let page = format!("Origin: {LISTED}");
    let (login, json) =
        (json!({"name": "ann", "password": PASSWORD}), "Content-Type: application/json");
    let socket = tcp(house.server.plain()).await;
    let headers = [page.as_str(), json];
    let answer =
        ask_raw(socket, &Pass::Nothing, "POST /api/login", &headers, &login.to_string()).await;
    assert!(answer.header("set-cookie").unwrap().contains("; Secure; "), "{}", answer.head);
    for (origin, status) in [(LISTED, 200), (OURS, 403), ("http://localhost", 200)] {
        let ann = answer.cookie().at(origin);
        let ticket = ask(tcp(house.server.plain()).await, &ann, "POST /api/ticket", None).await;
        assert_eq!(ticket.status, status, "{origin}");
    }
}
