//! The client with its socket and its clock: one task that feeds [`State`] and does what it says.
//!
//! Every method of [`Client`] only queues, so that it may be called from any thread and under any
//! lock.

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use intercom_protocol::gst::SdpKind;
use intercom_protocol::intercom::{HangUpReason, Media, RejectReason};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::sleep_until;
use tokio_rustls::TlsConnector;

use crate::config::{Config, Instance, Login, ServerUri};
use crate::error::{Lost, PermanentError};
use crate::hello::handshake;
use crate::ids::{CallId, PeerId, SessionId};
use crate::private::Private;
use crate::socket::{ConnectError, Frame, Socket};
use crate::state::{Input, Output, State};
use crate::tls;
use crate::words::{Command, Event};

/// Events that the user has not taken yet before the socket is read no further.
const EVENTS: usize = 256;

/// The handle on a running client. Dropping the last one closes the client.
#[derive(Clone, Debug)]
pub struct Client {
    commands: mpsc::UnboundedSender<Command>,
}

/// A client that has not been started.
#[derive(Debug)]
pub struct Driver {
    commands: mpsc::UnboundedReceiver<Command>,
}

/// What the client tells. Ends when the client has finished.
#[derive(Debug)]
pub struct Events {
    events: mpsc::Receiver<Event>,
}

impl Client {
    /// A handle, and what [`Driver::start`]s it later: commands may be queued at once.
    pub fn new() -> (Self, Driver) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { commands: sender }, Driver { commands: receiver })
    }

    /// A running client.
    pub fn spawn(config: Config, runtime: &Handle) -> (Self, Events) {
        let (client, driver) = Self::new();
        (client, driver.start(config, runtime))
    }

    /// Sends a description to the other end of a session.
    pub fn describe(&self, session_id: SessionId, kind: SdpKind, sdp: String) {
        self.queue(Command::Describe { session_id, kind, sdp: Private::from(sdp) });
    }

    /// Sends a candidate to the other end of a session.
    pub fn add_candidate(&self, session_id: SessionId, candidate: String, sdp_m_line_index: u32) {
        let candidate = Private::from(candidate);
        self.queue(Command::Candidate { session_id, candidate, sdp_m_line_index });
    }

    /// Says that a session has ended here. No event follows.
    pub fn end_session(&self, session_id: SessionId) {
        self.queue(Command::End { session_id });
    }

    /// Ends a session at both ends, with a reason of one sentence; [`Event::SessionEnded`] follows
    /// if it was live.
    pub fn abort_session(&self, session_id: SessionId, reason: String) {
        self.queue(Command::Abort { session_id, reason });
    }

    /// Rings an account. See [`Command::Call`] and so on for what follows.
    pub fn call(&self, to: String, media: Media) {
        self.queue(Command::Call { to, media });
    }

    /// Accepts a ringing call.
    pub fn accept(&self, call: CallId, media: Media) {
        self.queue(Command::Accept { call, media });
    }

    /// Does not accept a ringing call.
    pub fn reject(&self, call: CallId, reason: RejectReason) {
        self.queue(Command::Reject { call, reason });
    }

    /// Ends a call, or cancels it while it rings.
    pub fn hang_up(&self, call: CallId, reason: HangUpReason) {
        self.queue(Command::HangUp { call, reason });
    }

    /// Names the producer that carries this side's media of an accepted call.
    pub fn attach_peer(&self, call: CallId, peer_id: PeerId) {
        self.queue(Command::AttachPeer { call, peer_id });
    }

    /// Tells the other side of a call what is sent from now on.
    pub fn update_call(&self, call: CallId, media: Media) {
        self.queue(Command::UpdateCall { call, media });
    }

    /// Asks which accounts there are.
    pub fn list_accounts(&self) {
        self.queue(Command::ListAccounts);
    }

    /// Asks for STUN and TURN servers.
    pub fn ask_ice_servers(&self) {
        self.queue(Command::AskIceServers);
    }

    /// As [`Self::close`], and the server keeps nothing for this client.
    pub fn log_out(&self) {
        self.queue(Command::LogOut);
    }

    /// Ends what is live, says goodbye and finishes within a second; then [`Events`] end.
    pub fn close(&self) {
        self.queue(Command::Close);
    }

    fn queue(&self, command: Command) {
        // Nobody listens any more once the client has finished, and nothing is to be done then.
        let _ = self.commands.send(command);
    }
}

impl Driver {
    /// Starts the client on `runtime`.
    pub fn start(self, config: Config, runtime: &Handle) -> Events {
        let (sender, receiver) = mpsc::channel(EVENTS);
        runtime.spawn(run(config, self.commands, sender));
        Events { events: receiver }
    }
}

impl Events {
    /// The next event; `None` when the client has finished.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// The same for a thread outside of any runtime.
    pub fn blocking_next(&mut self) -> Option<Event> {
        self.events.blocking_recv()
    }
}

async fn run(
    config: Config,
    commands: mpsc::UnboundedReceiver<Command>,
    events: mpsc::Sender<Event>,
) {
    let state = State::new(&config, rand::random());
    let commands = Some(commands);
    let task = Task { state, link: Link::Down, commands, events, untold: VecDeque::new() };
    match Endpoint::new(&config) {
        Ok(endpoint) => task.run(&Arc::new(endpoint)).await,
        Err(error) => task.tell(Event::Failed(error)).await,
    }
}

/// Where to connect, as whom, and whom to trust there.
pub(crate) struct Endpoint {
    server: ServerUri,
    connector: Option<TlsConnector>,
    login: Login,
    instance: Option<Instance>,
}

