//! What a client does, as a value: inputs with a time go in, outputs come out.
//!
//! It owns the connection's life (deadlines, pings, backoff, login, resume) and hands what is said
//! on to [`sessions`](crate::sessions) and [`call`](crate::call). It must not touch a socket, a
//! clock or a task.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use intercom_protocol::gst::{self, ParseError};
use intercom_protocol::intercom::{self, ClientMessage, FromServer, Secret, ServerMessage, Tagged};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tracing::{debug, info};

use crate::backoff::Backoff;
use crate::call::Calls;
use crate::config::Config;
use crate::error::{Lost, PermanentError};
use crate::hello::Hello;
use crate::ids::PeerId;
use crate::ledger::Ledger;
use crate::outlet::{Outlet, Request};
use crate::sessions::Sessions;
use crate::words::{Command, EndReason, Event, IceServers, kept};

pub use crate::ledger::{ACK_AFTER, ACK_EVERY};
pub use crate::sessions::{ANSWER_DEADLINE, ASK_AGAIN, STABLE_AFTER};

/// From [`Output::Connect`] to the open WebSocket, and from there to the server's welcome.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// From the open WebSocket to the answer to `hello`: the server may have to hash a password.
pub const HELLO_DEADLINE: Duration = Duration::from_secs(10);
/// Between two pings.
pub const PING_EVERY: Duration = Duration::from_secs(5);
/// From a ping until something must have been heard.
pub const PONG_DEADLINE: Duration = Duration::from_secs(5);
/// The first and the longest wait between two attempts to connect. The longest is short enough for a
/// producer to be listed again within 5 s of the server's return.
pub const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(4));
/// The same for a server that lets nobody in just now: too many failed logins, say.
pub const RETRY_LATER: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));
/// How much of the time for which TURN credentials are good may pass before new ones are asked for,
/// in hundredths; and how soon they are asked for again if nothing comes.
pub const RENEW_AFTER: u32 = 90;
/// See [`RENEW_AFTER`].
pub const RENEW_AGAIN: Duration = Duration::from_secs(60);
/// From [`Command::Close`] or [`Command::LogOut`] until the client has finished.
pub const LEAVE_DEADLINE: Duration = Duration::from_secs(1);

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// Begin; the first input.
    Start,
    /// The WebSocket is open.
    Opened {
        /// The server speaks the extension.
        extended: bool,
    },
    /// A text message of the server.
    Text(&'a str),
    /// Any other frame of the server.
    Heard,
    /// The connection broke, or could not be made.
    Lost(Lost),
    /// It could not be made, and trying again would not help.
    Failed(PermanentError),
    /// The user of the client wants something.
    Command(Command),
    /// The time that [`State::poll_timeout`] named has come.
    Timeout,
}

/// What is to be done with the socket, in this order.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Make a connection; answer with `Opened`, `Lost` or `Failed`.
    Connect,
    /// Forget the connection, made or half made, without a word.
    Drop,
    /// Send this text message. It may hold a password: not to be logged.
    Write(String),
    /// Send a ping frame.
    Ping,
    /// Flush, send a Close frame and finish. Nothing comes after it.
    Close,
    /// Tell the user.
    Event(Event),
}

/// The client without its socket.
#[derive(Debug)]
pub struct State {
    hello: Hello,
    rng: StdRng,
    link: Link,
    retry: Backoff,
    retry_later: Backoff,
    me: Option<Me>,
    /// The server has not said yet whether it takes this producer.
    is_registering: bool,
    out: Outlet,
    sessions: Sessions,
    calls: Calls,
    /// The user wants to know of accounts.
    lists_accounts: bool,
    /// When STUN and TURN servers are to be asked for.
    renew_at: Option<Instant>,
    gap: Option<Gap>,
    departure: Option<Departure>,
}

#[derive(Debug)]
enum Link {
    Idle,
    Waiting { until: Instant },
    Connecting { deadline: Instant },
    Greeting { deadline: Instant, extended: bool },
    Online { since: Instant, ping_at: Instant, heard_by: Option<Instant> },
    Leaving { deadline: Instant },
    Closed,
}

