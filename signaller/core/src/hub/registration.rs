//! Who is registered as what, and who sees it.

use std::sync::Arc;
use std::time::Instant;

use super::Hub;
use crate::accounts::{AccountName, Right};
use crate::ids::{ConnId, PeerId};
use crate::peers::Peer;
use crate::words::{Access, Listed, Notice, Refusal, Role, Status};

impl Hub {
    pub(super) fn set_status(
        &mut self,
        now: Instant,
        conn: ConnId,
        status: Status,
    ) -> Result<(), Refusal> {
        let Some(peer) = self.peers.peer_mut(conn) else { return Ok(()) };
        if !peer.status_changes.take(now, self.limits.status_changes) {
            return Err(Refusal::TooFast("status changes"));
        }
        let (id, old) = (peer.id.clone(), Arc::clone(&peer.status));
        let account = peer.account().cloned();
        if status == *old {
            // Clients wait for the echo of their own status; for others there is no news.
            if old.is(Role::Listener) {
                self.answer(conn, Notice::StatusChanged { peer: id, status: old, account });
            }
            return Ok(());
        }
        self.check_status(conn, &status)?;
        for role in [Role::Producer, Role::Consumer] {
            if old.is(role) && !status.is(role) {
                self.end_all_where(conn, role);
            }
        }
        let was_producer = old.is(Role::Producer) && !status.is(Role::Producer);
        let status = Arc::new(status);
        self.peers.set_status(conn, Arc::clone(&status));
        self.broadcast(&id, &status, account.as_ref());
        if was_producer {
            self.detach(&id, account.as_ref());
        }
        Ok(())
    }

    pub(super) fn list_producers(&mut self, conn: ConnId) -> Result<(), Refusal> {
        let peers = self.listed_for(conn, Role::Producer);
        self.answer(conn, Notice::Producers(peers));
        Ok(())
    }

    pub(super) fn list_consumers(&mut self, conn: ConnId) -> Result<(), Refusal> {
        let peers = self.listed_for(conn, Role::Consumer);
        self.answer(conn, Notice::Consumers(peers));
        Ok(())
    }

    /// Tells all listeners that may see it what a peer is registered as; no roles: it is gone.
    pub(super) fn broadcast(
        &mut self,
        peer: &PeerId,
        status: &Arc<Status>,
        account: Option<&AccountName>,
    ) {
        let listeners = self.listeners_of(account);
        let notice = Notice::StatusChanged {
            peer: peer.clone(),
            status: Arc::clone(status),
            account: account.cloned(),
        };
        self.notify_all(listeners, notice);
    }

    /// All listeners that may see the peers of an account.
    pub(super) fn listeners_of(&self, account: Option<&AccountName>) -> Vec<ConnId> {
        let listeners = self.peers.listeners();
        listeners.into_iter().filter(|conn| self.sees(*conn, account)).collect()
    }

    /// Whether a connection may know of the peers of an account. Those of guests are everybody's.
    pub(super) fn sees(&self, conn: ConnId, account: Option<&AccountName>) -> bool {
        let Some(account) = account else { return true };
        let asker = self.peers.peer(conn).and_then(Peer::account);
        self.accounts.allow(Right::See, account, asker)
    }

    fn listed_for(&self, conn: ConnId, role: Role) -> Vec<Listed> {
        let peers = self.peers.listed(role);
        peers.filter(|listed| self.sees(conn, listed.account.as_ref())).collect()
    }

    fn check_status(&self, conn: ConnId, status: &Status) -> Result<(), Refusal> {
        let Some(peer) = self.peers.peer(conn) else { return Ok(()) };
        let max = self.limits.meta_len;
        match status.meta.as_ref().map(|meta| meta.len()) {
            Some(len) if len > max => return Err(Refusal::MetaTooLong { len, max }),
            _ => {}
        }
        if !status.is(Role::Producer) {
            return Ok(());
        }
        if status.is(Role::Consumer) {
            return Err(Refusal::BothEnds(peer.id.clone()));
        }
        may_produce(peer)
    }
}

pub(super) fn may_produce(peer: &Peer) -> Result<(), Refusal> {
    match peer.identity.access {
        Access::Full => Ok(()),
        Access::Watch => Err(Refusal::WatchOnly),
    }
}
