//! A stranger who listens to who comes and goes, on the signaller's plain listener.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Stranger;

/// Who produces at the moment.
pub struct Lobby {
    stranger: Stranger,
    /// Peer id to name.
    producers: BTreeMap<String, String>,
}

impl Lobby {
    /// Enters the lobby of the signaller at `ws`.
    pub fn enter(ws: &str) -> Self {
        let mut stranger = Stranger::connect(ws);
        stranger.send(json!({"type": "setPeerStatus", "roles": ["listener"], "meta": null}));
        stranger.send(json!({"type": "list"}));
        Self { stranger, producers: BTreeMap::new() }
    }

    /// Waits until `count` producers are there; returns their peer ids.
    pub fn await_producers(&mut self, count: usize) -> Vec<String> {
        self.await_until(&format!("{count} producers"), |producers| producers.len() == count);
        self.producers.keys().cloned().collect()
    }

    /// Waits until a producer of that name is there; returns its peer id.
    pub fn await_producer(&mut self, name: &str) -> String {
        self.await_until(name, |producers| producers.values().any(|known| known == name));
        let found = self.producers.iter().find(|(_, known)| *known == name);
        found.unwrap().0.clone()
    }

    fn await_until(&mut self, what: &str, done: impl Fn(&BTreeMap<String, String>) -> bool) {
        let deadline = Instant::now() + crate::PATIENCE;
        while !done(&self.producers) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {what}; there are {:?}", self.producers);
            self.read(left);
        }
    }

    fn read(&mut self, patience: Duration) {
        // A time-out is the caller's to report: it knows what was awaited.
        let Some(message) = self.stranger.receive(patience) else { return };
        match message["type"].as_str() {
            Some("list") => {
                for producer in message["producers"].as_array().unwrap() {
                    self.added(&producer["id"], &producer["meta"]);
                }
            }
            Some("peerStatusChanged") => {
                let roles = message["roles"].as_array().unwrap();
                if roles.contains(&json!("producer")) {
                    self.added(&message["peerId"], &message["meta"]);
                } else {
                    self.producers.remove(message["peerId"].as_str().unwrap());
                }
            }
            _ => {}
        }
    }

    fn added(&mut self, id: &Value, meta: &Value) {
        let name = meta["name"].as_str().unwrap_or_default();
        self.producers.insert(id.as_str().unwrap().into(), name.into());
    }
}
