//! The command line of accounts, tokens, invites and rights: arguments into types, types into calls
//! of the store, results into lines on stdout.
//!
//! It works on the file, whether the server runs or not. A secret comes from stdin or a prompt and
//! goes to stdout, once; never into an argument, a variable or a log.

mod arguments;
mod ask;
mod print;
mod users;

use std::io::{self, Write, stdout};
use std::path::{Path, PathBuf};

use intercom_settings::Fault;
use secrecy::{ExposeSecret, SecretString};
use signaller_core::{Account, AccountName, CredentialId, Kind};

use crate::PROGRAM;
use crate::config::{self, Cli, Config};
use crate::store::{
    AccountError, Actor, Broken, CredentialError, OpenError, RIGHTS, Store, circle_text, file_in,
    right_word,
};

pub use arguments::Command;
use arguments::{AccountCommand, Expiry, InviteCommand, Place, RightsCommand, TokenCommand};

/// After how many hashed passwords somebody is told that it goes on: some seconds.
const PROGRESS: usize = 50;

/// How like a name a word must be to be taken for it, 0 to 1.
const LIKENESS: f64 = 0.75;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The settings do not say where the data are.
    #[error(transparent)]
    Settings(#[from] Fault),
    /// The same.
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    /// The store.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What was asked cannot be done.
    #[error("{0}")]
    Refused(String),
    /// The database, or a terminal.
    #[error("{0}")]
    Failed(String),
}

impl CommandError {
    /// 2 for what the owner has to set right, 1 for what may pass.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Open(error) => error.exit_code(),
            Self::Settings(_) | Self::Config(_) | Self::Refused(_) => 2,
            Self::Failed(_) => 1,
        }
    }
}

impl From<Broken> for CommandError {
    fn from(error: Broken) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Carries out a command.
///
/// # Errors
/// See [`CommandError`]; nothing was changed then.
pub fn run(command: Command) -> Result<(), CommandError> {
    let dir = data_dir(command.place())?;
    if let Command::Account { command: AccountCommand::ImportRoomrtc { file }, .. } = &command {
        users_in(file)?; // before anything is made for them
    }
    look_for(&file_in(&dir), &command)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = Store::open(&dir).await?;
        let done = carry_out(&store, command).await;
        store.close().await;
        done
    })
}

/// The first account makes the file; all else is probably meant for another directory.
fn look_for(file: &Path, command: &Command) -> Result<(), CommandError> {
    let makes = matches!(
        command,
        Command::Account {
            command: AccountCommand::Add { .. } | AccountCommand::ImportRoomrtc { .. },
            ..
        }
    );
    match (file.exists(), makes) {
        (true, _) => Ok(()),
        (false, true) => {
            eprintln!("{} is new", file.display());
            Ok(())
        }
        (false, false) => Err(CommandError::Refused(format!(
            "there is no {}: add an account first, or say with --data-dir where the server's data are",
            file.display()
        ))),
    }
}

/// Where the server of the same settings keeps its data.
fn data_dir(place: &Place) -> Result<PathBuf, CommandError> {
    if let Some(dir) = place.data_dir() {
        return Ok(dir.into());
    }
    let flags = place.config().into_iter().flat_map(|file| ["--config".into(), file.into()]);
    let cli: Cli = PROGRAM.settings(flags)?;
    match cli.command {
        config::Command::Serve(serve) => Ok(Config::try_from(*serve)?.data_dir),
        config::Command::Manage(_) => Err(CommandError::Failed("no settings of serve".into())),
    }
}

async fn carry_out(store: &Store, command: Command) -> Result<(), CommandError> {
    match command {
        Command::Account { command, .. } => account(store, command).await,
        Command::Token { command, .. } => token(store, command).await,
        Command::Invite { command: InviteCommand::Create { expires: Expiry(life) }, .. } => {
            tell(&store.create_invite(life, &Actor::Owner).await?)
        }
        Command::Rights { command, .. } => rights(store, command).await,
    }
}

async fn account(store: &Store, command: AccountCommand) -> Result<(), CommandError> {
    let owner = &Actor::Owner;
    let done = match command {
        AccountCommand::Add { name, kind, label } => {
            let account = Account { label, ..Account::new(name, kind) };
            refuse_taken(store, &account.name).await?;
            let password = match kind {
                Kind::Device => None,
                Kind::User | Kind::Admin => Some(ask::password()?),
            };
            store.add_account(&account, password, owner).await
        }
        AccountCommand::ImportRoomrtc { file } => return import(store, &file).await,
        AccountCommand::List { json } => {
            let accounts = store.accounts().await?;
            say(&if json { print::accounts_json(&accounts) } else { print::accounts(&accounts) });
            return Ok(());
        }
        AccountCommand::Remove { name, force } => {
            let done = store.remove_account(&name, force, owner).await;
            return explain_last_admin(store, done).await;
        }
        AccountCommand::Passwd { name } => {
            refuse_unknown(store, &name).await?;
            store.set_password(&name, ask::password()?, None, owner).await
        }
        AccountCommand::Role { name, kind, force } => {
            let done = store.set_kind(&name, kind, force, owner).await;
            return explain_last_admin(store, done).await;
        }
        AccountCommand::Audit { name, limit, json } => {
            let entries = store.audit_log(name.as_ref(), None, limit).await?;
            say(&if json { print::audit_json(&entries) } else { print::audit(&entries) });
            return Ok(());
        }
    };
    explain(store, done).await
}

