//! What a peer may ask and what it may hear, whatever protocol it speaks.

use std::fmt;
use std::sync::Arc;

use crate::accounts::{AccountName, Kind, NameError, Right};
use crate::ids::{CallId, PeerId, SessionId};
use crate::rooms::{RoomError, RoomId};

/// Text that the hub passes on without looking into it.
pub type Text = Arc<str>;

/// What a registered peer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Sends media to whoever asks for a session.
    Producer,
    /// Hears of every peer's status.
    Listener,
    /// Waits for a producer to start a session towards it.
    Consumer,
}

/// How much a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// List, listen, consume.
    Watch,
    /// Produce as well.
    Full,
}

/// What a peer is registered as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// What it does, without duplicates; empty means nothing.
    pub roles: Vec<Role>,
    /// What it says about itself.
    pub meta: Option<Text>,
    /// What it calls itself in that, if it does. Several may have the same name.
    pub name: Option<Text>,
}

impl Status {
    /// Whether it has this role.
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// What a connection asks for.
#[derive(Clone, Debug)]
pub enum Request {
    /// Register, or change what it is registered as.
    SetStatus(Status),
    /// A session with a producer or a passive consumer.
    StartSession {
        /// The other end.
        peer: PeerId,
        /// A consumer's offer, if it does not wait for the producer's.
        offer: Option<Text>,
    },
    /// The end of a session.
    EndSession {
        /// Which one.
        session: SessionId,
        /// What went wrong, in words; `None` for a normal end.
        error: Option<Text>,
    },
    /// Pass something to the other end of a session.
    Relay {
        /// Which one.
        session: SessionId,
        /// What.
        payload: Payload,
    },
    /// What was to be relayed cannot be let through: end the session and tell both ends why.
    Spoil {
        /// Which one.
        session: SessionId,
        /// One sentence for a person.
        fault: Text,
    },
    /// All producers.
    ListProducers,
    /// All passive consumers.
    ListConsumers,
    /// All others that produce under a name: those that [`Dial`](Self::Dial) would mean by it.
    ListNamed {
        /// An account's name, a peer's id, or what somebody calls itself.
        name: Text,
    },
    /// The only session of the asker, with an account's producer or with a peer.
    Dial {
        /// The account's name or the peer's id.
        to: Text,
    },
    /// Say something in the only session of the asker.
    Say {
        /// As it is, for an end that hears it so.
        text: Text,
        /// For others.
        meaning: Meaning,
    },
    /// Be in a room, which may be a new one.
    JoinRoom {
        /// Which one.
        room: RoomId,
    },
    /// Be in it no longer.
    LeaveRoom {
        /// Which one.
        room: RoomId,
    },
    /// All others in a room.
    ListRoom {
        /// One that the asker is in.
        room: RoomId,
    },
    /// Tell somebody in a room something.
    RoomMessage {
        /// One that both are in.
        room: RoomId,
        /// Whom.
        to: PeerId,
        /// What.
        text: Text,
    },
    /// All accounts that the asker may see.
    ListAccounts,
    /// Ring an account.
    OfferCall {
        /// Which one.
        to: AccountName,
        /// What the caller will send.
        media: Media,
    },
    /// Accept or reject a ringing call.
    AnswerCall {
        /// Which one.
        call: CallId,
        /// Which of the two.
        answer: Answer,
    },
    /// Name the producer that carries the asker's media in a call.
    AttachPeer {
        /// An accepted call.
        call: CallId,
        /// A producer of the asker's account.
        peer: PeerId,
    },
    /// Tell the other side what is sent from now on: muted, camera off.
    UpdateCall {
        /// An accepted call.
        call: CallId,
        /// What is sent.
        media: Media,
    },
    /// End a call, or cancel it while it rings.
    EndCall {
        /// Which one.
        call: CallId,
        /// Why.
        cause: EndCause,
    },
    /// What a protocol says of the call with an account whose calls carry [`Description`]s and have no
    /// ids.
    Described {
        /// The other side.
        with: AccountName,
        /// What is said.
        act: Act,
    },
    /// STUN and TURN servers.
    AskIceServers,
    /// Leave for good.
    LogOut,
    /// Nothing that could be carried out by anybody: a name that is none, an id that is none.
    Refuse(Refusal),
    /// Nothing that could be understood; the answer says why.
    Unreadable {
        /// One sentence for a person.
        fault: String,
    },
}

/// What a side says in a call that carries descriptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Ring the account.
    Offer(Arc<Description>),
    /// Accept its call.
    Accept(Arc<Description>),
    /// Reject it.
    Reject,
    /// End the call, or cancel it while it rings.
    End,
    /// Pass on one more way to reach the sender.
    Candidate(Text),
}

