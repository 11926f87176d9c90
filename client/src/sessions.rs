//! Sessions, the registration they begin with, and the consumer's wish for a producer.
//!
//! It never shows the text of a description or a candidate to a log, and lets none through that
//! could do harm.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use intercom_protocol::gst::{
    self, ClientMessage, Ice, Payload, PeerMessage, Sdp, SdpKind, ServerMessage, Version,
};
use intercom_protocol::sdp;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;
use serde_json::value::RawValue;
use tracing::{debug, info, trace, warn};

use crate::backoff::Backoff;
use crate::config::{Role, Target};
use crate::error::PermanentError;
use crate::ids::{PeerId, SessionId};
use crate::outlet::{Outlet, Request};
use crate::private::Private;
use crate::words::{EndReason, Event};

/// A connection or a session that lasted this long was a good one: the next wait is short again.
pub const STABLE_AFTER: Duration = Duration::from_secs(10);
/// From asking for a session until the server must have answered.
pub const ANSWER_DEADLINE: Duration = Duration::from_secs(5);
/// The first and the longest wait between two attempts to have a session.
pub const ASK_AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// All sessions of one client.
#[derive(Debug)]
pub(crate) struct Sessions {
    role: Role,
    meta: Option<Box<RawValue>>,
    rng: StdRng,
    own_id: Option<PeerId>,
    live: HashMap<SessionId, Session>,
    wish: Wish,
    /// In the order in which they came.
    producers: Vec<Producer>,
    /// That of the other side of the call.
    called: Option<PeerId>,
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
    account: Option<String>,
    /// Sessions with it that failed since the last good one.
    failures: u32,
}

/// The connection's life.
impl Sessions {
    pub(crate) fn new(role: Role, meta: Option<Box<RawValue>>, seed: u64) -> Self {
        Self {
            role,
            meta,
            rng: StdRng::seed_from_u64(seed),
            own_id: None,
            live: HashMap::new(),
            wish: Wish {
                listed: false,
                seen: false,
                asked: None,
                not_before: None,
                backoff: Backoff::new(ASK_AGAIN.0, ASK_AGAIN.1),
            },
            producers: Vec::new(),
            called: None,
        }
    }

    /// Which producers carry the media of the other side of the call; `None` without one. What was
    /// taken because of the call ends with it, or when another producer takes over.
    pub(crate) fn follow(&mut self, now: Instant, out: &mut Outlet, called: Option<&[PeerId]>) {
        if self.role != Role::Consumer(Target::Call) {
            return;
        }
        let over = self.live.iter().find(|(_, session)| {
            called.is_none_or(|peers| !peers.is_empty() && !peers.contains(&session.peer_id))
        });
        if let Some(session_id) = over.map(|(id, _)| id.clone()) {
            let reason = EndReason::Aborted("the call has ended".into());
            self.abort(now, out, session_id, reason);
        }
        self.called = called.and_then(<[_]>::last).cloned();
    }

    /// A server that may know nothing of this client hears what it does.
    pub(crate) fn register(&mut self, out: &mut Outlet, own_id: PeerId) {
        self.own_id = Some(own_id);
        out.gst(&ClientMessage::SetProtocolVersion { version: Version::V1_1 });
        let roles = match self.role {
            Role::Producer => vec![gst::Role::Producer],
            Role::Consumer(_) | Role::Listener => vec![gst::Role::Listener],
            Role::Callee => vec![gst::Role::Consumer],
        };
        let meta = self.meta.as_deref().map(Cow::Borrowed);
        let status = ClientMessage::SetPeerStatus { roles, meta };
        match self.role {
            Role::Producer => out.ask_gst(&status, Request::Registration),
            Role::Consumer(_) | Role::Callee | Role::Listener => out.gst(&status),
        }
        // To a producer, a stock server answers nothing: that it was taken shows when the answer to
        // this one comes first.
        let is_unanswered = self.is_producer() && !out.is_extended();
        if matches!(self.role, Role::Consumer(_) | Role::Listener) || is_unanswered {
            out.gst(&ClientMessage::List);
        }
    }

