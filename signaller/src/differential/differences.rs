//! Every difference on purpose: when it applies, what follows from it, and an exchange that shows
//! it. The same lines stand in `docs/ref/gst.md`; what is not in this table is the same.

use gst_plugin_webrtc_signalling_protocol::IncomingMessage;
use intercom_protocol::gst::{Role, Version};
use intercom_protocol::sdp;
use serde_json::{Value, json};
use signaller_core::{Limits, Request};

use super::ledger::{Ledger, Session, Status};
use super::sides::Event;
use crate::dialect::Gst;

pub(super) struct Difference {
    pub(super) stock: &'static str,
    pub(super) here: &'static str,
    pub(super) why: &'static str,
    /// `None` if it does not apply.
    pub(super) rule: fn(&Ledger, &Event) -> Option<Instead>,
    pub(super) examples: &'static [Example],
}

/// What stock would have had to be told to act as we do, and what is heard here besides.
#[derive(Default)]
pub(super) struct Instead {
    pub(super) stock: Vec<Event>,
    pub(super) besides: Vec<(String, Value)>,
    /// What those hear who are told by 1.1 that a session ended.
    pub(super) error: Option<String>,
}

/// Peer 0 produces, peer 1 is in `<session0>` with it, peer 2 listens; then this is said, and the
/// last of it makes the difference. A line is a peer's number and a message.
pub(super) struct Example {
    pub(super) said: &'static [&'static str],
    pub(super) stock: &'static [&'static str],
    pub(super) here: &'static [&'static str],
}

/// Small, so that random exchanges reach them.
pub(super) fn limits() -> Limits {
    Limits { sessions_per_peer: 5, sessions_per_pair: 3, meta_len: 400, ..Limits::default() }
}

/// The deepest that arrays and objects may be nested in what is passed on.
const MAX_DEPTH: usize = 64;

