//! What accounts log in with besides passwords: tokens of devices and programs, and web sessions.
//! A connection that logged in with a password is one more, so that it can be cut like the others.
//!
//! All share one row of numbers, so that one number says what to cut.

use std::time::Duration;

use secrecy::SecretString;
use signaller_core::{AccountName, CredentialId, Kind};

use super::Store;
use super::accounts::{AccountError, MAX_LABEL_LEN, id_of};
use super::db::{Broken, millis, now};
use super::lanes::Job;
use super::record::{Action, Actor, Event, write_event};
use super::secret::Purpose;
use super::words::kind;

/// A web session that is not used for so long ends.
pub(super) const SESSION_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How exactly the time of the last use is kept.
const USE_GRAIN: Duration = Duration::from_secs(60);
/// Of one account; the least used goes.
const MAX_SESSIONS: i64 = 100;
const MAX_TOKENS: i64 = 100;
const MAX_CONNECTIONS: i64 = 1000;

/// Somebody who showed a good token or web session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credential {
    /// Which one.
    pub(crate) id: CredentialId,
    /// Whose.
    pub(crate) account: AccountName,
    /// What its owner is.
    pub(crate) kind: Kind,
}

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CredentialKind {
    /// Of a device or a program; shown in a header or a path.
    Token,
    /// Of a browser, in a cookie.
    Session,
    /// A connection that logged in with a password; it lasts as long as it can come back.
    Connection,
}

/// What is told of a credential; never its secret, which is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    /// Which one.
    pub(crate) id: CredentialId,
    /// What it is.
    pub(crate) kind: CredentialKind,
    /// Whose.
    pub(crate) account: AccountName,
    /// What its owner calls it.
    pub(crate) name: Option<String>,
    /// Milliseconds since 1970.
    pub(crate) created: i64,
    /// The same; `None` for never.
    pub(crate) expires: Option<i64>,
    /// The same, to the minute; `None` for not yet.
    pub(crate) used: Option<i64>,
}

/// Why there is no new one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialError {
    /// For nobody.
    #[error("there is no account {0}")]
    NoSuchAccount(AccountName),
    /// Somebody forgets to revoke, or to stop.
    #[error("{name} has {max} {what} already; revoke some")]
    TooMany {
        /// Who.
        name: AccountName,
        /// How many it may have.
        max: i64,
        /// Of what.
        what: &'static str,
    },
    /// The database.
    #[error(transparent)]
    Broken(#[from] Broken),
}

impl From<AccountError> for CredentialError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::NoSuch(name) => Self::NoSuchAccount(name),
            AccountError::Broken(broken) => Self::Broken(broken),
            other => Self::Broken(sqlx::Error::Protocol(other.to_string()).into()),
        }
    }
}

impl From<sqlx::Error> for CredentialError {
    fn from(error: sqlx::Error) -> Self {
        Self::Broken(error.into())
    }
}

impl CredentialKind {
    /// `token`, `session` or `connection`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Session => "session",
            Self::Connection => "connection",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Token, Self::Session, Self::Connection].into_iter().find(|kind| kind.word() == word)
    }

    fn purpose(self) -> Purpose {
        match self {
            Self::Token => Purpose::Token,
            Self::Session => Purpose::Session,
            Self::Connection => Purpose::Connection,
        }
    }
}

impl Store {
    /// A new token. This is the only time that it is known.
    pub(crate) async fn create_token(
        &self,
        account: &AccountName,
        name: Option<&str>,
        life: Option<Duration>,
        by: &Actor,
    ) -> Result<(CredentialId, SecretString), CredentialError> {
        self.create(CredentialKind::Token, account, name, life, by).await
    }

    /// A web session for somebody who has just logged in; `name` tells people which browser, and is
    /// cut to what a label may be.
    pub(crate) async fn open_session(
        &self,
        account: &AccountName,
        name: Option<&str>,
        by: &Actor,
    ) -> Result<(CredentialId, SecretString), CredentialError> {
        let name: Option<String> = name.map(|name| {
            name.chars().filter(|char| !char.is_control()).take(MAX_LABEL_LEN).collect()
        });
        self.create(CredentialKind::Session, account, name.as_deref(), Some(SESSION_LIFE), by).await
    }

    /// For a connection that has just logged in with a password. It goes with the connection:
    /// [`create_resume`](Self::create_resume) has to follow.
    pub(crate) async fn open_connection(
        &self,
        account: &AccountName,
        by: &Actor,
    ) -> Result<CredentialId, CredentialError> {
        let (id, _) = self.create(CredentialKind::Connection, account, None, None, by).await?;
        Ok(id)
    }

    /// Whose token this is; `None` for an expired or unknown one.
    pub(crate) async fn token(&self, secret: &str) -> Result<Option<Credential>, Broken> {
        self.find(CredentialKind::Token, secret).await
    }

    /// Whose web session this is. Using it prolongs it.
    pub(crate) async fn session(&self, secret: &str) -> Result<Option<Credential>, Broken> {
        self.find(CredentialKind::Session, secret).await
    }

