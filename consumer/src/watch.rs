//! Watching: one session after the other with the wanted producer, until something ends it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use gst::{glib, prelude::*};
use gstintercom::Signaller;
use gstrswebrtc::webrtcsrc::BaseWebRTCSrc;
use intercom_media::{
    branch::{Branches, Outputs},
    cli, element, notify,
    output::Output,
    peer::{self, Target},
    record::{Container, Recording},
    run::{self, End, RunError},
    sink,
    stats::{Line, Meter},
};

use crate::{ConsumerError, SESSION_OVER, args::Args, live::Live, offer::Announced};

/// What systemd is told between sessions.
const WAITING: &str = "waiting for a producer";

/// The server's word for a right that is lacking.
const FORBIDDEN: &str = "forbidden";

/// How often it is looked after.
const TICK: Duration = Duration::from_secs(1);

/// Plays and records until a signal, the end of the recording or a failure.
pub(crate) fn watch(
    args: &Args,
    recording: Option<&Recording>,
    mut live: Live,
) -> Result<(), ConsumerError> {
    let _key = gstintercom::preheat_dtls();
    element::need(&["webrtcbin", "nicesrc", "dtlsdec", "srtpdec", "rtpjitterbuffer"])?;
    let meter = Meter::default();
    let screen = sink::video(&args.screen()).map_err(ConsumerError::Reserve)?;
    let loudspeaker = sink::audio(&args.loudspeaker(), args.volume);
    let loudspeaker = loudspeaker.map_err(ConsumerError::Reserve)?;
    let files: Vec<_> = [&screen, &loudspeaker]
        .into_iter()
        .flatten()
        .filter_map(|sink| sink.file.clone())
        .collect();
    let outputs = Outputs {
        screen: screen.map(|screen| screen.bin),
        loudspeaker: loudspeaker.map(|loudspeaker| loudspeaker.bin),
        recording: recording.cloned(),
        meter: meter.clone(),
    };
    let loudspeaker = outputs.loudspeaker.clone();
    let pipeline = gst::Pipeline::new();
    let container = recording.map(Recording::container);
    let codecs: &[&str] = match container {
        Some(Container::Mp4) => &["H264", "AV1"],
        Some(Container::Webm) => &["VP8", "VP9"],
        Some(Container::Matroska) | None => peer::CODECS,
    };
    let (source, signaller) = peer::source(&args.server, &args.target(), codecs, args.latency);
    pipeline.add(&source).map_err(|_| element::ElementError::Link)?;
    let branches = Branches::new(&pipeline, outputs);
    follow_pads(&source, &pipeline, &branches);
    let session = Session::default();
    follow_session(&signaller, &pipeline, &session, recording);
    follow_refusals(&signaller, &pipeline, &session, args.target());

    let on_start = {
        let (session, meter) = (session.clone(), meter.clone());
        let (stats, duration) = (args.stats, args.duration);
        move |end: &End| {
            let care = Care::new(session, meter, stats, duration);
            look_after(care, end.clone());
            // The signaller gives up a session in which nothing comes: that the main loop runs is all.
            notify::keep_alive(|| true);
        }
    };
    let recording = recording.cloned();
    let written = files.clone();
    let on_message = move |message: &gst::Message, end: &End| {
        if run::is_reload(message) {
            live.reload(loudspeaker.as_ref());
            return true;
        }
        let gst::MessageView::Application(message) = message.view() else { return false };
        if message.structure().is_some_and(|structure| structure.has_name(SESSION_OVER)) {
            branches.bury();
            notify::status(WAITING);
            let recorded = recording.as_ref().is_some_and(Recording::has_begun);
            if recorded || written.iter().any(Output::has_begun) {
                end.with(Ok(()));
            }
            return true;
        }
        run::fault(message).is_some_and(|reason| {
            end.with(Err(RunError::Other(reason)));
            true
        })
    };
    let ended = run::run(&pipeline, on_start, on_message);
    peer::say_goodbye(&signaller);
    let closed = files.iter().map(close).fold(Ok(()), Result::and);
    ended.map_err(ConsumerError::Run).and(closed)
}

/// Closes a file of decoded media, and says so.
fn close(file: &Output) -> Result<(), ConsumerError> {
    file.finish().map_err(ConsumerError::Record)?;
    cli::say(&format!("recorded {}", file.path().display()));
    Ok(())
}

/// The session there is, as the signaller told of it. Clones are the same.
#[derive(Clone, Debug, Default)]
struct Session(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    registered: bool,
    /// Names of producers by their peer id.
    names: HashMap<String, String>,
    /// How often in a row a session was refused for lack of a right.
    forbidden: usize,
    webrtcbin: Option<gst::Element>,
}