    pub(crate) fn is_producer(&self) -> bool {
        self.role == Role::Producer
    }

    /// The server, if it comes back, may know nothing of what is live.
    pub(crate) fn forgotten(&mut self) {
        self.own_id = None;
        self.begin_anew();
        for session in self.live.values_mut() {
            session.known = false;
        }
    }

    /// Both ends count anew: what was asked is lost. A snapshot will say which sessions are known.
    pub(crate) fn begin_anew(&mut self) {
        self.wish.listed = false;
        self.wish.asked = None;
    }

    /// The connection goes on where it broke off.
    pub(crate) fn resumed(&mut self, now: Instant) {
        if let Some(asked) = &mut self.wish.asked {
            asked.deadline = now + ANSWER_DEADLINE;
        }
    }

    /// The sessions that a server knows after a new beginning. Of those that it does not know, one
    /// that was started anew has forgotten them; else they have ended meanwhile.
    pub(crate) fn snapshot(
        &mut self,
        now: Instant,
        out: &mut Outlet,
        there: &[Cow<'_, str>],
        is_restarted: bool,
    ) {
        let there: HashSet<&str> = there.iter().map(|id| &**id).collect();
        for (id, session) in &mut self.live {
            session.known = there.contains(id.as_str());
        }
        if !is_restarted {
            let ended: Vec<_> = self.live.extract_if(|_, session| !session.known).collect();
            for (session_id, session) in ended {
                self.session_over(now, &session);
                out.tell(Event::SessionEnded { session_id, reason: EndReason::Remote(None) });
            }
        }
        for session_id in there.iter().filter_map(|id| SessionId::new(id)) {
            self.turn_away(out, &session_id);
        }
    }

    /// Whether anything is due, and when.
    pub(crate) fn poll_timeout(&self, out: &Outlet) -> Option<Instant> {
        let asked = self.wish.asked.as_ref().map(|asked| asked.deadline);
        let ask = self.wanted(out).and(self.wish.not_before);
        [asked, ask].into_iter().flatten().min()
    }

    pub(crate) fn timeout(&mut self, now: Instant) {
        if self.wish.asked.as_ref().is_some_and(|asked| asked.deadline <= now) {
            debug!("the server has not answered the request for a session");
            self.not_granted(now);
        }
    }

    /// The user leaves.
    pub(crate) fn leave(&mut self, out: &mut Outlet) {
        for (session_id, session) in std::mem::take(&mut self.live) {
            if session.known {
                say_end(out, &session_id, None);
            }
        }
    }
}

/// What the server says.
impl Sessions {
    /// A message of the stock protocol; the error ends the client.
    pub(crate) fn message(
        &mut self,
        now: Instant,
        out: &mut Outlet,
        message: ServerMessage<'_>,
    ) -> Result<(), PermanentError> {
        match message {
            ServerMessage::PeerStatusChanged { roles, meta, peer_id, account } => {
                self.status(out, &roles, &meta, &peer_id, account);
            }
            ServerMessage::List { producers } => return self.listed(out, &producers),
            ServerMessage::SessionStarted { peer_id, session_id } => {
                self.started(now, out, &peer_id, &session_id);
            }
            ServerMessage::StartSession { peer_id, session_id, offer, .. } => {
                self.requested(now, out, &peer_id, &session_id, offer);
            }
            ServerMessage::EndSession { session_id } => self.ended(now, out, &session_id, None),
            ServerMessage::EndSessionV1_1 { session_id, error } => {
                self.ended(now, out, &session_id, error.map(Cow::into_owned));
            }
            ServerMessage::Peer(PeerMessage { session_id, payload }) => {
                self.relayed(now, out, &session_id, payload);
            }
            ServerMessage::Welcome { .. }
            | ServerMessage::ListConsumers { .. }
            | ServerMessage::Error { .. } => {}
        }
        Ok(())
    }

