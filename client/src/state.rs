//! What a client does, as a value: inputs with a time go in, outputs come out.
//!
//! It owns the connection's life (deadlines, pings, backoff), the registration, the table of
//! sessions and the consumer's wish for a producer. It must not touch a socket, a clock or a task,
//! and never shows the text of a description or a candidate to a log.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use intercom_protocol::gst::{
    self, ClientMessage, Ice, Payload, PeerMessage, Sdp, SdpKind, ServerMessage, Version,
};
use intercom_protocol::sdp::{self, SdpError};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use serde_json::value::RawValue;
use tracing::{debug, info, trace, warn};

use crate::backoff::Backoff;
use crate::config::{Role, Target};
use crate::error::{Lost, PermanentError};
use crate::ids::{PeerId, SessionId};
use crate::private::Private;

/// From [`Output::Connect`] to the open WebSocket, and from there to the server's welcome.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// Between two pings.
pub const PING_EVERY: Duration = Duration::from_secs(5);
/// From a ping until something must have been heard.
pub const PONG_DEADLINE: Duration = Duration::from_secs(5);
/// A connection or a session that lasted this long was a good one: the next wait is short again.
pub const STABLE_AFTER: Duration = Duration::from_secs(10);
/// From asking for a session until the server must have answered.
pub const ANSWER_DEADLINE: Duration = Duration::from_secs(5);
/// The first and the longest wait between two attempts to connect. The longest is short enough for a
/// producer to be listed again within 5 s of the server's return.
pub const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(4));
/// The first and the longest wait between two attempts to have a session.
pub const ASK_AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// Begin; the first input.
    Start,
    /// The WebSocket is open.
    Opened,
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

/// What the user of the client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Send a description to the other end of a session.
    Describe {
        /// The session it belongs to.
        session_id: SessionId,
        /// Offer or answer.
        kind: SdpKind,
        /// RFC 8866 text.
        sdp: Private,
    },
    /// Send a candidate to the other end of a session.
    Candidate {
        /// The session it belongs to.
        session_id: SessionId,
        /// RFC 8839 text, `candidate:…`.
        candidate: Private,
        /// Index of its m-line.
        sdp_m_line_index: u32,
    },
    /// The session has ended here; no event follows.
    End {
        /// The session.
        session_id: SessionId,
    },
    /// End the session at both ends; [`Event::SessionEnded`] follows.
    Abort {
        /// The session.
        session_id: SessionId,
        /// Why, one sentence; the other end may be told.
        reason: String,
    },
    /// End what is live, say goodbye and finish.
    Close,
}

/// What is to be done with the socket, in this order.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Make a connection; answer with `Opened`, `Lost` or `Failed`.
    Connect,
    /// Forget the connection, made or half made, without a word.
    Drop,
    /// Send this text message.
    Write(String),
    /// Send a ping frame.
    Ping,
    /// Flush, send a Close frame and finish. Nothing comes after it.
    Close,
    /// Tell the user.
    Event(Event),
}

/// What the user of the client hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Registered on the server; again after each reconnect.
    Connected {
        /// Our id there.
        peer_id: PeerId,
    },
    /// No connection. Sessions that are live go on; the client tries again by itself.
    Disconnected {
        /// Why.
        reason: Lost,
        /// The wait before the next attempt.
        retry_in: Duration,
    },
    /// Trying again cannot help; the client has finished.
    Failed(PermanentError),
    /// The server refused a request, in its own words. The client goes on.
    Refused {
        /// One sentence.
        details: String,
    },
    /// To a producer: somebody wants a session.
    SessionRequested {
        /// The new session.
        session_id: SessionId,
        /// Who wants it.
        peer_id: PeerId,
        /// Their offer, if they make one; checked.
        offer: Option<Private>,
    },
    /// To a consumer: its session exists; an offer follows.
    SessionStarted {
        /// The new session.
        session_id: SessionId,
        /// The producer.
        peer_id: PeerId,
    },
    /// A checked description of the other end.
    Description {
        /// The session it belongs to.
        session_id: SessionId,
        /// Offer or answer.
        kind: SdpKind,
        /// RFC 8866 text.
        sdp: Private,
    },
    /// A candidate of the other end.
    Candidate {
        /// The session it belongs to.
        session_id: SessionId,
        /// RFC 8839 text, `candidate:…`.
        candidate: Private,
        /// Index of its m-line.
        sdp_m_line_index: u32,
    },
    /// A session is over, and not by [`Command::End`].
    SessionEnded {
        /// The session.
        session_id: SessionId,
        /// Why.
        reason: EndReason,
    },
    /// To consumers and listeners: a producer is there.
    ProducerAdded {
        /// Its id.
        peer_id: PeerId,
        /// What it says about itself; `Null` if nothing.
        meta: Value,
        /// It came just now, and was not there before us.
        new: bool,
    },
    /// To consumers and listeners: a producer is gone.
    ProducerRemoved {
        /// Its id.
        peer_id: PeerId,
        /// What it last said about itself.
        meta: Value,
    },
}

