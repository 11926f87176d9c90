//! The extension's exchanges in `vectors/intercom`: each message is read, and printed as it was.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use intercom_protocol::intercom::{
    self, FromClient, FromServer, Proof, SERVER_TYPES, ServerMessage, Tagged,
};
use serde_json::Value;

/// All messages of one direction: `send` or `hear`.
fn messages(direction: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/intercom");
    let mut messages = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let vector: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(path.file_stem().unwrap(), vector["name"].as_str().unwrap());
        let steps = vector["steps"].as_array().unwrap();
        messages.extend(steps.iter().filter_map(|step| step.get(direction).cloned()));
    }
    messages
}

/// The message as it is printed again.
fn client(text: &str) -> String {
    let Tagged { message, id } = Tagged::<FromClient<'_>>::parse(text).unwrap();
    match message {
        FromClient::Intercom(message) => message.print(id.as_deref()),
        FromClient::Gst(message) => tagged(message.print(), id.as_deref()),
    }
}

fn server(text: &str) -> String {
    let Tagged { message, id } = Tagged::<FromServer<'_>>::parse(text).unwrap();
    match message {
        FromServer::Intercom(message) => message.print(id.as_deref()),
        FromServer::Gst(message) => tagged(message.print(), id.as_deref()),
    }
}

fn tagged(text: String, id: Option<&serde_json::value::RawValue>) -> String {
    match id {
        Some(id) => intercom::tag(text, id),
        None => text,
    }
}

#[test]
fn every_message_is_printed_as_it_was_read() {
    for (direction, again) in [("send", client as fn(&str) -> String), ("hear", server)] {
        for message in messages(direction) {
            let printed: Value = serde_json::from_str(&again(&message.to_string())).unwrap();
            assert_eq!(printed, message);
        }
    }
}

#[test]
fn every_message_has_a_vector() {
    let names = |direction| -> BTreeSet<String> {
        let messages: Vec<Value> = messages(direction);
        messages.iter().map(|message| message["type"].as_str().unwrap().to_owned()).collect()
    };
    let sent = names("send");
    for name in [
        "hello",
        "ack",
        "listAccounts",
        "offerCall",
        "answerCall",
        "attachPeer",
        "updateCall",
        "endCall",
        "joinRoom",
        "leaveRoom",
        "listRoom",
        "roomMessage",
        "getIceServers",
        "logout",
    ] {
        assert!(sent.contains(name), "{name}");
    }
    let heard = names("hear");
    for name in SERVER_TYPES {
        assert!(heard.contains(name), "{name}");
    }
}

#[test]
fn nothing_that_must_stay_private_is_in_debug_output() {
    let hello = r#"{"type":"hello","login":{"name":"ann","password":"secret"}}"#;
    let Tagged { message, .. } = Tagged::<FromClient<'_>>::parse(hello).unwrap();
    assert!(!format!("{message:?} {:?}", Proof::Token("secret".into())).contains("secret"));
    let servers = r#"{"type":"iceServers","iceServers":[{"urls":["turn:t"],"username":"u",
        "credential":"secret"}],"ttl":60}"#;
    let welcome = r#"{"type":"welcome","peerId":"p","account":"ann","role":"user",
        "resumeToken":"secret","iceServers":[]}"#;
    let resumed = r#"{"type":"resumed","received":0,"resumeToken":"secret"}"#;
    for text in [servers, welcome, resumed] {
        let Tagged { message, .. } = Tagged::<FromServer<'_>>::parse(text).unwrap();
        assert!(matches!(
            &message,
            FromServer::Intercom(
                ServerMessage::IceServers { .. }
                    | ServerMessage::Welcome { .. }
                    | ServerMessage::Resumed { .. }
            )
        ));
        assert!(!format!("{message:?}").contains("secret"), "{message:?}");
    }
}
