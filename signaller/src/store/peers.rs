//! The peer id of each installation of an account: the same one for as long as it comes back.

use std::fmt;
use std::time::Duration;

use signaller_core::{AccountName, PeerId};
use uuid::Uuid;

use super::Store;
use super::accounts::{AccountError, id_of};
use super::db::{millis, now};

/// Installations of one account; the one that was gone for longest is forgotten.
const MAX: i64 = 1000;
/// How exactly that is known.
const USE_GRAIN: Duration = Duration::from_secs(24 * 3600);

/// One installation of an account, as it names itself: 1 to 64 printable ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Instance(String);

/// What is wrong with the name of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an instance has 1 to 64 printable ASCII characters")]
pub(crate) struct BadInstance;

impl Instance {
    /// Reads one.
    pub(crate) fn parse(text: &str) -> Result<Self, BadInstance> {
        let fits =
            (1..=64).contains(&text.len()) && text.bytes().all(|b| (b' '..=b'~').contains(&b));
        if fits { Ok(Self(text.to_owned())) } else { Err(BadInstance) }
    }

    /// As it names itself.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Store {
    /// Its peer id; a new one at its first use.
    ///
    /// # Errors
    /// There is no such account, or the database does not work.
    pub(crate) async fn peer_id(
        &self,
        account: &AccountName,
        instance: &Instance,
    ) -> Result<PeerId, AccountError> {
        let known: Option<(String, i64)> = sqlx::query_as(
            "SELECT p.peer, p.used FROM peers p JOIN accounts a ON a.id = p.account
             WHERE a.name = ? AND p.instance = ?",
        )
        .bind(account.as_str())
        .bind(instance.as_str())
        .fetch_optional(&self.db().quick)
        .await?;
        if let Some((peer, used)) = known
            && now() - used < millis(USE_GRAIN)
        {
            return Ok(PeerId::from(&*peer));
        }
        self.keep_peer_id(account, instance).await
    }

    async fn keep_peer_id(
        &self,
        account: &AccountName,
        instance: &Instance,
    ) -> Result<PeerId, AccountError> {
        let mut tx = self.db().begin_quick().await?;
        let id = id_of(&mut tx, account).await?;
        // Another may have been quicker; then its id counts.
        let peer: String = sqlx::query_scalar(
            "INSERT INTO peers (account, instance, peer, used) VALUES (?, ?, ?, ?)
             ON CONFLICT (account, instance) DO UPDATE SET used = excluded.used RETURNING peer",
        )
        .bind(id)
        .bind(instance.as_str())
        .bind(Uuid::new_v4().to_string())
        .bind(now())
        .fetch_one(&mut *tx)
        .await?;
        sqlx::query(
            "DELETE FROM peers WHERE account = ?1 AND instance IN
             (SELECT instance FROM peers WHERE account = ?1 ORDER BY used DESC LIMIT -1 OFFSET ?2)",
        )
        .bind(id)
        .bind(MAX)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(PeerId::from(&*peer))
    }
}
