//! The plugins that `make plugins` makes, and every `gst-launch-1.0` line of their README, against
//! our signaller. The lines are taken from the page, so that it stays true.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use intercom_tests::{PATIENCE, Plugins, Program, Signaller};

const README: &str = include_str!("../../gst-plugins/README.md");

const CAMERA: &str = "videotestsrc is-live=true";
const PLAYBIN: &str = "playbin3 video-sink='fakesink name=seen silent=false' \
    audio-sink='fakesink name=heard silent=false' ";

/// How many frames, and how many packets of sound, count as flowing.
const ENOUGH: usize = 30;

#[test]
fn our_own_elements() {
    picture_and_sound_flow("Our own elements");
}

#[test]
fn our_own_elements_set_as_the_stock_ones() {
    let stage = Stage::enter();
    let (_producer, mut consumer) = stage.play("The same, set as the stock elements");
    expect_flow(&mut consumer, "seen");
}

#[test]
fn a_recording_ends_properly() {
    let stage = Stage::enter();
    let (_producer, mut recorder) = stage.play("A recording");
    let file = stage.plugins.path().join("door.mkv");
    let deadline = Instant::now() + PATIENCE;
    while file.metadata().map_or(0, |file| file.len()) < 50_000 {
        assert!(Instant::now() < deadline, "nothing is recorded");
        sleep(Duration::from_millis(50));
    }
    recorder.signal("INT");
    recorder.expect("Got EOS");
    assert!(recorder.wait().success());
    let found = Command::new("gst-discoverer-1.0").arg(file).output().unwrap();
    assert!(text(&found).contains("VP8") && text(&found).contains("Seekable: yes"), "{found:?}");
}

#[test]
fn playbin3_finds_a_producer_by_its_name() {
    let mut stage = Stage::enter();
    stage.plugins.trust(&stage.signaller.ca());
    let _producer = stage.produce(&lines("A recording")[0]);
    for line in lines("A name for playbin3") {
        expect_flow(&mut stage.launch(&line), "seen");
    }
}

#[test]
fn picture() {
    let stage = Stage::enter();
    let (_producer, mut consumer) = stage.play("Picture");
    expect_flow(&mut consumer, "seen");
}

#[test]
fn picture_and_sound() {
    picture_and_sound_flow("Picture and sound");
}

#[test]
fn camera_and_microphone() {
    picture_and_sound_flow("Camera and microphone");
}

#[test]
fn over_tls() {
    picture_and_sound_flow("Over TLS, from anywhere");
}

#[test]
fn the_sound_of_one_peer_at_half_its_volume() {
    let stage = Stage::enter();
    let (_producer, mut consumer) = stage.play("The sound of one peer");
    expect_flow(&mut consumer, "heard");
    let loud = decibels(&consumer.expect("from element \"loud\""));
    let soft = decibels(&consumer.expect("from element \"soft\""));
    assert!((loud - soft - 6.02).abs() < 1.0, "{loud} dB became {soft} dB");
}

// One stream each: playbin3 of GStreamer 1.22.0 now and then forgets one of two.

#[test]
fn playbin3_plays_a_picture() {
    let stage = Stage::enter();
    let _producer = stage.produce(&lines("Picture")[0]);
    expect_flow(&mut stage.launch(&lines("playbin3")[0]), "seen");
}

#[test]
fn playbin3_plays_sound_over_tls() {
    let stage = Stage::enter();
    let _producer = stage.produce(&lines("The sound of one peer")[0]);
    expect_flow(&mut stage.launch(&lines("playbin3")[1]), "heard");
}

#[test]
fn a_server_under_another_ca_is_refused() {
    let stage = Stage::enter();
    let dir = stage.plugins.path().join("pki");
    let mut pki = Program::ours("intercom-pki", ["init", "--dir", dir.to_str().unwrap()]);
    assert!(pki.wait().success());
    let ca = dir.join("ca.pem");
    let ca = ca.to_str().unwrap();
    let mut consumer = stage.launch(&lines("Over TLS, from anywhere")[1].replace("ca.pem", ca));
    consumer.expect("invalid peer certificate");
    assert!(!consumer.wait().success());
}

#[test]
fn every_line_of_the_page_is_run_here() {
    let sections = [
        "Our own elements",
        "The same, set as the stock elements",
        "A recording",
        "A name for playbin3",
        "Picture",
        "Picture and sound",
        "Camera and microphone",
        "Over TLS, from anywhere",
        "The sound of one peer",
        "playbin3",
    ];
    let run: usize = sections.into_iter().map(|section| lines(section).len()).sum();
    let written = README.lines().filter(|line| line.starts_with("gst-launch-1.0 ")).count();
    assert_eq!(run, written);
}

