//! The program itself: its lines, its signals, its exit codes, and life without file descriptors.
#![allow(clippy::unwrap_used)]
mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::mem;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use common::{Client, SDP, http, tcp, tls_to};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;

const PROGRAM: &str = env!("CARGO_BIN_EXE_intercom-signaller");

struct Program {
    child: Child,
    log: BufReader<ChildStderr>,
    main: SocketAddr,
    plain: SocketAddr,
    data: TempDir,
}

impl Program {
    /// Open to everybody, with at most so many file descriptors.
    fn start(descriptors: u32) -> Self {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("ulimit -n {descriptors}; exec \"$@\"")).arg("sh");
        Self::spawn(command.arg(PROGRAM).args(["serve", "--anonymous", "full"]))
    }

    /// With these settings in its file, which is in the data directory.
    fn with_file(text: &str, change: impl FnOnce(&mut Command)) -> Self {
        let data = TempDir::new().unwrap();
        let file = data.path().join("signaller.toml");
        fs::write(&file, text).unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--config"]).arg(file);
        change(&mut command);
        Self::spawn_in(data, &mut command)
    }

    fn spawn(command: &mut Command) -> Self {
        Self::spawn_in(TempDir::new().unwrap(), command.env("INTERCOM_CONFIG", "/dev/null"))
    }

    fn spawn_in(data: TempDir, command: &mut Command) -> Self {
        let mut child = command
            .args(["--listen", "[::]:0", "--plain", "127.0.0.1:0", "--data-dir"])
            .arg(data.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let line = lines.next().unwrap();
        let main: SocketAddr = line.strip_prefix("listening on https://").unwrap().parse().unwrap();
        let main = ([127, 0, 0, 1], main.port()).into();
        let line = lines.next().unwrap();
        let plain = line.strip_prefix("listening on http://").unwrap().parse().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log, main, plain, data }
    }

    /// Changes the settings file and has it read again; the line that tells of it.
    fn reload(&mut self, text: &str) -> String {
        fs::write(self.data.path().join("signaller.toml"), text).unwrap();
        self.signal("-HUP");
        self.log_until("settings").lines().last().unwrap().to_owned()
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Its log, up to a line with these words.
    fn log_until(&mut self, words: &str) -> String {
        let mut log = String::new();
        while !log.contains(words) {
            assert_ne!(self.log.read_line(&mut log).unwrap(), 0, "{log}");
        }
        log
    }

    /// Its exit code and the rest of its log.
    fn wait(mut self) -> (Option<i32>, String) {
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn run(args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).env("INTERCOM_CONFIG", "/dev/null").output().unwrap()
}

#[tokio::test]
async fn a_signal_ends_it_with_close_frames_and_code_0() {
    for signal in ["-TERM", "-INT"] {
        let program = Program::start(1024);
        let mut client = Client::open(tcp(program.plain).await, "/", &[]).await.unwrap();
        program.signal(signal);
        assert_eq!(client.closed().await.0, 1001);
        let (code, log) = program.wait_blocking().await;
        assert_eq!(code, Some(0), "{log}");
    }
}

/// One that knows calls, after its hello.
async fn log_in(program: &Program, proof: Value) -> Client {
    let extended = [("Sec-WebSocket-Protocol", "intercom.v1")];
    let mut client = Client::upgrade(tcp(program.plain).await, "/", &extended).await.unwrap();
    client.send(&proof).await;
    client
}

#[tokio::test]
async fn the_flag_says_which_of_two_logins_stays() {
    let person =
        |word: &str| json!({"type": "hello", word: {"name": "ann", "password": "a long secret"}});
    for (rule, first_stays) in [("refuse", true), ("replace", false)] {
        let mut command = Command::new(PROGRAM);
        let flags = ["serve", "--registration", "open", "--second-login", rule];
        let program = Program::spawn(command.args(flags));
        let mut first = log_in(&program, person("register")).await;
        assert_eq!(first.next().await["type"], "welcome", "{rule}");
        let mut second = log_in(&program, person("login")).await;
        let (stays, goes) = match first_stays {
            true => (&mut first, &mut second),
            false => (&mut second, &mut first),
        };
        assert_eq!(goes.closed().await.0, 4409, "{rule}");
        stays.send(&json!({"type": "list", "id": 1})).await;
        while stays.next().await["type"] != "list" {}
    }
}

#[tokio::test]
async fn what_rings_when_it_is_killed_was_missed() {
    let mut program = Program::start(1024);
    let [door, gate] = ["door", "gate"].map(|name| program.device(name));
    let hello = |token: &str| json!({"type": "hello", "token": token});
    let (mut caller, mut callee) =
        (log_in(&program, hello(&door)).await, log_in(&program, hello(&gate)).await);
    for device in [&mut caller, &mut callee] {
        while device.next().await["type"] != "welcome" {}
    }
    caller.send(&json!({"type": "offerCall", "to": "gate", "media": {"audio": true}})).await;
    while callee.next().await["type"] != "incomingCall" {}
    // Whoever asks has all written down first. While it rings, it is not missed.
    assert_eq!(program.missed(&gate).await, json!([]));
    program.child.kill().unwrap();
    program.child.wait().unwrap();
    let data = mem::replace(&mut program.data, TempDir::new().unwrap());
    let again = Program::spawn_in(
        data,
        Command::new(PROGRAM).arg("serve").env("INTERCOM_CONFIG", "/dev/null"),
    );
    let missed = again.missed(&gate).await;
    assert_eq!(missed.as_array().unwrap().len(), 1, "{missed}");
    let (with, reason) = (&missed[0]["caller"], &missed[0]["reason"]);
    assert_eq!((with, reason), (&json!("door"), &json!("disconnected")), "{missed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_lives_through_a_lack_of_file_descriptors() {
    let mut program = Program::start(40);
    let mut sockets: Vec<_> = (0..60).map(|_| TcpStream::connect(program.plain).unwrap()).collect();
    // A newcomer waits in the system's queue until sockets can be had.
    let plain = program.plain;
    let newcomer =
        tokio::spawn(async move { Client::open(tcp(plain).await, "/", &[]).await.is_ok() });
    let log = tokio::task::block_in_place(|| program.log_until("cannot accept connections"));
    sockets.clear();
    assert!(newcomer.await.unwrap());
    program.signal("-TERM");
    let (code, rest) = program.wait_blocking().await;
    let log = log + &rest;
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(log.matches("cannot accept connections").count(), 1, "{log}");
}

#[test]
fn mistakes_are_one_line_and_a_code() {
    let data = TempDir::new().unwrap();
    let dir = data.path().to_str().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (args, code, part) in [
        (vec!["--listen", &taken], 1, "another port"),
        (vec!["--cert", "missing.pem", "--key", "missing.key"], 2, "cannot read missing.pem"),
        (vec!["--cert", "missing.pem"], 2, "--key"),
    ] {
        let output = run(&[&["serve", "--data-dir", dir], &args[..]].concat());
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{error}");
        let lines = error.lines().filter(|line| line.starts_with("error: "));
        assert_eq!(lines.count(), 1, "{error}");
        assert!(error.contains(part) && output.stdout.is_empty(), "{error}");
    }
    for (args, line) in [
        (&["serve", "--anonymous", "sure"][..], "invalid value 'sure' for '--anonymous <LEVEL>'"),
        (&["serve", "--nonsense"], "unexpected argument '--nonsense' found"),
        (&["serve", "--log", "loud=loud"], "invalid value 'loud=loud' for '--log <LEVEL>'"),
        (&["serve", "--key", "k"], "--key and --cert-password-file go with --cert"),
        (&[], "'intercom-signaller' requires a subcommand but one was not provided"),
        (&["config"], "'intercom-signaller config' requires a subcommand"),
        (&["config", "check", "--config", "/no/such.toml"], "/no/such.toml: cannot be read: "),
    ] {
        let output = run(args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.starts_with(&format!("error: {line}")), "{args:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_has_it_read_its_settings_again() {
    let mut program = Program::with_file("anonymous = \"full\"\nmax_clients = 2", |_| {});
    let plain = program.plain;
    let newcomer = async || Client::open(tcp(plain).await, "/", &[]).await.map_err(|no| no.0);
    let mut first = newcomer().await.unwrap();

    // Who is connected stays.
    let closed =
        "anonymous = \"deny\"\nmax_clients = 2\ncert_password_file = \"p\"\ncert = \"c.p12\"";
    let line = tokio::task::block_in_place(|| program.reload(closed));
    let told = "changed anonymous; a restart is needed for cert, cert_password_file";
    assert!(line.ends_with(told), "{line}");
    assert_eq!(newcomer().await.err(), Some(401));
    first.hears_nothing().await;

    // A bad file changes nothing.
    for (bad, why) in [
        ("anonymous = \"full\"\nanonimous = 1", ":2: unknown key \"anonimous\"; did you mean"),
        ("anonymous = \"full\"\nkey = \"k\"", "--key and --cert-password-file go with --cert"),
    ] {
        let line = tokio::task::block_in_place(|| program.reload(bad));
        assert!(line.contains("the settings stay as they are: ") && line.contains(why), "{line}");
        assert_eq!(newcomer().await.err(), Some(401));
    }

    let open = "anonymous = \"full\"\nmax_clients = 1\nlog = \"debug\"";
    let line = tokio::task::block_in_place(|| program.reload(open));
    assert!(line.ends_with("changed anonymous, max_clients, log"), "{line}");
    assert_eq!(newcomer().await.err(), Some(503));
    tokio::task::block_in_place(|| program.reload("anonymous = \"full\"\nmax_clients = 3"));
    newcomer().await.unwrap();
    first.hears_nothing().await;
}

#[tokio::test]
async fn the_end_of_its_terminal_ends_it() {
    let data = TempDir::new().unwrap();
    let line = format!(
        "exec {PROGRAM} serve --config /dev/null --anonymous full --listen [::]:0 \
         --plain 127.0.0.1:0 --data-dir {}",
        data.path().display()
    );
    let mut terminal = Command::new("script")
        .args(["--quiet", "--command", &line, "/dev/null"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(terminal.stdout.take().unwrap()).lines().map(Result::unwrap);
    let plain = lines
        .filter_map(|line| line.split_once("listening on http://").map(|(_, at)| at.to_owned()))
        .next()
        .unwrap();
    let mut client =
        Client::open(tcp(plain.trim().parse().unwrap()).await, "/", &[]).await.unwrap();
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    assert_eq!(client.closed().await.0, 1001);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_manager_is_told() {
    let dir = TempDir::new().unwrap();
    let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
    let (sender, states) = channel();
    // All the time: when ten are unread, whoever tells more waits.
    thread::spawn(move || {
        let mut states = [0; 4096];
        while let Ok(length) = socket.recv(&mut states) {
            let _ = sender.send(String::from_utf8_lossy(&states[..length]).into_owned());
        }
    });
    let told = || states.recv_timeout(Duration::from_secs(10)).unwrap();
    let wait_for = |state: &str| {
        let end = Instant::now() + Duration::from_secs(30);
        while !told().contains(state) {
            assert!(Instant::now() < end, "{state} is not told");
        }
    };
    let program = Program::with_file("anonymous = \"full\"", |command| {
        command.env("NOTIFY_SOCKET", dir.path().join("notify")).env("WATCHDOG_USEC", "300000");
    });
    // It listens already: its ports were printed.
    assert_eq!(told(), "READY=1\n");
    assert_eq!(told(), "STATUS=peers 0, sessions 0, calls 0\nWATCHDOG=1\n");
    let _client = Client::open(tcp(program.plain).await, "/", &[]).await.unwrap();
    wait_for("STATUS=peers 1, sessions 0, calls 0\nWATCHDOG=1");
    program.signal("-HUP");
    wait_for("RELOADING=1\nMONOTONIC_USEC=");
    wait_for("READY=1");
    program.signal("-TERM");
    wait_for("STOPPING=1");
    assert_eq!(program.wait_blocking().await.0, Some(0));
}

#[test]
fn a_log_in_json_is_an_object_a_line() {
    let mut program = Program::with_file("log_format = \"json\"", |_| {});
    program.signal("-HUP");
    let log = program.log_until("settings read again");
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["level"] == "INFO" || line["level"] == "WARN", "{line}");
        assert!(line["fields"]["message"].is_string() && line["timestamp"].is_string(), "{line}");
    }
    assert!(log.lines().count() >= 2, "{log}");
}

#[tokio::test]
async fn a_relay_says_what_came_and_where_it_went_and_nothing_of_what_it_says() {
    let mut command = Command::new(PROGRAM);
    let program = Program::spawn(command.args(["serve", "--relay-login", "local"]));
    let join = async || Client::upgrade(tcp(program.main).await, "/relay/cam", &[]).await.unwrap();
    let (mut cam, mut page) = (join().await, join().await);
    page.send(&json!({"type": "client"})).await;
    assert_eq!(cam.next().await["type"], "client");
    assert_eq!(page.next().await["type"], "ack");
    let ice = json!({"type": "ice", "candidate": "candidate:secret", "sdpMLineIndex": 0});
    cam.send(&ice).await;
    let offer = json!({"type": "offer", "sdp": SDP});
    cam.send(&offer).await;
    assert_eq!((page.next().await, page.next().await), (offer.clone(), ice));
    page.send_raw(Message::text("secret")).await;
    assert_eq!(page.next().await["type"], "error");
    program.signal("-TERM");
    let (_, log) = program.wait_blocking().await;
    let bytes = format!("bytes={}", offer.to_string().len());
    for words in [
        &["relay: in", "from=\"the page\"", "kind=\"client\"", "waits=false"][..],
        &["relay: in", "from=\"the program\"", "kind=\"ice\"", "waits=true"],
        &["relay: in", "from=\"the program\"", "kind=\"offer\"", &bytes, "waits=false"],
        &["relay: out", "to=\"the page\"", "kind=\"offer\"", &bytes],
        &["relay: out", "to=\"the page\"", "kind=\"ice\""],
        &["relay: unreadable", "from=\"the page\"", "bytes=6"],
    ] {
        let mut lines = log.lines().filter(|line| line.contains("name=\"cam\""));
        assert!(lines.any(|line| words.iter().all(|word| line.contains(word))), "{words:?}: {log}");
    }
    assert!(!log.contains("secret") && !log.contains("SAVPF"), "{log}");
}

impl Program {
    /// A new device, and a token of it.
    fn device(&self, name: &str) -> String {
        let run = |args: &[&str]| {
            let dir = self.data.path().to_str().unwrap();
            let output = run(&[args, &["--data-dir", dir]].concat());
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
        };
        run(&["account", "add", name, "--kind", "device"]);
        run(&["token", "create", name])
    }

    async fn missed(&self, token: &str) -> Value {
        let socket = tls_to(self.main, self.data.path()).await;
        let line = "GET /api/calls?missed=true HTTP/1.1\r\nHost: localhost";
        let answer = http(socket, &format!("{line}\r\nAuthorization: Bearer {token}")).await;
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let body: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
        body["calls"].clone()
    }

    async fn wait_blocking(self) -> (Option<i32>, String) {
        tokio::task::spawn_blocking(|| self.wait()).await.unwrap()
    }
}
