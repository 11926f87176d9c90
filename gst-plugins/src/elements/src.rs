//! The body of `intercomsrc`: upstream's source with our signaller in it, found by `intercom://`.

use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

use gst::glib;
use gst::glib::subclass::Signal;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gstrswebrtc::webrtcsrc::BaseWebRTCSrc;

use super::links::Links;
use super::shared;
use super::uri::{self, IntercomUri};
use crate::{CAT, DtlsKey, Signaller, WebRTCSignallerRole, preheat_dtls, signals};

/// The body of [`super::IntercomSrc`].
pub struct IntercomSrc {
    signaller: Signaller,
    key: OnceLock<DtlsKey>,
    /// What was given as an `intercom://` address.
    uri: Mutex<Option<String>>,
    links: Links,
}

impl Default for IntercomSrc {
    fn default() -> Self {
        let signaller = Signaller::new(WebRTCSignallerRole::Consumer);
        Self { signaller, key: OnceLock::new(), uri: Mutex::default(), links: Links::default() }
    }
}

#[glib::object_subclass]
impl ObjectSubclass for IntercomSrc {
    const NAME: &'static str = "GstIntercomSrc";
    type Type = super::IntercomSrc;
    type ParentType = BaseWebRTCSrc;
    type Interfaces = (gst::URIHandler,);
}

impl ObjectImpl for IntercomSrc {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            let own = ["peer", "producer-peer-id", "connect-to-first-producer", "latency", "stats"];
            shared::properties(&[&shared::BOTH[..], &own].concat())
        });
        PROPERTIES.as_ref()
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        // What cannot be read is left to the signaller, which says so when it starts.
        if pspec.name() == "uri"
            && let Ok(Some(uri)) = value.get::<Option<&str>>()
            && IntercomUri::is_meant(uri)
            && self.set_uri(uri).is_ok()
        {
            return;
        }
        self.signaller.set_property_from_value(pspec.name(), value);
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        self.signaller.property_value(pspec.name())
    }

    fn signals() -> &'static [Signal] {
        static SIGNALS: LazyLock<Vec<Signal>> = LazyLock::new(signals::all);
        SIGNALS.as_ref()
    }

    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        shared::set_up(obj.upcast_ref(), &self.signaller);
        self.links.keep(obj.upcast_ref());
        let base = obj.upcast_ref::<BaseWebRTCSrc>().imp();
        if let Err(error) = base.set_signaller(self.signaller.clone().upcast()) {
            gst::error!(CAT, imp = self, "the signaller was not taken: {error}");
        }
    }
}

impl GstObjectImpl for IntercomSrc {}

impl ElementImpl for IntercomSrc {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Intercom source",
                "Source/Network/WebRTC",
                "Receives picture and sound by WebRTC from a producer of an intercom-signaller",
                super::AUTHOR,
            )
        });
        Some(&*METADATA)
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        if transition == gst::StateChange::NullToReady {
            self.key.get_or_init(preheat_dtls);
        }
        let done = self.parent_change_state(transition)?;
        if transition == gst::StateChange::ReadyToNull {
            shared::say_goodbye(&self.signaller);
        }
        Ok(done)
    }

    /// Upstream's swallows the end that an application asks for, and a recording never gets its
    /// index.
    fn send_event(&self, event: gst::Event) -> bool {
        match event.type_() {
            gst::EventType::Eos => {
                let pads = self.obj().src_pads();
                pads.iter().filter(|pad| !pad.push_event(event.clone())).count() == 0
            }
            _ => self.parent_send_event(event),
        }
    }
}

impl BinImpl for IntercomSrc {}

impl URIHandlerImpl for IntercomSrc {
    const URI_TYPE: gst::URIType = gst::URIType::Src;

    fn protocols() -> &'static [&'static str] {
        &[uri::SECURE, uri::PLAIN]
    }

    fn uri(&self) -> Option<String> {
        self.uri.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_uri(&self, uri: &str) -> Result<(), glib::Error> {
        let IntercomUri { server, peer, peer_id } =
            uri.parse().map_err(|error: uri::UriError| {
                glib::Error::new(gst::URIError::BadUri, &error.to_string())
            })?;
        self.signaller.set_uri(server);
        self.signaller.set_peer(peer);
        self.signaller.set_producer_peer_id(peer_id);
        *self.uri.lock().unwrap_or_else(PoisonError::into_inner) = Some(uri.to_owned());
        Ok(())
    }
}
