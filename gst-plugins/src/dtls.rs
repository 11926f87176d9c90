//! The DTLS key of this process, made before the first session needs it.

use std::sync::{Once, OnceLock};

use crate::CAT;

/// Begins to make the process's DTLS key and certificate, and keeps them.
///
/// GStreamer makes an RSA key when the first `dtlsdec` comes to life, a third of a second on a PC
/// and seconds on a small ARM, and forgets it with the last one. Does not wait: whoever needs the key
/// before it is there does. Does nothing if the element is missing, which webrtcbin then reports.
pub fn preheat_dtls() {
    static BEGUN: Once = Once::new();
    static KEPT: OnceLock<Option<gst::Element>> = OnceLock::new();
    BEGUN.call_once(|| {
        let thread = std::thread::Builder::new().name("dtls-key".into());
        let begun = thread.spawn(|| KEPT.get_or_init(key).is_some());
        if let Err(error) = begun {
            gst::warning!(CAT, "no DTLS key made beforehand: {error}");
        }
    });
}

fn key() -> Option<gst::Element> {
    gst::ElementFactory::make("dtlsdec")
        .build()
        .inspect_err(|error| gst::warning!(CAT, "no DTLS key made: {error}"))
        .ok()
}
