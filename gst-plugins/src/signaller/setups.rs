//! Sessions that upstream's sink is still putting together. It does so in tasks of its own, which do not
//! ask whether the session is still there: of one that ends meanwhile they would set a pipeline going
//! that nobody stops, or leave its sockets behind. So the sink hears of the end only when they are through.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use tokio::sync::{oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::imp::lock;
use crate::CAT;

/// How long the end of a session is kept from the sink. To answer an offer it may have to see a picture
/// first, of a camera that has yet to open.
const LONGEST: Duration = Duration::from_secs(10);

/// All of them, by their sessions.
#[derive(Default)]
pub(super) struct Setups(Mutex<HashMap<String, Arc<Setup>>>);

#[derive(Default)]
struct Setup {
    /// After the task that describes a session comes none that puts it together.
    is_described: watch::Sender<bool>,
    webrtcbin: OnceLock<glib::WeakRef<gst::Element>>,
}

impl Setups {
    /// The sink is about to hear of the session.
    pub(super) fn begin(&self, session_id: &str) {
        lock(&self.0).insert(session_id.to_owned(), Arc::default());
    }

    /// The sink shows a webrtcbin, whose name says of which session it is.
    pub(super) fn built(&self, webrtcbin: &gst::Element) {
        let name = webrtcbin.name();
        let Some(session_id) = name.strip_prefix("webrtcbin-") else { return };
        if let Some(setup) = lock(&self.0).get(session_id) {
            let _ = setup.webrtcbin.set(webrtcbin.downgrade());
        }
    }

    /// The sink has described the session.
    pub(super) fn described(&self, session_id: &str) {
        if let Some(setup) = lock(&self.0).get(session_id) {
            setup.is_described.send_replace(true);
        }
    }

    /// The sink has done with the session, or is about to.
    pub(super) fn end(&self, session_id: &str) {
        self.described(session_id);
        lock(&self.0).remove(session_id);
    }

    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }

    /// Returns once the sink can end the session, or after [`LONGEST`].
    pub(super) fn wait(&self, session_id: &str) -> impl Future<Output = ()> + Send + 'static {
        let setup = lock(&self.0).get(session_id).cloned();
        async move {
            let Some(setup) = setup else { return };
            if timeout(LONGEST, setup.is_through()).await.is_err() {
                gst::warning!(CAT, "a session ends that the sink is still busy with");
            }
        }
    }
}

impl Setup {
    async fn is_through(&self) {
        let _ = self.is_described.subscribe().wait_for(|is_described| *is_described).await;
        // The sink has one thread for all its tasks: what is asked of it now comes after…
        let _ = gstrswebrtc::RUNTIME.spawn(async {}).await;
        if let Some(webrtcbin) = self.webrtcbin.get().and_then(glib::WeakRef::upgrade) {
            is_idle(webrtcbin).await;
        }
    }
}

/// …and so it is with a webrtcbin. 1.22 blocks its receiving end once more if it is closed while it takes
/// a description, and what is blocked is never freed.
async fn is_idle(webrtcbin: gst::Element) {
    let (sender, answered) = oneshot::channel::<()>();
    let promise = gst::Promise::with_change_func(move |_| {
        let _ = sender.send(());
    });
    let ask = move || webrtcbin.emit_by_name::<()>("get-stats", &[&None::<gst::Pad>, &promise]);
    if spawn_blocking(ask).await.is_ok() {
        let _ = answered.await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::pin::pin;

    use super::*;

    const MOMENT: Duration = Duration::from_millis(50);

    #[test]
    fn the_end_waits_for_the_description_of_the_same_session() {
        crate::RUNTIME.block_on(async {
            let setups = Setups::default();
            setups.begin("a");
            setups.begin("b");
            let mut end = pin!(setups.wait("a"));
            assert!(timeout(MOMENT, &mut end).await.is_err());
            setups.described("b");
            assert!(timeout(MOMENT, &mut end).await.is_err());
            setups.described("a");
            timeout(LONGEST / 2, end).await.unwrap();
            timeout(LONGEST / 2, setups.wait("b")).await.unwrap();
        });
    }

    #[test]
    fn the_end_waits_for_nothing_once_the_sink_has_given_up() {
        crate::RUNTIME.block_on(async {
            let setups = Setups::default();
            setups.begin("a");
            let end = setups.wait("a");
            setups.end("a");
            timeout(LONGEST / 2, end).await.unwrap();
            timeout(LONGEST / 2, setups.wait("a")).await.unwrap();
        });
    }
}