impl Session {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn follow_pads(source: &BaseWebRTCSrc, pipeline: &gst::Pipeline, branches: &Branches) {
    let (added, target) = (branches.clone(), pipeline.downgrade());
    source.connect_pad_added(move |_, pad| {
        if let (Err(error), Some(pipeline)) = (added.add(pad), target.upgrade()) {
            run::fail(&pipeline, &error.to_string());
        }
    });
    let (removed, target) = (branches.clone(), pipeline.downgrade());
    source.connect_pad_removed(move |_, pad| {
        removed.remove(pad);
        if let Some(pipeline) = target.upgrade() {
            session_over(&pipeline);
        }
    });
}

fn follow_session(
    signaller: &Signaller,
    pipeline: &gst::Pipeline,
    session: &Session,
    recording: Option<&Recording>,
) {
    let text = |value: Option<&glib::Value>| value.and_then(|value| value.get::<String>().ok());
    let known = session.clone();
    signaller.connect("connected", false, move |_| {
        if !std::mem::replace(&mut known.lock().registered, true) {
            notify::ready(WAITING);
        }
        None
    });
    let known = session.clone();
    signaller.connect("producer-added", false, move |values| {
        let meta = values.get(2).and_then(|meta| meta.get::<Option<gst::Structure>>().ok());
        let name = meta.flatten().and_then(|meta| meta.get::<String>("name").ok());
        if let (Some(id), Some(name)) = (text(values.get(1)), name) {
            known.lock().names.insert(id, cli::printable(&name));
        }
        None
    });
    let known = session.clone();
    signaller.connect("producer-removed", false, move |values| {
        let id = text(values.get(1)).unwrap_or_default();
        known.lock().names.remove(&id);
        None
    });
    let known = session.clone();
    signaller.connect("session-started", false, move |values| {
        let peer = text(values.get(2)).unwrap_or_default();
        let mut known = known.lock();
        known.forbidden = 0;
        let name = known.names.get(&peer).map_or("-", String::as_str);
        let watching = format!("watching {name} (peer id {peer})");
        cli::say(&watching);
        notify::status(&watching);
        None
    });
    let known = session.clone();
    signaller.connect("webrtcbin-ready", false, move |values| {
        known.lock().webrtcbin = values.get(2).and_then(|value| value.get().ok());
        None
    });
    let target = pipeline.downgrade();
    signaller.connect("session-ended", false, move |_| {
        if let Some(pipeline) = target.upgrade() {
            session_over(&pipeline);
        }
        Some(false.to_value())
    });
    if let Some(recording) = recording.cloned() {
        let target = pipeline.downgrade();
        signaller.connect("session-description", false, move |values| {
            let offer = values.get(2).and_then(|value| value.get().ok());
            if let (Some(offer), Some(pipeline)) = (offer, target.upgrade()) {
                prepare(&recording, &offer, &pipeline);
            }
            None
        });
    }
}

/// Ends everything once all that are meant do not let us watch. Whoever wants just anybody goes on waiting.
fn follow_refusals(
    signaller: &Signaller,
    pipeline: &gst::Pipeline,
    session: &Session,
    target: Target,
) {
    let (known, pipeline) = (session.clone(), pipeline.downgrade());
    signaller.connect("refused", false, move |values| {
        let text = |at: usize| values.get(at)?.get::<String>().ok();
        let details = text(1).filter(|_| text(2).is_some_and(|code| code == FORBIDDEN))?;
        let mut known = known.lock();
        known.forbidden += 1;
        let meant = match &target {
            Target::PeerId(_) => 1,
            // Several may have one name, and are asked in turn.
            Target::Name(name) => known.names.values().filter(|other| *other == name).count(),
            Target::First => return None,
        };
        if let Some(pipeline) = pipeline.upgrade().filter(|_| known.forbidden >= meant) {
            run::fail(&pipeline, &details);
        }
        None
    });
}

/// Tells the recording what will come, or ends everything if it cannot be recorded.
fn prepare(
    recording: &Recording,
    offer: &gst_webrtc::WebRTCSessionDescription,
    pipeline: &gst::Pipeline,
) {
    let announced = Announced::read(offer.sdp());
    if let Some(obstacle) = announced.obstacle(recording.container()) {
        run::fail(pipeline, &obstacle);
    }
    recording.expect(announced.video.is_some(), announced.audio);
}

fn session_over(pipeline: &gst::Pipeline) {
    let over = gst::message::Application::new(gst::Structure::new_empty(SESSION_OVER));
    if pipeline.post_message(over).is_err() {
        tracing::debug!("the pipeline is gone already");
    }
}

/// What is looked after once a second.
struct Care {
    session: Session,
    meter: Meter,
    stats: bool,
    duration: Option<Duration>,
    last: intercom_media::stats::Snapshot,
    first_packet: Option<Instant>,
}

impl Care {
    fn new(session: Session, meter: Meter, stats: bool, duration: Option<Duration>) -> Self {
        let last = meter.snapshot();
        Self { session, meter, stats, duration, last, first_packet: None }
    }

    fn tick(&mut self) {
        if self.first_packet.is_none() && self.meter.progress() > 0 {
            self.first_packet = Some(Instant::now());
        }
        if self.stats && self.first_packet.is_some() {
            self.print();
        }
    }

    fn print(&mut self) {
        let next = self.meter.snapshot();
        cli::say(&format!("stats {}", Line::between(&self.last, &next)));
        self.last = next;
        let webrtcbin = self.session.lock().webrtcbin.clone();
        if let Some(webrtcbin) = webrtcbin {
            self.meter.ask(&webrtcbin);
        }
    }
}

fn look_after(mut care: Care, end: End) {
    glib::timeout_add_local(TICK, move || {
        care.tick();
        let over = care.first_packet.zip(care.duration);
        if over.is_some_and(|(first, duration)| first.elapsed() >= duration) {
            end.with(Ok(()));
            return glib::ControlFlow::Break;
        }
        glib::ControlFlow::Continue
    });
}
