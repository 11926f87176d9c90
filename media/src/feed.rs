//! Sources that have a pipeline of their own: a media file, an image, a network camera.
//!
//! Such a source ends, begins again or goes away for a while. The producer's pipeline sees nothing
//! of that: for it there is one live element that delivers raw media in one format, or for a while
//! nothing. What plays runs in a thread of its own, from the first wish for data until the element
//! is gone.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use gst::{glib, prelude::*};
use gst_app::{AppSink, AppSrc};
use url::Url;

use crate::{
    element::{self, ElementError},
    run::one_line,
    source::{audio_caps, video_caps},
    spec::{Clip, RtspUrl, Size},
};

/// A network camera that delivers nothing for this long is gone.
const SILENCE: Duration = Duration::from_secs(10);

/// How long after its loss a camera is asked again; doubled after each try in vain.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long a packet of a network camera is waited for, milliseconds.
const CAMERA_LATENCY: u32 = 100;

/// The time in which a file must show its first frame before it can be told to repeat.
const OPEN: gst::ClockTime = gst::ClockTime::from_seconds(20);

/// A file that ends so often in a row without a frame in between cannot be repeated.
const EMPTY_ROUNDS: u32 = 20;

/// The name of the message on the bus that says in its field `there` whether a network camera is.
pub const CAMERA_MESSAGE: &str = "intercom-camera";

/// What is played.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    Clip(Clip),
    Image(PathBuf),
    Camera(RtspUrl),
}

/// What it is played as.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    Picture(Size),
    Sound,
}

/// An element that delivers what is played, in the form's caps.
///
/// That a file cannot be played is an error message of this element; its end is an end of stream.
/// A camera that is gone is tried again until it is back.
///
/// # Errors
/// The file cannot be read, or an element is missing.
pub(crate) fn source(origin: Origin, form: Form) -> Result<gst::Element, ElementError> {
    match &origin {
        Origin::Clip(clip) => readable("file", &clip.path)?,
        Origin::Image(path) => readable("image", path)?,
        Origin::Camera(_) => drop(element::make("rtspsrc")?),
    }
    // Built once in vain: what is missing is said now.
    Player::build(&origin, form)?;
    let source = AppSrc::builder()
        .caps(&form.caps())
        .format(gst::Format::Time)
        .is_live(true)
        .leaky_type(gst_app::AppLeakyType::Downstream)
        .max_buffers(16)
        .max_bytes(0)
        .build();
    let feed = Mutex::new(Feed::Waiting(origin, form));
    let wants_data = move |source: &AppSrc, _| {
        let mut feed = feed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Feed::Waiting(origin, form) = &*feed {
            *feed = Feed::start(origin.clone(), *form, source);
        }
    };
    source.set_callbacks(gst_app::AppSrcCallbacks::builder().need_data(wants_data).build());
    Ok(source.upcast())
}

fn readable(kind: &str, path: &Path) -> Result<(), ElementError> {
    match std::fs::File::open(path).and_then(|file| file.metadata()) {
        Ok(data) if data.is_file() => Ok(()),
        outcome => {
            let reason = outcome.err().map_or("it is no file".into(), |error| error.to_string());
            Err(ElementError::Unreadable { spec: format!("{kind}:{}", path.display()), reason })
        }
    }
}

impl Origin {
    /// As on the command line, without a password.
    fn spec(&self) -> String {
        match self {
            Self::Clip(clip) => clip.to_string(),
            Self::Image(path) => format!("image:{}", path.display()),
            Self::Camera(url) => url.to_string(),
        }
    }

    fn uri(&self) -> String {
        let path = match self {
            Self::Camera(url) => return url.address(),
            Self::Clip(clip) => &clip.path,
            Self::Image(path) => path,
        };
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        Url::from_file_path(whole).map(String::from).unwrap_or_default()
    }

    fn repeats(&self) -> bool {
        matches!(self, Self::Clip(clip) if clip.repeats)
    }
}

impl Form {
    fn caps(self) -> gst::Caps {
        match self {
            Self::Sound => audio_caps(),
            Self::Picture(size) => {
                let mut caps = video_caps(size);
                // What GStreamer takes for granted where nothing is said.
                let colours = if size.height > 576 { "bt709" } else { "bt601" };
                caps.make_mut().set("colorimetry", colours);
                caps
            }
        }
    }

    /// In whatever memory: a decoder of which only one output is in ours must do, too.
    fn raw(self) -> gst::Caps {
        let name = match self {
            Self::Picture(_) => "video/x-raw",
            Self::Sound => "audio/x-raw",
        };
        gst::Caps::builder(name).any_features().build()
    }

