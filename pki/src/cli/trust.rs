//! `trust` and `untrust`: every store by itself, one line each.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use intercom_pki::trust::{Kind, Outcome, Store, TrustError, stores};
use intercom_pki::{Other, Root};

use super::{CliError, Dir, Output};

#[derive(Debug, Args)]
pub(super) struct Trust {
    #[command(flatten)]
    dir: Dir,
    /// The CA's certificate [default: ca.pem in the directory]
    #[arg(long, env = "INTERCOM_PKI_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// These stores only (repeatable)
    #[arg(long, env = "INTERCOM_PKI_ONLY", value_name = "STORE", value_delimiter = ',')]
    only: Vec<Only>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Only {
    /// The system's: curl, GStreamer, our programs
    System,
    /// Chromium, Chrome, Edge and Brave of this user
    Chromium,
    /// Every Firefox profile of this user
    Firefox,
}

impl From<Only> for Kind {
    fn from(only: Only) -> Self {
        match only {
            Only::System => Self::System,
            Only::Chromium => Self::Chromium,
            Only::Firefox => Self::Firefox,
        }
    }
}

/// What is asked of a store.
type Ask = fn(&Store, &Root) -> Result<Outcome, TrustError>;

/// All that signs now or will sign next.
pub(super) fn trust(args: &Trust) -> Result<Output, CliError> {
    let (root, more) = args.roots()?;
    let next = more.into_iter().filter(|other| matches!(other, Other::Next(_)));
    let roots: Vec<Root> = [root].into_iter().chain(next.map(Other::into_root)).collect();
    args.ask("trust", &roots, Store::trust)
}

/// All that the file holds.
pub(super) fn untrust(args: &Trust) -> Result<Output, CliError> {
    let (root, more) = args.roots()?;
    let more = more.into_iter().map(Other::into_root);
    let roots: Vec<Root> = [root].into_iter().chain(more).collect();
    args.ask("untrust", &roots, Store::untrust)
}

impl Trust {
    fn file(&self) -> PathBuf {
        self.ca.clone().unwrap_or_else(|| self.dir.dir.join("ca.pem"))
    }

    fn roots(&self) -> Result<(Root, Vec<Other>), CliError> {
        Root::read_with_others(&self.file()).map_err(CliError::ca)
    }

    fn ask(&self, command: &str, roots: &[Root], ask: Ask) -> Result<Output, CliError> {
        let home = std::env::home_dir().ok_or(CliError::NoHome)?;
        let mut output = Output::default();
        for root in roots {
            let _ = writeln!(output.text, "{}", root.common_name());
            for kind in self.kinds() {
                self.ask_kind(kind, &home, root, ask, command, &mut output);
            }
        }
        Ok(output)
    }

    fn kinds(&self) -> Vec<Kind> {
        if self.only.is_empty() {
            return Kind::ALL.to_vec();
        }
        self.only.iter().map(|only| Kind::from(*only)).collect()
    }

    fn ask_kind(
        &self,
        kind: Kind,
        home: &Path,
        root: &Root,
        ask: Ask,
        command: &str,
        output: &mut Output,
    ) {
        let mut say = |words: String| {
            let _ = writeln!(output.text, "  {:<9} {words}", kind.to_string());
        };
        if let Some(user) = browsers_of_another(kind) {
            return say(format!("left out: run this without sudo for the browsers of {user}"));
        }
        let stores = stores(kind, home);
        if stores.is_empty() {
            say(none(kind).to_owned());
        }
        for store in stores {
            let place = store.place().display();
            match ask(&store, root) {
                Ok(outcome) => say(format!("{place}: {outcome}")),
                Err(error) => {
                    say(format!("{place}: not done"));
                    output.errors.push(format!("{place}: {error}{}", self.remedy(command, &error)));
                }
            }
        }
    }

    fn remedy(&self, command: &str, error: &TrustError) -> String {
        let TrustError::NotRoot = error else { return String::new() };
        let file = std::path::absolute(self.file()).unwrap_or_else(|_| self.file());
        format!("; run `sudo intercom-pki {command} --only system --ca {}`", file.display())
    }
}

/// With sudo the home directory is root's, and so would be the browsers.
fn browsers_of_another(kind: Kind) -> Option<String> {
    let user = std::env::var("SUDO_USER").ok().filter(|user| user != "root")?;
    (kind != Kind::System).then_some(user)
}

fn none(kind: Kind) -> &'static str {
    match kind {
        Kind::System => "no store that this program knows: update-ca-certificates is not here",
        Kind::Chromium => "not here",
        Kind::Firefox => "no profile here: start it once, then run this again",
    }
}
