//! Who is in a session with whom, and which sessions still wait for their producer's first word.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use crate::ids::{ConnId, SessionId};

/// One negotiation. Both ends are live connections: the hub ends it with either of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session {
    pub(crate) producer: ConnId,
    pub(crate) consumer: ConnId,
    /// When it ends unless its producer says something; `None` once it did.
    first_word_by: Option<Instant>,
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
    all: HashMap<SessionId, Session>,
    waiting: BTreeSet<(Instant, SessionId)>,
}

impl Sessions {
    pub(crate) fn insert(
        &mut self,
        id: SessionId,
        producer: ConnId,
        consumer: ConnId,
        first_word_by: Instant,
    ) {
        self.waiting.insert((first_word_by, id));
        let session = Session { producer, consumer, first_word_by: Some(first_word_by) };
        self.all.insert(id, session);
    }

    pub(crate) fn session(&self, id: SessionId) -> Option<&Session> {
        self.all.get(&id)
    }

    pub(crate) fn remove(&mut self, id: SessionId) -> Option<Session> {
        let session = self.all.remove(&id)?;
        if let Some(by) = session.first_word_by {
            self.waiting.remove(&(by, id));
        }
        Some(session)
    }

    /// The session is under way.
    pub(crate) fn producer_spoke(&mut self, id: SessionId) {
        if let Some(by) = self.all.get_mut(&id).and_then(|session| session.first_word_by.take()) {
            self.waiting.remove(&(by, id));
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.waiting.first().map(|(by, _)| *by)
    }

    /// One session whose deadline has come.
    pub(crate) fn overdue(&self, now: Instant) -> Option<SessionId> {
        self.waiting.first().filter(|(by, _)| *by <= now).map(|(_, id)| *id)
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn clear(&mut self) {
        self.all.clear();
        self.waiting.clear();
    }
}
