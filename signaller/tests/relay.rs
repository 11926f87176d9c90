//! A page and a program under one name, as strangers: the exchanges in `vectors/relay`, the way to
//! other protocols, and what is refused.
#![allow(clippy::unwrap_used)]
mod common;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use common::{Client, SDP, Stranger, http, recorded, tcp};
use intercom_signaller::{Level, MAX_MESSAGE_LEN, OldDoor, OldLogin};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

const BUSY: &str = "another page has this program";
/// The server takes whoever says so for somebody on another machine.
const AFAR: (&str, &str) = ("x-forwarded-for", "192.0.2.1");
const GONE: &str = "the other end has left";

async fn open() -> Stranger {
    Stranger::start_with(|config| {
        let door = OldDoor { login: OldLogin::Local, plain: false };
        (config.relay, config.simple) = (door.clone(), door);
    })
    .await
}

/// With the token of a device that everybody may see and watch, and who hears of its producers.
async fn open_with_ann() -> (Stranger, String, Client) {
    let server = open().await;
    let token = server.device("ann");
    // The hub hears of one after the other: who may see it may watch it then.
    server.run("rights set ann watch everyone");
    server.run("rights set ann see everyone");
    let mut phone = server.client().await;
    phone.listens().await;
    (server, token, phone)
}

async fn join(server: &Stranger, name: &str) -> Client {
    let path = format!("/relay/{name}");
    Client::upgrade(tcp(server.main()).await, &path, &[]).await.unwrap()
}

fn client() -> Value {
    json!({"type": "client"})
}

fn description(kind: &str) -> Value {
    json!({"type": kind, "sdp": SDP})
}

fn candidate(number: usize) -> Value {
    let candidate = format!("candidate:{number} 1 UDP 1 192.0.2.1 9 typ host");
    json!({"type": "ice", "candidate": candidate, "sdpMLineIndex": 0})
}

/// A page that has joined a program; both know.
async fn pair(server: &Stranger, name: &str) -> (Client, Client) {
    let (mut program, mut page) = (join(server, name).await, join(server, name).await);
    page.send(&client()).await;
    assert_eq!(program.next().await, client());
    assert_eq!(page.next().await, json!({"type": "ack", "role": "client"}));
    (program, page)
}

/// The next of whom a listener hears that it produces.
async fn on_air(listener: &mut Client) -> Value {
    loop {
        let status = listener.next().await;
        if status["roles"].as_array().unwrap().contains(&json!("producer")) {
            return status;
        }
    }
}

#[tokio::test]
async fn the_server_answers_as_recorded() {
    let server = open().await;
    for vector in recorded::<Value>("relay") {
        let name = vector["name"].as_str().unwrap();
        let mut clients = BTreeMap::new();
        for step in vector["steps"].as_array().unwrap() {
            play(&server, name, step, &mut clients).await;
        }
    }
    server.is_unharmed().await;
}

/// Each vector has a name of its own.
async fn play(server: &Stranger, name: &str, step: &Value, clients: &mut BTreeMap<String, Client>) {
    let who = step["from"].as_str().or(step["to"].as_str()).unwrap().to_owned();
    if step["join"] == true {
        clients.insert(who, join(server, name).await);
    } else if step["leave"] == true {
        drop(clients.remove(&who));
    } else if let Some(message) = step.get("send") {
        clients.get_mut(&who).unwrap().send(message).await;
    } else if let Some(code) = step.get("closed") {
        let (closed, words) = clients.get_mut(&who).unwrap().closed().await;
        assert_eq!((json!(closed), json!(words)), (code.clone(), step["words"].clone()), "{name}");
    } else {
        let heard = clients.get_mut(&who).unwrap().next().await;
        assert_eq!(heard, step["hear"], "{name}: {who}");
    }
}

