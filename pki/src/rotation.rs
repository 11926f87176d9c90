//! From one CA to the next without a day on which anybody must hurry.
//!
//! `ca.pem` is the state: its first certificate signs, a second one is known as well. Every step is
//! one rename of that file; what follows it (names of keys, the server's certificate) is done again
//! by whoever comes next, so that a power cut at any point loses nothing:
//!
//! | | `ca.pem` | keys |
//! |---|---|---|
//! | before, and after [`abort`] | old | `ca.key` |
//! | after [`begin`] | old, next | `ca.key`, `ca-next.key` |
//! | after [`finish`] | next, old | `ca.key`, `ca-old.key` |
//! | after [`forget`] | next | `ca.key` |

use std::io;
use std::path::{Path, PathBuf};

use rcgen::PublicKeyData;
use thiserror::Error;
use time::{Duration, OffsetDateTime};

use crate::authority::{self, Authority, CaName, InitError, IssueError, MARGIN, OpenError};
use crate::certificate::{Other, Root};
use crate::files::{self, Existing, Files, Readable};
use crate::limits::{IpRange, Limits};
use crate::name::DnsName;
use crate::renewal::reissue;
use crate::server::{is_good, read_own};

/// What the next CA is to be, besides all that the one in use is.
#[derive(Clone, Debug, Default)]
pub struct Next {
    /// More domains that it may vouch for.
    pub domains: Vec<DnsName>,
    /// More ranges of addresses that it may vouch for.
    pub ranges: Vec<IpRange>,
    /// Its name; without one it is named after this machine.
    pub name: Option<CaName>,
}

/// Makes the next CA and hands it out beside the one in use, which goes on signing.
///
/// # Errors
///
/// A rotation is under way, the CA's key is not here, or the files cannot be written.
pub fn begin(dir: &Path, next: Next) -> Result<Authority, RotateError> {
    let _lock = files::lock(dir);
    let authority = Authority::open(dir)?;
    match authority.other() {
        Some(Other::Next(_)) => return Err(RotateError::UnderWay),
        Some(Other::Old(_)) => return Err(RotateError::NotForgotten),
        None if authority.files().old_key.exists() => return Err(RotateError::NotForgotten),
        None => {}
    }
    let files = authority.files();
    // A key without a certificate is what a power cut leaves.
    let key = match authority::read_key(&files.next_key).map_err(OpenError::Key)? {
        Some(key) => key,
        None => authority::write_new_key(&files.next_key, Existing::Keep)
            .map_err(|error| InitError::from_key(error, &files.next_key))?,
    };
    let limits = authority.root().limits.clone();
    let limits = next.domains.into_iter().fold(limits, Limits::with_domain);
    let limits = next.ranges.into_iter().fold(limits, Limits::with_range);
    let not_before = later_than(authority.root(), authority::now());
    let next = authority::new_ca(&key, next.name.as_ref(), &limits, not_before)
        .map_err(InitError::Sign)?;
    write_roots(files, &[authority.root().pem(), next])?;
    Ok(Authority::open(dir)?)
}

/// Lets the next CA sign, and issues the server's certificate anew. Whoever trusts the old CA
/// only, refuses the server from now on.
///
/// # Errors
///
/// No rotation has begun, a key is missing, or the files cannot be written.
pub fn finish(dir: &Path) -> Result<Authority, RotateError> {
    let _lock = files::lock(dir);
    let authority = Authority::open(dir)?;
    match authority.other() {
        None => Err(RotateError::NotBegun),
        Some(Other::Next(next)) => swap(&authority, next),
        Some(Other::Old(_)) => settle(&authority).map(|_| authority),
    }
}

/// One step back: after [`finish`] the old CA signs again, after [`begin`] the next one is dropped
/// and its key destroyed.
///
/// # Errors
///
/// No rotation has begun, a key is missing, or the files cannot be written.
pub fn abort(dir: &Path) -> Result<Authority, RotateError> {
    let _lock = files::lock(dir);
    let authority = Authority::open(dir)?;
    match authority.other() {
        Some(Other::Old(old)) => swap(&authority, old),
        // The step back from `finish` has not been all done.
        Some(Other::Next(_)) if settle(&authority)? => Ok(authority),
        Some(Other::Next(_)) => drop_other(&authority),
        // What is left to do after a power cut.
        None if authority.files().next_key.exists() => drop_other(&authority),
        None => Err(RotateError::NotBegun),
    }
}

/// Ends a rotation: the old CA is handed out no more and its key destroyed.
///
/// # Errors
///
/// The next CA does not sign yet, or the files cannot be written.
pub fn forget(dir: &Path) -> Result<Authority, RotateError> {
    let _lock = files::lock(dir);
    let authority = Authority::open(dir)?;
    match authority.other() {
        Some(Other::Next(_)) => Err(RotateError::NotFinished),
        Some(Other::Old(_)) => {
            settle(&authority)?;
            drop_other(&authority)
        }
        None if authority.files().old_key.exists() => drop_other(&authority),
        None => Err(RotateError::NotBegun),
    }
}

