//! The body of `intercomsink`: upstream's sink with our signaller in it.

use std::sync::{LazyLock, OnceLock};

use gst::glib;
use gst::glib::subclass::Signal;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gstrswebrtc::webrtcsink::BaseWebRTCSink;

use super::shared;
use crate::{CAT, DtlsKey, Signaller, WebRTCSignallerRole, preheat_dtls, signals};

/// The body of [`super::IntercomSink`].
pub struct IntercomSink {
    signaller: Signaller,
    key: OnceLock<DtlsKey>,
}

impl Default for IntercomSink {
    fn default() -> Self {
        Self { signaller: Signaller::new(WebRTCSignallerRole::Producer), key: OnceLock::new() }
    }
}

#[glib::object_subclass]
impl ObjectSubclass for IntercomSink {
    const NAME: &'static str = "GstIntercomSink";
    type Type = super::IntercomSink;
    type ParentType = BaseWebRTCSink;
}

impl ObjectImpl for IntercomSink {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> =
            LazyLock::new(|| shared::properties(&shared::BOTH));
        PROPERTIES.as_ref()
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
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
        let (signaller, obj) = (&self.signaller, self.obj());
        // Before upstream's own handler, whose answer then is not asked for: the first one counts.
        let weak = obj.downgrade();
        signaller.connect("request-meta", false, move |_| {
            Some(weak.upgrade().and_then(|obj| obj.imp().meta()).to_value())
        });
        shared::set_up(obj.upcast_ref(), signaller);
        let base = obj.upcast_ref::<BaseWebRTCSink>();
        crate::send_at_once(base);
        crate::outlive_sessions(base, signaller);
        if let Err(error) = base.imp().set_signaller(signaller.clone().upcast()) {
            gst::error!(CAT, imp = self, "the signaller was not taken: {error}");
        }
    }
}

impl GstObjectImpl for IntercomSink {}

impl ElementImpl for IntercomSink {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Intercom sink",
                "Sink/Network/WebRTC",
                "Sends picture and sound by WebRTC to whoever asks an intercom-signaller for them",
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
}

impl BinImpl for IntercomSink {}

impl IntercomSink {
    /// What others see: without a `name` in it, that of the element, if somebody gave it one.
    fn meta(&self) -> Option<gst::Structure> {
        let obj = self.obj();
        let meta = obj.property::<Option<gst::Structure>>("meta");
        let name = obj.name();
        let is_counted = name
            .strip_prefix("intercomsink")
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
        if is_counted || meta.as_ref().is_some_and(|meta| meta.has_field("name")) {
            return meta;
        }
        let mut meta = meta.unwrap_or_else(|| gst::Structure::new_empty("meta"));
        meta.set("name", name.as_str());
        Some(meta)
    }
}
