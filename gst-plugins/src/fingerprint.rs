//! Whether the certificate at the other end of DTLS is the one that its description announces.
//!
//! GStreamer does not look before 1.26.x and 1.28.5; without this check whoever sits on the path
//! may read and replace the media (RFC 8827, 6.5).

use gst::glib;

/// Why the other end is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FingerprintError {
    #[error("the other end's certificate cannot be read")]
    NoCertificate,
    #[error("the other end's description has no fingerprint of a known kind")]
    NoFingerprint,
    #[error("the other end's certificate is not the one that its description announces")]
    Mismatch,
}

/// Compares the certificate (PEM) with the `a=fingerprint` lines of the description.
pub(crate) fn verify(certificate: &str, description: &str) -> Result<(), FingerprintError> {
    let der = der(certificate).ok_or(FingerprintError::NoCertificate)?;
    let announced: Vec<_> = description.lines().filter_map(announced).collect();
    if announced.is_empty() {
        return Err(FingerprintError::NoFingerprint);
    }
    let is_it = |(kind, digest): &(glib::ChecksumType, Vec<u8>)| {
        let mut checksum = glib::Checksum::new(*kind)?;
        checksum.update(&der);
        Some(checksum.digest() == *digest)
    };
    if announced.iter().any(|line| is_it(line) == Some(true)) {
        Ok(())
    } else {
        Err(FingerprintError::Mismatch)
    }
}

/// `a=fingerprint:sha-256 AB:CD:…`; kinds that are broken today are passed over.
fn announced(line: &str) -> Option<(glib::ChecksumType, Vec<u8>)> {
    let (kind, digest) = line.strip_prefix("a=fingerprint:")?.trim().split_once(' ')?;
    let kind = match kind.to_ascii_lowercase().as_str() {
        "sha-256" => glib::ChecksumType::Sha256,
        "sha-384" => glib::ChecksumType::Sha384,
        "sha-512" => glib::ChecksumType::Sha512,
        _ => return None,
    };
    let bytes = digest.trim().split(':').map(|byte| u8::from_str_radix(byte, 16).ok());
    Some((kind, bytes.collect::<Option<_>>()?))
}

fn der(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let der = glib::base64_decode(&body.split_whitespace().collect::<String>());
    (!der.is_empty()).then_some(der)
}