/// The other CA comes first, if its key is here.
fn swap(authority: &Authority, other: &Root) -> Result<Authority, RotateError> {
    let files = authority.files();
    let keys = [&files.next_key, &files.old_key, &files.ca_key];
    if !keys.into_iter().any(|key| has_key(key, other)) {
        return Err(RotateError::NoOtherKey(other.subject.clone()));
    }
    write_roots(files, &[other.pem(), authority.root().pem()])?;
    let authority = Authority::open(&files.dir)?;
    settle(&authority)?;
    Ok(authority)
}

/// Gives the keys their names and the server its certificate, as `ca.pem` wants them. Whether
/// the other CA was still in use.
fn settle(authority: &Authority) -> Result<bool, RotateError> {
    let files = authority.files();
    let is_named = has_key(&files.ca_key, authority.root());
    if !is_named {
        let (from, spare) = match authority.other() {
            Some(Other::Next(_)) => (&files.old_key, &files.next_key),
            _ => (&files.next_key, &files.old_key),
        };
        if files.ca_key.exists() {
            rename_key(&files.ca_key, spare)?;
        }
        rename_key(from, &files.ca_key)?;
    }
    let now = authority::now();
    match read_own(authority)? {
        Some(leaf) if !is_good(&leaf, authority, now) => {
            reissue(authority, &leaf, now)?;
            Ok(!is_named || !leaf.is_signed_by(authority.root()))
        }
        _ => Ok(!is_named),
    }
}

/// Only the CA that signs stays.
fn drop_other(authority: &Authority) -> Result<Authority, RotateError> {
    let files = authority.files();
    write_roots(files, &[authority.root().pem()])?;
    for key in [&files.next_key, &files.old_key].into_iter().filter(|key| key.exists()) {
        files::remove(key).map_err(|source| InitError::write(key, source))?;
    }
    Ok(Authority::open(&files.dir)?)
}

/// A time for the next CA: now, but after the other's, whatever the clock says.
fn later_than(root: &Root, now: OffsetDateTime) -> OffsetDateTime {
    (now - MARGIN).max(root.not_before + Duration::SECOND)
}

fn has_key(path: &Path, root: &Root) -> bool {
    let key = authority::read_key(path).ok().flatten();
    key.is_some_and(|key| key.subject_public_key_info() == root.public_key)
}

fn rename_key(from: &Path, to: &Path) -> Result<(), RotateError> {
    files::rename_key(from, to).map_err(|source| RotateError::Rename {
        from: from.to_owned(),
        to: to.to_owned(),
        source,
    })
}

fn write_roots(files: &Files, pems: &[String]) -> Result<(), RotateError> {
    files::write(&files.ca, pems.concat().as_bytes(), Readable::All, Existing::Replace)
        .map_err(|source| InitError::write(&files.ca, source).into())
}

/// A step of a rotation cannot be done.
#[derive(Debug, Error)]
#[allow(missing_docs)] // each says itself
pub enum RotateError {
    #[error("a rotation has begun: go on with `intercom-pki rotate finish`, or back with `abort`")]
    UnderWay,
    #[error("the last rotation has not ended: end it with `intercom-pki rotate forget`")]
    NotForgotten,
    #[error("no rotation has begun: begin one with `intercom-pki rotate begin`")]
    NotBegun,
    #[error("the next CA does not sign yet: first `intercom-pki rotate finish`")]
    NotFinished,
    #[error("the key of {0} is not here: put back ca-next.key or ca-old.key")]
    NoOtherKey(String),
    #[error("cannot rename {} to {}: {source}", from.display(), to.display())]
    Rename { from: PathBuf, to: PathBuf, source: io::Error },
    #[error(transparent)]
    Init(#[from] InitError),
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

    use super::*;
    use crate::certificate::Leaf;
    use crate::files::power;
    use crate::server::refresh_server;

    /// A directory with a CA and a certificate for this machine.
    fn made() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        crate::ensure_server(dir.path()).unwrap();
        dir
    }

    fn begun() -> TempDir {
        let dir = made();
        begin(dir.path(), Next::default()).unwrap();
        dir
    }

    fn finished() -> TempDir {
        let dir = begun();
        finish(dir.path()).unwrap();
        dir
    }

    fn roots(dir: &TempDir) -> Vec<Root> {
        let (root, others) = Root::read_with_others(&dir.path().join("ca.pem")).unwrap();
        [root].into_iter().chain(others.into_iter().map(Other::into_root)).collect()
    }

    fn leaf(dir: &TempDir) -> Leaf {
        Leaf::read(&dir.path().join("server.pem")).unwrap()
    }

