//! The DTLS key of this process, made before the first session needs it.

use std::sync::OnceLock;

use crate::CAT;

/// Makes the process's DTLS key and certificate now, and keeps them.
///
/// GStreamer makes an RSA key when the first `dtlsdec` comes to life, a third of a second on a PC
/// and seconds on a small ARM, and forgets it with the last one. Blocks for that long; does nothing
/// if the element is missing, which webrtcbin then reports.
pub fn preheat_dtls() {
    static KEPT: OnceLock<Option<gst::Element>> = OnceLock::new();
    KEPT.get_or_init(|| {
        gst::ElementFactory::make("dtlsdec")
            .build()
            .inspect_err(|error| gst::warning!(CAT, "no DTLS key made: {error}"))
            .ok()
    });
}
