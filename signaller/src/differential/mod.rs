//! Random exchanges, played to upstream's `Handler` and to our dialect and hub without sockets:
//! every receiver must hear the same, but for the table of differences on purpose.
//!
//! All peers may do everything. A difference that is not in `differences` is a bug.
#![allow(clippy::unwrap_used)]

mod differences;
mod ledger;
mod sides;

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::Value;

use differences::{DIFFERENCES, Difference, Instead, limits};
use ledger::Ledger;
use sides::{Event, Heard, Ours, Side, Stock, peer_name, session_name};

const SDP: &str =
    r"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 X 96\r\na=mid:0\r\n";

/// What neither server understands.
const RUBBISH: &[&str] = &[
    "not JSON",
    "[]",
    "{}",
    r#"{"type":5}"#,
    r#"{"type":"rubbish"}"#,
    r#"{"type":"setProtocolVersion","version":"v9"}"#,
    r#"{"type":"setPeerStatus"}"#,
    r#"{"type":"setPeerStatus","roles":["king"]}"#,
    r#"{"type":"setPeerStatus","roles":["producer"],"meta":1e999}"#,
    r#"{"type":"setPeerStatus","roles":["producer"],"meta":{"name":"\ud800"}}"#,
    r#"{"type":"startSession","peerId":7}"#,
    r#"{"type":"startSession"}"#,
    r#"{"type":"endSession"}"#,
    r#"{"type":"peer","sessionId":"<recent0>"}"#,
    r#"{"type":"peer","sessionId":"<recent0>","sdp":{"type":"rollback","sdp":""}}"#,
    r#"{"type":"peer","sessionId":"<recent0>","sdp":{"type":"answer","sdp":"","x":"\udead"}}"#,
    r#"{"type":"peer","sessionId":"<recent0>","ice":{"candidate":""}}"#,
    r#"{"type":"peer","sessionId":"<recent0>","ice":{"candidate":"","sdpMLineIndex":-1}}"#,
    r#"{"type":"peer","sessionId":"<recent0>","ice":{"candidate":"","sdpMLineIndex":0,"x":1e999}}"#,
];

