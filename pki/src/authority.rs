//! The CA: made once, opened by whoever issues, never overwritten. Owns what our certificates
//! look like and how long they last.
//!
//! **Times.** A device without a battery-backed clock wakes up where it stopped: with the time it
//! saved last, or that of its system image. Certificates therefore begin [`MARGIN`] before they
//! are made, so that a device switched off for a season still takes them before it has heard the
//! time; and a clock that is provably behind (before this program or before the CA) is not
//! believed, so that a first start before the time is known does not make certificates of the past.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use aws_lc_rs::rand;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SerialNumber, date_time_ymd,
};
use thiserror::Error;
use time::{Duration, OffsetDateTime};

use crate::certificate::{CertificateError, Leaf, Other, Root};
use crate::files::{self, Existing, Files, Readable};
use crate::limits::{IpRange, Limits};
use crate::machine;
use crate::name::{DnsName, Host};

/// How far before the moment they are made certificates begin.
pub const MARGIN: Duration = Duration::days(90);

/// How long a CA lasts: longer than the phones that trust it.
pub const CA_LIFE: Duration = Duration::days(20 * 365);

/// How long a server's certificate lasts. With [`MARGIN`] 396 days, under the 397 that browsers
/// and Apple's devices accept from public CAs and may one day ask of all.
pub const SERVER_LIFE: Duration = Duration::days(306);

/// The subject of server certificates. Not a host name: those are in subjectAltName only, and
/// OpenSSL would hold one here against the limits.
const SERVER_SUBJECT: &str = "gst-intercom server";

/// A CA with its private key.
pub struct Authority {
    files: Files,
    root: Root,
    other: Option<Other>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a CA in the directory, named after this machine, and the directory if it is missing.
    ///
    /// A `ca.key` without `ca.pem`, as a power cut between the two leaves it, is taken over.
    ///
    /// # Errors
    ///
    /// There is a CA already (which stays as it is), or the files cannot be written.
    pub fn init(dir: &Path, limits: &Limits) -> Result<Self, InitError> {
        Self::init_named(dir, limits, None)
    }

    /// [`Authority::init`] with a name for the CA.
    ///
    /// # Errors
    ///
    /// As [`Authority::init`].
    pub fn init_as(dir: &Path, limits: &Limits, name: &CaName) -> Result<Self, InitError> {
        Self::init_named(dir, limits, Some(name))
    }

