//! The HTTP API: accounts, logins, presence, calls and what an admin needs, as JSON.
//!
//! Proves who asks, and leaves the rest to store and hub. `docs/ref/openapi.json` describes every
//! route; `docs/ref/api.md` says the rules that all of them share.

mod accounts;
mod asker;
mod body;
mod history;
mod info;
mod login;
mod presence;
mod refused;
mod rights;
mod tokens;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};

pub(super) use asker::Admin;
pub(super) use refused::Refused;

use crate::gate::Gate;
use crate::hub_task::HubHandle;
use crate::link::{Page, Visit};
use crate::store::Store;

/// The longest body of a request, in bytes.
const MAX_BODY_LEN: usize = 16 * 1024;

/// For a page of a listed origin: what it may send, and for how many seconds it may remember that.
const CORS: [(HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, PATCH, DELETE"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
    (header::ACCESS_CONTROL_MAX_AGE, "600"),
];

/// What the handlers need.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) hub: HubHandle,
    pub(crate) store: Store,
    pub(crate) gate: Arc<Gate>,
}

/// Everything under `/api`.
pub(super) fn router() -> Router<Api> {
    let nothing = async || Refused::new("notFound", "there is nothing here; see /api/openapi.json");
    let not_so = async || Refused::new("methodNotAllowed", "this is not done with that method");
    let routes = routes().into_iter();
    routes
        .fold(Router::new(), |router, (path, methods)| router.route(path, methods))
        .fallback(nothing)
        .method_not_allowed_fallback(not_so)
        .layer(DefaultBodyLimit::max(MAX_BODY_LEN))
        .layer(from_fn(guard))
}

fn routes() -> [(&'static str, MethodRouter<Api>); 22] {
    [
        ("/info", get(info::info)),
        ("/openapi.json", get(info::openapi)),
        ("/login", post(login::log_in)),
        ("/register", post(login::register)),
        ("/logout", post(login::log_out)),
        ("/ticket", post(login::ticket)),
        ("/me", get(login::me)),
        ("/password", post(login::change_password)),
        ("/sessions", get(login::sessions).delete(login::end_other_sessions)),
        ("/sessions/{id}", delete(login::end_session)),
        ("/ice-servers", get(info::ice_servers)),
        ("/presence", get(presence::presence)),
        ("/calls", get(history::calls)),
        ("/accounts", get(accounts::list).post(accounts::add)),
        ("/accounts/{name}", get(accounts::show).patch(accounts::change).delete(accounts::remove)),
        ("/accounts/{name}/rights", get(rights::show).put(rights::set)),
        ("/accounts/{name}/tokens", get(tokens::list).post(tokens::create)),
        ("/tokens/{id}", delete(tokens::revoke)),
        ("/invites", post(tokens::invite)),
        ("/audit", get(history::audit)),
        ("/connections", get(presence::connections)),
        ("/connections/{peerId}", delete(presence::cut)),
    ]
}

/// Foreign pages get nothing, pages of listed origins get what they need to read the answer; and
/// nobody keeps an answer.
async fn guard(request: Request, next: Next) -> Response {
    let page = request.extensions().get::<Visit>().map(|visit| visit.page);
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = match page {
        Some(Page::Foreign) | None => Refused::foreign_page().into_response(),
        Some(Page::Allowed) if is_preflight(&request) => {
            (StatusCode::NO_CONTENT, CORS).into_response()
        }
        Some(Page::Allowed | Page::Unknown) => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    if let (Some(Page::Allowed), Some(origin)) = (page, origin) {
        admit(headers, origin);
    }
    response
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn admit(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_description_has_every_route_and_no_other() {
        let description: serde_json::Value = serde_json::from_str(info::OPENAPI).unwrap();
        let described = description["paths"].as_object().unwrap().keys().cloned();
        let described: BTreeSet<_> = described.filter(|path| path.starts_with("/api/")).collect();
        let there: BTreeSet<_> = routes().iter().map(|(path, _)| format!("/api{path}")).collect();
        assert_eq!(described, there);
    }
}
