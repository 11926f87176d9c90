//! The certificate that `intercom-signaller serve` runs with: made on the first start, renewed in
//! time, and made anew when this machine is called something else. Never touches the CA.

use std::io;
use std::net::IpAddr;
use std::path::Path;

use thiserror::Error;
use time::{Duration, OffsetDateTime};

use crate::authority::{self, Authority, InitError, IssueError, OpenError};
use crate::certificate::{CertificateError, Leaf, Other, Root};
use crate::files::{self, Files};
use crate::limits::Limits;
use crate::machine;
use crate::name::{DnsName, Host};

/// A certificate with less time left than this is renewed.
pub const RENEW_BEFORE: Duration = Duration::days(30);

/// How many addresses a certificate keeps at most. Earlier addresses stay in it, as they may have
/// been asked for by hand; this bounds what a machine with ever new ones collects.
const MAX_IPS: usize = 32;

/// A certificate ready to be served.
#[derive(Clone, Debug)]
pub struct Server {
    /// `files.server` and `files.server_key` are what to serve, `files.ca` what to trust.
    pub files: Files,
    /// The CA.
    pub root: Root,
    /// The other CA, during a rotation.
    pub other: Option<Other>,
    /// The certificate.
    pub leaf: Leaf,
    /// What was done.
    pub change: Change,
    /// Names and addresses of this machine that the certificate lacks, as the CA may not vouch for
    /// them (or, without `ca.key` here, as nobody can add them here). Browsers refuse to open them.
    pub lacking: Vec<Host>,
}

/// What [`ensure_server`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing: all was there and good.
    Kept,
    /// Issued a certificate.
    Issued,
    /// Made the CA and issued a certificate.
    MadeCa,
}

/// Sees to it that the directory holds a CA and a server certificate of it, good for what this
/// machine is called now. May be called at any time, also while the certificate is in use.
///
/// Without `ca.key` (a CA kept elsewhere) a certificate that is still good is used as it is.
///
/// # Errors
///
/// Whatever a person has to put right; each says how.
pub fn ensure_server(dir: &Path) -> Result<Server, EnsureError> {
    let hosts = machine::hosts().map_err(EnsureError::Addresses)?;
    std::fs::create_dir_all(dir).map_err(|source| InitError::write(dir, source))?;
    ensure_for(dir, &hosts, authority::now(), true)
}

/// [`ensure_server`] for a server that runs: a CA that has gone is an error and not made anew, as
/// nobody trusts a new one. Costs a few file reads when there is nothing to do.
///
/// # Errors
///
/// As [`ensure_server`], and a missing CA.
pub fn refresh_server(dir: &Path) -> Result<Server, EnsureError> {
    let hosts = machine::hosts().map_err(EnsureError::Addresses)?;
    ensure_for(dir, &hosts, authority::now(), false)
}

fn ensure_for(
    dir: &Path,
    hosts: &[Host],
    now: OffsetDateTime,
    may_make_ca: bool,
) -> Result<Server, EnsureError> {
    let _lock = files::lock(dir);
    let (authority, made) = match Authority::open(dir) {
        Ok(authority) => (authority, false),
        Err(OpenError::Certificate(CertificateError::Missing(_))) if may_make_ca => {
            (Authority::make(dir, &Limits::for_this_machine(), None, now)?, true)
        }
        Err(OpenError::NoKey(_)) => return keep_without_key(dir, hosts, now),
        Err(error) => return Err(error.into()),
    };
    let root = authority.root().clone();
    let (wanted, lacking): (Vec<Host>, Vec<Host>) =
        hosts.iter().cloned().partition(|host| root.limits.allows(host));
    let old = read_own(&authority)?;
    let kept = old.as_ref().filter(|leaf| {
        is_good(leaf, &authority, now) && wanted.iter().all(|host| names(leaf, host))
    });
    let (leaf, change) = match kept {
        Some(leaf) => (leaf.clone(), Change::Kept),
        _ => {
            let (names, ips) = all_names(&wanted, old.as_ref(), &root.limits);
            (authority.issue_at(&names, &ips, now)?, Change::Issued)
        }
    };
    let change = if made { Change::MadeCa } else { change };
    let (files, other) = (authority.files().clone(), authority.other().cloned());
    Ok(Server { files, root, other, leaf, change, lacking })
}

