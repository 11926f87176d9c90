//! RoomRTC's lines as its program has them: real TLS, a server name of its own, any certificate will do.
#![allow(clippy::unwrap_used)]
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use common::{Client, Stranger, copy_of, recorded, tcp};
use intercom_protocol::roomrtc::{ClientMessage, ServerMessage};
use intercom_signaller::{Config, Level, Registration, Server};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const PATIENCE: Duration = Duration::from_secs(30);
const PASSWORD: &str = "correct horse battery";

/// One program, at one connection.
struct Program {
    name: String,
    socket: BufReader<TlsStream<TcpStream>>,
}

impl Program {
    /// Connected, and not logged in.
    async fn connect(server: &Stranger, name: &str) -> Self {
        let address = server.server.addresses().last().unwrap().socket;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anything(provider)))
            .with_no_client_auth();
        let socket = TcpStream::connect(address).await.unwrap();
        let host = ServerName::try_from("roomrtc.local").unwrap();
        let socket = TlsConnector::from(Arc::new(config)).connect(host, socket).await.unwrap();
        Self { name: name.to_owned(), socket: BufReader::new(socket) }
    }

    /// Logged in.
    async fn log_in(server: &Stranger, name: &str) -> Self {
        let mut program = Self::connect(server, name).await;
        program.say(&login(name, PASSWORD)).await;
        program.hears("LOGIN_SUCCESS").await;
        program
    }

    async fn say(&mut self, line: &str) {
        self.send(format!("{line}\n").as_bytes()).await;
    }

    async fn send(&mut self, bytes: &[u8]) {
        timeout(PATIENCE, self.socket.write_all(bytes)).await.unwrap().unwrap();
        timeout(PATIENCE, self.socket.flush()).await.unwrap().unwrap();
    }

    /// The next line; `None` at the end.
    async fn next(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = timeout(PATIENCE, self.socket.read_line(&mut line)).await;
        // A server that has closed it may have left without taking leave.
        let read = read.unwrap_or_else(|_| panic!("{} hears nothing", self.name)).unwrap_or(0);
        (read > 0).then(|| line.strip_suffix('\n').unwrap().to_owned())
    }

    #[track_caller]
    fn hears(&mut self, line: &str) -> impl Future<Output = ()> {
        let at = std::panic::Location::caller();
        async move {
            let heard = self.next().await;
            assert_eq!(heard.as_deref(), Some(line), "{} at {at}", self.name);
        }
    }

    /// The next line is of this type.
    async fn hears_of(&mut self, kind: &str) -> String {
        let line = self.next().await.unwrap();
        assert!(line.starts_with(&format!("{kind}|")), "{}: {line}", self.name);
        line
    }

    async fn is_closed(&mut self) {
        assert_eq!(self.next().await, None, "{}", self.name);
    }

    /// Nothing was said before the answer to a question asked now.
    async fn hears_nothing(&mut self) {
        self.say("NOTHING").await;
        self.hears("ERROR|error:there is no message of this type").await;
    }
}

