//! The shared encoder follows the slowest viewer.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use gst::{glib, prelude::*};
use intercom_media::{
    encode::Encoder,
    source,
    spec::{Bitrate, Codec, Size, VideoSource},
    stats::Meter,
};

const SIZE: Size = Size { width: 1280, height: 720, fps: 30 };

/// Lets the pipeline and the main loop run for so long; returns what was encoded, kbit/s.
fn rate(meter: &Meter, seconds: u64) -> u64 {
    let (before, end) = (meter.progress(), Instant::now() + Duration::from_secs(seconds));
    let context = glib::MainContext::default();
    while Instant::now() < end {
        // Returns at once, or when a timer or an idle call is due.
        let timer = glib::timeout_add_once(Duration::from_millis(50), || {});
        context.iteration(true);
        if context.find_source_by_id(&timer).is_some() {
            timer.remove();
        }
    }
    (meter.progress() - before) * 8 / 1000 / seconds
}

#[test]
fn a_slow_viewer_lowers_the_bitrate_and_its_end_raises_it() {
    gst::init().unwrap();
    for codec in [Codec::Vp8, Codec::H264] {
        let encoder = Encoder::new(codec, Bitrate(2_000_000), SIZE).unwrap();
        let pipeline = gst::Pipeline::new();
        let source =
            source::video(&VideoSource::Test(Some("smpte".into())), SIZE).unwrap().unwrap();
        let sink = gst::ElementFactory::make("fakesink").build().unwrap();
        let elements = [source.upcast_ref(), encoder.bin().upcast_ref(), &sink];
        pipeline.add_many(elements).unwrap();
        gst::Element::link_many(elements).unwrap();
        let meter = Meter::default();
        meter.count(true, &sink.static_pad("sink").unwrap());
        pipeline.set_state(gst::State::Playing).unwrap();

        rate(&meter, 1);
        let full = rate(&meter, 3);
        encoder.serve("webrtcbin0");
        encoder.estimate("phone", 750_000);
        rate(&meter, 1);
        let less = rate(&meter, 3);
        encoder.forget("phone", "webrtcbin0");
        rate(&meter, 1);
        let again = rate(&meter, 3);
        pipeline.set_state(gst::State::Null).unwrap();
        assert!(full > 1200 && less < 900 && again > 1200, "{codec:?}: {full} {less} {again}");
    }
}
