//! GStreamer plugin `bench`: `benchstamp` writes the time into a picture, `benchsink` reads it where
//! the picture would be seen and tells the benchmark.
//!
//! The same two elements are at both ends of the stock pipelines and of ours, so that what they cost
//! falls on both. They need one machine: its monotonic clock is what they compare.

mod pattern;
mod sink;
mod stamp;

use gst::glib;
use gst::prelude::*;
use nix::time::{ClockId, clock_gettime};

pub use plugin::plugin_register_static;

/// Nanoseconds of the clock that all processes of this machine share.
pub fn now() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |time| {
        let seconds = u64::try_from(time.tv_sec()).unwrap_or_default();
        seconds * 1_000_000_000 + u64::try_from(time.tv_nsec()).unwrap_or_default()
    })
}

/// The same as a picture holds it: microseconds, beginning anew every 71 minutes.
fn stamp_now() -> u32 {
    (now() / 1_000) as u32
}

fn init(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    let (stamp, sink) = (stamp::Stamp::static_type(), sink::Sink::static_type());
    gst::Element::register(Some(plugin), "benchstamp", gst::Rank::NONE, stamp)?;
    gst::Element::register(Some(plugin), "benchsink", gst::Rank::NONE, sink)
}

/// What the macro makes.
mod plugin {
    #![allow(missing_docs)] // the macro writes none

    use super::init;

    gst::plugin_define!(
        bench,
        env!("CARGO_PKG_DESCRIPTION"),
        init,
        env!("CARGO_PKG_VERSION"),
        "MPL",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_REPOSITORY")
    );
}
