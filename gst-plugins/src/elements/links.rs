//! What was linked to a session's pads is linked to those of the next session: a `gst-launch-1.0` line
//! would stand still otherwise. An application that links them itself is left alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use gst::glib;
use gst::prelude::*;

use crate::CAT;

/// The pads downstream, by the names of ours: each session gives the same ones again.
#[derive(Clone, Default)]
pub(super) struct Links(Arc<Mutex<HashMap<String, glib::WeakRef<gst::Pad>>>>);

impl Links {
    /// Does so for this element.
    pub(super) fn keep(&self, element: &gst::Element) {
        let links = self.clone();
        element.connect_pad_added(move |_, pad| {
            let links = links.clone();
            pad.connect_linked(move |pad, peer| links.note(pad, peer));
        });
        let links = self.clone();
        // When everybody else has had the chance to.
        element.connect("pad-added", true, move |values| {
            links.restore(&values.get(1)?.get().ok()?);
            None
        });
    }

    fn note(&self, pad: &gst::Pad, peer: &gst::Pad) {
        let mut links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        links.insert(pad.name().into(), peer.downgrade());
    }

    fn restore(&self, pad: &gst::Pad) {
        let links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = links.get(pad.name().as_str()).and_then(glib::WeakRef::upgrade);
        drop(links);
        let Some(peer) = peer.filter(|peer| !peer.is_linked() && !pad.is_linked()) else { return };
        // The session before ended with a flush that nobody stopped. Time goes on.
        peer.send_event(gst::event::FlushStop::new(false));
        match pad.link(&peer) {
            Ok(_) => gst::debug!(CAT, obj = pad, "linked as in the session before"),
            Err(error) => gst::warning!(CAT, obj = pad, "not linked again: {error}"),
        }
    }
}