    fn media(self) -> &'static str {
        match self {
            Self::Picture(_) => "video",
            Self::Sound => "audio",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Picture(_) => "picture",
            Self::Sound => "sound",
        }
    }

    /// The elements between any raw media and these caps.
    fn converters(self, stands: bool) -> Result<Vec<gst::Element>, ElementError> {
        let names: &[&str] = match (self, stands) {
            (Self::Picture(_), false) => &["videoconvert", "videoscale", "videorate"],
            (Self::Picture(_), true) => &["videoconvert", "videoscale", "imagefreeze"],
            (Self::Sound, _) => &["audioconvert", "audioresample"],
        };
        let mut elements =
            names.iter().map(|name| element::make(name)).collect::<Result<Vec<_>, _>>()?;
        if stands && let Some(freeze) = elements.last() {
            freeze.set_property("is-live", true);
        }
        elements.push(element::caps_filter(&self.caps())?);
        Ok(elements)
    }
}

/// Ends with the element whose callbacks hold it.
enum Feed {
    Waiting(Origin, Form),
    Playing(Sender<(u64, Event)>),
    Failed,
}

impl Feed {
    fn start(origin: Origin, form: Form, source: &AppSrc) -> Self {
        let (sender, events) = channel();
        let play = Play {
            origin,
            form,
            source: source.downgrade(),
            sender: sender.clone(),
            events,
            frames: Arc::default(),
            attempt: 0,
            away: false,
        };
        match thread::Builder::new().name("feed".into()).spawn(move || play.run()) {
            Ok(_) => Self::Playing(sender),
            Err(error) => {
                gst::element_error!(source, gst::ResourceError::Failed, ("no thread: {error}"));
                Self::Failed
            }
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if let Self::Playing(sender) = self {
            // It fails when the thread has ended by itself.
            let _ = sender.send((0, Event::Stop));
        }
    }
}

/// What happens to a player.
#[derive(Debug)]
enum Event {
    /// The first frame.
    Begun,
    /// The end of a round that another shall follow without a gap.
    Round,
    /// The end.
    Over,
    Failed(String),
    /// Nobody wants it any more.
    Stop,
}

/// How a player ended.
enum Ending {
    Stop,
    Over,
    Failed(String),
}

/// The thread's state.
struct Play {
    origin: Origin,
    form: Form,
    source: glib::WeakRef<AppSrc>,
    sender: Sender<(u64, Event)>,
    /// Each with the number of the attempt that it is about.
    events: Receiver<(u64, Event)>,
    /// Delivered so far.
    frames: Arc<AtomicU64>,
    attempt: u64,
    /// Whether it was said that the camera is gone.
    away: bool,
}

impl Play {
    fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let before = self.delivered();
            let ending = self.play();
            let Some(source) = self.source.upgrade() else { return };
            match ending {
                Ending::Stop => return,
                ending if matches!(self.origin, Origin::Camera(_)) => self.lost(&source, ending),
                Ending::Over => {
                    let _ = source.end_of_stream();
                    return;
                }
                Ending::Failed(reason) => {
                    gst::element_error!(source, gst::ResourceError::Read, ("{reason}"));
                    return;
                }
            }
            drop(source);
            if self.delivered() != before {
                pause = FIRST_PAUSE;
            }
            if !self.rest(pause) {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Plays until it ends.
    fn play(&mut self) -> Ending {
        self.attempt += 1;
        let player = match Player::build(&self.origin, self.form) {
            Ok(player) => player,
            Err(error) => return Ending::Failed(error.to_string()),
        };
        let reporter = Reporter { attempt: self.attempt, sender: self.sender.clone() };
        player.deliver(&self.source, &self.frames, reporter.clone());
        player.report(&reporter, self.form);
        let clock = self.source.upgrade().and_then(|source| source.clock());
        if player.start(clock.as_ref()) { self.follow(&player) } else { self.not_started() }
    }

    /// The part that failed may say why a moment later.
    fn not_started(&self) -> Ending {
        loop {
            match self.events.recv_timeout(FIRST_PAUSE) {
                Ok((_, Event::Stop)) => return Ending::Stop,
                Ok((attempt, Event::Failed(reason))) if attempt == self.attempt => {
                    return Ending::Failed(reason);
                }
                Ok(_) => {}
                Err(_) => return Ending::Failed("it cannot be opened".into()),
            }
        }
    }

    fn follow(&mut self, player: &Player) -> Ending {
        let (mut seen, mut empty) = (self.delivered(), 0);
        loop {
            let event = self.events.recv_timeout(SILENCE);
            let now = self.delivered();
            let moved = std::mem::replace(&mut seen, now) != now;
            match event {
                Ok((_, Event::Stop)) | Err(RecvTimeoutError::Disconnected) => return Ending::Stop,
                Err(RecvTimeoutError::Timeout) => {
                    if !moved && matches!(self.origin, Origin::Camera(_)) {
                        return Ending::Failed(format!("nothing for {} s", SILENCE.as_secs()));
                    }
                }
                Ok((attempt, _)) if attempt != self.attempt => {}
                Ok((_, Event::Begun)) => self.found(),
                Ok((_, Event::Failed(reason))) => return Ending::Failed(reason),
                Ok((_, Event::Over)) if !player.repeats => return Ending::Over,
                Ok((_, round)) => {
                    empty = if moved { 0 } else { empty + 1 };
                    let flush = matches!(round, Event::Over);
                    if empty > EMPTY_ROUNDS || !player.repeat(flush) {
                        return Ending::Failed("it cannot be played again".into());
                    }
                }
            }
        }
    }

    /// Waits; false if it shall stop.
    fn rest(&self, pause: Duration) -> bool {
        let end = Instant::now() + pause;
        loop {
            match self.events.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok((_, Event::Stop)) | Err(RecvTimeoutError::Disconnected) => return false,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return true,
            }
        }
    }

