//! What waits to be written, in lanes that do not crowd each other out. A value.
//!
//! Of what a restart needs only the newest counts: there is never more of it than there are calls and
//! connections, and none of it is lost, nor is the end of a call that was accepted. What merely happened
//! waits in lines of a bounded length.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use signaller_core::{CallId, CredentialId, EndedCall, OpenCall, RingingCall};

use super::db::millis;
use super::record::Event;
use super::resume::ResumeId;

/// Events, and calls that nobody took, that wait to be written.
pub(super) const LINE: usize = 4096;
/// The same refusal, and the same look at the same camera, is written once in this time.
const GRAIN: Duration = Duration::from_secs(60);

/// Something to be written when there is time.
#[derive(Debug)]
pub(super) enum Job {
    /// A call is over.
    CallEnded(EndedCall),
    /// A call rings.
    CallRings(RingingCall),
    /// A call as it now is.
    CallOpen(OpenCall),
    /// What is new of a connection that may come back.
    Return(ResumeId, Return),
    /// Somebody showed it.
    Used(CredentialId),
    /// A row of the audit table.
    Event(Event),
}

/// What is new of a connection that may come back. Times are milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Return {
    /// Its newest token had arrived then: the one before is void.
    pub(super) acknowledged: Option<i64>,
    /// It was there then.
    pub(super) seen: Option<i64>,
    /// It will not come back.
    pub(super) is_forgotten: bool,
}

/// All that waits, each with its time.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    ended: VecDeque<(i64, EndedCall)>,
    rings: BTreeMap<CallId, (i64, RingingCall)>,
    open: BTreeMap<CallId, (i64, OpenCall)>,
    returns: BTreeMap<ResumeId, (i64, Return)>,
    used: BTreeMap<CredentialId, i64>,
    events: VecDeque<(i64, Event)>,
    /// Cheap ones that were put of late, and when.
    lately: HashMap<Event, i64>,
}

impl Lanes {
    /// Adds one; whether there was room.
    #[must_use]
    pub(super) fn put(&mut self, at: i64, job: Job) -> bool {
        match job {
            Job::CallEnded(call) => {
                self.rings.remove(&call.call);
                self.open.remove(&call.call);
                // One that was accepted would come back with a restart.
                if call.talked.is_some() {
                    self.ended.push_back((at, call));
                    return true;
                }
                put(&mut self.ended, at, call)
            }
            Job::CallRings(call) => {
                self.rings.insert(call.call, (at, call));
                true
            }
            Job::CallOpen(call) => {
                self.rings.remove(&call.call);
                // Its first time is when it was accepted.
                let first = self.open.get(&call.call).map_or(at, |(first, _)| *first);
                self.open.insert(call.call, (first, call));
                true
            }
            Job::Return(id, news) => {
                let (last, known) = self.returns.entry(id).or_default();
                *last = at;
                known.acknowledged = news.acknowledged.or(known.acknowledged);
                known.seen = news.seen.or(known.seen);
                known.is_forgotten |= news.is_forgotten;
                true
            }
            Job::Used(id) => {
                self.used.insert(id, at);
                true
            }
            Job::Event(event) if event.is_cheap() => self.put_cheap(at, event),
            Job::Event(event) => put(&mut self.events, at, event),
        }
    }

