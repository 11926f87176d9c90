//! Rooms: who is in which. Knows nothing of what is said there, nor of who may see whom.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::ids::ConnId;

/// What a room is called: 1 to 64 bytes of text without white space and control characters. It is
/// there for as long as somebody is in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomId(Arc<str>);

/// What is wrong with the name of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a room's name has 1 to 64 bytes, without white space, and is not \"session\"")]
pub struct RoomError;

impl RoomId {
    /// Reads a name.
    ///
    /// # Errors
    /// [`RoomError`] for what is none. `session` is none because it is none to old clients.
    pub fn parse(text: &str) -> Result<Self, RoomError> {
        let fits = (1..=64).contains(&text.len())
            && text != "session"
            && !text.contains(|c: char| c.is_whitespace() || c.is_control());
        if fits { Ok(Self(text.into())) } else { Err(RoomError) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// All rooms.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    members: BTreeMap<RoomId, BTreeSet<ConnId>>,
    joined: BTreeMap<ConnId, BTreeSet<RoomId>>,
}

impl Rooms {
    pub(crate) fn join(&mut self, conn: ConnId, room: RoomId) {
        self.joined.entry(conn).or_default().insert(room.clone());
        self.members.entry(room).or_default().insert(conn);
    }

    /// Whether it was in there.
    pub(crate) fn leave(&mut self, conn: ConnId, room: &RoomId) -> bool {
        let was_in = take(&mut self.joined, &conn, room);
        take(&mut self.members, room, &conn);
        was_in
    }

    pub(crate) fn has(&self, conn: ConnId, room: &RoomId) -> bool {
        self.members.get(room).is_some_and(|members| members.contains(&conn))
    }

    /// Those in a room, in their order.
    pub(crate) fn members(&self, room: &RoomId) -> Vec<ConnId> {
        self.members.get(room).into_iter().flatten().copied().collect()
    }

    /// The rooms that it is in, in the order of their names.
    pub(crate) fn of(&self, conn: ConnId) -> Vec<RoomId> {
        self.joined.get(&conn).into_iter().flatten().cloned().collect()
    }

    /// Those that are in some room.
    pub(crate) fn everybody(&self) -> impl Iterator<Item = ConnId> {
        self.joined.keys().copied()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Takes a value out of a set, and the set away with its last one.
fn take<K: Ord, V: Ord>(sets: &mut BTreeMap<K, BTreeSet<V>>, key: &K, value: &V) -> bool {
    let Some(set) = sets.get_mut(key) else { return false };
    let was_there = set.remove(value);
    if set.is_empty() {
        sets.remove(key);
    }
    was_there
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let long = "a".repeat(65);
        for text in ["", "session", "a b", "a\n", "a\u{a0}b", "\u{1b}x", &long] {
            assert_eq!(RoomId::parse(text), Err(RoomError), "{text:?}");
        }
        for text in ["a", "Stube", "küche/1", "'x'", &long[1..]] {
            assert!(RoomId::parse(text).is_ok(), "{text}");
        }
    }
}
