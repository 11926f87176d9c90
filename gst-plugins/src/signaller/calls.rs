//! Calls and presence, as signals; and which call this connection's media belong to.

use gst::prelude::*;
use gst::subclass::prelude::*;
use gstrswebrtc::signaller::WebRTCSignallerRole;
use intercom_client::{Account, CallEvent, CallId, PeerId, Status};

use super::imp::{Signaller, lock, printable};
use crate::CAT;

/// Only the events' thread calls these.
impl Signaller {
    pub(super) fn presence(&self, account: &Account) {
        let status = match account.status {
            Status::Disconnected => "disconnected",
            Status::Available => "available",
            Status::Busy => "busy",
        };
        self.emit("presence-changed", &[&printable(&account.name), &status, &account.callable]);
    }

    pub(super) fn account_gone(&self, name: &str) {
        self.emit("presence-changed", &[&printable(name), &"gone", &false]);
    }

    pub(super) fn call(&self, event: &CallEvent) {
        match event {
            CallEvent::Incoming { call, from, media } => {
                let args: [&dyn ToValue; 4] =
                    [&call.as_str(), &printable(from), &media.audio, &media.video];
                self.emit("incoming-call", &args);
            }
            CallEvent::Refused { to, code, details } => {
                gst::info!(CAT, imp = self, "{to} was not rung: {details}");
                self.call_state(None, "refused", Some(code));
            }
            CallEvent::Ringing { call, to } => self.call_state(Some(call), "ringing", Some(to)),
            CallEvent::Accepted { call, with, .. } => {
                *lock(&self.held) = Some(call.clone());
                self.attach();
                self.call_state(Some(call), "accepted", Some(with));
            }
            CallEvent::Away { call } => self.call_state(Some(call), "away", None),
            CallEvent::Back { call } => self.call_state(Some(call), "back", None),
            CallEvent::Ended { call, reason } => {
                lock(&self.held).take_if(|current| current == call);
                self.call_state(Some(call), "ended", Some(&reason.to_string()));
            }
            // A consumer follows by itself.
            CallEvent::Peer { .. } | CallEvent::PeerGone { .. } | CallEvent::Updated { .. } => {}
        }
    }

    /// A producer carries the call that it holds: once that is accepted, and once it has an id.
    pub(super) fn attach(&self) {
        if self.obj().role() != WebRTCSignallerRole::Producer {
            return;
        }
        let Some(call) = lock(&self.held).clone() else { return };
        if let Some(peer_id) = self.obj().client_id().as_deref().and_then(PeerId::new) {
            self.with_client(|client| client.attach_peer(call, peer_id));
        }
    }

    fn call_state(&self, call: Option<&CallId>, state: &str, detail: Option<&str>) {
        let args: [&dyn ToValue; 3] = [&call.map(CallId::as_str), &state, &detail.map(printable)];
        self.emit("call-state-changed", &args);
    }
}
