//! The other side of a call: one `webrtcsrc` and what it leads to, in a bin that comes and goes
//! while the pipeline around it plays.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel},
    },
    thread,
    time::Duration,
};

use gst::prelude::*;
use gstintercom::Signaller;
use gstrswebrtc::webrtcsrc::BaseWebRTCSrc;

use crate::{
    branch::{Branches, Outputs},
    cli::ServerArgs,
    element::{self, ElementError},
    peer::{self, Target},
    run,
    source::audio_caps,
    stats::Meter,
};

/// The message on the bus that says that a track has ended; see [`Remote::tidy`].
pub(super) const TRACK_OVER: &str = "intercom-track-over";

/// How long a bin may take to stop.
const STOP: Duration = Duration::from_secs(3);

/// What of the other side is wanted, and how.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) server: ServerArgs,
    /// What shows its picture.
    pub(super) screen: Option<gst::Bin>,
    /// Jitter buffer, milliseconds.
    pub(super) latency: u32,
}

/// What is received of one producer.
#[derive(Debug)]
pub(super) struct Remote {
    bin: gst::Bin,
    signaller: Signaller,
    branches: Branches,
    meter: Meter,
    /// Whether it has offered what was asked for.
    is_answered: Arc<AtomicBool>,
    mixer: gst::Element,
    /// The next one's as well.
    screen: Option<gst::Bin>,
}

/// A remote that is being taken down by a thread.
#[derive(Debug)]
pub(super) struct Leaving(Receiver<()>);

impl Remote {
    /// Begins to receive, with the sound into the mixer.
    ///
    /// # Errors
    /// An element is missing.
    pub(super) fn start(
        pipeline: &gst::Pipeline,
        mixer: &gst::Element,
        wanted: &Wanted,
        peer_id: &str,
    ) -> Result<Self, ElementError> {
        let bin = gst::Bin::new();
        // It comes into a pipeline that plays: its own preroll is nobody else's business.
        bin.set_property("async-handling", true);
        let Wanted { server, screen, latency } = wanted;
        let target = Target::PeerId(peer_id.into());
        let (source, signaller) = peer::source(server, &target, peer::CODECS, *latency);
        bin.add(&source).map_err(|_| ElementError::Link)?;
        let is_answered = Arc::<AtomicBool>::default();
        follow_answers(&signaller, &is_answered);
        let voice = voice()?;
        mix(&bin, &voice, mixer)?;
        let meter = Meter::default();
        let outputs = Outputs {
            screen: screen.clone(),
            loudspeaker: Some(voice),
            recording: None,
            meter: meter.clone(),
        };
        let branches = Branches::new(&bin, outputs);
        follow_pads(&source, &bin, &branches);
        let (mixer, screen) = (mixer.clone(), screen.clone());
        let remote = Self { bin, signaller, branches, meter, is_answered, mixer, screen };
        let added = pipeline.add(&remote.bin).is_ok();
        if added && remote.bin.sync_state_with_parent().is_ok() {
            return Ok(remote);
        }
        remote.leave();
        Err(ElementError::Link)
    }

    /// Bytes of media that have come.
    pub(super) fn received(&self) -> u64 {
        self.meter.progress()
    }

    /// Whether the other side has said something to the request for a session.
    pub(super) fn is_answered(&self) -> bool {
        self.is_answered.load(Ordering::Relaxed)
    }

    /// Takes down what carried tracks that have ended; from the main loop.
    pub(super) fn tidy(&self) {
        self.branches.bury();
    }

    /// Takes it down. A thread waits for that: it may take long, and the main loop must not.
    pub(super) fn leave(self) -> Leaving {
        let (sender, done) = channel();
        self.bin.set_locked_state(true);
        thread::spawn(move || {
            self.take_down();
            let _ = sender.send(());
        });
        Leaving(done)
    }

