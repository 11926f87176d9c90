//! What others changed: the command line, the API, time.
//!
//! One task asks SQLite four times a second whether anybody wrote, and if so compares what there is
//! with what it told. Nobody has to remember to tell anybody.

use std::collections::BTreeMap;
use std::time::Duration;

use signaller_core::{Account, AccountName, CredentialId};
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

use super::Store;
use super::accounts::load;
use super::db::{Broken, now};

/// How often.
const EVERY: Duration = Duration::from_millis(250);
/// Changes that wait for whoever follows them.
const QUEUE: usize = 64;

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// An account was made, or is other than it was.
    Account(Account),
    /// An account is gone.
    Removed(AccountName),
    /// A token was revoked, a web session has ended, either has expired.
    Revoked(CredentialId),
}

/// What somebody was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    accounts: BTreeMap<i64, Account>,
    /// With the time when it expires.
    credentials: BTreeMap<CredentialId, Option<i64>>,
    /// The number of the newest credential that there was; none is given twice.
    newest: i64,
}

struct Eye {
    db: SqliteConnection,
    version: i64,
    told: Told,
}

impl Store {
    /// All accounts as they are, and what changes from then on, told within about 300 ms. Ends when
    /// the receiver is dropped.
    pub(crate) async fn watch(&self) -> Result<(Vec<Account>, mpsc::Receiver<Change>), Broken> {
        let mut db = self.db().connect().await?;
        // Before what it is a version of: a change in between is seen twice rather than never.
        let version = version(&mut db).await?;
        let told = Told::now(&mut db).await?;
        let accounts = told.accounts.values().cloned().collect();
        let (changes, queue) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            let mut eye = Eye { db, version, told };
            eye.watch(changes).await;
            let _ = eye.db.close().await; // the last to close tidies the file up
        });
        Ok((accounts, queue))
    }
}

impl Eye {
    async fn watch(&mut self, changes: mpsc::Sender<Change>) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_blind = false;
        loop {
            tokio::select! {
                () = changes.closed() => return,
                _ = ticks.tick() => {}
            }
            match self.look().await {
                Ok(seen) => {
                    if std::mem::take(&mut is_blind) {
                        info!("the database can be read again");
                    }
                    for change in seen {
                        if changes.send(change).await.is_err() {
                            return;
                        }
                    }
                }
                Err(error) if !is_blind => {
                    error!("changes of accounts and tokens are not seen: {error}");
                    is_blind = true;
                }
                Err(_) => {}
            }
        }
    }

    async fn look(&mut self) -> Result<Vec<Change>, Broken> {
        let version = version(&mut self.db).await?;
        if version == self.version && !self.told.has_expired(now()) {
            return Ok(Vec::new());
        }
        let seen = Told::now(&mut self.db).await?;
        self.version = version;
        let changes = self.told.changes(&seen);
        self.told = seen;
        Ok(changes)
    }
}

impl Told {
    async fn now(db: &mut SqliteConnection) -> Result<Self, Broken> {
        let mut tx = db.begin().await?;
        let accounts = load(&mut tx, None).await?;
        let rows: Vec<(i64, Option<i64>)> = sqlx::query_as(
            "SELECT id, expires FROM credentials WHERE expires IS NULL OR expires > ?",
        )
        .bind(now())
        .fetch_all(&mut *tx)
        .await?;
        let credentials = rows.into_iter().map(|(id, expires)| (CredentialId(id), expires));
        let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'credentials'";
        let newest: Option<i64> = sqlx::query_scalar(sql).fetch_optional(&mut *tx).await?;
        let newest = newest.unwrap_or_default();
        Ok(Self { accounts, credentials: credentials.collect(), newest })
    }

    fn has_expired(&self, now: i64) -> bool {
        self.credentials.values().flatten().any(|expires| *expires <= now)
    }

