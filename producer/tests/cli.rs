//! `intercom-producer` as a stranger meets it, where the machine decides what it says. All other mistakes are
//! rows of `docs/ref/bad-input.md`.

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
