//! Settings of every program: the sample files are complete and true, and each setting can be said
//! in a file and in a variable.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use intercom_tests::target_dir;
use tempfile::TempDir;

/// A program, its sample file, and settings whose default is this machine's own.
const PROGRAMS: &[(&str, &str, &[&str])] = &[
    ("intercom-signaller", "signaller/signaller.toml", &[]),
    ("intercom-producer", "producer/producer.toml", &["name"]),
    ("intercom-consumer", "consumer/consumer.toml", &[]),
];

/// Of settings that exclude each other, all but one.
const RIVALS: &[&str] = &["peer_id", "user"];

#[test]
fn samples_are_complete_and_true() {
    for (program, sample, of_machine) in PROGRAMS {
        let sampled = Sample::read(sample);
        let printed = printed(&run(program, Path::new("/"), &["--config", "/dev/null"], None));
        let known: BTreeSet<_> = printed.keys().collect();
        assert_eq!(sampled.0.keys().collect::<BTreeSet<_>>(), known, "{sample}");
        for (key, value) in printed.iter().filter(|(key, _)| !of_machine.contains(&key.as_str())) {
            if let Some(value) = value {
                assert_eq!(*value, format!("{} # default", sampled.0[key]), "{sample}: {key}");
            }
        }
    }
}

#[test]
fn every_setting_can_be_said_in_a_file_and_in_a_variable() {
    for (program, sample, _) in PROGRAMS {
        let dir = dir_with_ca();
        for (key, value) in &Sample::read(sample).0 {
            let file = dir.path().join("settings.toml");
            fs::write(&file, format!("{key} = {value}")).unwrap();
            let output = run(program, dir.path(), &["--config", file.to_str().unwrap()], None);
            assert_said(&output, key, value, dir.path(), &format!("{}:1", file.display()));

            let variable = format!("INTERCOM_{}", key.to_uppercase());
            let plain = value.trim_matches(['[', ']']).replace('"', "").replace(", ", ",");
            let output = run(program, dir.path(), &[], Some((&variable, &plain)));
            assert_said(&output, key, value, dir.path(), &variable);
        }
    }
}

#[test]
fn samples_can_be_used_whole() {
    for (program, sample, _) in PROGRAMS {
        let dir = dir_with_ca();
        let settings = Sample::read(sample).0.into_iter();
        let settings: BTreeMap<_, _> =
            settings.filter(|(key, _)| !RIVALS.contains(&key.as_str())).collect();
        let text: String =
            settings.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        let file = dir.path().join("settings.toml");
        fs::write(&file, &text).unwrap();
        let first = run(program, dir.path(), &["--config", file.to_str().unwrap()], None);
        // What is printed is a settings file itself, and says the same.
        fs::write(&file, &first.stdout).unwrap();
        let second = run(program, dir.path(), &["--config", file.to_str().unwrap()], None);
        let values = |output: &Output| -> Vec<_> {
            let printed = printed(output).into_iter().filter(|(_, value)| value.is_some());
            printed
                .map(|(key, value)| (key, value.unwrap().split(" # ").next().unwrap().to_owned()))
                .collect()
        };
        assert_eq!(values(&first), values(&second), "{program}");
        assert_eq!(values(&first).len(), settings.len(), "{program}");
    }
}

#[test]
fn a_mistake_in_a_file_is_one_line_and_code_2() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("settings.toml");
    fs::write(&file, "# nothing\n\nlgo = \"info\"").unwrap();
    for (program, ..) in PROGRAMS {
        for asked in ["check", "print"] {
            let output = command(program, dir.path())
                .args(["config", asked, "--config", file.to_str().unwrap()])
                .output()
                .unwrap();
            let error = String::from_utf8(output.stderr).unwrap();
            let line = format!(
                "error: {}:3: unknown key \"lgo\"; did you mean \"log\"?\n",
                file.display()
            );
            assert_eq!((error, output.status.code()), (line, Some(2)), "{program}");
            assert!(output.stdout.is_empty());
        }
    }
}

/// A directory with what the samples name that must be there.
fn dir_with_ca() -> TempDir {
    let dir = TempDir::new().unwrap();
    let ca = root().join("gst-plugins/tests/data/certificate.pem");
    fs::copy(ca, dir.path().join("ca.pem")).unwrap();
    fs::write(dir.path().join("door.token"), "ict_0").unwrap();
    fs::write(dir.path().join("ann.password"), "correct horse").unwrap();
    dir
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Keys and their text in a sample: `#key = value`, below lines that explain it.
struct Sample(BTreeMap<String, String>);

impl Sample {
    fn read(file: &str) -> Self {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let lines: Vec<_> = text.lines().collect();
        let settings = lines.iter().enumerate().filter_map(|(at, line)| {
            let (key, value) = line.strip_prefix('#')?.split_once(" = ")?;
            if key.starts_with(' ') {
                return None;
            }
            assert!(lines[at - 1].starts_with("# "), "{file}: nothing explains {key}");
            Some((key.to_owned(), value.to_owned()))
        });
        let stray = lines.iter().find(|line| !line.is_empty() && !line.starts_with('#'));
        assert_eq!(stray, None, "{file}: a sample sets nothing");
        Self(settings.collect())
    }
}

/// Runs `config print` in this directory, with at most one variable.
fn run(program: &str, dir: &Path, args: &[&str], variable: Option<(&str, &str)>) -> Output {
    let output =
        command(program, dir).args(["config", "print"]).args(args).envs(variable).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && error.is_empty(),
        "{program} {args:?} {variable:?}: {error}"
    );
    output
}

fn command(program: &str, dir: &Path) -> Command {
    let path: PathBuf = target_dir().join(program);
    assert!(path.exists(), "{program} is not built: run `cargo test --workspace --no-run` first");
    let mut command = Command::new(path);
    command.env_clear().env("XDG_CONFIG_HOME", dir).current_dir(dir);
    command
}

/// What was printed: keys, and what follows `key = `; `None` for a key that is not set.
fn printed(output: &Output) -> BTreeMap<String, Option<String>> {
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().map(|line| match line.split_once(" = ") {
        Some((key, rest)) => (key.to_owned(), Some(rest.to_owned())),
        None => {
            let key = line.strip_prefix("# ").and_then(|line| line.strip_suffix(" is not set"));
            (key.unwrap_or_else(|| panic!("{line:?}")).to_owned(), None)
        }
    });
    lines.collect()
}

/// The setting has this value, from this place; or it is a path, then below `dir`.
fn assert_said(output: &Output, key: &str, value: &str, dir: &Path, place: &str) {
    let said = printed(output)[key].clone().unwrap_or_else(|| panic!("{key} is not set"));
    let path = format!("\"{}/{}\"", dir.display(), value.trim_matches('"'));
    let wanted = [format!("{value} # {place}"), format!("{path} # {place}")];
    assert!(wanted.contains(&said), "{key} = {said}, wanted {wanted:?}");
}
