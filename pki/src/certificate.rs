//! Certificates read back from disk: the CA's with its limits, the server's with its names.
//! Reading only; making them is the business of [`crate::authority`].

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use pem::{EncodeConfig, LineEnding, Pem};
use thiserror::Error;
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, GeneralSubtree};
use x509_parser::prelude::FromDer;

use crate::files;
use crate::limits::{IpRange, Limits, ip_from};
use crate::name::DnsName;

const CERTIFICATE: &str = "CERTIFICATE";

/// The SHA-256 of a certificate's DER, as browsers and phones show it. Prints `AB:CD:…`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    fn of(der: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
        Self(bytes)
    }

    /// The 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if at == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// A CA's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its subject, such as `CN=Intercom CA door 5E8A01`.
    pub subject: String,
    /// What it may vouch for.
    pub limits: Limits,
    /// When it becomes valid (UTC).
    pub not_before: OffsetDateTime,
    /// When it ends (UTC).
    pub not_after: OffsetDateTime,
    /// Its SHA-256.
    pub fingerprint: Fingerprint,
    der: Vec<u8>,
    /// SubjectPublicKeyInfo, DER.
    pub(crate) public_key: Vec<u8>,
}

impl Root {
    /// Reads a CA's certificate: of several, as during a rotation, the first, which signs.
    ///
    /// # Errors
    ///
    /// It is missing, unreadable, or not one that [`crate::Authority::init`] makes.
    pub fn read(path: &Path) -> Result<Self, CertificateError> {
        Ok(Self::read_first(path)?.0)
    }

    /// Reads all of a file: the CA that signs, and those that a rotation has beside it.
    ///
    /// # Errors
    ///
    /// As [`Root::read`], for any of them.
    pub fn read_with_others(path: &Path) -> Result<(Self, Vec<Other>), CertificateError> {
        let (root, more) = Self::read_first(path)?;
        let others = more.into_iter().map(|other| Other::beside(&root, other)).collect();
        Ok((root, others))
    }

    /// The first, and what follows it.
    fn read_first(path: &Path) -> Result<(Self, Vec<Self>), CertificateError> {
        let parse = |der| {
            Self::parse(der).map_err(|why| CertificateError::NotOurs { path: path.to_owned(), why })
        };
        let (first, more) = read_certificates(path)?;
        Ok((parse(first)?, more.into_iter().map(parse).collect::<Result<_, _>>()?))
    }

    /// What the certificate's subject calls it, such as `Intercom CA door 5E8A01`.
    pub fn common_name(&self) -> &str {
        self.subject.strip_prefix("CN=").unwrap_or(&self.subject)
    }

    /// The certificate, DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate, PEM.
    pub fn pem(&self) -> String {
        to_pem(&self.der)
    }

    pub(crate) fn parse(der: Vec<u8>) -> Result<Self, &'static str> {
        let (_, x509) = X509Certificate::from_der(&der).map_err(|_| "it cannot be read")?;
        if !x509.is_ca() {
            return Err("it is not a CA's");
        }
        let constraints = x509.name_constraints().map_err(|_| "its name constraints are broken")?;
        let constraints = constraints.ok_or("it has no name constraints")?.value;
        if constraints.excluded_subtrees.is_some() {
            return Err("its name constraints exclude names");
        }
        let permitted = constraints.permitted_subtrees.as_deref().unwrap_or_default();
        let limits = limits_from(permitted).ok_or("its name constraints are of another kind")?;
        Ok(Self {
            subject: x509.subject().to_string(),
            limits,
            not_before: x509.validity().not_before.to_datetime(),
            not_after: x509.validity().not_after.to_datetime(),
            fingerprint: Fingerprint::of(&der),
            public_key: x509.public_key().raw.to_vec(),
            der,
        })
    }
}

fn limits_from(permitted: &[GeneralSubtree<'_>]) -> Option<Limits> {
    let (mut domains, mut ranges) = (Vec::new(), Vec::new());
    for subtree in permitted {
        match &subtree.base {
            GeneralName::DNSName(name) => domains.push(name.parse().ok()?),
            GeneralName::IPAddress(bytes) => ranges.push(IpRange::from_mask(bytes)?),
            _ => return None,
        }
    }
    // Without any of a kind, X.509 would allow everything of that kind.
    let both = !domains.is_empty() && !ranges.is_empty();
    both.then(|| Limits::from_parts(domains, ranges))
}

/// The second CA of a rotation; it does not sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Other {
    /// Will sign next.
    Next(Root),
    /// Has signed before.
    Old(Root),
}

