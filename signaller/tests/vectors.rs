//! The exchanges in `vectors/gst`, played against a running server and held against upstream's
//! protocol crate.
#![allow(clippy::unwrap_used)]
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use common::{Client, Stranger};
use gst_plugin_webrtc_signalling_protocol::{IncomingMessage, OutgoingMessage};
use intercom_protocol::gst::{ClientMessage, ServerMessage};
use serde::Deserialize;
use serde_json::{Map, Value};

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
}

fn vectors() -> Vec<Vector> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/gst");
    let mut vectors = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let vector: Vector = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(path.file_stem().unwrap(), vector.name.as_str());
        vectors.push(vector);
    }
    vectors
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
            Step::Leave { .. } => continue,
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
            Step::Leave { .. } => {}
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
            Step::Leave { .. } => continue,
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
