//! The certificate that `intercom-signaller serve` runs with: made on the first start, renewed in
//! time, and made anew when this machine is called something else. Never touches the CA.

use std::io;
use std::net::IpAddr;
use std::path::Path;

use thiserror::Error;
use time::{Duration, OffsetDateTime};

use crate::authority::{self, Authority, InitError, IssueError, OpenError};
use crate::certificate::{CertificateError, Leaf, Root};
use crate::files::Files;
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
    /// The certificate.
    pub leaf: Leaf,
    /// What was done.
    pub change: Change,
    /// Names and addresses of this machine that the certificate lacks, as the CA may not vouch for
    /// them (or, without `ca.key` here, as nobody can add them here). Browsers refuse to open them.
    pub lacking: Vec<Host>,
}

impl Server {
    /// From when on [`ensure_server`] will renew the certificate (UTC); call it again then.
    pub fn renew_at(&self) -> OffsetDateTime {
        self.leaf.not_after - RENEW_BEFORE
    }
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
    ensure_for(dir, &hosts, authority::now())
}

fn ensure_for(dir: &Path, hosts: &[Host], now: OffsetDateTime) -> Result<Server, EnsureError> {
    let (authority, made) = match Authority::open(dir) {
        Ok(authority) => (authority, false),
        Err(OpenError::Certificate(CertificateError::Missing(_))) => make_ca(dir)?,
        Err(OpenError::NoKey(_)) => return keep_without_key(dir, hosts, now),
        Err(error) => return Err(error.into()),
    };
    let root = authority.root().clone();
    let (wanted, lacking): (Vec<Host>, Vec<Host>) =
        hosts.iter().cloned().partition(|host| root.limits.allows(host));
    let old = read_own(&authority)?;
    let kept = old.as_ref().filter(|leaf| {
        is_current(leaf, authority.believable(now)) && wanted.iter().all(|host| names(leaf, host))
    });
    let (leaf, change) = match kept {
        Some(leaf) if authority.has_key_of(leaf) => (leaf.clone(), Change::Kept),
        _ => {
            let (names, ips) = all_names(&wanted, old.as_ref(), &root.limits);
            (authority.issue_at(&names, &ips, now)?, Change::Issued)
        }
    };
    let change = if made { Change::MadeCa } else { change };
    Ok(Server { files: authority.files().clone(), root, leaf, change, lacking })
}

/// Makes the CA with the default limits; whether it was this call that made it.
fn make_ca(dir: &Path) -> Result<(Authority, bool), EnsureError> {
    match Authority::init(dir, &Limits::for_this_machine()) {
        Ok(authority) => Ok((authority, true)),
        // Another process made it meanwhile.
        Err(InitError::Exists(_)) => Ok((Authority::open(dir)?, false)),
        Err(error) => Err(error.into()),
    }
}

/// The CA's key is kept elsewhere: what is here is used as long as it lasts.
fn keep_without_key(
    dir: &Path,
    hosts: &[Host],
    now: OffsetDateTime,
) -> Result<Server, EnsureError> {
    let files = Files::of(dir);
    let root = Root::read(&files.ca).map_err(OpenError::Certificate)?;
    let leaf = match Leaf::read(&files.server) {
        Ok(leaf) if leaf.is_signed_by(&root) && now < leaf.not_after => leaf,
        Ok(_) | Err(CertificateError::Missing(_)) => {
            return Err(OpenError::NoKey(files.ca_key).into());
        }
        Err(error) => return Err(OpenError::Certificate(error).into()),
    };
    let lacking = hosts.iter().filter(|host| !names(&leaf, host)).cloned().collect();
    Ok(Server { files, root, leaf, change: Change::Kept, lacking })
}

/// The certificate in place, if this CA issued it. What else is there is refused when issuing.
fn read_own(authority: &Authority) -> Result<Option<Leaf>, EnsureError> {
    match Leaf::read(&authority.files().server) {
        Ok(leaf) => Ok(leaf.is_signed_by(authority.root()).then_some(leaf)),
        Err(error @ CertificateError::Read { .. }) => Err(OpenError::Certificate(error).into()),
        Err(_) => Ok(None),
    }
}

fn is_current(leaf: &Leaf, now: OffsetDateTime) -> bool {
    leaf.not_before <= now && now < leaf.not_after - RENEW_BEFORE
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
