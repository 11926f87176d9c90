//! The signalling server: wires sockets, HTTP, the dialect and the hub together.
//!
//! The only place that knows all of its rooms. [`Server`] is the whole program without its command
//! line, so that tests start it as `main` does.

pub mod accounts;
mod certificate;
mod config;
mod conn;
mod credentials;
mod dialect;
#[cfg(test)]
mod differential;
mod gate;
mod http;
mod hub_task;
mod ice;
mod lines;
mod link;
mod listen;
mod outbox;
mod place;
mod room;
pub mod run;
mod service;
mod store;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::{Request, Response};
use signaller_core::{AccountName, Input, Kind, Limits};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};
use tower::ServiceExt;
use tracing::info;

pub use certificate::CertificateError;
pub use config::{Cli, Command, Config, ConfigError, OldPorts, PROGRAM, Serve};
pub use conn::{MAX_MESSAGE_LEN, Timing};
pub use hub_task::Counts;
pub use ice::{Ice, IceError};
pub use listen::admission::Level;
pub use listen::old::{OldDoor, OldLogin};
pub use listen::tls::{Identity, TlsError, What};
pub use signaller_core::SecondLogin;
pub use store::{Broken, OpenError, Registration};

use certificate::Certificate;
use gate::Gate;
use hub_task::{Begin, Entry, HubHandle, Remembered};
use link::{Link, Side};
use listen::Visits;
use listen::admission::Policy;
use listen::old::Old;
use listen::roomrtc::Lines;
use listen::upgrade::{self, NoUpgrade, Upgrades};
use room::Room;
use store::{Change, Store};

/// How long all peers together may take to take note of the end.
const LAST_FAREWELL: Duration = Duration::from_secs(3);

/// How often it is written down who is connected; a small part of the time for which that is good.
const STAY_KNOWN: Duration = Duration::from_secs(600);
/// How often the clock is looked at, and by how much it differs when somebody has set it.
const CLOCK_LOOK: Duration = Duration::from_secs(10);
const CLOCK_SET: Duration = Duration::from_secs(60);

/// Where the servers that speak an old dialect say that they work.
const HEALTH: &str = "/health";
const ONLY_WEBSOCKETS: &str = "This port is for WebSockets only, and for /health.\n";

/// A running server.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<Address>,
    tasks: Vec<JoinHandle<()>>,
    certificate: Arc<Certificate>,
    store: Store,
    hub: HubHandle,
    policy: Arc<ArcSwap<Policy>>,
    /// Its seats are all free when the last connection is gone.
    room: Room,
}

/// Where a server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// `https` or `http`.
    pub scheme: &'static str,
    /// With the port that the system chose if it was to.
    pub socket: SocketAddr,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The certificate, its key, or our own CA.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Accounts and what else outlives the server.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// They cannot be read.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// As whom everybody was to come in.
    #[error("--{door}-login account:{account}: there is no such account; add it first")]
    NoAccount {
        /// Of which dialect.
        door: &'static str,
        /// Its name.
        account: AccountName,
    },
    /// Everybody would have been an admin.
    #[error(
        "--{door}-login account:{account}: that is an admin, and everybody would be one; choose \
         another account"
    )]
    AdminAccount {
        /// Of which dialect.
        door: &'static str,
        /// Its name.
        account: AccountName,
    },
    /// The address.
    #[error("cannot listen on {address}: {source}{}", hint(source))]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
}

impl StartError {
    /// 2 for what the owner has to set right, 1 for what may pass.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Certificate(_)
            | Self::Open(_)
            | Self::NoAccount { .. }
            | Self::AdminAccount { .. } => 2,
            Self::Broken(_) | Self::Listen { .. } => 1,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.socket)
    }
}

