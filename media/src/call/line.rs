//! The connection that rings: a client of the signaller with a runtime of its own, read from the
//! main loop.

use std::time::Duration;

use intercom_client::{Client, Config, Event, PermanentError};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::mpsc::{Receiver, channel},
    task::JoinHandle,
    time::timeout,
};

use crate::{cli::ServerArgs, run::RunError};

/// Events that wait for the main loop.
const WAITING: usize = 64;

/// How long hanging up and saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// A connection of an account that can be rung.
#[derive(Debug)]
pub struct Line {
    client: Client,
    runtime: Runtime,
    finished: JoinHandle<()>,
}

impl Line {
    /// Begins to connect, as this installation of the account. The events are for
    /// [`Phone::attend`](super::Phone::attend).
    ///
    /// # Errors
    /// The token or the name of the installation cannot be used, or there is no thread.
    pub fn open(
        server: &ServerArgs,
        instance: Option<&str>,
    ) -> Result<(Self, Receiver<Event>), RunError> {
        let config = config(server, instance).map_err(|error| other(&error))?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| other(&error))?;
        let (client, mut events) = Client::spawn(config, runtime.handle());
        let (sender, receiver) = channel(WAITING);
        let finished = runtime.spawn(async move {
            while let Some(event) = events.next().await {
                // Nobody listens any more: what is left is only the goodbye.
                let _ = sender.send(event).await;
            }
        });
        Ok((Self { client, runtime, finished }, receiver))
    }

    /// What commands go to.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// What its tasks run on.
    pub(crate) fn runtime(&self) -> &Handle {
        self.runtime.handle()
    }

    /// Hangs up and says goodbye; a second at most.
    pub fn close(self) {
        self.client.close();
        let Self { runtime, finished, .. } = self;
        if runtime.block_on(async { timeout(GOODBYE, finished).await }).is_err() {
            tracing::debug!("the server did not take our goodbye");
        }
    }
}

fn config(server: &ServerArgs, instance: Option<&str>) -> Result<Config, PermanentError> {
    let instance = instance.map(str::parse).transpose()?;
    Ok(Config { instance, calls: true, ..server.client()? })
}

fn other(error: &dyn std::fmt::Display) -> RunError {
    RunError::Other(error.to_string())
}
