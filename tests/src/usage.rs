//! What a process has of the system.

use std::fs;

use crate::Program;

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
}
