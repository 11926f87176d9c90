//! The exchanges in `vectors`, played against a running server; those of the stock protocol are also
//! held against upstream's protocol crate.
#![allow(clippy::unwrap_used)]
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Client, Stranger, copy_of, recorded, tcp};
use gst_plugin_webrtc_signalling_protocol::{IncomingMessage, OutgoingMessage};
use intercom_protocol::gst::{ClientMessage, ServerMessage};
use intercom_protocol::intercom::SUBPROTOCOL;
use intercom_signaller::{Ice, Level, Registration, Server};
use serde::Deserialize;
use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio::task::spawn_blocking;
use tokio_tungstenite::tungstenite::Message;

#[derive(Deserialize)]
struct Vector {
    name: String,
    version: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Step {
    Send { from: String, send: Value },
    Hear { to: String, hear: Value },
    Leave { from: String, leave: bool },
    Run { run: String },
}

fn vectors() -> Vec<Vector> {
    recorded("gst")
}

#[tokio::test]
async fn the_server_answers_as_recorded() {
    for vector in vectors() {
        let server = Stranger::start().await;
        let mut ids = BTreeMap::new();
        let mut clients = BTreeMap::new();
        for name in ["door", "phone"] {
            let client = server.client().await;
            ids.insert(format!("${name}"), client.id.clone());
            clients.insert(name, client);
        }
        for step in vector.steps.iter().skip(2) {
            play(step, &mut clients, &mut ids, &vector.name).await;
        }
        for client in clients.values_mut() {
            // Asked last, so that nothing unexpected was sent before its answer.
            client.hears_nothing().await;
        }
    }
}

async fn play(
    step: &Step,
    clients: &mut BTreeMap<&str, Client>,
    ids: &mut BTreeMap<String, String>,
    vector: &str,
) {
    match step {
        Step::Send { from, send } => {
            let client = clients.get_mut(from.as_str()).unwrap();
            client.send(&filled(send, ids)).await;
            if send["type"] == "setPeerStatus" && send["roles"].as_array().unwrap().len() == 1 {
                settle(client, send).await;
            }
        }
        Step::Hear { to, hear } => {
            let heard = clients.get_mut(to.as_str()).unwrap().next().await;
            if let Some(session) = heard["sessionId"].as_str() {
                ids.entry("$session".into()).or_insert_with(|| session.to_owned());
            }
            assert_eq!(heard, filled(hear, ids), "{vector}");
        }
        Step::Leave { from, leave } => {
            assert!(*leave);
            drop(clients.remove(from.as_str()));
        }
        Step::Run { .. } => panic!("{vector}: nothing is run in the stock protocol"),
    }
}

/// Clients have sockets of their own: the next one's message must not overtake a registration,
/// which a producer or consumer is told nothing of.
async fn settle(client: &mut Client, status: &Value) {
    if status["roles"][0] != "listener" {
        client.send(&serde_json::json!({"type": "list"})).await;
        assert_eq!(client.next().await["type"], "list");
    }
}

/// A house with a `door` and a `phone`, in which nobody has been yet, and their tokens.
struct House {
    data: TempDir,
    tokens: BTreeMap<String, String>,
}

impl House {
    fn build() -> Self {
        let data = TempDir::new().unwrap();
        run(data.path(), "account add door --kind device", "");
        run(data.path(), "account add phone", "correct horse battery");
        let token = |name: &str| run(data.path(), &format!("token create {name}"), "");
        let tokens = ["door", "phone"].map(|name| (format!("$token-{name}"), token(name)));
        Self { tokens: tokens.into_iter().collect(), data }
    }

