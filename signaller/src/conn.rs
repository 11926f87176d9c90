//! One connection: its reader, its writer and the ping that tells a dead peer from a silent one.
//!
//! Both halves run in one task, over a WebSocket or over [lines](crate::lines). Neither knows what
//! a message means: the dialect does, and the hub says what follows. It ends when either half ends or
//! the hub closes it, then with a Close frame that says why.

mod roomrtc;

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use signaller_core::{CloseReason, Identity, Notice, Request};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tracing::{info, trace};

use crate::dialect::{Dialect, Over, Said, simple};
use crate::gate::{Admitted, Caller, Visitor};
use crate::hub_task::{HubGone, HubHandle, Membership, Socket};
use crate::link::Way;
use crate::outbox::{Inbox, Letter};

pub(crate) use roomrtc::turn_away;

/// The longest message that a client may send, in bytes.
pub const MAX_MESSAGE_LEN: usize = 64 * 1024;
/// How long a closed peer may take to take note of it.
const FAREWELL: Duration = Duration::from_secs(2);
/// Messages that share a flush, if there are so many.
const BATCH: usize = 32;
/// How long the first message of the extended protocol may take.
const HELLO: Duration = Duration::from_secs(10);
/// After how many messages the peer is told that they came in…
const ACK_EVERY: u64 = 16;
/// …or after how long.
const ACK_PERIOD: Duration = Duration::from_secs(5);
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

/// A socket as reader and writer see it: whole messages. Lines are text messages, and say nothing
/// when they are to say the others.
pub(crate) trait Messages:
    Stream<Item = Result<Message, WsError>> + Sink<Message, Error = WsError> + Unpin + Send
{
    /// Whether its peer answers pings. Of one that does not, the system finds out whether it is there.
    const PINGS: bool;
}

impl<S> Messages for WebSocketStream<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    const PINGS: bool = true;
}

/// Limits for the WebSocket layer.
pub(crate) fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(BUFFER_LEN)
        .write_buffer_size(BUFFER_LEN)
        .max_message_size(Some(MAX_MESSAGE_LEN))
        .max_frame_size(Some(MAX_MESSAGE_LEN))
}

/// How somebody comes in.
pub(crate) enum Entrance {
    /// By the stock protocol, known already.
    Gst(Identity, Way),
    /// By the extended one: the first message says who it is.
    Intercom(Visitor),
    /// By HELLO, SESSION and ROOM; the first message says under which name.
    Simple(Identity, Way),
    /// By the one for a browser and a program that meet under a name.
    Relay { identity: Identity, way: Way, name: String },
    /// By lines, which say who it is sooner or later.
    RoomRtc(Caller),
}

impl std::fmt::Display for Entrance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gst(Identity { account: Some(account), .. }, _) => write!(f, "{account}"),
            Self::Gst(Identity { access, .. }, _) => write!(f, "guest, {access:?}"),
            Self::Intercom(_) => f.write_str("intercom.v1"),
            Self::Simple(..) => f.write_str("simple"),
            Self::Relay { .. } => f.write_str("relay"),
            Self::RoomRtc(_) => f.write_str("roomrtc"),
        }
    }
}

/// Serves one socket from its first message to its farewell. Each stretch of that way is in a box
/// of its own, so that nobody keeps the memory of a stretch that is behind it.
pub(crate) fn run<T>(
    socket: T,
    entrance: Entrance,
    hub: HubHandle,
    timing: Timing,
) -> impl Future<Output = ()> + Send
where
    T: Messages,
{
    let (mut sink, mut stream) = socket.split();
    async move {
        let (sink, stream) = (&mut sink, &mut stream);
        let end = match entrance {
            Entrance::RoomRtc(caller) => {
                Box::pin(roomrtc::take_turns(sink, stream, caller, &hub, timing)).await
            }
            entrance => match Box::pin(enter(sink, stream, entrance, &hub, timing)).await {
                Ok(desk) => Box::pin(serve(sink, stream, desk, &hub, timing)).await,
                Err(end) => end,
            },
        };
        Box::pin(take_leave(sink, stream, end)).await;
    }
}

/// Where one socket's messages are worked on.
struct Desk {
    socket: Socket,
    inbox: Inbox,
    closed: oneshot::Receiver<CloseReason>,
    dialect: Dialect,
    ticks: Ticks,
    /// To be said before anything that the hub has to say.
    greeting: Option<Message>,
}