/// Where the media of a side are to be had, as it says itself. Text that the hub passes on.
#[derive(Clone, PartialEq, Eq)]
pub struct Description {
    /// A session description.
    pub sdp: Text,
    /// What they are ciphered with.
    pub key: Option<Text>,
}

impl fmt::Debug for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…") // no log is the place for it
    }
}

/// How the media of a call get to the other side; the two must have the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Medium {
    /// In sessions with attached peers.
    #[default]
    Sessions,
    /// As the ends agree by the descriptions that the call carries.
    Descriptions,
}

/// What one side of a call sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Media {
    /// Sound.
    pub audio: bool,
    /// A picture.
    pub video: bool,
}

/// What the one who is called says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Talk, sending this.
    Accept(Media),
    /// Do not.
    Reject(RejectCause),
}

/// Why a call is rejected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RejectCause {
    /// Not now.
    #[default]
    Rejected,
    /// The device is taken.
    Busy,
}

/// Why a side ends a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndCause {
    /// It hangs up; while it rings, it cancels.
    #[default]
    Hangup,
    /// No media came through.
    MediaFailed,
}

/// Why a call ended. Both sides hear the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndReason {
    /// A side hung up.
    Hangup,
    /// The callee said no.
    Rejected,
    /// The callee said that it is taken.
    Busy,
    /// Nobody answered in time.
    NoAnswer,
    /// The caller gave up.
    Cancelled,
    /// A side was gone for too long.
    Disconnected,
    /// No media came through.
    MediaFailed,
    /// To the callee's other connections: one of them accepted.
    AnsweredElsewhere,
    /// A side logged out, or its account was removed.
    LoggedOut,
    /// The two speak protocols whose media do not meet.
    Incompatible,
}

/// What one end of a session tells the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A description that asks for an answer.
    Offer(Text),
    /// The answer to one.
    Answer(Text),
    /// A way to reach the sender.
    Candidate(Text),
}

/// What something means that is said without words for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// An offer.
    Offer {
        /// As it is relayed.
        payload: Payload,
        /// Its description alone.
        sdp: Text,
    },
    /// Anything else that is relayed.
    Payload(Payload),
    /// That the other end is to offer.
    Ask,
    /// What would harm the other end, and why.
    Harm(Text),
    /// Nothing that others know.
    Nothing,
}

/// What a connection hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It is a peer now and has this id.
    Welcome {
        /// Its own id.
        peer: PeerId,
    },
    /// A peer registered, changed or (with no roles) left.
    StatusChanged {
        /// Who.
        peer: PeerId,
        /// What it is registered as now.
        status: Arc<Status>,
        /// Whose it is; `None` for a guest's.
        account: Option<AccountName>,
    },
    /// To a producer: a consumer wants a session.
    SessionRequested {
        /// The consumer.
        peer: PeerId,
        /// The new session.
        session: SessionId,
        /// The consumer's offer; without one the producer makes it.
        offer: Option<Text>,
        /// The call that it is part of.
        call: Option<CallId>,
    },
    /// To a consumer: its session exists.
    SessionStarted {
        /// The producer.
        peer: PeerId,
        /// The new session.
        session: SessionId,
    },
    /// A session is over.
    SessionEnded {
        /// Which one.
        session: SessionId,
        /// What went wrong, in words; `None` for a normal end.
        error: Option<Text>,
    },
    /// The other end of a session says something.
    Relayed {
        /// Which one.
        session: SessionId,
        /// What.
        payload: Payload,
    },
    /// Its only session exists, or will with its first word.
    Dialled {
        /// The other end.
        peer: PeerId,
    },
    /// Its only session exists, and the other end wanted it.
    DialledBy {
        /// The other end.
        peer: PeerId,
    },
    /// The other end of the only session says this.
    Said {
        /// As it came.
        text: Text,
    },
    /// It is in a room.
    RoomJoined {
        /// Which one.
        room: RoomId,
        /// The others in there.
        peers: Vec<PeerId>,
    },
    /// All others in a room.
    RoomPeers {
        /// Which one.
        room: RoomId,
        /// The others in there.
        peers: Vec<PeerId>,
    },
    /// Somebody came into a room, or may be seen there now.
    RoomPeerJoined {
        /// Which one.
        room: RoomId,
        /// Who.
        peer: PeerId,
    },
    /// Somebody left a room, or may no longer be seen there.
    RoomPeerLeft {
        /// Which one.
        room: RoomId,
        /// Who.
        peer: PeerId,
    },
    /// Somebody in a room says something to this connection alone.
    RoomMessage {
        /// Which one.
        room: RoomId,
        /// Who.
        from: PeerId,
        /// What.
        text: Text,
    },
    /// All producers.
    Producers(Vec<Listed>),
    /// All passive consumers.
    Consumers(Vec<Listed>),
    /// All others that produce under a name.
    Named {
        /// Which one.
        name: Text,
        /// Whoever is meant first comes first.
        peers: Vec<PeerId>,
    },
    /// All accounts that it may see.
    Accounts(Vec<Seen>),
    /// Somebody came, went, got busy or free.
    Presence(Seen),
    /// An account was removed, or may no longer be seen.
    AccountGone {
        /// Which one.
        account: AccountName,
    },
    /// To the caller: it rings.
    CallRinging {
        /// The new call.
        call: CallId,
        /// The callee.
        to: AccountName,
    },
    /// To all connections of the callee: somebody rings.
    IncomingCall {
        /// The new call.
        call: CallId,
        /// The caller.
        from: AccountName,
        /// What the caller will send.
        media: Media,
        /// For connections that take descriptions, if the caller gave one.
        offer: Option<Arc<Description>>,
    },
    /// To both sides: the call has begun.
    CallAccepted {
        /// Which one.
        call: CallId,
        /// The other side.
        from: AccountName,
        /// What the other side sends.
        media: Media,
        /// To a caller that gave a description: the callee's.
        answer: Option<Arc<Description>>,
    },
    /// One more way to reach the other side of a call that carries descriptions.
    CallCandidate {
        /// Which call.
        call: CallId,
        /// The other side.
        from: AccountName,
        /// As it came.
        candidate: Text,
    },
    /// The other side's media are to be had from this peer.
    CallPeer {
        /// Which call.
        call: CallId,
        /// A producer.
        peer: PeerId,
    },
    /// They are no longer.
    CallPeerGone {
        /// Which call.
        call: CallId,
        /// What was a producer.
        peer: PeerId,
    },
    /// The other side sends something else from now on.
    CallUpdated {
        /// Which call.
        call: CallId,
        /// What it sends.
        media: Media,
    },
    /// The other side lost its connection and may come back: clocks that wait for it stand still.
    CallAway {
        /// Which call.
        call: CallId,
    },
    /// The other side is back.
    CallBack {
        /// Which call.
        call: CallId,
    },
    /// A call is over, or was never begun.
    CallEnded {
        /// Which one.
        call: CallId,
        /// Why.
        reason: EndReason,
    },
    /// After an interruption with an unknown number of lost notices: how things stand.
    Snapshot(Snapshot),
    /// Here are STUN and TURN servers; whoever tells it knows them.
    IceServers,
    /// A request that has no other answer was carried out.
    Done,
    /// The request was refused and changed nothing.
    Refused(Refusal),
}

