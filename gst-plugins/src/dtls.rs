//! The DTLS key of this process, made before the first session needs it.

use std::sync::{Once, OnceLock};
use std::thread::{Builder, JoinHandle};

use crate::CAT;

/// The key while it is being made. Dropping this waits until it is there: a process that ends while
/// OpenSSL makes a key may crash.
#[derive(Debug)]
#[must_use = "it is to be kept until the process ends"]
pub struct DtlsKey(Option<JoinHandle<()>>);

/// Begins to make the process's DTLS key and certificate, and keeps them.
///
/// GStreamer makes an RSA key when the first `dtlsdec` comes to life, a third of a second on a PC
/// and seconds on a small ARM, and forgets it with the last one. Does not wait: whoever needs the key
/// before it is there does. Does nothing if the element is missing, which webrtcbin then reports.
pub fn preheat_dtls() -> DtlsKey {
    static BEGUN: Once = Once::new();
    static KEPT: OnceLock<Option<gst::Element>> = OnceLock::new();
    let mut key = DtlsKey(None);
    BEGUN.call_once(|| {
        let thread = Builder::new().name("dtls-key".into());
        key.0 = thread
            .spawn(|| {
                KEPT.get_or_init(make);
            })
            .inspect_err(|error| gst::warning!(CAT, "no DTLS key made beforehand: {error}"))
            .ok();
    });
    key
}

impl Drop for DtlsKey {
    fn drop(&mut self) {
        if self.0.take().is_some_and(|thread| thread.join().is_err()) {
            gst::warning!(CAT, "no DTLS key made beforehand");
        }
    }
}

fn make() -> Option<gst::Element> {
    gst::ElementFactory::make("dtlsdec")
        .build()
        .inspect_err(|error| gst::warning!(CAT, "no DTLS key made: {error}"))
        .ok()
}
