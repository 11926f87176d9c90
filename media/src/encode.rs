//! The video encoder that all viewers share: low latency, a bitrate that the slowest of them can
//! take, key frames on demand, and rest while nobody watches.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use gst::{glib, prelude::*};

use crate::{
    element::{self, ElementError},
    spec::{Bitrate, Codec, Size},
};

/// A key frame comes at least this often. Each is a burst that a narrow link takes a second to
/// carry; viewers ask for one when they need it.
const KEYFRAME_SECONDS: i32 = 10;
const H264_KEYFRAME_SECONDS: i32 = 2;

/// Every viewer that joins or loses packets asks for a key frame, and it costs all the others. A
/// request that comes sooner after the last one waits until then.
const KEYFRAME_PAUSE: gst::ClockTime = gst::ClockTime::from_mseconds(300);

/// No viewer, however bad the way to it, can press the bitrate of all below this part of what was
/// asked for.
const FLOOR: u32 = 4;

/// An encoder in a bin: raw video in, one codec out.
#[derive(Clone, Debug)]
pub struct Encoder {
    bin: gst::Bin,
    element: gst::Element,
    rate: Arc<Mutex<Rate>>,
    /// Lets no picture into the encoder while nobody watches.
    valve: gst::Element,
    /// Whether the sink has seen a key frame.
    is_known: Arc<AtomicBool>,
}

/// What decides on the bitrate.
#[derive(Debug)]
struct Rate {
    wanted: Bitrate,
    /// What the way to each viewer bears, bits a second.
    estimates: HashMap<String, u32>,
}

impl Encoder {
    /// An encoder for pictures of this size.
    ///
    /// # Errors
    /// The encoder is not installed.
    pub fn new(codec: Codec, bitrate: Bitrate, size: Size) -> Result<Self, ElementError> {
        let (element, caps) = match codec {
            Codec::Vp8 => (vpx("vp8enc", VP8_SPEED, bitrate, size)?, any(codec)),
            Codec::Vp9 => (vpx("vp9enc", VP9_SPEED, bitrate, size)?, any(codec)),
            Codec::H264 => (h264(bitrate, size)?, h264_caps()),
            Codec::Av1 => (av1(bitrate)?, any(codec)),
        };
        element.set_property("min-force-key-unit-interval", KEYFRAME_PAUSE.nseconds());
        hide_raw_gaps(&element);
        let bin = gst::Bin::with_name("encoder");
        let queue = element::leaky_queue(gst::ClockTime::from_mseconds(200))?;
        let filter = element::caps_filter(&caps)?;
        let valve = element::make("valve")?;
        valve.set_property_from_str("drop-mode", "forward-sticky-events");
        element::chain(&bin, &[valve.clone(), queue, element.clone(), filter.clone()])?;
        element::ghost(&bin, &valve, "sink")?;
        element::ghost(&bin, &filter, "src")?;
        let is_known = Arc::default();
        show_key_frames(&element, &is_known);
        let rate = Rate { wanted: bitrate, estimates: HashMap::new() };
        Ok(Self { bin, element, rate: Arc::new(Mutex::new(rate)), valve, is_known })
    }

    /// The bin, with the pads `sink` and `src`.
    pub fn bin(&self) -> &gst::Bin {
        &self.bin
    }

    /// Takes note of what the way to a viewer bears, in bits a second. The encoder follows the
    /// slowest viewer, but never below a quarter of the bitrate asked for.
    ///
    /// Only notes and returns: the encoder itself is set from the main loop, because the caller
    /// may hold locks that the encoding thread needs.
    pub fn estimate(&self, viewer: &str, bits: u32) {
        self.lock().estimates.insert(viewer.to_owned(), bits);
        self.follow();
    }

    /// Has another bitrate from here on.
    pub fn aim(&self, bitrate: Bitrate) {
        self.lock().wanted = bitrate;
        self.follow();
    }

    /// Encodes nothing from here on, or again; then with a key frame first.
    pub fn rest(&self, rests: bool) {
        if !rests {
            ask_for_key_frame(&self.element);
        }
        self.valve.set_property("drop", rests);
    }

