//! From plain text to TLS on the same port.

use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use url::Url;

const BAD_HOST: &str = "The request's Host header names no host.\n";

/// 308, so that the method stays; the Host header goes back only if it is a host and nothing else.
pub(crate) async fn to_https(uri: Uri, headers: HeaderMap) -> Response {
    match target(&uri, &headers) {
        Some(target) => {
            let words = format!("This port speaks TLS: {target}\n");
            (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, target)], words).into_response()
        }
        None => (StatusCode::BAD_REQUEST, BAD_HOST).into_response(),
    }
}

fn target(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    if host.is_empty() || hosts.next().is_some() || host.contains(['/', '\\', '@', '?', '#']) {
        return None;
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let target = Url::parse(&format!("https://{host}{path}")).ok()?;
    target.has_host().then(|| target.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn to(host: &str, path: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        target(&path.parse().unwrap(), &headers)
    }

    #[test]
    fn host_port_and_path_stay() {
        for (host, path, https) in [
            ("door.local:8443", "/a?b=c", "https://door.local:8443/a?b=c"),
            ("192.168.1.7:8443", "/", "https://192.168.1.7:8443/"),
            ("[::1]:8443", "/x", "https://[::1]:8443/x"),
            ("door.local", "/", "https://door.local/"),
            ("[::1]", "/", "https://[::1]/"),
        ] {
            assert_eq!(to(host, path).as_deref(), Some(https));
        }
    }

    #[test]
    fn nothing_but_a_host_goes_back() {
        for host in ["", "evil.example/path", "user@evil.example", "a b", "a:x", "[::1", "?", "#"] {
            assert_eq!(to(host, "/"), None, "{host}");
        }
        assert_eq!(target(&"/".parse().unwrap(), &HeaderMap::new()), None);
    }
}
