//! The one task that owns the hub. It decides nothing itself and never waits for a peer.
//!
//! Order of work, again and again:
//! 1. wait for a command or for the hub's next deadline, whichever comes first;
//! 2. hand it to the hub;
//! 3. carry out all outputs, in their order: a notice goes into its connection's outbox, a close
//!    takes the outbox away and hands its socket the reason, a fact goes to whoever keeps it;
//! 4. tell the hub which outboxes overflowed, and go on at 3 until nothing is left.
//!
//! Commands come through one bounded queue in which connections wait in turn, so that a flood
//! delays its sender. Outboxes are bounded in number and bytes.
//!
//! A connection is what the hub knows; it may outlive its socket. What a socket says after another
//! took its place is not heard.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use signaller_core::{
    AccountName, CloseReason, ConnId, Fact, Hub, Identity, Input, Limits, Notice, Output, Overview,
    PeerId, PeerView, Refusal, Request, Rng, Seen, SessionView, Text,
};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, info};

use crate::link::Way;
use crate::outbox::{Full, Inbox, Line, Outbox, line};
use crate::store::ResumeId;

/// Commands that wait for the hub.
const COMMANDS: usize = 256;

/// How the rest of the server reaches the hub. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct HubHandle {
    commands: mpsc::Sender<Command>,
    next: Arc<AtomicU64>,
}

/// A socket's place at the hub.
#[derive(Debug)]
pub(crate) struct Membership {
    pub(crate) socket: Socket,
    pub(crate) inbox: Inbox,
    /// Resolves when the hub closes the connection.
    pub(crate) closed: oneshot::Receiver<CloseReason>,
}

/// A connection and the one socket of it that is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Socket {
    pub(crate) conn: ConnId,
    number: u64,
}

/// A connection that is back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Back {
    /// How many messages of it were heard.
    pub(crate) heard: u64,
    /// Something was lost: both ends count anew.
    pub(crate) reset: bool,
    /// All was lost: this server has not seen it before.
    pub(crate) restarted: bool,
}

/// A connection as it is, for whoever looks after the server.
#[derive(Clone, Debug)]
pub(crate) struct Connected {
    pub(crate) peer: PeerView,
    /// Of its newest socket; `None` for one that has had none since the start.
    pub(crate) way: Option<Way>,
}

/// A connection that a server knew before it was started, and that may come back.
#[derive(Clone, Debug)]
pub(crate) struct Remembered {
    pub(crate) identity: Identity,
    pub(crate) resume: ResumeId,
}

/// What somebody keeps for when the server is started again.
#[derive(Debug)]
pub(crate) enum Entry {
    /// Something happened.
    Fact(Fact),
    /// A connection that came back has its newest token.
    Acknowledged(ResumeId),
    /// A connection is there, or was until now, and may come back.
    Seen(ResumeId),
    /// It will not.
    Forgotten(ResumeId),
}

/// Takes what is to be kept; must not block.
pub(crate) type Keeper = Box<dyn FnMut(Entry) + Send>;

/// How many there are of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Connected peers.
    pub peers: usize,
    /// Open sessions.
    pub sessions: usize,
    /// Calls that ring or were accepted.
    pub calls: usize,
    /// Connections that were closed since the start because they do not read.
    pub overflowed: u64,
}

/// The hub's task is gone: the server is at its end.
#[derive(Debug)]
pub(crate) struct HubGone;

#[derive(Debug)]
enum Command {
    Connect {
        socket: Socket,
        identity: Identity,
        line: Line,
        resume: Option<ResumeId>,
        way: Way,
    },
    Resume {
        number: u64,
        resume: ResumeId,
        received: u64,
        line: Line,
        way: Way,
        answer: oneshot::Sender<(ConnId, Back)>,
    },
    Request {
        socket: Socket,
        request: Option<Request>,
        tag: Option<Text>,
    },
    Acknowledge {
        socket: Socket,
        received: u64,
    },
    Alive {
        socket: Socket,
    },
    Lost {
        socket: Socket,
    },
    Left {
        socket: Socket,
    },
    Tell(Box<Input>),
    StayKnown,
    Count(oneshot::Sender<Counts>),
    Look(Look),
    Stop,
}

/// A question to the hub's task.
struct Look(Box<dyn FnOnce(&HubTask) + Send>);

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Look")
    }
}

