//! The command line as a stranger uses it: lines and exit codes.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::process::{Command, Stdio};

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
        let done = self.command(args).envs(env.iter().copied()).output().unwrap();
        Self::said(done)
    }

    fn run_telling(&self, args: &str, stdin: &str) -> Said {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        Self::said(child.wait_with_output().unwrap())
    }

    fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_intercom-pki"));
        command
            .args(args.split_whitespace())
            .current_dir(self.cwd.path())
            .env("HOME", self.cwd.path())
            .env_remove("SUDO_USER");
        command
    }

    fn said(done: std::process::Output) -> Said {
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

/// What OpenSSL finds in a PKCS #12 file; its last words if it cannot open it.
fn open_p12(shell: &Shell, file: &str, password: &str) -> Result<String, String> {
    let done = Command::new("openssl")
        .args(["pkcs12", "-nodes", "-info", "-in", file, "-passin", &format!("pass:{password}")])
        .current_dir(shell.cwd.path())
        .output()
        .unwrap();
    let words = String::from_utf8(done.stderr).unwrap();
    if !done.status.success() {
        return Err(words);
    }
    Ok(words + &String::from_utf8(done.stdout).unwrap())
}

#[test]
fn a_p12_file_holds_chain_and_key_behind_its_password() {
    let shell = Shell::new();
    shell.run("init").ok();
    shell.run("p12").fails(2, "`intercom-pki server`");
    shell.run("server --name localhost").ok();
    assert_eq!(shell.run("p12").ok(), "wrote ./pki/server.p12 with an empty password\n");
    shell.run_telling("p12 --out mac.pfx --encryption 3des --password-file -", "secret\n").ok();
    for (file, password, cipher) in [
        ("pki/server.p12", "", "AES-256-CBC"),
        ("mac.pfx", "secret", "pbeWithSHA1And3-KeyTripleDES-CBC"),
    ] {
        let inside = open_p12(&shell, file, password).unwrap();
        assert_eq!(inside.matches("BEGIN CERTIFICATE").count(), 2, "{inside}");
        assert!(inside.contains("BEGIN PRIVATE KEY") && inside.contains(cipher), "{inside}");
        assert!(open_p12(&shell, file, "wrong").is_err());
        let mode = std::fs::metadata(shell.cwd.path().join(file)).unwrap().permissions();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    }
    shell.run("p12 --password-file missing").fails(2, "cannot read the password in missing");
}

#[test]
fn a_key_that_is_not_the_certificates_makes_no_p12_file() {
    let shell = Shell::new();
    shell.run("init").ok();
    shell.run("server --name localhost").ok();
    std::fs::copy(shell.cwd.path().join("pki/ca.key"), shell.cwd.path().join("pki/server.key"))
        .unwrap();
    shell.run("p12").fails(1, "server.key is not the key of ./pki/server.pem");
}

#[test]
fn a_renewal_keeps_the_names() {
    let shell = Shell::new();
    shell.run("init").ok();
    shell.run("renew").fails(2, "`intercom-pki server`");
    let out = shell.run("server --name door.local --ip 192.168.7.9").ok();
    let kept = shell.run("renew --if-needed").ok();
    assert_eq!(kept, format!("not needed yet\n{out}"));
    let renewed = shell.run("renew").ok();
    assert!(renewed.contains("door.local") && renewed.contains("192.168.7.9"), "{renewed}");
    assert_ne!(renewed, out, "another fingerprint");
}

#[test]
fn a_rotation_is_told_step_by_step() {
    let shell = Shell::new();
    shell.run("init").ok();
    shell.run("rotate finish").fails(2, "`intercom-pki rotate begin`");
    shell.run("server --name door.local").ok();
    let begun = shell.run("rotate begin --domain example.org --name Next").ok();
    assert!(begun.contains("next CA      CN=Next\n"), "{begun}");
    assert!(
        begun.contains("  issued by  this CA\n") && begun.contains(", example.org\n"),
        "{begun}"
    );
    shell.run("rotate begin").fails(2, "rotate finish");
    let finished = shell.run("rotate finish").ok();
    assert!(finished.contains("  subject    CN=Next\n"), "{finished}");
    assert!(finished.contains("old CA       CN=Intercom CA "), "{finished}");
    assert!(finished.contains("  issued by  this CA\n"), "{finished}");
    shell.run("server --name door.example.org").ok();
    let ended = shell.run("rotate forget").ok();
    assert!(!ended.contains("old CA"), "{ended}");
}

#[test]
fn trust_says_for_each_store_what_came_of_it() {
    let shell = Shell::new();
    shell.run("trust").fails(2, "make a CA with `intercom-pki init`");
    shell.run("init --name Mine").ok();
    let profile = shell.cwd.path().join(".mozilla/firefox/abc.default");
    let pkidb = shell.cwd.path().join(".pki/nssdb");
    for dir in [&profile, &pkidb] {
        std::fs::create_dir_all(dir).unwrap();
        let database = format!("sql:{}", dir.display());
        let made =
            Command::new("certutil").args(["-N", "--empty-password", "-d", &database]).status();
        assert!(made.unwrap().success());
    }
    let stores = "--only chromium,firefox";
    for (command, words) in [
        ("trust", "trusts it from now on"),
        ("trust", "trusts it already"),
        ("untrust", "trusts it no more"),
        ("untrust", "did not trust it"),
    ] {
        let out = shell.run(&format!("{command} {stores}")).ok();
        let expected = format!(
            "Mine\n  Chromium  {}: {words}\n  Firefox   {}: {words}\n",
            pkidb.display(),
            profile.display()
        );
        assert_eq!(out, expected);
    }
    shell.run("trust --only nowhere").fails(2, "nowhere");
}
