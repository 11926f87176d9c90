//! Issue by issue: what a client may send, and that the server answers as `docs/ref/gst.md` says.
#![allow(clippy::unwrap_used)]
mod common;

use common::{Client, SDP, Stranger, tcp};
use futures_util::future::join_all;
use intercom_signaller::{Level, Timing};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_session_over_tls_and_plain_on_every_path() {
    let server = Stranger::start().await;
    let mut door = server.producer("door").await;
    for path in ["/", "/ws", "/webrtc"] {
        let mut phone = Client::open(server.tls().await, path, &[]).await.unwrap();
        let session = phone.start_session(&mut door).await;
        let offer = json!({"type": "offer", "sdp": SDP});
        door.send(&json!({"type": "peer", "sessionId": session, "sdp": offer})).await;
        let heard = phone.next().await;
        assert_eq!(heard, json!({"type": "peer", "sessionId": session, "sdp": offer}));
        let ice = json!({"candidate": "candidate:1", "sdpMLineIndex": 0});
        phone.send(&json!({"type": "peer", "sessionId": session, "ice": ice})).await;
        assert_eq!(door.next().await["ice"], ice);
        drop(phone);
        assert_eq!(door.next().await["type"], "endSession");
    }
    // A local peer, plain on the main port.
    Client::open(tcp(server.main()).await, "/", &[]).await.unwrap();
    let (status, words) = Client::open(server.tls().await, "/other", &[]).await.err().unwrap();
    assert_eq!(status, 404, "{words}");
}

#[tokio::test]
async fn malformed_text_is_answered_and_harmless() {
    let server = Stranger::start().await;
    let mut client = server.client().await;
    for text in [
        "",
        "x",
        "{",
        "[]",
        "null",
        r#"{"type":"nonsense"}"#,
        r#"{"type":"newPeer"}"#,
        r#"{"type":"startSession"}"#,
        r#"{"type":"peer","sessionId":"x"}"#,
        r#"{"type":"setPeerStatus","roles":["king"]}"#,
    ] {
        client.send_raw(Message::text(text)).await;
        assert!(!client.error().await.is_empty(), "{text}");
    }
    client.hears_nothing().await;
    server.is_unharmed().await;
}

#[tokio::test]
async fn new_peer_from_the_wire_resets_nobody() {
    let server = Stranger::start().await;
    let (mut door, mut phone) = (server.producer("door").await, server.client().await);
    door.send(&json!({"type": "newPeer"})).await;
    assert!(door.error().await.contains("newPeer"));
    phone.start_session(&mut door).await;
}

#[tokio::test]
async fn binary_and_oversized_messages_close_with_a_reason() {
    let server = Stranger::start().await;
    let mut client = server.client().await;
    client.send_raw(Message::binary(vec![0; 8])).await;
    assert_eq!(client.closed().await.0, 1003);
    let mut client = server.client().await;
    let _ = client.try_send(Message::text("x".repeat(65 * 1024))).await;
    let (code, words) = client.closed().await;
    assert!(code == 1009 && words.contains("65536"), "{code} {words}");
    let mut client = server.client().await;
    client.send_raw(Message::text(" ".repeat(64 * 1024))).await;
    client.error().await;
    server.is_unharmed().await;
}

#[tokio::test]
async fn unknown_peers_are_an_error_and_unknown_sessions_silence() {
    let server = Stranger::start().await;
    let (mut door, mut phone) = (server.producer("door").await, server.client().await);
    phone.send(&json!({"type": "startSession", "peerId": "nobody"})).await;
    assert_eq!(phone.error().await, "Peer with ID 'nobody' not found");
    let ended = phone.start_session(&mut door).await;
    phone.send(&json!({"type": "endSession", "sessionId": ended})).await;
    assert_eq!(door.next().await, json!({"type": "endSession", "sessionId": ended}));
    let ice = json!({"candidate": "c", "sdpMLineIndex": 0});
    for session in ["nonsense", &ended, ""] {
        for client in [&mut door, &mut phone] {
            client.send(&json!({"type": "endSession", "sessionId": session})).await;
            client.send(&json!({"type": "peer", "sessionId": session, "ice": ice})).await;
            client.hears_nothing().await;
        }
    }
}

#[tokio::test]
async fn an_outsider_neither_ends_nor_enters_a_session() {
    let server = Stranger::start().await;
    let (mut door, mut phone) = (server.producer("door").await, server.client().await);
    let mut mallory = server.client().await;
    let session = phone.start_session(&mut door).await;
    mallory.send(&json!({"type": "endSession", "sessionId": session})).await;
    for sdp in [SDP, ""] {
        let sdp = json!({"type": "offer", "sdp": sdp});
        mallory.send(&json!({"type": "peer", "sessionId": session, "sdp": sdp})).await;
    }
    for client in [&mut mallory, &mut phone, &mut door] {
        client.hears_nothing().await;
    }
}

