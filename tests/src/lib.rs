//! Harness of the end-to-end tests: it starts the real binaries, reads what they print, and ends
//! them. Nothing here knows how they work inside.
//!
//! The binaries are those that `cargo test --workspace` put beside the tests. Every wait has a
//! deadline and ends as soon as the awaited line is there.

#![allow(clippy::unwrap_used, reason = "a harness fails a test by panicking")]

mod element;
mod launch;
mod lobby;
mod network;
mod relay;
mod stranger;
mod usage;

use std::ffi::OsStr;
use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use element::Pipeline;
pub use launch::Plugins;
pub use lobby::Lobby;
pub use network::{Host, Network};
pub use relay::Relay;
pub use stranger::Stranger;
pub use usage::Usage;

/// How long a program may take to do what a test waits for. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How many of a program's last lines are shown when a test fails. What failed stands above them.
const SHOWN: usize = 40;

/// A running program, and the lines it prints on both outputs.
pub struct Program {
    name: String,
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Program {
    /// Starts one of our binaries, such as `intercom-producer`.
    pub fn ours<A: AsRef<OsStr>>(name: &str, args: impl IntoIterator<Item = A>) -> Self {
        let path = target_dir().join(name);
        assert!(path.exists(), "{name} is not built: run `cargo test --workspace --no-run` first");
        let mut command = Command::new(path);
        command.args(args);
        Self::spawn(name, command)
    }

    /// Starts any command.
    pub fn spawn(name: &str, mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let (sender, lines) = channel();
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for output in outputs {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                    let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
                }
            });
        }
        Self { name: name.into(), child, lines, seen: Vec::new() }
    }

    /// Waits for the next line that contains `text`, and returns it.
    pub fn expect(&mut self, text: &str) -> String {
        self.expect_within(PATIENCE, text)
    }

    /// As [`expect`](Self::expect), with a deadline of its own.
    pub fn expect_within(&mut self, patience: Duration, text: &str) -> String {
        let deadline = Instant::now() + patience;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.fail(&format!("does not print {text:?} within {patience:?}"))
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.fail(&format!("ended without printing {text:?}"))
                }
            }
        }
    }

    /// Everything read so far, one string.
    pub fn output(&mut self) -> String {
        self.seen.extend(self.lines.try_iter());
        self.seen.join("\n")
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it is still running.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end and reads all it printed.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().unwrap(),
                Err(RecvTimeoutError::Timeout) => self.fail("does not end"),
            }
        }
    }

    /// Asks it to stop as systemd does, and waits for its end.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by its name, such as `INT`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().unwrap();
        assert!(sent.success(), "{} is not there to be signalled", self.name);
    }

    /// Fails the test. What the program printed is shown when it is dropped.
    fn fail(&self, what: &str) -> ! {
        panic!("{} {what}", self.name)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let output = self.output();
            let lines: Vec<_> = output.lines().collect();
            let last = &lines[lines.len().saturating_sub(SHOWN)..];
            eprintln!("--- {} ---\n{}", self.name, last.join("\n"));
        }
    }
}

/// A signaller with a data directory of its own.
pub struct Signaller {
    program: Program,
    data: TempDir,
    /// Where it runs, if not here.
    host: Option<Host>,
    /// Flags besides those of every signaller here.
    options: Vec<String>,
    port: u16,
    /// Of the plain listener.
    address: &'static str,
    plain: u16,
}

impl Signaller {
    /// Starts one that is open to anonymous and local peers, on ports of the system's choice.
    pub fn start() -> Self {
        require_media_address();
        Self::serving(TempDir::new().unwrap(), None, admitting("full"))
    }

    /// Starts one for nobody but these accounts, names and kinds; [`token`](Self::token) has what
    /// each logs in with.
    pub fn with_accounts(accounts: &[(&str, &str)]) -> Self {
        Self::with_options(accounts, &[])
    }

    /// The same with flags of the test's own.
    pub fn with_options(accounts: &[(&str, &str)], options: &[&str]) -> Self {
        require_media_address();
        Self::for_accounts(accounts, None, options)
    }

    /// The same on a host of the test's own.
    pub fn on(host: &Host, accounts: &[(&str, &str)]) -> Self {
        Self::for_accounts(accounts, Some(host.clone()), &[])
    }

    fn for_accounts(accounts: &[(&str, &str)], host: Option<Host>, options: &[&str]) -> Self {
        let data = TempDir::new().unwrap();
        for (name, kind) in accounts {
            let added = manage(data.path(), &["account", "add", name, "--kind", kind]);
            assert!(added.status.success(), "{added:?}");
            let token = manage(data.path(), &["token", "create", name]);
            assert!(token.status.success(), "{token:?}");
            let path = data.path().join(format!("{name}.token"));
            std::fs::write(&path, token.stdout).unwrap();
            std::fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
        }
        let options = options.iter().map(|option| (*option).to_owned());
        Self::serving(data, host, admitting("deny").into_iter().chain(options).collect())
    }

    fn serving(data: TempDir, host: Option<Host>, options: Vec<String>) -> Self {
        let address = "127.0.0.1";
        let (program, port, plain) = serve(host.as_ref(), data.path(), 0, (address, 0), &options);
        Self { program, data, host, options, port, address, plain }
    }

