//! Arguments → configuration → server → exit code.

use std::io::{Write, stdout};
use std::process::ExitCode;

use clap::Parser;
use intercom_signaller::{Cli, Command, Config, Server, telemetry};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let Command::Serve(serve) = Cli::parse().command;
    if let Err(error) = telemetry::init(serve.log_format()) {
        return fail(&error, 2);
    }
    let config = match Config::try_from(serve) {
        Ok(config) => config,
        Err(error) => return fail(&error, 2),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, 1),
    };
    runtime.block_on(run(config))
}

async fn run(config: Config) -> ExitCode {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
        return fail(&"cannot listen to signals", 1);
    };
    let server = match Server::start(config).await {
        Ok(server) => server,
        Err(error) => return fail(&error, error.exit_code()),
    };
    for address in server.addresses() {
        // Nobody reading it is no reason to stop.
        let _ = writeln!(stdout(), "listening on {address}");
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    server.stop().await;
    ExitCode::SUCCESS
}

fn fail(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("intercom-signaller: {error}");
    ExitCode::from(code)
}
