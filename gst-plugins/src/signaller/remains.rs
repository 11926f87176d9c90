//! What is left of a webrtcsrc's session when it has ended: a bin, which upstream closes and takes out
//! in a thread of its own while everything else goes on. Two things must not happen meanwhile.

use std::sync::Arc;
use std::time::Duration;

use gst::glib;
use gst::prelude::*;

use super::latch::Latch;

/// How long the next session waits for this one. GStreamer 1.22 is known to close a session never.
const CLOSED: Duration = Duration::from_secs(5);

/// The bin around a session's webrtcbin.
pub(super) struct Remains {
    session_id: String,
    bin: glib::WeakRef<gst::Element>,
    gone: Arc<Latch>,
}

impl Remains {
    /// Those that there will be of the session with this webrtcbin.
    pub(super) fn of(session_id: &str, webrtcbin: &gst::Element) -> Option<Self> {
        let bin = webrtcbin.parent().and_downcast::<gst::Element>()?;
        let gone = Arc::new(Latch::default());
        let latch = gone.clone();
        bin.add_weak_ref_notify(move || latch.set());
        Some(Self { session_id: session_id.to_owned(), bin: bin.downgrade(), gone })
    }

    /// If it is this session that is about to be closed: whoever stops the pipeline at that moment takes
    /// it from PLAYING to PAUSED first, and would wake up what is closed already: it would be freed awake.
    pub(super) fn leave_alone(&self, session_id: &str) {
        if let Some(bin) = self.bin.upgrade().filter(|_| self.session_id == session_id) {
            bin.set_locked_state(true);
        }
    }

    /// Waits until nothing is left; `false` if that takes too long. What a webrtcbin still has to
    /// answer, upstream would take for the answer of whichever is there by then.
    pub(super) fn wait(&self) -> bool {
        self.gone.wait(CLOSED)
    }
}
