//! Calls with real media: devices and terminals ring, talk and hang up through a real signaller,
//! which dies and comes back meanwhile.

#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use intercom_client::{
    Account, CallEnd, CallEvent, CallId, Client, Config, Event, Events, HangUpReason, Login, Media,
    Role, Status, Trust,
};
use intercom_tests::{PATIENCE, Plugins, Program, Signaller};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// What they sound like, Hz.
const FRONT: f64 = 500.0;
const BACK: f64 = 1_500.0;
const ANN: f64 = 900.0;

/// Samples a second of what is heard, 16 bits each.
const RATE: usize = 48_000;
/// Half a second of it.
const WINDOW: usize = RATE / 2 * 2;
/// Of what is seen, a byte a pixel.
const FRAME: usize = 160 * 120;

#[test]
fn two_devices_hear_and_see_each_other_and_are_free_again() {
    let signaller = house(&[("front", "device"), ("back", "device")]);
    let mut back = End::device(&signaller, "back", BACK, &["--answer", "accounts:front"]);
    for _ in 0..2 {
        let mut front = End::device(&signaller, "front", FRONT, &["--call", "back"]);
        front.program.signal("USR1");
        front.program.expect("ringing back");
        back.program.expect("call from front");
        back.program.expect("in call with front");
        front.program.expect("in call with back");
        front.expect_media(BACK);
        back.expect_media(FRONT);
        assert!(front.program.terminate().success());
        back.program.expect("call ended: hangup");
        nothing_is_freed_awake(&mut front);
    }
    assert!(back.program.terminate().success());
    nothing_is_freed_awake(&mut back);
}

#[test]
fn a_terminal_talks_to_a_device_and_others_find_it_busy() {
    let signaller = house(&[("door", "device"), ("ann", "user"), ("bob", "user")]);
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("control");
    let args = ["--answer", "auto", "--control-socket", path.to_str().unwrap()];
    let mut door = End::device(&signaller, "door", FRONT, &args);
    let mut ann = End::terminal(&signaller, "ann", ANN, "door");
    ann.program.expect("ringing door");
    ann.program.expect("in call with door");
    door.program.expect("call from ann");
    ann.expect_media(FRONT);
    door.expect_media(ANN);

    let mut bob = signaller.terminal("bob", &["--call", "door", "--audio", "test"]);
    // On two outputs, of which either may be read first.
    bob.expect("error: the call with door ended: busy");
    assert_eq!(bob.wait().code(), Some(1));
    assert!(bob.output().lines().any(|line| line == "call ended: busy"));
    door.expect_media(ANN);

    ann.program.signal("INT");
    assert!(ann.program.wait().success());
    door.program.expect("call ended: hangup");

    let mut ann = End::terminal(&signaller, "ann", ANN, "door");
    ann.program.expect("in call with door");
    door.program.expect("in call with ann");
    assert_eq!(Control::of(&path).say("hangup"), "ok");
    ann.program.expect("call ended: hangup");
    assert!(ann.program.wait().success());
}

#[test]
fn who_is_answered_is_greeted_before_the_microphone_is_heard() {
    const WELCOME: f64 = 2_500.0;
    let signaller = house(&[("door", "device"), ("ann", "user")]);
    let dir = TempDir::new().unwrap();
    let welcome = clip(dir.path(), WELCOME, 3);
    let args = ["--answer", "auto", "--greeting", welcome.to_str().unwrap()];
    let mut door = End::device(&signaller, "door", FRONT, &args);
    let mut ann = End::terminal(&signaller, "ann", ANN, "door");
    ann.sound.expect_tone(WELCOME);
    ann.sound.expect_tone(FRONT);
    ann.program.signal("INT");
    assert!(ann.program.wait().success());
    door.program.expect("call ended: hangup");
    std::fs::write(&welcome, "no sound").unwrap();
    let mut ann = End::terminal(&signaller, "ann", ANN, "door");
    door.program.expect("the greeting cannot be played (");
    ann.sound.expect_tone(FRONT);
}

