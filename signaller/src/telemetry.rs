//! Logs on stderr. `INTERCOM_LOG` chooses what, in the words of `tracing-subscriber`'s EnvFilter.

use std::io::stderr;

use tracing_subscriber::EnvFilter;

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging; later calls change nothing.
///
/// # Errors
/// `INTERCOM_LOG` is set and not understood; nothing is logged then.
pub fn init(format: LogFormat) -> Result<(), BadFilter> {
    let words = std::env::var("INTERCOM_LOG").unwrap_or_else(|_| "info".into());
    let filter = EnvFilter::try_new(&words).map_err(|_| BadFilter(words))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    let started = match format {
        LogFormat::Text => {
            builder.with_ansi(std::io::IsTerminal::is_terminal(&stderr())).try_init()
        }
        LogFormat::Json => builder.json().try_init(),
    };
    drop(started); // it is an error to start twice, but no harm
    Ok(())
}

/// Why nothing is logged.
#[derive(Debug, thiserror::Error)]
#[error("INTERCOM_LOG is {0:?}; it must be error, warn, info, debug or trace")]
pub struct BadFilter(String);
