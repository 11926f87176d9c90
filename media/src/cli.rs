//! The flags that both device binaries have, and how a mistake in any flag is reported.

use std::{
    borrow::Cow,
    io::{IsTerminal, Write, stderr},
    path::PathBuf,
    str::FromStr,
};

use clap::{Args, Parser};
use tracing_subscriber::EnvFilter;
use url::Url;

/// Where the signaller is and how it is trusted.
#[derive(Args, Clone, Debug)]
pub struct ServerArgs {
    /// Address of the signaller.
    #[arg(
        long,
        value_name = "URL",
        env = "INTERCOM_SERVER",
        default_value = "wss://localhost:8443"
    )]
    pub server: Server,
    /// The CA that the signaller's certificate must come from (PEM); without it, the system's.
    #[arg(long, value_name = "FILE", env = "INTERCOM_CA", value_parser = readable)]
    pub ca: Option<PathBuf>,
    /// STUN server, stun://HOST:PORT; none is needed inside one network.
    #[arg(long, value_name = "URL", env = "INTERCOM_STUN_SERVER", value_parser = stun)]
    pub stun_server: Option<String>,
    /// What is logged to standard error: error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", env = "INTERCOM_LOG", default_value = "info", value_parser = filter)]
    pub log: String,
}

impl ServerArgs {
    /// Logs to standard error from here on.
    pub fn start_log(&self) {
        let filter = EnvFilter::try_new(&self.log).unwrap_or_default();
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(stderr().is_terminal())
            .with_writer(stderr);
        // A log that was started before stays.
        let _ = log.with_target(false).try_init();
    }
}

/// The address of a signaller: `ws://` or `wss://`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server(Url);

impl Server {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for Server {
    type Err = String;

    /// The address of the web page is taken, too: it is the one people have at hand.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text
            .strip_prefix("https://")
            .map(|rest| format!("wss://{rest}"))
            .or_else(|| text.strip_prefix("http://").map(|rest| format!("ws://{rest}")))
            .unwrap_or_else(|| text.to_owned());
        let wrong = || format!("{text:?} is not an address like wss://HOST:8443");
        let url = Url::parse(&text).map_err(|_| wrong())?;
        let known = matches!(url.scheme(), "ws" | "wss") && url.has_host();
        if known { Ok(Self(url)) } else { Err(wrong()) }
    }
}

/// Reads the command line. Help and version are printed and end the process; a mistake is printed
/// as one line and ends it with code 2.
pub fn parse<A: Parser>() -> A {
    A::try_parse().unwrap_or_else(|error| {
        if !error.use_stderr() {
            error.exit();
        }
        usage_error(&summary(&error.to_string()))
    })
}

/// Prints one line and ends the process with code 2: something on the command line, or that it
/// names, is wrong.
pub fn usage_error(line: &str) -> ! {
    eprintln!("error: {line}");
    std::process::exit(2)
}

/// Prints a line on standard output. Nobody reading it is no reason to stop.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// What another peer wrote, fit for a line: it must not make one of its own.
pub fn printable(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// clap's report without its usage and its hints on other lines.
fn summary(report: &str) -> String {
    let body = report.split("\n\nUsage:").next().unwrap_or_default();
    let body = body.split("\n\nFor more information").next().unwrap_or_default();
    let line = body.split_whitespace().map(without_login).collect::<Vec<_>>().join(" ");
    format!("{} (see --help)", line.trim_start_matches("error: "))
}

/// A word without the user and password of an address in it: this line may end in a log.
fn without_login(word: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = word.split_once("://") else { return word.into() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://…{}", &rest[at..]).into(),
        None => word.into(),
    }
}

fn readable(text: &str) -> Result<PathBuf, String> {
    match std::fs::File::open(text) {
        Ok(_) => Ok(text.into()),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

fn stun(text: &str) -> Result<String, String> {
    match Url::parse(text) {
        Ok(url) if url.scheme() == "stun" && url.has_host() => Ok(text.to_owned()),
        _ => Err(format!("{text:?} is not an address like stun://HOST:PORT")),
    }
}

fn filter(text: &str) -> Result<String, String> {
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("{text:?} is none of error, warn, info, debug and trace")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, address) in [
            ("wss://door.local:8443", "wss://door.local:8443/"),
            ("https://door.local:8443", "wss://door.local:8443/"),
            ("http://127.0.0.1:9000/ws", "ws://127.0.0.1:9000/ws"),
            ("wss://[::1]:8443", "wss://[::1]:8443/"),
        ] {
            assert_eq!(
                text.parse().map(|server: Server| server.as_str().to_owned()),
                Ok(address.into())
            );
        }
        for text in ["", "door", "door:8443", "ftp://door", "wss://", "wss://door:99999"] {
            assert!(text.parse::<Server>().is_err(), "{text}");
        }
        assert!(stun("stun://door:3478").is_ok());
        assert!(stun("door:3478").is_err());
    }

    #[test]
    fn a_report_becomes_a_line() {
        let report = "error: unexpected argument '--x' found\n\n  tip: a similar one\n\nUsage: y\n";
        assert_eq!(
            summary(report),
            "unexpected argument '--x' found tip: a similar one (see --help)"
        );
        let report = "error: invalid value 'rtps://eye:secret@cam/a@b' for '--video <SPEC>'\n";
        assert_eq!(
            summary(report),
            "invalid value 'rtps://…@cam/a@b' for '--video <SPEC>' (see --help)"
        );
    }
}
