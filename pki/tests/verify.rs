//! What OpenSSL and rustls say to the certificates, and how the files lie on disk.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use common::{forge, handshake, serve};
use intercom_pki::rotation::{self, Next};
use intercom_pki::{Authority, InitError, IssueError, Leaf, Limits, OpenError, Root, SERVER_LIFE};
use tempfile::TempDir;

fn made(names: &[&str], ips: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::init(dir.path(), &Limits::private()).unwrap();
    issue(&authority, names, ips).unwrap();
    dir
}

fn issue(authority: &Authority, names: &[&str], ips: &[&str]) -> Result<Leaf, IssueError> {
    let names: Vec<_> = names.iter().map(|name| name.parse().unwrap()).collect();
    let ips: Vec<_> = ips.iter().map(|ip| ip.parse().unwrap()).collect();
    authority.issue_server(&names, &ips)
}

/// `openssl verify -x509_strict`; both streams.
fn openssl_verify(dir: &Path, more: &[&str]) -> (bool, String) {
    openssl_verify_with(dir, &dir.join("ca.pem"), more)
}

fn openssl_verify_with(dir: &Path, ca: &Path, more: &[&str]) -> (bool, String) {
    let done = Command::new("openssl")
        .args(["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile"])
        .arg(ca)
        .args(more)
        .arg(dir.join("server.pem"))
        .output()
        .expect("openssl is in the Debian package openssl");
    let text = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8_lossy(&text).into_owned())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn openssl_takes_names_and_addresses_within_the_limits() {
    let dir = made(&["localhost", "door.local"], &["127.0.0.1", "192.168.7.9", "fd00::7"]);
    for more in [["-verify_hostname", "door.local"], ["-verify_ip", "fd00::7"]] {
        let (ok, text) = openssl_verify(dir.path(), &more);
        assert!(ok, "{more:?}: {text}");
    }
    let (ok, text) = openssl_verify(dir.path(), &["-verify_hostname", "other.local"]);
    assert!(!ok && text.contains("hostname mismatch"), "{text}");
}

#[test]
fn openssl_takes_a_certificate_of_addresses_alone() {
    let dir = made(&[], &["127.0.0.1", "::1"]);
    let (ok, text) = openssl_verify(dir.path(), &["-verify_ip", "::1"]);
    assert!(ok, "{text}");
}

#[test]
fn openssl_refuses_what_is_outside_the_limits() {
    for name in ["example.com", "8.8.8.8", "2001:db8::1"] {
        let dir = made(&["localhost"], &[]);
        forge(dir.path(), name);
        let (ok, text) = openssl_verify(dir.path(), &[]);
        assert!(!ok && text.contains("permitted subtree violation"), "{name}: {text}");
    }
}

#[test]
fn the_same_forgery_within_the_limits_is_taken() {
    let dir = made(&["localhost"], &[]);
    forge(dir.path(), "other.home.arpa");
    let (ok, text) = openssl_verify(dir.path(), &[]);
    assert!(ok, "{text}");
}

#[test]
fn rustls_takes_the_certificate_and_refuses_one_outside_the_limits() {
    let dir = made(&["localhost"], &["127.0.0.1"]);
    let ca = dir.path().join("ca.pem");
    let address = serve(dir.path());
    handshake(address, "localhost", &ca).unwrap();
    handshake(address, "127.0.0.1", &ca).unwrap();
    let other = made(&["localhost"], &[]);
    let error = handshake(address, "localhost", &other.path().join("ca.pem")).unwrap_err();
    assert!(error.contains("UnknownIssuer"), "{error}");
    forge(dir.path(), "example.com");
    let error = handshake(serve(dir.path()), "example.com", &ca).unwrap_err();
    assert!(error.contains("NameConstraintViolation"), "{error}");
}

#[test]
fn keys_are_their_owners_alone_and_nothing_else_is_left_lying() {
    let dir = made(&["localhost"], &[]);
    assert_eq!(mode(&dir.path().join("ca.key")), 0o600);
    assert_eq!(mode(&dir.path().join("server.key")), 0o600);
    let mut files: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, [".lock", "ca.key", "ca.pem", "server.key", "server.pem"]);
}

#[test]
fn what_is_read_back_is_what_was_asked_for() {
    let dir = made(&["localhost", "door.local", "localhost"], &["127.0.0.1", "::ffff:127.0.0.1"]);
    let root = Root::read(&dir.path().join("ca.pem")).unwrap();
    assert_eq!(root.limits, Limits::private());
    let leaf = Leaf::read(&dir.path().join("server.pem")).unwrap();
    assert_eq!(
        leaf.names.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["localhost", "door.local"]
    );
    assert_eq!(leaf.ips, ["127.0.0.1".parse::<std::net::IpAddr>().unwrap()]);
    assert!(leaf.is_signed_by(&root));
    let days = (leaf.not_after - leaf.not_before).whole_days();
    assert!(days <= 397 && days > SERVER_LIFE.whole_days(), "{days}");
    assert!(root.not_before <= leaf.not_before && leaf.not_after < root.not_after);
}

#[test]
fn a_ca_is_never_overwritten() {
    let dir = made(&["localhost"], &[]);
    let before = fs::read(dir.path().join("ca.pem")).unwrap();
    let key = fs::read(dir.path().join("ca.key")).unwrap();
    let Err(InitError::Exists(_)) = Authority::init(dir.path(), &Limits::private()) else {
        panic!("a second CA in the place of the first")
    };
    assert_eq!(fs::read(dir.path().join("ca.pem")).unwrap(), before);
    assert_eq!(fs::read(dir.path().join("ca.key")).unwrap(), key);
}

