//! What all rows share: the programs, their plugins, and one certificate.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::process::Command;

/// Found, or made for this run.
pub(crate) struct Setup {
    stock: PathBuf,
    ours: PathBuf,
    pki: intercom_pki::Files,
    dir: TempDir,
}

impl Setup {
    /// `stock` holds `bin/` and `plugins/`; our programs are where this one is.
    pub(crate) fn new(stock: &Path) -> Result<Self> {
        let stock = stock.canonicalize().with_context(|| stock.display().to_string())?;
        let program = std::env::current_exe()?;
        let ours = program.parent().context("a program in no folder")?.to_owned();
        let dir = TempDir::new()?;
        let plugins = dir.path().join("plugins");
        std::fs::create_dir(&plugins)?;
        symlink(ours.join("libgstbench.so"), plugins.join("libgstbench.so"))?;
        let pki = intercom_pki::ensure_server(&dir.path().join("pki"))?.files;
        Ok(Self { stock, ours, pki, dir })
    }

    /// One certificate that both servers present, so that TLS costs both the same.
    pub(crate) fn pki(&self) -> &intercom_pki::Files {
        &self.pki
    }

    pub(crate) fn stock_server(&self) -> Command {
        Command::new(self.stock.join("bin/gst-webrtc-signalling-server"))
    }

    /// One of our programs, with the benchmark's elements.
    pub(crate) fn ours(&self, name: &str) -> Command {
        let mut command = Command::new(self.ours.join(name));
        command.env("GST_PLUGIN_PATH", self.plugins()).env("GST_REGISTRY", self.file("ours"));
        command
    }

    /// `gst-launch-1.0` with upstream's elements and the benchmark's.
    pub(crate) fn stock_launch(&self, pipeline: &str) -> Command {
        let mut path = self.stock.join("plugins").into_os_string();
        path.push(":");
        path.push(self.plugins());
        let mut command = Command::new("gst-launch-1.0");
        command.env("GST_PLUGIN_PATH", path).env("GST_REGISTRY", self.file("stock"));
        command.arg("--quiet").args(pipeline.split_whitespace());
        command
    }

    fn plugins(&self) -> PathBuf {
        self.file("plugins")
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::join(self.dir.path(), name)
    }
}