#[tokio::test]
async fn a_page_takes_the_picture_of_a_stock_producer_of_that_name() {
    let server = open().await;
    let mut door = server.producer("door").await;
    let mut page = join(&server, "door").await;
    page.send(&client()).await;
    assert_eq!(page.next().await, json!({"type": "ack", "role": "client"}));
    let request = door.next().await;
    assert_eq!(request["type"], "startSession");
    let session = request["sessionId"].clone();
    // Stock producers do not keep the order.
    let ice = json!({"candidate": "candidate:1", "sdpMLineIndex": 0, "sdpMid": "video0"});
    door.send(&json!({"type": "peer", "sessionId": session, "ice": ice})).await;
    let offer = description("offer");
    door.send(&json!({"type": "peer", "sessionId": session, "sdp": offer})).await;
    assert_eq!(page.next().await, offer);
    let candidate = json!({"type": "ice", "candidate": "candidate:1", "sdpMLineIndex": 0});
    assert_eq!(page.next().await, candidate);
    page.send(&candidate).await;
    page.send(&description("answer")).await;
    let heard = door.next().await;
    assert_eq!(heard, json!({"type": "peer", "sessionId": session, "sdp": description("answer")}));
    let ice = json!({"candidate": "candidate:1", "sdpMLineIndex": 0});
    assert_eq!(door.next().await, json!({"type": "peer", "sessionId": session, "ice": ice}));
    // Another page has a session of its own.
    let mut other = join(&server, &door.id).await;
    other.send(&client()).await;
    assert_eq!(other.next().await["type"], "ack");
    assert_ne!(door.next().await["sessionId"], session);
    drop(page);
    assert_eq!(door.next().await, json!({"type": "endSession", "sessionId": session}));
}

/// Whatever a producer says of the end of a session.
#[tokio::test]
async fn a_page_stays_though_its_session_ends_in_words_of_ours() {
    let server = open().await;
    let mut door = server.producer("door").await;
    let mut page = join(&server, "door").await;
    page.send(&client()).await;
    assert_eq!(page.next().await["type"], "ack");
    let session = door.next().await["sessionId"].clone();
    let end = json!({"type": "endSessionV1_1", "sessionId": session, "error": BUSY});
    door.send(&end).await;
    assert_eq!(page.next().await, json!({"type": "error", "details": BUSY}));
    let again =
        json!({"type": "setPeerStatus", "roles": ["producer"], "meta": {"name": "door", "n": 1}});
    door.send(&again).await;
    assert_eq!(door.next().await["type"], "startSession");
    assert_eq!(page.next().await["type"], "ack");
}

#[tokio::test]
async fn a_stock_consumer_watches_the_program() {
    let server = open().await;
    let mut phone = server.client().await;
    phone.listens().await;
    let mut program = join(&server, "cam").await;
    let silent = on_air(&mut phone).await;
    assert_eq!(silent["meta"], json!({"name": "cam", "silent": true}));
    program.send(&json!({"type": "ack", "role": "client"})).await;
    let listed = on_air(&mut phone).await;
    assert_eq!(listed["meta"], json!({"name": "cam"}));
    let id = listed["peerId"].clone();
    phone.send(&json!({"type": "startSession", "peerId": id})).await;
    let session = phone.next().await["sessionId"].clone();
    assert_eq!(program.next().await, client());
    program.send(&description("offer")).await;
    program.send(&candidate(1)).await;
    assert_eq!(phone.next().await["sdp"], description("offer"));
    assert_eq!(phone.next().await["ice"]["candidate"], candidate(1)["candidate"]);
    let answer = description("answer");
    phone.send(&json!({"type": "peer", "sessionId": session, "sdp": answer})).await;
    assert_eq!(program.next().await, answer);
    // It has one picture for one.
    phone.send(&json!({"type": "startSession", "peerId": id})).await;
    assert!(phone.error().await.contains("busy"));
    phone.send(&json!({"type": "endSession", "sessionId": session})).await;
    assert_eq!(program.next().await, json!({"type": "error", "details": GONE}));
}

#[tokio::test]
async fn who_offers_itself_cannot_be_offered_to() {
    let server = open().await;
    let (_program, mut page) = pair(&server, "cam").await;
    drop(page.try_send(Message::Close(None)).await);
    let mut phone = server.client().await;
    phone.send(&json!({"type": "list"})).await;
    let id = phone.next().await["producers"][0]["id"].clone();
    phone.send(&json!({"type": "startSession", "peerId": id, "offer": SDP})).await;
    let session = phone.next().await["sessionId"].clone();
    assert_eq!(phone.next().await, json!({"type": "endSession", "sessionId": session}));
}