/// Why a session is over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndReason {
    /// The other end or the server ended it.
    #[error("ended by the other end{}", .0.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    Remote(Option<String>),
    /// The other end's description could have done harm.
    #[error("bad session description of the other end: {0}")]
    BadDescription(#[from] SdpError),
    /// The answer does not fit the offer.
    #[error("the answer has {answer} m-lines, the offer has {offer}")]
    MisfitAnswer {
        /// m-lines of our offer.
        offer: usize,
        /// m-lines of their answer.
        answer: usize,
    },
    /// An offer where an answer was due, or the other way round.
    #[error("the other end sent an {0:?} where none was due")]
    UnexpectedKind(SdpKind),
    /// By [`Command::Abort`].
    #[error("{0}")]
    Aborted(String),
}

/// The client without its socket.
#[derive(Debug)]
pub struct State {
    role: Role,
    meta: Option<Box<RawValue>>,
    rng: StdRng,
    link: Link,
    retry: Backoff,
    peer_id: Option<PeerId>,
    sessions: HashMap<SessionId, Session>,
    wish: Wish,
    /// In the order in which they came.
    producers: Vec<Producer>,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
enum Link {
    Idle,
    Waiting { until: Instant },
    Connecting { deadline: Instant },
    Greeting { deadline: Instant },
    Online { since: Instant, ping_at: Instant, heard_by: Option<Instant> },
    Closed,
}

#[derive(Debug)]
struct Session {
    peer_id: PeerId,
    since: Instant,
    /// The server that we are connected to has heard of it. A server that was restarted has not:
    /// the session lives on by its media, and nothing can be relayed for it.
    known: bool,
    /// m-lines of our offer, while its answer is due.
    offered: Option<usize>,
}

/// What a consumer is after.
#[derive(Debug)]
struct Wish {
    /// The server has told who is there.
    listed: bool,
    /// The wanted peer id was there once.
    seen: bool,
    /// Asked, not answered yet.
    asked: Option<Asked>,
    not_before: Option<Instant>,
    backoff: Backoff,
}

#[derive(Debug)]
struct Asked {
    peer_id: PeerId,
    deadline: Instant,
}

#[derive(Debug)]
struct Producer {
    id: PeerId,
    meta: Value,
    /// Sessions with it that failed since the last good one.
    failures: u32,
}

impl State {
    /// A client that has not begun. `seed` is for the jitter of its waits.
    pub fn new(role: Role, meta: Option<Box<RawValue>>, seed: u64) -> Self {
        Self {
            role,
            meta,
            rng: StdRng::seed_from_u64(seed),
            link: Link::Idle,
            retry: Backoff::new(RETRY.0, RETRY.1),
            peer_id: None,
            sessions: HashMap::new(),
            wish: Wish {
                listed: false,
                seen: false,
                asked: None,
                not_before: None,
                backoff: Backoff::new(ASK_AGAIN.0, ASK_AGAIN.1),
            },
            producers: Vec::new(),
            outputs: VecDeque::new(),
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
            Input::Opened => self.opened(now),
            Input::Text(text) => self.text(now, text),
            Input::Heard => {}
            Input::Lost(reason) => self.lost(now, reason),
            Input::Failed(error) => self.fail(error),
            Input::Command(command) => self.command(now, command),
            Input::Timeout => self.timeout(now),
        }
        self.ask(now);
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Timeout`] is due, unless something else happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let link = match self.link {
            Link::Idle | Link::Closed => return None,
            Link::Waiting { until } => return Some(until),
            Link::Connecting { deadline } | Link::Greeting { deadline } => return Some(deadline),
            Link::Online { ping_at, heard_by, .. } => heard_by.unwrap_or(ping_at),
        };
        let asked = self.wish.asked.as_ref().map(|asked| asked.deadline);
        let ask = self.wanted().and(self.wish.not_before);
        [Some(link), asked, ask].into_iter().flatten().min()
    }
}

/// The connection.
impl State {
    fn connect(&mut self, now: Instant) {
        self.link = Link::Connecting { deadline: now + CONNECT_DEADLINE };
        self.outputs.push_back(Output::Connect);
    }

    fn opened(&mut self, now: Instant) {
        if matches!(self.link, Link::Connecting { .. }) {
            self.link = Link::Greeting { deadline: now + CONNECT_DEADLINE };
        }
    }

    fn heard(&mut self, now: Instant) {
        if let Link::Online { ping_at, heard_by, .. } = &mut self.link
            && heard_by.take().is_some()
        {
            *ping_at = now + PING_EVERY;
        }
    }

    fn timeout(&mut self, now: Instant) {
        match &mut self.link {
            Link::Waiting { until } if *until <= now => self.connect(now),
            Link::Connecting { deadline } | Link::Greeting { deadline } if *deadline <= now => {
                self.lost(now, Lost::ConnectTimeout(CONNECT_DEADLINE));
            }
            Link::Online { heard_by: Some(by), .. } if *by <= now => self.lost(now, Lost::Silent),
            Link::Online { ping_at, heard_by: heard_by @ None, .. } if *ping_at <= now => {
                *heard_by = Some(now + PONG_DEADLINE);
                self.outputs.push_back(Output::Ping);
            }
            _ => {}
        }
        if self.wish.asked.as_ref().is_some_and(|asked| asked.deadline <= now) {
            debug!("the server has not answered the request for a session");
            self.not_granted(now);
        }
    }

    fn lost(&mut self, now: Instant, reason: Lost) {
        let was_stable = match self.link {
            Link::Online { since, .. } => now >= since + STABLE_AFTER,
            Link::Connecting { .. } | Link::Greeting { .. } => false,
            Link::Idle | Link::Waiting { .. } | Link::Closed => return,
        };
        if was_stable {
            self.retry.reset();
        }
        let retry_in = if was_stable && reason.is_restart() {
            self.rng.random_range(Duration::ZERO..=RETRY.0)
        } else {
            self.retry.next(&mut self.rng)
        };
        debug!(%reason, ?retry_in, "not connected to the server");
        self.link = Link::Waiting { until: now + retry_in };
        self.peer_id = None;
        self.wish.listed = false;
        self.wish.asked = None;
        for session in self.sessions.values_mut() {
            session.known = false;
        }
        self.outputs.push_back(Output::Drop);
        self.event(Event::Disconnected { reason, retry_in });
    }

    fn fail(&mut self, error: PermanentError) {
        info!(%error, "giving up");
        self.event(Event::Failed(error));
        self.finish();
    }

    fn finish(&mut self) {
        self.link = Link::Closed;
        self.outputs.push_back(Output::Close);
    }
}

/// What the server says.
impl State {
    fn text(&mut self, now: Instant, text: &str) {
        let message = match ServerMessage::parse(text) {
            Ok(message) => message,
            // Why not would quote it, and it may be a description.
            Err(_) => return debug!("skipped a message of the server that cannot be read"),
        };
        match (message, &self.link) {
            (ServerMessage::Welcome { peer_id }, Link::Greeting { .. }) => {
                self.welcome(now, &peer_id);
            }
            (message, Link::Online { .. }) => self.message(now, message),
            _ => debug!("skipped a message before the welcome"),
        }
    }

    fn message(&mut self, now: Instant, message: ServerMessage<'_>) {
        match message {
            ServerMessage::Welcome { .. } | ServerMessage::ListConsumers { .. } => {}
            ServerMessage::PeerStatusChanged { roles, meta, peer_id, .. } => {
                self.status(&roles, &meta, &peer_id);
            }
            ServerMessage::List { producers } => self.listed(&producers),
            ServerMessage::SessionStarted { peer_id, session_id } => {
                self.session_started(now, &peer_id, &session_id);
            }
            ServerMessage::StartSession { peer_id, session_id, offer } => {
                self.session_requested(now, &peer_id, &session_id, offer);
            }
            ServerMessage::EndSession { session_id } => {
                self.session_ended(now, &session_id, None);
            }
            ServerMessage::EndSessionV1_1 { session_id, error } => {
                self.session_ended(now, &session_id, error.map(Cow::into_owned));
            }
            ServerMessage::Peer(PeerMessage { session_id, payload }) => {
                self.relayed(now, &session_id, payload);
            }
            ServerMessage::Error { details } => self.refused(now, &details),
        }
    }

    fn welcome(&mut self, now: Instant, peer_id: &str) {
        let Some(peer_id) = PeerId::new(peer_id) else {
            return self.lost(now, Lost::Protocol("the welcome has no usable peer id".into()));
        };
        self.link = Link::Online { since: now, ping_at: now + PING_EVERY, heard_by: None };
        self.peer_id = Some(peer_id.clone());
        self.write(&ClientMessage::SetProtocolVersion { version: Version::V1_1 });
        let roles = match self.role {
            Role::Producer => vec![gst::Role::Producer],
            Role::Consumer(_) | Role::Listener => vec![gst::Role::Listener],
            Role::Callee => vec![gst::Role::Consumer],
        };
        let meta = self.meta.as_deref().map(Cow::Borrowed);
        self.outputs.push_back(Output::Write(ClientMessage::SetPeerStatus { roles, meta }.print()));
        if matches!(self.role, Role::Consumer(_) | Role::Listener) {
            self.write(&ClientMessage::List);
        }
        info!(%peer_id, "registered");
        self.event(Event::Connected { peer_id });
    }

    fn status(&mut self, roles: &[gst::Role], meta: &gst::Meta<'_>, peer_id: &str) {
        let Some(id) = PeerId::new(peer_id).filter(|id| self.peer_id.as_ref() != Some(id)) else {
            return;
        };
        if roles.contains(&gst::Role::Producer) {
            self.producer_seen(id, value(meta), true);
        } else if let Some(index) = self.producers.iter().position(|known| known.id == id) {
            self.producer_gone(index);
        }
    }

    fn listed(&mut self, producers: &[gst::Listed<'_>]) {
        let there: Vec<_> = producers
            .iter()
            .filter_map(|listed| Some((PeerId::new(&listed.id)?, value(&listed.meta))))
            .collect();
        // Who went while we were away.
        while let Some(index) =
            self.producers.iter().position(|known| there.iter().all(|(id, _)| *id != known.id))
        {
            self.producer_gone(index);
        }
        for (id, meta) in there {
            self.producer_seen(id, meta, false);
        }
        self.wish.listed = true;
        if let Role::Consumer(Target::PeerId(wanted)) = &self.role {
            if self.producers.iter().any(|known| known.id == *wanted) {
                self.wish.seen = true;
            } else if !self.wish.seen && self.sessions.is_empty() {
                self.fail(PermanentError::UnknownPeer(wanted.to_string()));
            }
        }
    }

    fn producer_seen(&mut self, id: PeerId, meta: Value, new: bool) {
        if let Some(known) = self.producers.iter_mut().find(|known| known.id == id) {
            known.meta = meta;
            return;
        }
        self.producers.push(Producer { id: id.clone(), meta: meta.clone(), failures: 0 });
        self.event(Event::ProducerAdded { peer_id: id, meta, new });
    }

    fn producer_gone(&mut self, index: usize) {
        let Producer { id, meta, .. } = self.producers.remove(index);
        self.event(Event::ProducerRemoved { peer_id: id, meta });
    }

    fn session_started(&mut self, now: Instant, peer_id: &str, session_id: &str) {
        let (Some(peer_id), Some(session_id)) = (PeerId::new(peer_id), SessionId::new(session_id))
        else {
            return debug!("skipped a session without usable ids");
        };
        let wanted = match self.role {
            Role::Consumer(_) => {
                self.wish.asked.take_if(|asked| asked.peer_id == peer_id).is_some()
            }
            Role::Callee => true,
            Role::Producer | Role::Listener => false,
        };
        if !wanted || !self.sessions.is_empty() {
            return self.turn_away(&session_id);
        }
        info!(%session_id, %peer_id, "session started");
        self.add_session(now, session_id.clone(), peer_id.clone());
        self.event(Event::SessionStarted { session_id, peer_id });
    }

    fn session_requested(
        &mut self,
        now: Instant,
        peer_id: &str,
        session_id: &str,
        offer: Option<Cow<'_, str>>,
    ) {
        let (Some(peer_id), Some(session_id)) = (PeerId::new(peer_id), SessionId::new(session_id))
        else {
            return debug!("skipped a session without usable ids");
        };
        if self.role != Role::Producer || self.sessions.contains_key(&session_id) {
            return self.turn_away(&session_id);
        }
        if let Some(Err(error)) = offer.as_deref().map(sdp::check) {
            warn!(%session_id, %error, "session refused: bad offer");
            return self.say_end(&session_id, Some(&error.to_string()));
        }
        info!(%session_id, %peer_id, "session requested");
        self.add_session(now, session_id.clone(), peer_id.clone());
        let offer = offer.map(|text| Private::from(text.into_owned()));
        self.event(Event::SessionRequested { session_id, peer_id, offer });
    }

    fn session_ended(&mut self, now: Instant, session_id: &str, error: Option<String>) {
        let Some((session_id, session)) = self.take_known(session_id) else {
            return trace!("the end of a session that is not ours");
        };
        let reason = EndReason::Remote(error);
        info!(%session_id, %reason, "session ended");
        self.session_over(now, &session);
        self.event(Event::SessionEnded { session_id, reason });
    }

    fn relayed(&mut self, now: Instant, session_id: &str, payload: Payload<'_>) {
        let Some(session) = self.sessions.get_mut(session_id).filter(|session| session.known)
        else {
            return trace!("skipped what belongs to no session of ours");
        };
        let Some(session_id) = SessionId::new(session_id) else { return };
        match payload {
            Payload::Sdp(Sdp { kind, text, .. }) => {
                match session.accept(&self.role, kind, &text) {
                    Ok(()) => {
                        let sdp = Private::from(text.into_owned());
                        self.event(Event::Description { session_id, kind, sdp });
                    }
                    Err(reason) => self.abort(now, session_id, reason),
                };
            }
            // Empty means the end of candidates, which webrtcbin takes for a broken one.
            Payload::Ice(Ice { candidate, .. }) if !is_candidate(&candidate) => {
                debug!(%session_id, "skipped a candidate that is none");
            }
            Payload::Ice(Ice { candidate, sdp_m_line_index, .. }) => {
                let candidate = Private::from(candidate.into_owned());
                self.event(Event::Candidate { session_id, candidate, sdp_m_line_index });
            }
        }
    }

    fn refused(&mut self, now: Instant, details: &str) {
        warn!(details, "refused by the server");
        if self.wish.asked.is_some() {
            self.not_granted(now);
        }
        self.event(Event::Refused { details: details.to_owned() });
    }
}

/// What the user says.
impl State {
    fn command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Describe { session_id, kind, sdp } => self.describe(&session_id, kind, &sdp),
            Command::Candidate { session_id, candidate, sdp_m_line_index } => {
                if self.sessions.get(&session_id).is_some_and(|session| session.known) {
                    let ice = Payload::Ice(Ice::new(&*candidate, sdp_m_line_index));
                    self.relay(&session_id, ice);
                }
            }
            Command::End { session_id } => self.end(now, &session_id, None),
            Command::Abort { session_id, reason } => {
                if self.sessions.contains_key(&session_id) {
                    self.abort(now, session_id, EndReason::Aborted(reason));
                }
            }
            Command::Close => self.close(),
        }
    }

    fn describe(&mut self, session_id: &SessionId, kind: SdpKind, text: &Private) {
        let Some(session) = self.sessions.get_mut(session_id).filter(|session| session.known)
        else {
            return;
        };
        session.offered = (kind == SdpKind::Offer).then(|| m_lines(text));
        self.relay(session_id, Payload::Sdp(Sdp::new(kind, &**text)));
    }

    fn abort(&mut self, now: Instant, session_id: SessionId, reason: EndReason) {
        warn!(%session_id, %reason, "session ended");
        self.end(now, &session_id, Some(&reason.to_string()));
        self.event(Event::SessionEnded { session_id, reason });
    }

    fn end(&mut self, now: Instant, session_id: &SessionId, reason: Option<&str>) {
        let Some(session) = self.sessions.remove(session_id) else { return };
        if session.known {
            self.say_end(session_id, reason);
        }
        self.session_over(now, &session);
    }

    fn close(&mut self) {
        let known: Vec<_> =
            self.sessions.drain().filter(|(_, session)| session.known).map(|(id, _)| id).collect();
        for session_id in &known {
            self.say_end(session_id, None);
        }
        self.finish();
    }
}

/// The consumer's wish.
impl State {
    /// Asks for a session if one is wanted and may be asked for.
    fn ask(&mut self, now: Instant) {
        let Some(peer_id) = self.wanted().map(|producer| producer.id.clone()) else { return };
        if self.wish.not_before.is_some_and(|time| now < time) {
            return;
        }
        debug!(%peer_id, "asking for a session");
        self.write(&ClientMessage::StartSession {
            peer_id: Cow::Borrowed(peer_id.as_str()),
            offer: None,
        });
        self.wish.asked = Some(Asked { peer_id, deadline: now + ANSWER_DEADLINE });
    }

    /// The producer that a session is wanted with; none while one is live or asked for.
    fn wanted(&self) -> Option<&Producer> {
        let Role::Consumer(target) = &self.role else { return None };
        let idle = self.sessions.is_empty() && self.wish.asked.is_none();
        if !idle || !self.wish.listed || !matches!(self.link, Link::Online { .. }) {
            return None;
        }
        let fits = |producer: &&Producer| match target {
            Target::PeerId(id) => producer.id == *id,
            Target::Name(name) => producer.meta.get("name").is_some_and(|value| value == name),
            Target::First => true,
        };
        let fitting = self.producers.iter().filter(fits);
        match target {
            // A name's newest holder is the living one when the other's end is not noticed yet.
            Target::Name(_) => fitting.rev().min_by_key(|producer| producer.failures),
            Target::PeerId(_) | Target::First => fitting.min_by_key(|producer| producer.failures),
        }
    }

    fn not_granted(&mut self, now: Instant) {
        let Some(asked) = self.wish.asked.take() else { return };
        self.count(&asked.peer_id, false);
        self.wish.not_before = Some(now + self.wish.backoff.next(&mut self.rng));
    }

    fn session_over(&mut self, now: Instant, session: &Session) {
        let was_stable = now >= session.since + STABLE_AFTER;
        if was_stable {
            self.wish.backoff.reset();
        }
        self.count(&session.peer_id, was_stable);
        self.wish.not_before = Some(now + self.wish.backoff.next(&mut self.rng));
    }
}

/// Small steps.
impl State {
    fn count(&mut self, peer_id: &PeerId, good: bool) {
        if let Some(producer) = self.producers.iter_mut().find(|known| known.id == *peer_id) {
            producer.failures = if good { 0 } else { producer.failures + 1 };
        }
    }

    fn add_session(&mut self, now: Instant, session_id: SessionId, peer_id: PeerId) {
        let session = Session { peer_id, since: now, known: true, offered: None };
        self.sessions.insert(session_id, session);
    }

    fn take_known(&mut self, session_id: &str) -> Option<(SessionId, Session)> {
        self.sessions.get(session_id).filter(|session| session.known)?;
        self.sessions.remove_entry(session_id)
    }

    /// A session that nobody here wants.
    fn turn_away(&mut self, session_id: &SessionId) {
        if !self.sessions.contains_key(session_id) {
            debug!(%session_id, "turned away a session that was not asked for");
            self.say_end(session_id, None);
        }
    }

    /// A reason goes out in 1.1's words, which a 1.0 server skips, before those of 1.0, which a 1.1
    /// server then no longer needs.
    fn say_end(&mut self, session_id: &SessionId, reason: Option<&str>) {
        let session_id = Cow::Borrowed(session_id.as_str());
        if let Some(reason) = reason {
            let error = Some(Cow::Borrowed(reason));
            self.write(&ClientMessage::EndSessionV1_1 { session_id: session_id.clone(), error });
        }
        self.write(&ClientMessage::EndSession { session_id });
    }

    fn relay(&mut self, session_id: &SessionId, payload: Payload<'_>) {
        let session_id = Cow::Borrowed(session_id.as_str());
        self.write(&ClientMessage::Peer(PeerMessage { session_id, payload }));
    }

    fn write(&mut self, message: &ClientMessage<'_>) {
        self.outputs.push_back(Output::Write(message.print()));
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

impl Session {
    /// Whether a description of the other end may go on to the media.
    fn accept(&mut self, role: &Role, kind: SdpKind, text: &str) -> Result<(), EndReason> {
        let due = match role {
            Role::Producer => SdpKind::Answer,
            Role::Consumer(_) | Role::Callee | Role::Listener => SdpKind::Offer,
        };
        if kind != due {
            return Err(EndReason::UnexpectedKind(kind));
        }
        sdp::check(text)?;
        if kind == SdpKind::Answer {
            let offer = self.offered.take().ok_or(EndReason::UnexpectedKind(kind))?;
            let answer = m_lines(text);
            if offer != answer {
                return Err(EndReason::MisfitAnswer { offer, answer });
            }
        }
        Ok(())
    }
}

fn m_lines(sdp: &str) -> usize {
    sdp.lines().filter(|line| line.starts_with("m=")).count()
}

fn is_candidate(text: &str) -> bool {
    text.strip_prefix("a=").unwrap_or(text).starts_with("candidate:")
        && !text.chars().any(char::is_control)
}

fn value(meta: &gst::Meta<'_>) -> Value {
    meta.as_ref().and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or(Value::Null)
}
