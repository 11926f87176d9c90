//! The server as a stranger meets it: port 0, a temporary directory, one client of the protocol.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use intercom_signaller::{Config, Level, Server};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::block_in_place;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::http::Request;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Long enough for a busy machine; nothing that works comes near it.
const PATIENCE: Duration = Duration::from_secs(30);

pub const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
                       m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n";

/// The exchanges in `vectors/`, of one protocol. Each has the name of its file.
pub fn recorded<T: DeserializeOwned>(protocol: &str) -> Vec<T> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors").join(protocol);
    let paths = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let vector = |path: PathBuf| {
        let vector: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(path.file_stem().unwrap(), vector["name"].as_str().unwrap());
        serde_json::from_value(vector).unwrap()
    };
    paths.map(vector).collect()
}

/// A copy of a data directory that nobody has open: also what SQLite has not put into its file yet.
pub fn copy_of(data: &TempDir) -> TempDir {
    let copy = TempDir::new().unwrap();
    for file in fs::read_dir(data).unwrap() {
        let path = file.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

pub struct Stranger {
    pub server: Server,
    pub data: TempDir,
}

pub trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Socket for T {}

/// One WebSocket client of the stock protocol.
pub struct Client {
    pub id: String,
    socket: WebSocketStream<Box<dyn Socket>>,
}

pub fn config(data: &TempDir) -> Config {
    let mut config = Config::new("127.0.0.1:0".parse().unwrap(), data.path().into());
    config.plain = Some("127.0.0.1:0".parse().unwrap());
    config.anonymous = Level::Full;
    config.local_peers = Level::Full;
    config
}

impl Stranger {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let data = TempDir::new().unwrap();
        let mut config = config(&data);
        change(&mut config);
        Self { server: Server::start(config).await.unwrap(), data }
    }

    pub fn main(&self) -> SocketAddr {
        self.server.addresses()[0].socket
    }

    pub fn plain(&self) -> SocketAddr {
        self.server.addresses()[1].socket
    }

    pub async fn tls(&self) -> Box<dyn Socket> {
        Box::new(self.handshake().await)
    }

    /// What a new handshake shows, verified with the CA in the data directory.
    pub async fn leaf(&self) -> CertificateDer<'static> {
        let socket = self.handshake().await;
        socket.get_ref().1.peer_certificates().unwrap()[0].clone()
    }

    /// Another port of it.
    pub async fn tls_at(&self, address: SocketAddr) -> Box<dyn Socket> {
        Box::new(self.handshake_at(address).await)
    }

    async fn handshake(&self) -> TlsStream<TcpStream> {
        self.handshake_at(self.main()).await
    }

    async fn handshake_at(&self, address: SocketAddr) -> TlsStream<TcpStream> {
        handshake(address, self.data.path()).await
    }

    /// A welcomed client of the plain listener.
    pub async fn client(&self) -> Client {
        Client::open(tcp(self.plain()).await, "/", &[]).await.unwrap()
    }

    /// What the command line says to its owner. Needs a runtime with several threads.
    pub fn run(&self, line: &str) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_intercom-signaller"));
        command.args(line.split(' ')).arg("--data-dir").arg(self.data.path());
        command.env("INTERCOM_CONFIG", "/dev/null");
        let output = block_in_place(|| command.output().unwrap());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// A new device, and a token of it.
    pub fn device(&self, name: &str) -> String {
        self.run(&format!("account add {name} --kind device"));
        self.run(&format!("token create {name}"))
    }

    /// One that others find: what they say next must not overtake what it is.
    pub async fn producer(&self, name: &str) -> Client {
        let mut client = self.client().await;
        let status =
            json!({"type": "setPeerStatus", "roles": ["producer"], "meta": {"name": name}});
        client.send(&status).await;
        client.hears_nothing().await;
        client
    }

    /// The server does its work.
    pub async fn is_unharmed(&self) {
        let (mut door, mut phone) = (self.producer("door").await, self.client().await);
        let session = phone.start_session(&mut door).await;
        phone.send(&json!({"type": "endSession", "sessionId": session})).await;
        assert_eq!(door.next().await["type"], "endSession");
    }
}

/// To a server that keeps its data there.
pub async fn tls_to(address: SocketAddr, data: &Path) -> Box<dyn Socket> {
    Box::new(handshake(address, data).await)
}

async fn handshake(address: SocketAddr, data: &Path) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    let ca = data.join("pki/ca.pem");
    for root in CertificateDer::pem_file_iter(ca).unwrap() {
        roots.add(root.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let socket = TcpStream::connect(address).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap()
}

pub async fn tcp(address: SocketAddr) -> Box<dyn Socket> {
    Box::new(TcpStream::connect(address).await.unwrap())
}

/// From 127.0.0.HOST: to the server another machine.
pub async fn tcp_from(host: u8, address: SocketAddr) -> Box<dyn Socket> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, host], 0).into()).unwrap();
    Box::new(socket.connect(address).await.unwrap())
}