    /// Opens the CA in the directory.
    ///
    /// # Errors
    ///
    /// It is missing, unreadable, not made here, or its key is not its own.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let files = Files::of(dir);
        let (root, mut others) = Root::read_with_others(&files.ca)?;
        if others.len() > 1 {
            return Err(OpenError::TooMany(files.ca));
        }
        let key = key_of(&root, &files)?;
        let issuer = Issuer::from_ca_cert_der(&root.der().into(), key)
            .map_err(|_| OpenError::ForeignKey(files.ca_key.clone(), files.ca.clone()))?;
        Ok(Self { files, root, other: others.pop(), issuer })
    }

    /// Issues a server certificate for these names and addresses and writes `server.pem`, and
    /// `server.key` unless there is one that can go on being used: a renewal replaces one file,
    /// and no reader ever sees a pair that does not match.
    ///
    /// # Errors
    ///
    /// Nothing to name, something outside the CA's limits, a `server.pem` of somebody else's in
    /// the way, a CA past its end, or the files cannot be written.
    pub fn issue_server(&self, names: &[DnsName], ips: &[IpAddr]) -> Result<Leaf, IssueError> {
        let _lock = files::lock(&self.files.dir);
        self.issue_at(names, ips, now())
    }

    /// The CA's certificate.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// The other CA, during a rotation.
    pub fn other(&self) -> Option<&Other> {
        self.other.as_ref()
    }

    /// Where its files are.
    pub fn files(&self) -> &Files {
        &self.files
    }

    fn init_named(dir: &Path, limits: &Limits, name: Option<&CaName>) -> Result<Self, InitError> {
        std::fs::create_dir_all(dir).map_err(|source| InitError::write(dir, source))?;
        let _lock = files::lock(dir);
        Self::make(dir, limits, name, now())
    }

    /// Makes a CA in a directory that is there, while nobody else writes in it.
    pub(crate) fn make(
        dir: &Path,
        limits: &Limits,
        name: Option<&CaName>,
        now: OffsetDateTime,
    ) -> Result<Self, InitError> {
        let files = Files::of(dir);
        if files.ca.symlink_metadata().is_ok() {
            return Err(InitError::Exists(files.ca));
        }
        let key = match read_key(&files.ca_key).map_err(InitError::Key)? {
            Some(key) => key,
            None => write_new_key(&files.ca_key, Existing::Keep)
                .map_err(|error| InitError::from_key(error, &files.ca_key))?,
        };
        let pem = new_ca(&key, name, limits, now - MARGIN).map_err(InitError::Sign)?;
        files::write(&files.ca, pem.as_bytes(), Readable::All, Existing::Keep).map_err(
            |source| match source.kind() {
                io::ErrorKind::AlreadyExists => InitError::Exists(files.ca.clone()),
                _ => InitError::write(&files.ca, source),
            },
        )?;
        Ok(Self::open(dir)?)
    }

    pub(crate) fn issue_at(
        &self,
        names: &[DnsName],
        ips: &[IpAddr],
        now: OffsetDateTime,
    ) -> Result<Leaf, IssueError> {
        let hosts = distinct(names, ips);
        if hosts.is_empty() {
            return Err(IssueError::Nothing);
        }
        let limits = &self.root.limits;
        let outside: Vec<Host> = hosts.iter().filter(|h| !limits.allows(h)).cloned().collect();
        if !outside.is_empty() {
            return Err(IssueError::Outside { advice: advice(&outside), hosts: outside });
        }
        let now = self.believable(now);
        if now >= self.root.not_after {
            return Err(IssueError::Expired(self.files.ca.clone()));
        }
        self.refuse_foreign_server()?;
        let key = self.server_key()?;
        let params = self.server_params(&hosts, now)?;
        let leaf = params.signed_by(&key, &self.issuer).map_err(IssueError::Sign)?;
        let pem = leaf.pem() + &self.root.pem();
        files::write(&self.files.server, pem.as_bytes(), Readable::All, Existing::Replace)
            .map_err(|source| IssueError::write(&self.files.server, source))?;
        Ok(Leaf::read(&self.files.server)?)
    }

    /// The time, but not before the CA was made.
    pub(crate) fn believable(&self, now: OffsetDateTime) -> OffsetDateTime {
        now.max(self.root.not_before + MARGIN)
    }

    /// Whether `server.key` is the certificate's.
    pub(crate) fn has_key_of(&self, leaf: &Leaf) -> bool {
        let key = read_key(&self.files.server_key).ok().flatten();
        key.is_some_and(|key| key.subject_public_key_info() == leaf.public_key)
    }

    /// Whether this CA issued it, or the other one of a rotation.
    pub(crate) fn is_ours(&self, leaf: &Leaf) -> bool {
        let other = self.other.as_ref().map(Other::root);
        std::iter::once(&self.root).chain(other).any(|root| leaf.is_signed_by(root))
    }

    /// Whatever is in the server's place and not ours is somebody's only copy.
    fn refuse_foreign_server(&self) -> Result<(), IssueError> {
        match Leaf::read(&self.files.server) {
            Ok(leaf) if self.is_ours(&leaf) => Ok(()),
            Err(CertificateError::Missing(_)) => Ok(()),
            Err(error @ CertificateError::Read { .. }) => Err(error.into()),
            Ok(_) | Err(_) => Err(IssueError::Foreign(self.files.server.clone())),
        }
    }

    fn server_key(&self) -> Result<KeyPair, IssueError> {
        let path = &self.files.server_key;
        match read_key(path).map_err(IssueError::Key)? {
            Some(key) => Ok(key),
            None => write_new_key(path, Existing::Keep).map_err(|error| match error {
                NewKeyError::Make(error) => IssueError::Sign(error),
                NewKeyError::Write(source) => IssueError::write(path, source),
            }),
        }
    }

    fn server_params(
        &self,
        hosts: &[Host],
        now: OffsetDateTime,
    ) -> Result<CertificateParams, IssueError> {
        let mut params = CertificateParams::default();
        params.not_before = now - MARGIN;
        params.not_after = (now + SERVER_LIFE).min(self.root.not_after);
        params.serial_number = Some(random_serial().map_err(IssueError::Sign)?);
        params.distinguished_name.push(DnType::CommonName, SERVER_SUBJECT);
        params.subject_alt_names = hosts.iter().map(alternative).collect::<Result<_, _>>()?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        Ok(params)
    }
}

