//! Who comes, goes, breaks off and comes back; and what becomes of them when accounts change.

use std::sync::Arc;
use std::time::Instant;

use super::{Hub, Input, Output};
use crate::accounts::{Account, AccountName, Kind};
use crate::ids::{ConnId, CredentialId};
use crate::limits::SecondLogin;
use crate::peers::{Identity, Peer};
use crate::timers::Due;
use crate::words::{CloseReason, EndReason, Notice, Request, Role, Status, Text};

/// Requests that wait for a newcomer's welcome; who asks for more is closed.
const WAITING_REQUESTS: usize = 16;

/// Credentials that were revoked of late: somebody may be on the way in with one. A changed password
/// revokes a thousand at once.
const REVOKED: usize = 4096;

/// Somebody who cannot be welcomed yet.
#[derive(Debug)]
pub(super) struct Newcomer {
    identity: Identity,
    awaits: Awaits,
    waiting: Vec<(Request, Option<Text>)>,
}

/// What has to happen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaits {
    /// This connection, which holds the peer id, leaves.
    Leave(ConnId),
    /// The account, which is so new that nobody has told of it yet.
    Account,
}

impl Hub {
    pub(super) fn connected(&mut self, now: Instant, conn: ConnId, identity: Identity) {
        if self.stopping {
            self.refuse(conn, CloseReason::Stopping);
            return;
        }
        if identity.credential.is_some_and(|credential| self.revoked.contains(&credential)) {
            self.refuse(conn, CloseReason::Revoked);
            return;
        }
        if self.is_unproven_admin(&identity) {
            self.refuse(conn, CloseReason::Revoked);
            return;
        }
        if identity.account.as_ref().is_some_and(|name| self.accounts.account(name).is_none()) {
            self.wait(now, conn, identity, Awaits::Account);
            return;
        }
        let holder = identity.peer.as_ref().and_then(|id| self.peers.find(id));
        let Some((holder, peer)) = holder else {
            self.welcome(now, conn, identity);
            return;
        };
        if peer.account() != identity.account.as_ref() {
            self.refuse(conn, CloseReason::PeerIdTaken); // and another account's holder is not disturbed
        } else if peer.is_away {
            self.close(now, holder, CloseReason::Replaced);
            self.welcome(now, conn, identity);
        } else {
            self.wait(now, conn, identity, Awaits::Leave(holder));
            self.outputs.push_back(Output::Probe { conn: holder });
        }
    }

    /// What a newcomer asks waits for its welcome.
    pub(super) fn asked_early(&mut self, conn: ConnId, request: Request, tag: Option<Text>) {
        let Some(newcomer) = self.newcomers.get_mut(&conn) else { return };
        if newcomer.waiting.len() < WAITING_REQUESTS {
            newcomer.waiting.push((request, tag));
        } else {
            self.forget_newcomer(conn);
            self.refuse(conn, CloseReason::TooFast);
        }
    }

    /// The holder of a peer id answered: whoever else wanted it does not get it.
    pub(super) fn alive(&mut self, holder: ConnId) {
        for conn in self.newcomers_for(holder) {
            self.forget_newcomer(conn);
            self.refuse(conn, CloseReason::PeerIdTaken);
        }
    }

    /// What a newcomer waits for has not happened.
    pub(super) fn waited_enough(&mut self, now: Instant, conn: ConnId) {
        match self.newcomers.get(&conn).map(|newcomer| newcomer.awaits) {
            Some(Awaits::Leave(holder)) => self.close(now, holder, CloseReason::Replaced),
            Some(Awaits::Account) => {
                self.forget_newcomer(conn);
                self.refuse(conn, CloseReason::Revoked);
            }
            None => {}
        }
    }

