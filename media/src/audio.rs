//! The producer's sound: a microphone mixed into silence, so that there is always sound to send.
//!
//! A sink that is given two streams waits for both. A microphone that is missing, dead or pulled
//! out must therefore not be waited for: it feeds a mixer that a silent source keeps running, is
//! opened apart from the pipeline, and is tried again until it works. A greeting is one more
//! input of that mixer, for a while, with the microphone silent meanwhile.

use std::{cell::RefCell, rc::Rc, time::Instant};

use gst::{glib, prelude::*};

use crate::{
    devices,
    element::{self, ElementError},
    encode,
    source::{self, audio_caps},
    spec::{AudioSource, Clip},
    stats::Meter,
    trouble::{Device, FIRST_PAUSE, Failure, SILENCE, Trial},
};

/// The pipeline's sound, and the microphone in it.
#[derive(Debug)]
pub struct Sound {
    pipeline: gst::Pipeline,
    mixer: gst::Element,
    spec: AudioSource,
    microphone: Option<Input>,
    greeting: Option<Input>,
    /// Whether anybody needs the microphone.
    is_wanted: bool,
    trial: Trial,
    /// When it is tried again.
    next_try: Instant,
}

/// What the mixer is fed with, besides silence.
#[derive(Debug)]
struct Input {
    bin: gst::Bin,
    pad: gst::Pad,
    meter: Meter,
    /// What the meter said when something had come, and when that was.
    heard: (u64, Instant),
    /// It has said all that there is.
    is_over: bool,
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
            is_wanted: true,
            trial: Trial::new(Device::Microphone, name(spec), matches!(spec, AudioSource::File(_))),
            next_try: Instant::now(),
        };
        Ok(Some((sound, queue)))
    }

    /// Opens the microphone, or closes it; a file that is played once goes on. When it cannot be
    /// opened there is silence.
    pub fn keep_open(&mut self, open: bool) {
        let is_once = matches!(&self.spec, AudioSource::File(clip) if !clip.repeats);
        self.is_wanted = open || is_once;
        match self.is_wanted {
            true => self.open(),
            false => {
                self.close();
                self.trial.rest(&self.pipeline);
            }
        }
    }

    /// Whether an error message comes from the microphone. If so, it is taken out and silence
    /// goes on; [`look_after`] brings it back. It may have more to say when it is out already.
    pub fn took(&mut self, error: &gst::message::Error) -> bool {
        let pipeline = self.pipeline.upcast_ref::<gst::Object>();
        if error.src().is_some_and(|it| it != pipeline && !it.has_as_ancestor(pipeline)) {
            return true;
        }
        let is_of = |input: &Option<Input>| input.as_ref().is_some_and(|input| input.sent(error));
        if is_of(&self.greeting) {
            let reason = Failure::of(&error.error()).reason;
            tracing::warn!("the greeting cannot be played ({reason})");
            self.hush();
            return true;
        }
        let ours = is_of(&self.microphone);
        if ours {
            self.lost(&Failure::of(&error.error()));
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
            self.plug(bin).map_err(|failure| failure.reason)
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

    /// Whether a message that a source is over comes from the microphone itself: silence follows.
    pub fn is_over(&mut self, message: &gst::message::Application) -> bool {
        let sent = |microphone: &&mut Input| message.src() == Some(microphone.bin.upcast_ref());
        let microphone = self.microphone.as_mut().filter(sent);
        microphone.map(|microphone| microphone.is_over = true).is_some()
    }

    fn open(&mut self) {
        if self.microphone.is_some() {
            return;
        }
        match self.try_open() {
            Ok(microphone) => {
                microphone.silence(self.greeting.is_some());
                self.microphone = Some(microphone);
            }
            Err(failure) => self.lost(&failure),
        }
    }

    /// Sees whether the microphone still says something, or opens it once more.
    fn look(&mut self) {
        let Some(microphone) = &mut self.microphone else {
            if self.is_wanted && Instant::now() >= self.next_try {
                self.open();
            }
            return;
        };
        if microphone.says_something() {
            self.trial.found(&self.pipeline);
        } else if !microphone.is_over && microphone.heard.1.elapsed() > SILENCE {
            self.lost(&Failure::gone("nothing comes"));
        }
    }

    fn try_open(&self) -> Result<Input, Failure> {
        let bin = source::audio(&self.spec).map_err(|error| Failure::gone(&error.to_string()))?;
        self.plug(bin.ok_or_else(|| Failure::gone("there is none"))?)
    }

    /// Starts a source and has it mixed in.
    fn plug(&self, bin: gst::Bin) -> Result<Input, Failure> {
        start(&bin)?;
        // Its failure to start must not be the pipeline's.
        bin.set_locked_state(true);
        let pad =
            self.mixer.request_pad_simple("sink_%u").filter(|_| self.pipeline.add(&bin).is_ok());
        let Some(pad) = pad else {
            discard(&self.pipeline, &bin);
            return Err(Failure::gone("the mixer takes no more"));
        };
        let meter = Meter::default();
        meter.count(false, &pad);
        let linked = bin.static_pad("src").is_some_and(|src| src.link(&pad).is_ok());
        if linked && bin.set_state(gst::State::Playing).is_ok() {
            // From here on it starts and stops with the pipeline.
            bin.set_locked_state(false);
            return Ok(Input { bin, pad, meter, heard: (0, Instant::now()), is_over: false });
        }
        discard(&self.pipeline, &bin);
        self.mixer.release_request_pad(&pad);
        Err(Failure::gone("it does not start"))
    }

    fn close(&mut self) {
        if let Some(microphone) = self.microphone.take() {
            self.unplug(microphone);
        }
    }

    fn unplug(&self, Input { bin, pad, .. }: Input) {
        discard(&self.pipeline, &bin);
        self.mixer.release_request_pad(&pad);
    }

    fn silence_microphone(&self, silent: bool) {
        if let Some(microphone) = &self.microphone {
            microphone.silence(silent);
        }
    }

    fn lost(&mut self, failure: &Failure) {
        self.close();
        self.next_try = Instant::now() + self.trial.next_pause();
        if self.trial.lost(failure, &self.pipeline) {
            tracing::info!("{}", devices::found(devices::Kind::Microphone));
        }
    }
}

impl Input {
    /// Whether anything has come since it was asked last.
    fn says_something(&mut self) -> bool {
        let now = self.meter.progress();
        let says = now != self.heard.0;
        if says {
            self.heard = (now, Instant::now());
        }
        says
    }

    fn silence(&self, silent: bool) {
        self.pad.set_property("mute", silent);
    }

    fn sent(&self, error: &gst::message::Error) -> bool {
        let bin = self.bin.upcast_ref::<gst::Object>();
        error.src().is_some_and(|source| source == bin || source.has_as_ancestor(bin))
    }
}

/// Has a microphone that does not work noticed and tried again, from the main loop, until `sound` is
/// gone.
pub fn look_after(sound: &Rc<RefCell<Sound>>) {
    let sound = Rc::downgrade(sound);
    glib::timeout_add_local(FIRST_PAUSE, move || match sound.upgrade() {
        Some(sound) => {
            sound.borrow_mut().look();
            glib::ControlFlow::Continue
        }
        None => glib::ControlFlow::Break,
    });
}

/// Opens the device, on a bus of its own: what others have said on the pipeline's is not for us.
fn start(bin: &gst::Bin) -> Result<(), Failure> {
    let bus = gst::Bus::new();
    bin.set_bus(Some(&bus));
    let opened = bin.set_state(gst::State::Ready);
    bin.set_bus(None);
    if opened.is_ok() {
        return Ok(());
    }
    let stopped = bin.set_state(gst::State::Null);
    let message = bus.pop_filtered(&[gst::MessageType::Error]).filter(|_| stopped.is_ok());
    Err(match message.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Error(error)) => Failure::of(&error.error()),
        _ => Failure::gone("it cannot be opened"),
    })
}

