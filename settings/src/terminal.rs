//! SIGHUP has two meanings: to a service, that its settings are to be read again; to a program on a
//! terminal, that the terminal is gone.

use std::io::{IsTerminal, stderr, stdin, stdout};

/// The terminal that this process was started on, if there is one.
#[derive(Clone, Copy, Debug)]
pub struct Terminal([bool; 3]);

impl Terminal {
    /// To be called before the first SIGHUP.
    pub fn find() -> Self {
        Self([stdin().is_terminal(), stdout().is_terminal(), stderr().is_terminal()])
    }

    /// Whether there was one and it was closed: then SIGHUP is to end the program.
    pub fn is_gone(self) -> bool {
        let now = Self::find().0;
        self.0.iter().zip(now).any(|(before, now)| *before && !now)
    }
}
