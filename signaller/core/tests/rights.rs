//! Who may see, watch and talk to whom, and what a change of that does to what is live.

#![allow(clippy::unwrap_used)]
mod common;

use std::time::Duration;

use common::{World, named};
use signaller_core::{
    Circle, CloseReason, CredentialId, Fact, Identity, Input, Kind, Limits, Listed, Notice,
    Refusal, Request, Right, Role, Status,
};

/// A door with a camera and a speaker, a person of the house, and somebody without an account.
fn house() -> World {
    let mut world = World::new().account("door", Kind::Device).phone("ann", "ann");
    world = world.stock("camera", "door").stock("speaker", "door").peer("guest");
    world.set("camera", &[Role::Producer], None);
    world.set("speaker", &[Role::Consumer], None);
    for name in ["ann", "guest"] {
        world.set(name, &[Role::Listener], None);
    }
    world.clear();
    world
}

fn producers(world: &mut World, name: &str) -> Vec<Listed> {
    world.ask(name, Request::ListProducers);
    let Notice::Producers(peers) = &*world.next(name) else { panic!() };
    peers.clone()
}

#[test]
fn who_may_not_see_an_account_does_not_know_of_its_peers() {
    let mut world = house();
    assert_eq!(producers(&mut world, "guest"), []);
    let [camera] = &producers(&mut world, "ann")[..] else { panic!() };
    assert_eq!((&camera.peer, &camera.account), (&world.id("camera"), &Some(named("door"))));

    world.set("camera", &[Role::Producer], Some("1"));
    assert!(matches!(world.heard("ann")[..], [Notice::StatusChanged { .. }]));
    world.expect_silence();

    // An invisible peer and an unknown one are the same.
    world.start("guest", "camera");
    let invisible = world.heard("guest");
    world.ask("guest", Request::StartSession { peer: "camera-7".into(), offer: None });
    let unknown = world.heard("guest");
    assert_eq!(invisible, [Notice::Refused(Refusal::NoSuchPeer(world.id("camera")))]);
    assert_eq!(unknown, [Notice::Refused(Refusal::NoSuchPeer("camera-7".into()))]);
}

#[test]
fn a_viewer_needs_the_right_to_watch_and_a_speaker_the_right_to_talk() {
    for (target, right) in [("camera", Right::Watch), ("speaker", Right::Talk)] {
        let mut world = house();
        let circle = |world: &mut World, circle: Circle| {
            world.allow("door", |door| {
                if right == Right::Watch {
                    door.rights.watch = circle;
                } else {
                    door.rights.talk = circle;
                }
            });
            world.clear();
        };
        circle(&mut world, Circle::Nobody);
        world.start("ann", target);
        world.expect_refusal("ann", Refusal::Forbidden { of: named("door"), right });
        let asker = Some(named("ann"));
        assert_eq!(world.facts.last(), Some(&Fact::Forbidden { asker, of: named("door"), right }));
        circle(&mut world, Circle::Listed([named("ann")].into()));
        world.start("ann", target);
        assert!(!matches!(*world.next("ann"), Notice::Refused(_)));
    }
}

#[test]
fn who_may_not_watch_does_not_learn_whether_anybody_does() {
    let limits = Limits { sessions_per_peer: 1, ..Limits::default() };
    let mut world = World::with(limits).account("door", Kind::Device).phone("ann", "ann");
    world.allow("door", |door| {
        door.rights.watch = Circle::Listed([named("ann")].into());
    });
    world = world.stock("camera", "door").stock("eve", "eve").is("camera", &[Role::Producer]);
    world.session("ann", "camera");
    world.start("eve", "camera");
    world.expect_refusal("eve", Refusal::Forbidden { of: named("door"), right: Right::Watch });
}

#[test]
fn an_account_may_do_anything_with_itself() {
    let mut world = house();
    let nobody = || Circle::Nobody;
    world.allow("door", |door| {
        (door.rights.see, door.rights.watch, door.rights.talk) = (nobody(), nobody(), nobody());
    });
    world.clear();
    world.start("speaker", "camera");
    assert!(matches!(*world.next("speaker"), Notice::SessionStarted { .. }));
}

