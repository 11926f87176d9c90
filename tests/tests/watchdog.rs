//! A session that is no longer any good is noticed at both ends, soon and with the cause.

#![allow(clippy::unwrap_used)]

use std::thread::sleep;
use std::time::{Duration, Instant};

use gst::prelude::*;
use intercom_tests::{Pipeline, Plugins, Program, Signaller, Stranger};
use serde_json::json;

/// The promise is 5 s; a busy machine has three times that.
const NOTICED: Duration = Duration::from_secs(3 * 5);

#[test]
fn a_viewer_that_freezes_is_noticed() {
    let signaller = Signaller::start();
    let mut door = door(&signaller);
    let plugins = Plugins::ours();
    let viewer = viewer(&signaller, &plugins, &mut door);
    viewer.signal("STOP");
    expect_gone(&mut door);
    assert_eq!(failed(&door, "peerGone"), 1);
    assert_eq!(stats(&door).get::<u64>("live").unwrap(), 0);
}

#[test]
fn a_viewer_that_stalls_and_then_freezes_is_noticed() {
    let signaller = Signaller::start();
    let mut door = door(&signaller);
    let plugins = Plugins::ours();
    let viewer = viewer(&signaller, &plugins, &mut door);
    viewer.signal("STOP");
    sleep(Duration::from_millis(2200));
    viewer.signal("CONT");
    sleep(Duration::from_secs(1));
    viewer.signal("STOP");
    expect_gone(&mut door);
}

#[test]
fn a_producer_that_freezes_is_noticed_and_taken_again_when_it_thaws() {
    let signaller = Signaller::start();
    let plugins = Plugins::ours();
    let door = sender(&signaller, &plugins);
    let mut phone = phone(&signaller, &[]);
    phone.expect_frames(ENOUGH);
    door.signal("STOP");
    expect_gone(&mut phone);
    door.signal("CONT");
    phone.expect("session started");
    phone.expect_frames(30);
}

#[test]
fn a_producer_that_dies_while_the_signaller_is_away_is_noticed() {
    let mut signaller = Signaller::start();
    let plugins = Plugins::ours();
    let mut door = sender(&signaller, &plugins);
    let mut phone = phone(&signaller, &[]);
    phone.expect_frames(ENOUGH);
    signaller.kill();
    door.kill();
    expect_gone(&mut phone);
}

#[test]
fn a_session_without_media_fails_at_both_ends() {
    let signaller = Signaller::start();
    let mut door = door(&signaller);
    door.expect("connected(");
    stop_media(&door);
    let mut phone = phone(&signaller, &[]);
    expect_no_media(&mut door, &mut phone);
}

#[test]
fn media_that_stop_are_noticed() {
    let signaller = Signaller::start();
    let mut door = door(&signaller);
    door.expect("connected(");
    let mut phone = phone(&signaller, &[]);
    phone.expect_frames(15);
    stop_media(&door);
    expect_no_media(&mut door, &mut phone);
}

#[test]
fn a_viewer_that_cannot_be_reached_is_told_so() {
    let signaller = Signaller::start();
    let properties = [("uri", &*signaller.ws()), ("negotiation-timeout", "0")];
    let mut door = Pipeline::sending(&properties);
    let peer_id = door.peer_id();
    let mut viewer = Stranger::connect(&signaller.ws());
    viewer.send(json!({"type": "setProtocolVersion", "version": "v1_1"}));
    viewer.send(json!({"type": "startSession", "peerId": peer_id}));
    let offer = viewer.expect("an offer", |message| message["sdp"]["type"] == "offer");
    let answer = offer["sdp"]["sdp"].as_str().unwrap();
    let answer = answer.replace("setup:actpass", "setup:active").replace("sendonly", "recvonly");
    let nowhere = "candidate:1 1 UDP 2122260223 127.0.0.1 9 typ host";
    for what in [
        json!({"sdp": {"type": "answer", "sdp": answer}}),
        json!({"ice": {"candidate": nowhere, "sdpMLineIndex": 0}}),
    ] {
        let mut message = json!({"type": "peer", "sessionId": offer["sessionId"]});
        message.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
        viewer.send(message);
    }
    let line = door.expect("session-failed(");
    assert!(line.contains(", iceFailed, "), "{line}");
    let ended = viewer.expect("the end", |message| message["type"] == "endSessionV1_1");
    assert!(ended["error"].as_str().unwrap().starts_with("iceFailed: "), "{ended}");
}

