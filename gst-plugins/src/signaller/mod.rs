//! The signaller as elements see it. The body is in `imp`, what is done to a `webrtcbin` in
//! `peer_connection`.

mod calls;
mod failure;
mod imp;
mod latch;
mod peer_connection;
mod pulse;
mod remains;
mod remnants;
mod sessions;
mod setups;

use std::time::Duration;

use gst::glib;
use gst::subclass::prelude::*;
use gstrswebrtc::signaller::{Signallable, WebRTCSignallerRole};
use intercom_client::{Client, Login};

pub use failure::{SessionFailure, Stage};

glib::wrapper! {
    /// A `GstRSWebRTCSignallableIface` that keeps its connection and its sessions.
    ///
    /// For `BaseWebRTCSink::with_signaller`, or as `BaseWebRTCSrc`'s construct property
    /// `signaller`. The properties are read when the element starts it.
    ///
    /// Properties are documented in `imp`, signals besides the interface's in `signals`;
    /// `docs/ref/elements.md` lists both.
    ///
    /// `error` is emitted only for what trying again cannot mend. No signal is emitted with a lock
    /// held; all come from one thread of the signaller's own.
    pub struct Signaller(ObjectSubclass<imp::Signaller>) @implements Signallable;
}

impl Signaller {
    /// A signaller with this role.
    pub fn new(role: WebRTCSignallerRole) -> Self {
        glib::Object::builder().property("role", role).build()
    }

    /// Logs in by this, whatever the properties say: a password has no place in one. Before it is
    /// started.
    pub fn log_in(&self, login: Login) {
        self.imp().log_in(login);
    }

    /// Waits until a stopped signaller has said goodbye to the server; `false` if it has not within
    /// `timeout`. Not for the signaller's own signal handlers.
    pub fn wait_closed(&self, timeout: Duration) -> bool {
        self.imp().wait_closed(timeout)
    }
}

/// For this crate.
impl Signaller {
    pub(crate) fn with_client<T>(&self, command: impl FnOnce(&Client) -> T) -> Option<T> {
        self.imp().with_client(command)
    }
}

impl Default for Signaller {
    fn default() -> Self {
        glib::Object::new()
    }
}