#[test]
fn nothing_is_missing() {
    let plugins = Plugins::ours();
    for file in ["libgstintercom.so", "libgstrsrtp.so"] {
        let linked = plugins.command("ldd").arg(plugins.path().join(file)).output().unwrap();
        assert!(linked.status.success() && !text(&linked).contains("not found"), "{linked:?}");
    }
    for (element, file) in [
        ("intercomsink", "libgstintercom.so"),
        ("intercomsrc", "libgstintercom.so"),
        ("webrtcsink", "libgstintercom.so"),
        ("webrtcsrc", "libgstintercom.so"),
        ("rtpgccbwe", "libgstrsrtp.so"),
    ] {
        let found = file_of(plugins.command("gst-inspect-1.0").arg(element));
        assert_eq!(found, plugins.path().join(file));
    }
}

#[test]
fn of_two_of_a_kind_the_first_on_the_path_is_taken() {
    let (ours, stock) = (Plugins::ours(), Plugins::stock());
    let mut inspect = ours.command("gst-inspect-1.0");
    inspect.env("GST_PLUGIN_SYSTEM_PATH", stock.path());
    assert_eq!(file_of(inspect.arg("webrtcsink")), ours.path().join("libgstintercom.so"));

    let mut inspect = ours.command("gst-inspect-1.0");
    inspect.env("GST_PLUGIN_SYSTEM_PATH", stock.path());
    let losers = text(&inspect.arg("-b").output().unwrap());
    assert!(losers.contains("libgstrswebrtc.so"), "{losers}");
}

/// A signaller, our plugins, and what takes the place of devices.
struct Stage {
    signaller: Signaller,
    plugins: Plugins,
}

impl Stage {
    fn enter() -> Self {
        Self { signaller: Signaller::start(), plugins: Plugins::ours() }
    }

    /// Runs the two lines of a section, the second when the first is on air.
    fn play(&self, section: &str) -> (Program, Program) {
        let [producer, consumer] = &lines(section)[..] else { panic!("{section} has two lines") };
        (self.produce(producer), self.launch(consumer))
    }

    fn produce(&self, line: &str) -> Program {
        let producer = self.launch(line);
        self.signaller.lobby().await_producers(1);
        producer
    }

    /// A line of the page with this stage's address, CA and peer, and test sources for devices.
    /// What arrives is printed on its way into the sink.
    fn launch(&self, line: &str) -> Program {
        let port = self.signaller.port();
        let mut line = line.trim_start_matches("gst-launch-1.0 ").to_owned();
        for (on_the_page, here) in [
            ("127.0.0.1:8443", format!("127.0.0.1:{port}").as_str()),
            ("door.local:8443", &format!("localhost:{port}")),
            ("cafile=ca.pem", &format!("cafile={}", self.signaller.ca().display())),
            ("location=door.mkv", &format!("location={}/door.mkv", self.plugins.path().display())),
            ("webrtcsink ", "webrtcsink stun-server=NULL "),
            ("webrtcsrc ", "webrtcsrc stun-server=NULL "),
            ("alsasrc device=sysdefault:CARD=Device", "audiotestsrc is-live=true"),
            ("libcamerasrc camera-name=/base/axi/pcie@1000120000/rp1/i2c@88000/imx708@1a", CAMERA),
            ("alsasink device=sysdefault:CARD=UACDemoV10", "level name=soft ! autoaudiosink"),
            ("volume volume", "level name=loud ! volume volume"),
            ("autovideosink", "identity name=seen silent=false ! autovideosink"),
            ("autoaudiosink", "identity name=heard silent=false ! autoaudiosink"),
            ("playbin3 ", PLAYBIN),
        ] {
            line = line.replace(on_the_page, here);
        }
        if line.contains("PEER-ID") {
            let peer = self.signaller.lobby().await_producers(1).remove(0);
            line = line.replace("PEER-ID", &peer);
        }
        self.plugins.launch(&format!("-m {line}"))
    }
}

fn picture_and_sound_flow(section: &str) {
    let stage = Stage::enter();
    let (mut producer, mut consumer) = stage.play(section);
    expect_flow(&mut consumer, "seen");
    expect_flow(&mut consumer, "heard");
    assert!(producer.is_running());
}

fn expect_flow(consumer: &mut Program, place: &str) {
    for _ in 0..ENOUGH {
        consumer.expect(&format!(":{place}: last-message = chain"));
    }
}

/// The loudness in a message of a `level` element.
fn decibels(message: &str) -> f64 {
    let (_, rms) = message.split_once("rms=(GValueArray)< ").unwrap();
    rms.split([' ', ',']).next().unwrap().parse().unwrap()
}

/// The `gst-launch-1.0` lines of a section of the page, each in one piece.
fn lines(section: &str) -> Vec<String> {
    let (_, rest) = README.split_once(&format!("\n### {section}\n")).expect(section);
    let section = rest.split("\n#").next().unwrap().replace("\\\n", "");
    let lines: Vec<_> =
        section.lines().filter(|line| line.starts_with("gst-launch-1.0 ")).collect();
    assert!(!lines.is_empty());
    lines.into_iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// The file that an element comes from.
fn file_of(inspect: &mut Command) -> PathBuf {
    let output = inspect.output().unwrap();
    let text = text(&output);
    let file = text.lines().find_map(|line| line.trim().strip_prefix("Filename"));
    file.unwrap_or_else(|| panic!("{output:?}")).trim().into()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
