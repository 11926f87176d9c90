//! Settings → configuration → server → exit code.

use intercom_settings::fail;
use intercom_signaller::{Cli, Command, Config, PROGRAM, run};

fn main() {
    let (cli, settings) = PROGRAM.start::<Cli>(run::check);
    let Command::Serve(serve) = cli.command;
    let log = serve.log.start();
    let config = Config::try_from(serve).unwrap_or_else(|error| fail(&error, 2));
    if let Err(error) = run::run(config, settings, log) {
        fail(&error, error.exit_code());
    }
}
