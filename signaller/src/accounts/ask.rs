//! Passwords, from a terminal that does not show them, or from a pipe.

use std::io::{self, BufRead, IsTerminal, Read, stdin};

use secrecy::{ExposeSecret, SecretString};

use super::CommandError;

/// Nobody types more.
const MAX_LEN: u64 = 4096;

/// A new password: asked twice on a terminal, else the first line of stdin.
pub(super) fn password() -> Result<SecretString, CommandError> {
    if !stdin().is_terminal() {
        return first_line();
    }
    let password = prompt("Password: ")?;
    if prompt("The same again: ")?.expose_secret() == password.expose_secret() {
        Ok(password)
    } else {
        Err(CommandError::Refused("the two passwords are not the same; nothing was changed".into()))
    }
}

fn prompt(words: &str) -> Result<SecretString, CommandError> {
    Ok(rpassword::prompt_password(words)?.into())
}

fn first_line() -> Result<SecretString, CommandError> {
    let mut line = String::new();
    match stdin().lock().take(MAX_LEN).read_line(&mut line) {
        Ok(0) => Err(CommandError::Refused("give the password as the first line of stdin".into())),
        Ok(_) => Ok(line.trim_end_matches(['\r', '\n']).into()),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(CommandError::Refused("the password must be UTF-8 text".into()))
        }
        Err(error) => Err(error.into()),
    }
}
