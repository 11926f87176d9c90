//! What is done to every webrtcbin: settings that the elements do not offer, and the check of who
//! is at the other end.
//!
//! Everything here runs in webrtcbin's own threads, so it looks and notes; ending a session is
//! queued. In the thread that ends a DTLS handshake, webrtcbin itself must not be asked anything:
//! its lock may be held by somebody who waits for that very thread.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use gst::glib;
use gst::prelude::*;
use gst_webrtc::{
    WebRTCDTLSTransport, WebRTCDTLSTransportState, WebRTCICEConnectionState,
    WebRTCPeerConnectionState, WebRTCRTPTransceiver, WebRTCSCTPTransport, WebRTCSessionDescription,
};

use super::failure::{SessionFailure, Stage};
use super::pulse::Pulse;
use crate::CAT;
use crate::fingerprint::{self, FingerprintError};

/// A webrtcbin that is watched.
pub(super) struct PeerConnection {
    webrtcbin: glib::WeakRef<gst::Element>,
    /// The id that came with it: the session's from webrtcsrc, the peer's from webrtcsink.
    given_id: String,
    ufrag: OnceLock<String>,
    progress: Mutex<Progress>,
    pulse: Arc<Pulse>,
}

#[derive(Default)]
struct Progress {
    stage: Stage,
    /// The other end's description, as webrtcbin's own thread last saw it.
    remote: Option<String>,
    /// Already watched; a bundle has one for all.
    transports: Vec<glib::WeakRef<WebRTCDTLSTransport>>,
}

/// What a webrtcbin has come to.
pub(super) enum News {
    Up,
    Failed(SessionFailure),
}

impl PeerConnection {
    /// Sets the webrtcbin up and watches it. `latency` is that of the jitter buffer, milliseconds.
    pub(super) fn watch(
        webrtcbin: &gst::Element,
        given_id: &str,
        latency: Option<u32>,
        tell: impl Fn(&PeerConnection, News) + Clone + Send + Sync + 'static,
    ) -> Arc<Self> {
        if let Some(latency) = latency {
            webrtcbin.set_property("latency", latency);
        }
        notice_dead_peers(webrtcbin);
        if let Some(bin) = webrtcbin.downcast_ref::<gst::Bin>() {
            crate::send_at_once(bin);
        }
        let connection = Arc::new(Self {
            webrtcbin: webrtcbin.downgrade(),
            given_id: given_id.to_owned(),
            ufrag: OnceLock::new(),
            progress: Mutex::default(),
            pulse: Arc::default(),
        });
        connection.pulse.notice_media(webrtcbin);
        let (ice, ice_tell) = (connection.clone(), tell.clone());
        webrtcbin.connect_notify(Some("ice-connection-state"), move |webrtcbin, _| {
            ice.ice_changed(webrtcbin, &ice_tell);
        });
        let whole = connection.clone();
        webrtcbin.connect_notify(Some("connection-state"), move |webrtcbin, _| {
            whole.connection_changed(webrtcbin, &tell);
        });
        connection
    }

    pub(super) fn given_id(&self) -> &str {
        &self.given_id
    }

    pub(super) fn is_alive(&self) -> bool {
        self.webrtcbin.upgrade().is_some()
    }

    /// `ice-ufrag` of the local description, once there is one.
    pub(super) fn ufrag(&self) -> Option<&str> {
        self.ufrag.get().map(String::as_str)
    }

    pub(super) fn stage(&self) -> Stage {
        self.progress().stage
    }

    /// What is heard of the other end.
    pub(super) fn pulse(&self) -> Arc<Pulse> {
        self.pulse.clone()
    }