    fn lost(&mut self, source: &AppSrc, ending: Ending) {
        let reason = match ending {
            Ending::Failed(reason) => reason,
            Ending::Over | Ending::Stop => "it ended the stream".into(),
        };
        if !std::mem::replace(&mut self.away, true) {
            let camera = self.origin.spec();
            tracing::warn!("the camera {camera} does not work ({reason}); trying again");
            tell(source, false);
        }
    }

    fn found(&mut self) {
        if !std::mem::replace(&mut self.away, false) {
            return;
        }
        tracing::info!("the camera {} works again", self.origin.spec());
        if let Some(source) = self.source.upgrade() {
            tell(&source, true);
        }
    }

    fn delivered(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }
}

/// Says on the bus whether the camera is there.
fn tell(source: &AppSrc, there: bool) {
    let state = gst::Structure::builder(CAMERA_MESSAGE).field("there", there).build();
    if source.post_message(gst::message::Element::builder(state).src(source).build()).is_err() {
        tracing::debug!("the pipeline is gone already");
    }
}

/// Says what happens to one attempt.
#[derive(Clone, Debug)]
struct Reporter {
    attempt: u64,
    sender: Sender<(u64, Event)>,
}

impl Reporter {
    fn say(&self, event: Event) {
        // It fails when the thread has ended.
        let _ = self.sender.send((self.attempt, event));
    }
}

/// One attempt to play.
struct Player {
    pipeline: gst::Pipeline,
    sink: AppSink,
    repeats: bool,
}

impl Player {
    fn build(origin: &Origin, form: Form) -> Result<Self, ElementError> {
        let pipeline = gst::Pipeline::new();
        let decoder = element::make("uridecodebin")?;
        decoder.set_property("uri", origin.uri());
        // The other streams are not even decoded.
        decoder.set_property("caps", form.raw());
        decoder.set_property("expose-all-streams", false);
        if let Origin::Camera(url) = origin {
            set_up_camera(&decoder, url.clone(), form);
        }
        // A file is played in time; a camera is.
        let is_file = matches!(origin, Origin::Clip(_));
        let sink = AppSink::builder().sync(is_file).max_buffers(2).build();
        let mut tail = form.converters(matches!(origin, Origin::Image(_)))?;
        tail.push(sink.clone().upcast());
        pipeline.add(&decoder).map_err(|_| ElementError::Link)?;
        element::chain(pipeline.upcast_ref(), &tail)?;
        let head = tail.first().and_then(|first| first.static_pad("sink"));
        link_later(&decoder, &head.ok_or(ElementError::Link)?, form);
        Ok(Self { pipeline, sink, repeats: origin.repeats() })
    }

    /// Has the sink push what it gets into the source, in the time of the source's pipeline.
    fn deliver(&self, source: &glib::WeakRef<AppSrc>, frames: &Arc<AtomicU64>, reporter: Reporter) {
        let (source, frames) = (source.clone(), frames.clone());
        let mut begun = false;
        let new_sample = move |sink: &AppSink| {
            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            let source = source.upgrade().ok_or(gst::FlowError::Eos)?;
            if let Some(buffer) = in_time_of(&sample, sink, &source) {
                source.push_buffer(buffer)?;
                frames.fetch_add(1, Ordering::Relaxed);
                if !std::mem::replace(&mut begun, true) {
                    reporter.say(Event::Begun);
                }
            }
            Ok(gst::FlowSuccess::Ok)
        };
        let callbacks = gst_app::AppSinkCallbacks::builder().new_sample(new_sample).build();
        self.sink.set_callbacks(callbacks);
    }

