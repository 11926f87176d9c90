//! Chromium without certificate flags: what it opens when it trusts this CA, and what not.

#![allow(clippy::unwrap_used)]

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{PAGE, forge, serve};
use intercom_pki::{Authority, Limits};
use tempfile::TempDir;

/// A home directory whose certificate store trusts the CA, or nobody.
fn home(trusted: Option<&Path>) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join(".pki/nssdb");
    std::fs::create_dir_all(&store).unwrap();
    let store = format!("sql:{}", store.display());
    certutil(&["-N", "--empty-password", "-d", &store]);
    if let Some(ca) = trusted {
        let ca = ca.to_str().unwrap();
        certutil(&["-A", "-t", "C,,", "-n", "intercom", "-i", ca, "-d", &store]);
    }
    home
}

fn certutil(args: &[&str]) {
    let done = Command::new("certutil").args(args).output();
    let done = done.expect("certutil is in the Debian package libnss3-tools");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// What came of opening an address: the page, and Chromium's log.
#[derive(Debug)]
struct Visit {
    dom: String,
    log: String,
}

impl Visit {
    fn shows_our_page(&self) -> bool {
        self.dom.contains(PAGE)
    }

    /// Why Chromium did not take the certificate, by the error's name.
    fn refusal(&self) -> Option<&str> {
        let at = self.log.find("ERR_CERT_")?;
        self.log[at..].split(|c: char| !c.is_ascii_uppercase() && c != '_').next()
    }
}

fn open(url: &str, home: &TempDir, more: &[String]) -> Visit {
    let mut flags = vec!["--headless", "--disable-gpu", "--disable-quic", "--no-first-run"];
    flags.extend(["--disable-background-networking", "--disable-component-update"]);
    flags.extend(["--disable-sync", "--enable-logging=stderr", "--timeout=60000", "--dump-dom"]);
    if nix::unistd::geteuid().is_root() {
        flags.push("--no-sandbox"); // Chromium's sandbox refuses root
    }
    let done = Command::new("chromium")
        .args(flags)
        .args(more)
        .arg(url)
        .env("HOME", home.path())
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_DATA_HOME")
        .stdin(Stdio::null())
        .output()
        .expect("chromium is in the Debian package chromium");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Visit { dom: text(&done.stdout), log: text(&done.stderr) }
}

struct World {
    dir: TempDir,
    address: SocketAddr,
}

impl World {
    fn new(names: &[&str], ips: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::init(dir.path(), &Limits::private()).unwrap();
        let names: Vec<_> = names.iter().map(|name| name.parse().unwrap()).collect();
        let ips: Vec<_> = ips.iter().map(|ip| ip.parse().unwrap()).collect();
        authority.issue_server(&names, &ips).unwrap();
        let address = serve(dir.path());
        Self { dir, address }
    }

    fn url(&self, host: &str) -> String {
        format!("https://{host}:{}/", self.address.port())
    }

    fn trusting(&self) -> TempDir {
        home(Some(&self.dir.path().join("ca.pem")))
    }
}

#[test]
fn a_browser_that_trusts_the_ca_opens_the_page_by_name() {
    let world = World::new(&["localhost"], &[]);
    let visit = open(&world.url("localhost"), &world.trusting(), &[]);
    assert!(visit.shows_our_page(), "{visit:?}");
}

#[test]
fn a_browser_that_trusts_the_ca_opens_the_page_by_address() {
    let world = World::new(&[], &["127.0.0.1"]);
    let visit = open(&world.url("127.0.0.1"), &world.trusting(), &[]);
    assert!(visit.shows_our_page(), "{visit:?}");
}

#[test]
fn a_browser_told_by_the_command_opens_the_page_before_and_after_a_rotation() {
    let world = World::new(&["localhost"], &[]);
    let home = tempfile::tempdir().unwrap();
    let pki = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_intercom-pki"));
        command.args(args).arg("--dir").arg(world.dir.path()).env("HOME", home.path());
        let done = command.env_remove("SUDO_USER").output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    pki(&["rotate", "begin"]);
    pki(&["trust", "--only", "chromium"]);
    let visit = open(&world.url("localhost"), &home, &[]);
    assert!(visit.shows_our_page(), "{visit:?}");
    pki(&["rotate", "finish"]);
    let url = format!("https://localhost:{}/", serve(world.dir.path()).port());
    let visit = open(&url, &home, &[]);
    assert!(visit.shows_our_page(), "{visit:?}");
}

#[test]
fn a_browser_that_does_not_trust_the_ca_refuses() {
    let world = World::new(&["localhost"], &[]);
    let visit = open(&world.url("localhost"), &home(None), &[]);
    assert!(!visit.shows_our_page());
    assert_eq!(visit.refusal(), Some("ERR_CERT_AUTHORITY_INVALID"), "{visit:?}");
}

#[test]
fn a_name_that_is_not_in_the_certificate_is_refused() {
    let world = World::new(&["door.local"], &[]);
    let visit = open(&world.url("localhost"), &world.trusting(), &[]);
    assert!(!visit.shows_our_page());
    assert_eq!(visit.refusal(), Some("ERR_CERT_COMMON_NAME_INVALID"), "{visit:?}");
}

#[test]
fn a_certificate_outside_the_limits_is_refused_though_the_ca_signed_it() {
    let dir = tempfile::tempdir().unwrap();
    Authority::init(dir.path(), &Limits::private()).unwrap();
    let home = home(Some(&dir.path().join("ca.pem")));
    let go = |name: &str| {
        forge(dir.path(), name);
        let rule = format!("--host-resolver-rules=MAP {name} {}", serve(dir.path()));
        open(&format!("https://{name}/"), &home, &[rule])
    };
    // The same way of signing and of resolving, so that the limits alone make the difference.
    let visit = go("door.home.arpa");
    assert!(visit.shows_our_page(), "{visit:?}");
    let visit = go("example.com");
    assert!(!visit.shows_our_page());
    assert_eq!(visit.refusal(), Some("ERR_CERT_INVALID"), "{visit:?}");
}