/// In the order in which they are asked.
pub(super) const DIFFERENCES: &[Difference] = &[
    Difference {
        stock: "what cannot be parsed is dropped",
        here: "`error`",
        why: "clients hang without an answer",
        rule: unreadable,
        examples: &[Example {
            said: &[r#"1 {"type":"rubbish"}"#],
            stock: &[],
            here: &[r#"1 {"type":"error","details":"unknown message type \"rubbish\""}"#],
        }],
    },
    Difference {
        stock: "fields that a message does not need may have any type, and the first of `sdp` and `ice` counts",
        here: "`error`",
        why: "one pass reads the fields of all messages",
        rule: misused,
        examples: &[
            Example {
                said: &[r#"1 {"type":"list","sessionId":5}"#],
                stock: &[r#"1 {"type":"list","producers":[{"id":"<peer0>","meta":null}]}"#],
                here: &[
                    r#"1 {"type":"error","details":"not a message: invalid type: integer `5`, expected a string at line 1 column 28"}"#,
                ],
            },
            Example {
                said: &[
                    r#"1 {"type":"peer","sessionId":"<session0>","ice":{"candidate":"","sdpMLineIndex":0},"sdp":1}"#,
                ],
                stock: &[
                    r#"0 {"type":"peer","sessionId":"<session0>","ice":{"candidate":"","sdpMLineIndex":0}}"#,
                ],
                here: &[r#"1 {"type":"error","details":"missing field `sdp or ice, not both`"}"#],
            },
        ],
    },
    Difference {
        stock: "`newPeer` from the wire resets a peer",
        here: "`error`",
        why: "what the wire cannot say, a client cannot cause",
        rule: new_peer,
        examples: &[Example {
            said: &[r#"1 {"type":"newPeer"}"#],
            stock: &[r#"1 {"type":"welcome","peerId":"<peer1>"}"#],
            here: &[r#"1 {"type":"error","details":"unknown message type \"newPeer\""}"#],
        }],
    },
    Difference {
        stock: "no limits",
        here: "those above",
        why: "one peer must not use up what belongs to all",
        rule: limited,
        examples: &[
            Example {
                said: &[
                    r#"1 {"type":"startSession","peerId":"<peer0>"}"#,
                    r#"1 {"type":"startSession","peerId":"<peer0>"}"#,
                    r#"1 {"type":"startSession","peerId":"<peer0>"}"#,
                ],
                stock: &[
                    r#"0 {"type":"startSession","peerId":"<peer1>","sessionId":"<session3>","offer":null}"#,
                    r#"1 {"type":"sessionStarted","peerId":"<peer0>","sessionId":"<session3>"}"#,
                ],
                here: &[
                    r#"1 {"type":"error","details":"you have 3 sessions with peer <peer0> already, end one of them first"}"#,
                ],
            },
            Example {
                said: &["wait"],
                stock: &[],
                here: &[
                    r#"0 {"type":"endSession","sessionId":"<session0>"}"#,
                    r#"1 {"type":"endSession","sessionId":"<session0>"}"#,
                ],
            },
        ],
    },
    Difference {
        stock: "anybody may end any session, and only the asker hears of it, as an `error`",
        here: "only its ends may; silence",
        why: "the session of others is as good as unknown",
        rule: ends_others,
        examples: &[Example {
            said: &[r#"2 {"type":"endSession","sessionId":"<session0>"}"#],
            stock: &[r#"2 {"type":"error","details":"Peer <peer2> is not part of <session0>"}"#],
            here: &[],
        }],
    },
    Difference {
        stock: "`peer` in a session of others is an `error`",
        here: "silence",
        why: "the same",
        rule: talks_to_others,
        examples: &[Example {
            said: &[
                r#"2 {"type":"peer","sessionId":"<session0>","ice":{"candidate":"","sdpMLineIndex":0}}"#,
            ],
            stock: &[r#"2 {"type":"error","details":"Peer <peer2> is not part of <session0>"}"#],
            here: &[],
        }],
    },
    Difference {
        stock: "1.0 only (up to 0.15): 1.1 cannot be parsed",
        here: "both",
        why: "the ends can say what went wrong",
        rule: version,
        examples: &[
            Example {
                said: &[r#"1 {"type":"endSessionV1_1","sessionId":"<session0>","error":"oh"}"#],
                stock: &[],
                here: &[r#"0 {"type":"endSession","sessionId":"<session0>"}"#],
            },
            Example {
                said: &[
                    r#"0 {"type":"setProtocolVersion","version":"v1_1"}"#,
                    r#"1 {"type":"endSessionV1_1","sessionId":"<session0>","error":"oh"}"#,
                ],
                stock: &[],
                here: &[r#"0 {"type":"endSessionV1_1","sessionId":"<session0>","error":"oh"}"#],
            },
        ],
    },
    Difference {
        stock: "descriptions are relayed unseen",
        here: "checked",
        why: "one can end the other end's process",
        rule: spoils,
        examples: &[
            Example {
                said: &[
                    r#"0 {"type":"peer","sessionId":"<session0>","sdp":{"type":"offer","sdp":""}}"#,
                ],
                stock: &[
                    r#"1 {"type":"peer","sessionId":"<session0>","sdp":{"type":"offer","sdp":""}}"#,
                ],
                here: &[
                    r#"0 {"type":"endSession","sessionId":"<session0>"}"#,
                    r#"1 {"type":"endSession","sessionId":"<session0>"}"#,
                ],
            },
            Example {
                said: &[r#"1 {"type":"startSession","peerId":"<peer0>","offer":""}"#],
                stock: &[
                    r#"0 {"type":"startSession","peerId":"<peer1>","sessionId":"<session1>","offer":""}"#,
                    r#"1 {"type":"sessionStarted","peerId":"<peer0>","sessionId":"<session1>"}"#,
                ],
                here: &[r#"1 {"type":"error","details":"the session description is empty"}"#],
            },
        ],
    },
    Difference {
        stock: "a peer can have a session with itself",
        here: "`error`",
        why: "a session has two ends",
        rule: calls_itself,
        examples: &[Example {
            said: &[r#"0 {"type":"startSession","peerId":"<peer0>"}"#],
            stock: &[
                r#"0 {"type":"sessionStarted","peerId":"<peer0>","sessionId":"<session1>"}"#,
                r#"0 {"type":"startSession","peerId":"<peer0>","sessionId":"<session1>","offer":null}"#,
            ],
            here: &[
                r#"0 {"type":"error","details":"a session needs two peers, and <peer0> asked for one with itself"}"#,
            ],
        }],
    },
    Difference {
        stock: "an unchanged status is told to all listeners, or with `peerId` to none",
        here: "the peer's own echo only",
        why: "clients wait for their echo; for others it is no news",
        rule: repeats_itself,
        examples: &[
            Example {
                said: &[r#"0 {"type":"setPeerStatus","roles":["producer"],"meta":null}"#],
                stock: &[
                    r#"2 {"type":"peerStatusChanged","roles":["producer"],"meta":null,"peerId":"<peer0>"}"#,
                ],
                here: &[],
            },
            Example {
                said: &[
                    r#"2 {"type":"setPeerStatus","roles":["listener"],"meta":null,"peerId":"<peer2>"}"#,
                ],
                stock: &[],
                here: &[
                    r#"2 {"type":"peerStatusChanged","roles":["listener"],"meta":null,"peerId":"<peer2>"}"#,
                ],
            },
        ],
    },
    Difference {
        stock: "a status with `peerId` that only spells its `meta` differently is told to nobody",
        here: "to all listeners",
        why: "`meta` is compared as it is written",
        rule: respells_its_meta,
        examples: &[Example {
            said: &[
                r#"0 {"type":"setPeerStatus","roles":["producer"],"meta":[1]}"#,
                r#"0 {"type":"setPeerStatus","roles":["producer"],"meta":[ 1 ],"peerId":"<peer0>"}"#,
            ],
            stock: &[],
            here: &[
                r#"2 {"type":"peerStatusChanged","roles":["producer"],"meta":[1],"peerId":"<peer0>"}"#,
            ],
        }],
    },
    Difference {
        stock: "a role named twice is told twice",
        here: "once",
        why: "roles are a set",
        rule: names_a_role_twice,
        examples: &[Example {
            said: &[r#"1 {"type":"setPeerStatus","roles":["consumer","consumer"],"meta":null}"#],
            stock: &[
                r#"2 {"type":"peerStatusChanged","roles":["consumer","consumer"],"meta":null,"peerId":"<peer1>"}"#,
            ],
            here: &[
                r#"2 {"type":"peerStatusChanged","roles":["consumer"],"meta":null,"peerId":"<peer1>"}"#,
            ],
        }],
    },
    Difference {
        stock: "unknown fields of `sdp` and `ice` are dropped",
        here: "passed on",
        why: "what is relayed is not printed again",
        rule: says_more,
        examples: &[Example {
            said: &[
                r#"1 {"type":"peer","sessionId":"<session0>","ice":{"candidate":"","sdpMLineIndex":0,"sdpMid":"0"}}"#,
            ],
            stock: &[
                r#"0 {"type":"peer","sessionId":"<session0>","ice":{"candidate":"","sdpMLineIndex":0}}"#,
            ],
            here: &[
                r#"0 {"type":"peer","sessionId":"<session0>","ice":{"candidate":"","sdpMLineIndex":0,"sdpMid":"0"}}"#,
            ],
        }],
    },
];

impl Instead {
    /// Stock hears nothing of it.
    fn heard(besides: impl IntoIterator<Item = (String, Value)>) -> Self {
        Self { besides: besides.into_iter().collect(), ..Self::default() }
    }

    fn refusal(peer: &str, details: &str) -> Self {
        Self::heard([(peer.to_owned(), json!({"type": "error", "details": details}))])
    }

    /// One end ends these sessions, and hears of it as well.
    fn ended<'a>(sessions: impl IntoIterator<Item = (&'a str, &'a str)>, error: String) -> Self {
        let mut instead = Self { error: Some(error), ..Self::default() };
        for (by, session) in sessions {
            let end = json!({"type": "endSession", "sessionId": session});
            instead.stock.push(Event::Say(by.to_owned(), end.to_string()));
            instead.besides.push((by.to_owned(), end));
        }
        instead
    }
}

/// A message and who said it.
struct Said<'a> {
    peer: &'a str,
    text: &'a str,
    /// `null` if it is not JSON.
    message: Value,
}

impl<'a> Said<'a> {
    fn of(event: &'a Event) -> Option<Self> {
        let Event::Say(peer, text) = event else { return None };
        let message = serde_json::from_str(text).unwrap_or_default();
        Some(Self { peer, text, message })
    }

    fn is(&self, kind: &str) -> bool {
        self.message["type"] == kind
    }

    fn stock_reads(&self) -> bool {
        serde_json::from_str::<IncomingMessage>(self.text).is_ok()
    }

    /// The answer that our parser gives.
    fn not_understood(&self) -> Option<Instead> {
        match Gst::default().read(self.text) {
            Some(Request::Unreadable { fault }) => Some(Instead::refusal(self.peer, &fault)),
            _ => Some(Instead::refusal(self.peer, "it is understood here")), // which is not heard
        }
    }

    fn session_id(&self) -> &str {
        self.message["sessionId"].as_str().unwrap_or_default()
    }

    fn session<'l>(&self, ledger: &'l Ledger) -> Option<&'l Session> {
        ledger.sessions.get(self.session_id())
    }

    fn is_outsider(&self, ledger: &Ledger) -> bool {
        self.session(ledger).is_some_and(|session| session.other(self.peer).is_none())
    }

    /// The description in it does not pass.
    fn fault(&self) -> Option<String> {
        let text = if self.is("startSession") {
            self.message["offer"].as_str()
        } else {
            self.message["sdp"]["sdp"].as_str()
        };
        text.and_then(|text| sdp::check(text).err()).map(|fault| fault.to_string())
    }
}

fn unreadable(_: &Ledger, event: &Event) -> Option<Instead> {
    let said = Said::of(event)?;
    let v1_1 = said.is("endSessionV1_1") || announced(&said).is_some();
    (!v1_1 && !said.stock_reads()).then(|| said.not_understood())?
}

fn misused(_: &Ledger, event: &Event) -> Option<Instead> {
    let said = Said::of(event)?;
    let both =
        said.is("peer") && said.message.get("sdp").is_some() && said.message.get("ice").is_some();
    let wrong = said.is("list") && said.message.get("sessionId").is_some_and(|id| !id.is_string());
    (both || wrong).then(|| said.not_understood())?
}

fn new_peer(_: &Ledger, event: &Event) -> Option<Instead> {
    let said = Said::of(event)?;
    said.is("newPeer").then(|| said.not_understood())?
}

fn limited(ledger: &Ledger, event: &Event) -> Option<Instead> {
    let Some(said) = Said::of(event) else { return overdue(ledger, event) };
    let passed_on = ["meta", "sdp", "ice"].map(|field| depth(&said.message[field]));
    if passed_on.into_iter().any(|depth| depth > MAX_DEPTH) {
        return said.not_understood();
    }
    let details = if let Some(Status { meta: Some(meta), .. }) = Status::read(said.text) {
        let (len, max) = (meta.len(), limits().meta_len);
        (len > max).then(|| format!("meta has {len} bytes, at most {max} are allowed"))?
    } else if said.is("startSession") && said.fault().is_none() {
        one_too_many(ledger, said.peer, said.message["peerId"].as_str()?)?
    } else {
        return None;
    };
    Some(Instead::refusal(said.peer, &details))
}

fn overdue(ledger: &Ledger, event: &Event) -> Option<Instead> {
    let Event::Wait = event else { return None };
    let silent = ledger.sessions.iter().filter(|(_, session)| !session.spoken);
    let ends = silent.map(|(id, session)| (&*session.producer, &**id));
    Some(Instead::ended(ends, "the producer said nothing for 60 s".into()))
}

fn one_too_many(ledger: &Ledger, from: &str, to: &str) -> Option<String> {
    if from == to || !can_be_asked(ledger, to) {
        return None;
    }
    let of = |peer: &str| ledger.sessions.values().filter(|s| s.other(peer).is_some()).count();
    let max = limits().sessions_per_peer;
    if let Some(peer) = [from, to].into_iter().find(|peer| of(peer) >= max) {
        return Some(format!(
            "peer {peer} takes part in {max} sessions already, end one of them first"
        ));
    }
    let max = limits().sessions_per_pair;
    let together = ledger.sessions.values().filter(|s| s.other(from) == Some(to)).count();
    (together >= max)
        .then(|| format!("you have {max} sessions with peer {to} already, end one of them first"))
}

fn can_be_asked(ledger: &Ledger, peer: &str) -> bool {
    let status = ledger.peers.get(peer);
    status.is_some_and(|status| status.is(Role::Producer) || status.is(Role::Consumer))
}

fn ends_others(ledger: &Ledger, event: &Event) -> Option<Instead> {
    let said = Said::of(event)?;
    let ends = said.is("endSession") || said.is("endSessionV1_1");
    (ends && said.is_outsider(ledger)).then(Instead::default)
}

fn talks_to_others(ledger: &Ledger, event: &Event) -> Option<Instead> {
    let said = Said::of(event)?;
    (said.is("peer") && said.is_outsider(ledger)).then(Instead::default)
}

fn version(_: &Ledger, event: &Event) -> Option<Instead> {
    let said = Said::of(event)?;
    if announced(&said).is_some() {
        return Some(Instead::default());
    }
    let same = json!({"type": "endSession", "sessionId": said.session_id()});
    said.is("endSessionV1_1").then(|| Instead {
        stock: vec![Event::Say(said.peer.to_owned(), same.to_string())],
        besides: Vec::new(),
        error: said.message["error"].as_str().map(str::to_owned),
    })
}

fn announced(said: &Said<'_>) -> Option<Version> {
    let version = said.message.get("version").filter(|_| said.is("setProtocolVersion"))?;
    serde_json::from_value(version.clone()).ok()
}

fn spoils(ledger: &Ledger, event: &Event) -> Option<Instead> {
    let said = Said::of(event)?;
    let fault = said.fault()?;
    if said.is("startSession") {
        return Some(Instead::refusal(said.peer, &fault));
    }
    said.session(ledger)?;
    Some(Instead::ended([(said.peer, said.session_id())], fault))
}

fn calls_itself(ledger: &Ledger, event: &Event) -> Option<Instead> {
    let said = Said::of(event)?;
    let itself = said.is("startSession") && said.message["peerId"] == said.peer;
    let details = format!("a session needs two peers, and {} asked for one with itself", said.peer);
    (itself && can_be_asked(ledger, said.peer)).then(|| Instead::refusal(said.peer, &details))
}

fn repeats_itself(ledger: &Ledger, event: &Event) -> Option<Instead> {
    let said = Said::of(event)?;
    let status = Status::read(said.text).filter(|status| *status == ledger.peers[said.peer])?;
    let echo = json!({
        "type": "peerStatusChanged", "roles": status.roles, "meta": meta_value(&status), "peerId": said.peer,
    });
    Some(Instead::heard(status.is(Role::Listener).then(|| (said.peer.to_owned(), echo))))
}

fn respells_its_meta(ledger: &Ledger, event: &Event) -> Option<Instead> {
    let mut said = Said::of(event)?;
    let (new, old) = (Status::read(said.text)?, &ledger.peers[said.peer]);
    if new == *old || new.roles != old.roles || meta_value(&new) != meta_value(old) {
        return None;
    }
    said.message.as_object_mut()?.remove("peerId")?;
    let stock = vec![Event::Say(said.peer.to_owned(), said.message.to_string())];
    Some(Instead { stock, ..Instead::default() })
}

fn meta_value(status: &Status) -> Value {
    serde_json::from_str(status.meta.as_deref().unwrap_or("null")).unwrap()
}

fn names_a_role_twice(_: &Ledger, event: &Event) -> Option<Instead> {
    let mut said = Said::of(event)?;
    let roles = Status::read(said.text)?.roles;
    if said.message["roles"].as_array()?.len() == roles.len() {
        return None;
    }
    said.message["roles"] = json!(roles);
    let stock = vec![Event::Say(said.peer.to_owned(), said.message.to_string())];
    Some(Instead { stock, ..Instead::default() })
}

fn says_more(ledger: &Ledger, event: &Event) -> Option<Instead> {
    let said = Said::of(event)?;
    let session = said.session(ledger).filter(|_| said.is("peer"))?;
    let (field, known) = [("sdp", ["type", "sdp"]), ("ice", ["candidate", "sdpMLineIndex"])]
        .into_iter()
        .find(|(field, _)| said.message.get(field).is_some())?;
    let payload = &said.message[field];
    let more = payload.as_object()?.keys().any(|key| !known.contains(&key.as_str()));
    let out_of_turn = said.peer == session.consumer && payload["type"] == "offer";
    let relayed = json!({"type": "peer", "sessionId": said.session_id(), field: payload});
    let other = session.other(said.peer)?.to_owned();
    (more && !out_of_turn).then(|| Instead::heard([(other, relayed)]))
}

/// How deep arrays and objects are nested.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
