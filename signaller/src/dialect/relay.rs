//! relay (`docs/ref/relay.md`) ↔ the core: one program and one page, under a name.
//!
//! To the core a program is a producer and a page a consumer, so that each may be something else: the
//! page of a name gets what any producer of that name sends. What comes too early for the other end
//! waits here: an offer for the page, candidates for their description. Who is who shows in what it
//! says; who says nothing is the program, if the name has none.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use intercom_protocol::gst::{Ice, Sdp, SdpKind};
use intercom_protocol::relay::Message;
use intercom_protocol::sdp;
use serde_json::value::RawValue;
use signaller_core::{
    AccountName, Notice, Payload, PeerId, Refusal, Request, Role, SessionId, Status, Text,
};
use tracing::info;

use super::Over;

/// Candidates that wait for their description…
const HELD: usize = 64;
/// …and the bytes that they may have together.
const HELD_BYTES: usize = 32 * 1024;
/// The name of those that say none.
const NO_NAME: &str = "relay";
/// The longest name, in bytes.
const NAME_LEN: usize = 128;

const LONG_NAME: &str = "a name may have at most 128 bytes";
const TAKEN: &str = "another program has this name";
const BUSY: &str = "another page has this program";
const GONE: &str = "the other end has left";
const NOBODY: &str = "there is nobody to answer yet";
const PROGRAMS_OFFER: &str = "a program offers, and the page answers";
const PAGES_ANSWER: &str = "who has offered is the program, and no page";
const ONLY_OURS: &str = "only the server says error";
const TOO_EARLY: &str = "too many candidates before their description";

/// One connection's side of the protocol. Read by its reader while its writer prints.
#[derive(Debug)]
pub(crate) struct Relay {
    name: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    part: Part,
    me: Option<PeerId>,
    /// Others that produce under this name; `None` until they were told of.
    there: Option<Vec<PeerId>>,
    /// How far this one has come with producing itself.
    on_air: OnAir,
    /// The page wants a session as soon as there is somebody…
    waits: bool,
    /// …and has asked this one for it.
    asked: Option<PeerId>,
    session: Option<Session>,
    /// What this end said too early.
    offer: Option<Text>,
    candidates: Held,
    /// What the other end said too early.
    early: Held,
    asks: VecDeque<Request>,
    says: VecDeque<Message<'static>>,
    over: Option<Over>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    /// It has not said anything that tells.
    #[default]
    Unknown,
    Program,
    Page,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum OnAir {
    #[default]
    No,
    Asked,
    Yes,
}

#[derive(Debug)]
struct Session {
    id: SessionId,
    /// The other end.
    with: PeerId,
    /// A description went there, and one came.
    described: bool,
    heard: bool,
}

/// Candidates that wait, oldest first.
#[derive(Debug, Default)]
struct Held {
    waiting: Vec<Text>,
    bytes: usize,
}

impl Relay {
    /// Under this name; an empty one is none.
    pub(super) fn new(name: &str) -> Self {
        let name = if name.is_empty() { NO_NAME } else { name }.to_owned();
        let over = (name.len() > NAME_LEN).then_some(Over { code: 1008, words: LONG_NAME });
        Self { name, state: Mutex::new(State { over, ..State::default() }) }
    }

    /// Takes a text message; what follows is to be [asked](Self::ask).
    pub(super) fn read(&self, text: &str) {
        let mut state = self.state();
        match Message::parse(text) {
            Ok(message) => {
                state.said(&message, &self.name);
                info!(name = ?self.name, from = state.word(), kind = message.kind(),
                      bytes = text.len(), waits = state.holds(), "relay: in");
            }
            Err(fault) => {
                info!(name = ?self.name, from = state.word(), bytes = text.len(), "relay: unreadable");
                state.refuse(&fault.to_string());
            }
        }
    }

    /// The text message that says this; there may be [more](Self::more).
    pub(super) fn print(&self, notice: &Notice) -> Option<String> {
        self.state().hear(notice, &self.name);
        self.more()
    }

