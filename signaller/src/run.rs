//! The server from its start to a signal: says where it listens, reads its settings again on SIGHUP,
//! and keeps the service manager informed.

use std::io::{self, Write, stdout};
use std::time::Duration;

use intercom_settings::log::{Log, LogArgs};
use intercom_settings::{Settings, Terminal};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tracing::error;

use crate::accounts;
use crate::config::{Cli, Command, Config};
use crate::listen::tls;
use crate::service::Manager;
use crate::{Server, StartError};

/// What the command line asks for.
#[derive(Debug)]
pub enum Task {
    /// To serve, and to log.
    Serve(Box<Config>, LogArgs),
    /// Something about accounts.
    Manage(accounts::Command),
}

/// Why the server did not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The system refuses to tell of signals, or has no room for threads.
    #[error("cannot run: {0}")]
    System(#[from] io::Error),
}

impl RunError {
    /// 2 for what the owner has to set right, 1 for what may pass.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Start(error) => error.exit_code(),
            Self::System(_) => 1,
        }
    }
}

/// What the settings come to; a certificate from elsewhere is looked at, too.
///
/// # Errors
/// One line.
pub fn accept(cli: Cli) -> Result<Task, String> {
    if let Command::Manage(command) = cli.command {
        return Ok(Task::Manage(command));
    }
    let (config, log) = configure(cli)?;
    let loaded = config.identity.as_ref().map(tls::load).transpose();
    loaded.map(|_| Task::Serve(Box::new(config), log)).map_err(|error| error.to_string())
}

fn configure(cli: Cli) -> Result<(Config, LogArgs), String> {
    let Command::Serve(serve) = cli.command else { return Err("this is not serve".into()) };
    let log = serve.log.clone();
    Config::try_from(*serve).map(|config| (config, log)).map_err(|error| error.to_string())
}

/// Serves until SIGTERM, SIGINT, or the end of its terminal.
///
/// # Errors
/// See [`RunError`].
pub fn run(config: Config, settings: Settings, log: Log) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(config, settings, log))
}

async fn serve(config: Config, mut settings: Settings, log: Log) -> Result<(), RunError> {
    let terminal = Terminal::find();
    let mut signals = Signals::new()?;
    let server = Server::start(config).await?;
    for address in server.addresses() {
        // Nobody reading it is no reason to stop.
        let _ = writeln!(stdout(), "listening on {address}");
    }
    let manager = Manager::find();
    manager.ready();
    let mut ticks = manager.period.map(ticks);
    let mut certificates = JoinSet::new();
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
            _ = signals.hang_up.recv() => {
                if terminal.is_gone() {
                    break;
                }
                manager.reloading();
                reload(&server, &mut settings, &log);
                certificates.spawn(server.reload_certificate());
            }
            Some(reloaded) = certificates.join_next() => {
                if let Ok(Err(error)) = reloaded {
                    error!("the certificate stays as it is: {error}");
                }
                manager.ready();
            }
            () = next(&mut ticks) => {
                // A hub that does not answer in time is not reported as alive.
                let patience = manager.period.unwrap_or_default();
                if let Ok(Some(counts)) = timeout(patience, server.counts()).await {
                    manager.alive(counts);
                }
            }
        }
    }
    manager.stopping();
    server.stop().await;
    Ok(())
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }
}

/// Whatever cannot be used changes nothing. Nobody loses a connection.
fn reload(server: &Server, settings: &mut Settings, log: &Log) {
    settings.reload(configure, |(config, filter)| {
        server.apply(&config);
        log.follow(&filter);
    });
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// The next tick, if there are any.
async fn next(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => drop(ticks.tick().await),
        None => std::future::pending().await,
    }
}
