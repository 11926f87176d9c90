//! A server under test: its process, its address, and what the kernel says it used.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Stock,
    Ours,
}

/// One certificate that both servers present, so that TLS costs both the same.
pub(crate) struct Pki {
    files: intercom_pki::Files,
    _dir: TempDir,
}

impl Pki {
    pub(crate) fn make() -> Result<Self> {
        let dir = TempDir::new()?;
        Ok(Self { files: intercom_pki::ensure_server(dir.path())?.files, _dir: dir })
    }

    /// What clients trust.
    pub(crate) fn ca(&self) -> &Path {
        &self.files.ca
    }
}

/// A running server. It is ended when dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) tls: bool,
    child: Child,
    _data: TempDir,
}

impl Server {
    pub(crate) async fn start(kind: Kind, program: &Path, tls: bool, pki: &Pki) -> Result<Self> {
        let data = TempDir::new()?;
        let port = free_port().await?;
        let mut command = Command::new(program);
        match kind {
            Kind::Stock => stock(&mut command, port, tls, pki),
            Kind::Ours => ours(&mut command, port, tls, pki, data.path()),
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} does not start", program.display()))?;
        let server = Self { port, tls, child, _data: data };
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
        // Nanoseconds on a processor, finer than the ticks of /proc/PID/stat; summed over threads.
        let mut nanos = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.pid()?))? {
            let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
            nanos += text.split_whitespace().next().context("no schedstat")?.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanos))
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

/// Quiet: at its default level it prints every message, which would be measured as its own work.
fn stock(command: &mut Command, port: u16, tls: bool, pki: &Pki) {
    command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
    command.env("WEBRTCSINK_SIGNALLING_SERVER_LOG", "error");
    if tls {
        command.arg("--cert").arg(&pki.files.server).arg("--key").arg(&pki.files.server_key);
    }
}

fn ours(command: &mut Command, port: u16, tls: bool, pki: &Pki, data: &Path) {
    let address = format!("127.0.0.1:{port}");
    let (listen, plain) =
        if tls { (address, "127.0.0.1:0".to_owned()) } else { ("127.0.0.1:0".to_owned(), address) };
    command.args(["serve", "--anonymous", "full", "--max-clients", "20000"]);
    command.args(["--listen", &listen, "--plain", &plain]).arg("--data-dir").arg(data);
    command.arg("--cert").arg(&pki.files.server).arg("--key").arg(&pki.files.server_key);
}

async fn free_port() -> Result<u16> {
    Ok(tokio::net::TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}