#[test]
fn a_person_logs_in_with_a_password_at_a_terminal() {
    let signaller = house(&[("door", "device"), ("ann", "user")]);
    let mut door = End::device(&signaller, "door", FRONT, &["--answer", "auto"]);
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("password");
    std::fs::write(&path, "correct horse\n").unwrap();
    let mut sound = Tap::sound();
    let tone = tone(ANN);
    let args = ["--user", "ann", "--password-file", path.to_str().unwrap(), "--call", "door"];
    let media = ["--audio", &tone, "--audio-out", &sound.sink, "--video-out", "none"];
    let mut ann = signaller.consumer(&[&args[..], &media].concat());
    ann.expect("others can read the password in ");
    ann.expect("in call with door");
    door.sound.expect_tone(ANN);
    sound.expect_tone(FRONT);
    assert!(!ann.output().contains("correct horse"));
}

#[test]
fn who_is_not_wanted_or_not_there_is_told_so() {
    let names = [("door", "device"), ("gate", "device"), ("shed", "device"), ("ann", "user")];
    let signaller = house(&names);
    let mut door = End::device(&signaller, "door", FRONT, &["--answer", "accounts:bob"]);
    // It has a phone, to ring somebody.
    let args = ["--answer", "never", "--call", "ann"];
    let mut gate = End::device(&signaller, "gate", BACK, &args);
    let _shed = End::device(&signaller, "shed", BACK, &[]);
    for (to, why) in [
        ("door", "rejected"),
        ("gate", "rejected"),
        ("shed", "notCallable"),
        ("attic", "noSuchAccount"),
    ] {
        let mut ann = signaller.terminal("ann", &["--call", to, "--audio", "test"]);
        ann.expect(&format!("call ended: {why}"));
        assert_eq!(ann.wait().code(), Some(1), "{to}");
    }
    for device in [&mut door, &mut gate] {
        device.program.expect("call from ann");
        device.program.expect("call ended: rejected");
    }
}

#[test]
fn nobody_answers_for_half_a_minute() {
    let signaller = house(&[("ann", "user"), ("bob", "user")]);
    let mut bob = Handset::of(&signaller, "bob");
    let mut ann = signaller.terminal("ann", &["--call", "bob", "--audio", "test"]);
    let call = bob.incoming();
    ann.expect_within(2 * PATIENCE, "call ended: noAnswer");
    assert_eq!(ann.wait().code(), Some(1));
    bob.expect_end(&call, CallEnd::NoAnswer);
}

#[test]
#[ignore = "make soak"]
fn a_call_in_which_nothing_ever_comes_is_given_up() {
    let signaller = house(&[("door", "device"), ("ann", "user")]);
    let mut door = End::device(&signaller, "door", FRONT, &["--answer", "auto"]);
    let ann = Handset::of(&signaller, "ann");
    ann.client.call("door".into(), Media { audio: true, video: false });
    door.program.expect("in call with ann");
    let begun = Instant::now();
    door.program.expect_within(3 * PATIENCE, "call ended: mediaFailed");
    assert!(begun.elapsed() > Duration::from_secs(50), "she may be asked for her microphone");
}

#[test]
fn a_device_that_is_hung_up_on_hears_why() {
    let signaller = house(&[("door", "device"), ("ann", "user")]);
    let mut door = End::device(&signaller, "door", FRONT, &["--call", "ann"]);
    let mut ann = Handset::of(&signaller, "ann");
    for accepts in [false, true] {
        door.program.signal("USR1");
        let call = ann.incoming();
        if accepts {
            ann.client.accept(call.clone(), Media { audio: true, video: false });
            door.program.expect("in call with ann");
        }
        ann.client.hang_up(call.clone(), HangUpReason::Hangup);
        let (end, words) = match accepts {
            true => (CallEnd::Hangup, "call ended: hangup"),
            false => (CallEnd::Rejected, "call ended: rejected"),
        };
        ann.expect_end(&call, end);
        door.program.expect(words);
    }
}