/// A CA's name, as phones list it: 1 to 64 characters, none of them a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaName(String);

impl CaName {
    /// `Intercom CA HOST 5E8A01`; the digits come from the key, so that a CA made anew is told
    /// apart from the old one on a phone that has both.
    fn of_this_machine(key: &KeyPair) -> Self {
        let host =
            machine::host_name().map(|name| format!(" {}", name.short())).unwrap_or_default();
        let id = CertificateParams::default().key_identifier(key);
        let id: String = id.iter().take(3).map(|byte| format!("{byte:02X}")).collect();
        Self(format!("Intercom CA{host:.45} {id}"))
    }
}

impl FromStr for CaName {
    type Err = CaNameError;

    fn from_str(text: &str) -> Result<Self, CaNameError> {
        let name = text.trim();
        if name.is_empty() || name.chars().count() > 64 || name.contains(char::is_control) {
            return Err(CaNameError(text.to_owned()));
        }
        Ok(Self(name.to_owned()))
    }
}

/// The system's time, but not before this program was written.
pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc().max(date_time_ymd(2026, 11, 1))
}

/// PEM of a new CA's certificate, named after this machine unless it is given a name.
pub(crate) fn new_ca(
    key: &KeyPair,
    name: Option<&CaName>,
    limits: &Limits,
    not_before: OffsetDateTime,
) -> Result<String, rcgen::Error> {
    let name = name.cloned().unwrap_or_else(|| CaName::of_this_machine(key));
    let mut params = CertificateParams::default();
    params.not_before = not_before;
    params.not_after = not_before + MARGIN + CA_LIFE;
    params.serial_number = Some(random_serial()?);
    params.distinguished_name.push(DnType::CommonName, name.0.as_str());
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(constraints(limits));
    Ok(params.self_signed(key)?.pem())
}

fn constraints(limits: &Limits) -> NameConstraints {
    let domain = |domain: &DnsName| GeneralSubtree::DnsName(domain.to_string());
    let range = |range: &IpRange| {
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(range.address(), range.prefix()))
    };
    let domains = limits.domains().iter().map(domain);
    let permitted_subtrees = domains.chain(limits.ranges().iter().map(range)).collect();
    NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() }
}

fn alternative(host: &Host) -> Result<SanType, IssueError> {
    match host {
        Host::Ip(ip) => Ok(SanType::IpAddress(*ip)),
        Host::Name(name) => {
            Ok(SanType::DnsName(name.as_str().try_into().map_err(IssueError::Sign)?))
        }
    }
}

/// Names, then addresses, each once, in the order given.
fn distinct(names: &[DnsName], ips: &[IpAddr]) -> Vec<Host> {
    let names = names.iter().cloned().map(Host::Name);
    let ips = ips.iter().map(|ip| Host::Ip(ip.to_canonical()));
    let mut hosts = Vec::with_capacity(names.len() + ips.len());
    for host in names.chain(ips) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

/// The flags of `init` that would have allowed the hosts.
fn advice(outside: &[Host]) -> String {
    let flag = |host: &Host| match host {
        Host::Name(name) => format!("--domain {name}"),
        Host::Ip(ip) => format!("--ip-range {}", IpRange::single(*ip)),
    };
    outside.iter().map(flag).collect::<Vec<_>>().join(" ")
}

fn listed(hosts: &[Host]) -> String {
    hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// 126 random bits. Not derived from the key, which outlives a certificate: Firefox refuses two
/// certificates of one CA with one serial number.
fn random_serial() -> Result<SerialNumber, rcgen::Error> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| rcgen::Error::RingUnspecified)?;
    bytes[0] = bytes[0] & 0x7f | 0x40; // positive, and always 16 bytes long
    Ok(SerialNumber::from_slice(&bytes))
}

