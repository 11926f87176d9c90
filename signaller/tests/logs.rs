//! The log at its most talkative while each dialect carries what nobody else may read: none of that is in
//! it.
#![allow(clippy::unwrap_used)]
mod common;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{Client, Socket, tcp, tls_to};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::task::block_in_place;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

const PROGRAM: &str = env!("CARGO_BIN_EXE_intercom-signaller");

const PATIENCE: Duration = Duration::from_secs(30);

/// In all that must not be logged.
const MARK: &str = "x5EcReT";

fn sdp() -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns={MARK}\r\nt=0 0\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=ice-pwd:{MARK}\r\n"
    )
}

fn description(kind: &str) -> Value {
    json!({"type": kind, "sdp": sdp()})
}

fn ice() -> Value {
    json!({"candidate": format!("candidate:{MARK} 1 UDP 1 192.0.2.1 9 typ host"), "sdpMLineIndex": 0})
}

/// The program, its log, and the tokens of two devices that may see each other.
struct House {
    child: Running,
    data: TempDir,
    main: SocketAddr,
    plain: SocketAddr,
    roomrtc: SocketAddr,
    tokens: [String; 2],
}

impl House {
    fn open() -> Self {
        let data = TempDir::new().unwrap();
        let tokens = ["door", "phone"].map(|name| {
            run(&data, &["account", "add", name, "--kind", "device"], "");
            run(&data, &["token", "create", name], "")
        });
        let mut child = Command::new(PROGRAM)
            .args(["serve", "--listen", "127.0.0.1:0", "--plain", "127.0.0.1:0"])
            .args(["--simple-login", "token", "--relay-login", "token"])
            .args(["--roomrtc", "127.0.0.1:0", "--registration", "open", "--log", "trace"])
            .env("INTERCOM_CONFIG", "/dev/null")
            .arg("--data-dir")
            .arg(data.path())
            .stdout(Stdio::piped())
            .stderr(File::create(data.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut address = || -> SocketAddr {
            let line = lines.next().unwrap();
            line.rsplit_once('/').unwrap().1.parse().unwrap()
        };
        let (main, plain, roomrtc) = (address(), address(), address());
        Self { child: Running(child), data, main, plain, roomrtc, tokens }
    }

    /// A WebSocket on the port of programs of this machine.
    async fn upgrade(&self, path: &str, headers: &[(&str, &str)]) -> Client {
        Client::upgrade(tcp(self.main).await, path, headers).await.unwrap()
    }

    async fn is_refused(&self, path: &str) {
        assert!(Client::upgrade(tcp(self.main).await, path, &[]).await.is_err(), "{path}");
    }

    /// A stock element of the first device.
    async fn camera(&self) -> Client {
        let path = format!("/t/{}", self.tokens[0]);
        let mut camera = Client::open(tcp(self.plain).await, &path, &[]).await.unwrap();
        camera.send(&json!({"type": "setPeerStatus", "roles": ["producer"], "meta": null})).await;
        camera.hears_nothing().await;
        camera
    }

    /// What it has logged: something of this dialect, and nothing of what it has carried.
    fn log(mut self, dialect: &str) -> String {
        let child = &mut self.child.0;
        let asked = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(asked.unwrap().success());
        block_in_place(|| child.wait().unwrap());
        let log = fs::read_to_string(self.data.path().join("log")).unwrap();
        assert!(log.contains("DEBUG") && log.contains(dialect), "{log}");
        for secret in [MARK, &self.tokens[0], &self.tokens[1]] {
            let line = log.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret}");
        }
        log
    }
}

/// Whoever comes out of a failed test does not leave it running.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the command line says.
fn run(data: &TempDir, args: &[&str], stdin: &str) -> String {
    let mut child = Command::new(PROGRAM)
        .args(args)
        .arg("--data-dir")
        .arg(data.path())
        .env("INTERCOM_CONFIG", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{args:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

async fn say(client: &mut Client, text: &str) {
    client.send_raw(Message::text(text)).await;
}

async fn hear(client: &mut Client) -> String {
    match client.next_raw().await {
        Some(Message::Text(text)) => text.to_string(),
        other => panic!("expected a message, got {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_simple() {
    let house = House::open();
    let [door, phone] = &house.tokens;
    for path in [format!("/simple/t/ict_{MARK}"), format!("/simple?token={MARK}")] {
        house.is_refused(&path).await;
    }
    let mut a = house.upgrade(&format!("/simple/t/{phone}"), &[]).await;
    let mut b = house.upgrade(&format!("/simple?token={phone}"), &[]).await;
    for (client, uid) in [(&mut a, "a"), (&mut b, "b")] {
        say(client, &format!("HELLO {uid}")).await;
        assert_eq!(hear(client).await, "HELLO");
    }
    say(&mut a, "SESSION b").await;
    assert_eq!(hear(&mut a).await, "SESSION_OK");
    for text in [json!({"sdp": description("offer")}), json!({"ice": ice()}), json!(MARK)] {
        say(&mut a, &text.to_string()).await;
        assert_eq!(hear(&mut b).await, text.to_string());
    }
    // With another dialect, and with what cannot pass.
    let mut camera = house.camera().await;
    let bearer = format!("Bearer {phone}");
    for harm in [false, true] {
        let mut c = house.upgrade("/simple", &[("Authorization", &*bearer)]).await;
        for (text, answer) in [("HELLO c", "HELLO"), ("SESSION door", "SESSION_OK")] {
            say(&mut c, text).await;
            assert_eq!(hear(&mut c).await, answer);
        }
        say(&mut c, "OFFER_REQUEST").await;
        let session = camera.next().await["sessionId"].clone();
        let offer = json!({"type": "peer", "sessionId": session, "sdp": description("offer")});
        camera.send(&offer).await;
        camera.send(&json!({"type": "peer", "sessionId": session, "ice": ice()})).await;
        assert!(hear(&mut c).await.contains(MARK) && hear(&mut c).await.contains(MARK));
        let text = if harm { format!("v=0\r\n{MARK}") } else { sdp() };
        say(&mut c, &json!({"sdp": {"type": "answer", "sdp": text}}).to_string()).await;
        say(&mut c, &json!({"ice": ice()}).to_string()).await;
        say(&mut c, MARK).await;
        if harm {
            assert_eq!(camera.next().await["type"], "endSession");
        } else {
            assert!(camera.next().await.to_string().contains(MARK));
            assert!(camera.next().await.to_string().contains(MARK));
        }
        drop(c);
        if !harm {
            assert_eq!(camera.next().await["type"], "endSession");
        }
    }
    let mut c = house.upgrade(&format!("/simple/t/{door}"), &[]).await;
    for (text, answer) in
        [("HELLO c", "HELLO"), ("ROOM r", "ROOM_OK "), (MARK, "ERROR invalid msg, already in room")]
    {
        say(&mut c, text).await;
        assert_eq!(hear(&mut c).await, answer);
    }
    house.log("simple");
}

/// And each message has its line: which way, what, and how long it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_relay() {
    let house = House::open();
    let [door, phone] = &house.tokens;
    for path in [
        format!("/relay/t/ict_{MARK}/cam"),
        format!("/relay/cam?token={MARK}"),
        format!("/relay/x/t/{door}"),
        format!("/relay/{door}"),
    ] {
        house.is_refused(&path).await;
    }
    let mut cam = house.upgrade(&format!("/relay//%74/{door}/cam"), &[]).await;
    let mut page = house.upgrade(&format!("/relay/cam?token={phone}"), &[]).await;
    let mut expected = Vec::new();
    let mut line = |way: &str, message: &Value| {
        let (kind, bytes) = (message["type"].as_str().unwrap(), message.to_string().len());
        expected.push(format!("relay: {way} kind=\"{kind}\" bytes={bytes}"));
    };
    let candidate = {
        let mut candidate = ice();
        candidate["type"] = json!("ice");
        candidate
    };
    let mut says = async |client: &mut Client, message: &Value| {
        client.send(message).await;
        line("in", message);
    };
    says(&mut cam, &json!({"type": "ack", "role": "client"})).await;
    says(&mut page, &json!({"type": "client"})).await;
    for message in [&candidate, &description("offer")] {
        says(&mut cam, message).await;
    }
    let mut heard = vec![cam.next().await];
    for _ in 0..3 {
        heard.push(page.next().await);
    }
    for message in [&description("answer"), &candidate] {
        says(&mut page, message).await;
        heard.push(cam.next().await);
    }
    // What is no message, and what cannot pass.
    page.send_raw(Message::text(MARK)).await;
    page.send_raw(Message::text(json!({"type": MARK}).to_string())).await;
    heard.extend([page.next().await, page.next().await]);
    says(&mut cam, &json!({"type": "offer", "sdp": format!("v=0\r\n{MARK}")})).await;
    heard.extend([cam.next().await, page.next().await]);
    heard.iter().for_each(|message| line("out", message));
    let log = house.log("relay");
    let mut lines: Vec<_> = log.lines().filter_map(relayed).collect();
    for lines in [&mut lines, &mut expected] {
        lines.sort();
    }
    assert_eq!(lines, expected);
    assert_eq!(log.matches("relay: unreadable").count(), 2);
}

/// What a line says of a message that was passed on.
fn relayed(line: &str) -> Option<String> {
    let way = ["in", "out"].into_iter().find(|way| line.contains(&format!("relay: {way} ")))?;
    let field = |name: &str| line.split(' ').find(|word| word.starts_with(name)).unwrap();
    Some(format!("relay: {way} {} {}", field("kind="), field("bytes=")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_roomrtc() {
    let house = House::open();
    let mut lines = Vec::new();
    for _ in 0..2 {
        let socket = tls_to(house.roomrtc, house.data.path()).await;
        lines.push(tokio::io::BufReader::new(socket));
    }
    for (line, name) in lines.iter_mut().zip(["ann", "bob"]) {
        let password = format!("{MARK} horse {name}");
        let register = format!("REGISTER|username:{name}|password:{password}");
        asks(line, &register, "REGISTER_SUCCESS").await;
        asks(line, &format!("REGISTER|username:eve|password:{MARK}"), "REGISTER_ERROR").await;
        asks(line, &format!("LOGIN|password:{MARK}"), "ERROR").await;
        asks(line, MARK, "ERROR").await;
        asks(line, &format!("LOGIN|username:{name}|password:{password}"), "LOGIN_SUCCESS").await;
    }
    let (description, candidate) =
        (format!("sdp:{MARK}|srtp_key:{MARK}"), format!("candidate:{MARK}"));
    let [ann, bob] = &mut lines[..] else { panic!() };
    tell(ann, &format!("CALL_OFFER|to:bob|{description}")).await;
    tell(ann, &format!("ICE_CANDIDATE|to:bob|{candidate}")).await;
    waits_for(bob, "INCOMING_CALL").await;
    waits_for(bob, "ICE_CANDIDATE").await;
    tell(bob, &format!("CALL_ANSWER|to:ann|accept:true|{description}")).await;
    tell(bob, &format!("ICE_CANDIDATE|to:ann|{candidate}")).await;
    waits_for(ann, "CALL_ACCEPTED").await;
    waits_for(ann, "ICE_CANDIDATE").await;
    tell(bob, &format!("ICE_CANDIDATE|to:nobody|{candidate}")).await;
    tell(bob, "CALL_END|to:ann").await;
    waits_for(ann, "CALL_ENDED").await;
    asks(ann, "LOGOUT", "LOGOUT_SUCCESS").await;
    asks(ann, &format!("LOGIN|username:ann|password:not {MARK}"), "LOGIN_ERROR").await;
    house.log("roomrtc");
}

type Line = tokio::io::BufReader<Box<dyn Socket>>;

async fn tell(line: &mut Line, text: &str) {
    timeout(PATIENCE, line.write_all(format!("{text}\n").as_bytes())).await.unwrap().unwrap();
    timeout(PATIENCE, line.flush()).await.unwrap().unwrap();
}

/// Of others, too, it may hear.
async fn waits_for(line: &mut Line, kind: &str) {
    let mut heard = String::new();
    while !heard.starts_with(kind) {
        heard.clear();
        let read = timeout(PATIENCE, line.read_line(&mut heard)).await;
        assert_ne!(read.unwrap().unwrap(), 0, "{kind}");
    }
}

async fn asks(line: &mut Line, text: &str, answer: &str) {
    tell(line, text).await;
    waits_for(line, answer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_stock_protocol_and_its_extension() {
    let house = House::open();
    let extended = [("Sec-WebSocket-Protocol", "intercom.v1")];
    house.is_refused(&format!("/t/ict_{MARK}")).await;
    for proof in [
        json!({"type": "hello", "token": format!("ict_{MARK}")}),
        json!({"type": "hello", "login": {"name": "ann", "password": MARK}}),
        json!({"type": "hello", "resume": {"resumeToken": MARK, "received": 0}}),
    ] {
        let mut stranger = house.upgrade("/", &extended).await;
        stranger.send(&proof).await;
        assert_eq!(stranger.next().await["type"], "error");
    }
    let register = json!({"name": "ann", "password": format!("{MARK} horse")});
    let mut ann = house.upgrade("/", &extended).await;
    ann.send(&json!({"type": "hello", "register": register})).await;
    let welcome = ann.next().await;
    let resume = welcome["resumeToken"].as_str().unwrap().to_owned();
    drop(ann);
    let mut ann = house.upgrade("/", &extended).await;
    let back = json!({"resumeToken": resume, "received": 0});
    ann.send(&json!({"type": "hello", "resume": back})).await;
    assert_eq!(ann.next().await["type"], "resumed");
    let mut camera = house.camera().await;
    let path = format!("/t/{}", house.tokens[1]);
    let mut phone = Client::open(tcp(house.plain).await, &path, &[]).await.unwrap();
    let session = phone.start_session(&mut camera).await;
    let peer =
        |what: &str, value: Value| json!({"type": "peer", "sessionId": session, what: value});
    for message in [peer("sdp", description("offer")), peer("ice", ice())] {
        camera.send(&message).await;
        assert_eq!(phone.next().await, message);
    }
    phone.send(&peer("sdp", description("answer"))).await;
    assert!(camera.next().await.to_string().contains(MARK));
    let harm = json!({"type": "answer", "sdp": format!("v=0\r\n{MARK}")});
    phone.send(&peer("sdp", harm)).await;
    assert_eq!(camera.next().await["type"], "endSession");
    for text in [MARK.to_owned(), json!({"type": MARK}).to_string()] {
        camera.send_raw(Message::text(text)).await;
        camera.error().await;
    }
    let log = house.log("intercom.v1");
    assert!(!log.contains(&resume));
}
