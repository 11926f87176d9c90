//! Connections that can come back after a cut, also after a restart of the server.
//!
//! Each has a token that changes at every return. The one before stays good until the newer one has
//! arrived, which only the first message after it proves.

use std::time::Duration;

use secrecy::SecretString;
use signaller_core::{AccountName, CredentialId, PeerId};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::Store;
use super::accounts::{AccountError, id_of};
use super::db::{Broken, millis, now};
use super::lanes::{Job, Return};
use super::peers::Instance;
use super::secret::Purpose;

/// Who was not seen for so long before the start of the server does not come back.
pub(super) const LIFE: Duration = Duration::from_secs(3600);

const COLUMNS: &str = "SELECT r.id, a.name, r.credential, r.peer, r.instance, r.calls
    FROM resumes r LEFT JOIN accounts a ON a.id = r.account
    LEFT JOIN credentials c ON c.id = r.credential
    WHERE (c.expires IS NULL OR c.expires > ?1)";

/// Which connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ResumeId(pub(super) i64);

/// What is known of a connection that can come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resume {
    /// Its account; `None` for a guest.
    pub(crate) account: Option<AccountName>,
    /// What it logged in with.
    pub(crate) credential: Option<CredentialId>,
    /// Its peer id.
    pub(crate) peer: PeerId,
    /// Which installation it is.
    pub(crate) instance: Option<Instance>,
    /// Whether somebody is there who can answer a call.
    pub(crate) calls: bool,
}

impl Store {
    /// Lets a connection come back with the token.
    pub(crate) async fn create_resume(
        &self,
        resume: &Resume,
    ) -> Result<(ResumeId, SecretString), AccountError> {
        let (secret, hash) = Purpose::Resume.draw().map_err(Broken::from)?;
        let mut tx = self.db().begin_quick().await?;
        let account = match &resume.account {
            Some(name) => Some(id_of(&mut tx, name).await?),
            None => None,
        };
        let done = sqlx::query(
            "INSERT INTO resumes (token, account, credential, peer, instance, calls, seen)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(hash)
        .bind(account)
        .bind(resume.credential.map(|CredentialId(id)| id))
        .bind(resume.peer.as_str())
        .bind(resume.instance.as_ref().map(Instance::as_str))
        .bind(resume.calls)
        .bind(now())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok((ResumeId(done.last_insert_rowid()), secret))
    }

    /// Whose token this is, the current or the one before; `None` when it is too late, or its
    /// account or what it logged in with is gone.
    pub(crate) async fn find_resume(
        &self,
        token: &str,
    ) -> Result<Option<(ResumeId, Resume)>, Broken> {
        let Some(hash) = Purpose::Resume.hash(token) else { return Ok(None) };
        let sql = format!("{COLUMNS} AND (r.token = ?2 OR r.previous = ?2)");
        let row = sqlx::query(&sql).bind(now()).bind(hash).fetch_optional(&self.db().quick).await?;
        Ok(row.map(|row| read(&row)).transpose()?)
    }

    /// A new token for one that came back with `token`, which stays good until
    /// [`acknowledge_resume`](Self::acknowledge_resume). `None` when that is not its token any more.
    pub(crate) async fn rotate_resume(
        &self,
        id: ResumeId,
        token: &str,
    ) -> Result<Option<SecretString>, Broken> {
        let Some(shown) = Purpose::Resume.hash(token) else { return Ok(None) };
        let (secret, hash) = Purpose::Resume.draw()?;
        // What was never acknowledged was perhaps never received: the one shown is the one before.
        let done = sqlx::query(
            "UPDATE resumes SET token = ?1, previous = ?2, seen = ?3
             WHERE id = ?4 AND (token = ?2 OR previous = ?2)",
        )
        .bind(hash)
        .bind(shown)
        .bind(now())
        .bind(id.0)
        .execute(&self.db().quick)
        .await?;
        Ok((done.rows_affected() == 1).then_some(secret))
    }

    /// The newest token has arrived: the one before is void. Does not wait.
    pub(crate) fn acknowledge_resume(&self, id: ResumeId) {
        self.note(Job::Return(id, Return { acknowledged: Some(now()), ..Return::default() }));
    }

    /// It is there: to be said when it is lost, and every few minutes before, for the case that the
    /// server is killed. Does not wait.
    pub(crate) fn see_resume(&self, id: ResumeId) {
        self.note(Job::Return(id, Return { seen: Some(now()), ..Return::default() }));
    }

    /// It will not come back: it took its leave, or was closed. Does not wait.
    pub(crate) fn forget_resume(&self, id: ResumeId) {
        self.note(Job::Return(id, Return { is_forgotten: true, ..Return::default() }));
    }

    /// All that may come back, for the start of the server; the rest is forgotten. Nobody forgets
    /// by the clock later: it may be set while a connection lives.
    pub(crate) async fn resumes(&self) -> Result<Vec<(ResumeId, Resume)>, Broken> {
        let now = now();
        let mut tx = self.db().begin_quick().await?;
        let sql = "DELETE FROM resumes WHERE seen <= ?";
        sqlx::query(sql).bind(now - millis(LIFE)).execute(&mut *tx).await?;
        let sql = format!("{COLUMNS} ORDER BY r.id");
        let rows = sqlx::query(&sql).bind(now).fetch_all(&mut *tx).await?;
        tx.commit().await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }
}

fn read(row: &SqliteRow) -> Result<(ResumeId, Resume), sqlx::Error> {
    let name: Option<String> = row.try_get(1)?;
    let peer: String = row.try_get(3)?;
    let instance: Option<String> = row.try_get(4)?;
    let resume = Resume {
        account: name.and_then(|name| AccountName::parse(&name).ok()),
        credential: row.try_get::<Option<i64>, _>(2)?.map(CredentialId),
        peer: PeerId::from(&*peer),
        instance: instance.and_then(|text| Instance::parse(&text).ok()),
        calls: row.try_get(5)?,
    };
    Ok((ResumeId(row.try_get(0)?), resume))
}
