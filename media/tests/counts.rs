//! What a device does wrong is found in the statistics of the sink's signaller.

#![allow(clippy::unwrap_used)]

use clap::Parser;
use gst::{glib, prelude::*};
use intercom_media::{
    cli::ServerArgs,
    run::{self, RunError},
    send::{Outgoing, Sender},
    spec::{Bitrate, Codec, Encode, Size},
    trouble::Change,
};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    server: ServerArgs,
}

/// Nobody has to be at the other end for it.
#[test]
fn a_camera_that_fails_is_counted() {
    intercom_media::init().unwrap();
    let Line { server } = Line::parse_from(["test", "--server", "wss://127.0.0.1:9"]);
    let camera = "launch:videotestsrc is-live=true ! identity error-after=30";
    let sender = Sender::build(&Outgoing {
        server: &server,
        instance: None,
        name: "door",
        video: &camera.parse().unwrap(),
        audio: &"none".parse().unwrap(),
        codec: Codec::Vp8,
        bitrate: Bitrate(500_000),
        size: Size { width: 160, height: 120, fps: 30 },
        encode: Encode::Shared,
        always_on: true,
    });
    let Sender { pipeline, signaller, sources, .. } = sender.unwrap();
    let opened = sources.clone();
    let ended = run::run(
        &pipeline,
        move |end| {
            opened.open();
            let end = end.clone();
            glib::timeout_add_seconds_local_once(40, move || {
                end.with(Err(RunError::Other("the camera does not fail".into())));
            });
        },
        move |message, end| {
            let heard = sources.heard(message, end);
            if Change::read(message).is_some() {
                end.with(Ok(()));
            }
            heard
        },
    );
    ended.unwrap();
    let failed = signaller.property::<gst::Structure>("stats").get::<gst::Structure>("failed");
    assert_eq!(failed.unwrap().get::<u64>("deviceGone").unwrap(), 1);
}
