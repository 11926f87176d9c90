//! How long a sink lives.

use gst::glib;
use gst::prelude::*;
use gstrswebrtc::webrtcsink::BaseWebRTCSink;

use crate::{RUNTIME, Signaller};

/// Keeps a sink for as long as there is a webrtcbin of it.
///
/// Upstream ties its handlers at a webrtcbin to the sink, and GLib ends the process if both are disposed
/// of at once in two threads.
pub fn outlive_sessions(sink: &impl IsA<BaseWebRTCSink>, signaller: &Signaller) {
    let weak = sink.as_ref().downgrade();
    signaller.connect("webrtcbin-ready", false, move |values| {
        let sink = weak.upgrade()?;
        let webrtcbin = values.get(2)?.get::<gst::Element>().ok()?;
        keep(sink, &webrtcbin);
        None
    });
}

/// What disposes of the one does not wait for the end of the other.
fn keep(kept: impl IsA<glib::Object> + Send, until_gone: &gst::Element) {
    until_gone.add_weak_ref_notify(move || drop(RUNTIME.spawn_blocking(|| drop(kept))));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::{IntercomSink, WebRTCSignallerRole};

    #[test]
    fn a_sink_is_there_until_its_last_webrtcbin_is_gone() {
        gst::init().unwrap();
        let sink = glib::Object::new::<IntercomSink>();
        let signaller = Signaller::new(WebRTCSignallerRole::Producer);
        outlive_sessions(&sink, &signaller);
        let webrtcbins = [(); 2].map(|()| gst::ElementFactory::make("webrtcbin").build().unwrap());
        for webrtcbin in &webrtcbins {
            signaller.emit_by_name::<()>("webrtcbin-ready", &[&"peer", webrtcbin]);
        }
        let (sender, gone) = mpsc::channel();
        let weak = sink.downgrade();
        sink.add_weak_ref_notify(move || sender.send(()).unwrap());
        drop(sink);
        let [first, last] = webrtcbins;
        drop(first);
        assert!(weak.upgrade().is_some());
        drop(last);
        gone.recv_timeout(Duration::from_secs(20)).unwrap();
    }
}
