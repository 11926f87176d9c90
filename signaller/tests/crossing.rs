//! Every protocol against every other: who can take whose picture, and who can ring whom. The table in
//! docs/ref/crossing.md is what comes of it.
#![allow(clippy::unwrap_used)]
mod common;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Client, SDP, Socket, Stranger, tcp};
use intercom_signaller::{OldDoor, OldLogin, Server};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio_tungstenite::tungstenite::Message;

const PASSWORD: &str = "correct horse battery";
const CANDIDATE: &str = "candidate:1 1 UDP 1 192.0.2.1 9 typ host";
const EXTENDED: (&str, &str) = ("Sec-WebSocket-Protocol", "intercom.v1");

#[derive(Clone, Copy, Debug, PartialEq)]
enum Dialect {
    Gst,
    Intercom,
    Simple,
    Relay,
    RoomRtc,
}
use Dialect::{Gst, Intercom, Relay, RoomRtc, Simple};

const ALL: [(Dialect, &str); 5] = [
    (Gst, "gst"),
    (Intercom, "intercom.v1"),
    (Simple, "simple"),
    (Relay, "relay"),
    (RoomRtc, "roomrtc"),
];

/// Accounts that nobody has used yet; strangers may not make so many in a short time.
static UNUSED: AtomicUsize = AtomicUsize::new(0);
const ACCOUNTS: usize = 24;

#[tokio::test]
async fn the_table_is_what_happens() {
    let server = open().await;
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ref/crossing.md");
    let page = fs::read_to_string(page).unwrap();
    for (asker, name) in ALL {
        let mut row = format!("| {name} |");
        for (asked, of) in ALL {
            let seen = takes_the_picture(&server, asker, asked, &format!("{of}-{name}")).await;
            let cell = match (seen, rings(&server, asker, asked).await) {
                (true, None) => "picture",
                (true, Some(true)) => "picture, call",
                (false, Some(true)) => "call",
                (false, Some(false)) => "rings",
                (false, None) => "—",
                (true, Some(false)) => panic!("{name} and {of} talk, and cannot talk"),
            };
            row += &format!(" {cell} |");
        }
        assert!(page.lines().any(|line| line == row), "not in the table: {row}");
    }
    server.is_unharmed().await;
}

async fn open() -> Stranger {
    let data = TempDir::new().unwrap();
    let users: String = (0..ACCOUNTS).map(|n| format!("user{n}:{PASSWORD}\n")).collect();
    let file = data.path().join("users.txt");
    fs::write(&file, users).unwrap();
    let imported = Command::new(env!("CARGO_BIN_EXE_intercom-signaller"))
        .args(["account", "import-roomrtc", file.to_str().unwrap(), "--data-dir"])
        .arg(data.path())
        .env("INTERCOM_CONFIG", "/dev/null")
        .output()
        .unwrap();
    assert!(imported.status.success(), "{imported:?}");
    let mut config = common::config(&data);
    let door = OldDoor { login: OldLogin::Local, plain: false };
    (config.simple, config.relay) = (door.clone(), door);
    config.roomrtc = Some("127.0.0.1:0".parse().unwrap());
    Stranger { server: Server::start(config).await.unwrap(), data }
}

/// Whether it can; if so, all that the two say to each other arrives, and each hears when the other
/// has left.
async fn takes_the_picture(server: &Stranger, asker: Dialect, asked: Dialect, name: &str) -> bool {
    let mut source = End::source(server, asked, name).await;
    let mut watcher = End::watcher(server, asker, &source.name).await;
    if !watcher.asks_for(&source).await {
        return false;
    }
    source.is_asked().await;
    for (kind, text) in [("offer", SDP), ("ice", CANDIDATE)] {
        source.says(kind, text).await;
        watcher.hears(kind, text).await;
    }
    for (kind, text) in [("answer", SDP), ("ice", CANDIDATE)] {
        watcher.says(kind, text).await;
        source.hears(kind, text).await;
    }
    drop(watcher);
    source.is_left().await;

    let mut source = End::source(server, asked, &format!("{name}-2")).await;
    let mut watcher = End::watcher(server, asker, &source.name).await;
    assert!(watcher.asks_for(&source).await);
    source.is_asked().await;
    drop(source);
    watcher.is_left().await;
    true
}

/// Whether the two talk when one rings the other, and that one takes it; `None` if it cannot ring.
async fn rings(server: &Stranger, asker: Dialect, asked: Dialect) -> Option<bool> {
    let knows_calls = |dialect| matches!(dialect, Intercom | RoomRtc);
    if !knows_calls(asker) || !knows_calls(asked) {
        return None;
    }
    let mut callee = End::account(server, asked).await;
    let mut caller = End::account(server, asker).await;
    caller.rings(&callee.name).await;
    callee.accepts(&caller.name).await;
    let talks = caller.talks().await;
    assert_eq!(callee.talks().await, talks, "{asker:?} rings {asked:?}");
    Some(talks)
}

