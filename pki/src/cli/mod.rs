//! The command line: arguments into types, types into calls, results into lines.
//!
//! Results go to stdout, warnings and errors to stderr, an error as one line. Makes nothing by
//! itself: that is the library's.

mod describe;
mod trust;

use std::fmt::Write;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use intercom_pki::rotation::{self, Next, RotateError};
use intercom_pki::{
    Authority, CaName, CertificateError, Change, DnsName, Due, Encryption, EnsureError, Files,
    Host, InitError, IpRange, IssueError, Leaf, Limits, OpenError, P12Error, RenewError, Root,
    hosts, parse_ip, renew_server, write_p12,
};
use intercom_settings::secret;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use trust::Trust;

/// The custom CA of an intercom: browsers and phones trust it once.
#[derive(Debug, Parser)]
#[command(name = "intercom-pki", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes a CA: ca.pem to be trusted by browsers and phones, ca.key to be kept.
    ///
    /// It may vouch for localhost, local, home.arpa, internal, lan and this machine's short name,
    /// each with all under it, and for loopback, private, link-local and unique local addresses.
    /// What else it is to vouch for must be said now: it cannot be added later.
    Init(Init),
    /// Issues the server's certificate: server.pem and server.key.
    ///
    /// Without --name and --ip, for all that this machine is called.
    Server(Server),
    /// Issues the server's certificate again with the same names, also after its end.
    Renew(Renew),
    /// Writes the server's certificate, its CA's and its key to one PKCS #12 file.
    ///
    /// The password is the first line of a file or of stdin; without one it is empty.
    P12(P12),
    /// Shows the CA and the server's certificate.
    Show(Show),
    /// Makes this machine trust the CA: its own store, Chromium's, and every Firefox profile's.
    Trust(Trust),
    /// Makes this machine trust the CA no more.
    Untrust(Trust),
    /// Goes from this CA to a new one, with time for every device to learn the new one.
    #[command(subcommand)]
    Rotate(Rotate),
}

#[derive(Debug, Subcommand)]
enum Rotate {
    /// Makes the next CA and hands out both; the old one goes on signing.
    ///
    /// It may vouch for all that the old one may, and for what is said here.
    Begin(Init),
    /// Lets the next CA sign: when every device trusts it.
    Finish(Dir),
    /// Goes one step back: to the old CA after `finish`, to no next CA after `begin`.
    Abort(Dir),
    /// Ends the rotation: forgets the old CA and destroys its key.
    Forget(Dir),
}

#[derive(Debug, Args)]
struct Dir {
    /// Directory of the CA's files
    #[arg(long, env = "INTERCOM_PKI_DIR", default_value = "./pki")]
    dir: PathBuf,
}

#[derive(Debug, Args)]
struct Init {
    #[command(flatten)]
    dir: Dir,
    /// One more domain it may vouch for, with all under it (repeatable)
    #[arg(long, env = "INTERCOM_PKI_DOMAIN", value_name = "DOMAIN", value_delimiter = ',')]
    domain: Vec<DnsName>,
    /// One more range of addresses it may vouch for, such as 203.0.113.0/24 (repeatable)
    #[arg(long, env = "INTERCOM_PKI_IP_RANGE", value_name = "CIDR", value_delimiter = ',')]
    ip_range: Vec<IpRange>,
    /// Its name in the lists of browsers and phones [default: Intercom CA HOST and six hex digits]
    #[arg(long, env = "INTERCOM_PKI_CA_NAME", value_name = "CN")]
    name: Option<CaName>,
}

#[derive(Debug, Args)]
struct Server {
    #[command(flatten)]
    dir: Dir,
    /// A name of the server (repeatable)
    #[arg(long, env = "INTERCOM_PKI_SERVER_NAME", value_name = "NAME", value_delimiter = ',')]
    name: Vec<DnsName>,
    /// An address of the server (repeatable)
    #[arg(
        long, env = "INTERCOM_PKI_SERVER_IP", value_name = "IP", value_delimiter = ',',
        value_parser = parse_ip
    )]
    ip: Vec<IpAddr>,
}

#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    dir: Dir,
}

#[derive(Debug, Args)]
struct Renew {
    #[command(flatten)]
    dir: Dir,
    /// Only if it ends within 30 days or does not fit its CA and key any more
    #[arg(long)]
    if_needed: bool,
}

