//! What the world is told of this producer: its line on standard output, and systemd's line of
//! status, readiness and watchdog.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use gst::{glib, prelude::*};
use intercom_media::{
    cli, notify, peer,
    send::{Sender, Sources},
    stats::Meter,
    trouble::Change,
};

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
    /// By their connections.
    viewers: HashSet<String>,
    /// What is wrong with which device.
    troubles: BTreeMap<&'static str, &'static str>,
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
        let (here, gone) = (status.clone(), status.clone());
        peer::follow_viewers(
            &sender.sink,
            move |viewer| here.viewers(|viewers| viewers.insert(viewer.to_owned())),
            move |viewer| gone.viewers(|viewers| viewers.remove(viewer)),
        );
        status
    }

    /// A device fails or works again.
    pub(crate) fn device(&self, Change { device, trouble }: Change) {
        let mut state = self.lock();
        match trouble {
            Some(trouble) => drop(state.troubles.insert(device.word(), trouble.code())),
            None => drop(state.troubles.remove(device.word())),
        }
        self.tell(&state);
    }

    /// Whether anything was sent on from the source since this was asked last, or nothing has to be.
    pub(crate) fn lives(&self, sources: &Sources) -> bool {
        let now = self.meter.progress();
        let before = std::mem::replace(&mut self.lock().progress, now);
        now != before || !sources.are_open()
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

    /// Tells it when there are more or fewer.
    fn viewers(&self, change: impl FnOnce(&mut HashSet<String>) -> bool) {
        let mut state = self.lock();
        if change(&mut state.viewers) {
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
        let troubles = state.troubles.iter();
        let troubles = troubles.map(|(device, code)| format!("; {device}: {code}, trying again"));
        format!("{place}, viewers: {}{}", state.viewers.len(), troubles.collect::<String>())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text(value: Option<&glib::Value>) -> String {
    value.and_then(|value| value.get().ok()).unwrap_or_default()
}
