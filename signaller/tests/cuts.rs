//! Our client against the real server, on lines that are cut anywhere: in the handshake, in the
//! login, in the middle of a message, in the answer to a resume.
#![allow(clippy::unwrap_used)]
mod common;

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::Stranger;
use futures_util::future::join_all;
use intercom_client::{
    CallEvent, CallId, Client, Config, Event, Events, Login, Media, PeerId, Role, ServerUri,
    SessionId, Target,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Pairs of a producer and a consumer.
const PAIRS: u64 = 6;
/// How often each end loses its line; the waits in between double.
const CUTS: usize = 4;
/// A line breaks after so many bytes at the latest: a handshake and some messages.
const LIFE: usize = 6000;
/// Messages that each end says, and how many at once.
const MESSAGES: usize = 300;
const BURST: usize = 3;
const PATIENCE: Duration = Duration::from_secs(60);

/// What both sides of a call say of their media: less than they may say at once.
const UPDATES: usize = 100;

/// Where lines are cut: as `make test` says, else anywhere. What is printed tells how to have it again.
fn seed() -> u64 {
    let given = std::env::var("PROPTEST_RNG_SEED").ok();
    let seed = given.map_or_else(|| u64::from(rand::random::<u32>()), |seed| seed.parse().unwrap());
    println!("PROPTEST_RNG_SEED={seed}");
    seed
}

/// A token for a new device.
fn token(server: &Stranger, device: &str) -> Login {
    let run = |line: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_intercom-signaller"));
        command.args(line.split_whitespace()).stdin(Stdio::null());
        command.env("INTERCOM_CONFIG", "/dev/null").env("INTERCOM_DATA_DIR", server.data.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&format!("account add {device} --kind device"));
    Login::Token(run(&format!("token create {device}")).trim().into())
}

/// A line to the server that breaks [`CUTS`] times. Its address, and how often it did.
async fn line(server: SocketAddr, seed: u64) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let cuts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&cuts);
    tokio::spawn(async move {
        let mut rng = StdRng::seed_from_u64(seed);
        loop {
            let (near, _) = listener.accept().await.unwrap();
            let far = TcpStream::connect(server).await.unwrap();
            let is_to_break = count.load(Ordering::SeqCst) < CUTS;
            let life = if is_to_break { rng.random_range(0..LIFE) } else { usize::MAX };
            carry(near, far, life).await;
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, cuts)
}

/// Carries so many bytes, in both directions together, and drops both ends without a word.
async fn carry(near: TcpStream, far: TcpStream, life: usize) {
    let left = AtomicUsize::new(life);
    let (near_reader, near_writer) = near.into_split();
    let (far_reader, far_writer) = far.into_split();
    tokio::select! {
        () = pump(near_reader, far_writer, &left) => {}
        () = pump(far_reader, near_writer, &left) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    left: &AtomicUsize,
) {
    let mut buffer = [0; 1024];
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else { return };
        let passes = count.min(left.load(Ordering::SeqCst));
        left.fetch_sub(passes, Ordering::SeqCst);
        if to.write_all(&buffer[..passes]).await.is_err() || passes < count {
            return;
        }
    }
}

fn start(line: SocketAddr, login: &Login, instance: &str, role: Role) -> (Client, Events) {
    let server: ServerUri = format!("ws://{line}").parse().unwrap();
    let instance = Some(instance.parse().unwrap());
    let calls = matches!(role, Role::Listener);
    let config = Config { login: login.clone(), instance, calls, ..Config::new(server, role) };
    Client::spawn(config, &Handle::current())
}

/// One end of a session: says its numbers, a few each time that it hears one, and hears the other's.
struct End {
    client: Client,
    events: Events,
    session: Option<SessionId>,
    said: usize,
    heard: usize,
}

impl End {
    fn new((client, events): (Client, Events)) -> Self {
        Self { client, events, session: None, said: 0, heard: 0 }
    }

    fn say(&mut self, count: usize) {
        let Some(session) = &self.session else { return };
        for _ in 0..count.min(MESSAGES - self.said) {
            let text = format!("candidate:{}", self.said);
            self.client.add_candidate(session.clone(), text, 0);
            self.said += 1;
        }
    }

    /// Goes on until all was heard.
    async fn run(mut self, came: Option<oneshot::Sender<PeerId>>) -> Self {
        let mut came = came;
        while self.heard < MESSAGES {
            let event = timeout(PATIENCE, self.events.next()).await;
            let event = event.unwrap_or_else(|_| panic!("{} of {MESSAGES}", self.heard)).unwrap();
            match event {
                Event::Connected { peer_id, .. } => {
                    if let Some(came) = came.take() {
                        came.send(peer_id).unwrap();
                    }
                }
                Event::SessionRequested { session_id, .. }
                | Event::SessionStarted { session_id, .. } => {
                    assert_eq!(self.session.replace(session_id), None);
                    self.say(BURST);
                }
                Event::Candidate { candidate, .. } => {
                    assert_eq!(&*candidate, format!("candidate:{}", self.heard));
                    self.heard += 1;
                    self.say(1);
                }
                Event::Failed(_) | Event::SessionEnded { .. } => panic!("{event:?}"),
                _ => {}
            }
        }
        self
    }
}

/// One side of a call: says what it sends, again each time that the other one does.
struct Side {
    client: Client,
    events: Events,
    call: Option<CallId>,
    said: usize,
    heard: usize,
}

impl Side {
    fn new((client, events): (Client, Events)) -> Self {
        Self { client, events, call: None, said: 0, heard: 0 }
    }

    /// The same again after four: what is lost or comes late shows.
    fn media(number: usize) -> Media {
        Media { audio: number & 1 != 0, video: number & 2 != 0 }
    }

    fn say(&mut self, count: usize) {
        let Some(call) = &self.call else { return };
        for _ in 0..count.min(UPDATES - self.said) {
            self.client.update_call(call.clone(), Self::media(self.said));
            self.said += 1;
        }
    }

    /// Goes on until all was heard. Tells when it is there, and rings whom it is to ring.
    async fn run(mut self, came: Option<oneshot::Sender<PeerId>>, callee: Option<&str>) -> Self {
        let (mut came, mut callee) = (came, callee);
        while self.heard < UPDATES {
            let event = timeout(PATIENCE, self.events.next()).await;
            let event = event.unwrap_or_else(|_| panic!("{} of {UPDATES}", self.heard)).unwrap();
            match event {
                Event::Connected { peer_id, .. } => {
                    if let Some(came) = came.take() {
                        came.send(peer_id).unwrap();
                    }
                    if let Some(callee) = callee.take() {
                        self.client.call(callee.into(), Self::media(3));
                    }
                }
                Event::Call(CallEvent::Incoming { call, .. }) => {
                    self.client.accept(call, Self::media(3));
                }
                Event::Call(CallEvent::Accepted { call, .. }) => {
                    assert_eq!(self.call.replace(call), None);
                    self.say(BURST);
                }
                Event::Call(CallEvent::Updated { media, .. }) => {
                    assert_eq!(media, Self::media(self.heard), "number {}", self.heard);
                    self.heard += 1;
                    self.say(1);
                }
                Event::Failed(_) | Event::Call(CallEvent::Refused { .. }) => panic!("{event:?}"),
                Event::Call(CallEvent::Ended { .. }) => panic!("{event:?}"),
                _ => {}
            }
        }
        self
    }
}

/// What both sides of one call say through lines that break. How often they broke.
async fn call(server: SocketAddr, logins: [&Login; 2], seed: u64) -> usize {
    let (near, near_cuts) = line(server, seed).await;
    let (far, far_cuts) = line(server, seed + 1).await;
    let callee = Side::new(start(near, logins[0], "callee", Role::Listener));
    let (came, is_there) = oneshot::channel();
    let called = tokio::spawn(callee.run(Some(came), None));
    timeout(PATIENCE, is_there).await.unwrap().unwrap();
    let caller = Side::new(start(far, logins[1], "caller", Role::Listener));
    let caller = caller.run(None, Some("callee")).await;
    let callee = called.await.unwrap();
    assert_eq!((caller.said, callee.said), (UPDATES, UPDATES));
    near_cuts.load(Ordering::SeqCst) + far_cuts.load(Ordering::SeqCst)
}

/// What both ends of one session say through lines that break. How often they broke.
async fn pair(server: SocketAddr, login: &Login, number: u64, seed: u64) -> usize {
    let (near, near_cuts) = line(server, seed + 2 * number).await;
    let (far, far_cuts) = line(server, seed + 2 * number + 1).await;
    let producer = End::new(start(near, login, &format!("p{number}"), Role::Producer));
    let (came, id) = oneshot::channel();
    let producing = tokio::spawn(producer.run(Some(came)));
    let target = Target::PeerId(timeout(PATIENCE, id).await.unwrap().unwrap());
    let consumer = start(far, login, &format!("c{number}"), Role::Consumer(target));
    let consumer = End::new(consumer).run(None).await;
    let producer = producing.await.unwrap();
    assert_eq!((producer.said, consumer.said), (MESSAGES, MESSAGES));
    near_cuts.load(Ordering::SeqCst) + far_cuts.load(Ordering::SeqCst)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_heard_twice_wherever_lines_are_cut() {
    let server = Stranger::start().await;
    let [robot, callee, caller] = ["robot", "callee", "caller"].map(|name| token(&server, name));
    // Each line has a number of its own, and no two seeds share any.
    let seed = seed().wrapping_mul(100);
    let pairs = (0..PAIRS).map(|number| pair(server.plain(), &robot, number, seed));
    let call = call(server.plain(), [&callee, &caller], seed + 2 * PAIRS);
    let (mut cuts, of_call) = tokio::join!(join_all(pairs), call);
    cuts.push(of_call);
    assert!(cuts.iter().all(|cuts| *cuts >= CUTS), "too few cuts to show anything: {cuts:?}");
}
