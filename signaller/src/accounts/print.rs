//! Lists as aligned columns, or as one JSON array.

use serde_json::{Value, json};
use signaller_core::Account;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::store::{AuditEntry, Listing, RIGHTS, circle_text, kind_word, right_word};

/// What stands where there is nothing.
const NONE: &str = "-";

pub(super) fn accounts(accounts: &[Account]) -> String {
    let rows = accounts.iter().map(|account| {
        let label = account.label.as_deref().unwrap_or(NONE);
        [account.name.as_str(), kind_word(account.kind), label].map(str::to_owned)
    });
    table(["NAME", "KIND", "LABEL"], rows)
}

pub(super) fn accounts_json(accounts: &[Account]) -> String {
    array(accounts.iter().map(|account| {
        let right =
            |right| (right_word(right).to_owned(), circle_text(account.rights.circle(right)));
        let rights: serde_json::Map<String, Value> =
            RIGHTS.map(right).into_iter().map(|(right, who)| (right, who.into())).collect();
        json!({
            "name": account.name.as_str(), "kind": kind_word(account.kind),
            "label": account.label.as_deref(), "rights": rights,
        })
    }))
}

pub(super) fn credentials(listed: &[Listing]) -> String {
    let rows = listed.iter().map(|listing| {
        let name = listing.name.clone().unwrap_or(NONE.into());
        let at = |time: Option<i64>| time.map_or(NONE.into(), rfc3339);
        let (account, kind) = (listing.account.to_string(), listing.kind.word().to_owned());
        let [created, used, expires] =
            [Some(listing.created), listing.used, listing.expires].map(at);
        [listing.id.0.to_string(), account, kind, created, used, expires, name]
    });
    table(["ID", "ACCOUNT", "KIND", "CREATED", "USED", "EXPIRES", "NAME"], rows)
}

pub(super) fn credentials_json(listed: &[Listing]) -> String {
    array(listed.iter().map(|listing| {
        json!({
            "id": listing.id.0, "account": listing.account.as_str(), "kind": listing.kind.word(),
            "name": listing.name, "created": rfc3339(listing.created),
            "used": listing.used.map(rfc3339), "expires": listing.expires.map(rfc3339),
        })
    }))
}

pub(super) fn audit(entries: &[AuditEntry]) -> String {
    let rows = entries.iter().map(|entry| {
        let or_none = |text: &Option<String>| text.clone().unwrap_or(NONE.into());
        let (remote, object) = (or_none(&entry.remote), or_none(&entry.object));
        let (who, action) = (entry.who.clone(), entry.action.clone());
        [rfc3339(entry.at), who, remote, action, entry.outcome.clone(), object]
    });
    table(["TIME", "WHO", "FROM", "ACTION", "OUTCOME", "OBJECT"], rows)
}

pub(super) fn audit_json(entries: &[AuditEntry]) -> String {
    array(entries.iter().map(|entry| {
        json!({
            "time": rfc3339(entry.at), "who": entry.who, "from": entry.remote,
            "action": entry.action, "outcome": entry.outcome, "object": entry.object,
        })
    }))
}

/// Rows whose columns stand below each other; the last column is as long as it is.
pub(super) fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<_> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
    aligned(&rows)
}

fn array(values: impl Iterator<Item = Value>) -> String {
    format!("{:#}\n", Value::Array(values.collect()))
}

/// To the second.
fn rfc3339(millis: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(millis.div_euclid(1000)).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| NONE.into())
}
