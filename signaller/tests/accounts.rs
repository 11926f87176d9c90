//! The command line of accounts, as a stranger uses it: the program, its stdin, its exit codes.
#![allow(clippy::unwrap_used)]
mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::{Client, Stranger, tcp};
use intercom_signaller::Level;
use serde_json::json;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;
use tokio::task::block_in_place;

const PROGRAM: &str = env!("CARGO_BIN_EXE_intercom-signaller");

/// Within a second is what is promised; a busy machine has three times that.
const SOON: Duration = Duration::from_secs(3);

struct House {
    dir: PathBuf,
    _made: Option<TempDir>,
}

impl House {
    /// With its file made already.
    fn new() -> Self {
        let house = Self::empty();
        let output = house.run("account add first --kind device", "");
        assert!(output.status.success());
        assert!(String::from_utf8(output.stderr).unwrap().ends_with("/intercom.db is new\n"));
        house.prints("account remove first", "");
        house
    }

    fn empty() -> Self {
        let made = TempDir::new().unwrap();
        Self { dir: made.path().to_owned(), _made: Some(made) }
    }

    /// A server's.
    fn of(server: &Stranger) -> Self {
        Self { dir: server.data.path().to_owned(), _made: None }
    }

    fn dir(&self) -> &Path {
        &self.dir
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(line.split_whitespace());
        command.env("INTERCOM_CONFIG", "/dev/null").env("INTERCOM_DATA_DIR", self.dir());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, line: &str, stdin: &str) -> Output {
        let mut child = self.command(line).spawn().unwrap();
        // It may end without reading.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// What a command prints that must work.
    fn prints(&self, line: &str, stdin: &str) -> String {
        let output = self.run(line, stdin);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && error.is_empty(), "{line}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The one line of a command that must not work.
    fn refuses(&self, line: &str, stdin: &str) -> (i32, String) {
        let output = self.run(line, stdin);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.stdout.is_empty(), "{line}");
        assert_eq!(error.lines().count(), 1, "{line}: {error}");
        let words = error.trim_end().strip_prefix("error: ").unwrap().to_owned();
        (output.status.code().unwrap(), words)
    }

    fn names(&self) -> BTreeSet<String> {
        let list = self.prints("account list", "");
        list.lines().skip(1).map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    }
}

/// Columns of a list, without the spaces between them.
fn columns(list: &str) -> Vec<Vec<&str>> {
    list.lines()
        .map(|line| line.split("  ").filter(|c| !c.is_empty()).map(str::trim).collect())
        .collect()
}

#[test]
fn accounts_are_kept() {
    let house = House::new();
    let words = "ann's password\n";
    assert_eq!(house.prints("account add Ann --kind admin --label A.", words), "");
    house.prints("account add bob", "bob's password\r\nand more");
    house.prints("account add door --kind device", "");
    let list = house.prints("account list", "");
    assert_eq!(
        columns(&list),
        [
            vec!["NAME", "KIND", "LABEL"],
            vec!["ann", "admin", "A."],
            vec!["bob", "user", "-"],
            vec!["door", "device", "-"],
        ]
    );
    house.prints("account passwd bob", "another password\n");
    house.prints("account role bob admin", "");
    house.prints("account role ann user", "");
    house.prints("account remove ann", "");
    house.prints("rights set door watch bob", "");
    house.prints("rights set door see everyone", "");
    let shown = house.prints("rights show door", "");
    let rights = [
        ["see", "everyone"],
        ["watch", "bob"],
        ["talk", "users"],
        ["call", "users"],
        ["control", "nobody"],
    ];
    assert_eq!(columns(&shown), rights);
    let json: serde_json::Value =
        serde_json::from_str(&house.prints("account list --json", "")).unwrap();
    assert_eq!(json[1]["rights"]["watch"], "bob");
    assert_eq!(json[0]["kind"], "admin");

    let audit = house.prints("account audit ann", "");
    let actions: Vec<_> = columns(&audit).into_iter().skip(1).map(|row| row[3]).collect();
    assert_eq!(actions, ["account remove", "account role", "account add"]);
    let all = house.prints("account audit --limit 4 --json", "");
    let all: serde_json::Value = serde_json::from_str(&all).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 4);
    assert_eq!((&all[0]["action"], &all[0]["who"]), (&"rights set".into(), &"(owner)".into()));
}