/// A peer in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub peer: PeerId,
    /// What it is registered as.
    pub status: Arc<Status>,
    /// Whose it is; `None` for a guest's.
    pub account: Option<AccountName>,
}

/// An account, as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Who.
    pub name: AccountName,
    /// What it is for.
    pub kind: Kind,
    /// What people are shown instead of the name.
    pub label: Option<Text>,
    /// Whether it is there.
    pub status: AccountStatus,
    /// Whether some connection of it could answer a call.
    pub callable: bool,
}

/// Whether an account is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccountStatus {
    /// It has no connection.
    #[default]
    Disconnected,
    /// It has one.
    Available,
    /// It is in a call, ringing included.
    Busy,
}

/// How things stand for one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// All accounts that it may see.
    pub accounts: Vec<Seen>,
    /// The call that its account takes part in.
    pub call: Option<CallView>,
    /// The sessions that it is an end of.
    pub sessions: Vec<SessionId>,
}

/// A call, seen from one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallView {
    /// Which one.
    pub call: CallId,
    /// The other side.
    pub with: AccountName,
    /// Whether this side rang the other.
    pub outgoing: bool,
    /// Whether it was accepted by this very connection (or, for the caller, at all).
    pub stage: CallStage,
    /// What the other side sends.
    pub media: Media,
    /// The other side's producers.
    pub peers: Vec<PeerId>,
    /// Whether the other side is connected at this moment.
    pub connected: bool,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallStage {
    /// It rings.
    Ringing,
    /// It was accepted, and this connection holds it.
    Held,
    /// It was accepted on another connection of the account.
    Elsewhere,
}

/// Why a connection is closed by the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// It does not read what it is sent.
    TooSlow,
    /// It asked for more before its welcome than can wait until then.
    TooFast,
    /// It did not come back in time.
    NotBack,
    /// It logged out.
    LoggedOut,
    /// Its account is logged in already, and only one login is allowed.
    LoggedInAlready,
    /// A newer login took its place.
    LoggedInElsewhere,
    /// Another connection holds its peer id, and is alive.
    PeerIdTaken,
    /// A newer connection took its peer id.
    Replaced,
    /// Its account was removed, or what it logged in with was revoked.
    Revoked,
    /// Its only session has ended.
    SessionEnded,
    /// Somebody in charge closed it.
    Cut,
    /// The server stops.
    Stopping,
}

