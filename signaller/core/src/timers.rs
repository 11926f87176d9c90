//! Everything that happens by itself when its time has come.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::ids::{CallId, ConnId, SessionId};

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// Nobody has said what a session begins with.
    FirstWord(SessionId),
    /// Who has dialled has not said it.
    Dialled(ConnId),
    /// Nobody has answered a call.
    Ring(CallId),
    /// A lost connection has not come back.
    Grace(ConnId),
    /// What a newcomer waits for has not happened.
    Newcomer(ConnId),
}

/// One time for each of them at most.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    order: BTreeSet<(Instant, Due)>,
    at: BTreeMap<Due, Instant>,
}

impl Timers {
    pub(crate) fn set(&mut self, due: Due, at: Instant) {
        self.cancel(due);
        self.at.insert(due, at);
        self.order.insert((at, due));
    }

    pub(crate) fn cancel(&mut self, due: Due) {
        if let Some(at) = self.at.remove(&due) {
            self.order.remove(&(at, due));
        }
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// The longest due, if its time has come.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Due> {
        let (_, due) = *self.order.first().filter(|(at, _)| *at <= now)?;
        self.cancel(due);
        Some(due)
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
