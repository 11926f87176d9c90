//! The signaller of the plugin between upstream's own elements, over a real server, with and
//! without somebody in the way.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Once};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use gst::glib;
use gst::prelude::*;
use gstintercom::{Signaller, WebRTCSignallerRole};
use gstrswebrtc::signaller::Signallable;
use gstrswebrtc::webrtcsink::BaseWebRTCSink;
use gstrswebrtc::webrtcsrc::BaseWebRTCSrc;
use intercom_tests::{PATIENCE, Signaller as Server};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

/// One end: its pipeline, its signaller and what that one said.
struct End {
    pipeline: gst::Pipeline,
    signaller: Signaller,
    said: Receiver<Said>,
    buffers: Arc<AtomicUsize>,
}

#[derive(Debug, PartialEq)]
enum Said {
    Connected,
    Started,
    Failed(String),
    Ended,
    Error(String),
}

impl End {
    fn producer(uri: &str) -> Self {
        let (signaller, said) = signaller(WebRTCSignallerRole::Producer, uri);
        let sink = BaseWebRTCSink::with_signaller(signaller.clone().upcast::<Signallable>());
        sink.set_property("video-caps", gst::Caps::new_empty_simple("video/x-vp8"));
        sink.set_property("stun-server", None::<String>);
        sink.set_property("meta", gst::Structure::builder("meta").field("name", "door").build());
        let source = gst::parse::bin_from_description(
            "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1 ! queue leaky=downstream",
            true,
        )
        .unwrap();
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([source.upcast_ref(), sink.upcast_ref::<gst::Element>()]).unwrap();
        source.link(&sink).unwrap();
        Self::play(pipeline, signaller, said, Arc::default())
    }

    fn consumer(uri: &str) -> Self {
        let (signaller, said) = signaller(WebRTCSignallerRole::Consumer, uri);
        signaller.set_peer(Some("door".to_owned()));
        let source: BaseWebRTCSrc = glib::Object::builder()
            .property("signaller", signaller.clone().upcast::<Signallable>())
            .build();
        source.set_property("stun-server", None::<String>);
        let pipeline = gst::Pipeline::new();
        pipeline.add(&source).unwrap();
        let buffers = Arc::<AtomicUsize>::default();
        let (counter, weak) = (buffers.clone(), pipeline.downgrade());
        source.connect_pad_added(move |_, pad| {
            let Some(pipeline) = weak.upgrade() else { return };
            let counter = counter.clone();
            pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
                counter.fetch_add(1, Ordering::SeqCst);
                gst::PadProbeReturn::Ok
            });
            let sink = gst::ElementFactory::make("fakesink").property("sync", false);
            let sink = sink.property("async", false).build().unwrap();
            pipeline.add(&sink).unwrap();
            sink.sync_state_with_parent().unwrap();
            pad.link(&sink.static_pad("sink").unwrap()).unwrap();
        });
        Self::play(pipeline, signaller, said, buffers)
    }

    fn play(
        pipeline: gst::Pipeline,
        signaller: Signaller,
        said: Receiver<Said>,
        buffers: Arc<AtomicUsize>,
    ) -> Self {
        pipeline.set_state(gst::State::Playing).unwrap();
        Self { pipeline, signaller, said, buffers }
    }

    /// Waits for it; returns what was said before.
    fn expect(&self, awaited: &Said) -> Vec<Said> {
        let mut before = Vec::new();
        loop {
            match self.said.recv_timeout(PATIENCE) {
                Ok(said) if said == *awaited => return before,
                Ok(said) => before.push(said),
                Err(error) => panic!("no {awaited:?} ({error}), only {before:?}"),
            }
        }
    }

    /// Waits until that many more buffers have come.
    fn expect_buffers(&self, count: usize) {
        let goal = self.buffers() + count;
        let deadline = std::time::Instant::now() + PATIENCE;
        while self.buffers() < goal {
            assert!(std::time::Instant::now() < deadline, "{} of {goal}", self.buffers());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn buffers(&self) -> usize {
        self.buffers.load(Ordering::SeqCst)
    }
}

impl Drop for End {
    /// The sink of GStreamer 1.22 can stand still for ever while it closes a live session; the
    /// binaries leave it behind as well, and say goodbye all the same.
    fn drop(&mut self) {
        self.signaller.emit_by_name::<bool>("stop", &[]);
        let (pipeline, (done, stopped)) = (self.pipeline.clone(), channel());
        std::thread::spawn(move || {
            let _ = pipeline.set_state(gst::State::Null);
            let _ = done.send(());
        });
        if stopped.recv_timeout(Duration::from_secs(5)).is_err() {
            eprintln!("a pipeline does not close and is left behind");
        }
    }
}

fn signaller(role: WebRTCSignallerRole, uri: &str) -> (Signaller, Receiver<Said>) {
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        gst::init().unwrap();
        gstintercom::plugin_register_static().unwrap();
    });
    let signaller = Signaller::new(role);
    signaller.set_uri(uri);
    let (sender, said) = channel();
    type Read = fn(&[glib::Value]) -> Said;
    let signals: [(&str, Read); 5] = [
        ("connected", |_| Said::Connected),
        ("session-started", |_| Said::Started),
        ("session-failed", |values| Said::Failed(values[2].get().unwrap())),
        ("session-ended", |_| Said::Ended),
        ("error", |values| Said::Error(values[1].get().unwrap())),
    ];
    for (name, read) in signals {
        let sender = sender.clone();
        let returns = name == "session-ended";
        signaller.connect(name, false, move |values| {
            let _ = sender.send(read(values));
            returns.then(|| true.to_value())
        });
    }
    (signaller, said)
}