#[test]
fn an_init_that_a_power_cut_interrupted_is_finished_with_its_key() {
    let dir = made(&["localhost"], &[]);
    let key = fs::read(dir.path().join("ca.key")).unwrap();
    fs::remove_file(dir.path().join("ca.pem")).unwrap();
    fs::remove_file(dir.path().join("server.pem")).unwrap();
    let authority = Authority::init(dir.path(), &Limits::private()).unwrap();
    assert_eq!(fs::read(dir.path().join("ca.key")).unwrap(), key);
    issue(&authority, &["localhost"], &[]).unwrap();
    let (ok, text) = openssl_verify(dir.path(), &[]);
    assert!(ok, "{text}");
}

#[test]
fn two_at_once_make_one_ca() {
    let dir = tempfile::tempdir().unwrap();
    let made = std::thread::scope(|scope| {
        let init = || Authority::init(dir.path(), &Limits::private()).is_ok();
        let all: Vec<_> = (0..8).map(|_| scope.spawn(init)).collect();
        all.into_iter().filter_map(|one| one.join().ok()).filter(|made| *made).count()
    });
    assert_eq!(made, 1);
    issue(&Authority::open(dir.path()).unwrap(), &["localhost"], &[]).unwrap();
}

#[test]
fn a_renewal_keeps_the_key_and_changes_the_serial_number() {
    let dir = made(&["localhost"], &[]);
    let key = fs::read(dir.path().join("server.key")).unwrap();
    let serial = |dir: &Path| {
        let done = Command::new("openssl")
            .args(["x509", "-noout", "-serial", "-in"])
            .arg(dir.join("server.pem"))
            .output()
            .unwrap();
        assert!(done.status.success());
        done.stdout
    };
    let before = serial(dir.path());
    issue(&Authority::open(dir.path()).unwrap(), &["door.local"], &[]).unwrap();
    assert_eq!(fs::read(dir.path().join("server.key")).unwrap(), key);
    assert_ne!(serial(dir.path()), before);
}

#[test]
fn who_trusts_both_cas_of_a_rotation_takes_the_certificate_all_along() {
    let dir = made(&["localhost"], &["127.0.0.1"]);
    let old = dir.path().join("old.pem");
    fs::copy(dir.path().join("ca.pem"), &old).unwrap();
    rotation::begin(dir.path(), Next::default()).unwrap();
    let both = dir.path().join("both.pem");
    fs::copy(dir.path().join("ca.pem"), &both).unwrap();
    let takes = |ca: &Path| {
        let (ok, _) = openssl_verify_with(dir.path(), ca, &[]);
        assert_eq!(handshake(serve(dir.path()), "localhost", ca).is_ok(), ok, "rustls and OpenSSL");
        ok
    };
    assert!(takes(&old) && takes(&both), "before");
    rotation::finish(dir.path()).unwrap();
    assert!(!takes(&old) && takes(&both), "after");
    rotation::forget(dir.path()).unwrap();
    assert!(takes(&dir.path().join("ca.pem")), "at the end");
}

#[test]
fn somebody_elses_certificate_is_left_alone() {
    let (dir, other) = (made(&["localhost"], &[]), made(&["localhost"], &[]));
    fs::copy(other.path().join("server.pem"), dir.path().join("server.pem")).unwrap();
    let error = issue(&Authority::open(dir.path()).unwrap(), &["localhost"], &[]).unwrap_err();
    assert!(matches!(error, IssueError::Foreign(_)), "{error}");
}

#[test]
fn a_refusal_names_every_host_and_the_flags_that_would_have_allowed_them() {
    let dir = made(&["localhost"], &[]);
    let before = fs::read(dir.path().join("server.pem")).unwrap();
    let authority = Authority::open(dir.path()).unwrap();
    let error = issue(&authority, &["localhost", "example.com"], &["8.8.8.8"]).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("for example.com, 8.8.8.8:"), "{text}");
    assert!(text.contains("init --domain example.com --ip-range 8.8.8.8/32`"), "{text}");
    assert_eq!(fs::read(dir.path().join("server.pem")).unwrap(), before);
    let wider = tempfile::tempdir().unwrap();
    let limits = Limits::private()
        .with_domain("example.com".parse().unwrap())
        .with_range("8.8.8.8/32".parse().unwrap());
    let authority = Authority::init(wider.path(), &limits).unwrap();
    issue(&authority, &["localhost", "example.com"], &["8.8.8.8"]).unwrap();
    let (ok, text) = openssl_verify(wider.path(), &["-verify_ip", "8.8.8.8"]);
    assert!(ok, "the advice holds: {text}");
}

#[test]
fn a_ca_that_is_not_whole_is_not_opened() {
    let (dir, other) = (made(&["localhost"], &[]), made(&["localhost"], &[]));
    let path = |name| dir.path().join(name);
    fs::copy(other.path().join("ca.key"), path("ca.key")).unwrap();
    assert!(matches!(Authority::open(dir.path()), Err(OpenError::ForeignKey(..))));
    fs::write(path("ca.key"), "garbage").unwrap();
    assert!(matches!(Authority::open(dir.path()), Err(OpenError::Key(_))));
    fs::remove_file(path("ca.key")).unwrap();
    assert!(matches!(Authority::open(dir.path()), Err(OpenError::NoKey(_))));
    fs::copy(path("server.pem"), path("ca.pem")).unwrap();
    assert!(matches!(Authority::open(dir.path()), Err(OpenError::Certificate(_))), "a leaf");
    fs::write(path("ca.pem"), [0xff; 64]).unwrap();
    assert!(matches!(Authority::open(dir.path()), Err(OpenError::Certificate(_))), "bytes");
}
