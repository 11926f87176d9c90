//! Reading the settings again while the program runs, and telling what that changes.

use std::ffi::OsString;
use std::fmt;

use clap::Parser;

use crate::layers::{self, Effective, Merged};
use crate::{Fault, Program, variable};

/// What the program runs with.
#[derive(Clone, Debug)]
pub struct Settings {
    program: Program,
    in_effect: Vec<(String, Vec<OsString>)>,
}

/// What reading again has come to, and in words: what changes, and what a restart would change.
#[derive(Debug)]
pub struct Again<C> {
    /// As if the program started now.
    pub settings: C,
    /// Keys of those that can change while it runs, and did.
    pub changed: Vec<String>,
    /// Keys of the others that are not what the program runs with.
    pub waiting: Vec<String>,
}

impl Settings {
    pub(crate) fn new(program: Program, effective: Vec<Effective>) -> Self {
        Self { program, in_effect: effective.into_iter().map(in_effect).collect() }
    }

    /// Reads them again, with the flags and variables of this process and what its file says now.
    ///
    /// # Errors
    /// See [`Fault`]; the program goes on with what it has.
    pub fn again<C: Parser>(
        &mut self,
        check: impl Fn(&C) -> Result<(), String>,
    ) -> Result<Again<C>, Fault> {
        let merged = layers::merge::<C>(&self.program, std::env::args_os().collect(), &variable)?;
        check(&merged.settings).map_err(Fault::Together)?;
        Ok(self.compare(merged))
    }

    pub(crate) fn compare<C>(&mut self, merged: Merged<C>) -> Again<C> {
        let (mut changed, mut waiting) = (Vec::new(), Vec::new());
        let now = merged.effective.into_iter().map(in_effect);
        for (ours, now) in self.in_effect.iter_mut().zip(now).filter(|(ours, now)| *ours != now) {
            if self.program.live.contains(&now.0.as_str()) {
                changed.push(now.0.clone());
                *ours = now;
            } else {
                waiting.push(now.0);
            }
        }
        Again { settings: merged.settings, changed, waiting }
    }
}

impl<C> fmt::Display for Again<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |keys: &[String]| keys.join(", ");
        match (self.changed.is_empty(), self.waiting.is_empty()) {
            (true, true) => f.write_str("settings read again: nothing changed"),
            (false, true) => write!(f, "settings read again: changed {}", list(&self.changed)),
            (true, false) => {
                write!(f, "settings read again: a restart is needed for {}", list(&self.waiting))
            }
            (false, false) => write!(
                f,
                "settings read again: changed {}; a restart is needed for {}",
                list(&self.changed),
                list(&self.waiting)
            ),
        }
    }
}

fn in_effect(setting: Effective) -> (String, Vec<OsString>) {
    (setting.arg.get_id().to_string(), setting.values)
}
