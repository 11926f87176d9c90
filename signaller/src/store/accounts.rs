//! Accounts: made, changed, removed. Every change is in the audit table, in the same transaction.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use secrecy::SecretString;
use signaller_core::{Account, AccountName, Circle, CredentialId, Kind, Right, Rights, Text};
use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteConnection;

use super::Store;
use super::db::{Broken, now};
use super::password::{self, AT_A_TIME, Crowded, PasswordError};
use super::record::{Action, Actor, Event, write_event};
use super::words::{RIGHTS, kind, kind_word, right, right_word};

pub(super) const MAX_LABEL_LEN: usize = 64;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    /// The name is taken.
    #[error("there is an account {0} already")]
    Exists(AccountName),
    /// No such account; it may be one that was to be listed.
    #[error("there is no account {0}")]
    NoSuch(AccountName),
    /// Nobody could look after the others any more.
    #[error("{0} is the only admin")]
    LastAdmin(AccountName),
    /// Devices have tokens.
    #[error("{0} is a device: it has tokens and no password")]
    Device(AccountName),
    /// People have passwords.
    #[error("{0} needs a password")]
    NeedsPassword(AccountName),
    /// The password.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Too much at once.
    #[error(transparent)]
    Crowded(#[from] Crowded),
    /// The database.
    #[error(transparent)]
    Broken(#[from] Broken),
}

impl From<sqlx::Error> for AccountError {
    fn from(error: sqlx::Error) -> Self {
        Self::Broken(error.into())
    }
}

/// What is wrong with a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a label has 1 to {MAX_LABEL_LEN} characters on one line")]
pub(crate) struct BadLabel;

/// Reads what people are shown instead of a name.
pub(crate) fn label(text: &str) -> Result<Text, BadLabel> {
    let text = text.trim();
    let fits = (1..=MAX_LABEL_LEN).contains(&text.chars().count());
    if fits && !text.chars().any(char::is_control) { Ok(text.into()) } else { Err(BadLabel) }
}

impl Store {
    /// All accounts, in the order of their names.
    pub(crate) async fn accounts(&self) -> Result<Vec<Account>, Broken> {
        let mut tx = self.db().quick.begin().await?;
        let mut accounts: Vec<_> = load(&mut tx, None).await?.into_values().collect();
        accounts.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(accounts)
    }

    /// One account.
    pub(crate) async fn account(&self, name: &AccountName) -> Result<Option<Account>, Broken> {
        let mut tx = self.db().quick.begin().await?;
        match id_of(&mut tx, name).await {
            Ok(id) => Ok(load(&mut tx, Some(id)).await?.remove(&id)),
            Err(AccountError::Broken(broken)) => Err(broken),
            Err(_) => Ok(None),
        }
    }

    /// Adds an account; people need a password, devices must not have one.
    pub(crate) async fn add_account(
        &self,
        account: &Account,
        password: Option<SecretString>,
        by: &Actor,
    ) -> Result<(), AccountError> {
        let hash = match (account.kind, password) {
            (Kind::Device, None) => None,
            (Kind::Device, Some(_)) => return Err(AccountError::Device(account.name.clone())),
            (_, Some(password)) => Some(self.hash(password, &account.name).await?),
            (_, None) => return Err(AccountError::NeedsPassword(account.name.clone())),
        };
        let mut tx = self.db().begin_sure().await?;
        insert(&mut tx, account, hash).await?;
        let event = Event::new(by, Action::AddAccount).of(&account.name);
        write_event(&mut tx, &event, now()).await?;
        Ok(tx.commit().await?)
    }

    /// Adds users, all of them or none; those that are there already stay as they are. Says after each
    /// password how many are hashed. Returns whom it added.
    pub(crate) async fn import_users(
        &self,
        users: Vec<(AccountName, SecretString)>,
        mut hashed: impl FnMut(usize),
        by: &Actor,
    ) -> Result<Vec<AccountName>, AccountError> {
        let mut new = Vec::new();
        for (name, password) in users {
            if self.account(&name).await?.is_none() {
                new.push((Account::new(name, Kind::User), password));
            }
        }
        let hash = async |(account, password): (Account, SecretString)| {
            let hash = self.hash(password, &account.name).await?;
            Ok::<_, AccountError>((account, hash))
        };
        let hashes = stream::iter(new).map(hash).buffered(AT_A_TIME);
        let hashes = hashes.enumerate().map(|(index, hash)| {
            hashed(index + 1);
            hash
        });
        let hashes: Vec<_> = hashes.try_collect().await?;
        let mut added = Vec::new();
        let mut tx = self.db().begin_sure().await?;
        for (account, hash) in hashes {
            match insert(&mut tx, &account, Some(hash)).await {
                Ok(()) => {}
                Err(AccountError::Exists(_)) => continue,
                Err(error) => return Err(error),
            }
            let event = Event::new(by, Action::AddAccount).of(&account.name);
            write_event(&mut tx, &event, now()).await?;
            added.push(account.name);
        }
        tx.commit().await?;
        Ok(added)
    }

    /// Removes an account and all that is its own; what it did stays written. The only admin stays,
    /// unless `even_last`.
    pub(crate) async fn remove_account(
        &self,
        name: &AccountName,
        even_last: bool,
        by: &Actor,
    ) -> Result<(), AccountError> {
        let mut tx = self.db().begin_sure().await?;
        let id = id_of(&mut tx, name).await?;
        if !even_last {
            refuse_last_admin(&mut tx, name).await?;
        }
        sqlx::query("DELETE FROM accounts WHERE id = ?").bind(id).execute(&mut *tx).await?;
        write_event(&mut tx, &Event::new(by, Action::RemoveAccount).of(name), now()).await?;
        Ok(tx.commit().await?)
    }

    /// Sets a password, and ends all that logged in with the one before, but one.
    pub(crate) async fn set_password(
        &self,
        name: &AccountName,
        password: SecretString,
        keep: Option<CredentialId>,
        by: &Actor,
    ) -> Result<(), AccountError> {
        let hash = self.hash(password, name).await?;
        let mut tx = self.db().begin_sure().await?;
        let id = id_of(&mut tx, name).await?;
        let changed =
            sqlx::query("UPDATE accounts SET password = ? WHERE id = ? AND kind <> 'device'")
                .bind(hash)
                .bind(id)
                .execute(&mut *tx)
                .await?;
        if changed.rows_affected() == 0 {
            return Err(AccountError::Device(name.clone()));
        }
        sqlx::query("DELETE FROM credentials WHERE account = ? AND kind <> 'token' AND id <> ?")
            .bind(id)
            .bind(keep.map_or(-1, |CredentialId(id)| id))
            .execute(&mut *tx)
            .await?;
        write_event(&mut tx, &Event::new(by, Action::SetPassword).of(name), now()).await?;
        Ok(tx.commit().await?)
    }

    /// Makes a user an admin, or an admin a user. Devices stay devices. The only admin stays one,
    /// unless `even_last`.
    pub(crate) async fn set_kind(
        &self,
        name: &AccountName,
        kind: Kind,
        even_last: bool,
        by: &Actor,
    ) -> Result<(), AccountError> {
        let mut tx = self.db().begin_sure().await?;
        let (id, now_is) = id_and_kind(&mut tx, name).await?;
        if kind == Kind::Device || now_is == Kind::Device {
            return match (kind, now_is) {
                (Kind::Device, Kind::Device) => Ok(()),
                _ => Err(AccountError::Device(name.clone())),
            };
        }
        if kind == Kind::User && !even_last {
            refuse_last_admin(&mut tx, name).await?;
        }
        sqlx::query("UPDATE accounts SET kind = ? WHERE id = ?")
            .bind(kind_word(kind))
            .bind(id)
            .execute(&mut *tx)
            .await?;
        let event = Event::new(by, Action::SetKind).of(name).with(kind_word(kind));
        write_event(&mut tx, &event, now()).await?;
        Ok(tx.commit().await?)
    }

    /// Sets what people are shown instead of the name.
    pub(crate) async fn set_label(
        &self,
        name: &AccountName,
        label: Option<&Text>,
        by: &Actor,
    ) -> Result<(), AccountError> {
        let mut tx = self.db().begin_sure().await?;
        let id = id_of(&mut tx, name).await?;
        sqlx::query("UPDATE accounts SET label = ? WHERE id = ?")
            .bind(label.map(|label| &**label))
            .bind(id)
            .execute(&mut *tx)
            .await?;
        write_event(&mut tx, &Event::new(by, Action::SetLabel).of(name), now()).await?;
        Ok(tx.commit().await?)
    }

    /// Sets who has which right towards an account: all of it or nothing.
    pub(crate) async fn set_rights(
        &self,
        name: &AccountName,
        rights: &[(Right, Circle)],
        by: &Actor,
    ) -> Result<(), AccountError> {
        let mut tx = self.db().begin_sure().await?;
        let id = id_of(&mut tx, name).await?;
        for (right, circle) in rights {
            put_right(&mut tx, id, *right, circle).await?;
            let said = format!("{} {}", right_word(*right), circle_text(circle));
            let event = Event::new(by, Action::SetRight).of(name).with(&said);
            write_event(&mut tx, &event, now()).await?;
        }
        Ok(tx.commit().await?)
    }

    pub(super) async fn hash(
        &self,
        password: SecretString,
        of: &AccountName,
    ) -> Result<String, AccountError> {
        password::check(&password, of)?;
        Ok(self.0.hasher.hash(password).await?)
    }
}

/// `everyone`, `users`, `nobody`, or names with commas.
pub(crate) fn circle_text(circle: &Circle) -> String {
    match circle {
        Circle::Everyone => "everyone".into(),
        Circle::Users => "users".into(),
        Circle::Nobody => "nobody".into(),
        Circle::Listed(names) => {
            names.iter().map(AccountName::as_str).collect::<Vec<_>>().join(",")
        }
    }
}

/// One account or all, by their numbers: whoever gets the name of a removed account has another.
pub(super) async fn load(
    db: &mut SqliteConnection,
    id: Option<i64>,
) -> Result<BTreeMap<i64, Account>, sqlx::Error> {
    let sql = "SELECT id, name, kind, label FROM accounts WHERE ?1 IS NULL OR id = ?1";
    let rows: Vec<(i64, String, String, Option<String>)> =
        sqlx::query_as(sql).bind(id).fetch_all(&mut *db).await?;
    let mut accounts: BTreeMap<i64, Account> = rows
        .into_iter()
        .filter_map(|(id, name, kind, label)| {
            let mut account = Account::new(AccountName::parse(&name).ok()?, self::kind(&kind)?);
            account.label = label.map(Into::into);
            Some((id, account))
        })
        .collect();
    let mut listed = load_listed(db, id).await?;
    let sql = r#"SELECT account, "right", circle FROM rights WHERE ?1 IS NULL OR account = ?1"#;
    let rows: Vec<(i64, String, String)> = sqlx::query_as(sql).bind(id).fetch_all(db).await?;
    for (id, right, circle) in rows {
        let (Some(account), Some(right)) = (accounts.get_mut(&id), self::right(&right)) else {
            continue;
        };
        let circle = match circle.as_str() {
            "everyone" => Circle::Everyone,
            "users" => Circle::Users,
            "listed" => Circle::Listed(listed.remove(&(id, right)).unwrap_or_default()),
            _ => Circle::Nobody,
        };
        *circle_mut(&mut account.rights, right) = circle;
    }
    Ok(accounts)
}

async fn load_listed(
    db: &mut SqliteConnection,
    id: Option<i64>,
) -> Result<BTreeMap<(i64, Right), BTreeSet<AccountName>>, sqlx::Error> {
    let rows: Vec<(i64, String, String)> = sqlx::query_as(
        r#"SELECT listed.account, listed."right", accounts.name
           FROM listed JOIN accounts ON accounts.id = listed.other
           WHERE ?1 IS NULL OR listed.account = ?1"#,
    )
    .bind(id)
    .fetch_all(db)
    .await?;
    let mut listed: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (id, right, name) in rows {
        if let (Some(right), Ok(name)) = (self::right(&right), AccountName::parse(&name)) {
            listed.entry((id, right)).or_default().insert(name);
        }
    }
    Ok(listed)
}

/// Adds an account with its rights.
pub(super) async fn insert(
    db: &mut SqliteConnection,
    account: &Account,
    password: Option<String>,
) -> Result<(), AccountError> {
    let sql = "INSERT INTO accounts (name, kind, label, password, created) VALUES (?, ?, ?, ?, ?)";
    let inserted = sqlx::query(sql)
        .bind(account.name.as_str())
        .bind(kind_word(account.kind))
        .bind(account.label.as_deref())
        .bind(password)
        .bind(now())
        .execute(&mut *db)
        .await;
    let id = match inserted {
        Ok(done) => done.last_insert_rowid(),
        Err(error) if error.as_database_error().is_some_and(DatabaseError::is_unique_violation) => {
            return Err(AccountError::Exists(account.name.clone()));
        }
        Err(error) => return Err(error.into()),
    };
    for right in RIGHTS {
        put_right(db, id, right, account.rights.circle(right)).await?;
    }
    Ok(())
}

/// The number of an account.
pub(super) async fn id_of(
    db: &mut SqliteConnection,
    name: &AccountName,
) -> Result<i64, AccountError> {
    Ok(id_and_kind(db, name).await?.0)
}

async fn id_and_kind(
    db: &mut SqliteConnection,
    name: &AccountName,
) -> Result<(i64, Kind), AccountError> {
    let row: Option<(i64, String)> = sqlx::query_as("SELECT id, kind FROM accounts WHERE name = ?")
        .bind(name.as_str())
        .fetch_optional(db)
        .await?;
    row.and_then(|(id, kind)| Some((id, self::kind(&kind)?)))
        .ok_or_else(|| AccountError::NoSuch(name.clone()))
}

async fn refuse_last_admin(
    db: &mut SqliteConnection,
    name: &AccountName,
) -> Result<(), AccountError> {
    let admins: Vec<String> =
        sqlx::query_scalar("SELECT name FROM accounts WHERE kind = 'admin' LIMIT 2")
            .fetch_all(db)
            .await?;
    if admins == [name.as_str()] { Err(AccountError::LastAdmin(name.clone())) } else { Ok(()) }
}

async fn put_right(
    db: &mut SqliteConnection,
    account: i64,
    right: Right,
    circle: &Circle,
) -> Result<(), AccountError> {
    let (word, names) = match circle {
        Circle::Everyone => ("everyone", None),
        Circle::Users => ("users", None),
        Circle::Nobody => ("nobody", None),
        Circle::Listed(names) => ("listed", Some(names)),
    };
    sqlx::query(r#"DELETE FROM rights WHERE account = ? AND "right" = ?"#)
        .bind(account)
        .bind(right_word(right))
        .execute(&mut *db)
        .await?;
    sqlx::query("INSERT INTO rights VALUES (?, ?, ?)")
        .bind(account)
        .bind(right_word(right))
        .bind(word)
        .execute(&mut *db)
        .await?;
    for name in names.into_iter().flatten() {
        let other = id_of(db, name).await?;
        sqlx::query("INSERT INTO listed VALUES (?, ?, ?)")
            .bind(account)
            .bind(right_word(right))
            .bind(other)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

fn circle_mut(rights: &mut Rights, right: Right) -> &mut Circle {
    match right {
        Right::See => &mut rights.see,
        Right::Watch => &mut rights.watch,
        Right::Talk => &mut rights.talk,
        Right::Call => &mut rights.call,
        Right::Control => &mut rights.control,
    }
}
