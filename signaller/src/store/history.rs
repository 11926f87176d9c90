//! Reading what was written down: open calls, calls that were, and the audit table.

use signaller_core::{
    AccountName, CallId, EndReason, Media, OpenCall, OpenSession, OpenSide, PeerId, RingingCall,
    SessionId,
};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::Store;
use super::db::Broken;
use super::words::reason;

/// A call that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallEntry {
    /// Its place in the log; later calls have larger ones.
    pub(crate) id: i64,
    /// Who rang.
    pub(crate) caller: AccountName,
    /// Who was rung.
    pub(crate) callee: AccountName,
    /// When it began to ring, in milliseconds since 1970.
    pub(crate) began: i64,
    /// For how many milliseconds it rang.
    pub(crate) rang: i64,
    /// For how many the two talked; `None` when it was not accepted.
    pub(crate) talked: Option<i64>,
    /// Why it ended.
    pub(crate) reason: EndReason,
}

/// A row of the audit table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuditEntry {
    /// Its place; later ones are larger.
    pub(crate) id: i64,
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    /// An account, `(owner)` at the command line, or `(guest)`.
    pub(crate) who: String,
    /// From which address.
    pub(crate) remote: Option<String>,
    /// What.
    pub(crate) action: String,
    /// To whom, and more.
    pub(crate) object: Option<String>,
    /// `done`, `refused`, or why a call ended.
    pub(crate) outcome: String,
}

impl Store {
    /// Accepted calls that have not ended, for the start of the server.
    pub(crate) async fn open_calls(&self) -> Result<Vec<OpenCall>, Broken> {
        // The newest first: should there be two of one account, the older one has ended.
        let sql = "SELECT * FROM open_calls WHERE callee_peer <> '' ORDER BY accepted DESC";
        known(&sqlx::query(sql).fetch_all(&self.db().quick).await?, open_call)
    }

    /// Calls that nobody has answered, and when they began to ring.
    pub(super) async fn rings(&self) -> Result<Vec<(i64, RingingCall)>, Broken> {
        let sql = "SELECT call, accepted, caller, callee FROM open_calls WHERE callee_peer = ''";
        known(&sqlx::query(sql).fetch_all(&self.db().quick).await?, ring)
    }