    /// Tokens and web sessions of one account, or of all, oldest first.
    pub(crate) async fn credentials(
        &self,
        of: Option<&AccountName>,
    ) -> Result<Vec<Listing>, Broken> {
        type Row = (i64, String, String, Option<String>, i64, Option<i64>, Option<i64>);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT c.id, c.kind, a.name, c.name, c.created, c.expires, c.used
             FROM credentials c JOIN accounts a ON a.id = c.account
             WHERE (?1 IS NULL OR a.name = ?1) AND (c.expires IS NULL OR c.expires > ?2)
             ORDER BY c.id",
        )
        .bind(of.map(AccountName::as_str))
        .bind(now())
        .fetch_all(&self.db().quick)
        .await?;
        let listings = rows.into_iter().filter_map(|row| {
            let (id, kind, account, name, created, expires, used) = row;
            let kind = CredentialKind::parse(&kind)?;
            let account = AccountName::parse(&account).ok()?;
            Some(Listing { id: CredentialId(id), kind, account, name, created, expires, used })
        });
        Ok(listings.collect())
    }

    /// Revokes a token or ends a web session; whether there was one, of that account if one is
    /// named.
    pub(crate) async fn revoke(
        &self,
        id: CredentialId,
        of: Option<&AccountName>,
        by: &Actor,
    ) -> Result<bool, Broken> {
        let mut tx = self.db().begin_sure().await?;
        let row: Option<(String, String)> = sqlx::query_as(
            "SELECT c.kind, a.name FROM credentials c JOIN accounts a ON a.id = c.account
             WHERE c.id = ?1 AND (?2 IS NULL OR a.name = ?2)",
        )
        .bind(id.0)
        .bind(of.map(AccountName::as_str))
        .fetch_optional(&mut *tx)
        .await?;
        let Some((kind, account)) = row else { return Ok(false) };
        sqlx::query("DELETE FROM credentials WHERE id = ?").bind(id.0).execute(&mut *tx).await?;
        let action = if kind == "token" { Action::RevokeToken } else { Action::Logout };
        let event = Event::new(by, action).of(&account).with(&format!("{kind} {}", id.0));
        write_event(&mut tx, &event, now()).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn create(
        &self,
        kind: CredentialKind,
        account: &AccountName,
        name: Option<&str>,
        life: Option<Duration>,
        by: &Actor,
    ) -> Result<(CredentialId, SecretString), CredentialError> {
        let (secret, hash) = kind.purpose().draw().map_err(Broken::from)?;
        let mut tx = self.db().begin_sure().await?;
        let owner = id_of(&mut tx, account).await?;
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM credentials WHERE account = ? AND kind = ?")
                .bind(owner)
                .bind(kind.word())
                .fetch_one(&mut *tx)
                .await?;
        let too_many =
            |max, what| Err(CredentialError::TooMany { name: account.clone(), max, what });
        match kind {
            CredentialKind::Token if count >= MAX_TOKENS => return too_many(MAX_TOKENS, "tokens"),
            CredentialKind::Connection if count >= MAX_CONNECTIONS => {
                return too_many(MAX_CONNECTIONS, "connections");
            }
            CredentialKind::Session if count >= MAX_SESSIONS => {
                let sql = "DELETE FROM credentials WHERE id = (SELECT id FROM credentials
                           WHERE account = ? AND kind = 'session' ORDER BY used, id LIMIT 1)";
                sqlx::query(sql).bind(owner).execute(&mut *tx).await?;
            }
            CredentialKind::Session | CredentialKind::Token | CredentialKind::Connection => {}
        }
        let now = now();
        let used = (kind != CredentialKind::Token).then_some(now);
        let done = sqlx::query(
            "INSERT INTO credentials (account, kind, name, secret, created, expires, used)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(owner)
        .bind(kind.word())
        .bind(name)
        .bind(hash)
        .bind(now)
        .bind(life.map(|life| now.saturating_add(millis(life))))
        .bind(used)
        .execute(&mut *tx)
        .await?;
        let id = CredentialId(done.last_insert_rowid());
        if kind == CredentialKind::Token {
            let event = Event::new(by, Action::CreateToken).of(account).with(&id.0.to_string());
            write_event(&mut tx, &event, now).await?;
        }
        tx.commit().await?;
        Ok((id, secret))
    }

    /// Who has this one; `None` when it is no longer good.
    pub(super) async fn credential(&self, id: CredentialId) -> Result<Option<Credential>, Broken> {
        let row: Option<(String, String)> = sqlx::query_as(
            "SELECT a.name, a.kind FROM credentials c JOIN accounts a ON a.id = c.account
             WHERE c.id = ? AND (c.expires IS NULL OR c.expires > ?)",
        )
        .bind(id.0)
        .bind(now())
        .fetch_optional(&self.db().quick)
        .await?;
        Ok(row.and_then(|(name, owner)| credential(id, &name, &owner)))
    }

    async fn find(&self, kind: CredentialKind, secret: &str) -> Result<Option<Credential>, Broken> {
        let Some(hash) = kind.purpose().hash(secret) else { return Ok(None) };
        let now = now();
        let row: Option<(i64, Option<i64>, String, String)> = sqlx::query_as(
            "SELECT c.id, c.used, a.name, a.kind
             FROM credentials c JOIN accounts a ON a.id = c.account
             WHERE c.secret = ? AND c.kind = ? AND (c.expires IS NULL OR c.expires > ?)",
        )
        .bind(hash)
        .bind(kind.word())
        .bind(now)
        .fetch_optional(&self.db().quick)
        .await?;
        let Some((id, used, name, owner)) = row else { return Ok(None) };
        if used.is_none_or(|used| now - used >= millis(USE_GRAIN)) {
            self.note(Job::Used(CredentialId(id)));
        }
        Ok(credential(CredentialId(id), &name, &owner))
    }
}

fn credential(id: CredentialId, name: &str, kind: &str) -> Option<Credential> {
    Some(Credential { id, account: AccountName::parse(name).ok()?, kind: self::kind(kind)? })
}
