//! The producer's sound: a microphone mixed into silence, so that there is always sound to send.
//!
//! A sink that is given two streams waits for both. A microphone that is missing, dead or pulled
//! out must therefore not be waited for: it feeds a mixer that a silent source keeps running, is
//! opened apart from the pipeline, and is tried again until it works. A greeting is one more
//! input of that mixer, for a while, with the microphone silent meanwhile.

use std::time::Duration;

use gst::{glib, prelude::*};

use crate::{
    devices,
    element::{self, ElementError},
    encode,
    source::{self, audio_caps},
    spec::{AudioSource, Clip},
};

/// The time after which a microphone that does not work is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// The pipeline's sound, and the microphone in it.
#[derive(Debug)]
pub struct Sound {
    pipeline: gst::Pipeline,
    mixer: gst::Element,
    spec: AudioSource,
    microphone: Option<Input>,
    greeting: Option<Input>,
    /// Whether the last try failed, so that a broken microphone costs one line and not one a try.
    complained: bool,
}

/// What the mixer is fed with, besides silence.
#[derive(Debug)]
struct Input {
    bin: gst::Bin,
    pad: gst::Pad,
}

impl Sound {
    /// Adds the mixer and an Opus encoder to the pipeline. Returns the element that delivers the
    /// encoded sound, to be linked; `None` when there shall be no sound.
    ///
    /// # Errors
    /// An element is missing, or the text of a `launch:` is not understood. A device that cannot
    /// be opened is no error.
    pub fn add(
        pipeline: &gst::Pipeline,
        spec: &AudioSource,
    ) -> Result<Option<(Self, gst::Element)>, ElementError> {
        // What cannot ever work is said now and not at every try.
        if source::audio(spec)?.is_none() {
            return Ok(None);
        }
        let silence = element::make("audiotestsrc")?;
        silence.set_property_from_str("wave", "silence");
        silence.set_property("is-live", true);
        silence.set_property("samplesperbuffer", 480i32);
        let silence_format = element::caps_filter(&audio_caps())?;
        let mixer = element::make("audiomixer")?;
        mixer.set_property("latency", gst::ClockTime::from_mseconds(20));
        let format = element::caps_filter(&audio_caps())?;
        let encoder = element::make("opusenc")?;
        encoder.set_property("bitrate", 64_000i32);
        encode::protect_from_loss(&encoder);
        let queue = element::leaky_queue(gst::ClockTime::SECOND)?;
        let bin = pipeline.upcast_ref::<gst::Bin>();
        element::chain(
            bin,
            &[silence, silence_format, mixer.clone(), format, encoder, queue.clone()],
        )?;
        let sound = Self {
            pipeline: pipeline.clone(),
            mixer,
            spec: spec.clone(),
            microphone: None,
            greeting: None,
            complained: false,
        };
        Ok(Some((sound, queue)))
    }

    /// Opens the microphone, if it is not open. When it cannot be opened there is silence.
    ///
    /// Returns whether it is open now.
    pub fn open(&mut self) -> bool {
        if self.microphone.is_some() {
            return true;
        }
        match self.try_open() {
            Ok(microphone) => {
                microphone.silence(self.greeting.is_some());
                if self.complained {
                    tracing::info!("the microphone works again");
                }
                self.complained = false;
                self.microphone = Some(microphone);
                true
            }
            Err(reason) => {
                self.complain(&reason);
                false
            }
        }
    }

    /// Whether an error message comes from the microphone. If so, it is taken out and silence
    /// goes on; [`retry`] brings it back.
    pub fn took(&mut self, error: &gst::message::Error) -> bool {
        let is_of = |input: &Option<Input>| input.as_ref().is_some_and(|input| input.sent(error));
        let error_text = error.error();
        let reason = error_text.message();
        if is_of(&self.greeting) {
            tracing::warn!("the greeting cannot be played ({})", reason.trim());
            self.hush();
            return true;
        }
        let ours = is_of(&self.microphone);
        if ours {
            self.close();
            self.complain(reason);
        }
        ours
    }

    /// Plays a clip once, with the microphone silent until it is over.
    pub fn greet(&mut self, clip: &Clip) {
        self.hush();
        let bin =
            source::audio(&AudioSource::File(clip.clone())).map_err(|error| error.to_string());
        let input = bin.and_then(|bin| {
            let bin = bin.ok_or("there is none")?;
            bin.set_property("name", "greeting");
            self.plug(bin)
        });
        match input {
            Ok(input) => {
                self.greeting = Some(input);
                self.silence_microphone(true);
            }
            Err(reason) => tracing::warn!("the greeting cannot be played ({reason})"),
        }
    }

