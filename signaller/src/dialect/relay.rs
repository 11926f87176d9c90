//! relay (`docs/ref/relay.md`) ↔ the core: one program and one page, under a name.
//!
//! To the core a program is a producer and a page a consumer, so that each may be something else: the
//! page of a name gets what the hub means by it. What comes too early for the other end waits here: an
//! offer for the page, candidates for their description. Who is who shows in what it says; who says
//! nothing is the program for as long as nobody else says that it is.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use intercom_protocol::gst::{Ice, Sdp, SdpKind};
use intercom_protocol::relay::Message;
use intercom_protocol::sdp;
use serde_json::value::RawValue;
use signaller_core::{
    AccountName, Listed, Notice, Payload, PeerId, Refusal, Request, Role, SessionId, Status, Text,
};
use tracing::info;

use super::{Over, named};

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
    who: Who,
    state: Mutex<State>,
}

/// Under which name it is here, and of which account.
#[derive(Debug)]
struct Who {
    name: String,
    account: Option<AccountName>,
    /// Whose name that is, should there be such an account.
    meant: Option<AccountName>,
}

#[derive(Debug, Default)]
struct State {
    part: Part,
    me: Option<PeerId>,
    /// Others that could be its program; `None` until they were told of.
    others: Option<Vec<Other>>,
    /// How far this one has come with producing itself.
    on_air: OnAir,
    /// The page wants a session as soon as there is somebody…
    waits: bool,
    /// …has asked who that could be…
    looks: bool,
    /// …and has asked this one for it.
    asked: Option<PeerId>,
    /// It was left by these, or refused: until they register anew they may be on their way out.
    past: Vec<PeerId>,
    /// One of them has another page.
    is_late: bool,
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

/// Somebody else who produces under the name.
#[derive(Debug)]
struct Other {
    peer: PeerId,
    /// It has this name, and not only the account's.
    is_namesake: bool,
    /// It could be the program instead of this one.
    is_rival: bool,
    /// It has not said that it is the program, and may be a page.
    is_silent: bool,
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
    pub(super) fn new(name: &str, account: Option<AccountName>) -> Self {
        let name = if name.is_empty() { NO_NAME } else { name }.to_owned();
        let over = (name.len() > NAME_LEN).then_some(Over { code: 1008, words: LONG_NAME });
        let state = Mutex::new(State { over, ..State::default() });
        let meant = AccountName::parse(&name).ok();
        Self { who: Who { name, account, meant }, state }
    }

    /// Takes a text message; what follows is to be [asked](Self::ask).
    pub(super) fn read(&self, text: &str) {
        let mut state = self.state();
        match Message::parse(text) {
            Ok(message) => {
                state.said(&message, &self.who);
                info!(name = ?self.who.name, from = state.word(), kind = message.kind(),
                      bytes = text.len(), waits = state.holds(), "relay: in");
            }
            Err(fault) => {
                info!(name = ?self.who.name, from = state.word(), bytes = text.len(), "relay: unreadable");
                state.refuse(&fault.to_string());
            }
        }
    }

    /// The text message that says this; there may be [more](Self::more).
    pub(super) fn print(&self, notice: &Notice) -> Option<String> {
        self.state().hear(notice, &self.who);
        self.more()
    }

