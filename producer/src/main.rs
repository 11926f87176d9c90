//! `intercom-producer`: command line → pipeline → exit code.

use std::process::ExitCode;

use intercom_media::cli;
use intercom_producer::args::Args;

fn main() -> ExitCode {
    let args: Args = cli::parse();
    args.server.start_log();
    if let Err(error) = intercom_media::init() {
        eprintln!("error: {error}");
        return ExitCode::from(1);
    }
    match intercom_producer::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.code())
        }
    }
}
