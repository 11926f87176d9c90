//! The video encoder that all viewers share: low latency, a steady bitrate, key frames on demand.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use gst::{glib, prelude::*};

use crate::{
    element::{self, ElementError},
    keyframes,
    spec::{Bitrate, Codec, Size},
};

/// A key frame comes at least this often, for recorders and for encoders that answer no requests.
const KEYFRAME_SECONDS: i32 = 2;

/// No viewer, however bad the way to it, can press the bitrate of all below this part of what was
/// asked for.
const FLOOR: u32 = 8;

/// An encoder in a bin: raw video in, one codec out.
#[derive(Clone, Debug)]
pub struct Encoder {
    bin: gst::Bin,
    element: gst::Element,
    wanted: Bitrate,
    /// What the way to each viewer bears, bits a second.
    estimates: Arc<Mutex<HashMap<String, u32>>>,
}

impl Encoder {
    /// An encoder for pictures of this size.
    ///
    /// # Errors
    /// The encoder is not installed.
    pub fn new(codec: Codec, bitrate: Bitrate, size: Size) -> Result<Self, ElementError> {
        let (element, caps) = match codec {
            Codec::Vp8 => (vp8(bitrate, size)?, gst::Caps::new_empty_simple("video/x-vp8")),
            Codec::H264 => (h264(bitrate, size)?, h264_caps()),
        };
        keyframes::limit(&element);
        let bin = gst::Bin::with_name("encoder");
        let queue = element::leaky_queue(gst::ClockTime::from_mseconds(200))?;
        let filter = element::caps_filter(&caps)?;
        element::chain(&bin, &[queue.clone(), element.clone(), filter.clone()])?;
        element::ghost(&bin, &queue, "sink")?;
        element::ghost(&bin, &filter, "src")?;
        Ok(Self { bin, element, wanted: bitrate, estimates: Arc::default() })
    }

    /// The bin, with the pads `sink` and `src`.
    pub fn bin(&self) -> &gst::Bin {
        &self.bin
    }

    /// Takes note of what the way to a viewer bears, in bits a second. The encoder follows the
    /// slowest viewer, but never below an eighth of the bitrate asked for.
    ///
    /// Only notes and returns: the encoder itself is set from the main loop, because the caller
    /// may hold locks that the encoding thread needs.
    pub fn estimate(&self, viewer: &str, bits: u32) {
        self.lock().insert(viewer.to_owned(), bits);
        self.follow();
    }

    /// Forgets a viewer.
    pub fn forget(&self, viewer: &str) {
        self.lock().remove(viewer);
        self.follow();
    }

    fn follow(&self) {
        let slowest = self.lock().values().copied().min();
        let bits = target(self.wanted, slowest);
        let element = self.element.clone();
        glib::idle_add_once(move || set_bitrate(&element, bits));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, u32>> {
        self.estimates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets an Opus packet carry a poorer copy of the one before it.
pub(crate) fn protect_from_loss(opusenc: &gst::Element) {
    opusenc.set_property("inband-fec", true);
    opusenc.set_property("packet-loss-percentage", 10i32);
}

/// -16 is the fastest and poorest, 0 the slowest: docs/ref/producer.md has the measurement.
const VP8_SPEED: i32 = -8;

fn vp8(bitrate: Bitrate, size: Size) -> Result<gst::Element, ElementError> {
    let encoder = element::make("vp8enc")?;
    encoder.set_property("deadline", 1i64);
    encoder.set_property("cpu-used", VP8_SPEED);
    encoder.set_property("threads", 2i32);
    encoder.set_property("keyframe-max-dist", size.fps * KEYFRAME_SECONDS);
    encoder.set_property("lag-in-frames", 0i32);
    encoder.set_property_from_str("end-usage", "cbr");
    encoder.set_property("buffer-initial-size", 100i32);
    encoder.set_property("buffer-optimal-size", 120i32);
    encoder.set_property("buffer-size", 150i32);
    encoder.set_property("max-intra-bitrate", 250i32);
    set_bitrate(&encoder, bitrate.0);
    Ok(encoder)
}

fn h264(bitrate: Bitrate, size: Size) -> Result<gst::Element, ElementError> {
    let encoder = element::make_first(&["x264enc", "openh264enc"])?;
    let interval = (size.fps * KEYFRAME_SECONDS).unsigned_abs();
    if encoder.has_property("speed-preset") {
        encoder.set_property_from_str("tune", "zerolatency");
        encoder.set_property_from_str("speed-preset", "ultrafast");
        encoder.set_property("key-int-max", interval);
        encoder.set_property("bframes", 0u32);
        encoder.set_property("b-adapt", false);
        encoder.set_property("vbv-buf-capacity", 120u32);
        encoder.set_property("threads", 2u32);
    } else {
        encoder.set_property("gop-size", interval);
        encoder.set_property_from_str("rate-control", "bitrate");
        encoder.set_property_from_str("complexity", "low");
    }
    set_bitrate(&encoder, bitrate.0);
    Ok(encoder)
}

/// Every browser decodes constrained baseline; an answer that rejects another profile can abort
/// the process on GStreamer 1.22.
fn h264_caps() -> gst::Caps {
    gst::Caps::builder("video/x-h264")
        .field("profile", "constrained-baseline")
        .field("stream-format", "byte-stream")
        .field("alignment", "au")
        .build()
}

fn set_bitrate(encoder: &gst::Element, bits: u32) {
    if encoder.has_property("target-bitrate") {
        encoder.set_property("target-bitrate", i32::try_from(bits).unwrap_or(i32::MAX));
    } else if encoder.has_property("speed-preset") {
        encoder.set_property("bitrate", (bits / 1000).max(1));
    } else {
        encoder.set_property("bitrate", bits);
    }
}

/// The bitrate to encode at when the slowest viewer bears `slowest`.
fn target(wanted: Bitrate, slowest: Option<u32>) -> u32 {
    slowest.map_or(wanted.0, |bits| bits.clamp(wanted.0 / FLOOR, wanted.0))
}

/// The least that is ever estimated for a viewer, bits a second.
pub fn floor(wanted: Bitrate) -> u32 {
    wanted.0 / FLOOR
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_slowest_viewer_decides_within_bounds() {
        let wanted = Bitrate(2_000_000);
        assert_eq!(target(wanted, None), 2_000_000);
        assert_eq!(target(wanted, Some(900_000)), 900_000);
        assert_eq!(target(wanted, Some(9_000_000)), 2_000_000);
        assert_eq!(target(wanted, Some(0)), 250_000);
    }

    #[test]
    fn encoders_take_a_bitrate() {
        gst::init().unwrap();
        let size = Size { width: 640, height: 480, fps: 30 };
        let vp8 = vp8(Bitrate(800_000), size).unwrap();
        assert_eq!(vp8.property::<i32>("target-bitrate"), 800_000);
        let h264 = h264(Bitrate(800_000), size).unwrap();
        set_bitrate(&h264, 500_000);
        assert_eq!(h264.property::<u32>("bitrate"), 500);
    }
}