    /// The keys there are, sorted.
    fn keys(dir: &TempDir) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
        let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|e| name(e).unwrap()).collect();
        names.retain(|name| name.starts_with("ca") && name.ends_with(".key"));
        names.sort();
        names
    }

    #[test]
    fn the_old_ca_signs_until_the_end_and_the_new_one_from_then_on() {
        let dir = made();
        let old = roots(&dir)[0].clone();
        let next = begin(dir.path(), Next::default()).unwrap();
        let next = next.other().unwrap().root().clone();
        assert_eq!(roots(&dir), [old.clone(), next.clone()]);
        assert!(refresh_server(dir.path()).unwrap().leaf.is_signed_by(&old));
        let before = leaf(&dir);

        finish(dir.path()).unwrap();
        assert_eq!(roots(&dir), [next.clone(), old]);
        assert!(leaf(&dir).is_signed_by(&next));
        assert_eq!((leaf(&dir).names, leaf(&dir).ips), (before.names, before.ips));
        assert_eq!(keys(&dir), ["ca-old.key", "ca.key"]);

        forget(dir.path()).unwrap();
        assert_eq!(roots(&dir), [next]);
        assert_eq!(keys(&dir), ["ca.key"]);
        let wider = Next { domains: vec!["example.org".parse().unwrap()], ..Next::default() };
        let wider = begin(dir.path(), wider).unwrap();
        let limits = roots(&dir)[0].limits.clone();
        assert_eq!(
            wider.other().unwrap().root().limits,
            limits.with_domain("example.org".parse().unwrap())
        );
    }

    #[test]
    fn every_step_can_be_taken_back() {
        let dir = made();
        let old = roots(&dir)[0].clone();
        begin(dir.path(), Next::default()).unwrap();
        let both = roots(&dir);
        finish(dir.path()).unwrap();
        abort(dir.path()).unwrap();
        assert_eq!(roots(&dir), both);
        assert!(leaf(&dir).is_signed_by(&old));
        assert_eq!(keys(&dir), ["ca-next.key", "ca.key"]);
        abort(dir.path()).unwrap();
        assert_eq!(roots(&dir), [old]);
        assert_eq!(keys(&dir), ["ca.key"]);
    }

    #[test]
    fn a_certificate_that_had_to_be_renewed_is_no_step() {
        let dir = begun();
        fs::remove_file(dir.path().join("server.key")).unwrap();
        abort(dir.path()).unwrap();
        assert_eq!((roots(&dir).len(), keys(&dir)), (1, vec!["ca.key".to_owned()]));
    }

    #[test]
    fn steps_in_the_wrong_order_say_which_is_next() {
        let fails = |result: Result<Authority, RotateError>, words: &str| {
            let error = result.err().unwrap().to_string();
            assert!(error.contains(words), "{error}");
        };
        let dir = made();
        fails(finish(dir.path()), "rotate begin");
        fails(abort(dir.path()), "rotate begin");
        fails(forget(dir.path()), "rotate begin");
        let dir = begun();
        fails(begin(dir.path(), Next::default()), "rotate finish");
        fails(forget(dir.path()), "rotate finish");
        let dir = finished();
        fails(begin(dir.path(), Next::default()), "rotate forget");
        fs::remove_file(dir.path().join("ca-old.key")).unwrap();
        fails(abort(dir.path()), "ca-old.key");
    }

    type World = fn() -> TempDir;
    type Step = fn(&Path) -> Result<Authority, RotateError>;

    #[test]
    fn a_power_cut_at_any_moment_loses_nothing() {
        let steps: [(&str, World, Step); 5] = [
            ("begin", made, |dir| begin(dir, Next::default())),
            ("finish", begun, finish),
            ("abort", begun, abort),
            ("abort a finished one", finished, abort),
            ("forget", finished, forget),
        ];
        for (name, world, step) in steps {
            let whole = world();
            step(whole.path()).unwrap();
            let mut cuts = 0;
            loop {
                let dir = world();
                if power::lasts(cuts, || drop(step(dir.path()))) {
                    break;
                }
                survives(&dir, &format!("{name}, cut after {cuts} changes"));
                if let Err(error) = step(dir.path()) {
                    panic!("{name} again, cut after {cuts}: {error}");
                }
                assert_eq!(keys(&dir), keys(&whole), "{name}, cut after {cuts}");
                assert_eq!(roots(&dir).len(), roots(&whole).len(), "{name}, cut after {cuts}");
                survives(&dir, name);
                cuts += 1;
            }
            assert!(cuts > 1, "{name} changed {cuts} files");
        }
    }

    /// A server starts with a certificate of the CA that signs, and every CA that is handed out
    /// has its key.
    fn survives(dir: &TempDir, when: &str) {
        let copy = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
        let server = refresh_server(copy.path()).unwrap_or_else(|error| panic!("{when}: {error}"));
        assert!(server.leaf.is_signed_by(&server.root), "{when}");
        let files = Files::of(copy.path());
        for root in roots(&copy) {
            let keys = [&files.ca_key, &files.next_key, &files.old_key];
            assert!(keys.into_iter().any(|key| has_key(key, &root)), "{when}: {}", root.subject);
        }
    }

    #[test]
    fn a_clock_that_is_behind_does_not_make_the_next_ca_the_older_one() {
        let root = &roots(&made())[0];
        assert!(later_than(root, root.not_before) > root.not_before);
    }
}
