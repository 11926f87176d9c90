//! One peer stops reading while its partner floods it: it is closed, and others notice nothing.
#![allow(clippy::unwrap_used)]
mod common;

use common::{Client, Stranger};
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