impl Server {
    /// Starts serving; needs a tokio runtime.
    ///
    /// # Errors
    /// See [`StartError`]. Nothing listens then.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let certificate = Arc::new(Certificate::load(&config)?);
        let tls = certificate.tls()?;
        let main = open(config.listen)?;
        let plain = config.plain.map(open).transpose()?;
        let old_ports = open_old(&config)?;
        let roomrtc = config.roomrtc.map(open).transpose()?;

        let store = Store::open(&config.data_dir).await?;
        store.recall_logins().await?;
        check_old_logins(&config, &store).await?;
        let (hub, changes) = start_hub(&store, config.limits()).await?;
        let gate = Gate::new(store.clone(), config.ice.clone(), config.registration);
        let room = Room::new(config.max_clients);
        let policy = Arc::new(ArcSwap::from_pointee(config.policy()));
        let api = http::Api { hub: hub.clone(), store: store.clone(), gate: Arc::clone(&gate) };
        let site = http::Site { api, ca: certificate.ca() };
        let lines = Lines {
            hub: hub.clone(),
            gate: Arc::clone(&gate),
            room: room.clone(),
            timing: config.timing,
        };
        let upgrades = Upgrades {
            hub: hub.clone(),
            gate,
            policy: Arc::clone(&policy),
            old: Arc::new(config.old_doors()),
            room: room.clone(),
            timing: config.timing,
        };
        let app = App { upgrades, full: http::full(site.clone()), plain: http::plain(&site) };
        let keeper = certificate::keep(Arc::clone(&certificate), config.timing.certificate);
        let mut server = Self {
            addresses: Vec::new(),
            tasks: vec![
                tokio::spawn(keeper),
                tokio::spawn(follow(changes, hub.clone(), store.clone())),
                tokio::spawn(stay_known(hub.clone())),
            ],
            certificate,
            store,
            hub,
            policy,
            room,
        };
        let visits = Visits::new(config.timing.visit);
        server.add("https", config.listen, main, |main| {
            listen::serve_main(main, Arc::clone(&tls), visits.clone(), app.clone())
        })?;
        if let (Some(plain), Some(address)) = (plain, config.plain) {
            server.add("http", address, plain, |plain| {
                listen::serve_plain(plain, visits.clone(), app.clone())
            })?;
        }
        for (old, address, listener) in old_ports {
            let app = OldApp { old, upgrades: app.upgrades.clone(), hub: server.hub.clone() };
            let (tls, visits) = (Arc::clone(&tls), visits.clone());
            server.add(old.name(), address, listener, |listener| {
                listen::serve_main(listener, tls, visits, app)
            })?;
        }
        if let (Some(roomrtc), Some(address)) = (roomrtc, config.roomrtc) {
            server.add("roomrtc", address, roomrtc, |listener| {
                listen::roomrtc::serve(listener, tls, visits, lines)
            })?;
        }
        Ok(server)
    }

    /// Where it listens, the main port first.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Reads the certificate again, as when its files have changed; renews it if it is our own CA's
    /// and that is due. Connections that are there go on, new ones see the new certificate. The
    /// server also looks by itself once a minute.
    ///
    /// # Errors
    /// What is there now cannot be used. The server goes on with what it has.
    pub fn reload_certificate(
        &self,
    ) -> impl Future<Output = Result<(), CertificateError>> + Send + use<> {
        let certificate = Arc::clone(&self.certificate);
        // It waits for whoever else writes in the directory; nobody's messages are to wait with it.
        async { tokio::task::spawn_blocking(move || certificate.reload()).await? }
    }

    /// Takes over what can change while peers are connected: who may connect, and how many. Whoever
    /// is connected stays.
    pub fn apply(&self, config: &Config) {
        self.policy.store(Arc::new(config.policy()));
        self.room.resize(config.max_clients);
    }

    /// How many there are of what; `None` when the hub is gone. Who gets an answer knows that the
    /// hub works.
    pub async fn counts(&self) -> Option<Counts> {
        self.hub.count().await.ok()
    }

    /// Takes leave of every peer with a Close frame, and returns when they have it.
    pub async fn stop(self) {
        for task in self.tasks {
            task.abort();
            // Its address is free when it is over; how it ends says nothing.
            let _ = task.await;
        }
        self.hub.stop().await;
        if timeout(LAST_FAREWELL, self.room.empty()).await.is_err() {
            info!("some peers did not take note of the end");
        }
        self.store.close().await;
    }

    fn add<F>(
        &mut self,
        scheme: &'static str,
        address: SocketAddr,
        listener: TcpListener,
        serve: impl FnOnce(TcpListener) -> F,
    ) -> Result<(), StartError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let socket =
            listener.local_addr().map_err(|source| StartError::Listen { address, source })?;
        self.addresses.push(Address { scheme, socket });
        self.tasks.push(tokio::spawn(serve(listener)));
        Ok(())
    }
}

