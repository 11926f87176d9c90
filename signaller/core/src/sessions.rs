//! Who is in a session with whom, and why it may be.

use std::collections::HashMap;

use crate::ids::{CallId, ConnId, SessionId};

/// One negotiation. Both ends are connections: the hub ends it with either of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session {
    pub(crate) producer: ConnId,
    pub(crate) consumer: ConnId,
    /// Which of the two asked for it.
    pub(crate) asker: ConnId,
    /// The call that it belongs to, and ends with.
    pub(crate) call: Option<CallId>,
}

impl Session {
    pub(crate) fn has(&self, conn: ConnId) -> bool {
        self.other(conn).is_some()
    }

    /// The other end; `None` if `conn` is an outsider.
    pub(crate) fn other(&self, conn: ConnId) -> Option<ConnId> {
        match conn {
            _ if conn == self.producer => Some(self.consumer),
            _ if conn == self.consumer => Some(self.producer),
            _ => None,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Sessions {
    all: HashMap<SessionId, Entry>,
}

#[derive(Debug)]
struct Entry {
    session: Session,
    /// Whoever has the first word in it has not said anything yet.
    is_waiting: bool,
}

impl Sessions {
    pub(crate) fn insert(&mut self, id: SessionId, session: Session, is_waiting: bool) {
        self.all.insert(id, Entry { session, is_waiting });
    }

    pub(crate) fn session(&self, id: SessionId) -> Option<&Session> {
        self.all.get(&id).map(|entry| &entry.session)
    }

    pub(crate) fn remove(&mut self, id: SessionId) -> Option<Session> {
        self.all.remove(&id).map(|entry| entry.session)
    }

    /// That one said something; whether it was the first time.
    pub(crate) fn spoke(&mut self, id: SessionId) -> bool {
        self.all.get_mut(&id).is_some_and(|entry| std::mem::take(&mut entry.is_waiting))
    }

    /// Those that fulfil a condition, in the order of their ids.
    pub(crate) fn all_where(&self, fits: impl Fn(&Session) -> bool) -> Vec<SessionId> {
        let mut ids: Vec<_> =
            self.all.iter().filter(|(_, entry)| fits(&entry.session)).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn clear(&mut self) {
        self.all.clear();
    }
}
