//! Walks `docs/ref/bad-input.md`: every command line on the page is run in a shell, and must say
//! and do what stands beside it.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use intercom_tests::{Program, target_dir, unprivileged};
use tempfile::TempDir;

const PAGE: &str = include_str!("../../docs/ref/bad-input.md");

const SIGTERM: i32 = 15;

/// How many command lines are run at a time.
const AT_A_TIME: usize = 4;

#[test]
fn every_row_of_the_page_is_true() {
    let (world, _servers) = World::open();
    let (rows, wrong) = (Mutex::new(rows().into_iter()), Mutex::new(Vec::new()));
    let next = || rows.lock().unwrap().next();
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(row) = next() {
                    if let Err(why) = world.check(&row) {
                        wrong.lock().unwrap().push(format!("{}\n  {why}", row.given));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

/// What is given, what is said, and the exit code; none of a program that goes on.
struct Row {
    given: String,
    said: String,
    code: Option<i32>,
}

/// The rows of all tables.
fn rows() -> Vec<Row> {
    let rows: Vec<Row> = PAGE.lines().filter(|line| line.starts_with("| `")).map(row).collect();
    assert!(rows.len() > 100, "only {} rows were found", rows.len());
    rows
}

/// A `\|` is a bar that is no end of a cell.
fn row(line: &str) -> Row {
    let line = line.replace("\\|", "\u{0}");
    let cells: Vec<String> =
        line.split('|').map(|cell| unquoted(cell).replace('\u{0}', "|")).collect();
    let (given, said, code) = match &cells[..] {
        [_, given, said, code, _] => (given, said, Some(code.parse().unwrap())),
        [_, given, said, _] => (given, said, None),
        _ => panic!("{line}"),
    };
    Row { given: given.clone(), said: said.clone(), code }
}

/// The text of a cell without the back-ticks around it.
fn unquoted(cell: &str) -> &str {
    cell.trim().trim_matches('`').trim()
}

/// The files that the page prepares, and the servers that it names.
struct World {
    dir: TempDir,
    ports: Vec<(&'static str, u16)>,
}

impl World {
    fn open() -> (Self, Vec<Program>) {
        let mut world = Self { dir: TempDir::new().unwrap(), ports: Vec::new() };
        let (_, script) = PAGE.split_once("```sh\n").unwrap();
        let (script, _) = script.split_once("```").unwrap();
        let prepared = world.shell(&format!("set -e\n{script}")).output().unwrap();
        assert!(prepared.status.success(), "{prepared:?}");
        world.ports.push(("WEB", web_server()));
        let servers = [
            ("FULL", "full"),
            ("WATCH", "watch"),
            ("DENY", "deny"),
            ("EXPIRED", "full --cert expired.pem --key expired.key"),
            ("OTHER", "full --cert other/server.pem --key other/server.key"),
        ];
        let servers = servers.map(|(name, args)| world.serve(name, args));
        (world, servers.into())
    }

    fn serve(&mut self, name: &'static str, args: &str) -> Program {
        let line = "exec intercom-signaller serve --data-dir . --listen 127.0.0.1:0 --anonymous";
        let mut server = Program::spawn(name, self.shell(&format!("{line} {args}")));
        let line = server.expect("listening on https://127.0.0.1:");
        self.ports.push((name, line.rsplit_once(':').unwrap().1.parse().unwrap()));
        server
    }

    /// A shell in our directory, with nothing of ours but the programs.
    fn shell(&self, line: &str) -> Command {
        let mut command = unprivileged("sh");
        let path = std::env::var("PATH").unwrap();
        let ports = self.ports.iter().map(|(name, port)| (name, port.to_string()));
        command
            .args(["-c", line])
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", format!("{}:{path}", target_dir().display()))
            .env("HOME", self.dir.path())
            // Without it libpulse leaves a directory in /tmp.
            .env("XDG_RUNTIME_DIR", self.dir.path())
            .env("LC_ALL", "C.UTF-8")
            .env("INTERCOM_LOG", "error")
            .env("INTERCOM_CA", "pki/ca.pem")
            .env("LIBCAMERA_LOG_LEVELS", "*:ERROR")
            .envs(ports);
        command
    }

    fn check(&self, row: &Row) -> Result<(), String> {
        if row.code.is_some() { self.refuses(row) } else { self.waits(row) }
    }

    /// One line on stderr, nothing on stdout, and the exit code.
    fn refuses(&self, row: &Row) -> Result<(), String> {
        let mut shell = self.shell("exec timeout 60 sh -c \"$1\"");
        let output = shell.args(["sh", &row.given]).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let said = stderr.strip_prefix("error: ").and_then(|rest| rest.strip_suffix('\n'));
        let said = said.filter(|said| !said.contains('\n')).unwrap_or_default();
        let right = fits(&self.filled(&row.said), said)
            && output.stdout.is_empty()
            && output.status.code() == row.code;
        if right { Ok(()) } else { Err(format!("{:?} {stderr}", output.status.code())) }
    }

    /// The line in the log, and a program that goes on until it is told to stop.
    fn waits(&self, row: &Row) -> Result<(), String> {
        let mut shell = self.shell(&format!("exec {}", row.given));
        shell.env("INTERCOM_LOG", "warn");
        let mut program = Program::spawn(&row.given, shell);
        let said = self.filled(&row.said);
        while !fits(&format!("…WARN {said}"), &program.expect(" WARN ")) {}
        let status = program.terminate();
        // The signal may come before the program has begun to listen for it.
        let is_over = status.success() || status.signal() == Some(SIGTERM);
        if is_over { Ok(()) } else { Err(format!("ends with {status}")) }
    }

    /// With real ports for `$FULL` and the like.
    fn filled(&self, text: &str) -> String {
        self.ports.iter().fold(text.to_owned(), |text, (name, port)| {
            text.replace(&format!("${name}"), &port.to_string())
        })
    }
}

/// Whether a text is what the page says; its `…` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// A web server that is no signaller: it answers `/404` with status 404. Returns its port.
fn web_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(|| answer(stream));
        }
    });
    port
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut head = [0; 4096];
    let read = stream.read(&mut head)?;
    let head = String::from_utf8_lossy(&head[..read]);
    let path = head.split(' ').nth(1).unwrap_or_default();
    let status = path.trim_start_matches('/').parse().unwrap_or(200);
    write!(stream, "HTTP/1.1 {status} As asked\r\nContent-Length: 6\r\n\r\nhello\n")
}
