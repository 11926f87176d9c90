//! Plays or records what a producer sends.
//!
//! Which elements receive, decode and write stands in `intercom-media`; here it is decided which
//! of them are used, and what happens when a session ends.

pub mod args;
mod call;
mod list;
mod live;
mod login;
mod offer;
mod watch;

use intercom_media::{
    cli, devices,
    element::ElementError,
    record::{RecordError, Recording},
    run::RunError,
};

use intercom_settings::{Settings, log::Log};

use crate::{args::Args, live::Live};

/// The message on the bus that says that a session is over.
const SESSION_OVER: &str = "intercom-session-over";

/// Does what the command line asks for.
///
/// # Errors
/// See [`ConsumerError`].
pub fn run(args: Args, settings: Settings, log: Log) -> Result<(), ConsumerError> {
    if args.list_devices {
        devices::print(&[devices::Kind::Loudspeaker]);
        return Ok(());
    }
    let args = &login::with(args)?;
    args.server.advise();
    if args.list {
        return list::print(&args.server);
    }
    if let Some(to) = &args.call {
        return call::call(args, to, Live { settings, log });
    }
    let recording = args.record.as_deref().map(Recording::create).transpose();
    let recording = recording.map_err(ConsumerError::Reserve)?;
    let watched = watch::watch(args, recording.as_ref(), Live { settings, log });
    let Some(recording) = recording else { return watched };
    let recorded = recording.finish();
    if recorded.is_ok() {
        cli::say(&format!("recorded {}", recording.path().display()));
    }
    watched.and(recorded.map_err(ConsumerError::Record))
}

/// Why it ended.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// An element is missing, or a text of the command line is not understood.
    #[error(transparent)]
    Element(#[from] ElementError),
    /// The name of a recording or of another file cannot be used.
    #[error(transparent)]
    Reserve(RecordError),
    /// It could not be recorded.
    #[error(transparent)]
    Record(RecordError),
    /// Watching failed.
    #[error(transparent)]
    Run(RunError),
    /// There is no password.
    #[error("{0}")]
    Login(String),
    /// Nobody could be listed.
    #[error("{0}")]
    List(String),
}

impl ConsumerError {
    /// The exit code: 2 when the command line must change, 1 when something failed.
    pub fn code(&self) -> u8 {
        match self {
            Self::Element(_) | Self::Reserve(_) | Self::Login(_) => 2,
            Self::Record(_) | Self::Run(_) | Self::List(_) => 1,
        }
    }
}
