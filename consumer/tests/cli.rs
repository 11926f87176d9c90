//! `intercom-consumer` as a stranger meets it. All mistakes are rows of `docs/ref/bad-input.md`.
//!
//! Cargo builds a program for the tests of other crates only where a crate has tests of its own: this is why
//! `tests/` finds it.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

use intercom_media::devices::{self, Kind};

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_intercom-consumer")).args(args).output().unwrap()
}

#[test]
fn devices_are_listed_without_a_server() {
    let output = run(&["--list-devices"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    intercom_media::init().unwrap();
    assert_eq!(text.lines().count(), devices::list(Kind::Loudspeaker).len(), "{text}");
    assert!(text.lines().all(|line| line.split('\t').count() == 3), "{text}");
}

#[test]
fn help_is_not_an_error() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for flag in ["--server", "--ca", "--peer", "--video-out", "--audio-out", "--record"] {
        assert!(text.contains(flag), "{flag}");
        let variable = format!("INTERCOM_{}", flag[2..].replace('-', "_").to_uppercase());
        assert!(text.contains(&variable), "{variable}");
    }
}
