//! The receiving half of a device: a loudspeaker that stays open, with silence in it, and the other
//! side of a call mixed in while there is one.

use std::fmt;

use gst::{bus::BusWatchGuard, glib, prelude::*};

use super::{
    News,
    remote::{Leaving, Remote, TRACK_OVER, Wanted},
};
use crate::{
    cli::{self, ServerArgs},
    element::{self, ElementError},
    output::Output,
    record::RecordError,
    run::{self, RunError},
    sink,
    source::audio_caps,
    spec::{AudioSink, VideoSink},
};

/// What decoding and mixing add to the jitter buffer, milliseconds.
const MIXING: u64 = 20;

/// A pipeline of its own: whatever fails in it, what the device sends goes on.
pub struct Ear {
    pipeline: gst::Pipeline,
    mixer: gst::Element,
    loudspeaker: gst::Element,
    /// What loudspeaker and screen write to, if these are files.
    files: Vec<Output>,
    wanted: Wanted,
    remote: Option<Remote>,
    leaving: Vec<Leaving>,
    watch: Option<BusWatchGuard>,
}

impl Ear {
    /// Builds it; nothing is opened yet but the loudspeaker, to see whether it is there. `volume` 1
    /// is unchanged; `latency` is that of the jitter buffer, milliseconds.
    ///
    /// # Errors
    /// An element is missing, or a file cannot be made.
    pub fn build(
        server: &ServerArgs,
        (speaker, volume): (&AudioSink, f64),
        show: &VideoSink,
        latency: u32,
    ) -> Result<Self, RecordError> {
        element::need(&["webrtcbin", "nicesrc", "dtlsdec", "srtpdec", "rtpjitterbuffer"])?;
        let screen = sink::video(show)?;
        let speaker = sink::audio(speaker, volume)?;
        let sinks = [&screen, &speaker].into_iter().flatten();
        let files = sinks.filter_map(|sink| sink.file.clone()).collect();
        let loudspeaker = match speaker {
            Some(sink) => sink.bin.upcast(),
            None => nowhere()?,
        };
        let pipeline = gst::Pipeline::new();
        let mixer = mixer(latency)?;
        let silence = element::make("audiotestsrc")?;
        silence.set_property_from_str("wave", "silence");
        silence.set_property("is-live", true);
        silence.set_property("samplesperbuffer", 480i32);
        let format = element::caps_filter(&audio_caps())?;
        let mixed = element::caps_filter(&audio_caps())?;
        let chain = [silence, format, mixer.clone(), mixed, loudspeaker.clone()];
        element::chain(pipeline.upcast_ref(), &chain)?;
        let screen = screen.map(|screen| screen.bin);
        let wanted = Wanted { server: server.clone(), screen, latency };
        let (remote, leaving, watch) = (None, Vec::new(), None);
        Ok(Self { pipeline, mixer, loudspeaker, files, wanted, remote, leaving, watch })
    }

    /// What plays the sound; for [`sink::set_volume`].
    pub fn loudspeaker(&self) -> Option<gst::Bin> {
        self.loudspeaker.clone().downcast().ok()
    }

    /// Opens the loudspeaker; what happens from here on is told from the main loop.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(super) fn open(&mut self, tell: impl Fn(News) + 'static) -> Result<(), RunError> {
        let bus = self.pipeline.bus().ok_or(RunError::NoBus)?;
        let (pipeline, loudspeaker) = (self.pipeline.downgrade(), self.loudspeaker.clone());
        let watch = bus.add_watch_local(move |_, message| {
            let pipeline = pipeline.upgrade();
            if let Some(news) = pipeline.and_then(|it| look(&it, &loudspeaker, message)) {
                tell(news);
            }
            glib::ControlFlow::Continue
        });
        self.watch = Some(watch.map_err(|_| RunError::NoBus)?);
        let started = self.pipeline.set_state(gst::State::Playing);
        started.map(drop).map_err(|_| RunError::Other("the loudspeaker does not start".into()))
    }

    /// Plays and shows this producer, and nobody else.
    ///
    /// # Errors
    /// An element is missing.
    pub(super) fn listen_to(&mut self, peer_id: &str) -> Result<(), ElementError> {
        self.let_go();
        self.remote = Some(Remote::start(&self.pipeline, &self.mixer, &self.wanted, peer_id)?);
        Ok(())
    }

    /// What comes of the other side, if it is asked for anything.
    pub(super) fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    /// Takes down what there is of the other side.
    pub(super) fn let_go(&mut self) {
        self.leaving.retain(|leaving| !leaving.is_done());
        self.leaving.extend(self.remote.take().map(Remote::leave));
    }

    /// Takes down what carried tracks that have ended.
    pub(super) fn tidy(&self) {
        if let Some(remote) = &self.remote {
            remote.tidy();
        }
    }

    /// Stops, and closes its files.
    ///
    /// # Errors
    /// A file could not be written, or nothing came for it.
    pub(super) fn close(&mut self) -> Result<(), RecordError> {
        self.let_go();
        self.leaving.drain(..).for_each(Leaving::wait);
        run::stop(&self.pipeline);
        self.files.drain(..).try_for_each(|file| {
            file.finish()?;
            cli::say(&format!("recorded {}", file.path().display()));
            Ok(())
        })
    }
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ear").field("remote", &self.remote).finish_non_exhaustive()
    }
}

/// What a message of the pipeline means for the phone, if anything.
fn look(
    pipeline: &gst::Pipeline,
    loudspeaker: &gst::Element,
    message: &gst::Message,
) -> Option<News> {
    match message.view() {
        gst::MessageView::Error(error) => {
            let is_loudspeaker = error.src().is_some_and(|source| {
                source == loudspeaker.upcast_ref::<gst::Object>()
                    || source.has_as_ancestor(loudspeaker)
            });
            let reason = RunError::of(error).to_string();
            let news = if is_loudspeaker { News::LoudspeakerFailed } else { News::RemoteFailed };
            Some(news(reason))
        }
        gst::MessageView::Application(message) => {
            let is_over = message.structure().is_some_and(|it| it.has_name(TRACK_OVER));
            if is_over {
                Some(News::TrackOver)
            } else {
                run::fault(message).map(News::RemoteFailed)
            }
        }
        gst::MessageView::Latency(_) => {
            if let Err(error) = pipeline.recalculate_latency() {
                tracing::debug!(%error, "latency");
            }
            None
        }
        _ => None,
    }
}

/// It must know from the beginning how late the other side's sound may come.
fn mixer(latency: u32) -> Result<gst::Element, ElementError> {
    let mixer = element::make("audiomixer")?;
    let late = gst::ClockTime::from_mseconds(u64::from(latency) + MIXING);
    mixer.set_property("min-upstream-latency", late);
    mixer.set_property("latency", gst::ClockTime::from_mseconds(MIXING));
    Ok(mixer)
}

/// Without a loudspeaker, the mixer goes on in its own time.
fn nowhere() -> Result<gst::Element, ElementError> {
    let sink = element::make("fakesink")?;
    sink.set_property("sync", true);
    Ok(sink)
}