    /// What is to be said besides.
    pub(super) fn more(&self) -> Option<String> {
        let mut state = self.state();
        let message = state.says.pop_front()?;
        let text = message.print();
        info!(name = ?self.who.name, to = state.word(), kind = message.kind(), bytes = text.len(), "relay: out");
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
    fn said(&mut self, message: &Message<'_>, who: &Who) {
        match message {
            Message::Client => self.announced(who),
            Message::Ack { .. } => self.is_program(who),
            Message::Offer { sdp } => {
                if self.part == Part::Page {
                    self.refuse(PROGRAMS_OFFER);
                    return;
                }
                self.is_program(who);
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
    fn hear(&mut self, notice: &Notice, who: &Who) {
        match notice {
            Notice::Welcome { peer } => {
                self.me = Some(peer.clone());
                self.register_listener();
                self.asks.push_back(Request::ListProducers);
            }
            Notice::Producers(peers) => {
                let others = peers.iter().filter(|listed| Some(&listed.peer) != self.me.as_ref());
                self.others = Some(others.filter_map(|listed| who.other(listed)).collect());
                self.settle(who);
                self.look(who);
            }
            Notice::Named { peers, .. } => self.choose(peers),
            Notice::StatusChanged { peer, status, .. } if Some(peer) == self.me.as_ref() => {
                let is_on_air = self.on_air == OnAir::Asked && **status == self.as_producer(who);
                self.on_air = if is_on_air { OnAir::Yes } else { self.on_air };
            }
            Notice::StatusChanged { peer, status, account } => {
                let (status, account) = (status.clone(), account.clone());
                let other = who.other(&Listed { peer: peer.clone(), status, account });
                let is_meant = other.is_some();
                self.past.retain(|past| past != peer);
                if let Some(others) = &mut self.others {
                    others.retain(|other| other.peer != *peer);
                    others.extend(other);
                }
                self.settle(who);
                if is_meant {
                    self.look(who);
                }
            }
            Notice::SessionRequested { peer, session, offer, .. } => {
                self.requested(peer, *session, offer.is_some());
            }
            Notice::SessionStarted { peer, session } => {
                (self.asked, self.is_late) = (None, false);
                self.begin(peer, *session);
                self.says.push_back(Message::Ack { role: "client".into() });
            }
            Notice::SessionEnded { session, error } => {
                self.ended(*session, error.as_deref());
                self.look(who);
            }
            Notice::Relayed { session, payload } => {
                self.hear_other(*session, payload);
                self.look(who);
            }
            Notice::Refused(refusal) => {
                if !matches!(refusal, Refusal::Unreadable(_))
                    && let Some(asked) = self.asked.take()
                {
                    self.is_late |= *refusal == Refusal::PeerBusy(asked.clone());
                    self.wait_for_other_than(asked);
                    self.look(who);
                }
                self.complain(refusal.to_string());
            }
            _ => {}
        }
    }

    /// Here is a page; said again, it wants to begin anew.
    fn announced(&mut self, who: &Who) {
        if self.part == Part::Program {
            self.refuse(PAGES_ANSWER);
            return;
        }
        self.part = Part::Page;
        if self.asked.is_some() {
            return; // what it wants has begun
        }
        self.waits = true;
        self.past.clear();
        self.leave_air();
        if let Some(Session { id, .. }) = self.session.take() {
            self.asks.push_back(Request::EndSession { session: id, error: None });
        }
        self.forget();
        self.look(who);
    }

    fn is_program(&mut self, who: &Who) {
        if self.part == Part::Unknown {
            self.part = Part::Program;
            self.on_air = OnAir::No; // as one that says so
            self.settle(who);
        }
    }

    /// Whether this one is the program, now that it is known who else could be.
    fn settle(&mut self, who: &Who) {
        let Some(others) = &self.others else { return };
        let mut rivals = others.iter().filter(|other| other.is_rival).peekable();
        let is_alone = rivals.peek().is_none();
        let is_taken = rivals.any(|other| !other.is_silent);
        match (self.part, self.on_air) {
            // Of two that come at once the hub hears one first, and both learn which.
            (Part::Program, OnAir::No | OnAir::Asked) if is_taken => {
                self.over = Some(Over { code: 4409, words: TAKEN });
            }
            (Part::Unknown, OnAir::Yes) if is_taken => self.step_down(),
            (Part::Unknown, OnAir::Asked) if !is_alone => self.leave_air(),
            (Part::Program, OnAir::No) => self.go_on_air(who),
            (Part::Unknown, OnAir::No) if is_alone => self.go_on_air(who),
            _ => {}
        }
    }

    /// Another one is the program for sure.
    fn step_down(&mut self) {
        self.leave_air();
        if self.session.take().is_some() {
            self.forget();
            self.complain(GONE.to_owned());
        }
    }

    /// Asks for whom the page could wait.
    fn look(&mut self, who: &Who) {
        if self.waits && !self.looks && self.others.is_some() {
            self.looks = true;
            self.asks.push_back(Request::ListNamed { name: who.name.as_str().into() });
        }
    }

    /// The likeliest comes first; of those with the name, one that says nothing may be a page.
    fn choose(&mut self, likely: &[PeerId]) {
        self.looks = false;
        let speaks = |peer: &PeerId| {
            let mut others = self.others.iter().flatten();
            others.any(|other| other.peer == *peer && other.is_namesake && !other.is_silent)
        };
        let fits = || likely.iter().filter(|peer| !self.past.contains(peer));
        let chosen = fits().find(|peer| speaks(peer)).or_else(|| fits().next()).cloned();
        match chosen.filter(|_| self.waits) {
            Some(peer) => {
                self.waits = false;
                self.asked = Some(peer.clone());
                self.asks.push_back(Request::StartSession { peer, offer: None });
            }
            None if self.is_late => self.over = Some(Over { code: 4409, words: BUSY }),
            None => {}
        }
    }

    /// To the program: somebody wants its picture.
    fn requested(&mut self, peer: &PeerId, session: SessionId, offers: bool) {
        let fault = match self.part {
            Part::Page => Some(GONE),
            _ if offers => Some(PROGRAMS_OFFER),
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
            self.wait_for_other_than(with);
        }
        self.complain(error.unwrap_or(GONE).to_owned());
    }

    fn wait_for_other_than(&mut self, peer: PeerId) {
        self.past.push(peer);
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
            (SdpKind::Answer, Some(id)) if self.has_heard() => {
                self.send_description(id, Payload::Answer(raw));
            }
            // Another one before anybody came: the first is of no use any more, and its candidates.
            (SdpKind::Offer, None) => {
                self.forget();
                self.offer = Some(raw);
            }
            // Perhaps to one that is gone already.
            (SdpKind::Answer, _) => self.refuse(NOBODY),
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
        if self.part == Part::Page && !self.has_heard() {
            return; // without an offer they are of what it had before
        }
        match &self.session {
            Some(Session { id, described: true, .. }) => {
                let payload = Payload::Candidate(candidate);
                self.asks.push_back(Request::Relay { session: *id, payload });
            }
            _ if self.candidates.keep(candidate) => {}
            _ => self.refuse(TOO_EARLY),
        }
    }

    /// Whether the other end has described itself.
    fn has_heard(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.heard)
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

    fn go_on_air(&mut self, who: &Who) {
        self.on_air = OnAir::Asked;
        self.asks.push_back(Request::SetStatus(self.as_producer(who)));
    }

    /// The hub ends its session.
    fn leave_air(&mut self) {
        if self.on_air != OnAir::No {
            self.on_air = OnAir::No;
            self.register_listener();
        }
    }

    fn register_listener(&mut self) {
        let status = Status { roles: vec![Role::Listener], ..Status::default() };
        self.asks.push_back(Request::SetStatus(status));
    }

    fn as_producer(&self, who: &Who) -> Status {
        let status = named(&who.name, &[Role::Producer, Role::Listener]);
        match self.part {
            Part::Unknown => Status { meta: Some(who.silent_meta()), ..status },
            Part::Program | Part::Page => status,
        }
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

impl Who {
    /// What it says about itself before it has said anything.
    fn silent_meta(&self) -> Text {
        serde_json::json!({ "name": self.name, "silent": true }).to_string().into()
    }

    /// What one in the list is to one of this name: nothing, if no page of the name could get its picture.
    fn other(&self, Listed { peer, status, account }: &Listed) -> Option<Other> {
        let has_name = status.name.as_deref() == Some(&self.name);
        let is_namesake = has_name || peer.as_str() == self.name;
        let is_its_own = account.is_some() && *account == self.meant;
        let is_one = status.is(Role::Producer) && (is_namesake || is_its_own);
        is_one.then(|| Other {
            peer: peer.clone(),
            is_namesake,
            // Nobody is in another account's way, and an account may have more than this name.
            is_rival: *account == self.account && has_name,
            is_silent: status.meta.as_ref() == Some(&self.silent_meta()),
        })
    }
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
