//! How long to wait before the next attempt: doubling, bounded, with jitter so that a restarted
//! server does not see all its clients in the same instant.

use std::time::Duration;

use rand::Rng;

/// Grows with each failure until told of a success.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// The next wait: between half of the current step and the whole of it.
    pub(crate) fn next(&mut self, rng: &mut impl Rng) -> Duration {
        let step = self.first.saturating_mul(1 << self.failures.min(16)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        step.mul_f64(rng.random_range(0.5..=1.0))
    }

    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    const FIRST: Duration = Duration::from_millis(250);
    const LONGEST: Duration = Duration::from_secs(10);

    proptest! {
        #[test]
        fn every_wait_is_within_its_bounds(seed: u64, failures in 0usize..100) {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut backoff = Backoff::new(FIRST, LONGEST);
            let mut wait = Duration::ZERO;
            for _ in 0..=failures {
                wait = backoff.next(&mut rng);
                prop_assert!(wait >= FIRST / 2 && wait <= LONGEST);
            }
            if failures >= 6 {
                prop_assert!(wait >= LONGEST / 2);
            }
            backoff.reset();
            prop_assert!(backoff.next(&mut rng) <= FIRST);
        }
    }
}
