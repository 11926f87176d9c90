//! Why a session failed, in a form that a person and a program can use, at both ends: the words that
//! go to the other end begin with the code.

use gst::subclass::prelude::*;

/// How far a session has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The descriptions are being exchanged.
    #[default]
    Describing,
    /// The two ends look for a way to each other.
    Connecting,
    /// A way was found, the keys are being agreed on.
    Securing,
    /// Media can flow, with the right other end.
    Up,
}

/// Why a session was ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionFailure {
    /// Media could not flow in time.
    #[error("no connection after {seconds} s: {}", stuck(*.stage))]
    Timeout {
        /// Where it got stuck.
        stage: Stage,
        /// The time it was given, seconds.
        seconds: u64,
    },
    /// The other end's certificate is not the announced one: somebody is in between.
    #[error("{0}; somebody may be listening in")]
    Fingerprint(String),
    /// ICE gave up.
    #[error("no network path to the other end was found")]
    Ice,
    /// ICE gave up, and no TURN server had given us an address.
    #[error("no network path to the other end was found, and the TURN server gave none")]
    TurnRefused,
    /// DTLS gave up.
    #[error("the keys could not be agreed on")]
    Dtls,
    /// The other end's description cannot be used.
    #[error("{0}")]
    Description(String),
    /// The other end can use nothing of what was offered.
    #[error("the other end can use none of the formats that were offered")]
    Codec,
    /// Media could flow and did not, or do so no more.
    #[error("neither picture nor sound for {seconds} s")]
    NoMedia {
        /// The time they were given, seconds.
        seconds: u32,
    },
    /// The other end has fallen silent.
    #[error("nothing heard of the other end for {seconds} s")]
    PeerGone {
        /// How long it has been silent, seconds.
        seconds: u32,
    },
    /// A camera or microphone was unplugged, fails or has fallen silent; in these words.
    #[error("{0}")]
    DeviceGone(String),
    /// Another program holds a camera or microphone; in these words.
    #[error("{0}")]
    DeviceBusy(String),
    /// The other end found it, and said so.
    #[error("the other end says: {text}")]
    Told {
        /// What [`code`](Self::code) was there.
        code: &'static str,
        /// One sentence.
        text: String,
    },
}

/// All that [`SessionFailure::code`] can be.
const CODES: [&str; 11] = [
    "noAnswer",
    "iceFailed",
    "turnRefused",
    "dtlsFailed",
    "fingerprintMismatch",
    "badDescription",
    "codec",
    "noMedia",
    "peerGone",
    "deviceGone",
    "deviceBusy",
];

impl SessionFailure {
    /// A word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Timeout { stage: Stage::Describing, .. } => "noAnswer",
            Self::Timeout { stage: Stage::Connecting, .. } | Self::Ice => "iceFailed",
            Self::TurnRefused => "turnRefused",
            Self::Timeout { stage: Stage::Securing | Stage::Up, .. } | Self::Dtls => "dtlsFailed",
            Self::Fingerprint(_) => "fingerprintMismatch",
            Self::Description(_) => "badDescription",
            Self::Codec => "codec",
            Self::NoMedia { .. } => "noMedia",
            Self::PeerGone { .. } => "peerGone",
            Self::DeviceGone(_) => "deviceGone",
            Self::DeviceBusy(_) => "deviceBusy",
            Self::Told { code, .. } => code,
        }
    }

    /// What the other end is told.
    pub(super) fn words(&self) -> String {
        format!("{}: {self}", self.code())
    }

    /// What the other end told; `None` if that is no failure, or not said in our words.
    pub(super) fn told(words: &str) -> Option<Self> {
        let (code, text) = words.split_once(": ")?;
        let code = CODES.into_iter().find(|known| *known == code)?;
        Some(Self::Told { code, text: text.to_owned() })
    }
}

impl super::Signaller {
    /// Counts a failure that ends no session, such as that of a device for which something else is sent.
    pub fn count(&self, failure: &SessionFailure) {
        self.imp().count(failure.code());
    }
}

fn stuck(stage: Stage) -> &'static str {
    match stage {
        Stage::Describing => "the other end has not answered the offer",
        Stage::Connecting => "no network path to the other end was found",
        Stage::Securing | Stage::Up => "the keys could not be agreed on",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use gst::prelude::*;

    use super::*;

    #[test]
    fn what_ends_no_session_is_counted_by_its_code() {
        gst::init().unwrap();
        let signaller = super::super::Signaller::default();
        for device in ["camera", "microphone"] {
            signaller.count(&SessionFailure::DeviceGone(device.into()));
        }
        signaller.count(&SessionFailure::DeviceBusy("camera".into()));
        let stats: gst::Structure = signaller.property("stats");
        let failed: gst::Structure = stats.get("failed").unwrap();
        let count = |code: &str| failed.get::<u64>(code).ok();
        assert_eq!((count("deviceGone"), count("deviceBusy")), (Some(2), Some(1)));
        assert_eq!(stats.get::<u64>("sessions").ok(), Some(0));
    }

    #[test]
    fn the_other_end_understands_every_failure() {
        let failures = [
            SessionFailure::Timeout { stage: Stage::Describing, seconds: 1 },
            SessionFailure::Ice,
            SessionFailure::TurnRefused,
            SessionFailure::Dtls,
            SessionFailure::Fingerprint("x".into()),
            SessionFailure::Description("x: y".into()),
            SessionFailure::Codec,
            SessionFailure::NoMedia { seconds: 1 },
            SessionFailure::PeerGone { seconds: 1 },
            SessionFailure::DeviceGone("x".into()),
            SessionFailure::DeviceBusy("x".into()),
        ];
        assert_eq!(failures.each_ref().map(SessionFailure::code), CODES);
        for failure in failures {
            let told = SessionFailure::told(&failure.words());
            assert_eq!(told.map(|told| told.code()), Some(failure.code()));
        }
        for words in ["", "Bye", "session: over", "noMedia"] {
            assert_eq!(SessionFailure::told(words), None, "{words}");
        }
    }
}