/// What reader and writer know of each other.
#[derive(Debug, Default)]
struct Ticks {
    /// Something came in since the last ping.
    heard: AtomicBool,
    /// The hub asks whether anybody is there.
    probed: AtomicBool,
    /// Messages that came in, and how many of them the peer knows of.
    received: AtomicU64,
    acknowledged: AtomicU64,
    /// The peer should be told soon.
    due: Notify,
    /// Something was printed: the dialect may have something to ask.
    printed: Notify,
    /// The hub has welcomed it.
    welcomed: Notify,
}

/// Until the hub knows of it.
async fn enter<T>(
    sink: &mut SplitSink<T, Message>,
    stream: &mut SplitStream<T>,
    entrance: Entrance,
    hub: &HubHandle,
    timing: Timing,
) -> Result<Box<Desk>, End>
where
    T: Messages,
{
    let desk = match entrance {
        Entrance::Gst(identity, way) => {
            let membership = hub.connect(identity, None, way).await.map_err(|HubGone| End::Lost)?;
            Desk::new(membership, Dialect::gst(), 0)
        }
        Entrance::Intercom(visitor) => greet(sink, stream, visitor, hub, timing).await?,
        Entrance::Relay { identity, way, name } => {
            let dialect = Dialect::relay(&name, identity.account.clone());
            let identity = Identity { is_single: true, ..identity };
            let membership = hub.connect(identity, None, way).await.map_err(|HubGone| End::Lost)?;
            Desk::new(membership, dialect, 0)
        }
        Entrance::Simple(identity, way) => {
            let text = timeout(HELLO, next_text(stream)).await.map_err(|_| End::NoHello)??;
            let uid = simple::hello(&text).map_err(End::Over)?;
            let identity = Identity { peer: Some(uid.into()), verbatim: true, ..identity };
            let membership = hub.connect(identity, None, way).await.map_err(|HubGone| End::Lost)?;
            Desk::new(membership, Dialect::simple(uid), 0)
        }
        Entrance::RoomRtc(_) => return Err(End::NotAdmitted),
    };
    Ok(Box::new(desk))
}

/// The first message of the extended protocol.
async fn greet<T>(
    sink: &mut SplitSink<T, Message>,
    stream: &mut SplitStream<T>,
    visitor: Visitor,
    hub: &HubHandle,
    timing: Timing,
) -> Result<Desk, End>
where
    T: Messages,
{
    let text = match timeout(HELLO, next_text(stream)).await {
        Ok(text) => text?,
        Err(_) => return Err(End::NoHello),
    };
    let way = visitor.way();
    match visitor.hello(&text, hub).await {
        Ok(Admitted::New { identity, me, resume }) => {
            let membership =
                hub.connect(identity, resume, way).await.map_err(|HubGone| End::Lost)?;
            Ok(Desk::new(membership, Dialect::intercom(me), 0))
        }
        Ok(Admitted::Back { membership, me, heard, words }) => {
            let desk = Desk::new(*membership, Dialect::intercom(me), heard);
            Ok(Desk { greeting: Some(Message::text(words)), ..desk })
        }
        Err(words) => match timeout(timing.write, sink.send(Message::text(words))).await {
            Ok(Ok(())) => Err(End::NotAdmitted),
            Ok(Err(_)) => Err(End::Lost),
            Err(_) => Err(End::Stuck),
        },
    }
}

async fn serve<T>(
    sink: &mut SplitSink<T, Message>,
    stream: &mut SplitStream<T>,
    desk: Box<Desk>,
    hub: &HubHandle,
    timing: Timing,
) -> End
where
    T: Messages,
{
    let Desk { socket, inbox, closed, dialect, ticks, greeting } = *desk;
    let end = {
        let mut writing = pin!(write(sink, greeting, &inbox, &dialect, &ticks, timing));
        let end = tokio::select! {
            biased;
            reason = closed => reason.map_or(End::Lost, End::Told),
            end = &mut writing => end,
            end = read(stream, socket, hub, &dialect, &ticks, timing) => end,
        };
        if end.hears_the_rest() {
            inbox.finish();
            let _ = timeout(FAREWELL, writing).await; // as for the Close frame
        }
        end
    };
    // Others are told before this one has taken its leave.
    if end.may_come_back() && dialect.counts() {
        hub.lost(socket).await;
    } else {
        hub.left(socket).await;
    }
    let end = match end {
        End::Told(reason) => dialect.parting(reason).map_or(end, End::Over),
        end => end,
    };
    info!(conn = socket.conn.0, why = end.words(), "peer disconnected");
    if let End::Told(reason) = end
        && let Some(words) = dialect.farewell(reason)
    {
        let _ = timeout(FAREWELL, sink.send(Message::text(words))).await;
    }
    end
}

