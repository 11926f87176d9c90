//! Whatever anybody sends, whenever sockets break: a call belongs to its two accounts, ends once
//! with one reason, and leaves nothing behind.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use signaller_core::{
    Account, AccountName, Answer, CallId, ConnId, EndCause, EndReason, Fact, Hub, Identity, Input,
    Kind, Limits, Media, Notice, Output, PeerId, Rate, RejectCause, Request, Rng, Role, Status,
};

const NAMES: [&str; 4] = ["ann", "bob", "cat", "door"];

#[derive(Clone, Copy, Debug)]
enum Act {
    Connect(usize, bool),
    Lose(usize),
    Resume(usize, bool),
    Leave(usize),
    Offer(usize, usize),
    Answer(usize, usize, u8),
    Attach(usize, usize, usize),
    End(usize, usize),
    LogOut(usize),
    Produce(usize),
    Remove(usize),
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let conn = || 0..8_usize;
    prop_oneof![
        4 => (0..4_usize, any::<bool>()).prop_map(|(a, calls)| Act::Connect(a, calls)),
        2 => conn().prop_map(Act::Lose),
        2 => (conn(), any::<bool>()).prop_map(|(c, reset)| Act::Resume(c, reset)),
        1 => conn().prop_map(Act::Leave),
        8 => (conn(), 0..4_usize).prop_map(|(c, a)| Act::Offer(c, a)),
        8 => (conn(), 0..99_usize, 0..4_u8).prop_map(|(c, k, a)| Act::Answer(c, k, a)),
        3 => (conn(), 0..99_usize, conn()).prop_map(|(c, k, p)| Act::Attach(c, k, p)),
        4 => (conn(), 0..99_usize).prop_map(|(c, k)| Act::End(c, k)),
        1 => conn().prop_map(Act::LogOut),
        2 => conn().prop_map(Act::Produce),
        1 => (0..4_usize).prop_map(Act::Remove),
        2 => (0..40_u64).prop_map(Act::Wait),
    ]
}

/// What is known of one call from what its ends heard.
#[derive(Default)]
struct Told {
    accounts: BTreeSet<AccountName>,
    ends: BTreeMap<ConnId, EndReason>,
    recorded: usize,
}

struct World {
    hub: Hub,
    now: Instant,
    live: Vec<ConnId>,
    accounts: HashMap<ConnId, (AccountName, bool)>,
    ids: HashMap<ConnId, PeerId>,
    calls: Vec<CallId>,
    told: HashMap<CallId, Told>,
    next: u64,
}

fn name(index: usize) -> AccountName {
    AccountName::parse(NAMES[index % NAMES.len()]).unwrap()
}

impl World {
    fn new() -> Self {
        let rate = Rate { burst: 10_000, every: Duration::from_millis(1) };
        let limits = Limits { call_offers: rate, status_changes: rate, ..Limits::default() };
        let mut world = Self {
            hub: Hub::new(limits, Rng::from_seed([5; 32])),
            now: Instant::now(),
            live: Vec::new(),
            accounts: HashMap::new(),
            ids: HashMap::new(),
            calls: Vec::new(),
            told: HashMap::new(),
            next: 0,
        };
        for index in 0..NAMES.len() {
            world.input(Input::AccountChanged(Account::new(name(index), Kind::User)));
        }
        world
    }

    fn conn(&self, index: usize) -> ConnId {
        self.live.get(index % self.live.len().max(1)).copied().unwrap_or(ConnId(0))
    }

    fn call(&self, index: usize) -> CallId {
        let unknown = CallId::parse("00000000-0000-4000-8000-000000000000").unwrap();
        self.calls.get(index % self.calls.len().max(1)).copied().unwrap_or(unknown)
    }