    /// Runs a command on accounts, tokens or rights while the server runs; returns what it printed.
    pub fn manage(&self, args: &[&str]) -> String {
        let output = manage(self.data.path(), args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The file with the token of an account.
    pub fn token(&self, account: &str) -> PathBuf {
        self.data.path().join(format!("{account}.token"))
    }

    /// Starts an `intercom-producer` that is this account, and waits until it is on air.
    pub fn device(&self, account: &str, args: &[&str]) -> Program {
        let token = self.token(account);
        let login = ["--token-file", token.to_str().unwrap()];
        self.producer(account, &[&login, args].concat()).0
    }

    /// Starts an `intercom-consumer` that is this account.
    pub fn terminal(&self, account: &str, args: &[&str]) -> Program {
        let token = self.token(account);
        self.consumer(&[&["--token-file", token.to_str().unwrap()], args].concat())
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        self.program.kill();
    }

    /// Starts it again after [`kill`](Self::kill): same ports, same data.
    pub fn restart(&mut self) {
        self.restart_at("127.0.0.1");
    }

    /// The same, with the plain listener at another address of this machine.
    pub fn restart_at(&mut self, address: &'static str) {
        self.address = address;
        let (host, ports) = (self.host.as_ref(), (address, self.plain));
        (self.program, self.port, self.plain) =
            serve(host, self.data.path(), self.port, ports, &self.options);
    }

    /// The main port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where our own programs connect: `wss://localhost:PORT`, or its host's address instead.
    pub fn wss(&self) -> String {
        let host = self.host.as_ref().map_or("localhost", Host::address);
        format!("wss://{host}:{}", self.port)
    }

    /// The plain listener: `ws://127.0.0.1:PORT`.
    pub fn ws(&self) -> String {
        format!("ws://{}:{}", self.address, self.plain)
    }

    /// Who produces at the moment.
    pub fn lobby(&self) -> Lobby {
        Lobby::enter(&self.ws())
    }

    /// The file with the CA's certificate.
    pub fn ca(&self) -> PathBuf {
        self.data.path().join("pki/ca.pem")
    }

    /// The program itself.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// Starts an `intercom-producer` and waits until it is on air. Returns its peer id as well.
    pub fn producer(&self, name: &str, args: &[&str]) -> (Program, String) {
        let mut producer = self.client("intercom-producer", &[&["--name", name], args].concat());
        let line = producer.expect("on air: ");
        let peer_id = line.rsplit_once("peer id ").unwrap().1.trim_end_matches(')').to_owned();
        (producer, peer_id)
    }

    /// Starts an `intercom-consumer`.
    pub fn consumer(&self, args: &[&str]) -> Program {
        self.client("intercom-consumer", args)
    }

    fn client(&self, program: &str, args: &[&str]) -> Program {
        let (server, ca) = (self.wss(), self.ca());
        let mut all = vec!["--server", &server, "--ca", ca.to_str().unwrap()];
        all.extend(args);
        Program::ours(program, all)
    }
}

fn serve(
    host: Option<&Host>,
    data: &Path,
    port: u16,
    (address, plain): (&str, u16),
    options: &[String],
) -> (Program, u16, u16) {
    let (listen, plain) = (format!("[::]:{port}"), format!("{address}:{plain}"));
    let data = data.to_str().unwrap();
    let args = ["serve", "--data-dir", data, "--listen", &listen, "--plain", &plain]
        .into_iter()
        .chain(options.iter().map(String::as_str));
    let mut program = match host {
        Some(host) => host.ours("intercom-signaller", args),
        None => Program::ours("intercom-signaller", args),
    };
    let port = port_of(&program.expect("listening on https://"));
    let plain = port_of(&program.expect("listening on http://"));
    (program, port, plain)
}

/// What peers without a login may do.
fn admitting(guests: &str) -> Vec<String> {
    ["--anonymous", guests, "--local-peers", guests].map(str::to_owned).into()
}

/// A command on accounts, with a password on standard input for those that ask.
fn manage(data: &Path, args: &[&str]) -> std::process::Output {
    let mut command = Command::new(target_dir().join("intercom-signaller"));
    command.args(args).arg("--data-dir").arg(data);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Those that ask for none may have ended already.
    let _ = writeln!(child.stdin.take().unwrap(), "correct horse");
    child.wait_with_output().unwrap()
}

fn port_of(line: &str) -> u16 {
    let digits: String = line
        .rsplit_once(':')
        .map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect())
        .unwrap_or_default();
    digits.parse().unwrap_or_else(|_| panic!("no port in {line:?}"))
}

/// The directory with the built binaries, such as `target/debug`.
pub fn target_dir() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().to_owned()
}

/// Fails at once, in one line, where media cannot flow: ICE never finishes on loopback alone.
fn require_media_address() {
    let _ = media_address();
}

/// A command without the privileges of root, who may read everything, listen everywhere and open what
/// others hold.
pub fn unprivileged(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    let id = Command::new("id").arg("-u").output().unwrap();
    if id.stdout.trim_ascii() == b"0" {
        command.arg("--bounding-set=-all");
    }
    command.arg("--no-new-privs").arg(program);
    command
}

/// An address of this machine that media can flow by.
pub fn media_address() -> IpAddr {
    let elsewhere = [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")];
    let mut own = elsewhere.into_iter().filter_map(|(any, elsewhere)| {
        // Connecting a datagram socket sends nothing; it only asks which address would be used.
        let socket = UdpSocket::bind(any).ok()?;
        socket.connect(elsewhere).ok()?;
        Some(socket.local_addr().ok()?.ip()).filter(|address| !address.is_loopback())
    });
    own.next().expect("media tests need a network address besides loopback: bring an interface up")
}
