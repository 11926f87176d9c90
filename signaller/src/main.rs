//! Settings → configuration → server, or a command about accounts → exit code.

use intercom_settings::fail;
use intercom_signaller::run::Task;
use intercom_signaller::{PROGRAM, accounts, run};

fn main() {
    let (task, settings) = PROGRAM.start(run::accept);
    let (config, log) = match task {
        Task::Serve(config, log) => (*config, log.start()),
        Task::Manage(command) => {
            return accounts::run(command).unwrap_or_else(|error| fail(&error, error.exit_code()));
        }
    };
    if let Err(error) = run::run(config, settings, log) {
        fail(&error, error.exit_code());
    }
}
