//! How fast passwords may be tried. A value: time is an argument.
//!
//! Every attempt counts when it begins, and is forgiven when its password was right or could not be
//! looked at. Of what went wrong in the last half hour, three are free; then each doubles the wait, from 800 ms on. An
//! address with ten failures has to wait until the oldest of them is half an hour old. For an
//! account the wait ends at 10 s. Where an account was logged in to before, only what went wrong with
//! that account at that place counts, and the wait ends at 10 s: neither who guesses from elsewhere
//! nor who guesses another account beside it can keep its owner out.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use signaller_core::AccountName;

use crate::place::Place;

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
    /// Of those that are known.
    homes: Failures<Home>,
    /// Where accounts were logged in to, and how many such logins there were before the last one.
    known: HashMap<Home, u64>,
    logins: u64,
}

/// An account at a place.
type Home = (AccountName, Place);

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
        let home = account.map(|account| (account.clone(), place));
        let home = home.filter(|home| self.known.contains_key(home));
        let wait = match &home {
            Some(home) => wait(now, self.homes.recent(now, home), MAX_ACCOUNT_WAIT),
            None => self.wait_elsewhere(now, account, &place),
        };
        if wait > Duration::ZERO {
            return Err(Wait(wait));
        }
        self.addresses.add(now, place);
        if let Some(account) = account {
            self.accounts.add(now, account.clone());
        }
        if let Some(home) = home {
            self.homes.add(now, home);
        }
        Ok(Attempt { at: now, account: account.cloned(), place })
    }

    /// It was no failure.
    pub(super) fn forgive(&mut self, attempt: &Attempt) {
        self.addresses.forgive(attempt.at, &attempt.place);
        if let Some(account) = &attempt.account {
            self.accounts.forgive(attempt.at, account);
            self.homes.forgive(attempt.at, &(account.clone(), attempt.place));
        }
    }

    /// It was a login.
    pub(super) fn succeeded(&mut self, attempt: Attempt) {
        self.forgive(&attempt);
        if let Attempt { account: Some(account), place, .. } = attempt {
            self.know((account, place));
        }
    }

    /// There was a login before the server was started; the ones before it were told before it.
    pub(super) fn recall(&mut self, account: AccountName, from: IpAddr) {
        self.know((account, Place::of(from)));
    }

    /// The account is gone: who gets its name is at home nowhere, and has done nothing wrong.
    pub(super) fn removed(&mut self, account: &AccountName) {
        self.known.retain(|(name, _), _| name != account);
        self.homes.times.retain(|(name, _), _| name != account);
        self.accounts.times.remove(account);
    }

    fn wait_elsewhere(
        &mut self,
        now: Instant,
        account: Option<&AccountName>,
        place: &Place,
    ) -> Duration {
        let failures = self.addresses.recent(now, place);
        let mut wait = wait(now, failures, WINDOW);
        if failures.len() >= MAX_FAILURES {
            let oldest = failures.front().copied().unwrap_or(now);
            wait = wait.max((oldest + WINDOW).duration_since(now));
        }
        if let Some(account) = account {
            let of_account = self::wait(now, self.accounts.recent(now, account), MAX_ACCOUNT_WAIT);
            wait = wait.max(of_account);
        }
        wait
    }

    fn know(&mut self, home: Home) {
        if self.known.len() >= MAX_KEYS && !self.known.contains_key(&home) {
            let oldest = self.known.iter().min_by_key(|(_, at)| **at);
            if let Some(home) = oldest.map(|(home, _)| home.clone()) {
                self.known.remove(&home);
            }
        }
        self.logins += 1;
        self.known.insert(home, self.logins);
    }
}

