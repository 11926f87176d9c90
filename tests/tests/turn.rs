//! Media that have no other way go by the server's TURN server, and who is refused there is told so.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;

use gst::prelude::*;
use intercom_tests::{Pipeline, Program, Signaller, media_address};
use tempfile::TempDir;

#[test]
fn a_picture_comes_by_the_turn_server() {
    let mut turn = Turn::start("secret");
    let (signaller, _dir) = signaller(&turn, "secret");
    let (_door, mut phone) = both(&signaller);
    phone.expect_frames(15);
    turn.program.expect("ALLOCATE processed, success");
}

#[test]
fn whom_the_turn_server_refuses_is_told_so() {
    let turn = Turn::start("secret");
    let (signaller, _dir) = signaller(&turn, "another one");
    let (mut door, mut phone) = both(&signaller);
    for end in [&mut door, &mut phone] {
        let failed = end.expect("session-failed(");
        assert!(failed.contains(", turnRefused, "), "{failed}");
    }
    assert_eq!(phone.frames(), 0);
}

/// coturn, on an address of this machine.
struct Turn {
    program: Program,
    address: SocketAddr,
    _dir: TempDir,
}

impl Turn {
    /// Somebody else may take a free port before coturn does: then another one is tried.
    fn start(secret: &str) -> Self {
        (0..10).find_map(|_| Self::try_start(secret)).expect("a port for coturn")
    }

    fn try_start(secret: &str) -> Option<Self> {
        let dir = TempDir::new().unwrap();
        let address = UdpSocket::bind((media_address(), 0)).unwrap().local_addr().unwrap();
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        let mut command = Command::new("turnserver");
        command.args(["-n", "--no-cli", "--no-tls", "--no-dtls", "--realm=test", "--verbose"]);
        command.args(["--log-file=stdout", "--simple-log", "--use-auth-secret"]);
        command.arg(format!("--static-auth-secret={secret}"));
        command.args(["--listening-ip", &ip, "--relay-ip", &ip, "--listening-port", &port]);
        command.arg("--pidfile").arg(dir.path().join("pid"));
        command.arg("--userdb").arg(dir.path().join("users"));
        let mut program = Program::spawn("turnserver", command);
        let line = program.expect("UDP listener");
        line.contains("opened on").then_some(Self { program, address, _dir: dir })
    }
}

/// A signaller whose clients get credentials that are made with this secret.
fn signaller(turn: &Turn, secret: &str) -> (Signaller, TempDir) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("secret");
    fs::write(&path, secret).unwrap();
    let server = format!("turn:{}", turn.address);
    let options = ["--turn-server", &server, "--turn-secret-file", path.to_str().unwrap()];
    (Signaller::with_options(&[("door", "device"), ("ann", "user")], &options), dir)
}

/// Two ends that reach each other by a relay only.
fn both(signaller: &Signaller) -> (Pipeline, Pipeline) {
    let (ca, uri) = (signaller.ca(), signaller.wss());
    let tokens = ["door", "ann"].map(|name| signaller.token(name).to_str().unwrap().to_owned());
    let basics = [("uri", &*uri), ("cafile", ca.to_str().unwrap())];
    let mut phone = Pipeline::receiving(
        &[&basics[..], &[("token-file", &*tokens[1]), ("peer", "door")]].concat(),
    );
    relays(&phone);
    phone.expect("connected(");
    let door = Pipeline::sending(&[&basics[..], &[("token-file", &*tokens[0])]].concat());
    relays(&door);
    (door, phone)
}

fn relays(end: &Pipeline) {
    end.signaller().connect("webrtcbin-ready", false, |values| {
        let webrtcbin = values[2].get::<gst::Element>().unwrap();
        webrtcbin.set_property_from_str("ice-transport-policy", "relay");
        None
    });
}
