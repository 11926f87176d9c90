//! Rooms: who is in one together, and what they tell each other there.
//!
//! A member knows of those members that it may see; of others nobody can tell whether they are there,
//! and those to whom it is not there hear nothing of it.

use std::time::Instant;

use super::Hub;
use super::registration::may_produce;
use crate::accounts::AccountName;
use crate::ids::{ConnId, PeerId};
use crate::rooms::RoomId;
use crate::words::{Notice, Refusal, Text};

impl Hub {
    /// Who is in there already hears who else is, and disturbs nobody.
    pub(super) fn join_room(
        &mut self,
        now: Instant,
        conn: ConnId,
        room: RoomId,
    ) -> Result<(), Refusal> {
        self.count_change(now, conn, "rooms")?;
        if !self.rooms.has(conn, &room) {
            self.check_join(conn, &room)?;
            self.rooms.join(conn, room.clone());
            self.tell_room(conn, &room, |room, peer| Notice::RoomPeerJoined { room, peer });
        }
        let peers = self.seen_in(conn, &room);
        self.answer(conn, Notice::RoomJoined { room, peers });
        Ok(())
    }

    pub(super) fn leave_room(&mut self, conn: ConnId, room: &RoomId) -> Result<(), Refusal> {
        self.check_member(conn, room)?;
        self.exit(conn, room);
        Ok(())
    }

    pub(super) fn list_room(&mut self, conn: ConnId, room: RoomId) -> Result<(), Refusal> {
        self.check_member(conn, &room)?;
        let peers = self.seen_in(conn, &room);
        self.answer(conn, Notice::RoomPeers { room, peers });
        Ok(())
    }

    pub(super) fn room_message(
        &mut self,
        conn: ConnId,
        room: RoomId,
        to: PeerId,
        text: Text,
    ) -> Result<(), Refusal> {
        self.check_member(conn, &room)?;
        let Some(peer) = self.peers.peer(conn) else { return Ok(()) };
        let (from, account) = (peer.id.clone(), peer.account());
        let found = self
            .peers
            .find(&to)
            .filter(|(other, peer)| self.sees(conn, peer.account()) && self.sees(*other, account));
        match found.map(|(other, _)| other) {
            None => Err(Refusal::NoSuchPeer(to)),
            Some(other) if !self.rooms.has(other, &room) => Err(Refusal::NotInRoom(to)),
            Some(other) => {
                self.notify(other, Notice::RoomMessage { room, from, text });
                Ok(())
            }
        }
    }

    /// A connection is about to be gone.
    pub(super) fn leave_rooms(&mut self, conn: ConnId) {
        for room in self.rooms.of(conn) {
            self.exit(conn, &room);
        }
    }

    /// Somebody may see the peers of an account from now on, or no longer.
    pub(super) fn show_in_rooms(&mut self, name: &AccountName, viewer: ConnId, shown: bool) {
        for room in self.rooms.of(viewer) {
            for conn in self.peers.of(name).into_iter().filter(|conn| *conn != viewer) {
                let Some(peer) = self.peers.peer(conn).filter(|_| self.rooms.has(conn, &room))
                else {
                    continue;
                };
                let (room, peer) = (room.clone(), peer.id.clone());
                self.notify(
                    viewer,
                    if shown {
                        Notice::RoomPeerJoined { room, peer }
                    } else {
                        Notice::RoomPeerLeft { room, peer }
                    },
                );
            }
        }
    }

    fn exit(&mut self, conn: ConnId, room: &RoomId) {
        if self.rooms.leave(conn, room) {
            self.tell_room(conn, room, |room, peer| Notice::RoomPeerLeft { room, peer });
        }
    }

    /// Tells those in a room who may know of a peer.
    fn tell_room(
        &mut self,
        of: ConnId,
        room: &RoomId,
        notice: impl FnOnce(RoomId, PeerId) -> Notice,
    ) {
        let Some(peer) = self.peers.peer(of) else { return };
        let (id, account) = (peer.id.clone(), peer.account().cloned());
        let mut others = self.rooms.members(room);
        others.retain(|conn| *conn != of && self.sees(*conn, account.as_ref()));
        self.notify_all(others, notice(room.clone(), id));
    }

    fn seen_in(&self, conn: ConnId, room: &RoomId) -> Vec<PeerId> {
        let others = self.rooms.members(room).into_iter().filter(|other| *other != conn);
        let peers = others.filter_map(|other| self.peers.peer(other));
        peers.filter(|peer| self.sees(conn, peer.account())).map(|peer| peer.id.clone()).collect()
    }

    fn check_member(&self, conn: ConnId, room: &RoomId) -> Result<(), Refusal> {
        if self.rooms.has(conn, room) { Ok(()) } else { Err(Refusal::NoSuchRoom) }
    }

    fn check_join(&self, conn: ConnId, room: &RoomId) -> Result<(), Refusal> {
        let Some(peer) = self.peers.peer(conn) else { return Ok(()) };
        may_produce(peer)?;
        if peer.identity.has_one_place() && self.is_taken(conn) {
            return Err(Refusal::InSession);
        }
        let (rooms, peers) = (self.limits.rooms_per_peer, self.limits.peers_per_room);
        if self.rooms.of(conn).len() >= rooms {
            return Err(Refusal::TooManyRooms { max: rooms });
        }
        if self.rooms.members(room).len() >= peers {
            return Err(Refusal::RoomFull { max: peers });
        }
        Ok(())
    }
}