    /// A server of its own in a copy of the house.
    async fn server(&self) -> Stranger {
        let data = copy_of(&self.data);
        let mut config = common::config(&data);
        config.anonymous = Level::Deny;
        config.registration = Registration::Open;
        config.ice = Ice::read(vec!["stun:stun.example.org".into()], Vec::new(), None).unwrap();
        Stranger { server: Server::start(config).await.unwrap(), data }
    }
}

/// Runs a command of the server's program; what it prints.
fn run(data: &Path, line: &str, stdin: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_intercom-signaller"));
    command.args(line.split_whitespace());
    command.env("INTERCOM_CONFIG", "/dev/null").env("INTERCOM_DATA_DIR", data);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may end without reading.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn the_server_answers_as_recorded_in_the_extension() {
    let house = House::build();
    for vector in recorded::<Vector>("intercom") {
        let server = house.server().await;
        let (mut ids, mut clients) = (house.tokens.clone(), BTreeMap::new());
        for step in &vector.steps {
            play_extended(step, &server, &mut clients, &mut ids, &vector.name).await;
        }
        for (name, client) in &mut clients {
            // Closed or not: nothing unexpected was said.
            let said = client.try_send(Message::text(r#"{"type":"listConsumers"}"#)).await;
            match client.next_raw().await {
                Some(Message::Text(text)) => {
                    assert!(
                        said.is_ok() && text.contains("listConsumers"),
                        "{} {name}: {text}",
                        vector.name
                    );
                }
                other => assert!(
                    matches!(other, Some(Message::Close(_)) | None),
                    "{} {name}",
                    vector.name
                ),
            }
        }
    }
}

async fn play_extended(
    step: &Step,
    server: &Stranger,
    clients: &mut BTreeMap<String, Client>,
    ids: &mut BTreeMap<String, String>,
    vector: &str,
) {
    match step {
        Step::Send { from, send } => {
            if !clients.contains_key(from) {
                let tcp = tcp(server.plain()).await;
                let extended = [("Sec-WebSocket-Protocol", SUBPROTOCOL)];
                clients.insert(from.clone(), Client::upgrade(tcp, "/", &extended).await.unwrap());
            }
            clients.get_mut(from).unwrap().send(&filled(send, ids)).await;
        }
        Step::Hear { to, hear } => {
            let heard = clients.get_mut(to).unwrap().next().await;
            learn(hear, &heard, ids);
            assert_eq!(heard, filled(hear, ids), "{vector}");
        }
        Step::Leave { from, leave } => {
            assert!(*leave);
            drop(clients.remove(from));
        }
        Step::Run { run: line } => {
            let (data, line) = (server.data.path().to_owned(), line.clone());
            spawn_blocking(move || run(&data, &line, "")).await.unwrap();
        }
    }
}

/// What the server put in the place of names that were not known yet.
fn learn(hear: &Value, heard: &Value, ids: &mut BTreeMap<String, String>) {
    let Some(fields) = hear.as_object() else { return };
    for (field, value) in fields {
        if let (Some(name), Some(given)) = (value.as_str(), heard[field].as_str())
            && name.starts_with('$')
        {
            ids.entry(name.to_owned()).or_insert_with(|| given.to_owned());
        }
    }
}

fn filled(value: &Value, ids: &BTreeMap<String, String>) -> Value {
    match value {
        Value::String(text) => {
            let fill = |text: String, (name, id): (&String, &String)| text.replace(name, id);
            Value::String(ids.iter().fold(text.clone(), fill))
        }
        Value::Array(values) => values.iter().map(|value| filled(value, ids)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), filled(value, ids)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

#[test]
fn our_protocol_prints_what_it_reads() {
    for step in vectors().iter().flat_map(|vector| &vector.steps) {
        let (text, printed) = match step {
            Step::Send { send, .. } => {
                let text = send.to_string();
                let Ok(message) = ClientMessage::parse(&text) else { continue };
                (text.clone(), message.print())
            }
            Step::Hear { hear, .. } => {
                let text = hear.to_string();
                (text.clone(), ServerMessage::parse(&text).unwrap().print())
            }
            Step::Leave { .. } | Step::Run { .. } => continue,
        };
        let [read, printed] = [&text, &printed].map(|text| serde_json::from_str::<Value>(text));
        assert_eq!(read.unwrap(), printed.unwrap());
    }
}

#[test]
fn upstream_means_the_same_by_version_1_0() {
    let vectors = vectors();
    let steps = vectors.iter().filter(|vector| vector.version == "1.0").flat_map(|v| &v.steps);
    for step in steps {
        match step {
            Step::Send { send, .. } => {
                let message: IncomingMessage = serde_json::from_value(send.clone()).unwrap();
                let mut same = serde_json::to_value(message).unwrap();
                if send.get("offer").is_none() {
                    same.as_object_mut().unwrap().remove("offer");
                }
                assert_eq!(&same, send);
            }
            Step::Hear { hear, .. } => {
                let message: OutgoingMessage = serde_json::from_value(hear.clone()).unwrap();
                assert_eq!(&serde_json::to_value(message).unwrap(), hear);
            }
            Step::Leave { .. } | Step::Run { .. } => {}
        }
    }
}

/// Every message that the protocol crate can print or read has a vector.
#[test]
fn every_message_has_a_vector() {
    let (mut sent, mut heard) = (BTreeSet::new(), BTreeSet::new());
    for step in vectors().iter().flat_map(|vector| &vector.steps) {
        match step {
            Step::Send { send, .. } => sent.insert(send["type"].as_str().unwrap().to_owned()),
            Step::Hear { hear, .. } => heard.insert(hear["type"].as_str().unwrap().to_owned()),
            Step::Leave { .. } | Step::Run { .. } => continue,
        };
    }
    for name in [
        "setProtocolVersion",
        "setPeerStatus",
        "startSession",
        "endSession",
        "endSessionV1_1",
        "peer",
        "list",
        "listConsumers",
    ] {
        assert!(sent.contains(name), "{name}");
    }
    for name in [
        "welcome",
        "peerStatusChanged",
        "startSession",
        "sessionStarted",
        "endSession",
        "endSessionV1_1",
        "peer",
        "list",
        "listConsumers",
        "error",
    ] {
        assert!(heard.contains(name), "{name}");
    }
}