    fn act(&mut self, act: Act) {
        let media = Media { audio: true, video: true };
        let ask = |conn, request| Input::Request { conn, request, tag: None };
        let input = match act {
            Act::Connect(account, calls) => {
                self.next += 1;
                let conn = ConnId(self.next);
                self.live.push(conn);
                self.accounts.insert(conn, (name(account), calls));
                let identity =
                    Identity { calls, resumes: calls, ..Identity::account(name(account)) };
                Input::Connected { conn, identity }
            }
            Act::Lose(c) => {
                let conn = self.conn(c);
                if !self.accounts.get(&conn).is_some_and(|(_, resumes)| *resumes) {
                    self.live.retain(|live| *live != conn);
                }
                Input::Lost { conn }
            }
            Act::Resume(c, reset) => Input::Resumed { conn: self.conn(c), reset },
            Act::Leave(c) => {
                let conn = self.conn(c);
                self.live.retain(|live| *live != conn);
                Input::Disconnected { conn }
            }
            Act::Offer(c, a) => ask(self.conn(c), Request::OfferCall { to: name(a), media }),
            Act::Answer(c, call, kind) => {
                let answer = match kind {
                    0 => Answer::Reject(RejectCause::Rejected),
                    1 => Answer::Reject(RejectCause::Busy),
                    _ => Answer::Accept(media),
                };
                ask(self.conn(c), Request::AnswerCall { call: self.call(call), answer })
            }
            Act::Attach(c, call, peer) => {
                let peer = self.ids.get(&self.conn(peer)).cloned().unwrap_or("?".into());
                ask(self.conn(c), Request::AttachPeer { call: self.call(call), peer })
            }
            Act::End(c, call) => {
                let cause = EndCause::Hangup;
                ask(self.conn(c), Request::EndCall { call: self.call(call), cause })
            }
            Act::LogOut(c) => ask(self.conn(c), Request::LogOut),
            Act::Produce(c) => {
                let status = Status { roles: vec![Role::Producer], ..Status::default() };
                ask(self.conn(c), Request::SetStatus(status))
            }
            Act::Remove(a) => {
                self.input(Input::AccountRemoved(name(a)));
                Input::AccountChanged(Account::new(name(a), Kind::User))
            }
            Act::Wait(seconds) => return self.wait(Duration::from_secs(seconds)),
        };
        self.input(input);
    }

    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.hub.poll_timeout().filter(|at| *at <= until) {
            self.now = at;
            self.input(Input::Timeout);
        }
        self.now = until;
    }

    fn input(&mut self, input: Input) {
        self.hub.handle(self.now, input);
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Notify { conn, notice, .. } => self.heard(conn, &notice),
                Output::Close { conn, .. } => self.live.retain(|live| *live != conn),
                Output::Record(Fact::CallEnded(ended)) => {
                    self.told.entry(ended.call).or_default().recorded += 1;
                }
                Output::Probe { .. } | Output::Record(_) => {}
            }
        }
        assert!(self.hub.call_count() * 2 <= NAMES.len(), "an account is in two calls");
    }

    fn heard(&mut self, conn: ConnId, notice: &Notice) {
        assert!(self.live.contains(&conn), "a notice to somebody who is gone: {notice:?}");
        let (account, calls) = self.accounts[&conn].clone();
        let about = match notice {
            Notice::Welcome { peer } => {
                self.ids.insert(conn, peer.clone());
                return;
            }
            Notice::CallRinging { call, to } => {
                self.calls.push(*call);
                let accounts = [account.clone(), to.clone()].into();
                self.told.insert(*call, Told { accounts, ..Told::default() });
                *call
            }
            Notice::CallEnded { call, reason } => {
                let told = self.told.get_mut(call).unwrap();
                let elsewhere = *reason == EndReason::AnsweredElsewhere;
                assert!(told.ends.insert(conn, *reason).is_none(), "ended twice");
                let mut reasons: BTreeSet<_> = told.ends.values().copied().collect();
                reasons.remove(&EndReason::AnsweredElsewhere);
                assert!(elsewhere || reasons.len() == 1, "two reasons: {reasons:?}");
                *call
            }
            Notice::IncomingCall { call, .. }
            | Notice::CallAccepted { call, .. }
            | Notice::CallPeer { call, .. }
            | Notice::CallPeerGone { call, .. }
            | Notice::CallAway { call }
            | Notice::CallBack { call } => {
                assert!(!self.told[call].ends.contains_key(&conn), "after its end: {notice:?}");
                *call
            }
            Notice::Presence(_) | Notice::AccountGone { .. } => {
                assert!(calls, "an extension's notice to a stock client");
                return;
            }
            _ => return,
        };
        assert!(calls, "an extension's notice to a stock client");
        assert!(self.told[&about].accounts.contains(&account), "an outsider heard {notice:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn calls_belong_to_their_accounts_and_leave_nothing_behind(
        acts in prop::collection::vec(act(), 0..160)
    ) {
        let mut world = World::new();
        for index in 0..NAMES.len() {
            world.act(Act::Connect(index, true));
        }
        for act in acts {
            world.act(act);
        }
        for conn in world.live.clone() {
            world.live.retain(|live| *live != conn);
            world.input(Input::Disconnected { conn });
        }
        prop_assert_eq!(world.hub.call_count(), 0);
        prop_assert_eq!(world.hub.session_count(), 0);
        prop_assert_eq!(world.hub.peer_count(), 0);
        prop_assert_eq!(world.hub.poll_timeout(), None);
        for (call, told) in &world.told {
            prop_assert!(told.recorded == 1, "{call} was written down {} times", told.recorded);
        }
    }
}
