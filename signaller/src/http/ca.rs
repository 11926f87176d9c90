//! Our own CA, in the forms in which phones and programs take it, and a page that says which is
//! whose. All of it is public, and must be had before anything is trusted: over plain text too.

use std::fmt::Write;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use intercom_pki::Root;

/// What is handed out; `None` with a certificate from elsewhere. It changes while the server runs.
pub(crate) type Ca = Arc<ArcSwapOption<Handout>>;

/// Our own CA.
#[derive(Debug)]
pub(crate) struct Handout {
    /// The file `ca.pem`: all that programs should trust.
    pub(crate) pem: Bytes,
    /// The one that signs.
    pub(crate) root: Root,
    /// The one that will sign after a rotation.
    pub(crate) next: Option<Root>,
}

const NO_CA: &str =
    "This server has a certificate from elsewhere, and no CA of its own to trust.\n";
const NO_NEXT: &str = "No other CA is about to follow this one.\n";

/// The type that makes phones offer to install it.
const X509: &str = "application/x-x509-ca-cert";
/// Apple's.
const PROFILE: &str = "application/x-apple-aspen-config";

/// `/ca` and what it links to.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(ca: Ca) -> Router<S> {
    Router::new()
        .route("/ca", get(page))
        .route("/ca.pem", get(pem))
        .route("/ca.crt", get(root))
        .route("/ca-next.crt", get(next))
        .route("/ca.mobileconfig", get(profile))
        .with_state(ca)
}

async fn page(State(ca): State<Ca>) -> Response {
    answer(&ca, |ca| Html(page_of(ca)).into_response())
}

async fn pem(State(ca): State<Ca>) -> Response {
    answer(&ca, |ca| ([(header::CONTENT_TYPE, X509)], ca.pem.clone()).into_response())
}

/// DER, as Android and Windows take only the first certificate of a PEM file.
async fn root(State(ca): State<Ca>) -> Response {
    answer(&ca, |ca| file(&ca.root, "intercom-ca.crt"))
}

async fn next(State(ca): State<Ca>) -> Response {
    answer(&ca, |ca| match &ca.next {
        Some(next) => file(next, "intercom-ca-next.crt"),
        None => (StatusCode::NOT_FOUND, NO_NEXT).into_response(),
    })
}

/// For iPhones and iPads: one file, whatever the number of CAs.
async fn profile(State(ca): State<Ca>) -> Response {
    answer(&ca, |ca| ([(header::CONTENT_TYPE, PROFILE)], profile_of(ca)).into_response())
}

fn answer(ca: &Ca, found: impl FnOnce(&Handout) -> Response) -> Response {
    let answer = match ca.load_full() {
        Some(ca) => found(&ca),
        None => (StatusCode::NOT_FOUND, NO_CA).into_response(),
    };
    // A rotation must be seen at once.
    ([(header::CACHE_CONTROL, "no-cache")], answer).into_response()
}

fn file(root: &Root, name: &str) -> Response {
    let headers: [(HeaderName, String); 2] = [
        (header::CONTENT_TYPE, X509.into()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (headers, root.der().to_vec()).into_response()
}

impl Handout {
    fn roots(&self) -> impl Iterator<Item = &Root> {
        [&self.root].into_iter().chain(&self.next)
    }
}

fn page_of(ca: &Handout) -> String {
    let mut cas = String::new();
    for root in ca.roots() {
        let name = escape(root.common_name());
        let _ = writeln!(cas, "<dt>{name}<dd><code>{}</code>", root.fingerprint);
    }
    let next = match ca.next {
        Some(_) => " and then <a href=\"/ca-next.crt\">the next one</a>",
        None => "",
    };
    format!(
        "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>Trust this intercom</title>
<h1>Trust this intercom</h1>
<p>Its certificate is signed by a CA of its own. Tell this device once to trust it:
<ul>
<li>iPhone, iPad: <a href=\"/ca.mobileconfig\">install the profile</a>, then switch it on in
Settings → General → About → Certificate Trust Settings
<li>Android, Windows, macOS, ChromeOS: <a href=\"/ca.crt\">install the certificate</a>{next}
<li>Firefox, programs: <a href=\"/ca.pem\">take the PEM file</a>
</ul>
<p>Before you do, compare the SHA-256 with what <code>intercom-pki show</code> says on the server:
<dl>
{cas}</dl>
<p><a href=\"/\">Open the intercom</a>
"
    )
}

/// Apple's configuration profile, unsigned. The same CA has the same ids, so that a second
/// installation replaces the first.
fn profile_of(ca: &Handout) -> String {
    let payloads: String = ca.roots().map(payload_of).collect();
    let name = escape(ca.root.common_name());
    let (digits, uuid) = ids(&ca.root, 16);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">
<plist version=\"1.0\">
<dict>
<key>PayloadType</key><string>Configuration</string>
<key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>gst-intercom.ca.{digits}</string>
<key>PayloadUUID</key><string>{uuid}</string>
<key>PayloadDisplayName</key><string>{name}</string>
<key>PayloadDescription</key><string>Makes this device trust your own intercom.</string>
<key>PayloadContent</key>
<array>
{payloads}</array>
</dict>
</plist>
"
    )
}

fn payload_of(root: &Root) -> String {
    let name = escape(root.common_name());
    let (digits, uuid) = ids(root, 0);
    let pem = root.pem();
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    format!(
        "<dict>
<key>PayloadType</key><string>com.apple.security.root</string>
<key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>gst-intercom.root.{digits}</string>
<key>PayloadUUID</key><string>{uuid}</string>
<key>PayloadDisplayName</key><string>{name}</string>
<key>PayloadContent</key><data>{base64}</data>
</dict>
"
    )
}

/// Eight digits and a UUID made of the fingerprint, from one half of it or the other.
fn ids(root: &Root, half: usize) -> (String, String) {
    let bytes = &root.fingerprint.bytes()[half..half + 16];
    let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    let groups = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    (hex[..8].to_owned(), groups.join("-"))
}

/// For HTML and XML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use intercom_pki::{Authority, Limits};

    use super::*;

    fn handout() -> Handout {
        let made = |name: &str| {
            let dir = tempfile::tempdir().unwrap();
            let name = name.parse().unwrap();
            let authority = Authority::init_as(dir.path(), &Limits::private(), &name).unwrap();
            authority.root().clone()
        };
        Handout { pem: Bytes::new(), root: made("A <b> & C"), next: Some(made("D")) }
    }

    #[test]
    fn a_name_is_text_in_the_page_and_in_the_profile() {
        let ca = handout();
        for text in [page_of(&ca), profile_of(&ca)] {
            assert!(text.contains("A &lt;b&gt; &amp; C") && !text.contains("<b>"), "{text}");
        }
    }

    #[test]
    fn a_profile_has_every_ca_and_each_payload_its_own_id() {
        let text = profile_of(&handout());
        assert_eq!(text.matches("com.apple.security.root").count(), 2, "{text}");
        let mut ids: Vec<_> = text.lines().filter(|line| line.contains("PayloadUUID")).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 3, "{text}");
    }
}
