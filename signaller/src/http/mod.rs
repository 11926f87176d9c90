//! Everything that is answered over HTTP and is not a WebSocket.
//!
//! Two sites: the whole one, and the one for plain text on the main port, which has the CA's
//! certificate for everybody and sends the rest to https.

mod headers;
mod redirect;
mod web;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;

pub(crate) use headers::secure;
pub(crate) use redirect::to_https;

use crate::hub_task::HubHandle;

/// What the sites show.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) hub: HubHandle,
    /// PEM of our own CA, as it is now; `None` with a certificate from elsewhere.
    pub(crate) ca: Arc<ArcSwapOption<Bytes>>,
}

const NO_CA: &str =
    "This server has a certificate from elsewhere, and no CA of its own to trust.\n";

/// The site behind TLS and on the plain listener.
pub(crate) fn full(site: Site) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route("/ca.pem", get(ca))
        .fallback(web::page)
        .with_state(Arc::new(site))
}

/// The site on the main port's plain side.
pub(crate) fn plain(site: Site) -> Router {
    Router::new().route("/ca.pem", get(ca)).fallback(to_https).with_state(Arc::new(site))
}

async fn health(State(site): State<Arc<Site>>) -> Response {
    match site.hub.count().await {
        Ok(_) => "ok\n".into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the hub has stopped\n").into_response(),
    }
}

/// The type that makes phones offer to install it.
async fn ca(State(site): State<Arc<Site>>) -> Response {
    match site.ca.load_full() {
        Some(pem) => {
            let kind = [(header::CONTENT_TYPE, "application/x-x509-ca-cert")];
            (kind, Bytes::clone(&pem)).into_response()
        }
        None => (StatusCode::NOT_FOUND, NO_CA).into_response(),
    }
}
