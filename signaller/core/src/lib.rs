//! The hub as a value: who is there, who is in a session with whom, who may pass what to whom.
//!
//! Inputs go in with the time, outputs are polled out. No sockets, no clock, no locks, no logging,
//! no encoding: [`Request`] and [`Notice`] are the only vocabulary, and what travels between the
//! two ends of a session is text that nobody here looks into.
//!
//! ```
//! use std::time::Instant;
//! use signaller_core::{Access, ConnId, Hub, Input, Limits, Notice, Output, Rng};
//!
//! let mut hub = Hub::new(Limits::default(), Rng::from_seed([7; 32]));
//! hub.handle(Instant::now(), Input::Connected { conn: ConnId(1), access: Access::Full });
//! let Some(Output::Notify { conn, notice }) = hub.poll_output() else { panic!() };
//! assert!(conn == ConnId(1) && matches!(*notice, Notice::Welcome { .. }));
//! ```

mod hub;
mod ids;
mod limits;
mod peers;
mod sessions;
mod words;

pub use hub::{Hub, Input, Output};
pub use ids::{ConnId, PeerId, Rng, SessionId};
pub use limits::Limits;
pub use words::{
    Access, CloseReason, Listed, Notice, Payload, Refusal, Request, Role, Status, Text,
};