impl Endpoint {
    pub(crate) fn new(config: &Config) -> Result<Self, PermanentError> {
        let Config { server, trust, login, instance, .. } = config.clone();
        if login.is_somebody() && !server.is_secure() && !server.is_local() {
            return Err(PermanentError::Unencrypted(server.to_string()));
        }
        let connector = server.is_secure().then(|| tls::connector(&trust)).transpose()?;
        Ok(Self { server, connector, login, instance })
    }

    /// A connection that speaks the extension, if it is wanted and the server knows it.
    pub(crate) async fn open(&self) -> Result<Socket, ConnectError> {
        let open = async |extended| {
            let request = handshake(&self.server, &self.login, self.instance.as_ref(), extended)?;
            Socket::open(&self.server, request, self.connector.as_ref()).await
        };
        match open(self.login.is_somebody()).await {
            Err(ConnectError::NotExtended) => open(false).await,
            opened => opened,
        }
    }
}

struct Task {
    state: State,
    link: Link,
    /// `None` once nobody can say anything any more.
    commands: Option<mpsc::UnboundedReceiver<Command>>,
    events: mpsc::Sender<Event>,
    untold: VecDeque<Event>,
}

enum Link {
    Down,
    Opening(Pin<Box<dyn Future<Output = Result<Socket, ConnectError>> + Send>>),
    Up(Socket),
}

/// What woke the task.
enum Wake {
    Opened(Result<Socket, ConnectError>),
    Read(Result<Frame, Lost>),
    Command(Option<Command>),
    Told,
    Timeout,
}

impl Task {
    async fn run(mut self, endpoint: &Arc<Endpoint>) {
        self.state.handle(Instant::now(), Input::Start);
        loop {
            while let Some(output) = self.state.poll_output() {
                if self.perform(output, endpoint) {
                    return self.finish().await;
                }
            }
            let wake = self.wait().await;
            self.woken(wake);
        }
    }

    /// Does what the state says; `true` if that was the last thing.
    fn perform(&mut self, output: Output, endpoint: &Arc<Endpoint>) -> bool {
        match (output, &self.link) {
            (Output::Connect, _) => {
                let endpoint = endpoint.clone();
                self.link = Link::Opening(Box::pin(async move { endpoint.open().await }));
            }
            (Output::Drop, _) => self.link = Link::Down,
            (Output::Write(text), Link::Up(socket)) => socket.write(text),
            (Output::Ping, Link::Up(socket)) => socket.ping(),
            (Output::Write(_) | Output::Ping, _) => {}
            (Output::Event(event), _) => self.untold.push_back(event),
            (Output::Close, _) => return true,
        }
        false
    }

    async fn wait(&mut self) -> Wake {
        let deadline = self.state.poll_timeout();
        let has_news = !self.untold.is_empty();
        // Whoever does not listen is not read for either: the queue stays bounded.
        let may_read = self.untold.len() < EVENTS;
        tokio::select! {
            biased;
            permit = self.events.reserve(), if has_news => {
                if let (Ok(permit), Some(event)) = (permit, self.untold.pop_front()) {
                    permit.send(event);
                }
                Wake::Told
            }
            command = next(&mut self.commands) => Wake::Command(command),
            wake = self.link.next(), if may_read => wake,
            () = at(deadline) => Wake::Timeout,
        }
    }

    fn woken(&mut self, wake: Wake) {
        let now = Instant::now();
        match wake {
            Wake::Told => {}
            Wake::Opened(Ok(socket)) => {
                let extended = socket.is_extended();
                self.link = Link::Up(socket);
                self.state.handle(now, Input::Opened { extended });
            }
            Wake::Opened(Err(ConnectError::Lost(reason))) => {
                self.state.handle(now, Input::Lost(reason));
            }
            Wake::Opened(Err(ConnectError::NotExtended)) => {
                let reason = Lost::Protocol("the server knows no subprotocol".into());
                self.state.handle(now, Input::Lost(reason));
            }
            Wake::Opened(Err(ConnectError::Permanent(error))) => {
                self.state.handle(now, Input::Failed(error));
            }
            Wake::Read(Ok(Frame::Text(text))) => self.state.handle(now, Input::Text(&text)),
            Wake::Read(Ok(Frame::Other)) => self.state.handle(now, Input::Heard),
            Wake::Read(Err(reason)) => self.state.handle(now, Input::Lost(reason)),
            Wake::Command(command) => {
                let command = command.unwrap_or_else(|| {
                    self.commands = None;
                    Command::Close
                });
                self.state.handle(now, Input::Command(command));
            }
            Wake::Timeout => self.state.handle(now, Input::Timeout),
        }
    }

    async fn finish(mut self) {
        if let Link::Up(socket) = self.link {
            socket.close().await;
        }
        for event in self.untold.drain(..) {
            let _ = self.events.send(event).await;
        }
    }

    async fn tell(self, event: Event) {
        let _ = self.events.send(event).await;
    }
}

impl Link {
    async fn next(&mut self) -> Wake {
        match self {
            Self::Down => pending().await,
            Self::Opening(opening) => Wake::Opened(opening.await),
            Self::Up(socket) => Wake::Read(socket.read().await),
        }
    }
}

async fn next(commands: &mut Option<mpsc::UnboundedReceiver<Command>>) -> Option<Command> {
    match commands {
        Some(commands) => commands.recv().await,
        None => pending().await,
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => pending().await,
    }
}
