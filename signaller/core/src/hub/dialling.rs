//! Sessions of peers whose protocol has no words for them: who is connected to somebody says
//! something, and the other end hears it.
//!
//! Between two such peers all that is said goes through as it is. With another one, what is said is
//! what it means: the session begins with the first word, which says who offers. Either way it is
//! the only session of such a peer, and its connection ends with it.

use std::collections::BTreeSet;
use std::time::Instant;

use super::Hub;
use crate::accounts::AccountName;
use crate::ids::{ConnId, PeerId, SessionId};
use crate::timers::Due;
use crate::words::{CloseReason, Meaning, Notice, Refusal, Role, Text};

impl Hub {
    /// Connects to whoever is called so: an account of which somebody may know, by its first
    /// producer, or else a peer.
    pub(super) fn dial(&mut self, now: Instant, conn: ConnId, to: &Text) -> Result<(), Refusal> {
        if self.is_taken(conn) {
            return Err(Refusal::InSession);
        }
        let called = self.called(conn, to).into_iter().next();
        let peer = called.ok_or_else(|| Refusal::NoSuchPeer(PeerId::from(&**to)))?;
        let session = self.session_with(conn, &peer)?;
        if self.is_verbatim(&session) {
            self.open_session(now, session, None);
        } else {
            self.dialled.insert(conn, peer.clone());
            self.timers.set(Due::Dialled(conn), now + self.limits.first_word);
            self.answer(conn, Notice::Dialled { peer });
        }
        Ok(())
    }

    /// What a peer says to whom it is connected; nobody hears it if there is nobody.
    pub(super) fn say(
        &mut self,
        now: Instant,
        conn: ConnId,
        text: Text,
        meaning: Meaning,
    ) -> Result<(), Refusal> {
        let Some(peer) = self.peers.peer(conn) else { return Ok(()) };
        let session = peer.sessions.first().copied();
        let Some(id) = session else { return self.first_word(now, conn, meaning) };
        let Some(session) = self.sessions.session(id) else { return Ok(()) };
        match session.other(conn).filter(|_| self.is_verbatim(session)) {
            Some(other) => {
                self.spoke(id);
                self.notify(other, Notice::Said { text });
                Ok(())
            }
            None => self.translate(conn, id, meaning),
        }
    }

    /// Whether a peer that has one session at most can have no other now.
    pub(super) fn is_taken(&self, conn: ConnId) -> bool {
        let has_session = self.peers.peer(conn).is_some_and(|peer| !peer.sessions.is_empty());
        has_session || self.dialled.contains_key(&conn) || !self.rooms.of(conn).is_empty()
    }

    /// A peer is gone: who was about to speak to it has nobody to speak to.
    pub(super) fn hang_up_on(&mut self, conn: ConnId, peer: &PeerId) {
        self.forget_dialled(conn);
        let waiting = self.dialled.iter().filter(|(_, dialled)| *dialled == peer);
        self.over.extend(waiting.map(|(conn, _)| *conn));
    }

    /// Whoever has dialled has let its time pass.
    pub(super) fn said_nothing(&mut self, conn: ConnId) {
        if self.forget_dialled(conn).is_some() {
            self.over.push(conn);
        }
    }

    /// Closes those whose only session has ended.
    pub(super) fn close_those_over(&mut self, now: Instant) {
        while let Some(conn) = self.over.pop() {
            self.close(now, conn, CloseReason::SessionEnded);
        }
    }

    fn forget_dialled(&mut self, conn: ConnId) -> Option<PeerId> {
        self.timers.cancel(Due::Dialled(conn));
        self.dialled.remove(&conn)
    }

    /// The first word to a peer whose protocol has words for a session.
    fn first_word(&mut self, now: Instant, conn: ConnId, meaning: Meaning) -> Result<(), Refusal> {
        if !matches!(meaning, Meaning::Offer { .. } | Meaning::Ask | Meaning::Harm(_)) {
            return Ok(());
        }
        let Some(peer) = self.forget_dialled(conn) else { return Ok(()) };
        let begun = self.begin(now, conn, &peer, meaning);
        if begun.is_err() {
            self.over.push(conn);
        }
        begun
    }