/// What was lost when both ends began to count anew, until the snapshot that follows.
#[derive(Debug, Default)]
struct Gap {
    /// Accounts that were called, without an answer.
    called: Vec<String>,
    is_restarted: bool,
}

/// The user has left while there was no connection, and the server shall still hear what was said last.
#[derive(Clone, Copy, Debug)]
struct Departure {
    logs_out: bool,
    deadline: Instant,
}

/// Who we are on the server.
#[derive(Clone, Debug)]
struct Me {
    peer_id: PeerId,
    account: Option<String>,
}

impl State {
    /// A client that has not begun. `seed` is for the jitter of its waits.
    pub fn new(config: &Config, seed: u64) -> Self {
        Self {
            hello: Hello::new(config),
            rng: StdRng::seed_from_u64(seed),
            link: Link::Idle,
            retry: Backoff::new(RETRY.0, RETRY.1),
            retry_later: Backoff::new(RETRY_LATER.0, RETRY_LATER.1),
            me: None,
            is_registering: false,
            out: Outlet::default(),
            sessions: Sessions::new(config.role.clone(), config.meta.clone(), seed),
            calls: Calls::default(),
            lists_accounts: false,
            renew_at: None,
            gap: None,
            departure: None,
        }
    }

    /// Takes in what happened at `now`. Afterwards the outputs are to be polled.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        if matches!(self.link, Link::Closed) {
            return;
        }
        if matches!(input, Input::Text(_) | Input::Heard) {
            self.heard(now);
        }
        match input {
            Input::Start => self.connect(now),
            Input::Opened { extended } => self.opened(now, extended),
            Input::Text(text) => self.text(now, text),
            Input::Heard => {}
            Input::Lost(reason) => self.lost(now, reason),
            Input::Failed(error) => self.fail(error),
            Input::Command(command) => self.command(now, command),
            Input::Timeout => self.timeout(now),
        }
        if let Some(departure) = self.departure {
            return self.go_on_leaving(departure);
        }
        self.sessions.follow(now, &mut self.out, self.calls.peers());
        self.sessions.ask(now, &mut self.out);
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.poll()
    }

    /// When [`Input::Timeout`] is due, unless something else happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let leave = self.departure.map(|departure| departure.deadline);
        let link = match self.link {
            Link::Idle | Link::Closed => return None,
            Link::Waiting { until: due }
            | Link::Connecting { deadline: due }
            | Link::Greeting { deadline: due, .. }
            | Link::Leaving { deadline: due } => return Some(leave.map_or(due, |by| by.min(due))),
            Link::Online { ping_at, heard_by, .. } => heard_by.unwrap_or(ping_at),
        };
        let ack = self.out.ledger().and_then(Ledger::ack_at);
        let sessions = self.sessions.poll_timeout(&self.out);
        [Some(link), leave, ack, sessions, self.renew_at].into_iter().flatten().min()
    }
}

/// The connection.
impl State {
    fn connect(&mut self, now: Instant) {
        self.link = Link::Connecting { deadline: now + CONNECT_DEADLINE };
        self.out.push(Output::Connect);
    }

    fn opened(&mut self, now: Instant, extended: bool) {
        if !matches!(self.link, Link::Connecting { .. }) {
            return;
        }
        if !extended {
            if !self.hello.may_go_without() {
                return self.fail(PermanentError::NoLogins);
            }
            self.link = Link::Greeting { deadline: now + CONNECT_DEADLINE, extended };
            return self.begin_anew(None);
        }
        self.link = Link::Greeting { deadline: now + HELLO_DEADLINE, extended };
        let hello = self.hello.message(self.out.ledger()).print(None);
        self.out.push(Output::Write(hello));
    }

    fn heard(&mut self, now: Instant) {
        if let Link::Online { ping_at, heard_by, .. } = &mut self.link
            && heard_by.take().is_some()
        {
            *ping_at = now + PING_EVERY;
        }
    }