#[test]
fn a_viewer_that_takes_nothing_of_what_is_offered_is_noticed() {
    let signaller = Signaller::start();
    let mut door = door(&signaller);
    let peer_id = door.peer_id();
    let mut viewer = Stranger::connect(&signaller.ws());
    viewer.send(json!({"type": "startSession", "peerId": peer_id}));
    let started = viewer.expect("a session", |message| message["type"] == "sessionStarted");
    viewer.expect("an offer", |message| message["sdp"]["type"] == "offer");
    let answer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
        m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:video0\r\na=inactive\r\n";
    viewer.send(json!({
        "type": "peer", "sessionId": started["sessionId"],
        "sdp": {"type": "answer", "sdp": answer},
    }));
    let line = door.expect("session-failed(");
    assert!(line.contains(", codec, "), "{line}");
}

#[test]
fn a_viewer_that_cannot_use_what_comes_says_so() {
    let signaller = Signaller::start();
    let mut door = door(&signaller);
    door.expect("connected(");
    let mut phone = phone(&signaller, &[("video-codecs", "<H264>")]);
    for end in [&mut door, &mut phone] {
        let line = end.expect("session-failed(");
        assert!(line.contains(", codec, "), "{line}");
    }
}

/// Frames in the seconds after which one is known who speaks every second.
const ENOUGH: usize = 75;
const SEEN: &str = "video/x-vp8 ! identity name=seen silent=false ! fakesink";

fn door(signaller: &Signaller) -> Pipeline {
    Pipeline::sending(&[("name", "door"), ("uri", &signaller.ws())])
}

fn phone(signaller: &Signaller, more: &[(&str, &str)]) -> Pipeline {
    let uri = signaller.ws();
    Pipeline::receiving(&[&[("peer", "door"), ("uri", &*uri)], more].concat())
}

/// A viewer in a process of its own, whom the door knows well.
fn viewer(signaller: &Signaller, plugins: &Plugins, door: &mut Pipeline) -> Program {
    door.expect("connected(");
    let line = format!("-v intercomsrc peer=door uri={} ! {SEEN}", signaller.ws());
    let mut viewer = plugins.launch(&line);
    flows(&mut viewer);
    viewer
}

/// A producer in a process of its own.
fn sender(signaller: &Signaller, plugins: &Plugins) -> Program {
    let picture =
        "videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=240,framerate=15/1";
    let sink = format!("intercomsink name=door video-caps=video/x-vp8 uri={}", signaller.ws());
    let sender = plugins.launch(&format!("{picture} ! queue leaky=downstream ! {sink}"));
    signaller.lobby().await_producer("door");
    sender
}

/// Before the encoder: the session and its RTCP stay.
fn stop_media(door: &Pipeline) {
    for pad in door.element().sink_pads() {
        let stop = gst::PadProbeType::BLOCK | gst::PadProbeType::BUFFER;
        pad.add_probe(stop, |_, _| gst::PadProbeReturn::Ok);
    }
}

fn expect_no_media(door: &mut Pipeline, phone: &mut Pipeline) {
    for end in [&mut *phone, &mut *door] {
        let line = end.expect("session-failed(");
        assert!(line.contains(", noMedia, "), "{line}");
        end.expect("session ended");
    }
    assert_eq!((failed(door, "noMedia"), failed(phone, "noMedia")), (1, 1));
}

fn flows(viewer: &mut Program) {
    for _ in 0..ENOUGH {
        viewer.expect("seen: last-message = chain");
    }
}

fn expect_gone(end: &mut Pipeline) {
    let since = Instant::now();
    let line = end.expect("session-failed(");
    assert!(line.contains(", peerGone, "), "{line}");
    assert!(since.elapsed() < NOTICED, "only after {:?}", since.elapsed());
    end.expect("session ended");
}

fn failed(end: &Pipeline, code: &str) -> u64 {
    stats(end).get::<gst::Structure>("failed").unwrap().get(code).unwrap()
}

fn stats(end: &Pipeline) -> gst::Structure {
    end.signaller().property("stats")
}
