//! `intercom-pki`: arguments → library → exit code. 2 is for what the arguments ask for, 1 for
//! what the machine refuses.

mod cli;

use std::io::{self, Write};
use std::process::ExitCode;

use intercom_settings::{fail, flags};

use crate::cli::{Cli, Output};

fn main() -> ExitCode {
    match cli::run(flags::<Cli>()) {
        Ok(output) => print(&output),
        Err(error) => fail(&error, error.exit_code()),
    }
}

fn print(output: &Output) -> ExitCode {
    for warning in &output.warnings {
        eprintln!("warning: {warning}");
    }
    let printed = io::stdout().write_all(output.text.as_bytes());
    for error in &output.errors {
        eprintln!("error: {error}");
    }
    // Who does not listen has not been told either.
    if printed.is_ok() && output.errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