#[tokio::test]
async fn what_waits_is_bounded() {
    let server = open().await;
    let mut program = join(&server, "cam").await;
    program.send(&description("offer")).await;
    for number in 0..=64 {
        program.send(&candidate(number)).await;
    }
    let details = "too many candidates before their description";
    assert_eq!(program.next().await, json!({"type": "error", "details": details}));
    let mut page = join(&server, "cam").await;
    page.send(&client()).await;
    assert_eq!(page.next().await["type"], "ack");
    assert_eq!(page.next().await, description("offer"));
    for number in 0..64 {
        assert_eq!(page.next().await, candidate(number));
    }
    // A stock peer that never describes itself loses its session.
    let mut door = server.producer("door").await;
    let mut page = join(&server, "door").await;
    page.send(&client()).await;
    assert_eq!(page.next().await["type"], "ack");
    let session = door.next().await["sessionId"].clone();
    for _ in 0..=64 {
        let ice = json!({"candidate": "candidate:1", "sdpMLineIndex": 0});
        door.send(&json!({"type": "peer", "sessionId": session, "ice": ice})).await;
    }
    assert_eq!(page.next().await, json!({"type": "error", "details": details}));
    assert_eq!(door.next().await, json!({"type": "endSession", "sessionId": session}));
}

#[tokio::test]
async fn frames_that_are_no_messages_end_the_connection() {
    let server = open().await;
    for (frame, code) in
        [(Message::binary(vec![0]), 1003), (Message::text("x".repeat(MAX_MESSAGE_LEN + 1)), 1009)]
    {
        let (mut program, mut page) = pair(&server, "cam").await;
        page.send_raw(frame).await;
        assert_eq!(page.closed().await.0, code);
        assert_eq!(program.next().await, json!({"type": "error", "details": GONE}));
    }
    let mut page = join(&server, "cam").await;
    for text in ["", "HELLO page", "[]", "null", "{\"type\":1}"] {
        page.send_raw(Message::text(text)).await;
        assert_eq!(page.next().await["type"], "error", "{text}");
    }
    server.is_unharmed().await;
}