#[tokio::test]
async fn a_bad_description_ends_its_session_only() {
    let server = Stranger::start().await;
    let (mut door, mut phone) = (server.producer("door").await, server.client().await);
    door.send(&json!({"type": "setProtocolVersion", "version": "v1_1"})).await;
    let good = phone.start_session(&mut door).await;
    let dead_bundle = SDP.replace("t=0 0", "t=0 0\r\na=group:BUNDLE application1");
    for sdp in ["", "garbage", &dead_bundle] {
        let session = phone.start_session(&mut door).await;
        let answer = json!({"type": "answer", "sdp": sdp});
        phone.send(&json!({"type": "peer", "sessionId": session, "sdp": answer})).await;
        assert_eq!(phone.next().await, json!({"type": "endSession", "sessionId": session}));
        let end = door.next().await;
        assert_eq!(end["type"], "endSessionV1_1");
        assert!(!end["error"].as_str().unwrap().is_empty());
        let offer = json!({"type": "startSession", "peerId": door.id, "offer": sdp});
        phone.send(&offer).await;
        phone.error().await;
    }
    door.hears_nothing().await;
    phone.send(&json!({"type": "endSession", "sessionId": good})).await;
    assert_eq!(door.next().await, json!({"type": "endSessionV1_1", "sessionId": good}));
}

#[tokio::test]
async fn a_consumer_does_not_offer_inside_a_session() {
    let server = Stranger::start().await;
    let (mut door, mut phone) = (server.producer("door").await, server.client().await);
    let session = phone.start_session(&mut door).await;
    let sdp = json!({"type": "offer", "sdp": SDP});
    phone.send(&json!({"type": "peer", "sessionId": session, "sdp": sdp})).await;
    assert!(phone.error().await.contains("is not the producer"));
    door.hears_nothing().await;
}

#[tokio::test]
async fn who_may_only_watch_is_told_so() {
    let server = Stranger::start_with(|config| config.anonymous = Level::Watch).await;
    let mut guest = server.client().await;
    guest.send(&json!({"type": "setPeerStatus", "roles": ["producer"], "meta": null})).await;
    assert!(guest.error().await.contains("may watch"));
}

#[tokio::test]
async fn a_silent_socket_is_pinged_and_a_dead_one_is_closed() {
    let timing = Timing { ping: Duration::from_millis(300), ..Timing::default() };
    let server = Stranger::start_with(|config| config.timing = timing).await;
    let mut alive = server.client().await;
    alive.send(&json!({"type": "setPeerStatus", "roles": ["listener"], "meta": null})).await;
    alive.next().await;
    // It does not read, so it does not answer pings.
    let mut dead = server.producer("dead").await;
    assert_eq!(alive.next().await["roles"], json!(["producer"]));
    let gone = alive.next().await;
    assert_eq!((&gone["roles"], &gone["peerId"]), (&json!([]), &json!(dead.id)));
    assert_eq!(dead.closed().await, (1008, "no answer to a ping".into()));
}

#[tokio::test]
async fn the_end_of_the_server_is_a_close_frame() {
    let server = Stranger::start().await;
    let (mut door, mut phone) = (server.producer("door").await, server.client().await);
    phone.start_session(&mut door).await;
    let (_, door, phone) = tokio::join!(server.server.stop(), door.closed(), phone.closed());
    assert_eq!((door.0, phone.0), (1001, 1001));
}

/// As stock elements show who they are: in the path, or with a header where they can set one.
#[tokio::test(flavor = "multi_thread")]
async fn a_stock_client_keeps_its_peer_id() {
    let server = &Stranger::start_with(|config| config.anonymous = Level::Deny).await;
    let token = server.device("door");
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("X-Intercom-Instance", "cam")];
    let in_path = format!("/t/{token}/mic");
    let ids = join_all([("/", &headers[..]), (&in_path, &[])].map(async |(path, headers)| {
        let connect =
            async || Client::upgrade(tcp(server.plain()).await, path, headers).await.unwrap();
        let mut first = connect().await;
        let id = first.next().await["peerId"].clone();
        let welcome = json!({"type": "welcome", "peerId": id});
        first.send_raw(Message::Close(None)).await;
        let mut again = connect().await;
        assert_eq!(again.next().await, welcome, "it left and came back");

        // Whoever is there is asked, answers, and stays.
        let mut double = connect().await;
        let (code, words) = tokio::select! {
            closed = double.closed() => closed,
            heard = again.next_raw() => panic!("{heard:?}"),
        };
        assert_eq!((code, &*words), (4409, "another connection has your peer id and is alive"));
        let mut silent = again;

        // It has lost its network, and nobody has told the server.
        let start = Instant::now();
        let mut newer = connect().await;
        assert_eq!(newer.next().await, welcome, "in the place of the one that hangs");
        let took = start.elapsed();
        assert!((2..10).contains(&took.as_secs()), "{took:?}");
        assert_eq!(silent.closed().await, (4409, "a newer connection took your peer id".into()));
        newer.hears_nothing().await;
        id
    }))
    .await;
    assert_ne!(ids[0], ids[1], "two installations");
}
