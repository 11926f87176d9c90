//! What `intercomsink` and `intercomsrc` live through: a picture that is on its way goes on, and the
//! producer is listed again under its name and its peer id.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use intercom_tests::{Pipeline, Plugins, Program, Relay, Signaller};

/// From the server's return until the producer must be listed. The promise is 5 s; a busy machine
/// has three times that.
const LISTED_AGAIN: Duration = Duration::from_secs(15);

#[test]
fn a_signaller_that_is_killed_and_back_at_once() {
    survives_an_outage(Duration::from_millis(100));
}

#[test]
fn a_signaller_that_is_away_for_5_seconds() {
    survives_an_outage(Duration::from_secs(5));
}

#[test]
#[ignore = "make soak"]
fn a_signaller_that_is_away_for_25_seconds() {
    survives_an_outage(Duration::from_secs(25));
}

#[test]
#[ignore = "make soak"]
fn a_signaller_that_is_away_for_a_minute() {
    survives_an_outage(Duration::from_secs(60));
}

#[test]
fn a_certificate_that_is_renewed() {
    let mut house = House::enter();
    let certificate = house.signaller.ca().with_file_name("server.pem");
    let before = fs::read(&certificate).unwrap();
    fs::remove_file(&certificate).unwrap();
    house.signaller.program().signal("HUP");
    house.signaller.program().expect("certificate");
    assert_ne!(fs::read(&certificate).unwrap(), before);
    house.phone.expect_frames(15);
    let is_lost = |line: &String| line.starts_with("disconnected");
    assert!(!house.door.said().iter().any(is_lost), "no connection is closed for it");

    house.signaller.kill();
    house.signaller.restart();
    house.is_as_before();
}

#[test]
fn a_line_that_swallows_everything() {
    let signaller = Signaller::with_accounts(&[("door", "device"), ("ann", "user")]);
    let relay = Relay::to(signaller.port());
    let mut house = House::around(signaller, relay.port());
    let before = relay.connections();
    relay.swallow();
    house.door.expect("disconnected(");
    house.is_as_before();
    let more = relay.connections() - before;
    assert!((1..=2).contains(&more), "one instead, or two on a busy machine, not {more}");
}

#[test]
fn a_token_that_is_revoked_ends_it_in_one_line() {
    let signaller = Signaller::with_accounts(&[("door", "device"), ("ann", "user")]);
    let relay = Relay::to(signaller.port());
    let mut house = House::around(signaller, relay.port());
    let before = relay.connections();
    let listed = house.signaller.manage(&["token", "list", "door"]);
    let id = listed.lines().nth(1).and_then(|line| line.split_whitespace().next()).unwrap();
    house.signaller.manage(&["token", "revoke", id]);
    let error = house.door.expect("error: ");
    sleep(Duration::from_secs(10));
    let more = relay.connections() - before;
    assert!(more <= 2, "{more} more connections: a storm has five in this time");
    let errors = house.door.said().iter().filter(|line| line.starts_with("error: ")).count();
    assert_eq!(errors, 1, "{:#?}", house.door.said());
    assert!(error.contains("closed this connection for good"), "{error}");
}

/// Both ends in one process that looks names up in a file of the test's.
#[test]
fn a_name_whose_address_changes() {
    let (mut signaller, plugins) = (Signaller::start(), Plugins::ours());
    let hosts = plugins.path().join("hosts");
    fs::write(&hosts, "127.0.0.1 door.test\n").unwrap();
    let uri = signaller.ws().replace("127.0.0.1", "door.test");
    let mut command = plugins.command("gst-launch-1.0");
    command.env("LD_PRELOAD", "libnss_wrapper.so").env("NSS_WRAPPER_HOSTS", &hosts).args([
        "-v",
        "videotestsrc",
        "is-live=true",
        "!",
        "video/x-raw,format=I420,width=320,height=240,framerate=15/1",
        "!",
        "intercomsink",
        "name=door",
        "video-caps=video/x-vp8",
        &format!("uri={uri}"),
        "intercomsrc",
        "peer=door",
        &format!("uri={uri}"),
        "!",
        "identity",
        "name=seen",
        "silent=false",
        "!",
        "fakesink",
    ]);
    let mut both = Program::spawn("gst-launch-1.0", command);
    let frames = |program: &mut Program| {
        for _ in 0..30 {
            program.expect("seen: last-message = chain");
        }
    };
    frames(&mut both);
    signaller.kill();
    fs::write(&hosts, "127.0.0.2 door.test\n").unwrap();
    signaller.restart_at("127.0.0.2");
    signaller.lobby().await_producer("door");
    frames(&mut both);
}

