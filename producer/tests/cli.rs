//! `intercom-producer` as a stranger meets it: what it says when it cannot work, and how it ends.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

use intercom_media::devices::Kind;

/// A server that is not there: nobody listens on the discard port.
const NOBODY: &str = "ws://127.0.0.1:9";

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_intercom-producer"));
    command.args(["--server", NOBODY]).args(args);
    // The bug of another plugin must not be ours.
    command.env("GST_PLUGIN_PATH", env!("CARGO_MANIFEST_DIR"));
    command.output().unwrap()
}

/// The one line on standard error that says what is wrong.
fn error_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), 1, "{text}");
    lines[0].to_owned()
}

#[test]
fn a_mistake_on_the_command_line_is_one_line_and_code_2() {
    for (args, words) in [
        (&["--nonsense"][..], "--nonsense"),
        (&["--video", "webcam"], "\"webcam\" is none of auto, test[:PATTERN], v4l2:/dev/videoN"),
        (&["--audio", "v4l2:/dev/video0"], "is none of auto, test[:WAVE], alsa:DEVICE"),
        (&["--size", "720p"], "\"720p\" is not a size like 1280x720@30"),
        (&["--bitrate", "lots"], "\"lots\" is not a bitrate from 50k to 50M"),
        (&["--codec", "h265"], "\"h265\" is none of vp8, vp9, h264 or av1"),
        (&["--encode", "twice"], "\"twice\" is none of shared or per-viewer"),
        (&["--ca", "/no/such/file"], "cannot be read"),
        (&["--stun-server", "there"], "is not an address like stun://HOST:PORT"),
        (&["--name", ""], "a name has 1 to 64 printable characters"),
        (&["--log", "loud=loud"], "is none of error, warn, info, debug and trace"),
        (&["--video", "none", "--audio", "none"], "leave nothing to send"),
        (&["--video", "test:nosuch"], "\"nosuch\" is no test pattern; there are smpte"),
        (&["--video", "launch:nosuchelement"], "nosuchelement is missing"),
        (&["--video", "launch:videotestsrc ! fakesink"], "has no open source end"),
        (&["--video", "file:/no/such/file"], "file:/no/such/file cannot be read: No such file"),
        (&["--video", "image:/etc"], "image:/etc cannot be read: it is no file"),
        (&["--audio", "file:/no/such/file?loop"], "file:/no/such/file cannot be read"),
        (&["--video", "rtsp://eye:secret@:1/x"], "address looks like rtsp://"),
        (&["--audio", "launch:!!"], "is not a piece of a gst-launch-1.0 line"),
    ] {
        let output = run(args);
        let line = error_line(&output);
        assert!(line.contains(words), "{args:?}: {line}");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {line}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn a_missing_element_names_its_package() {
    // A registry without plugins is a machine without packages.
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_intercom-producer"))
        .args(["--server", NOBODY, "--codec", "h264"])
        .env("GST_PLUGIN_SYSTEM_PATH_1_0", dir.path())
        .env("GST_REGISTRY_1_0", dir.path().join("registry"))
        .output()
        .unwrap();
    let line = error_line(&output);
    assert!(line.contains("webrtcbin is missing: apt install gstreamer1.0-plugins-bad"), "{line}");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_camera_that_is_not_there_is_fatal_and_the_others_are_named() {
    let output = run(&["--video", "v4l2:/dev/video97", "--audio", "none"]);
    let line = error_line(&output);
    assert!(line.contains("the camera v4l2:/dev/video97 does not work"), "{line}");
    assert!(line.contains("no camera was found") || line.contains("cameras found: "), "{line}");
    assert_eq!(output.status.code(), Some(1));

    let output = run(&["--video", "libcamera:nosuch", "--audio", "none"]);
    let line = error_line(&output);
    assert!(line.contains("the camera libcamera:nosuch does not work"), "{line}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn auto_takes_a_camera_or_says_where_it_looked() {
    if !devices(Kind::Camera).is_empty() {
        return;
    }
    let output = run(&["--video", "auto", "--audio", "none"]);
    let line = error_line(&output);
    assert!(
        line.contains("no camera was found, neither by libcamera nor as /dev/videoN"),
        "{line}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn devices_are_listed_without_a_server() {
    let output = run(&["--list-devices"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let expected = devices(Kind::Camera).len() + devices(Kind::Microphone).len();
    assert_eq!(text.lines().count(), expected, "{text}");
    assert!(text.lines().all(|line| line.split('\t').count() == 3), "{text}");
    let said =
        String::from_utf8_lossy(&output.stderr).contains("no camera or microphone was found");
    assert_eq!(said, expected == 0);
}

fn devices(kind: Kind) -> Vec<intercom_media::devices::Device> {
    intercom_media::init().unwrap();
    intercom_media::devices::list(kind)
}

#[test]
fn help_is_not_an_error() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for flag in ["--server", "--ca", "--name", "--video", "--audio", "--codec", "--encode"] {
        assert!(text.contains(flag), "{flag}");
        let variable = format!("INTERCOM_{}", flag[2..].to_uppercase());
        assert!(text.contains(&variable), "{variable}");
    }
}
