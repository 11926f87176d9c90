//! Camera, microphone, encoders and the sink, linked.

use gst::prelude::*;
use gstintercom::Signaller;
use intercom_media::{
    audio::Sound,
    element::{self, ElementError},
    encode::Encoder,
    peer::{self, Sending},
    source,
    spec::{AudioSource, Encode, VideoSource},
};

use crate::args::Args;

/// How much a stalled sink may hold up before the oldest is dropped. Upstream's sink can block
/// while a session is set up; the camera must not be made to wait for it.
const SLACK: gst::ClockTime = gst::ClockTime::from_seconds(1);

/// What the rest of the program must get at.
pub(crate) struct Parts {
    pub(crate) pipeline: gst::Pipeline,
    pub(crate) signaller: Signaller,
    pub(crate) camera: Option<gst::Bin>,
    pub(crate) sound: Option<Sound>,
    pub(crate) sink: gst::Element,
    /// That of all viewers, if they share one.
    pub(crate) encoder: Option<Encoder>,
    /// Where something passes as long as the source lives.
    pub(crate) heartbeat: Option<gst::Pad>,
}

/// Builds the pipeline; nothing is opened yet.
pub(crate) fn build(args: &Args) -> Result<Parts, ElementError> {
    element::need(&["webrtcbin", "nicesrc", "dtlsenc", "srtpenc"])?;
    let pipeline = gst::Pipeline::new();
    let camera = source::video(&args.video, args.size)?;
    let encoder = match (args.encode, &camera) {
        (Encode::Shared, Some(_)) => Some(Encoder::new(args.codec, args.bitrate, args.size)?),
        _ => None,
    };
    let (sink, signaller) = peer::sink(
        &args.server,
        &Sending {
            codec: args.codec,
            encode: args.encode,
            bitrate: args.bitrate,
            encoder: encoder.as_ref(),
            meta: meta(args),
        },
    );
    let sink = sink.upcast::<gst::Element>();
    pipeline.add(&sink).map_err(|_| ElementError::Link)?;
    if let Some(camera) = &camera {
        let queue = picture(&pipeline, camera, encoder.as_ref())?;
        link(&queue, &sink, "video_%u")?;
    }
    let sound = match Sound::add(&pipeline, &args.audio)? {
        Some((sound, last)) => {
            link(&last, &sink, "audio_%u")?;
            Some((sound, last))
        }
        None => None,
    };
    let (sound, last) = sound.unzip();
    let source = camera.as_ref().map(Cast::upcast_ref::<gst::Element>).or(last.as_ref());
    let heartbeat = source.and_then(|source| source.static_pad("src"));
    Ok(Parts { pipeline, signaller, camera, sound, sink, encoder, heartbeat })
}

/// Adds the camera and, if it is shared, the encoder. Returns the queue before the sink.
fn picture(
    pipeline: &gst::Pipeline,
    camera: &gst::Bin,
    encoder: Option<&Encoder>,
) -> Result<gst::Element, ElementError> {
    let queue = element::leaky_queue(SLACK)?;
    let mut elements = vec![camera.clone().upcast::<gst::Element>()];
    if let Some(encoder) = encoder {
        elements.push(encoder.bin().clone().upcast());
        ask_after_loss(&queue);
    }
    elements.push(queue.clone());
    element::chain(pipeline.upcast_ref(), &elements)?;
    Ok(queue)
}

/// What is dropped between an encoder and its viewers leaves them with a broken picture until the
/// next key frame.
fn ask_after_loss(queue: &gst::Element) {
    queue.connect("overrun", false, |values| {
        let queue = values.first().and_then(|value| value.get::<gst::Element>().ok());
        if let Some(sink) = queue.and_then(|queue| queue.static_pad("sink")) {
            tracing::warn!("the network side does not keep up, frames were dropped");
            let event = gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build();
            sink.push_event(event);
        }
        None
    });
}

fn link(from: &gst::Element, sink: &gst::Element, template: &str) -> Result<(), ElementError> {
    let pad = sink.request_pad_simple(template).ok_or(ElementError::Link)?;
    let source = from.static_pad("src").ok_or(ElementError::Link)?;
    source.link(&pad).map(drop).map_err(|_| ElementError::Link)
}

/// What others see of this producer.
fn meta(args: &Args) -> gst::Structure {
    let video = args.video != VideoSource::None;
    let mut meta = gst::Structure::builder("meta")
        .field("name", &args.name)
        .field("video", video)
        .field("audio", args.audio != AudioSource::None)
        .build();
    if video {
        meta.set("codec", args.codec.name());
        meta.set("size", args.size.to_string());
    }
    meta
}
