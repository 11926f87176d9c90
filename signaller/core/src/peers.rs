//! Who is connected, as whom, and what they are registered as. Knows nothing of sessions but
//! their ids.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::accounts::AccountName;
use crate::ids::{ConnId, CredentialId, PeerId, SessionId};
use crate::limits::Meter;
use crate::words::{Access, Listed, Medium, Role, Status};

/// As whom somebody connects, and what it can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its account; `None` for a guest.
    pub account: Option<AccountName>,
    /// What it may do.
    pub access: Access,
    /// The peer id that belongs to it; `None` for a random one.
    pub peer: Option<PeerId>,
    /// What it logged in with, if that can be revoked. Nobody is an admin without one.
    pub credential: Option<CredentialId>,
    /// Whether its protocol knows calls and accounts; nothing of them is sent to others.
    pub calls: bool,
    /// How the media of its calls travel.
    pub medium: Medium,
    /// Whether its protocol has no words for sessions: what it says goes to its like as it is, and its
    /// connection ends with its only session.
    pub verbatim: bool,
    /// Whether it has one session or room at most, also if its protocol has words for them.
    pub is_single: bool,
    /// Whether it can come back after its socket broke.
    pub resumes: bool,
    /// Whether it is refused while its account is there already, whatever
    /// [`SecondLogin`](crate::SecondLogin) says.
    pub is_exclusive: bool,
}

impl Identity {
    /// Somebody without a login.
    pub fn guest(access: Access) -> Self {
        Self {
            account: None,
            access,
            peer: None,
            credential: None,
            calls: false,
            medium: Medium::Sessions,
            verbatim: false,
            is_single: false,
            resumes: false,
            is_exclusive: false,
        }
    }

    /// A login from a protocol that knows neither calls nor coming back.
    pub fn account(name: AccountName) -> Self {
        Self { account: Some(name), ..Self::guest(Access::Full) }
    }

    /// Whether it is in one session or room at most.
    pub(crate) fn has_one_place(&self) -> bool {
        self.verbatim || self.is_single
    }
}

/// One connection's peer.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    pub(crate) identity: Identity,
    pub(crate) status: Arc<Status>,
    /// Those it takes part in, oldest first.
    pub(crate) sessions: Vec<SessionId>,
    /// Its socket broke, and it may come back.
    pub(crate) is_away: bool,
    pub(crate) status_changes: Meter,
    /// Of sessions and calls.
    pub(crate) changes: Meter,
    /// In rooms and calls.
    pub(crate) messages: Meter,
}

impl Peer {
    pub(crate) fn account(&self) -> Option<&AccountName> {
        self.identity.account.as_ref()
    }
}

/// All peers. A status change costs what the listeners cost, not what the peers cost.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    by_conn: HashMap<ConnId, Peer>,
    by_id: HashMap<PeerId, ConnId>,
    by_account: BTreeMap<AccountName, BTreeSet<ConnId>>,
    listeners: BTreeSet<ConnId>,
    producers: BTreeSet<ConnId>,
    consumers: BTreeSet<ConnId>,
}

impl Peers {
    pub(crate) fn insert(&mut self, conn: ConnId, id: PeerId, identity: Identity) {
        self.by_id.insert(id.clone(), conn);
        if let Some(account) = &identity.account {
            self.by_account.entry(account.clone()).or_default().insert(conn);
        }
        let peer = Peer {
            id,
            identity,
            status: Arc::default(),
            sessions: Vec::new(),
            is_away: false,
            status_changes: Meter::default(),
            changes: Meter::default(),
            messages: Meter::default(),
        };
        self.by_conn.insert(conn, peer);
    }

    pub(crate) fn remove(&mut self, conn: ConnId) -> Option<Peer> {
        let peer = self.by_conn.remove(&conn)?;
        self.by_id.remove(&peer.id);
        for set in [&mut self.listeners, &mut self.producers, &mut self.consumers] {
            set.remove(&conn);
        }
        if let Some(account) = &peer.identity.account
            && let Some(conns) = self.by_account.get_mut(account)
        {
            conns.remove(&conn);
            if conns.is_empty() {
                self.by_account.remove(account);
            }
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

    /// All peers, in the order of their connections.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ConnId, &Peer)> {
        let mut peers: Vec<_> = self.by_conn.iter().map(|(conn, peer)| (*conn, peer)).collect();
        peers.sort_unstable_by_key(|(conn, _)| *conn);
        peers.into_iter()
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

    /// All connections of an account, in their order.
    pub(crate) fn of(&self, account: &AccountName) -> Vec<ConnId> {
        self.by_account.get(account).into_iter().flatten().copied().collect()
    }

    /// Those of them that know calls.
    pub(crate) fn callable(&self, account: &AccountName) -> Vec<ConnId> {
        let conns = self.by_account.get(account).into_iter().flatten().copied();
        conns.filter(|conn| self.knows_calls(*conn)).collect()
    }

    /// Those of them whose calls carry descriptions.
    pub(crate) fn described(&self, account: &AccountName) -> Vec<ConnId> {
        let mut conns = self.callable(account);
        conns.retain(|conn| self.medium(*conn) == Medium::Descriptions);
        conns
    }

    pub(crate) fn medium(&self, conn: ConnId) -> Medium {
        self.by_conn.get(&conn).map(|peer| peer.identity.medium).unwrap_or_default()
    }

    /// All connections that know calls and have an account, in no order.
    pub(crate) fn all_callable(&self) -> Vec<ConnId> {
        self.by_account.keys().flat_map(|account| self.callable(account)).collect()
    }

    pub(crate) fn with_credential(&self, credential: CredentialId) -> Vec<ConnId> {
        let has = |peer: &Peer| peer.identity.credential == Some(credential);
        let mut conns: Vec<_> =
            self.by_conn.iter().filter(|(_, peer)| has(peer)).map(|(conn, _)| *conn).collect();
        conns.sort_unstable();
        conns
    }

    pub(crate) fn listeners(&self) -> Vec<ConnId> {
        self.listeners.iter().copied().collect()
    }

    /// Everybody with this role, in the order of their connections.
    pub(crate) fn listed(&self, role: Role) -> impl Iterator<Item = Listed> {
        let conns = match role {
            Role::Producer => &self.producers,
            Role::Consumer => &self.consumers,
            Role::Listener => &self.listeners,
        };
        conns.iter().filter_map(|conn| self.by_conn.get(conn)).map(|peer| Listed {
            peer: peer.id.clone(),
            status: Arc::clone(&peer.status),
            account: peer.identity.account.clone(),
        })
    }

    fn knows_calls(&self, conn: ConnId) -> bool {
        self.by_conn.get(&conn).is_some_and(|peer| peer.identity.calls)
    }
}
