//! The flags that both device binaries have, and the lines they print.

use std::{
    fs::File,
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::Args;
use intercom_client::{Config, Login, PermanentError, Role, Trust};
use intercom_settings::log::LogArgs;
use url::Url;

/// Nobody's certificate is larger; a device file has no end.
const MAX_LEN: u64 = 1024 * 1024;

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
    #[arg(long, value_name = "FILE", env = "INTERCOM_CA", value_parser = certificates)]
    pub ca: Option<PathBuf>,
    /// File with the token to log in with, in its first line; without it, as a guest.
    #[arg(long, value_name = "FILE", env = "INTERCOM_TOKEN_FILE", value_parser = token_file)]
    pub token_file: Option<PathBuf>,
    /// A login that the program found by itself: it stands above the token.
    #[arg(skip)]
    pub login: Option<Login>,
    /// STUN server, stun://HOST:PORT; none is needed inside one network.
    #[arg(long, value_name = "URL", env = "INTERCOM_STUN_SERVER", value_parser = stun)]
    pub stun_server: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap takes the group's own words")]
    pub log: LogArgs,
}

impl ServerArgs {
    /// Says in the log when others on this machine can read the token.
    pub fn advise(&self) {
        if let Some(path) = &self.token_file {
            advise("token", path);
        }
    }

    /// A client with this login, and a role that only listens.
    ///
    /// # Errors
    /// The token cannot be read.
    pub fn client(&self) -> Result<Config, PermanentError> {
        let token = || self.token_file.as_deref().map(Login::token_file).transpose();
        let login = self.login.clone().map_or_else(token, |login| Ok(Some(login)))?;
        let trust = self.ca.clone().map_or(Trust::System, Trust::CaFile);
        let config = Config::new(self.server.as_str().parse()?, Role::Listener);
        Ok(Config { trust, login: login.unwrap_or_default(), ..config })
    }
}

/// Says in the log when others on this machine can read a secret in a file; a group may.
pub fn advise(secret: &str, path: &Path) {
    let mode = path.metadata().map(|file| file.permissions().mode()).unwrap_or_default();
    if mode & 0o027 != 0 {
        let file = path.display();
        tracing::warn!("others can read the {secret} in {file}; chmod 600 {file}");
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
        let wrong = || format!("{text:?} is not an address like wss://HOST:8443");
        let address = text
            .strip_prefix("https://")
            .map(|rest| format!("wss://{rest}"))
            .or_else(|| text.strip_prefix("http://").map(|rest| format!("ws://{rest}")))
            .unwrap_or_else(|| text.to_owned());
        let url = Url::parse(&address).map_err(|_| wrong())?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("user name and password have no place in a signaller's address".into());
        }
        let known = matches!(url.scheme(), "ws" | "wss") && url.has_host();
        if known { Ok(Self(url)) } else { Err(wrong()) }
    }
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

/// Whether a certificate in it is a good one is the client's to say.
fn certificates(text: &str) -> Result<PathBuf, String> {
    let mut pem = Vec::new();
    match File::open(text).and_then(|file| file.take(MAX_LEN).read_to_end(&mut pem)) {
        Ok(_) if contains(&pem, b"-----BEGIN CERTIFICATE-----") => Ok(text.into()),
        Ok(_) => Err("holds no certificate (-----BEGIN CERTIFICATE-----)".into()),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

/// What is wrong with the file is said before anything is started.
fn token_file(text: &str) -> Result<PathBuf, String> {
    match Login::token_file(text.as_ref()) {
        Ok(_) => Ok(text.into()),
        Err(PermanentError::TokenFile { reason, .. }) => Err(reason),
        Err(error) => Err(error.to_string()),
    }
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|part| part == word)
}

/// As GStreamer spells it; that of RFC 7064, which has no slashes, is understood as well.
fn stun(text: &str) -> Result<String, String> {
    let spelt = match text.strip_prefix("stun:") {
        Some(host) if !host.starts_with('/') => format!("stun://{host}"),
        _ => text.to_owned(),
    };
    match Url::parse(&spelt) {
        Ok(url) if url.scheme() == "stun" && url.has_host() => Ok(spelt),
        _ => Err(format!("{text:?} is not an address like stun://HOST:PORT")),
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
        for text in ["stun://door:3478", "stun:door:3478"] {
            assert_eq!(stun(text).as_deref(), Ok("stun://door:3478"));
        }
        assert!(stun("door:3478").is_err());
    }
}
