//! The two WebRTC elements, set up with our signaller.
//!
//! Upstream's elements do the sending and receiving; which settings they need, and why, stands
//! here.

use std::{path::Path, sync::Arc, time::Duration};

use gst::{glib, prelude::*};
use gstintercom::{Signaller, WebRTCSignallerRole};
use gstrswebrtc::{signaller::Signallable, webrtcsink::BaseWebRTCSink, webrtcsrc::BaseWebRTCSrc};

use crate::{
    cli::ServerArgs,
    encode::{self, Encoder},
    spec::{Bitrate, Codec, Encode},
};

/// What a producer tells the sink.
#[derive(Debug)]
pub struct Sending<'a> {
    /// The video codec, the only one offered: each codec that could be used costs time at start.
    pub codec: Codec,
    /// Who encodes the picture.
    pub encode: Encode,
    /// The picture's bitrate; per viewer, its upper end.
    pub bitrate: Bitrate,
    /// The shared encoder, which then follows the slowest viewer.
    pub encoder: Option<&'a Encoder>,
    /// Which connection of its account it is: with a name, its peer id stays.
    pub instance: Option<&'a str>,
    /// What others see of this producer.
    pub meta: gst::Structure,
}

/// Names of the video codecs that can be received, the best first.
pub const CODECS: &[&str] = &["VP8", "H264", "VP9", "AV1"];

/// How long saying goodbye to the server may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Which producer a consumer wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The one with this peer id.
    PeerId(String),
    /// One with this name.
    Name(String),
    /// Whichever is there first.
    First,
}

/// `webrtcsink`, registered with the signaller as soon as picture and sound flow.
pub fn sink(server: &ServerArgs, sending: &Sending<'_>) -> (BaseWebRTCSink, Signaller) {
    let signaller = signaller(server, WebRTCSignallerRole::Producer);
    signaller.set_property("instance", sending.instance);
    let sink = BaseWebRTCSink::with_signaller(signaller.clone().upcast::<Signallable>());
    sink.set_property("video-caps", gst::Caps::new_empty_simple(sending.codec.caps_name()));
    sink.set_property("audio-caps", gst::Caps::new_empty_simple("audio/x-opus"));
    sink.set_property("stun-server", server.stun_server.as_deref());
    sink.set_property("meta", &sending.meta);
    gstintercom::send_at_once(&sink);
    gstintercom::outlive_sessions(&sink, &signaller);
    set_bitrate(&sink, sending.encode, sending.bitrate);
    match sending.encode {
        Encode::PerViewer => prepare_av1(&sink, sending.bitrate),
        Encode::Shared => {
            // With it, upstream's sum for an encoder outside of the sink is wrong above 2 Mbit/s.
            sink.set_property("do-fec", false);
            if let Some(encoder) = sending.encoder {
                follow(&sink, &signaller, encoder);
            }
        }
    }
    (sink, signaller)
}

/// Has congestion control make room for a picture of this bitrate, for viewers that come from here on.
pub fn set_bitrate(sink: &impl IsA<gst::Element>, encode: Encode, bitrate: Bitrate) {
    let Bitrate(bits) = bitrate;
    let (start, most) = match encode {
        Encode::PerViewer => (bits, bits),
        // The estimate is of all that is sent, and must have room to rise above the picture.
        Encode::Shared => (bits.saturating_mul(3) / 2, bits.saturating_mul(2).max(bits + 500_000)),
    };
    sink.set_property("min-bitrate", encode::floor(bitrate));
    sink.set_property("start-bitrate", start);
    sink.set_property("max-bitrate", most);
}

/// `webrtcsrc`, which asks for a session with the target whenever there is none. `codecs` are the
/// names of video codecs in SDP; `latency` is that of the jitter buffer, milliseconds.
pub fn source(
    server: &ServerArgs,
    target: &Target,
    codecs: &[&str],
    latency: u32,
) -> (BaseWebRTCSrc, Signaller) {
    let signaller = signaller(server, WebRTCSignallerRole::Consumer);
    signaller.set_property("latency", latency);
    match target {
        Target::PeerId(id) => signaller.set_property("producer-peer-id", id),
        Target::Name(name) => signaller.set_property("peer", name),
        Target::First => {}
    }
    let source: BaseWebRTCSrc = glib::Object::builder()
        .property("signaller", signaller.clone().upcast::<Signallable>())
        .build();
    source.set_property("stun-server", server.stun_server.as_deref());
    source.set_property("video-codecs", gst::Array::new(codecs.iter().copied()));
    source.set_property("audio-codecs", gst::Array::new(["OPUS"]));
    (source, signaller)
}

/// Waits, a second at most, until the server knows that we are gone; after the pipeline has
/// stopped.
pub fn say_goodbye(signaller: &Signaller) {
    if !signaller.wait_closed(GOODBYE) {
        tracing::debug!("the server did not take our goodbye");
    }
}