    /// The last calls of an account, or of all, before that place in the log; the latest first.
    /// Those of somebody who had the name before are not its own. Whoever heard that a call is over
    /// finds it here.
    pub(crate) async fn calls(
        &self,
        of: Option<&AccountName>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<CallEntry>, Broken> {
        let which = "?1 IS NULL OR caller = ?1 OR callee = ?1";
        self.calls_where(which, of, (0, before), limit).await
    }

    /// Calls to an account that it neither accepted nor rejected, since a time in milliseconds
    /// since 1970 and before that place; the latest first.
    pub(crate) async fn missed(
        &self,
        account: &AccountName,
        since: i64,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<CallEntry>, Broken> {
        let which = "callee = ?1 AND talked IS NULL AND reason <> 'rejected'";
        self.calls_where(which, Some(account), (since, before), limit).await
    }

    /// In `which`, ?1 is the account.
    async fn calls_where(
        &self,
        which: &'static str,
        of: Option<&AccountName>,
        (since, before): (i64, Option<i64>),
        limit: u32,
    ) -> Result<Vec<CallEntry>, Broken> {
        self.catch_up().await;
        let sql = format!(
            "SELECT id, caller, callee, began, rang, talked, reason FROM calls WHERE ({which})
             AND began >= ?2 AND id < ?3
             AND began + rang + coalesce(talked, 0) >=
                 coalesce((SELECT created FROM accounts WHERE name = ?1), 0)
             ORDER BY id DESC LIMIT ?4"
        );
        let calls = sqlx::query(&sql)
            .bind(of.map(AccountName::as_str))
            .bind(since)
            .bind(before.unwrap_or(i64::MAX))
            .bind(limit);
        known(&calls.fetch_all(&self.db().quick).await?, call)
    }

    /// Who did what, before that place; the latest first. With an account, what it did and what
    /// was done to it.
    pub(crate) async fn audit_log(
        &self,
        of: Option<&AccountName>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, Broken> {
        type Entry = (i64, i64, String, Option<String>, String, Option<String>, String);
        let rows: Vec<Entry> = sqlx::query_as(
            "SELECT id, at, who, remote, action, object, outcome FROM audit
             WHERE id < ?2 AND (?1 IS NULL OR who = ?1 OR object = ?1
                                OR substr(object, 1, length(?1) + 1) = ?1 || ' ')
             ORDER BY id DESC LIMIT ?3",
        )
        .bind(of.map(AccountName::as_str))
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(&self.db().quick)
        .await?;
        let entries = rows.into_iter().map(|(id, at, who, remote, action, object, outcome)| {
            AuditEntry { id, at, who, remote, action, object, outcome }
        });
        Ok(entries.collect())
    }
}

/// All rows with words that we know.
fn known<T>(
    rows: &[SqliteRow],
    read: impl Fn(&SqliteRow) -> Result<Option<T>, sqlx::Error>,
) -> Result<Vec<T>, Broken> {
    let rows = rows.iter().filter_map(|row| read(row).transpose());
    Ok(rows.collect::<Result<_, _>>()?)
}

fn call(row: &SqliteRow) -> Result<Option<CallEntry>, sqlx::Error> {
    let (caller, callee, reason): (String, String, String) =
        (row.try_get(1)?, row.try_get(2)?, row.try_get(6)?);
    let (Ok(caller), Ok(callee), Some(reason)) =
        (AccountName::parse(&caller), AccountName::parse(&callee), self::reason(&reason))
    else {
        return Ok(None);
    };
    let (id, began, rang, talked) =
        (row.try_get(0)?, row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
    Ok(Some(CallEntry { id, caller, callee, began, rang, talked, reason }))
}

fn ring(row: &SqliteRow) -> Result<Option<(i64, RingingCall)>, sqlx::Error> {
    let (call, caller, callee): (String, String, String) =
        (row.try_get(0)?, row.try_get(2)?, row.try_get(3)?);
    let (Some(call), Ok(caller), Ok(callee)) =
        (CallId::parse(&call), AccountName::parse(&caller), AccountName::parse(&callee))
    else {
        return Ok(None);
    };
    Ok(Some((row.try_get(1)?, RingingCall { call, caller, callee })))
}

fn open_call(row: &SqliteRow) -> Result<Option<OpenCall>, sqlx::Error> {
    let (call, sessions): (String, String) = (row.try_get(0)?, row.try_get(10)?);
    let sides = (open_side(row, 2)?, open_side(row, 6)?);
    let (Some(call), (Some(caller), Some(callee)), Some(sessions)) =
        (CallId::parse(&call), sides, open_sessions(&sessions))
    else {
        return Ok(None);
    };
    Ok(Some(OpenCall { call, caller, callee, sessions }))
}

fn open_side(row: &SqliteRow, first: usize) -> Result<Option<OpenSide>, sqlx::Error> {
    let (account, peer, attached): (String, String, String) =
        (row.try_get(first)?, row.try_get(first + 1)?, row.try_get(first + 3)?);
    let media: i64 = row.try_get(first + 2)?;
    let account = AccountName::parse(&account).ok();
    let attached = serde_json::from_str::<Vec<String>>(&attached).ok();
    Ok(account.zip(attached).map(|(account, attached)| OpenSide {
        account,
        peer: PeerId::from(&*peer),
        media: Media { audio: media & 1 != 0, video: media & 2 != 0 },
        attached: attached.iter().map(|peer| PeerId::from(&**peer)).collect(),
    }))
}

fn open_sessions(json: &str) -> Option<Vec<OpenSession>> {
    let sessions: Vec<[String; 3]> = serde_json::from_str(json).ok()?;
    let read = |[session, producer, consumer]: [String; 3]| {
        let (producer, consumer) = (PeerId::from(&*producer), PeerId::from(&*consumer));
        Some(OpenSession { session: SessionId::parse(&session)?, producer, consumer })
    };
    sessions.into_iter().map(read).collect()
}
