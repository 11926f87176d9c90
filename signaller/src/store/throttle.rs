//! How fast passwords may be tried. A value: time is an argument.
//!
//! Every attempt counts when it begins, and is forgiven when its password was right. Of what went
//! wrong in the last half hour, three are free; then each doubles the wait, from 800 ms on. An
//! address with ten failures has to wait until the oldest of them is half an hour old. For an
//! account the wait ends at 10 s, and does not concern addresses from which it was logged in to
//! before: whoever guesses from elsewhere cannot keep its owner out.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use signaller_core::AccountName;

const WINDOW: Duration = Duration::from_secs(30 * 60);
const UNIT: Duration = Duration::from_millis(100);
const FREE: usize = 3;
const MAX_FAILURES: usize = 10;
const MAX_ACCOUNT_WAIT: Duration = Duration::from_secs(10);

/// Addresses, and accounts, that are remembered; a few hundred bytes each.
const MAX_KEYS: usize = 4096;

/// Who failed how often, and who did not.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    addresses: Failures<Place>,
    accounts: Failures<AccountName>,
    known: HashMap<(AccountName, Place), Instant>,
}

/// Wait this long before the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait(pub(super) Duration);

/// One attempt, under way.
#[derive(Debug)]
pub(super) struct Attempt {
    at: Instant,
    account: Option<AccountName>,
    place: Place,
}

/// An IPv4 address, or the /64 that an IPv6 host chooses its addresses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Place(IpAddr);

#[derive(Debug)]
struct Failures<K> {
    times: HashMap<K, VecDeque<Instant>>,
}

impl Throttle {
    /// Begins an attempt; what is no name at all counts for the address alone.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        account: Option<&AccountName>,
        from: IpAddr,
    ) -> Result<Attempt, Wait> {
        let place = Place::of(from);
        let failures = self.addresses.recent(now, &place);
        let mut wait = wait(now, failures, WINDOW);
        if failures.len() >= MAX_FAILURES {
            let oldest = failures.front().copied().unwrap_or(now);
            wait = wait.max((oldest + WINDOW).duration_since(now));
        }
        if let Some(account) = account
            && !self.known.contains_key(&(account.clone(), place))
        {
            let of_account = self::wait(now, self.accounts.recent(now, account), MAX_ACCOUNT_WAIT);
            wait = wait.max(of_account);
        }
        if wait > Duration::ZERO {
            return Err(Wait(wait));
        }
        self.addresses.add(now, place);
        if let Some(account) = account {
            self.accounts.add(now, account.clone());
        }
        Ok(Attempt { at: now, account: account.cloned(), place })
    }

    /// It was no failure.
    pub(super) fn forgive(&mut self, attempt: &Attempt) {
        self.addresses.forgive(attempt.at, &attempt.place);
        if let Some(account) = &attempt.account {
            self.accounts.forgive(attempt.at, account);
        }
    }

    /// It was a login.
    pub(super) fn succeeded(&mut self, attempt: Attempt) {
        self.forgive(&attempt);
        let Attempt { at, account: Some(account), place } = attempt else { return };
        if self.known.len() >= MAX_KEYS {
            let oldest = self.known.iter().min_by_key(|(_, at)| **at);
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                self.known.remove(&key);
            }
        }
        self.known.insert((account, place), at);
    }
}

#[cfg(test)]
impl Throttle {
    /// As if half an hour had passed.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Place {
    fn of(address: IpAddr) -> Self {
        // A socket for both shows IPv4 as ::ffff:a.b.c.d, all of it in one /64.
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let prefix = address.to_bits() >> 64 << 64;
                Self(Ipv6Addr::from_bits(prefix).into())
            }
            address => Self(address),
        }
    }
}

impl<K> Default for Failures<K> {
    fn default() -> Self {
        Self { times: HashMap::new() }
    }
}

impl<K: Clone + Eq + Hash> Failures<K> {
    fn recent(&mut self, now: Instant, key: &K) -> &VecDeque<Instant> {
        const NONE: &VecDeque<Instant> = &VecDeque::new();
        let Some(times) = self.times.get_mut(key) else { return NONE };
        while times.front().is_some_and(|at| is_over(now, *at)) {
            times.pop_front();
        }
        times
    }

    fn add(&mut self, now: Instant, key: K) {
        if self.times.len() >= MAX_KEYS && !self.times.contains_key(&key) {
            self.make_room(now);
        }
        let times = self.times.entry(key).or_default();
        if times.len() >= MAX_FAILURES {
            times.pop_front();
        }
        times.push_back(now);
    }

    fn forgive(&mut self, at: Instant, key: &K) {
        let Some(times) = self.times.get_mut(key) else { return };
        if let Some(index) = times.iter().rposition(|time| *time == at) {
            times.remove(index);
        }
        if times.is_empty() {
            self.times.remove(key);
        }
    }

    /// The one that was quiet for longest goes.
    fn make_room(&mut self, now: Instant) {
        self.times.retain(|_, times| times.back().is_some_and(|at| !is_over(now, *at)));
        if self.times.len() >= MAX_KEYS {
            let quiet = self.times.iter().min_by_key(|(_, times)| times.back());
            if let Some(key) = quiet.map(|(key, _)| key.clone()) {
                self.times.remove(&key);
            }
        }
    }
}

fn is_over(now: Instant, at: Instant) -> bool {
    now.duration_since(at) >= WINDOW
}

/// What is left of the wait after so many failures.
fn wait(now: Instant, failures: &VecDeque<Instant>, longest: Duration) -> Duration {
    let Some(last) = failures.back().filter(|_| failures.len() >= FREE) else {
        return Duration::ZERO;
    };
    let exponent = u32::try_from(failures.len()).unwrap_or(u32::MAX).min(20);
    let whole = (UNIT * 2_u32.pow(exponent)).min(longest);
    (*last + whole).saturating_duration_since(now)
}
