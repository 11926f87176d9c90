//! Reading the settings again while the program runs, and telling what that changes.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use clap::Parser;
use tracing::{error, info};

use crate::layers::{self, Effective, Variables};
use crate::{Fault, Program, file, variable};

/// What the program runs with.
#[derive(Clone, Debug)]
pub struct Settings {
    program: Program,
    /// The file they are from, if there is one.
    file: Option<PathBuf>,
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
    pub(crate) fn new(program: Program, file: Option<PathBuf>, effective: Vec<Effective>) -> Self {
        Self { program, file, in_effect: effective.into_iter().map(in_effect).collect() }
    }

    /// Reads them again, with the flags and variables of this process and what its file says now;
    /// has those of them applied that are live, and logs in one line what changes and what needs a
    /// restart. Settings that are wrong change nothing; then the line says what is wrong.
    pub fn reload<C: Parser, T>(
        &mut self,
        accept: impl FnOnce(C) -> Result<T, String>,
        apply: impl FnOnce(T),
    ) {
        match self.again(std::env::args_os().collect(), &variable, accept) {
            Ok((accepted, changes)) => {
                apply(accepted);
                info!("{changes}");
            }
            Err(fault) => error!("the settings stay as they are: {fault}"),
        }
    }

    pub(crate) fn again<C: Parser, T>(
        &mut self,
        args: Vec<OsString>,
        variables: Variables<'_>,
        accept: impl FnOnce(C) -> Result<T, String>,
    ) -> Result<(T, Changes), Fault> {
        // Where it is only looked for, it would be as if there had never been one.
        if let Some(gone) = self.file.as_ref().filter(|file| !file::is_there(file)) {
            return Err(Fault::Gone(gone.clone()));
        }
        let merged = layers::merge::<C>(&self.program, args, variables)?;
        let accepted = accept(merged.settings).map_err(Fault::Together)?;
        self.file = merged.file;
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
