//! `intercom-consumer`: settings → playing and recording → exit code.

use intercom_consumer::args::{Args, PROGRAM};
use intercom_settings::fail;

fn main() {
    let (args, settings) = PROGRAM.start(Args::accept);
    let log = args.server.log.start();
    if let Err(error) = intercom_media::init() {
        fail(&error, 1);
    }
    if let Err(error) = intercom_consumer::run(args, settings, log) {
        fail(&error, error.code());
    }
}
