//! Memory of a session that is over goes back to the system, so that a device that is watched every
//! day does not grow. docs/ref/elements.md says what was found.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;

use super::imp::lock;
use crate::RUNTIME;

/// From the end of a webrtcbin until nobody else is busy with its parts either.
const AFTER: Duration = Duration::from_secs(1);

/// The GStreamer whose webrtcbin keeps a reference, for ever, to what is given to it by
/// `request-aux-sender`: an `rtpgccbwe` a viewer.
const FORGETFUL: (u32, u32, u32) = (1, 22, 0);

/// Has what is left of a webrtcbin cleaned up when it is gone.
pub(super) fn clean_up_after(webrtcbin: &gst::Element) {
    let forgotten = Arc::<Mutex<Vec<glib::WeakRef<gst::Element>>>>::default();
    if let Some(bin) = webrtcbin.downcast_ref::<gst::Bin>().filter(|_| is_forgetful()) {
        let noted = forgotten.clone();
        bin.connect_deep_element_added(move |_, _, part| {
            if part.factory().is_some_and(|factory| factory.name() == "rtpgccbwe") {
                lock(&noted).push(part.downgrade());
            }
        });
    }
    webrtcbin.add_weak_ref_notify(move || {
        RUNTIME.spawn(async move {
            tokio::time::sleep(AFTER).await;
            lock(&forgotten).drain(..).for_each(|part| release(&part));
            trim();
        });
    });
}

fn is_forgetful() -> bool {
    let (major, minor, micro, _) = gst::version();
    (major, minor, micro) == FORGETFUL
}

/// Gives back the reference that webrtcbin has forgotten, if nobody has another.
fn release(part: &glib::WeakRef<gst::Element>) {
    let Some(part) = part.upgrade() else { return };
    if part.parent().is_none() && part.ref_count() == 2 {
        // SAFETY: of the two references one is `part`'s. The other one is webrtcbin's, which is gone and
        // cannot give it back: this GStreamer is known not to, and no program of ours takes one.
        unsafe { glib::gobject_ffi::g_object_unref(part.as_ptr().cast()) };
    }
}

/// Each session's threads had memory of their own, which the C library would keep in case there are as
/// many again.
fn trim() {
    static IS_DUE: AtomicBool = AtomicBool::new(false);
    if IS_DUE.swap(true, Ordering::SeqCst) {
        return;
    }
    tokio::task::spawn_blocking(|| {
        IS_DUE.store(false, Ordering::SeqCst);
        #[cfg(target_env = "gnu")]
        // SAFETY: it may be called at any time, from any thread.
        unsafe {
            libc::malloc_trim(0);
        }
    });
}
