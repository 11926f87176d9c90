//! The certificate while the server runs: read at the start, read again when its files, its age or
//! this machine's addresses ask for it.
//!
//! What cannot be used changes nothing: the last good one goes on being shown. No connection is
//! ever closed here.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use intercom_pki::{Change, EnsureError, Host, IpRange, Other};
use rustls::ServerConfig;
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;
use tokio::task::JoinError;
use tokio::time::sleep;
use tracing::{error, info, warn};

use crate::config::Config;
use crate::http::ca::{Ca, Handout};
use crate::listen::tls::{self, Identity, Shown, TlsError};

/// Where the certificate comes from, and what is made of it.
#[derive(Debug)]
pub(crate) struct Certificate {
    source: Source,
    shown: Arc<Shown>,
    ca: Ca,
    /// One reads at a time.
    seen: Mutex<Seen>,
}

/// A certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The certificate or its key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Our own CA.
    #[error(transparent)]
    Pki(#[from] EnsureError),
    /// The TLS library.
    #[error("cannot set up TLS: {0}")]
    Library(#[from] rustls::Error),
    /// It was not read to its end.
    #[error("nobody looks after the certificate any more: {0}")]
    Ended(#[from] JoinError),
}

#[derive(Debug)]
enum Source {
    /// Our own CA's, in this directory.
    Own(PathBuf),
    Foreign(Identity),
}

/// What was there the last time, good or not.
#[derive(Debug, Default)]
struct Seen {
    files: Vec<Option<Stamp>>,
    /// What the CA may not vouch for, as it was said last.
    lacking: Vec<Host>,
    /// The complaint that was logged last, until all is well again.
    complaint: Option<String>,
}

/// Tells a file from what was in its place before.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    inode: (u64, u64),
    len: u64,
    modified: (i64, i64),
}

/// [`intercom_pki::ensure_server`] at the start, [`intercom_pki::refresh_server`] later.
type SeeTo = fn(&Path) -> Result<intercom_pki::Server, EnsureError>;

struct Loaded {
    certificate: CertifiedKey,
    ca: Option<Handout>,
}

impl Certificate {
    /// Reads it for the first time.
    pub(crate) fn load(config: &Config) -> Result<Self, CertificateError> {
        let source = match &config.identity {
            Some(identity) => Source::Foreign(identity.clone()),
            None => Source::Own(config.data_dir.join("pki")),
        };
        let mut seen = Seen::default();
        let Loaded { certificate, ca } = source.load(&mut seen, intercom_pki::ensure_server)?;
        Ok(Self {
            source,
            shown: Arc::new(Shown::new(certificate)),
            ca: Arc::new(ArcSwapOption::from_pointee(ca)),
            seen: Mutex::new(seen),
        })
    }

    /// Settings for the TLS side that follow every change.
    pub(crate) fn tls(&self) -> Result<Arc<ServerConfig>, CertificateError> {
        Ok(tls::configure(Arc::clone(&self.shown))?)
    }

    /// What is handed out of our own CA, following every change.
    pub(crate) fn ca(&self) -> Ca {
        Arc::clone(&self.ca)
    }

    /// Reads it again.
    pub(crate) fn reload(&self) -> Result<(), CertificateError> {
        self.reload_into(&mut self.seen())
    }

    /// Reads it again if there may be something new. Complains once of what stays wrong.
    fn look(&self) {
        let mut seen = self.seen();
        if !self.source.may_have_changed(&seen) {
            return;
        }
        let Err(error) = self.reload_into(&mut seen) else { return };
        let complaint = error.to_string();
        if seen.complaint.as_ref() != Some(&complaint) {
            error!("the certificate stays as it is: {complaint}");
            seen.complaint = Some(complaint);
        }
    }

    fn reload_into(&self, seen: &mut Seen) -> Result<(), CertificateError> {
        let Loaded { certificate, ca } = self.source.load(seen, intercom_pki::refresh_server)?;
        if self.shown.replace(certificate) {
            info!("new connections see a new certificate");
        }
        self.ca.store(ca.map(Arc::new));
        seen.complaint = None;
        Ok(())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks again and again, by a clock that nobody sets: each look asks what time it is by itself.
pub(crate) async fn keep(certificate: Arc<Certificate>, every: Duration) {
    loop {
        sleep(every).await;
        let certificate = Arc::clone(&certificate);
        // It reads files, and signs now and then.
        if let Err(error) = tokio::task::spawn_blocking(move || certificate.look()).await {
            error!("nobody looks after the certificate any more: {error}");
            return;
        }
    }
}

impl Source {
    /// Our own is always worth asking for: its age and our addresses count as well.
    fn may_have_changed(&self, seen: &Seen) -> bool {
        match self {
            Self::Own(_) => true,
            Self::Foreign(identity) => stamps(identity) != seen.files,
        }
    }

    fn load(&self, seen: &mut Seen, see_to: SeeTo) -> Result<Loaded, CertificateError> {
        match self {
            Self::Own(dir) => load_own(&see_to(dir)?, seen),
            Self::Foreign(identity) => {
                // Before the files are read: a change meanwhile is seen the next time.
                seen.files = stamps(identity);
                let certificate = tls::load(identity)?;
                say_if_over(&certificate);
                Ok(Loaded { certificate, ca: None })
            }
        }
    }
}

/// A certificate from elsewhere is its owner's business, but nobody will believe one that has ended.
fn say_if_over(certificate: &CertifiedKey) {
    let end = certificate.cert.first().and_then(|leaf| intercom_pki::end_of(leaf));
    if let Some(end) = end.filter(|end| *end < OffsetDateTime::now_utc()) {
        warn!("the certificate has ended on {}; nobody accepts it any more", end.date());
    }
}

fn load_own(made: &intercom_pki::Server, seen: &mut Seen) -> Result<Loaded, CertificateError> {
    report(made, seen);
    let intercom_pki::Files { server: cert, server_key: key, ca: file, .. } = made.files.clone();
    let certificate = tls::load(&Identity::Pem { cert, key })?;
    let pem = fs::read(&file).map_err(|source| TlsError::Unreadable { file, source })?;
    let next = match &made.other {
        Some(Other::Next(next)) => Some(next.clone()),
        Some(Other::Old(_)) | None => None,
    };
    let ca = Handout { pem: pem.into(), root: made.root.clone(), next };
    Ok(Loaded { certificate, ca: Some(ca) })
}

fn report(made: &intercom_pki::Server, seen: &mut Seen) {
    match made.change {
        Change::Kept => {}
        Change::Issued => info!("issued a new certificate for this server"),
        Change::MadeCa => {
            info!("made a CA; {} is what browsers and phones must trust", made.files.ca.display());
        }
    }
    if made.lacking != seen.lacking {
        let (absent, outside): (Vec<&Host>, Vec<&Host>) =
            made.lacking.iter().partition(|host| made.root.limits.allows(host));
        if !outside.is_empty() {
            warn!("{}", beyond_limits(&made.files.dir, &outside));
        }
        if !absent.is_empty() {
            warn!(
                "the certificate does not name {}, so browsers refuse to open them; issue it \
                 where the CA's key is kept",
                listed(&absent)
            );
        }
    }
    seen.lacking.clone_from(&made.lacking);
}

/// What to do about names that the CA may not vouch for.
fn beyond_limits(dir: &Path, outside: &[&Host]) -> String {
    let flag = |host: &&Host| match host {
        Host::Name(name) => format!(" --domain {name}"),
        Host::Ip(ip) => format!(" --ip-range {}", IpRange::single(*ip)),
    };
    let flags: String = outside.iter().map(flag).collect();
    let dir = dir.display();
    format!(
        "the CA may not vouch for {}, so browsers refuse to open them; while nobody trusts the CA \
         yet, remove {dir} and run `intercom-pki init --dir {dir}{flags}`, later \
         `intercom-pki rotate begin --dir {dir}{flags}`",
        listed(outside)
    )
}

fn listed(hosts: &[&Host]) -> String {
    hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn stamps(identity: &Identity) -> Vec<Option<Stamp>> {
    let stamp = |file: &&Path| {
        let meta = fs::metadata(file).ok()?;
        Some(Stamp {
            inode: (meta.dev(), meta.ino()),
            len: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
        })
    };
    identity.files().iter().map(stamp).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_warning_has_the_whole_command() {
        let hosts =
            [Host::Name("door.example.org".parse().unwrap()), Host::Ip([8, 8, 8, 8].into())];
        let warning = beyond_limits(Path::new("/d/pki"), &[&hosts[0], &hosts[1]]);
        let flags = "--dir /d/pki --domain door.example.org --ip-range 8.8.8.8/32`";
        for command in ["init", "rotate begin"] {
            assert!(warning.contains(&format!("`intercom-pki {command} {flags}")), "{warning}");
        }
    }
}