impl Other {
    /// The later of the two is the next.
    fn beside(root: &Root, other: Root) -> Self {
        if other.not_before > root.not_before { Self::Next(other) } else { Self::Old(other) }
    }

    /// Its certificate.
    pub fn root(&self) -> &Root {
        match self {
            Self::Next(root) | Self::Old(root) => root,
        }
    }

    /// Its certificate.
    pub fn into_root(self) -> Root {
        match self {
            Self::Next(root) | Self::Old(root) => root,
        }
    }
}

/// The server's certificate.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The names it stands for.
    pub names: Vec<DnsName>,
    /// The addresses it stands for.
    pub ips: Vec<IpAddr>,
    /// When it becomes valid (UTC).
    pub not_before: OffsetDateTime,
    /// When it ends (UTC).
    pub not_after: OffsetDateTime,
    /// Its SHA-256.
    pub fingerprint: Fingerprint,
    der: Vec<u8>,
    /// SubjectPublicKeyInfo, DER.
    pub(crate) public_key: Vec<u8>,
}

impl Leaf {
    /// Reads a server's certificate, the first in the file.
    ///
    /// # Errors
    ///
    /// It is missing or unreadable.
    pub fn read(path: &Path) -> Result<Self, CertificateError> {
        let (der, _) = read_certificates(path)?;
        Self::parse(der).map_err(|why| CertificateError::NotOurs { path: path.to_owned(), why })
    }

    pub(crate) fn parse(der: Vec<u8>) -> Result<Self, &'static str> {
        let (_, x509) = X509Certificate::from_der(&der).map_err(|_| "it cannot be read")?;
        let (mut names, mut ips) = (Vec::new(), Vec::new());
        let alternatives = x509.subject_alternative_name().map_err(|_| "its names are broken")?;
        for name in alternatives.iter().flat_map(|extension| &extension.value.general_names) {
            match name {
                GeneralName::DNSName(name) => names.extend(name.parse::<DnsName>()),
                GeneralName::IPAddress(bytes) => ips.extend(ip_from(bytes)),
                _ => {}
            }
        }
        Ok(Self {
            names,
            ips,
            not_before: x509.validity().not_before.to_datetime(),
            not_after: x509.validity().not_after.to_datetime(),
            fingerprint: Fingerprint::of(&der),
            public_key: x509.public_key().raw.to_vec(),
            der,
        })
    }

    /// Whether this CA signed it.
    pub fn is_signed_by(&self, root: &Root) -> bool {
        let (Ok((_, leaf)), Ok((_, root))) =
            (X509Certificate::from_der(&self.der), X509Certificate::from_der(&root.der))
        else {
            return false;
        };
        leaf.issuer().as_raw() == root.subject().as_raw()
            && leaf.verify_signature(Some(root.public_key())).is_ok()
    }
}

/// When a certificate of whatever make ends (UTC), from its DER.
pub fn end_of(der: &[u8]) -> Option<OffsetDateTime> {
    let (_, x509) = X509Certificate::from_der(der).ok()?;
    Some(x509.validity().not_after.to_datetime())
}

/// The DER of the first certificate in a PEM file, and of those that follow.
pub(crate) fn read_certificates(path: &Path) -> Result<(Vec<u8>, Vec<Vec<u8>>), CertificateError> {
    let text = files::read(path)
        .map_err(|source| CertificateError::Read { path: path.to_owned(), source })?
        .ok_or_else(|| CertificateError::Missing(path.to_owned()))?;
    let not_pem = || CertificateError::NotPem(path.to_owned());
    let blocks = pem::parse_many(&text).map_err(|_| not_pem())?;
    if blocks.first().is_none_or(|block| block.tag() != CERTIFICATE) {
        return Err(not_pem());
    }
    let mut ders =
        blocks.into_iter().filter(|block| block.tag() == CERTIFICATE).map(Pem::into_contents);
    let first = ders.next().ok_or_else(not_pem)?;
    Ok((first, ders.collect()))
}

/// The certificate as text.
fn to_pem(der: &[u8]) -> String {
    let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
    pem::encode_config(&Pem::new(CERTIFICATE, der), config)
}

/// A certificate cannot be used.
#[derive(Debug, Error)]
#[allow(missing_docs)] // each says itself
pub enum CertificateError {
    #[error("there is no {}", .0.display())]
    Missing(PathBuf),
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} does not begin with a certificate in PEM form", .0.display())]
    NotPem(PathBuf),
    #[error("{} is not a certificate made here: {why}", path.display())]
    NotOurs { path: PathBuf, why: &'static str },
}
