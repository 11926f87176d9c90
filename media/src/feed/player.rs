//! One attempt to play something: its pipeline, from the start to the end or the first error.

use std::{
    cell::Cell,
    path::{Path, PathBuf},
    sync::{Arc, mpsc::Sender},
    time::Duration,
};

use gst::{glib, prelude::*};
use gst_app::AppSink;
use url::Url;

use super::{Event, outlet::Outlet};
use crate::{
    element::{self, ElementError},
    source::{self, audio_caps, video_caps},
    spec::{Clip, RtspUrl, Size, VideoSource},
    trouble::Failure,
};

/// How long a packet of a network camera is waited for, milliseconds.
const CAMERA_LATENCY: u32 = 100;

/// How long a network camera's connection may say nothing.
const CAMERA_SILENCE: Duration = Duration::from_secs(10);

/// What is played.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    Clip(Clip),
    Image(PathBuf),
    Network(RtspUrl),
    /// Anything with elements of its own.
    Device(VideoSource),
    /// The first camera there is: at the moment, this one.
    Any(VideoSource),
}

/// What it is played as.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    Picture(Size),
    Sound,
}

/// One attempt to play.
pub(super) struct Player {
    pipeline: gst::Pipeline,
    sink: AppSink,
    kind: Kind,
    /// It plays, or may be told to.
    is_begun: Cell<bool>,
}

/// How it is started.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Once,
    Repeating,
    Device,
}

/// Says what happens to one attempt.
#[derive(Clone, Debug)]
pub(super) struct Reporter {
    pub(super) attempt: u64,
    pub(super) sender: Sender<(u64, Event)>,
}

impl Origin {
    /// Of a picture; `None` if there shall be none.
    ///
    /// # Errors
    /// There is no camera.
    pub(super) fn of(spec: &VideoSource) -> Result<Option<Self>, ElementError> {
        Ok(Some(match spec {
            VideoSource::None => return Ok(None),
            VideoSource::Auto => Self::Any(source::first_camera()?),
            VideoSource::File(clip) => Self::Clip(clip.clone()),
            VideoSource::Image(path) => Self::Image(path.clone()),
            VideoSource::Rtsp(url) => Self::Network(url.clone()),
            device => Self::Device(device.clone()),
        }))
    }

    /// Another camera may be the first now: one that was pulled out comes back under another name.
    pub(super) fn look_again(&mut self) {
        if let Self::Any(camera) = self
            && let Ok(first) = source::first_camera()
        {
            *camera = first;
        }
    }

    /// What is known to be wrong without playing it.
    ///
    /// # Errors
    /// The file cannot be read, an element is missing, or there is no such device.
    pub(super) fn check(&self, form: Form) -> Result<(), ElementError> {
        match self {
            Self::Clip(clip) => readable("file", &clip.path)?,
            Self::Image(path) => readable("image", path)?,
            Self::Network(_) => drop(element::make("rtspsrc")?),
            Self::Device(_) | Self::Any(_) => {}
        }
        Player::build(self, form).map(drop)
    }

    /// As in a sentence, without a password.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Clip(clip) => clip.to_string(),
            Self::Image(path) => format!("image:{}", path.display()),
            Self::Network(url) => format!("the camera {url}"),
            Self::Device(VideoSource::Launch(_)) => "the source of the picture".into(),
            Self::Device(spec) | Self::Any(spec) => format!("the camera {spec}"),
        }
    }

    /// Whether its end is the end of all, rather than a loss.
    pub(super) fn ends(&self) -> bool {
        match self {
            Self::Clip(_) | Self::Image(_) => true,
            Self::Network(_) | Self::Any(_) => false,
            Self::Device(spec) => matches!(spec, VideoSource::Launch(_) | VideoSource::Test(_)),
        }
    }

    /// Whether it is read from a file.
    pub(super) fn is_file(&self) -> bool {
        matches!(self, Self::Clip(_) | Self::Image(_))
    }

    /// Whether it is played from its beginning to its end, and then no more.
    pub(super) fn is_once(&self) -> bool {
        matches!(self, Self::Clip(clip) if !clip.repeats)
    }

    /// Whether it may be switched off when we are switched on.
    pub(super) fn may_be_away(&self) -> bool {
        matches!(self, Self::Network(_))
    }

    /// Whether it is dead when nothing comes. The picture of a file may be shorter than its sound.
    pub(super) fn always_delivers(&self) -> bool {
        !self.is_file()
    }

    fn uri(&self) -> String {
        let path = match self {
            Self::Network(url) => return url.address(),
            Self::Clip(clip) => &clip.path,
            Self::Image(path) => path,
            Self::Device(_) | Self::Any(_) => return String::new(),
        };
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        Url::from_file_path(whole).map(String::from).unwrap_or_default()
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Clip(clip) if clip.repeats => Kind::Repeating,
            Self::Device(_) | Self::Any(_) => Kind::Device,
            _ => Kind::Once,
        }
    }
}

