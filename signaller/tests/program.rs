//! The program itself: its lines, its signals, its exit codes, and life without file descriptors.
#![allow(clippy::unwrap_used)]
mod common;

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use common::{Client, tcp};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_intercom-signaller");

struct Program {
    child: Child,
    log: BufReader<ChildStderr>,
    plain: SocketAddr,
    _data: TempDir,
}

impl Program {
    /// With at most so many file descriptors.
    fn start(descriptors: u32) -> Self {
        let data = TempDir::new().unwrap();
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(format!("ulimit -n {descriptors}; exec \"$@\""))
            .args(["sh", PROGRAM, "serve", "--listen", "[::]:0", "--plain", "127.0.0.1:0"])
            .args(["--anonymous", "full", "--data-dir"])
            .arg(data.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.next().unwrap().starts_with("listening on https://"));
        let line = lines.next().unwrap();
        let plain = line.strip_prefix("listening on http://").unwrap().parse().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log, plain, _data: data }
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
    Command::new(PROGRAM).args(args).output().unwrap()
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
        let lines = error.lines().filter(|line| line.starts_with("intercom-signaller: "));
        assert_eq!(lines.count(), 1, "{error}");
        assert!(error.contains(part) && output.stdout.is_empty(), "{error}");
    }
    assert_eq!(run(&["serve", "--anonymous", "sure"]).status.code(), Some(2));
}

impl Program {
    async fn wait_blocking(self) -> (Option<i32>, String) {
        tokio::task::spawn_blocking(|| self.wait()).await.unwrap()
    }
}
