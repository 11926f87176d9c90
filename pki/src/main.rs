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
    match io::stdout().write_all(output.text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE, // nobody is listening
    }
}
