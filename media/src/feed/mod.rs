//! Sources with a pipeline of their own: every picture, and the sound of a file.
//!
//! What plays ends, fails, is unplugged, goes away for a while, or is closed because nobody looks.
//! The producer's pipeline sees nothing of that: for it there is one live element that delivers raw
//! media in one form, or nothing. A thread of its own plays, and tries again what was lost, with a
//! still picture in its place; what it does when nobody needs it is decided elsewhere.

mod outlet;
mod player;
mod still;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use gst::prelude::*;
use gst_app::AppSrc;

pub(crate) use self::player::{Form, Origin};
use self::{
    outlet::Outlet,
    player::{Player, Reporter},
};
use crate::{
    element::{self, ElementError},
    run::RunError,
    source,
    spec::{Size, VideoSource},
    trouble::{Device, FIRST_PAUSE, Failure, SILENCE, Trial, Trouble},
};

/// What was just opened has this long for its first frame. What has worked before is replaced meanwhile.
const OPENING: Duration = Duration::from_secs(15);

/// From one still picture to the next.
const STILL: Duration = Duration::from_millis(200);

/// A file that ends so often in a row without a frame in between cannot be repeated.
const EMPTY_ROUNDS: u32 = 20;

/// The picture's source: a bin with one source pad. It is open from the start of its pipeline on.
#[derive(Clone, Debug)]
pub struct Feed {
    bin: gst::Bin,
    /// What it plays at the start.
    spec: VideoSource,
    control: Control,
    /// Whether it goes on when it is closed: it could not go back to where it was.
    is_once: bool,
}

impl Feed {
    /// `None` for [`VideoSource::None`]. The bin delivers [`source::video_caps`], or the same with
    /// another rate.
    ///
    /// That it cannot be opened at first is an error message from the bin; later, and for a network
    /// camera, it is told as a [`Change`]. Its end is told by [`source::OVER_MESSAGE`].
    ///
    /// # Errors
    /// An element is missing, the text of a `launch:` is not understood, there is no camera, or a
    /// file cannot be read.
    pub fn new(spec: &VideoSource, size: Size) -> Result<Option<Self>, ElementError> {
        let Some(origin) = Origin::of(spec)? else { return Ok(None) };
        element::need(&still::ELEMENTS)?;
        let is_once = origin.is_once();
        let spec = match &origin {
            Origin::Any(camera) => camera.clone(),
            _ => spec.clone(),
        };
        let (source, control) = build(origin, Form::Picture(size))?;
        let bin = gst::Bin::with_name("camera");
        bin.add(&source).map_err(|_| ElementError::Link)?;
        element::ghost(&bin, source.upcast_ref(), "src")?;
        // A sink that is told of the end ends its sessions in its own way.
        source::announce_end(&bin, gst::PadProbeReturn::Handled);
        Ok(Some(Self { bin, spec, control, is_once }))
    }

    /// What is to be linked.
    pub fn bin(&self) -> &gst::Bin {
        &self.bin
    }

    /// What it means for the producer that an error comes from here, if it does.
    pub(crate) fn failure(&self, error: &gst::message::Error) -> Option<RunError> {
        let is_ours = error.src().is_some_and(|source| source.has_as_ancestor(&self.bin));
        is_ours.then(|| source::failure(&self.spec, error))
    }

    /// Opens the device, or closes it; only asks and returns. A file that is played once goes on.
    pub fn keep_open(&self, open: bool) {
        self.control.say(Event::Wanted(open || self.is_once));
    }
}

/// An element that plays, in the form's caps, from its start until it is gone. That it cannot go on
/// is an error message of it; its end is an end of stream.
///
/// # Errors
/// The file cannot be read, or an element is missing.
pub(crate) fn source(origin: Origin, form: Form) -> Result<gst::Element, ElementError> {
    build(origin, form).map(|(source, _)| source.upcast())
}