    fn take_down(self) {
        let Self { bin, signaller, mixer, screen, .. } = self;
        let stopped = bin.set_state(gst::State::Null);
        for pad in bin.src_pads().iter().filter_map(PadExt::peer) {
            mixer.release_request_pad(&pad);
        }
        if let Some(screen) =
            screen.filter(|screen| screen.parent().as_ref() == Some(bin.upcast_ref()))
            && bin.remove(&screen).is_err()
        {
            tracing::debug!("the screen stays with the other side that is gone");
        }
        let parent = bin.parent().and_downcast::<gst::Bin>();
        if stopped.is_err() || parent.is_some_and(|parent| parent.remove(&bin).is_err()) {
            tracing::debug!("the other side was not taken down cleanly");
        }
        peer::say_goodbye(&signaller);
    }
}

impl Leaving {
    /// Whether it is done.
    pub(super) fn is_done(&self) -> bool {
        self.0.try_recv() != Err(TryRecvError::Empty)
    }

    /// Waits until it is done, within reason.
    pub(super) fn wait(self) {
        if self.0.recv_timeout(STOP) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the other side was not taken down within {STOP:?}; ending anyway");
        }
    }
}

/// From decoded sound to the mixer's format.
fn voice() -> Result<gst::Bin, ElementError> {
    let bin = gst::Bin::with_name("voice");
    let convert = element::make("audioconvert")?;
    let resample = element::make("audioresample")?;
    let filter = element::caps_filter(&audio_caps())?;
    let queue = element::leaky_queue(gst::ClockTime::from_mseconds(500))?;
    element::chain(&bin, &[convert.clone(), resample, filter, queue.clone()])?;
    element::ghost(&bin, &convert, "sink")?;
    element::ghost(&bin, &queue, "src")?;
    Ok(bin)
}

/// Links the voice to the mixer whenever it comes into the bin: that is when there is sound, and
/// the mixer waits for nobody who has none.
fn mix(bin: &gst::Bin, voice: &gst::Bin, mixer: &gst::Element) -> Result<(), ElementError> {
    let way_out = gst::GhostPad::new(gst::PadDirection::Src);
    way_out.set_active(true).map_err(|_| ElementError::Link)?;
    bin.add_pad(&way_out).map_err(|_| ElementError::Link)?;
    let (voice, mixer) = (voice.downgrade(), mixer.downgrade());
    bin.connect_element_added(move |bin, element| {
        let (Some(voice), Some(mixer)) = (voice.upgrade(), mixer.upgrade()) else { return };
        if voice == *element && link(&way_out, &voice, &mixer).is_none() {
            run::fail(bin, "the sound of the other side cannot be played");
        }
    });
    Ok(())
}

fn link(way_out: &gst::GhostPad, voice: &gst::Bin, mixer: &gst::Element) -> Option<()> {
    // Of a session before: it has heard of its end.
    if let Some(old) = way_out.peer() {
        mixer.release_request_pad(&old);
    }
    way_out.set_target(Some(&voice.static_pad("src")?)).ok()?;
    let pad = mixer.request_pad_simple("sink_%u")?;
    way_out.link(&pad).ok().map(drop)
}

fn follow_pads(source: &BaseWebRTCSrc, bin: &gst::Bin, branches: &Branches) {
    let (added, target) = (branches.clone(), bin.downgrade());
    source.connect_pad_added(move |_, pad| {
        if let (Err(error), Some(bin)) = (added.add(pad), target.upgrade()) {
            run::fail(&bin, &error.to_string());
        }
    });
    let (removed, target) = (branches.clone(), bin.downgrade());
    source.connect_pad_removed(move |_, pad| {
        removed.remove(pad);
        let over = gst::message::Application::new(gst::Structure::new_empty(TRACK_OVER));
        if target.upgrade().is_some_and(|bin| bin.post_message(over).is_err()) {
            tracing::debug!("the pipeline is gone already");
        }
    });
}

fn follow_answers(signaller: &Signaller, is_answered: &Arc<AtomicBool>) {
    for (signal, answer) in [("session-started", false), ("session-description", true)] {
        let is_answered = is_answered.clone();
        signaller.connect(signal, false, move |_| {
            is_answered.store(answer, Ordering::Relaxed);
            None
        });
    }
}
