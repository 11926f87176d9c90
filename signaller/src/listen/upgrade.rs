//! From an HTTP request to a served WebSocket (RFC 6455, 4.2).

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use intercom_protocol::intercom::SUBPROTOCOL;
use signaller_core::Identity;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tracing::{debug, info};

use super::admission::{Policy, Verdict};
use super::old::{self, As, Old, OldDoors, Port};
use crate::conn::{self, Entrance, Timing};
use crate::credentials::{self, Carrier, OldPath};
use crate::gate::{Gate, NotAdmitted, Proven};
use crate::hub_task::HubHandle;
use crate::link::Link;
use crate::room::{Room, Seat};

/// Where WebSockets are: stock clients use the root, others a path of their own.
const PATHS: [&str; 3] = ["/", "/ws", "/webrtc"];

const NOT_HERE: &str = "WebSockets are at /, /ws, /webrtc and /t/TOKEN.";
const NO_NAME: &str =
    "The path is /NAME, or /t/TOKEN/NAME; a name has no slash, and is neither t nor a token.";
const NOT_A_HANDSHAKE: &str = "That is not the handshake of WebSocket version 13.";
const TOO_MANY_STRANGERS: &str =
    "Too many connections of your address have not logged in yet; try again in a moment.";
const NO_ROOM: &str = "The server has as many clients as --max-clients allows.";

/// Everything that WebSockets need.
#[derive(Clone, Debug)]
pub(crate) struct Upgrades {
    pub(crate) hub: HubHandle,
    pub(crate) gate: Arc<Gate>,
    pub(crate) policy: Arc<ArcSwap<Policy>>,
    pub(crate) old: Arc<OldDoors>,
    /// A seat for every connection that there may be.
    pub(crate) room: Room,
    pub(crate) timing: Timing,
}

/// Why there is no WebSocket.
#[derive(Debug)]
pub(crate) enum NoUpgrade {
    /// Plain text on the main port, from somewhere else.
    BelongsOnTls,
    Refused(StatusCode, String),
}

/// Whether a request asks for a WebSocket, or for a path that has nothing else: a browser does not
/// tell a page why it got no WebSocket, so the page asks again over HTTP and reads the refusal.
pub(crate) fn is_wanted<B>(request: &Request<B>) -> bool {
    let path = request.uri().path();
    is_asked(request) || path != PATHS[0] && (is_socket_path(path) || Old::at(path).is_some())
}

/// Whether a request asks for a WebSocket.
pub(crate) fn is_asked<B>(request: &Request<B>) -> bool {
    has_token(request.headers(), header::UPGRADE, "websocket")
}

impl Upgrades {
    /// Answers an upgrade request; the connection is served by a task of its own.
    pub(crate) async fn upgrade(
        &self,
        link: Link,
        request: &mut Request<Incoming>,
    ) -> Result<Response<Body>, NoUpgrade> {
        let answer = match Old::at(request.uri().path()) {
            Some((old, rest)) => {
                let rest = rest.to_owned();
                self.answer_old(old, Port::Shared, &rest, link, request).await
            }
            None => self.answer(link, request).await,
        };
        said(link, answer)
    }

    /// The same on a port that speaks an old dialect only.
    pub(crate) async fn upgrade_old(
        &self,
        old: Old,
        link: Link,
        request: &mut Request<Incoming>,
    ) -> Result<Response<Body>, NoUpgrade> {
        let path = request.uri().path().to_owned();
        said(link, self.answer_old(old, Port::Own, &path, link, request).await)
    }