    /// The consumer's request was refused, if there is one.
    pub(crate) fn refused(&mut self, now: Instant) {
        if self.wish.asked.is_some() {
            self.not_granted(now);
        }
    }

    fn status(
        &mut self,
        out: &mut Outlet,
        roles: &[gst::Role],
        meta: &gst::Meta<'_>,
        peer_id: &str,
        account: Option<Cow<'_, str>>,
    ) {
        let Some(id) = PeerId::new(peer_id).filter(|id| self.own_id.as_ref() != Some(id)) else {
            return;
        };
        if roles.contains(&gst::Role::Producer) {
            self.producer_seen(out, id, value(meta), account.map(Cow::into_owned), true);
        } else if let Some(index) = self.producers.iter().position(|known| known.id == id) {
            self.producer_gone(out, index);
        }
    }

    fn listed(
        &mut self,
        out: &mut Outlet,
        producers: &[gst::Listed<'_>],
    ) -> Result<(), PermanentError> {
        let there: Vec<_> = producers
            .iter()
            .filter_map(|listed| Some((PeerId::new(&listed.id)?, listed)))
            .collect();
        // Who went while we were away.
        while let Some(index) =
            self.producers.iter().position(|known| there.iter().all(|(id, _)| *id != known.id))
        {
            self.producer_gone(out, index);
        }
        for (id, gst::Listed { meta, account, .. }) in there {
            let account = account.as_deref().map(str::to_owned);
            self.producer_seen(out, id, value(meta), account, false);
        }
        self.wish.listed = true;
        if let Role::Consumer(Target::PeerId(wanted)) = &self.role {
            if self.producers.iter().any(|known| known.id == *wanted) {
                self.wish.seen = true;
            } else if !self.wish.seen && self.live.is_empty() {
                return Err(PermanentError::UnknownPeer(wanted.to_string()));
            }
        }
        Ok(())
    }

    fn producer_seen(
        &mut self,
        out: &mut Outlet,
        id: PeerId,
        meta: Value,
        account: Option<String>,
        new: bool,
    ) {
        if let Some(known) = self.producers.iter_mut().find(|known| known.id == id) {
            (known.meta, known.account) = (meta, account);
            return;
        }
        self.producers.push(Producer {
            id: id.clone(),
            meta: meta.clone(),
            account: account.clone(),
            failures: 0,
        });
        out.tell(Event::ProducerAdded { peer_id: id, meta, account, new });
    }

    fn producer_gone(&mut self, out: &mut Outlet, index: usize) {
        let Producer { id, meta, .. } = self.producers.remove(index);
        out.tell(Event::ProducerRemoved { peer_id: id, meta });
    }

    fn started(&mut self, now: Instant, out: &mut Outlet, peer_id: &str, session_id: &str) {
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
        if !wanted || !self.live.is_empty() {
            return self.turn_away(out, &session_id);
        }
        info!(%session_id, %peer_id, "session started");
        self.add(now, session_id.clone(), peer_id.clone());
        out.tell(Event::SessionStarted { session_id, peer_id });
    }

    fn requested(
        &mut self,
        now: Instant,
        out: &mut Outlet,
        peer_id: &str,
        session_id: &str,
        offer: Option<Cow<'_, str>>,
    ) {
        let (Some(peer_id), Some(session_id)) = (PeerId::new(peer_id), SessionId::new(session_id))
        else {
            return debug!("skipped a session without usable ids");
        };
        if self.role != Role::Producer || self.live.contains_key(&session_id) {
            return self.turn_away(out, &session_id);
        }
        if let Some(Err(error)) = offer.as_deref().map(sdp::check) {
            warn!(%session_id, %error, "session refused: bad offer");
            return say_end(out, &session_id, Some(&error.to_string()));
        }
        info!(%session_id, %peer_id, "session requested");
        self.add(now, session_id.clone(), peer_id.clone());
        let offer = offer.map(|text| Private::from(text.into_owned()));
        out.tell(Event::SessionRequested { session_id, peer_id, offer });
    }

    fn ended(&mut self, now: Instant, out: &mut Outlet, session_id: &str, error: Option<String>) {
        let Some((session_id, session)) = self.take_known(session_id) else {
            return trace!("the end of a session that is not ours");
        };
        let reason = EndReason::Remote(error);
        info!(%session_id, %reason, "session ended");
        self.session_over(now, &session);
        out.tell(Event::SessionEnded { session_id, reason });
    }

    fn relayed(&mut self, now: Instant, out: &mut Outlet, session_id: &str, payload: Payload<'_>) {
        let Some(session) = self.live.get_mut(session_id).filter(|session| session.known) else {
            return trace!("skipped what belongs to no session of ours");
        };
        let Some(session_id) = SessionId::new(session_id) else { return };
        match payload {
            // Of an end that took its time: its answer was meant for a session before.
            Payload::Sdp(Sdp { kind: SdpKind::Answer, .. }) if session.is_answered(&self.role) => {
                debug!(%session_id, "skipped an answer to nothing");
            }
            Payload::Sdp(Sdp { kind, text, .. }) => match session.accept(&self.role, kind, &text) {
                Ok(()) => {
                    let sdp = Private::from(text.into_owned());
                    out.tell(Event::Description { session_id, kind, sdp });
                }
                Err(reason) => self.abort(now, out, session_id, reason),
            },
            // Empty means the end of candidates, which webrtcbin takes for a broken one.
            Payload::Ice(Ice { candidate, .. }) if !is_candidate(&candidate) => {
                debug!(%session_id, "skipped a candidate that is none");
            }
            Payload::Ice(Ice { candidate, sdp_m_line_index, .. }) => {
                let candidate = Private::from(candidate.into_owned());
                out.tell(Event::Candidate { session_id, candidate, sdp_m_line_index });
            }
        }
    }
}

/// What the user says.
impl Sessions {
    pub(crate) fn describe(
        &mut self,
        out: &mut Outlet,
        session_id: &SessionId,
        kind: SdpKind,
        text: &Private,
    ) {
        let Some(session) = self.live.get_mut(session_id).filter(|session| session.known) else {
            return;
        };
        session.offered = (kind == SdpKind::Offer).then(|| m_lines(text));
        relay(out, session_id, Payload::Sdp(Sdp::new(kind, &**text)));
    }

