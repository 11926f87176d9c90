//! The command line: arguments into types, types into calls, results into lines.
//!
//! Results go to stdout, warnings and errors to stderr, an error as one line. Makes nothing by
//! itself: that is the library's.

use std::fmt::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use intercom_pki::{
    Authority, CaName, CertificateError, DnsName, EnsureError, Files, Host, InitError, IpRange,
    IssueError, Leaf, Limits, OpenError, Root, hosts, parse_ip,
};
use thiserror::Error;
use time::OffsetDateTime;

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
    /// Shows the CA and the server's certificate.
    Show(Show),
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

/// What a command has to say.
pub(crate) struct Output {
    /// For stdout, whole lines.
    pub(crate) text: String,
    /// For stderr, a line each.
    pub(crate) warnings: Vec<String>,
}

/// Does what the arguments say.
pub(crate) fn run(cli: Cli) -> Result<Output, CliError> {
    match cli.command {
        Command::Init(args) => init(args),
        Command::Server(args) => server(args),
        Command::Show(args) => show(&args.dir.dir),
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
    let mut text = describe_root(authority.files(), authority.root());
    let files = authority.files();
    let _ = writeln!(text, "trust {}, keep {} secret", files.ca.display(), files.ca_key.display());
    Ok(Output { text, warnings: Vec::new() })
}

fn server(args: Server) -> Result<Output, CliError> {
    let authority = Authority::open(&args.dir.dir)?;
    let (mut names, mut ips, mut warnings) = (args.name, args.ip, Vec::new());
    if names.is_empty() && ips.is_empty() {
        for host in hosts().map_err(EnsureError::Addresses)? {
            match host {
                host if !authority.root().limits.allows(&host) => {
                    warnings.push(format!("left out {host}: this CA may not vouch for it"));
                }
                Host::Name(name) => names.push(name),
                Host::Ip(ip) => ips.push(ip),
            }
        }
    }
    let leaf = authority.issue_server(&names, &ips)?;
    Ok(Output { text: describe_leaf(authority.files(), authority.root(), &leaf), warnings })
}

fn show(dir: &Path) -> Result<Output, CliError> {
    let files = Files::of(dir);
    let root = Root::read(&files.ca).map_err(|error| match error {
        CertificateError::Missing(path) => CliError::NoCa(path),
        error => error.into(),
    })?;
    let mut text = describe_root(&files, &root);
    match Leaf::read(&files.server) {
        Ok(leaf) => text += &describe_leaf(&files, &root, &leaf),
        Err(CertificateError::Missing(_)) => text += "server       none yet\n",
        Err(error) => return Err(error.into()),
    }
    Ok(Output { text, warnings: Vec::new() })
}

fn describe_root(files: &Files, root: &Root) -> String {
    let key =
        if files.ca_key.exists() { files.ca_key.display().to_string() } else { "not here".into() };
    lines(&[
        ("CA", files.ca.display().to_string()),
        ("  subject", root.subject.clone()),
        ("  valid", validity(root.not_before, root.not_after)),
        ("  sha-256", root.fingerprint.to_string()),
        ("  key", key),
        ("  names", joined(root.limits.domains())),
        ("  addresses", joined(root.limits.ranges())),
    ])
}

fn describe_leaf(files: &Files, root: &Root, leaf: &Leaf) -> String {
    let issuer = if leaf.is_signed_by(root) { "this CA" } else { "another CA" };
    lines(&[
        ("server", files.server.display().to_string()),
        ("  issued by", issuer.to_owned()),
        ("  valid", validity(leaf.not_before, leaf.not_after)),
        ("  sha-256", leaf.fingerprint.to_string()),
        ("  names", joined(&leaf.names)),
        ("  addresses", joined(&leaf.ips)),
    ])
}

fn lines(lines: &[(&str, String)]) -> String {
    lines.iter().map(|(what, value)| format!("{what:<12} {value}\n")).collect()
}

fn joined<T: ToString>(items: &[T]) -> String {
    if items.is_empty() {
        return "none".to_owned();
    }
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn validity(from: OffsetDateTime, to: OffsetDateTime) -> String {
    let left = (to - OffsetDateTime::now_utc()).whole_days();
    let left = if to <= OffsetDateTime::now_utc() {
        format!("expired {} days ago", -left)
    } else {
        format!("{left} days left")
    };
    format!("{} to {}, {left}", from.date(), to.date())
}

/// A command failed.
#[derive(Debug, Error)]
pub(crate) enum CliError {
    #[error("there is no {}: make a CA with `intercom-pki init`, or say where it is with --dir", .0.display())]
    NoCa(PathBuf),
    #[error(transparent)]
    Init(#[from] InitError),
    #[error(transparent)]
    Open(OpenError),
    #[error(transparent)]
    Issue(#[from] IssueError),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Hosts(#[from] EnsureError),
}

impl From<OpenError> for CliError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Certificate(CertificateError::Missing(path)) => Self::NoCa(path),
            error => Self::Open(error),
        }
    }
}

impl CliError {
    /// 2 for what the arguments ask for, 1 for what the machine refuses.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::NoCa(_) | Self::Init(InitError::Exists(_)) => 2,
            Self::Issue(IssueError::Outside { .. } | IssueError::Nothing) => 2,
            _ => 1,
        }
    }
}