#[test]
fn a_device_does_what_its_control_socket_says() {
    let signaller = house(&[("door", "device"), ("ann", "user")]);
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("control");
    let args = ["--control-socket", path.to_str().unwrap()];
    let mut door = End::device(&signaller, "door", FRONT, &args);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let mut ann = Handset::of(&signaller, "ann");
    let mut control = Control::of(&path);
    let mut say = |line: &str| control.say(line);
    assert_eq!((say("status"), say("hangup")), ("idle".into(), "error: idle".into()));
    assert_eq!(say("dance"), "error: say call NAME, hangup or status");
    assert_eq!(say("call ann"), "ok");
    let call = ann.incoming();
    door.program.expect("ringing ann");
    assert_eq!(
        (say("status"), say("call ann")),
        ("ringing ann".into(), "error: ringing ann".into())
    );
    ann.client.accept(call.clone(), Media { audio: true, video: false });
    door.program.expect("in call with ann");
    assert_eq!((say("status"), say("hangup")), ("in call with ann".into(), "ok".into()));
    ann.expect_end(&call, CallEnd::Hangup);
    door.program.expect("call ended: hangup");
    assert!(door.program.terminate().success());
    assert!(!path.exists());
}

#[test]
fn a_killed_signaller_ends_no_call() {
    let mut signaller = house(&[("front", "device"), ("back", "device"), ("ann", "user")]);
    let mut back = End::device(&signaller, "back", BACK, &["--answer", "auto"]);
    let mut front = End::device(&signaller, "front", FRONT, &["--call", "back"]);
    let mut ann = Handset::of(&signaller, "ann");
    front.program.signal("USR1");
    front.program.expect("in call with back");
    front.expect_media(BACK);
    back.expect_media(FRONT);

    let registrations = |program: &mut Program| program.output().matches(" registered ").count();
    let sessions = |program: &mut Program| {
        let said = program.output();
        said.matches("session started").count() + said.matches("session requested").count()
    };
    let before = registrations(&mut front.program);
    // Each takes one and gives one.
    let begun = [&mut front, &mut back].map(|end| {
        while sessions(&mut end.program) < 2 {
            end.program.expect(" session ");
        }
        sessions(&mut end.program)
    });
    signaller.kill();
    front.expect_media(BACK);
    back.expect_media(FRONT);
    signaller.restart();
    // Registered again, both, and every connection of the one that is to hang up.
    front.program.expect("on air: ");
    back.program.expect("on air: ");
    while registrations(&mut front.program) < 2 * before {
        front.program.expect(" registered ");
    }
    front.expect_media(BACK);
    back.expect_media(FRONT);
    ann.await_status("back", Status::Busy);
    // What comes is still the same session.
    assert_eq!([&mut front, &mut back].map(|end| sessions(&mut end.program)), begun);

    assert!(front.program.terminate().success());
    back.program.expect("call ended: hangup");
    ann.await_status("back", Status::Available);
    let (front, back) = (front.program.output(), back.program.output());
    for output in [front, back] {
        assert_eq!(output.matches("in call with").count(), 1, "{output}");
    }
}

#[test]
fn who_ends_before_it_is_connected_again_hangs_up() {
    let mut signaller = house(&[("front", "device"), ("back", "device")]);
    let mut back = End::device(&signaller, "back", BACK, &["--answer", "auto"]);
    let mut front = End::device(&signaller, "front", FRONT, &["--call", "back"]);
    front.program.signal("USR1");
    front.program.expect("in call with back");
    front.expect_media(BACK);
    signaller.kill();
    // Time in which the waits between its attempts grow.
    front.expect_media(BACK);
    signaller.restart();
    assert!(front.program.terminate().success());
    back.program.expect("call ended: hangup");
}

