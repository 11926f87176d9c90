//! A bare WebSocket client of the stock protocol, as light as can be: the machine is shared with
//! the server that it loads.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::server::Server;
use crate::setup::Setup;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A welcomed peer.
pub(crate) struct Client {
    socket: WebSocketStream<Box<dyn Stream>>,
    pub(crate) peer_id: String,
}

/// The two ends of a session.
pub(crate) struct Pair {
    pub(crate) producer: Client,
    pub(crate) consumer: Client,
    pub(crate) session: String,
}

impl Client {
    pub(crate) async fn connect(server: &Server, connector: Option<&TlsConnector>) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", server.port)).await?;
        stream.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match connector {
            Some(tls) => Box::new(tls.connect(ServerName::try_from("localhost")?, stream).await?),
            None => Box::new(stream),
        };
        let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(0);
        let scheme = if connector.is_some() { "wss" } else { "ws" };
        let url = format!("{scheme}://localhost:{}/", server.port);
        let (socket, _) = client_async_with_config(url, stream, Some(config)).await?;
        let mut client = Self { socket, peer_id: String::new() };
        let welcome = client.expect("welcome").await?;
        client.peer_id = welcome["peerId"].as_str().context("a welcome without an id")?.into();
        Ok(client)
    }

    pub(crate) async fn send(&mut self, text: impl Into<String>) -> Result<()> {
        Ok(self.socket.send(Message::text(text.into())).await?)
    }

    /// The next text message.
    async fn text(&mut self) -> Result<String> {
        loop {
            match self.socket.next().await.context("the server closed the connection")?? {
                Message::Text(text) => return Ok(text.as_str().to_owned()),
                Message::Close(frame) => bail!("the server closed the connection: {frame:?}"),
                _ => {}
            }
        }
    }

    /// The next thing that the other end of the session says. News of other peers, from before
    /// this one stopped listening, is passed over without being parsed.
    pub(crate) async fn relayed(&mut self) -> Result<String> {
        loop {
            let text = self.text().await?;
            if text.starts_with(r#"{"type":"peer","#) {
                return Ok(text);
            }
        }
    }

    /// The next message of that type; others are passed over.
    pub(crate) async fn expect(&mut self, kind: &str) -> Result<Value> {
        loop {
            let message: Value = serde_json::from_str(&self.text().await?)?;
            if message["type"] == kind {
                return Ok(message);
            }
        }
    }
}

impl Pair {
    pub(crate) async fn connect(server: &Server) -> Result<Self> {
        let mut producer = Client::connect(server, None).await?;
        let mut consumer = Client::connect(server, None).await?;
        let produce =
            json!({"type": "setPeerStatus", "roles": ["producer", "listener"], "meta": null});
        producer.send(produce.to_string()).await?;
        producer.expect("peerStatusChanged").await?;
        let start = json!({"type": "startSession", "peerId": producer.peer_id});
        consumer.send(start.to_string()).await?;
        let started = consumer.expect("sessionStarted").await?;
        producer.expect("startSession").await?;
        let session = started["sessionId"].as_str().context("a session without an id")?.to_owned();
        // From here on the producer should hear of its session only.
        let quiet = json!({"type": "setPeerStatus", "roles": ["producer"], "meta": null});
        producer.send(quiet.to_string()).await?;
        Ok(Self { producer, consumer, session })
    }
}

/// An ICE candidate of the usual size: what a signaller relays most.
pub(crate) fn candidate(session: &str) -> String {
    let candidate = "candidate:842163049 1 udp 1677729535 192.0.2.7 46154 typ srflx raddr 10.0.0.17 \
                     rport 46154 generation 0 ufrag EEtu network-cost 999";
    json!({
        "type": "peer",
        "sessionId": session,
        "ice": {"candidate": candidate, "sdpMLineIndex": 0},
    })
    .to_string()
}

/// Trusts the one CA of this run.
pub(crate) fn tls_connector(setup: &Setup) -> Result<TlsConnector> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&setup.pki().ca)?)?;
    let config =
        rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
