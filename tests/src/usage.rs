//! What a process has of the system.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{PATIENCE, Program};

/// Longer than it takes from the end of a session until its memory is given back.
const STILL: Duration = Duration::from_millis(1_500);

/// What a program has of it at the moment.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Threads.
    pub threads: usize,
    /// Open files.
    pub files: usize,
    /// Memory that it occupies, KiB.
    pub kib: usize,
}

impl Usage {
    /// Of a program that runs.
    pub fn of(program: &Program) -> Self {
        let proc = format!("/proc/{}", program.id());
        let status = fs::read_to_string(format!("{proc}/status")).unwrap();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        let files = fs::read_dir(format!("{proc}/fd")).unwrap().count();
        Self { threads: number("Threads:"), files, kib: number("VmRSS:") }
    }

    /// The same as soon as nothing in it opens or closes any more.
    pub fn settled(program: &Program) -> Self {
        let deadline = Instant::now() + PATIENCE;
        let mut last = Self::of(program);
        loop {
            sleep(STILL);
            let now = Self::of(program);
            if (now.threads, now.files) == (last.threads, last.files) {
                return now;
            }
            assert!(Instant::now() < deadline, "it does not settle: {last:?}, {now:?}");
            last = now;
        }
    }

    /// What it has when it `is_flat`, or else after a while.
    pub fn once(program: &Program, is_flat: impl Fn(&Self) -> bool) -> Self {
        let deadline = Instant::now() + PATIENCE;
        let mut now = Self::of(program);
        while !is_flat(&now) && Instant::now() < deadline {
            sleep(Duration::from_millis(100));
            now = Self::of(program);
        }
        now
    }
}
