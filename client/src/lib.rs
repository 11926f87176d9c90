//! The Rust side of signalling: what plugin, producer and consumer use to reach the server.
//!
//! [`state`] decides (sans-IO: no socket, no clock, no task), [`Client`] gives it a socket and a
//! clock. A lost connection is never an error here: it is made again, and sessions that are live
//! go on. No GStreamer; media is somebody else's business.

mod backoff;
mod client;
mod config;
mod error;
mod ids;
mod list;
mod private;
mod race;
mod socket;
pub mod state;
mod tls;

pub use client::{Client, Driver, Events};
pub use config::{Config, Role, ServerUri, Target, Trust};
pub use error::{Lost, PermanentError};
pub use ids::{PeerId, SessionId};
pub use intercom_protocol::gst::SdpKind;
pub use list::{ListError, Listed, ListedRole, list};
pub use private::Private;
pub use state::{EndReason, Event};