#[test]
fn a_device_that_loses_its_power_in_a_call_is_away_and_then_gone() {
    let signaller = house(&[("door", "device"), ("ann", "user"), ("bob", "user")]);
    let mut door = End::device(&signaller, "door", FRONT, &["--call", "ann"]);
    let mut ann = Handset::of(&signaller, "ann");
    let mut bob = Handset::of(&signaller, "bob");
    door.program.signal("USR1");
    let call = ann.incoming();
    ann.client.accept(call.clone(), Media { audio: true, video: false });
    door.program.expect("in call with ann");
    door.program.kill();
    let gone = Instant::now();
    ann.await_call(|event| matches!(event, CallEvent::Away { .. }).then_some(()));
    ann.expect_end(&call, CallEnd::Disconnected);
    assert!(gone.elapsed() < Duration::from_secs(45), "{:?}", gone.elapsed());
    bob.await_status("ann", Status::Available);
}

#[test]
fn a_device_whose_power_is_back_can_be_called_again_at_once() {
    let signaller = house(&[("door", "device"), ("ann", "user")]);
    let mut door = End::device(&signaller, "door", FRONT, &["--answer", "auto"]);
    let mut ann = End::terminal(&signaller, "ann", ANN, "door");
    ann.expect_media(FRONT);
    door.program.kill();
    let mut door = End::device(&signaller, "door", BACK, &["--answer", "auto"]);
    ann.program.expect("call ended: disconnected");
    let mut ann = End::terminal(&signaller, "ann", ANN, "door");
    ann.expect_media(BACK);
    door.expect_media(ANN);
}

#[test]
fn the_other_side_hears_that_a_camera_fails_and_works_again() {
    let signaller = house(&[("door", "device"), ("ann", "user")]);
    let camera = "launch:videotestsrc is-live=true ! identity error-after=60";
    let media = ["--video", camera, "--size", "160x120@30", "--audio", "test", "--always-on"];
    let phone = ["--answer", "auto", "--speaker", "none"];
    let _door = signaller.device("door", &[&media[..], &phone].concat());
    Handset::of(&signaller, "host").await_callable("door");
    let mut ann = Handset::of(&signaller, "ann");
    ann.client.call("door".into(), Media { audio: false, video: false });
    for video in [false, true, false] {
        ann.await_call(|event| match event {
            CallEvent::Updated { media, .. } if media.video == video => Some(()),
            _ => None,
        });
    }
}

#[test]
fn what_is_heard_and_seen_in_a_call_can_go_into_files() {
    let signaller = house(&[("door", "device"), ("ann", "user")]);
    let dir = TempDir::new().unwrap();
    let (heard, seen) = (dir.path().join("heard.wav"), dir.path().join("seen.avi"));
    let [speaker, show] = [&heard, &seen].map(|path| format!("file:{}", path.display()));
    let args = ["--answer", "auto", "--video", "test", "--size", "320x240@15"];
    let outputs = ["--speaker", &speaker, "--show", &show];
    let mut door = signaller.device("door", &[&args[..], &outputs].concat());
    Handset::of(&signaller, "host").await_callable("door");
    let mut ann = End::terminal(&signaller, "ann", ANN, "door");
    // What is written lasts from the start, and is silence without a call.
    let deadline = Instant::now() + PATIENCE;
    while !sounds(&heard, ANN) {
        assert!(Instant::now() < deadline, "ann is not heard");
        std::thread::sleep(Duration::from_millis(200));
    }
    ann.program.signal("INT");
    assert!(ann.program.wait().success());
    door.expect("call ended: hangup");
    assert!(door.terminate().success());
    for path in [&heard, &seen] {
        assert!(door.output().contains(&format!("recorded {}", path.display())));
    }
    assert!(sounds(&heard, ANN));
    let plays = format!("filesrc location={} ! avidemux ! jpegdec ! fakesink", seen.display());
    let played =
        Command::new("gst-launch-1.0").args(["-q"]).args(plays.split_whitespace()).status();
    assert!(played.unwrap().success());
}

