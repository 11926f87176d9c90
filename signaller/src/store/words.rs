//! The core's words as the tables have them.

use signaller_core::{EndReason, Kind, Right};

/// Every right, in the order in which they are listed.
pub(crate) const RIGHTS: [Right; 5] =
    [Right::See, Right::Watch, Right::Talk, Right::Call, Right::Control];

const KINDS: [Kind; 3] = [Kind::User, Kind::Device, Kind::Admin];

const REASONS: [EndReason; 10] = [
    EndReason::Hangup,
    EndReason::Rejected,
    EndReason::Busy,
    EndReason::NoAnswer,
    EndReason::Cancelled,
    EndReason::Disconnected,
    EndReason::MediaFailed,
    EndReason::AnsweredElsewhere,
    EndReason::LoggedOut,
    EndReason::Incompatible,
];

/// `user`, `device` or `admin`.
pub(crate) fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "user",
        Kind::Device => "device",
        Kind::Admin => "admin",
    }
}

/// `see`, `watch`, `talk`, `call` or `control`.
pub(crate) fn right_word(right: Right) -> &'static str {
    match right {
        Right::See => "see",
        Right::Watch => "watch",
        Right::Talk => "talk",
        Right::Call => "call",
        Right::Control => "control",
    }
}

/// As in `callEnded`.
pub(crate) fn reason_word(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Hangup => "hangup",
        EndReason::Rejected => "rejected",
        EndReason::Busy => "busy",
        EndReason::NoAnswer => "noAnswer",
        EndReason::Cancelled => "cancelled",
        EndReason::Disconnected => "disconnected",
        EndReason::MediaFailed => "mediaFailed",
        EndReason::AnsweredElsewhere => "answeredElsewhere",
        EndReason::LoggedOut => "loggedOut",
        EndReason::Incompatible => "incompatible",
    }
}

pub(crate) fn kind(word: &str) -> Option<Kind> {
    KINDS.into_iter().find(|kind| kind_word(*kind) == word)
}

pub(crate) fn right(word: &str) -> Option<Right> {
    RIGHTS.into_iter().find(|right| right_word(*right) == word)
}

pub(super) fn reason(word: &str) -> Option<EndReason> {
    REASONS.into_iter().find(|reason| reason_word(*reason) == word)
}