/// What a list of users says. Of many lines that are not plain, each is a line of stderr.
fn users_in(file: &Path) -> Result<Vec<(AccountName, SecretString)>, CommandError> {
    let shown = file.display();
    let text = users::text(file)
        .map_err(|error| CommandError::Refused(format!("cannot read {shown}: {error}")))?;
    users::read(&text).map_err(|faults| {
        if let [(line, fault)] = &faults[..] {
            return CommandError::Refused(format!("{shown}:{line}: {fault}; nobody was added"));
        }
        for (line, fault) in &faults {
            eprintln!("{shown}:{line}: {fault}");
        }
        let count = faults.len();
        CommandError::Refused(format!(
            "nobody was added; mend these {count} lines of {shown} first"
        ))
    })
}

/// All of them or none; those that are there already stay as they are.
async fn import(store: &Store, file: &Path) -> Result<(), CommandError> {
    let users = users_in(file)?;
    let all: Vec<_> = users.iter().map(|(name, _)| name.clone()).collect();
    let hashed = |count: usize| {
        if count.is_multiple_of(PROGRESS) {
            eprintln!("{count} passwords hashed");
        }
    };
    let added = match store.import_users(users, hashed, &Actor::Owner).await {
        Ok(added) => added,
        Err(error) => return explain(store, Err(error)).await,
    };
    for name in &all {
        let what =
            if added.contains(name) { "added" } else { "is there already, and stays as it is" };
        say(&format!("{name}: {what}\n"));
    }
    Ok(())
}

async fn token(store: &Store, command: TokenCommand) -> Result<(), CommandError> {
    match command {
        TokenCommand::Create { account, name, expires } => {
            let life = expires.map(|Expiry(life)| life);
            let made = store.create_token(&account, name.as_deref(), life, &Actor::Owner).await;
            let (id, secret) = match made {
                Ok(made) => made,
                Err(CredentialError::NoSuchAccount(name)) => {
                    return Err(unknown(store, &name).await?);
                }
                Err(CredentialError::Broken(broken)) => return Err(broken.into()),
                Err(error) => return Err(CommandError::Refused(error.to_string())),
            };
            tell(&secret).map_err(|error| {
                CommandError::Failed(format!("{error}; token {} is lost, so revoke it", id.0))
            })
        }
        TokenCommand::List { account, json } => {
            if let Some(name) = &account {
                refuse_unknown(store, name).await?;
            }
            let listed = store.credentials(account.as_ref()).await?;
            say(&if json { print::credentials_json(&listed) } else { print::credentials(&listed) });
            Ok(())
        }
        TokenCommand::Revoke { id } => {
            if store.revoke(CredentialId(id), None, &Actor::Owner).await? {
                return Ok(());
            }
            let line = format!("there is no token {id}; `token list` shows which there are");
            Err(CommandError::Refused(line))
        }
    }
}

async fn rights(store: &Store, command: RightsCommand) -> Result<(), CommandError> {
    match command {
        RightsCommand::Set { account, right, who } => {
            let done = store.set_rights(&account, &[(right, who)], &Actor::Owner).await;
            explain(store, done).await
        }
        RightsCommand::Show { account } => match store.account(&account).await? {
            Some(account) => {
                let circle = |right| circle_text(account.rights.circle(right));
                let rows = RIGHTS.map(|right| [right_word(right).to_owned(), circle(right)]);
                say(&print::aligned(&rows));
                Ok(())
            }
            None => Err(unknown(store, &account).await?),
        },
    }
}

/// Before somebody is asked for a password in vain.
async fn refuse_taken(store: &Store, name: &AccountName) -> Result<(), CommandError> {
    match store.account(name).await? {
        Some(_) => Err(CommandError::Refused(AccountError::Exists(name.clone()).to_string())),
        None => Ok(()),
    }
}

async fn refuse_unknown(store: &Store, name: &AccountName) -> Result<(), CommandError> {
    match store.account(name).await? {
        Some(_) => Ok(()),
        None => Err(unknown(store, name).await?),
    }
}

async fn explain(store: &Store, done: Result<(), AccountError>) -> Result<(), CommandError> {
    match done {
        Ok(()) => Ok(()),
        Err(AccountError::NoSuch(name)) => Err(unknown(store, &name).await?),
        Err(AccountError::Broken(broken)) => Err(broken.into()),
        Err(error) => Err(CommandError::Refused(error.to_string())),
    }
}

async fn explain_last_admin(
    store: &Store,
    done: Result<(), AccountError>,
) -> Result<(), CommandError> {
    match done {
        Err(error @ AccountError::LastAdmin(_)) => {
            Err(CommandError::Refused(format!("{error}; make another one first, or add --force")))
        }
        done => explain(store, done).await,
    }
}

/// Names what was probably meant.
async fn unknown(store: &Store, name: &AccountName) -> Result<CommandError, Broken> {
    let accounts = store.accounts().await?;
    let likeness = |account: &&Account| strsim::jaro_winkler(account.name.as_str(), name.as_str());
    let nearest = accounts.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let line = AccountError::NoSuch(name.clone()).to_string();
    Ok(CommandError::Refused(match nearest.filter(|nearest| likeness(nearest) >= LIKENESS) {
        Some(nearest) => format!("{line}; did you mean {}?", nearest.name),
        None => format!("{line}; `account list` shows which there are"),
    }))
}

/// The one time that a secret is shown.
fn tell(secret: &SecretString) -> Result<(), CommandError> {
    let mut stdout = stdout().lock();
    writeln!(stdout, "{}", secret.expose_secret())?;
    Ok(stdout.flush()?)
}

fn say(text: &str) {
    // Nobody reading it is no failure.
    let _ = stdout().lock().write_all(text.as_bytes());
}
