//! Ports, TLS, redirects, headers, Origin and who is let in.
#![allow(clippy::unwrap_used)]
mod common;

use std::time::Duration;

use common::{Client, Stranger, config, http, tcp};
use intercom_signaller::{
    CertificateError, Identity, Level, OldDoor, OldLogin, Server, StartError, TlsError,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::{Instant, timeout};
use url::Url;

const GET: &str = "GET / HTTP/1.1\r\nHost: door.local:8443";

#[tokio::test]
async fn plain_text_on_the_main_port_is_sent_to_https() {
    let server = Stranger::start().await;
    let answer = http(tcp(server.main()).await, GET).await;
    assert!(answer.starts_with("HTTP/1.1 308"), "{answer}");
    assert!(answer.contains("location: https://door.local:8443/\r\n"), "{answer}");
    let answer = http(tcp(server.main()).await, "GET / HTTP/1.1\r\nHost: a@b/c").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let answer = http(tcp(server.main()).await, "GET /ca.pem HTTP/1.1\r\nHost: x").await;
    assert!(answer.contains("-----BEGIN CERTIFICATE-----"), "{answer}");
    assert!(!answer.contains("KEY"));
}

#[tokio::test]
async fn the_ca_is_handed_out_in_every_form_before_anything_is_trusted() {
    let server = Stranger::start().await;
    let fetch = async |path: &str| {
        http(tcp(server.main()).await, &format!("GET {path} HTTP/1.1\r\nHost: door.local")).await
    };
    let root = intercom_pki::Root::read(&server.data.path().join("pki/ca.pem")).unwrap();
    let page = fetch("/ca").await;
    assert!(page.contains(&root.fingerprint.to_string()), "{page}");
    for (path, kind) in [
        ("/ca.pem", "application/x-x509-ca-cert"),
        ("/ca.crt", "application/x-x509-ca-cert"),
        ("/ca.mobileconfig", "application/x-apple-aspen-config"),
    ] {
        assert!(page.contains(path), "{path} in {page}");
        let answer = fetch(path).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        assert!(answer.contains(&format!("content-type: {kind}\r\n")), "{path}: {answer}");
    }
    assert!(fetch("/ca-next.crt").await.starts_with("HTTP/1.1 404"));
    assert!(!page.contains("/ca-next.crt"));
}

#[tokio::test]
async fn every_site_is_guarded_by_headers() {
    let server = Stranger::start().await;
    for socket in [server.tls().await, tcp(server.plain()).await, tcp(server.main()).await] {
        let answer = http(socket, GET).await.to_lowercase();
        for header in [
            "content-security-policy: default-src 'none'",
            "permissions-policy: camera=(self), microphone=(self)",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
        ] {
            assert!(answer.contains(header), "{header}: {answer}");
        }
        assert!(!answer.contains("strict-transport-security"));
    }
}

#[tokio::test]
async fn health_is_the_hubs() {
    let server = Stranger::start().await;
    let answer = http(server.tls().await, "GET /healthz HTTP/1.1\r\nHost: x").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
}

#[tokio::test]
async fn other_origins_are_refused() {
    let server = Stranger::start_with(|config| {
        config.allowed_origins.push(Url::parse("https://pages.example").unwrap().origin());
    })
    .await;
    for (origin, admitted) in [
        ("https://localhost", true),
        ("https://pages.example", true),
        ("https://evil.example", false),
        ("null", false),
    ] {
        let opened = Client::open(server.tls().await, "/ws", &[("Origin", origin)]).await;
        match opened {
            Ok(_) => assert!(admitted, "{origin}"),
            Err((status, words)) => assert!(!admitted && status == 403, "{origin}: {words}"),
        }
    }
}

#[tokio::test]
async fn nobody_is_let_in_unless_the_owner_says_so() {
    let server = Stranger::start_with(|config| {
        (config.anonymous, config.local_peers) = (Level::Deny, Level::Deny);
    })
    .await;
    for (socket, flag) in [
        (server.tls().await, "--anonymous"),
        (tcp(server.plain()).await, "--anonymous"),
        (tcp(server.main()).await, "--local-peers"),
    ] {
        let (status, words) = Client::open(socket, "/", &[]).await.err().unwrap();
        assert!(status == 401 && words.contains(flag), "{status} {words}");
    }
}

#[tokio::test]
async fn a_proxied_peer_is_no_local_peer() {
    let server = Stranger::start().await;
    let headers = [("X-Forwarded-For", "192.0.2.1")];
    let refused = Client::open(tcp(server.main()).await, "/", &headers).await.err().unwrap();
    assert_eq!(refused.0, 308);
}

/// A token counts from then on when it let somebody in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_no_websocket_is_not_written_down_as_logged_in() {
    let server = Stranger::start_with(|config| {
        let door = OldDoor { login: OldLogin::Token, plain: false };
        (config.simple, config.relay) = (door.clone(), door);
    })
    .await;
    let (door, cam) = (server.device("door"), server.device("cam"));
    for path in ["/t/", "/simple/t/", "/relay/t/"] {
        let get = format!("GET {path}{door} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket");
        let answer = http(server.tls().await, &get).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{path}: {answer}");
    }
    // What is written down keeps its order.
    let path = format!("/relay/t/{cam}");
    let _program = Client::upgrade(server.tls().await, &path, &[]).await.unwrap();
    let audit = async {
        loop {
            let audit = server.run("account audit");
            if audit.contains("token login") {
                return audit;
            }
        }
    };
    let audit = timeout(Duration::from_secs(20), audit).await.unwrap();
    let logins: Vec<_> = audit.lines().filter(|line| line.contains("token login")).collect();
    assert!(matches!(logins[..], [login] if login.contains("cam")), "{audit}");
}

