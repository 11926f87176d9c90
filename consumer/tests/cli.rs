//! `intercom-consumer` as a stranger meets it: what it says when it cannot work, and how it ends.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

/// A server that is not there: nobody listens on the discard port.
const NOBODY: &str = "ws://127.0.0.1:9";

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_intercom-consumer"));
    command.args(["--server", NOBODY]).args(args).output().unwrap()
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
        (&["--server", "door"], "is not an address like wss://HOST:8443"),
        (&["--video-out", "window"], "\"window\" is none of auto, none, file:PATH or launch:"),
        (&["--audio-out", "v4l2:x"], "is none of auto, none, alsa:DEVICE, "),
        (&["--volume", "11"], "a volume is a number from 0 to 10"),
        (&["--latency", "soon"], "--latency"),
        (&["--duration", "0"], "a number of seconds above 0"),
        (&["--peer", "a", "--peer-id", "b"], "cannot be used with"),
        (&["--record", "a.avi"], "a recording's name ends in .mkv, .webm or .mp4"),
        (&["--record", "/no/such/place/a.mkv"], "cannot be made"),
        (&["--video-out", "launch:nosuchelement"], "nosuchelement is missing"),
        (&["--audio-out", "launch:audiotestsrc"], "has no open sink end"),
    ] {
        // The last --server counts for clap only when it is given once.
        let output = if args[0] == "--server" {
            Command::new(env!("CARGO_BIN_EXE_intercom-consumer")).args(args).output().unwrap()
        } else {
            run(args)
        };
        let line = error_line(&output);
        assert!(line.contains(words), "{args:?}: {line}");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {line}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn a_recording_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mkv");
    std::fs::write(&path, "precious").unwrap();
    let output = run(&["--record", path.to_str().unwrap()]);
    assert!(error_line(&output).contains("exists already"));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_list_of_a_server_that_is_not_there_is_a_failure() {
    let output = run(&["--list"]);
    assert!(error_line(&output).contains("no answer from the server"));
    assert_eq!(output.status.code(), Some(1));
}
