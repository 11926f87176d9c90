//! Everything that is answered over HTTP and is not a WebSocket.
//!
//! Two sites: the whole one, and the one for plain text on the main port, which has the CA's
//! certificate for everybody and sends the rest to https.

mod api;
pub(crate) mod ca;
mod headers;
mod metrics;
mod redirect;
mod web;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

pub(crate) use api::Api;
pub(crate) use headers::secure;
pub(crate) use redirect::to_https;

/// What the sites show.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) api: Api,
    pub(crate) ca: ca::Ca,
}

/// The site behind TLS and on the plain listener.
pub(crate) fn full(site: Site) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route("/metrics", get(metrics::metrics))
        .nest("/api", api::router())
        .merge(ca::routes(Arc::clone(&site.ca)))
        .fallback(web::page)
        .with_state(site.api)
}

/// The site on the main port's plain side.
pub(crate) fn plain(site: &Site) -> Router {
    ca::routes(Arc::clone(&site.ca)).fallback(to_https)
}

async fn health(State(api): State<Api>) -> Response {
    match api.hub.count().await {
        Ok(_) => "ok\n".into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the hub has stopped\n").into_response(),
    }
}
