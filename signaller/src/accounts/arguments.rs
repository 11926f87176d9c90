//! What can be said on the command line of accounts.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueHint};
use signaller_core::{AccountName, Circle, Kind, Right, Text};

use crate::store::{self, RIGHTS, right_word};

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Accounts of people and devices
    Account {
        /// What.
        #[command(subcommand)]
        command: AccountCommand,
        /// Where.
        #[command(flatten)]
        place: Place,
    },
    /// Tokens, which devices and programs log in with
    Token {
        /// What.
        #[command(subcommand)]
        command: TokenCommand,
        /// Where.
        #[command(flatten)]
        place: Place,
    },
    /// Invites, with which people make their own accounts
    Invite {
        /// What.
        #[command(subcommand)]
        command: InviteCommand,
        /// Where.
        #[command(flatten)]
        place: Place,
    },
    /// What others may do with an account
    Rights {
        /// What.
        #[command(subcommand)]
        command: RightsCommand,
        /// Where.
        #[command(flatten)]
        place: Place,
    },
}

/// Whose accounts.
#[derive(Args, Debug)]
pub struct Place {
    /// Where the server keeps its data [default: as `serve` with the same settings]
    #[arg(long, env = "INTERCOM_DATA_DIR", value_name = "DIR", global = true,
          value_hint = ValueHint::DirPath)]
    data_dir: Option<OsString>,

    /// The server's settings file, which may say where its data are
    #[arg(long, env = "INTERCOM_CONFIG", value_name = "FILE", global = true,
          value_hint = ValueHint::FilePath)]
    config: Option<OsString>,
}

/// What to do with an account.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Add an account; a person's password is asked for, or is the first line of stdin
    Add {
        /// Letters, digits, dots, dashes and underscores
        #[arg(value_parser = name)]
        name: AccountName,
        /// A person, a device, or a person who looks after the others
        #[arg(long, value_name = "user|device|admin", default_value = "user", value_parser = kind)]
        kind: Kind,
        /// What people are shown instead of the name
        #[arg(long, value_parser = label)]
        label: Option<Text>,
    },
    /// Add the users of a RoomRTC server, all of them or none; their passwords are hashed
    ImportRoomrtc {
        /// Its users.txt: a name and a password a line
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// List all accounts
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove an account with all its tokens; whoever is connected with it is cut
    Remove {
        /// Which
        #[arg(value_parser = name)]
        name: AccountName,
        /// Even if it is the only admin
        #[arg(long)]
        force: bool,
    },
    /// Change a password; ends all web sessions of the account
    Passwd {
        /// Whose
        #[arg(value_parser = name)]
        name: AccountName,
    },
    /// Make a user an admin, or an admin a user
    Role {
        /// Whom
        #[arg(value_parser = name)]
        name: AccountName,
        /// What
        #[arg(value_name = "user|admin", value_parser = role)]
        kind: Kind,
        /// Even if it is the only admin
        #[arg(long)]
        force: bool,
    },
    /// Show who did what, the latest first
    Audit {
        /// What this account did, and what was done to it
        #[arg(value_parser = name)]
        name: Option<AccountName>,
        /// At most so many lines
        #[arg(long, value_name = "N", default_value_t = 100, allow_negative_numbers = true)]
        limit: u32,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// What to do with a token.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it; it is never shown again
    Create {
        /// Whose
        #[arg(value_parser = name)]
        account: AccountName,
        /// What it is for
        #[arg(long, value_parser = label)]
        name: Option<Text>,
        /// It is good for so many days [default: until it is revoked]
        #[arg(long, value_name = "DAYS", allow_negative_numbers = true, value_parser = days)]
        expires: Option<Expiry>,
    },
    /// List tokens and web sessions
    List {
        /// Whose [default: everybody's]
        #[arg(value_parser = name)]
        account: Option<AccountName>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token, or end a web session; whoever is connected with it is cut
    Revoke {
        /// Its number in the list
        id: i64,
    },
}

/// What to do with an invite.
#[derive(Debug, Subcommand)]
pub enum InviteCommand {
    /// Make an invite for one person and print it; it is never shown again
    Create {
        /// It is good for so many days
        #[arg(long, value_name = "DAYS", default_value = "7", allow_negative_numbers = true,
              value_parser = days)]
        expires: Expiry,
    },
}

/// What to do with rights.
#[derive(Debug, Subcommand)]
pub enum RightsCommand {
    /// Say who has a right towards an account; whoever loses it is cut
    Set {
        /// Whose
        #[arg(value_parser = name)]
        account: AccountName,
        /// Which
        #[arg(value_name = "see|watch|talk|call|control", value_parser = right)]
        right: Right,
        /// Who has it; names with commas
        #[arg(value_name = "everyone|users|nobody|NAME,…", value_parser = circle)]
        who: Circle,
    },
    /// Show who has which right towards an account
    Show {
        /// Whose
        #[arg(value_parser = name)]
        account: AccountName,
    },
}

/// For how long something is good.
#[derive(Clone, Copy, Debug)]
pub struct Expiry(pub(super) Duration);

impl Command {
    pub(super) fn place(&self) -> &Place {
        match self {
            Self::Account { place, .. }
            | Self::Token { place, .. }
            | Self::Invite { place, .. }
            | Self::Rights { place, .. } => place,
        }
    }
}

impl Place {
    /// The directory itself, if one is named. An empty variable is as good as none.
    pub(super) fn data_dir(&self) -> Option<&OsStr> {
        self.data_dir.as_deref().filter(|dir| !dir.is_empty())
    }

    /// The settings file, if one is named.
    pub(super) fn config(&self) -> Option<&OsStr> {
        self.config.as_deref().filter(|file| !file.is_empty())
    }
}

fn name(text: &str) -> Result<AccountName, String> {
    AccountName::parse(text).map_err(|error| error.to_string())
}

fn label(text: &str) -> Result<Text, String> {
    store::label(text).map_err(|error| error.to_string())
}

fn kind(text: &str) -> Result<Kind, &'static str> {
    store::kind(text).ok_or("must be user, device or admin")
}

fn role(text: &str) -> Result<Kind, &'static str> {
    let kind = store::kind(text).filter(|kind| *kind != Kind::Device);
    kind.ok_or("must be user or admin: a device stays one")
}

fn right(text: &str) -> Result<Right, String> {
    store::right(text)
        .ok_or_else(|| format!("must be one of {}", RIGHTS.map(right_word).join(", ")))
}

fn circle(text: &str) -> Result<Circle, String> {
    match text {
        "everyone" => Ok(Circle::Everyone),
        "users" => Ok(Circle::Users),
        "nobody" => Ok(Circle::Nobody),
        names => {
            let names = names.split(',').map(|text| name(text.trim()));
            names.collect::<Result<BTreeSet<_>, _>>().map(Circle::Listed)
        }
    }
}

fn days(text: &str) -> Result<Expiry, &'static str> {
    let days = text.parse().ok().filter(|days| (1..=36_500).contains(days));
    let days: u64 = days.ok_or("must be a number of days, 1 to 36500")?;
    Ok(Expiry(Duration::from_secs(days * 24 * 3600)))
}
