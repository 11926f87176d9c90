//! One connection: its reader, its writer and the ping that tells a dead peer from a silent one.
//!
//! Both halves run in one task. Neither knows what a message means: the dialect does, and the
//! hub says what follows. It ends when either half ends or the hub closes it, then with a Close
//! frame that says why.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use signaller_core::{Access, CloseReason, ConnId, Identity};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tracing::{info, trace};

use crate::dialect::Gst;
use crate::hub_task::{HubHandle, Inbox, Membership};

/// The longest message that a client may send, in bytes.
pub const MAX_MESSAGE_LEN: usize = 64 * 1024;
/// How long a closed peer may take to take note of it.
const FAREWELL: Duration = Duration::from_secs(2);
/// Messages that share a flush, if there are so many.
const BATCH: usize = 32;
/// An idle connection costs little memory; what is longer than this grows a buffer for its time.
const BUFFER_LEN: usize = 2 * 1024;

/// What the server waits for, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// From one ping to the next; whoever has said nothing in between is gone.
    pub ping: Duration,
    /// For the peer's system to take what is written.
    pub write: Duration,
    /// For a connection that is no WebSocket to ask, and as long again to take its last answer.
    pub visit: Duration,
    /// From one look at the certificate's files and this machine's addresses to the next.
    pub certificate: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            ping: Duration::from_secs(25),
            write: Duration::from_secs(25),
            visit: Duration::from_secs(60),
            certificate: Duration::from_secs(60),
        }
    }
}

/// Limits for the WebSocket layer.
pub(crate) fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(BUFFER_LEN)
        .write_buffer_size(BUFFER_LEN)
        .max_message_size(Some(MAX_MESSAGE_LEN))
        .max_frame_size(Some(MAX_MESSAGE_LEN))
}

/// Serves one peer from welcome to farewell.
pub(crate) async fn run<S>(
    socket: WebSocketStream<S>,
    access: Access,
    hub: &HubHandle,
    timing: Timing,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Ok(Membership { conn, mut inbox, closed }) = hub.connect(Identity::guest(access)).await
    else {
        return;
    };
    let (dialect, heard) = (Gst::default(), AtomicBool::new(false));
    let (mut sink, mut stream) = socket.split();
    let end = tokio::select! {
        biased;
        reason = closed => reason.map_or(End::Lost, End::Told),
        end = write(&mut sink, &mut inbox, &dialect, &heard, timing) => end,
        end = read(&mut stream, conn, hub, &dialect, &heard) => end,
    };
    // Others are told before this one has taken its leave.
    hub.disconnect(conn).await;
    info!(conn = conn.0, why = end.words(), "peer disconnected");
    take_leave(&mut sink, &mut stream, end).await;
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Told(CloseReason),
    Left,
    Lost,
    Silent,
    Stuck,
    Binary,
    TooLong,
    NotUtf8,
    NotWebSocket,
}

impl End {
    /// The Close frame to send; `None` if nobody is left to read it, or it is answered already.
    fn code(self) -> Option<CloseCode> {
        Some(match self {
            Self::Told(reason) => close_code(reason),
            Self::Stuck | Self::Silent => CloseCode::Policy,
            Self::Binary => CloseCode::Unsupported,
            Self::TooLong => CloseCode::Size,
            Self::NotUtf8 => CloseCode::Invalid,
            Self::NotWebSocket => CloseCode::Protocol,
            Self::Left | Self::Lost => return None,
        })
    }

    fn words(self) -> &'static str {
        match self {
            Self::Told(reason) => close_words(reason),
            Self::Stuck => close_words(CloseReason::TooSlow),
            Self::Silent => "no answer to a ping",
            Self::Binary => "only text messages are understood",
            Self::TooLong => "a message may have at most 65536 bytes",
            Self::NotUtf8 => "a text message must be UTF-8",
            Self::NotWebSocket => "that was not WebSocket",
            Self::Left => "it left",
            Self::Lost => "the connection was lost",
        }
    }
}

