//! How often a shared encoder may be asked for a key frame.
//!
//! Every viewer that joins or loses packets asks for one, and it costs all the others. No request
//! is lost: one that comes too early is answered when its time has come.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use gst::prelude::*;

/// The time between two key frames that were asked for.
pub const INTERVAL: Duration = Duration::from_millis(300);

/// Limits the requests that reach an encoder to one per [`INTERVAL`].
pub fn limit(encoder: &gst::Element) {
    let (Some(sink), Some(src)) = (encoder.static_pad("sink"), encoder.static_pad("src")) else {
        return;
    };
    let gate = Arc::new(Mutex::new(Gate::default()));
    let asked = gate.clone();
    src.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
        let Some(event) = info.event() else { return gst::PadProbeReturn::Ok };
        if !gst_video::ForceKeyUnitEvent::is(event) || lock(&asked).ask(Instant::now()) {
            return gst::PadProbeReturn::Ok;
        }
        // Not `Handled`: GStreamer 1.22 would then release the event a second time.
        gst::PadProbeReturn::Drop
    });
    sink.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        let due = lock(&gate).due(Instant::now());
        if due {
            // The probe above sees this one, too: it is let through because it is due.
            src.send_event(
                gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build(),
            );
        }
        gst::PadProbeReturn::Ok
    });
}

/// When the last request was passed on, and whether one waits.
#[derive(Default)]
struct Gate {
    last: Option<Instant>,
    waiting: bool,
}

impl Gate {
    /// Whether a request that comes now goes on; if not, it waits.
    fn ask(&mut self, now: Instant) -> bool {
        let open = self.last.is_none_or(|last| now >= last + INTERVAL);
        if open {
            self.last = Some(now);
        }
        self.waiting = !open;
        open
    }

    /// Whether a request waited and its time has come.
    fn due(&self, now: Instant) -> bool {
        self.waiting && self.last.is_none_or(|last| now >= last + INTERVAL)
    }
}

fn lock(gate: &Mutex<Gate>) -> std::sync::MutexGuard<'_, Gate> {
    gate.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_early_request_waits_and_is_not_lost() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut gate = Gate::default();
        assert!(gate.ask(at(0)));
        assert!(!gate.due(at(10)));
        assert!(!gate.ask(at(100)));
        assert!(!gate.ask(at(200)));
        assert!(!gate.due(at(299)));
        assert!(gate.due(at(300)));
        assert!(gate.ask(at(300)));
        assert!(!gate.due(at(1_500)));
    }
}