/// The CA's private key. During a rotation, one interrupted by a power cut as well, it may lie
/// under another name.
fn key_of(root: &Root, files: &Files) -> Result<KeyPair, OpenError> {
    let key = read_key(&files.ca_key).map_err(OpenError::Key)?;
    let is_its = |key: &KeyPair| key.subject_public_key_info() == root.public_key;
    let is_there = key.is_some();
    let others = [&files.next_key, &files.old_key].into_iter().filter_map(|path| {
        read_key(path).ok().flatten() // what is wrong with them matters to a rotation only
    });
    key.into_iter().chain(others).find(is_its).ok_or_else(|| {
        if is_there {
            OpenError::ForeignKey(files.ca_key.clone(), files.ca.clone())
        } else {
            OpenError::NoKey(files.ca_key.clone())
        }
    })
}

/// A private key from a PEM file; `None` if there is no such file.
pub(crate) fn read_key(path: &Path) -> Result<Option<KeyPair>, KeyError> {
    let text = files::read(path)
        .map_err(|source| KeyError::Read { path: path.to_owned(), source })?
        .map(|text| KeyPair::from_pem(&text).map_err(|_| KeyError::NotAKey(path.to_owned())));
    text.transpose()
}

pub(crate) fn write_new_key(path: &Path, existing: Existing) -> Result<KeyPair, NewKeyError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(NewKeyError::Make)?;
    files::write(path, key.serialize_pem().as_bytes(), Readable::Owner, existing)
        .map_err(NewKeyError::Write)?;
    Ok(key)
}

pub(crate) enum NewKeyError {
    Make(rcgen::Error),
    Write(io::Error),
}

/// Text that is not a [`CaName`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is not a name for a CA: give 1 to 64 characters on one line")]
pub struct CaNameError(String);

/// A private key cannot be used.
#[derive(Debug, Error)]
#[allow(missing_docs)] // each says itself
pub enum KeyError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not a private key in PEM form", .0.display())]
    NotAKey(PathBuf),
}

/// A CA cannot be made.
#[derive(Debug, Error)]
#[allow(missing_docs)] // each says itself
pub enum InitError {
    #[error("{} exists, and a CA is never overwritten: use it, or choose another directory", .0.display())]
    Exists(PathBuf),
    #[error(transparent)]
    Key(KeyError),
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot make a certificate: {0}")]
    Sign(rcgen::Error),
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl InitError {
    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }

    pub(crate) fn from_key(error: NewKeyError, path: &Path) -> Self {
        match error {
            NewKeyError::Make(error) => Self::Sign(error),
            // Somebody else is making a CA here at this very moment.
            NewKeyError::Write(source) if source.kind() == io::ErrorKind::AlreadyExists => {
                Self::Exists(path.to_owned())
            }
            NewKeyError::Write(source) => Self::write(path, source),
        }
    }
}

/// A CA cannot be opened.
#[derive(Debug, Error)]
#[allow(missing_docs)] // each says itself
pub enum OpenError {
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Key(KeyError),
    #[error("there is no {}: issue certificates where the CA's key is kept", .0.display())]
    NoKey(PathBuf),
    #[error("{} holds more than two CAs: put back the one that was made here", .0.display())]
    TooMany(PathBuf),
    #[error("{} is not the key of {}: put back the pair that belongs together", .0.display(), .1.display())]
    ForeignKey(PathBuf, PathBuf),
}

/// A server certificate cannot be issued.
#[derive(Debug, Error)]
#[allow(missing_docs)] // each says itself
pub enum IssueError {
    #[error("a server certificate needs at least one name or address")]
    Nothing,
    #[error(
        "this CA may not vouch for {}: only a CA made with `intercom-pki init {advice}` may",
        listed(hosts)
    )]
    Outside { hosts: Vec<Host>, advice: String },
    #[error("{} has expired: make a new CA in another directory", .0.display())]
    Expired(PathBuf),
    #[error("{} was not issued by this CA: move it and its server.key away", .0.display())]
    Foreign(PathBuf),
    #[error(transparent)]
    Key(KeyError),
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot make a certificate: {0}")]
    Sign(rcgen::Error),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

impl IssueError {
    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }
}
