//! What the service manager is told (sd_notify(3)). Without one, nothing happens here.

use std::time::Duration;

use sd_notify::NotifyState::{self, Ready, Reloading, Status, Stopping, Watchdog};
use tracing::debug;

use crate::Counts;

/// From one status to the next.
const PERIOD: Duration = Duration::from_secs(10);

/// The service manager, if there is one.
#[derive(Debug)]
pub(crate) struct Manager {
    /// How often it wants to hear from us; `None` if it does not listen.
    pub(crate) period: Option<Duration>,
    watches: bool,
}

impl Manager {
    pub(crate) fn find() -> Self {
        let watchdog = sd_notify::watchdog_enabled().filter(|deadline| !deadline.is_zero());
        let listens = std::env::var_os("NOTIFY_SOCKET").is_some();
        let period = watchdog.map_or(PERIOD, |deadline| PERIOD.min(deadline / 2));
        Self { period: listens.then_some(period), watches: watchdog.is_some() }
    }

    pub(crate) fn ready(&self) {
        tell(&[Ready]);
    }

    /// [`ready`](Self::ready) must follow.
    pub(crate) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[Reloading, now]),
            Err(_) => tell(&[Reloading]),
        }
    }

    /// The hub has answered.
    pub(crate) fn alive(&self, counts: Counts) {
        let Counts { peers, sessions, calls, .. } = counts;
        let status = format!("peers {peers}, sessions {sessions}, calls {calls}");
        let states = [Status(&status), Watchdog];
        tell(if self.watches { &states } else { &states[..1] });
    }

    pub(crate) fn stopping(&self) {
        tell(&[Stopping]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        debug!(%error, "the service manager was not told");
    }
}