    async fn answer(
        &self,
        link: Link,
        request: &mut Request<Incoming>,
    ) -> Result<Response<Body>, NoUpgrade> {
        if !is_socket_path(request.uri().path()) {
            return Err(refused(StatusCode::NOT_FOUND, NOT_HERE));
        }
        let headers = request.headers();
        let guests = match self.policy.load().judge(link, headers) {
            Verdict::Guest(guests) => guests,
            Verdict::BelongsOnTls => return Err(NoUpgrade::BelongsOnTls),
            Verdict::Refuse(status, words) => return Err(refused(status, words)),
        };
        let takes_cookies = Policy::takes_cookies(link, headers);
        let credentials = credentials::find(request.uri(), headers, takes_cookies);
        let accept = accept_key(request);
        // A ticket is good once: nothing else may be in the way when it is used up.
        if accept.is_none() && matches!(credentials.carrier, Some(Carrier::Ticket(_))) {
            return Err(not_a_handshake());
        }
        let seat = self.seat(accept.as_ref())?;
        let proven =
            self.gate.prove(credentials.carrier.as_ref(), guests.ok(), link.remote).await?;
        let is_extended = has_token(headers, header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
        let way = link.way(if is_extended { SUBPROTOCOL } else { "gst" });
        let entrance = if is_extended {
            let visitor = self.gate.visitor(proven, credentials, way);
            let crowded = || refused(StatusCode::TOO_MANY_REQUESTS, TOO_MANY_STRANGERS);
            Entrance::Intercom(visitor.ok_or_else(crowded)?)
        } else {
            // Nobody is written down as having come in who cannot.
            if accept.is_none() && proven != Proven::Nobody {
                return Err(not_a_handshake());
            }
            let denied = guests.err().unwrap_or_default();
            let identity = self.gate.identity(proven, credentials.instance.as_deref(), way).await?;
            let identity = identity.ok_or_else(|| refused(StatusCode::UNAUTHORIZED, denied))?;
            Entrance::Gst(identity, way)
        };
        self.serve(link, request, accept, seat, entrance)
    }

    /// `path` is what follows the dialect's name.
    async fn answer_old(
        &self,
        old: Old,
        port: Port,
        path: &str,
        link: Link,
        request: &mut Request<Incoming>,
    ) -> Result<Response<Body>, NoUpgrade> {
        let headers = request.headers();
        let verdict = self.old.judge(old, port, &self.policy.load(), link, headers);
        let prior = match verdict {
            old::Verdict::Enter(prior) => prior,
            old::Verdict::BelongsOnTls => return Err(NoUpgrade::BelongsOnTls),
            old::Verdict::Refuse(status, words) => return Err(NoUpgrade::Refused(status, words)),
        };
        let accept = accept_key(request);
        let seat = self.seat(accept.as_ref())?;
        let way = link.way(old.name());
        let path = OldPath::read(path, old.name());
        let carrier = path.carrier(request.uri().query(), headers);
        let name = match (old, path.name()) {
            (Old::Simple, _) => None,
            (Old::Relay, Some(name)) => Some(name.to_owned()),
            (Old::Relay, None) => return Err(refused(StatusCode::BAD_REQUEST, NO_NAME)),
        };
        let identity = match (carrier, prior) {
            (None, Ok(As::Guest(access))) => Identity::guest(access),
            (None, Ok(As::Account(account))) => Identity::account(account),
            (None, Err(words)) => return Err(NoUpgrade::Refused(StatusCode::UNAUTHORIZED, words)),
            (Some(_), _) if accept.is_none() => return Err(not_a_handshake()),
            (Some(token), _) => self.gate.identity_of(&token, way).await?,
        };
        let entrance = match name {
            None => Entrance::Simple(identity, way),
            Some(name) => Entrance::Relay { identity, way, name },
        };
        self.serve(link, request, accept, seat, entrance)
    }

    /// A seat for whoever would get a WebSocket.
    fn seat(&self, accept: Option<&HeaderValue>) -> Result<Option<Seat>, NoUpgrade> {
        let seat = self.room.seat();
        if seat.is_none() && accept.is_some() {
            return Err(refused(StatusCode::SERVICE_UNAVAILABLE, NO_ROOM));
        }
        Ok(seat)
    }

    fn serve(
        &self,
        link: Link,
        request: &mut Request<Incoming>,
        accept: Option<HeaderValue>,
        seat: Option<Seat>,
        entrance: Entrance,
    ) -> Result<Response<Body>, NoUpgrade> {
        let accept = accept.ok_or_else(not_a_handshake)?;
        info!(remote = %link.remote, side = ?link.side, %entrance, "WebSocket");
        let is_extended = matches!(entrance, Entrance::Intercom(_));
        let upgrade = hyper::upgrade::on(request);
        let (hub, timing) = (self.hub.clone(), self.timing);
        tokio::spawn(async move {
            if let Some(socket) = Box::pin(upgraded(upgrade, timing.write)).await {
                conn::run(socket, entrance, hub, timing).await;
            }
            drop(seat);
        });
        Ok(switching(accept, is_extended))
    }
}

fn said(
    link: Link,
    answer: Result<Response<Body>, NoUpgrade>,
) -> Result<Response<Body>, NoUpgrade> {
    if let Err(NoUpgrade::Refused(status, words)) = &answer {
        info!(remote = %link.remote, %status, "WebSocket refused: {words}");
    }
    answer
}

fn not_a_handshake() -> NoUpgrade {
    refused(StatusCode::BAD_REQUEST, NOT_A_HANDSHAKE)
}

/// The WebSocket, once the peer's system has taken our answer; `None` if it does not within that time.
async fn upgraded(
    upgrade: OnUpgrade,
    patience: Duration,
) -> Option<WebSocketStream<TokioIo<Upgraded>>> {
    match timeout(patience, upgrade).await {
        Ok(Ok(socket)) => {
            let (socket, config) = (TokioIo::new(socket), Some(conn::config()));
            Some(WebSocketStream::from_raw_socket(socket, Role::Server, config).await)
        }
        Ok(Err(error)) => {
            debug!(%error, "gone during the upgrade");
            None
        }
        Err(_) => {
            debug!("dropped: it does not take the answer to its upgrade");
            None
        }
    }
}

impl From<NotAdmitted> for NoUpgrade {
    fn from(NotAdmitted { code, words, .. }: NotAdmitted) -> Self {
        match code {
            "badInstance" => Self::Refused(StatusCode::BAD_REQUEST, words),
            "unavailable" => Self::Refused(StatusCode::SERVICE_UNAVAILABLE, words),
            _ => Self::Refused(StatusCode::UNAUTHORIZED, words),
        }
    }
}

fn refused(status: StatusCode, words: &str) -> NoUpgrade {
    NoUpgrade::Refused(status, words.to_owned())
}

/// One of ours, or one that carries a token.
fn is_socket_path(path: &str) -> bool {
    PATHS.contains(&path) || path.starts_with("/t/")
}

fn accept_key<B>(request: &Request<B>) -> Option<HeaderValue> {
    let headers = request.headers();
    let version = headers.get(header::SEC_WEBSOCKET_VERSION)?;
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    let fits = request.method() == Method::GET
        && has_token(headers, header::CONNECTION, "upgrade")
        && version == "13";
    fits.then(|| derive_accept_key(key.as_bytes()).parse().ok()).flatten()
}

fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    let values = headers.get_all(name);
    values
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|word| word.trim().eq_ignore_ascii_case(token))
}

fn switching(accept: HeaderValue, is_extended: bool) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    if is_extended {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::convert::Infallible;

    use hyper::service::service_fn;
    use tokio::io::{AsyncWriteExt, duplex};
    use tokio::sync::mpsc;

    use super::*;

    /// It would keep its seat for as long as it likes.
    #[tokio::test]
    async fn who_does_not_take_the_answer_is_not_waited_for() {
        // Shorter than the answer.
        let (ours, mut theirs) = duplex(32);
        let (upgrades, mut begun) = mpsc::unbounded_channel();
        let service = service_fn(move |mut request: Request<Incoming>| {
            upgrades.send(hyper::upgrade::on(&mut request)).unwrap();
            async { Ok::<_, Infallible>(switching(HeaderValue::from_static("x"), true)) }
        });
        let http = hyper::server::conn::http1::Builder::new();
        tokio::spawn(http.serve_connection(TokioIo::new(ours), service).with_upgrades());
        let head = b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        theirs.write_all(head).await.unwrap();
        let upgrade = upgraded(begun.recv().await.unwrap(), Duration::from_millis(50));
        assert!(timeout(Duration::from_secs(10), upgrade).await.unwrap().is_none());
    }
}
