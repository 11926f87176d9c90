//! How things stand, as whoever looks after the server sees it.
#![allow(clippy::unwrap_used)]
mod common;

use common::{World, named};
use signaller_core::{Circle, EndView, Kind, Request, Role};

#[test]
fn everybody_is_shown_and_who_watches_whom() {
    let mut world = World::new().account("door", Kind::Device).stock("door", "door");
    world = world.phone("tablet", "ann").peer("guest");
    world.set("door", &[Role::Producer], None);
    world.clear();
    world.ask("tablet", Request::StartSession { peer: world.id("door"), offer: None });
    world.lose("tablet");
    let shown = world.hub.overview();
    let peers: Vec<_> = shown
        .peers
        .iter()
        .map(|peer| (peer.peer.clone(), peer.account.clone(), peer.roles.clone(), peer.is_away))
        .collect();
    assert_eq!(
        peers,
        [
            (world.id("door"), Some(named("door")), vec![Role::Producer], false),
            (world.id("tablet"), Some(named("ann")), vec![], true),
            (world.id("guest"), None, vec![], false),
        ]
    );
    let end = |name, account| EndView { peer: world.id(name), account: Some(named(account)) };
    let [session] = &*shown.sessions else { panic!("{:?}", shown.sessions) };
    assert_eq!(session.producer, end("door", "door"));
    assert_eq!((&session.consumer, session.call), (&end("tablet", "ann"), None));
    assert_eq!(world.hub.connection(&world.id("tablet")), Some(world.conn("tablet")));
    assert_eq!(world.hub.connection(&"nobody".into()), None);
}

#[test]
fn presence_is_what_one_may_see() {
    let mut world = World::new().account("ann", Kind::User).account("door", Kind::Device);
    world.allow("hidden", |account| account.rights.see = Circle::Nobody);
    world.allow("open", |account| account.rights.see = Circle::Everyone);
    let seen = |asker: Option<&str>| {
        let seen = world.hub.presence(asker.map(named).as_ref()).into_iter();
        seen.map(|seen| seen.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(seen(Some("ann")), ["door", "open"]);
    assert_eq!(seen(Some("hidden")), ["ann", "door", "open"]);
    assert_eq!(seen(None), ["open"]);
}
