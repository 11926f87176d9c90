//! The web app, as it was when the server was built.
//!
//! A server built without it works; its page then says how to build it.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../web-app/dist"]
#[allow_missing = true]
struct WebApp;

const NOT_BUILT: &str = "This server was built without the web app: run `make web`, then build the \
     server again.\n";

/// The file behind a path; `/` is the page.
pub(crate) async fn page(method: Method, uri: Uri, request: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        let allowed = [(header::ALLOW, "GET, HEAD")];
        return (StatusCode::METHOD_NOT_ALLOWED, allowed).into_response();
    }
    let path = match uri.path() {
        "/" => "index.html",
        path => path.trim_start_matches('/'),
    };
    match WebApp::get(path) {
        Some(file) => answer(path, file, &request),
        None if path == "index.html" => {
            (StatusCode::SERVICE_UNAVAILABLE, NOT_BUILT).into_response()
        }
        None => (StatusCode::NOT_FOUND, "There is nothing here.\n").into_response(),
    }
}

fn answer(path: &str, file: EmbeddedFile, request: &HeaderMap) -> Response {
    let kind = file.metadata.mimetype().to_owned();
    let short = takes_brotli(request).then(|| WebApp::get(&format!("{path}.br"))).flatten();
    let is_short = short.is_some();
    let file = short.unwrap_or(file);
    let tag = entity_tag(&file);
    let known = request.get(header::IF_NONE_MATCH).is_some_and(|known| known == tag.as_str());
    let (status, body) = if known {
        (StatusCode::NOT_MODIFIED, Body::empty())
    } else {
        (StatusCode::OK, Body::from(file.data))
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    if is_short {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    for (name, value) in [
        (header::CONTENT_TYPE, kind.as_str()),
        (header::VARY, "Accept-Encoding"),
        (header::CACHE_CONTROL, lifetime(path)),
        (header::ETAG, &tag),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

/// The build puts the same in brotli beside each file of the page.
fn takes_brotli(request: &HeaderMap) -> bool {
    let accepted = request.get_all(header::ACCEPT_ENCODING).iter();
    let mut codings = accepted.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("br") && !matches!(weight.trim(), "q=0" | "q=0.0")
    })
}

fn entity_tag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    let hex: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// Vite names what is under `assets/` after its content.
fn lifetime(path: &str) -> &'static str {
    if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}
