//! One way in for every program: flags, then `INTERCOM_…` variables, then a TOML file, then the
//! built-in defaults.
//!
//! A program declares its flags with clap, once. Each flag with a variable is a setting, and its id
//! (`peer_id` for `--peer-id`) is its key in the file. What a variable or a file says is checked by
//! the flag's own parser and then put before the flags of the command line: so there is one set of
//! rules. Nothing here knows what a setting means.

mod again;
mod command;
mod fault;
mod file;
mod layers;
pub mod log;
mod print;
pub mod secret;
mod terminal;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::Write;
use std::process::exit;

use clap::Parser;

pub use again::Settings;
pub use fault::Fault;
pub use terminal::Terminal;

use command::Asked;
use layers::Merged;

/// A program that has a settings file.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// As on the command line, `intercom-…`; what follows the hyphen names the file.
    pub name: &'static str,
    /// The subcommand whose flags are the settings; `None` when they are the program's own.
    pub verb: Option<&'static str>,
    /// Settings that belong to another one: whoever says the first anew says the others, too.
    pub parts: &'static [(&'static str, &'static [&'static str])],
    /// Settings that can change while the program runs.
    pub live: &'static [&'static str],
}

impl Program {
    /// Reads the settings, and does all of `config check` and `config print`. Help, version, these
    /// two and mistakes end the process; a mistake with one line and code 2.
    ///
    /// `accept` makes what the program needs of settings that are each right by themselves, or says
    /// why they are not right together.
    pub fn start<C: Parser, T>(
        &self,
        accept: impl FnOnce(C) -> Result<T, String>,
    ) -> (T, Settings) {
        let merged = layers::merge::<C>(self, std::env::args_os().collect(), &variable);
        match merged.and_then(|merged| self.answer(merged, accept)) {
            Ok(Answer::Run(accepted, settings)) => (accepted, settings),
            Ok(Answer::Say(text)) => {
                // Nobody reading it is no failure.
                let _ = std::io::stdout().lock().write_all(text.as_bytes());
                exit(0)
            }
            Err(fault) => fault.exit(),
        }
    }

    /// The settings that it would run with if these flags followed its verb.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn settings<C: Parser>(
        &self,
        flags: impl IntoIterator<Item = OsString>,
    ) -> Result<C, Fault> {
        let words = [Some(self.name), self.verb].into_iter().flatten().map(OsString::from);
        let merged = layers::merge(self, words.chain(flags).collect(), &variable)?;
        Ok(merged.settings)
    }

    fn answer<C: Parser, T>(
        &self,
        merged: Merged<C>,
        accept: impl FnOnce(C) -> Result<T, String>,
    ) -> Result<Answer<T>, Fault> {
        if merged.asked == Asked::Print {
            return Ok(Answer::Say(print::effective(&merged.effective)));
        }
        let Merged { settings, asked, file, effective } = merged;
        let accepted = accept(settings).map_err(Fault::Together)?;
        if asked == Asked::Run {
            return Ok(Answer::Run(accepted, Settings::new(*self, file, effective)));
        }
        Ok(Answer::Say(match file {
            Some(file) => format!("{} is good\n", file.display()),
            None => format!("good; there is no settings file ({})\n", file::usual(self)),
        }))
    }
}

/// Reads a command line that has no settings file. Help, version and mistakes end the process.
pub fn flags<C: Parser>() -> C {
    let matches = command::quiet(C::command()).try_get_matches();
    match matches.and_then(|matches| C::from_arg_matches(&matches)) {
        Ok(flags) => flags,
        Err(error) => Fault::from(error).exit(),
    }
}

/// Prints the one line that says what to do, and ends the process: code 2 for what the owner has
/// to set right, 1 for what may pass.
pub fn fail(error: &dyn std::fmt::Display, code: u8) -> ! {
    let _ = writeln!(std::io::stderr(), "error: {error}");
    exit(code.into())
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

enum Answer<T> {
    Run(T, Settings),
    Say(String),
}
