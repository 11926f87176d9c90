//! Who on this machine is told to trust the CA: the system's store, and those of browsers that
//! have their own. Each store is done by itself, and says what came of it.
//!
//! Everything is done by the tools of the store's owners (update-ca-certificates, certutil).

mod nss;
mod system;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use thiserror::Error;

use crate::certificate::Root;

pub use nss::Nss;
pub use system::System;

/// A kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The system's: curl, GStreamer, our own programs.
    System,
    /// Chromium's and its relatives', one a user.
    Chromium,
    /// Firefox', one a profile.
    Firefox,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::System, Self::Chromium, Self::Firefox];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "system",
            Self::Chromium => "Chromium",
            Self::Firefox => "Firefox",
        })
    }
}

/// A store of trusted CAs on this machine.
#[derive(Clone, Debug)]
pub enum Store {
    /// Of the whole system.
    System(System),
    /// Of a browser.
    Nss(Nss),
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The store trusts the CA from now on.
    Added,
    /// It did already.
    Present,
    /// It does not any more.
    Removed,
    /// It never did.
    Absent,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Added => "trusts it from now on",
            Self::Present => "trusts it already",
            Self::Removed => "trusts it no more",
            Self::Absent => "did not trust it",
        })
    }
}

/// The stores of a kind that this machine and this home directory have.
pub fn stores(kind: Kind, home: &Path) -> Vec<Store> {
    match kind {
        Kind::System => System::of_this_machine().into_iter().map(Store::System).collect(),
        Kind::Chromium => nss::chromium(home).into_iter().map(Store::Nss).collect(),
        Kind::Firefox => nss::firefox(home).into_iter().map(Store::Nss).collect(),
    }
}

impl Store {
    /// Where it is.
    pub fn place(&self) -> &Path {
        match self {
            Self::System(system) => system.place(),
            Self::Nss(nss) => nss.place(),
        }
    }

    /// Makes it trust a CA.
    ///
    /// # Errors
    ///
    /// See [`TrustError`]; the store is as it was.
    pub fn trust(&self, root: &Root) -> Result<Outcome, TrustError> {
        match self {
            Self::System(system) => system.trust(root),
            Self::Nss(nss) => nss.trust(root),
        }
    }

    /// Makes it trust a CA no more.
    ///
    /// # Errors
    ///
    /// See [`TrustError`].
    pub fn untrust(&self, root: &Root) -> Result<Outcome, TrustError> {
        match self {
            Self::System(system) => system.untrust(root),
            Self::Nss(nss) => nss.untrust(root),
        }
    }
}

/// A store does not do as it is told.
#[derive(Debug, Error)]
#[allow(missing_docs)] // each says itself
pub enum TrustError {
    #[error("only root may change it")]
    NotRoot,
    #[error("certutil is missing: install the package libnss3-tools")]
    NoCertutil,
    #[error("it has a primary password: import the CA in the browser's settings")]
    Password,
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot run {program}: {source}")]
    Run { program: String, source: io::Error },
    #[error("{program} failed: {words}")]
    Failed { program: String, words: String },
}

impl TrustError {
    fn write(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::PermissionDenied => Self::NotRoot,
            _ => Self::Write { path: path.to_owned(), source },
        }
    }
}

/// A name for a CA's certificate in a store.
fn label(root: &Root) -> String {
    let digits: String = root.fingerprint.bytes()[..4].iter().map(|b| format!("{b:02x}")).collect();
    format!("gst-intercom-{digits}")
}

/// Runs a tool to its end; what it prints, or its last line if it fails.
fn run(command: &mut Command) -> Result<String, TrustError> {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    let done = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| TrustError::Run { program: name.clone(), source })?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&done.stderr);
    let words =
        words.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it does not say why");
    Err(TrustError::Failed { program: name, words: words.trim().to_owned() })
}

/// A program's path; also in the directories that only root searches.
fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).map(|dir| dir.join(name)).find(|file| file.is_file())
}