/// Starts the task. It ends with the last handle.
pub(crate) fn spawn(limits: Limits, begin: Begin, keeper: Keeper) -> HubHandle {
    let (commands, queue) = mpsc::channel(COMMANDS);
    let next = Arc::new(AtomicU64::new(1));
    let mut task = HubTask {
        hub: Hub::new(limits, Rng::from_seed(rand::random())),
        connections: HashMap::new(),
        resumes: HashMap::new(),
        keeper,
        overflowed: 0,
    };
    task.begin(begin, &next);
    tokio::spawn(task.run(queue));
    HubHandle { commands, next }
}

/// What the hub is told before the first connection.
#[derive(Debug, Default)]
pub(crate) struct Begin {
    /// Accounts first, and calls that were open.
    pub(crate) inputs: Vec<Input>,
    /// Connections that may come back; known before the calls are.
    pub(crate) remembered: Vec<Remembered>,
}

impl HubHandle {
    /// Makes a connection known, perhaps one that may come back.
    /// [`lost`](Self::lost) or [`left`](Self::left) must follow.
    pub(crate) async fn connect(
        &self,
        identity: Identity,
        resume: Option<ResumeId>,
        way: Way,
    ) -> Result<Membership, HubGone> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let socket = Socket { conn: ConnId(number), number };
        let (line, inbox, closed) = line();
        self.send(Command::Connect { socket, identity, line, resume, way }).await?;
        Ok(Membership { socket, inbox, closed })
    }

    /// Gives a connection a new socket, whose peer has so many letters; `None` if it is gone.
    pub(crate) async fn resume(
        &self,
        resume: ResumeId,
        received: u64,
        way: Way,
    ) -> Option<(Membership, Back)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (line, inbox, closed) = line();
        let (answer, back) = oneshot::channel();
        self.send(Command::Resume { number, resume, received, line, way, answer }).await.ok()?;
        let (conn, back) = back.await.ok()?;
        Some((Membership { socket: Socket { conn, number }, inbox, closed }, back))
    }

    /// The socket broke.
    pub(crate) async fn lost(&self, socket: Socket) {
        // Without a hub there is nothing left to be told.
        let _ = self.send(Command::Lost { socket }).await;
    }

    /// The peer left for good.
    pub(crate) async fn left(&self, socket: Socket) {
        let _ = self.send(Command::Left { socket }).await;
    }

    /// A message came in; it counts even if there is nothing to do.
    pub(crate) fn request(
        &self,
        socket: Socket,
        request: Option<Request>,
        tag: Option<Text>,
    ) -> impl Future<Output = Result<(), HubGone>> + Send + '_ {
        self.send(Command::Request { socket, request, tag })
    }

    /// The peer has so many letters.
    pub(crate) fn acknowledge(
        &self,
        socket: Socket,
        received: u64,
    ) -> impl Future<Output = Result<(), HubGone>> + Send + '_ {
        self.send(Command::Acknowledge { socket, received })
    }

    /// The peer answered a probe.
    pub(crate) fn alive(
        &self,
        socket: Socket,
    ) -> impl Future<Output = Result<(), HubGone>> + Send + '_ {
        self.send(Command::Alive { socket })
    }

    /// Something that no connection says: a changed account, a revoked token.
    pub(crate) async fn tell(&self, input: Input) -> Result<(), HubGone> {
        self.send(Command::Tell(Box::new(input))).await
    }

    /// Everybody who could come back is to be known for longer.
    pub(crate) async fn stay_known(&self) -> Result<(), HubGone> {
        self.send(Command::StayKnown).await
    }

    /// Proof that the hub does its work.
    pub(crate) async fn count(&self) -> Result<Counts, HubGone> {
        let (answer, counts) = oneshot::channel();
        self.send(Command::Count(answer)).await?;
        counts.await.map_err(|_| HubGone)
    }

    /// Who is connected, and who watches whom.
    pub(crate) async fn overview(&self) -> Result<(Vec<Connected>, Vec<SessionView>), HubGone> {
        self.look(HubTask::overview).await
    }

    /// All accounts that one may see, as it sees them.
    pub(crate) async fn presence(&self, asker: AccountName) -> Result<Vec<Seen>, HubGone> {
        self.look(move |task| task.hub.presence(Some(&asker))).await
    }

    /// Closes a connection for good; whether there was one.
    pub(crate) async fn cut(&self, peer: PeerId) -> Result<bool, HubGone> {
        match self.look(move |task| task.hub.connection(&peer)).await? {
            Some(conn) => self.tell(Input::Cut { conn }).await.map(|()| true),
            None => Ok(false),
        }
    }

    /// Closes everybody, and whoever comes later.
    pub(crate) async fn stop(&self) {
        let _ = self.send(Command::Stop).await;
    }

    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&HubTask) -> T + Send + 'static,
    ) -> Result<T, HubGone> {
        let (answer, seen) = oneshot::channel();
        let look = Look(Box::new(move |task| drop(answer.send(look(task))))); // as for `count`
        self.send(Command::Look(look)).await?;
        seen.await.map_err(|_| HubGone)
    }

    /// Waits for its turn. Not by `Sender::send`, whose future has room for the command twice.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async fn keeps its arguments beside their copies"
    )]
    fn send(&self, command: Command) -> impl Future<Output = Result<(), HubGone>> + Send + '_ {
        async move {
            let turn = self.commands.reserve().await.map_err(|_| HubGone)?;
            turn.send(command);
            Ok(())
        }
    }
}