impl Desk {
    fn new(membership: Membership, dialect: Dialect, heard: u64) -> Self {
        let Membership { socket, inbox, closed } = membership;
        let ticks = Ticks {
            received: AtomicU64::new(heard),
            acknowledged: AtomicU64::new(heard),
            ..Ticks::default()
        };
        Self { socket, inbox, closed, dialect, ticks, greeting: None }
    }
}

impl Ticks {
    /// One more message came in.
    fn count(&self) {
        let received = self.received.fetch_add(1, Ordering::Relaxed) + 1;
        if received - self.acknowledged.load(Ordering::Relaxed) >= ACK_EVERY {
            self.due.notify_one();
        }
    }

    /// How many messages came in, unless the peer knows.
    fn news(&self) -> Option<u64> {
        let received = self.received.load(Ordering::Relaxed);
        let known = self.acknowledged.swap(received, Ordering::Relaxed);
        (received != known).then_some(received)
    }
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Told(CloseReason),
    /// Its dialect has no more to say.
    Over(Over),
    Left,
    Lost,
    Silent,
    Stuck,
    Binary,
    TooLong,
    NotUtf8,
    NotWebSocket,
    NoHello,
    NotAdmitted,
    /// For a reason that its protocol has words for.
    TurnedAway(&'static str),
}

impl End {
    /// Whether the socket broke, rather than its peer.
    fn may_come_back(self) -> bool {
        matches!(self, Self::Lost | Self::Silent | Self::Stuck)
    }

    /// Whether what waits for it is sent before it is closed: how its call ended, for one. Who comes
    /// back after a stop is told anew.
    fn hears_the_rest(self) -> bool {
        match self {
            Self::Told(reason) => !matches!(reason, CloseReason::TooSlow | CloseReason::Stopping),
            _ => false,
        }
    }

    /// The Close frame to send; `None` if nobody is left to read it, or it is answered already.
    fn code(self) -> Option<CloseCode> {
        Some(match self {
            Self::Told(reason) => close_code(reason),
            Self::Over(over) => over.code.into(),
            Self::Stuck | Self::Silent | Self::TurnedAway(_) => CloseCode::Policy,
            Self::Binary => CloseCode::Unsupported,
            Self::TooLong => CloseCode::Size,
            Self::NotUtf8 => CloseCode::Invalid,
            Self::NotWebSocket => CloseCode::Protocol,
            Self::NoHello | Self::NotAdmitted => CloseCode::Library(4401),
            Self::Left | Self::Lost => return None,
        })
    }

    fn words(self) -> &'static str {
        match self {
            Self::Told(reason) => close_words(reason),
            Self::Over(over) => over.words,
            Self::Stuck => close_words(CloseReason::TooSlow),
            Self::Silent => "no answer to a ping",
            Self::Binary => "only text messages are understood",
            Self::TooLong => "a message may have at most 65536 bytes",
            Self::NotUtf8 => "a text message must be UTF-8",
            Self::NotWebSocket => "that was not WebSocket",
            Self::NoHello => "no hello within 10 s",
            Self::NotAdmitted => "not admitted",
            Self::TurnedAway(words) => words,
            Self::Left => "it left",
            Self::Lost => "the connection was lost",
        }
    }
}

/// RFC 6455, 7.4; the private ones as HTTP's status would be: 4000 and it.
fn close_code(reason: CloseReason) -> CloseCode {
    match reason {
        CloseReason::Stopping => CloseCode::Away,
        CloseReason::TooSlow | CloseReason::TooFast | CloseReason::NotBack => CloseCode::Policy,
        CloseReason::LoggedOut | CloseReason::SessionEnded => CloseCode::Normal,
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
        CloseReason::TooFast => "you said too much before you were welcome",
        CloseReason::NotBack => "you did not come back in time",
        CloseReason::LoggedOut => "you logged out",
        CloseReason::LoggedInAlready => "this account is logged in already",
        CloseReason::LoggedInElsewhere => "this account logged in elsewhere",
        CloseReason::PeerIdTaken => "another connection has your peer id and is alive",
        CloseReason::Replaced => "a newer connection took your peer id",
        CloseReason::Revoked => "your account or your token is no longer good",
        CloseReason::SessionEnded => "your session has ended",
        CloseReason::Cut => "somebody in charge closed this connection",
    }
}

