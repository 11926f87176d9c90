//! The certificate and its key, from PEM or PKCS #12 files, and the cell that handshakes take it from.
//!
//! Fails closed: whatever is wrong with a file is one line that names it. When to load again is
//! not decided here.

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use intercom_settings::secret;
use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use secrecy::{ExposeSecret, SecretString};

/// Nobody's certificate is larger; a device file has no end.
const MAX_LEN: u64 = 1024 * 1024;

/// Where the certificate is.
#[derive(Clone, Debug)]
pub enum Identity {
    /// Two PEM files: the chain, leaf first, and the leaf's key.
    Pem {
        /// The chain.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// One PKCS #12 file with both.
    Pkcs12 {
        /// The `.p12` file.
        file: PathBuf,
        /// What opens it; `None` for an empty password.
        password_file: Option<PathBuf>,
    },
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what it should be.
    #[error("{} holds no {what}", file.display())]
    Lacks {
        /// Which file.
        file: PathBuf,
        /// What it should hold.
        what: What,
    },
    /// The password is wrong, or the file is damaged.
    #[error(
        "cannot open {}: {why}; is the password in --cert-password-file the right one?",
        file.display()
    )]
    Locked {
        /// Which file.
        file: PathBuf,
        /// The library's words.
        why: String,
    },
    /// Both are fine, but not each other's.
    #[error("the key in {} does not belong to the certificate in {}", key.display(), cert.display())]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// Anything else that the TLS library does not like about them.
    #[error("cannot use the certificate in {}: {source}", cert.display())]
    Unusable {
        /// The certificate's file.
        cert: PathBuf,
        /// The library's words.
        source: rustls::Error,
    },
}

/// What a file should hold.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// A chain of certificates.
    Certificate,
    /// A private key.
    Key,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "certificate (-----BEGIN CERTIFICATE-----)",
            Self::Key => "unencrypted private key (-----BEGIN PRIVATE KEY-----)",
        })
    }
}

impl Identity {
    /// Its files, to see whether they have changed.
    pub(crate) fn files(&self) -> Vec<&Path> {
        match self {
            Self::Pem { cert, key } => vec![cert, key],
            Self::Pkcs12 { file, password_file } => {
                [Some(file), password_file.as_ref()].into_iter().flatten().map(|f| &**f).collect()
            }
        }
    }
}

/// The certificate that new handshakes show. It may be replaced at any time; connections that are
/// there go on.
#[derive(Debug)]
pub(crate) struct Shown(ArcSwap<CertifiedKey>);

impl Shown {
    pub(crate) fn new(certificate: CertifiedKey) -> Self {
        Self(ArcSwap::from_pointee(certificate))
    }

    /// Whether it is another than before.
    pub(crate) fn replace(&self, certificate: CertifiedKey) -> bool {
        let is_new = self.0.load().cert != certificate.cert;
        self.0.store(Arc::new(certificate));
        is_new
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// TLS 1.2 and 1.3 with the certificate that is shown at the time.
///
/// # Errors
/// The TLS library was built without what they need.
pub(crate) fn configure(shown: Arc<Shown>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(shown);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Reads an identity.
///
/// # Errors
/// See [`TlsError`].
pub(crate) fn load(identity: &Identity) -> Result<CertifiedKey, TlsError> {
    match identity {
        Identity::Pem { cert, key } => certify(read_chain(cert)?, read_key(key)?, cert, key),
        Identity::Pkcs12 { file, password_file } => {
            let (chain, der) = read_pkcs12(file, password_file.as_deref())?;
            certify(chain, der, file, file)
        }
    }
}

fn certify(
    chain: Vec<CertificateDer<'static>>,
    der: PrivateKeyDer<'static>,
    cert: &Path,
    key: &Path,
) -> Result<CertifiedKey, TlsError> {
    CertifiedKey::from_der(chain, der, &provider()).map_err(|source| match source {
        rustls::Error::InconsistentKeys(_) => {
            TlsError::Mismatch { cert: cert.into(), key: key.into() }
        }
        source => TlsError::Unusable { cert: cert.into(), source },
    })
}

fn provider() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

fn read_chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let lacks = || TlsError::Lacks { file: file.into(), what: What::Certificate };
    let chain: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&read(file)?).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(lacks()),
    }
}

fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(file)?)
        .map_err(|_| TlsError::Lacks { file: file.into(), what: What::Key })
}

fn read_pkcs12(
    file: &Path,
    password_file: Option<&Path>,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let password = password_file.map(read_password).transpose()?.unwrap_or_default();
    let password = password.expose_secret();
    let store = KeyStore::from_pkcs12(&read(file)?, password, Pkcs12ImportPolicy::Strict)
        .map_err(|error| TlsError::Locked { file: file.into(), why: error.to_string() })?;
    let Some((_, pair)) = store.private_key_chain() else {
        return Err(TlsError::Lacks { file: file.into(), what: What::Key });
    };
    let chain = pair.certs().iter().map(|cert| cert.as_der().to_vec().into()).collect();
    let key = PrivatePkcs8KeyDer::from(pair.key().as_der().to_vec());
    Ok((chain, key.into()))
}

fn read_password(file: &Path) -> Result<SecretString, TlsError> {
    let unreadable = |source| TlsError::Unreadable { file: file.into(), source };
    secret::from_file(file).map_err(unreadable)
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    let mut bytes = Vec::new();
    let opened = fs::File::open(file);
    let read = opened.and_then(|file| file.take(MAX_LEN).read_to_end(&mut bytes));
    read.map_err(|source| TlsError::Unreadable { file: file.into(), source })?;
    Ok(bytes)
}