#[tokio::test]
async fn names_keep_apart_who_meets() {
    let server = open().await;
    let (mut program, mut page) = pair(&server, "front%20door").await;
    let (mut other, mut its_page) = pair(&server, "").await;
    program.send(&description("offer")).await;
    assert_eq!(page.next().await, description("offer"));
    other.send(&candidate(1)).await;
    other.send(&description("offer")).await;
    assert_eq!(its_page.next().await, description("offer"));
    assert_eq!(its_page.next().await, candidate(1));
    let mut phone = server.client().await;
    phone.send(&json!({"type": "list"})).await;
    let listed = phone.next().await["producers"].clone();
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|it| &it["meta"]["name"]).collect();
    assert_eq!(names, ["front door", "relay"]);
    let (code, words) = join(&server, &"n".repeat(129)).await.closed().await;
    assert_eq!((code, &*words), (1008, "a name may have at most 128 bytes"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_never_a_name() {
    let server = open().await;
    let token = server.device("door");
    let path = format!("/t/{}", server.device("phone"));
    let mut phone = Client::open(tcp(server.plain()).await, &path, &[]).await.unwrap();
    phone.listens().await;
    for path in [
        format!("t/{token}/cam"),
        format!("/t/{token}//cam/"),
        format!("%74/{token}/cam"),
        format!("relay/t/{token}/cam"),
    ] {
        let program = join(&server, &path).await;
        assert_eq!(on_air(&mut phone).await["meta"]["name"], "cam", "{path}");
        drop(program);
        while phone.next().await["roles"] != json!([]) {}
    }
    for path in [token.clone(), format!("x/t/{token}"), format!("t%2F{token}"), "t/x/t".into()] {
        let path = format!("/relay/{path}");
        let refused = Client::upgrade(tcp(server.main()).await, &path, &[]).await;
        let (status, words) = refused.err().unwrap();
        assert!(status == 400 && !words.contains(&*token), "{path}: {words}");
    }
    phone.hears_nothing().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accounts_name_leads_to_nobody_else() {
    let (server, token, mut phone) = open_with_ann().await;
    // Guests that call themselves so: by the peer id, and by what they say about themselves.
    let mut uid = join_simple(&server, "ann").await;
    let mut impostor = server.producer("ann").await;
    impostor.hears_nothing().await;
    let path = format!("/relay/ann?token={token}");
    let mut program = Client::upgrade(tcp(server.main()).await, &path, &[]).await.unwrap();
    program.send(&description("offer")).await;
    // Guests may know of the account from now on.
    let id = loop {
        let status = on_air(&mut phone).await;
        if status["roles"].as_array().unwrap().len() > 1 {
            break status["peerId"].clone();
        }
    };
    let mut page = join(&server, "ann").await;
    page.send(&client()).await;
    assert_eq!(page.next().await["type"], "ack");
    assert_eq!(program.next().await, client());
    assert_eq!(page.next().await, description("offer"));
    impostor.hears_nothing().await;
    uid.send_raw(Message::text("ROOM_PEER_LIST")).await;
    let said = uid.next_raw().await;
    assert!(matches!(&said, Some(Message::Text(text)) if text.starts_with("ERROR")), "{said:?}");
    // However it is written, and whoever comes first.
    drop((page, program));
    loop {
        let status = phone.next().await;
        if (&status["peerId"], &status["roles"]) == (&id, &json!([])) {
            break;
        }
    }
    let mut page = join(&server, "Ann").await;
    page.send(&client()).await;
    let mut program = Client::upgrade(tcp(server.main()).await, &path, &[]).await.unwrap();
    program.send(&description("offer")).await;
    assert_eq!(page.next().await["type"], "ack");
    assert_eq!(page.next().await, description("offer"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_the_name_comes_before_what_else_its_account_has() {
    let (server, token, mut phone) = open_with_ann().await;
    let mut programs = Vec::new();
    for name in ["back", "ann"] {
        let path = format!("/relay/{name}?token={token}");
        programs.push(Client::upgrade(tcp(server.main()).await, &path, &[]).await.unwrap());
        if name == "back" {
            programs[0].send(&description("offer")).await;
        }
        while on_air(&mut phone).await["meta"]["name"] != name {}
    }
    // The one of the name has said nothing yet.
    let mut page = join(&server, "ann").await;
    page.send(&client()).await;
    assert_eq!(page.next().await["type"], "ack");
    assert_eq!(programs[1].next().await, client());
}

async fn join_simple(server: &Stranger, uid: &str) -> Client {
    let mut client = Client::upgrade(tcp(server.main()).await, "/simple", &[]).await.unwrap();
    client.send_raw(Message::text(format!("HELLO {uid}"))).await;
    assert_eq!(client.next_raw().await, Some(Message::text("HELLO")));
    client
}

/// Its own port, which is the last one.
async fn with_port(door: OldDoor) -> (Stranger, SocketAddr) {
    let server = Stranger::start_with(|config| {
        config.old_ports.relay = Some("127.0.0.1:0".parse().unwrap());
        config.relay = door;
        config.anonymous = Level::Deny;
    })
    .await;
    let address = server.server.addresses().last().unwrap();
    assert_eq!(address.scheme, "relay");
    let socket = address.socket;
    (server, socket)
}

#[tokio::test]
async fn a_port_of_its_own_takes_any_path_for_the_name_with_tls_and_without() {
    let (server, port) = with_port(OldDoor { login: OldLogin::Local, plain: false }).await;
    let get =
        async |path: &str| http(tcp(port).await, &format!("GET {path} HTTP/1.1\r\nHost: x")).await;
    let health = get("/health").await;
    assert!(health.starts_with("HTTP/1.1 200") && health.ends_with("\r\n\r\nOK\n"), "{health}");
    assert!(get("/cam").await.starts_with("HTTP/1.1 404"));
    // Another program and page of each name, and the same as on the main port.
    for (path, on_main) in [("/", "/relay"), ("/cam", "/relay/cam")] {
        let mut program = Client::upgrade(tcp(port).await, path, &[]).await.unwrap();
        program.send(&description("offer")).await;
        for (socket, path) in [(server.tls_at(port).await, path), (server.tls().await, on_main)] {
            let mut page = Client::upgrade(socket, path, &[]).await.unwrap();
            page.send(&client()).await;
            assert_eq!(page.next().await["type"], "ack", "{path}");
            assert_eq!(program.next().await, client(), "{path}");
            program.send(&description("offer")).await;
            assert_eq!(page.next().await, description("offer"), "{path}");
            drop(page);
            assert_eq!(program.next().await, json!({"type": "error", "details": GONE}));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_text_from_another_machine_is_chosen_on_purpose() {
    for plain in [false, true] {
        let (server, port) = with_port(OldDoor { login: OldLogin::Token, plain }).await;
        let path = format!("/cam?token={}", server.device("cam"));
        let come = Client::upgrade(tcp(port).await, &path, &[AFAR]).await;
        let mut program = if plain {
            come.unwrap()
        } else {
            let (status, words) = come.err().unwrap();
            assert!(status == 403 && words.contains("--relay-plain"), "{status} {words}");
            Client::upgrade(server.tls_at(port).await, &path, &[AFAR]).await.unwrap()
        };
        program.send(&description("answer")).await;
        assert_eq!(program.next().await["type"], "error");
    }
}
