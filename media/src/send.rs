//! The sending half of a device: camera, microphone, encoders and the sink, linked, and what
//! happens when one of the sources ends or fails.

use std::{cell::RefCell, rc::Rc};

use gst::prelude::*;
use gstintercom::Signaller;
use gstrswebrtc::webrtcsink::BaseWebRTCSink;

use crate::{
    audio::{self, Sound},
    cli::ServerArgs,
    demand::Demand,
    element::{self, ElementError},
    encode::Encoder,
    feed::Feed,
    peer::{self, Sending},
    run::End,
    source,
    spec::{AudioSource, Bitrate, Clip, Codec, Encode, Size, VideoSource},
    trouble::Change,
};

/// How much a stalled sink may hold up before the oldest is dropped. Upstream's sink can block
/// while a session is set up; the camera must not be made to wait for it.
const SLACK: gst::ClockTime = gst::ClockTime::from_seconds(1);

/// What is sent, and how.
#[derive(Clone, Debug)]
pub struct Outgoing<'a> {
    /// Where it is registered.
    pub server: &'a ServerArgs,
    /// Which connection of its account it is: with a name, its peer id stays.
    pub instance: Option<&'a str>,
    /// What others see.
    pub name: &'a str,
    /// Where the picture comes from.
    pub video: &'a VideoSource,
    /// Where the sound comes from.
    pub audio: &'a AudioSource,
    /// The video codec.
    pub codec: Codec,
    /// That of the picture.
    pub bitrate: Bitrate,
    /// Of the picture.
    pub size: Size,
    /// Who encodes the picture.
    pub encode: Encode,
    /// Whether camera and microphone stay open while nobody needs them.
    pub always_on: bool,
}

/// The name of the message on the bus that says in its field `open` whether devices shall be.
const DEVICES_MESSAGE: &str = "intercom-devices";

/// A pipeline that sends; nothing is opened before it starts.
#[derive(Debug)]
pub struct Sender {
    /// To be run.
    pub pipeline: gst::Pipeline,
    /// The sink's connection.
    pub signaller: Signaller,
    /// `webrtcsink`.
    pub sink: gst::Element,
    /// That of all viewers, if they share one.
    pub encoder: Option<Encoder>,
    /// Where something passes as long as the source lives.
    pub heartbeat: Option<gst::Pad>,
    /// What can end, fail or come back.
    pub sources: Sources,
}

/// What can end or fail while the pipeline runs. Clones are the same.
#[derive(Clone, Debug)]
pub struct Sources {
    signaller: Signaller,
    demand: Demand,
    camera: Option<Feed>,
    sound: Option<Rc<RefCell<Sound>>>,
}

impl Sender {
    /// Builds the pipeline.
    ///
    /// # Errors
    /// An element is missing, a SPEC is not understood, or there is no camera for `auto`.
    pub fn build(outgoing: &Outgoing<'_>) -> Result<Self, ElementError> {
        element::need(&["webrtcbin", "nicesrc", "dtlsenc", "srtpenc"])?;
        let pipeline = gst::Pipeline::new();
        let camera = Feed::new(outgoing.video, outgoing.size)?;
        let (sink, signaller, encoder) = sink(outgoing, camera.is_some())?;
        let demand = demand(&pipeline, encoder.clone(), outgoing.always_on);
        demand.follow(&sink, &signaller);
        let sink: gst::Element = sink.upcast();
        pipeline.add(&sink).map_err(|_| ElementError::Link)?;
        if let Some(camera) = &camera {
            let queue = picture(&pipeline, camera.bin(), encoder.as_ref())?;
            link(&queue, &sink, "video_%u")?;
        }
        let sound = Sound::add(&pipeline, outgoing.audio)?;
        if let Some((_, last)) = &sound {
            link(last, &sink, "audio_%u")?;
        }
        let (sound, last) = sound.unzip();
        let picture = camera.as_ref().map(|camera| camera.bin().upcast_ref::<gst::Element>());
        let source = picture.or(last.as_ref());
        let heartbeat = source.and_then(|source| source.static_pad("src"));
        let sound = sound.map(|sound| Rc::new(RefCell::new(sound)));
        let sources = Sources { signaller: signaller.clone(), demand, camera, sound };
        Ok(Self { pipeline, signaller, sink, encoder, heartbeat, sources })
    }
}

impl Sources {
    /// Has the microphone opened, now and whenever it can be; when the pipeline has been started.
    pub fn open(&self) {
        if let Some(sound) = &self.sound {
            sound.borrow_mut().keep_open(true);
            audio::look_after(sound);
        }
    }

    /// Whether devices shall be open now.
    pub fn are_open(&self) -> bool {
        self.demand.is_open()
    }

    /// Whether a greeting of this clip could be played.
    ///
    /// # Errors
    /// The file cannot be read, or an element is missing.
    pub fn can_greet(clip: &Clip) -> Result<(), ElementError> {
        source::audio(&AudioSource::File(clip.clone())).map(drop)
    }

