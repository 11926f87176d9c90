//! The one task that owns the hub. It decides nothing itself and never waits for a peer.
//!
//! Order of work, again and again:
//! 1. wait for a command or for the hub's next deadline, whichever comes first;
//! 2. hand it to the hub;
//! 3. carry out all outputs, in their order: a notice goes into its connection's outbox, a close
//!    takes the outbox away and hands its connection the reason;
//! 4. tell the hub which outboxes overflowed, and go on at 3 until nothing is left.
//!
//! Commands come through one bounded queue in which connections wait in turn, so that a flood
//! delays its sender. Outboxes are bounded in number and bytes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use signaller_core::{
    CloseReason, ConnId, Hub, Identity, Input, Limits, Notice, Output, Payload, Refusal, Request,
    Rng,
};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, info};

/// Commands that wait for the hub.
const COMMANDS: usize = 256;
/// Notices that wait for one peer…
const OUTBOX_NOTICES: usize = 1024;
/// …and the bytes that they may have together, about.
const OUTBOX_BYTES: usize = 1024 * 1024;

/// How the rest of the server reaches the hub. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct HubHandle {
    commands: mpsc::Sender<Command>,
    next_conn: Arc<AtomicU64>,
}

/// A connection, as the hub knows it.
#[derive(Debug)]
pub(crate) struct Membership {
    pub(crate) conn: ConnId,
    pub(crate) inbox: Inbox,
    /// Resolves when the hub closes the connection.
    pub(crate) closed: oneshot::Receiver<CloseReason>,
}

/// What the hub tells a connection.
#[derive(Debug)]
pub(crate) struct Inbox {
    notices: mpsc::Receiver<Arc<Notice>>,
    waiting: Arc<AtomicUsize>,
}

/// How many there are of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Connected peers.
    pub peers: usize,
    /// Open sessions.
    pub sessions: usize,
}

/// The hub's task is gone: the server is at its end.
#[derive(Debug)]
pub(crate) struct HubGone;

enum Command {
    Connected { conn: ConnId, identity: Identity, outbox: Outbox },
    Disconnected { conn: ConnId },
    Request { conn: ConnId, request: Request },
    Count(oneshot::Sender<Counts>),
    Stop,
}

/// Starts the task. It ends with the last handle.
pub(crate) fn spawn(limits: Limits) -> HubHandle {
    let (commands, queue) = mpsc::channel(COMMANDS);
    let hub = Hub::new(limits, Rng::from_seed(rand::random()));
    tokio::spawn(HubTask { hub, outboxes: HashMap::new() }.run(queue));
    HubHandle { commands, next_conn: Arc::new(AtomicU64::new(1)) }
}

impl HubHandle {
    /// Makes a connection known. [`disconnect`](Self::disconnect) must follow.
    pub(crate) async fn connect(&self, identity: Identity) -> Result<Membership, HubGone> {
        let conn = ConnId(self.next_conn.fetch_add(1, Ordering::Relaxed));
        let (notices_in, notices) = mpsc::channel(OUTBOX_NOTICES);
        let (close, closed) = oneshot::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let outbox = Outbox { notices: notices_in, waiting: Arc::clone(&waiting), close };
        self.send(Command::Connected { conn, identity, outbox }).await?;
        Ok(Membership { conn, inbox: Inbox { notices, waiting }, closed })
    }

    pub(crate) async fn disconnect(&self, conn: ConnId) {
        // Without a hub there is nothing left to be told.
        let _ = self.send(Command::Disconnected { conn }).await;
    }

    pub(crate) async fn request(&self, conn: ConnId, request: Request) -> Result<(), HubGone> {
        self.send(Command::Request { conn, request }).await
    }

    /// Proof that the hub does its work.
    pub(crate) async fn count(&self) -> Result<Counts, HubGone> {
        let (answer, counts) = oneshot::channel();
        self.send(Command::Count(answer)).await?;
        counts.await.map_err(|_| HubGone)
    }

    /// Closes everybody, and whoever comes later.
    pub(crate) async fn stop(&self) {
        let _ = self.send(Command::Stop).await;
    }

    async fn send(&self, command: Command) -> Result<(), HubGone> {
        self.commands.send(command).await.map_err(|_| HubGone)
    }
}

impl Inbox {
    /// The next notice; `None` once the hub closed the connection and all was taken.
    pub(crate) async fn next(&mut self) -> Option<Arc<Notice>> {
        let notice = self.notices.recv().await?;
        self.taken(&notice);
        Some(notice)
    }

    /// The next notice if there is one already.
    pub(crate) fn try_next(&mut self) -> Option<Arc<Notice>> {
        let notice = self.notices.try_recv().ok()?;
        self.taken(&notice);
        Some(notice)
    }

    fn taken(&self, notice: &Notice) {
        self.waiting.fetch_sub(weight(notice), Ordering::Relaxed);
    }
}

