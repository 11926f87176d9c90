//! Why a session failed, in a form that a person and a program can use.

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

/// Why a session was ended from here.
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
    /// ICE or DTLS gave up.
    #[error("the connection with the other end failed")]
    Connection,
    /// The other end's description cannot be used.
    #[error("{0}")]
    Description(String),
    /// The application wanted it, with these words.
    #[error("{0}")]
    Application(String),
}

impl SessionFailure {
    /// A word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Timeout { stage: Stage::Describing, .. } => "no-answer",
            Self::Timeout { stage: Stage::Connecting, .. } => "ice-timeout",
            Self::Timeout { stage: Stage::Securing | Stage::Up, .. } => "dtls-timeout",
            Self::Fingerprint(_) => "fingerprint-mismatch",
            Self::Connection => "connection-failed",
            Self::Description(_) => "bad-description",
            Self::Application(_) => "application",
        }
    }
}

fn stuck(stage: Stage) -> &'static str {
    match stage {
        Stage::Describing => "the other end has not answered the offer",
        Stage::Connecting => "no network path to the other end was found",
        Stage::Securing | Stage::Up => "the keys could not be agreed on",
    }
}
