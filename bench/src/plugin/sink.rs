//! `benchsink`: a screen that shows nothing. It keeps time as a real one does and drops what comes
//! too late for it.
//!
//! It tells the UDP port of 127.0.0.1 that `port` names, one datagram an event:
//! `made NANOSECONDS` once, when it was created; for each picture `decoded NANOSECONDS` when it
//! arrived and `shown NANOSECONDS MICROSECONDS` when it was due, with its age, or `-` if its stamp
//! cannot be read.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{LazyLock, Mutex, PoisonError};

use gst::glib;
use gst::subclass::prelude::*;
use gst_video::prelude::*;
use gst_video::subclass::prelude::*;
use gst_video::{VideoFrameRef, VideoInfo};

use super::pattern::Luma;

glib::wrapper! {
    pub(super) struct Sink(ObjectSubclass<Imp>)
        @extends gst_video::VideoSink, gst_base::BaseSink, gst::Element, gst::Object;
}

pub(super) struct Imp {
    made: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    port: u16,
    socket: Option<UdpSocket>,
    info: Option<VideoInfo>,
}

impl Default for Imp {
    fn default() -> Self {
        Self { made: crate::now(), state: Mutex::default() }
    }
}

#[glib::object_subclass]
impl ObjectSubclass for Imp {
    const NAME: &'static str = "BenchSink";
    type Type = Sink;
    type ParentType = gst_video::VideoSink;
}

impl Imp {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether anybody listens is not this element's business.
    fn tell(&self, event: &str) {
        self.with(|state| {
            if let Some(socket) = &state.socket {
                let _ = socket.send_to(event.as_bytes(), (Ipv4Addr::LOCALHOST, state.port));
            }
        });
    }

    /// How long ago a picture was stamped, microseconds.
    fn age(&self, buffer: &gst::BufferRef) -> Option<u32> {
        let now = super::stamp_now();
        let info = self.with(|state| state.info.clone())?;
        let frame = VideoFrameRef::from_buffer_ref_readable(buffer, &info).ok()?;
        let (width, stride) = (frame.width() as usize, frame.plane_stride()[0] as usize);
        let stamp = Luma { pixels: frame.plane_data(0).ok()?, width, stride }.read()?;
        Some(now.wrapping_sub(stamp))
    }
}

impl ObjectImpl for Imp {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            let port = glib::ParamSpecUInt::builder("port").nick("Port").blurb("Whom to tell");
            vec![port.maximum(u32::from(u16::MAX)).build()]
        });
        &PROPERTIES
    }

    fn set_property(&self, _: usize, value: &glib::Value, _: &glib::ParamSpec) {
        let port = value.get::<u32>().ok().and_then(|port| u16::try_from(port).ok());
        self.with(|state| state.port = port.unwrap_or_default());
    }

    fn property(&self, _: usize, _: &glib::ParamSpec) -> glib::Value {
        self.with(|state| u32::from(state.port).to_value())
    }
}

impl GstObjectImpl for Imp {}

impl ElementImpl for Imp {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Time stamp reader",
                "Sink/Video",
                "Tells when pictures arrive and how old they are",
                env!("CARGO_PKG_NAME"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let (direction, always) = (gst::PadDirection::Sink, gst::PadPresence::Always);
            let template = gst::PadTemplate::new("sink", direction, always, &super::stamp::caps());
            template.into_iter().collect()
        });
        &TEMPLATES
    }
}

impl BaseSinkImpl for Imp {
    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| {
            socket.set_nonblocking(true)?;
            Ok(socket)
        });
        let socket = socket.map_err(|error| {
            gst::error_msg!(gst::ResourceError::OpenWrite, ["no socket: {error}"])
        })?;
        self.with(|state| state.socket = Some(socket));
        self.tell(&format!("made {}", self.made));
        Ok(())
    }

    fn set_caps(&self, caps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let info = VideoInfo::from_caps(caps)?;
        self.with(|state| state.info = Some(info));
        Ok(())
    }

    fn prepare(&self, _: &gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        self.tell(&format!("decoded {}", crate::now()));
        Ok(gst::FlowSuccess::Ok)
    }
}

impl VideoSinkImpl for Imp {
    fn show_frame(&self, buffer: &gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        let age = self.age(buffer).map_or_else(|| "-".to_owned(), |age| age.to_string());
        self.tell(&format!("shown {} {age}", crate::now()));
        Ok(gst::FlowSuccess::Ok)
    }
}