    /// What is to be said besides.
    pub(super) fn more(&self) -> Option<String> {
        let mut state = self.state();
        let message = state.says.pop_front()?;
        let text = message.print();
        info!(name = ?self.name, to = state.word(), kind = message.kind(), bytes = text.len(), "relay: out");
        Some(text)
    }

    /// What is to be asked of the hub next.
    pub(super) fn ask(&self) -> Option<Request> {
        self.state().asks.pop_front()
    }

    /// Why the connection is to be closed, if it is.
    pub(super) fn over(&self) -> Option<Over> {
        self.state().over
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// This end says something.
    fn said(&mut self, message: &Message<'_>, name: &str) {
        match message {
            Message::Client => self.announced(),
            Message::Ack { .. } => self.is_program(name),
            Message::Offer { sdp } => {
                if self.part == Part::Page {
                    self.refuse(PROGRAMS_OFFER);
                    return;
                }
                self.is_program(name);
                self.describes(SdpKind::Offer, sdp);
            }
            Message::Answer { .. } if self.part != Part::Page => self.refuse(PROGRAMS_OFFER),
            Message::Answer { sdp } => self.describes(SdpKind::Answer, sdp),
            Message::Ice { candidate, sdp_m_line_index } => {
                let ice = Ice::new(Cow::Borrowed(&**candidate), *sdp_m_line_index);
                self.reachable_at(ice.raw.get().into());
            }
            Message::Error { .. } => self.refuse(ONLY_OURS),
        }
    }

    /// The hub says something.
    fn hear(&mut self, notice: &Notice, name: &str) {
        match notice {
            Notice::Welcome { peer } => {
                self.me = Some(peer.clone());
                self.register(&[Role::Listener], None);
                self.asks.push_back(Request::ListProducers);
            }
            Notice::Producers(peers) => {
                let named = peers.iter().filter(|listed| {
                    is_named(name, &listed.peer, &listed.status, listed.account.as_ref())
                });
                let others = named.map(|listed| listed.peer.clone());
                self.there = Some(others.filter(|peer| Some(peer) != self.me.as_ref()).collect());
                self.settle(name);
            }
            Notice::StatusChanged { peer, status, .. } if Some(peer) == self.me.as_ref() => {
                let is_on_air = status.is(Role::Producer) && self.on_air == OnAir::Asked;
                self.on_air = if is_on_air { OnAir::Yes } else { self.on_air };
            }
            Notice::StatusChanged { peer, status, account } => {
                let Some(there) = &mut self.there else { return };
                there.retain(|other| other != peer);
                if is_named(name, peer, status, account.as_ref()) {
                    there.push(peer.clone());
                }
                self.settle(name);
            }
            Notice::SessionRequested { peer, session, offer, .. } => {
                self.requested(peer, *session, offer.is_some());
            }
            Notice::SessionStarted { peer, session } => {
                self.asked = None;
                self.begin(peer, *session);
                self.says.push_back(Message::Ack { role: "client".into() });
            }
            Notice::SessionEnded { session, error } => self.ended(*session, error.as_deref()),
            Notice::Relayed { session, payload } => self.hear_other(*session, payload),
            Notice::Refused(refusal) => {
                if !matches!(refusal, Refusal::Unreadable(_))
                    && let Some(asked) = self.asked.take()
                {
                    self.wait_for_other_than(&asked);
                }
                self.complain(refusal.to_string());
            }
            _ => {}
        }
    }

    /// Here is a page; said again, it wants to begin anew.
    fn announced(&mut self) {
        if self.part == Part::Program {
            self.refuse(PAGES_ANSWER);
            return;
        }
        self.part = Part::Page;
        if self.asked.is_some() {
            return; // what it wants has begun
        }
        self.waits = true;
        if self.on_air != OnAir::No {
            self.on_air = OnAir::No;
            self.register(&[Role::Listener], None);
        }
        if let Some(Session { id, .. }) = self.session.take() {
            self.asks.push_back(Request::EndSession { session: id, error: None });
        }
        self.forget();
        // Before the welcome it is asked for all the same.
        if self.me.is_some() {
            self.asks.push_back(Request::ListProducers);
        }
    }

    fn is_program(&mut self, name: &str) {
        if self.part == Part::Unknown {
            self.part = Part::Program;
            self.settle(name);
        }
    }

    /// Now that it is known who is there.
    fn settle(&mut self, name: &str) {
        let Some(first) = self.there.as_ref().map(|there| there.first().cloned()) else { return };
        match (self.part, first) {
            (Part::Page, Some(peer)) if self.waits => {
                self.waits = false;
                self.asked = Some(peer.clone());
                self.asks.push_back(Request::StartSession { peer, offer: None });
            }
            // Of two that come at once the hub hears one first, and both learn which.
            (Part::Program, Some(_)) if self.on_air != OnAir::Yes => {
                self.over = Some(Over { code: 4409, words: TAKEN });
            }
            (Part::Unknown, Some(_)) if self.on_air == OnAir::Asked => {
                self.on_air = OnAir::No;
                self.register(&[Role::Listener], None);
            }
            (Part::Program | Part::Unknown, None) if self.on_air == OnAir::No => {
                self.on_air = OnAir::Asked;
                self.register(&[Role::Producer, Role::Listener], Some(name));
            }
            _ => {}
        }
    }

    /// To the program: somebody wants its picture.
    fn requested(&mut self, peer: &PeerId, session: SessionId, offers: bool) {
        let fault = match self.part {
            Part::Page => Some(GONE),
            _ if offers => Some(PROGRAMS_OFFER),
            _ if self.session.is_some() => Some(BUSY),
            _ => None,
        };
        if let Some(fault) = fault {
            self.asks.push_back(Request::EndSession { session, error: Some(fault.into()) });
            return;
        }
        self.begin(peer, session);
        self.says.push_back(Message::Client);
        if let Some(offer) = self.offer.take() {
            self.send_description(session, Payload::Offer(offer));
        }
    }

    fn begin(&mut self, with: &PeerId, id: SessionId) {
        let with = with.clone();
        self.session = Some(Session { id, with, described: false, heard: false });
    }

    fn ended(&mut self, session: SessionId, error: Option<&str>) {
        let Some(Session { with, .. }) = self.session.take_if(|own| own.id == session) else {
            return;
        };
        self.forget();
        if self.part == Part::Page {
            if error == Some(BUSY) {
                self.over = Some(Over { code: 4409, words: BUSY });
            }
            self.wait_for_other_than(&with);
        }
        self.complain(error.unwrap_or(GONE).to_owned());
    }

    /// Until that one registers anew: it may be on its way out.
    fn wait_for_other_than(&mut self, with: &PeerId) {
        self.there.iter_mut().for_each(|there| there.retain(|peer| peer != with));
        self.waits = true;
    }

    /// This end's description, if another one can read it.
    fn describes(&mut self, kind: SdpKind, text: &str) {
        let session = self.session.as_ref().map(|session| session.id);
        if let Err(fault) = sdp::check(text) {
            let fault = fault.to_string();
            match session {
                Some(session) => {
                    self.asks.push_back(Request::Spoil { session, fault: fault.into() });
                }
                None => self.refuse(&fault),
            }
            return;
        }
        let raw = Sdp::new(kind, Cow::Borrowed(text)).raw.get().into();
        match (kind, session) {
            (SdpKind::Offer, Some(id)) => self.send_description(id, Payload::Offer(raw)),
            (SdpKind::Answer, Some(id)) => self.send_description(id, Payload::Answer(raw)),
            // Another one before anybody came: the first is of no use any more, and its candidates.
            (SdpKind::Offer, None) => {
                self.forget();
                self.offer = Some(raw);
            }
            (SdpKind::Answer, None) => self.refuse(NOBODY),
        }
    }

    /// And the candidates that waited for it.
    fn send_description(&mut self, session: SessionId, payload: Payload) {
        self.asks.push_back(Request::Relay { session, payload });
        if let Some(own) = &mut self.session {
            own.described = true;
        }
        for candidate in self.candidates.take() {
            self.asks.push_back(Request::Relay { session, payload: Payload::Candidate(candidate) });
        }
    }

    fn reachable_at(&mut self, candidate: Text) {
        match &self.session {
            Some(Session { id, described: true, .. }) => {
                let payload = Payload::Candidate(candidate);
                self.asks.push_back(Request::Relay { session: *id, payload });
            }
            _ if self.candidates.keep(candidate) => {}
            _ => self.refuse(TOO_EARLY),
        }
    }

    fn hear_other(&mut self, session: SessionId, payload: &Payload) {
        let Some(own) = self.session.as_mut().filter(|own| own.id == session) else { return };
        match payload {
            Payload::Candidate(raw) if own.heard => self.says.extend(ice(raw)),
            Payload::Candidate(raw) => {
                if !self.early.keep(raw.clone()) {
                    let error = Some(TOO_EARLY.into());
                    self.asks.push_back(Request::EndSession { session, error });
                    self.ended(session, Some(TOO_EARLY));
                }
            }
            Payload::Offer(raw) | Payload::Answer(raw) => {
                own.heard = true;
                self.says.extend(description(raw));
                let early = self.early.take();
                self.says.extend(early.iter().filter_map(|raw| ice(raw)));
            }
        }
    }

    /// What waited belongs to a session that will not be.
    fn forget(&mut self) {
        self.offer = None;
        self.candidates = Held::default();
        self.early = Held::default();
    }

    fn register(&mut self, roles: &[Role], name: Option<&str>) {
        let meta = name.map(|name| serde_json::json!({ "name": name }).to_string().into());
        let name = name.map(Into::into);
        self.asks.push_back(Request::SetStatus(Status { roles: roles.to_vec(), meta, name }));
    }

    /// The hub's answer to it says so.
    fn refuse(&mut self, fault: &str) {
        self.asks.push_back(Request::Unreadable { fault: fault.to_owned() });
    }

    fn complain(&mut self, details: String) {
        self.says.push_back(Message::Error { details: details.into() });
    }

    /// Whether something that this end said waits here.
    fn holds(&self) -> bool {
        self.offer.is_some() || !self.candidates.waiting.is_empty()
    }

    /// For the log.
    fn word(&self) -> &'static str {
        match self.part {
            Part::Unknown if self.on_air == OnAir::No => "somebody",
            Part::Program | Part::Unknown => "the program",
            Part::Page => "the page",
        }
    }
}

impl Held {
    /// Whether there was room for one more.
    fn keep(&mut self, candidate: Text) -> bool {
        let fits = self.waiting.len() < HELD && self.bytes + candidate.len() <= HELD_BYTES;
        if fits {
            self.bytes += candidate.len();
            self.waiting.push(candidate);
        }
        fits
    }

    fn take(&mut self) -> Vec<Text> {
        std::mem::take(self).waiting
    }
}

/// Whether that is a producer of this name: it says so itself, or is that peer, or of that account.
fn is_named(name: &str, peer: &PeerId, status: &Status, account: Option<&AccountName>) -> bool {
    let names = [Some(peer.as_str()), account.map(AccountName::as_str), status.name.as_deref()];
    status.is(Role::Producer) && names.contains(&Some(name))
}

/// The text was a raw value when it came in.
fn description(raw: &str) -> Option<Message<'static>> {
    let Sdp { kind, text, .. } = Sdp::parse(serde_json::from_str::<&RawValue>(raw).ok()?).ok()?;
    let sdp = text.into_owned().into();
    Some(match kind {
        SdpKind::Offer => Message::Offer { sdp },
        SdpKind::Answer => Message::Answer { sdp },
    })
}

fn ice(raw: &str) -> Option<Message<'static>> {
    let Ice { candidate, sdp_m_line_index, .. } =
        Ice::parse(serde_json::from_str::<&RawValue>(raw).ok()?).ok()?;
    Some(Message::Ice { candidate: candidate.into_owned().into(), sdp_m_line_index })
}
