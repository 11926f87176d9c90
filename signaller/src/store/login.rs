//! Who somebody is, by name and password; and how strangers become users.
//!
//! Unknown names, names without a password and wrong passwords get the same words after the same
//! work.

use std::net::IpAddr;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use signaller_core::{Account, AccountName, CredentialId, Kind, NameError};

use super::Store;
use super::accounts::{AccountError, insert};
use super::db::{Broken, millis, now};
use super::password::{self, Crowded, PasswordError};
use super::record::{Action, Actor, Event, write_event};
use super::secret::Purpose;
use super::throttle::{Throttle, Wait};
use super::words::kind;
use crate::place::Place;

/// An account for each visitor of an open registration is too much at some point.
const MAX_ACCOUNTS: i64 = 1000;

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    /// One of the two, and nobody is told which.
    #[error("wrong name or password")]
    Wrong,
    /// Too many mistakes; the password was not even looked at.
    #[error("too many failed logins; try again in {} s", seconds(*.0))]
    TooSoon(Duration),
    /// Too much at once.
    #[error(transparent)]
    Crowded(#[from] Crowded),
    /// The database.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// Who may make an account without being asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Registration {
    /// Everybody.
    Open,
    /// Who has an invite.
    Invite,
    /// Nobody.
    #[default]
    Closed,
}

/// Why there is no new account.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegisterError {
    /// Nobody may.
    #[error("this server makes no accounts for strangers; ask whoever runs it")]
    Closed,
    /// An invite that is used up, too old or none at all.
    #[error("this needs an invite that was not used before; ask whoever runs this server")]
    BadInvite,
    /// The name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The password.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The name is taken.
    #[error("there is an account {0} already")]
    Exists(AccountName),
    /// As many accounts as strangers may make.
    #[error("this server has as many accounts as it takes; ask whoever runs it")]
    Full,
    /// Too many attempts.
    #[error("too many attempts; try again in {} s", seconds(*.0))]
    TooSoon(Duration),
    /// Too much at once.
    #[error(transparent)]
    Crowded(#[from] Crowded),
    /// The database.
    #[error(transparent)]
    Broken(#[from] Broken),
}

impl From<AccountError> for RegisterError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Exists(name) => Self::Exists(name),
            AccountError::Password(error) => Self::Password(error),
            AccountError::Crowded(error) => Self::Crowded(error),
            AccountError::Broken(broken) => Self::Broken(broken),
            other => Self::Broken(sqlx::Error::Protocol(other.to_string()).into()),
        }
    }
}

impl From<Wait> for LoginError {
    fn from(Wait(wait): Wait) -> Self {
        Self::TooSoon(wait)
    }
}

impl From<Wait> for RegisterError {
    fn from(Wait(wait): Wait) -> Self {
        Self::TooSoon(wait)
    }
}

impl Store {
    /// Checks a name and a password that came from an address.
    ///
    /// # Errors
    /// See [`LoginError`]. [`LoginError::TooSoon`] says the same for names that do not exist.
    pub(crate) async fn login(
        &self,
        name: &str,
        password: SecretString,
        from: IpAddr,
    ) -> Result<(AccountName, Kind), LoginError> {
        let name = AccountName::parse(name).ok();
        let (kind, is_right) = self.attempt(name.as_ref(), password, from).await?;
        // What somebody typed where a name belongs may be a password: only real names are kept.
        let known = name.clone().filter(|_| kind.is_some());
        match (name, kind) {
            (Some(name), Some(kind)) if is_right => {
                let who = Actor::Account { name: name.clone(), remote: Some(from) };
                self.audit(Event::new(&who, Action::Login));
                Ok((name, kind))
            }
            _ => {
                let event = Event::new(&Actor::Guest { remote: Some(from) }, Action::Login);
                let event = event.refused();
                self.audit(match known {
                    Some(name) => event.of(&name),
                    None => event,
                });
                Err(LoginError::Wrong)
            }
        }
    }

