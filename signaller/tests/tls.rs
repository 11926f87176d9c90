//! TLS as OpenSSL speaks it, and the PKCS #12 files that it writes.
#![allow(clippy::unwrap_used)]
mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::{Client, Stranger};
use intercom_signaller::Identity;
use tempfile::TempDir;
use tokio::task::block_in_place;

fn openssl(args: &[&str]) -> Output {
    let run = || Command::new("openssl").args(args).stdin(Stdio::null()).output();
    block_in_place(run).expect("openssl is in the Debian package openssl")
}

/// Whether a handshake comes about with a verified certificate, and what is said of it.
fn handshake(address: SocketAddr, ca: &Path, more: &[&str]) -> (bool, String) {
    let (address, ca) = (address.to_string(), ca.to_str().unwrap());
    let common = ["s_client", "-brief", "-verify_return_error", "-verify_hostname", "localhost"];
    let place = ["-connect", &address, "-CAfile", ca];
    let done = openssl(&[&common[..], &place, more].concat());
    (done.status.success(), String::from_utf8(done.stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_1_2_or_1_3_and_never_older() {
    let server = Stranger::start().await;
    let ca = server.data.path().join("pki/ca.pem");
    for (flag, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let (ok, said) = handshake(server.main(), &ca, &[flag]);
        assert!(ok && said.contains(&format!("Protocol version: {version}")), "{said}");
    }
    // Level 0 lets OpenSSL itself speak the old version.
    let (ok, said) = handshake(server.main(), &ca, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]);
    assert!(!ok && said.contains("SSL alert number"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_files_of_openssl_are_taken_also_the_old_kind() {
    let dir = TempDir::new().unwrap();
    let files = intercom_pki::ensure_server(dir.path()).unwrap().files;
    let (cert, key) = (files.server.to_str().unwrap(), files.server_key.to_str().unwrap());
    let (file, password) = (dir.path().join("x.p12"), dir.path().join("password"));
    std::fs::write(&password, "secret\n").unwrap();
    for kind in [&[][..], &["-legacy"], &["-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES"]]
    {
        let export = ["pkcs12", "-export", "-in", cert, "-inkey", key, "-passout", "pass:secret"];
        let done = openssl(&[&export[..], &["-out", file.to_str().unwrap()], kind].concat());
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let identity =
            Identity::Pkcs12 { file: file.clone(), password_file: Some(password.clone()) };
        let server = Stranger::start_with(|config| config.identity = Some(identity)).await;
        let (ok, said) = handshake(server.main(), &files.ca, &[]);
        assert!(ok, "{kind:?}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_files_of_our_own_are_taken() {
    let dir = TempDir::new().unwrap();
    let files = intercom_pki::ensure_server(dir.path()).unwrap().files;
    for encryption in [intercom_pki::Encryption::Aes256, intercom_pki::Encryption::TripleDes] {
        let file = dir.path().join("server.p12");
        intercom_pki::write_p12(dir.path(), &file, "", encryption).unwrap();
        let identity = Identity::Pkcs12 { file, password_file: None };
        let server = Stranger::start_with(|config| config.identity = Some(identity)).await;
        std::fs::create_dir(server.data.path().join("pki")).unwrap();
        std::fs::copy(&files.ca, server.data.path().join("pki/ca.pem")).unwrap();
        Client::open(server.tls().await, "/", &[]).await.unwrap();
    }
}