    fn report(&self, reporter: &Reporter, form: Form) {
        let Some(bus) = self.pipeline.bus() else { return };
        let reporter = reporter.clone();
        bus.set_sync_handler(move |_, message| {
            match message.view() {
                gst::MessageView::Error(error) => {
                    reporter.say(Event::Failed(reason(&error.error(), form)));
                }
                gst::MessageView::Eos(_) => reporter.say(Event::Over),
                gst::MessageView::SegmentDone(_) => reporter.say(Event::Round),
                _ => {}
            }
            gst::BusSyncReply::Drop
        });
    }

    /// Starts playing; false if it cannot.
    fn start(&self, clock: Option<&gst::Clock>) -> bool {
        self.pipeline.use_clock(clock);
        if self.repeats {
            let opened = self.pipeline.set_state(gst::State::Paused).is_ok()
                && self.pipeline.state(OPEN).0.is_ok();
            if !opened {
                return false;
            }
            // What cannot be played in segments is begun anew at its end.
            self.repeat(true);
        }
        self.pipeline.set_state(gst::State::Playing).is_ok()
    }

    /// Plays from the beginning: with `flush` at once, without when all that came was played.
    fn repeat(&self, flush: bool) -> bool {
        let mut flags = gst::SeekFlags::SEGMENT;
        flags.set(gst::SeekFlags::FLUSH, flush);
        let (start, stop) = (gst::ClockTime::ZERO, gst::ClockTime::NONE);
        let (set, none) = (gst::SeekType::Set, gst::SeekType::None);
        self.pipeline.seek(1.0, flags, set, start, none, stop).is_ok()
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // A uridecodebin that has just failed to start fails to stop, too, once.
        if self.pipeline.set_state(gst::State::Null).is_err() {
            let _ = self.pipeline.set_state(gst::State::Null);
        }
    }
}

/// GStreamer's words, or better ones.
fn reason(error: &glib::Error, form: Form) -> String {
    let cannot = error.matches(gst::CoreError::MissingPlugin)
        || error.matches(gst::StreamError::CodecNotFound)
        || error.matches(gst::StreamError::WrongType);
    match cannot {
        true => format!("it has no {} that can be decoded here", form.words()),
        false => one_line(error.message()),
    }
}

/// The stream of this form goes to `head`; there being none is an error.
fn link_later(decoder: &gst::Element, head: &gst::Pad, form: Form) {
    let target = head.clone();
    decoder.connect_pad_added(move |decoder, pad| {
        if !target.is_linked() && pad.link(&target).is_err() {
            let what = form.words();
            gst::element_error!(
                decoder,
                gst::StreamError::Format,
                ("its {what} cannot be converted")
            );
        }
    });
    let target = head.clone();
    decoder.connect_no_more_pads(move |decoder| {
        if !target.is_linked() {
            let what = form.words();
            gst::element_error!(decoder, gst::StreamError::TypeNotFound, ("it has no {what}"));
        }
    });
}

/// TCP: a picture without holes, through every firewall. Only the stream that is shown is asked for.
fn set_up_camera(decoder: &gst::Element, url: RtspUrl, form: Form) {
    decoder.connect("source-setup", false, move |values| {
        let source = values.get(1)?.get::<gst::Element>().ok()?;
        source.set_property_from_str("protocols", "tcp");
        source.set_property("latency", CAMERA_LATENCY);
        source.set_property("drop-on-latency", true);
        source.set_property("tcp-timeout", SILENCE.as_micros() as u64);
        if let Some((user, password)) = url.login() {
            source.set_property("user-id", user);
            source.set_property("user-pw", password);
        }
        source.connect("select-stream", false, move |values| {
            let caps = values.get(2)?.get::<gst::Caps>().ok()?;
            let media = caps.structure(0)?.get::<&str>("media").ok();
            Some((media == Some(form.media())).to_value())
        });
        None
    });
}

/// The buffer with the running time of the source's pipeline: both have the same clock.
fn in_time_of(sample: &gst::Sample, sink: &AppSink, source: &AppSrc) -> Option<gst::Buffer> {
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?.clone();
    let mut buffer = sample.buffer_owned()?;
    let time = segment.to_running_time(buffer.pts())? + sink.base_time()?;
    let time = time.saturating_sub(source.base_time()?);
    let fields = buffer.make_mut();
    fields.set_pts(time);
    fields.set_dts(gst::ClockTime::NONE);
    Some(buffer)
}
