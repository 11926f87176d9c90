//! Passwords: from a file, from standard input, or from a terminal that does not show them. Never
//! from flags or variables, which others of the machine can read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, stdin};
use std::path::Path;

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;

/// Nobody's password is longer; a device file has no end.
const MAX_LEN: u64 = 4096;

/// The password in a file; see [`first_line`].
///
/// # Errors
/// As there, or there is no such file.
pub fn from_file(path: &Path) -> io::Result<SecretString> {
    first_line(File::open(path)?)
}

/// The first line: what editors and `echo` add behind it is not part of a password.
///
/// # Errors
/// It cannot be read, is no text, or has no end.
pub fn first_line(from: impl Read) -> io::Result<SecretString> {
    let mut line = String::new();
    let length = BufReader::new(from.take(MAX_LEN)).read_line(&mut line)?;
    if length as u64 == MAX_LEN {
        return Err(io::Error::other("it is too long"));
    }
    Ok(line.trim_end_matches(['\r', '\n']).into())
}

/// A terminal that does not show what is typed until this is dropped.
///
/// rpassword alone hides it only after it has asked, which shows what somebody quick, or a program,
/// types at once. And its Ctrl-C ends the program while nothing is shown: here the terminal is put back
/// first. To be dropped by the thread that opened it.
#[derive(Debug)]
pub struct Prompt {
    tty: File,
    before: Termios,
    /// The signals that this thread did not take before.
    mask: SigSet,
}

impl Prompt {
    /// The terminal that this process has; `None` if standard input is none.
    ///
    /// # Errors
    /// It cannot be made to hide what is typed.
    pub fn open() -> io::Result<Option<Self>> {
        if !stdin().is_terminal() {
            return Ok(None);
        }
        let tty = File::options().read(true).write(true).open("/dev/tty")?;
        let before = tcgetattr(&tty)?;
        let mut hidden = before.clone();
        hidden.local_flags.remove(LocalFlags::ECHO | LocalFlags::ISIG);
        let interrupt = SigSet::from_iter([Signal::SIGINT]);
        let mask = interrupt.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let prompt = Self { tty, before, mask };
        tcsetattr(&prompt.tty, SetArg::TCSANOW, &hidden)?;
        Ok(Some(prompt))
    }

    /// Asks with these words.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn ask(&self, words: &str) -> io::Result<SecretString> {
        rpassword::prompt_password(words).map(Into::into)
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.tty, SetArg::TCSANOW, &self.before); // the terminal is gone
        let _ = self.mask.thread_set_mask(); // never refused; a Ctrl-C of before counts now
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_password_is_a_line() {
        for (text, password) in [
            ("pass word\r\n", "pass word"),
            (" tight ", " tight "),
            ("first\nsecond\n", "first"),
            ("\n", ""),
            ("", ""),
        ] {
            assert_eq!(first_line(text.as_bytes()).unwrap().expose_secret(), password, "{text:?}");
        }
        assert!(first_line(&b"\xff\n"[..]).is_err());
        assert_eq!(first_line(io::repeat(b'x')).unwrap_err().to_string(), "it is too long");
        assert!(from_file("/no/such/file".as_ref()).is_err());
    }
}
