//! How things stand, for whoever looks after the server. Looking changes nothing.

use super::Hub;
use crate::accounts::{AccountName, Right};
use crate::ids::{CallId, ConnId, CredentialId, PeerId, SessionId};
use crate::words::{Role, Seen};

/// Who is connected, and who is in a session with whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// In the order in which they came.
    pub peers: Vec<PeerView>,
    /// In the order of their ids.
    pub sessions: Vec<SessionView>,
}

/// A connected peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerView {
    /// Its connection.
    pub conn: ConnId,
    /// Its id.
    pub peer: PeerId,
    /// Whose it is; `None` for a guest's.
    pub account: Option<AccountName>,
    /// What it logged in with, if that can be revoked.
    pub credential: Option<CredentialId>,
    /// What it is registered as.
    pub roles: Vec<Role>,
    /// Its socket broke, and it is waited for.
    pub is_away: bool,
}

/// A session: one-way media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// Its id.
    pub session: SessionId,
    /// Who sends.
    pub producer: EndView,
    /// Who receives.
    pub consumer: EndView,
    /// The call that it belongs to.
    pub call: Option<CallId>,
}

/// One end of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndView {
    /// Its id.
    pub peer: PeerId,
    /// Whose it is; `None` for a guest's.
    pub account: Option<AccountName>,
}

impl Hub {
    /// Who is connected, and who watches whom.
    pub fn overview(&self) -> Overview {
        let peers = self.peers.iter().map(|(conn, peer)| PeerView {
            conn,
            peer: peer.id.clone(),
            account: peer.account().cloned(),
            credential: peer.identity.credential,
            roles: peer.status.roles.clone(),
            is_away: peer.is_away,
        });
        let sessions = self.sessions.all_where(|_| true);
        let sessions = sessions.into_iter().filter_map(|session| self.session_view(session));
        Overview { peers: peers.collect(), sessions: sessions.collect() }
    }

    /// All accounts that somebody (`None` for a guest) may see, its own not included.
    pub fn presence(&self, asker: Option<&AccountName>) -> Vec<Seen> {
        let names = self.accounts.iter().map(|account| &account.name);
        let others = names
            .filter(|name| asker != Some(*name) && self.accounts.allow(Right::See, name, asker));
        others.filter_map(|name| self.seen(name)).collect()
    }

    /// The connection that has this peer id.
    pub fn connection(&self, peer: &PeerId) -> Option<ConnId> {
        self.peers.find(peer).map(|(conn, _)| conn)
    }

    fn session_view(&self, id: SessionId) -> Option<SessionView> {
        let session = self.sessions.session(id)?;
        let producer = self.end_view(session.producer)?;
        let consumer = self.end_view(session.consumer)?;
        Some(SessionView { session: id, producer, consumer, call: session.call })
    }

    fn end_view(&self, conn: ConnId) -> Option<EndView> {
        let peer = self.peers.peer(conn)?;
        Some(EndView { peer: peer.id.clone(), account: peer.account().cloned() })
    }
}
