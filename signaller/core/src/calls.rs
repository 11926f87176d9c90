//! Which calls there are. At most one an account; what happens in one is the hub's to decide.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use crate::accounts::AccountName;
use crate::ids::{CallId, ConnId, PeerId};
use crate::words::{Description, Media};

/// From ring to hang-up.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) caller: Side,
    pub(crate) callee: Side,
    /// When it began to ring.
    pub(crate) rang: Instant,
    /// When it was accepted; `None` while it rings.
    pub(crate) accepted: Option<Instant>,
}

/// One of the two.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    pub(crate) account: AccountName,
    /// The connection that offered or accepted; `None` while all of the callee's ring.
    pub(crate) conn: Option<ConnId>,
    /// What it sends.
    pub(crate) media: Media,
    /// The producers that carry it.
    pub(crate) peers: Vec<PeerId>,
    /// What carries it instead.
    pub(crate) description: Option<Arc<Description>>,
    /// What it sent besides while it rang.
    pub(crate) candidates: u32,
}

impl Call {
    /// The account's own side and the other one; `None` for an outsider.
    pub(crate) fn sides(&self, account: &AccountName) -> Option<(&Side, &Side)> {
        if self.caller.account == *account {
            Some((&self.caller, &self.callee))
        } else if self.callee.account == *account {
            Some((&self.callee, &self.caller))
        } else {
            None
        }
    }

    pub(crate) fn is_between(&self, one: &AccountName, other: &AccountName) -> bool {
        self.sides(one).is_some_and(|(_, far)| far.account == *other)
    }

    pub(crate) fn side_mut(&mut self, account: &AccountName) -> Option<&mut Side> {
        [&mut self.caller, &mut self.callee].into_iter().find(|side| side.account == *account)
    }

    /// Whether a producer of the one account carries what its side sends to the other account.
    pub(crate) fn carries(&self, peer: &PeerId, from: &AccountName, to: &AccountName) -> bool {
        self.sides(from).is_some_and(|(own, far)| far.account == *to && own.peers.contains(peer))
    }
}

impl Side {
    pub(crate) fn new(account: AccountName, conn: Option<ConnId>, media: Media) -> Self {
        Self { account, conn, media, peers: Vec::new(), description: None, candidates: 0 }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Calls {
    all: HashMap<CallId, Call>,
    by_account: BTreeMap<AccountName, CallId>,
}

impl Calls {
    pub(crate) fn insert(&mut self, id: CallId, call: Call) {
        for side in [&call.caller, &call.callee] {
            self.by_account.insert(side.account.clone(), id);
        }
        self.all.insert(id, call);
    }

    pub(crate) fn remove(&mut self, id: CallId) -> Option<Call> {
        let call = self.all.remove(&id)?;
        for side in [&call.caller, &call.callee] {
            self.by_account.remove(&side.account);
        }
        Some(call)
    }

    pub(crate) fn call(&self, id: CallId) -> Option<&Call> {
        self.all.get(&id)
    }

    pub(crate) fn call_mut(&mut self, id: CallId) -> Option<&mut Call> {
        self.all.get_mut(&id)
    }

    pub(crate) fn of(&self, account: &AccountName) -> Option<(CallId, &Call)> {
        let id = *self.by_account.get(account)?;
        Some((id, self.all.get(&id)?))
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// All of them, in the order of their ids.
    pub(crate) fn drain(&mut self) -> Vec<(CallId, Call)> {
        let mut all: Vec<_> = std::mem::take(self).all.into_iter().collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all
    }
}