    fn begin(
        &mut self,
        now: Instant,
        conn: ConnId,
        peer: &PeerId,
        meaning: Meaning,
    ) -> Result<(), Refusal> {
        let session = self.session_with(conn, peer)?;
        let sends = session.producer == conn;
        match meaning {
            Meaning::Harm(fault) => Err(Refusal::Unreadable(fault.to_string())),
            Meaning::Offer { sdp, .. } if !sends => {
                self.open_session(now, session, Some(sdp));
                Ok(())
            }
            Meaning::Offer { payload, .. } => {
                let id = self.open_session(now, session, None);
                id.map_or(Ok(()), |id| self.relay(conn, id, payload))
            }
            _ if sends => Err(Refusal::OfferFromConsumer {
                consumer: peer.clone(),
                producer: self.peers.peer(conn).map_or_else(|| "".into(), |peer| peer.id.clone()),
            }),
            _ => {
                self.open_session(now, session, None);
                Ok(())
            }
        }
    }

    fn translate(&mut self, conn: ConnId, id: SessionId, meaning: Meaning) -> Result<(), Refusal> {
        match meaning {
            Meaning::Offer { payload, .. } | Meaning::Payload(payload) => {
                self.relay(conn, id, payload)
            }
            Meaning::Harm(fault) => self.spoil(conn, id, &fault),
            Meaning::Ask | Meaning::Nothing => Ok(()),
        }
    }

    /// All others that are called so, whoever is meant first.
    pub(super) fn list_named(&mut self, conn: ConnId, name: Text) -> Result<(), Refusal> {
        let mut peers = self.called(conn, &name);
        peers.retain(|peer| {
            let found = self.peers.find(peer);
            found.is_some_and(|(other, peer)| other != conn && peer.status.is(Role::Producer))
        });
        self.answer(conn, Notice::Named { name, peers });
        Ok(())
    }

    /// Who is meant by a name, the likeliest first. One that is an account's leads to that account's own
    /// peers only. What somebody calls itself comes last.
    fn called(&self, asker: ConnId, to: &str) -> Vec<PeerId> {
        let account = AccountName::parse(to)
            .ok()
            .filter(|name| self.accounts.account(name).is_some() && self.sees(asker, Some(name)));
        let peer = PeerId::from(to);
        let by_id = self.peers.find(&peer).filter(|(_, holder)| match &account {
            Some(name) => holder.account() == Some(name),
            None => self.sees(asker, holder.account()),
        });
        let by_id = by_id.map(|_| peer);
        let mut called = match &account {
            Some(name) => self.producers_of(name).into_iter().chain(by_id).collect(),
            None => by_id.into_iter().chain(self.named(asker, to)).collect::<Vec<_>>(),
        };
        let mut known = BTreeSet::new();
        called.retain(|peer| known.insert(peer.clone()));
        called
    }

    /// Those that are meant by its name. Who has no words for sessions is called by its own.
    fn producers_of(&self, account: &AccountName) -> Vec<PeerId> {
        let peers = self.peers.of(account).into_iter().filter_map(|conn| self.peers.peer(conn));
        let producers =
            peers.filter(|peer| peer.status.is(Role::Producer) && !peer.identity.verbatim);
        let mut producers: Vec<_> = producers.collect();
        // Of several, one that is called so itself is meant before the others.
        producers.sort_by_key(|peer| peer.status.name.as_deref() != Some(account.as_str()));
        producers.into_iter().map(|peer| peer.id.clone()).collect()
    }

    /// The producers that call themselves so, of those that the asker may see.
    fn named(&self, asker: ConnId, name: &str) -> Vec<PeerId> {
        let producers = self.peers.listed(Role::Producer).filter(|listed| {
            listed.status.name.as_deref() == Some(name) && self.sees(asker, listed.account.as_ref())
        });
        producers.map(|listed| listed.peer).collect()
    }
}
