//! The store as the rest of the server uses it, with real files in temporary directories.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use signaller_core::{
    Account, AccountName, CallId, Circle, EndReason, EndedCall, Fact, Kind, Media, OpenCall,
    OpenSession, OpenSide, PeerId, Right, RingingCall, SessionId,
};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::lanes::{Job, Return};
use super::peers::BadInstance;
use super::record::purge;
use super::*;

struct House {
    store: Store,
    dir: TempDir,
}

impl House {
    async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        Self { store: Store::open(dir.path()).await.unwrap(), dir }
    }

    /// With users ann and bob, and the device door. All passwords are `NAME's password`.
    async fn inhabited() -> Self {
        let house = Self::new().await;
        for (text, kind) in [("ann", Kind::User), ("bob", Kind::User), ("door", Kind::Device)] {
            house.add(text, kind).await;
        }
        house
    }

    async fn add(&self, text: &str, kind: Kind) {
        let account = Account::new(name(text), kind);
        let password = (kind != Kind::Device).then(|| password(text));
        self.store.add_account(&account, password, &Actor::Owner).await.unwrap();
    }

    async fn token(&self, of: &str) -> (signaller_core::CredentialId, SecretString) {
        self.store.create_token(&name(of), None, None, &Actor::Owner).await.unwrap()
    }

    /// Another program's view of the file.
    async fn other(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.dir.path().join("intercom.db"));
        SqliteConnection::connect_with(&options.foreign_keys(true)).await.unwrap()
    }

    async fn sql(&self, sql: &str) {
        sqlx::raw_sql(sql).execute(&mut self.other().await).await.unwrap();
    }

    async fn actions(&self) -> Vec<String> {
        self.store.flush().await;
        let log = self.store.audit_log(None, None, 100).await.unwrap();
        let line = |e: AuditEntry| {
            format!("{} {} {} {}", e.who, e.action, e.object.unwrap_or("-".into()), e.outcome)
        };
        log.into_iter().rev().map(line).collect()
    }
}

fn name(text: &str) -> AccountName {
    AccountName::parse(text).unwrap()
}

fn password(of: &str) -> SecretString {
    format!("{of}'s password").into()
}

fn here() -> IpAddr {
    "192.0.2.1".parse().unwrap()
}

#[tokio::test]
async fn an_account_comes_back_as_it_was() {
    let house = House::inhabited().await;
    let mut door = Account::new(name("gate"), Kind::Device);
    door.label = Some(label("  Garden gate ").unwrap());
    door.rights.see = Circle::Everyone;
    door.rights.watch = Circle::Listed([name("ann"), name("bob")].into());
    door.rights.control = Circle::Listed([].into());
    house.store.add_account(&door, None, &Actor::Owner).await.unwrap();
    house.store.close().await;
    let again = Store::open(house.dir.path()).await.unwrap();
    assert_eq!(again.account(&name("gate")).await.unwrap(), Some(door.clone()));
    let names: Vec<_> =
        again.accounts().await.unwrap().into_iter().map(|a| a.name.to_string()).collect();
    assert_eq!(names, ["ann", "bob", "door", "gate"]);

    // Whoever is removed is on no list any more, whoever gets the name next.
    again.remove_account(&name("bob"), false, &Actor::Owner).await.unwrap();
    door.rights.watch = Circle::Listed([name("ann")].into());
    assert_eq!(again.account(&name("gate")).await.unwrap(), Some(door));
}

