//! `intercomsink` and `intercomsrc` over a real server, with and without somebody in the way.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use gst::prelude::*;
use intercom_tests::{Pipeline, Plugins, Signaller};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

const PAGE: &str = include_str!("../../docs/ref/elements.md");

#[test]
fn a_picture_flows_and_again_after_the_end() {
    let signaller = Signaller::start();
    let mut phone = phone(&signaller.ws());
    phone.expect("connected(");
    for _ in 0..2 {
        let mut door = door(&signaller.ws());
        door.expect("connected(");
        phone.expect("session started");
        phone.expect_frames(10);
        drop(door);
        phone.expect("session ended");
    }
}

#[test]
fn a_consumer_notices_who_sits_in_between_and_shows_nothing_of_it() {
    let signaller = Signaller::start();
    let mut door = door(&signaller.ws());
    door.expect("connected(");
    let proxy = Proxy::start(&signaller, honest, forge);
    let mut phone = phone(&proxy.uri);
    let failed = phone.expect("session-failed(");
    assert!(failed.contains(", fingerprintMismatch, "), "{failed}");
    phone.expect("session ended");
    let told = door.expect("session-failed(");
    assert!(told.contains(", fingerprintMismatch, the other end says: "), "{told}");
    door.expect("session ended");
    assert_eq!(phone.frames(), 0, "media of a stranger was let through");
}

#[test]
fn a_producer_notices_who_sits_in_between() {
    let signaller = Signaller::start();
    let mut door = door(&signaller.ws());
    door.expect("connected(");
    let proxy = Proxy::start(&signaller, forge, honest);
    let mut phone = phone(&proxy.uri);
    let failed = door.expect("session-failed(");
    assert!(failed.contains(", fingerprintMismatch, "), "{failed}");
    door.expect("session ended");
    phone.expect("session ended");
}

/// Each end is told that the other one waits to be spoken to.
#[test]
fn keys_that_cannot_be_agreed_on_are_told_from_a_way_that_is_not_found() {
    let signaller = Signaller::start();
    let mut door = door(&signaller.ws());
    door.expect("connected(");
    let proxy = Proxy::start(&signaller, everybody_waits, honest);
    let mut phone = phone(&proxy.uri);
    for end in [&mut door, &mut phone] {
        let failed = end.expect("session-failed(");
        assert!(failed.contains(", dtlsFailed, "), "{failed}");
        end.expect("session ended");
    }
}

#[test]
fn who_never_answers_is_given_up_with_the_cause() {
    let signaller = Signaller::start();
    let uri = signaller.ws();
    let properties = [("name", "door"), ("uri", &*uri), ("negotiation-timeout", "2000")];
    let mut door = Pipeline::sending(&properties);
    door.expect("connected(");
    let proxy = Proxy::start(&signaller, no_answer, honest);
    let _phone = phone(&proxy.uri);
    let failed = door.expect("session-failed(");
    assert!(failed.contains(", noAnswer, "), "{failed}");
    door.expect("session ended");
}

#[test]
fn what_a_session_has_still_to_say_when_it_is_over_harms_no_other() {
    let signaller = Signaller::start();
    let uri = signaller.ws();
    let properties = [("peer", "door"), ("uri", &*uri), ("negotiation-timeout", "3000")];
    let mut phone = Pipeline::receiving(&properties);
    phone.expect("connected(");
    // A machine that is too busy to answer in time, and does when the next session has begun.
    let (begun, sessions) = channel();
    let sessions = Arc::new(Mutex::new(sessions));
    phone.signaller().connect("session-started", false, move |_| {
        let _ = begun.send(());
        None
    });
    let is_first = AtomicBool::new(true);
    phone.signaller().connect("webrtcbin-ready", false, move |values| {
        let webrtcbin = values[2].get::<gst::Element>().unwrap();
        let sessions = sessions.clone();
        if is_first.swap(false, Ordering::SeqCst) {
            webrtcbin.connect_notify(Some("signaling-state"), move |_, _| {
                let sessions = sessions.lock().unwrap();
                for _ in 0..2 {
                    let _ = sessions.recv_timeout(Duration::from_secs(4));
                }
            });
        }
        None
    });
    let _door = door(&uri);
    phone.expect("session-failed(");
    phone.expect("session started");
    phone.expect_frames(15);
    let is_error = |line: &&String| line.starts_with("error");
    assert_eq!(phone.said().iter().find(is_error), None);
}