/// What somebody in the way does with a text message; `None` swallows it.
type Meddle = fn(String) -> Option<String>;

/// A proxy in front of the server that meddles with what goes up and what comes down.
struct Proxy {
    uri: String,
    _runtime: Runtime,
}

impl Proxy {
    fn start(server: &Server, up: Meddle, down: Meddle) -> Self {
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

fn no_answer(text: String) -> Option<String> {
    (!text.contains(r#""type":"answer""#)).then_some(text)
}

#[test]
fn media_flows_between_two_of_them() {
    let server = Server::start();
    let producer = End::producer(&server.ws());
    producer.expect(&Said::Connected);
    assert!(producer.signaller.client_id().is_some());
    let consumer = End::consumer(&server.ws());
    consumer.expect(&Said::Started);
    consumer.expect_buffers(30);
}

#[test]
fn a_new_session_follows_the_end_of_the_old() {
    let server = Server::start();
    let consumer = End::consumer(&server.ws());
    consumer.expect(&Said::Connected);
    for _ in 0..2 {
        let producer = End::producer(&server.ws());
        consumer.expect(&Said::Started);
        consumer.expect_buffers(10);
        drop(producer);
        consumer.expect(&Said::Ended);
    }
}

#[test]
fn a_consumer_notices_who_sits_in_between_and_shows_nothing_of_it() {
    let server = Server::start();
    let producer = End::producer(&server.ws());
    producer.expect(&Said::Connected);
    let proxy = Proxy::start(&server, honest, forge);
    let consumer = End::consumer(&proxy.uri);
    consumer.expect(&Said::Started);
    consumer.expect(&Said::Failed("fingerprint-mismatch".into()));
    consumer.expect(&Said::Ended);
    producer.expect(&Said::Ended);
    assert_eq!(consumer.buffers(), 0, "media of a stranger was let through");
}

#[test]
fn a_producer_notices_who_sits_in_between() {
    let server = Server::start();
    let producer = End::producer(&server.ws());
    producer.expect(&Said::Connected);
    let proxy = Proxy::start(&server, forge, honest);
    let consumer = End::consumer(&proxy.uri);
    producer.expect(&Said::Failed("fingerprint-mismatch".into()));
    producer.expect(&Said::Ended);
    consumer.expect(&Said::Ended);
}

#[test]
fn who_never_answers_is_given_up_with_the_cause() {
    let server = Server::start();
    let producer = End::producer(&server.ws());
    producer.expect(&Said::Connected);
    producer.signaller.set_negotiation_timeout(2000);
    let proxy = Proxy::start(&server, no_answer, honest);
    let _consumer = End::consumer(&proxy.uri);
    producer.expect(&Said::Failed("no-answer".into()));
    producer.expect(&Said::Ended);
}

#[test]
fn a_lost_server_is_no_error_and_a_wrong_address_is_one() {
    let mut server = Server::start();
    let producer = End::producer(&server.ws());
    producer.expect(&Said::Connected);
    let consumer = End::consumer(&server.ws());
    consumer.expect_buffers(10);
    server.kill();
    consumer.expect_buffers(30);
    server.restart();
    let before = producer.expect(&Said::Connected);
    assert!(before.iter().all(|said| *said == Said::Connected), "{before:?}");
    consumer.expect_buffers(30);

    let lost = End::producer("https://nowhere");
    let Ok(Said::Error(text)) = lost.said.recv_timeout(PATIENCE) else { panic!("no error") };
    assert!(text.contains("wss://HOST:PORT"), "{text}");
}

#[test]
fn stopping_says_goodbye() {
    let server = Server::start();
    let producer = End::producer(&server.ws());
    producer.expect(&Said::Connected);
    let mut lobby = server.lobby();
    lobby.await_producers(1);
    producer.pipeline.set_state(gst::State::Null).unwrap();
    assert!(producer.signaller.wait_closed(Duration::from_secs(2)));
    lobby.await_producers(0);
}
