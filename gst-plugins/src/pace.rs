//! When media leave: as soon as they can.

use gst::prelude::*;

/// How much sooner than its time everything goes out. What is not live must still be held to its time.
const AHEAD: gst::ClockTime = gst::ClockTime::from_mseconds(200);

/// Has `webrtcsink`, or a webrtcbin, send a camera's pictures when they come.
///
/// Both hold what they are given until all others in the pipeline could have come as well, which is the
/// pipeline's latency, and 20 ms more that are meant for screens. Of a camera with 30 frames a second
/// these are 53 ms. Whoever receives waits for what is late, and goes by the stamps.
///
/// To be called before it is started.
pub fn send_at_once(bin: &impl IsA<gst::Bin>) {
    bin.as_ref().connect_element_added(|_, part| {
        let waits =
            |factory: gst::ElementFactory| ["appsink", "clocksync"].contains(&&*factory.name());
        if part.factory().is_some_and(waits) {
            part.set_property("ts-offset", -(AHEAD.nseconds() as i64));
        }
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Whether a picture, from the third to the last of so many, leaves a pipeline of five a second
    /// so long after its time.
    fn leaves(
        count: usize,
        is_it: impl Fn(gst::ClockTime) -> bool,
        set_up: impl FnOnce(&gst::Pipeline),
    ) -> bool {
        gst::init().unwrap();
        let pipeline = gst::Pipeline::new();
        set_up(&pipeline);
        let make = gst::ElementFactory::make;
        let camera = make("videotestsrc").property("is-live", true).build().unwrap();
        let caps = gst::Caps::builder("video/x-raw").field("framerate", gst::Fraction::new(5, 1));
        let filter = make("capsfilter").property("caps", caps.build()).build().unwrap();
        let (sync, out) = (make("clocksync").build().unwrap(), make("fakesink").build().unwrap());
        let (sender, delays) = std::sync::mpsc::channel();
        let clock = pipeline.downgrade();
        sync.static_pad("src").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let now = clock.upgrade().and_then(|pipeline| pipeline.current_running_time());
            let delay = now.unwrap() - info.buffer().unwrap().pts().unwrap();
            // After the last nobody listens.
            let _ = sender.send(delay);
            gst::PadProbeReturn::Ok
        });
        let chain = [&camera, &filter, &sync, &out];
        pipeline.add_many(chain).unwrap();
        gst::Element::link_many(chain).unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        // The latency is known after the first.
        let patience = std::time::Duration::from_secs(20);
        let mut delays = (0..count).map(|_| delays.recv_timeout(patience).unwrap()).skip(2);
        let leaves = delays.any(is_it);
        pipeline.set_state(gst::State::Null).unwrap();
        leaves
    }

    #[test]
    fn a_picture_does_not_wait_for_the_next() {
        let frame = gst::ClockTime::from_mseconds(200);
        assert!(leaves(3, |delay| delay >= frame, |_| {}));
        // On a busy machine not the very first of them.
        assert!(leaves(20, |delay| delay < frame, send_at_once));
    }
}
