#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use clap::{Parser, value_parser};
use tempfile::TempDir;

use crate::{Answer, Fault, Program, Settings, layers};

#[derive(Clone, Debug, Parser, PartialEq)]
#[command(name = "intercom-thing")]
struct Thing {
    #[arg(long, conflicts_with = "name")]
    list: bool,
    #[arg(long, env = "THING_NAME")]
    name: Option<String>,
    #[arg(long, env = "THING_NUMBER", conflicts_with = "name")]
    number: Option<u8>,
    #[arg(long, env = "THING_LEVEL", default_value = "low", value_parser = ["low", "high"])]
    level: String,
    #[arg(long, env = "THING_GAIN", default_value = "1")]
    gain: f64,
    #[arg(long, env = "THING_LOUD")]
    loud: bool,
    #[arg(long, env = "THING_KEY_FILE", value_parser = value_parser!(PathBuf))]
    key_file: Option<PathBuf>,
    #[arg(long, env = "THING_PASSWORD_FILE")]
    password_file: Option<PathBuf>,
    #[arg(long, env = "THING_FRIEND", value_delimiter = ',')]
    friend: Vec<u8>,
}

const THING: Program = Program {
    name: "intercom-thing",
    verb: None,
    parts: &[("key_file", &["password_file"])],
    live: &["gain", "loud"],
};

/// A place with a settings file, and variables.
struct World {
    dir: TempDir,
    variables: HashMap<&'static str, OsString>,
}

impl World {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap(), variables: HashMap::new() }
    }

    fn file(self, text: &str) -> Self {
        fs::write(self.path(), text).unwrap();
        let path = self.path();
        self.variable("INTERCOM_CONFIG", path)
    }

    fn variable(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name, value.into());
        self
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("thing.toml")
    }

    fn merge(&self, line: &str) -> Result<layers::Merged<Thing>, Fault> {
        let line = ["intercom-thing"].into_iter().chain(line.split_whitespace());
        let line = line.map(OsString::from).collect();
        layers::merge(&THING, line, &|name| self.variables.get(name).cloned())
    }

    fn thing(&self, line: &str) -> Thing {
        self.merge(line).unwrap_or_else(|fault| panic!("{line}: {fault}")).settings
    }

    fn print(&self, line: &str) -> String {
        let merged = self.merge(&format!("config print {line}")).unwrap();
        match THING.answer(merged, Ok).unwrap() {
            Answer::Say(text) => text,
            Answer::Run(..) => panic!("{line} prints nothing"),
        }
    }

    /// The one line that says what is wrong, without the directory.
    fn fault(&self, line: &str) -> String {
        let fault = self.merge(line).err().unwrap_or_else(|| panic!("{line} is taken"));
        let fault = fault.to_string().replace(&format!("{}/", self.dir.path().display()), "");
        assert!(!fault.contains('\n'), "{fault}");
        fault
    }
}

#[test]
fn flags_win_over_variables_over_the_file_over_defaults() {
    let world = World::new();
    assert_eq!(world.thing("").level, "low");
    let world = world.file("level = 'high'\nname = 'file'\ngain = 0.5");
    assert_eq!(world.thing("").level, "high");
    assert_eq!(world.thing("").gain, 0.5);
    let world = world.variable("THING_NAME", "variable");
    assert_eq!(world.thing("").name.unwrap(), "variable");
    assert_eq!(world.thing("--name flag --level low").name.unwrap(), "flag");
    assert_eq!(world.thing("--name flag --level low").level, "low");
}

#[test]
fn what_a_higher_layer_excludes_is_dropped_without_a_word() {
    let world = World::new().file("name = 'file'\nloud = true");
    assert_eq!(world.thing("--number 7").name, None);
    assert!(world.thing("--list").list);
    assert_eq!(world.thing("--list").name, None);
    let world = world.variable("THING_NUMBER", "8");
    assert_eq!((world.thing("").name, world.thing("").number), (None, Some(8)));
    assert_eq!(world.thing("--name flag").number, None);
    let both = World::new().file("number = 1\nname = 'x'");
    assert_eq!(both.fault(""), "thing.toml:2: name does not go with number");
    let both = World::new().variable("THING_NAME", "x").variable("THING_NUMBER", "1");
    assert_eq!(both.fault(""), "THING_NUMBER: does not go with THING_NAME");
    assert!(World::new().fault("--name x --number 1").contains("cannot be used with"));
}

