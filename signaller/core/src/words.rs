//! What a peer may ask and what it may hear, whatever protocol it speaks.

use std::sync::Arc;

use crate::ids::{PeerId, SessionId};

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
    /// Nothing that could be understood; the answer says why.
    Unreadable {
        /// One sentence for a person.
        fault: String,
    },
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
    },
    /// To a producer: a consumer wants a session.
    SessionRequested {
        /// The consumer.
        peer: PeerId,
        /// The new session.
        session: SessionId,
        /// The consumer's offer; without one the producer makes it.
        offer: Option<Text>,
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
    /// All producers.
    Producers(Vec<Listed>),
    /// All passive consumers.
    Consumers(Vec<Listed>),
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
}

/// Why a connection is closed by the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// It does not read what it is sent.
    TooSlow,
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

    // The one who uses the client.
    /// Nobody is called that.
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