    pub(crate) fn candidate(
        &self,
        out: &mut Outlet,
        session_id: &SessionId,
        candidate: &Private,
        sdp_m_line_index: u32,
    ) {
        if self.live.get(session_id).is_some_and(|session| session.known) {
            relay(out, session_id, Payload::Ice(Ice::new(&**candidate, sdp_m_line_index)));
        }
    }

    pub(crate) fn end(
        &mut self,
        now: Instant,
        out: &mut Outlet,
        session_id: &SessionId,
        reason: Option<&str>,
    ) {
        let Some(session) = self.live.remove(session_id) else { return };
        if session.known {
            say_end(out, session_id, reason);
        }
        self.session_over(now, &session);
    }

    /// Ends a session that is live, and tells the user so.
    pub(crate) fn abort(
        &mut self,
        now: Instant,
        out: &mut Outlet,
        session_id: SessionId,
        reason: EndReason,
    ) {
        if !self.live.contains_key(&session_id) {
            return;
        }
        warn!(%session_id, %reason, "session ended");
        self.end(now, out, &session_id, Some(&reason.to_string()));
        out.tell(Event::SessionEnded { session_id, reason });
    }
}

/// The consumer's wish.
impl Sessions {
    /// Asks for a session if one is wanted and may be asked for.
    pub(crate) fn ask(&mut self, now: Instant, out: &mut Outlet) {
        let Some(peer_id) = self.wanted(out).cloned() else { return };
        if self.wish.not_before.is_some_and(|time| now < time) {
            return;
        }
        debug!(%peer_id, "asking for a session");
        let message =
            ClientMessage::StartSession { peer_id: Cow::Borrowed(peer_id.as_str()), offer: None };
        out.ask_gst(&message, Request::Session);
        self.wish.asked = Some(Asked { peer_id, deadline: now + ANSWER_DEADLINE });
    }

