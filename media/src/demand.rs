//! Whether anybody looks or listens, or is about to: what devices are opened and pictures encoded for.
//!
//! It decides and says so; to open and to close is its owner's.

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gst::{glib, prelude::*};
use gstintercom::Signaller;
use gstrswebrtc::webrtcsink::BaseWebRTCSink;

use crate::peer;

/// Devices stay open this long after the last viewer: who only reloads a page finds them open.
const LINGER: Duration = Duration::from_secs(5);

/// From a request until there is a viewer, or the session has failed: more than the signaller gives it.
const ARRIVAL: Duration = Duration::from_secs(15);

/// What is needed at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Now {
    /// Somebody looks or listens, or it is not known yet what there is to offer.
    pub(crate) is_watched: bool,
    /// Devices shall be open.
    pub(crate) is_open: bool,
}

/// Clones are the same.
#[derive(Clone)]
pub(crate) struct Demand(Arc<Inner>);

struct Inner {
    keeps_open: bool,
    state: Mutex<State>,
    act: Box<dyn Fn(Now, Now) + Send + Sync>,
}

struct State {
    /// By their connections.
    viewers: HashSet<String>,
    /// Who has asked, and has not come yet: the sink may want to see pictures before it answers.
    expected: HashSet<String>,
    /// Whether the sink has seen what it must see before anybody comes.
    is_ready: bool,
    /// Counts decisions: a timer of an older one has nothing to say.
    turn: u64,
    now: Now,
}

impl Demand {
    /// At first everything is needed. `act` hears of each change, before and after, in any thread, and must
    /// not come back here; with `keeps_open`, devices are never to be closed.
    pub(crate) fn new(keeps_open: bool, act: impl Fn(Now, Now) + Send + Sync + 'static) -> Self {
        let now = Now { is_watched: true, is_open: true };
        let (viewers, expected) = (HashSet::new(), HashSet::new());
        let state = State { viewers, expected, is_ready: false, turn: 0, now };
        Self(Arc::new(Inner { keeps_open, state: Mutex::new(state), act: Box::new(act) }))
    }

    /// Follows who comes to a sink and goes.
    pub(crate) fn follow(&self, sink: &BaseWebRTCSink, signaller: &Signaller) {
        let demand = self.clone();
        peer::on_registration(signaller, move || demand.ready());
        let demand = self.clone();
        signaller.connect("session-requested", false, move |values| {
            demand.expect(&peer::viewer_of(values.get(1)?.get().ok()?));
            None
        });
        let (here, gone) = (self.clone(), self.clone());
        peer::follow_viewers(sink, move |viewer| here.come(viewer), move |viewer| gone.go(viewer));
    }

    /// Whether devices shall be open now.
    pub(crate) fn is_open(&self) -> bool {
        self.lock().now.is_open
    }

    fn ready(&self) {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.is_ready, true) {
            self.rest_after(LINGER, &mut state);
            self.tell(&mut state, None);
        }
    }

    fn expect(&self, viewer: &str) {
        let mut state = self.lock();
        // The sink hears of it first, and may have been quicker.
        if state.viewers.contains(viewer) {
            return;
        }
        state.expected.insert(viewer.to_owned());
        self.rest_after(ARRIVAL, &mut state);
        self.tell(&mut state, Some(true));
    }

    fn come(&self, viewer: &str) {
        let mut state = self.lock();
        if state.viewers.insert(viewer.to_owned()) {
            state.expected.remove(viewer);
            self.tell(&mut state, Some(true));
        }
    }

    fn go(&self, viewer: &str) {
        let mut state = self.lock();
        if state.viewers.remove(viewer) {
            // Who comes next may have asked before this one went, and its time runs.
            if state.expected.is_empty() {
                self.rest_after(LINGER, &mut state);
            }
            self.tell(&mut state, None);
        }
    }

    /// Expects nobody any more when nothing has happened until then, and has devices closed if nobody is there.
    fn rest_after(&self, time: Duration, state: &mut State) {
        state.turn += 1;
        let (demand, turn) = (Arc::downgrade(&self.0), state.turn);
        glib::timeout_add_once(time, move || {
            let Some(demand) = demand.upgrade().map(Self) else { return };
            let mut state = demand.lock();
            if state.turn == turn && state.is_ready {
                state.expected.clear();
                let stays = demand.0.keeps_open || !state.viewers.is_empty();
                demand.tell(&mut state, Some(stays));
            }
        });
    }

    fn tell(&self, state: &mut State, open: Option<bool>) {
        let is_watched = !state.is_ready || !state.expected.is_empty() || !state.viewers.is_empty();
        let now = Now { is_watched, is_open: open.unwrap_or(state.now.is_open) };
        let before = std::mem::replace(&mut state.now, now);
        if before != now {
            (self.0.act)(before, now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demand").field("now", &self.lock().now).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// With what is said while its main loop runs for this long.
    fn demand(keeps_open: bool) -> (Demand, Receiver<Now>) {
        let (sender, said) = channel();
        let demand = Demand::new(keeps_open, move |_, now| {
            let _ = sender.send(now);
        });
        (demand, said)
    }

    fn now(is_watched: bool, is_open: bool) -> Now {
        Now { is_watched, is_open }
    }

    #[test]
    fn there_is_rest_only_between_readiness_and_viewers() {
        let (demand, said) = demand(false);
        demand.come("a");
        demand.go("a");
        assert!(said.try_recv().is_err(), "before it is ready everything is needed");
        demand.ready();
        assert_eq!(said.try_recv(), Ok(now(false, true)));
        demand.come("b");
        assert_eq!(said.try_recv(), Ok(now(true, true)));
        demand.come("c");
        demand.go("b");
        assert!(said.try_recv().is_err());
        demand.go("c");
        assert_eq!(said.try_recv(), Ok(now(false, true)));
    }

    #[test]
    fn who_has_asked_is_expected_though_another_one_goes() {
        let (demand, said) = demand(false);
        demand.ready();
        demand.come("a");
        demand.expect("b");
        demand.go("a");
        assert_eq!(said.try_iter().last(), Some(now(true, true)));
        demand.come("b");
        demand.go("b");
        assert_eq!(said.try_iter().last(), Some(now(false, true)));
    }

    #[test]
    fn nobody_is_expected_who_is_here_already() {
        let (demand, said) = demand(false);
        demand.ready();
        demand.come("a");
        demand.expect("a");
        demand.go("a");
        assert_eq!(said.try_iter().last(), Some(now(false, true)));
    }

    #[test]
    fn devices_close_a_while_after_the_last_viewer_and_open_before_the_next() {
        let (demand, said) = demand(false);
        let (kept, of_kept) = self::demand(true);
        for demand in [&demand, &kept] {
            demand.ready();
            demand.come("a");
            demand.go("a");
        }
        assert_eq!(said.try_iter().last(), Some(now(false, true)));
        let context = glib::MainContext::default();
        let closed = loop {
            context.iteration(true);
            if let Ok(closed) = said.try_recv() {
                break closed;
            }
        };
        assert_eq!(closed, now(false, false));
        assert!(of_kept.try_iter().all(|now| now.is_open));
        demand.expect("b");
        assert_eq!(
            said.try_recv(),
            Ok(now(true, true)),
            "the sink may want a picture to answer with"
        );
    }
}