    fn timeout(&mut self, now: Instant) {
        if self.departure.is_some_and(|departure| departure.deadline <= now) {
            return self.finish();
        }
        match &mut self.link {
            Link::Waiting { until } if *until <= now => self.connect(now),
            Link::Connecting { deadline } if *deadline <= now => {
                self.lost(now, Lost::ConnectTimeout(CONNECT_DEADLINE));
            }
            Link::Greeting { deadline, extended } if *deadline <= now => {
                let waited = if *extended { HELLO_DEADLINE } else { CONNECT_DEADLINE };
                self.lost(now, Lost::ConnectTimeout(waited));
            }
            Link::Leaving { deadline } if *deadline <= now => self.finish(),
            Link::Online { .. } => self.online_timeout(now),
            _ => {}
        }
    }

    fn online_timeout(&mut self, now: Instant) {
        self.sessions.timeout(now);
        if let Some(received) = self.out.ledger_mut().and_then(|ledger| ledger.due(now)) {
            self.out.aside(&ClientMessage::Ack { received });
        }
        if self.renew_at.is_some_and(|at| at <= now) {
            self.renew_at = Some(now + RENEW_AGAIN);
            self.out.ask(&ClientMessage::GetIceServers, Request::Other);
        }
        let Link::Online { ping_at, heard_by, .. } = &mut self.link else { return };
        match heard_by {
            Some(by) if *by <= now => self.lost(now, Lost::Silent),
            None if *ping_at <= now => {
                *heard_by = Some(now + PONG_DEADLINE);
                self.out.push(Output::Ping);
            }
            _ => {}
        }
    }

    fn lost(&mut self, now: Instant, reason: Lost) {
        let was_stable = match self.link {
            Link::Online { since, .. } => now >= since + STABLE_AFTER,
            Link::Connecting { .. } | Link::Greeting { .. } => false,
            Link::Leaving { .. } => return self.finish(),
            Link::Idle | Link::Waiting { .. } | Link::Closed => return,
        };
        if let Some(words) = self.dismissal(&reason) {
            return self.fail(PermanentError::Dismissed(words));
        }
        if was_stable {
            self.retry.reset();
        }
        let retry_in = match reason {
            _ if self.departure.is_some() => RETRY.0,
            Lost::NotNow(_) => self.retry_later.next(&mut self.rng),
            _ if was_stable && reason.is_restart() => {
                self.rng.random_range(Duration::ZERO..=RETRY.0)
            }
            _ => self.retry.next(&mut self.rng),
        };
        debug!(%reason, ?retry_in, "not connected to the server");
        self.link = Link::Waiting { until: now + retry_in };
        self.off();
        if !self.out.is_extended() {
            self.sessions.forgotten();
        }
        if self.departure.is_none() {
            self.out.tell(Event::Disconnected { reason, retry_in });
        }
    }

    /// The server's words, if it wants this client no more. Before a welcome it says so itself.
    fn dismissal(&self, reason: &Lost) -> Option<String> {
        let Lost::Closed { code, reason } = reason else { return None };
        let is_meant = match code {
            4401 => matches!(self.link, Link::Online { .. }),
            4409 => true,
            _ => false,
        };
        is_meant.then(|| reason.clone())
    }

    /// Counts anew, or not at all: what was asked and not answered is lost, and perhaps the rest.
    fn begin_anew(&mut self, ledger: Option<Ledger>) {
        let was_extended = self.out.is_extended();
        self.renew_at = None;
        let mut called = self.out.begin(ledger);
        if was_extended {
            called.extend(self.gap.take().unwrap_or_default().called);
            self.sessions.forgotten();
            self.calls.gone(&mut self.out, called);
        }
    }

    fn off(&mut self) {
        self.out.down();
        self.out.push(Output::Drop);
    }

    fn fail(&mut self, error: PermanentError) {
        info!(%error, "giving up");
        if self.departure.is_none() {
            self.out.tell(Event::Failed(error));
        }
        self.finish();
    }

    fn finish(&mut self) {
        self.link = Link::Closed;
        self.departure = None;
        self.out.push(Output::Close);
    }
}

