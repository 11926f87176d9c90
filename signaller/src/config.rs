//! The settings, parsed into what the server needs; `intercom-settings` reads them.
//!
//! Nothing behind this module checks a setting again.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use intercom_settings::Program;
use intercom_settings::log::LogArgs;
use signaller_core::{Limits, SecondLogin};
use url::Url;

use crate::accounts;
use crate::conn::Timing;
use crate::ice::{self, Ice, IceError};
use crate::listen::admission::{Level, Policy};
use crate::listen::old::{OldDoor, OldDoors, OldLogin};
use crate::listen::tls::Identity;
use crate::store::Registration;

/// What `intercom-settings` must know of this program. [`Server::apply`](crate::Server::apply)
/// takes care of the live settings.
pub const PROGRAM: Program = Program {
    name: "intercom-signaller",
    verb: Some("serve"),
    parts: &[("cert", &["key", "cert_password_file"])],
    live: &["allowed_origin", "anonymous", "local_peers", "max_clients", "log"],
};

/// The signalling server and web host of gst-intercom.
#[derive(Debug, Parser)]
#[command(name = "intercom-signaller", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the web app and the signalling of peers until stopped.
    Serve(Box<Serve>),
    /// Keep accounts.
    #[command(flatten)]
    Manage(accounts::Command),
}

