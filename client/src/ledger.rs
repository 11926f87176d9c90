//! What makes a connection outlive its socket: how many messages came in, and those that went out
//! and are perhaps not there yet (`docs/ref/intercom.md`). Both ends count text messages since the
//! welcome; no number is in a message.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};

/// After how many messages the server is told that they came in…
pub const ACK_EVERY: u64 = 16;
/// …or after how long.
pub const ACK_AFTER: Duration = Duration::from_secs(5);
/// Messages that are kept until the server says that it has them…
const KEPT: usize = 256;
/// …and the bytes that they may have together.
const KEPT_BYTES: usize = 256 * 1024;
/// A count that cannot be. Whoever has lost something itself asks so for a new beginning.
const NEVER: u64 = (1 << 53) - 1;

/// Both counts of one connection.
pub(crate) struct Ledger {
    token: SecretString,
    /// Messages of the server that came in, and how many of them it knows of.
    received: u64,
    told: u64,
    ack_at: Option<Instant>,
    kept: VecDeque<String>,
    bytes: usize,
    /// Messages that went out before the first that is kept.
    before: u64,
    /// Messages that the server is known to have.
    arrived: u64,
}

impl fmt::Debug for Ledger {
    /// Without what is kept: descriptions are among it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { received, before, kept, .. } = self;
        write!(f, "Ledger {{ received: {received}, before: {before}, kept: {} }}", kept.len())
    }
}

impl Ledger {
    /// A connection that was just welcomed.
    pub(crate) fn new(token: &str) -> Self {
        Self {
            token: token.into(),
            received: 0,
            told: 0,
            ack_at: None,
            kept: VecDeque::new(),
            bytes: 0,
            before: 0,
            arrived: 0,
        }
    }

    /// What `hello.resume` says.
    pub(crate) fn resume(&self) -> (&str, u64) {
        let is_whole = self.before <= self.arrived;
        (self.token.expose_secret(), if is_whole { self.received } else { NEVER })
    }

    /// A message goes out, now or later.
    pub(crate) fn keep(&mut self, text: String) {
        self.bytes += text.len();
        self.kept.push_back(text);
        while self.kept.len() > KEPT || self.bytes > KEPT_BYTES {
            self.drop_first();
        }
    }

    /// A message came in; the answer is an ack that is to be sent.
    pub(crate) fn count(&mut self, now: Instant) -> Option<u64> {
        self.received += 1;
        if self.received - self.told >= ACK_EVERY {
            return Some(self.tell());
        }
        self.ack_at.get_or_insert(now + ACK_AFTER);
        None
    }

    /// When an ack is due at the latest.
    pub(crate) fn ack_at(&self) -> Option<Instant> {
        self.ack_at
    }

    /// The ack that is due by now.
    pub(crate) fn due(&mut self, now: Instant) -> Option<u64> {
        self.ack_at.is_some_and(|at| at <= now).then(|| self.tell())
    }

    /// The server has so many.
    pub(crate) fn acknowledged(&mut self, received: u64) {
        self.arrived = self.arrived.max(received.min(self.sent()));
        while self.before < self.arrived && self.drop_first() {}
    }

    /// The socket is back, and the server has so many. Whether that can be.
    pub(crate) fn resumed(&mut self, token: &str, received: u64) -> bool {
        if received < self.before || received > self.sent() {
            return false;
        }
        self.acknowledged(received);
        self.token = token.into();
        self.told = self.received;
        self.ack_at = None;
        true
    }

    /// What the server perhaps lacks.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &str> {
        self.kept.iter().map(String::as_str)
    }

    fn tell(&mut self) -> u64 {
        self.told = self.received;
        self.ack_at = None;
        self.received
    }

    fn sent(&self) -> u64 {
        self.before + self.kept.len() as u64
    }

    fn drop_first(&mut self) -> bool {
        let Some(text) = self.kept.pop_front() else { return false };
        self.bytes -= text.len();
        self.before += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(count: usize) -> Ledger {
        let mut ledger = Ledger::new("t");
        for number in 0..count {
            ledger.keep(number.to_string());
        }
        ledger
    }

    #[test]
    fn what_the_server_lacks_is_said_again() {
        let mut ledger = sent(5);
        ledger.acknowledged(2);
        assert!(ledger.resumed("u", 3));
        assert!(ledger.kept().eq(["3", "4"]));
        ledger.keep("5".into());
        assert!(ledger.resumed("v", 5));
        assert!(ledger.kept().eq(["5"]));
        assert_eq!(ledger.resume(), ("v", 0));
    }

    #[test]
    fn impossible_counts_are_found_out() {
        for (count, acknowledged, received, is_possible) in [
            (3, 0, 3, true),
            (3, 0, 4, false),
            (3, 2, 1, false),
            (300, 0, 43, false),
            (300, 0, 44, true),
        ] {
            let mut ledger = sent(count);
            ledger.acknowledged(acknowledged);
            assert_eq!(ledger.resumed("u", received), is_possible, "{count} {received}");
        }
    }

    #[test]
    fn who_lost_something_asks_for_a_new_beginning() {
        let mut ledger = sent(257);
        assert_eq!(ledger.resume(), ("t", NEVER));
        ledger.acknowledged(1);
        assert_eq!(ledger.resume(), ("t", 0));
        ledger.keep("x".repeat(KEPT_BYTES));
        assert_eq!(ledger.resume().1, NEVER);
    }

    #[test]
    fn acks_come_after_a_number_or_a_time() {
        let (mut ledger, now) = (sent(0), Instant::now());
        assert_eq!((ledger.count(now), ledger.ack_at()), (None, Some(now + ACK_AFTER)));
        assert_eq!(ledger.due(now), None);
        assert_eq!(ledger.due(now + ACK_AFTER), Some(1));
        assert_eq!(ledger.ack_at(), None);
        let acks: Vec<_> = (0..32).filter_map(|_| ledger.count(now)).collect();
        assert_eq!(acks, [17, 33]);
    }
}