#[test]
fn a_token_is_shown_once() {
    let house = House::new();
    house.prints("account add door --kind device", "");
    let token = house.prints("token create door --name porch --expires 30", "");
    let secret = token.strip_prefix("ict_").and_then(|rest| rest.strip_suffix('\n')).unwrap();
    assert_eq!(secret.len(), 43, "{token}");
    assert_ne!(house.prints("token create door", ""), token);
    let list = house.prints("token list door", "");
    let rows = columns(&list);
    assert_eq!(rows[0], ["ID", "ACCOUNT", "KIND", "CREATED", "USED", "EXPIRES", "NAME"]);
    let [id, account, kind, .., name] = rows[1][..] else { panic!("{rows:?}") };
    assert_eq!((account, kind, name, rows.len()), ("door", "token", "porch", 3));
    let audit = house.prints("account audit", "");
    let json = house.prints("token list --json", "");
    for text in [&list, &audit, &json] {
        assert!(!text.contains(secret), "{text}");
    }
    for file in fs::read_dir(house.dir()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(43).any(|window| window == secret.as_bytes()));
    }
    house.prints(&format!("token revoke {id}"), "");
    assert_eq!(columns(&house.prints("token list", "")).len(), 2);
    assert!(house.prints("invite create", "").starts_with("ici_"));
}

#[test]
fn mistakes_are_one_line_and_a_code() {
    let house = House::new();
    house.prints("account add ann --kind admin", "ann's password\n");
    for (line, stdin, words) in [
        ("account remove an", "", "there is no account an; did you mean ann?"),
        ("account passwd zoe", "", "there is no account zoe; `account list` shows which there are"),
        ("account add ann", "", "there is an account ann already"),
        ("account add bob", "", "give the password as the first line of stdin"),
        ("account add bob", "short\n", "the password has 5 characters; it must have at least 8"),
        ("account add robert.f", "Robert.F\n", "the password must not be the account's name"),
        ("account remove ann", "", "ann is the only admin; make another one first, or add --force"),
        (
            "account role ann user",
            "",
            "ann is the only admin; make another one first, or add --force",
        ),
        ("token create ane", "", "there is no account ane; did you mean ann?"),
        ("token list ane", "", "there is no account ane; did you mean ann?"),
        ("token revoke 7", "", "there is no token 7; `token list` shows which there are"),
        ("rights show ane", "", "there is no account ane; did you mean ann?"),
        (
            "rights set ann see ann,bob",
            "",
            "there is no account bob; `account list` shows which there are",
        ),
        (
            "account add bad/name",
            "",
            "invalid value 'bad/name' for '<NAME>': an account's name has",
        ),
        (
            "account add bob --kind robot",
            "",
            "invalid value 'robot' for '--kind <user|device|admin>'",
        ),
        ("rights set ann peek users", "", "invalid value 'peek'"),
        ("token create ann --expires 0", "", "invalid value '0' for '--expires <DAYS>'"),
        ("account add ann secret", "", "unexpected argument 'secret' found"),
        ("account", "", "'intercom-signaller account' requires a subcommand"),
    ] {
        let (code, error) = house.refuses(line, stdin);
        assert!(error.starts_with(words), "{line}: {error}");
        assert_eq!(code, 2, "{line}");
    }
    assert_eq!(house.names(), ["ann".to_owned()].into());
    house.prints("account remove ann --force", "");
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let house = House::empty();
    let (code, error) = house.refuses("account list", "");
    assert_eq!(code, 2);
    assert!(error.starts_with("there is no ") && error.contains("--data-dir"), "{error}");
    assert_eq!(fs::read_dir(house.dir()).unwrap().count(), 0);
    let file = house.dir().join("intercom.db");
    fs::write(&file, "a letter to ann\n".repeat(100)).unwrap();
    let (code, error) = house.refuses("account list", "");
    assert_eq!(code, 2);
    assert!(error.contains("intercom.db is not a database of the intercom; move it"), "{error}");
    let output = house.run("account add cam --kind device --data-dir /proc/none", "");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("\nerror: cannot write /proc/none: "), "{error}");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn the_settings_file_says_where() {
    let house = House::new();
    house.prints("account add door --kind device", "");
    let file = house.dir().join("signaller.toml");
    fs::write(&file, "data_dir = \".\"\nlisten = \"[::]:0\"").unwrap();
    let mut list = house.command("account list --config");
    list.arg(&file).env("INTERCOM_DATA_DIR", "").current_dir("/");
    let output = list.output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("door"));
    fs::write(&file, "data_dir = 3\nlisten = \"nowhere\"").unwrap();
    let output = list.output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("signaller.toml:2: listen: "), "{error}");
    fs::remove_file(&file).unwrap();
    let error = String::from_utf8(list.output().unwrap().stderr).unwrap();
    assert!(error.contains("signaller.toml: cannot be read: "), "{error}");
    assert_eq!(output.status.code(), Some(2));
}