#[test]
fn parts_come_from_where_the_whole_comes_from() {
    let world = World::new().file("key_file = 'k'\npassword_file = 'p'");
    let thing = world.thing("");
    assert_eq!(thing.password_file, Some(world.dir.path().join("p")));
    assert_eq!(world.thing("--key-file other").password_file, None);
    let thing = world.thing("--password-file other");
    assert_eq!(thing.key_file, Some(world.dir.path().join("k")));
    assert_eq!(thing.password_file, Some("other".into()));
}

#[test]
fn switches_and_lists() {
    let world = World::new().file("loud = true\nfriend = [1, 2]");
    assert!(world.thing("").loud && !world.thing("--loud=false").loud);
    assert_eq!(world.thing("").friend, [1, 2]);
    assert_eq!(world.thing("--friend 3").friend, [3]);
    let world = world.variable("THING_FRIEND", "4,5").variable("THING_LOUD", "no");
    assert_eq!(world.thing("").friend, [4, 5]);
    assert!(!world.thing("").loud && world.thing("--loud").loud);
    assert!(World::new().file("friend = []").thing("").friend.is_empty());
    assert!(!World::new().variable("THING_LOUD", "").thing("").loud);
}

#[test]
fn mistakes_name_their_line() {
    for (text, line) in [
        ("\n\nnumbr = 1", "thing.toml:3: unknown key \"numbr\"; did you mean \"number\"?"),
        ("key-file = 'x'", "thing.toml:1: unknown key \"key-file\"; did you mean \"key_file\"?"),
        (
            "zz = 1",
            "thing.toml:1: unknown key \"zz\"; `intercom-thing config print` prints all keys",
        ),
        ("list = true", "thing.toml:1: unknown key \"list\"; "),
        ("config = 'x'", "thing.toml:1: unknown key \"config\"; "),
        ("# x\nnumber = 256", "thing.toml:2: number: 256 is not in 0..=255"),
        ("number = -1", "thing.toml:1: number: "),
        ("level = 'middle'", "thing.toml:1: level: must be one of low, high"),
        ("loud = 'very'", "thing.toml:1: loud: \"very\": value was not a boolean"),
        ("name = ['a', 'b']", "thing.toml:1: name: takes one value, not a list"),
        ("name = { a = 1 }", "thing.toml:1: name: must be a text, a number"),
        ("[name]\na = 1", "thing.toml:1: name: must be a text, a number"),
        ("name = 1999-01-01", "thing.toml:1: name: must be a text, a number"),
        ("name = 'a'\nname = 'b'", "thing.toml:2: duplicate key"),
        ("name =", "thing.toml:1: "),
        ("friend = [1, 'x']", "thing.toml:1: friend: \"x\": invalid digit"),
    ] {
        let fault = World::new().file(text).fault("");
        assert!(fault.starts_with(line), "{text}: {fault}");
    }
    let fault = World::new().variable("THING_NUMBER", "x").fault("");
    assert_eq!(fault, "THING_NUMBER: \"x\": invalid digit found in string");
    let world = World::new();
    assert!(world.fault("--config nowhere.toml").contains("nowhere.toml: cannot be read: No such"));
    assert!(world.fault("--config /").contains("/: cannot be read: Is a directory"));
    assert_eq!(world.fault("--config /dev/zero"), "/dev/zero: cannot be read: it is too long");
    assert!(world.fault("config").contains("requires a subcommand"));
}

