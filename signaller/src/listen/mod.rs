//! Sockets: bind, accept, tell TLS from plain, and serve HTTP/1.1 on what comes out.
//!
//! What a request is answered is not decided here, except for WebSocket upgrades
//! ([`upgrade`], [`admission`]). Nothing in the accept loop waits for one client; when there are
//! very many that are no WebSockets, newcomers wait until one of them has gone or has become one,
//! and each of them goes soon; one machine alone cannot be very many.

pub(crate) mod admission;
pub(crate) mod bind;
pub(crate) mod old;
pub(crate) mod roomrtc;
pub(crate) mod tls;
pub(crate) mod upgrade;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, error, warn};

use crate::link::{Link, Side};
use crate::place::{Crowd, Place, Share};

/// For the first byte, for the TLS handshake, and for the head of each request.
const DEADLINE: Duration = Duration::from_secs(5);
/// The longest request head, in bytes.
const MAX_HEAD_LEN: usize = 16 * 1024;
/// How many connections may be no WebSockets (yet) at a time.
const VISITORS: usize = 256;
/// How many of them may come from one machine, so that one machine does not keep all others out.
/// Its own is exempt: there may be a proxy.
const VISITORS_OF_ONE: usize = 64;
/// How long to leave the queue of the system alone when no more sockets can be had.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(100);
/// What hinders is said, but not each time.
const SAY_AGAIN: Duration = Duration::from_secs(60);
/// The first byte of every TLS connection: a handshake record (RFC 8446, 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// Connections that are no WebSockets (yet).
#[derive(Clone, Debug)]
pub(crate) struct Visits {
    seats: Arc<Semaphore>,
    by_place: Crowd,
    /// How long one may ask, and then how long it may take its last answer.
    life: Duration,
}

impl Visits {
    /// One for all listeners together.
    pub(crate) fn new(life: Duration) -> Self {
        Self { seats: Arc::new(Semaphore::new(VISITORS)), by_place: Crowd::default(), life }
    }

    /// One more from this address; `None` if it has as many as it may.
    fn one_of(&self, remote: IpAddr) -> Option<Share> {
        let most = if remote.is_loopback() { VISITORS } else { VISITORS_OF_ONE };
        self.by_place.join(Place::of(remote), most)
    }
}

/// Answers a request.
pub(crate) trait App: Clone + Send + Sync + 'static {
    /// Never fails: an error is an answer too.
    fn answer(
        &self,
        link: Link,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// The main port: TLS or plain by the first byte.
pub(crate) async fn serve_main(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    visits: Visits,
    app: impl App,
) {
    accept_all(&listener, &visits, |socket| {
        let (tls, app) = (TlsAcceptor::from(Arc::clone(&tls)), app.clone());
        serve_by_first_byte(socket, tls, visits.life, app)
    })
    .await;
}

/// A port without TLS.
pub(crate) async fn serve_plain(listener: TcpListener, visits: Visits, app: impl App) {
    accept_all(&listener, &visits, |socket| {
        let app = app.clone();
        async move {
            let link = link(Side::Plain, &socket)?;
            serve_http(socket, link, visits.life, app).await;
            Ok(())
        }
    })
    .await;
}

/// Accepts for ever, each socket into a task of its own.
async fn accept_all<F>(listener: &TcpListener, visits: &Visits, serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let (mut lack, mut crowd) = (Seldom::default(), Seldom::default());
    loop {
        if visits.seats.available_permits() == 0 && crowd.is_time() {
            warn!("{VISITORS} connections are no WebSockets; newcomers wait until one has gone");
        }
        let Ok(seat) = Arc::clone(&visits.seats).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((socket, remote)) => {
                let Some(share) = visits.one_of(remote.ip().to_canonical()) else {
                    debug!(%remote, "turned away: its address has too many connections");
                    continue;
                };
                let served = serve(socket);
                tokio::spawn(async move {
                    if let Err(error) = served.await {
                        debug!(%error, "socket dropped");
                    }
                    drop((seat, share));
                });
            }
            Err(error) if is_exhaustion(&error) => {
                if lack.is_time() {
                    error!(
                        "cannot accept connections: {error}; raise the limit of open files \
                         (ulimit -n, LimitNOFILE=) or lower --max-clients"
                    );
                }
                // Nothing tells when one becomes free.
                sleep(OUT_OF_SOCKETS).await;
            }
            Err(error) => debug!(%error, "a connection was gone before it was accepted"),
        }
    }
}

/// What would be said again and again is said once in a while.
#[derive(Default)]
struct Seldom(Option<Instant>);

impl Seldom {
    fn is_time(&mut self) -> bool {
        let is_time = self.0.is_none_or(|last| last.elapsed() > SAY_AGAIN);
        if is_time {
            self.0 = Some(Instant::now());
        }
        is_time
    }
}

/// EMFILE, ENFILE, ENOBUFS, ENOMEM.
fn is_exhaustion(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(24 | 23 | 105 | 12))
}

async fn serve_by_first_byte(
    socket: TcpStream,
    tls: TlsAcceptor,
    life: Duration,
    app: impl App,
) -> io::Result<()> {
    let mut first = [0];
    if timeout(DEADLINE, socket.peek(&mut first)).await?? == 0 {
        return Ok(()); // came and went
    }
    if first[0] == TLS_HANDSHAKE {
        let link = link(Side::Tls, &socket)?;
        let socket = timeout(DEADLINE, tls.accept(socket)).await??;
        serve_http(socket, link, life, app).await;
    } else {
        let link = link(Side::MainPlain, &socket)?;
        serve_http(socket, link, life, app).await;
    }
    Ok(())
}

fn link(side: Side, socket: &TcpStream) -> io::Result<Link> {
    socket.set_nodelay(true)?;
    Ok(Link::new(side, socket.local_addr()?, socket.peer_addr()?))
}

/// Until it has become a WebSocket, has gone, or has had its time.
async fn serve_http<S>(socket: S, link: Link, life: Duration, app: impl App)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let app = app.clone();
        async move { Ok::<_, Infallible>(app.answer(link, request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(DEADLINE)
        .max_buf_size(MAX_HEAD_LEN)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => Ok(served),
        () = sleep(life) => {
            connection.as_mut().graceful_shutdown();
            timeout(life, connection).await
        }
    };
    match served {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "HTTP connection ended"),
        Err(_) => debug!("HTTP connection dropped: it does not take its answer"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_machine_does_not_keep_all_others_out() {
        let visits = Visits::new(DEADLINE);
        // IPv6 gives one machine more addresses than anybody can count.
        let crowd = |host| IpAddr::from([0xfd00, 0, 0, 7, 0, 0, 0, host]);
        let mut shares: Vec<_> = (1..=64).map(|host| visits.one_of(crowd(host))).collect();
        assert!(shares.iter().all(Option::is_some) && visits.one_of(crowd(65)).is_none());
        assert!(visits.one_of([0xfd00, 0, 0, 8, 0, 0, 0, 1].into()).is_some());
        shares.pop();
        assert!(visits.one_of(crowd(65)).is_some());
    }

    #[test]
    fn our_own_machine_may_have_a_proxy() {
        let visits = Visits::new(DEADLINE);
        let shares = (0..VISITORS).map(|_| visits.one_of([127, 0, 0, 1].into()));
        assert!(shares.collect::<Vec<_>>().iter().all(Option::is_some));
    }
}
