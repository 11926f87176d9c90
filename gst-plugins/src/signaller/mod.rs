//! The signaller as elements see it. The body is in `imp`, what is done to a `webrtcbin` in
//! `peer_connection`.

mod failure;
mod imp;
mod peer_connection;
mod sessions;

use std::time::Duration;

use gst::glib;
use gst::subclass::prelude::*;
use gstrswebrtc::signaller::{Signallable, WebRTCSignallerRole};

pub use failure::{SessionFailure, Stage};

glib::wrapper! {
    /// A `GstRSWebRTCSignallableIface` that keeps its connection and its sessions.
    ///
    /// For `BaseWebRTCSink::with_signaller`, or as `BaseWebRTCSrc`'s construct property
    /// `signaller`. The properties are read when the element starts it.
    ///
    /// # Properties
    /// * `uri`: `ws://` or `wss://` address of the server.
    /// * `cafile`: PEM file of the authorities that count; without it, the system's.
    /// * `token-file`: its first line is the token to log in with; without it, a guest.
    /// * `instance`: which installation of the account it is; with a name, its peer id stays.
    /// * `role`: consumer, producer or listener.
    /// * `producer-peer-id`, `producer-name`: which producer a consumer wants; the id comes first.
    /// * `connect-to-first-producer`: without these two, take whichever is there (the default), or
    ///   wait to be called by a producer.
    /// * `latency`: jitter buffer of a consumer, milliseconds.
    /// * `negotiation-timeout`: from a session's start until media must be able to flow,
    ///   milliseconds; 0 means for ever.
    /// * `client-id`: our peer id, `NULL` while there is no connection.
    ///
    /// # Signals, besides the interface's
    /// * `connected(peer-id)`: registered, and a producer taken; again after each reconnect.
    /// * `disconnected(reason, retry-ms)`: the next attempt comes by itself.
    /// * `refused(details)`: the server refused a request; nothing has ended.
    /// * `session-failed(session-id, code, text)`: before `session-ended`, when the reason is a
    ///   fault; the codes are those of [`SessionFailure::code`].
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

    /// Ends a session at both ends, element included. Only queues.
    pub fn abort_session(&self, session_id: &str, reason: &str) {
        self.imp().abort(session_id, SessionFailure::Application(reason.to_owned()));
    }

    /// Waits until a stopped signaller has said goodbye to the server; `false` if it has not within
    /// `timeout`. Not for the signaller's own signal handlers.
    pub fn wait_closed(&self, timeout: Duration) -> bool {
        self.imp().wait_closed(timeout)
    }
}

impl Default for Signaller {
    fn default() -> Self {
        glib::Object::new()
    }
}
