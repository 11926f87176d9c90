//! `gst-launch-1.0` with a folder of plugins and a registry of its own.

use std::ffi::OsStr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::{Program, target_dir};

/// What `GST_PLUGIN_PATH` names, as cargo built it beside the tests.
pub struct Plugins {
    dir: TempDir,
    ca: Option<PathBuf>,
}

impl Plugins {
    /// Upstream's own, nothing of ours: `libgstrswebrtc.so` and `libgstrsrtp.so`.
    pub fn stock() -> Self {
        Self::of(&["libgstrswebrtc", "libgstrsrtp"])
    }

    /// What `make plugins` makes: `libgstintercom.so` and `libgstrsrtp.so`.
    pub fn ours() -> Self {
        Self::of(&["libgstintercom", "libgstrsrtp"])
    }

    fn of(names: &[&str]) -> Self {
        let dir = TempDir::new().unwrap();
        for name in names {
            let built = newest(&target_dir().join("deps"), name);
            symlink(built, dir.path().join(format!("{name}.so"))).unwrap();
        }
        Self { dir, ca: None }
    }

    /// Sets `INTERCOM_CA` for what is started from here on.
    pub fn trust(&mut self, ca: &Path) {
        self.ca = Some(ca.to_owned());
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Starts `gst-launch-1.0` with a pipeline as one would type it into a shell. What chooses its
    /// sinks by itself gets silent, invisible ones that keep time: there is no screen here.
    pub fn launch(&self, pipeline: &str) -> Program {
        let mut command = self.command("sh");
        command
            .args(["-c", &format!("exec gst-launch-1.0 {pipeline}")])
            .env("GST_PLUGIN_FEATURE_RANK", "fakevideosink:MAX,fakeaudiosink:MAX");
        Program::spawn("gst-launch-1.0", command)
    }

    /// Any program, to be run with these plugins.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("GST_PLUGIN_PATH", self.path())
            .env("GST_REGISTRY", self.path().join("registry.bin"))
            .envs(self.ca.iter().map(|ca| ("INTERCOM_CA", ca)));
        command
    }
}

fn newest(dir: &Path, stem: &str) -> PathBuf {
    let is_it = |path: &PathBuf| {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        name.starts_with(stem) && name.ends_with(".so")
    };
    std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(is_it)
        .max_by_key(|path| path.metadata().unwrap().modified().unwrap())
        .unwrap_or_else(|| panic!("no {stem}*.so: run `cargo test --workspace --no-run` first"))
}
