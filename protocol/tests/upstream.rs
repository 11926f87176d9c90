//! The stock protocol as upstream's own types read and print it, against ours.

#![allow(clippy::unwrap_used)]

use gst_plugin_webrtc_signalling_protocol as upstream;
use intercom_protocol::gst::{
    ClientMessage, Ice, Listed, ParseError, Payload, PeerMessage, Role, Sdp, SdpKind, ServerMessage,
};
use proptest::prelude::*;
use serde_json::{Value, json, value::to_raw_value};

const SDP: &str = "v=0\r\ns=-\r\n";

#[test]
fn upstream_reads_every_message_that_our_client_prints() {
    let meta = to_raw_value(&json!({"name": "door"})).unwrap();
    let session_id = || "s1".into();
    let peer = |payload| ClientMessage::Peer(PeerMessage { session_id: "s1".into(), payload });
    for message in [
        ClientMessage::SetPeerStatus {
            roles: vec![Role::Producer, Role::Listener],
            meta: Some(std::borrow::Cow::Borrowed(&meta)),
        },
        ClientMessage::StartSession { peer_id: "p".into(), offer: None },
        ClientMessage::StartSession { peer_id: "p".into(), offer: Some(SDP.into()) },
        ClientMessage::EndSession { session_id: session_id() },
        peer(Payload::Sdp(Sdp::new(SdpKind::Answer, SDP))),
        peer(Payload::Ice(Ice::new("candidate:1 1 UDP 1 192.0.2.1 9 typ host", 3))),
        ClientMessage::List,
        ClientMessage::ListConsumers,
    ] {
        let text = message.print();
        let read: upstream::IncomingMessage = serde_json::from_str(&text).unwrap();
        let again: Value = serde_json::to_value(&read).unwrap();
        assert_eq!(without_nulls(again), without_nulls(serde_json::from_str(&text).unwrap()));
    }
}

#[test]
fn our_server_prints_what_upstream_prints() {
    use upstream::OutgoingMessage as Theirs;
    let id = || "p1".to_owned();
    let session = || "s1".to_owned();
    let pairs = [
        (ServerMessage::Welcome { peer_id: "p1".into() }, Theirs::Welcome { peer_id: id() }),
        (
            ServerMessage::PeerStatusChanged {
                roles: vec![],
                meta: None,
                peer_id: "p1".into(),
                account: None,
            },
            Theirs::PeerStatusChanged(upstream::PeerStatus {
                roles: vec![],
                meta: None,
                peer_id: Some(id()),
            }),
        ),
        (
            ServerMessage::StartSession {
                peer_id: "p1".into(),
                session_id: "s1".into(),
                offer: None,
                call_id: None,
            },
            Theirs::StartSession { peer_id: id(), session_id: session(), offer: None },
        ),
        (
            ServerMessage::SessionStarted { peer_id: "p1".into(), session_id: "s1".into() },
            Theirs::SessionStarted { peer_id: id(), session_id: session() },
        ),
        (
            ServerMessage::EndSession { session_id: "s1".into() },
            Theirs::EndSession(upstream::EndSessionMessage { session_id: session() }),
        ),
        (
            ServerMessage::List {
                producers: vec![Listed { id: "p1".into(), meta: None, account: None }],
            },
            Theirs::List { producers: vec![upstream::Peer { id: id(), meta: None }] },
        ),
        (
            ServerMessage::ListConsumers { consumers: vec![] },
            Theirs::ListConsumers { consumers: vec![] },
        ),
        (ServerMessage::Error { details: "no".into() }, Theirs::Error { details: "no".into() }),
    ];
    for (ours, theirs) in pairs {
        let ours: Value = serde_json::from_str(&ours.print()).unwrap();
        assert_eq!(ours, serde_json::to_value(&theirs).unwrap());
    }
}

#[test]
fn our_client_reads_what_upstream_prints() {
    let text = serde_json::to_string(&upstream::OutgoingMessage::List {
        producers: vec![upstream::Peer { id: "p1".into(), meta: Some(json!({"name": "door"})) }],
    })
    .unwrap();
    let ServerMessage::List { producers } = ServerMessage::parse(&text).unwrap() else {
        panic!("not read as a list: {text}")
    };
    assert_eq!(producers[0].id, "p1");
    assert_eq!(producers[0].meta.as_ref().unwrap().get(), r#"{"name":"door"}"#);
}

#[test]
fn an_internal_event_of_the_stock_server_is_no_message() {
    let parsed = ClientMessage::parse(r#"{"type":"newPeer"}"#);
    assert!(matches!(parsed, Err(ParseError::UnknownType(kind)) if kind == "newPeer"));
}

#[test]
fn what_a_description_carries_besides_is_kept_as_it_came() {
    let ice = r#"{"candidate":"candidate:1","sdpMLineIndex":0,"sdpMid":"video0"}"#;
    let text = format!(r#"{{"type":"peer","sessionId":"s","ice":{ice},"secret":1}}"#);
    let ClientMessage::Peer(message) = ClientMessage::parse(&text).unwrap() else {
        panic!("not read as a peer message")
    };
    assert_eq!(
        ServerMessage::Peer(message).print(),
        format!(r#"{{"type":"peer","sessionId":"s","ice":{ice}}}"#)
    );
}

proptest! {
    #[test]
    fn no_text_is_too_odd_to_be_refused(text in ".*", kind in "[a-zA-Z_0-9]*") {
        let _ = ClientMessage::parse(&text);
        let _ = ServerMessage::parse(&format!(r#"{{"type":"{kind}","peerId":{text:?}}}"#));
    }

    #[test]
    fn strings_survive_the_way_there_and_back(session in ".*", sdp in ".*") {
        let payload = Payload::Sdp(Sdp::new(SdpKind::Offer, sdp.as_str()));
        let sent = ClientMessage::Peer(PeerMessage { session_id: session.as_str().into(), payload });
        let text = sent.print();
        let ServerMessage::Peer(PeerMessage { session_id, payload: Payload::Sdp(read) }) =
            ServerMessage::parse(&text).unwrap()
        else {
            panic!("not read as a description: {text}")
        };
        prop_assert_eq!(session_id, session);
        prop_assert_eq!(read.text, sdp);
    }
}

/// An absent field and `null` say the same.
fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, value| !value.is_null());
    }
    value
}