/// Has it told who comes to a sink and goes, each by the name of its connection, in any thread. Who comes goes
/// at least once, with its connection; upstream may say so before it says who comes.
pub fn follow_viewers(
    sink: &impl IsA<gst::Element>,
    come: impl Fn(&str) + Send + Sync + 'static,
    go: impl Fn(&str) + Send + Sync + 'static,
) {
    let go = Arc::new(go);
    let gone = go.clone();
    sink.connect("consumer-added", false, move |values| {
        let webrtcbin = values.get(2)?.get::<gst::Element>().ok()?;
        let (name, gone) = (webrtcbin.name(), gone.clone());
        come(&name);
        webrtcbin.add_weak_ref_notify(move || gone(&name));
        None
    });
    sink.connect("consumer-removed", false, move |values| {
        go(&values.get(2)?.get::<gst::Element>().ok()?.name());
        None
    });
}

/// What [`follow_viewers`] calls who has asked for this session.
pub(crate) fn viewer_of(session_id: &str) -> String {
    format!("webrtcbin-{session_id}")
}

/// Has it told when a sink begins to register, whether or not it gets through: it has then seen what it must
/// see before anybody comes.
pub(crate) fn on_registration(signaller: &Signaller, act: impl Fn() + Send + Sync + 'static) {
    let act = Arc::new(act);
    for signal in ["connected", "disconnected"] {
        let act = act.clone();
        signaller.connect(signal, false, move |_| {
            act();
            None
        });
    }
}

fn signaller(server: &ServerArgs, role: WebRTCSignallerRole) -> Signaller {
    let signaller = Signaller::new(role);
    signaller.set_property("uri", server.server.as_str());
    signaller.set_property("cafile", server.ca.as_deref().map(path_text));
    signaller.set_property("token-file", server.token_file.as_deref().map(path_text));
    if let Some(login) = &server.login {
        signaller.log_in(login.clone());
    }
    report(&signaller);
    signaller
}

/// Logs what goes wrong between us and the server, or the other end.
fn report(signaller: &Signaller) {
    let text = |values: &[glib::Value], at: usize| {
        values.get(at).and_then(|value| value.get::<String>().ok()).unwrap_or_default()
    };
    signaller.connect("disconnected", false, move |values| {
        tracing::warn!("no connection to the signaller: {}; trying again", text(values, 1));
        None
    });
    signaller.connect("refused", false, move |values| {
        tracing::warn!("the signaller refuses: {}", text(values, 1));
        None
    });
    signaller.connect("session-failed", false, move |values| {
        tracing::warn!(code = text(values, 2), "a session failed: {}", text(values, 3));
        None
    });
}

fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Has the shared encoder follow what congestion control says of each viewer.
fn follow(sink: &BaseWebRTCSink, signaller: &Signaller, encoder: &Encoder) {
    let known = encoder.clone();
    on_registration(signaller, move || known.is_known());
    let noted = encoder.clone();
    sink.connect("define-encoder-bitrates", false, move |values| {
        // Called with the sink's locks held: note it and return.
        let viewer = values.get(1).and_then(|value| value.get::<String>().ok());
        let bits = values.get(2).and_then(|value| value.get::<i32>().ok());
        if let (Some(viewer), Some(bits)) = (viewer, bits) {
            noted.estimate(&viewer, bits.unsigned_abs());
        }
        values.get(3).cloned()
    });
    let gone = encoder.clone();
    sink.connect("consumer-removed", false, move |values| {
        gone.forget(&values.get(1)?.get::<String>().ok()?);
        None
    });
}

/// Sets up an AV1 encoder that the sink makes for a viewer; the sink's own settings do not do.
fn prepare_av1(sink: &BaseWebRTCSink, bitrate: Bitrate) {
    sink.connect("encoder-setup", false, move |values| {
        let encoder = values.get(3)?.get::<gst::Element>().ok()?;
        let is_av1 = encoder.factory().is_some_and(|factory| factory.name() == "av1enc");
        if is_av1 {
            encode::set_up_av1(&encoder, bitrate);
        }
        Some(is_av1.to_value())
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_viewer_goes_with_its_connection_whatever_upstream_says() {
        gst::init().unwrap();
        let sink: gst::Element = BaseWebRTCSink::with_signaller(
            Signaller::new(WebRTCSignallerRole::Producer).upcast::<Signallable>(),
        )
        .upcast();
        let (comes, said) = channel();
        let goes = comes.clone();
        follow_viewers(
            &sink,
            move |name| comes.send(format!("{name} comes")).unwrap(),
            move |name| goes.send(format!("{name} goes")).unwrap(),
        );
        let webrtcbin = gst::Bin::with_name("it").upcast::<gst::Element>();
        sink.emit_by_name::<()>("consumer-removed", &[&"peer", &webrtcbin]);
        sink.emit_by_name::<()>("consumer-added", &[&"peer", &webrtcbin]);
        assert_eq!(said.try_iter().collect::<Vec<_>>(), ["it goes", "it comes"]);
        drop(webrtcbin);
        assert_eq!(said.try_iter().collect::<Vec<_>>(), ["it goes"]);
    }
}