    pub(super) fn lost(&mut self, now: Instant, conn: ConnId) {
        let can_resume = self.peers.peer(conn).is_some_and(|peer| peer.identity.resumes);
        if !can_resume {
            if self.newcomers.contains_key(&conn) {
                self.refuse(conn, CloseReason::NotBack); // whoever keeps its place may forget it
            }
            self.disconnected(now, conn);
            return;
        }
        if !self.newcomers_for(conn).is_empty() {
            self.close(now, conn, CloseReason::Replaced);
            return;
        }
        if let Some(peer) = self.peers.peer_mut(conn) {
            peer.is_away = true;
        }
        self.timers.set(Due::Grace(conn), now + self.limits.grace);
        self.tell_far_side(conn, |call| Notice::CallAway { call });
        self.bound_away(now, conn);
    }

    pub(super) fn resumed(&mut self, conn: ConnId, reset: bool) {
        let Some(peer) = self.peers.peer_mut(conn) else { return };
        let was_away = std::mem::take(&mut peer.is_away);
        self.timers.cancel(Due::Grace(conn));
        if reset {
            let snapshot = self.snapshot(conn);
            self.notify(conn, Notice::Snapshot(snapshot));
        }
        if was_away {
            self.tell_far_side(conn, |call| Notice::CallBack { call });
        }
    }

    pub(super) fn disconnected(&mut self, now: Instant, conn: ConnId) {
        self.forget_newcomer(conn);
        self.leave(now, conn, EndReason::Disconnected);
    }

    pub(super) fn close(&mut self, now: Instant, conn: ConnId, reason: CloseReason) {
        if self.peers.peer(conn).is_none() {
            return;
        }
        let end = match reason {
            CloseReason::LoggedOut | CloseReason::LoggedInElsewhere | CloseReason::Revoked => {
                EndReason::LoggedOut
            }
            _ => EndReason::Disconnected,
        };
        // Whoever logs out knows, and whoever does not read would not hear it.
        if !matches!(reason, CloseReason::LoggedOut | CloseReason::TooSlow) {
            self.tell_end_of_call(conn, end);
        }
        self.refuse(conn, reason);
        self.leave(now, conn, end);
    }

    pub(super) fn account_changed(&mut self, now: Instant, account: Account) {
        let name = account.name.clone();
        let kind = account.kind;
        let is_other_kind = self.accounts.account(&name).is_some_and(|old| old.kind != kind);
        let before = self.audience(&name);
        let saw = is_other_kind.then(|| self.seen_accounts(&name));
        self.accounts.insert(account);
        for conn in self.peers.of(&name) {
            if self.peers.peer(conn).is_some_and(|peer| self.is_unproven_admin(&peer.identity)) {
                self.close(now, conn, CloseReason::Revoked);
            }
        }
        self.end_forbidden_call(now, &name);
        let after = self.audience(&name);
        for conn in before.iter().filter(|conn| !after.contains(conn)) {
            self.hide(&name, *conn);
        }
        for conn in after.iter().filter(|conn| !before.contains(conn)) {
            self.reveal(&name, *conn);
        }
        if let Some(saw) = saw {
            self.show_all(&name, &saw);
        }
        self.end_forbidden();
        self.publish(&name);
        let is_awaited = |newcomer: &Newcomer| {
            newcomer.awaits == Awaits::Account && newcomer.identity.account.as_ref() == Some(&name)
        };
        for conn in self.newcomers_where(is_awaited) {
            self.admit(now, conn);
        }
    }

    pub(super) fn account_removed(&mut self, now: Instant, name: &AccountName) {
        let is_its_own = |newcomer: &Newcomer| newcomer.identity.account.as_ref() == Some(name);
        for conn in self.newcomers_where(is_its_own) {
            self.forget_newcomer(conn);
            self.refuse(conn, CloseReason::Revoked);
        }
        for conn in self.peers.of(name) {
            self.close(now, conn, CloseReason::Revoked);
        }
        for conn in self.audience(name) {
            self.hide(name, conn);
        }
        self.accounts.remove(name);
        self.published.remove(name);
        self.call_offers.remove(name);
    }

    pub(super) fn revoked(&mut self, now: Instant, credential: CredentialId) {
        self.revoked.truncate(REVOKED - 1);
        self.revoked.push_front(credential);
        for conn in self.peers.with_credential(credential) {
            self.close(now, conn, CloseReason::Revoked);
        }
    }

