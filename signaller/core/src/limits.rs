//! How much of everything one peer may have, and how long things may take.

use std::time::{Duration, Instant};

/// Bounds that keep one peer from using up what belongs to all, and the clocks of calls.
///
/// The defaults are far from what a house of devices and browsers needs; the stock server has none.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Sessions that one peer takes part in.
    pub sessions_per_peer: usize,
    /// Sessions between the same two peers.
    pub sessions_per_pair: usize,
    /// Bytes of what a peer says about itself; every list repeats them.
    pub meta_len: usize,
    /// How long a session may wait for its producer's first word, or for anybody's if it is one of two
    /// that have no words for sessions; and who has dialled, for its own.
    pub first_word: Duration,
    /// How long a call rings.
    pub ring: Duration,
    /// How long a lost connection may take to come back.
    pub grace: Duration,
    /// Lost connections of one account that are waited for: they have no socket that would count.
    pub away_per_account: usize,
    /// How long a newcomer waits for its account to be told of.
    pub newcomer: Duration,
    /// How long it waits for the holder of its peer id to show that it lives.
    pub probe: Duration,
    /// Rooms that one peer is in.
    pub rooms_per_peer: usize,
    /// Peers in one room; each hears of all others.
    pub peers_per_room: usize,
    /// Status changes of one connection; every listener hears of each.
    pub status_changes: Rate,
    /// Sessions that one connection asks for, rooms that it joins, and what it changes in a call: each
    /// gives somebody else work.
    pub changes: Rate,
    /// What one connection says to others in rooms and calls, and the lists of rooms that it asks for. A
    /// text counts once, and again for each KiB that it has.
    pub messages: Rate,
    /// Candidates that a side of a call sends while it rings, counted in the same way: nobody has
    /// agreed to hear them yet.
    pub ringing_candidates: u32,
    /// Calls that the connections of one account offer.
    pub call_offers: Rate,
    /// What happens when a person logs in twice.
    pub second_login: SecondLogin,
}

/// So many at once, and one more each `every`.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// At once.
    pub burst: u32,
    /// For one more.
    pub every: Duration,
}

/// What happens when a person (a user or an admin) logs in while logged in. Devices may always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecondLogin {
    /// The second is refused.
    Refuse,
    /// The first is closed.
    Replace,
    /// Both stay: a tablet and a phone.
    #[default]
    Allow,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions_per_peer: 256,
            sessions_per_pair: 16,
            meta_len: 16 * 1024,
            first_word: Duration::from_secs(60),
            ring: Duration::from_secs(30),
            grace: Duration::from_secs(30),
            away_per_account: 256,
            newcomer: Duration::from_secs(10),
            probe: Duration::from_secs(2),
            rooms_per_peer: 8,
            peers_per_room: 64,
            status_changes: Rate { burst: 60, every: Duration::from_millis(250) },
            changes: Rate { burst: 120, every: Duration::from_millis(100) },
            // All of it at once is less than may wait for somebody who does not read for a moment.
            messages: Rate { burst: 800, every: Duration::from_millis(5) },
            ringing_candidates: 256,
            call_offers: Rate { burst: 10, every: Duration::from_secs(3) },
            second_login: SecondLogin::default(),
        }
    }
}

/// As how many a text counts.
pub(crate) fn weight(text: &str) -> u32 {
    u32::try_from(text.len() / 1024).unwrap_or(u32::MAX).saturating_add(1)
}

/// How much of a [`Rate`] is used up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Meter {
    /// When all of it is free again; `None` when it is.
    free_at: Option<Instant>,
}

impl Meter {
    /// Uses one; whether there was one.
    pub(crate) fn take(&mut self, now: Instant, rate: Rate) -> bool {
        self.take_many(now, rate, 1)
    }

    /// Uses so many; whether there were as many. More than a burst there never are.
    pub(crate) fn take_many(&mut self, now: Instant, rate: Rate, count: u32) -> bool {
        let from = self.free_at.map_or(now, |at| at.max(now));
        let free_at = from + rate.every * count.min(rate.burst.saturating_add(1));
        let fits = free_at.duration_since(now) <= rate.every * rate.burst;
        if fits {
            self.free_at = Some(free_at);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_one_at_a_time() {
        let rate = Rate { burst: 3, every: Duration::from_secs(1) };
        let (mut meter, mut now) = (Meter::default(), Instant::now());
        let mut took = |now| meter.take(now, rate);
        assert!([took(now), took(now), took(now)].iter().all(|took| *took));
        assert!(!took(now));
        now += Duration::from_secs(1);
        assert!(took(now) && !took(now));
        now += Duration::from_secs(60);
        assert!([took(now), took(now), took(now)].iter().all(|took| *took) && !took(now));
    }

    #[test]
    fn many_at_a_time() {
        let rate = Rate { burst: 3, every: Duration::from_secs(1) };
        let (mut meter, now) = (Meter::default(), Instant::now());
        let mut took = |count| meter.take_many(now, rate, count);
        assert!(!took(4) && !took(u32::MAX) && took(2) && !took(2) && took(1) && !took(1));
    }
}
