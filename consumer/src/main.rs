//! `intercom-consumer`: command line → playing and recording → exit code.

use std::process::ExitCode;

use intercom_consumer::args::Args;
use intercom_media::cli;

fn main() -> ExitCode {
    let args: Args = cli::parse();
    args.server.start_log();
    if let Err(error) = intercom_media::init() {
        eprintln!("error: {error}");
        return ExitCode::from(1);
    }
    match intercom_consumer::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.code())
        }
    }
}