    /// Nobody hears that the others leave: they all do. What was accepted may go on after a start;
    /// what rings does not.
    pub(super) fn stop(&mut self, now: Instant) {
        self.stopping = true;
        self.record_ringing(now);
        self.sessions.clear();
        self.rooms.clear();
        self.dialled.clear();
        self.timers.clear();
        let newcomers = std::mem::take(&mut self.newcomers).into_keys();
        for conn in self.peers.drain().into_iter().chain(newcomers) {
            self.refuse(conn, CloseReason::Stopping);
        }
    }

    fn welcome(&mut self, now: Instant, conn: ConnId, identity: Identity) {
        if let Err(reason) = self.settle_second_login(now, &identity) {
            self.refuse(conn, reason);
            return;
        }
        let id = identity.peer.clone().unwrap_or_else(|| self.rng.peer_id());
        let account = identity.account.clone();
        self.peers.insert(conn, id.clone(), identity);
        self.notify(conn, Notice::Welcome { peer: id });
        if let Some(account) = account {
            self.ring_newcomer(conn, &account);
            self.publish(&account);
        }
    }

    /// Whether it would be an admin without having shown anything.
    fn is_unproven_admin(&self, identity: &Identity) -> bool {
        let account = identity.account.as_ref().and_then(|name| self.accounts.account(name));
        identity.credential.is_none() && account.is_some_and(|account| account.kind == Kind::Admin)
    }

    /// Two devices of one person are two logins; several elements of one device are one.
    fn settle_second_login(
        &mut self,
        now: Instant,
        identity: &Identity,
    ) -> Result<(), CloseReason> {
        let Some(name) = identity.account.as_ref().filter(|_| identity.calls) else {
            return Ok(());
        };
        if self.accounts.account(name).is_some_and(|account| account.kind == Kind::Device) {
            return Ok(());
        }
        let first = self.peers.callable(name);
        let is_there = |conn: &ConnId| self.peers.peer(*conn).is_some_and(|peer| !peer.is_away);
        if identity.is_exclusive && first.iter().any(is_there) {
            return Err(CloseReason::LoggedInAlready);
        }
        match self.limits.second_login {
            SecondLogin::Allow => return Ok(()),
            SecondLogin::Refuse if first.iter().any(is_there) => {
                return Err(CloseReason::LoggedInAlready);
            }
            SecondLogin::Refuse | SecondLogin::Replace => {}
        }
        for conn in first {
            self.close(now, conn, CloseReason::LoggedInElsewhere);
        }
        Ok(())
    }

    /// Of an account with very many lost connections, the one that came first is not waited for.
    fn bound_away(&mut self, now: Instant, lost: ConnId) {
        let Some(account) = self.peers.peer(lost).and_then(Peer::account) else { return };
        let mut away = self.peers.of(account);
        away.retain(|conn| self.peers.peer(*conn).is_some_and(|peer| peer.is_away));
        if away.len() > self.limits.away_per_account {
            self.close(now, away[0], CloseReason::NotBack);
        }
    }

    fn leave(&mut self, now: Instant, conn: ConnId, reason: EndReason) {
        self.end_all_where(conn, Role::Producer);
        self.end_all_where(conn, Role::Consumer);
        self.leave_rooms(conn);
        self.timers.cancel(Due::Grace(conn));
        let Some(peer) = self.peers.remove(conn) else { return };
        self.hang_up_on(conn, &peer.id);
        let account = peer.account().cloned();
        let status = Arc::new(Status { roles: Vec::new(), ..(*peer.status).clone() });
        self.broadcast(&peer.id, &status, account.as_ref());
        if let Some(account) = account {
            self.detach(&peer.id, Some(&account));
            self.leave_call(now, conn, &account, reason);
            self.publish(&account);
        }
        for conn in self.newcomers_for(conn) {
            self.admit(now, conn);
        }
    }

