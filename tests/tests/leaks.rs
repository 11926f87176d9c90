//! What comes and goes leaves nothing behind: viewers of a producer, one after another.

#![allow(clippy::unwrap_used)]

use std::thread::sleep;
use std::time::{Duration, Instant};

use intercom_tests::{PATIENCE, Pipeline, Plugins, Signaller, Usage};

/// Viewers until everything that is made once has been made.
const WARM_UP: usize = 5;

#[test]
fn twenty_viewers_leave_nothing_behind() {
    watch_again_and_again(20);
}

#[test]
#[ignore = "make soak"]
fn three_hundred_viewers_leave_nothing_behind() {
    watch_again_and_again(300);
}

fn watch_again_and_again(cycles: usize) {
    let (signaller, plugins) = (Signaller::start(), Plugins::ours());
    let uri = signaller.ws();
    let picture =
        "videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=240,framerate=15/1";
    let sink = format!("intercomsink name=door video-caps=video/x-vp8 uri={uri}");
    let door = plugins.launch(&format!("{picture} ! queue leaky=downstream ! {sink}"));
    signaller.lobby().await_producer("door");
    let watch = || {
        let mut phone = Pipeline::receiving(&[("peer", "door"), ("uri", &uri)]);
        phone.expect_frames(5);
    };
    (0..WARM_UP).for_each(|_| watch());
    let before = Usage::of(&door);
    (0..cycles).for_each(|_| watch());
    let is_flat = |now: &Usage| {
        // GStreamer 1.22 itself keeps some 200 KiB of a session.
        now.threads <= before.threads + 4
            && now.files <= before.files + 4
            && now.kib <= before.kib + 16 * 1024 + 300 * cycles
    };
    // The last ones may still be on their way out.
    let deadline = Instant::now() + PATIENCE;
    let mut after = Usage::of(&door);
    while !is_flat(&after) && Instant::now() < deadline {
        sleep(Duration::from_millis(100));
        after = Usage::of(&door);
    }
    println!("after {WARM_UP}: {before:?}; after {cycles} more: {after:?}");
    assert!(is_flat(&after), "{before:?} became {after:?}");
}
