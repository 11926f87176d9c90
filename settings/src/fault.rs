//! What is wrong with the settings, and how it is said: one line, whatever clap has to say.

use std::borrow::Cow;
use std::error::Error;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Help or the version was asked for, which is no fault.
    #[error("{0}")]
    Help(clap::Error),
    /// A flag.
    #[error("{0} (see --help)")]
    Usage(String),
    /// A settings file that was named.
    #[error("{}: cannot be read: {why}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why not.
        why: String,
    },
    /// One setting, in a file or a variable.
    #[error("{place}: {why}")]
    Setting {
        /// `FILE:LINE` or the variable.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// Settings that are right by themselves, but not together.
    #[error("{0}")]
    Together(String),
}

impl Fault {
    pub(crate) fn exit(&self) -> ! {
        match self {
            Self::Help(text) => text.exit(),
            fault => crate::fail(fault, 2),
        }
    }
}

impl From<clap::Error> for Fault {
    fn from(error: clap::Error) -> Self {
        if error.use_stderr() { Self::Usage(one_line(&error)) } else { Self::Help(error) }
    }
}

/// clap's report without its usage and its hints on other lines.
fn one_line(error: &clap::Error) -> String {
    let report = error.to_string();
    let body = report.split("\n\nUsage:").next().unwrap_or_default();
    let body = body.split("\n\nFor more information").next().unwrap_or_default();
    fit_for_a_line(&body.trim_start_matches("error: ").replace("\n\n  tip: ", "; "))
}

/// Why a flag's parser does not take a value; without the flag, for those who did not use it.
pub(crate) fn refusal(error: &clap::Error) -> String {
    let valid = error.context().find_map(|(kind, value)| match (kind, value) {
        (ContextKind::ValidValue, ContextValue::Strings(values)) => Some(values.join(", ")),
        _ => None,
    });
    match (error.kind(), valid, error.source()) {
        (ErrorKind::InvalidValue, Some(valid), _) if !valid.is_empty() => {
            format!("must be one of {valid}")
        }
        (ErrorKind::ValueValidation, _, Some(why)) => {
            let why = why.to_string();
            let value = match error.get(ContextKind::InvalidValue) {
                Some(ContextValue::String(value)) if !why.contains(value) => {
                    format!("{value:?}: ")
                }
                _ => String::new(),
            };
            fit_for_a_line(&(value + &why))
        }
        _ => one_line(error),
    }
}

fn fit_for_a_line(text: &str) -> String {
    text.split_whitespace().map(without_login).collect::<Vec<_>>().join(" ")
}

/// A word without the user and password of an address in it: the line may end in a log.
fn without_login(word: &str) -> Cow<'_, str> {
    let (scheme, rest, end) = match (word.split_once("://"), word.split_once(':')) {
        (Some((_, rest)), _) => {
            (&word[..word.len() - rest.len()], rest, rest.find(['/', '?', '#']))
        }
        // A slash too few.
        (None, Some((_, rest))) => (&word[..word.len() - rest.len()], rest, None),
        (None, None) => return word.into(),
    };
    match rest[..end.unwrap_or(rest.len())].rfind('@') {
        Some(at) => format!("{scheme}…{}", &rest[at..]).into(),
        None => word.into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::{Arg, Command, value_parser};

    use super::*;

    fn mistake(value: &str) -> clap::Error {
        Command::new("x")
            .arg(Arg::new("n").long("number").value_parser(value_parser!(u8).range(..9)))
            .arg(Arg::new("o").long("one").value_parser(["a", "b"]))
            .try_get_matches_from(["x", value])
            .unwrap_err()
    }

    #[test]
    fn a_report_becomes_a_line() {
        let line = Fault::from(mistake("--numbr=1")).to_string();
        assert!(line.starts_with("unexpected argument '--numbr' found"), "{line}");
        assert!(line.ends_with("(see --help)") && !line.contains('\n'), "{line}");
    }

    #[test]
    fn nobody_reads_a_password() {
        let line = Fault::from(mistake("--one=rtps://eye:secret@cam/a@b")).to_string();
        assert!(line.contains("'rtps://…@cam/a@b'") && !line.contains("secret"), "{line}");
        let line = Fault::from(mistake("--one=rtsp:/eye:secret@cam")).to_string();
        assert!(line.contains("'rtsp:…@cam'") && !line.contains("secret"), "{line}");
    }

    #[test]
    fn a_refusal_does_not_name_the_flag() {
        assert_eq!(refusal(&mistake("--number=9")), "9 is not in 0..9");
        assert_eq!(refusal(&mistake("--one=c")), "must be one of a, b");
    }
}