    fn ice_changed(
        self: &Arc<Self>,
        webrtcbin: &gst::Element,
        tell: &(impl Fn(&Self, News) + Clone + Send + Sync + 'static),
    ) {
        use WebRTCICEConnectionState as Ice;
        self.read_descriptions(webrtcbin);
        match webrtcbin.property::<Ice>("ice-connection-state") {
            Ice::New => {}
            Ice::Checking => self.reached(Stage::Connecting),
            Ice::Connected | Ice::Completed => self.reached(Stage::Securing),
            Ice::Failed => return tell(self, News::Failed(SessionFailure::Ice)),
            _ => return,
        }
        // DTLS begins after ICE: from here on its end is noticed in the thread that reaches it,
        // before the first packet is let through.
        for transport in transports(webrtcbin) {
            if self.is_new(&transport) {
                let (connection, tell) = (self.clone(), tell.clone());
                transport.connect_state_notify(move |dtls| connection.secured(dtls, &tell));
            }
        }
    }

    /// In the thread that ended the handshake.
    fn secured(&self, dtls: &WebRTCDTLSTransport, tell: &impl Fn(&Self, News)) {
        if !is_secure(dtls) || self.stage() == Stage::Up {
            return;
        }
        let Some(webrtcbin) = self.webrtcbin.upgrade() else { return };
        let Some(remote) = self.progress().remote.clone() else { return };
        if let Err(error) = verify(dtls, &remote) {
            self.distrust(&webrtcbin, &error, tell);
        }
    }

    fn connection_changed(&self, webrtcbin: &gst::Element, tell: &impl Fn(&Self, News)) {
        use WebRTCPeerConnectionState as Whole;
        self.read_descriptions(webrtcbin);
        match webrtcbin.property::<Whole>("connection-state") {
            Whole::Connected if self.stage() < Stage::Up => self.up(webrtcbin, tell),
            // Of whichever part failed, ICE or DTLS.
            Whole::Failed => {
                use WebRTCICEConnectionState as Ice;
                let ice = webrtcbin.property::<Ice>("ice-connection-state");
                // The keys may fail before it is told that there is a way.
                let is_there = matches!(ice, Ice::Connected | Ice::Completed)
                    || transports(webrtcbin).iter().any(has_failed);
                let failure = if is_there { SessionFailure::Dtls } else { SessionFailure::Ice };
                tell(self, News::Failed(failure));
            }
            _ => {}
        }
    }

    /// All transports have their keys. Whoever could not be checked is not believed.
    fn up(&self, webrtcbin: &gst::Element, tell: &impl Fn(&Self, News)) {
        let remote = self.progress().remote.clone().unwrap_or_default();
        let secure: Vec<_> = transports(webrtcbin).into_iter().filter(is_secure).collect();
        let verdict = match secure.is_empty() {
            true => Err(FingerprintError::NoCertificate),
            false => secure.iter().try_for_each(|dtls| verify(dtls, &remote)),
        };
        match verdict {
            Ok(()) => {
                gst::info!(CAT, obj = webrtcbin, "the other end is who it says");
                self.reached(Stage::Up);
                self.pulse.listen(webrtcbin);
                tell(self, News::Up);
            }
            Err(error) => self.distrust(webrtcbin, &error, tell),
        }
    }

    fn distrust(
        &self,
        webrtcbin: &gst::Element,
        error: &FingerprintError,
        tell: &impl Fn(&Self, News),
    ) {
        gst::error!(CAT, obj = webrtcbin, "{error}");
        silence(webrtcbin);
        tell(self, News::Failed(SessionFailure::Fingerprint(error.to_string())));
    }

    /// Takes webrtcbin's lock: for its own thread only.
    fn read_descriptions(&self, webrtcbin: &gst::Element) {
        if self.ufrag.get().is_none()
            && let Some(description) = description(webrtcbin, "local-description")
            && let Some(found) = ufrag(&description)
        {
            let _ = self.ufrag.set(found);
        }
        let remote = description(webrtcbin, "remote-description")
            .and_then(|description| description.sdp().as_text().ok());
        if remote.is_some() {
            self.progress().remote = remote;
        }
    }

    fn reached(&self, stage: Stage) {
        let mut progress = self.progress();
        progress.stage = progress.stage.max(stage);
    }

    fn is_new(&self, transport: &WebRTCDTLSTransport) -> bool {
        let mut progress = self.progress();
        let known =
            progress.transports.iter().any(|known| known.upgrade().as_ref() == Some(transport));
        if !known {
            progress.transports.push(transport.downgrade());
        }
        !known
    }

    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `ice-ufrag` of a description's first m-line.
pub(super) fn ufrag(description: &WebRTCSessionDescription) -> Option<String> {
    let sdp = description.sdp();
    sdp.medias().find_map(|media| media.attribute_val("ice-ufrag")).map(str::to_owned)
}

/// With GStreamer 1.22 a peer that vanishes is not noticed in minutes, unless libnice goes on with
/// its connectivity checks: then ICE fails after some 45 s.
fn notice_dead_peers(webrtcbin: &gst::Element) {
    let agent = object(webrtcbin, "ice-agent").and_then(|ice| object(&ice, "agent"));
    match agent {
        Some(agent) if agent.has_property_with_type("keepalive-conncheck", bool::static_type()) => {
            agent.set_property("keepalive-conncheck", true);
        }
        _ => gst::debug!(CAT, obj = webrtcbin, "the ICE agent has no keepalive-conncheck"),
    }
}

fn object(of: &impl IsA<glib::Object>, property: &str) -> Option<glib::Object> {
    of.find_property(property)?;
    of.property_value(property).get::<Option<glib::Object>>().ok().flatten()
}

fn is_secure(dtls: &WebRTCDTLSTransport) -> bool {
    dtls.state() == WebRTCDTLSTransportState::Connected
}

fn has_failed(dtls: &WebRTCDTLSTransport) -> bool {
    dtls.state() == WebRTCDTLSTransportState::Failed
}

fn verify(dtls: &WebRTCDTLSTransport, remote: &str) -> Result<(), FingerprintError> {
    let certificate = dtls.remote_certificate().ok_or(FingerprintError::NoCertificate)?;
    fingerprint::verify(&certificate, remote)
}

fn description(webrtcbin: &gst::Element, name: &str) -> Option<WebRTCSessionDescription> {
    webrtcbin.property::<Option<WebRTCSessionDescription>>(name)
}

/// The DTLS transports of all m-lines, each once. Takes webrtcbin's lock.
fn transports(webrtcbin: &gst::Element) -> Vec<WebRTCDTLSTransport> {
    let transceivers = (0..).map_while(|index: i32| {
        webrtcbin.emit_by_name::<Option<WebRTCRTPTransceiver>>("get-transceiver", &[&index])
    });
    let media = transceivers.filter_map(|transceiver| transceiver.receiver()?.transport());
    let data = webrtcbin
        .property::<Option<WebRTCSCTPTransport>>("sctp-transport")
        .and_then(|sctp| sctp.transport());
    let mut transports = Vec::new();
    for transport in media.chain(data) {
        if !transports.contains(&transport) {
            transports.push(transport);
        }
    }
    transports
}

/// From this moment on nothing goes through, in either direction, until the session is gone.
fn silence(webrtcbin: &gst::Element) {
    for pad in webrtcbin.pads() {
        pad.add_probe(gst::PadProbeType::DATA_DOWNSTREAM, |_, _| gst::PadProbeReturn::Drop);
    }
    webrtcbin.connect_pad_added(|_, pad| {
        pad.add_probe(gst::PadProbeType::DATA_DOWNSTREAM, |_, _| gst::PadProbeReturn::Drop);
    });
}
