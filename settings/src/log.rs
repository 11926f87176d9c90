//! The log on stderr, and how its filter changes while a program runs.

use std::io::{IsTerminal, stderr};

use clap::{Args, ValueEnum};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, registry, reload};

/// What is logged, and how.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct LogArgs {
    /// What is logged to standard error: error, warn, info, debug, trace, or a filter of tracing
    #[arg(long, env = "INTERCOM_LOG", value_name = "LEVEL", default_value = "info", value_parser = filter)]
    pub log: String,

    /// How a line of the log looks
    #[arg(long, env = "INTERCOM_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// The running log.
#[derive(Clone, Debug)]
pub struct Log(reload::Handle<EnvFilter, Registry>);

impl LogArgs {
    /// Logs to stderr from here on. A log that was started before stays.
    pub fn start(&self) -> Log {
        let (filter, handle) = reload::Layer::new(self.filter());
        // Where nobody reads it, nobody reads a complaint about that.
        let lines = fmt::layer().with_writer(stderr).log_internal_errors(false);
        let lines = match self.log_format {
            LogFormat::Text => lines.with_target(false).with_ansi(stderr().is_terminal()).boxed(),
            LogFormat::Json => lines.json().boxed(),
        };
        let _ = registry().with(filter).with(filter_fn(holds_no_secret)).with(lines).try_init();
        Log(handle)
    }

    fn filter(&self) -> EnvFilter {
        EnvFilter::try_new(&self.log).unwrap_or_default() // its parser has seen it
    }
}

impl Log {
    /// Logs by another filter from here on; how a line looks stays.
    pub fn follow(&self, args: &LogArgs) {
        let _ = self.0.reload(args.filter()); // without a log there is nothing to change
    }
}

/// What libraries say at their most talkative has all that they carry in it.
fn holds_no_secret(line: &Metadata<'_>) -> bool {
    *line.level() <= Level::DEBUG || line.target().starts_with("intercom_")
}

/// A word alone is a level here. In a filter of tracing it could also be a module, which is what a
/// mistyped level would be taken for: the log would be empty.
fn filter(text: &str) -> Result<String, String> {
    let is_word = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_level = text.parse::<LevelFilter>().is_ok();
    match EnvFilter::try_new(text) {
        Ok(_) if is_level || !is_word => Ok(text.to_owned()),
        _ => Err(format!("{text:?} is none of error, warn, info, debug and trace")),
    }
}