    /// Some of it, what a restart needs first.
    pub(super) fn take(&mut self, most: usize) -> Vec<(i64, Job)> {
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some(next) = self.next()
        {
            taken.push(next);
        }
        taken
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// One that found no room may come again at once.
    fn put_cheap(&mut self, at: i64, event: Event) -> bool {
        let is_late = |last: i64| (at - last).abs() < millis(GRAIN);
        if self.lately.get(&event).is_some_and(|last| is_late(*last)) {
            return true;
        }
        if !put(&mut self.events, at, event.clone()) {
            return false;
        }
        if self.lately.len() >= LINE {
            self.lately.retain(|_, last| is_late(*last));
        }
        if self.lately.len() >= LINE {
            self.lately.clear(); // what is written twice is no harm
        }
        self.lately.insert(event, at);
        true
    }

    fn next(&mut self) -> Option<(i64, Job)> {
        if let Some((at, call)) = self.ended.pop_front() {
            return Some((at, Job::CallEnded(call)));
        }
        if let Some((_, (at, call))) = self.open.pop_first() {
            return Some((at, Job::CallOpen(call)));
        }
        if let Some((_, (at, call))) = self.rings.pop_first() {
            return Some((at, Job::CallRings(call)));
        }
        if let Some((id, (at, news))) = self.returns.pop_first() {
            return Some((at, Job::Return(id, news)));
        }
        if let Some((id, at)) = self.used.pop_first() {
            return Some((at, Job::Used(id)));
        }
        self.events.pop_front().map(|(at, event)| (at, Job::Event(event)))
    }
}

fn put<T>(line: &mut VecDeque<(i64, T)>, at: i64, item: T) -> bool {
    let has_room = line.len() < LINE;
    if has_room {
        line.push_back((at, item));
    }
    has_room
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use signaller_core::{AccountName, EndReason, Media, OpenSide, PeerId};

    use super::super::record::{Action, Actor};
    use super::*;

    fn event() -> Job {
        Job::Event(Event::new(&Actor::Owner, Action::Call))
    }

    fn name() -> AccountName {
        AccountName::parse("ann").unwrap()
    }

    fn call(number: usize) -> CallId {
        CallId::parse(&format!("00000000-0000-4000-8000-{number:012x}")).unwrap()
    }

    fn open(number: usize, audio: bool) -> Job {
        let media = Media { audio, video: false };
        let peer = PeerId::from("p");
        let side = OpenSide { account: name(), peer, media, attached: vec![] };
        let (caller, callee) = (side.clone(), side);
        Job::CallOpen(OpenCall { call: call(number), caller, callee, sessions: vec![] })
    }

    fn ended(number: usize) -> Job {
        ended_after(number, None)
    }

    fn ended_after(number: usize, talked: Option<Duration>) -> Job {
        let (call, caller, callee) = (call(number), name(), name());
        let (rang, reason) = (Duration::ZERO, EndReason::Hangup);
        Job::CallEnded(EndedCall { call, caller, callee, rang, talked, reason })
    }

    fn seen(id: i64, at: i64) -> Job {
        Job::Return(ResumeId(id), Return { seen: Some(at), ..Return::default() })
    }

    #[test]
    fn noise_is_lost_and_what_a_restart_needs_is_not() {
        let mut lanes = Lanes::default();
        assert!((0..LINE).all(|_| lanes.put(1, event())) && !lanes.put(1, event()));
        // More than a line has room for: everybody who could come back, every ten minutes.
        let many = 2 * LINE;
        for number in 0..many {
            assert!(lanes.put(2, seen(number as i64, 2)));
            assert!(lanes.put(2, open(number, true)));
            assert!(lanes.put(2, Job::Used(CredentialId(number as i64))));
        }
        assert!(lanes.put(3, ended(0)));
        let first = lanes.take(1 + many - 1);
        assert!(matches!(first[0], (3, Job::CallEnded(_))));
        assert!(first[1..].iter().all(|(_, job)| matches!(job, Job::CallOpen(_))));
        let rest = lanes.take(usize::MAX);
        assert_eq!(rest.len(), many + many + LINE);
        assert!(lanes.take(1).is_empty());
    }

    #[test]
    fn what_was_talked_does_not_come_back_however_many_were_missed() {
        let mut lanes = Lanes::default();
        assert!((0..LINE).all(|number| lanes.put(1, ended(number))) && !lanes.put(1, ended(LINE)));
        assert!(lanes.put(2, ended_after(LINE, Some(Duration::ZERO))));
        let last = lanes.take(usize::MAX).pop().unwrap();
        assert!(matches!(last, (2, Job::CallEnded(EndedCall { talked: Some(_), .. }))));
    }

    #[test]
    fn the_same_look_is_written_once_a_minute() {
        let mut lanes = Lanes::default();
        let watch = |of: &str| Event::new(&Actor::Owner, Action::Watch).of(of);
        let mut count = |at, event| {
            assert!(lanes.put(at, Job::Event(event)));
            lanes.take(9).len()
        };
        assert_eq!((count(0, watch("door")), count(59_999, watch("door"))), (1, 0));
        assert_eq!((count(1, watch("gate")), count(2, watch("door").refused())), (1, 1));
        assert_eq!(count(60_000, watch("door")), 1);
        assert_eq!((count(1, watch("yard")), count(-60_000, watch("yard"))), (1, 1));
        for number in 0..2 * LINE {
            count(1, watch(&number.to_string()));
        }
        assert!(lanes.lately.len() <= LINE);
    }

    #[test]
    fn what_found_no_room_is_written_when_there_is_some() {
        let mut lanes = Lanes::default();
        let refused = || Job::Event(Event::new(&Actor::Owner, Action::Call).refused());
        assert!((0..LINE).all(|_| lanes.put(1, event())) && !lanes.put(1, refused()));
        assert_eq!(lanes.take(1).len(), 1);
        assert!(lanes.put(2, refused()));
        assert!(!lanes.put(2, event()), "it took the room");
    }

    #[test]
    fn of_each_thing_the_newest_counts() {
        let mut lanes = Lanes::default();
        for (at, job) in [
            (1, open(1, true)),
            (2, open(1, false)),
            (3, seen(1, 3)),
            (4, Job::Return(ResumeId(1), Return { acknowledged: Some(4), ..Return::default() })),
            (5, seen(1, 5)),
            (6, open(2, true)),
            (7, ended(2)),
        ] {
            assert!(lanes.put(at, job));
        }
        let taken = lanes.take(10);
        let [(7, Job::CallEnded(_)), (1, Job::CallOpen(call)), (5, Job::Return(_, news))] =
            &taken[..]
        else {
            panic!("{taken:?}")
        };
        assert!(!call.caller.media.audio);
        let whole = Return { acknowledged: Some(4), seen: Some(5), is_forgotten: false };
        assert_eq!(*news, whole);
    }
}
