//! A viewer who sends descriptions that end an unprotected GStreamer producer.

#![allow(clippy::unwrap_used)]

use intercom_tests::{Plugins, Program, Signaller, Stranger};
use serde_json::{Value, json};

const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";

/// Empty answers are fatal to webrtcsink; a BUNDLE without the first m-line aborts its process.
fn answers() -> Vec<String> {
    let rejected = "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:video0\r\na=inactive\r\n";
    let data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:application1\r\n";
    vec![
        String::new(),
        "\r\n".into(),
        "garbage".into(),
        HEAD.into(),
        format!("{HEAD}a=group:BUNDLE application1\r\n{rejected}{data}"),
        format!("{HEAD}a=group:BUNDLE nobody\r\n{rejected}{data}"),
        format!("{HEAD}a=group:BUNDLE video0\r\n{}{data}", rejected.replace(" 0 ", " 00 ")),
        format!("{HEAD}a=group:BUNDLE video0\r\n{}{data}", rejected.replace(" 0 ", "  0/2 ")),
        format!("{HEAD}a=\0\r\n{data}"),
    ]
}

#[test]
fn a_stock_producer_survives_what_a_viewer_answers() {
    let signaller = Signaller::start();
    let plugins = Plugins::stock();
    let uri = format!("signaller::uri={}", signaller.ws());
    let sink = format!(
        "videotestsrc is-live=true ! webrtcsink video-caps=video/x-vp8 stun-server=NULL {uri}"
    );
    let mut producer = plugins.launch(&sink);
    let peer_id = signaller.lobby().await_producers(1).remove(0);

    for answer in answers() {
        a_bad_answer_ends_its_session(&signaller, &peer_id, &answer);
        a_bad_offer_is_refused(&signaller, &peer_id, &answer);
    }
    assert!(producer.is_running(), "the producer is gone:\n{}", producer.output());
    still_serves(&signaller, &peer_id);
    assert!(!producer.output().contains("ERROR"), "{}", producer.output());
}

fn a_bad_answer_ends_its_session(signaller: &Signaller, peer_id: &str, answer: &str) {
    let mut viewer = Stranger::connect(&signaller.ws());
    let session = watch(&mut viewer, peer_id);
    viewer.send(json!({
        "type": "peer", "sessionId": session, "sdp": {"type": "answer", "sdp": answer},
    }));
    let ended = viewer.expect("endSession", |message| message["type"] == "endSession");
    assert_eq!(ended["sessionId"], session);
}

fn a_bad_offer_is_refused(signaller: &Signaller, peer_id: &str, offer: &str) {
    let mut viewer = Stranger::connect(&signaller.ws());
    viewer.send(json!({"type": "startSession", "peerId": peer_id, "offer": offer}));
    viewer.expect("error", |message| message["type"] == "error");
}

/// A viewer that behaves gets the producer's offer.
fn still_serves(signaller: &Signaller, peer_id: &str) {
    watch(&mut Stranger::connect(&signaller.ws()), peer_id);
}

/// Asks for a session and waits for its offer; returns its id.
fn watch(viewer: &mut Stranger, peer_id: &str) -> Value {
    viewer.send(json!({"type": "startSession", "peerId": peer_id}));
    let offer = viewer.expect("an offer", |message| message["sdp"]["type"] == "offer");
    offer["sessionId"].clone()
}

#[test]
fn our_producer_survives_it_too() {
    let signaller = Signaller::start();
    let (mut producer, peer_id) =
        signaller.producer("door", &["--video", "test", "--audio", "test", "--size", "320x240@15"]);
    for answer in answers() {
        a_bad_answer_ends_its_session(&signaller, &peer_id, &answer);
    }
    assert!(producer.is_running(), "the producer is gone:\n{}", producer.output());
    still_serves(&signaller, &peer_id);
    let code = Program::terminate(&mut producer).code();
    assert_eq!(code, Some(0), "{}", producer.output());
}