/// What `gst-launch-1.0` has linked to the pads of a session, it does not link to those of the next.
#[test]
fn a_producer_that_is_started_again_while_gst_launch_watches() {
    let (signaller, plugins) = (Signaller::start(), Plugins::ours());
    let uri = signaller.ws();
    let seen = "identity name=seen silent=false ! fakesink sync=true";
    let watch = |caps: &str| {
        plugins.launch(&format!("-v intercomsrc peer=door uri={uri} ! {caps} ! {seen}"))
    };
    let mut viewers = ["video/x-vp8", "videoconvert"].map(watch);
    for _ in 0..2 {
        let door = Pipeline::sending(&[("name", "door"), ("uri", &uri)]);
        for viewer in &mut viewers {
            viewer.output();
            for _ in 0..30 {
                viewer.expect("seen: last-message = chain");
            }
        }
        drop(door);
    }
}

fn survives_an_outage(away: Duration) {
    let mut house = House::enter();
    house.signaller.kill();
    let frames = house.phone.frames();
    sleep(away);
    house.phone.expect_frames(10);
    let least = usize::try_from(away.as_secs()).unwrap() * 10;
    assert!(house.phone.frames() - frames >= least, "15 a second are sent");
    house.signaller.restart();
    house.is_as_before();
}

/// A signaller, a door that sends and a phone that looks at it.
struct House {
    signaller: Signaller,
    door: Pipeline,
    phone: Pipeline,
    /// The door's.
    peer_id: String,
}

impl House {
    fn enter() -> Self {
        let signaller = Signaller::with_accounts(&[("door", "device"), ("ann", "user")]);
        let port = signaller.port();
        Self::around(signaller, port)
    }

    /// The door reaches the signaller by this port.
    fn around(signaller: Signaller, port: u16) -> Self {
        let (ca, wss) = (signaller.ca(), signaller.wss());
        let token = |account| signaller.token(account).to_str().unwrap().to_owned();
        let mut door = Pipeline::sending(&[
            ("name", "front door"),
            ("uri", &format!("wss://localhost:{port}")),
            ("cafile", ca.to_str().unwrap()),
            ("token-file", &token("door")),
            ("instance", "camera"),
        ]);
        let peer_id = door.peer_id();
        let mut phone = Pipeline::receiving(&[
            ("uri", &wss),
            ("cafile", ca.to_str().unwrap()),
            ("token-file", &token("ann")),
            ("peer", "door"),
        ]);
        phone.expect_frames(15);
        Self { signaller, door, phone, peer_id }
    }

    /// The picture never ended, and the door is listed as it was.
    fn is_as_before(&mut self) {
        let back = Instant::now();
        assert_eq!(self.door.peer_id(), self.peer_id);
        assert!(back.elapsed() < LISTED_AGAIN, "listed only after {:?}", back.elapsed());
        let mut list = self.signaller.terminal("ann", &["--list"]);
        list.expect(&format!("{}\tfront door\tproducer", self.peer_id));
        assert!(list.wait().success());
        assert_eq!(list.output().lines().count(), 1, "{}", list.output());

        self.phone.expect_frames(15);
        assert_eq!(sessions_and_errors(&mut self.door), [] as [&str; 0]);
        assert_eq!(sessions_and_errors(&mut self.phone), ["session started"]);
    }
}

/// What is said but of the connection.
fn sessions_and_errors(end: &mut Pipeline) -> Vec<&str> {
    let is_one = |line: &&String| ["session", "error"].iter().any(|word| line.starts_with(word));
    end.said().iter().filter(is_one).map(String::as_str).collect()
}