/// RFC 6455, 7.4; the private ones as HTTP's status would be: 4000 and it.
fn close_code(reason: CloseReason) -> CloseCode {
    match reason {
        CloseReason::Stopping => CloseCode::Away,
        CloseReason::TooSlow | CloseReason::NotBack => CloseCode::Policy,
        CloseReason::LoggedOut => CloseCode::Normal,
        CloseReason::Revoked => CloseCode::Library(4401),
        CloseReason::Cut => CloseCode::Library(4403),
        CloseReason::LoggedInAlready
        | CloseReason::LoggedInElsewhere
        | CloseReason::PeerIdTaken
        | CloseReason::Replaced => CloseCode::Library(4409),
    }
}

fn close_words(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Stopping => "the server stops",
        CloseReason::TooSlow => "you do not read what you are sent",
        CloseReason::NotBack => "you did not come back in time",
        CloseReason::LoggedOut => "you logged out",
        CloseReason::LoggedInAlready => "this account is logged in already",
        CloseReason::LoggedInElsewhere => "this account logged in elsewhere",
        CloseReason::PeerIdTaken => "another connection has your peer id and is alive",
        CloseReason::Replaced => "a newer connection took your peer id",
        CloseReason::Revoked => "your account or your token is no longer good",
        CloseReason::Cut => "somebody in charge closed this connection",
    }
}

async fn read<S>(
    stream: &mut SplitStream<WebSocketStream<S>>,
    conn: ConnId,
    hub: &HubHandle,
    dialect: &Gst,
    heard: &AtomicBool,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = stream.next().await {
        heard.store(true, Ordering::Relaxed);
        match message {
            Ok(Message::Text(text)) => {
                trace!(conn = conn.0, bytes = text.len(), "message");
                let Some(request) = dialect.read(&text) else { continue };
                if hub.request(conn, request).await.is_err() {
                    return End::Lost;
                }
            }
            Ok(Message::Binary(_)) => return End::Binary,
            Ok(Message::Close(_)) => return End::Left,
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
            Err(WsError::Capacity(_)) => return End::TooLong,
            Err(WsError::Utf8(_)) => return End::NotUtf8,
            Err(WsError::Protocol(_)) => return End::NotWebSocket,
            Err(_) => return End::Lost,
        }
    }
    End::Lost
}

async fn write<S>(
    sink: &mut SplitSink<WebSocketStream<S>, Message>,
    inbox: &mut Inbox,
    dialect: &Gst,
    heard: &AtomicBool,
    timing: Timing,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut pinged = false;
    let mut next_ping = pin!(sleep(timing.ping));
    loop {
        let first = tokio::select! {
            biased;
            () = &mut next_ping => {
                if !heard.swap(false, Ordering::Relaxed) && pinged {
                    return End::Silent;
                }
                pinged = true;
                next_ping.as_mut().reset(Instant::now() + timing.ping);
                Message::Ping(Vec::new().into())
            }
            notice = inbox.next() => match notice {
                Some(notice) => match dialect.print(&notice) {
                    Some(text) => Message::text(text),
                    None => continue,
                },
                None => std::future::pending().await, // closed; the reason is on its way
            },
        };
        match timeout(timing.write, send_all(sink, first, inbox, dialect)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return End::Lost,
            Err(_) => return End::Stuck,
        }
    }
}

/// Sends one message and some of what has queued up behind it, and flushes once.
async fn send_all<S>(
    sink: &mut SplitSink<WebSocketStream<S>, Message>,
    first: Message,
    inbox: &mut Inbox,
    dialect: &Gst,
) -> Result<(), WsError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    sink.feed(first).await?;
    for _ in 1..BATCH {
        let Some(notice) = inbox.try_next() else { break };
        if let Some(text) = dialect.print(&notice) {
            sink.feed(Message::text(text)).await?;
        }
    }
    sink.flush().await
}

/// Reads on until the peer closes as well: unread data would turn the Close frame into a reset.
async fn take_leave<S>(
    sink: &mut SplitSink<WebSocketStream<S>, Message>,
    stream: &mut SplitStream<WebSocketStream<S>>,
    end: End,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let farewell = async {
        match end.code() {
            Some(code) => {
                let frame = CloseFrame { code, reason: end.words().into() };
                sink.send(Message::Close(Some(frame))).await?;
            }
            None => sink.flush().await?,
        }
        while let Some(Ok(_)) = stream.next().await {}
        Ok::<_, WsError>(())
    };
    // Whoever does not take the time has lost the reason, not more.
    let _ = timeout(FAREWELL, farewell).await;
}