/// A program that believes to be on a terminal, which `script` plays.
struct Terminal {
    child: Child,
    shown: String,
}

impl Terminal {
    fn start(house: &House, line: &str) -> Self {
        Self::start_with(house, &format!("{PROGRAM} {line}"))
    }

    fn start_with(house: &House, words: &str) -> Self {
        // Ctrl-C counts, also where a shell runs all this in the background and has it ignored.
        let child = Command::new("env")
            .args(["--default-signal=INT", "script", "-qefc", words, "/dev/null"])
            .env("INTERCOM_CONFIG", "/dev/null")
            .env("INTERCOM_DATA_DIR", house.dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child, shown: String::new() }
    }

    /// Waits for words, and types after them.
    fn answer(&mut self, words: &str, line: &str) {
        self.type_after(words, &format!("{line}\n"));
    }

    fn type_after(&mut self, words: &str, keys: &str) {
        let stdout = self.child.stdout.as_mut().unwrap();
        let mut byte = [0];
        while !self.shown.ends_with(words) {
            assert_eq!(stdout.read(&mut byte).unwrap(), 1, "{}", self.shown);
            self.shown.push(char::from(byte[0]));
        }
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(keys.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    fn end(mut self) -> (Option<i32>, String) {
        self.child.stdout.take().unwrap().read_to_string(&mut self.shown).unwrap();
        (self.child.wait().unwrap().code(), self.shown)
    }
}

#[test]
fn a_terminal_asks_twice_and_shows_nothing() {
    let house = House::new();
    let mut terminal = Terminal::start(&house, "account add ann");
    terminal.answer("Password: ", "typed blindly");
    terminal.answer("The same again: ", "typed blindly");
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains("blindly"), "{shown}");

    let mut terminal = Terminal::start(&house, "account passwd ann");
    terminal.answer("Password: ", "typed blindly");
    terminal.answer("The same again: ", "typed blandly");
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(2), "{shown}");
    assert!(
        shown.contains("error: the two passwords are not the same; nothing was changed"),
        "{shown}"
    );
}

#[test]
fn a_terminal_shows_again_what_is_typed_after_ctrl_c() {
    let house = House::new();
    for questions in [&["Password: "][..], &["Password: ", "The same again: "]] {
        // A shell lives on, as the one of whoever typed it does.
        let words = format!("trap : INT; {PROGRAM} account add ann; echo code=$?; stty -a");
        let mut terminal = Terminal::start_with(&house, &words);
        let (last, before) = questions.split_last().unwrap();
        for question in before {
            terminal.answer(question, "typed blindly");
        }
        terminal.type_after(last, "typed\x03");
        let (_, shown) = terminal.end();
        assert!(shown.contains("code=130"), "{shown}");
        let modes: Vec<_> = shown.split_whitespace().collect();
        assert!(modes.contains(&"echo") && modes.contains(&"isig"), "{shown}");
    }
    assert!(house.names().is_empty());
}

