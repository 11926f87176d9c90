//! What is wrong with the settings, and how it is said: one line, whatever clap has to say.

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
    /// The settings file that the program was started with, when it looks again.
    #[error("{}: is not there any more", .0.display())]
    Gone(PathBuf),
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
    fit_for_a_line(error, &body.trim_start_matches("error: ").replace("\n\n  tip: ", "; "))
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
                Some(ContextValue::String(value))
                    if !why.contains(value) && !why.contains(&format!("{value:?}")) =>
                {
                    format!("{value:?}: ")
                }
                _ => String::new(),
            };
            fit_for_a_line(error, &(value + &why))
        }
        _ => one_line(error),
    }
}

/// A text about a mistake as one line, which may end in a log: whatever of it was given is repeated
/// without the user and password of an address.
fn fit_for_a_line(error: &clap::Error, text: &str) -> String {
    let given = error.context().filter_map(|(_, value)| match value {
        ContextValue::String(given) => Some(given),
        _ => None,
    });
    let text = given.fold(text.to_owned(), |text, given| match without_login(given) {
        Some(safe) => text.replace(given, &safe).replace(&*given.escape_debug().to_string(), &safe),
        None => text,
    });
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `None` if there is no login in it. A password may hold any character if its owner did not know
/// that some must be written as `%…`; so all up to the last `@` may be one.
fn without_login(given: &str) -> Option<String> {
    let end = given.rfind('@')?;
    let start = given.find("://").map(|at| at + 3).or_else(|| given.find(':').map(|at| at + 1))?;
    (start <= end).then(|| format!("{}…{}", &given[..start], &given[end..]))
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
        for (given, said) in [
            ("--one=rtps://eye:secret@cam/a", "'rtps://…@cam/a'"),
            ("--one=rtsp:/eye:secret@cam", "'rtsp:…@cam'"),
            ("--one=rtsp://eye:my/secret#1@cam", "'rtsp://…@cam'"),
            ("--one=rtsp://eye:my \"secret\"@cam", "'rtsp://…@cam'"),
            ("rtsp://eye:secret@cam", "'rtsp://…@cam'"),
        ] {
            let error = mistake(given);
            let lines = [refusal(&error), Fault::from(error).to_string()];
            assert!(lines[1].contains(said), "{lines:?}");
            assert!(lines.iter().all(|line| !line.contains("secret")), "{lines:?}");
        }
    }

    #[test]
    fn a_value_is_said_once() {
        let refuse = |value: &str| Err::<u8, _>(format!("{value:?} is no number"));
        let command = Command::new("x").arg(Arg::new("n").long("number").value_parser(refuse));
        let error = command.try_get_matches_from(["x", "--number=\"1\""]).unwrap_err();
        assert_eq!(refusal(&error), r#""\"1\"" is no number"#);
    }

    #[test]
    fn a_refusal_does_not_name_the_flag() {
        assert_eq!(refusal(&mistake("--number=9")), "9 is not in 0..9");
        assert_eq!(refusal(&mistake("--one=c")), "must be one of a, b");
    }
}