    /// Whether that is the password of an account that is logged in already; tried as at a login.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub(crate) async fn is_password(
        &self,
        of: &AccountName,
        password: SecretString,
        from: IpAddr,
    ) -> Result<bool, LoginError> {
        let (_, is_right) = self.attempt(Some(of), password, from).await?;
        if !is_right {
            let who = Actor::Account { name: of.clone(), remote: Some(from) };
            self.audit(Event::new(&who, Action::SetPassword).of(of).refused());
        }
        Ok(is_right)
    }

    /// Somebody comes in with a token that is good.
    pub(crate) fn token_login(&self, account: &AccountName, token: CredentialId, from: IpAddr) {
        let who = Actor::Account { name: account.clone(), remote: Some(from) };
        let event = Event::new(&who, Action::ShowToken).of(account);
        self.audit(event.with(&token.0.to_string()));
    }

    /// Somebody shows a token that is not good, or no longer. All of one network are one.
    pub(crate) fn token_refused(&self, from: IpAddr) {
        let who = Actor::Guest { remote: Some(Place::of(from).address()) };
        self.audit(Event::new(&who, Action::ShowToken).refused());
    }

    async fn attempt(
        &self,
        name: Option<&AccountName>,
        password: SecretString,
        from: IpAddr,
    ) -> Result<(Option<Kind>, bool), LoginError> {
        let attempt = self.throttle().begin(Instant::now(), name, from)?;
        let checked = self.check(name, password).await;
        let (kind, is_right) = checked.inspect_err(|_| self.throttle().forgive(&attempt))?;
        if kind.is_some() && is_right {
            self.throttle().succeeded(attempt);
        }
        Ok((kind, is_right))
    }

    /// What the account is, if there is one, and whether that is its password.
    async fn check(
        &self,
        name: Option<&AccountName>,
        password: SecretString,
    ) -> Result<(Option<Kind>, bool), LoginError> {
        let row: Option<(String, Option<String>)> =
            sqlx::query_as("SELECT kind, password FROM accounts WHERE name = ?")
                .bind(name.map(AccountName::as_str))
                .fetch_optional(&self.db().quick)
                .await
                .map_err(Broken::from)?;
        let (kind, kept) = row.map_or((None, None), |(kind, kept)| (self::kind(&kind), kept));
        Ok((kind, self.0.hasher.verify(password, kept).await?))
    }

    /// Remembers from where accounts were logged in to before the server was started, as far as that
    /// is written down.
    pub(crate) async fn recall_logins(&self) -> Result<(), Broken> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT who, remote FROM audit JOIN accounts ON name = who AND created <= at
             WHERE action = 'login' AND outcome = 'done' AND remote IS NOT NULL
             GROUP BY who, remote ORDER BY max(at)",
        )
        .fetch_all(&self.db().quick)
        .await?;
        let mut throttle = self.throttle();
        for (who, remote) in rows {
            if let (Ok(account), Ok(remote)) = (AccountName::parse(&who), remote.parse()) {
                throttle.recall(account, remote);
            }
        }
        Ok(())
    }

    /// Nothing that was tried for an account is held against whoever gets its name.
    pub(crate) fn forget_logins(&self, of: &AccountName) {
        self.throttle().removed(of);
    }

    /// A stranger makes a user's account. Attempts count as failed logins of their address do.
    pub(crate) async fn register(
        &self,
        policy: Registration,
        name: &str,
        password: SecretString,
        invite: Option<&str>,
        from: IpAddr,
    ) -> Result<AccountName, RegisterError> {
        if policy == Registration::Closed {
            return Err(RegisterError::Closed);
        }
        let account = Account::new(AccountName::parse(name)?, Kind::User);
        password::check(&password, &account.name)?;
        self.throttle().begin(Instant::now(), None, from)?;
        let invite = invite.and_then(|invite| Purpose::Invite.hash(invite));
        let hash = self.hash(password, &account.name).await?;
        let mut tx = self.db().begin_sure().await?;
        if policy == Registration::Invite {
            let used = sqlx::query("DELETE FROM invites WHERE secret = ? AND expires > ?")
                .bind(invite)
                .bind(now())
                .execute(&mut *tx)
                .await
                .map_err(Broken::from)?;
            if used.rows_affected() == 0 {
                return Err(RegisterError::BadInvite);
            }
        }
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM accounts")
            .fetch_one(&mut *tx)
            .await
            .map_err(Broken::from)?;
        if count >= MAX_ACCOUNTS {
            return Err(RegisterError::Full);
        }
        insert(&mut tx, &account, Some(hash)).await?;
        let by = Actor::Guest { remote: Some(from) };
        let event = Event::new(&by, Action::Register).of(&account.name);
        write_event(&mut tx, &event, now()).await.map_err(Broken::from)?;
        tx.commit().await.map_err(Broken::from)?;
        Ok(account.name)
    }

    /// An invite for one user. This is the only time that it is known.
    pub(crate) async fn create_invite(
        &self,
        life: Duration,
        by: &Actor,
    ) -> Result<SecretString, Broken> {
        let (secret, hash) = Purpose::Invite.draw()?;
        let mut tx = self.db().begin_sure().await?;
        sqlx::query("INSERT INTO invites (secret, created, expires) VALUES (?, ?, ?)")
            .bind(hash)
            .bind(now())
            .bind(now().saturating_add(millis(life)))
            .execute(&mut *tx)
            .await?;
        write_event(&mut tx, &Event::new(by, Action::CreateInvite), now()).await?;
        tx.commit().await?;
        Ok(secret)
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.0.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
