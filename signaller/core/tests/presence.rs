//! Listeners hear who comes, changes and goes.
#![allow(clippy::unwrap_used)]
mod common;

use common::{World, changed};
use signaller_core::{Access, Limits, Listed, Notice, Refusal, Request, Role, Status};
use std::sync::Arc;

#[test]
fn a_listener_hears_its_own_status_and_that_of_others() {
    let mut world = World::new().peer("page").peer("door");
    world.set("page", &[Role::Listener], None);
    world.expect("page", &changed(world.id("page"), &[Role::Listener], None));
    world.set("door", &[Role::Producer], Some(r#"{"name":"door"}"#));
    world.expect("page", &changed(world.id("door"), &[Role::Producer], Some(r#"{"name":"door"}"#)));
    world.leave("door");
    world.expect("page", &changed(world.id("door"), &[], Some(r#"{"name":"door"}"#)));
    world.expect_silence();
}

#[test]
fn an_unchanged_status_is_news_to_nobody_else() {
    let mut world = World::new().peer("page").peer("door").is("page", &[Role::Listener]);
    world = world.is("door", &[Role::Producer]);
    world.set("door", &[Role::Producer], None);
    world.expect_silence();
    world.set("page", &[Role::Listener], None);
    world.expect("page", &changed(world.id("page"), &[Role::Listener], None));
    world.expect_silence();
}

#[test]
fn lists_hold_producers_and_passive_consumers() {
    let mut world = World::new().peer("door").peer("speaker").peer("page");
    world = world.is("door", &[Role::Producer]).is("speaker", &[Role::Consumer]);
    let listed = |world: &World, name: &str, role| Listed {
        account: None,
        peer: world.id(name),
        status: Arc::new(Status { roles: vec![role], ..Status::default() }),
    };
    world.ask("page", Request::ListProducers);
    let producers = vec![listed(&world, "door", Role::Producer)];
    world.expect("page", &Notice::Producers(producers));
    world.ask("page", Request::ListConsumers);
    let consumers = vec![listed(&world, "speaker", Role::Consumer)];
    world.expect("page", &Notice::Consumers(consumers));
}

#[test]
fn nobody_is_both_ends() {
    let mut world = World::new().peer("door").is("door", &[Role::Producer]);
    world.set("door", &[Role::Producer, Role::Consumer], None);
    let refusal = Refusal::BothEnds(world.id("door"));
    world.expect_refusal("door", refusal);
    world.ask("door", Request::ListProducers);
    let Notice::Producers(producers) = &*world.next("door") else { panic!() };
    assert_eq!(producers.len(), 1, "a refused status changes nothing");
}

#[test]
fn meta_is_bounded() {
    let mut world = World::with(Limits { meta_len: 4, ..Limits::default() }).peer("door");
    world.set("door", &[Role::Producer], Some("12345"));
    world.expect_refusal("door", Refusal::MetaTooLong { len: 5, max: 4 });
}

#[test]
fn who_may_only_watch_does_not_produce() {
    let mut world = World::new().guest("guest", Access::Watch).peer("speaker").peer("door");
    world = world.is("speaker", &[Role::Consumer]).is("door", &[Role::Producer]);
    world.set("guest", &[Role::Producer], None);
    world.expect_refusal("guest", Refusal::WatchOnly);
    world.start("guest", "speaker");
    world.expect_refusal("guest", Refusal::WatchOnly);
    world.expect_silence();
    world.session("guest", "door");
}
