//! Settings → configuration → server → exit code.

use intercom_settings::fail;
use intercom_signaller::{PROGRAM, run};

fn main() {
    let ((config, log), settings) = PROGRAM.start(run::accept);
    let log = log.start();
    if let Err(error) = run::run(config, settings, log) {
        fail(&error, error.exit_code());
    }
}
