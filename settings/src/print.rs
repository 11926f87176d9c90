//! `config print`: the settings in effect, as a settings file.

use std::ffi::OsStr;
use std::fmt::Write;
use std::path::Path;

use clap::{ArgAction, ValueHint};

use crate::layers::{Effective, Place};

/// A line a setting, each with where it is from.
pub(crate) fn effective(settings: &[Effective]) -> String {
    let mut text = String::new();
    for setting in settings {
        let key = setting.arg.get_id();
        let _ = if setting.values.is_empty() {
            writeln!(text, "# {key} is not set")
        } else {
            writeln!(text, "{key} = {} # {}", value(setting), setting.place)
        };
    }
    text
}

fn value(setting: &Effective) -> String {
    let words: Vec<_> = setting.values.iter().map(|value| word(setting, value)).collect();
    match setting.arg.get_action() {
        ArgAction::Append => format!("[{}]", words.join(", ")),
        _ => words.join(", "),
    }
}

fn word(setting: &Effective, value: &OsStr) -> String {
    let text = if setting.arg.get_value_hint() == ValueHint::AnyPath {
        absolute(value, &setting.place)
    } else {
        value.to_string_lossy().into_owned()
    };
    if is_bare(&text) { text } else { toml::Value::String(text).to_string() }
}

/// A path means the same in whatever file the output is kept.
fn absolute(value: &OsStr, place: &Place) -> String {
    let path = match place {
        Place::Default | Place::File { .. } => value.into(),
        _ => std::path::absolute(value).unwrap_or_else(|_| Path::new(value).into()),
    };
    path.to_string_lossy().into_owned()
}

/// Whether TOML reads this as a number, or true or false, and we print it again as it is.
fn is_bare(text: &str) -> bool {
    let is_number = |text: &str| text.parse::<i64>().is_ok_and(|number| number.to_string() == text);
    let is_fraction = text.split_once('.').is_some_and(|(whole, part)| {
        is_number(whole) && !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
    });
    matches!(text, "true" | "false") || is_number(text) || is_fraction
}