    /// The sink knows what is encoded: key frames come when they are asked for.
    pub fn is_known(&self) {
        self.is_known.store(true, Ordering::Relaxed);
    }

    /// A viewer has gone; one that never came is ignored.
    pub fn forget(&self, viewer: &str) {
        self.lock().estimates.remove(viewer);
        self.follow();
    }

    fn follow(&self) {
        let bits = self.lock().target();
        let element = self.element.clone();
        glib::idle_add_once(move || set_bitrate(&element, bits));
    }

    fn lock(&self) -> MutexGuard<'_, Rate> {
        self.rate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rate {
    fn target(&self) -> u32 {
        target(self.wanted, self.estimates.values().copied().min())
    }
}

/// The sink learns from a key frame what it has to offer, and misses the very first: until it has
/// registered, others come.
fn show_key_frames(encoder: &gst::Element, is_known: &Arc<AtomicBool>) {
    let (encoder, is_known) = (encoder.downgrade(), is_known.clone());
    glib::timeout_add(KEYFRAME_PAUSE.into(), move || {
        let encoder = encoder.upgrade().filter(|_| !is_known.load(Ordering::Relaxed));
        let Some(encoder) = encoder else { return glib::ControlFlow::Break };
        ask_for_key_frame(&encoder);
        glib::ControlFlow::Continue
    });
}

fn ask_for_key_frame(encoder: &gst::Element) {
    if let Some(pad) = encoder.static_pad("src") {
        pad.send_event(gst_video::UpstreamForceKeyUnitEvent::builder().build());
    }
}

/// A frame dropped before an encoder leaves no gap in what it encodes. The encoder marks one all the
/// same, and the sink would take the mark for loss: it would withhold the picture from all viewers
/// until the next key frame.
fn hide_raw_gaps(encoder: &gst::Element) {
    let Some(pad) = encoder.static_pad("src") else { return };
    pad.add_probe(gst::PadProbeType::BUFFER, |_, info| {
        if let Some(buffer) = info.buffer_mut()
            && buffer.flags().contains(gst::BufferFlags::DISCONT)
        {
            buffer.make_mut().unset_flags(gst::BufferFlags::DISCONT);
        }
        gst::PadProbeReturn::Ok
    });
}

/// Lets an Opus packet carry a poorer copy of the one before it.
pub(crate) fn protect_from_loss(opusenc: &gst::Element) {
    opusenc.set_property("inband-fec", true);
    opusenc.set_property("packet-loss-percentage", 10i32);
}

/// -16 is the fastest and poorest, 0 the slowest: docs/ref/producer.md has the measurement.
const VP8_SPEED: i32 = -8;

/// 9 is the fastest for moving pictures.
const VP9_SPEED: i32 = 8;

fn vpx(name: &str, speed: i32, bitrate: Bitrate, size: Size) -> Result<gst::Element, ElementError> {
    let encoder = element::make(name)?;
    encoder.set_property("deadline", 1i64);
    encoder.set_property("cpu-used", speed);
    // libvpx's threads wait for each other by spinning: with two, on a machine that has other work,
    // both processors are full and no picture comes.
    encoder.set_property("threads", 1i32);
    encoder.set_property("keyframe-max-dist", size.fps * KEYFRAME_SECONDS);
    encoder.set_property("lag-in-frames", 0i32);
    encoder.set_property_from_str("end-usage", "cbr");
    encoder.set_property("buffer-initial-size", 100i32);
    encoder.set_property("buffer-optimal-size", 120i32);
    encoder.set_property("buffer-size", 150i32);
    encoder.set_property("max-intra-bitrate", 250i32);
    // A picture that cannot be coarser still keeps to the bitrate: by fewer frames.
    encoder.set_property("dropframe-threshold", 30i32);
    set_bitrate(&encoder, bitrate.0);
    Ok(encoder)
}

fn h264(bitrate: Bitrate, size: Size) -> Result<gst::Element, ElementError> {
    let encoder = element::make_first(&["x264enc", "openh264enc"])?;
    let interval = (size.fps * H264_KEYFRAME_SECONDS).unsigned_abs();
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

fn av1(bitrate: Bitrate) -> Result<gst::Element, ElementError> {
    let encoder = element::make("av1enc")?;
    set_up_av1(&encoder, bitrate);
    Ok(encoder)
}

/// 10 is the fastest and poorest.
const AV1_SPEED: i32 = 10;

/// `av1enc` of GStreamer 1.22 makes no key frame when it is asked to: whoever comes or loses a
/// packet waits for the next.
const AV1_KEYFRAME_DISTANCE: i32 = 60;

/// Sets all that `av1enc` needs. By itself it is far too slow, and at a constant bitrate its two
/// quantizers, both zero, end the process.
pub(crate) fn set_up_av1(encoder: &gst::Element, bitrate: Bitrate) {
    encoder.set_property_from_str("usage-profile", "realtime");
    encoder.set_property("cpu-used", AV1_SPEED);
    encoder.set_property("threads", 2u32);
    encoder.set_property("keyframe-max-dist", AV1_KEYFRAME_DISTANCE);
    encoder.set_property_from_str("end-usage", "cbr");
    encoder.set_property("min-quantizer", 2u32);
    encoder.set_property("max-quantizer", 58u32);
    encoder.set_property("buf-sz", 1000u32);
    encoder.set_property("buf-initial-sz", 600u32);
    encoder.set_property("buf-optimal-sz", 600u32);
    set_bitrate(encoder, bitrate.0);
}

fn any(codec: Codec) -> gst::Caps {
    gst::Caps::new_empty_simple(codec.caps_name())
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

/// Each setting makes the encoder set itself up again, so that one that changes nothing is left out.
fn set_bitrate(encoder: &gst::Element, bits: u32) {
    let kilobits = (bits / 1000).max(1);
    match encoder.factory().map(|factory| factory.name()).as_deref() {
        Some("vp8enc" | "vp9enc") => {
            let bits = i32::try_from(bits).unwrap_or(i32::MAX);
            if encoder.property::<i32>("target-bitrate") != bits {
                encoder.set_property("target-bitrate", bits);
            }
        }
        Some("av1enc") => set_number(encoder, "target-bitrate", kilobits),
        Some("x264enc") => set_number(encoder, "bitrate", kilobits),
        _ => set_number(encoder, "bitrate", bits),
    }
}

fn set_number(encoder: &gst::Element, property: &str, number: u32) {
    if encoder.property::<u32>(property) != number {
        encoder.set_property(property, number);
    }
}

/// The bitrate to encode at when the slowest viewer bears `slowest`.
fn target(wanted: Bitrate, slowest: Option<u32>) -> u32 {
    slowest.map_or(wanted.0, |bits| {
        // Sound and repeated packets go the same way.
        let picture = bits.saturating_sub(SOUND) / 10 * 9;
        picture.clamp(wanted.0 / FLOOR, wanted.0)
    })
}

/// The least that congestion control may estimate for a viewer, bits a second: the encoder at its
/// lowest, and the sound. Below that, what is sent would pile up before the network.
pub fn floor(wanted: Bitrate) -> u32 {
    wanted.0 / FLOOR + SOUND
}

/// Bits a second that sound, its repairs and headers need at most.
const SOUND: u32 = 150_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_slowest_viewer_decides_within_bounds() {
        let wanted = Bitrate(2_000_000);
        assert_eq!(target(wanted, None), 2_000_000);
        assert_eq!(target(wanted, Some(1_150_000)), 900_000);
        assert_eq!(target(wanted, Some(9_000_000)), 2_000_000);
        assert_eq!(target(wanted, Some(0)), 500_000);
        assert_eq!(target(wanted, Some(floor(wanted))), 500_000);
    }

    #[test]
    fn encoders_take_a_bitrate() {
        gst::init().unwrap();
        let size = Size { width: 640, height: 480, fps: 30 };
        let vp9 = vpx("vp9enc", VP9_SPEED, Bitrate(800_000), size).unwrap();
        assert_eq!(vp9.property::<i32>("target-bitrate"), 800_000);
        let av1 = av1(Bitrate(800_000)).unwrap();
        assert_eq!(av1.property::<u32>("target-bitrate"), 800);
        let h264 = h264(Bitrate(800_000), size).unwrap();
        set_bitrate(&h264, 500_000);
        assert_eq!(h264.property::<u32>("bitrate"), 500);
    }
}
