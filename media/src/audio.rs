//! The producer's sound: a microphone mixed into silence, so that there is always sound to send.
//!
//! A sink that is given two streams waits for both. A microphone that is missing, dead or pulled
//! out must therefore not be waited for: it feeds a mixer that a silent source keeps running, is
//! opened and closed by a thread, apart from the pipeline, and is tried again until it works. A
//! greeting is one more input of that mixer, for a while, with the microphone silent meanwhile.

use std::{cell::RefCell, rc::Rc, time::Instant};

use gst::{glib, prelude::*};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::{
    element::{self, ElementError},
    encode,
    opener::{Done, Opener},
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
    microphone: Microphone,
    greeting: Option<Input>,
    /// Whether anybody needs the microphone.
    is_wanted: bool,
    trial: Trial,
    /// When it is tried again.
    next_try: Instant,
    opener: Opener,
    /// What it tells, until that is listened to.
    done: Option<UnboundedReceiver<Done>>,
}

#[derive(Debug)]
enum Microphone {
    Closed,
    /// Since then; what comes of it is told.
    Opening(Instant),
    /// Mixed in.
    Open(Input),
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
        if !source::can_be_heard(spec)? {
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
        let (opener, done) = Opener::new();
        let sound = Self {
            pipeline: pipeline.clone(),
            mixer,
            spec: spec.clone(),
            microphone: Microphone::Closed,
            greeting: None,
            is_wanted: true,
            trial: Trial::new(Device::Microphone, name(spec), matches!(spec, AudioSource::File(_))),
            next_try: Instant::now(),
            opener,
            done: Some(done),
        };
        Ok(Some((sound, queue)))
    }

    /// Has the microphone opened, or closed; a file that is played once goes on. When it cannot be
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

    /// Whether an error message comes from what has been taken out already, and means nothing.
    pub fn is_of_the_past(&self, error: &gst::message::Error) -> bool {
        let pipeline = self.pipeline.upcast_ref::<gst::Object>();
        error.src().is_some_and(|it| it != pipeline && !it.has_as_ancestor(pipeline))
    }

    /// Whether an error message comes from the microphone or the greeting. If so, it is taken out
    /// and silence goes on; [`look_after`] brings a microphone back.
    pub fn took(&mut self, error: &gst::message::Error) -> bool {
        if self.greeting.as_ref().is_some_and(|greeting| greeting.sent(error)) {
            let reason = Failure::of(&error.error()).reason;
            tracing::warn!("the greeting cannot be played ({reason})");
            self.hush();
            return true;
        }
        let ours = matches!(&self.microphone, Microphone::Open(input) if input.sent(error));
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
        let input = bin.and_then(|bin| self.play(bin.ok_or("there is none")?));
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
            stop(&self.unplug(greeting));
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
        let Microphone::Open(input) = &mut self.microphone else { return false };
        let ours = message.src() == Some(input.bin.upcast_ref());
        input.is_over |= ours;
        ours
    }

    fn open(&mut self) {
        if matches!(self.microphone, Microphone::Closed) {
            self.microphone = Microphone::Opening(Instant::now());
            self.opener.open(&self.spec);
        }
    }

    /// What has come of an attempt to open the microphone, or to start it.
    fn told(&mut self, done: Done) {
        match done {
            Done::Opened(outcome) => {
                self.microphone = Microphone::Closed;
                match outcome {
                    Ok(bin) if !self.is_wanted => self.opener.close(bin),
                    Ok(bin) => self.take(bin),
                    Err(failure) if self.is_wanted => self.lost(&failure),
                    Err(_) => {}
                }
            }
            Done::Started(bin, plays) => {
                let Microphone::Open(input) = &self.microphone else { return };
                if input.bin == bin && plays {
                    // From here on it starts and stops with the pipeline.
                    bin.set_locked_state(false);
                } else if input.bin == bin {
                    self.lost(&Failure::gone("it does not start"));
                }
            }
        }
    }

    /// Mixes an open microphone in.
    fn take(&mut self, bin: gst::Bin) {
        match self.plug(bin) {
            Ok(input) => {
                input.silence(self.greeting.is_some());
                self.opener.start(&input.bin);
                self.microphone = Microphone::Open(input);
            }
            Err(bin) => {
                self.opener.close(bin);
                self.lost(&Failure::gone("it cannot be mixed"));
            }
        }
    }

    /// Sees whether the microphone still says something, or opens it once more.
    fn look(&mut self) {
        if !self.is_wanted {
            return;
        }
        match &mut self.microphone {
            Microphone::Closed if Instant::now() < self.next_try => {}
            Microphone::Closed => self.open(),
            Microphone::Opening(since) if since.elapsed() <= SILENCE => {}
            // It will be told when it opens, or does not.
            Microphone::Opening(_) => self.complain(&Failure::gone("it does not open")),
            Microphone::Open(input) => {
                if input.says_something() {
                    self.trial.found(&self.pipeline);
                } else if !input.is_over && input.heard.1.elapsed() > SILENCE {
                    self.lost(&Failure::gone("nothing comes"));
                }
            }
        }
    }

