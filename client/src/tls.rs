//! TLS of the client: whose certificates count, and what a failed handshake means.
//!
//! There is no way to switch verification off.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::{CertificateError, ClientConfig, InvalidMessage, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_rustls::TlsConnector;

use crate::config::Trust;
use crate::error::{Lost, PermanentError};
use crate::socket::ConnectError;

/// A connector that trusts whom it is told to.
pub(crate) fn connector(trust: &Trust) -> Result<TlsConnector, PermanentError> {
    let roots = match trust {
        Trust::System => system_roots()?,
        Trust::CaFile(path) => file_roots(path)?,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| PermanentError::CertificateInvalid(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Tells what retrying may mend from what it cannot.
pub(crate) fn handshake_error(error: &io::Error) -> ConnectError {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(fault)) => certificate_error(fault),
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            Lost::Tls("the server does not speak it on this port".into()).into()
        }
        Some(other) => Lost::Tls(other.to_string()).into(),
        None => Lost::Network(format!("TLS handshake: {error}")).into(),
    }
}

fn certificate_error(fault: &CertificateError) -> ConnectError {
    let text = match fault {
        // A device without a battery for its clock starts long before the leaf does.
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            return Lost::ClockBehind.into();
        }
        CertificateError::UnknownIssuer => {
            "it is not signed by a trusted authority; give the CA file of this server".into()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired; it must be renewed on the server, or this machine's clock is wrong"
                .into()
        }
        other => other.to_string(),
    };
    PermanentError::CertificateInvalid(text).into()
}

fn system_roots() -> Result<RootCertStore, PermanentError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(PermanentError::NoSystemRoots) } else { Ok(roots) }
}

fn file_roots(path: &Path) -> Result<RootCertStore, PermanentError> {
    let bad = |reason: String| PermanentError::CaFile { path: path.to_owned(), reason };
    let pem = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| bad("a certificate in it is damaged".into()))?;
        roots.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    if roots.is_empty() { Err(bad("there is no certificate in it".into())) } else { Ok(roots) }
}
