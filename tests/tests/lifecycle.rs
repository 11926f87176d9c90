//! Camera and microphone of a device: open when somebody is there, and replaced while they fail.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    os::unix::net::UnixListener,
    path::Path,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use intercom_tests::{PATIENCE, Program, Signaller, Stranger, target_dir};
use serde_json::json;
use tempfile::TempDir;

/// A frame of what is seen, a byte a pixel.
const FRAME: usize = 16 * 16;

/// A white picture that fails after three seconds, each time.
const FAILING: &str = "launch:videotestsrc is-live=true pattern=white ! identity error-after=90";

#[test]
fn devices_are_open_while_somebody_is_there() {
    let signaller = Signaller::start();
    let dir = TempDir::new().unwrap();
    let (picture, sound) = (dir.path().join("a.avi"), dir.path().join("a.wav"));
    launch(&format!(
        "videotestsrc num-buffers=30 ! jpegenc ! avimux ! filesink location={}",
        picture.display()
    ));
    launch(&format!(
        "audiotestsrc num-buffers=100 ! wavenc ! filesink location={}",
        sound.display()
    ));
    let spec = |path: &Path| format!("file:{}?loop", path.display());
    let media = ["--video", &spec(&picture), "--audio", &spec(&sound), "--size", "320x240@30"];
    // First, so that it would close first.
    let (kept, _) = signaller.producer("kept", &[&media[..], &["--always-on"]].concat());
    let (mut door, id) = signaller.producer("door", &media);
    let await_open = |door: &Program, open: bool| {
        for path in [&picture, &sound] {
            await_that(&format!("{path:?} being open: {open}"), || has_open(door, path) == open);
        }
    };
    for _ in 0..2 {
        door.expect("nobody is there, camera and microphone are closed");
        await_open(&door, false);
        await_open(&kept, true);
        signaller.lobby().await_producer("door");
        let mut viewer = watch(&signaller, &id, &dir.path().join("seen"));
        door.expect("somebody comes, camera and microphone are opened");
        await_open(&door, true);
        let seen = dir.path().join("seen");
        await_that("a picture", || fs::metadata(&seen).is_ok_and(|seen| seen.len() > 0));
        assert!(viewer.terminate().success());
    }
}

#[test]
fn a_camera_that_fails_is_replaced_until_it_works_again() {
    let signaller = Signaller::start();
    let dir = TempDir::new().unwrap();
    let media = ["--video", FAILING, "--audio", "test", "--size", "320x240@30"];
    let (mut door, id) = signaller.producer("door", &media);
    let seen = dir.path().join("seen");
    let mut viewer = watch(&signaller, &id, &seen);
    let sessions = |viewer: &mut Program| viewer.output().matches("watching door").count();
    viewer.expect("watching door");
    await_that("a picture", || !brightness(&seen).is_empty());
    let before = sessions(&mut viewer);
    await_that("a camera that comes back", || changes(&seen) >= 3);
    assert_eq!(sessions(&mut viewer), before, "it is one session");
    door.expect("the source of the picture does not work (");
    door.expect("the source of the picture works again");
    assert!(viewer.terminate().success());
}

#[test]
fn a_microphone_that_fails_does_not_touch_the_picture() {
    let signaller = Signaller::start();
    let dir = TempDir::new().unwrap();
    let media = [
        "--video",
        "test:white",
        "--audio",
        "launch:audiotestsrc is-live=true ! identity error-after=100",
        "--size",
        "320x240@30",
    ];
    let (mut door, id) = signaller.producer("door", &media);
    let seen = dir.path().join("seen");
    let mut viewer = watch(&signaller, &id, &seen);
    for _ in 0..2 {
        door.expect("the source of sound does not work (");
        door.expect("the source of sound works again");
    }
    let before = brightness(&seen).len();
    await_that("more of the picture", || brightness(&seen).len() > before + 30);
    assert_eq!(changes(&seen), 0);
    assert!(viewer.terminate().success());
}