#[test]
fn a_file_is_found_where_the_user_keeps_settings() {
    let world = World::new();
    let dir = world.dir.path().join("gst-intercom");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("thing.toml"), "name = 'found'").unwrap();
    let world = world.variable("INTERCOM_CONFIG", "");
    let home = world.dir.path().to_owned();
    assert_eq!(world.thing("").name, None);
    let world = world.variable("XDG_CONFIG_HOME", home);
    assert_eq!(world.thing("").name.unwrap(), "found");
    assert_eq!(world.thing("--config /dev/null").name, None);
    fs::remove_file(dir.join("thing.toml")).unwrap();
    std::os::unix::fs::symlink("gone.toml", dir.join("thing.toml")).unwrap();
    assert!(world.fault("").contains("thing.toml: cannot be read: No such"), "a dead link");
    let world = world.file("name = 'named'");
    assert_eq!(world.thing("").name.unwrap(), "named");
}

#[test]
fn what_is_printed_is_a_file_of_the_same_settings() {
    let world = World::new()
        .file("name = 'a \"b\"\\ #'\nloud = true\nkey_file = 'k'")
        .variable("THING_FRIEND", "1,2");
    let line = "--level high --gain 0.25 --password-file p";
    let printed = world.print(line);
    for part in [
        "name = 'a \"b\"\\ #' # ",
        "thing.toml:1\n",
        "# number is not set\n",
        "level = \"high\" # --level\n",
        "gain = 0.25 # --gain\n",
        "loud = true # ",
        "friend = [1, 2] # THING_FRIEND\n",
    ] {
        assert!(printed.contains(part), "{part:?} is not in\n{printed}");
    }
    let again = World::new().file(&printed).thing("");
    let here = std::env::current_dir().unwrap();
    let once = world.thing(line);
    assert_eq!(again, Thing { password_file: Some(here.join("p")), ..once });
    assert!(World::new().print("").contains("level = \"low\" # default\n"));
}

#[test]
fn reading_again_tells_what_changes_and_what_waits() {
    let world = World::new().file("gain = 2\nname = 'a'");
    let merged = world.merge("").unwrap();
    let mut settings = Settings::new(THING, merged.file, merged.effective);
    let mut again = |text| {
        fs::write(world.path(), text).unwrap();
        settings.compare(world.merge("").unwrap().effective).to_string()
    };
    let told = "settings read again: ";
    assert_eq!(again("gain = 2\nname = 'a'"), format!("{told}nothing changed"));
    let both = again("gain = 3\nname = 'b'\nloud = true");
    assert_eq!(both, format!("{told}changed gain, loud; a restart is needed for name"));
    // What waits is told until it is in effect, what changed is told once.
    assert_eq!(
        again("gain = 3\nname = 'b'\nloud = true"),
        format!("{told}a restart is needed for name")
    );
    assert_eq!(again("name = 'a'\nloud = true"), format!("{told}changed gain"));
}

#[test]
fn a_file_that_is_gone_is_not_the_defaults() {
    let world = World::new();
    let dir = world.dir.path().join("gst-intercom");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("thing.toml"), "gain = 2").unwrap();
    let world = world.variable("XDG_CONFIG_HOME", dir.parent().unwrap());
    let merged = world.merge("").unwrap();
    let mut settings = Settings::new(THING, merged.file, merged.effective);
    let mut again = || {
        let variables = |name: &str| world.variables.get(name).cloned();
        let line = vec!["intercom-thing".into()];
        settings.again(line, &variables, |thing: Thing| Ok(thing.gain)).map(|(gain, _)| gain)
    };
    assert_eq!(again().unwrap(), 2.0);
    fs::remove_file(dir.join("thing.toml")).unwrap();
    let fault = again().unwrap_err().to_string();
    assert!(fault.ends_with("thing.toml: is not there any more"), "{fault}");
    fs::write(dir.join("thing.toml"), "gain = 3").unwrap();
    assert_eq!(again().unwrap(), 3.0);
}

#[test]
fn help_names_the_variables() {
    let Err(Fault::Help(help)) = World::new().merge("--help") else { panic!("no help") };
    let help = help.to_string();
    for word in ["THING_NAME", "INTERCOM_CONFIG", "config ", "~/.config/gst-intercom/thing.toml"] {
        assert!(help.contains(word), "{word}: {help}");
    }
    assert!(matches!(World::new().merge("config print --help"), Err(Fault::Help(_))));
}
