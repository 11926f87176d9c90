//! The command line as a stranger uses it: lines and exit codes.

#![allow(clippy::unwrap_used)]

use std::process::Command;

use tempfile::TempDir;

struct Shell {
    cwd: TempDir,
}

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Shell {
    fn new() -> Self {
        Self { cwd: tempfile::tempdir().unwrap() }
    }

    fn run(&self, args: &str) -> Said {
        self.run_with(args, &[])
    }

    fn run_with(&self, args: &str, env: &[(&str, &str)]) -> Said {
        let done = Command::new(env!("CARGO_BIN_EXE_intercom-pki"))
            .args(args.split_whitespace())
            .envs(env.iter().copied())
            .current_dir(self.cwd.path())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: done.status.code(), out: text(done.stdout), err: text(done.stderr) }
    }
}

impl Said {
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.err);
        self.out
    }

    /// One line on stderr, nothing on stdout.
    #[track_caller]
    fn fails(self, code: i32, line: &str) {
        assert_eq!(self.code, Some(code), "{}", self.err);
        assert_eq!(self.out, "");
        assert_eq!(self.err.lines().count(), 1, "{}", self.err);
        assert!(self.err.contains(line), "{}", self.err);
    }
}

#[test]
fn a_ca_a_certificate_and_what_they_hold() {
    let shell = Shell::new();
    let out = shell.run("init --domain example.org --ip-range 203.0.113.0/24").ok();
    assert!(out.ends_with("trust ./pki/ca.pem, keep ./pki/ca.key secret\n"), "{out}");
    let out = shell.run("server --name door.example.org --name door.local --ip 203.0.113.9").ok();
    assert!(out.contains("  issued by  this CA\n"), "{out}");
    let out = shell.run("show").ok();
    for line in [
        "CA           ./pki/ca.pem\n",
        "  subject    CN=Intercom CA ",
        "  names      localhost, local, home.arpa, internal, lan",
        "example.org\n",
        "fc00::/7, 203.0.113.0/24\n",
        "server       ./pki/server.pem\n",
        "  names      door.example.org, door.local\n",
        "  addresses  203.0.113.9\n",
        " 305 days left\n",
    ] {
        assert!(out.contains(line), "{line:?} in\n{out}");
    }
}

#[test]
fn the_fingerprint_is_the_one_that_openssl_shows() {
    let shell = Shell::new();
    let out = shell.run("init").ok();
    let done = Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in", "pki/ca.pem"])
        .current_dir(shell.cwd.path())
        .output()
        .unwrap();
    let theirs = String::from_utf8(done.stdout).unwrap();
    let theirs = theirs.trim().split('=').nth(1).unwrap();
    assert!(out.contains(&format!("  sha-256    {theirs}\n")), "{theirs} in\n{out}");
}

#[test]
fn a_second_init_loses_nothing() {
    let shell = Shell::new();
    shell.run("init").ok();
    let before = std::fs::read(shell.cwd.path().join("pki/ca.key")).unwrap();
    shell.run("init").fails(2, "ca.pem exists, and a CA is never overwritten");
    assert_eq!(std::fs::read(shell.cwd.path().join("pki/ca.key")).unwrap(), before);
}

#[test]
fn without_names_the_certificate_is_for_this_machine() {
    let shell = Shell::new();
    shell.run("init").ok();
    let out = shell.run("server").ok();
    assert!(out.contains("localhost") && out.contains("127.0.0.1, ::1"), "{out}");
}

#[test]
fn what_is_outside_is_refused_with_the_flag() {
    let shell = Shell::new();
    shell.run("init").ok();
    shell.run("server --name example.com").fails(2, "`intercom-pki init --domain example.com`");
    shell.run("server --ip 8.8.8.8").fails(2, "`intercom-pki init --ip-range 8.8.8.8/32`");
}

#[test]
fn wrong_arguments_are_one_line_and_make_nothing() {
    let shell = Shell::new();
    shell.run("init --domain bad_name").fails(2, "only letters, digits and hyphens");
    shell.run("init --domain 10.0.0.1").fails(2, "--ip-range");
    shell.run("init --ip-range 192.168.1.7/24").fails(2, "192.168.1.0/24");
    shell.run("init --ip-range 0.0.0.0/0").fails(2, "every address");
    shell.run("init --name ").fails(2, "--name");
    shell.run("server --ip 1.2.3").fails(2, "not an IP address");
    shell.run("server --name *.local").fails(2, "wildcards");
    shell.run("unknown").fails(2, "unrecognized subcommand 'unknown'");
    assert_eq!(shell.run("").code, Some(2));
    assert_eq!(std::fs::read_dir(shell.cwd.path()).unwrap().count(), 0);
}

#[test]
fn without_a_ca_it_says_how_to_make_one() {
    let shell = Shell::new();
    shell.run("show").fails(2, "make a CA with `intercom-pki init`");
    shell.run("server --name localhost").fails(2, "make a CA with `intercom-pki init`");
}

#[test]
fn a_directory_that_cannot_be_made_is_the_machines_fault() {
    let shell = Shell::new();
    std::fs::write(shell.cwd.path().join("pki"), "a file").unwrap();
    shell.run("init").fails(1, "./pki");
}

#[test]
fn every_flag_is_a_variable_too() {
    let shell = Shell::new();
    let env = [
        ("INTERCOM_PKI_DIR", "ca"),
        ("INTERCOM_PKI_DOMAIN", "example.org,example.net"),
        ("INTERCOM_PKI_IP_RANGE", "203.0.113.0/24"),
        ("INTERCOM_PKI_CA_NAME", "The Door"),
        ("INTERCOM_PKI_SERVER_NAME", "a.example.org,b.example.net"),
        ("INTERCOM_PKI_SERVER_IP", "203.0.113.9"),
    ];
    shell.run_with("init", &env).ok();
    shell.run_with("server", &env).ok();
    let out = shell.run("show --dir ca").ok();
    assert!(out.contains("  subject    CN=The Door\n"), "{out}");
    assert!(out.contains("  names      a.example.org, b.example.net\n"), "{out}");
    assert!(out.contains("  addresses  203.0.113.9\n"), "{out}");
}