/// How to serve.
#[derive(Args, Debug)]
pub struct Serve {
    /// Main port: TLS, and plain text for local peers
    #[arg(long, env = "INTERCOM_LISTEN", value_name = "ADDR", default_value = "[::]:8443",
          value_parser = address)]
    listen: SocketAddr,

    /// A second port without TLS, for tests and trusted proxies
    #[arg(long, env = "INTERCOM_PLAIN", value_name = "ADDR", value_parser = address)]
    plain: Option<SocketAddr>,

    /// Where the server keeps what it makes, such as its CA [default: ~/.local/share/gst-intercom]
    #[arg(long, env = "INTERCOM_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Certificate chain (PEM, leaf first) or a .p12 file, instead of one by our own CA
    #[arg(long, env = "INTERCOM_CERT", value_name = "FILE")]
    cert: Option<PathBuf>,

    /// The certificate's key (PEM)
    #[arg(long, env = "INTERCOM_KEY", value_name = "FILE")]
    key: Option<PathBuf>,

    /// File with the password of the .p12 file
    #[arg(long, env = "INTERCOM_CERT_PASSWORD_FILE", value_name = "FILE")]
    cert_password_file: Option<PathBuf>,

    /// Web origin whose pages may connect, besides our own; several with several flags or commas
    #[arg(long, env = "INTERCOM_ALLOWED_ORIGIN", value_name = "URL", value_delimiter = ',')]
    allowed_origin: Vec<WebOrigin>,

    /// What clients without a login may do
    #[arg(long, env = "INTERCOM_ANONYMOUS", value_name = "LEVEL", default_value = "deny")]
    anonymous: Level,

    /// What programs on this machine may do without TLS on the main port
    #[arg(long, env = "INTERCOM_LOCAL_PEERS", value_name = "LEVEL", default_value = "deny")]
    local_peers: Level,

    /// Who may make an account without being asked
    #[arg(long, env = "INTERCOM_REGISTRATION", value_name = "WHO", default_value = "closed")]
    registration: Registration,

    /// What happens when a person logs in while logged in; devices always may
    #[arg(long, env = "INTERCOM_SECOND_LOGIN", value_name = "WHAT", default_value = "allow")]
    second_login: SecondLoginArg,

    /// STUN server for clients, stun:HOST:PORT; several with several flags or commas
    #[arg(long, env = "INTERCOM_STUN_SERVER", value_name = "URL", value_delimiter = ',',
          value_parser = ice::stun_url)]
    stun_server: Vec<String>,

    /// TURN server for clients, turn:HOST:PORT or turns:HOST:PORT; several with several flags or commas
    #[arg(long, env = "INTERCOM_TURN_SERVER", value_name = "URL", value_delimiter = ',',
          value_parser = ice::turn_url)]
    turn_server: Vec<String>,

    /// File with the secret that the TURN server has as static-auth-secret
    #[arg(long, env = "INTERCOM_TURN_SECRET_FILE", value_name = "FILE")]
    turn_secret_file: Option<PathBuf>,

    /// A port of its own for clients of GStreamer's examples (HELLO, SESSION, ROOM): TLS, and plain text for this machine
    #[arg(long, env = "INTERCOM_SIMPLE", value_name = "ADDR", value_parser = address)]
    simple: Option<SocketAddr>,

    /// As whom its clients come in, also on /simple of the main port: off, local, token, account:NAME
    #[arg(long, env = "INTERCOM_SIMPLE_LOGIN", value_name = "WHO", default_value_t)]
    simple_login: OldLogin,

    /// Take plain text from other machines on that port
    #[arg(long, env = "INTERCOM_SIMPLE_PLAIN")]
    simple_plain: bool,

    /// A port for programs that speak roomrtc: TLS, and lines in it
    #[arg(long, env = "INTERCOM_ROOMRTC", value_name = "ADDR", value_parser = address)]
    roomrtc: Option<SocketAddr>,

    /// A port of its own for one browser and one program that meet under a name: TLS, and plain text for this machine
    #[arg(long, env = "INTERCOM_RELAY", value_name = "ADDR", value_parser = address)]
    relay: Option<SocketAddr>,

    /// As whom its clients come in, also on /relay of the main port: off, local, token, account:NAME
    #[arg(long, env = "INTERCOM_RELAY_LOGIN", value_name = "WHO", default_value_t)]
    relay_login: OldLogin,

    /// Take plain text from other machines on that port
    #[arg(long, env = "INTERCOM_RELAY_PLAIN")]
    relay_plain: bool,

    /// How many clients may be connected at a time
    #[arg(long, env = "INTERCOM_MAX_CLIENTS", value_name = "N", default_value_t = 1000,
          allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_clients: u32,

    /// Its log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Everything the server needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Main port.
    pub listen: SocketAddr,
    /// Port without TLS.
    pub plain: Option<SocketAddr>,
    /// Where the server keeps what it makes.
    pub data_dir: PathBuf,
    /// A certificate from elsewhere; `None` for one by our own CA.
    pub identity: Option<Identity>,
    /// Origins besides our own.
    pub allowed_origins: Vec<url::Origin>,
    /// What clients without a login may do.
    pub anonymous: Level,
    /// What programs on this machine may do without TLS.
    pub local_peers: Level,
    /// Who may make an account without being asked.
    pub registration: Registration,
    /// What happens when a person logs in while logged in.
    pub second_login: SecondLogin,
    /// STUN and TURN servers for clients.
    pub ice: Ice,
    /// Ports of their own for old dialects.
    pub old_ports: OldPorts,
    /// Port of roomrtc.
    pub roomrtc: Option<SocketAddr>,
    /// How clients of simple come in.
    pub simple: OldDoor,
    /// How clients of relay come in.
    pub relay: OldDoor,
    /// How many may be connected.
    pub max_clients: u32,
    /// Pings and deadlines of a connection.
    pub timing: Timing,
}

/// Ports of their own for dialects that have no login.
#[derive(Clone, Copy, Debug, Default)]
pub struct OldPorts {
    /// HELLO, SESSION, ROOM.
    pub simple: Option<SocketAddr>,
    /// One browser, one program.
    pub relay: Option<SocketAddr>,
}

