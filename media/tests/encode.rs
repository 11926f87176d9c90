//! The shared encoder follows the slowest viewer.

#![allow(clippy::unwrap_used)]

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
    time::{Duration, Instant},
};

use gst::{glib, prelude::*};
use intercom_media::{
    encode::Encoder,
    feed::Feed,
    spec::{Bitrate, Codec, Size, VideoSource},
};

const SIZE: Size = Size { width: 1280, height: 720, fps: 30 };

/// For AV1, which takes its time.
const SMALL: Size = Size { width: 640, height: 480, fps: 30 };

/// What was encoded: bytes, and up to which time of the stream, in ns. A machine that is late encodes
/// the same for each second of the picture.
#[derive(Clone, Default)]
struct Encoded(Arc<Mutex<(u64, u64)>>);

impl Encoded {
    fn count(pad: &gst::Pad) -> Self {
        let encoded = Self::default();
        let counts = Arc::clone(&encoded.0);
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let buffer = info.buffer().unwrap();
            let mut counts = counts.lock().unwrap();
            *counts = (counts.0 + buffer.size() as u64, buffer.pts().unwrap().nseconds());
            gst::PadProbeReturn::Ok
        });
        encoded
    }

    /// Lets the pipeline and the main loop run until so much more of the picture is encoded; kbit/s.
    fn rate(&self, seconds: u64) -> u64 {
        let counts = || *self.0.lock().unwrap();
        let (before, patience) = (counts(), Instant::now() + Duration::from_secs(60));
        let context = glib::MainContext::default();
        while counts().1 < before.1 + seconds * 1_000_000_000 {
            assert!(Instant::now() < patience, "nothing is encoded");
            // Returns at once, or when a timer or an idle call is due.
            let timer = glib::timeout_add_once(Duration::from_millis(50), || {});
            context.iteration(true);
            if context.find_source_by_id(&timer).is_some() {
                timer.remove();
            }
        }
        let after = counts();
        (after.0 - before.0) * 8 * 1_000_000 / (after.1 - before.1)
    }
}

/// A pipeline with a test picture, the encoder and a sink, running; counts what is encoded.
fn encode(codec: Codec, size: Size) -> (gst::Pipeline, Encoder, gst::Element) {
    intercom_media::init().unwrap();
    let encoder = Encoder::new(codec, Bitrate(2_000_000), size).unwrap();
    let pipeline = gst::Pipeline::new();
    let feed = Feed::new(&VideoSource::Test(Some("smpte".into())), size).unwrap().unwrap();
    let sink = gst::ElementFactory::make("fakesink").build().unwrap();
    let elements = [feed.bin().upcast_ref(), encoder.bin().upcast_ref(), &sink];
    pipeline.add_many(elements).unwrap();
    gst::Element::link_many(elements).unwrap();
    (pipeline, encoder, sink)
}

/// Starts it, as after registration with somebody watching. The receiver gets for each encoded
/// frame whether it is a key frame.
fn key_frames(codec: Codec) -> (gst::Pipeline, Encoder, gst::Pad, Receiver<bool>) {
    let (pipeline, encoder, sink) = encode(codec, Size { width: 320, height: 240, fps: 30 });
    encoder.is_known();
    let (sender, frames) = channel();
    let pad = sink.static_pad("sink").unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let flags = info.buffer().unwrap().flags();
        let _ = sender.send(!flags.contains(gst::BufferFlags::DELTA_UNIT));
        gst::PadProbeReturn::Ok
    });
    pipeline.set_state(gst::State::Playing).unwrap();
    (pipeline, encoder, pad, frames)
}

#[test]
fn a_key_frame_comes_when_it_is_asked_for() {
    for codec in [Codec::Vp8, Codec::Vp9, Codec::H264] {
        let (pipeline, _encoder, pad, frames) = key_frames(codec);
        let next = || frames.recv_timeout(Duration::from_secs(10)).unwrap();
        assert!(next(), "{codec:?}: the first frame is a key frame");
        assert_eq!((0..15).filter(|_| next()).count(), 0, "{codec:?}: nobody asked");
        pad.push_event(gst_video::UpstreamForceKeyUnitEvent::builder().build());
        assert!((0..15).any(|_| next()), "{codec:?}");
        pipeline.set_state(gst::State::Null).unwrap();
    }
}

#[test]
fn nothing_is_encoded_at_rest_and_then_a_key_frame_first() {
    for codec in [Codec::Vp8, Codec::H264] {
        let (pipeline, encoder, _pad, frames) = key_frames(codec);
        let next = |patience| frames.recv_timeout(Duration::from_secs(patience)).ok();
        assert_eq!(next(10), Some(true), "{codec:?}");
        encoder.rest(true);
        // What was on its way still comes.
        assert!((0..60).any(|_| next(3).is_none()), "{codec:?} goes on");
        encoder.rest(false);
        assert_eq!(next(10), Some(true), "{codec:?}");
        pipeline.set_state(gst::State::Null).unwrap();
    }
}

/// av1enc of GStreamer 1.22 does not listen.
#[test]
fn av1_has_a_key_frame_every_two_seconds() {
    let (pipeline, _encoder, _pad, frames) = key_frames(Codec::Av1);
    let next = || frames.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(next(), "the first frame is a key frame");
    assert_eq!((0..61).filter(|_| next()).count(), 1);
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn a_slow_viewer_lowers_the_bitrate_and_its_end_raises_it() {
    follows_the_slowest(Codec::Vp8, SIZE);
    follows_the_slowest(Codec::H264, SIZE);
}

#[test]
fn a_slow_viewer_lowers_the_bitrate_of_newer_codecs() {
    follows_the_slowest(Codec::Vp9, SMALL);
    follows_the_slowest(Codec::Av1, SMALL);
}

fn follows_the_slowest(codec: Codec, size: Size) {
    let (pipeline, encoder, sink) = encode(codec, size);
    let encoded = Encoded::count(&sink.static_pad("sink").unwrap());
    pipeline.set_state(gst::State::Playing).unwrap();

    encoded.rate(1);
    let full = encoded.rate(3);
    encoder.estimate("phone", 750_000);
    encoded.rate(1);
    let less = encoded.rate(3);
    encoder.forget("phone");
    encoded.rate(1);
    let again = encoded.rate(3);
    pipeline.set_state(gst::State::Null).unwrap();
    // An encoder that loses pictures on a busy machine makes more of the others than it should.
    let is_less = 3 * less < 2 * full.min(again);
    assert!(full > 1200 && is_less && again > 1200, "{codec:?}: {full} {less} {again}");
}