#[test]
fn an_admin_sees_everybody_but_not_through_everybody() {
    let mut world = house().account("root", Kind::Admin).phone("root", "root");
    world.allow("door", |door| {
        (door.rights.see, door.rights.watch) = (Circle::Nobody, Circle::Nobody);
    });
    world.clear();
    assert_eq!(producers(&mut world, "root").len(), 1);
    world.start("root", "camera");
    let refusal = Refusal::Forbidden { of: named("door"), right: Right::Watch };
    world.expect_refusal("root", refusal);
}

#[test]
fn nobody_is_an_admin_without_having_shown_anything() {
    let mut world = house().account("kiosk", Kind::User);
    for name in ["one", "two"] {
        world.connect(name, Identity::account(named("kiosk")));
        world.welcomed(name);
    }
    world.log_in("owner", "kiosk");
    world.welcomed("owner");
    world.allow("kiosk", |kiosk| kiosk.kind = Kind::Admin);
    world.connect("late", Identity::account(named("kiosk")));
    for name in ["one", "two", "late"] {
        assert_eq!(world.closed(name), Some(CloseReason::Revoked), "{name}");
    }
    assert_eq!(world.closed("owner"), None);
}

#[test]
fn narrowing_a_right_cuts_what_is_live() {
    let mut world = house();
    world.start("ann", "camera");
    let Notice::SessionStarted { session, .. } = *world.next("ann") else { panic!() };
    world.clear();
    world.allow("door", |door| door.rights.watch = Circle::Nobody);
    for name in ["camera", "ann"] {
        let heard = world.heard(name);
        assert!(
            matches!(&heard[..], [Notice::SessionEnded { session: id, error: Some(_) }] if *id == session),
            "{name}: {heard:?}"
        );
    }
    assert_eq!(world.hub.session_count(), 0);
}

#[test]
fn who_loses_sight_is_told_that_all_is_gone_and_the_other_way_round() {
    let mut world = house();
    world.allow("door", |door| door.rights.see = Circle::Nobody);
    let heard = world.heard("ann");
    let gone = heard.iter().filter(
        |notice| matches!(notice, Notice::StatusChanged { status, .. } if **status == Status::default()),
    );
    assert_eq!(gone.count(), 2);
    assert_eq!(heard.last(), Some(&Notice::AccountGone { account: named("door") }));
    world.allow("door", |door| door.rights.see = Circle::Everyone);
    for name in ["ann", "guest"] {
        let heard = world.heard(name);
        assert_eq!(heard.len(), 2, "{name}: {heard:?}");
        let shown = heard.iter().all(|notice| {
            matches!(notice, Notice::StatusChanged { status, .. } if !status.roles.is_empty())
        });
        assert!(shown, "{heard:?}");
    }
}

#[test]
fn extension_notices_go_to_nobody_who_did_not_ask_for_the_extension() {
    let mut world = house();
    world = world.phone("bob", "bob");
    let call = world.ring("ann", "bob");
    world.accept("bob", call);
    world.hang_up("bob", call);
    world.input(Input::AccountRemoved(named("bob")));
    for name in ["camera", "speaker", "guest"] {
        assert_eq!(world.heard(name), [], "{name}");
    }
}

#[test]
fn a_revoked_token_closes_its_connections_and_no_other() {
    let mut world = World::new().account("door", Kind::Device);
    for (name, credential) in [("d1", 1), ("d2", 2)] {
        let credential = Some(CredentialId(credential));
        world.connect(name, Identity { credential, ..Identity::account(named("door")) });
    }
    world.input(Input::Revoked(CredentialId(1)));
    assert_eq!(world.closed("d1"), Some(CloseReason::Revoked));
    assert_eq!(world.closed("d2"), None);
}

