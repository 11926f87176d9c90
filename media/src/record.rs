//! A recording: packets as they were received, into a Matroska or MP4 file.
//!
//! The file has a pipeline of its own, fed from pads of the receiving one. So it neither makes the
//! receiver wait nor suffers when a session is torn down, and it can be ended in order: without an
//! end of stream an MP4 file has no index and a Matroska file no duration.

use std::{
    collections::VecDeque,
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use gst::prelude::*;

use crate::{
    decode::Received,
    element::{self, ElementError},
    run::one_line,
};

/// How long one track waits for the other before the file is begun without it.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(3);

/// How far sound may fall behind the picture before silence is written in its place.
const GAP: gst::ClockTime = gst::ClockTime::from_seconds(1);

/// How long closing the file may take.
const CLOSE: gst::ClockTime = gst::ClockTime::from_seconds(10);

/// 20 ms of silence in Opus, any number of channels (RFC 6716: code 0, CELT, a frame of nothing).
const SILENCE: [u8; 3] = [0xf8, 0xff, 0xfe];
const SILENCE_LENGTH: gst::ClockTime = gst::ClockTime::from_mseconds(20);

/// The form of the file, by the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// `.mkv`: every codec.
    Matroska,
    /// `.webm`: VP8, VP9 and Opus. (What `webmmux` of GStreamer 1.22 makes of received AV1 is empty.)
    Webm,
    /// `.mp4`: H.264, AV1 and Opus.
    Mp4,
}

impl Container {
    /// Reads the end of a file's name.
    ///
    /// # Errors
    /// It is none of `.mkv`, `.webm` and `.mp4`.
    pub fn of(path: &Path) -> Result<Self, RecordError> {
        match path.extension().and_then(|end| end.to_str()) {
            Some("mkv") => Ok(Self::Matroska),
            Some("webm") => Ok(Self::Webm),
            Some("mp4") => Ok(Self::Mp4),
            _ => Err(RecordError::Name(path.into())),
        }
    }

    /// Whether it can hold this codec.
    pub fn holds(self, codec: Received) -> bool {
        match self {
            Self::Matroska => true,
            Self::Webm => !matches!(codec, Received::H264 | Received::Av1),
            Self::Mp4 => matches!(codec, Received::H264 | Received::Av1 | Received::Opus),
        }
    }

    /// The end of the name, and the video codecs that it can hold, for a sentence.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Matroska => ("an .mkv", "every codec"),
            Self::Webm => ("a .webm", "VP8 and VP9"),
            Self::Mp4 => ("an .mp4", "H.264 and AV1"),
        }
    }
}

/// A file that is being recorded. Clones are the same recording.
#[derive(Clone, Debug)]
pub struct Recording {
    path: PathBuf,
    container: Container,
    state: Arc<Mutex<State>>,
}