/// A client of one of the protocols, as little of it as this test needs.
struct End {
    dialect: Dialect,
    name: String,
    /// Under which others ask for it, if it sends a picture.
    id: Option<String>,
    line: Line,
    session: Value,
}

enum Line {
    Web(Box<Client>),
    Tls(BufReader<Box<dyn Socket>>),
}

impl End {
    /// A guest who sends a picture, and is on the list.
    async fn source(server: &Stranger, dialect: Dialect, name: &str) -> Self {
        if dialect == RoomRtc {
            return Self::account(server, dialect).await;
        }
        let mut listener = server.client().await;
        let status = json!({"type": "setPeerStatus", "roles": ["listener"], "meta": null});
        listener.send(&status).await;
        assert_eq!(listener.next().await["peerId"], listener.id);
        let mut source = Self::guest(server, dialect, name, name).await;
        if matches!(dialect, Gst | Intercom) {
            let meta = json!({ "name": name });
            source
                .send(&json!({"type": "setPeerStatus", "roles": ["producer"], "meta": meta}))
                .await;
        }
        source.id = Some(loop {
            let status = listener.next().await;
            let roles = status["roles"].as_array().unwrap();
            if status["meta"]["name"] == name && roles.contains(&json!("producer")) {
                break status["peerId"].as_str().unwrap().to_owned();
            }
        });
        source
    }

    /// Somebody who will ask for the picture of `name`.
    async fn watcher(server: &Stranger, dialect: Dialect, name: &str) -> Self {
        match dialect {
            RoomRtc => Self::account(server, dialect).await,
            _ => Self::guest(server, dialect, &format!("{name}-watcher"), name).await,
        }
    }

    async fn guest(server: &Stranger, dialect: Dialect, name: &str, meets: &str) -> Self {
        let path = match dialect {
            Relay => format!("/relay/{meets}"),
            Simple => "/simple".to_owned(),
            Gst | Intercom | RoomRtc => "/".to_owned(),
        };
        let address =
            if matches!(dialect, Gst | Intercom) { server.plain() } else { server.main() };
        let extended = [EXTENDED];
        let headers = if dialect == Intercom { &extended[..] } else { &[] };
        let client = Client::upgrade(tcp(address).await, &path, headers).await.unwrap();
        let mut end = Self::new(dialect, name, Line::Web(Box::new(client)));
        match dialect {
            Simple => {
                end.say(&format!("HELLO {name}")).await;
                assert_eq!(end.hear().await, "HELLO");
            }
            Intercom => {
                end.send(&json!({"type": "hello", "none": true})).await;
                end.hear_of("welcome").await;
            }
            Gst => drop(end.hear_of("welcome").await),
            Relay | RoomRtc => {}
        }
        end
    }

    /// Somebody with an account.
    async fn account(server: &Stranger, dialect: Dialect) -> Self {
        let name = format!("user{}", UNUSED.fetch_add(1, Ordering::Relaxed));
        if dialect == RoomRtc {
            let address = server.server.addresses().last().unwrap().socket;
            let line = Line::Tls(BufReader::new(server.tls_at(address).await));
            let mut end = Self::new(dialect, &name, line);
            end.say(&format!("LOGIN|username:{name}|password:{PASSWORD}")).await;
            end.hear_line("LOGIN_SUCCESS").await;
            return end;
        }
        let client = Client::upgrade(tcp(server.plain()).await, "/", &[EXTENDED]).await.unwrap();
        let mut end = Self::new(dialect, &name, Line::Web(Box::new(client)));
        let login = json!({"name": name, "password": PASSWORD});
        end.send(&json!({"type": "hello", "login": login})).await;
        end.hear_of("welcome").await;
        end
    }

    fn new(dialect: Dialect, name: &str, line: Line) -> Self {
        Self { dialect, name: name.to_owned(), id: None, line, session: Value::Null }
    }

    /// Whether it is told that it will get the picture.
    async fn asks_for(&mut self, source: &Self) -> bool {
        let id = source.id.clone().unwrap_or_else(|| source.name.clone());
        match self.dialect {
            Gst | Intercom => {
                self.send(&json!({"type": "startSession", "peerId": id})).await;
                let answer = self.next().await;
                self.session = answer["sessionId"].clone();
                answer["type"] == "sessionStarted"
            }
            Simple => {
                self.say(&format!("SESSION {}", source.name)).await;
                let answer = self.hear().await;
                self.say("OFFER_REQUEST").await;
                answer == "SESSION_OK"
            }
            Relay => {
                self.send(&json!({"type": "client"})).await;
                if source.id.is_none() {
                    // It waits for one to come; who answers hears that nobody has.
                    self.says("answer", SDP).await;
                }
                self.next().await["type"] == "ack"
            }
            RoomRtc if source.dialect == RoomRtc => false, // it rings, instead
            RoomRtc => {
                self.say(&format!("CALL_OFFER|to:{id}|sdp:v=0")).await;
                self.hear_line("CALL_ERROR|").await;
                false
            }
        }
    }

