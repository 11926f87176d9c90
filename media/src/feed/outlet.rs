//! Where all that is played goes: one `appsrc`, in the time of its pipeline and in order.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use gst::{glib, prelude::*};
use gst_app::{AppSink, AppSrc};

/// An element of the producer's pipeline, as long as it is there.
#[derive(Debug)]
pub(super) struct Outlet {
    source: glib::WeakRef<AppSrc>,
    /// When the last frame was.
    last: Mutex<Option<gst::ClockTime>>,
    /// Those of the players that have come so far.
    frames: AtomicU64,
}

impl Outlet {
    pub(super) fn of(source: &AppSrc) -> Self {
        Self { source: source.downgrade(), last: Mutex::default(), frames: AtomicU64::default() }
    }

    pub(super) fn source(&self) -> Option<AppSrc> {
        self.source.upgrade()
    }

    /// How many frames of the players have come so far, in time or too late.
    pub(super) fn played(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Pushes what a player shows, unless it comes too late: behind a still picture, or out of order.
    ///
    /// # Errors
    /// Nobody takes anything any more.
    pub(super) fn play(&self, sample: &gst::Sample, from: &AppSink) -> Result<(), gst::FlowError> {
        let source = self.source.upgrade().ok_or(gst::FlowError::Eos)?;
        self.frames.fetch_add(1, Ordering::Relaxed);
        let Some(buffer) = in_time_of(sample, from, &source) else { return Ok(()) };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| buffer.pts() <= Some(last)) {
            return Ok(());
        }
        // A camera may have another rate than was asked for.
        if let Some(caps) = sample.caps()
            && source.caps().is_none_or(|now| now.as_ref() != caps)
        {
            source.set_caps(Some(&caps.to_owned()));
        }
        *last = buffer.pts();
        source.push_buffer(buffer).map(drop)
    }

    /// Shows a frame now that nobody has played.
    pub(super) fn show(&self, still: &gst::Buffer) {
        let Some(source) = self.source.upgrade() else { return };
        let Some(now) = source.current_running_time() else { return };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| now <= last) {
            return;
        }
        *last = Some(now);
        let mut frame = still.clone();
        let fields = frame.make_mut();
        fields.set_pts(now);
        fields.set_dts(gst::ClockTime::NONE);
        fields.set_duration(gst::ClockTime::NONE);
        if source.push_buffer(frame).is_err() {
            tracing::debug!("nobody takes a picture any more");
        }
    }
}

/// The buffer with the running time of the source's pipeline: both have the same clock.
fn in_time_of(sample: &gst::Sample, sink: &AppSink, source: &AppSrc) -> Option<gst::Buffer> {
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?.clone();
    let mut buffer = sample.buffer_owned()?;
    let time = segment.to_running_time(buffer.pts())? + sink.base_time()?;
    let time = time.saturating_sub(source.base_time()?);
    let fields = buffer.make_mut();
    fields.set_pts(time);
    fields.set_dts(gst::ClockTime::NONE);
    Some(buffer)
}