#[test]
fn what_rings_when_the_signaller_is_killed_ends() {
    let mut signaller = house(&[("door", "device"), ("ann", "user")]);
    let mut door = End::device(&signaller, "door", FRONT, &["--call", "ann"]);
    let mut ann = Handset::of(&signaller, "ann");
    door.program.signal("USR1");
    let call = ann.incoming();
    signaller.kill();
    signaller.restart();
    door.program.expect("call ended: disconnected");
    ann.expect_end(&call, CallEnd::Disconnected);
    ann.await_status("door", Status::Available);
    door.program.signal("USR1");
    let call = ann.incoming();
    ann.client.hang_up(call, HangUpReason::Hangup);
    door.program.expect("call ended: rejected");
}

#[test]
fn a_third_account_neither_sees_nor_ends_nor_overhears() {
    let names = [("door", "device"), ("ann", "user"), ("eve", "user")];
    let signaller = house(&names);
    let mut eve = Handset::of(&signaller, "eve");
    eve.await_account(|account| account.name == "door");
    for right in ["watch", "see"] {
        signaller.manage(&["rights", "set", "door", right, "ann"]);
    }
    eve.await_event(|event| matches!(event, Event::AccountGone { .. }).then_some(()));
    let mut door = End::device(&signaller, "door", FRONT, &["--answer", "auto"]);
    let on_air = door.program.output();
    let peer_id = on_air.rsplit_once("(peer id ").unwrap().1.split(')').next().unwrap().to_owned();
    let mut ann = Handset::of(&signaller, "ann");
    ann.client.call("door".into(), Media { audio: true, video: false });
    let call = ann.await_call(|event| match event {
        CallEvent::Accepted { call, .. } => Some(call),
        _ => None,
    });
    eve.client.list_accounts();
    let seen = eve.await_event(|event| match event {
        Event::Accounts(accounts) => Some(accounts),
        _ => None,
    });
    assert!(seen.iter().all(|account| account.name != "door"), "{seen:?}");
    eve.client.hang_up(call.clone(), HangUpReason::Hangup);
    let mut watching = signaller.terminal("eve", &["--peer-id", &peer_id, "--video-out=none"]);
    watching.expect(&format!("error: no producer has the peer id \"{peer_id}\""));
    assert_eq!(watching.wait().code(), Some(1));
    let mut ringing = signaller.terminal("eve", &["--call", "door", "--audio", "test"]);
    ringing.expect("call ended: noSuchAccount");
    assert!(!door.program.output().contains("call ended"));
    ann.client.hang_up(call.clone(), HangUpReason::Hangup);
    ann.expect_end(&call, CallEnd::Hangup);
}

#[test]
fn who_may_not_watch_is_told_so_and_a_call_changes_nothing() {
    let signaller = house(&[("door", "device"), ("ann", "user"), ("eve", "user")]);
    for name in ["door", "ann"] {
        signaller.manage(&["rights", "set", name, "watch", "host"]);
    }
    let mut door = End::device(&signaller, "door", FRONT, &["--answer", "auto"]);
    let mut eve = Handset::of(&signaller, "eve");
    let mut ann = End::terminal(&signaller, "ann", ANN, "door");
    let caller = eve.await_event(|event| match event {
        Event::ProducerAdded { peer_id, account, .. } if account.as_deref() == Some("ann") => {
            Some(peer_id.to_string())
        }
        _ => None,
    });
    door.expect_media(ANN);
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("overheard.mkv");
    let record = ["--record", path.to_str().unwrap(), "--duration", "2"];
    for (whom, name) in [(["--watch", "door"], "door"), (["--peer-id", &caller], "ann")] {
        let mut eve = signaller.terminal("eve", &[&whom[..], &record].concat());
        eve.expect(&format!("error: {name} does not let you watch it"));
        assert_eq!(eve.wait().code(), Some(1));
        assert!(!path.exists());
    }
    ann.expect_media(FRONT);
}

