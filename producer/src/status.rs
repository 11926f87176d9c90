//! What the world is told of this producer: its line on standard output, and systemd's line of
//! status, readiness and watchdog.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gst::{glib, prelude::*};
use intercom_media::{cli, notify, send::Sender, stats::Meter};

/// A camera that works shows something sooner.
const PATIENCE: Duration = Duration::from_secs(5);

/// The state that is told. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    name: String,
    /// What comes from the source.
    meter: Meter,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Of the last registration.
    peer_id: Option<String>,
    viewers: HashSet<String>,
    camera_is_gone: bool,
    /// The meter when it was asked last.
    progress: u64,
}

impl Status {
    /// Follows the sink and its connection.
    pub(crate) fn follow(sender: &Sender, name: &str) -> Self {
        let status = Self { name: name.into(), meter: Meter::default(), state: Arc::default() };
        if let Some(pad) = &sender.heartbeat {
            status.meter.count(true, pad);
        }
        let registered = status.clone();
        sender.signaller.connect("connected", false, move |values| {
            registered.on_air(text(values.get(1)));
            None
        });
        for (signal, comes) in [("consumer-added", true), ("consumer-removed", false)] {
            let status = status.clone();
            sender.sink.connect(signal, false, move |values| {
                status.viewer(text(values.get(1)), comes);
                None
            });
        }
        status
    }

    /// A network camera is back or gone.
    pub(crate) fn camera(&self, there: bool) {
        let mut state = self.lock();
        state.camera_is_gone = !there;
        self.tell(&state);
    }

    /// Whether anything came from the source since this was asked last, or it is known why not.
    pub(crate) fn lives(&self) -> bool {
        let now = self.meter.progress();
        let mut state = self.lock();
        let before = std::mem::replace(&mut state.progress, now);
        now != before || state.camera_is_gone
    }

    /// Says in the log, a while after the start, if no picture has come: the sink registers with the
    /// first.
    pub(crate) fn miss_the_first(&self) {
        let status = self.clone();
        glib::timeout_add_local_once(PATIENCE, move || {
            if status.meter.progress() == 0 && !status.lock().camera_is_gone {
                let seconds = PATIENCE.as_secs();
                tracing::warn!("no picture came in {seconds} s; it is on air with the first one");
            }
        });
    }

    /// Listed, once more or for the first time.
    fn on_air(&self, peer_id: String) {
        cli::say(&format!("on air: {} (peer id {peer_id})", self.name));
        let mut state = self.lock();
        let first = state.peer_id.replace(peer_id).is_none();
        if first {
            notify::ready(&self.line(&state));
        } else {
            self.tell(&state);
        }
    }

    fn viewer(&self, id: String, comes: bool) {
        let mut state = self.lock();
        let changed = if comes { state.viewers.insert(id) } else { state.viewers.remove(&id) };
        if changed {
            self.tell(&state);
        }
    }

    fn tell(&self, state: &State) {
        notify::status(&self.line(state));
    }

    fn line(&self, state: &State) -> String {
        let place = match &state.peer_id {
            Some(id) => format!("on air as {} (peer id {id})", self.name),
            None => "not on air yet".into(),
        };
        let gone = if state.camera_is_gone { "; the camera is gone, trying again" } else { "" };
        format!("{place}, viewers: {}{gone}", state.viewers.len())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text(value: Option<&glib::Value>) -> String {
    value.and_then(|value| value.get().ok()).unwrap_or_default()
}