#[test]
fn random_exchanges_differ_only_on_purpose() {
    let config = Config { cases: 250, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config)
        .run(&exchange(), |steps| Table::new().play(&steps).map_err(TestCaseError::fail));
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// The test above would be worth little if its exchanges led to nothing.
#[test]
fn random_exchanges_reach_every_message_and_every_difference() {
    let mut runner = TestRunner::deterministic();
    let (mut heard, mut met) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..100 {
        let steps = exchange().new_tree(&mut runner).unwrap().current();
        let mut table = Table::new();
        table.play(&steps).unwrap();
        heard.extend(table.heard);
        met.extend(table.met);
    }
    let heard: Vec<_> = heard.iter().map(String::as_str).collect();
    let all = "endSession endSessionV1_1 error list listConsumers peer peerStatusChanged \
               sessionStarted startSession welcome";
    assert_eq!(heard, all.split(' ').collect::<Vec<_>>());
    for difference in DIFFERENCES {
        let never = difference.stock.starts_with("`newPeer`");
        assert_ne!(met.contains(difference.stock), never, "{}", difference.stock);
    }
}

#[test]
fn every_difference_shows_and_is_no_other_than_said() {
    for difference in DIFFERENCES {
        assert!(!difference.examples.is_empty(), "{}", difference.stock);
        for example in difference.examples {
            let steps: Vec<_> = SCENE.iter().chain(example.said).map(|line| step(line)).collect();
            let stock = last_heard(Stock::new(), &steps);
            let here = last_heard(Ours::new(limits()), &steps);
            assert_eq!(stock, spelled(example.stock), "stock: {}", difference.stock);
            assert_eq!(here, spelled(example.here), "here: {}", difference.stock);
            assert_ne!(stock, here);

            let mut table = Table::new();
            table.play(&steps).unwrap();
            assert!(table.met.contains(difference.stock), "{}", difference.stock);
        }
    }
}

/// Those that are not the `Handler`'s: sockets make them.
const OF_SOCKETS: &[&str] =
    &["| binary messages are ignored |", "| a peer that does not read stops the server |"];

#[test]
fn the_reference_lists_the_same_differences() {
    let reference = include_str!("../../../docs/ref/gst.md");
    let (_, listed) = reference.split_once("on purpose").unwrap();
    let rows: Vec<_> = listed.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    for Difference { stock, here, why, .. } in DIFFERENCES {
        let row = format!("| {stock} | {here} | {why} |");
        assert!(rows.contains(&&*row), "docs/ref/gst.md lacks {row}");
    }
    let of_sockets = |row: &&&str| OF_SOCKETS.iter().any(|start| row.starts_with(start));
    assert_eq!(rows.iter().filter(of_sockets).count(), OF_SOCKETS.len());
    assert_eq!(rows.len(), DIFFERENCES.len() + OF_SOCKETS.len());
}

#[derive(Clone, Debug)]
enum Step {
    Come,
    Leave(usize),
    /// `<recent0>` stands for the youngest session that ever was, `<recent1>` for the one before…
    /// and `<self>` for who says it.
    Say(usize, String),
    Wait,
}

fn exchange() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        1 => Just(Step::Come),
        1 => (0..7_usize).prop_map(Step::Leave),
        1 => Just(Step::Wait),
        40 => (0..5_usize, message()).prop_map(|(peer, text)| Step::Say(peer, text)),
    ];
    prop::collection::vec(step, 1..80).prop_map(|steps| {
        let first = [Step::Come, Step::Come, Step::Come, Step::Come];
        first.into_iter().chain(steps).collect()
    })
}