#[tokio::test]
async fn what_cannot_be_changed_is_said() {
    let house = House::inhabited().await;
    let (store, owner) = (&house.store, &Actor::Owner);
    let user = |text| Account::new(name(text), Kind::User);
    let device = Account::new(name("cam"), Kind::Device);
    let unknown = Circle::Listed([name("ann"), name("nobody")].into());
    let listed = [(Right::Watch, Circle::Nobody), (Right::See, unknown)];
    for (error, words) in [
        (
            store.add_account(&user("ann"), Some(password("x")), owner).await,
            "an account ann already",
        ),
        (store.add_account(&user("eve"), None, owner).await, "eve needs a password"),
        (store.add_account(&user("eve"), Some("short".into()), owner).await, "at least 8"),
        (store.add_account(&device, Some(password("x")), owner).await, "cam is a device"),
        (store.remove_account(&name("eve"), false, owner).await, "there is no account eve"),
        (store.set_password(&name("door"), password("x"), None, owner).await, "door is a device"),
        (store.set_kind(&name("door"), Kind::User, false, owner).await, "door is a device"),
        (store.set_kind(&name("ann"), Kind::Device, false, owner).await, "ann is a device"),
        (store.set_rights(&name("door"), &listed, owner).await, "no account nobody"),
    ] {
        let error = error.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    // A list with a stranger changed nothing, and neither did what was said before it.
    let door = store.account(&name("door")).await.unwrap().unwrap();
    assert_eq!(door.rights, Account::new(name("door"), Kind::Device).rights);
    assert_eq!(house.actions().await.len(), 3);
    for bad in ["", " ", "two\nlines", &"x".repeat(65)] {
        assert_eq!(label(bad), Err(BadLabel), "{bad:?}");
    }
}

#[tokio::test]
async fn the_last_admin_stays() {
    let house = House::inhabited().await;
    let (store, owner) = (&house.store, &Actor::Owner);
    store.set_kind(&name("ann"), Kind::Admin, false, owner).await.unwrap();
    let fault = store.remove_account(&name("ann"), false, owner).await.unwrap_err();
    assert_eq!(fault.to_string(), "ann is the only admin");
    assert!(store.set_kind(&name("ann"), Kind::User, false, owner).await.is_err());
    store.set_kind(&name("bob"), Kind::Admin, false, owner).await.unwrap();
    store.set_kind(&name("ann"), Kind::User, false, owner).await.unwrap();
    store.remove_account(&name("bob"), true, owner).await.unwrap();
    assert_eq!(store.accounts().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_login_is_the_right_password() {
    let house = House::inhabited().await;
    let login = async |of: &str, password: SecretString| {
        house.store.login(of, password, here()).await.map_err(|error| error.to_string())
    };
    assert_eq!(login("Ann", password("ann")).await, Ok((name("ann"), Kind::User)));
    let wrong = Err("wrong name or password".to_owned());
    assert_eq!(login("ann", password("bob")).await, wrong);
    assert_eq!(login("my secret!", password("ann")).await, wrong);
    assert_eq!(login("nobody", password("ann")).await, wrong);
    // Three mistakes are free, the next try has to wait; nobody's as well as somebody's. Only who
    // was here before does not wait for the others here.
    for of in ["bob", "nobody", "door"] {
        house.store.0.throttle.lock().unwrap().renew();
        assert_eq!(
            login(of, password(of)).await.unwrap_err(),
            "too many failed logins; try again in 1 s"
        );
    }
    login("ann", password("ann")).await.unwrap();
    let elsewhere = "192.0.2.2".parse().unwrap();
    house.store.login("bob", password("bob"), elsewhere).await.unwrap();
    assert!(house.store.login("door", password("door"), elsewhere).await.is_err());
    // What was typed where a name belongs is only kept when it is one.
    assert_eq!(
        house.actions().await[3..],
        [
            "ann login - done",
            "(guest) login ann refused",
            "(guest) login - refused",
            "ann login - done",
            "bob login - done",
            "(guest) login door refused",
        ]
    );
    let log = house.store.audit_log(Some(&name("bob")), None, 10).await.unwrap();
    assert_eq!(log[0].remote.as_deref(), Some("192.0.2.2"));
}

#[tokio::test]
async fn a_password_that_nobody_could_look_at_was_not_wrong() {
    let house = House::inhabited().await;
    house.store.0.db.close().await;
    for _ in 0..5 {
        let login = house.store.login("ann", password("ann"), here()).await;
        assert!(matches!(login, Err(LoginError::Broken(_))), "{login:?}");
    }
}

#[tokio::test]
async fn where_somebody_logged_in_is_known_after_a_start() {
    let house = House::inhabited().await;
    house.store.login("ann", password("ann"), here()).await.unwrap();
    house.store.login("bob", password("bob"), here()).await.unwrap();
    house.store.flush().await;
    house.store.remove_account(&name("bob"), false, &Actor::Owner).await.unwrap();
    house.add("bob", Kind::User).await;
    house.store.0.throttle.lock().unwrap().forget();
    house.store.recall_logins().await.unwrap();
    for _ in 0..3 {
        house.store.login("nobody", password("x"), here()).await.unwrap_err();
    }
    house.store.login("ann", password("ann"), here()).await.unwrap();
    // Who had the name before was somebody else.
    house.store.0.throttle.lock().unwrap().renew();
    let bob = house.store.login("bob", password("bob"), here()).await;
    assert!(matches!(bob, Err(LoginError::TooSoon(_))), "{bob:?}");
}

#[tokio::test]
async fn an_unknown_name_takes_as_long_as_a_wrong_password() {
    let house = House::inhabited().await;
    let mut took = [Duration::MAX; 3];
    // The shortest of some count; a busy machine has more of them.
    let are_alike =
        |took: &[Duration]| *took.iter().max().unwrap() < *took.iter().min().unwrap() * 3;
    for round in 0..50 {
        if round >= 5 && are_alike(&took) {
            break;
        }
        for (took, of) in took.iter_mut().zip(["ann", "nobody", "door"]) {
            let start = Instant::now();
            let from = IpAddr::from([192, 0, 2, round]);
            house.store.login(of, "a wrong one".into(), from).await.unwrap_err();
            *took = start.elapsed().min(*took);
            house.store.0.throttle.lock().unwrap().forget();
        }
    }
    assert!(took.iter().all(|took| *took > Duration::from_millis(5)), "{took:?}");
    assert!(are_alike(&took), "{took:?}");
}

#[tokio::test]
async fn strangers_register_as_the_policy_says() {
    let house = House::inhabited().await;
    let mut host = 0;
    let mut register = async |policy, name: &str, invite: Option<&str>| {
        host += 1;
        let from = IpAddr::from([198, 51, 100, host]);
        let new = house.store.register(policy, name, password("a stranger"), invite, from).await;
        new.map(|name| name.to_string()).map_err(|error| error.to_string())
    };
    let is_closed = register(Registration::Closed, "eve", None).await.unwrap_err();
    assert!(is_closed.starts_with("this server makes no accounts for strangers"), "{is_closed}");
    assert_eq!(register(Registration::Open, "Eve", None).await.unwrap(), "eve");
    let taken = register(Registration::Open, "door", None).await.unwrap_err();
    assert_eq!(taken, "there is an account door already");

    let invite = house.store.create_invite(Duration::from_secs(60), &Actor::Owner).await.unwrap();
    let invite = invite.expose_secret();
    for bad in [None, Some("ici_none"), Some("")] {
        let error = register(Registration::Invite, "kim", bad).await.unwrap_err();
        assert!(error.starts_with("this needs an invite"), "{error}");
    }
    // A taken name does not use it up.
    assert!(register(Registration::Invite, "ann", Some(invite)).await.is_err());
    assert_eq!(register(Registration::Invite, "kim", Some(invite)).await.unwrap(), "kim");
    assert!(register(Registration::Invite, "lou", Some(invite)).await.is_err());
    let late = house.store.create_invite(Duration::ZERO, &Actor::Owner).await.unwrap();
    assert!(register(Registration::Invite, "lou", Some(late.expose_secret())).await.is_err());
    house.store.login("kim", password("a stranger"), here()).await.unwrap();
}

#[tokio::test]
async fn a_token_is_known_by_its_hash_until_it_is_revoked() {
    let house = House::inhabited().await;
    let (id, token) = house.token("door").await;
    let found = house.store.token(token.expose_secret()).await.unwrap().unwrap();
    assert_eq!((found.id, found.account, found.kind), (id, name("door"), Kind::Device));
    house.store.flush().await;
    let listed = house.store.credentials(Some(&name("door"))).await.unwrap();
    assert!(listed[0].used.is_some() && listed[0].kind == CredentialKind::Token);
    // It is nothing else than a token, and the file does not know it.
    assert_eq!(house.store.session(token.expose_secret()).await.unwrap(), None);
    house.store.close().await;
    let file = fs::read(house.dir.path().join("intercom.db")).unwrap();
    let secret = &token.expose_secret().as_bytes()[4..];
    assert!(!file.windows(secret.len()).any(|window| window == secret));

    let store = Store::open(house.dir.path()).await.unwrap();
    let owner = &Actor::Owner;
    assert!(!store.revoke(id, Some(&name("ann")), owner).await.unwrap());
    assert!(store.revoke(id, None, owner).await.unwrap());
    assert!(!store.revoke(id, None, owner).await.unwrap());
    assert_eq!(store.token(token.expose_secret()).await.unwrap(), None);
    let (newer, _) = store.create_token(&name("door"), None, None, owner).await.unwrap();
    assert!(newer > id, "a number is used once");
}

#[tokio::test]
async fn a_session_lives_as_long_as_it_is_used() {
    let house = House::inhabited().await;
    let who = Actor::Account { name: name("ann"), remote: Some(here()) };
    let open = async |of: &str| house.store.open_session(&name(of), Some("Firefox"), &who).await;
    let (id, session) = open("ann").await.unwrap();
    let day = 24 * 3600 * 1000;
    house
        .sql(&format!("UPDATE credentials SET used = used - {day}, expires = {}", db::now() + day))
        .await;
    assert!(house.store.session(session.expose_secret()).await.unwrap().is_some());
    house.store.flush().await;
    let listed = house.store.credentials(None).await.unwrap();
    assert!(listed[0].expires.unwrap() > db::now() + 29 * day);
    house.sql(&format!("UPDATE credentials SET expires = {}", db::now())).await;
    assert_eq!(house.store.session(session.expose_secret()).await.unwrap(), None);
    assert!(house.store.credentials(None).await.unwrap().is_empty());
    assert!(house.store.revoke(id, None, &who).await.unwrap());

    // A new password ends all others.
    let (mine, session) = open("ann").await.unwrap();
    let (_, other) = open("ann").await.unwrap();
    let (_, bobs) = open("bob").await.unwrap();
    house.store.set_password(&name("ann"), password("new ann"), Some(mine), &who).await.unwrap();
    for (session, lives) in [(session, true), (other, false), (bobs, true)] {
        let found = house.store.session(session.expose_secret()).await.unwrap();
        assert_eq!(found.is_some(), lives);
    }
    assert!(open("nobody").await.is_err());
}

#[tokio::test]
async fn a_peer_id_belongs_to_an_installation() {
    let house = House::inhabited().await;
    let peer = async |of: &str, instance: &str| {
        let instance = Instance::parse(instance).unwrap();
        house.store.peer_id(&name(of), &instance).await.map(|peer| peer.to_string())
    };
    let first = peer("ann", "tablet").await.unwrap();
    assert_eq!((first.len(), &first[14..15]), (36, "4"));
    assert_eq!(peer("ann", "tablet").await.unwrap(), first);
    assert_ne!(peer("ann", "phone").await.unwrap(), first);
    assert_ne!(peer("bob", "tablet").await.unwrap(), first);
    assert!(peer("nobody", "tablet").await.is_err());
    let both = tokio::join!(peer("door", "cam"), peer("door", "cam"));
    assert_eq!(both.0.unwrap(), both.1.unwrap());
    house.store.remove_account(&name("ann"), false, &Actor::Owner).await.unwrap();
    house.add("ann", Kind::User).await;
    assert_ne!(peer("ann", "tablet").await.unwrap(), first, "another ann");
    for bad in ["", "tür", "a\tb", &"x".repeat(65)] {
        assert_eq!(Instance::parse(bad), Err(BadInstance), "{bad:?}");
    }
}

#[tokio::test]
async fn a_resume_token_changes_and_the_one_before_lasts_until_the_ack() {
    let house = House::inhabited().await;
    let store = &house.store;
    let (credential, _) = house.token("door").await;
    let door = Resume {
        account: Some(name("door")),
        credential: Some(credential),
        peer: PeerId::from("p"),
        instance: Some(Instance::parse("cam 1").unwrap()),
        calls: false,
    };
    let guest = Resume {
        account: None,
        credential: None,
        peer: PeerId::from("g"),
        instance: None,
        calls: true,
    };
    let (id, first) = store.create_resume(&door).await.unwrap();
    let (guest_id, guests) = store.create_resume(&guest).await.unwrap();
    assert_eq!(store.resumes().await.unwrap(), [(id, door.clone()), (guest_id, guest.clone())]);
    let find = async |token: &SecretString| store.find_resume(token.expose_secret()).await.unwrap();
    assert_eq!(find(&first).await, Some((id, door.clone())));
    assert_eq!(find(&guests).await, Some((guest_id, guest)));

    // The answer with the second was lost: it comes back with the first once more.
    let rotate =
        async |token: &SecretString| store.rotate_resume(id, token.expose_secret()).await.unwrap();
    let second = rotate(&first).await.unwrap();
    let third = rotate(&first).await.unwrap();
    assert_eq!(find(&second).await, None);
    assert!(find(&first).await.is_some() && find(&third).await.is_some());
    store.acknowledge_resume(id);
    store.flush().await;
    assert!(find(&first).await.is_none() && rotate(&first).await.is_none());
    assert!(rotate(&guests).await.is_none(), "another's token");

    // It survives the server, but neither its credential nor time.
    store.close().await;
    let again = Store::open(house.dir.path()).await.unwrap();
    assert_eq!(again.resumes().await.unwrap().len(), 2);
    again.revoke(credential, None, &Actor::Owner).await.unwrap();
    assert_eq!(again.find_resume(third.expose_secret()).await.unwrap(), None);
    assert_eq!(again.resumes().await.unwrap().len(), 1);
    again.forget_resume(guest_id);
    again.flush().await;
    assert!(again.resumes().await.unwrap().is_empty());
}

fn somebody(of: &str) -> Resume {
    let account = Some(name(of));
    Resume { account, credential: None, peer: PeerId::from(of), instance: None, calls: true }
}

#[tokio::test]
async fn a_clock_that_is_set_forgets_nobody_who_is_there() {
    let house = House::inhabited().await;
    let store = &house.store;
    let (_, anns) = store.create_resume(&somebody("ann")).await.unwrap();
    let (bobs_id, _) = store.create_resume(&somebody("bob")).await.unwrap();
    // Two hours are gone at once, and then it is time to tidy up.
    house.sql("UPDATE resumes SET seen = seen - 7200000").await;
    purge(store.db(), db::now()).await.unwrap();
    assert!(store.find_resume(anns.expose_secret()).await.unwrap().is_some());
    // Who was seen by the new clock may come back to the next server.
    store.see_resume(bobs_id);
    store.flush().await;
    assert_eq!(store.resumes().await.unwrap(), [(bobs_id, somebody("bob"))]);
    assert!(store.find_resume(anns.expose_secret()).await.unwrap().is_none());
}

#[tokio::test]
async fn an_acknowledgement_that_is_written_late_voids_no_newer_token() {
    let house = House::inhabited().await;
    let store = &house.store;
    let (id, first) = store.create_resume(&somebody("ann")).await.unwrap();
    let second = store.rotate_resume(id, first.expose_secret()).await.unwrap().unwrap();
    let late = Return { acknowledged: Some(db::now()), ..Return::default() };
    tokio::time::sleep(Duration::from_millis(2)).await;
    // The answer with the third token does not arrive; the second is what there is.
    store.rotate_resume(id, second.expose_secret()).await.unwrap().unwrap();
    let mut db = house.other().await;
    record::write(&mut db, db::now(), &Job::Return(id, late)).await.unwrap();
    assert!(store.find_resume(second.expose_secret()).await.unwrap().is_some());
    let now = Return { acknowledged: Some(db::now()), ..Return::default() };
    record::write(&mut db, db::now(), &Job::Return(id, now)).await.unwrap();
    assert!(store.find_resume(second.expose_secret()).await.unwrap().is_none());
}

#[tokio::test]
async fn what_a_restart_needs_is_written_however_much_else_happens() {
    let house = House::inhabited().await;
    let store = &house.store;
    let (id, first) = store.create_resume(&somebody("ann")).await.unwrap();
    let second = store.rotate_resume(id, first.expose_secret()).await.unwrap().unwrap();
    store.record(Fact::CallOpen(open_call()));
    store.flush().await;
    // The disk hangs, and somebody makes noise.
    let mut other = house.other().await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    for number in 0..3 * lanes::LINE {
        let who = Actor::Account { name: name(&format!("n{number}")), remote: None };
        store.audit(Event::new(&who, Action::Watch).of("door"));
    }
    let other_call = OpenCall { call: call_id('2'), ..open_call() };
    store.record(Fact::CallOpen(other_call.clone()));
    store.record(ended('1', "ann", Some(1), EndReason::Hangup));
    store.acknowledge_resume(id);
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    store.flush().await;
    assert_eq!(store.open_calls().await.unwrap(), [other_call]);
    assert_eq!(store.calls(None, None, 10).await.unwrap().len(), 1);
    assert!(store.find_resume(first.expose_secret()).await.unwrap().is_none());
    assert!(store.find_resume(second.expose_secret()).await.unwrap().is_some());
    let written = house.actions().await.len();
    assert!((100..=lanes::LINE + 300).contains(&written), "{written}");
}

fn call_id(digit: char) -> CallId {
    CallId::parse(&format!("00000000-0000-4000-8000-00000000000{digit}")).unwrap()
}

fn open_call() -> OpenCall {
    let side = |account, peer: &str, video| OpenSide {
        account: name(account),
        peer: PeerId::from(peer),
        media: Media { audio: true, video },
        attached: vec![PeerId::from(&*format!("{peer} \"1\"")), PeerId::from("x,y")],
    };
    OpenCall {
        call: call_id('1'),
        caller: side("door", "a", true),
        callee: side("ann", "b", false),
        sessions: vec![OpenSession {
            session: SessionId::parse("00000000-0000-4000-8000-000000000002").unwrap(),
            producer: PeerId::from("a"),
            consumer: PeerId::from("b"),
        }],
    }
}

fn ended(digit: char, callee: &str, talked: Option<u64>, reason: EndReason) -> Fact {
    Fact::CallEnded(EndedCall {
        call: call_id(digit),
        caller: name("door"),
        callee: name(callee),
        rang: Duration::from_millis(1500),
        talked: talked.map(Duration::from_millis),
        reason,
    })
}

#[tokio::test]
async fn an_open_call_outlives_the_server() {
    let house = House::inhabited().await;
    let mut call = open_call();
    house.store.record(Fact::CallOpen(call.clone()));
    call.sessions.clear();
    house.store.record(Fact::CallOpen(call.clone()));
    house.store.close().await;
    let store = Store::open(house.dir.path()).await.unwrap();
    assert_eq!(store.open_calls().await.unwrap(), [call]);
    store.record(Fact::CallOpen(open_call()));
    store.flush().await;
    assert_eq!(store.open_calls().await.unwrap(), [open_call()]);
    // It was accepted an hour ago, and the hub does not know.
    house.sql("UPDATE open_calls SET accepted = accepted - 3600000").await;
    store.record(Fact::CallOpen(open_call()));
    store.record(ended('1', "ann", Some(5_000), EndReason::Hangup));
    store.flush().await;
    assert!(store.open_calls().await.unwrap().is_empty());
    let calls = store.calls(Some(&name("ann")), None, 10).await.unwrap();
    let [CallEntry { rang: 1500, talked: Some(talked), began, .. }] = calls[..] else {
        panic!("{calls:?}")
    };
    assert!((3_600_000..3_605_000).contains(&talked), "{talked}");
    assert!((db::now() - began - talked - 1500).abs() < 5_000);
}

#[tokio::test]
async fn what_rang_when_the_server_was_killed_was_missed() {
    let house = House::inhabited().await;
    let ring = |digit| {
        let (caller, callee) = (name("door"), name("ann"));
        Fact::CallRings(RingingCall { call: call_id(digit), caller, callee })
    };
    for (digit, next) in [
        ('1', None),
        ('2', Some(ended('2', "ann", None, EndReason::Rejected))),
        ('3', Some(Fact::CallOpen(OpenCall { call: call_id('3'), ..open_call() }))),
    ] {
        house.store.record(ring(digit));
        house.store.flush().await;
        next.into_iter().for_each(|fact| house.store.record(fact));
    }
    house.store.close().await;
    // A minute passes before it is started again.
    house.sql("UPDATE open_calls SET accepted = accepted - 60000").await;
    house.sql("UPDATE accounts SET created = created - 60000").await;
    let store = Store::open(house.dir.path()).await.unwrap();
    store.end_rings().await.unwrap();
    let open: Vec<_> = store.open_calls().await.unwrap().iter().map(|open| open.call).collect();
    assert_eq!(open, [call_id('3')]);
    let missed = store.missed(&name("ann"), 0, None, 10).await.unwrap();
    let [CallEntry { rang: 0, talked: None, began, reason, .. }] = missed[..] else {
        panic!("{missed:?}")
    };
    assert_eq!(reason, EndReason::Disconnected);
    assert!(db::now() - began >= 60_000, "when it rang, not when it was found");
    store.end_rings().await.unwrap();
    assert_eq!(store.missed(&name("ann"), 0, None, 10).await.unwrap(), missed);
}

#[tokio::test]
async fn ringing_is_not_talking() {
    let house = House::inhabited().await;
    let store = &house.store;
    for (digit, is_written) in [('1', true), ('2', false)] {
        let (call, caller, callee) = (call_id(digit), name("door"), name("ann"));
        store.record(Fact::CallRings(RingingCall { call, caller, callee }));
        store.flush().await;
        house.sql("UPDATE open_calls SET accepted = accepted - 3600000").await;
        if is_written {
            store.record(Fact::CallOpen(OpenCall { call, ..open_call() }));
            store.flush().await;
        }
        store.record(ended(digit, "ann", Some(5_000), EndReason::Hangup));
        let talked = store.calls(None, None, 1).await.unwrap()[0].talked.unwrap();
        assert!(talked < 600_000, "{talked}");
    }
}

#[tokio::test]
async fn missed_calls_are_those_that_nobody_took_or_refused() {
    let house = House::inhabited().await;
    let before = db::now() - 10_000;
    for (digit, callee, talked, reason) in [
        ('1', "ann", None, EndReason::NoAnswer),
        ('2', "ann", Some(5), EndReason::Hangup),
        ('3', "ann", None, EndReason::Rejected),
        ('4', "bob", None, EndReason::NoAnswer),
        ('5', "ann", None, EndReason::Cancelled),
        ('6', "ann", None, EndReason::Busy),
    ] {
        house.store.record(ended(digit, callee, talked, reason));
    }
    let missed = house.store.missed(&name("ann"), before, None, 10).await.unwrap();
    let reasons: Vec<_> = missed.iter().map(|call| call.reason).collect();
    assert_eq!(reasons, [EndReason::Busy, EndReason::Cancelled, EndReason::NoAnswer]);
    let earlier = house.store.missed(&name("ann"), before, Some(missed[0].id), 1).await.unwrap();
    assert_eq!(earlier, missed[1..2]);
    let none = house.store.missed(&name("ann"), db::now(), None, 10).await.unwrap();
    assert!(none.is_empty());
    let all = house.store.calls(None, None, 2).await.unwrap();
    let rest = house.store.calls(None, Some(all[1].id), 10).await.unwrap();
    assert_eq!((all.len(), rest.len()), (2, 4));
}

#[tokio::test]
async fn who_asks_in_vain_while_the_database_does_not_work_costs_nothing() {
    let house = House::inhabited().await;
    house.sql("ALTER TABLE calls RENAME TO elsewhere").await;
    house.store.record(ended('1', "ann", None, EndReason::NoAnswer));
    assert!(house.store.calls(None, None, 10).await.is_err());
    house.sql("ALTER TABLE elsewhere RENAME TO calls").await;
    assert_eq!(house.store.calls(None, None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn who_gets_the_name_of_another_does_not_get_its_calls() {
    let house = House::inhabited().await;
    house.store.record(ended('1', "ann", None, EndReason::NoAnswer));
    house.store.flush().await;
    let (ann, by) = (name("ann"), &Actor::Owner);
    let calls = async || {
        let calls = house.store.calls(Some(&ann), None, 10).await.unwrap().len();
        (calls, house.store.missed(&ann, 0, None, 10).await.unwrap().len())
    };
    assert_eq!(calls().await, (1, 1));
    house.store.remove_account(&ann, true, by).await.unwrap();
    // An admin may still look.
    assert_eq!(calls().await, (1, 1));
    house.add("ann", Kind::User).await;
    assert_eq!(calls().await, (0, 0));
    assert_eq!(house.store.calls(None, None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_audit_table_tells_who_did_what() {
    let house = House::inhabited().await;
    let (ann, door) = (name("ann"), name("door"));
    let session = SessionId::parse("00000000-0000-4000-8000-000000000002").unwrap();
    let watch = |call| Fact::SessionStarted {
        session,
        producer: Some(door.clone()),
        consumer: Some(ann.clone()),
        call,
    };
    let forbidden = |asker| Fact::Forbidden { asker, of: door.clone(), right: Right::Watch };
    house.store.record(watch(None));
    house.store.record(watch(None));
    house.store.record(watch(Some(call_id('1'))));
    for _ in 0..100 {
        house.store.record(forbidden(None));
        house.store.record(forbidden(Some(ann.clone())));
    }
    house.store.flush().await; // what a restart needs does not wait for the rest
    house.store.record(ended('1', "ann", None, EndReason::NoAnswer));
    house.store.flush().await; // a change of rights does not wait for what is yet to be written
    let by =
        &Actor::Account { name: ann.clone(), remote: Some("::ffff:192.0.2.9".parse().unwrap()) };
    house
        .store
        .set_rights(&door, &[(Right::Talk, Circle::Listed([ann.clone()].into()))], by)
        .await
        .unwrap();
    assert_eq!(
        house.actions().await[3..],
        [
            "ann watch door done",
            "(guest) watch door refused",
            "ann watch door refused",
            "door call ann noAnswer",
            "ann rights set door talk ann done",
        ]
    );
    let of_door = house.store.audit_log(Some(&door), None, 100).await.unwrap();
    assert_eq!(of_door.len(), 6);
    assert!(of_door.iter().any(|entry| entry.remote.as_deref() == Some("192.0.2.9")));
}

#[tokio::test]
async fn what_is_old_goes() {
    let house = House::inhabited().await;
    let (_, session) = {
        let by = Actor::Account { name: name("ann"), remote: None };
        house.store.open_session(&name("ann"), None, &by).await.unwrap()
    };
    house.store.record(ended('1', "ann", None, EndReason::NoAnswer));
    house.store.flush().await;
    let day = 24 * 3600 * 1000;
    let counts = async || {
        let audit = house.store.audit_log(None, None, 100).await.unwrap().len();
        let calls = house.store.calls(None, None, 100).await.unwrap().len();
        (audit, calls, house.store.session(session.expose_secret()).await.unwrap().is_some())
    };
    for (days, left) in [(89, (4, 1, false)), (91, (0, 1, false)), (366, (0, 0, false))] {
        purge(house.store.db(), db::now() + days * day).await.unwrap();
        assert_eq!(counts().await, left, "after {days} days");
    }
}

#[tokio::test]
async fn a_flood_of_entries_keeps_the_last_hundred_thousand() {
    let house = House::inhabited().await;
    house
        .sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100100)
             INSERT INTO audit (at, who, action, outcome) SELECT 9e15, 'x', 'call', i FROM n",
        )
        .await;
    purge(house.store.db(), db::now()).await.unwrap();
    let mut other = house.other().await;
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM audit").fetch_one(&mut other).await.unwrap();
    assert_eq!(count, 100_000);
}

async fn next(changes: &mut mpsc::Receiver<Change>) -> Change {
    timeout(Duration::from_secs(5), changes.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn changes_from_elsewhere_are_told_in_time() {
    let house = House::inhabited().await;
    let (id, _) = house.token("door").await;
    let (accounts, mut changes) = house.store.watch().await.unwrap();
    assert_eq!(accounts, house.store.accounts().await.unwrap());

    let other = Store::open(house.dir.path()).await.unwrap();
    let owner = &Actor::Owner;
    let ann = name("ann");
    let start = Instant::now();
    other.set_rights(&ann, &[(Right::Call, Circle::Nobody)], owner).await.unwrap();
    let Change::Account(now) = next(&mut changes).await else { panic!("no account") };
    assert!((&now.name, &now.rights.call) == (&ann, &Circle::Nobody));
    // Within 300 ms, and what was to be written before; a busy machine has its time.
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());

    // Somebody else by the same name: the first is gone before the second is there.
    other.remove_account(&ann, false, owner).await.unwrap();
    let new = Account::new(ann.clone(), Kind::User);
    other.add_account(&new, Some(password("ann")), owner).await.unwrap();
    let told = [next(&mut changes).await, next(&mut changes).await];
    assert_eq!(told, [Change::Removed(ann.clone()), Change::Account(new)]);

    other.revoke(id, None, owner).await.unwrap();
    assert_eq!(next(&mut changes).await, Change::Revoked(id));

    // Time changes things, too, and so does this store itself.
    let life = Some(Duration::from_millis(400));
    let (brief, _) = house.store.create_token(&ann, None, life, owner).await.unwrap();
    assert_eq!(next(&mut changes).await, Change::Revoked(brief));
    house.store.remove_account(&name("door"), false, owner).await.unwrap();
    assert_eq!(next(&mut changes).await, Change::Removed(name("door")));
    assert!(changes.try_recv().is_err());
}

#[tokio::test]
async fn nobody_else_reads_the_files() {
    let house = House::inhabited().await;
    let path = |end: &str| house.dir.path().join(format!("intercom.db{end}"));
    for end in ["", "-wal", "-shm"] {
        let mode = fs::metadata(path(end)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{end}");
    }
    fs::set_permissions(path(""), fs::Permissions::from_mode(0o644)).unwrap();
    house.store.close().await;
    Store::open(house.dir.path()).await.unwrap();
    let mode = fs::metadata(path("")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn what_root_makes_belongs_to_the_directory() {
    let dir = TempDir::new().unwrap();
    if chown(dir.path(), Some(12_345), Some(12_345)).is_err() {
        return; // only root can give away
    }
    let _store = Store::open(dir.path()).await.unwrap();
    for end in ["", "-wal", "-shm"] {
        let file = fs::metadata(dir.path().join(format!("intercom.db{end}"))).unwrap();
        assert_eq!((file.uid(), file.gid()), (12_345, 12_345), "{end}");
    }
}

#[tokio::test]
async fn a_ticket_is_worth_what_it_was_given_for() {
    let house = House::inhabited().await;
    let who = Actor::Account { name: name("ann"), remote: None };
    let (id, _) = house.store.open_session(&name("ann"), None, &who).await.unwrap();
    let ann = Credential { id, account: name("ann"), kind: Kind::User };
    let tickets = [(); 2].map(|()| house.store.issue_ticket(&ann).unwrap());
    let redeem = async |ticket: &SecretString| {
        house.store.redeem_ticket(ticket.expose_secret()).await.unwrap()
    };
    assert_eq!(redeem(&tickets[0]).await, Some(ann));
    assert_eq!(redeem(&tickets[0]).await, None);
    house.store.revoke(id, None, &who).await.unwrap();
    assert_eq!(redeem(&tickets[1]).await, None);
}

#[tokio::test]
async fn what_a_connection_logged_in_with_goes_with_it() {
    let house = House::inhabited().await;
    let (store, ann) = (&house.store, name("ann"));
    let who = Actor::Account { name: ann.clone(), remote: None };
    let connect = async || {
        let credential = store.open_connection(&ann, &who).await.unwrap();
        let (account, peer) = (Some(ann.clone()), PeerId::from(&*credential.0.to_string()));
        let resume =
            Resume { account, credential: Some(credential), peer, instance: None, calls: true };
        (credential, store.create_resume(&resume).await.unwrap().0)
    };
    let kept = async || {
        store.flush().await;
        let listed = store.credentials(None).await.unwrap();
        listed.into_iter().map(|listing| (listing.kind, listing.id)).collect::<Vec<_>>()
    };
    let ((left, first), (stays, second), (lost, _)) =
        (connect().await, connect().await, connect().await);
    let ids = async || kept().await.into_iter().map(|(_, id)| id).collect::<Vec<_>>();
    assert_eq!(kept().await[0], (CredentialKind::Connection, left));
    store.forget_resume(first);
    assert_eq!(ids().await, [stays, lost]);

    // The server stood still for two hours, and only one was seen before its end.
    house.sql("UPDATE resumes SET seen = seen - 7200000").await;
    house.sql("UPDATE credentials SET used = used - 7200000").await;
    store.see_resume(second);
    store.flush().await;
    store.resumes().await.unwrap();
    purge(store.db(), db::now()).await.unwrap();
    assert_eq!(ids().await, [stays]);
    store.set_password(&ann, password("new"), None, &who).await.unwrap();
    assert!(ids().await.is_empty() && store.resumes().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_web_session_lives_as_long_as_a_connection_with_it() {
    let house = House::inhabited().await;
    let (store, ann) = (&house.store, name("ann"));
    let who = Actor::Account { name: ann.clone(), remote: None };
    let (id, session) = store.open_session(&ann, None, &who).await.unwrap();
    let resume = Resume {
        account: Some(ann),
        credential: Some(id),
        peer: PeerId::from("p"),
        instance: None,
        calls: true,
    };
    let (resume, _) = store.create_resume(&resume).await.unwrap();
    house.sql("UPDATE credentials SET expires = expires - 29 * 86400000").await;
    store.see_resume(resume);
    store.flush().await;
    let listed = store.credentials(None).await.unwrap();
    assert!(listed[0].expires.unwrap() > db::now() + 29 * 24 * 3600 * 1000);
    store.forget_resume(resume);
    store.flush().await;
    assert!(store.session(session.expose_secret()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_left_alone() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("intercom.db");
    let open = async || Store::open(dir.path()).await.unwrap_err().to_string();

    fs::write(&file, "not a database, but long enough to be looked at as one".repeat(20)).unwrap();
    let before = fs::read(&file).unwrap();
    assert!(open().await.contains("intercom.db is not a database of the intercom"));
    assert_eq!(fs::read(&file).unwrap(), before);

    fs::remove_file(&file).unwrap();
    let foreign = async |sql: &str| {
        let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let mut other = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut other).await.unwrap();
        other.close().await.unwrap();
    };
    foreign("CREATE TABLE photos (id)").await;
    assert!(open().await.contains("is not a database of the intercom"));

    fs::remove_file(&file).unwrap();
    Store::open(dir.path()).await.unwrap().close().await;
    foreign("PRAGMA user_version = 99").await;
    assert!(open().await.contains("is of version 99, and this program knows versions up to"));
    let mut other =
        SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(&file)).await.unwrap();
    let version: i64 =
        sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut other).await.unwrap();
    assert_eq!(version, 99);

    let below = dir.path().join("intercom.db/below");
    let error = Store::open(&below).await.unwrap_err().to_string();
    assert!(error.starts_with("cannot write ") && error.contains("is it yours"), "{error}");
}

#[tokio::test]
async fn a_lock_that_stays_is_named() {
    let house = House::inhabited().await;
    let mut other = house.other().await;
    sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    let error = Store::open(house.dir.path()).await.unwrap_err().to_string();
    assert!(error.contains("intercom.db is locked by another program"), "{error}");
    // Reading goes on, and what happens meanwhile is written afterwards.
    assert_eq!(house.store.accounts().await.unwrap().len(), 3);
    house.store.record(ended('1', "ann", None, EndReason::NoAnswer));
    sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    house.store.flush().await;
    assert_eq!(house.store.calls(None, None, 10).await.unwrap().len(), 1);
}

/// What each version wrote; add one when the schema changes, and never change one.
const FIXTURES: &[&str] = &[include_str!("fixtures/1.sql")];

#[tokio::test]
async fn every_version_that_ever_was_is_brought_up_to_date() {
    let new = House::new().await.schema().await;
    for (index, fixture) in FIXTURES.iter().enumerate() {
        let dir = TempDir::new().unwrap();
        let file = SqliteConnectOptions::new().filename(dir.path().join("intercom.db"));
        let mut old = SqliteConnection::connect_with(&file.create_if_missing(true)).await.unwrap();
        sqlx::raw_sql(fixture).execute(&mut old).await.unwrap();
        old.close().await.unwrap();
        let house = House { store: Store::open(dir.path()).await.unwrap(), dir };
        assert_eq!(house.schema().await, new, "version {}", index + 1);
        is_the_house_of_the_fixtures(&house.store).await;
    }
}

impl House {
    async fn schema(&self) -> Vec<(String, Option<String>)> {
        let sql = "SELECT name, sql FROM sqlite_schema ORDER BY name";
        sqlx::query_as(sql).fetch_all(&mut self.other().await).await.unwrap()
    }
}

async fn is_the_house_of_the_fixtures(store: &Store) {
    let (ann, door) = (name("ann"), name("door"));
    let accounts = store.accounts().await.unwrap();
    let kinds: Vec<_> = accounts.iter().map(|a| (a.name.as_str(), a.kind)).collect();
    assert_eq!(kinds, [("ann", Kind::Admin), ("bob", Kind::User), ("door", Kind::Device)]);
    assert_eq!(accounts[0].label.as_deref(), Some("Ann ❤"));
    let rights = &accounts[2].rights;
    assert_eq!((&rights.see, &rights.talk), (&Circle::Everyone, &Circle::Users));
    assert_eq!(rights.watch, Circle::Listed([ann.clone(), name("bob")].into()));
    store.login("ann", password("ann"), here()).await.unwrap();

    let token = "ict_P5XPkcVAZ2nYwknPXgjnfhiIcLF7EAt_XvnmuaNlgl4";
    assert_eq!(store.token(token).await.unwrap().unwrap().account, door);
    assert_eq!(store.session("ics_fixture").await.unwrap().unwrap().account, ann);
    let cam = Instance::parse("cam").unwrap();
    let peer = store.peer_id(&door, &cam).await.unwrap();
    let (_, resume) = store.find_resume("icr_before").await.unwrap().unwrap();
    assert_eq!((resume.peer, resume.instance), (peer, Some(cam)));
    assert_eq!(store.resumes().await.unwrap().len(), 1);
    assert_eq!(store.open_calls().await.unwrap()[0].sessions.len(), 1);
    assert_eq!(store.calls(None, None, 10).await.unwrap()[0].rang, 30_000);
    let invite = "ici_NFV2cHL1-VQufQi9MXd8sgP_-xO91mSkb806DyMFf-Y";
    let kim = store.register(Registration::Invite, "kim", password("kim"), Some(invite), here());
    kim.await.unwrap();
    assert!(store.audit_log(None, None, 100).await.unwrap().len() >= 7);
}
