//! What was: calls, for those who took part, and who did what, for admins.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use signaller_core::AccountName;

use super::asker::{Admin, Asker};
use super::body::{Query, Time};
use super::refused::account_name;
use super::{Api, Refused};
use crate::store::{AuditEntry, CallEntry, reason_word};

/// Entries of one answer, and how many there are unless the asker says so.
const MAX_LIMIT: u32 = 500;
const LIMIT: u32 = 100;

/// Stands for all accounts.
const ALL: &str = "*";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichCalls {
    account: Option<String>,
    #[serde(default)]
    missed: bool,
    /// Goes with `missed`.
    since: Option<Time>,
    before: Option<i64>,
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichEntries {
    account: Option<String>,
    before: Option<i64>,
    limit: Option<u32>,
}

#[derive(Serialize)]
pub(super) struct Calls {
    calls: Vec<Call>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Call {
    id: i64,
    caller: String,
    callee: String,
    began: Time,
    rang_ms: i64,
    talked_ms: Option<i64>,
    reason: &'static str,
}

#[derive(Serialize)]
pub(super) struct Audit {
    entries: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    id: i64,
    time: Time,
    who: String,
    from: Option<String>,
    action: String,
    object: Option<String>,
    outcome: String,
}

/// The asker's own; an admin may ask for anybody's.
pub(super) async fn calls(
    State(api): State<Api>,
    asker: Asker,
    Query(which): Query<WhichCalls>,
) -> Result<Json<Calls>, Refused> {
    let limit = limit(which.limit)?;
    let of = match which.account.as_deref() {
        None => Some(asker.name().clone()),
        Some(_) if !asker.is_admin() => return Err(Refused::forbidden()),
        Some(ALL) => None,
        Some(name) => Some(account_name(name)?),
    };
    let calls = match (which.missed, of, which.before, which.since) {
        (true, Some(of), before, since) => {
            api.store.missed(&of, since.map_or(0, |since| since.millis), before, limit).await?
        }
        (false, of, before, None) => api.store.calls(of.as_ref(), before, limit).await?,
        (true, ..) => {
            return Err(Refused::unreadable("missed goes with one account"));
        }
        (false, .., Some(_)) => return Err(Refused::unreadable("since goes with missed=true")),
    };
    Ok(Json(Calls { calls: calls.into_iter().map(Call::from).collect() }))
}

pub(super) async fn audit(
    State(api): State<Api>,
    _: Admin,
    Query(which): Query<WhichEntries>,
) -> Result<Json<Audit>, Refused> {
    let of: Option<AccountName> = which.account.as_deref().map(account_name).transpose()?;
    let entries = api.store.audit_log(of.as_ref(), which.before, limit(which.limit)?).await?;
    Ok(Json(Audit { entries: entries.into_iter().map(Entry::from).collect() }))
}

fn limit(wanted: Option<u32>) -> Result<u32, Refused> {
    match wanted {
        Some(limit @ 1..=MAX_LIMIT) => Ok(limit),
        Some(_) => Err(Refused::unreadable(format!("limit is 1 to {MAX_LIMIT}"))),
        None => Ok(LIMIT),
    }
}

impl From<CallEntry> for Call {
    fn from(entry: CallEntry) -> Self {
        Self {
            id: entry.id,
            caller: entry.caller.to_string(),
            callee: entry.callee.to_string(),
            began: Time { millis: entry.began },
            rang_ms: entry.rang,
            talked_ms: entry.talked,
            reason: reason_word(entry.reason),
        }
    }
}

impl From<AuditEntry> for Entry {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id,
            time: Time { millis: entry.at },
            who: entry.who,
            from: entry.remote,
            action: entry.action,
            object: entry.object,
            outcome: entry.outcome,
        }
    }
}
