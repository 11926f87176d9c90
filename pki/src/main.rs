//! `intercom-pki`: arguments → library → exit code. 2 is for what the arguments ask for, 1 for
//! what the machine refuses.

mod cli;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::cli::{Cli, Output};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    match cli::run(cli) {
        Ok(output) => print(&output),
        Err(error) => {
            eprintln!("intercom-pki: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn print(output: &Output) -> ExitCode {
    for warning in &output.warnings {
        eprintln!("intercom-pki: {warning}");
    }
    match io::stdout().write_all(output.text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE, // nobody is listening
    }
}

/// Help and version as clap prints them, a wrong argument as one line.
fn explain(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            print(&Output { text, warnings: Vec::new() })
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            eprint!("{text}");
            ExitCode::from(2)
        }
        _ => {
            let line = text.lines().next().unwrap_or_default();
            eprintln!("intercom-pki: {}", line.strip_prefix("error: ").unwrap_or(line));
            ExitCode::from(2)
        }
    }
}