    /// The producer that a session is wanted with; none while one is live or asked for.
    fn wanted(&self, out: &Outlet) -> Option<&PeerId> {
        let Role::Consumer(target) = &self.role else { return None };
        let idle = self.live.is_empty() && self.wish.asked.is_none();
        if !idle || !self.wish.listed || !out.is_up() {
            return None;
        }
        if *target == Target::Call {
            return self.called.as_ref();
        }
        let is_account = matches!(target, Target::Name(name)
            if self.producers.iter().any(|known| known.is_of(name)));
        let fits = |producer: &&Producer| match target {
            Target::PeerId(id) => producer.id == *id,
            Target::Name(name) if is_account => producer.is_of(name),
            Target::Name(name) => producer.meta.get("name").is_some_and(|value| value == name),
            Target::First | Target::Call => true,
        };
        let fitting = self.producers.iter().filter(fits);
        let best = match target {
            // A name's newest holder is the living one when the other's end is not noticed yet.
            Target::Name(_) => fitting.rev().min_by_key(|producer| producer.failures),
            _ => fitting.min_by_key(|producer| producer.failures),
        };
        best.map(|producer| &producer.id)
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
impl Sessions {
    fn count(&mut self, peer_id: &PeerId, good: bool) {
        if let Some(producer) = self.producers.iter_mut().find(|known| known.id == *peer_id) {
            producer.failures = if good { 0 } else { producer.failures + 1 };
        }
    }

    fn add(&mut self, now: Instant, session_id: SessionId, peer_id: PeerId) {
        let session = Session { peer_id, since: now, known: true, offered: None };
        self.live.insert(session_id, session);
    }

    fn take_known(&mut self, session_id: &str) -> Option<(SessionId, Session)> {
        self.live.get(session_id).filter(|session| session.known)?;
        self.live.remove_entry(session_id)
    }

    /// A session that nobody here wants.
    fn turn_away(&self, out: &mut Outlet, session_id: &SessionId) {
        if !self.live.contains_key(session_id) {
            debug!(%session_id, "turned away a session that was not asked for");
            say_end(out, session_id, None);
        }
    }
}

impl Producer {
    /// Names of accounts are lower-case on the wire.
    fn is_of(&self, name: &str) -> bool {
        self.account.as_ref().is_some_and(|account| account.eq_ignore_ascii_case(name))
    }
}

impl Session {
    /// Whether there is no offer of ours that waits for an answer.
    fn is_answered(&self, role: &Role) -> bool {
        *role == Role::Producer && self.offered.is_none()
    }

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

/// A reason goes out in 1.1's words, which a 1.0 server skips, before those of 1.0, which a 1.1
/// server then no longer needs.
fn say_end(out: &mut Outlet, session_id: &SessionId, reason: Option<&str>) {
    let session_id = Cow::Borrowed(session_id.as_str());
    if let Some(reason) = reason {
        let error = Some(Cow::Borrowed(reason));
        out.gst(&ClientMessage::EndSessionV1_1 { session_id: session_id.clone(), error });
    }
    out.gst(&ClientMessage::EndSession { session_id });
}

fn relay(out: &mut Outlet, session_id: &SessionId, payload: Payload<'_>) {
    let session_id = Cow::Borrowed(session_id.as_str());
    out.gst(&ClientMessage::Peer(PeerMessage { session_id, payload }));
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
