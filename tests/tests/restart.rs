//! The signaller dies and comes back while people watch: it never was in the media's way.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use intercom_tests::{Program, Signaller};

/// What is promised, times three for a busy machine.
const LISTED_AGAIN: Duration = Duration::from_secs(3 * 5);

#[test]
fn a_killed_signaller_ends_no_media_and_the_producer_is_listed_again() {
    let mut signaller = Signaller::start();
    let (mut producer, _) =
        signaller.producer("door", &["--video", "test:ball", "--audio", "test"]);
    // Patient with late packets: what is tested is that they come, not a busy machine's haste.
    let watch =
        ["--peer", "door", "--video-out=none", "--audio-out=none", "--stats", "--latency=500"];
    let mut watching = signaller.consumer(&watch);
    expect_seconds_of_video(&mut watching, 3);

    signaller.kill();
    expect_seconds_of_video(&mut watching, 5);

    signaller.restart();
    let back = Instant::now();
    producer.expect_within(LISTED_AGAIN, "on air: ");
    signaller.lobby().await_producer("door");
    assert!(back.elapsed() < LISTED_AGAIN, "listed only after {:?}", back.elapsed());

    let mut anew = signaller.consumer(&watch);
    expect_seconds_of_video(&mut anew, 3);
    expect_seconds_of_video(&mut watching, 3);
    assert_eq!(sessions(&mut watching), 1, "the first session must have lived through it all");
}

/// Reads so many lines of statistics with a picture that moves. For a second or two a busy machine
/// may show none.
fn expect_seconds_of_video(consumer: &mut Program, seconds: usize) {
    while frames_per_second(&consumer.expect("fps=")) == 0.0 {}
    for _ in 0..seconds {
        let moves = (0..3).any(|_| frames_per_second(&consumer.expect("fps=")) > 0.0);
        assert!(moves, "the picture stands still");
    }
}

fn frames_per_second(line: &str) -> f64 {
    let number = line.split("fps=").nth(1).and_then(|rest| rest.split(' ').next());
    number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no fps in {line:?}"))
}

fn sessions(consumer: &mut Program) -> usize {
    consumer.output().matches("watching door").count()
}
