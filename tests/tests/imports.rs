//! Who may import whom: the table of ARCHITECTURE.md, checked. `make check` runs this alone.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every package of ours, and which others it may depend on. Tests may import anything.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("intercom-protocol", &[]),
    ("signaller-core", &[]),
    (
        "intercom-signaller",
        &["intercom-protocol", "signaller-core", "intercom-pki", "intercom-settings"],
    ),
    ("intercom-client", &["intercom-protocol"]),
    ("gst-plugin-intercom", &["intercom-client", "intercom-protocol"]),
    ("intercom-media", &["intercom-client", "gst-plugin-intercom", "intercom-settings"]),
    (
        "intercom-producer",
        &["intercom-media", "intercom-client", "gst-plugin-intercom", "intercom-settings"],
    ),
    (
        "intercom-consumer",
        &["intercom-media", "intercom-client", "gst-plugin-intercom", "intercom-settings"],
    ),
    ("intercom-pki", &["intercom-settings"]),
    ("intercom-settings", &[]),
];

/// Packages of others that must stay out of ours.
const MUST_NOT_IMPORT: &[(&str, &[&str])] = &[
    ("intercom-protocol", &["tokio", "gstreamer"]),
    ("signaller-core", &["tokio", "serde", "serde_json", "tracing", "gstreamer"]),
    ("intercom-signaller", &["gstreamer", "gst-plugin-webrtc"]),
    ("intercom-client", &["gstreamer", "gst-plugin-webrtc"]),
    ("intercom-pki", &["tokio", "gstreamer"]),
    ("intercom-settings", &["tokio", "gstreamer"]),
];

/// Inside the signaller: which words the files of a room must not contain.
const ROOMS: &[(&str, &[&str])] = &[
    ("dialect", &["tokio", "axum", "crate::http", "crate::listen", "crate::store", "crate::conn"]),
    // Of the hub, both know its handle only.
    (
        "http",
        &[
            "crate::listen",
            "crate::dialect",
            "crate::conn",
            "crate::certificate",
            "Membership",
            "Inbox",
        ],
    ),
    (
        "listen",
        &[
            "crate::http",
            "crate::store",
            "crate::dialect",
            "crate::certificate",
            "Membership",
            "Inbox",
        ],
    ),
    (
        "store",
        &[
            "axum",
            "crate::http",
            "crate::listen",
            "crate::dialect",
            "crate::conn",
            "crate::gate",
            "crate::hub_task",
            "intercom_protocol",
        ],
    ),
];

#[test]
fn packages_import_only_what_the_table_allows() {
    let packages = direct_dependencies();
    let ours: BTreeSet<&str> = MAY_IMPORT.iter().map(|(name, _)| *name).collect();
    for (name, allowed) in MAY_IMPORT {
        for dependency in packages[*name].iter().filter(|name| ours.contains(name.as_str())) {
            assert!(allowed.contains(&dependency.as_str()), "{name} must not import {dependency}");
        }
    }
    for (name, forbidden) in MUST_NOT_IMPORT {
        for dependency in *forbidden {
            assert!(!packages[*name].contains(*dependency), "{name} must not import {dependency}");
        }
    }
}

#[test]
fn every_package_stands_in_the_table() {
    let known: BTreeSet<&str> = MAY_IMPORT.iter().map(|(name, _)| *name).collect();
    let unknown: Vec<_> = direct_dependencies()
        .into_keys()
        .filter(|name| {
            !matches!(name.as_str(), "intercom-tests" | "intercom-bench")
                && !known.contains(name.as_str())
        })
        .collect();
    assert!(unknown.is_empty(), "not in the table of imports: {unknown:?}");
}

#[test]
fn rooms_of_the_signaller_do_not_see_each_other() {
    for (room, forbidden) in ROOMS {
        let files = rust_files(&workspace().join("signaller/src").join(room));
        assert!(!files.is_empty(), "signaller/src/{room} has moved; this test must follow");
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            for word in *forbidden {
                assert!(!text.contains(word), "{} must not mention {word}", file.display());
            }
        }
    }
}

/// Package name to the names it depends on, without dev-dependencies.
fn direct_dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(workspace())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = |value: &serde_json::Value| value["name"].as_str().unwrap().to_owned();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            (name(package), dependencies.filter(|d| d["kind"] != "dev").map(name).collect())
        })
        .collect()
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
