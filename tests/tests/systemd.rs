//! What systemd hears of the device programs, over a socket such as its own.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    os::{
        fd::{FromRawFd, OwnedFd},
        unix::net::UnixDatagram,
    },
    path::PathBuf,
    process::Command,
    ptr,
    time::{Duration, Instant},
};

use intercom_tests::{PATIENCE, Program, Signaller, Stranger, target_dir, unprivileged};
use serde_json::json;
use tempfile::TempDir;

/// The socket of a service manager.
struct Manager {
    _dir: TempDir,
    path: PathBuf,
    socket: UnixDatagram,
}

impl Manager {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Self { _dir: dir, path, socket }
    }

    /// Starts a service with a watchdog of a second.
    fn start(&self, name: &str, signaller: &Signaller, args: &[&str]) -> Program {
        self.run(name, signaller, args, Command::new(target_dir().join(name)))
    }

    fn run(
        &self,
        name: &str,
        signaller: &Signaller,
        args: &[&str],
        mut command: Command,
    ) -> Program {
        let (server, ca) = (signaller.wss(), signaller.ca());
        command.args(["--server", &server, "--ca", ca.to_str().unwrap()]).args(args);
        command.env("NOTIFY_SOCKET", &self.path).env("WATCHDOG_USEC", "1000000");
        Program::spawn(name, command)
    }

    /// Waits for a message with this line; the lines of that message.
    fn expect(&self, line: &str) -> Vec<String> {
        let end = Instant::now() + PATIENCE;
        while let Some(message) = self.next(end) {
            if message.iter().any(|said| said.starts_with(line)) {
                return message;
            }
        }
        panic!("{line} was not said");
    }

    /// How often it was told within this time that the service lives.
    fn beats(&self, time: Duration) -> usize {
        let end = Instant::now() + time;
        let messages = std::iter::from_fn(|| self.next(end));
        messages.filter(|message| message.iter().any(|line| line == "WATCHDOG=1")).count()
    }

    fn next(&self, end: Instant) -> Option<Vec<String>> {
        let left = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        self.socket.set_read_timeout(Some(left)).unwrap();
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).lines().map(str::to_owned).collect())
    }
}

#[test]
fn a_producer_is_ready_when_it_is_on_air_and_says_who_watches() {
    let signaller = Signaller::start();
    let manager = Manager::new();
    let args = ["--name", "door", "--size", "160x120@30"];
    let mut producer = manager.start("intercom-producer", &signaller, &args);
    let ready = manager.expect("READY=1");
    assert!(
        ready.iter().any(|line| line.starts_with("STATUS=on air as door (peer id ")),
        "{ready:?}"
    );
    for _ in 0..4 {
        manager.expect("WATCHDOG=1");
    }

    let outputs = ["--peer", "door", "--video-out", "none", "--audio-out", "none"];
    let watcher = Manager::new();
    let mut consumer = watcher.start("intercom-consumer", &signaller, &outputs);
    watcher.expect("READY=1");
    watcher.expect("STATUS=watching door (peer id ");
    watcher.expect("WATCHDOG=1");
    let status = manager.expect("STATUS=");
    assert!(status[0].ends_with("viewers: 1"), "{status:?}");
    assert!(consumer.terminate().success());
    watcher.expect("STOPPING=1");
    assert!(producer.terminate().success());
    manager.expect("STOPPING=1");
}

#[test]
fn who_watches_twice_is_two_viewers() {
    let signaller = Signaller::start();
    let manager = Manager::new();
    let args = ["--name", "door", "--size", "160x120@30"];
    let mut producer = manager.start("intercom-producer", &signaller, &args);
    let line = producer.expect("on air: ");
    let id = line.rsplit_once("peer id ").unwrap().1.trim_end_matches(')');
    let status = |ends: &str| while !manager.expect("STATUS=")[0].ends_with(ends) {};
    let mut guest = Stranger::connect(&signaller.ws());
    let sessions = [1, 2].map(|count| {
        guest.send(json!({"type": "startSession", "peerId": id}));
        status(&format!("viewers: {count}"));
        guest.expect("a session", |message| message["type"] == "sessionStarted")["sessionId"]
            .clone()
    });
    for (left, session) in [1, 0].into_iter().zip(sessions) {
        guest.send(json!({"type": "endSession", "sessionId": session}));
        status(&format!("viewers: {left}"));
    }
}

#[test]
fn a_camera_that_stands_still_is_not_alive() {
    let signaller = Signaller::start();
    let manager = Manager::new();
    // A frame every two seconds: most of the time nothing comes.
    let camera = "launch:videotestsrc is-live=true ! identity sleep-time=2000000";
    let args = ["--name", "door", "--size", "160x120@30", "--audio", "none", "--video", camera];
    let args = [&args[..], &["--always-on"]].concat();
    let _producer = manager.start("intercom-producer", &signaller, &args);
    manager.expect("READY=1");
    // A living one says it eleven or twelve times, this one three or four.
    let beats = manager.beats(Duration::from_secs(6));
    assert!(beats <= 6, "{beats}");
}

#[test]
fn a_camera_that_fails_is_in_the_status_until_it_works_again() {
    let signaller = Signaller::start();
    let manager = Manager::new();
    let camera = "launch:videotestsrc is-live=true ! identity error-after=60";
    let args = ["--name", "door", "--size", "160x120@30", "--audio", "none", "--video", camera];
    let args = [&args[..], &["--always-on"]].concat();
    let _producer = manager.start("intercom-producer", &signaller, &args);
    manager.expect("READY=1");
    let status = |ends: &str| while !manager.expect("STATUS=")[0].ends_with(ends) {};
    status("; camera: deviceGone, trying again");
    status("viewers: 0");
}

#[test]
fn a_microphone_that_another_program_holds_is_busy() {
    let signaller = Signaller::start();
    let manager = Manager::new();
    let dir = TempDir::new().unwrap();
    let (_held, terminal) = held();
    // A sound card that cannot be opened, for the same reason as a real one.
    let alsa = format!(
        "pcm.held {{ type file; slave.pcm {{ type null }}; file /dev/null; format raw; infile {:?} }}",
        terminal.display()
    );
    fs::write(dir.path().join("asoundrc"), alsa).unwrap();
    let mut command = unprivileged(target_dir().join("intercom-producer"));
    command.env("ALSA_CONFIG_PATH", dir.path().join("asoundrc"));
    let args = ["--name", "door", "--size", "160x120@30", "--audio", "alsa:held"];
    let mut producer = manager.run("intercom-producer", &signaller, &args, command);
    producer.expect("the microphone alsa:held is in use by another program, sending silence");
    while !manager.expect("STATUS=")[0].ends_with("; microphone: deviceBusy, trying again") {}
}

/// A terminal that nobody else can open as long as it is held, and where it is.
fn held() -> ([OwnedFd; 2], PathBuf) {
    let (mut master, mut terminal) = (0, 0);
    let none = ptr::null_mut();
    // SAFETY: both numbers are written to, and become files that nobody else has.
    let held = unsafe {
        let opened = libc::openpty(&mut master, &mut terminal, none, ptr::null(), ptr::null());
        assert_eq!(opened, 0, "no terminal");
        assert_eq!(libc::ioctl(terminal, libc::TIOCEXCL), 0);
        [master, terminal].map(|file| OwnedFd::from_raw_fd(file))
    };
    let path = fs::read_link(format!("/proc/self/fd/{terminal}")).unwrap();
    (held, path)
}
