//! The certificate of a running server: replaced without a break, and never by something broken.
#![allow(clippy::unwrap_used)]
mod common;

use std::fs;
use std::path::Path;
use std::time::Duration;

use common::{Client, Stranger, http, tcp};
use intercom_pki::rotation::{self, Next};
use intercom_signaller::{Config, Identity};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// The next certificate that is another; the server looks by itself.
async fn next_leaf(server: &Stranger, before: &CertificateDer<'_>) -> CertificateDer<'static> {
    let start = Instant::now();
    loop {
        let leaf = server.leaf().await;
        if leaf != *before {
            return leaf;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "it does not look");
        sleep(Duration::from_millis(20)).await;
    }
}

fn leaf_in(file: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file).unwrap()
}

fn looking_often(config: &mut Config) {
    config.timing.certificate = Duration::from_millis(50);
}

#[tokio::test]
async fn connections_live_through_a_reload_and_new_ones_see_the_new_certificate() {
    let server = Stranger::start().await;
    let before = server.leaf().await;
    let mut door = server.producer("door").await;
    let mut phone = Client::open(server.tls().await, "/", &[]).await.unwrap();
    server.server.reload_certificate().await.unwrap();
    assert_eq!(server.leaf().await, before, "there was nothing to do");
    fs::remove_file(server.data.path().join("pki/server.pem")).unwrap();
    server.server.reload_certificate().await.unwrap();
    let after = server.leaf().await;
    assert_ne!(after, before);
    phone.start_session(&mut door).await;
}

#[tokio::test]
async fn nobody_waits_while_somebody_else_writes_in_the_directory() {
    let server = Stranger::start().await;
    let (mut door, mut phone) = (server.producer("door").await, server.client().await);
    let lock = fs::File::open(server.data.path().join("pki/.lock")).unwrap();
    lock.lock().unwrap();
    let reload = server.server.reload_certificate();
    let talk = phone.start_session(&mut door);
    let mut reload = std::pin::pin!(reload);
    tokio::select! {
        biased;
        _ = reload.as_mut() => panic!("it does not wait for the lock"),
        _ = talk => {}
    }
    lock.unlock().unwrap();
    reload.await.unwrap();
}

#[tokio::test]
async fn our_own_certificate_is_renewed_while_the_server_runs() {
    let server = Stranger::start_with(looking_often).await;
    let before = server.leaf().await;
    let file = server.data.path().join("pki/server.pem");
    fs::remove_file(&file).unwrap();
    let after = next_leaf(&server, &before).await;
    assert_eq!(leaf_in(&file), after);
}

#[tokio::test]
async fn a_ca_that_has_gone_is_not_made_anew_behind_everybodys_back() {
    let server = Stranger::start().await;
    let before = server.leaf().await;
    let (pki, away) = (server.data.path().join("pki"), server.data.path().join("away"));
    fs::rename(&pki, &away).unwrap();
    let error = server.server.reload_certificate().await.unwrap_err().to_string();
    assert!(error.contains("there is no") && error.contains("ca.pem"), "{error}");
    assert!(!pki.exists());
    fs::rename(&away, &pki).unwrap();
    assert_eq!(server.leaf().await, before);
}

#[tokio::test]
async fn files_from_elsewhere_are_followed_and_broken_ones_are_not() {
    let (home, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for dir in [&home, &elsewhere] {
        intercom_pki::ensure_server(dir.path()).unwrap();
    }
    let (cert, key) = (home.path().join("server.pem"), home.path().join("server.key"));
    let identity = Identity::Pem { cert: cert.clone(), key };
    let server = Stranger::start_with(|config| {
        looking_often(config);
        config.identity = Some(identity);
    })
    .await;
    fs::create_dir(server.data.path().join("pki")).unwrap();
    fs::copy(home.path().join("ca.pem"), server.data.path().join("pki/ca.pem")).unwrap();
    let before = server.leaf().await;

    let foreign = fs::read(elsewhere.path().join("server.pem")).unwrap();
    for (bad, part) in [(&b"garbage"[..], "holds no certificate"), (&foreign, "does not belong")] {
        fs::write(&cert, bad).unwrap();
        let error = server.server.reload_certificate().await.unwrap_err().to_string();
        assert!(error.contains(part) && !error.contains('\n'), "{error}");
        assert_eq!(server.leaf().await, before);
    }

    fs::remove_file(&cert).unwrap();
    let renewed = intercom_pki::ensure_server(home.path()).unwrap();
    assert_eq!(next_leaf(&server, &before).await, leaf_in(&renewed.files.server));
}

#[tokio::test]
async fn a_rotation_reaches_those_who_ask_while_the_server_runs() {
    let server = Stranger::start().await;
    let dir = server.data.path().join("pki");
    let before = server.leaf().await;
    let fetch = async |path: &str| {
        http(tcp(server.main()).await, &format!("GET {path} HTTP/1.1\r\nHost: door.local")).await
    };
    let profiles = async || fetch("/ca.mobileconfig").await.matches("security.root").count();

    rotation::begin(&dir, Next::default()).unwrap();
    server.server.reload_certificate().await.unwrap();
    assert_eq!(server.leaf().await, before, "the old CA still signs");
    assert_eq!(fetch("/ca.pem").await.matches("BEGIN CERTIFICATE").count(), 2);
    assert!(fetch("/ca-next.crt").await.starts_with("HTTP/1.1 200"));
    assert_eq!(profiles().await, 2);

    rotation::finish(&dir).unwrap();
    server.server.reload_certificate().await.unwrap();
    assert_ne!(server.leaf().await, before);
    assert_eq!(profiles().await, 1, "nobody new needs the old one");
}
