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

#[cfg(test)]
mod tests {
    use super::*;

    /// Made and measured by openssl.
    const CERTIFICATE: &str = include_str!("../tests/data/certificate.pem");
    const SHA_256: &str = "BA:38:5C:C9:60:C1:FE:0F:91:FC:B3:BA:1E:9C:EF:30:\
                           CC:FB:59:11:7C:83:80:EC:12:BD:9B:E4:DD:BF:D6:86";
    const SHA_512: &str = "FE:17:10:0C:68:7D:87:85:46:01:32:1E:CF:3A:44:7D:\
                           9C:90:23:61:C8:39:B2:36:F1:2C:87:79:31:F8:65:48:\
                           18:CA:AA:6B:A7:D2:67:2D:44:91:52:C1:CC:6D:FF:F5:\
                           93:54:09:CE:29:0B:41:43:F1:92:85:03:BF:EC:26:3D";

    fn announce(kind: &str, digest: &str) -> String {
        format!("v=0\r\nm=video 9 X 96\r\na=fingerprint:{kind} {digest}\r\na=mid:0\r\n")
    }

    #[test]
    fn the_announced_certificate_is_believed() {
        for description in [
            announce("sha-256", SHA_256),
            announce("SHA-256", &SHA_256.to_lowercase()),
            announce("sha-512", SHA_512),
            announce("sha-256", &SHA_256.replace("BA", "BB")) + &announce("sha-512", SHA_512),
        ] {
            assert_eq!(verify(CERTIFICATE, &description), Ok(()), "{description}");
        }
    }

    #[test]
    fn another_certificate_is_not() {
        for digest in [SHA_256.replace("BA", "BB"), SHA_256[..44].into(), "BA".into()] {
            let description = announce("sha-256", &digest);
            assert_eq!(verify(CERTIFICATE, &description), Err(FingerprintError::Mismatch));
        }
    }

    #[test]
    fn what_cannot_be_compared_is_not_believed() {
        use FingerprintError::{NoCertificate, NoFingerprint};
        for (certificate, description, error) in [
            (CERTIFICATE, String::from("v=0\r\n"), NoFingerprint),
            (CERTIFICATE, announce("sha-1", "AA:BB"), NoFingerprint),
            (CERTIFICATE, announce("sha-256", "XY"), NoFingerprint),
            (CERTIFICATE, announce("sha-256", ""), NoFingerprint),
            ("", announce("sha-256", SHA_256), NoCertificate),
            (
                "-----BEGIN CERTIFICATE----------END CERTIFICATE-----",
                announce("sha-256", SHA_256),
                NoCertificate,
            ),
        ] {
            assert_eq!(verify(certificate, &description), Err(error));
        }
    }
}
