//! One peer stops reading while its partner floods it: it is closed, and others notice nothing, in the
//! stock protocol and in those of old clients.
#![allow(clippy::unwrap_used)]
mod common;

use common::{Client, SDP, Stranger, tcp};
use intercom_signaller::{OldDoor, OldLogin};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

const PAIRS: usize = 20;
const ROUNDS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn a_flooded_peer_is_closed_and_twenty_pairs_lose_nothing() {
    let server = Stranger::start().await;
    let (mut flooder, mut deaf) = (server.producer("flooder").await, server.client().await);
    let session = deaf.start_session(&mut flooder).await;
    let mut pairs = Vec::new();
    for _ in 0..PAIRS {
        let (mut door, mut phone) = (server.producer("door").await, server.client().await);
        let session = phone.start_session(&mut door).await;
        pairs.push(tokio::spawn(ping_pong(door, phone, session)));
    }
    // Far more than outbox and system buffers hold.
    let ice = json!({"candidate": "x".repeat(16 * 1024), "sdpMLineIndex": 0});
    let message = json!({"type": "peer", "sessionId": session, "ice": ice}).to_string();
    let mut sent = 0;
    let flooded = tokio::spawn(async move {
        while sent < 1500 {
            flooder.send_raw(Message::text(message.as_str())).await;
            sent += 1;
        }
        assert_eq!(flooder.next().await["type"], "endSession");
        flooder
    });
    for pair in pairs {
        pair.await.unwrap();
    }
    flooded.await.unwrap();
    server.is_unharmed().await;
}

/// The one who does not read hears why, if it reads in time.
#[tokio::test(flavor = "multi_thread")]
async fn the_flooded_peer_is_told_why() {
    let server = Stranger::start().await;
    let (mut flooder, mut deaf) = (server.producer("flooder").await, server.client().await);
    let session = deaf.start_session(&mut flooder).await;
    let ice = json!({"candidate": "x".repeat(16 * 1024), "sdpMLineIndex": 0});
    let message = json!({"type": "peer", "sessionId": session, "ice": ice}).to_string();
    let mut listening = server.client().await;
    listening.send(&json!({"type": "setPeerStatus", "roles": ["listener"], "meta": null})).await;
    listening.next().await;
    let flood = async {
        for _ in 0..1500 {
            flooder.send_raw(Message::text(message.as_str())).await;
        }
        panic!("it is not closed");
    };
    // The rest of the flood would take the time in which it has to read.
    let closed = tokio::select! {
        closed = listening.next() => closed,
        () = flood => unreachable!(),
    };
    assert_eq!(closed["peerId"], json!(deaf.id));
    let (code, words) = deaf.closed().await;
    assert_eq!((code, words.as_str()), (1008, "you do not read what you are sent"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flooded_peer_of_the_simple_protocol_is_closed_and_the_other_told() {
    let server = with_old_doors().await;
    let (mut flooder, mut deaf) = (simple(&server, "a").await, simple(&server, "b").await);
    let (mut door, mut phone) = (simple(&server, "door").await, simple(&server, "phone").await);
    for (caller, name) in [(&mut flooder, "b"), (&mut door, "phone")] {
        caller.send_raw(Message::text(format!("SESSION {name}"))).await;
        assert_eq!(caller.next_raw().await, Some(Message::text("SESSION_OK")));
    }
    let Message::Close(Some(frame)) = flooder.floods(&"x".repeat(16 * 1024)).await else {
        panic!("it goes on")
    };
    assert_eq!((frame.code.into(), &*frame.reason), (1000_u16, "your session has ended"));
    is_closed(&mut deaf).await;
    for text in ["ping", "pong"] {
        door.send_raw(Message::text(text)).await;
        assert_eq!(phone.next_raw().await, Some(Message::text(text)));
    }
    server.is_unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flooded_program_of_the_relay_is_closed_and_its_page_told() {
    let server = with_old_doors().await;
    let ((mut deaf, mut flooder), (mut cam, mut page)) =
        (relayed(&server, "deaf").await, relayed(&server, "cam").await);
    let ice = json!({"type": "ice", "candidate": "x".repeat(16 * 1024), "sdpMLineIndex": 0});
    let heard = flooder.floods(&ice.to_string()).await;
    assert_eq!(heard, Message::text(r#"{"type":"error","details":"the other end has left"}"#));
    is_closed(&mut deaf).await;
    let ice = json!({"type": "ice", "candidate": "candidate:1", "sdpMLineIndex": 0});
    page.send(&ice).await;
    assert_eq!(cam.next().await, ice);
    cam.send(&ice).await;
    assert_eq!(page.next().await, ice);
    server.is_unharmed().await;
}

/// It reads too late to be sure to hear why.
async fn is_closed(deaf: &mut Client) {
    while let Some(Ok(message)) = deaf.try_next().await {
        if let Message::Close(frame) = message {
            assert_eq!(frame.unwrap().reason, "you do not read what you are sent");
            return;
        }
    }
}

async fn with_old_doors() -> Stranger {
    Stranger::start_with(|config| {
        let door = OldDoor { login: OldLogin::Local, plain: false };
        (config.relay, config.simple) = (door.clone(), door);
    })
    .await
}

async fn simple(server: &Stranger, uid: &str) -> Client {
    let mut peer = Client::upgrade(tcp(server.main()).await, "/simple", &[]).await.unwrap();
    peer.send_raw(Message::text(format!("HELLO {uid}"))).await;
    assert_eq!(peer.next_raw().await, Some(Message::text("HELLO")));
    peer
}

/// A program and its page, once both are described.
async fn relayed(server: &Stranger, name: &str) -> (Client, Client) {
    let join = async || {
        let path = format!("/relay/{name}");
        Client::upgrade(tcp(server.main()).await, &path, &[]).await.unwrap()
    };
    let (mut program, mut page) = (join().await, join().await);
    page.send(&json!({"type": "client"})).await;
    assert_eq!(page.next().await["type"], "ack");
    assert_eq!(program.next().await["type"], "client");
    let (offer, answer) =
        (json!({"type": "offer", "sdp": SDP}), json!({"type": "answer", "sdp": SDP}));
    program.send(&offer).await;
    assert_eq!(page.next().await, offer);
    page.send(&answer).await;
    assert_eq!(program.next().await, answer);
    (program, page)
}

async fn ping_pong(mut door: Client, mut phone: Client, session: String) {
    for round in 0..ROUNDS {
        let ice = json!({"candidate": format!("candidate:{round}"), "sdpMLineIndex": 0});
        let message = json!({"type": "peer", "sessionId": session, "ice": ice});
        door.send(&message).await;
        assert_eq!(phone.next().await, message);
        phone.send(&message).await;
        assert_eq!(door.next().await, message);
    }
}
