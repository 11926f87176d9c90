//! Upstream's own webrtcsink and webrtcsrc in gst-launch-1.0, unchanged, through our signaller.

#![allow(clippy::unwrap_used)]

use intercom_tests::{Plugins, Program, Signaller};

/// Frames that a `fakesink name=… silent=false` must have shown before a picture counts as moving.
const FRAMES: usize = 30;

#[test]
fn video_over_plain_websocket() {
    let signaller = Signaller::start();
    let uri = format!("signaller::uri={}", signaller.ws());
    video_flows(&signaller, &uri);
}

#[test]
fn video_over_tls_with_cafile() {
    let signaller = Signaller::start();
    let uri = tls_uri(&signaller);
    video_flows(&signaller, &uri);
}

#[test]
fn video_and_audio_over_plain_websocket() {
    let signaller = Signaller::start();
    let uri = format!("signaller::uri={}", signaller.ws());
    video_and_audio_flow(&signaller, &uri);
}

#[test]
fn video_and_audio_over_tls_with_cafile() {
    let signaller = Signaller::start();
    let uri = tls_uri(&signaller);
    video_and_audio_flow(&signaller, &uri);
}

fn tls_uri(signaller: &Signaller) -> String {
    format!("signaller::uri={} signaller::cafile={}", signaller.wss(), signaller.ca().display())
}

fn video_flows(signaller: &Signaller, uri: &str) {
    let plugins = Plugins::stock();
    let sink = format!("videotestsrc ! webrtcsink stun-server=NULL {uri}");
    let mut producer = plugins.launch(&sink);
    signaller.lobby().await_producers(1);

    let source = format!(
        "-v webrtcsrc connect-to-first-producer=true stun-server=NULL {uri} \
         ! videoconvert ! queue ! fakesink name=video silent=false"
    );
    let mut consumer = plugins.launch(&source);
    expect_frames(&mut consumer, "video");
    assert!(producer.is_running());
}

fn video_and_audio_flow(signaller: &Signaller, uri: &str) {
    let plugins = Plugins::stock();
    let sink = format!(
        "webrtcsink name=ws stun-server=NULL {uri} \
         audiotestsrc is-live=true wave=red-noise ! audioconvert ! audioresample ! queue \
         ! opusenc perfect-timestamp=true ! ws. \
         videotestsrc is-live=true pattern=ball ! videoconvert ! queue ! vp8enc deadline=1 ! ws."
    );
    let mut producer = plugins.launch(&sink);
    signaller.lobby().await_producers(1);

    let source = format!(
        "-v webrtcsrc name=ws connect-to-first-producer=true stun-server=NULL {uri} \
         ws. ! queue ! videoconvert ! fakesink name=video silent=false \
         ws. ! queue ! audioconvert ! audioresample ! fakesink name=audio silent=false"
    );
    let mut consumer = plugins.launch(&source);
    expect_frames(&mut consumer, "video");
    expect_frames(&mut consumer, "audio");
    assert!(producer.is_running());
}

fn expect_frames(consumer: &mut Program, sink: &str) {
    for _ in 0..FRAMES {
        consumer.expect(&format!("GstFakeSink:{sink}: last-message = chain"));
    }
}
