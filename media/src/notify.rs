//! What systemd is told: ready, one line of status, that the program still lives, that it stops.
//!
//! Whoever started it otherwise is told nothing: all of this then does nothing.

use gst::glib;
use sd_notify::NotifyState;

/// The program does what it was started for; with its first line of status.
pub fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// What it does at the moment.
pub fn status(status: &str) {
    notify(&[NotifyState::Status(status)]);
}

/// It ends, as it was asked to or not.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Tells from the main loop that the program lives, twice in the time that systemd gives it, as
/// long as `alive` says so.
pub fn keep_alive(mut alive: impl FnMut() -> bool + 'static) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    glib::timeout_add_local(limit / 2, move || {
        if alive() {
            notify(&[NotifyState::Watchdog]);
        }
        glib::ControlFlow::Continue
    });
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd was not told");
    }
}
