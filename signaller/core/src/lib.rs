//! The hub as a value: who is there, who is in a session or a call with whom, who may do what.
//!
//! Inputs go in with the time, outputs are polled out. No sockets, no clock, no locks, no logging,
//! no encoding: [`Request`] and [`Notice`] are the only vocabulary, and what travels between the
//! two ends of a session is text that nobody here looks into.
//!
//! ```
//! use std::time::Instant;
//! use signaller_core::{Access, ConnId, Hub, Identity, Input, Limits, Notice, Output, Rng};
//!
//! let mut hub = Hub::new(Limits::default(), Rng::from_seed([7; 32]));
//! hub.handle(Instant::now(), Input::Connected {
//!     conn: ConnId(1),
//!     identity: Identity::guest(Access::Full),
//! });
//! let Some(Output::Notify { conn, notice, .. }) = hub.poll_output() else { panic!() };
//! assert!(conn == ConnId(1) && matches!(*notice, Notice::Welcome { .. }));
//! ```

mod accounts;
mod calls;
mod facts;
mod hub;
mod ids;
mod limits;
mod peers;
mod rooms;
mod sessions;
mod timers;
mod words;

pub use accounts::{Account, AccountName, Circle, Kind, NameError, Right, Rights};
pub use facts::{EndedCall, Fact, OpenCall, OpenSession, OpenSide, RingingCall};
pub use hub::{EndView, Hub, Input, Output, Overview, PeerView, SessionView};
pub use ids::{CallId, ConnId, CredentialId, PeerId, Rng, SessionId};
pub use limits::{Limits, Rate, SecondLogin};
pub use peers::Identity;
pub use rooms::{RoomError, RoomId};
pub use words::{
    Access, AccountStatus, Act, Answer, CallStage, CallView, CloseReason, Description, EndCause,
    EndReason, Listed, Meaning, Media, Medium, Notice, Payload, Refusal, RejectCause, Request,
    Role, Seen, Snapshot, Status, Text,
};
