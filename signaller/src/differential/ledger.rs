//! What an exchange has led to so far, as far as the table of differences asks for it.
//!
//! Kept from what was said and heard alone; it knows nothing of either server's insides.

use std::collections::{BTreeMap, BTreeSet};

use intercom_protocol::gst::{ClientMessage, Role};
use serde_json::Value;

use super::sides::{Event, Heard};

#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) peers: BTreeMap<String, Status>,
    pub(super) sessions: BTreeMap<String, Session>,
    /// How many sessions there ever were.
    pub(super) opened: usize,
    /// Who announced 1.1.
    pub(super) v1_1: BTreeSet<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Status {
    pub(super) roles: Vec<Role>,
    /// The text that came.
    pub(super) meta: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) producer: String,
    pub(super) consumer: String,
    /// Its producer said something in it.
    pub(super) spoken: bool,
}

impl Status {
    /// What a text asks to be registered as, every role once.
    pub(super) fn read(text: &str) -> Option<Self> {
        let Ok(ClientMessage::SetPeerStatus { roles, meta }) = ClientMessage::parse(text) else {
            return None;
        };
        let mut once = Vec::new();
        for role in roles {
            if !once.contains(&role) {
                once.push(role);
            }
        }
        Some(Self { roles: once, meta: meta.map(|meta| meta.get().to_owned()) })
    }

    pub(super) fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

impl Session {
    pub(super) fn other(&self, peer: &str) -> Option<&str> {
        match peer {
            _ if peer == self.producer => Some(&self.consumer),
            _ if peer == self.consumer => Some(&self.producer),
            _ => None,
        }
    }
}

impl Ledger {
    pub(super) fn note(&mut self, event: &Event, heard: &Heard) {
        match event {
            Event::Come | Event::Wait => {}
            Event::Leave(peer) => {
                self.peers.remove(peer);
                self.v1_1.remove(peer);
            }
            Event::Say(peer, text) => self.note_said(peer, text, heard),
        }
        for (peer, message) in
            heard.iter().flat_map(|(peer, all)| all.iter().map(move |m| (peer, m)))
        {
            self.note_heard(peer, message);
        }
    }

    fn note_said(&mut self, peer: &str, text: &str, heard: &Heard) {
        let refused = heard.get(peer).is_some_and(|all| all.iter().any(|m| m["type"] == "error"));
        if refused {
            return;
        }
        if let Some(status) = Status::read(text) {
            self.peers.insert(peer.to_owned(), status);
            return;
        }
        let Ok(message) = serde_json::from_str::<Value>(text) else { return };
        match message["type"].as_str() {
            Some("setProtocolVersion") if message["version"] == "v1_1" => {
                self.v1_1.insert(peer.to_owned());
            }
            Some("setProtocolVersion") => {
                self.v1_1.remove(peer);
            }
            Some("peer") => {
                let session = self.sessions.get_mut(message["sessionId"].as_str().unwrap());
                if let Some(session) = session.filter(|session| session.producer == peer) {
                    session.spoken = true;
                }
            }
            _ => {}
        }
    }

    fn note_heard(&mut self, peer: &str, message: &Value) {
        let text = |field: &str| message[field].as_str().unwrap().to_owned();
        match &*text("type") {
            "welcome" => {
                self.peers.insert(peer.to_owned(), Status::default());
            }
            "sessionStarted" => {
                let (producer, consumer) = (text("peerId"), peer.to_owned());
                let session = Session { producer, consumer, spoken: false };
                self.sessions.insert(text("sessionId"), session);
                self.opened += 1;
            }
            "endSession" | "endSessionV1_1" => {
                self.sessions.remove(&text("sessionId"));
            }
            _ => {}
        }
    }
}