#[tokio::test]
async fn the_house_may_be_full() {
    let server = Stranger::start_with(|config| config.max_clients = 1).await;
    let first = server.client().await;
    let (status, words) = Client::open(tcp(server.plain()).await, "/", &[]).await.err().unwrap();
    assert!(status == 503 && words.contains("--max-clients"), "{words}");
    drop(first);
}

#[tokio::test]
async fn slow_strangers_are_dropped() {
    let server = Stranger::start().await;
    let start = Instant::now();
    let (mut silent, mut half) = (tcp(server.main()).await, tcp(server.plain()).await);
    half.write_all(b"GET / HTTP/1.1\r\nHo").await.unwrap();
    let mut rest = Vec::new();
    let _ = silent.read_to_end(&mut rest).await;
    let _ = half.read_to_end(&mut rest).await;
    let waited = start.elapsed();
    // After 5 s; a busy machine has three times that.
    assert!(waited > Duration::from_secs(4) && waited < Duration::from_secs(15), "{waited:?}");
    server.is_unharmed().await;
}

#[tokio::test]
async fn who_never_reads_the_answers_does_not_keep_the_socket() {
    let server = Stranger::start_with(|config| {
        config.timing.visit = Duration::from_millis(300);
    })
    .await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut socket = socket.connect(server.main()).await.unwrap();
    let asks =
        async { while socket.write_all(b"GET /ca HTTP/1.1\r\nHost: x\r\n\r\n").await.is_ok() {} };
    timeout(Duration::from_secs(10), asks).await.expect("it is still connected");
}

#[tokio::test]
async fn newcomers_wait_while_very_many_say_nothing() {
    let server = Stranger::start().await;
    let start = Instant::now();
    let mut silent = Vec::new();
    for _ in 0..256 {
        silent.push(tcp(server.main()).await);
    }
    let answer = http(tcp(server.main()).await, "GET /ca HTTP/1.1\r\nHost: x").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(start.elapsed() >= Duration::from_secs(5), "before the first of them had to go");
}

#[tokio::test]
async fn websockets_are_no_visitors() {
    let server = Stranger::start().await;
    let mut peers = Vec::new();
    for _ in 0..256 {
        peers.push(server.client().await);
    }
    server.is_unharmed().await;
}

async fn start_error(change: impl FnOnce(&mut intercom_signaller::Config)) -> StartError {
    let data = TempDir::new().unwrap();
    let mut config = config(&data);
    change(&mut config);
    Server::start(config).await.expect_err("it started")
}

#[tokio::test]
async fn a_bad_certificate_stops_the_start() {
    let (one, two) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for dir in [&one, &two] {
        intercom_pki::ensure_server(dir.path()).unwrap();
    }
    let cert = one.path().join("server.pem");
    for (cert, key, part) in [
        (cert.clone(), two.path().join("server.key"), "does not belong"),
        (cert.clone(), cert.clone(), "holds no unencrypted private key"),
        (one.path().join("server.key"), two.path().join("server.key"), "holds no certificate"),
        (one.path().join("missing"), two.path().join("server.key"), "cannot read"),
    ] {
        let error = start_error(|config| config.identity = Some(Identity::Pem { cert, key })).await;
        assert!(error.to_string().contains(part), "{error}");
        assert!(!error.to_string().contains('\n') && error.exit_code() == 2);
    }
}

#[tokio::test]
async fn a_p12_file_holds_both() {
    use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    let dir = TempDir::new().unwrap();
    let made = intercom_pki::ensure_server(dir.path()).unwrap();
    let key = PrivateKeyDer::from_pem_file(&made.files.server_key).unwrap();
    let leaf = CertificateDer::from_pem_file(&made.files.server).unwrap();
    let chain = PrivateKeyChain::new(
        "id",
        PrivateKey::from_der(key.secret_der()).unwrap(),
        [Certificate::from_der(&leaf).unwrap()],
    );
    let mut store = KeyStore::new();
    store.add_entry("server", KeyStoreEntry::PrivateKeyChain(chain));
    let (file, password) = (dir.path().join("server.p12"), dir.path().join("password"));
    std::fs::write(&file, store.writer("secret").write().unwrap()).unwrap();
    std::fs::write(&password, "secret\n").unwrap();
    let p12 = |password_file| Some(Identity::Pkcs12 { file: file.clone(), password_file });

    let server = Stranger::start_with(|config| config.identity = p12(Some(password))).await;
    std::fs::create_dir(server.data.path().join("pki")).unwrap();
    std::fs::copy(made.files.ca, server.data.path().join("pki/ca.pem")).unwrap();
    Client::open(server.tls().await, "/", &[]).await.unwrap();

    let error = start_error(|config| config.identity = p12(None)).await;
    let StartError::Certificate(CertificateError::Tls(TlsError::Locked { .. })) = error else {
        panic!("{error}")
    };
}

#[tokio::test]
async fn a_port_in_use_stops_the_start() {
    let server = Stranger::start().await;
    let main = server.main();
    let error = start_error(|config| config.listen = main).await;
    assert!(error.to_string().contains("another port") && error.exit_code() == 1, "{error}");
}