#[test]
fn what_cannot_be_mended_is_one_error_with_a_hint() {
    for uri in ["https://nowhere", "intercom://me:secret@nowhere/door"] {
        let mut lost = Pipeline::receiving(&[("uri", uri)]);
        let error = lost.expect("error: ");
        assert!(error.contains("wss://HOST:PORT"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let signaller = Signaller::start();
    let wanted = [("uri", &*signaller.ws()), ("producer-peer-id", "nobody")];
    let mut lost = Pipeline::receiving(&wanted);
    assert_eq!(lost.expect("error: "), "error: no producer has the peer id \"nobody\"");
}

#[test]
fn stopping_says_goodbye() {
    let signaller = Signaller::start();
    let door = door(&signaller.ws());
    let mut lobby = signaller.lobby();
    lobby.await_producers(1);
    door.stop();
    lobby.await_producers(0);
}

#[test]
fn the_elements_name_is_listed_unless_another_is_given() {
    let signaller = Signaller::start();
    let uri = signaller.ws();
    for (properties, name) in [
        (&[("name", "door")][..], "door"),
        (&[("name", "sink"), ("meta", "meta,name=door,ptz=true")][..], "door"),
        (&[("name", "sink"), ("meta", "meta,name=gate"), ("signaller::name", "door")][..], "door"),
        (&[][..], ""),
    ] {
        let _door = Pipeline::sending(&[&[("uri", &*uri)], properties].concat());
        signaller.lobby().await_producer(name);
    }
}

#[test]
fn two_elements_call_each_other() {
    let signaller = Signaller::with_accounts(&[("door", "device"), ("ann", "user")]);
    let (wss, ca) = (signaller.wss(), signaller.ca());
    let token = |account| signaller.token(account).to_str().unwrap().to_owned();
    let (door_token, ann_token) = (token("door"), token("ann"));
    let basics = [("uri", &*wss), ("cafile", ca.to_str().unwrap()), ("calls", "true")];
    let mut ann = Pipeline::receiving(&[&basics[..], &[("token-file", &*ann_token)]].concat());
    ann.expect("connected(");
    let mut door = Pipeline::sending(&[&basics[..], &[("token-file", &*door_token)]].concat());
    ann.expect("presence-changed(door, available, true)");

    ann.element().emit_by_name::<()>("call", &[&"attic", &true, &true]);
    ann.expect("call-state-changed(-, refused, noSuchAccount)");
    ann.element().emit_by_name::<()>("call", &[&"door", &true, &false]);
    ann.expect("call-state-changed(");
    let call = call_id(&door.expect("incoming-call("));
    assert_eq!(ann.frames(), 0, "the door's picture is for those it talks to");
    door.element().emit_by_name::<()>("accept-call", &[&call, &false, &true]);
    door.expect(&format!("call-state-changed({call}, accepted, ann)"));
    ann.expect(&format!("call-state-changed({call}, accepted, door)"));
    ann.expect_frames(15);
    door.element().emit_by_name::<()>("hang-up", &[&call]);
    for end in [&mut ann, &mut door] {
        end.expect(&format!("call-state-changed({call}, ended, hangup)"));
    }

    door.element().emit_by_name::<()>("call", &[&"ann", &false, &true]);
    let call = call_id(&ann.expect("incoming-call("));
    ann.element().emit_by_name::<()>("reject-call", &[&call]);
    door.expect(&format!("call-state-changed({call}, ended, rejected)"));
}

#[test]
fn a_token_is_in_no_dump() {
    let signaller = Signaller::with_accounts(&[("door", "device")]);
    let token = std::fs::read_to_string(signaller.token("door")).unwrap();
    let (wss, ca) = (signaller.wss(), signaller.ca());
    let login = [("uri", &*wss), ("cafile", ca.to_str().unwrap()), ("token", token.trim())];
    let mut door = Pipeline::sending(&login);
    assert!(door.expect("connected(").ends_with(", door)"));
    let all = gst::DebugGraphDetails::VERBOSE | gst::DebugGraphDetails::all();
    let dump = door.pipeline().debug_to_dot_data(all);
    assert!(dump.contains("cafile") && !dump.contains(token.trim()));
}

#[test]
fn what_is_ours_is_on_the_page_and_says_what_it_is() {
    for (ours, stock) in [("intercomsink", "webrtcsink"), ("intercomsrc", "webrtcsrc")] {
        let (text, known) = (inspect(ours), members(&inspect(stock)));
        for word in ["Long-name", "Klass", "Description", "Author"] {
            assert!(text.contains(word), "{text}");
        }
        let own: Vec<_> = members(&text).difference(&known).cloned().collect();
        assert!(own.len() > 15, "{own:?}");
        for name in own {
            let is_there = ["`", "("].iter().any(|end| PAGE.contains(&format!("\n| `{name}{end}")));
            assert!(is_there, "{name} of {ours} is not in docs/ref/elements.md");
        }
    }
}

fn inspect(element: &str) -> String {
    let output = Plugins::ours().command("gst-inspect-1.0").arg(element).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Names of properties, signals and actions.
fn members(inspected: &str) -> BTreeSet<String> {
    let (_, list) = inspected.split_once("Element Properties:").unwrap();
    let own = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    let names = list.lines().filter(own).filter_map(|line| line.split_once(':'));
    let names = names.map(|(name, _)| name.trim().trim_matches('"').to_owned());
    names.filter(|name| !name.contains([' ', '(']) && !name.is_empty()).collect()
}

fn door(uri: &str) -> Pipeline {
    Pipeline::sending(&[("name", "door"), ("uri", uri)])
}

fn phone(uri: &str) -> Pipeline {
    Pipeline::receiving(&[("peer", "door"), ("uri", uri)])
}

/// Of a line that begins with one.
fn call_id(line: &str) -> String {
    line.split(['(', ',']).nth(1).unwrap().to_owned()
}

/// What somebody in the way does with a text message; `None` swallows it.
type Meddle = fn(String) -> Option<String>;

/// A proxy in front of the server that meddles with what goes up and what comes down.
struct Proxy {
    uri: String,
    _runtime: Runtime,
}

impl Proxy {
    fn start(server: &Signaller, up: Meddle, down: Meddle) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let uri = format!("ws://{}", listener.local_addr().unwrap());
        let server = server.ws();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, server.clone(), up, down));
            }
        });
        Self { uri, _runtime: runtime }
    }
}