/// The first text message; other frames before it are not meant for us.
async fn next_text<T>(stream: &mut SplitStream<T>) -> Result<Utf8Bytes, End>
where
    T: Messages,
{
    loop {
        if let Some(text) = text(stream.next().await)? {
            return Ok(text);
        }
    }
}

/// The text in a frame, if it has one, or why nothing comes after it.
fn text(frame: Option<Result<Message, WsError>>) -> Result<Option<Utf8Bytes>, End> {
    match frame {
        Some(Ok(Message::Text(text))) => Ok(Some(text)),
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(None),
        Some(Ok(Message::Binary(_))) => Err(End::Binary),
        Some(Ok(Message::Close(_))) => Err(End::Left),
        Some(Err(WsError::Capacity(_))) => Err(End::TooLong),
        Some(Err(WsError::Utf8(_))) => Err(End::NotUtf8),
        Some(Err(WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => Err(End::Lost),
        Some(Err(WsError::Protocol(_))) => Err(End::NotWebSocket),
        Some(Err(_)) | None => Err(End::Lost),
    }
}

async fn read<T>(
    stream: &mut SplitStream<T>,
    socket: Socket,
    hub: &HubHandle,
    dialect: &Dialect,
    ticks: &Ticks,
    timing: Timing,
) -> End
where
    T: Messages,
{
    if dialect.awaits_welcome() {
        ticks.welcomed.notified().await;
    }
    loop {
        while let Some(request) = dialect.ask() {
            if hub.request(socket, Some(request), None).await.is_err() {
                return End::Lost;
            }
        }
        if let Some(over) = dialect.over() {
            return End::Over(over);
        }
        let frame = tokio::select! {
            biased;
            frame = stream.next() => frame,
            () = ticks.printed.notified(), if dialect.asks() => continue,
        };
        let text = match text(frame) {
            Ok(text) => text,
            Err(end) => return end,
        };
        ticks.heard.store(true, Ordering::Relaxed);
        if ticks.probed.swap(false, Ordering::Relaxed) && hub.alive(socket).await.is_err() {
            return End::Lost;
        }
        let Some(text) = text else { continue };
        trace!(conn = socket.conn.0, bytes = text.len(), "message");
        let passed_on = match dialect.read(&text) {
            Said::Request { request: None, .. } if !dialect.counts() => continue,
            Said::Request { request: request @ Some(Request::LogOut), tag } => {
                if hub.request(socket, request, tag).await.is_err() {
                    return End::Lost;
                }
                // The hub closes it. What follows may be for another login, so it is not read here.
                sleep(timing.write).await;
                return End::Left;
            }
            Said::Request { request, tag } => hub.request(socket, request, tag).await,
            Said::Ack(received) => {
                if hub.acknowledge(socket, received).await.is_err() {
                    return End::Lost;
                }
                continue;
            }
        };
        if passed_on.is_err() {
            return End::Lost;
        }
        ticks.count();
    }
}

async fn write<T>(
    sink: &mut SplitSink<T, Message>,
    mut greeting: Option<Message>,
    inbox: &Inbox,
    dialect: &Dialect,
    ticks: &Ticks,
    timing: Timing,
) -> End
where
    T: Messages,
{
    let mut pinged = false;
    let mut next_ping = pin!(sleep(timing.ping));
    let mut next_ack = pin!(sleep(ACK_PERIOD));
    loop {
        let first = tokio::select! {
            biased;
            Some(words) = async { greeting.take() } => words,
            () = &mut next_ping, if T::PINGS => {
                if !ticks.heard.swap(false, Ordering::Relaxed) && pinged {
                    return End::Silent;
                }
                pinged = true;
                next_ping.as_mut().reset(Instant::now() + timing.ping);
                ping()
            }
            letter = inbox.next() => {
                let Some(letter) = letter else { return End::Left };
                match message(&letter, dialect, ticks) {
                    Some(message) => message,
                    None => continue,
                }
            }
            () = ack_is_due(ticks, next_ack.as_mut()), if dialect.counts() => {
                next_ack.as_mut().reset(Instant::now() + ACK_PERIOD);
                match ticks.news() {
                    Some(received) => Message::text(Dialect::ack(received)),
                    None => continue,
                }
            }
        };
        match timeout(timing.write, send_all(sink, first, inbox, dialect, ticks)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return End::Lost,
            Err(_) => return End::Stuck,
        }
    }
}

async fn ack_is_due(ticks: &Ticks, next_ack: Pin<&mut Sleep>) {
    tokio::select! {
        () = ticks.due.notified() => {}
        () = next_ack => {}
    }
}

/// Sends one message and some of what has queued up behind it, and flushes once.
async fn send_all<T>(
    sink: &mut SplitSink<T, Message>,
    first: Message,
    inbox: &Inbox,
    dialect: &Dialect,
    ticks: &Ticks,
) -> Result<(), WsError>
where
    T: Messages,
{
    sink.feed(first).await?;
    for _ in 1..BATCH {
        if let Some(text) = dialect.more() {
            sink.feed(Message::text(text)).await?;
            continue;
        }
        let Some(letter) = inbox.try_next() else { break };
        if let Some(message) = message(&letter, dialect, ticks) {
            sink.feed(message).await?;
        }
    }
    while let Some(text) = dialect.more() {
        sink.feed(Message::text(text)).await?;
    }
    sink.flush().await
}

fn message(letter: &Letter, dialect: &Dialect, ticks: &Ticks) -> Option<Message> {
    match letter {
        Letter::Notice(notice, tag) => {
            if matches!(**notice, Notice::Welcome { .. }) {
                ticks.welcomed.notify_one();
            }
            let text = dialect.print(notice, tag.as_ref());
            if dialect.asks() {
                ticks.printed.notify_one();
            }
            text.map(Message::text)
        }
        Letter::Probe => {
            ticks.probed.store(true, Ordering::Relaxed);
            Some(ping())
        }
    }
}

fn ping() -> Message {
    Message::Ping(Vec::new().into())
}

/// Reads on until the peer closes as well: unread data would turn the Close frame into a reset.
async fn take_leave<T>(sink: &mut SplitSink<T, Message>, stream: &mut SplitStream<T>, end: End)
where
    T: Messages,
{
    let farewell = async {
        match end.code() {
            Some(code) => {
                let frame = CloseFrame { code, reason: end.words().into() };
                sink.send(Message::Close(Some(frame))).await?;
                sink.close().await?;
            }
            None => sink.flush().await?,
        }
        while let Some(Ok(_)) = stream.next().await {}
        Ok::<_, WsError>(())
    };
    // Whoever does not take the time has lost the reason, not more.
    let _ = timeout(FAREWELL, farewell).await;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use signaller_core::Limits;
    use tempfile::TempDir;
    use tokio::io::duplex;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;
    use crate::credentials::Credentials;
    use crate::gate::{Gate, Proven};
    use crate::hub_task::{self, Begin};
    use crate::ice::Ice;
    use crate::link::{Link, Side};
    use crate::store::{Registration, Store};

    /// It would keep its seat, and its place among the strangers, for as long as it likes.
    #[tokio::test]
    async fn a_stranger_that_does_not_read_its_refusal_is_not_waited_for() {
        let data = TempDir::new().unwrap();
        let store = Store::open(data.path()).await.unwrap();
        let gate = Gate::new(store, Ice::default(), Registration::default());
        let hub = hub_task::spawn(Limits::default(), Begin::default(), Box::new(drop));
        let address = ([127, 0, 0, 1], 1).into();
        let way = Link::new(Side::Plain, address, address).way("intercom.v1");
        let visitor = gate.visitor(Proven::Nobody, Credentials::default(), way).unwrap();
        // Shorter than any answer.
        let (ours, theirs) = duplex(32);
        let mut stranger = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
        let ours = WebSocketStream::from_raw_socket(ours, Role::Server, None).await;
        let timing = Timing { write: Duration::from_millis(50), ..Timing::default() };
        stranger.send(Message::text("good day")).await.unwrap();
        let served = run(ours, Entrance::Intercom(visitor), hub, timing);
        timeout(2 * FAREWELL, served).await.unwrap();
    }
}
