//! What is worth writing down, for whoever keeps such things.

use std::time::Duration;

use crate::accounts::{AccountName, Right};
use crate::ids::{CallId, PeerId, SessionId};
use crate::words::{EndReason, Media};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A call began to ring. One of the other two follows; without them the server is gone.
    CallRings(RingingCall),
    /// An accepted call, as it now is: whoever keeps it can bring it back after a restart.
    CallOpen(OpenCall),
    /// A call is over; it may never have been accepted.
    CallEnded(EndedCall),
    /// A session began.
    SessionStarted {
        /// Which one.
        session: SessionId,
        /// Whose media it is; `None` for a guest.
        producer: Option<AccountName>,
        /// Who receives it; `None` for a guest.
        consumer: Option<AccountName>,
        /// The call that it belongs to.
        call: Option<CallId>,
    },
    /// Somebody was refused for lack of a right.
    Forbidden {
        /// Who asked; `None` for a guest.
        asker: Option<AccountName>,
        /// Whose right it is.
        of: AccountName,
        /// Which right.
        right: Right,
    },
}

/// A call that nobody has answered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingingCall {
    /// Its id.
    pub call: CallId,
    /// Who rings.
    pub caller: AccountName,
    /// Who is rung.
    pub callee: AccountName,
}

/// An accepted call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenCall {
    /// Its id.
    pub call: CallId,
    /// Who rang.
    pub caller: OpenSide,
    /// Who accepted.
    pub callee: OpenSide,
    /// Its sessions.
    pub sessions: Vec<OpenSession>,
}

/// One side of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSide {
    /// Whose it is.
    pub account: AccountName,
    /// The connection that holds it.
    pub peer: PeerId,
    /// What it sends.
    pub media: Media,
    /// The producers that carry it.
    pub attached: Vec<PeerId>,
}

/// One session of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSession {
    /// Its id.
    pub session: SessionId,
    /// Who sends.
    pub producer: PeerId,
    /// Who receives.
    pub consumer: PeerId,
}

/// A call that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedCall {
    /// Its id.
    pub call: CallId,
    /// Who rang.
    pub caller: AccountName,
    /// Who was rung.
    pub callee: AccountName,
    /// From the ring to the answer, or to the end if there was none.
    pub rang: Duration,
    /// From the answer to the end; `None` for a call that was never accepted.
    pub talked: Option<Duration>,
    /// Why it ended.
    pub reason: EndReason,
}