async fn pass(stream: TcpStream, server: String, up: Meddle, down: Meddle) {
    let client = accept_async(stream).await.unwrap();
    let tcp = TcpStream::connect(server.trim_start_matches("ws://")).await.unwrap();
    let (upstream, _) = client_async(server, tcp).await.unwrap();
    let (client_out, client_in) = client.split();
    let (server_out, server_in) = upstream.split();
    tokio::join!(carry(client_in, server_out, up), carry(server_in, client_out, down));
}

type Reader = futures_util::stream::SplitStream<WebSocketStream<TcpStream>>;
type Writer = futures_util::stream::SplitSink<WebSocketStream<TcpStream>, Message>;

async fn carry(mut from: Reader, mut to: Writer, meddle: Meddle) {
    while let Some(Ok(message)) = from.next().await {
        let message = match message {
            Message::Text(text) => match meddle(text.to_string()) {
                Some(text) => Message::text(text),
                None => continue,
            },
            other => other,
        };
        if to.send(message).await.is_err() {
            return;
        }
    }
}

fn honest(text: String) -> Option<String> {
    Some(text)
}

/// Puts another fingerprint where one is announced: what an eavesdropper who replaces both ends'
/// certificates cannot avoid.
fn forge(text: String) -> Option<String> {
    let Some((before, after)) = text.split_once("fingerprint:sha-256 ") else { return Some(text) };
    let (byte, rest) = after.split_at(2);
    let other = if byte == "00" { "01" } else { "00" };
    Some(format!("{before}fingerprint:sha-256 {other}{}", forge_rest(rest)))
}

fn forge_rest(text: &str) -> String {
    forge(text.to_owned()).unwrap_or_default()
}

#[allow(clippy::needless_pass_by_value, reason = "as every meddler takes it")]
fn everybody_waits(text: String) -> Option<String> {
    Some(text.replace("setup:active", "setup:passive"))
}

fn no_answer(text: String) -> Option<String> {
    (!text.contains(r#""type":"answer""#)).then_some(text)
}