/// What the server says.
impl State {
    fn text(&mut self, now: Instant, text: &str) {
        let extended = match self.link {
            Link::Greeting { extended, .. } => extended,
            Link::Online { .. } | Link::Leaving { .. } => self.out.is_extended(),
            _ => return,
        };
        let message = if extended { Tagged::<FromServer<'_>>::parse(text) } else { stock(text) };
        match (message, &self.link) {
            (Ok(message), Link::Greeting { .. }) => self.answer(now, message.message),
            (Ok(message), Link::Leaving { .. }) => {
                if let FromServer::Intercom(ServerMessage::LoggedOut) = message.message {
                    self.finish();
                }
            }
            (Ok(message), _) => self.online_message(now, message),
            (Err(_), _) => {
                // Why not would quote it, and it may be a description.
                debug!("skipped a message of the server that cannot be read");
                if matches!(self.link, Link::Online { .. }) {
                    self.count(now);
                }
            }
        }
    }

    /// The first message, or the first ones.
    fn answer(&mut self, now: Instant, message: FromServer<'_>) {
        match message {
            FromServer::Gst(gst::ServerMessage::Welcome { peer_id }) => {
                self.welcome(now, &peer_id, None);
            }
            FromServer::Intercom(ServerMessage::Welcome {
                peer_id,
                account,
                resume_token,
                ice_servers,
                ..
            }) => {
                self.begin_anew(resume_token.map(|Secret(token)| Ledger::new(&token)));
                self.welcome(now, &peer_id, account.map(Cow::into_owned));
                // How long they are good is in the answer only.
                let expires = ice_servers.iter().any(|server| server.credential.is_some());
                self.renew_at = expires.then_some(now);
                self.tell_ice_servers(ice_servers, None);
            }
            FromServer::Intercom(ServerMessage::Resumed {
                received,
                resume_token: Secret(token),
                reset,
                restarted,
            }) => {
                if reset {
                    self.reset(now, &token, restarted);
                } else {
                    self.resumed(now, received, &token);
                }
            }
            FromServer::Intercom(ServerMessage::Error { code, details }) => {
                self.not_admitted(now, &code, &details);
            }
            _ => debug!("skipped a message before the welcome"),
        }
    }

    fn welcome(&mut self, now: Instant, peer_id: &str, account: Option<String>) {
        let Some(peer_id) = PeerId::new(peer_id) else {
            return self.lost(now, Lost::Protocol("the welcome has no usable peer id".into()));
        };
        self.me = Some(Me { peer_id, account });
        self.online(now);
        self.register();
        self.connected();
    }

    /// The connection goes on where it broke.
    fn resumed(&mut self, now: Instant, received: u64, token: &str) {
        if !self.out.ledger_mut().is_some_and(|ledger| ledger.resumed(token, received)) {
            return self.lost(now, Lost::Protocol("the server counts otherwise than we".into()));
        }
        self.online(now);
        self.sessions.resumed(now);
        self.connected();
    }

    /// Too much was lost, or the server was started anew; a snapshot follows.
    fn reset(&mut self, now: Instant, token: &str, is_restarted: bool) {
        info!(is_restarted, "going on anew");
        let called = self.out.begin(Some(Ledger::new(token)));
        let gap = self.gap.get_or_insert_default();
        gap.called.extend(called);
        gap.is_restarted |= is_restarted;
        self.sessions.begin_anew();
        self.online(now);
        self.register();
        self.connected();
    }

    fn snapshot(
        &mut self,
        now: Instant,
        accounts: Vec<intercom::Account<'_>>,
        call: Option<intercom::Call<'_>>,
        sessions: &[Cow<'_, str>],
    ) {
        let Gap { called, is_restarted } = self.gap.take().unwrap_or_default();
        self.out.tell(Event::Accounts(accounts.into_iter().map(kept).collect()));
        self.sessions.snapshot(now, &mut self.out, sessions, is_restarted);
        self.calls.snapshot(&mut self.out, call, called);
    }

    fn not_admitted(&mut self, now: Instant, code: &str, details: &str) {
        match code {
            "cannotResume" if self.out.is_extended() => {
                info!("too late to go on where the connection broke");
                self.begin_anew(None);
                self.off();
                self.connect(now);
            }
            "tooManyFailures" | "unavailable" => self.lost(now, Lost::NotNow(details.to_owned())),
            code => self.fail(PermanentError::NotAdmitted {
                code: code.to_owned(),
                details: details.to_owned(),
            }),
        }
    }

    fn online(&mut self, now: Instant) {
        self.link = Link::Online { since: now, ping_at: now + PING_EVERY, heard_by: None };
        self.retry_later.reset();
        self.out.up();
    }

    fn registered(&mut self) {
        if std::mem::replace(&mut self.is_registering, false) {
            self.connected();
        }
    }

    /// Tells the user, unless the server may still refuse the producer.
    fn connected(&mut self) {
        if self.is_registering || self.departure.is_some() {
            return;
        }
        let Some(Me { peer_id, account }) = self.me.clone() else { return };
        info!(%peer_id, account, "registered");
        self.out.tell(Event::Connected { peer_id, account });
    }

    fn count(&mut self, now: Instant) {
        if let Some(received) = self.out.ledger_mut().and_then(|ledger| ledger.count(now)) {
            self.out.aside(&ClientMessage::Ack { received });
        }
    }

    fn online_message(&mut self, now: Instant, message: Tagged<'_, FromServer<'_>>) {
        let Tagged { message, id } = message;
        if let FromServer::Intercom(ServerMessage::Ack { received }) = message {
            if let Some(ledger) = self.out.ledger_mut() {
                ledger.acknowledged(received);
            }
            return;
        }
        self.count(now);
        let request = self.out.answered(id.as_deref());
        match message {
            FromServer::Intercom(message) => self.intercom(now, message, request),
            FromServer::Gst(gst::ServerMessage::Error { details }) if self.is_registering => {
                self.fail(PermanentError::NotRegistered(details.into_owned()));
            }
            FromServer::Gst(gst::ServerMessage::List { .. }) if self.sessions.is_producer() => {
                self.registered();
            }
            FromServer::Gst(gst::ServerMessage::Error { details }) => {
                self.sessions.refused(now);
                self.refused("", &details);
            }
            FromServer::Gst(message) => {
                if let Err(error) = self.sessions.message(now, &mut self.out, message) {
                    self.fail(error);
                }
            }
        }
    }

    fn intercom(&mut self, now: Instant, message: ServerMessage<'_>, request: Option<Request>) {
        match message {
            ServerMessage::Error { code, details } => {
                self.request_refused(now, &code, &details, request);
            }
            ServerMessage::Accounts { accounts } => {
                self.out.tell(Event::Accounts(accounts.into_iter().map(kept).collect()));
            }
            ServerMessage::Presence(account) => self.out.tell(Event::Presence(kept(account))),
            ServerMessage::AccountGone { name } => {
                self.out.tell(Event::AccountGone { name: name.into_owned() });
            }
            ServerMessage::IceServers { ice_servers, ttl } => {
                let ttl = ttl.map(|seconds| Duration::from_secs(seconds.into()));
                self.renew_at = ttl.map(|ttl| now + (ttl * RENEW_AFTER / 100).max(RENEW_AGAIN));
                self.tell_ice_servers(ice_servers, ttl);
            }
            ServerMessage::Snapshot { accounts, call, sessions } => {
                self.snapshot(now, accounts, call, &sessions);
            }
            ServerMessage::Welcome { .. }
            | ServerMessage::Resumed { .. }
            | ServerMessage::Ack { .. }
            | ServerMessage::LoggedOut => {}
            ServerMessage::Done => {
                if request == Some(Request::Registration) {
                    self.registered();
                }
            }
            call => self.calls.message(&mut self.out, call),
        }
    }

    fn request_refused(
        &mut self,
        now: Instant,
        code: &str,
        details: &str,
        request: Option<Request>,
    ) {
        match request {
            Some(Request::Call(to)) => self.calls.refused(&mut self.out, to, code, details),
            Some(Request::HangUp) => debug!(code, "there was nothing left to hang up"),
            Some(Request::Session) => {
                self.sessions.refused(now);
                self.refused(code, details);
            }
            Some(Request::Registration) if code != "tooFast" => {
                self.fail(PermanentError::NotRegistered(details.to_owned()));
            }
            Some(Request::Registration | Request::Other) | None => {
                self.refused(code, details);
            }
        }
    }

    /// Whoever is told says it to the owner.
    fn refused(&mut self, code: &str, details: &str) {
        debug!(code, details, "refused by the server");
        self.out.tell(Event::Refused { code: code.to_owned(), details: details.to_owned() });
    }

    fn tell_ice_servers(&mut self, servers: Vec<intercom::IceServer>, ttl: Option<Duration>) {
        self.out.tell(Event::IceServers(IceServers { servers, ttl }));
    }

    fn register(&mut self) {
        let Some(Me { peer_id, .. }) = self.me.as_ref().filter(|_| self.departure.is_none()) else {
            return;
        };
        self.sessions.register(&mut self.out, peer_id.clone());
        self.is_registering = self.sessions.is_producer();
        if self.lists_accounts {
            self.out.ask(&ClientMessage::ListAccounts, Request::Other);
        }
    }
}

/// What the user says.
impl State {
    fn command(&mut self, now: Instant, command: Command) {
        if self.departure.is_some() {
            return;
        }
        let out = &mut self.out;
        match command {
            Command::Describe { session_id, kind, sdp } => {
                self.sessions.describe(out, &session_id, kind, &sdp);
            }
            Command::Candidate { session_id, candidate, sdp_m_line_index } => {
                self.sessions.candidate(out, &session_id, &candidate, sdp_m_line_index);
            }
            Command::End { session_id } => self.sessions.end(now, out, &session_id, None),
            Command::Abort { session_id, reason } => {
                self.sessions.abort(now, out, session_id, EndReason::Aborted(reason));
            }
            Command::Call { to, media } => self.calls.call(out, to, media),
            Command::Accept { call, media } => self.calls.accept(out, &call, media),
            Command::Reject { call, reason } => self.calls.reject(out, &call, reason),
            Command::HangUp { call, reason } => self.calls.hang_up(out, &call, reason),
            Command::AttachPeer { call, peer_id } => self.calls.attach(out, &call, peer_id),
            Command::UpdateCall { call, media } => self.calls.update(out, &call, media),
            Command::ListAccounts => {
                self.lists_accounts = true;
                out.ask(&ClientMessage::ListAccounts, Request::Other);
            }
            Command::AskIceServers => out.ask(&ClientMessage::GetIceServers, Request::Other),
            Command::LogOut => self.leave(now, true),
            Command::Close => self.leave(now, false),
        }
    }

    fn leave(&mut self, now: Instant, logs_out: bool) {
        self.sessions.leave(&mut self.out);
        self.calls.leave(&mut self.out);
        let departure = Departure { logs_out, deadline: now + LEAVE_DEADLINE };
        if !self.out.is_kept() {
            return self.go(departure);
        }
        self.departure = Some(departure);
        if let Link::Waiting { .. } = self.link {
            self.connect(now);
        }
    }

    /// Goes as soon as the server has heard everything, or cannot any more.
    fn go_on_leaving(&mut self, departure: Departure) {
        let knows = self.out.is_up() && self.gap.is_none();
        if knows || !self.out.is_extended() {
            self.go(departure);
        }
    }

    fn go(&mut self, Departure { logs_out, deadline }: Departure) {
        if !logs_out || !self.out.is_up() || !self.out.is_extended() {
            return self.finish();
        }
        self.departure = None;
        self.out.aside(&ClientMessage::Logout);
        self.link = Link::Leaving { deadline };
    }
}

/// A message of a server that does not speak the extension.
fn stock(text: &str) -> Result<Tagged<'_, FromServer<'_>>, ParseError> {
    let message = FromServer::Gst(gst::ServerMessage::parse(text)?);
    Ok(Tagged { message, id: None })
}
