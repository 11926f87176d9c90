//! The Rust side of signalling: what plugin, producer and consumer use to reach the server.
//!
//! [`state`] decides (sans-IO: no socket, no clock, no task), [`Client`] gives it a socket and a
//! clock. A lost connection is never an error here: it is made again, and sessions that are live
//! go on. No GStreamer; media is somebody else's business.

mod backoff;
mod call;
mod client;
mod config;
mod error;
mod hello;
mod ids;
mod ledger;
mod list;
mod outlet;
mod private;
mod race;
mod sessions;
mod socket;
pub mod state;
mod tls;
mod words;

pub use client::{Client, Driver, Events};
pub use config::{Config, Instance, Login, Role, ServerUri, Target, Trust};
pub use error::{Lost, PermanentError};
pub use ids::{CallId, PeerId, SessionId};
pub use intercom_protocol::gst::SdpKind;
pub use intercom_protocol::intercom::{
    AccountRole, EndReason as CallEnd, HangUpReason, IceServer, Media, RejectReason, Status,
};
pub use list::{ListError, Listed, ListedRole, list};
pub use private::Private;
pub use words::{Account, CallEvent, Command, EndReason, Event, IceServers};
