//! From an HTTP request to a served WebSocket (RFC 6455, 4.2).

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tracing::{debug, info};

use super::admission::{Policy, Verdict};
use crate::conn::{self, Timing};
use crate::hub_task::HubHandle;
use crate::link::Link;
use crate::room::{Room, Seat};

/// Where WebSockets are: stock clients use the root, others a path of their own.
const PATHS: [&str; 3] = ["/", "/ws", "/webrtc"];

const NOT_HERE: &str = "WebSockets are at /, /ws and /webrtc.";
const NOT_A_HANDSHAKE: &str = "That is not the handshake of WebSocket version 13.";
const NO_ROOM: &str = "The server has as many clients as --max-clients allows.";

/// Everything that WebSockets need.
#[derive(Clone, Debug)]
pub(crate) struct Upgrades {
    pub(crate) hub: HubHandle,
    pub(crate) policy: Arc<ArcSwap<Policy>>,
    /// A seat for every connection that there may be.
    pub(crate) room: Room,
    pub(crate) timing: Timing,
}

/// Why there is no WebSocket.
#[derive(Debug)]
pub(crate) enum NoUpgrade {
    /// Plain text on the main port, from somewhere else.
    BelongsOnTls,
    Refused(StatusCode, &'static str),
}

/// Whether a request asks for a WebSocket, or for a path that has nothing else: a browser does not
/// tell a page why it got no WebSocket, so the page asks again over HTTP and reads the refusal.
pub(crate) fn is_wanted<B>(request: &Request<B>) -> bool {
    has_token(request.headers(), header::UPGRADE, "websocket")
        || PATHS[1..].contains(&request.uri().path())
}

impl Upgrades {
    /// Answers an upgrade request; the connection is served by a task of its own.
    pub(crate) fn upgrade(
        &self,
        link: Link,
        request: &mut Request<Incoming>,
    ) -> Result<Response<Body>, NoUpgrade> {
        if !PATHS.contains(&request.uri().path()) {
            return Err(NoUpgrade::Refused(StatusCode::NOT_FOUND, NOT_HERE));
        }
        let access = match self.policy.load().judge(link, request.headers()) {
            Verdict::Admit(access) => access,
            Verdict::BelongsOnTls => return Err(NoUpgrade::BelongsOnTls),
            Verdict::Refuse(status, words) => {
                info!(remote = %link.remote, %status, "WebSocket refused: {words}");
                return Err(NoUpgrade::Refused(status, words));
            }
        };
        let Some(accept) = accept_key(request) else {
            return Err(NoUpgrade::Refused(StatusCode::BAD_REQUEST, NOT_A_HANDSHAKE));
        };
        let Some(seat) = self.room.seat() else {
            info!(remote = %link.remote, "WebSocket refused: {NO_ROOM}");
            return Err(NoUpgrade::Refused(StatusCode::SERVICE_UNAVAILABLE, NO_ROOM));
        };
        info!(remote = %link.remote, side = ?link.side, ?access, "WebSocket");
        let upgrade = hyper::upgrade::on(request);
        tokio::spawn(self.clone().serve(upgrade, access, seat));
        Ok(switching(accept))
    }

    async fn serve(
        self,
        upgrade: hyper::upgrade::OnUpgrade,
        access: signaller_core::Access,
        _seat: Seat,
    ) {
        let socket = match upgrade.await {
            Ok(socket) => TokioIo::new(socket),
            Err(error) => {
                debug!(%error, "gone during the upgrade");
                return;
            }
        };
        let config = Some(conn::config());
        let socket = WebSocketStream::from_raw_socket(socket, Role::Server, config).await;
        conn::run(socket, access, &self.hub, self.timing).await;
    }
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

fn switching(accept: HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}
