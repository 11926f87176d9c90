//! Passwords, from a terminal that does not show them, or from a pipe.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read, stdin};

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use secrecy::{ExposeSecret, SecretString};

use super::CommandError;

/// Nobody types more.
const MAX_LEN: u64 = 4096;

/// A new password: asked twice on a terminal, else the first line of stdin.
pub(super) fn password() -> Result<SecretString, CommandError> {
    if !stdin().is_terminal() {
        return first_line();
    }
    let _hidden = Hidden::new()?;
    let password = prompt("Password: ")?;
    if prompt("The same again: ")?.expose_secret() == password.expose_secret() {
        Ok(password)
    } else {
        Err(CommandError::Refused("the two passwords are not the same; nothing was changed".into()))
    }
}

/// A terminal that does not show what is typed. rpassword hides it only after it has asked, which
/// shows what somebody quick, or a program, types at once.
struct Hidden {
    tty: File,
    before: Termios,
}

impl Hidden {
    fn new() -> io::Result<Self> {
        let tty = File::options().read(true).write(true).open("/dev/tty")?;
        let before = tcgetattr(&tty)?;
        let mut hidden = before.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(&tty, SetArg::TCSANOW, &hidden)?;
        Ok(Self { tty, before })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.tty, SetArg::TCSANOW, &self.before); // the terminal is gone
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