#[test]
fn an_account_removed_on_the_way_in_does_not_get_in() {
    let mut world = World::new().account("door", Kind::Device);
    world.input(Input::AccountRemoved(named("door")));
    world.connect("late", Identity::account(named("door")));
    world.advance(Limits::default().newcomer);
    assert_eq!(world.closed("late"), Some(CloseReason::Revoked));
}

#[test]
fn an_account_that_is_younger_than_its_news_is_waited_for() {
    let mut world = World::new();
    world.connect("early", Identity::account(named("door")));
    world.set("early", &[Role::Producer], None);
    world.advance(Duration::from_secs(1));
    world.allow("door", |door| door.kind = Kind::Device);
    world.welcomed("early");
    world.ask("early", Request::ListProducers);
    let Notice::Producers(peers) = &*world.next("early") else { panic!() };
    assert_eq!(peers.len(), 1);
}

#[test]
fn a_token_revoked_on_the_way_in_does_not_get_in() {
    let mut world = World::new().account("door", Kind::Device);
    world.input(Input::Revoked(CredentialId(1)));
    let credential = Some(CredentialId(1));
    world.connect("late", Identity { credential, ..Identity::account(named("door")) });
    assert_eq!(world.closed("late"), Some(CloseReason::Revoked));
}

#[test]
fn a_token_revoked_on_the_way_in_is_remembered_whatever_else_is_revoked() {
    let mut world = World::new().account("door", Kind::Device);
    for credential in 1..=2000 {
        world.input(Input::Revoked(CredentialId(credential)));
    }
    let credential = Some(CredentialId(1));
    world.connect("late", Identity { credential, ..Identity::account(named("door")) });
    assert_eq!(world.closed("late"), Some(CloseReason::Revoked));
}

#[test]
fn who_waits_for_a_peer_id_of_an_account_does_not_outlive_it() {
    let mut world = World::new().account("door", Kind::Device);
    let identity = || Identity { peer: Some("d".into()), ..Identity::account(named("door")) };
    world.connect("holder", identity());
    world.connect("waiting", identity());
    world.input(Input::AccountRemoved(named("door")));
    for name in ["holder", "waiting"] {
        assert_eq!(world.closed(name), Some(CloseReason::Revoked), "{name}");
    }
    assert_eq!(world.hub.peer_count(), 0);
}

#[test]
fn a_name_that_is_given_again_does_not_inherit_rights() {
    let mut world = house();
    world.allow("door", |door| door.rights.watch = Circle::Listed([named("ann")].into()));
    world.input(Input::AccountRemoved(named("ann")));
    world.connect("new", common::phone_of("eve"));
    let ann = signaller_core::Account::new(named("ann"), Kind::User);
    world.input(Input::AccountChanged(ann));
    world.connect("new", common::phone_of("ann"));
    world.welcomed("new");
    world.start("new", "camera");
    world.expect_refusal("new", Refusal::Forbidden { of: named("door"), right: Right::Watch });
}

#[test]
fn what_a_user_becomes_an_admin_for() {
    let mut world = house().stock("screen", "ann");
    world.set("screen", &[Role::Listener], None);
    world.allow("door", |door| door.rights.see = Circle::Nobody);
    world.clear();
    for (kind, is_shown) in [(Kind::Admin, true), (Kind::User, false)] {
        world.allow("ann", |ann| ann.kind = kind);
        let mut heard = world.heard("ann");
        let Some(Notice::Accounts(accounts)) = heard.pop() else { panic!("{heard:?}") };
        assert_eq!(accounts.iter().any(|seen| seen.name == named("door")), is_shown);
        // Who listens hears of the peers as well, and who speaks the stock protocol of nothing else.
        for heard in [heard, world.heard("screen")] {
            let of_peers: Vec<_> = heard
                .iter()
                .filter_map(|notice| match notice {
                    Notice::StatusChanged { peer, status, .. } => {
                        Some((peer.clone(), !status.roles.is_empty()))
                    }
                    _ => None,
                })
                .collect();
            let both = ["camera", "speaker"].map(|name| (world.id(name), is_shown));
            assert_eq!((of_peers, heard.len()), (both.to_vec(), 2));
        }
    }
}