    /// First who is gone, so that a name can be somebody else's at once. What came and went between
    /// two looks was revoked as well: somebody may be connected with it.
    fn changes(&self, now: &Self) -> Vec<Change> {
        let gone = self.accounts.iter().filter(|(id, _)| !now.accounts.contains_key(id));
        let gone = gone.map(|(_, account)| Change::Removed(account.name.clone()));
        let unseen = (self.newest + 1..=now.newest).map(CredentialId);
        let known = self.credentials.keys().copied().chain(unseen);
        let revoked = known.filter(|id| !now.credentials.contains_key(id)).map(Change::Revoked);
        let new =
            now.accounts.iter().filter(|(id, account)| self.accounts.get(id) != Some(account));
        let new = new.map(|(_, account)| Change::Account(account.clone()));
        gone.chain(revoked).chain(new).collect()
    }
}

/// Another number after every commit of another connection.
async fn version(db: &mut SqliteConnection) -> Result<i64, Broken> {
    Ok(sqlx::query_scalar("PRAGMA data_version").fetch_one(db).await?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use signaller_core::Kind;

    use super::*;

    /// What may happen to the tables, in the order in which it does.
    #[derive(Clone, Debug)]
    enum Step {
        Add(String),
        Remove(String),
        Promote(String),
        Issue(Option<i64>),
        Revoke(prop::sample::Index),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            "[abcd]".prop_map(Step::Add),
            "[abcd]".prop_map(Step::Remove),
            "[abcd]".prop_map(Step::Promote),
            any::<Option<i64>>().prop_map(Step::Issue),
            any::<prop::sample::Index>().prop_map(Step::Revoke),
        ]
    }

    /// No number is used twice.
    #[derive(Default)]
    struct Tables {
        told: Told,
        next: i64,
    }

    impl Tables {
        fn take(&mut self, steps: &[Step]) -> Told {
            steps.iter().for_each(|step| self.step(step));
            self.told.clone()
        }

        fn step(&mut self, step: &Step) {
            self.next += 1;
            let Told { accounts, credentials, newest } = &mut self.told;
            let name = |text: &str| AccountName::parse(text).unwrap();
            match step {
                Step::Add(text) => {
                    if accounts.values().all(|account| account.name != name(text)) {
                        accounts.insert(self.next, Account::new(name(text), Kind::User));
                    }
                }
                Step::Remove(text) => accounts.retain(|_, account| account.name != name(text)),
                Step::Promote(text) => {
                    for account in accounts.values_mut().filter(|a| a.name == name(text)) {
                        account.kind = Kind::Admin;
                    }
                }
                Step::Issue(expires) => {
                    *newest = self.next;
                    credentials.insert(CredentialId(self.next), *expires);
                }
                Step::Revoke(index) => {
                    if !credentials.is_empty() {
                        let id = *index.get(&credentials.keys().copied().collect::<Vec<_>>());
                        credentials.remove(&id);
                    }
                }
            }
        }
    }

    fn by_name(told: &Told) -> BTreeMap<AccountName, Account> {
        told.accounts.values().map(|account| (account.name.clone(), account.clone())).collect()
    }

    proptest! {
        #[test]
        fn whoever_follows_the_changes_knows_what_there_is(
            first in prop::collection::vec(step(), 0..12),
            then in prop::collection::vec(step(), 0..12),
        ) {
            let mut tables = Tables::default();
            let before = tables.take(&first);
            let after = tables.take(&then);
            let mut accounts = by_name(&before);
            let mut credentials: Vec<_> = before.credentials.keys().copied().collect();
            credentials.extend((before.newest + 1..=after.newest).map(CredentialId));
            for change in before.changes(&after) {
                match change {
                    Change::Account(account) => {
                        accounts.insert(account.name.clone(), account);
                    }
                    Change::Removed(name) => prop_assert!(accounts.remove(&name).is_some()),
                    Change::Revoked(id) => {
                        prop_assert!(credentials.contains(&id));
                        credentials.retain(|other| *other != id);
                    }
                }
            }
            prop_assert_eq!(accounts, by_name(&after));
            prop_assert!(credentials.iter().eq(after.credentials.keys()));
            prop_assert!(after.changes(&after).is_empty());
        }
    }
}
