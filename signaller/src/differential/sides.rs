//! The two servers without their sockets: text in, who hears what out, ids replaced by names.
//!
//! Peers and sessions are called `<peer0>`, `<session0>`… by first appearance, in what is said as
//! well as in what is heard.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Instant;

use futures_util::{FutureExt, Stream, StreamExt, stream};
use gst_plugin_webrtc_signalling::handlers::Handler;
use gst_plugin_webrtc_signalling_protocol::IncomingMessage;
use serde_json::Value;
use signaller_core::{Access, ConnId, Hub, Identity, Input, Limits, Output, Rng};

use crate::dialect::Gst;

/// What happens to a server.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// The next peer connects.
    Come,
    /// This one's socket closes.
    Leave(String),
    /// This one sends this text.
    Say(String, String),
    /// So much time passes that no silent session outlives it.
    Wait,
}

/// Who heard what, in each receiver's order.
pub(super) type Heard = BTreeMap<String, Vec<Value>>;

/// One of the two servers.
pub(super) trait Side {
    fn handle(&mut self, event: &Event) -> Heard;
}

/// Upstream's `Handler`, fed as upstream's `Server` feeds it.
pub(super) struct Stock {
    handler: Handler,
    inputs: Arc<Mutex<VecDeque<Incoming>>>,
    names: Names,
    came: u64,
}

type Incoming = (String, Option<IncomingMessage>);

/// Our dialect and hub, in virtual time.
pub(super) struct Ours {
    hub: Hub,
    limits: Limits,
    now: Instant,
    dialects: BTreeMap<ConnId, Gst>,
    names: Names,
}

impl Stock {
    pub(super) fn new() -> Self {
        let inputs = Arc::new(Mutex::new(VecDeque::new()));
        let handler = Handler::new(waiting(Arc::clone(&inputs)));
        Self { handler, inputs, names: Names::default(), came: 0 }
    }

    fn put(&self, id: String, message: Option<IncomingMessage>) {
        self.inputs.lock().unwrap().push_back((id, message));
    }
}

impl Side for Stock {
    fn handle(&mut self, event: &Event) -> Heard {
        match event {
            Event::Come => {
                self.came += 1;
                let id = format!("00000000-0000-4000-8000-{:012}", self.came);
                self.put(id, Some(IncomingMessage::NewPeer));
            }
            Event::Leave(peer) => self.put(self.names.fill(peer), None),
            Event::Say(peer, text) => {
                // What it cannot read it drops.
                if let Ok(message) = serde_json::from_str(&self.names.fill(text)) {
                    self.put(self.names.fill(peer), Some(message));
                }
            }
            Event::Wait => {}
        }
        let mut heard = Heard::new();
        while let Some(Some((id, message))) = self.handler.next().now_or_never() {
            let text = serde_json::to_string(&message).unwrap();
            let message = self.names.read(&text);
            heard.entry(self.names.name(&id)).or_default().push(message);
        }
        in_order(heard)
    }
}

/// Yields what is there and is pending otherwise; whoever puts something in polls again.
fn waiting(inputs: Arc<Mutex<VecDeque<Incoming>>>) -> Pin<Box<dyn Stream<Item = Incoming> + Send>> {
    Box::pin(stream::poll_fn(move |_| match inputs.lock().unwrap().pop_front() {
        Some(input) => Poll::Ready(Some(input)),
        None => Poll::Pending,
    }))
}

impl Ours {
    pub(super) fn new(limits: Limits) -> Self {
        let hub = Hub::new(limits.clone(), Rng::from_seed([7; 32]));
        let dialects = BTreeMap::new();
        Self { hub, limits, now: Instant::now(), dialects, names: Names::default() }
    }

    fn input(&mut self, event: &Event) -> Option<Input> {
        Some(match event {
            Event::Come => {
                let conn = ConnId(self.dialects.len() as u64);
                self.dialects.insert(conn, Gst::default());
                Input::Connected { conn, identity: Identity::guest(Access::Full) }
            }
            Event::Leave(peer) => Input::Disconnected { conn: conn(peer) },
            Event::Say(peer, text) => {
                let conn = conn(peer);
                let request = self.dialects[&conn].read(&self.names.fill(text))?;
                Input::Request { conn, request, tag: None }
            }
            Event::Wait => {
                self.now += self.limits.first_word;
                Input::Timeout
            }
        })
    }
}

impl Side for Ours {
    fn handle(&mut self, event: &Event) -> Heard {
        let mut heard = Heard::new();
        let Some(input) = self.input(event) else { return heard };
        self.hub.handle(self.now, input);
        while let Some(output) = self.hub.poll_output() {
            let (conn, notice) = match output {
                Output::Notify { conn, notice, .. } => (conn, notice),
                Output::Record(_) => continue,
                Output::Close { .. } | Output::Probe { .. } => panic!("closed: {output:?}"),
            };
            let Some(text) = self.dialects[&conn].print(&notice) else { continue };
            let message = self.names.read(&text);
            heard.entry(peer_name(conn.0 as usize)).or_default().push(message);
        }
        in_order(heard)
    }
}

/// Ours come in the order in which they are numbered.
fn conn(peer: &str) -> ConnId {
    let number = peer.trim_matches(|c: char| !c.is_ascii_digit());
    ConnId(number.parse().unwrap())
}

pub(super) fn peer_name(number: usize) -> String {
    format!("<peer{number}>")
}

pub(super) fn session_name(number: usize) -> String {
    format!("<session{number}>")
}

/// Neither server promises an order for those who stand in a list, nor for sessions that end
/// together.
pub(super) fn in_order(mut heard: Heard) -> Heard {
    for messages in heard.values_mut() {
        for message in messages.iter_mut() {
            for list in ["producers", "consumers"] {
                if let Some(Value::Array(peers)) = message.get_mut(list) {
                    peers.sort_by_key(ToString::to_string);
                }
            }
        }
        sort_ends(messages);
    }
    heard
}

fn sort_ends(messages: &mut [Value]) {
    let is_end = |message: &Value| message["type"].as_str().unwrap().starts_with("endSession");
    let (places, mut ends): (Vec<usize>, Vec<Value>) =
        messages.iter().cloned().enumerate().filter(|(_, message)| is_end(message)).unzip();
    ends.sort_by_key(ToString::to_string);
    for (place, end) in places.into_iter().zip(ends) {
        messages[place] = end;
    }
}

/// One server's ids and what they are called here.
#[derive(Default)]
struct Names {
    all: Vec<(String, String)>,
    peers: usize,
    sessions: usize,
}

impl Names {
    fn fill(&self, text: &str) -> String {
        self.all.iter().fold(text.to_owned(), |text, (name, id)| text.replace(name, id))
    }

    fn read(&mut self, text: &str) -> Value {
        let message: Value = serde_json::from_str(text).unwrap();
        if message["type"] == "welcome" {
            self.add(peer_name(self.peers), &message["peerId"]);
            self.peers += 1;
        }
        if let Some(id) = message.get("sessionId").filter(|id| !self.knows(id)) {
            self.add(session_name(self.sessions), id);
            self.sessions += 1;
        }
        let named =
            self.all.iter().fold(text.to_owned(), |text, (name, id)| text.replace(id, name));
        serde_json::from_str(&named).unwrap()
    }

    fn name(&self, id: &str) -> String {
        self.all.iter().find(|(_, other)| other == id).unwrap().0.clone()
    }

    fn knows(&self, id: &Value) -> bool {
        self.all.iter().any(|(_, other)| *id == **other)
    }

    fn add(&mut self, name: String, id: &Value) {
        self.all.push((name, id.as_str().unwrap().to_owned()));
    }
}
