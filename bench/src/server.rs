//! A server under test: its process, its address, and what the kernel says it used.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::setup::Setup;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Stock,
    Ours,
}

/// A running server. It is ended when dropped.
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) port: u16,
    pub(crate) tls: bool,
    child: Child,
    _data: TempDir,
}

impl Server {
    pub(crate) async fn start(kind: Kind, tls: bool, setup: &Setup) -> Result<Self> {
        let data = TempDir::new()?;
        let port = free_port().await?;
        let mut command = match kind {
            Kind::Stock => stock(port, tls, setup),
            Kind::Ours => ours(port, tls, setup, data.path()),
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{kind:?}: the server does not start"))?;
        let server = Self { kind, port, tls, child, _data: data };
        server.reachable().await?;
        Ok(server)
    }

    /// Resident memory, bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?;
        Ok(kib.parse::<u64>()? * 1024)
    }

    /// Processor time used so far, user and system.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        cpu_of(self.pid()?)
    }

    fn pid(&self) -> Result<u32> {
        self.child.id().context("the server has ended")
    }

    async fn reachable(&self) -> Result<()> {
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        bail!("the server does not listen on port {}", self.port)
    }
}

/// Processor time that a process has used so far, user and system, of threads that have ended, too.
pub(crate) fn cpu_of(pid: u32) -> Result<Duration> {
    let time = clock_getcpuclockid(Pid::from_raw(pid.try_into()?))?.now()?;
    Ok(time.into())
}

/// Quiet: at its default level it prints every message, which would be measured as its own work.
fn stock(port: u16, tls: bool, setup: &Setup) -> Command {
    let mut command = setup.stock_server();
    command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
    command.env("WEBRTCSINK_SIGNALLING_SERVER_LOG", "error");
    if tls {
        let files = setup.pki();
        command.arg("--cert").arg(&files.server).arg("--key").arg(&files.server_key);
    }
    command
}

fn ours(port: u16, tls: bool, setup: &Setup, data: &Path) -> Command {
    let address = format!("127.0.0.1:{port}");
    let (listen, plain) =
        if tls { (address, "127.0.0.1:0".to_owned()) } else { ("127.0.0.1:0".to_owned(), address) };
    let mut command = setup.ours("intercom-signaller");
    command.args(["serve", "--anonymous", "full", "--max-clients", "20000"]);
    command.args(["--listen", &listen, "--plain", &plain]).arg("--data-dir").arg(data);
    let files = setup.pki();
    command.arg("--cert").arg(&files.server).arg("--key").arg(&files.server_key);
    command
}

async fn free_port() -> Result<u16> {
    Ok(tokio::net::TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}