impl Form {
    pub(super) fn caps(self) -> gst::Caps {
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
    pub(super) fn converters(self, stands: bool) -> Result<Vec<gst::Element>, ElementError> {
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

impl Reporter {
    fn say(&self, event: Event) {
        // It fails when the thread has ended.
        let _ = self.sender.send((self.attempt, event));
    }
}

impl Player {
    pub(super) fn build(origin: &Origin, form: Form) -> Result<Self, ElementError> {
        let pipeline = gst::Pipeline::new();
        // A file is played in time; a camera is.
        let is_file = matches!(origin, Origin::Clip(_));
        let sink = AppSink::builder().sync(is_file).max_buffers(2).build();
        let kind = origin.kind();
        match (origin, form) {
            (Origin::Device(spec) | Origin::Any(spec), Form::Picture(size)) => {
                let device = source::device(spec, size)?;
                let elements = [device.upcast(), sink.clone().upcast()];
                element::chain(pipeline.upcast_ref(), &elements)?;
            }
            _ => decode(&pipeline, origin, form, &sink)?,
        }
        Ok(Self { pipeline, sink, kind, is_begun: Cell::new(false) })
    }

    /// Whether it has got past its opening.
    pub(super) fn is_begun(&self) -> bool {
        self.is_begun.get()
    }

    pub(super) fn repeats(&self) -> bool {
        self.kind == Kind::Repeating
    }

    /// Has the sink push what it gets into the outlet, in the time of the outlet's pipeline.
    pub(super) fn deliver(&self, outlet: &Arc<Outlet>, reporter: Reporter) {
        let outlet = outlet.clone();
        let mut begun = false;
        let new_sample = move |sink: &AppSink| {
            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            if !std::mem::replace(&mut begun, true) {
                reporter.say(Event::Begun);
            }
            outlet.play(&sample, sink).map(|()| gst::FlowSuccess::Ok)
        };
        let callbacks = gst_app::AppSinkCallbacks::builder().new_sample(new_sample).build();
        self.sink.set_callbacks(callbacks);
    }

    pub(super) fn report(&self, reporter: &Reporter, form: Form) {
        let Some(bus) = self.pipeline.bus() else { return };
        let (reporter, repeats) = (reporter.clone(), self.repeats());
        bus.set_sync_handler(move |_, message| {
            match message.view() {
                gst::MessageView::Error(error) => {
                    reporter.say(Event::Failed(failure(&error.error(), form)));
                }
                gst::MessageView::Eos(_) => reporter.say(Event::Over),
                gst::MessageView::SegmentDone(_) => reporter.say(Event::Round),
                gst::MessageView::AsyncDone(_) if repeats => reporter.say(Event::Opened),
                _ => {}
            }
            gst::BusSyncReply::Drop
        });
    }

    /// Starts playing; false if it cannot. What repeats only opens: see [`begin`](Self::begin).
    pub(super) fn start(&self, clock: Option<&gst::Clock>) -> bool {
        self.pipeline.use_clock(clock);
        match self.kind {
            Kind::Once => {}
            Kind::Device => match self.pipeline.set_state(gst::State::Paused) {
                Ok(gst::StateChangeSuccess::NoPreroll) => {}
                // Somebody has to see to it that it does not run ahead.
                Ok(_) => self.sink.set_property("sync", true),
                Err(_) => return false,
            },
            Kind::Repeating => match self.pipeline.set_state(gst::State::Paused) {
                Ok(gst::StateChangeSuccess::Async) => return true,
                Ok(_) => return self.begin(),
                Err(_) => return false,
            },
        }
        self.is_begun.set(true);
        self.pipeline.set_state(gst::State::Playing).is_ok()
    }

    /// Plays what repeats, when it is open; the second time nothing happens. False if it cannot.
    pub(super) fn begin(&self) -> bool {
        // What cannot be played in segments is begun anew at its end.
        self.is_begun.replace(true)
            || (self.repeat(true) && self.pipeline.set_state(gst::State::Playing).is_ok())
    }

    /// Plays from the beginning: with `flush` at once, without when all that came was played.
    pub(super) fn repeat(&self, flush: bool) -> bool {
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

fn readable(kind: &str, path: &Path) -> Result<(), ElementError> {
    match std::fs::File::open(path).and_then(|file| file.metadata()) {
        Ok(data) if data.is_file() => Ok(()),
        outcome => {
            let reason = outcome.err().map_or("it is no file".into(), |error| error.to_string());
            Err(ElementError::Unreadable { spec: format!("{kind}:{}", path.display()), reason })
        }
    }
}

/// Whatever has an address, decoded and converted.
fn decode(
    pipeline: &gst::Pipeline,
    origin: &Origin,
    form: Form,
    sink: &AppSink,
) -> Result<(), ElementError> {
    let decoder = element::make("uridecodebin")?;
    decoder.set_property("uri", origin.uri());
    // The other streams are not even decoded.
    decoder.set_property("caps", form.raw());
    decoder.set_property("expose-all-streams", false);
    if let Origin::Network(url) = origin {
        set_up_camera(&decoder, url.clone(), form);
    }
    let mut tail = form.converters(matches!(origin, Origin::Image(_)))?;
    tail.push(sink.clone().upcast());
    pipeline.add(&decoder).map_err(|_| ElementError::Link)?;
    element::chain(pipeline.upcast_ref(), &tail)?;
    let head = tail.first().and_then(|first| first.static_pad("sink"));
    link_later(&decoder, &head.ok_or(ElementError::Link)?, form);
    Ok(())
}

/// GStreamer's words, or better ones.
fn failure(error: &glib::Error, form: Form) -> Failure {
    let cannot = error.matches(gst::CoreError::MissingPlugin)
        || error.matches(gst::StreamError::CodecNotFound)
        || error.matches(gst::StreamError::WrongType);
    match cannot {
        true => Failure::gone(&format!("it has no {} that can be decoded here", form.words())),
        false => Failure::of(error),
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
        source.set_property("tcp-timeout", CAMERA_SILENCE.as_micros() as u64);
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
