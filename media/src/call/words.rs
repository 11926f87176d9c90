//! Whose calls are accepted, and what a phone is told.

use std::{fmt, str::FromStr};

use tokio::sync::oneshot;

use super::control::Request;

/// Whose calls a device accepts by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// Nobody's.
    #[default]
    Never,
    /// Everybody's whom the signaller lets ring.
    Auto,
    /// Those of these accounts.
    Accounts(Vec<String>),
}

impl Answer {
    /// Whether a call of this account is accepted.
    pub fn takes(&self, from: &str) -> bool {
        match self {
            Self::Never => false,
            Self::Auto => true,
            Self::Accounts(names) => names.iter().any(|name| name.eq_ignore_ascii_case(from)),
        }
    }
}

impl FromStr for Answer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "never" => return Ok(Self::Never),
            "auto" => return Ok(Self::Auto),
            _ => {}
        }
        let names = text.strip_prefix("accounts:");
        let names = names.ok_or("it is auto, never or accounts:NAME,NAME")?;
        names.split(',').map(account).collect::<Result<_, _>>().map(Self::Accounts)
    }
}

/// Reads the name of an account. The signaller has the rule; nobody who breaks it is ever there.
///
/// # Errors
/// The rule.
pub fn account(text: &str) -> Result<String, String> {
    let name = text.trim();
    let fits = name.len() <= 32
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let rule = "an account's name has 1 to 32 letters, digits, dots, dashes or underscores, the first of them a letter or digit";
    if fits { Ok(name.to_owned()) } else { Err(rule.into()) }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Auto => f.write_str("auto"),
            Self::Accounts(names) => write!(f, "accounts:{}", names.join(",")),
        }
    }
}

/// What a phone is told by what is around it.
#[derive(Debug)]
pub(super) enum News {
    /// What this side sends is to be had from the server, for the first time or again.
    OnAir,
    /// Somebody begins to hear what this side sends.
    Heard,
    /// Somebody wrote to the control socket, and waits for one line.
    Asked(Request, oneshot::Sender<String>),
    /// A track of the other side has ended.
    TrackOver,
    /// The other side's media do not come, or cannot be played; one sentence.
    RemoteFailed(String),
    /// The loudspeaker failed; one sentence.
    LoudspeakerFailed(String),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn who_is_answered() {
        for text in ["never", "auto", "accounts:ann,bob"] {
            assert_eq!(text.parse::<Answer>().unwrap().to_string(), text);
        }
        let some: Answer = "accounts:Ann, bob".parse().unwrap();
        assert!(some.takes("ann") && some.takes("bob") && !some.takes("eve"));
        for text in ["", "always", "accounts:", "accounts:ann,,bob", "accounts:a b"] {
            assert!(text.parse::<Answer>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_an_account_can_be_called() {
        let longest = "x".repeat(32);
        for name in ["a", "Ann", "7", "a.b-c_d", &longest] {
            assert_eq!(account(name).as_deref(), Ok(name));
        }
        for name in ["", " ", ".ann", "-ann", "a b", "a,b", "jürgen", &format!("{longest}x")] {
            assert!(account(name).is_err(), "{name}");
        }
    }
}
