//! Calls as our own client makes them, with the real server: from ring to hang-up, through a
//! restart, and until somebody in charge ends it.
#![allow(clippy::unwrap_used)]
mod common;

use std::process::{Command, Stdio};
use std::time::Duration;

use common::Stranger;
use intercom_client::{
    CallEnd, CallEvent, CallId, Client, Config, Event, Events, HangUpReason, Login, Lost, Media,
    PeerId, PermanentError, Role, Status, Target, list,
};
use intercom_signaller::{Level, Server};
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);
const SOUND: Media = Media { audio: true, video: false };
const ALL: Media = Media { audio: true, video: true };

/// One client, connected.
struct Phone {
    client: Client,
    events: Events,
    peer_id: PeerId,
}

async fn house() -> Stranger {
    Stranger::start_with(|config| config.anonymous = Level::Deny).await
}

/// Runs a command of the server's program; what it prints.
fn run(server: &Stranger, line: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_intercom-signaller"));
    command.args(line.split_whitespace()).stdin(Stdio::null());
    command.env("INTERCOM_CONFIG", "/dev/null").env("INTERCOM_DATA_DIR", server.data.path());
    let output = block_in_place(|| command.output().unwrap());
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn config(server: &Stranger, name: &str, role: Role) -> Config {
    run(server, &format!("account add {name} --kind device"));
    let login = Login::Token(run(server, &format!("token create {name}")).into());
    let uri = format!("ws://{}", server.plain()).parse().unwrap();
    Config { login, calls: true, ..Config::new(uri, role) }
}

async fn phone(server: &Stranger, name: &str) -> Phone {
    start(config(server, name, Role::Listener)).await
}

async fn start(config: Config) -> Phone {
    let (client, mut events) = Client::spawn(config, &Handle::current());
    let peer_id = loop {
        match timeout(PATIENCE, events.next()).await.unwrap().unwrap() {
            Event::Connected { peer_id, .. } => break peer_id,
            Event::Failed(error) => panic!("{error}"),
            _ => {}
        }
    };
    Phone { client, events, peer_id }
}

impl Phone {
    async fn until<T>(&mut self, mut is_it: impl FnMut(Event) -> Option<T>) -> T {
        loop {
            let event = timeout(PATIENCE, self.events.next()).await.unwrap().unwrap();
            if let Some(found) = is_it(event) {
                return found;
            }
        }
    }

    /// The next event of a call.
    async fn call(&mut self) -> CallEvent {
        self.until(|event| if let Event::Call(event) = event { Some(event) } else { None }).await
    }

    async fn lost(&mut self) {
        self.until(|event| matches!(event, Event::Disconnected { .. }).then_some(())).await;
    }
}

/// The first calls the second, who accepts.
async fn call(from: &mut Phone, to: &mut Phone, name: &str) -> CallId {
    from.client.call(name.into(), ALL);
    let CallEvent::Ringing { call, .. } = from.call().await else { panic!("it does not ring") };
    assert!(matches!(to.call().await, CallEvent::Incoming { media: ALL, .. }));
    to.client.accept(call.clone(), SOUND);
    for (end, media) in [(&mut *from, SOUND), (to, ALL)] {
        let event = end.call().await;
        assert!(matches!(&event, CallEvent::Accepted { media: sent, .. } if *sent == media));
    }
    call
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_ring_to_hang_up() {
    let server = house().await;
    let mut door = phone(&server, "door").await;
    let mut hall = start(config(&server, "hall", Role::Producer)).await;
    door.client.list_accounts();
    let is_there = |event| match event {
        Event::Accounts(accounts) => Some((accounts[0].name.to_string(), accounts[0].status)),
        _ => None,
    };
    assert_eq!(door.until(is_there).await, ("hall".into(), Status::Available));

    let id = call(&mut door, &mut hall, "hall").await;
    hall.client.attach_peer(id.clone(), hall.peer_id.clone());
    hall.client.update_call(id.clone(), ALL);
    let peer = CallEvent::Peer { call: id.clone(), peer_id: hall.peer_id.clone() };
    assert_eq!(door.call().await, peer);
    assert_eq!(door.call().await, CallEvent::Updated { call: id.clone(), media: ALL });
    door.client.hang_up(id.clone(), HangUpReason::Hangup);
    for end in [&mut door, &mut hall] {
        let ended = CallEvent::Ended { call: id.clone(), reason: CallEnd::Hangup };
        assert_eq!(end.call().await, ended);
    }
    door.client.call("nobody".into(), ALL);
    assert!(
        matches!(door.call().await, CallEvent::Refused { code, .. } if code == "noSuchAccount")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_goes_on_through_a_restart_and_a_ring_does_not() {
    let server = house().await;
    let (mut door, mut hall) = (phone(&server, "door").await, phone(&server, "hall").await);
    let mut attic = phone(&server, "attic").await;
    let mut shed = phone(&server, "shed").await;
    let id = call(&mut door, &mut hall, "hall").await;
    attic.client.call("shed".into(), ALL);
    assert!(matches!(attic.call().await, CallEvent::Ringing { .. }));
    assert!(matches!(shed.call().await, CallEvent::Incoming { .. }));

    let plain = server.plain();
    let Stranger { server: first, data } = server;
    first.stop().await;
    door.lost().await;
    // Whoever hangs up while nobody listens is heard later.
    door.client.hang_up(id.clone(), HangUpReason::Hangup);
    let mut config = common::config(&data);
    config.plain = Some(plain);
    config.anonymous = Level::Deny;
    let server = Stranger { server: Server::start(config).await.unwrap(), data };
    for end in [&mut attic, &mut shed] {
        let event = end.call().await;
        assert!(
            matches!(event, CallEvent::Ended { reason: CallEnd::Disconnected, .. }),
            "{event:?}"
        );
    }
    for end in [&mut door, &mut hall] {
        let ended = loop {
            match end.call().await {
                CallEvent::Away { .. } | CallEvent::Back { .. } => {}
                other => break other,
            }
        };
        assert_eq!(ended, CallEvent::Ended { call: id.clone(), reason: CallEnd::Hangup });
    }
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_revoked_is_cut_and_does_not_come_back() {
    let server = house().await;
    let mut door = phone(&server, "door").await;
    run(&server, "account remove door");
    let failed = |event| if let Event::Failed(error) = event { Some(error) } else { None };
    assert!(matches!(door.until(failed).await, PermanentError::Dismissed(_)));
    assert_eq!(timeout(PATIENCE, door.events.next()).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_token_is_one_clear_error() {
    let server = house().await;
    let mut config = config(&server, "door", Role::Listener);
    config.login = Login::Token("ict_wrong".into());
    let (_client, mut events) = Client::spawn(config.clone(), &Handle::current());
    let event = timeout(PATIENCE, events.next()).await.unwrap().unwrap();
    assert!(
        matches!(&event, Event::Failed(PermanentError::Refused { status: 401, .. })),
        "{event:?}"
    );
    config.login = Login::Password { name: "door".into(), password: "wrong wrong".into() };
    let (_client, mut events) = Client::spawn(config, &Handle::current());
    let event = timeout(PATIENCE, events.next()).await.unwrap().unwrap();
    let code = match &event {
        Event::Failed(PermanentError::NotAdmitted { code, .. }) => &**code,
        Event::Disconnected { reason: Lost::NotNow(_), .. } => panic!("{event:?}"),
        _ => panic!("{event:?}"),
    };
    assert_eq!(code, "badLogin");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_is_found_by_its_account_and_listed() {
    let server = house().await;
    let door = config(&server, "door", Role::Producer);
    let _door = start(Config { calls: false, ..door }).await;
    let hall = config(&server, "hall", Role::Consumer(Target::Name("door".into())));
    let listed = list(&hall).await.unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
    let mut hall = start(hall).await;
    hall.until(|event| matches!(event, Event::SessionStarted { .. }).then_some(())).await;
}
