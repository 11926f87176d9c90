//! What the commands print of a CA and a certificate: names on the left, values on the right.

use intercom_pki::{Files, Leaf, Other, Root};
use time::OffsetDateTime;

/// The CA that signs.
pub(super) fn root(files: &Files, root: &Root) -> String {
    let key =
        if files.ca_key.exists() { files.ca_key.display().to_string() } else { "not here".into() };
    lines(&[
        ("CA", files.ca.display().to_string()),
        ("  subject", root.subject.clone()),
        ("  valid", validity(root.not_before, root.not_after)),
        ("  sha-256", root.fingerprint.to_string()),
        ("  key", key),
        ("  names", joined(root.limits.domains())),
        ("  addresses", joined(root.limits.ranges())),
    ])
}

/// The other CA of a rotation.
pub(super) fn other(other: &Other) -> String {
    let (what, root) = match other {
        Other::Next(root) => ("next CA", root),
        Other::Old(root) => ("old CA", root),
    };
    lines(&[
        (what, root.subject.clone()),
        ("  valid", validity(root.not_before, root.not_after)),
        ("  sha-256", root.fingerprint.to_string()),
        ("  names", joined(root.limits.domains())),
        ("  addresses", joined(root.limits.ranges())),
    ])
}

/// The server's certificate.
pub(super) fn leaf(files: &Files, root: &Root, other: Option<&Other>, leaf: &Leaf) -> String {
    let issuer = match other {
        _ if leaf.is_signed_by(root) => "this CA",
        Some(Other::Next(other)) if leaf.is_signed_by(other) => "the next CA",
        Some(Other::Old(other)) if leaf.is_signed_by(other) => "the old CA",
        _ => "another CA",
    };
    lines(&[
        ("server", files.server.display().to_string()),
        ("  issued by", issuer.to_owned()),
        ("  valid", validity(leaf.not_before, leaf.not_after)),
        ("  sha-256", leaf.fingerprint.to_string()),
        ("  names", joined(&leaf.names)),
        ("  addresses", joined(&leaf.ips)),
    ])
}

fn lines(lines: &[(&str, String)]) -> String {
    lines.iter().map(|(what, value)| format!("{what:<12} {value}\n")).collect()
}

fn joined<T: ToString>(items: &[T]) -> String {
    if items.is_empty() {
        return "none".to_owned();
    }
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn validity(from: OffsetDateTime, to: OffsetDateTime) -> String {
    let left = (to - OffsetDateTime::now_utc()).whole_days();
    let left = if to <= OffsetDateTime::now_utc() {
        format!("expired {} days ago", -left)
    } else {
        format!("{left} days left")
    };
    format!("{} to {}, {left}", from.date(), to.date())
}