/// Why a request is refused, ordered by who must act. The words of those that the stock server
/// has as well are its words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    // The one who wrote the client.
    /// Not a message of the protocol.
    #[error("{0}")]
    Unreadable(String),
    /// Registered as both ends at once.
    #[error("Cannot register peer {0} as both producer and passive consumer")]
    BothEnds(PeerId),
    /// A consumer offers inside a session.
    #[error(
        r#"cannot forward offer from "{consumer}" to "{producer}" as "{consumer}" is not the producer"#
    )]
    OfferFromConsumer {
        /// Who offered.
        consumer: PeerId,
        /// Who would have had to.
        producer: PeerId,
    },
    /// A session with oneself.
    #[error("a session needs two peers, and {0} asked for one with itself")]
    OnlyOneEnd(PeerId),
    /// More about itself than [`Limits::meta_len`](crate::Limits).
    #[error("meta has {len} bytes, at most {max} are allowed")]
    MetaTooLong {
        /// What it has.
        len: usize,
        /// What it may have.
        max: usize,
    },

    /// Too much of one kind in too short a time.
    #[error("too many {0} in a short time; wait a little")]
    TooFast(&'static str),
    /// A guest asks for what belongs to an account.
    #[error("this needs a login")]
    NotLoggedIn,
    /// No call has this id, or it is none of the asker's.
    #[error("there is no such call")]
    NoSuchCall,
    /// The call is not at a point where this can be done.
    #[error("the call {0}")]
    BadState(&'static str),
    /// The attached peer is not a producer of the asker's account.
    #[error("peer {0} is not a producer of your account")]
    NotYourProducer(PeerId),
    /// What was given as a name is none.
    #[error(transparent)]
    BadName(#[from] NameError),
    /// The same of a room.
    #[error(transparent)]
    BadRoom(#[from] RoomError),
    /// The asker is not in a room of that name.
    #[error("you are not in this room")]
    NoSuchRoom,

    // The one who uses the client.
    /// Nobody is called that.
    #[error("there is no account {0}")]
    NoSuchAccount(AccountName),
    /// The account's owner does not allow it.
    #[error("{of} does not let you {}", verb(*.right))]
    Forbidden {
        /// Whose right it is.
        of: AccountName,
        /// Which right.
        right: Right,
    },
    /// It has one session or room at most, and has it.
    #[error("peer {0} is busy")]
    PeerBusy(PeerId),
    /// The same of the asker.
    #[error("you are in a session or a room already; connect again for another one")]
    InSession,
    /// The peer is somewhere else.
    #[error("peer {0} is not in the room")]
    NotInRoom(PeerId),
    /// The asker is in as many rooms as it may be.
    #[error("you are in {max} rooms already, leave one of them first")]
    TooManyRooms {
        /// How many that is.
        max: usize,
    },
    /// The room has as many peers as it may have.
    #[error("{max} peers are in this room already")]
    RoomFull {
        /// How many that is.
        max: usize,
    },
    /// The callee is in another call.
    #[error("{0} is busy")]
    Busy(AccountName),
    /// The caller is in another call.
    #[error("you are in a call already")]
    InCall,
    /// The callee is not there, or has nothing that could answer.
    #[error("{0} cannot be called now")]
    NotCallable(AccountName),
    /// A call to oneself.
    #[error("you cannot call yourself")]
    Oneself,
    /// No peer has this id.
    #[error("Peer with ID '{0}' not found")]
    NoSuchPeer(PeerId),
    /// The peer asked for neither produces nor waits to consume.
    #[error(
        "Missing a producer or a consumer: id {from} roles {from_roles:?}, id {to} roles {to_roles:?}"
    )]
    NoMedia {
        /// Who asked.
        from: PeerId,
        /// What it does.
        from_roles: Vec<Role>,
        /// Who was asked for.
        to: PeerId,
        /// What it does.
        to_roles: Vec<Role>,
    },
    /// One of the two has as many sessions as it may.
    #[error("peer {peer} takes part in {max} sessions already, end one of them first")]
    TooManySessions {
        /// Which of the two.
        peer: PeerId,
        /// How many it may have.
        max: usize,
    },
    /// The two have as many sessions with each other as they may.
    #[error("you have {max} sessions with peer {peer} already, end one of them first")]
    TooManyTogether {
        /// The other end.
        peer: PeerId,
        /// How many two peers may have.
        max: usize,
    },

    // The one who runs the server.
    /// It wants to produce and may only watch.
    #[error("this connection may watch but not send media; the server's owner can allow it")]
    WatchOnly,
}

fn verb(right: Right) -> &'static str {
    match right {
        Right::See => "see it",
        Right::Watch => "watch it",
        Right::Talk => "talk through it",
        Right::Call => "call it",
        Right::Control => "control it",
    }
}