struct HubTask {
    hub: Hub,
    connections: HashMap<ConnId, Connection>,
    resumes: HashMap<ResumeId, ConnId>,
    keeper: Keeper,
    overflowed: u64,
}

struct Connection {
    outbox: Outbox,
    /// The socket that is heard.
    number: u64,
    /// Messages that came in.
    heard: u64,
    /// Under which number it may come back.
    resume: Option<ResumeId>,
    /// It came back, and has not said yet that it has its newest token.
    is_fresh: bool,
    /// Both ends were to count anew, and nothing was heard of it since: perhaps it does not know.
    anew: Option<Anew>,
    /// How its newest socket came in.
    way: Option<Way>,
}

/// Why both ends count anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Anew {
    /// Too much was lost.
    Loss,
    /// The server was started.
    Start,
}

impl HubTask {
    /// Who was connected before the start is lost from the first moment on.
    fn begin(&mut self, begin: Begin, next: &AtomicU64) {
        let (accounts, calls): (Vec<_>, Vec<_>) =
            begin.inputs.into_iter().partition(|input| matches!(input, Input::AccountChanged(_)));
        for account in accounts {
            self.handle(account);
        }
        for Remembered { identity, resume } in begin.remembered {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let conn = ConnId(number);
            self.seat(conn, Connection::new(Outbox::forgetful(), number, Some(resume), None));
            self.handle(Input::Connected { conn, identity });
            self.handle(Input::Lost { conn });
        }
        for call in calls {
            self.handle(call);
        }
    }

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
            Command::Request { socket, request, tag } => self.requested(socket, request, tag),
            Command::Connect { socket: Socket { conn, number }, identity, line, resume, way } => {
                let outbox = match identity.resumes {
                    true => Outbox::resumable(line),
                    false => Outbox::new(line),
                };
                self.seat(conn, Connection::new(outbox, number, resume, Some(way)));
                self.handle(Input::Connected { conn, identity });
            }
            Command::Resume { number, resume, received, line, way, answer } => {
                if let Some(back) = self.resume(number, resume, received, line, way) {
                    let _ = answer.send(back); // a socket that is gone already says so itself
                }
            }
            Command::Acknowledge { socket, received } => self.acknowledged(socket, received),
            Command::Alive { socket } => {
                if self.is_heard(socket) {
                    self.handle(Input::Alive { conn: socket.conn });
                }
            }
            Command::Lost { socket } => {
                if self.is_heard(socket) {
                    self.lost(socket.conn);
                }
            }
            Command::Left { socket } => {
                if self.is_heard(socket) {
                    self.unseat(socket.conn);
                    self.handle(Input::Disconnected { conn: socket.conn });
                }
            }
            Command::Tell(input) => self.handle(*input),
            Command::StayKnown => {
                for resume in self.connections.values().filter_map(|at| at.resume) {
                    (self.keeper)(Entry::Seen(resume));
                }
            }
            Command::Count(answer) => {
                let counts = Counts {
                    peers: self.hub.peer_count(),
                    sessions: self.hub.session_count(),
                    calls: self.hub.call_count(),
                    overflowed: self.overflowed,
                };
                let _ = answer.send(counts); // who asked may have given up
            }
            Command::Look(Look(look)) => look(self),
            Command::Stop => self.handle(Input::Stopping),
        }
    }

    fn requested(&mut self, socket: Socket, request: Option<Request>, tag: Option<Text>) {
        let Socket { conn, number } = socket;
        let Some(connection) = self.connections.get_mut(&conn).filter(|at| at.number == number)
        else {
            return;
        };
        connection.heard += 1;
        connection.anew = None;
        if let Some(request) = request {
            self.handle(Input::Request { conn, request, tag });
        }
    }

    fn resume(
        &mut self,
        number: u64,
        resume: ResumeId,
        received: u64,
        line: Line,
        way: Way,
    ) -> Option<(ConnId, Back)> {
        let conn = *self.resumes.get(&resume)?;
        let Some(connection) = self.connections.get_mut(&conn) else {
            // It left with the end of the server, as whoever comes now does.
            line.close(CloseReason::Stopping);
            return Some((conn, Back { heard: 0, reset: false, restarted: false }));
        };
        connection.number = number;
        connection.is_fresh = true;
        connection.way = Some(way);
        let before = connection.anew.take();
        let is_start = connection.outbox.is_forgetful() || before == Some(Anew::Start);
        if before.is_some() {
            connection.outbox.forget();
        }
        let reset = connection.outbox.plug(line, received);
        if reset {
            connection.heard = 0;
            connection.anew = Some(if is_start { Anew::Start } else { Anew::Loss });
        }
        let back = Back { heard: connection.heard, reset, restarted: is_start };
        self.handle(Input::Resumed { conn, reset });
        Some((conn, back))
    }

    fn acknowledged(&mut self, socket: Socket, received: u64) {
        if !self.is_heard(socket) {
            return;
        }
        let Some(connection) = self.connections.get_mut(&socket.conn) else { return };
        connection.outbox.acknowledge(received);
        connection.anew = None;
        if let (Some(resume), true) = (connection.resume, connection.is_fresh) {
            connection.is_fresh = false;
            (self.keeper)(Entry::Acknowledged(resume));
        }
    }

    /// Who cannot come back is gone.
    fn lost(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        match connection.resume {
            Some(resume) => {
                connection.outbox.unplug();
                (self.keeper)(Entry::Seen(resume));
            }
            None => drop(self.unseat(conn)),
        }
        self.handle(Input::Lost { conn });
    }

    fn overview(&self) -> (Vec<Connected>, Vec<SessionView>) {
        let Overview { peers, sessions } = self.hub.overview();
        let way = |conn| self.connections.get(&conn).and_then(|at| at.way);
        let peers = peers.into_iter().map(|peer| Connected { way: way(peer.conn), peer });
        (peers.collect(), sessions)
    }

    fn is_heard(&self, socket: Socket) -> bool {
        self.connections.get(&socket.conn).is_some_and(|at| at.number == socket.number)
    }

    fn seat(&mut self, conn: ConnId, connection: Connection) {
        if let Some(resume) = connection.resume {
            self.resumes.insert(resume, conn);
        }
        self.connections.insert(conn, connection);
    }

    fn unseat(&mut self, conn: ConnId) -> Option<Outbox> {
        let connection = self.connections.remove(&conn)?;
        if let Some(resume) = connection.resume {
            self.resumes.remove(&resume);
            (self.keeper)(Entry::Forgotten(resume));
        }
        Some(connection.outbox)
    }

    fn handle(&mut self, input: Input) {
        let now = Instant::now();
        let is_end = matches!(input, Input::Stopping);
        let mut failed = Vec::new();
        self.hub.handle(now, input);
        loop {
            while let Some(output) = self.hub.poll_output() {
                self.carry_out(output, is_end, &mut failed);
            }
            let Some(input) = failed.pop() else { return };
            self.hub.handle(now, input);
        }
    }

    fn carry_out(&mut self, output: Output, is_end: bool, failed: &mut Vec<Input>) {
        match output {
            Output::Notify { conn, notice, tag } => {
                log(conn, &notice);
                let Some(connection) = self.connections.get_mut(&conn) else { return };
                match connection.outbox.put(notice, tag) {
                    Err(Full::Overflowed) => failed.push(Input::Overflowed { conn }),
                    Err(Full::Gone) if connection.resume.is_none() => {
                        failed.push(Input::Disconnected { conn });
                    }
                    // Its own task will say so.
                    Err(Full::Gone) | Ok(()) => {}
                }
            }
            Output::Probe { conn } => {
                if let Some(connection) = self.connections.get(&conn) {
                    connection.outbox.probe();
                }
            }
            // Who is connected when the server stops may come back to the next one.
            Output::Close { conn, reason } if is_end => {
                if let Some(connection) = self.connections.remove(&conn) {
                    connection.outbox.close(reason);
                }
            }
            Output::Close { conn, reason } => {
                self.overflowed += u64::from(reason == CloseReason::TooSlow);
                if let Some(outbox) = self.unseat(conn) {
                    outbox.close(reason);
                }
            }
            Output::Record(fact) => (self.keeper)(Entry::Fact(fact)),
        }
    }
}