/// The CA's key is kept elsewhere: what is here is used as long as it lasts.
fn keep_without_key(
    dir: &Path,
    hosts: &[Host],
    now: OffsetDateTime,
) -> Result<Server, EnsureError> {
    let kept = Kept::read(dir)?;
    let good = kept.leaf.filter(|leaf| now < leaf.not_after);
    let leaf = good.ok_or(OpenError::NoKey(kept.files.ca_key.clone()))?;
    let lacking = hosts.iter().filter(|host| !names(&leaf, host)).cloned().collect();
    let Kept { files, root, other, .. } = kept;
    Ok(Server { files, root, other, leaf, change: Change::Kept, lacking })
}

/// What a directory without `ca.key` holds.
pub(crate) struct Kept {
    pub(crate) files: Files,
    pub(crate) root: Root,
    pub(crate) other: Option<Other>,
    /// The certificate, if it is of one of these CAs.
    pub(crate) leaf: Option<Leaf>,
}

impl Kept {
    pub(crate) fn read(dir: &Path) -> Result<Self, OpenError> {
        let files = Files::of(dir);
        let (root, others) = Root::read_with_others(&files.ca)?;
        let leaf = match Leaf::read(&files.server) {
            Ok(leaf) => Some(leaf),
            Err(CertificateError::Missing(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let is_ours = |leaf: &Leaf| {
            leaf.is_signed_by(&root) || others.iter().any(|other| leaf.is_signed_by(other.root()))
        };
        let leaf = leaf.filter(is_ours);
        Ok(Self { files, root, other: others.into_iter().next(), leaf })
    }
}

/// The certificate in place, if it is ours. What else is there is refused when issuing.
pub(crate) fn read_own(authority: &Authority) -> Result<Option<Leaf>, OpenError> {
    match Leaf::read(&authority.files().server) {
        Ok(leaf) => Ok(authority.is_ours(&leaf).then_some(leaf)),
        Err(error @ CertificateError::Read { .. }) => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// Whether it needs no renewal: of the CA that signs now, with its key, and not near its end.
pub(crate) fn is_good(leaf: &Leaf, authority: &Authority, now: OffsetDateTime) -> bool {
    is_current(leaf, authority.root(), authority.believable(now))
        && leaf.is_signed_by(authority.root())
        && authority.has_key_of(leaf)
}

/// One that ends with its CA cannot be renewed for longer.
pub(crate) fn is_current(leaf: &Leaf, root: &Root, now: OffsetDateTime) -> bool {
    let until = match leaf.not_after {
        end if end < root.not_after => end - RENEW_BEFORE,
        end => end,
    };
    leaf.not_before <= now && now < until
}

fn names(leaf: &Leaf, host: &Host) -> bool {
    match host {
        Host::Name(name) => leaf.names.contains(name),
        Host::Ip(ip) => leaf.ips.contains(ip),
    }
}

/// What this machine is called now, and what the old certificate named besides.
fn all_names(wanted: &[Host], old: Option<&Leaf>, limits: &Limits) -> (Vec<DnsName>, Vec<IpAddr>) {
    let (mut names, mut ips) = (Vec::new(), Vec::new());
    for host in wanted {
        match host {
            Host::Name(name) => names.push(name.clone()),
            Host::Ip(ip) => ips.push(*ip),
        }
    }
    if let Some(leaf) = old {
        let more = |name: &&DnsName| limits.allows_name(name) && !names.contains(*name);
        names.extend(leaf.names.iter().filter(more).cloned().collect::<Vec<_>>());
        let room = MAX_IPS.saturating_sub(ips.len());
        let more = |ip: &&IpAddr| limits.allows_ip(**ip) && !ips.contains(*ip);
        ips.extend(leaf.ips.iter().filter(more).take(room).copied().collect::<Vec<_>>());
    }
    (names, ips)
}

/// A server cannot be given a certificate.
#[derive(Debug, Error)]
#[allow(missing_docs)] // each says itself
pub enum EnsureError {
    #[error(transparent)]
    Init(#[from] InitError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Issue(#[from] IssueError),
    #[error("cannot list this machine's addresses: {0}; a systemd unit must allow AF_NETLINK")]
    Addresses(io::Error),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    struct World {
        dir: tempfile::TempDir,
        hosts: Vec<Host>,
        now: OffsetDateTime,
    }

    impl World {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let mut world = Self { dir, hosts: Vec::new(), now: authority::now() };
            world.hosts = world.hosts_of(&["localhost", "127.0.0.1"]);
            world
        }

        fn hosts_of(&self, texts: &[&str]) -> Vec<Host> {
            let host = |text: &&str| match text.parse() {
                Ok(ip) => Host::Ip(ip),
                Err(_) => Host::Name(text.parse().unwrap()),
            };
            texts.iter().map(host).collect()
        }

        fn called(mut self, texts: &[&str]) -> Self {
            self.hosts = self.hosts_of(texts);
            self
        }

        fn after(mut self, days: i64) -> Self {
            self.now += Duration::days(days);
            self
        }

        fn start(&self) -> Server {
            self.try_start().unwrap()
        }

        fn try_start(&self) -> Result<Server, EnsureError> {
            ensure_for(self.dir.path(), &self.hosts, self.now, true)
        }

        fn path(&self, name: &str) -> std::path::PathBuf {
            self.dir.path().join(name)
        }
    }

    fn texts(leaf: &Leaf) -> Vec<String> {
        let names = leaf.names.iter().map(ToString::to_string);
        names.chain(leaf.ips.iter().map(ToString::to_string)).collect()
    }

    #[test]
    fn the_first_start_makes_all_and_the_second_changes_nothing() {
        let world = World::new();
        let first = world.start();
        assert_eq!(first.change, Change::MadeCa);
        assert_eq!(texts(&first.leaf), ["localhost", "127.0.0.1"]);
        let second = world.start();
        assert_eq!(second.change, Change::Kept);
        assert_eq!(second.leaf.fingerprint, first.leaf.fingerprint);
        assert_eq!(second.root.fingerprint, first.root.fingerprint);
    }

    #[test]
    fn the_real_machine_is_served() {
        let dir = tempfile::tempdir().unwrap();
        let server = ensure_server(dir.path()).unwrap();
        assert!(texts(&server.leaf).contains(&"127.0.0.1".to_owned()));
        assert!(server.lacking.iter().all(|host| !server.root.limits.allows(host)));
        assert_eq!(ensure_server(dir.path()).unwrap().change, Change::Kept);
    }

    #[test]
    fn what_the_ca_may_not_vouch_for_is_reported_and_does_not_stop_the_start() {
        let world = World::new().called(&["localhost", "door.example.com", "2001:db8::1"]);
        let server = world.start();
        assert_eq!(texts(&server.leaf), ["localhost"]);
        assert_eq!(server.lacking, world.hosts_of(&["door.example.com", "2001:db8::1"]));
        assert_eq!(world.start().change, Change::Kept);
    }

    #[test]
    fn a_new_address_is_added_and_what_was_named_stays() {
        let world = World::new();
        let first = world.start();
        let authority = Authority::open(world.dir.path()).unwrap();
        authority.issue_server(&["by-hand.lan".parse().unwrap()], &[]).unwrap();
        let world = world.called(&["localhost", "192.168.1.9"]);
        let server = world.start();
        assert_eq!(server.change, Change::Issued);
        assert_eq!(texts(&server.leaf), ["localhost", "by-hand.lan", "192.168.1.9"]);
        assert_eq!(server.root.fingerprint, first.root.fingerprint);
        let world = world.called(&["localhost"]);
        assert_eq!(world.start().change, Change::Kept, "an address that went away is no reason");
    }

    #[test]
    fn a_machine_with_ever_new_addresses_does_not_collect_them_for_ever() {
        let mut world = World::new();
        for host in 0..40 {
            world = world.called(&["localhost", &format!("10.0.0.{host}")]);
            world.start();
        }
        let leaf = world.start().leaf;
        assert_eq!(leaf.ips.len(), MAX_IPS);
        assert!(texts(&leaf).contains(&"10.0.0.39".to_owned()));
    }

    #[test]
    fn it_is_renewed_in_time_and_after_it_has_expired() {
        let world = World::new();
        let first = world.start();
        let world = world.after(275);
        assert_eq!(world.start().change, Change::Kept);
        assert!(world.now < first.leaf.not_after - RENEW_BEFORE);
        let world = world.after(2);
        assert!(world.now > first.leaf.not_after - RENEW_BEFORE);
        let renewed = world.start();
        assert_eq!(renewed.change, Change::Issued);
        assert!(renewed.leaf.not_after > first.leaf.not_after);
        let world = world.after(2000);
        let late = world.start();
        assert_eq!(late.change, Change::Issued);
        assert!(late.leaf.not_after > world.now);
        assert_eq!(late.root.fingerprint, first.root.fingerprint);
    }

    #[test]
    fn a_clock_that_is_behind_makes_no_certificate_of_the_past() {
        let world = World::new();
        let first = world.start();
        fs::remove_file(world.path("server.pem")).unwrap();
        let world = world.after(-3000);
        let server = world.start();
        assert_eq!(server.change, Change::Issued);
        assert!(server.leaf.not_before >= first.root.not_before);
        assert_eq!(world.start().change, Change::Kept);
    }

    #[test]
    fn a_clock_that_was_ahead_leaves_no_certificate_of_the_future() {
        let world = World::new();
        world.start();
        let world = world.after(3000);
        assert_eq!(world.start().change, Change::Issued);
        let world = world.after(-3000);
        let back = world.start();
        assert_eq!(back.change, Change::Issued);
        assert!(back.leaf.not_before <= world.now && world.now < back.leaf.not_after);
    }

    #[test]
    fn a_certificate_never_outlives_its_ca() {
        let world = World::new();
        let first = world.start();
        let world = world.after(20 * 365 - 100);
        assert_eq!(world.start().leaf.not_after, first.root.not_after);
        let world = world.after(90);
        assert_eq!(world.start().change, Change::Kept, "it is not made anew again and again");
        let error = world.after(11).try_start().unwrap_err();
        assert!(matches!(error, EnsureError::Issue(IssueError::Expired(_))), "{error}");
    }

    #[test]
    fn a_lost_or_swapped_key_is_healed_with_a_new_certificate() {
        let world = World::new();
        world.start();
        fs::remove_file(world.path("server.key")).unwrap();
        assert_eq!(world.start().change, Change::Issued);
        let other = World::new();
        other.start();
        fs::copy(other.path("server.key"), world.path("server.key")).unwrap();
        assert_eq!(world.start().change, Change::Issued);
        assert_eq!(world.start().change, Change::Kept);
    }

    #[test]
    fn without_the_cas_key_a_good_certificate_is_used_until_it_ends() {
        let world = World::new();
        world.start();
        fs::remove_file(world.path("ca.key")).unwrap();
        let world = world.called(&["localhost", "192.168.1.9"]).after(300);
        let server = world.start();
        assert_eq!(server.change, Change::Kept);
        assert_eq!(server.lacking, world.hosts_of(&["192.168.1.9"]));
        let error = world.after(10).try_start().unwrap_err().to_string();
        assert!(error.contains("where the CA's key is kept"), "{error}");
    }

    #[test]
    fn a_broken_or_foreign_file_stops_the_start_and_is_left_alone() {
        for (name, text) in [("ca.pem", "x"), ("ca.key", "x"), ("server.pem", "x")] {
            let world = World::new();
            world.start();
            fs::write(world.path(name), text).unwrap();
            let error = world.try_start().unwrap_err().to_string();
            assert!(error.contains(name) && !error.contains('\n'), "{name}: {error}");
            assert_eq!(fs::read_to_string(world.path(name)).unwrap(), text);
        }
    }
}
