//! The custom CA of an intercom: browsers and phones trust it once, and it may vouch for names of
//! the local network only, by critical name constraints.
//!
//! [`ensure_server`] is what a server calls at its start and [`refresh_server`] later; [`Authority`] is the CA itself; the
//! command line is next to it. Nothing here opens a socket, and nothing overwrites a CA.

mod authority;
mod certificate;
mod files;
mod limits;
mod machine;
mod name;
mod p12;
mod renewal;
pub mod rotation;
mod server;
pub mod trust;

pub use authority::{
    Authority, CA_LIFE, CaName, CaNameError, InitError, IssueError, KeyError, MARGIN, OpenError,
    SERVER_LIFE,
};
pub use certificate::{CertificateError, Fingerprint, Leaf, Other, Root, end_of};
pub use files::Files;
pub use limits::{IpRange, Limits, RangeError};
pub use machine::{host_name, hosts};
pub use name::{DnsName, Host, IpError, NameError, parse_ip};
pub use p12::{Encryption, P12Error, write_p12};
pub use renewal::{Due, RenewError, renew_server};
pub use server::{Change, EnsureError, RENEW_BEFORE, Server, ensure_server, refresh_server};
