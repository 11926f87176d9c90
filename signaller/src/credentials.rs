//! What a request brings along to prove who is asking. A pure function of its head.
//!
//! Nothing is checked here but the form; nothing here is ever logged.

use std::fmt;

use axum::http::{HeaderMap, Uri, header};
use percent_encoding::percent_decode_str;

use crate::store::TOKEN_PREFIX;

/// The cookie of a web session. The prefix has browsers tie it to this very origin (RFC 6265bis).
pub(crate) const COOKIE: &str = "__Host-intercom";

/// The segment of a path behind which a token is.
const TOKEN_FOLLOWS: &str = "t";

/// Something that only its owner has.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Presented(String);

/// Where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// A token, in the header `Authorization: Bearer` or in the path `/t/TOKEN`.
    Token(Presented),
    /// A web session, in a cookie.
    Session(Presented),
    /// A ticket, in the query.
    Ticket(Presented),
}

/// All that a request's head says about who is asking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) carrier: Option<Carrier>,
    /// Which installation of the account it is, as written.
    pub(crate) instance: Option<String>,
}

impl Presented {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Finds what an upgrade request brings along. A header says more than a path, and a path more than what a
/// browser sends by itself. Cookies count only where the request's origin was checked.
pub(crate) fn find(uri: &Uri, headers: &HeaderMap, takes_cookies: bool) -> Credentials {
    let (path_token, path_instance) = in_path(uri.path());
    let carrier = bearer(headers)
        .or(path_token)
        .map(Carrier::Token)
        .or_else(|| value_in(uri.query()?, "ticket").map(Carrier::Ticket))
        .or_else(|| cookie(headers).filter(|_| takes_cookies).map(Carrier::Session));
    let header = headers.get("x-intercom-instance").and_then(|value| value.to_str().ok());
    Credentials { carrier, instance: header.map(str::to_owned).or(path_instance) }
}

/// The path of a dialect without a login of its own: a token if it begins with `/t/TOKEN`, and what is left.
pub(crate) struct OldPath {
    token: Option<Presented>,
    rest: Vec<String>,
}

impl OldPath {
    /// Reads it as its segments are meant, however they are written; the dialect's name may come first.
    pub(crate) fn read(path: &str, dialect: &str) -> Self {
        let segments = path.split('/').filter(|segment| !segment.is_empty());
        let decoded =
            segments.map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned());
        let mut segments = decoded.peekable();
        segments.next_if(|text| text == dialect);
        let token = segments.next_if(|text| text == TOKEN_FOLLOWS);
        let token = token.map(|_| Presented(segments.next().unwrap_or_default()));
        Self { token, rest: segments.collect() }
    }

    /// What shows the token: a header says more than the path, and the path more than the query.
    pub(crate) fn carrier(&self, query: Option<&str>, headers: &HeaderMap) -> Option<Carrier> {
        let token = bearer(headers).or_else(|| self.token.clone());
        token.or_else(|| value_in(query?, "token")).map(Carrier::Token)
    }

    /// The one name that is left, perhaps an empty one; `None` for what might be a token at the wrong place.
    pub(crate) fn name(&self) -> Option<&str> {
        match &self.rest[..] {
            [] => Some(""),
            [name] if !may_be_a_token(name) => Some(name),
            _ => None,
        }
    }
}

/// The same for any other request: what is in an address may be written down somewhere.
pub(crate) fn of_request(headers: &HeaderMap) -> Option<Carrier> {
    let token = bearer(headers).map(Carrier::Token);
    token.or_else(|| cookie(headers).map(Carrier::Session))
}

/// Or the beginning of a path to one.
fn may_be_a_token(name: &str) -> bool {
    name == TOKEN_FOLLOWS || name.contains('/') || has_form_of_token(name)
}

/// What others get to read is never to be such a thing.
pub(crate) fn has_form_of_token(text: &str) -> bool {
    text.starts_with(TOKEN_PREFIX)
}

fn bearer(headers: &HeaderMap) -> Option<Presented> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Presented(token.trim().to_owned()))
}

/// `/t/TOKEN` or `/t/TOKEN/INSTANCE`: stock GStreamer clients drop the query, but keep the path.
fn in_path(path: &str) -> (Option<Presented>, Option<String>) {
    let Some(rest) = path.strip_prefix("/t/") else { return (None, None) };
    let (token, instance) = rest.split_once('/').unwrap_or((rest, ""));
    let instance = Some(instance.trim_end_matches('/')).filter(|instance| !instance.is_empty());
    (Some(Presented(token.to_owned())), instance.map(str::to_owned))
}