/// As in a sentence.
fn name(spec: &AudioSource) -> String {
    match spec {
        AudioSource::Launch(_) => "the source of sound".into(),
        AudioSource::File(clip) => clip.to_string(),
        spec => format!("the microphone {spec}"),
    }
}

fn discard(pipeline: &gst::Pipeline, bin: &gst::Bin) {
    bin.set_locked_state(true);
    let stopped = bin.set_state(gst::State::Null);
    if stopped.is_err() || pipeline.remove(bin).is_err() {
        tracing::debug!("a source of sound did not stop cleanly");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::trouble::{Change, Trouble};

    #[test]
    fn what_others_have_said_stays_when_a_microphone_fails() {
        crate::init().unwrap();
        let pipeline = gst::Pipeline::new();
        let spec = "alsa:nosuch".parse().unwrap();
        let (mut sound, _) = Sound::add(&pipeline, &spec).unwrap().unwrap();
        let bus = pipeline.bus().unwrap();
        bus.post(gst::message::Application::new(gst::Structure::new_empty("first"))).unwrap();
        let other = gst::message::Error::new(gst::ResourceError::Failed, "of another");
        bus.post(other).unwrap();
        sound.keep_open(true);
        let said: Vec<_> = std::iter::from_fn(|| bus.pop()).collect();
        let types: Vec<_> = said.iter().map(|message| message.type_()).collect();
        assert_eq!(types[..2], [gst::MessageType::Application, gst::MessageType::Error]);
        let gone = Change { device: Device::Microphone, trouble: Some(Trouble::Gone) };
        assert!(said.iter().any(|message| Change::read(message) == Some(gone)), "{said:?}");
    }
}
