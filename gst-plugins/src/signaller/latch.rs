//! Something that happens once, and who waits for it.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::imp::lock;

/// Open until it happens.
#[derive(Default)]
pub(super) struct Latch {
    has_happened: Mutex<bool>,
    changed: Condvar,
}

impl Latch {
    /// It happens.
    pub(super) fn set(&self) {
        *lock(&self.has_happened) = true;
        self.changed.notify_all();
    }

    /// Waits for it; `false` if it has not happened within `timeout`.
    pub(super) fn wait(&self, timeout: Duration) -> bool {
        let has_happened = lock(&self.has_happened);
        let waited = self.changed.wait_timeout_while(has_happened, timeout, |it| !*it);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