struct HubTask {
    hub: Hub,
    outboxes: HashMap<ConnId, Outbox>,
}

struct Outbox {
    notices: mpsc::Sender<Arc<Notice>>,
    waiting: Arc<AtomicUsize>,
    close: oneshot::Sender<CloseReason>,
}

enum Full {
    Overflowed,
    Gone,
}

impl HubTask {
    async fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        loop {
            let deadline = self.hub.poll_timeout();
            tokio::select! {
                biased;
                command = queue.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
                () = until(deadline) => self.handle(Input::Timeout),
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Connected { conn, identity, outbox } => {
                self.outboxes.insert(conn, outbox);
                self.handle(Input::Connected { conn, identity });
            }
            Command::Disconnected { conn } => {
                self.outboxes.remove(&conn);
                self.handle(Input::Disconnected { conn });
            }
            Command::Request { conn, request } => {
                self.handle(Input::Request { conn, request, tag: None });
            }
            Command::Count(answer) => {
                let counts =
                    Counts { peers: self.hub.peer_count(), sessions: self.hub.session_count() };
                let _ = answer.send(counts); // who asked may have given up
            }
            Command::Stop => self.handle(Input::Stopping),
        }
    }

    fn handle(&mut self, input: Input) {
        let now = Instant::now();
        let mut failed = Vec::new();
        self.hub.handle(now, input);
        loop {
            while let Some(output) = self.hub.poll_output() {
                self.carry_out(output, &mut failed);
            }
            let Some(input) = failed.pop() else { return };
            self.hub.handle(now, input);
        }
    }

    fn carry_out(&mut self, output: Output, failed: &mut Vec<Input>) {
        match output {
            Output::Notify { conn, notice, .. } => {
                log(conn, &notice);
                match self.outboxes.get(&conn).map(|outbox| outbox.put(notice)) {
                    Some(Err(Full::Overflowed)) => failed.push(Input::Overflowed { conn }),
                    Some(Err(Full::Gone)) => failed.push(Input::Disconnected { conn }),
                    Some(Ok(())) | None => {}
                }
            }
            Output::Close { conn, reason } => {
                if let Some(outbox) = self.outboxes.remove(&conn) {
                    let _ = outbox.close.send(reason); // it may be closing by itself
                }
            }
            // No connection has a peer id or an account of its own before there are logins.
            Output::Probe { .. } | Output::Record(_) => {}
        }
    }
}

impl Outbox {
    fn put(&self, notice: Arc<Notice>) -> Result<(), Full> {
        let weight = weight(&notice);
        let before = self.waiting.fetch_add(weight, Ordering::Relaxed);
        // One notice alone may be as long as it needs to be: a list of very many peers.
        if before > 0 && before + weight > OUTBOX_BYTES {
            return Err(Full::Overflowed);
        }
        self.notices.try_send(notice).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Full::Overflowed,
            mpsc::error::TrySendError::Closed(_) => Full::Gone,
        })
    }
}

/// About how many bytes a notice keeps in memory.
fn weight(notice: &Notice) -> usize {
    let text = match notice {
        Notice::Relayed {
            payload: Payload::Offer(text) | Payload::Answer(text) | Payload::Candidate(text),
            ..
        } => text.len(),
        Notice::SessionRequested { offer, .. } => offer.as_ref().map_or(0, |offer| offer.len()),
        Notice::SessionEnded { error, .. } => error.as_ref().map_or(0, |error| error.len()),
        Notice::StatusChanged { status, .. } => status.meta.as_ref().map_or(0, |meta| meta.len()),
        Notice::Producers(peers) | Notice::Consumers(peers) => {
            let metas = peers.iter().filter_map(|listed| listed.status.meta.as_ref());
            metas.map(|meta| meta.len()).sum::<usize>() + 64 * peers.len()
        }
        Notice::Accounts(accounts) => 128 * accounts.len(),
        Notice::Snapshot(snapshot) => 128 * snapshot.accounts.len() + 16 * snapshot.sessions.len(),
        _ => 0,
    };
    text + 128
}

/// Never what a session says, only that it begins and ends.
fn log(conn: ConnId, notice: &Notice) {
    match notice {
        Notice::Welcome { peer } => info!(conn = conn.0, %peer, "peer connected"),
        Notice::SessionStarted { peer, session } => {
            info!(conn = conn.0, %session, producer = %peer, "session started");
        }
        Notice::SessionEnded { session, error } => {
            info!(conn = conn.0, %session, failed = error.is_some(), "session ended");
        }
        // Its words quote what could not be read, and that may be a description.
        Notice::Refused(Refusal::Unreadable(_)) => debug!(conn = conn.0, "unreadable message"),
        Notice::Refused(refusal) => debug!(conn = conn.0, %refusal, "refused"),
        _ => {}
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
