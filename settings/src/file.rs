//! The settings file: where it is, and what it says, line by line.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::{Arg, ValueHint};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::layers::{Given, Place};
use crate::{Fault, Program};

/// Nobody has more to set, and a device file has no end.
const MAX_LEN: u64 = 1024 * 1024;

/// Where the file is looked for, in words.
pub(crate) fn usual(program: &Program) -> String {
    let name = name(program);
    format!("~/.config/gst-intercom/{name}, else /etc/gst-intercom/{name}")
}

/// The file that is there, unless one is named.
pub(crate) fn find(
    program: &Program,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let user = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
    [user, Some(PathBuf::from("/etc"))]
        .into_iter()
        .flatten()
        .map(|dir| dir.join("gst-intercom").join(name(program)))
        .find(|file| is_there(file))
}

/// What cannot be looked at counts as well: it must not be passed over in silence.
pub(crate) fn is_there(file: &Path) -> bool {
    let absent = [ErrorKind::NotFound, ErrorKind::NotADirectory];
    file.symlink_metadata().map_or_else(|error| !absent.contains(&error.kind()), |_| true)
}

/// What a file says, in its order.
///
/// # Errors
/// It cannot be read, is no TOML, or has a key that is none of `settings`.
pub(crate) fn read(
    program: &Program,
    file: &Path,
    settings: &BTreeMap<&str, &Arg>,
) -> Result<Vec<Given>, Fault> {
    let text = text(file)?;
    let at = |span: Range<usize>, why: String| Fault::Setting {
        place: format!("{}:{}", file.display(), line(&text, span.start)),
        why,
    };
    let table = DeTable::parse(&text).map_err(|error| {
        let why = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        at(error.span().unwrap_or_default(), why)
    })?;
    let mut entries: Vec<_> = table.get_ref().iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
        .into_iter()
        .map(|(key, value)| {
            let id = key.get_ref().as_ref();
            let Some(arg) = settings.get(id) else {
                return Err(at(key.span(), unknown(program, id, settings)));
            };
            let values = values(value).map_err(|why| at(value.span(), format!("{id}: {why}")))?;
            Ok(Given {
                id: id.to_owned(),
                values: values.into_iter().map(|value| resolved(arg, file, value)).collect(),
                place: Place::File { file: file.into(), line: line(&text, key.span().start) },
            })
        })
        .collect()
}

fn name(program: &Program) -> String {
    format!("{}.toml", program.name.trim_start_matches("intercom-"))
}

fn text(file: &Path) -> Result<String, Fault> {
    let fault = |why: String| Fault::Unreadable { file: file.into(), why };
    let mut text = String::new();
    let opened = File::open(file).map_err(|error| fault(error.to_string()))?;
    opened.take(MAX_LEN + 1).read_to_string(&mut text).map_err(|error| fault(error.to_string()))?;
    if text.len() as u64 > MAX_LEN { Err(fault("it is too long".into())) } else { Ok(text) }
}

fn line(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

fn unknown(program: &Program, key: &str, settings: &BTreeMap<&str, &Arg>) -> String {
    let word = key.replace('-', "_");
    let typos = |other: &str| strsim::damerau_levenshtein(&word, other);
    let nearest = settings.keys().min_by_key(|other| typos(other));
    match nearest.filter(|nearest| typos(nearest) <= (word.len() / 3).max(1)) {
        Some(nearest) => format!("unknown key {key:?}; did you mean {nearest:?}?"),
        None => format!("unknown key {key:?}; `{} config print` prints all keys", program.name),
    }
}

/// A value as flags would have it; a list is as many flags.
fn values(value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, &'static str> {
    match value.get_ref() {
        DeValue::Array(items) => items.iter().map(|item| scalar(item.get_ref())).collect(),
        value => scalar(value).map(|value| vec![value]),
    }
}

fn scalar(value: &DeValue<'_>) -> Result<String, &'static str> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Boolean(value) => Ok(value.to_string()),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(|number| number.to_string())
            .map_err(|_| "the number is too large"),
        _ => Err("must be a text, a number, true or false, or a list of texts"),
    }
}

/// A relative path is relative to the file that says it.
fn resolved(arg: &Arg, file: &Path, value: String) -> OsString {
    let is_path = !matches!(arg.get_value_hint(), ValueHint::Unknown | ValueHint::Other);
    match file.parent() {
        Some(dir) if is_path && !value.is_empty() => dir.join(value).into(),
        _ => value.into(),
    }
}