/// As the program does it.
#[derive(Debug)]
struct Anything(Arc<CryptoProvider>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A server to which strangers may come.
async fn open_house() -> Stranger {
    house(|_| {}).await
}

async fn house(change: impl FnOnce(&mut Config)) -> Stranger {
    house_in(TempDir::new().unwrap(), change).await
}

/// With people in it, who were there before it was opened.
async fn house_of(people: &[&str]) -> Stranger {
    house_in(home_of(people), |_| {}).await
}

/// Where they have their accounts.
fn home_of(people: &[&str]) -> TempDir {
    let data = TempDir::new().unwrap();
    let lines: String = people.iter().map(|name| format!("{name}:{PASSWORD}\n")).collect();
    let (code, out, errors) = import(data.path(), &lines);
    assert_eq!(code, 0, "{errors}");
    assert_eq!(out, people.iter().map(|name| format!("{name}: added\n")).collect::<String>());
    data
}

async fn house_in(data: TempDir, change: impl FnOnce(&mut Config)) -> Stranger {
    let mut config = common::config(&data);
    config.roomrtc = Some("127.0.0.1:0".parse().unwrap());
    config.registration = Registration::Open;
    config.anonymous = Level::Deny;
    change(&mut config);
    Stranger { server: Server::start(config).await.unwrap(), data }
}

/// Takes over a list of users: exit code, stdout, stderr.
fn import(data: &Path, users: &str) -> (i32, String, String) {
    let file = data.join("users.txt");
    fs::write(&file, users).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_intercom-signaller"))
        .args(["account", "import-roomrtc"])
        .arg(file)
        .env("INTERCOM_CONFIG", "/dev/null")
        .env("INTERCOM_DATA_DIR", data)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn login(name: &str, password: &str) -> String {
    format!("LOGIN|username:{name}|password:{password}")
}

fn status(name: &str, status: &str) -> String {
    format!("USER_STATUS_CHANGED|username:{name}|status:{status}")
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Step {
    Send { from: String, send: String },
    Hear { to: String, hear: String },
    Leave { from: String, leave: bool },
}

#[tokio::test]
async fn the_server_answers_as_recorded() {
    let home = home_of(&["ann", "bob", "eve"]);
    for Vector { name: vector, steps } in recorded("roomrtc") {
        let server = house_in(copy_of(&home), |_| {}).await;
        let mut programs = BTreeMap::new();
        for step in steps {
            match step {
                Step::Send { from, send } => {
                    if !programs.contains_key(&from) {
                        let program = Program::connect(&server, &from).await;
                        programs.insert(from.clone(), program);
                    }
                    programs.get_mut(&from).unwrap().say(&send).await;
                }
                Step::Hear { to, hear } => {
                    let heard = programs.get_mut(&to).unwrap().next().await;
                    assert_eq!(heard, Some(hear), "{vector}: {to}");
                }
                Step::Leave { from, leave } => {
                    assert!(leave);
                    drop(programs.remove(&from));
                }
            }
        }
        for program in programs.values_mut() {
            program.hears_nothing().await;
        }
    }
}

/// Every message has a vector, and is printed there as it is read.
#[test]
fn every_message_is_recorded_as_it_is_printed() {
    let (mut sent, mut heard) = (BTreeSet::new(), BTreeSet::new());
    let type_of = |line: &str| line.split('|').next().unwrap().to_owned();
    for step in recorded("roomrtc").into_iter().flat_map(|vector: Vector| vector.steps) {
        match step {
            Step::Send { send, .. } => {
                let Ok(message) = ClientMessage::parse(&send) else { continue };
                assert_eq!(message.print(), send);
                sent.insert(type_of(&send));
            }
            Step::Hear { hear, .. } => {
                assert_eq!(ServerMessage::parse(&hear).unwrap().print(), hear);
                heard.insert(type_of(&hear));
            }
            Step::Leave { .. } => {}
        }
    }
    let both = "ICE_CANDIDATE";
    for (recorded, types) in [
        (&sent, "REGISTER LOGIN LOGOUT GET_USERS CALL_OFFER CALL_ANSWER CALL_REJECT CALL_END"),
        (
            &heard,
            "REGISTER_SUCCESS REGISTER_ERROR LOGIN_SUCCESS LOGIN_ERROR LOGOUT_SUCCESS USER_LIST \
             USER_STATUS_CHANGED INCOMING_CALL CALL_ACCEPTED CALL_REJECTED CALL_ENDED CALL_ERROR ERROR",
        ),
    ] {
        for name in types.split(' ').chain([both]) {
            assert!(recorded.contains(name), "{name}");
        }
    }
}

/// What was agreed on by hand with two programs, and then looked at by eye.
#[tokio::test]
async fn two_programs_register_ring_talk_and_hang_up() {
    let server = open_house().await;
    let mut ann = Program::connect(&server, "ann").await;
    let mut bob = Program::connect(&server, "bob").await;
    for program in [&mut ann, &mut bob] {
        let name = program.name.clone();
        program.say(&format!("REGISTER|username:{name}|password:{PASSWORD}")).await;
        program.hears(&format!("REGISTER_SUCCESS|message:{name} can log in now")).await;
        program.say(&login(&name, PASSWORD)).await;
        program.hears("LOGIN_SUCCESS").await;
    }
    // There is a bob now; and then he is there.
    ann.hears(&status("bob", "DISCONNECTED")).await;
    ann.hears(&status("bob", "AVAILABLE")).await;
    ann.say("GET_USERS").await;
    ann.hears("USER_LIST|bob:AVAILABLE").await;

    ann.say(r"CALL_OFFER|to:bob|sdp:v=0\r\no=a\\b:c\r\n|srtp_key:a2V5==").await;
    ann.hears(&status("bob", "BUSY")).await;
    bob.hears(r"INCOMING_CALL|from:ann|sdp:v=0\r\no=a\\b:c\r\n|srtp_key:a2V5==").await;
    bob.hears(&status("ann", "BUSY")).await;
    bob.say(r"CALL_ANSWER|to:ann|accept:true|sdp:v=0\r\nanswer|srtp_key:yek").await;
    ann.hears(r"CALL_ACCEPTED|from:bob|sdp:v=0\r\nanswer|srtp_key:yek").await;

    ann.say("ICE_CANDIDATE|to:bob|candidate:candidate:1 1 UDP 2122 10.0.0.1 5000 typ host").await;
    bob.hears("ICE_CANDIDATE|from:ann|candidate:candidate:1 1 UDP 2122 10.0.0.1 5000 typ host")
        .await;
    bob.say("ICE_CANDIDATE|to:ann|candidate:candidate:2").await;
    ann.hears("ICE_CANDIDATE|from:bob|candidate:candidate:2").await;

    ann.say("CALL_END|to:bob").await;
    ann.hears(&status("bob", "AVAILABLE")).await;
    bob.hears("CALL_ENDED|from:ann").await;
    bob.hears(&status("ann", "AVAILABLE")).await;

    ann.say("LOGOUT").await;
    ann.hears("LOGOUT_SUCCESS").await;
    bob.hears(&status("ann", "DISCONNECTED")).await;
    for program in [&mut ann, &mut bob] {
        program.hears_nothing().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_program_finds_the_line_busy_and_hears_of_every_change() {
    let server = house_of(&["ann", "bob", "eve"]).await;
    let mut eve = Program::log_in(&server, "eve").await;
    let mut ann = Program::log_in(&server, "ann").await;
    let mut bob = Program::log_in(&server, "bob").await;
    eve.hears(&status("ann", "AVAILABLE")).await;
    eve.hears(&status("bob", "AVAILABLE")).await;
    ann.hears(&status("bob", "AVAILABLE")).await;

    // Rejected in both ways of saying so.
    for no in ["CALL_REJECT|to:ann", "CALL_ANSWER|to:ann|accept:false"] {
        ann.say("CALL_OFFER|to:bob|sdp:x").await;
        ann.hears(&status("bob", "BUSY")).await;
        bob.hears("INCOMING_CALL|from:ann|sdp:x").await;
        bob.hears(&status("ann", "BUSY")).await;
        eve.hears(&status("ann", "BUSY")).await;
        eve.hears(&status("bob", "BUSY")).await;
        for busy in ["ann", "bob"] {
            eve.say(&format!("CALL_OFFER|to:{busy}|sdp:x")).await;
            eve.hears_of("CALL_ERROR").await;
        }
        bob.say(no).await;
        ann.hears("CALL_REJECTED|from:bob").await;
        for (hears, of) in [(&mut eve, "ann"), (&mut bob, "ann"), (&mut ann, "bob")] {
            hears.hears(&status(of, "AVAILABLE")).await;
        }
        eve.hears(&status("bob", "AVAILABLE")).await;
    }
    // Nobody, oneself, and somebody who is not there.
    for to in ["nobody", "eve", "Not A Name"] {
        eve.say(&format!("CALL_OFFER|to:{to}|sdp:x")).await;
        eve.hears_of("CALL_ERROR").await;
    }
    for program in [&mut ann, &mut bob, &mut eve] {
        program.hears_nothing().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_gone_ends_the_ring_and_the_call() {
    let server = house_of(&["ann", "bob"]).await;
    let mut bob = Program::log_in(&server, "bob").await;
    for accepted in [false, true] {
        let mut ann = Program::log_in(&server, "ann").await;
        bob.hears(&status("ann", "AVAILABLE")).await;
        ann.say("CALL_OFFER|to:bob|sdp:x").await;
        bob.hears("INCOMING_CALL|from:ann|sdp:x").await;
        bob.hears(&status("ann", "BUSY")).await;
        if accepted {
            bob.say("CALL_ANSWER|to:ann|accept:true|sdp:y").await;
            ann.hears(&status("bob", "BUSY")).await;
            ann.hears("CALL_ACCEPTED|from:bob|sdp:y").await;
        }
        drop(ann);
        bob.hears("CALL_ENDED|from:ann").await;
        bob.hears(&status("ann", "DISCONNECTED")).await;
    }
    bob.hears_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_and_a_page_ring_each_other_and_cannot_talk() {
    let server = house_of(&["ann", "bob"]).await;
    let mut ann = Program::log_in(&server, "ann").await;
    let extended = [("Sec-WebSocket-Protocol", "intercom.v1")];
    let mut page = Client::upgrade(tcp(server.plain()).await, "/", &extended).await.unwrap();
    page.send(&json!({"type": "hello", "login": {"name": "bob", "password": PASSWORD}})).await;
    assert_eq!(page.next().await["type"], "welcome");
    ann.hears(&status("bob", "AVAILABLE")).await;
    let both = json!({"audio": true, "video": true});

    // The program rings the page.
    ann.say("CALL_OFFER|to:bob|sdp:x|srtp_key:k").await;
    ann.hears(&status("bob", "BUSY")).await;
    let incoming = page_hears(&mut page, "incomingCall").await;
    let call = incoming["callId"].clone();
    assert_eq!((&incoming["from"], &incoming["media"]), (&json!("ann"), &both));
    ann.say("ICE_CANDIDATE|to:bob|candidate:nobody takes it").await;
    page.send(&json!({"type": "answerCall", "callId": call, "accept": true, "media": both})).await;
    let ended = json!({"type": "callEnded", "callId": call, "reason": "incompatible"});
    assert_eq!(page_hears(&mut page, "callEnded").await, ended);
    let why = ann.hears_of("CALL_ERROR").await;
    assert!(why.contains("bob"), "{why}");
    ann.hears("CALL_ENDED|from:bob").await;
    ann.hears(&status("bob", "AVAILABLE")).await;

    // And the page the program.
    page.send(&json!({"type": "offerCall", "to": "ann", "media": both})).await;
    let call = page_hears(&mut page, "callRinging").await["callId"].clone();
    let incoming = ann.hears_of("INCOMING_CALL|from:bob").await;
    assert!(incoming.contains(r"|sdp:v=0\r\n") && !incoming.contains("srtp_key"), "{incoming}");
    ann.hears(&status("bob", "BUSY")).await;
    ann.say("CALL_ANSWER|to:bob|accept:true|sdp:mine|srtp_key:k").await;
    let ended = json!({"type": "callEnded", "callId": call, "reason": "incompatible"});
    assert_eq!(page_hears(&mut page, "callEnded").await, ended);
    ann.hears_of("ERROR").await;
    ann.hears("CALL_ENDED|from:bob").await;
    ann.hears(&status("bob", "AVAILABLE")).await;

    // What needs no media works across: to reject, and to give up.
    page.send(&json!({"type": "offerCall", "to": "ann", "media": both})).await;
    ann.hears_of("INCOMING_CALL|from:bob").await;
    ann.hears(&status("bob", "BUSY")).await;
    ann.say("CALL_REJECT|to:bob").await;
    assert_eq!(page_hears(&mut page, "callEnded").await["reason"], "rejected");
    ann.hears(&status("bob", "AVAILABLE")).await;
    ann.hears_nothing().await;
}

/// The next message of this type; presence and the rest is not looked at.
async fn page_hears(page: &mut Client, kind: &str) -> Value {
    loop {
        let message = page.next().await;
        if message["type"] == kind {
            return message;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_login_follows_another_and_never_two_at_once() {
    let server = house_of(&["ann", "bob"]).await;
    let mut first = Program::log_in(&server, "ann").await;
    let mut second = Program::connect(&server, "second").await;
    second.say(&login("ann", PASSWORD)).await;
    second.hears("LOGIN_ERROR|error:already connected").await;
    for line in [login("bob", PASSWORD), "REGISTER|username:new|password:whatever".to_owned()] {
        first.say(&line).await;
        let kind = line.split_once('|').unwrap().0;
        first.hears_of(&format!("{kind}_ERROR")).await;
    }
    // Both in one packet: the login is not lost with the logout before it.
    first.say(&format!("LOGOUT\n{}", login("bob", PASSWORD))).await;
    first.hears("LOGOUT_SUCCESS").await;
    first.hears("LOGIN_SUCCESS").await;
    second.say(&login("Ann", PASSWORD)).await;
    second.hears("LOGIN_SUCCESS").await;
    second.say("GET_USERS").await;
    second.hears("USER_LIST|bob:AVAILABLE").await;
    // Nobody else knows.
    drop(first);
    second.hears(&status("bob", "DISCONNECTED")).await;
    second.hears_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_ends_with_its_account_and_is_told_why() {
    let server = house_of(&["ann"]).await;
    let mut ann = Program::log_in(&server, "ann").await;
    let listed = server.run("token list ann");
    assert!(listed.contains("connection"), "{listed}");
    server.run("account remove ann");
    ann.hears("ERROR|error:your account or your token is no longer good").await;
    ann.is_closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_logged_in_when_the_server_stops_logs_in_anew_and_leaves_nothing_behind() {
    let server = house_of(&["ann", "bob"]).await;
    let mut bob = Program::log_in(&server, "bob").await;
    bob.hears_nothing().await;
    let Stranger { server: first, data } = server;
    first.stop().await;
    bob.hears("ERROR|error:the server stops").await;
    bob.is_closed().await;
    let server = house_in(data, |_| {}).await;
    let mut ann = Program::log_in(&server, "ann").await;
    ann.say("GET_USERS").await;
    ann.hears("USER_LIST|bob:DISCONNECTED").await;
    let mut looks = interval(Duration::from_millis(100));
    let is_forgotten = async {
        while server.run("token list bob").contains("connection") {
            looks.tick().await;
        }
    };
    timeout(PATIENCE, is_forgotten).await.unwrap();
}

#[tokio::test]
async fn a_list_of_users_is_taken_over_whole_or_not_at_all() {
    let data = TempDir::new().unwrap();
    let (code, out, errors) =
        import(data.path(), "ann:correct horse\nbob\neve:short\nann|again!!!\n");
    assert_eq!((code, out.as_str()), (2, ""));
    for (line, words) in [
        (2, "a line is a name, then one of : | , or white space, then a password"),
        (3, "the password has 5 characters; it must have at least 8"),
        (4, "ann is on line 1 already"),
    ] {
        assert!(errors.contains(&format!("users.txt:{line}: {words}\n")), "{errors}");
    }
    assert!(errors.contains("error: nobody was added"), "{errors}");
    assert!(!errors.contains("correct horse") && !errors.contains("again"), "{errors}");
    assert!(!data.path().join("intercom.db").exists());

    let (code, out, errors) = import(data.path(), "Ann:correct horse\n");
    assert_eq!((code, out.as_str()), (0, "ann: added\n"), "{errors}");
    let again = "# Ann again, with another password\nann:another horse\nbob:battery staple\n";
    let (code, out, errors) = import(data.path(), again);
    let said = "ann: is there already, and stays as it is\nbob: added\n";
    assert_eq!((code, out.as_str()), (0, said), "{errors}");
    let server = house_in(data, |_| {}).await;
    let mut ann = Program::connect(&server, "ann").await;
    ann.say(&login("ann", "another horse")).await;
    ann.hears("LOGIN_ERROR|error:wrong name or password").await;
    ann.say(&login("ann", "correct horse")).await;
    ann.hears("LOGIN_SUCCESS").await;
    ann.say("GET_USERS").await;
    ann.hears("USER_LIST|bob:DISCONNECTED").await;
}

#[tokio::test]
async fn strangers_are_told_what_is_wrong() {
    let server = open_house().await;
    let mut ann = Program::connect(&server, "ann").await;
    for (line, answer) in [
        ("", "ERROR|error:there is no message of this type"),
        ("GET / HTTP/1.1", "ERROR|error:there is no message of this type"),
        ("GET_USERS", "ERROR|error:this needs a LOGIN first"),
        ("LOGIN|username:ann", "ERROR|error:LOGIN needs the field password"),
        (
            "LOGIN|username|password:x",
            "ERROR|error:a field is name:value, and in one of them there is no colon",
        ),
        (
            "REGISTER|username:a b|password:correct horse",
            "REGISTER_ERROR|error:an account's name has 1 to 32 letters, digits, dots, dashes or \
             underscores, the first of them a letter or digit",
        ),
        (
            "REGISTER|username:ann|password:short",
            "REGISTER_ERROR|error:the password has 5 characters; it must have at least 8",
        ),
    ] {
        ann.say(line).await;
        ann.hears(answer).await;
    }
    ann.say(&format!("REGISTER|username:ann|password:{PASSWORD}")).await;
    ann.hears("REGISTER_SUCCESS|message:ann can log in now").await;
    // The same words whether the name is wrong or the password.
    for name in ["ann", "nobody"] {
        ann.say(&login(name, "a wrong password")).await;
        ann.hears("LOGIN_ERROR|error:wrong name or password").await;
    }
    // Enough is enough.
    for _ in 10..16 {
        ann.say("HELLO?").await;
        ann.hears("ERROR|error:there is no message of this type").await;
    }
    ann.hears("ERROR|error:16 lines came without a login").await;
    ann.is_closed().await;
}

#[tokio::test]
async fn who_guesses_has_to_wait() {
    let server = open_house().await;
    let mut guesser = Program::connect(&server, "guesser").await;
    // Each wait is twice the one before: at some point it is longer than a guess takes here.
    for _ in 0..12 {
        guesser.say(&login("nobody", "a wrong password")).await;
        let error = guesser.hears_of("LOGIN_ERROR").await;
        if error.contains("too many failed logins; try again in") {
            return;
        }
        assert_eq!(error, "LOGIN_ERROR|error:wrong name or password");
    }
    panic!("it may guess as fast as it likes");
}

/// All in one write: what comes next is read by whoever it is for.
#[tokio::test]
async fn lines_may_come_faster_than_their_answers() {
    let server = house_of(&["ann", "bob"]).await;
    let mut other = Program::log_in(&server, "ann").await;
    let mut program = Program::connect(&server, "program").await;
    let lines = [&*login("ann", PASSWORD), "GET_USERS", &login("bob", PASSWORD), "GET_USERS"];
    program.send(format!("{}\n", lines.join("\n")).as_bytes()).await;
    program.hears("LOGIN_ERROR|error:already connected").await;
    program.hears("ERROR|error:this needs a LOGIN first").await;
    program.hears("LOGIN_SUCCESS").await;
    program.hears("USER_LIST|ann:AVAILABLE").await;
    other.hears(&status("bob", "AVAILABLE")).await;
    // The hub hears of a new account a moment later.
    let mut new = Program::connect(&server, "new").await;
    let mut lines =
        vec![format!("REGISTER|username:eve|password:{PASSWORD}"), login("eve", PASSWORD)];
    lines.extend(std::iter::repeat_n("GET_USERS".to_owned(), 18));
    lines.extend(["LOGOUT".to_owned(), login("eve", PASSWORD)]);
    new.send(format!("{}\n", lines.join("\n")).as_bytes()).await;
    new.hears("REGISTER_SUCCESS|message:eve can log in now").await;
    new.hears("LOGIN_SUCCESS").await;
    for _ in 0..18 {
        new.hears("USER_LIST|ann:AVAILABLE|bob:AVAILABLE").await;
    }
    new.hears("LOGOUT_SUCCESS").await;
    new.hears("LOGIN_SUCCESS").await;
}

#[tokio::test]
async fn who_may_not_register_is_told() {
    for (registration, words) in [
        (Registration::Closed, "this server makes no accounts for strangers; ask whoever runs it"),
        (
            Registration::Invite,
            "this needs an invite that was not used before; ask whoever runs this server",
        ),
    ] {
        let server = house(|config| config.registration = registration).await;
        let mut ann = Program::connect(&server, "ann").await;
        ann.say(&format!("REGISTER|username:ann|password:{PASSWORD}")).await;
        ann.hears(&format!("REGISTER_ERROR|error:{words}")).await;
    }
}

#[tokio::test]
async fn what_is_no_line_of_text_ends_the_connection() {
    let server = open_house().await;
    let long = vec![b'x'; 80 * 1024];
    for (bytes, words) in [
        (&long[..], "a message may have at most 65536 bytes"),
        (b"LOGIN|username:\xff\xfe\n", "a text message must be UTF-8"),
    ] {
        let mut stranger = Program::connect(&server, "stranger").await;
        stranger.send(bytes).await;
        stranger.hears(&format!("ERROR|error:{words}")).await;
        stranger.is_closed().await;
    }
}

#[tokio::test]
async fn plain_text_gets_no_answer() {
    let server = open_house().await;
    let address = server.server.addresses().last().unwrap().socket;
    let mut socket = BufReader::new(TcpStream::connect(address).await.unwrap());
    socket.write_all(login("ann", PASSWORD).as_bytes()).await.unwrap();
    socket.write_all(b"\n").await.unwrap();
    let mut heard = Vec::new();
    // An alert of TLS, or nothing.
    let _ = timeout(PATIENCE, socket.read_until(b'\n', &mut heard)).await.unwrap();
    assert!(!String::from_utf8_lossy(&heard).contains("LOGIN"), "{heard:?}");
}

#[tokio::test]
async fn who_says_nothing_is_not_waited_for() {
    let server = open_house().await;
    let mut silent = Program::connect(&server, "silent").await;
    silent.hears("ERROR|error:nobody logged in in time").await;
    silent.is_closed().await;
}

#[tokio::test]
async fn strangers_of_one_machine_are_few_and_clients_are_no_more_than_allowed() {
    let server = open_house().await;
    let mut strangers = Vec::new();
    for _ in 0..8 {
        let mut stranger = Program::connect(&server, "stranger").await;
        stranger.hears_nothing().await;
        strangers.push(stranger);
    }
    let mut ninth = Program::connect(&server, "ninth").await;
    let error = ninth.hears_of("ERROR").await;
    assert!(error.contains("too many connections of your address"), "{error}");
    ninth.is_closed().await;

    let server = house(|config| config.max_clients = 1).await;
    let mut first = Program::connect(&server, "first").await;
    first.hears_nothing().await;
    let mut second = Program::connect(&server, "second").await;
    let full = "ERROR|error:the server has as many clients as --max-clients allows";
    second.hears(full).await;
    second.is_closed().await;
}

/// A line that never ends, written by somebody who does not read what is said to it.
#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_unharmed_by_one_who_does_not_read() {
    let server = house_of(&["ann", "bob"]).await;
    let mut bob = Program::log_in(&server, "bob").await;
    let mut deaf = Program::log_in(&server, "ann").await;
    bob.hears(&status("ann", "AVAILABLE")).await;
    // 64 MB of answers at most; the server gives up long before.
    let question = "GET_USERS\n".repeat(4096);
    for _ in 0..512 {
        let asked = timeout(Duration::from_secs(5), deaf.socket.write_all(question.as_bytes()));
        if !matches!(asked.await, Ok(Ok(()))) {
            break;
        }
    }
    bob.hears(&status("ann", "DISCONNECTED")).await;
    bob.say("GET_USERS").await;
    bob.hears("USER_LIST|ann:DISCONNECTED").await;
}

#[tokio::test]
async fn the_server_takes_leave_in_a_line() {
    let server = open_house().await;
    let mut ann = Program::connect(&server, "ann").await;
    ann.say(&format!("REGISTER|username:ann|password:{PASSWORD}")).await;
    ann.hears_of("REGISTER_SUCCESS").await;
    ann.say(&login("ann", PASSWORD)).await;
    ann.hears("LOGIN_SUCCESS").await;
    server.server.stop().await;
    ann.hears("ERROR|error:the server stops").await;
    ann.is_closed().await;
}
