//! Renewing the server's certificate by hand or by a timer: the same names, a new time.
//!
//! Unlike [`crate::ensure_server`] it does not ask what this machine is called, so that it also
//! serves where the CA is kept and the server is elsewhere.

use std::path::{Path, PathBuf};

use thiserror::Error;
use time::OffsetDateTime;

use crate::authority::{self, Authority, IssueError, OpenError};
use crate::certificate::{CertificateError, Leaf};
use crate::files;
use crate::name::Host;
use crate::server::{Change, Kept, Server, is_current, is_good};

/// When to renew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Now, whatever time is left.
    Now,
    /// If less than [`crate::RENEW_BEFORE`] is left, the key is another, or the CA is.
    IfNeeded,
}

/// Issues the directory's server certificate again with the names that it has, also after its
/// end. [`Server::lacking`] is what the CA may not vouch for any more.
///
/// # Errors
///
/// There is no certificate, it is somebody else's, or the CA's key is not here.
pub fn renew_server(dir: &Path, due: Due) -> Result<Server, RenewError> {
    renew_at(dir, due, authority::now())
}

fn renew_at(dir: &Path, due: Due, now: OffsetDateTime) -> Result<Server, RenewError> {
    let _lock = files::lock(dir);
    let authority = match Authority::open(dir) {
        Err(OpenError::NoKey(path)) if due == Due::IfNeeded => return keep(dir, path, now),
        authority => authority?,
    };
    let old = read_server(&authority.files().server)?;
    if due == Due::IfNeeded && is_good(&old, &authority, now) {
        return Ok(server(&authority, old, Change::Kept, Vec::new()));
    }
    let (leaf, lacking) = reissue(&authority, &old, now)?;
    Ok(server(&authority, leaf, Change::Issued, lacking))
}

/// A certificate of this CA with the names of the old one; and which of them it may not have.
pub(crate) fn reissue(
    authority: &Authority,
    old: &Leaf,
    now: OffsetDateTime,
) -> Result<(Leaf, Vec<Host>), IssueError> {
    let limits = &authority.root().limits;
    let (names, outside): (Vec<_>, Vec<_>) =
        old.names.iter().cloned().partition(|name| limits.allows_name(name));
    let (ips, more): (Vec<_>, Vec<_>) =
        old.ips.iter().copied().partition(|ip| limits.allows_ip(*ip));
    let outside = outside.into_iter().map(Host::Name).chain(more.into_iter().map(Host::Ip));
    Ok((authority.issue_at(&names, &ips, now)?, outside.collect()))
}

/// Without the CA's key nothing can be renewed, nor must it be while there is time.
fn keep(dir: &Path, ca_key: PathBuf, now: OffsetDateTime) -> Result<Server, RenewError> {
    let Kept { files, root, other, leaf } = Kept::read(dir)?;
    match leaf {
        Some(leaf) if is_current(&leaf, &root, now) => {
            Ok(Server { files, root, other, leaf, change: Change::Kept, lacking: Vec::new() })
        }
        _ => Err(OpenError::NoKey(ca_key).into()),
    }
}

fn read_server(path: &Path) -> Result<Leaf, RenewError> {
    Leaf::read(path).map_err(|error| match error {
        CertificateError::Missing(path) => RenewError::NoServer(path),
        error => OpenError::Certificate(error).into(),
    })
}

fn server(authority: &Authority, leaf: Leaf, change: Change, lacking: Vec<Host>) -> Server {
    let (files, root) = (authority.files().clone(), authority.root().clone());
    Server { files, root, other: authority.other().cloned(), leaf, change, lacking }
}

/// A certificate cannot be renewed.
#[derive(Debug, Error)]
#[allow(missing_docs)] // each says itself
pub enum RenewError {
    #[error("there is no {}: issue one with `intercom-pki server`", .0.display())]
    NoServer(PathBuf),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Issue(#[from] IssueError),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use tempfile::TempDir;
    use time::Duration;

    use super::*;
    use crate::limits::Limits;

    fn made() -> (TempDir, Leaf) {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::init(dir.path(), &Limits::private()).unwrap();
        let ip = "127.0.0.1".parse().unwrap();
        let leaf = authority.issue_server(&["door.local".parse().unwrap()], &[ip]).unwrap();
        (dir, leaf)
    }

    fn after(days: i64) -> OffsetDateTime {
        authority::now() + Duration::days(days)
    }

    #[test]
    fn it_keeps_the_names_and_takes_a_new_time_also_after_the_end() {
        let (dir, old) = made();
        for days in [1, 300, 4000] {
            let server = renew_at(dir.path(), Due::Now, after(days)).unwrap();
            assert_eq!(server.change, Change::Issued);
            assert_eq!((&server.leaf.names, &server.leaf.ips), (&old.names, &old.ips));
            assert!(server.leaf.not_after > after(days));
        }
    }

    #[test]
    fn if_needed_it_waits_until_the_last_month() {
        let (dir, old) = made();
        let kept = renew_at(dir.path(), Due::IfNeeded, after(270)).unwrap();
        assert_eq!((kept.change, kept.leaf.fingerprint), (Change::Kept, old.fingerprint));
        let renewed = renew_at(dir.path(), Due::IfNeeded, after(280)).unwrap();
        assert_eq!(renewed.change, Change::Issued);
    }

    #[test]
    fn without_the_cas_key_it_is_an_error_only_when_due() {
        let (dir, _) = made();
        fs::remove_file(dir.path().join("ca.key")).unwrap();
        let kept = renew_at(dir.path(), Due::IfNeeded, after(270)).unwrap();
        assert_eq!(kept.change, Change::Kept);
        for (due, days) in [(Due::IfNeeded, 280), (Due::Now, 0)] {
            let error = renew_at(dir.path(), due, after(days)).unwrap_err();
            assert!(matches!(error, RenewError::Open(OpenError::NoKey(_))), "{error}");
        }
    }

    #[test]
    fn without_a_certificate_it_says_how_to_have_one() {
        let (dir, _) = made();
        fs::remove_file(dir.path().join("server.pem")).unwrap();
        let error = renew_at(dir.path(), Due::IfNeeded, after(0)).unwrap_err().to_string();
        assert!(error.contains("`intercom-pki server`"), "{error}");
    }
}