    /// Ends the greeting, if there is one, and has the microphone heard again.
    pub fn hush(&mut self) {
        if let Some(greeting) = self.greeting.take() {
            self.unplug(greeting);
            self.silence_microphone(false);
        }
    }

    /// Whether a message comes from the greeting itself.
    pub fn greeting_sent(&self, message: &gst::message::Application) -> bool {
        let bin = self.greeting.as_ref().map(|greeting| greeting.bin.upcast_ref());
        bin.is_some() && message.src() == bin
    }

    /// Whether a message comes from the microphone itself.
    pub fn sent(&self, message: &gst::message::Application) -> bool {
        let bin = self.microphone.as_ref().map(|microphone| microphone.bin.upcast_ref());
        bin.is_some() && message.src() == bin
    }

    fn try_open(&self) -> Result<Input, String> {
        let bin = source::audio(&self.spec).map_err(|error| error.to_string())?;
        self.plug(bin.ok_or("there is none")?)
    }

    /// Starts a source and has it mixed in.
    fn plug(&self, bin: gst::Bin) -> Result<Input, String> {
        // Its failure to start must not be the pipeline's.
        bin.set_locked_state(true);
        self.pipeline.add(&bin).map_err(|error| error.to_string())?;
        if let Err(reason) = self.start(&bin) {
            discard(&self.pipeline, &bin);
            return Err(reason);
        }
        let pad = self.mixer.request_pad_simple("sink_%u").ok_or("the mixer takes no more")?;
        let linked = bin.static_pad("src").is_some_and(|src| src.link(&pad).is_ok());
        if linked && bin.set_state(gst::State::Playing).is_ok() {
            // From here on it starts and stops with the pipeline.
            bin.set_locked_state(false);
            return Ok(Input { bin, pad });
        }
        discard(&self.pipeline, &bin);
        self.mixer.release_request_pad(&pad);
        Err("it does not start".into())
    }

    /// Opens the device.
    fn start(&self, bin: &gst::Bin) -> Result<(), String> {
        if bin.set_state(gst::State::Ready).is_ok() {
            return Ok(());
        }
        let bus = self.pipeline.bus();
        let message = bus.and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
        Err(match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Error(error)) => error.error().message().to_owned(),
            _ => "it cannot be opened".into(),
        })
    }

    fn close(&mut self) {
        if let Some(microphone) = self.microphone.take() {
            self.unplug(microphone);
        }
    }

    fn unplug(&self, Input { bin, pad }: Input) {
        discard(&self.pipeline, &bin);
        self.mixer.release_request_pad(&pad);
    }

    fn silence_microphone(&self, silent: bool) {
        if let Some(microphone) = &self.microphone {
            microphone.silence(silent);
        }
    }

    fn complain(&mut self, reason: &str) {
        if !self.complained {
            let what = match &self.spec {
                AudioSource::Launch(_) => "the source of sound does not work".into(),
                AudioSource::File(clip) => format!("{clip} cannot be played"),
                spec => format!("the microphone {spec} does not work"),
            };
            let found = devices::found(devices::Kind::Microphone);
            tracing::warn!("{what} ({}), sending silence; {found}", reason.trim());
        }
        self.complained = true;
    }
}

impl Input {
    fn silence(&self, silent: bool) {
        self.pad.set_property("mute", silent);
    }

    fn sent(&self, error: &gst::message::Error) -> bool {
        let bin = self.bin.upcast_ref::<gst::Object>();
        error.src().is_some_and(|source| source == bin || source.has_as_ancestor(bin))
    }
}

/// Has a microphone that does not work tried again, from the main loop, until `sound` is gone.
pub fn retry(sound: &std::rc::Rc<std::cell::RefCell<Sound>>) {
    let sound = std::rc::Rc::downgrade(sound);
    glib::timeout_add_local(RETRY, move || match sound.upgrade() {
        Some(sound) => {
            sound.borrow_mut().open();
            glib::ControlFlow::Continue
        }
        None => glib::ControlFlow::Break,
    });
}

fn discard(pipeline: &gst::Pipeline, bin: &gst::Bin) {
    bin.set_locked_state(true);
    let stopped = bin.set_state(gst::State::Null);
    if stopped.is_err() || pipeline.remove(bin).is_err() {
        tracing::debug!("a source of sound did not stop cleanly");
    }
}