    /// Plays this clip once in place of the microphone; without sound, nothing.
    pub fn greet(&self, clip: &Clip) {
        if let Some(sound) = &self.sound {
            sound.borrow_mut().greet(clip);
        }
    }

    /// Ends a greeting that is not over yet.
    pub fn hush(&self) {
        if let Some(sound) = &self.sound {
            sound.borrow_mut().hush();
        }
    }

    /// Whether a message was about a source; it is then dealt with. A [`Change`] is counted only.
    pub fn heard(&self, message: &gst::Message, end: &End) -> bool {
        if let Some(Change { device, trouble: Some(trouble) }) = Change::read(message) {
            self.signaller.count(&trouble.as_failure(device));
        }
        match message.view() {
            gst::MessageView::Error(error) => self.failed(error, end),
            gst::MessageView::Application(message) => {
                self.is_about_devices(message) || self.is_over(message, end)
            }
            _ => false,
        }
    }

    fn is_about_devices(&self, message: &gst::message::Application) -> bool {
        let said = message.structure().filter(|said| said.has_name(DEVICES_MESSAGE));
        let Some(open) = said.and_then(|said| said.get("open").ok()) else { return false };
        match open {
            true => tracing::info!("somebody comes, camera and microphone are opened"),
            false => tracing::info!("nobody is there, camera and microphone are closed"),
        }
        if let Some(camera) = &self.camera {
            camera.keep_open(open);
        }
        if let Some(sound) = &self.sound {
            sound.borrow_mut().keep_open(open);
        }
        true
    }

    fn failed(&self, error: &gst::message::Error, end: &End) -> bool {
        if let Some(mut sound) = self.sound.as_ref().map(|sound| sound.borrow_mut())
            && (sound.is_of_the_past(error) || sound.took(error))
        {
            return true;
        }
        let failure = self.camera.as_ref().and_then(|camera| camera.failure(error));
        failure.map(|failure| end.with(Err(failure))).is_some()
    }

    /// With the picture, the producer ends; sound that is over is silence, if there is a picture.
    fn is_over(&self, message: &gst::message::Application, end: &End) -> bool {
        if !message.structure().is_some_and(|over| over.has_name(source::OVER_MESSAGE)) {
            return false;
        }
        if let Some(sound) = self.sound.as_ref().filter(|it| it.borrow().greeting_sent(message)) {
            sound.borrow_mut().hush();
            return true;
        }
        let from_sound = self.sound.as_ref().is_some_and(|it| it.borrow_mut().is_over(message));
        let picture = self.camera.as_ref().map(|camera| camera.bin().upcast_ref::<gst::Object>());
        let from_picture = picture.is_some() && message.src() == picture;
        // What has failed and was taken out says that it is over, too.
        if from_picture || (from_sound && picture.is_none()) {
            end.with(Ok(()));
        }
        true
    }
}

/// Has devices opened and pictures encoded when they are needed.
fn demand(pipeline: &gst::Pipeline, encoder: Option<Encoder>, always_on: bool) -> Demand {
    let bus = pipeline.bus();
    Demand::new(always_on, move |before, now| {
        if let Some(encoder) = encoder.as_ref().filter(|_| before.is_watched != now.is_watched) {
            encoder.rest(!now.is_watched);
        }
        if before.is_open == now.is_open {
            return;
        }
        let open = gst::Structure::builder(DEVICES_MESSAGE).field("open", now.is_open).build();
        let message = gst::message::Application::new(open);
        if bus.as_ref().is_none_or(|bus| bus.post(message).is_err()) {
            tracing::debug!("the pipeline is gone already");
        }
    })
}

fn sink(
    outgoing: &Outgoing<'_>,
    has_picture: bool,
) -> Result<(BaseWebRTCSink, Signaller, Option<Encoder>), ElementError> {
    let Outgoing { server, instance, codec, bitrate, size, encode, .. } = outgoing.clone();
    let encoder = match encode {
        Encode::Shared if has_picture => Some(Encoder::new(codec, bitrate, size)?),
        _ => None,
    };
    let meta = meta(outgoing);
    let sending = Sending { codec, encode, bitrate, encoder: encoder.as_ref(), instance, meta };
    let (sink, signaller) = peer::sink(server, &sending);
    Ok((sink, signaller, encoder))
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
fn meta(outgoing: &Outgoing<'_>) -> gst::Structure {
    let video = *outgoing.video != VideoSource::None;
    let mut meta = gst::Structure::builder("meta")
        .field("name", outgoing.name)
        .field("video", video)
        .field("audio", *outgoing.audio != AudioSource::None)
        .build();
    if video {
        meta.set("codec", outgoing.codec.name());
        meta.set("size", outgoing.size.to_string());
    }
    meta
}