#[derive(Debug, Args)]
struct P12 {
    #[command(flatten)]
    dir: Dir,
    /// The file to write [default: server.p12 in the directory]
    #[arg(long, env = "INTERCOM_PKI_P12_OUT", value_name = "FILE")]
    out: Option<PathBuf>,
    /// File with its password, - for stdin
    #[arg(long, env = "INTERCOM_PKI_P12_PASSWORD_FILE", value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// How it is encrypted
    #[arg(
        long,
        env = "INTERCOM_PKI_P12_ENCRYPTION",
        value_name = "CIPHER",
        default_value = "aes256"
    )]
    encryption: Cipher,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Cipher {
    /// AES-256: OpenSSL, Windows 10 and newer, Java, this project
    Aes256,
    /// Triple DES: macOS, older Windows and Android
    #[value(name = "3des")]
    TripleDes,
}

/// What a command has to say.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// For stdout, whole lines.
    pub(crate) text: String,
    /// For stderr, a line each.
    pub(crate) warnings: Vec<String>,
    /// What could not be done beside what could, for stderr, a line each.
    pub(crate) errors: Vec<String>,
}

impl From<String> for Output {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

/// Does what the arguments say.
pub(crate) fn run(cli: Cli) -> Result<Output, CliError> {
    match cli.command {
        Command::Init(args) => init(args),
        Command::Server(args) => server(args),
        Command::Renew(args) => renew(&args),
        Command::P12(args) => p12(&args),
        Command::Show(args) => show(&args.dir.dir),
        Command::Trust(args) => trust::trust(&args),
        Command::Untrust(args) => trust::untrust(&args),
        Command::Rotate(step) => rotate(step),
    }
}

fn init(args: Init) -> Result<Output, CliError> {
    let limits = Limits::for_this_machine();
    let limits = args.domain.into_iter().fold(limits, Limits::with_domain);
    let limits = args.ip_range.into_iter().fold(limits, Limits::with_range);
    let dir = &args.dir.dir;
    let authority = match &args.name {
        Some(name) => Authority::init_as(dir, &limits, name)?,
        None => Authority::init(dir, &limits)?,
    };
    let files = authority.files();
    let mut text = describe::root(files, authority.root());
    let _ = writeln!(text, "trust {}, keep {} secret", files.ca.display(), files.ca_key.display());
    Ok(text.into())
}

fn server(args: Server) -> Result<Output, CliError> {
    let authority = Authority::open(&args.dir.dir)?;
    let (mut names, mut ips, mut left_out) = (args.name, args.ip, Vec::new());
    if names.is_empty() && ips.is_empty() {
        for host in hosts().map_err(EnsureError::Addresses)? {
            match host {
                host if !authority.root().limits.allows(&host) => left_out.push(host),
                Host::Name(name) => names.push(name),
                Host::Ip(ip) => ips.push(ip),
            }
        }
    }
    let leaf = authority.issue_server(&names, &ips)?;
    let text = describe::leaf(authority.files(), authority.root(), authority.other(), &leaf);
    Ok(Output { warnings: warnings(&left_out), ..text.into() })
}

fn renew(args: &Renew) -> Result<Output, CliError> {
    let due = if args.if_needed { Due::IfNeeded } else { Due::Now };
    let renewed = renew_server(&args.dir.dir, due)?;
    let mut text = match renewed.change {
        Change::Kept => "not needed yet\n".to_owned(),
        Change::Issued | Change::MadeCa => String::new(),
    };
    text += &describe::leaf(&renewed.files, &renewed.root, renewed.other.as_ref(), &renewed.leaf);
    Ok(Output { warnings: warnings(&renewed.lacking), ..text.into() })
}

fn p12(args: &P12) -> Result<Output, CliError> {
    let password = args.password_file.as_deref().map(read_password).transpose()?;
    let password = password.unwrap_or_default();
    let password = password.expose_secret();
    let out = args.out.clone().unwrap_or_else(|| args.dir.dir.join("server.p12"));
    let encryption = match args.encryption {
        Cipher::Aes256 => Encryption::Aes256,
        Cipher::TripleDes => Encryption::TripleDes,
    };
    write_p12(&args.dir.dir, &out, password, encryption)?;
    let with = if password.is_empty() { "an empty password" } else { "the given password" };
    Ok(format!("wrote {} with {with}\n", out.display()).into())
}

fn read_password(file: &Path) -> Result<SecretString, CliError> {
    let line = match file {
        stdin if stdin == Path::new("-") => secret::first_line(io::stdin()),
        file => secret::from_file(file),
    };
    line.map_err(|source| CliError::Password { file: file.to_owned(), source })
}

fn rotate(step: Rotate) -> Result<Output, CliError> {
    match step {
        Rotate::Begin(args) => {
            let next = Next { domains: args.domain, ranges: args.ip_range, name: args.name };
            let authority = rotation::begin(&args.dir.dir, next)?;
            describe(
                &authority,
                "now let every device trust the next CA, then `intercom-pki rotate finish`",
            )
        }
        Rotate::Finish(dir) => {
            let authority = rotation::finish(&dir.dir)?;
            describe(
                &authority,
                "when all is well `intercom-pki rotate forget`, if not `intercom-pki rotate abort`",
            )
        }
        Rotate::Abort(dir) => describe(&rotation::abort(&dir.dir)?, "that was one step back"),
        Rotate::Forget(dir) => describe(&rotation::forget(&dir.dir)?, "the rotation has ended"),
    }
}

fn describe(authority: &Authority, last: &str) -> Result<Output, CliError> {
    let mut output = show(&authority.files().dir)?;
    let _ = writeln!(output.text, "{last}");
    Ok(output)
}

fn show(dir: &Path) -> Result<Output, CliError> {
    let files = Files::of(dir);
    let (root, others) = Root::read_with_others(&files.ca).map_err(CliError::ca)?;
    let mut text = describe::root(&files, &root);
    text.extend(others.iter().map(describe::other));
    match Leaf::read(&files.server) {
        Ok(leaf) => text += &describe::leaf(&files, &root, others.first(), &leaf),
        Err(CertificateError::Missing(_)) => text += "server       none yet\n",
        Err(error) => return Err(error.into()),
    }
    Ok(text.into())
}

fn warnings(left_out: &[Host]) -> Vec<String> {
    let warning = |host: &Host| format!("left out {host}: this CA may not vouch for it");
    left_out.iter().map(warning).collect()
}

/// A command failed.
#[derive(Debug, Error)]
pub(crate) enum CliError {
    #[error("there is no {}: make a CA with `intercom-pki init`, or say where it is with --dir", .0.display())]
    NoCa(PathBuf),
    #[error("cannot read the password in {}: {source}", file.display())]
    Password { file: PathBuf, source: io::Error },
    #[error("HOME is not set, so there is no telling where browsers keep what they trust")]
    NoHome,
    #[error(transparent)]
    Init(#[from] InitError),
    #[error(transparent)]
    Open(OpenError),
    #[error(transparent)]
    Issue(#[from] IssueError),
    #[error(transparent)]
    Renew(RenewError),
    #[error(transparent)]
    Rotate(RotateError),
    #[error(transparent)]
    P12(#[from] P12Error),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Hosts(#[from] EnsureError),
}

impl From<OpenError> for CliError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Certificate(error) => Self::ca(error),
            error => Self::Open(error),
        }
    }
}

impl From<RenewError> for CliError {
    fn from(error: RenewError) -> Self {
        match error {
            RenewError::Open(error) => error.into(),
            error => Self::Renew(error),
        }
    }
}

impl From<RotateError> for CliError {
    fn from(error: RotateError) -> Self {
        match error {
            RotateError::Open(error) => error.into(),
            error => Self::Rotate(error),
        }
    }
}

impl CliError {
    fn ca(error: CertificateError) -> Self {
        match error {
            CertificateError::Missing(path) => Self::NoCa(path),
            error => error.into(),
        }
    }

    /// 2 for what the arguments ask for, 1 for what the machine refuses.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::NoCa(_) | Self::Init(InitError::Exists(_)) => 2,
            Self::Issue(IssueError::Outside { .. } | IssueError::Nothing) => 2,
            Self::Renew(RenewError::NoServer(_)) => 2,
            Self::P12(P12Error::NoServer(_) | P12Error::Own(_)) => 2,
            Self::Password { .. } => 2,
            Self::Rotate(
                RotateError::UnderWay
                | RotateError::NotForgotten
                | RotateError::NotBegun
                | RotateError::NotFinished,
            ) => 2,
            _ => 1,
        }
    }
}
