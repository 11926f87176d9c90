//! The client against a small real server in this process: WebSocket, TLS and what can be wrong
//! with them.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use intercom_client::{
    Client, Config, Event, Events, ListedRole, Login, Lost, PermanentError, Role, ServerUri,
    SessionId, Target, Trust, list,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;

const PATIENCE: Duration = Duration::from_secs(30);

type Authority = CertifiedIssuer<'static, KeyPair>;

/// One end of the server's side of a connection.
struct Peer<S>(WebSocketStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    async fn accept(stream: S) -> Self {
        Self(tokio_tungstenite::accept_async(stream).await.unwrap())
    }

    async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    async fn hear(&mut self) -> String {
        loop {
            match self.next().await {
                Message::Text(text) => return text.to_string(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?} where text was due"),
            }
        }
    }

    async fn next(&mut self) -> Message {
        timeout(PATIENCE, self.0.next()).await.unwrap().unwrap().unwrap()
    }

    /// The welcome, and what a producer says to it.
    async fn welcome(&mut self) {
        self.say(r#"{"type":"welcome","peerId":"me"}"#).await;
        assert!(self.hear().await.contains("setProtocolVersion"));
        assert!(self.hear().await.contains("setPeerStatus"));
        assert!(self.hear().await.contains("list"));
        self.say(r#"{"type":"list","producers":[]}"#).await;
    }
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn config(uri: &str, trust: Trust) -> Config {
    Config { trust, ..Config::new(uri.parse::<ServerUri>().unwrap(), Role::Producer) }
}

fn plain(port: u16) -> Config {
    config(&format!("ws://127.0.0.1:{port}"), Trust::System)
}

async fn next(events: &mut Events) -> Event {
    timeout(PATIENCE, events.next()).await.unwrap().unwrap()
}

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn acceptor(authority: &Authority, name: &str, late: bool) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    if late {
        params.not_before = rcgen::date_time_ymd(4000, 1, 1);
        params.not_after = rcgen::date_time_ymd(4001, 1, 1);
    }
    let leaf = params.signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

fn ca_file(dir: &Path, authority: &Authority) -> Trust {
    let path = dir.join("ca.pem");
    std::fs::write(&path, authority.pem()).unwrap();
    Trust::CaFile(path)
}

/// The first thing that a client hears from a TLS server that it may not believe.
async fn first_event_over_tls(acceptor: TlsAcceptor, uri_host: &str, trust: Trust) -> Event {
    let (listener, port) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    let mut peer = Peer::accept(stream).await;
                    peer.welcome().await;
                    let _ = peer.0.next().await;
                }
            });
        }
    });
    let config = config(&format!("wss://{uri_host}:{port}"), trust);
    let (_client, mut events) = Client::spawn(config, &Handle::current());
    next(&mut events).await
}