#[test]
fn a_sound_server_that_hangs_holds_nobody_up() {
    let signaller = Signaller::start();
    let dir = TempDir::new().unwrap();
    // Who connects is never answered.
    let path = dir.path().join("socket");
    let _server = UnixListener::bind(&path).unwrap();
    let (wss, ca) = (signaller.wss(), signaller.ca());
    for audio in ["pulse", "auto"] {
        let mut command = Command::new(target_dir().join("intercom-producer"));
        command
            .args(["--server", &wss, "--ca", ca.to_str().unwrap(), "--name", audio])
            .args(["--video", "test:white", "--audio", audio, "--size", "320x240@30"])
            .env("PULSE_SERVER", format!("unix:{}", path.display()));
        let mut door = Program::spawn(audio, command);
        let on_air = door.expect("on air: ");
        let id = on_air.rsplit_once("peer id ").unwrap().1.trim_end_matches(')');
        let seen = dir.path().join(audio);
        let mut viewer = watch(&signaller, id, &seen);
        await_that("a picture", || brightness(&seen).len() > 30);
        let complaint = format!("the microphone {audio} does not work (it does not open)");
        // On a busy machine it says so before it is on air.
        if !door.output().contains(&complaint) {
            door.expect(&complaint);
        }
        assert!(viewer.terminate().success());
        let asked = Instant::now();
        assert!(door.terminate().success());
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(20), "{took:?}");
    }
}

#[test]
fn who_brings_an_offer_is_answered_though_nobody_watches() {
    const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
        a=group:BUNDLE 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n\
        a=recvonly\r\na=rtcp-mux\r\na=setup:actpass\r\na=ice-ufrag:abcd\r\n\
        a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 \
        00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
        a=rtpmap:96 VP8/90000\r\n";
    let signaller = Signaller::start();
    let media = ["--video", "test", "--audio", "none", "--size", "320x240@30"];
    let (mut door, id) = signaller.producer("door", &media);
    door.expect("nobody is there, camera and microphone are closed");
    let mut viewer = Stranger::connect(&signaller.ws());
    viewer.send(json!({"type": "startSession", "peerId": id, "offer": OFFER}));
    viewer.expect("an answer", |message| message["sdp"]["type"] == "answer");
}

/// Watches, and writes the picture into a file, small and grey.
fn watch(signaller: &Signaller, id: &str, seen: &Path) -> Program {
    let _ = fs::remove_file(seen);
    let form = "videoconvert ! videoscale ! video/x-raw,format=GRAY8,width=16,height=16";
    let screen =
        format!("launch:{form} ! filesink buffer-mode=unbuffered location={}", seen.display());
    signaller.consumer(&["--peer-id", id, "--audio-out", "none", "--video-out", &screen])
}

/// Of each frame, 0 to 255.
fn brightness(seen: &Path) -> Vec<usize> {
    let pixels = fs::read(seen).unwrap_or_default();
    let mean = |frame: &[u8]| frame.iter().map(|pixel| usize::from(*pixel)).sum::<usize>() / FRAME;
    pixels.chunks_exact(FRAME).map(mean).collect()
}

/// How often a white picture became a dark one, or came back.
fn changes(seen: &Path) -> usize {
    let frames: Vec<_> = brightness(seen).into_iter().map(|mean| mean > 160).collect();
    frames.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

fn has_open(program: &Program, path: &Path) -> bool {
    let files = fs::read_dir(format!("/proc/{}/fd", program.id())).unwrap();
    let mut files = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    files.any(|file| file == path)
}

fn await_that(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "no {what}");
        sleep(Duration::from_millis(50));
    }
}

fn launch(line: &str) {
    let made = Command::new("gst-launch-1.0").arg("-q").args(line.split_whitespace()).status();
    assert!(made.unwrap().success());
}
