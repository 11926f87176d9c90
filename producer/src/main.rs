//! `intercom-producer`: settings → pipeline → exit code.

use intercom_producer::args::{Args, PROGRAM};
use intercom_settings::fail;

fn main() {
    let (args, settings) = PROGRAM.start(Args::accept);
    let log = args.server.log.start();
    if let Err(error) = intercom_media::init() {
        fail(&error, 1);
    }
    if let Err(error) = intercom_producer::run(&args, settings, log) {
        fail(&error, error.code());
    }
}