/// Settings that do not go together.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Its parts alone.
    #[error("--key and --cert-password-file go with --cert")]
    CertMissing,
    /// A PEM certificate alone.
    #[error("--cert needs --key as well, unless it is a .p12 file")]
    KeyMissing,
    /// A `.p12` file has its key inside.
    #[error("--key does not go with a .p12 file, which has its key inside")]
    KeyTwice,
    /// Only `.p12` files have one.
    #[error("--cert-password-file goes with a .p12 file; a PEM key must be unencrypted")]
    PasswordForPem,
    /// A port on which nobody would be let in.
    #[error("--{0} needs --{0}-login: local, token or account:NAME")]
    NoOldLogin(&'static str),
    /// Plain text on no port.
    #[error("--{0}-plain goes with --{0}")]
    NoOldPort(&'static str),
    /// STUN and TURN servers.
    #[error(transparent)]
    Ice(#[from] IceError),
    /// No flag, and nothing to derive it from.
    #[error("say where to keep data: --data-dir DIR (neither STATE_DIRECTORY nor HOME is set)")]
    NoDataDir,
}

impl Config {
    /// The defaults of the command line, except for what every installation must choose.
    pub fn new(listen: SocketAddr, data_dir: PathBuf) -> Self {
        Self {
            listen,
            plain: None,
            data_dir,
            identity: None,
            allowed_origins: Vec::new(),
            anonymous: Level::Deny,
            local_peers: Level::Deny,
            registration: Registration::default(),
            second_login: SecondLogin::default(),
            ice: Ice::default(),
            old_ports: OldPorts::default(),
            roomrtc: None,
            simple: OldDoor::default(),
            relay: OldDoor::default(),
            max_clients: 1000,
            timing: Timing::default(),
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits { second_login: self.second_login, ..Limits::default() }
    }

    /// Who may come in by a dialect without a login.
    pub(crate) fn old_doors(&self) -> OldDoors {
        OldDoors { simple: self.simple.clone(), relay: self.relay.clone() }
    }

    /// Who may connect.
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            anonymous: self.anonymous,
            local_peers: self.local_peers,
            allowed_origins: self.allowed_origins.clone(),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new((Ipv6Addr::UNSPECIFIED, 8443).into(), "var".into())
    }
}

impl TryFrom<Serve> for Config {
    type Error = ConfigError;

    fn try_from(args: Serve) -> Result<Self, ConfigError> {
        let data_dir = args.data_dir.or_else(default_data_dir).ok_or(ConfigError::NoDataDir)?;
        Ok(Self {
            listen: args.listen,
            plain: args.plain,
            data_dir,
            identity: identity(args.cert, args.key, args.cert_password_file)?,
            allowed_origins: args.allowed_origin.into_iter().map(|WebOrigin(url)| url).collect(),
            anonymous: args.anonymous,
            local_peers: args.local_peers,
            registration: args.registration,
            second_login: args.second_login.into(),
            ice: Ice::read(args.stun_server, args.turn_server, args.turn_secret_file.as_deref())?,
            old_ports: OldPorts { simple: args.simple, relay: args.relay },
            roomrtc: args.roomrtc,
            simple: old_door("simple", args.simple, args.simple_login, args.simple_plain)?,
            relay: old_door("relay", args.relay, args.relay_login, args.relay_plain)?,
            max_clients: args.max_clients,
            timing: Timing::default(),
        })
    }
}

fn old_door(
    name: &'static str,
    port: Option<SocketAddr>,
    login: OldLogin,
    plain: bool,
) -> Result<OldDoor, ConfigError> {
    match port {
        Some(_) if login == OldLogin::Off => Err(ConfigError::NoOldLogin(name)),
        None if plain => Err(ConfigError::NoOldPort(name)),
        _ => Ok(OldDoor { login, plain }),
    }
}

fn identity(
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    password_file: Option<PathBuf>,
) -> Result<Option<Identity>, ConfigError> {
    let Some(cert) = cert else {
        let is_alone = key.is_some() || password_file.is_some();
        return if is_alone { Err(ConfigError::CertMissing) } else { Ok(None) };
    };
    let extension = cert.extension().unwrap_or_default();
    let is_p12 = extension.eq_ignore_ascii_case("p12") || extension.eq_ignore_ascii_case("pfx");
    match (is_p12, key, password_file) {
        (true, None, password_file) => Ok(Some(Identity::Pkcs12 { file: cert, password_file })),
        (true, Some(_), _) => Err(ConfigError::KeyTwice),
        (false, Some(key), None) => Ok(Some(Identity::Pem { cert, key })),
        (false, None, _) => Err(ConfigError::KeyMissing),
        (false, Some(_), Some(_)) => Err(ConfigError::PasswordForPem),
    }
}

/// systemd's state directory, else the user's (XDG base directory specification).
fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "an address looks like [::]:8443 or 192.168.1.2:8443, without a name")
}

