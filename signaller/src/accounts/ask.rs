//! New passwords, from a terminal or from a pipe.

use std::io::{self, stdin};

use intercom_settings::secret::{Prompt, first_line};
use secrecy::{ExposeSecret, SecretString};

use super::CommandError;

/// A new password: asked twice on a terminal, else the first line of stdin.
pub(super) fn password() -> Result<SecretString, CommandError> {
    let Some(terminal) = Prompt::open()? else { return piped() };
    let password = terminal.ask("Password: ")?;
    if terminal.ask("The same again: ")?.expose_secret() == password.expose_secret() {
        Ok(password)
    } else {
        Err(CommandError::Refused("the two passwords are not the same; nothing was changed".into()))
    }
}

fn piped() -> Result<SecretString, CommandError> {
    match first_line(stdin().lock()) {
        Ok(password) if password.expose_secret().is_empty() => {
            Err(CommandError::Refused("give the password as the first line of stdin".into()))
        }
        Ok(password) => Ok(password),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(CommandError::Refused("the password must be UTF-8 text".into()))
        }
        Err(error) => Err(error.into()),
    }
}
