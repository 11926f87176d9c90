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

/// The page as Chromium shows it: ours, or its own that says why not.
fn open(url: &str, home: &TempDir, more: &[String]) -> String {
    let mut flags = vec!["--headless", "--disable-gpu", "--disable-quic", "--no-first-run"];
    flags.extend(["--disable-background-networking", "--disable-component-update"]);
    flags.extend(["--disable-sync", "--timeout=20000", "--dump-dom"]);
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
    String::from_utf8_lossy(&done.stdout).into_owned()
}

fn shows_our_page(dom: &str) -> bool {
    dom.contains(PAGE)
}

/// Chromium's own page for a certificate that it does not take, by the error's name.
fn refusal(dom: &str) -> Option<&str> {
    let at = dom.find("ERR_CERT_")?;
    dom[at..].split(|c: char| !c.is_ascii_uppercase() && c != '_').next()
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
    let dom = open(&world.url("localhost"), &world.trusting(), &[]);
    assert!(shows_our_page(&dom), "{dom}");
}

#[test]
fn a_browser_that_trusts_the_ca_opens_the_page_by_address() {
    let world = World::new(&[], &["127.0.0.1"]);
    let dom = open(&world.url("127.0.0.1"), &world.trusting(), &[]);
    assert!(shows_our_page(&dom), "{dom}");
}

#[test]
fn a_browser_that_does_not_trust_the_ca_refuses() {
    let world = World::new(&["localhost"], &[]);
    let dom = open(&world.url("localhost"), &home(None), &[]);
    assert!(!shows_our_page(&dom));
    assert_eq!(refusal(&dom), Some("ERR_CERT_AUTHORITY_INVALID"), "{dom}");
}

#[test]
fn a_name_that_is_not_in_the_certificate_is_refused() {
    let world = World::new(&["door.local"], &[]);
    let dom = open(&world.url("localhost"), &world.trusting(), &[]);
    assert!(!shows_our_page(&dom));
    assert_eq!(refusal(&dom), Some("ERR_CERT_COMMON_NAME_INVALID"), "{dom}");
}

#[test]
fn a_certificate_outside_the_limits_is_refused_though_the_ca_signed_it() {
    let dir = tempfile::tempdir().unwrap();
    Authority::init(dir.path(), &Limits::private()).unwrap();
    let home = home(Some(&dir.path().join("ca.pem")));
    let visit = |name: &str| {
        forge(dir.path(), name);
        let rule = format!("--host-resolver-rules=MAP {name} {}", serve(dir.path()));
        open(&format!("https://{name}/"), &home, &[rule])
    };
    // The same way of signing and of resolving, so that the limits alone make the difference.
    let dom = visit("door.home.arpa");
    assert!(shows_our_page(&dom), "{dom}");
    let dom = visit("example.com");
    assert!(!shows_our_page(&dom));
    assert!(refusal(&dom).is_some(), "{dom}");
    eprintln!("outside the limits: {:?}", refusal(&dom));
}
