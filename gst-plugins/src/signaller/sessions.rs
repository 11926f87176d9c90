//! The sessions that this signaller watches over: which webrtcbin belongs to which, which has
//! failed and why, and which is still within its deadline.
//!
//! Its lock is held for table look-ups only, never while anything is called.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;

use super::failure::{SessionFailure, Stage};
use super::peer_connection::PeerConnection;

/// All of them.
#[derive(Default)]
pub(super) struct Sessions {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    sessions: HashMap<String, Session>,
    /// webrtcsink names the peer, not the session, when it shows a webrtcbin; which one it was is
    /// known once it has a local description.
    connections: Vec<Arc<PeerConnection>>,
    begun: u64,
    failed: BTreeMap<&'static str, u64>,
}

struct Session {
    watchdog: Option<AbortHandle>,
    /// The other end has described itself.
    is_answered: bool,
    /// There is a TURN server, and it has given us no address yet.
    lacks_relay: bool,
    /// `ice-ufrag` of the description that we sent: found again in the webrtcbin.
    ufrag: Option<String>,
    failure: Option<SessionFailure>,
}

impl Sessions {
    /// `has_turn` is whether there is a TURN server for it.
    pub(super) fn begin(&self, session_id: &str, watchdog: Option<AbortHandle>, has_turn: bool) {
        let session = Session {
            watchdog,
            is_answered: false,
            lacks_relay: has_turn,
            ufrag: None,
            failure: None,
        };
        let mut table = self.table();
        table.begun += 1;
        table.sessions.insert(session_id.to_owned(), session);
    }

    /// Counts a failure.
    pub(super) fn count(&self, code: &'static str) {
        *self.table().failed.entry(code).or_default() += 1;
    }

    /// How many there were, how many there are, and how many failed for what reason.
    pub(super) fn stats(&self) -> gst::Structure {
        let table = self.table();
        let live = u64::try_from(table.sessions.len()).unwrap_or(u64::MAX);
        let failed = table.failed.iter();
        let failed = failed
            .fold(gst::Structure::builder("failed"), |all, (code, count)| all.field(*code, count));
        gst::Structure::builder("intercom-stats")
            .field("sessions", table.begun)
            .field("live", live)
            .field("failed", failed.build())
            .build()
    }

    /// Forgets the session; says why it failed, if it did.
    pub(super) fn end(&self, session_id: &str) -> Option<SessionFailure> {
        let mut session = self.table().sessions.remove(session_id)?;
        session.failure.take()
    }

    /// Forgets a session that has not failed; `false` if it has.
    pub(super) fn leave(&self, session_id: &str) -> bool {
        let mut table = self.table();
        let has_failed =
            table.sessions.get(session_id).is_some_and(|session| session.failure.is_some());
        if !has_failed {
            table.sessions.remove(session_id);
        }
        !has_failed
    }

    pub(super) fn clear(&self) {
        let mut table = self.table();
        table.sessions.clear();
        table.connections.clear();
    }

    pub(super) fn add_connection(&self, connection: Arc<PeerConnection>) {
        let mut table = self.table();
        table.connections.retain(|known| known.is_alive());
        table.connections.push(connection);
    }

    /// Notes the `ice-ufrag` of a description that goes out for the session.
    pub(super) fn described(&self, session_id: &str, ufrag: Option<String>) {
        if let Some(session) = self.table().sessions.get_mut(session_id) {
            session.ufrag = ufrag;
        }
    }

    /// Notes that the other end has described itself.
    pub(super) fn answered(&self, session_id: &str) {
        if let Some(session) = self.table().sessions.get_mut(session_id) {
            session.is_answered = true;
        }
    }

    /// Notes that a TURN server has given us an address.
    pub(super) fn relayed(&self, session_id: &str) {
        if let Some(session) = self.table().sessions.get_mut(session_id) {
            session.lacks_relay = false;
        }
    }

    /// Whether it has found no way, and there is a TURN server that has given us no address.
    pub(super) fn is_refused(&self, session_id: &str) -> bool {
        let lacks_relay =
            self.table().sessions.get(session_id).is_some_and(|session| session.lacks_relay);
        lacks_relay && self.stage(session_id) < Stage::Securing
    }

    /// Notes why the session ends; `false` if it is not there or has failed before.
    pub(super) fn fail(&self, session_id: &str, failure: SessionFailure) -> bool {
        let mut table = self.table();
        let Some(session) = table.sessions.get_mut(session_id) else { return false };
        session.failure.replace(failure).is_none()
    }

    /// Media can flow: the deadline is met, and another watchdog takes over.
    pub(super) fn up(&self, session_id: &str, watchdog: AbortHandle) {
        match self.table().sessions.get_mut(session_id) {
            Some(session) => {
                session.watchdog.replace(watchdog).inspect(AbortHandle::abort);
            }
            None => watchdog.abort(),
        }
    }

    /// The session that a webrtcbin belongs to.
    pub(super) fn session_of(&self, connection: &PeerConnection) -> Option<String> {
        let table = self.table();
        if table.sessions.contains_key(connection.given_id()) {
            return Some(connection.given_id().to_owned());
        }
        let ufrag = connection.ufrag()?;
        let mut sessions = table.sessions.iter();
        sessions
            .find(|(_, session)| session.ufrag.as_deref() == Some(ufrag))
            .map(|(id, _)| id.clone())
    }

    /// How far the session has come.
    pub(super) fn stage(&self, session_id: &str) -> Stage {
        let table = self.table();
        let session = table.sessions.get(session_id);
        let ufrag = session.and_then(|session| session.ufrag.as_deref());
        let mut connections = table.connections.iter();
        let reached = connections
            .find(|known| {
                known.given_id() == session_id || (ufrag.is_some() && known.ufrag() == ufrag)
            })
            .map_or(Stage::Describing, |connection| connection.stage());
        // With nothing to try, ICE does not even begin.
        let is_answered = session.is_some_and(|session| session.is_answered);
        if is_answered { reached.max(Stage::Connecting) } else { reached }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(watchdog) = &self.watchdog {
            watchdog.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_session_failed_outlasts_its_element() {
        let sessions = Sessions::default();
        for id in ["failed", "fine"] {
            sessions.begin(id, None, false);
        }
        assert!(sessions.fail("failed", SessionFailure::Ice));
        assert!(!sessions.leave("failed"));
        assert_eq!(sessions.end("failed"), Some(SessionFailure::Ice));
        assert!(sessions.leave("fine"));
        assert!(!sessions.fail("fine", SessionFailure::Ice), "it is gone");
    }
}