/// One HTTP exchange on a connection of its own: head and body.
pub async fn http(mut socket: Box<dyn Socket>, head: &str) -> String {
    let request = format!("{head}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // TLS peers may leave without taking leave.
    let _ = timeout(PATIENCE, socket.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

impl Client {
    /// A client that is welcomed at once, or the status of the refusal.
    pub async fn open(
        socket: Box<dyn Socket>,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, (u16, String)> {
        let mut client = Self::upgrade(socket, path, headers).await?;
        let welcome = client.next().await;
        assert_eq!(welcome["type"], "welcome");
        client.id = welcome["peerId"].as_str().unwrap().to_owned();
        Ok(client)
    }

    /// The same without a welcome.
    pub async fn upgrade(
        socket: Box<dyn Socket>,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, (u16, String)> {
        let mut request = Request::builder()
            .uri(format!("ws://localhost{path}"))
            .header("Host", "localhost")
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", generate_key());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let opened = tokio_tungstenite::client_async(request.body(()).unwrap(), socket);
        match timeout(PATIENCE, opened).await.unwrap() {
            Ok((socket, _)) => Ok(Self { id: String::new(), socket }),
            Err(Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                Err((response.status().as_u16(), String::from_utf8(body).unwrap()))
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// It hears from here on what others are registered as.
    pub async fn listens(&mut self) {
        self.send(&json!({"type": "setPeerStatus", "roles": ["listener"], "meta": null})).await;
        assert_eq!(self.next().await["peerId"], self.id);
    }

    pub async fn send(&mut self, message: &Value) {
        self.send_raw(Message::text(message.to_string())).await;
    }

    pub async fn send_raw(&mut self, message: Message) {
        timeout(PATIENCE, self.socket.send(message)).await.unwrap().unwrap();
    }

    /// As much as goes; the server may close meanwhile.
    pub async fn try_send(&mut self, message: Message) -> Result<(), Error> {
        timeout(PATIENCE, self.socket.send(message)).await.unwrap()
    }

    /// Says the same until it hears something, which must be long before 3000 times; and what that is.
    pub async fn floods(&mut self, text: &str) -> Message {
        let (mut out, mut heard) = (&mut self.socket).split();
        let flood = async {
            for _ in 0..3000 {
                if out.send(Message::text(text)).await.is_err() {
                    // What was said to it before may still be read.
                    std::future::pending::<()>().await;
                }
            }
            panic!("the flood is let through");
        };
        let hears = async {
            loop {
                match heard.next().await.expect("nobody says why").unwrap() {
                    Message::Ping(_) => {}
                    message => break message,
                }
            }
        };
        let first = async {
            tokio::select! { first = hears => first, () = flood => unreachable!() }
        };
        timeout(PATIENCE, first).await.expect("the flood is let through")
    }

    pub async fn next(&mut self) -> Value {
        match self.next_raw().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("expected a message, got {other:?}"),
        }
    }

    /// The next message that is not a ping.
    pub async fn next_raw(&mut self) -> Option<Message> {
        self.try_next().await.map(|message| message.unwrap_or_else(|error| panic!("{error}")))
    }

    /// The same, or how the connection broke.
    pub async fn try_next(&mut self) -> Option<Result<Message, Error>> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("nothing comes")? {
                Ok(Message::Ping(_)) => {}
                message => return Some(message),
            }
        }
    }

    /// The Close frame, and all that comes before it dropped.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.next_raw().await {
                Some(Message::Close(Some(frame))) => {
                    return (frame.code.into(), frame.reason.to_string());
                }
                Some(Message::Text(_)) => {}
                other => panic!("expected a Close frame, got {other:?}"),
            }
        }
    }

    /// Nothing was sent before the answer to a question asked now.
    pub async fn hears_nothing(&mut self) {
        self.send(&json!({"type": "listConsumers"})).await;
        assert_eq!(self.next().await["type"], "listConsumers");
    }

    pub async fn error(&mut self) -> String {
        let message = self.next().await;
        assert_eq!(message["type"], "error", "{message}");
        message["details"].as_str().unwrap().to_owned()
    }

    /// This one consumes.
    pub async fn start_session(&mut self, producer: &mut Self) -> String {
        self.send(&json!({"type": "startSession", "peerId": producer.id})).await;
        let started = self.next().await;
        assert_eq!(started["type"], "sessionStarted", "{started}");
        let request = producer.next().await;
        assert_eq!(request["type"], "startSession", "{request}");
        assert_eq!(request["sessionId"], started["sessionId"]);
        started["sessionId"].as_str().unwrap().to_owned()
    }
}
