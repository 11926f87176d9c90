//! The socket: TCP, TLS and the WebSocket on it. It carries frames and knows nothing of them.

use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::error::{ProtocolError, SubProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::{Response, header};
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::config::ServerUri;
use crate::error::{Lost, PermanentError};
use crate::race;
use crate::tls;

/// A list is the longest thing that a server says: a thousand peers with all that they may say of
/// themselves.
const MAX_MESSAGE: usize = 32 << 20;
/// How long saying goodbye may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// A connection with the server. Dropping it cuts the connection.
pub(crate) struct Socket {
    reader: SplitStream<WebSocket>,
    outbox: mpsc::UnboundedSender<Message>,
    writer: Writer,
    is_extended: bool,
}

/// What the server sent.
#[derive(Debug)]
pub(crate) enum Frame {
    Text(Utf8Bytes),
    /// A ping, a pong, or something that the protocol has no use for.
    Other,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectError {
    Lost(Lost),
    /// The server does not know the subprotocol that was asked for.
    NotExtended,
    Permanent(PermanentError),
}

impl From<Lost> for ConnectError {
    fn from(lost: Lost) -> Self {
        Self::Lost(lost)
    }
}

impl From<PermanentError> for ConnectError {
    fn from(error: PermanentError) -> Self {
        Self::Permanent(error)
    }
}

impl Socket {
    /// Connects and upgrades. Has no deadline of its own.
    pub(crate) async fn open(
        server: &ServerUri,
        request: Request,
        connector: Option<&TlsConnector>,
    ) -> Result<Self, ConnectError> {
        let (host, port) = server.address();
        let tcp = race::connect(&host, port)
            .await
            .map_err(|error| Lost::Network(format!("{server}: {error}")))?;
        // Latency counts more than a packet: negotiation is a dozen small messages.
        tcp.set_nodelay(true).map_err(|error| Lost::Network(error.to_string()))?;
        let stream: Box<dyn Stream> = match connector {
            Some(connector) => {
                let name = ServerName::try_from(host)
                    .map_err(|error| Lost::Tls(format!("server name: {error}")))?;
                let tls = connector.connect(name, tcp).await;
                Box::new(tls.map_err(|error| tls::handshake_error(&error))?)
            }
            None => Box::new(tcp),
        };
        match client_async_with_config(request, stream, Some(limits())).await {
            Ok((socket, response)) => {
                let is_extended = response.headers().contains_key(header::SEC_WEBSOCKET_PROTOCOL);
                Ok(Self::new(socket, is_extended))
            }
            Err(Error::Http(response)) => Err(http_error(&response)),
            Err(Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(
                SubProtocolError::NoSubProtocol,
            ))) => Err(ConnectError::NotExtended),
            Err(error) => Err(lost(&error).into()),
        }
    }

    fn new(socket: WebSocket, is_extended: bool) -> Self {
        let (sink, reader) = socket.split();
        let (outbox, queue) = mpsc::unbounded_channel();
        let writer = Writer(tokio::spawn(write_all(sink, queue)));
        Self { reader, outbox, writer, is_extended }
    }

    /// Whether the server speaks the extension here.
    pub(crate) fn is_extended(&self) -> bool {
        self.is_extended
    }

    /// Queues a text message. If the connection is broken, [`Self::read`] says so.
    pub(crate) fn write(&self, text: String) {
        let _ = self.outbox.send(Message::text(text));
    }

    /// Queues a ping.
    pub(crate) fn ping(&self) {
        let _ = self.outbox.send(Message::Ping(Bytes::new()));
    }

    /// The next frame. May be dropped and called again.
    pub(crate) async fn read(&mut self) -> Result<Frame, Lost> {
        match self.reader.next().await {
            Some(Ok(Message::Text(text))) => Ok(Frame::Text(text)),
            Some(Ok(Message::Close(frame))) => Err(closed(frame)),
            Some(Ok(_)) => Ok(Frame::Other),
            Some(Err(error)) => Err(lost(&error)),
            None => Err(Lost::Network("the connection ended without a Close frame".into())),
        }
    }

    /// Sends what is queued and a Close frame, and waits for the server's, all within a second.
    pub(crate) async fn close(mut self) {
        let frame = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::from_static("") };
        let _ = self.outbox.send(Message::Close(Some(frame)));
        let goodbye = async {
            while self.read().await.is_ok() {}
            drop(self.outbox);
            let _ = (&mut self.writer.0).await;
        };
        let _ = timeout(CLOSE_WITHIN, goodbye).await;
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

type WebSocket = WebSocketStream<Box<dyn Stream>>;

/// Ends the writing task with the socket.
struct Writer(JoinHandle<()>);

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The one place that writes, so that messages keep their order.
async fn write_all(
    mut sink: SplitSink<WebSocket, Message>,
    mut queue: mpsc::UnboundedReceiver<Message>,
) {
    while let Some(message) = queue.recv().await {
        // A failed write shows in the reader as well, which reports it.
        if sink.feed(message).await.is_err() || (queue.is_empty() && sink.flush().await.is_err()) {
            return;
        }
    }
}

fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .write_buffer_size(16 * 1024)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
}

fn http_error(response: &Response<Option<Vec<u8>>>) -> ConnectError {
    let status = response.status();
    if !matches!(status.as_u16(), 401 | 403) {
        return Lost::Http(status.as_u16()).into();
    }
    let body = response.body().as_deref().unwrap_or_default();
    let text = String::from_utf8_lossy(&body[..body.len().min(1024)]);
    let sentence: String = text.trim().chars().filter(|c| !c.is_control()).take(300).collect();
    let details = if sentence.is_empty() {
        status.canonical_reason().unwrap_or("no reason given").to_owned()
    } else {
        sentence
    };
    PermanentError::Refused { status: status.as_u16(), details }.into()
}

fn closed(frame: Option<CloseFrame>) -> Lost {
    let (code, reason) = frame.map_or((1005, String::new()), |frame| {
        (frame.code.into(), frame.reason.chars().filter(|c| !c.is_control()).collect())
    });
    Lost::Closed { code, reason }
}

fn lost(error: &Error) -> Lost {
    match error {
        Error::Io(error) => Lost::Network(error.to_string()),
        Error::ConnectionClosed | Error::AlreadyClosed => {
            Lost::Network("the connection is closed".into())
        }
        other => Lost::Protocol(other.to_string()),
    }
}
