//! `benchstamp`: writes into each picture when it passed.

use std::sync::LazyLock;

use gst::glib;
use gst::subclass::prelude::*;
use gst_video::prelude::*;
use gst_video::subclass::prelude::*;
use gst_video::{VideoFormat, VideoFrameRef};

use super::pattern::Luma;

glib::wrapper! {
    pub(super) struct Stamp(ObjectSubclass<Imp>)
        @extends gst_video::VideoFilter, gst_base::BaseTransform, gst::Element, gst::Object;
}

#[derive(Default)]
pub(super) struct Imp;

#[glib::object_subclass]
impl ObjectSubclass for Imp {
    const NAME: &'static str = "BenchStamp";
    type Type = Stamp;
    type ParentType = gst_video::VideoFilter;
}

impl ObjectImpl for Imp {}
impl GstObjectImpl for Imp {}

impl ElementImpl for Imp {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Time stamp",
                "Filter/Effect/Video",
                "Writes the time into each picture",
                env!("CARGO_PKG_NAME"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let directions = [("sink", gst::PadDirection::Sink), ("src", gst::PadDirection::Src)];
            directions
                .into_iter()
                .filter_map(|(name, direction)| {
                    let always = gst::PadPresence::Always;
                    gst::PadTemplate::new(name, direction, always, &caps()).ok()
                })
                .collect()
        });
        &TEMPLATES
    }
}

impl BaseTransformImpl for Imp {
    const MODE: gst_base::subclass::BaseTransformMode =
        gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;
}

impl VideoFilterImpl for Imp {
    fn transform_frame_ip(
        &self,
        frame: &mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let (width, stride) = (frame.width() as usize, frame.plane_stride()[0] as usize);
        let pixels = frame.plane_data_mut(0).map_err(|_| gst::FlowError::Error)?;
        Luma { pixels, width, stride }.write(super::stamp_now());
        Ok(gst::FlowSuccess::Ok)
    }
}

/// Formats that begin with a plane of brightness.
pub(super) fn caps() -> gst::Caps {
    gst_video::VideoCapsBuilder::new()
        .format_list([VideoFormat::I420, VideoFormat::Yv12, VideoFormat::Nv12])
        .build()
}