fn value_in(query: &str, name: &str) -> Option<Presented> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| Presented(value.into_owned()))
}

fn cookie(headers: &HeaderMap) -> Option<Presented> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = values.flat_map(|value| value.split(';')).filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE).then(|| Presented(value.to_owned()))
    });
    cookies.next()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn credentials(uri: &str, head: &[(&'static str, &str)], takes_cookies: bool) -> Credentials {
        let mut headers = HeaderMap::new();
        for (name, value) in head {
            headers.append(*name, value.parse().unwrap());
        }
        find(&uri.parse().unwrap(), &headers, takes_cookies)
    }

    fn token(text: &str) -> Option<Carrier> {
        Some(Carrier::Token(Presented(text.into())))
    }

    #[test]
    fn an_old_dialect_has_its_token_in_header_path_or_query() {
        let none = HeaderMap::new();
        let mut head = HeaderMap::new();
        head.insert("authorization", "Bearer h".parse().unwrap());
        for (path, query, headers, carrier) in [
            ("/t/p/door", Some("token=q"), &none, token("p")),
            ("/door", Some("x=1&token=q"), &none, token("q")),
            ("/t/p", None, &head, token("h")),
            ("/door", Some("ticket=q"), &none, None),
        ] {
            let read = OldPath::read(path, "relay");
            assert_eq!(read.carrier(query, headers), carrier, "{path}");
        }
    }

    #[test]
    fn a_token_is_never_a_name() {
        for (path, shown, name) in [
            ("/t/p/door", Some("p"), Some("door")),
            ("/t/p", Some("p"), Some("")),
            ("/door/", None, Some("door")),
            ("/relay/front%20door", None, Some("front door")),
            ("", None, Some("")),
            ("//t/p/door", Some("p"), Some("door")),
            ("/%74/p/door", Some("p"), Some("door")),
            ("/relay/t/p/door", Some("p"), Some("door")),
            ("/relay//%74//p//door", Some("p"), Some("door")),
            ("/relay/relay/t/p", None, None),
            ("/x/t/p", None, None),
            ("/t%2Fp%2Fdoor", None, None),
            ("/t/p/t/p", Some("p"), None),
            ("/t/p/t", Some("p"), None),
            ("/t", Some(""), Some("")),
            ("/front/door", None, None),
            ("/ict_p", None, None),
        ] {
            let read = OldPath::read(path, "relay");
            let shown = shown.map(|text| Presented(text.into()));
            assert_eq!((&read.token, read.name()), (&shown, name), "{path}");
        }
    }

    #[test]
    fn each_carrier_is_found() {
        let session = Some(Carrier::Session(Presented("s".into())));
        let cookie = ("cookie", "a=b; __Host-intercom=s; c=d");
        for (uri, head, carrier) in [
            ("/", vec![], None),
            ("/ws", vec![("authorization", "Bearer abc")], token("abc")),
            ("/ws", vec![("authorization", "bearer  abc ")], token("abc")),
            ("/ws", vec![("authorization", "Basic abc")], None),
            ("/t/abc", vec![], token("abc")),
            ("/t/abc/", vec![], token("abc")),
            ("/t/abc", vec![("authorization", "Bearer x"), cookie], token("x")),
            ("/?ticket=t&x=1", vec![], Some(Carrier::Ticket(Presented("t".into())))),
            ("/?x=1", vec![cookie], session),
            ("/", vec![("cookie", "intercom=s")], None),
        ] {
            assert_eq!(credentials(uri, &head, true).carrier, carrier, "{uri}");
        }
    }

    #[test]
    fn a_cookie_counts_only_where_the_origin_was_checked() {
        let head = [("cookie", "__Host-intercom=s")];
        assert_eq!(credentials("/", &head, false), Credentials::default());
    }

    #[test]
    fn the_instance_is_in_header_or_path() {
        assert_eq!(credentials("/t/abc/cam", &[], false).instance.as_deref(), Some("cam"));
        let head = [("x-intercom-instance", "mic")];
        assert_eq!(credentials("/t/abc/cam", &head, false).instance.as_deref(), Some("mic"));
        assert_eq!(credentials("/t/abc/", &[], false).instance, None);
    }

    #[test]
    fn nothing_of_it_is_shown() {
        let found = credentials("/t/abc", &[], false);
        assert!(!format!("{found:?}").contains("abc"));
    }
}