#[tokio::test]
async fn messages_keep_their_order_and_closing_flushes_them() {
    let (listener, port) = listen().await;
    let (client, mut events) = Client::spawn(plain(port), &Handle::current());
    let mut peer = Peer::accept(listener.accept().await.unwrap().0).await;
    peer.welcome().await;
    assert!(matches!(next(&mut events).await, Event::Connected { .. }));
    peer.say(r#"{"type":"startSession","peerId":"c","sessionId":"s"}"#).await;
    assert!(matches!(next(&mut events).await, Event::SessionRequested { .. }));

    let id = SessionId::new("s").unwrap();
    for index in 0..500 {
        client.add_candidate(id.clone(), format!("candidate:{index}"), index);
    }
    client.close();
    for index in 0..500 {
        let text = peer.hear().await;
        assert!(text.contains(&format!("candidate:{index}\"")), "{index}: {text}");
    }
    assert_eq!(peer.hear().await, r#"{"type":"endSession","sessionId":"s"}"#);
    let Message::Close(Some(frame)) = peer.next().await else { panic!("no Close frame") };
    assert_eq!(u16::from(frame.code), 1000);
    let _ = peer.0.next().await;
    assert_eq!(timeout(PATIENCE, events.next()).await.unwrap(), None);
}

#[tokio::test]
async fn a_server_that_goes_and_comes_back_is_found_again() {
    let (listener, port) = listen().await;
    let (_client, mut events) = Client::spawn(plain(port), &Handle::current());
    for restart in [true, false] {
        let mut peer = Peer::accept(listener.accept().await.unwrap().0).await;
        peer.welcome().await;
        assert!(matches!(next(&mut events).await, Event::Connected { .. }));
        if restart {
            let frame = CloseFrame { code: 1012.into(), reason: "restarting".into() };
            peer.0.close(Some(frame)).await.unwrap();
            let Event::Disconnected { reason, retry_in } = next(&mut events).await else {
                panic!("not told of the loss")
            };
            assert_eq!(reason, Lost::Closed { code: 1012, reason: "restarting".into() });
            assert!(retry_in <= Duration::from_millis(250));
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_no_error() {
    let (listener, port) = listen().await;
    drop(listener);
    let (_client, mut events) = Client::spawn(plain(port), &Handle::current());
    for _ in 0..2 {
        let event = next(&mut events).await;
        assert!(matches!(event, Event::Disconnected { reason: Lost::Network(_), .. }), "{event:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_told_in_the_servers_own_words() {
    for (status, permanent) in [("401 Unauthorized", true), ("503 Service Unavailable", false)] {
        let (listener, port) = listen().await;
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            let body = "log in first";
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all((head + body).as_bytes()).await.unwrap();
            let _ = stream.read(&mut [0; 1]).await;
        });
        let (_client, mut events) = Client::spawn(plain(port), &Handle::current());
        let event = next(&mut events).await;
        if permanent {
            let details = "log in first".to_owned();
            assert_eq!(event, Event::Failed(PermanentError::Refused { status: 401, details }));
            assert_eq!(timeout(PATIENCE, events.next()).await.unwrap(), None);
        } else {
            assert!(matches!(event, Event::Disconnected { reason: Lost::Http(503), .. }));
        }
    }
}

#[tokio::test]
async fn a_stock_server_is_spoken_to_in_its_own_protocol() {
    let (listener, port) = listen().await;
    let login = Login::Token("ict_secret".into());
    let instance = Some("front".parse().unwrap());
    let config = Config { login, instance, ..plain(port) };
    let (_client, mut events) = Client::spawn(config.clone(), &Handle::current());
    // It does not know the subprotocol, which ends the first handshake.
    let _ = tokio_tungstenite::accept_async(listener.accept().await.unwrap().0).await;
    let mut peer = Peer::accept(listener.accept().await.unwrap().0).await;
    peer.welcome().await;
    assert!(matches!(next(&mut events).await, Event::Connected { account: None, .. }));

    let password = Login::Password { name: "ann".into(), password: "secret".into() };
    let (_client, mut events) =
        Client::spawn(Config { login: password, ..config }, &Handle::current());
    for _ in 0..2 {
        let _ = tokio_tungstenite::accept_async(listener.accept().await.unwrap().0).await;
    }
    assert_eq!(next(&mut events).await, Event::Failed(PermanentError::NoLogins));
}

#[tokio::test]
async fn who_one_is_goes_with_the_upgrade() {
    let (listener, port) = listen().await;
    let login = Login::Token("ict_secret".into());
    let instance = Some("front".parse().unwrap());
    let config = Config { login, instance, ..plain(port) };
    let (_client, _events) = Client::spawn(config, &Handle::current());
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = vec![0; 4096];
    let length = stream.read(&mut head).await.unwrap();
    let head = String::from_utf8_lossy(&head[..length]).to_lowercase();
    for line in [
        "authorization: bearer ict_secret\r\n",
        "x-intercom-instance: front\r\n",
        "sec-websocket-protocol: intercom.v1\r\n",
    ] {
        assert!(head.contains(line), "{head}");
    }
}

#[tokio::test]
async fn secrets_do_not_travel_in_the_clear() {
    let server: ServerUri = "ws://192.0.2.1:8443".parse().unwrap();
    let login = Login::Token("ict_secret".into());
    let config = Config { login, ..Config::new(server, Role::Producer) };
    let (_client, mut events) = Client::spawn(config.clone(), &Handle::current());
    let event = next(&mut events).await;
    assert!(matches!(&event, Event::Failed(PermanentError::Unencrypted(_))), "{event:?}");
    assert!(list(&config).await.unwrap_err().to_string().contains("wss://"));
}

#[tokio::test]
async fn only_the_given_authority_is_believed() {
    let (ours, other) = (authority(), authority());
    let dir = tempfile::tempdir().unwrap();
    let trust = ca_file(dir.path(), &ours);

    let good = acceptor(&ours, "localhost", false);
    let event = first_event_over_tls(good.clone(), "localhost", trust.clone()).await;
    assert!(matches!(event, Event::Connected { .. }), "{event:?}");

    for (acceptor, host, trust, why) in [
        (acceptor(&other, "localhost", false), "localhost", trust.clone(), "another authority"),
        (good.clone(), "127.0.0.1", trust.clone(), "another name"),
        (good, "localhost", Trust::System, "an authority that the system does not know"),
    ] {
        let event = first_event_over_tls(acceptor, host, trust).await;
        assert!(
            matches!(
                event,
                Event::Failed(
                    PermanentError::CertificateInvalid(_) | PermanentError::NoSystemRoots
                )
            ),
            "{why}: {event:?}"
        );
    }
}

#[tokio::test]
async fn a_clock_that_is_behind_heals() {
    let ours = authority();
    let dir = tempfile::tempdir().unwrap();
    let late = acceptor(&ours, "localhost", true);
    let event = first_event_over_tls(late, "localhost", ca_file(dir.path(), &ours)).await;
    assert!(matches!(event, Event::Disconnected { reason: Lost::ClockBehind, .. }), "{event:?}");
}

#[tokio::test]
async fn a_ca_file_without_a_certificate_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("empty.pem");
    for content in [None, Some("")] {
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let config = config("wss://localhost:1", Trust::CaFile(path.clone()));
        let (_client, mut events) = Client::spawn(config, &Handle::current());
        let Event::Failed(error) = next(&mut events).await else { panic!("it went on") };
        assert!(error.to_string().contains("empty.pem"), "{error}");
    }
}

#[tokio::test]
async fn a_list_has_everybody_once() {
    let (listener, port) = listen().await;
    let server = tokio::spawn(async move {
        let mut peer = Peer::accept(listener.accept().await.unwrap().0).await;
        peer.say(r#"{"type":"welcome","peerId":"me"}"#).await;
        while !peer.hear().await.contains("listConsumers") {}
        peer.say(r#"{"type":"peerStatusChanged","roles":["listener"],"peerId":"me"}"#).await;
        peer.say(r#"{"type":"list","producers":[{"id":"a","meta":{"name":"door"}}]}"#).await;
        peer.say(r#"{"type":"listConsumers","consumers":[{"id":"b"},{"id":"a"}]}"#).await;
        let _ = peer.0.next().await;
    });
    let listed = list(&plain(port)).await.unwrap();
    let brief: Vec<_> = listed
        .iter()
        .map(|one| (one.peer_id.as_str(), one.name.as_deref(), one.roles.as_slice()))
        .collect();
    use ListedRole::{Consumer, Producer};
    assert_eq!(brief, [("a", Some("door"), &[Producer, Consumer][..]), ("b", None, &[Consumer])]);
    server.await.unwrap();
}

#[tokio::test]
async fn whoever_does_not_listen_is_not_read_for() {
    let (listener, port) = listen().await;
    let mut config = plain(port);
    config.role = Role::Consumer(Target::Name("nobody".into()));
    let (client, mut events) = Client::spawn(config, &Handle::current());
    let mut peer = Peer::accept(listener.accept().await.unwrap().0).await;
    peer.welcome().await;
    let total = 2000;
    let flood = tokio::spawn(async move {
        for index in 0..total {
            peer.say(&format!(
                r#"{{"type":"peerStatusChanged","roles":["producer"],"peerId":"p{index}"}}"#
            ))
            .await;
        }
        peer
    });
    let mut seen = 0;
    while seen < total {
        if let Event::ProducerAdded { peer_id, .. } = next(&mut events).await {
            assert_eq!(peer_id.as_str(), format!("p{seen}"), "none is lost, all in order");
            seen += 1;
        }
    }
    drop(client);
    drop(flood.await.unwrap());
}