#[cfg(test)]
impl Throttle {
    /// As if half an hour had passed.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// As if what went wrong had gone wrong just now: to look at a password takes as long as a
    /// wait on a machine that is busy.
    pub(super) fn renew(&mut self) {
        let (now, Self { addresses, accounts, homes, .. }) = (Instant::now(), self);
        let (addresses, accounts) = (addresses.times.values_mut(), accounts.times.values_mut());
        for last in
            addresses.chain(accounts).chain(homes.times.values_mut()).flat_map(VecDeque::back_mut)
        {
            *last = now;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    /// A house whose clock is ours.
    struct World {
        throttle: Throttle,
        now: Instant,
    }

    impl World {
        fn new() -> Self {
            Self { throttle: Throttle::default(), now: Instant::now() }
        }

        fn advance(&mut self, time: Duration) {
            self.now += time;
        }

        /// How long it has to wait, after a wrong password if it has not.
        fn fail(&mut self, name: &str, from: &str) -> Duration {
            match self.throttle.begin(self.now, Some(&account(name)), from.parse().unwrap()) {
                Ok(_) => Duration::ZERO,
                Err(Wait(wait)) => wait,
            }
        }

        fn log_in(&mut self, name: &str, from: &str) -> Result<(), Wait> {
            let from = from.parse().unwrap();
            let attempt = self.throttle.begin(self.now, Some(&account(name)), from)?;
            self.throttle.succeeded(attempt);
            Ok(())
        }

        /// How many passwords somebody tries who never waits longer than he must.
        fn tries(&mut self, time: Duration, mut from: impl FnMut(u32) -> String) -> u32 {
            let (end, mut count) = (self.now + time, 0);
            while self.now < end {
                match self.fail("ann", &from(count)) {
                    Duration::ZERO => count += 1,
                    wait => self.advance(wait),
                }
            }
            count
        }
    }

    fn account(text: &str) -> AccountName {
        AccountName::parse(text).unwrap()
    }

    const A: &str = "192.0.2.1";
    const B: &str = "192.0.2.2";
    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn three_mistakes_are_free_and_each_more_doubles_the_wait() {
        let mut world = World::new();
        for _ in 0..3 {
            assert_eq!(world.fail("ann", A), Duration::ZERO);
        }
        for exponent in 3..10 {
            let wait = Duration::from_millis(100 << exponent);
            assert_eq!(world.fail("bob", A), wait);
            world.advance(wait);
            assert_eq!(world.fail("bob", A), Duration::ZERO);
        }
        // Ten: the first of them, 101.6 s ago, has to be half an hour old.
        assert_eq!(world.fail("bob", A), WINDOW - Duration::from_millis(101_600));
        assert_eq!(world.fail("bob", B), Duration::from_secs(10), "the account waits less");
        world.advance(WINDOW);
        assert_eq!(world.fail("bob", A), Duration::ZERO);
    }

    #[test]
    fn a_right_password_is_no_failure_and_undoes_none() {
        let mut world = World::new();
        for _ in 0..100 {
            world.log_in("ann", A).unwrap();
        }
        for _ in 0..3 {
            world.fail("bob", A);
            world.log_in("ann", A).unwrap();
        }
        assert_eq!(world.log_in("bob", A), Err(Wait(Duration::from_millis(800))));
    }

    #[test]
    fn whoever_guesses_from_elsewhere_does_not_keep_the_owner_out() {
        let mut world = World::new();
        world.log_in("ann", A).unwrap();
        for address in 3..200 {
            world.fail("ann", &format!("192.0.2.{address}"));
        }
        assert!(world.log_in("ann", B).is_err(), "where she never was she waits");
        world.log_in("ann", A).unwrap();
        world.advance(MAX_ACCOUNT_WAIT);
        world.log_in("ann", B).unwrap();
    }

    #[test]
    fn whoever_guesses_beside_the_owner_does_not_keep_her_out() {
        let mut world = World::new();
        world.log_in("ann", A).unwrap();
        for _ in 0..MAX_FAILURES {
            world.advance(Duration::from_secs(52));
            world.fail("bob", A);
        }
        assert!(world.fail("eve", A) > MAX_ACCOUNT_WAIT, "the address waits");
        world.log_in("ann", A).unwrap();
        // Her own mistakes, or a guesser of her own password beside her, cost what they cost.
        for _ in 0..3 {
            assert_eq!(world.fail("ann", A), Duration::ZERO);
        }
        assert_eq!(world.log_in("ann", A), Err(Wait(Duration::from_millis(800))));
        world.advance(Duration::from_millis(800));
        world.log_in("ann", A).unwrap();
    }

    #[test]
    fn where_it_was_logged_in_before_the_start_is_known() {
        let mut world = World::new();
        world.throttle.recall(account("ann"), A.parse().unwrap());
        for _ in 0..MAX_FAILURES {
            world.fail("bob", A);
            world.advance(Duration::from_secs(52));
        }
        assert!(world.fail("bob", A) > Duration::ZERO);
        world.log_in("ann", A).unwrap();
    }

    #[test]
    fn who_gets_the_name_of_another_gets_nothing_of_its_past() {
        let mut world = World::new();
        world.log_in("ann", A).unwrap();
        for _ in 0..3 {
            world.fail("ann", A);
            world.fail("ann", B);
        }
        assert!(world.log_in("ann", A).is_err(), "at home");
        world.throttle.removed(&account("ann"));
        assert!(world.throttle.known.is_empty() && world.throttle.homes.times.is_empty());
        assert_eq!(world.log_in("ann", "192.0.2.3"), Ok(()), "elsewhere");
        assert!(world.log_in("ann", A).is_err(), "the address is not forgiven");
    }

    #[test]
    fn the_figures_of_the_documentation() {
        assert_eq!(World::new().tries(DAY, |_| A.to_owned()), 480);
        let mut at_home = World::new();
        at_home.log_in("ann", A).unwrap();
        let count = at_home.tries(DAY, |_| A.to_owned());
        assert!((8_640..8_660).contains(&count), "{count}");
        let everywhere = |count: u32| format!("2001:db8:{:x}::1", count % 40_000);
        let count = World::new().tries(DAY, everywhere);
        assert!((8_640..8_660).contains(&count), "{count}");
    }

    #[test]
    fn all_of_one_host_is_one_address() {
        let mut world = World::new();
        for host in 0..3 {
            world.fail("ann", &format!("2001:db8::{host}"));
        }
        assert!(world.fail("bob", "2001:db8::ffff:1") > Duration::ZERO);
        assert_eq!(world.fail("bob", "2001:db8:0:1::1"), Duration::ZERO);
    }

    #[test]
    fn memory_is_bounded_and_a_flood_does_not_free_who_goes_on() {
        let mut world = World::new();
        for round in 0..u32::try_from(MAX_KEYS).unwrap() + 500 {
            world.advance(Duration::from_millis(1));
            world.fail(
                &format!("n{round}"),
                &format!("2001:db8:{:x}:{:x}::", round >> 16, round & 0xffff),
            );
            if round % 1000 == 0 {
                world.fail("ann", A);
            }
            world.throttle.recall(account(&format!("n{round}")), B.parse().unwrap());
        }
        assert!(world.throttle.known.len() <= MAX_KEYS);
        assert!(world.throttle.addresses.times.len() <= MAX_KEYS);
        assert!(world.throttle.accounts.times.len() <= MAX_KEYS);
        assert!(world.fail("ann", A) > Duration::ZERO);
    }

    proptest! {
        #[test]
        fn no_address_ever_tries_more_than_ten_times_in_half_an_hour(
            steps in prop::collection::vec((0_u64..400_000, "[abc]"), 1..200)
        ) {
            let mut world = World::new();
            let mut tried = VecDeque::new();
            for (millis, name) in steps {
                world.advance(Duration::from_millis(millis));
                if world.fail(&name, A) == Duration::ZERO {
                    tried.push_back(world.now);
                }
                tried.retain(|at| !is_over(world.now, *at));
                prop_assert!(tried.len() <= MAX_FAILURES);
            }
        }
    }
}
