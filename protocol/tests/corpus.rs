//! What `make fuzz` holds the parsers to, on stable: for every message of `vectors`, for every file of
//! `fuzz/corpus`, and for what comes of both by small changes.

#![allow(clippy::unwrap_used, unreachable_pub)]

#[path = "../../fuzz/laws.rs"]
mod laws;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use laws::LAWS;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

/// What JSON, lines and descriptions are made of, and what no text has.
const ODD: &[u8] = b"\"\\{}[]:,|= \t\r\n\0-09ein\xc3\xff";

/// One change of a text, somewhere.
#[derive(Clone, Debug)]
enum Change {
    Put(u8),
    Remove,
    CutOff,
    /// What follows, so many bytes of it, once more.
    Repeat(u8),
}

static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let names = LAWS.iter().map(|(name, _)| *name);
    names.flat_map(|name| [vectors(name), corpus(name)].concat()).collect()
});

#[test]
fn what_was_found_once_is_no_trouble_again() {
    for (name, law) in LAWS {
        let seeds = corpus(name);
        assert!(!seeds.is_empty(), "fuzz/corpus/{name} is empty");
        for seed in [vectors(name), seeds].concat() {
            law(&seed);
        }
    }
}

#[test]
fn every_target_has_its_law() {
    let mut targets: Vec<_> = files("fuzz/targets").iter().map(|path| stem(path)).collect();
    targets.sort();
    let mut names = LAWS.map(|(name, _)| name.to_owned());
    names.sort();
    assert_eq!(targets, names);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn small_changes_break_no_promise(
        seed in any::<Index>(),
        changes in prop::collection::vec((any::<Index>(), change()), 0..6),
    ) {
        let mut bytes = seed.get(&SEEDS).clone();
        for (place, change) in changes {
            change.make(&mut bytes, place);
        }
        for (_, law) in LAWS {
            law(&bytes);
        }
    }

    #[test]
    fn bytes_break_no_promise(bytes in prop::collection::vec(any::<u8>(), 0..256), text in ".*") {
        for (_, law) in LAWS {
            law(&bytes);
            law(text.as_bytes());
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        prop::sample::select(ODD).prop_map(Change::Put),
        any::<u8>().prop_map(Change::Put),
        Just(Change::Remove),
        Just(Change::CutOff),
        any::<u8>().prop_map(Change::Repeat),
    ]
}

impl Change {
    fn make(&self, bytes: &mut Vec<u8>, place: Index) {
        let at = place.index(bytes.len() + 1);
        match self {
            Self::Put(byte) => bytes.insert(at, *byte),
            Self::Remove if at < bytes.len() => drop(bytes.remove(at)),
            Self::Remove => {}
            Self::CutOff => bytes.truncate(at),
            Self::Repeat(len) => {
                let again = bytes[at..bytes.len().min(at + usize::from(*len))].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
}

/// All messages of `vectors/NAME`, as text; nothing for what has none.
fn vectors(name: &str) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    for path in files(&format!("vectors/{name}")) {
        let vector: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        for step in vector["steps"].as_array().unwrap() {
            match step.get("send").or(step.get("hear")) {
                Some(Value::String(text)) => messages.push(text.clone().into_bytes()),
                Some(message) => messages.push(message.to_string().into_bytes()),
                None => {}
            }
        }
    }
    messages
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    files(&format!("fuzz/corpus/{name}")).iter().map(|path| fs::read(path).unwrap()).collect()
}

/// The files of a folder of the repository; none if there is no such folder.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}