impl Recording {
    /// Takes the file's name, which must be free, so that no recording is ever overwritten.
    ///
    /// # Errors
    /// The name is taken or of no known form, or the file cannot be made.
    pub fn create(path: &Path) -> Result<Self, RecordError> {
        let container = Container::of(path)?;
        reserve(path)?;
        let state = Arc::new(Mutex::new(State::Gathering(Gathering::default())));
        Ok(Self { path: path.into(), container, state })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its form.
    pub fn container(&self) -> Container {
        self.container
    }

    /// Which tracks the other end announced. What was not announced is not waited for.
    pub fn expect(&self, video: bool, audio: bool) {
        if let State::Gathering(gathering) = &mut *self.lock() {
            gathering.expected = [video, audio];
        }
    }

    /// Records what passes this pad. Only one track of a kind is recorded, the first.
    pub fn tap(&self, codec: Received, pad: &gst::Pad) {
        let recording = self.clone();
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            if let Some(buffer) = info.buffer() {
                recording.push(codec, pad, buffer);
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// Whether anything has come.
    pub fn has_begun(&self) -> bool {
        match &*self.lock() {
            State::Gathering(gathering) => gathering.tracks.iter().any(Option::is_some),
            State::Writing(_) | State::Failed(_) | State::Closed => true,
        }
    }

    /// What went wrong while writing, once.
    pub fn failure(&self) -> Option<RecordError> {
        match &mut *self.lock() {
            State::Failed(reason) => reason.take(),
            _ => None,
        }
    }

    /// Closes the file.
    ///
    /// # Errors
    /// Nothing was received (the empty file is removed), or it could not be written.
    pub fn finish(&self) -> Result<(), RecordError> {
        let mut state = self.lock();
        if let State::Gathering(gathering) = &mut *state
            && gathering.tracks.iter().any(Option::is_some)
        {
            let gathering = std::mem::take(gathering);
            *state = self.begin(gathering);
        }
        match std::mem::replace(&mut *state, State::Closed) {
            State::Writing(writer) => writer.close(),
            State::Failed(reason) => reason.map_or(Ok(()), Err),
            State::Closed => Ok(()),
            State::Gathering(_) => {
                // Our own empty file.
                let _ = std::fs::remove_file(&self.path);
                Err(RecordError::Nothing(self.path.clone()))
            }
        }
    }

    fn push(&self, codec: Received, pad: &gst::Pad, buffer: &gst::Buffer) {
        let (Some(time), Some(caps)) = (running_time(pad, buffer), pad.current_caps()) else {
            return;
        };
        let mut state = self.lock();
        match &mut *state {
            State::Gathering(gathering) => {
                if gathering.push(codec, &caps, pad, buffer, time) {
                    let gathering = std::mem::take(gathering);
                    *state = self.begin(gathering);
                }
            }
            State::Writing(writer) => {
                if let Err(error) = writer.push(pad, buffer, time) {
                    *state = State::Failed(Some(error));
                }
            }
            State::Failed(_) | State::Closed => {}
        }
    }

    fn begin(&self, gathering: Gathering) -> State {
        match Writer::begin(&self.path, self.container, gathering) {
            Ok(writer) => State::Writing(writer),
            Err(error) => State::Failed(Some(error)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
enum State {
    /// Until all tracks are there: a file's header cannot be changed later.
    Gathering(Gathering),
    Writing(Writer),
    /// The reason, until it was asked for.
    Failed(Option<RecordError>),
    Closed,
}

/// Index of a kind of track.
const VIDEO: usize = 0;
const AUDIO: usize = 1;

#[derive(Debug)]
struct Gathering {
    expected: [bool; 2],
    tracks: [Option<Track>; 2],
    waiting: VecDeque<(usize, gst::Buffer, gst::ClockTime)>,
}

#[derive(Debug)]
struct Track {
    codec: Received,
    caps: gst::Caps,
    pad: gst::Pad,
}

impl Default for Gathering {
    fn default() -> Self {
        Self { expected: [true, true], tracks: [None, None], waiting: VecDeque::new() }
    }
}

impl Gathering {
    /// Returns whether the file can be begun.
    fn push(
        &mut self,
        codec: Received,
        caps: &gst::Caps,
        pad: &gst::Pad,
        buffer: &gst::Buffer,
        time: gst::ClockTime,
    ) -> bool {
        let kind = if codec.is_video() { VIDEO } else { AUDIO };
        let track = self.tracks[kind].get_or_insert_with(|| Track {
            codec,
            caps: caps.clone(),
            pad: pad.clone(),
        });
        if track.pad == *pad {
            self.waiting.push_back((kind, buffer.clone(), time));
        }
        let first = self.waiting.front().map_or(time, |(_, _, first)| *first);
        let complete = (0..2).all(|kind| self.tracks[kind].is_some() || !self.expected[kind]);
        complete || time.saturating_sub(first) > PATIENCE
    }
}

/// The file's pipeline.
#[derive(Debug)]
struct Writer {
    path: PathBuf,
    pipeline: gst::Pipeline,
    inputs: [Option<Input>; 2],
    /// The running time of the receiver at which the file begins.
    start: gst::ClockTime,
}

#[derive(Debug)]
struct Input {
    source: gst_app::AppSrc,
    pad: gst::Pad,
    /// The file's time after the last packet.
    end: gst::ClockTime,
    h264: bool,
}

impl Writer {
    fn begin(path: &Path, container: Container, gathering: Gathering) -> Result<Self, RecordError> {
        let pipeline = gst::Pipeline::new();
        let muxer = element::make(match container {
            Container::Matroska => "matroskamux",
            Container::Webm => "webmmux",
            Container::Mp4 => "mp4mux",
        })?;
        let sink = element::make("filesink")?;
        sink.set_property("location", path);
        element::chain(pipeline.upcast_ref(), &[muxer.clone(), sink])?;
        let mut inputs = [None, None];
        for (input, track) in inputs.iter_mut().zip(&gathering.tracks) {
            if let Some(track) = track {
                *input = Some(add_input(&pipeline, &muxer, track)?);
            }
        }
        let start = gathering.waiting.iter().map(|(_, _, time)| *time).min();
        let start = start.unwrap_or(gst::ClockTime::ZERO);
        if pipeline.set_state(gst::State::Playing).is_err() {
            return Err(RecordError::Write(path.into(), reason(&pipeline)));
        }
        let mut writer = Self { path: path.into(), pipeline, inputs, start };
        for (kind, buffer, time) in gathering.waiting {
            writer.write(kind, &buffer, time)?;
        }
        Ok(writer)
    }

    fn push(
        &mut self,
        pad: &gst::Pad,
        buffer: &gst::Buffer,
        time: gst::ClockTime,
    ) -> Result<(), RecordError> {
        let ours = |input: &Option<Input>| input.as_ref().is_some_and(|input| input.pad == *pad);
        match self.inputs.iter().position(ours) {
            Some(kind) => self.write(kind, buffer, time),
            None => Ok(()),
        }
    }

    fn write(
        &mut self,
        kind: usize,
        buffer: &gst::Buffer,
        time: gst::ClockTime,
    ) -> Result<(), RecordError> {
        let time = time.saturating_sub(self.start);
        if kind == VIDEO {
            self.fill_silence(time)?;
        }
        let Some(input) = &mut self.inputs[kind] else { return Ok(()) };
        if time < input.end {
            // Real sound that comes after silence was written in its place, or a repeated packet.
            return Ok(());
        }
        let mut copy = buffer.copy();
        let fields = copy.make_mut();
        fields.set_pts(time);
        fields.set_dts(input.h264.then_some(time));
        fields.unset_flags(gst::BufferFlags::DISCONT);
        input.end = time
            + if kind == AUDIO { SILENCE_LENGTH / 2 } else { gst::ClockTime::from_nseconds(1) };
        let pushed = input.source.push_buffer(copy);
        pushed.map(drop).map_err(|_| self.failed())
    }

    /// A muxer waits for a track that has fallen silent; a muted microphone would stop the file.
    fn fill_silence(&mut self, video: gst::ClockTime) -> Result<(), RecordError> {
        let Some(input) = &mut self.inputs[AUDIO] else { return Ok(()) };
        if video < input.end + GAP {
            return Ok(());
        }
        let mut result = Ok(());
        while result.is_ok() && input.end + GAP / 2 < video {
            let mut packet = gst::Buffer::from_slice(SILENCE);
            if let Some(fields) = packet.get_mut() {
                fields.set_pts(input.end);
                fields.set_duration(SILENCE_LENGTH);
            }
            input.end += SILENCE_LENGTH;
            result = input.source.push_buffer(packet).map(drop);
        }
        result.map_err(|_| self.failed())
    }

    fn close(self) -> Result<(), RecordError> {
        for input in self.inputs.iter().flatten() {
            let _ = input.source.end_of_stream();
        }
        await_end(&self.pipeline, &self.path)
    }

    fn failed(&self) -> RecordError {
        RecordError::Write(self.path.clone(), reason(&self.pipeline))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn add_input(
    pipeline: &gst::Pipeline,
    muxer: &gst::Element,
    track: &Track,
) -> Result<Input, RecordError> {
    let source = gst_app::AppSrc::builder()
        .caps(&track.caps)
        .format(gst::Format::Time)
        .block(false)
        .max_bytes(0)
        .build();
    let mut elements = vec![source.clone().upcast::<gst::Element>()];
    elements.extend(track.codec.parser()?);
    element::chain(pipeline.upcast_ref(), &elements)?;
    let last = elements.last().ok_or(ElementError::Link)?;
    let template = if track.codec.is_video() { "video_%u" } else { "audio_%u" };
    let pad = muxer.request_pad_simple(template).ok_or(ElementError::Link)?;
    keep_first_caps(&pad);
    let linked = last.static_pad("src").is_some_and(|src| src.link(&pad).is_ok());
    if !linked {
        return Err(ElementError::Link.into());
    }
    let h264 = track.codec == Received::H264;
    Ok(Input { source, pad: track.pad.clone(), end: gst::ClockTime::ZERO, h264 })
}

/// A muxer refuses new caps, and a browser changes the picture's size whenever it likes. The
/// packets themselves say the size at each key frame.
fn keep_first_caps(pad: &gst::Pad) {
    let seen = Mutex::new(false);
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        let Some(event) = info.event() else { return gst::PadProbeReturn::Ok };
        if event.type_() != gst::EventType::Caps {
            return gst::PadProbeReturn::Ok;
        }
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let first = !std::mem::replace(&mut *seen, true);
        if first { gst::PadProbeReturn::Ok } else { gst::PadProbeReturn::Handled }
    });
}

fn running_time(pad: &gst::Pad, buffer: &gst::Buffer) -> Option<gst::ClockTime> {
    let segment = pad.sticky_event::<gst::event::Segment>(0)?;
    segment.segment().downcast_ref::<gst::ClockTime>()?.to_running_time(buffer.pts())
}

/// Makes the file, empty, if there is none.
pub(crate) fn reserve(path: &Path) -> Result<(), RecordError> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(RecordError::Exists(path.into()))
        }
        Err(error) => Err(RecordError::Create(path.into(), error)),
    }
}

/// Waits until all that was pushed is in the file.
pub(crate) fn await_end(pipeline: &gst::Pipeline, path: &Path) -> Result<(), RecordError> {
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = pipeline.bus().and_then(|bus| bus.timed_pop_filtered(CLOSE, &ends));
    match end.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Eos(_)) => Ok(()),
        Some(gst::MessageView::Error(error)) => {
            Err(RecordError::Write(path.into(), one_line(error.error().message())))
        }
        _ => Err(RecordError::Write(path.into(), "it could not be closed".into())),
    }
}

/// Why a file's pipeline has stopped.
pub(crate) fn reason(pipeline: &gst::Pipeline) -> String {
    let message = pipeline.bus().and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
    match message.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Error(error)) => one_line(error.error().message()),
        _ => "the file's pipeline failed".into(),
    }
}

/// Why there is no recording.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The end of the name.
    #[error("{}: a recording's name ends in .mkv, .webm or .mp4", .0.display())]
    Name(PathBuf),
    /// The end of the name of a file for decoded media, and those that are known.
    #[error("{}: the name of such a file ends in {}", .0.display(), .1)]
    Form(PathBuf, String),
    /// Never overwritten.
    #[error("{} exists already; nothing is ever overwritten", .0.display())]
    Exists(PathBuf),
    /// The system's reason.
    #[error("{} cannot be made: {}", .0.display(), .1)]
    Create(PathBuf, io::Error),
    /// An element that is not there.
    #[error(transparent)]
    Element(#[from] ElementError),
    /// GStreamer's words.
    #[error("{} cannot be written: {}", .0.display(), .1)]
    Write(PathBuf, String),
    /// Neither picture nor sound came.
    #[error("nothing was received, so there is no {}", .0.display())]
    Nothing(PathBuf),
}