fn default_data_dir() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("STATE_DIRECTORY")
        .or_else(|| set("XDG_DATA_HOME").map(|dir| dir.join("gst-intercom")))
        .or_else(|| set("HOME").map(|home| home.join(".local/share/gst-intercom")))
}

/// [`SecondLogin`] for the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum SecondLoginArg {
    /// The second is refused
    Refuse,
    /// The first is closed
    Replace,
    /// Both stay
    Allow,
}

impl From<SecondLoginArg> for SecondLogin {
    fn from(arg: SecondLoginArg) -> Self {
        match arg {
            SecondLoginArg::Refuse => Self::Refuse,
            SecondLoginArg::Replace => Self::Replace,
            SecondLoginArg::Allow => Self::Allow,
        }
    }
}

#[derive(Clone, Debug)]
struct WebOrigin(url::Origin);

impl FromStr for WebOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = "an origin looks like https://pages.example:8443";
        let url = Url::parse(text).map_err(|error| format!("{error}; {example}"))?;
        let is_origin = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty();
        if is_origin { Ok(Self(url.origin())) } else { Err(example.into()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(args: &[&str]) -> Result<Config, String> {
        let args = ["intercom-signaller", "serve", "--data-dir", "d"].iter().chain(args);
        let cli = Cli::try_parse_from(args).map_err(|error| error.to_string())?;
        let Command::Serve(serve) = cli.command else { panic!("not serve") };
        Config::try_from(*serve).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_open_by_default() {
        let config = parse(&[]).unwrap();
        assert_eq!(config.listen, "[::]:8443".parse().unwrap());
        assert_eq!((config.anonymous, config.local_peers), (Level::Deny, Level::Deny));
        assert!(config.plain.is_none() && config.allowed_origins.is_empty());
    }

    #[test]
    fn a_certificate_comes_with_its_key() {
        let pem = parse(&["--cert", "c.pem", "--key", "k.pem"]).unwrap();
        assert!(matches!(pem.identity, Some(Identity::Pem { .. })));
        let p12 = parse(&["--cert", "c.P12", "--cert-password-file", "p"]).unwrap();
        assert!(matches!(p12.identity, Some(Identity::Pkcs12 { .. })));
        for (args, fault) in [
            (&["--cert", "c.pem"][..], "--key"),
            (&["--key", "k.pem"], "--cert"),
            (&["--cert", "c.p12", "--key", "k.pem"], "inside"),
            (&["--cert", "c.pem", "--key", "k", "--cert-password-file", "p"], ".p12"),
        ] {
            let error = parse(args).unwrap_err();
            assert!(error.contains(fault), "{error}");
        }
    }

    #[test]
    fn a_port_without_a_login_of_its_own_says_who_may_use_it() {
        let config = parse(&["--simple", "[::]:8444", "--simple-login", "local"]).unwrap();
        assert_eq!(config.simple, OldDoor { login: OldLogin::Local, plain: false });
        assert_eq!(parse(&["--relay-login", "token"]).unwrap().relay.login, OldLogin::Token);
        for (args, fault) in [
            (&["--simple", "[::]:8444"][..], "--simple-login"),
            (&["--simple-login", "local", "--simple-plain"], "goes with --simple"),
            (&["--relay", "[::]:8445", "--relay-login", "off"], "--relay-login"),
            (&["--relay-login", "everybody"], "account:NAME"),
        ] {
            let error = parse(args).unwrap_err();
            assert!(error.contains(fault), "{error}");
        }
    }

    #[test]
    fn origins_are_origins() {
        let config = parse(&["--allowed-origin", "https://a.example,http://b.example:81"]).unwrap();
        assert_eq!(config.allowed_origins.len(), 2);
        for not in ["a.example", "https://a.example/path", "ftp://a.example", "https://u@a.example"]
        {
            assert!(parse(&["--allowed-origin", not]).is_err(), "{not}");
        }
    }
}