    /// The id that it wants is free.
    fn admit(&mut self, now: Instant, conn: ConnId) {
        let Some(newcomer) = self.forget_newcomer(conn) else { return };
        self.connected(now, conn, newcomer.identity);
        for (request, tag) in newcomer.waiting {
            self.handle(now, Input::Request { conn, request, tag });
        }
    }

    fn wait(&mut self, now: Instant, conn: ConnId, identity: Identity, awaits: Awaits) {
        let time = match awaits {
            Awaits::Account => self.limits.newcomer,
            Awaits::Leave(_) => self.limits.probe,
        };
        self.newcomers.insert(conn, Newcomer { identity, awaits, waiting: Vec::new() });
        self.timers.set(Due::Newcomer(conn), now + time);
    }

    fn newcomers_for(&self, holder: ConnId) -> Vec<ConnId> {
        self.newcomers_where(|newcomer| newcomer.awaits == Awaits::Leave(holder))
    }

    fn newcomers_where(&self, fits: impl Fn(&Newcomer) -> bool) -> Vec<ConnId> {
        let waiting = self.newcomers.iter().filter(|(_, newcomer)| fits(newcomer));
        waiting.map(|(conn, _)| *conn).collect()
    }

    fn forget_newcomer(&mut self, conn: ConnId) -> Option<Newcomer> {
        self.timers.cancel(Due::Newcomer(conn));
        self.newcomers.remove(&conn)
    }

    fn refuse(&mut self, conn: ConnId, reason: CloseReason) {
        self.outputs.push_back(Output::Close { conn, reason });
    }

    /// Everybody who may see an account, itself not included.
    fn audience(&self, name: &AccountName) -> Vec<ConnId> {
        let mut conns = self.peers.listeners();
        conns.extend(self.peers.all_callable());
        conns.extend(self.rooms.everybody());
        conns.sort_unstable();
        conns.dedup();
        conns.retain(|conn| {
            self.peers.peer(*conn).and_then(Peer::account) != Some(name)
                && self.sees(*conn, Some(name))
        });
        conns
    }

    fn hide(&mut self, name: &AccountName, from: ConnId) {
        self.show_peers(name, from, false);
        if self.peers.peer(from).is_some_and(|peer| peer.identity.calls) {
            self.notify(from, Notice::AccountGone { account: name.clone() });
        }
    }

    fn reveal(&mut self, name: &AccountName, to: ConnId) {
        self.show_peers(name, to, true);
        if self.peers.peer(to).is_some_and(|peer| peer.identity.calls)
            && let Some(seen) = self.seen(name)
        {
            self.notify(to, Notice::Presence(seen));
        }
    }

    /// An admin sees more than a user: the account itself hears whom it sees now, and of which peers.
    fn show_all(&mut self, name: &AccountName, saw: &[AccountName]) {
        let sees = self.seen_accounts(name);
        for conn in self.peers.of(name) {
            for lost in saw.iter().filter(|other| !sees.contains(other)) {
                self.show_peers(lost, conn, false);
            }
            for new in sees.iter().filter(|other| !saw.contains(other)) {
                self.show_peers(new, conn, true);
            }
        }
        for conn in self.peers.callable(name) {
            let accounts = self.seen_by(conn);
            self.notify(conn, Notice::Accounts(accounts));
        }
    }

    fn seen_accounts(&self, name: &AccountName) -> Vec<AccountName> {
        self.presence(Some(name)).into_iter().map(|seen| seen.name).collect()
    }

    fn show_peers(&mut self, name: &AccountName, listener: ConnId, shown: bool) {
        self.show_in_rooms(name, listener, shown);
        let listens = self.peers.peer(listener).is_some_and(|peer| peer.status.is(Role::Listener));
        for conn in self.peers.of(name).into_iter().filter(|_| listens) {
            let Some(peer) = self.peers.peer(conn).filter(|peer| !peer.status.roles.is_empty())
            else {
                continue;
            };
            let status = if shown { Arc::clone(&peer.status) } else { Arc::default() };
            let (peer, account) = (peer.id.clone(), Some(name.clone()));
            self.notify(listener, Notice::StatusChanged { peer, status, account });
        }
    }
}
