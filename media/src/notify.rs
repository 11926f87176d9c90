//! What systemd is told: ready, one line of status, that the program still lives, that it stops.
//!
//! Whoever started it otherwise is told nothing: all of this then does nothing.

use std::sync::atomic::{AtomicBool, Ordering};

use gst::glib;
use sd_notify::NotifyState;

static IS_READY: AtomicBool = AtomicBool::new(false);

/// The program does what it was started for; with its first line of status.
pub fn ready(status: &str) {
    IS_READY.store(true, Ordering::Relaxed);
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// What it does at the moment.
pub fn status(status: &str) {
    notify(&[NotifyState::Status(status)]);
}

/// Reads the settings again, which is told as well; who is not ready does not become so by that.
pub fn reload(read: impl FnOnce()) {
    let is_ready = IS_READY.load(Ordering::Relaxed);
    if is_ready {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => notify(&[NotifyState::Reloading, now]),
            Err(_) => notify(&[NotifyState::Reloading]),
        }
    }
    read();
    if is_ready {
        notify(&[NotifyState::Ready]);
    }
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