/// Answers every request: WebSockets first, the site for its side of the port otherwise.
#[derive(Clone)]
struct App {
    upgrades: Upgrades,
    full: axum::Router,
    plain: axum::Router,
}

impl App {
    async fn route(&self, link: Link, mut request: Request<Incoming>) -> Response<Body> {
        if upgrade::is_wanted(&request) {
            match self.upgrades.upgrade(link, &mut request).await {
                Ok(response) => return response,
                Err(NoUpgrade::Refused(status, words)) => {
                    return (status, format!("{words}\n")).into_response();
                }
                Err(NoUpgrade::BelongsOnTls) => {}
            }
        }
        let visit = self.upgrades.policy.load().visit(link, request.headers());
        request.extensions_mut().insert(visit);
        let site = match link.side {
            Side::Tls | Side::Plain => &self.full,
            Side::MainPlain => &self.plain,
        };
        match site.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

impl listen::App for App {
    async fn answer(&self, link: Link, request: Request<Incoming>) -> Response<Body> {
        http::secure(self.route(link, request).await)
    }
}

/// Answers every request on a port that speaks an old dialect only.
#[derive(Clone)]
struct OldApp {
    old: Old,
    upgrades: Upgrades,
    hub: HubHandle,
}

impl OldApp {
    async fn route(&self, link: Link, mut request: Request<Incoming>) -> Response<Body> {
        if !upgrade::is_asked(&request) {
            return match request.uri().path() {
                HEALTH if self.hub.count().await.is_ok() => "OK\n".into_response(),
                HEALTH => StatusCode::SERVICE_UNAVAILABLE.into_response(),
                _ => (StatusCode::NOT_FOUND, ONLY_WEBSOCKETS).into_response(),
            };
        }
        match self.upgrades.upgrade_old(self.old, link, &mut request).await {
            Ok(response) => response,
            Err(NoUpgrade::Refused(status, words)) => {
                (status, format!("{words}\n")).into_response()
            }
            Err(NoUpgrade::BelongsOnTls) => StatusCode::FORBIDDEN.into_response(),
        }
    }
}

impl listen::App for OldApp {
    async fn answer(&self, link: Link, request: Request<Incoming>) -> Response<Body> {
        http::secure(self.route(link, request).await)
    }
}

/// The hub, told of everything that outlives a server: accounts, calls that were open, and who may
/// come back.
async fn start_hub(
    store: &Store,
    limits: Limits,
) -> Result<(HubHandle, mpsc::Receiver<Change>), Broken> {
    let (accounts, changes) = store.watch().await?;
    store.end_rings().await?;
    let calls = store.open_calls().await?.into_iter().map(Input::Restored);
    let inputs = accounts.into_iter().map(Input::AccountChanged).chain(calls).collect();
    let mut remembered = Vec::new();
    for (resume, known) in store.resumes().await? {
        match known.account {
            Some(_) => remembered.push(Remembered { identity: gate::returning(known), resume }),
            None => store.forget_resume(resume), // it had no way back
        }
    }
    let begin = Begin { inputs, remembered };
    let keeper = store.clone();
    let keep = move |entry| match entry {
        Entry::Fact(fact) => keeper.record(fact),
        Entry::Acknowledged(resume) => keeper.acknowledge_resume(resume),
        Entry::Seen(resume) => keeper.see_resume(resume),
        Entry::Forgotten(resume) => keeper.forget_resume(resume),
    };
    Ok((hub_task::spawn(limits, begin, Box::new(keep)), changes))
}

/// What others change in the store reaches the hub, and cuts what is live.
async fn follow(mut changes: mpsc::Receiver<Change>, hub: HubHandle, store: Store) {
    while let Some(change) = changes.recv().await {
        let input = match change {
            Change::Account(account) => Input::AccountChanged(account),
            Change::Removed(name) => {
                store.forget_logins(&name);
                Input::AccountRemoved(name)
            }
            Change::Revoked(credential) => Input::Revoked(credential),
        };
        if hub.tell(input).await.is_err() {
            return;
        }
    }
}

/// Whoever is connected when the server is killed may come back to the next one, also if the clock was
/// set meanwhile: a device may have none until it finds the network.
async fn stay_known(hub: HubHandle) {
    let mut looks = interval(CLOCK_LOOK);
    let mut said = None;
    loop {
        looks.tick().await;
        let now = (Instant::now(), SystemTime::now());
        if said.is_none_or(|said| is_old(said, now)) {
            said = Some(now);
            if hub.stay_known().await.is_err() {
                return;
            }
        }
    }
}

/// Whether what was said then says little now; times are those of the machine and of the clock.
fn is_old(then: (Instant, SystemTime), now: (Instant, SystemTime)) -> bool {
    let passed = now.0.duration_since(then.0);
    let by_clock = now.1.duration_since(then.1).unwrap_or_default();
    passed >= STAY_KNOWN || by_clock.abs_diff(passed) >= CLOCK_SET
}

fn open_old(config: &Config) -> Result<Vec<(Old, SocketAddr, TcpListener)>, StartError> {
    let ports = [(Old::Simple, config.old_ports.simple), (Old::Relay, config.old_ports.relay)];
    let wanted = ports.into_iter().filter_map(|(old, address)| Some((old, address?)));
    wanted.map(|(old, address)| Ok((old, address, open(address)?))).collect()
}

/// Whose account all clients of a dialect have must be there, as nobody would get in, and no admin, as
/// nobody has to show anything.
async fn check_old_logins(config: &Config, store: &Store) -> Result<(), StartError> {
    for (old, door) in [(Old::Simple, &config.simple), (Old::Relay, &config.relay)] {
        let OldLogin::Account(account) = &door.login else { continue };
        let (door, kind) = (old.name(), store.account(account).await?.map(|found| found.kind));
        let account = account.clone();
        match kind {
            None => return Err(StartError::NoAccount { door, account }),
            Some(Kind::Admin) => return Err(StartError::AdminAccount { door, account }),
            Some(Kind::User | Kind::Device) => {}
        }
    }
    Ok(())
}

fn open(address: SocketAddr) -> Result<TcpListener, StartError> {
    listen::bind::listen(address).map_err(|source| StartError::Listen { address, source })
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; stop the other program or choose another port",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege",
        io::ErrorKind::AddrNotAvailable => "; this machine does not have that address",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_is_noticed() {
        let then = (Instant::now(), SystemTime::now());
        let after = |machine, clock| (then.0 + machine, then.1 + clock);
        assert!(!is_old(then, after(CLOCK_LOOK, CLOCK_LOOK + CLOCK_SET / 2)));
        assert!(is_old(then, after(STAY_KNOWN, STAY_KNOWN)));
        assert!(is_old(then, after(CLOCK_LOOK, Duration::from_secs(50 * 365 * 86_400))));
        let back = then.1 - Duration::from_secs(7200);
        assert!(is_old(then, (then.0 + CLOCK_SET, back)));
    }
}
