//! What comes and goes leaves nothing behind: viewers of a producer, and calls of a device, one after
//! another.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use intercom_tests::{PATIENCE, Pipeline, Plugins, Program, Signaller, Stranger, Usage};
use serde_json::json;
use tempfile::TempDir;

/// Viewers until everything that is made once has been made.
const WARM_UP: usize = 5;

/// Files and threads that come and go with what is idle: a pool of buffers between two elements has two files,
/// and what they agree on is a matter of moments. A session has more of each.
const IDLE: usize = 3;

/// What memory may come to that is in nobody's use, KiB: three times as much as was seen.
const HOLES: usize = 16 * 1024;
/// The same after a hundred calls.
const MORE_HOLES: usize = 32 * 1024;

#[test]
fn twenty_viewers_leave_nothing_behind() {
    watch_again_and_again(20);
}

#[test]
#[ignore = "make soak"]
fn three_hundred_viewers_leave_nothing_behind() {
    watch_again_and_again(300);
}

fn watch_again_and_again(cycles: usize) {
    let (signaller, plugins) = (Signaller::start(), Plugins::ours());
    let uri = signaller.ws();
    let picture =
        "videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=240,framerate=15/1";
    let sink = format!("intercomsink name=door video-caps=video/x-vp8 uri={uri}");
    let door = plugins.launch(&format!("{picture} ! queue leaky=downstream ! {sink}"));
    signaller.lobby().await_producer("door");
    let watch = || {
        let mut phone = Pipeline::receiving(&[("peer", "door"), ("uri", &uri)]);
        phone.expect_frames(5);
    };
    stays_flat(&door, cycles, HOLES, watch);
}

#[test]
fn twenty_calls_leave_nothing_behind() {
    call_again_and_again(20, HOLES);
}

#[test]
#[ignore = "make soak"]
fn a_hundred_calls_leave_nothing_behind() {
    call_again_and_again(100, MORE_HOLES);
}

/// Each with sound both ways, and a picture.
fn call_again_and_again(calls: usize, holes: usize) {
    // Nobody may ring more often at once.
    let names: Vec<_> = (0..(WARM_UP + calls).div_ceil(10)).map(|i| format!("ann{i}")).collect();
    let callers = names.iter().map(|name| (name.as_str(), "user"));
    let signaller =
        Signaller::with_accounts(&callers.chain([("door", "device")]).collect::<Vec<_>>());
    let dir = TempDir::new().unwrap();
    let seen = dir.path().join("seen");
    let screen = format!("launch:filesink buffer-mode=unbuffered location={}", seen.display());
    let media = ["--video", "test:ball", "--size", "320x240@15", "--audio", "test"];
    let phone = ["--answer", "auto", "--speaker", "launch:fakesink sync=true"];
    let door = signaller.device("door", &[&media[..], &phone].concat());
    let mut callers = names.iter().cycle();
    let talk = || {
        let _ = fs::remove_file(&seen);
        let ends = ["--audio", "test", "--audio-out", "none", "--video-out", &screen];
        let name = callers.next().unwrap();
        let mut ann = signaller.terminal(name, &[&["--call", "door"], &ends[..]].concat());
        ann.expect("in call with door");
        let deadline = Instant::now() + PATIENCE;
        while fs::metadata(&seen).map_or(0, |seen| seen.len()) == 0 {
            assert!(Instant::now() < deadline, "no picture");
            sleep(Duration::from_millis(20));
        }
        ann.signal("INT");
        assert!(ann.wait().success());
    };
    stays_flat(&door, calls, holes, talk);
}

/// Some before the producer's sink has begun with them, some while it does.
#[test]
fn guests_that_leave_at_once_leave_nothing_behind() {
    const CLOSED: &str = "camera and microphone are closed";
    const GUESTS: u64 = 20;
    let signaller = Signaller::start();
    let media = ["--video", "test:ball", "--audio", "test", "--size", "320x240@15"];
    let (mut door, id) = signaller.producer("door", &media);
    let mut guest = Stranger::connect(&signaller.ws());
    let mut come_and_go = |after: Duration| {
        guest.send(json!({"type": "startSession", "peerId": id}));
        let started = guest.expect("a session", |message| message["type"] == "sessionStarted");
        sleep(after);
        guest.send(json!({"type": "endSession", "sessionId": started["sessionId"]}));
    };
    door.expect(CLOSED);
    come_and_go(Duration::ZERO);
    door.expect(CLOSED);
    let before = Usage::settled(&door);
    for after in (0..GUESTS).map(|i| i.saturating_sub(GUESTS / 2)) {
        come_and_go(Duration::from_millis(5 * after));
    }
    door.expect(CLOSED);
    await_flat(&door, before, HOLES);
    let said = door.output();
    assert!(!said.contains("CRITICAL"), "{said}");
}

/// Has something done so often, after which the program has of the system what it had before.
fn stays_flat(program: &Program, cycles: usize, holes: usize, mut once: impl FnMut()) {
    (0..WARM_UP).for_each(|_| once());
    let before = Usage::settled(program);
    (0..cycles).for_each(|_| once());
    await_flat(program, before, holes);
}

/// Waits until the last ones are out as well.
fn await_flat(program: &Program, before: Usage, holes: usize) {
    let is_flat = |now: &Usage| {
        now.threads <= before.threads + IDLE
            && now.files <= before.files + IDLE
            && now.kib <= before.kib + holes
    };
    let after = Usage::once(program, is_flat);
    println!("at first {before:?}; at last {after:?}");
    assert!(is_flat(&after), "{before:?} became {after:?}");
}