#[test]
fn a_revoked_token_is_cut_within_a_second() {
    let signaller = house(&[("door", "device"), ("ann", "user")]);
    let mut door = End::device(&signaller, "door", FRONT, &["--answer", "auto"]);
    let mut ann = End::terminal(&signaller, "ann", ANN, "door");
    ann.expect_media(FRONT);
    let listed = signaller.manage(&["token", "list", "door", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let id = listed[0]["id"].to_string();
    signaller.manage(&["token", "revoke", id.trim_matches('"')]);
    let revoked = Instant::now();
    ann.program.expect("call ended: loggedOut");
    // A busy machine has three times that.
    assert!(revoked.elapsed() < Duration::from_secs(3), "{:?}", revoked.elapsed());
    door.program.expect("error: the server has closed this connection for good");
    assert_eq!(door.program.wait().code(), Some(1));
}

#[test]
fn stock_elements_log_in_by_header_and_by_path() {
    let signaller = house(&[("cam", "device"), ("tv", "device")]);
    let plugins = Plugins::stock();
    let token =
        |name: &str| std::fs::read_to_string(signaller.token(name)).unwrap().trim().to_owned();
    let (server, ca) = (signaller.wss(), signaller.ca());
    let ca = format!("signaller::cafile={}", ca.display());
    let by_path = |name: &str| format!("signaller::uri={server}/t/{}/living {ca}", token(name));
    let by_header = |name: &str| {
        let bearer = format!("Bearer {}", token(name));
        let header =
            format!(r#"'signaller::headers="headers,authorization=(string)\"{bearer}\""'"#);
        format!("signaller::uri={server} {ca} {header}")
    };
    for (sender, receiver) in [(by_path("cam"), by_header("tv")), (by_header("cam"), by_path("tv"))]
    {
        let mut tv = Handset::of(&signaller, "tv");
        let _cam = plugins.launch(&format!("videotestsrc ! webrtcsink stun-server=NULL {sender}"));
        let producer = tv.await_event(|event| match event {
            Event::ProducerAdded { account, .. } => Some(account),
            _ => None,
        });
        assert_eq!(producer.as_deref(), Some("cam"));
        let mut seen = plugins.launch(&format!(
            "-v webrtcsrc connect-to-first-producer=true stun-server=NULL {receiver} \
             ! videoconvert ! queue ! fakesink name=video silent=false"
        ));
        for _ in 0..30 {
            seen.expect("GstFakeSink:video: last-message = chain");
        }
    }
}

/// A signaller with these accounts, and one that sees them all.
fn house(accounts: &[(&str, &str)]) -> Signaller {
    Signaller::with_accounts(&[accounts, &[("host", "admin")]].concat())
}

/// A program in a call, and what comes out of its loudspeaker and its screen.
struct End {
    program: Program,
    sound: Tap,
    picture: Tap,
}

impl End {
    /// An `intercom-producer` with a phone; returns when it can be called, if it can be.
    fn device(signaller: &Signaller, name: &str, tone: f64, args: &[&str]) -> Self {
        let (sound, picture) = (Tap::sound(), Tap::picture());
        let tone = self::tone(tone);
        let media = ["--video", "test:ball", "--size", "320x240@15", "--audio", &tone];
        let outputs = ["--speaker", &sound.sink, "--show", &picture.sink];
        let program = signaller.device(name, &[&media[..], &outputs, args].concat());
        if args.contains(&"--answer") {
            Handset::of(signaller, "host").await_callable(name);
        }
        Self { program, sound, picture }
    }

    /// An `intercom-consumer` that rings somebody.
    fn terminal(signaller: &Signaller, name: &str, tone: f64, to: &str) -> Self {
        let (sound, picture) = (Tap::sound(), Tap::picture());
        let tone = self::tone(tone);
        let media = ["--call", to, "--video", "test:ball", "--audio", &tone];
        let outputs = ["--audio-out", &sound.sink, "--video-out", &picture.sink];
        let program = signaller.terminal(name, &[&media[..], &outputs].concat());
        Self { program, sound, picture }
    }

    /// Waits until, from now on, this tone is heard and a picture that moves is seen.
    fn expect_media(&mut self, tone: f64) {
        self.sound.expect_tone(tone);
        self.picture.expect("a moving picture", 2 * FRAME, |frames| {
            let (first, second) = frames.split_at(FRAME);
            first != second
        });
    }
}

/// GStreamer says so when an element is freed that was not closed before.
fn nothing_is_freed_awake(end: &mut End) {
    let output = end.program.output();
    assert!(!output.contains("Trying to dispose element"), "{output}");
}

/// A sound file of so many seconds.
fn clip(dir: &Path, frequency: f64, seconds: u32) -> PathBuf {
    let path = dir.join("clip.wav");
    let line = format!(
        "audiotestsrc samplesperbuffer=480 num-buffers={} volume=0.5 freq={frequency} \
         ! audio/x-raw,rate=48000 ! wavenc ! filesink location={}",
        seconds * 100,
        path.display()
    );
    let made = Command::new("gst-launch-1.0").args(["-q"]).args(line.split_whitespace()).status();
    assert!(made.unwrap().success());
    path
}

fn tone(frequency: f64) -> String {
    format!("launch:audiotestsrc is-live=true volume=0.5 freq={frequency}")
}

/// Whether this tone is in a file of two channels, for a while.
fn sounds(path: &Path, tone: f64) -> bool {
    let bytes = std::fs::read(path).unwrap();
    let left: Vec<u8> = bytes
        .get(44..)
        .unwrap_or_default()
        .chunks_exact(4)
        .flat_map(|pair| [pair[0], pair[1]])
        .collect();
    left.chunks_exact(WINDOW).any(|window| share_of(tone, window) > 0.8)
}

/// How much of the sound is this tone: 1 if nothing else is heard (Goertzel's algorithm).
fn share_of(tone: f64, sound: &[u8]) -> f64 {
    let samples: Vec<f64> = sound
        .chunks_exact(2)
        .map(|pair| f64::from(i16::from_le_bytes([pair[0], pair[1]])))
        .collect();
    let energy: f64 = samples.iter().map(|sample| sample * sample).sum();
    let twice_cosine = 2.0 * (std::f64::consts::TAU * tone / RATE as f64).cos();
    let (last, before) = samples
        .iter()
        .fold((0.0, 0.0), |(last, before), sample| (sample + twice_cosine * last - before, last));
    let power = last * last + before * before - twice_cosine * last * before;
    let of_all = 2.0 * power / (samples.len() as f64 * energy);
    // Silence is not this tone either.
    if energy / samples.len() as f64 > 1e5 { of_all } else { 0.0 }
}

/// What comes out of a pipeline, through a pipe that is always read.
struct Tap {
    sink: String,
    chunks: Receiver<Vec<u8>>,
    _dir: TempDir,
}

impl Tap {
    fn sound() -> Self {
        Self::new("audioconvert ! audio/x-raw,format=S16LE,channels=1,rate=48000")
    }

    fn picture() -> Self {
        Self::new("videoconvert ! videoscale ! video/x-raw,format=GRAY8,width=160,height=120")
    }

    fn new(form: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let sink =
            format!("launch:{form} ! filesink buffer-mode=unbuffered location={}", pipe.display());
        let (sender, chunks) = channel();
        std::thread::spawn(move || {
            // Closed and opened again with each call.
            while let Ok(mut file) = File::open(&pipe) {
                let mut chunk = vec![0; 64 * 1024];
                while let Ok(read @ 1..) = file.read(&mut chunk) {
                    if sender.send(chunk[..read].to_vec()).is_err() {
                        return;
                    }
                }
            }
        });
        Self { sink, chunks, _dir: dir }
    }

    /// Waits until, from now on, this tone and hardly anything else is heard.
    fn expect_tone(&mut self, tone: f64) {
        self.expect(&format!("{tone} Hz"), WINDOW, |sound| share_of(tone, sound) > 0.8);
    }

    /// Waits until as many bytes in a row that come from now on are what is wanted.
    fn expect(&mut self, what: &str, len: usize, is_it: impl Fn(&[u8]) -> bool) {
        while self.chunks.try_recv().is_ok() {}
        let (deadline, mut bytes) = (Instant::now() + PATIENCE, Vec::new());
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.chunks.recv_timeout(left) {
                Ok(chunk) => bytes.extend(chunk),
                Err(RecvTimeoutError::Timeout) => panic!("no {what}"),
                Err(RecvTimeoutError::Disconnected) => panic!("no {what}: nothing comes any more"),
            }
            while bytes.len() >= len {
                if is_it(&bytes[..len]) {
                    return;
                }
                bytes.drain(..len);
            }
        }
    }
}

/// A connection to a device's control socket.
struct Control(BufReader<UnixStream>);

impl Control {
    fn of(path: &Path) -> Self {
        Self(BufReader::new(UnixStream::connect(path).unwrap()))
    }

    /// Says a line, and returns the answer.
    fn say(&mut self, line: &str) -> String {
        writeln!(self.0.get_mut(), "{line}").unwrap();
        let mut answer = String::new();
        self.0.read_line(&mut answer).unwrap();
        answer.trim_end().to_owned()
    }
}

/// A phone of a person, played by the test.
struct Handset {
    runtime: Runtime,
    client: Client,
    events: Events,
}

impl Handset {
    /// Returns when it is logged in.
    fn of(signaller: &Signaller, account: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let config = Config {
            trust: Trust::CaFile(signaller.ca()),
            login: Login::token_file(&signaller.token(account)).unwrap(),
            calls: true,
            ..Config::new(signaller.wss().parse().unwrap(), Role::Listener)
        };
        let (client, events) = Client::spawn(config, runtime.handle());
        let mut handset = Self { runtime, client, events };
        handset.await_event(|event| matches!(event, Event::Connected { .. }).then_some(()));
        handset
    }

    fn await_event<T>(&mut self, wanted: impl Fn(Event) -> Option<T>) -> T {
        let events = &mut self.events;
        let found = async {
            loop {
                let event = events.next().await.expect("the client goes on");
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
        };
        let found = async { tokio::time::timeout(2 * PATIENCE, found).await };
        self.runtime.block_on(found).expect("an event that does not come")
    }

    fn await_call<T>(&mut self, wanted: impl Fn(CallEvent) -> Option<T>) -> T {
        self.await_event(|event| match event {
            Event::Call(event) => wanted(event),
            _ => None,
        })
    }

    fn incoming(&mut self) -> CallId {
        self.await_call(|event| match event {
            CallEvent::Incoming { call, .. } => Some(call),
            _ => None,
        })
    }

    fn expect_end(&mut self, of: &CallId, why: CallEnd) {
        let reason = self.await_call(|event| match event {
            CallEvent::Ended { call, reason } if call == *of => Some(reason),
            _ => None,
        });
        assert_eq!(reason, why);
    }

    fn await_status(&mut self, name: &str, status: Status) {
        self.await_account(|account| account.name == name && account.status == status);
    }

    fn await_callable(&mut self, name: &str) {
        self.await_account(|account| account.name == name && account.callable);
    }

    fn await_account(&mut self, is_it: impl Fn(&Account) -> bool) {
        self.client.list_accounts();
        self.await_event(|event| match event {
            Event::Presence(account) => is_it(&account).then_some(()),
            Event::Accounts(accounts) => accounts.iter().any(&is_it).then_some(()),
            _ => None,
        });
    }
}
