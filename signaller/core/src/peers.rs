//! Who is there and what they are registered as. Knows nothing of sessions but their ids.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::ids::{ConnId, PeerId, SessionId};
use crate::words::{Access, Listed, Role, Status};

/// One connection's peer.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    pub(crate) access: Access,
    pub(crate) status: Arc<Status>,
    /// Those it takes part in, oldest first.
    pub(crate) sessions: Vec<SessionId>,
}

/// All peers. A status change costs what the listeners cost, not what the peers cost.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    by_conn: HashMap<ConnId, Peer>,
    by_id: HashMap<PeerId, ConnId>,
    listeners: BTreeSet<ConnId>,
    producers: BTreeSet<ConnId>,
    consumers: BTreeSet<ConnId>,
}

impl Peers {
    pub(crate) fn insert(&mut self, conn: ConnId, id: PeerId, access: Access) {
        self.by_id.insert(id.clone(), conn);
        let peer = Peer { id, access, status: Arc::default(), sessions: Vec::new() };
        self.by_conn.insert(conn, peer);
    }

    pub(crate) fn remove(&mut self, conn: ConnId) -> Option<Peer> {
        let peer = self.by_conn.remove(&conn)?;
        self.by_id.remove(&peer.id);
        for set in [&mut self.listeners, &mut self.producers, &mut self.consumers] {
            set.remove(&conn);
        }
        Some(peer)
    }

    /// Everybody at once, in the order of their connections.
    pub(crate) fn drain(&mut self) -> Vec<ConnId> {
        let mut conns: Vec<_> = std::mem::take(self).by_conn.into_keys().collect();
        conns.sort_unstable();
        conns
    }

    pub(crate) fn set_status(&mut self, conn: ConnId, status: Arc<Status>) {
        let Some(peer) = self.by_conn.get_mut(&conn) else { return };
        for (role, set) in [
            (Role::Listener, &mut self.listeners),
            (Role::Producer, &mut self.producers),
            (Role::Consumer, &mut self.consumers),
        ] {
            if status.is(role) {
                set.insert(conn);
            } else {
                set.remove(&conn);
            }
        }
        peer.status = status;
    }

    pub(crate) fn peer(&self, conn: ConnId) -> Option<&Peer> {
        self.by_conn.get(&conn)
    }

    pub(crate) fn peer_mut(&mut self, conn: ConnId) -> Option<&mut Peer> {
        self.by_conn.get_mut(&conn)
    }

    pub(crate) fn find(&self, id: &PeerId) -> Option<(ConnId, &Peer)> {
        let conn = *self.by_id.get(id)?;
        Some((conn, self.by_conn.get(&conn)?))
    }

    pub(crate) fn len(&self) -> usize {
        self.by_conn.len()
    }

    pub(crate) fn listeners(&self) -> Vec<ConnId> {
        self.listeners.iter().copied().collect()
    }

    pub(crate) fn producers(&self) -> Vec<Listed> {
        self.listed(&self.producers)
    }

    pub(crate) fn consumers(&self) -> Vec<Listed> {
        self.listed(&self.consumers)
    }

    fn listed(&self, conns: &BTreeSet<ConnId>) -> Vec<Listed> {
        let peers = conns.iter().filter_map(|conn| self.by_conn.get(conn));
        peers
            .map(|peer| Listed { peer: peer.id.clone(), status: Arc::clone(&peer.status) })
            .collect()
    }
}