    /// Starts a source that waits for nobody, and mixes it in.
    fn play(&self, bin: gst::Bin) -> Result<Input, String> {
        bin.set_property("name", "greeting");
        let failed = |bin: gst::Bin| {
            stop(&bin);
            "it does not start".to_owned()
        };
        let input = self.plug(bin).map_err(failed)?;
        if input.bin.set_state(gst::State::Playing).is_err() {
            return Err(failed(self.unplug(input)));
        }
        input.bin.set_locked_state(false);
        Ok(input)
    }

    /// Adds a source to the pipeline and the mixer; its failure to start is not the pipeline's.
    ///
    /// # Errors
    /// Nobody takes it: it is given back.
    fn plug(&self, bin: gst::Bin) -> Result<Input, gst::Bin> {
        let Some(pad) = self.mixer.request_pad_simple("sink_%u") else { return Err(bin) };
        let meter = Meter::default();
        meter.count(false, &pad);
        bin.set_locked_state(true);
        let input = Input { bin, pad, meter, heard: (0, Instant::now()), is_over: false };
        let is_added = self.pipeline.add(&input.bin).is_ok();
        let way_out = input.bin.static_pad("src").filter(|_| is_added);
        if way_out.is_some_and(|way_out| way_out.link(&input.pad).is_ok()) {
            return Ok(input);
        }
        Err(self.unplug(input))
    }

    /// The opposite. It still plays, and has nobody to tell of it.
    fn unplug(&self, Input { bin, pad, .. }: Input) -> gst::Bin {
        bin.set_locked_state(true);
        if self.pipeline.remove(&bin).is_err() {
            tracing::debug!("a source of sound was in no pipeline");
        }
        self.mixer.release_request_pad(&pad);
        bin
    }

    /// What is being opened is closed when it is told.
    fn close(&mut self) {
        self.microphone = match std::mem::replace(&mut self.microphone, Microphone::Closed) {
            Microphone::Open(input) => {
                self.opener.close(self.unplug(input));
                Microphone::Closed
            }
            other => other,
        };
    }

    fn silence_microphone(&self, silent: bool) {
        if let Microphone::Open(input) = &self.microphone {
            input.silence(silent);
        }
    }

    fn lost(&mut self, failure: &Failure) {
        self.close();
        self.next_try = Instant::now() + self.trial.next_pause();
        self.complain(failure);
    }

    fn complain(&mut self, failure: &Failure) {
        if self.trial.lost(failure, &self.pipeline) {
            self.opener.list();
        }
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        self.close();
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

/// Has a microphone that opens mixed in, and one that does not work noticed and tried again, from the
/// main loop, until `sound` is gone.
pub fn look_after(sound: &Rc<RefCell<Sound>>) {
    let Some(mut done) = sound.borrow_mut().done.take() else { return };
    let told = Rc::downgrade(sound);
    glib::MainContext::default().spawn_local(async move {
        while let Some(done) = done.recv().await {
            let Some(sound) = told.upgrade() else { return };
            sound.borrow_mut().told(done);
        }
    });
    let sound = Rc::downgrade(sound);
    glib::timeout_add_local(FIRST_PAUSE, move || match sound.upgrade() {
        Some(sound) => {
            sound.borrow_mut().look();
            glib::ControlFlow::Continue
        }
        None => glib::ControlFlow::Break,
    });
}

/// As in a sentence.
fn name(spec: &AudioSource) -> String {
    match spec {
        AudioSource::Launch(_) => "the source of sound".into(),
        AudioSource::File(clip) => clip.to_string(),
        spec => format!("the microphone {spec}"),
    }
}

fn stop(bin: &gst::Bin) {
    if bin.set_state(gst::State::Null).is_err() {
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
        let failed = sound.done.as_mut().unwrap().blocking_recv().unwrap();
        sound.told(failed);
        let said: Vec<_> = std::iter::from_fn(|| bus.pop()).collect();
        let types: Vec<_> = said.iter().map(|message| message.type_()).collect();
        assert_eq!(types[..2], [gst::MessageType::Application, gst::MessageType::Error]);
        let is = |trouble| Some(Change { device: Device::Microphone, trouble });
        let gone = is(Some(Trouble::Gone));
        assert!(said.iter().any(|message| Change::read(message) == gone), "{said:?}");
        sound.keep_open(false);
        let rests = bus.pop().and_then(|message| Change::read(&message));
        assert_eq!(rests, is(None), "nobody tries any more");
    }
}