impl Connection {
    fn new(outbox: Outbox, number: u64, resume: Option<ResumeId>, way: Option<Way>) -> Self {
        Self { outbox, number, heard: 0, resume, is_fresh: false, anew: None, way }
    }
}

/// Never what a session says, only that it begins and ends.
fn log(conn: ConnId, notice: &Notice) {
    match notice {
        Notice::Welcome { peer } => info!(conn = conn.0, %peer, "peer connected"),
        Notice::SessionStarted { peer, session } => {
            info!(conn = conn.0, %session, producer = %peer, "session started");
        }
        Notice::Dialled { peer } => info!(conn = conn.0, with = %peer, "dialled"),
        Notice::SessionEnded { session, error } => {
            info!(conn = conn.0, %session, failed = error.is_some(), "session ended");
        }
        Notice::CallRinging { call, to } => info!(conn = conn.0, %call, %to, "call rings"),
        Notice::CallAccepted { call, from, .. } => {
            info!(conn = conn.0, %call, with = %from, "call accepted");
        }
        Notice::CallEnded { call, reason } => info!(conn = conn.0, %call, ?reason, "call ended"),
        // Its words quote what could not be read, and that may be a description.
        Notice::Refused(Refusal::Unreadable(_)) => debug!(conn = conn.0, "unreadable message"),
        // What a client took for a peer id may be anything.
        Notice::Refused(
            Refusal::NoSuchPeer(_) | Refusal::NotInRoom(_) | Refusal::NotYourProducer(_),
        ) => debug!(conn = conn.0, "refused: there is no such peer"),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use signaller_core::{Access, Role, Status};

    use super::*;
    use crate::link::{Link, Side};
    use crate::outbox::Letter;

    async fn guest(hub: &HubHandle) -> Membership {
        let address = ([127, 0, 0, 1], 1).into();
        let way = Link::new(Side::Plain, address, address).way("gst");
        hub.connect(Identity::guest(Access::Full), None, way).await.unwrap()
    }

    #[tokio::test]
    async fn who_does_not_read_is_counted_once_however_much_it_misses() {
        let hub = spawn(Limits::default(), Begin::default(), Box::new(drop));
        let ask = async |of: &Membership, request| {
            hub.request(of.socket, Some(request), None).await.unwrap();
        };
        let (door, deaf) = (guest(&hub).await, guest(&hub).await);
        let Some(Letter::Notice(welcome, _)) = door.inbox.next().await else { panic!() };
        let Notice::Welcome { peer } = &*welcome else { panic!("{welcome:?}") };
        let status = Status { roles: vec![Role::Producer], ..Status::default() };
        ask(&door, Request::SetStatus(status)).await;
        for _ in 0..3 {
            ask(&deaf, Request::StartSession { peer: peer.clone(), offer: None }).await;
        }
        // With its welcome and its sessions, all that it can leave unread.
        for _ in 4..1024 {
            ask(&deaf, Request::ListProducers).await;
        }
        let counts = hub.count().await.unwrap();
        assert_eq!((counts.peers, counts.sessions, counts.overflowed), (2, 3, 0));
        hub.left(door.socket).await;
        let counts = hub.count().await.unwrap();
        assert_eq!((counts.peers, counts.overflowed), (0, 1));
    }
}