fn build(origin: Origin, form: Form) -> Result<(AppSrc, Control), ElementError> {
    // Built once in vain: what is missing is said now.
    origin.check(form)?;
    let source = AppSrc::builder()
        .caps(&form.caps())
        .format(gst::Format::Time)
        .is_live(true)
        .leaky_type(gst_app::AppLeakyType::Downstream)
        .max_buffers(16)
        .max_bytes(0)
        .build();
    let (sender, events) = channel();
    let control = Control { sender: sender.clone() };
    let play = Play {
        trial: Trial::new(Device::Camera, origin.name(), origin.is_file()),
        origin,
        form,
        outlet: Arc::new(Outlet::of(&source)),
        sender,
        events,
        attempt: 0,
        is_wanted: true,
        still: None,
    };
    let playing = Mutex::new((Some(play), Ender(control.clone())));
    let wants_data = move |source: &AppSrc, _| {
        let mut playing = playing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(play) = playing.0.take() {
            let spawned = thread::Builder::new().name("feed".into()).spawn(move || play.run());
            if let Err(error) = spawned {
                gst::element_error!(source, gst::ResourceError::Failed, ("no thread: {error}"));
            }
        }
    };
    source.set_callbacks(gst_app::AppSrcCallbacks::builder().need_data(wants_data).build());
    Ok((source, control))
}

/// What its thread is told by others.
#[derive(Clone, Debug)]
struct Control {
    sender: Sender<(u64, Event)>,
}

impl Control {
    fn say(&self, event: Event) {
        // It fails when the thread has ended by itself.
        let _ = self.sender.send((0, event));
    }
}

/// Ends the thread with the element whose callbacks hold it.
struct Ender(Control);

impl Drop for Ender {
    fn drop(&mut self) {
        self.0.say(Event::Stop);
    }
}

/// What happens to a player.
#[derive(Debug)]
enum Event {
    /// It is open, and may be told to begin.
    Opened,
    /// The first frame.
    Begun,
    /// The end of a round that another shall follow without a gap.
    Round,
    /// The end.
    Over,
    Failed(Failure),
    /// Whether anybody needs it.
    Wanted(bool),
    /// Nobody wants it any more.
    Stop,
}

/// How a player ended.
enum Ending {
    Stop,
    Closed,
    Over,
    Failed(Failure),
}

/// The thread's state.
struct Play {
    origin: Origin,
    form: Form,
    outlet: Arc<Outlet>,
    trial: Trial,
    sender: Sender<(u64, Event)>,
    /// Each with the number of the attempt that it is about; 0 for all.
    events: Receiver<(u64, Event)>,
    attempt: u64,
    is_wanted: bool,
    /// What is shown while something is wrong, drawn when it is needed; within, `None` if it cannot be.
    still: Option<Option<gst::Buffer>>,
}

impl Play {
    fn run(mut self) {
        while self.await_wish() {
            let ending = self.play();
            let Some(source) = self.outlet.source() else { return };
            let failure = match ending {
                Ending::Stop => return,
                Ending::Closed => continue,
                Ending::Over if self.origin.ends() => {
                    let _ = source.end_of_stream();
                    return;
                }
                Ending::Over => Failure::gone("it ended the stream"),
                Ending::Failed(failure) if self.heals() => failure,
                Ending::Failed(failure) => return complain(&source, &failure),
            };
            self.trial.lost(&failure, &source);
            drop(source);
            let pause = self.trial.next_pause();
            if !self.rest(pause) {
                return;
            }
            self.origin.look_again();
            self.trial.rename(self.origin.name());
        }
    }

    /// Whether it is tried again: what never worked is a mistake, unless it may be away.
    fn heals(&self) -> bool {
        let is_picture = matches!(self.form, Form::Picture(_));
        is_picture && (self.outlet.played() > 0 || self.origin.may_be_away())
    }

    /// Waits until somebody needs it; false if it shall stop.
    fn await_wish(&mut self) -> bool {
        if !self.is_wanted {
            let Some(source) = self.outlet.source() else { return false };
            self.trial.rest(&source);
        }
        while !self.is_wanted {
            match self.events.recv() {
                Ok((_, Event::Wanted(wanted))) => self.is_wanted = wanted,
                Ok((_, Event::Stop)) | Err(_) => return false,
                Ok(_) => {}
            }
        }
        true
    }

    /// Plays until it ends.
    fn play(&mut self) -> Ending {
        self.attempt += 1;
        let player = match Player::build(&self.origin, self.form) {
            Ok(player) => player,
            Err(error) => return Ending::Failed(Failure::gone(&error.to_string())),
        };
        let reporter = Reporter { attempt: self.attempt, sender: self.sender.clone() };
        player.deliver(&self.outlet, reporter.clone());
        player.report(&reporter, self.form);
        let clock = self.outlet.source().and_then(|source| source.clock());
        if player.start(clock.as_ref()) { self.follow(&player) } else { self.not_started() }
    }

