//! The clock of a call in which nothing comes, as the page has it (docs/guide/web-app.md): when it
//! runs, when it stands still, and when it has run out. It looks when it is told to, and does nothing.

use std::time::{Duration, Instant};

/// Nothing came for so long, while both sides were connected.
const DEAD: Duration = Duration::from_secs(20);

/// The same while the other side says nothing to the request for a session: it may have lost its
/// network, which the server finds out later, or somebody there may still be asked for the camera.
const UNHEARD: Duration = Duration::from_secs(60);

/// A longer step is a machine that stood still: in that time nothing could have come.
const LONGEST_STEP: Duration = Duration::from_secs(2);

/// How long nothing has come.
#[derive(Debug)]
pub(super) struct Silence {
    looked: Instant,
    received: u64,
    counted: Duration,
    /// How much of that the other side was there, as far as one can hear.
    heard: Duration,
}

/// What is seen of the other side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// It says that it sends something.
    pub(super) is_due: bool,
    /// Both sides are connected to the signaller.
    pub(super) is_connected: bool,
    /// It has offered what was asked for.
    pub(super) is_answered: bool,
    /// Bytes of media that have come; a new session may begin at 0 again.
    pub(super) received: u64,
}

impl Silence {
    /// Begins to count.
    pub(super) fn new(now: Instant) -> Self {
        Self { looked: now, received: 0, counted: Duration::ZERO, heard: Duration::ZERO }
    }

    /// Whether it has been too long, after this look; if so, it begins to count anew.
    pub(super) fn is_too_long(&mut self, now: Instant, look: Look) -> bool {
        let step = now.duration_since(self.looked).min(LONGEST_STEP);
        let has_come = look.received > self.received;
        (self.looked, self.received) = (now, look.received);
        if has_come || !look.is_due {
            (self.counted, self.heard) = (Duration::ZERO, Duration::ZERO);
        } else if look.is_connected {
            self.counted += step;
            if look.is_answered {
                self.heard += step;
            }
        }
        let is_too_long = self.heard >= DEAD || self.counted >= UNHEARD;
        if is_too_long {
            (self.counted, self.heard) = (Duration::ZERO, Duration::ZERO);
        }
        is_too_long
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENT: Look = Look { is_due: true, is_connected: true, is_answered: true, received: 0 };

    /// After how many seconds it is too long, if what is seen in each is this.
    fn verdict(seconds: impl IntoIterator<Item = Look>) -> Option<usize> {
        verdicts(seconds).next()
    }

    /// The same for each time that it is.
    fn verdicts(seconds: impl IntoIterator<Item = Look>) -> impl Iterator<Item = usize> {
        let mut now = Instant::now();
        let mut silence = Silence::new(now);
        let too_long = move |look| {
            now += Duration::from_secs(1);
            silence.is_too_long(now, look)
        };
        seconds
            .into_iter()
            .map(too_long)
            .enumerate()
            .filter_map(|(second, is)| is.then_some(second))
    }

    fn times(seconds: usize, look: Look) -> impl Iterator<Item = Look> {
        std::iter::repeat_n(look, seconds)
    }

    #[test]
    fn who_sends_nothing_is_given_up_after_twenty_seconds() {
        assert_eq!(verdict(times(100, SILENT)), Some(19));
        let flowing = (1..100).map(|received| Look { received, ..SILENT });
        assert_eq!(verdict(flowing), None);
        let (before, after) = (Look { received: 9, ..SILENT }, Look { received: 3, ..SILENT });
        let again = times(10, SILENT).chain([before]).chain(times(15, after));
        assert_eq!(verdict(again), None, "a new session begins at 0 again");
    }

    #[test]
    fn giving_up_is_said_once() {
        let both: Vec<_> = verdicts(times(45, SILENT)).collect();
        assert_eq!(both, [19, 39]);
    }

    #[test]
    fn who_does_not_answer_has_a_minute() {
        let unheard = Look { is_answered: false, ..SILENT };
        assert_eq!(verdict(times(100, unheard)), Some(59));
        assert_eq!(verdict(times(15, unheard).chain(times(100, SILENT))), Some(15 + 19));
    }

    #[test]
    fn it_stands_still_while_either_is_away_and_when_nothing_is_due() {
        let away = Look { is_connected: false, ..SILENT };
        let nothing = Look { is_due: false, ..SILENT };
        assert_eq!(verdict(times(100, away)), None);
        assert_eq!(verdict(times(100, nothing)), None);
        let between = times(15, SILENT).chain(times(100, away)).chain(times(100, SILENT));
        assert_eq!(verdict(between), Some(15 + 100 + 4));
    }

    #[test]
    fn a_machine_that_stood_still_gives_nobody_up() {
        let now = Instant::now();
        assert!(!Silence::new(now).is_too_long(now + Duration::from_secs(1_000), SILENT));
    }
}