    async fn is_asked(&mut self) {
        match self.dialect {
            Gst | Intercom => {
                self.session = self.hear_of("startSession").await["sessionId"].clone();
            }
            Simple => assert_eq!(self.hear().await, "OFFER_REQUEST", "{}", self.name),
            Relay => drop(self.hear_of("client").await),
            RoomRtc => panic!("nobody asks RoomRTC for a picture"),
        }
    }

    /// A description, or (`ice`) a candidate.
    async fn says(&mut self, kind: &str, text: &str) {
        let (field, body) = match kind {
            "ice" => ("ice", json!({"candidate": text, "sdpMLineIndex": 0})),
            _ => ("sdp", json!({"type": kind, "sdp": text})),
        };
        let message = match self.dialect {
            Relay => {
                let mut message = body;
                message["type"] = kind.into();
                message
            }
            Simple => json!({ field: body }),
            _ => json!({"type": "peer", "sessionId": self.session, field: body}),
        };
        self.send(&message).await;
    }

    async fn hears(&mut self, kind: &str, text: &str) {
        let message = self.next().await;
        let inside = match self.dialect {
            Relay => &message,
            _ if kind == "ice" => &message["ice"],
            _ => &message["sdp"],
        };
        let heard = if kind == "ice" { &inside["candidate"] } else { &inside["sdp"] };
        assert_eq!(heard, text, "{} hears {message}", self.name);
        assert!(kind == "ice" || inside["type"] == kind, "{} hears {message}", self.name);
    }

    /// The other end is gone.
    async fn is_left(&mut self) {
        match (self.dialect, &mut self.line) {
            (Simple, Line::Web(client)) => assert_eq!(client.closed().await.0, 1000),
            (Relay, _) => drop(self.hear_of("error").await),
            (Gst, _) => drop(self.hear_of("endSession").await),
            _ => drop(self.hear_of("endSessionV1_1").await),
        }
    }

    async fn rings(&mut self, whom: &str) {
        if self.dialect == RoomRtc {
            self.say(&format!("CALL_OFFER|to:{whom}|sdp:v=0")).await;
            return;
        }
        let media = json!({"audio": true, "video": true});
        self.send(&json!({"type": "offerCall", "to": whom, "media": media})).await;
    }

    async fn accepts(&mut self, whose: &str) {
        if self.dialect == RoomRtc {
            self.hear_line(&format!("INCOMING_CALL|from:{whose}|")).await;
            self.say(&format!("CALL_ANSWER|to:{whose}|accept:true|sdp:v=0")).await;
            // It is not told that its answer has come through, only if it has not.
            self.say("GET_USERS").await;
            return;
        }
        let call = self.hear_of("incomingCall").await["callId"].clone();
        let media = json!({"audio": true, "video": true});
        let answer = json!({"type": "answerCall", "callId": call, "accept": true, "media": media});
        self.send(&answer).await;
    }

    /// What has become of a call that was accepted.
    async fn talks(&mut self) -> bool {
        loop {
            if self.dialect == RoomRtc {
                let line = self.hear().await;
                match line.split('|').next().unwrap() {
                    "CALL_ACCEPTED" | "USER_LIST" => return true,
                    "CALL_ENDED" => return false,
                    _ => continue,
                }
            }
            let message = self.next().await;
            match message["type"].as_str().unwrap() {
                "callAccepted" => return true,
                "callEnded" => {
                    assert_eq!(message["reason"], "incompatible");
                    return false;
                }
                _ => {}
            }
        }
    }

    async fn send(&mut self, message: &Value) {
        self.say(&message.to_string()).await;
    }

    async fn say(&mut self, text: &str) {
        match &mut self.line {
            Line::Web(client) => client.send_raw(Message::text(text)).await,
            Line::Tls(socket) => {
                socket.write_all(format!("{text}\n").as_bytes()).await.unwrap();
                socket.flush().await.unwrap();
            }
        }
    }

    async fn hear(&mut self) -> String {
        match &mut self.line {
            Line::Web(client) => match client.next_raw().await {
                Some(Message::Text(text)) => text.to_string(),
                other => panic!("{} hears {other:?}", self.name),
            },
            Line::Tls(socket) => {
                let mut line = String::new();
                socket.read_line(&mut line).await.unwrap();
                line.trim_end().to_owned()
            }
        }
    }

    async fn next(&mut self) -> Value {
        loop {
            let message: Value = serde_json::from_str(&self.hear().await).unwrap();
            if self.dialect != Intercom || message["type"] != "ack" {
                return message;
            }
        }
    }

    /// The next message of this type; presence and the rest is not looked at.
    async fn hear_of(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next().await;
            if message["type"] == kind {
                return message;
            }
            assert_ne!(message["type"], "error", "{} waits for {kind}: {message}", self.name);
        }
    }

    async fn hear_line(&mut self, begins: &str) -> String {
        loop {
            let line = self.hear().await;
            if line.starts_with(begins) {
                return line;
            }
            assert!(line.starts_with("USER_STATUS_CHANGED"), "{}: {line:?}", self.name);
        }
    }
}
