//! Reading the settings again while the program runs, and telling what that changes.

use std::ffi::OsString;
use std::fmt;

use clap::Parser;
use tracing::{error, info};

use crate::layers::{self, Effective};
use crate::{Fault, Program, variable};

/// What the program runs with.
#[derive(Clone, Debug)]
pub struct Settings {
    program: Program,
    in_effect: Vec<(String, Vec<OsString>)>,
}

/// What reading again has come to, as keys.
#[derive(Default)]
pub(crate) struct Changes {
    /// Those that can change while the program runs, and did.
    made: Vec<String>,
    /// Others that are not what the program runs with: they wait for a restart.
    waiting: Vec<String>,
}

impl Settings {
    pub(crate) fn new(program: Program, effective: Vec<Effective>) -> Self {
        Self { program, in_effect: effective.into_iter().map(in_effect).collect() }
    }

    /// Reads them again, with the flags and variables of this process and what its file says now;
    /// has those of them applied that are live, and logs in one line what changes and what needs a
    /// restart. Settings that are wrong change nothing; then the line says what is wrong.
    pub fn reload<C: Parser, T>(
        &mut self,
        accept: impl FnOnce(C) -> Result<T, String>,
        apply: impl FnOnce(T),
    ) {
        match self.again(accept) {
            Ok((accepted, changes)) => {
                apply(accepted);
                info!("{changes}");
            }
            Err(fault) => error!("the settings stay as they are: {fault}"),
        }
    }

    fn again<C: Parser, T>(
        &mut self,
        accept: impl FnOnce(C) -> Result<T, String>,
    ) -> Result<(T, Changes), Fault> {
        let merged = layers::merge::<C>(&self.program, std::env::args_os().collect(), &variable)?;
        let accepted = accept(merged.settings).map_err(Fault::Together)?;
        Ok((accepted, self.compare(merged.effective)))
    }

    pub(crate) fn compare(&mut self, now: Vec<Effective>) -> Changes {
        let mut changes = Changes::default();
        let now = now.into_iter().map(in_effect);
        for (ours, now) in self.in_effect.iter_mut().zip(now).filter(|(ours, now)| *ours != now) {
            if self.program.live.contains(&now.0.as_str()) {
                changes.made.push(now.0.clone());
                *ours = now;
            } else {
                changes.waiting.push(now.0);
            }
        }
        changes
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |keys: &[String]| keys.join(", ");
        match (self.made.is_empty(), self.waiting.is_empty()) {
            (true, true) => f.write_str("settings read again: nothing changed"),
            (false, true) => write!(f, "settings read again: changed {}", list(&self.made)),
            (true, false) => {
                write!(f, "settings read again: a restart is needed for {}", list(&self.waiting))
            }
            (false, false) => write!(
                f,
                "settings read again: changed {}; a restart is needed for {}",
                list(&self.made),
                list(&self.waiting)
            ),
        }
    }
}

fn in_effect(setting: Effective) -> (String, Vec<OsString>) {
    (setting.arg.get_id().to_string(), setting.values)
}
