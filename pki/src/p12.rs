//! The server's certificate, its CA's and its key in one PKCS #12 file, for servers that take
//! nothing else. A copy: whoever renews the certificate writes it again.

use std::io;
use std::path::{Path, PathBuf};

use p12_keystore::error::Error as KeyStoreError;
use p12_keystore::{
    Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey,
    PrivateKeyChain,
};
use rcgen::PublicKeyData;
use thiserror::Error;

use crate::authority::{self, KeyError};
use crate::certificate::{self, CertificateError, Leaf};
use crate::files::{self, Existing, Files, Readable};

/// What the file calls its one entry.
const ENTRY: &str = "gst-intercom server";

/// What protects the file; its password must be good as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// AES-256 and SHA-256: OpenSSL 1.1 and 3, Windows 10 and newer, GnuTLS, Java, rustls.
    #[default]
    Aes256,
    /// Triple DES and SHA-1, which macOS' keychain and older Windows and Android ask for.
    TripleDes,
}

/// Writes the directory's `server.pem` and `server.key` to a file for its owner alone (0600), in
/// the place of what was there.
///
/// # Errors
///
/// There is no certificate, its key is another, or the file cannot be written or is one of the
/// directory's own.
pub fn write_p12(
    dir: &Path,
    out: &Path,
    password: &str,
    encryption: Encryption,
) -> Result<Leaf, P12Error> {
    let files = Files::of(dir);
    if files.have(out) {
        return Err(P12Error::Own(out.to_owned()));
    }
    let _lock = files::lock(dir);
    let (leaf, store) = store(&files)?;
    let bytes = encrypt(&store, password, encryption)?;
    files::write(out, &bytes, Readable::Owner, Existing::Replace)
        .map_err(|source| P12Error::Write { path: out.to_owned(), source })?;
    Ok(leaf)
}

fn store(files: &Files) -> Result<(Leaf, KeyStore), P12Error> {
    let leaf = Leaf::read(&files.server).map_err(|error| match error {
        CertificateError::Missing(path) => P12Error::NoServer(path),
        error => error.into(),
    })?;
    let key = authority::read_key(&files.server_key)?
        .filter(|key| key.subject_public_key_info() == leaf.public_key)
        .ok_or_else(|| P12Error::NoKey(files.server_key.clone(), files.server.clone()))?;
    let (first, more) = certificate::read_certificates(&files.server)?;
    let chain = [vec![first], more].concat();
    let chain: Result<Vec<_>, _> = chain.iter().map(|der| Certificate::from_der(der)).collect();
    let key = PrivateKey::from_der(&key.serialize_der())?;
    let id = leaf.fingerprint.bytes()[..20].to_vec();
    let mut store = KeyStore::new();
    let entry = KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new(id, key, chain?));
    store.add_entry(ENTRY, entry);
    Ok((leaf, store))
}

fn encrypt(
    store: &KeyStore,
    password: &str,
    encryption: Encryption,
) -> Result<Vec<u8>, KeyStoreError> {
    let (algorithm, mac) = match encryption {
        Encryption::Aes256 => {
            (EncryptionAlgorithm::PbeWithHmacSha256AndAes256, MacAlgorithm::HmacSha256)
        }
        Encryption::TripleDes => {
            (EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc, MacAlgorithm::HmacSha1)
        }
    };
    store.writer(password).encryption_algorithm(algorithm).mac_algorithm(mac).write()
}

/// There is no PKCS #12 file.
#[derive(Debug, Error)]
#[allow(missing_docs)] // each says itself
pub enum P12Error {
    #[error("there is no {}: issue one with `intercom-pki server`", .0.display())]
    NoServer(PathBuf),
    #[error("{} is not the key of {}: put it back, or issue with `intercom-pki renew`", .0.display(), .1.display())]
    NoKey(PathBuf, PathBuf),
    #[error("{} is a file of the CA: give another one with --out", .0.display())]
    Own(PathBuf),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("cannot make a PKCS #12 file: {0}")]
    Make(#[from] KeyStoreError),
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}