    /// The part that failed may say why a moment later.
    fn not_started(&mut self) -> Ending {
        let end = Instant::now() + FIRST_PAUSE;
        loop {
            match self.wait(end) {
                Some(Event::Stop) => return Ending::Stop,
                Some(Event::Failed(failure)) => return Ending::Failed(failure),
                Some(_) => {}
                None => return Ending::Failed(Failure::gone("it cannot be opened")),
            }
        }
    }

    fn follow(&mut self, player: &Player) -> Ending {
        let opened = Instant::now();
        let (mut seen, mut empty, mut begun) = (self.outlet.played(), 0, false);
        loop {
            let event = self.wait(Instant::now() + SILENCE);
            let now = self.outlet.played();
            let moved = std::mem::replace(&mut seen, now) != now;
            match event {
                Some(Event::Stop) => return Ending::Stop,
                Some(Event::Wanted(true)) => {}
                Some(Event::Wanted(false)) => return Ending::Closed,
                None if moved => {}
                None => {
                    if let Some(failure) = self.silence(player, opened, begun) {
                        return Ending::Failed(failure);
                    }
                }
                Some(Event::Opened) if player.begin() => {}
                Some(Event::Opened) => {
                    return Ending::Failed(Failure::gone("it cannot be played"));
                }
                Some(Event::Begun) => {
                    let Some(source) = self.outlet.source() else { return Ending::Stop };
                    begun = true;
                    self.trial.found(&source);
                }
                Some(Event::Failed(failure)) => return Ending::Failed(failure),
                Some(Event::Over) if !player.repeats() => return Ending::Over,
                Some(round @ (Event::Over | Event::Round)) => {
                    empty = if moved { 0 } else { empty + 1 };
                    let flush = matches!(round, Event::Over);
                    if empty > EMPTY_ROUNDS || !player.repeat(flush) {
                        return Ending::Failed(Failure::gone("it cannot be played again"));
                    }
                }
            }
        }
    }

    /// Nothing has come for a while: why that is the end of this attempt, if it is.
    fn silence(&mut self, player: &Player, opened: Instant, begun: bool) -> Option<Failure> {
        if player.is_begun() && !self.origin.always_delivers() {
            return None;
        }
        if begun {
            return Some(Failure::gone("nothing comes any more"));
        }
        if opened.elapsed() >= OPENING {
            return Some(Failure::gone("nothing comes"));
        }
        if self.heals() {
            let source = self.outlet.source()?;
            self.trial.lost(&Failure::gone("nothing has come yet"), &source);
        }
        None
    }

    /// Waits, unless somebody comes or goes meanwhile; false if it shall stop.
    fn rest(&mut self, pause: Duration) -> bool {
        let end = Instant::now() + pause;
        loop {
            match self.wait(end) {
                Some(Event::Stop) => return false,
                Some(Event::Wanted(_)) | None => return true,
                Some(_) => {}
            }
        }
    }

    /// Waits for what happens next, until then. While the source is in trouble, the still picture is
    /// shown.
    fn wait(&mut self, until: Instant) -> Option<Event> {
        loop {
            let shows = self.trial.is_in_trouble() && self.is_wanted && self.show_still();
            let next = Instant::now() + STILL;
            let next = if shows { next.min(until) } else { until };
            match self.events.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok((_, Event::Wanted(wanted))) => {
                    self.is_wanted = wanted;
                    return Some(Event::Wanted(wanted));
                }
                Ok((attempt, event)) if [0, self.attempt].contains(&attempt) => return Some(event),
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return Some(Event::Stop),
                Err(RecvTimeoutError::Timeout) if next >= until => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// False if there is none.
    fn show_still(&mut self) -> bool {
        let form = self.form;
        let draw = || {
            let complain = |error: &ElementError| {
                tracing::warn!("the picture that says so cannot be drawn: {error}");
            };
            still::draw(form).inspect_err(complain).ok()
        };
        let still = self.still.get_or_insert_with(draw);
        still.iter().for_each(|still| self.outlet.show(still));
        still.is_some()
    }
}

/// Says that it has never worked and never will; the words are put together by who is told.
fn complain(source: &AppSrc, Failure { reason, trouble }: &Failure) {
    let kind = match trouble {
        Trouble::Gone => gst::ResourceError::Read,
        Trouble::Busy => gst::ResourceError::Busy,
    };
    gst::element_error!(source, kind, ("{reason}"));
}
