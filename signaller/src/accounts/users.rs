//! The `users.txt` of a RoomRTC server: a name and a password a line.
//!
//! Nobody has written down how it looks, so what is not plain is refused: a password that was read
//! wrongly would keep its owner out. Nothing of a line is ever shown, as it may be a password.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use secrecy::SecretString;
use signaller_core::{AccountName, NameError};

use crate::store::{PasswordError, check_password};

/// Longer is no list of users.
const MAX_LEN: u64 = 1024 * 1024;

/// What may stand between the two; white space may as well.
const BETWEEN: [char; 3] = [':', '|', ','];

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// No password, or no name.
    #[error("a line is a name, then one of : | , or white space, then a password")]
    NotTwo,
    /// It may be part of the password or not.
    #[error(
        "white space before or after the password: take it away, or leave white space between the two"
    )]
    Space,
    /// The same.
    #[error(
        "there is a third field, or the password has in it what stands before it: add this user by hand"
    )]
    Three,
    /// The name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The password.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Two passwords for one name.
    #[error("{0} is on line {1} already")]
    Twice(AccountName, usize),
}

/// A line's number, counted from one, and what is wrong there.
pub(super) type Faults = Vec<(usize, Fault)>;

/// Reads the whole file.
///
/// # Errors
/// The system's; `InvalidData` for what is no text or too long for a list of users.
pub(super) fn text(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(file)?.take(MAX_LEN + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_LEN {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "longer than 1 MiB"));
    }
    Ok(text)
}

/// All users, in their order, or what is wrong with each line that is not plain. Empty lines, and
/// those that begin with `#`, say nothing.
pub(super) fn read(text: &str) -> Result<Vec<(AccountName, SecretString)>, Faults> {
    let (mut users, mut faults, mut lines) = (Vec::new(), Vec::new(), HashMap::new());
    let text = text.trim_start_matches('\u{feff}');
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        match user(line) {
            Ok((name, _)) if lines.contains_key(&name) => {
                faults.push((number, Fault::Twice(name.clone(), lines[&name])));
            }
            Ok((name, password)) => {
                lines.insert(name.clone(), number);
                users.push((name, password));
            }
            Err(fault) => faults.push((number, fault)),
        }
    }
    if faults.is_empty() { Ok(users) } else { Err(faults) }
}

fn user(line: &str) -> Result<(AccountName, SecretString), Fault> {
    let is_between = |char: char| BETWEEN.contains(&char) || char.is_whitespace();
    let line = line.strip_suffix('\r').unwrap_or(line); // the last one, without a line feed
    let end = line.find(is_between).filter(|end| *end > 0).ok_or(Fault::NotTwo)?;
    let (name, rest) = line.split_at(end);
    let password = match rest.trim_start().strip_prefix(BETWEEN) {
        Some(_) if rest.starts_with(char::is_whitespace) => return Err(Fault::Space),
        Some(password) if password.contains(&rest[..1]) => return Err(Fault::Three),
        Some(password) if password.trim() != password => return Err(Fault::Space),
        Some(password) => password,
        None if rest.trim().contains(char::is_whitespace) => return Err(Fault::Three),
        None => rest.trim(),
    };
    if password.is_empty() {
        return Err(Fault::NotTwo);
    }
    let (name, password) = (AccountName::parse(name)?, SecretString::from(password));
    check_password(&password, &name)?;
    Ok((name, password))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use secrecy::ExposeSecret;

    use super::*;

    fn users(text: &str) -> Vec<(String, String)> {
        let users = read(text).unwrap().into_iter();
        users.map(|(name, word)| (name.to_string(), word.expose_secret().to_owned())).collect()
    }

    #[test]
    fn a_name_and_a_password_a_line() {
        for (line, password) in [
            ("Ann:correct horse", "correct horse"),
            ("ann|correct:horse", "correct:horse"),
            ("ann,correct|horse", "correct|horse"),
            ("ann correct,horse", "correct,horse"),
            ("ann \t correct-horse ", "correct-horse"),
            ("\u{feff}ann:contraseña\r", "contraseña"),
        ] {
            assert_eq!(users(line), [("ann".to_owned(), password.to_owned())], "{line}");
        }
        let text = "# who is there\n\nann:correct horse\r\n  \nbob:battery staple\n";
        let names: Vec<_> = users(text).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["ann", "bob"]);
        assert!(users("").is_empty());
    }

    #[test]
    fn what_is_not_plain_is_refused() {
        let ann = || AccountName::parse("ann").unwrap();
        let long = "x".repeat(129);
        for (line, fault) in [
            ("ann", Fault::NotTwo),
            ("ann:", Fault::NotTwo),
            (":correct horse", Fault::NotTwo),
            (" ann:correct horse", Fault::NotTwo),
            ("ann: correct horse", Fault::Space),
            ("ann:correct horse ", Fault::Space),
            ("ann : correct horse", Fault::Space),
            ("ann:correct:horse", Fault::Three),
            ("ann|correct horse|AVAILABLE", Fault::Three),
            ("ann correct horse", Fault::Three),
            ("jürgen:correct horse", Fault::Name(NameError)),
            (".ann:correct horse", Fault::Name(NameError)),
            ("ann:short", Fault::Password(PasswordError::TooShort(5))),
            ("ann.of.green:Ann.of.green", Fault::Password(PasswordError::IsName)),
            (&format!("ann:{long}"), Fault::Password(PasswordError::TooLong(129))),
        ] {
            assert_eq!(read(line).unwrap_err(), [(1, fault)], "{line}");
        }
        let text = "ann:correct horse\nbob\nAnn:another horse\n";
        let faults = read(text).unwrap_err();
        assert_eq!(faults, [(2, Fault::NotTwo), (3, Fault::Twice(ann(), 1))]);
    }
}