fn message() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => status(),
        8 => start(),
        2 => end(),
        6 => description(),
        4 => candidate(),
        1 => Just(r#"{"type":"list"}"#.into()),
        1 => Just(r#"{"type":"listConsumers"}"#.into()),
        1 => select(&["v1_0", "v1_1"][..])
            .prop_map(|version| format!(r#"{{"type":"setProtocolVersion","version":"{version}"}}"#)),
        1 => select(RUBBISH).prop_map(str::to_owned),
        1 => nested(),
        1 => Just(r#"{"type":"list","sessionId":5}"#.into()),
    ]
}

fn status() -> impl Strategy<Value = String> {
    let role = select(&[r#""producer""#, r#""producer""#, r#""consumer""#, r#""listener""#][..]);
    let long = format!(r#","meta":"{}""#, "x".repeat(limits().meta_len));
    let metas = [
        "",
        r#","meta":{"name":"door"}"#,
        r#","meta":null"#,
        r#","meta":7"#,
        r#","meta":{"name":"door"}"#,
        r#","meta": { "name" : "door" } "#,
        r#","meta":{"name":"T\u00fcr \ud83d\udeaa"}"#,
        &long,
    ];
    let meta = select(metas.map(str::to_owned).to_vec());
    let peer_id = select(&["", "", r#","peerId":"<self>""#, r#","peerId":"<peer1>""#][..]);
    (prop::collection::vec(role, 0..4), meta, peer_id).prop_map(|(roles, meta, peer_id)| {
        let roles = roles.join(",");
        format!(r#"{{"type":"setPeerStatus","roles":[{roles}]{meta}{peer_id}}}"#)
    })
}

fn start() -> impl Strategy<Value = String> {
    let good = format!(r#","offer":"{SDP}""#);
    let offers = ["", "", r#","offer":null"#, r#","offer":"""#, &good];
    let offer = select(offers.map(str::to_owned).to_vec());
    (0..6_usize, offer).prop_map(|(peer, offer)| {
        format!(r#"{{"type":"startSession","peerId":"<peer{peer}>"{offer}}}"#)
    })
}

fn end() -> impl Strategy<Value = String> {
    let kinds = [
        r#""type":"endSession""#,
        r#""type":"endSessionV1_1""#,
        r#""type":"endSessionV1_1","error":"no camera""#,
    ];
    (select(kinds.to_vec()), 0..8_usize)
        .prop_map(|(kind, session)| format!(r#"{{{kind},"sessionId":"<recent{session}>"}}"#))
}

fn description() -> impl Strategy<Value = String> {
    let kind = select(&["offer", "answer"][..]);
    let text = select(&[SDP, SDP, SDP, SDP, "", "garbage"][..]);
    let more = select(&["", "", "", r#","x":[1]"#][..]);
    let beside =
        select(&["", "", "", "", "", "", r#","ice":{"candidate":"","sdpMLineIndex":0}"#][..]);
    (kind, text, more, beside, 0..8_usize).prop_map(|(kind, text, more, beside, session)| {
        format!(
            r#"{{"type":"peer","sessionId":"<recent{session}>","sdp":{{"type":"{kind}","sdp":"{text}"{more}}}{beside}}}"#
        )
    })
}

fn candidate() -> impl Strategy<Value = String> {
    let candidate = select(&["", "candidate:1 1 UDP 1 192.0.2.1 9 typ host"][..]);
    let more = select(&["", "", r#","sdpMid":"0""#, r#","usernameFragment":null"#][..]);
    (candidate, 0..3_u32, more, 0..8_usize).prop_map(|(candidate, index, more, session)| {
        format!(
            r#"{{"type":"peer","sessionId":"<recent{session}>","ice":{{"candidate":"{candidate}","sdpMLineIndex":{index}{more}}}}}"#
        )
    })
}

/// Both understand it, only stock does, or neither does.
fn nested() -> impl Strategy<Value = String> {
    let around = select(
        &[
            (r#"{"type":"setPeerStatus","roles":["producer"],"meta":"#, "}"),
            (
                r#"{"type":"peer","sessionId":"<recent0>","ice":{"candidate":"","sdpMLineIndex":0,"x":"#,
                "}}",
            ),
        ][..],
    );
    (around, select(&[9, 62, 63, 64, 65, 100, 180][..])).prop_map(|((before, after), depth)| {
        format!("{before}{}{}{after}", "[".repeat(depth), "]".repeat(depth))
    })
}

/// The two servers side by side, and what came of it.
struct Table {
    stock: Stock,
    ours: Ours,
    ledger: Ledger,
    heard: BTreeSet<String>,
    met: BTreeSet<&'static str>,
}

impl Table {
    fn new() -> Self {
        Self {
            stock: Stock::new(),
            ours: Ours::new(limits()),
            ledger: Ledger::default(),
            heard: BTreeSet::new(),
            met: BTreeSet::new(),
        }
    }

    fn play(&mut self, steps: &[Step]) -> Result<(), String> {
        for step in steps {
            if let Some(event) = self.event(step) {
                self.event_on_both(&event)?;
            }
        }
        Ok(())
    }

    fn event_on_both(&mut self, event: &Event) -> Result<(), String> {
        let expected = self.expected(event);
        let heard = self.ours.handle(event);
        if heard != expected {
            return Err(format!("{event:?}\n  by stock: {expected:?}\n  here: {heard:?}"));
        }
        self.ledger.note(event, &heard);
        let kinds = heard.values().flatten().map(|message| &message["type"]);
        self.heard.extend(kinds.map(|kind| kind.as_str().unwrap().to_owned()));
        Ok(())
    }

    /// What stock answers, if it did not differ on purpose.
    fn expected(&mut self, event: &Event) -> Heard {
        let Instead { stock, besides, error } = self.instead(event, 0);
        let mut expected = Heard::new();
        let answers = stock.iter().map(|event| self.stock.handle(event)).collect::<Vec<_>>();
        let answers = answers.into_iter().flatten();
        let answers =
            answers.flat_map(|(peer, all)| all.into_iter().map(move |m| (peer.clone(), m)));
        for (peer, message) in answers.chain(besides) {
            let message = self.by_version(&peer, message, error.as_deref());
            expected.entry(peer).or_default().push(message);
        }
        sides::in_order(expected)
    }

    fn instead(&mut self, event: &Event, from: usize) -> Instead {
        let mut applicable = DIFFERENCES.iter().enumerate().skip(from);
        let found = applicable
            .find_map(|(at, difference)| Some((at, (difference.rule)(&self.ledger, event)?)));
        let Some((at, mut instead)) = found else {
            return Instead { stock: vec![event.clone()], ..Instead::default() };
        };
        self.met.insert(DIFFERENCES[at].stock);
        for event in std::mem::take(&mut instead.stock) {
            // What stock is told in its place may differ in another respect.
            let further = self.instead(&event, at + 1);
            instead.stock.extend(further.stock);
            instead.besides.extend(further.besides);
        }
        instead
    }

    /// Who announced 1.1 hears of ends by 1.1.
    fn by_version(&self, peer: &str, mut message: Value, error: Option<&str>) -> Value {
        if message["type"] == "endSession" && self.ledger.v1_1.contains(peer) {
            message["type"] = "endSessionV1_1".into();
            if let Some(error) = error {
                message["error"] = error.into();
            }
        }
        message
    }

    /// `None` if the peer is not there.
    fn event(&mut self, step: &Step) -> Option<Event> {
        let is_there = |peer: &usize| self.ledger.peers.contains_key(&peer_name(*peer));
        Some(match step {
            Step::Come => Event::Come,
            Step::Leave(peer) => {
                Event::Leave(Some(peer).filter(|p| is_there(p)).map(|p| peer_name(*p))?)
            }
            Step::Say(peer, text) => {
                let peer = Some(peer).filter(|p| is_there(p)).map(|p| peer_name(*p))?;
                let text = self.recalled(text).replace("<self>", &peer);
                Event::Say(peer, text)
            }
            Step::Wait => Event::Wait,
        })
    }

    fn recalled(&self, text: &str) -> String {
        (0..self.ledger.opened.min(8)).fold(text.to_owned(), |text, recent| {
            let name = session_name(self.ledger.opened - 1 - recent);
            text.replace(&format!("<recent{recent}>"), &name)
        })
    }
}

/// What an example begins with.
const SCENE: &[&str] = &[
    "come",
    "come",
    "come",
    r#"0 {"type":"setPeerStatus","roles":["producer"],"meta":null}"#,
    r#"2 {"type":"setPeerStatus","roles":["listener"],"meta":null}"#,
    r#"1 {"type":"startSession","peerId":"<peer0>"}"#,
];

fn step(line: &str) -> Step {
    match line {
        "come" => Step::Come,
        "wait" => Step::Wait,
        _ => {
            let (peer, text) = line.split_once(' ').unwrap();
            Step::Say(peer.parse().unwrap(), text.to_owned())
        }
    }
}

fn last_heard(mut side: impl Side, steps: &[Step]) -> Heard {
    let mut heard = Heard::new();
    for step in steps {
        heard = side.handle(&match step {
            Step::Come => Event::Come,
            Step::Leave(peer) => Event::Leave(peer_name(*peer)),
            Step::Say(peer, text) => Event::Say(peer_name(*peer), text.clone()),
            Step::Wait => Event::Wait,
        });
    }
    heard
}

fn spelled(lines: &[&str]) -> Heard {
    let mut heard = Heard::new();
    for line in lines {
        let (peer, text) = line.split_once(' ').unwrap();
        let message = serde_json::from_str(text).unwrap();
        heard.entry(peer_name(peer.parse().unwrap())).or_default().push(message);
    }
    heard
}
