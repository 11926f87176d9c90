//! How much of everything one peer may have.

use std::time::Duration;

/// Bounds that keep one peer from using up what belongs to all.
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
    /// How long a session may wait for its producer's first word.
    pub first_word: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions_per_peer: 256,
            sessions_per_pair: 16,
            meta_len: 16 * 1024,
            first_word: Duration::from_secs(60),
        }
    }
}
