//! What the user of a client says ([`Command`]) and hears ([`Event`]).
//!
//! Everything here is checked and owned: ids are ids, texts of others are texts. Nothing that must
//! stay private shows in `Debug`.

use std::time::Duration;

use intercom_protocol::gst::SdpKind;
use intercom_protocol::intercom::{self, HangUpReason, Media, RejectReason};
use intercom_protocol::sdp::SdpError;
use serde_json::Value;

use crate::error::{Lost, PermanentError};
use crate::ids::{CallId, PeerId, SessionId};
use crate::private::Private;

/// An account as this one may see it.
pub type Account = intercom::Account<'static>;

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
    /// Ring an account; [`CallEvent::Ringing`] or [`CallEvent::Refused`] follows.
    Call {
        /// Its name.
        to: String,
        /// What will be sent.
        media: Media,
    },
    /// Accept a ringing call; [`CallEvent::Accepted`] or [`CallEvent::Ended`] follows.
    Accept {
        /// Which one.
        call: CallId,
        /// What will be sent.
        media: Media,
    },
    /// Do not accept it; [`CallEvent::Ended`] follows.
    Reject {
        /// Which one.
        call: CallId,
        /// Why.
        reason: RejectReason,
    },
    /// End a call, or cancel it while it rings; [`CallEvent::Ended`] follows.
    HangUp {
        /// Which one; any call of the own account.
        call: CallId,
        /// Why.
        reason: HangUpReason,
    },
    /// This producer of the own account carries this side's media of an accepted call.
    AttachPeer {
        /// Which call.
        call: CallId,
        /// The producer.
        peer_id: PeerId,
    },
    /// Tell the other side of an accepted call what is sent from now on.
    UpdateCall {
        /// Which call.
        call: CallId,
        /// What is sent.
        media: Media,
    },
    /// Ask which accounts there are; [`Event::Accounts`] follows, now and after every new login.
    ListAccounts,
    /// Ask for STUN and TURN servers; [`Event::IceServers`] follows.
    AskIceServers,
    /// As [`Command::Close`], and nothing is kept for this client on the server.
    LogOut,
    /// End what is live, say goodbye and finish.
    Close,
}

/// What the user of the client hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Registered on the server; again after each reconnect.
    Connected {
        /// Our id there.
        peer_id: PeerId,
        /// Our account; `None` for a guest, and on a server that knows no accounts.
        account: Option<String>,
    },
    /// No connection. Sessions and calls that are live go on; the client tries again by itself.
    Disconnected {
        /// Why.
        reason: Lost,
        /// The wait before the next attempt.
        retry_in: Duration,
    },
    /// Trying again cannot help; the client has finished.
    Failed(PermanentError),
    /// The server refused a request. The client goes on, and asks again for a session that it is after.
    Refused {
        /// The server's word for programs, such as `forbidden`; empty where it has none.
        code: String,
        /// One sentence for a person.
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
        /// Whose it is; `None` for a guest's.
        account: Option<String>,
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
    /// All accounts that this one may see, its own not included: the answer to
    /// [`Command::ListAccounts`], also unasked when more was missed than can be told one by one.
    Accounts(Vec<Account>),
    /// An account came, went, got busy or free.
    Presence(Account),
    /// An account was removed, or may no longer be seen.
    AccountGone {
        /// Its name.
        name: String,
    },
    /// STUN and TURN servers for the peer connections.
    IceServers(IceServers),
    /// Something of a call.
    Call(CallEvent),
}

/// What happens in a call. Of one call: `Ringing` or `Incoming`, perhaps `Accepted` and then the
/// others, at last `Ended`, exactly once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallEvent {
    /// There is no call: the callee is busy, not there, or does not let this account call.
    Refused {
        /// The callee, as in [`Command::Call`].
        to: String,
        /// The server's word for programs, such as `busy` or `notCallable`.
        code: String,
        /// One sentence for a person.
        details: String,
    },
    /// It rings at the other side.
    Ringing {
        /// The new call.
        call: CallId,
        /// The callee.
        to: String,
    },
    /// Somebody rings.
    Incoming {
        /// The new call.
        call: CallId,
        /// The caller.
        from: String,
        /// What the caller will send.
        media: Media,
    },
    /// The call has begun, and this client holds it.
    Accepted {
        /// Which one.
        call: CallId,
        /// The other side.
        with: String,
        /// What the other side sends.
        media: Media,
    },
    /// A producer of the other side that carries its media.
    Peer {
        /// Which call.
        call: CallId,
        /// The producer.
        peer_id: PeerId,
    },
    /// It no longer does.
    PeerGone {
        /// Which call.
        call: CallId,
        /// What was a producer.
        peer_id: PeerId,
    },
    /// The other side sends something else.
    Updated {
        /// Which call.
        call: CallId,
        /// What it sends.
        media: Media,
    },
    /// The other side lost its connection and may come back: clocks that wait for it stand still.
    Away {
        /// Which call.
        call: CallId,
    },
    /// The other side is back.
    Back {
        /// Which call.
        call: CallId,
    },
    /// The call is over.
    Ended {
        /// Which one.
        call: CallId,
        /// Why; both sides hear the same.
        reason: intercom::EndReason,
    },
}

/// STUN and TURN servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceServers {
    /// As WebRTC's `RTCConfiguration` has them.
    pub servers: Vec<intercom::IceServer>,
    /// How long they are good; `None` if that is not known or for ever.
    pub ttl: Option<Duration>,
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

/// An account of the wire, kept.
pub(crate) fn kept(account: intercom::Account<'_>) -> Account {
    let intercom::Account { name, kind, label, status, callable } = account;
    let label = label.map(|label| label.into_owned().into());
    Account { name: name.into_owned().into(), kind, label, status, callable }
}