#[test]
fn many_programs_at_once_lose_nothing() {
    let house = House::empty();
    // The first of them make the file.
    let add = |n: u32| house.command(&format!("account add d{n} --kind device")).spawn().unwrap();
    let children: Vec<_> = (0..12).map(add).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(house.names().len(), 12);
}

#[tokio::test]
async fn a_kill_loses_nothing_that_was_done() {
    let house = House::new();
    house.prints("account add first --kind device", "");
    let begun = Instant::now();
    house.prints("account add second --kind device", "");
    // No longer than the shortest life that was seen: a machine that was busy for once is not slow.
    let (mut whole, mut kept, mut killed) = (begun.elapsed(), house.names(), 0);
    for round in 0..60_u32 {
        let name = format!("d{round}");
        let mut child =
            house.command(&format!("account add {name} --kind device")).spawn().unwrap();
        let begun = Instant::now();
        // At every point of its life; some live on.
        thread::sleep(whole * (round % 12) / 10);
        let lived = begun.elapsed();
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            kept.insert(name);
            whole = whole.min(lived);
        } else {
            killed += 1;
        }
    }
    assert!(killed > 10, "{killed}");
    let names = house.names();
    assert!(kept.is_subset(&names), "{kept:?} {names:?}");
    let file = SqliteConnectOptions::new().filename(house.dir().join("intercom.db"));
    let mut db = SqliteConnection::connect_with(&file).await.unwrap();
    let sound: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut db).await.unwrap();
    assert_eq!(sound, "ok");
    // An account is there with all of its rights, or not at all.
    let halves: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM accounts WHERE 5 <> (SELECT count(*) FROM rights WHERE account = id)",
    )
    .fetch_one(&mut db)
    .await
    .unwrap();
    assert_eq!(halves, 0);
    let start = Instant::now();
    house.prints("account add last --kind device", "");
    assert!(start.elapsed() < Duration::from_secs(4), "no lock was left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_away_is_cut_within_a_second() {
    let server = Stranger::start_with(|config| config.anonymous = Level::Deny).await;
    let house = House::of(&server);
    let prints = |line: &str, stdin: &str| block_in_place(|| house.prints(line, stdin));
    let token = |of: &str| format!("Bearer {}", prints(&format!("token create {of}"), "").trim());
    let enter = async |token: &str| {
        let socket = tcp(server.plain()).await;
        Client::open(socket, "/", &[("Authorization", token)]).await.map_err(|(status, _)| status)
    };
    prints("account add ann", "ann's password\n");
    prints("account add door --kind device", "");
    let (anns, doors) = (token("ann"), token("door"));
    let (mut ann, mut door) = (enter(&anns).await.unwrap(), enter(&doors).await.unwrap());
    door.send(&json!({"type": "setPeerStatus", "roles": ["producer"], "meta": null})).await;
    door.hears_nothing().await;
    let session = ann.start_session(&mut door).await;

    // A narrower right ends what it allowed, and nothing else.
    prints("rights set door watch nobody", "");
    let start = Instant::now();
    for end in [ann.next().await, door.next().await] {
        assert_eq!((&end["type"], &end["sessionId"]), (&"endSession".into(), &json!(session)));
    }
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    door.hears_nothing().await;

    prints("token revoke 1", "");
    let start = Instant::now();
    ann.closed().await;
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    assert_eq!(enter(&anns).await.err(), Some(401));

    // The name is somebody else's at once, and the old token is nobody's.
    prints("account remove door", "");
    let start = Instant::now();
    prints("account add door --kind device", "");
    door.closed().await;
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    assert_eq!(enter(&doors).await.err(), Some(401));
    let new = token("door");
    enter(&new).await.unwrap();
}
