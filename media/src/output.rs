//! Decoded picture or sound into a file, for those who want samples and not packets.
//!
//! As with a recording, the file has a pipeline of its own, so that it can be ended in order
//! whatever became of the session.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use gst::prelude::*;
use gst_app::{AppSink, AppSrc};

use crate::{
    element::{self, ElementError},
    record::{self, RecordError},
};

/// The rate of a picture that does not say its own: a file of frames needs one.
const RATE: gst::Fraction = gst::Fraction::new_raw(30, 1);

/// The form of the file, by the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `.y4m`: frames as they are.
    Y4m,
    /// `.avi`: Motion JPEG.
    Avi,
    /// `.wav`: samples as they are.
    Wav,
    /// `.flac`: samples, packed without loss.
    Flac,
    /// `.ogg`: Opus.
    Ogg,
}

/// A file that decoded media goes into. Clones are the same file.
#[derive(Clone, Debug)]
pub struct Output {
    path: PathBuf,
    form: Form,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
enum State {
    /// The form of the media is known with the first buffer.
    Waiting(Reserved),
    Writing(Writer),
    /// The reason, until it was asked for.
    Failed(Option<RecordError>),
    Closed,
}

/// A file that is still empty, and goes with this unless it is taken out.
#[derive(Debug)]
struct Reserved(Option<PathBuf>);

impl Drop for Reserved {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Output {
    /// Takes the name of a file for pictures, `.y4m` or `.avi`, which must be free.
    ///
    /// # Errors
    /// The name is taken or of no known form, the file cannot be made, or an element is missing.
    pub fn video(path: &Path) -> Result<Self, RecordError> {
        Self::create(path, &[("y4m", Form::Y4m), ("avi", Form::Avi)])
    }

    /// Takes the name of a file for sound, `.wav`, `.flac` or `.ogg`, which must be free.
    ///
    /// # Errors
    /// As for [`video`](Self::video).
    pub fn audio(path: &Path) -> Result<Self, RecordError> {
        Self::create(path, &[("wav", Form::Wav), ("flac", Form::Flac), ("ogg", Form::Ogg)])
    }

    fn create(path: &Path, forms: &[(&str, Form)]) -> Result<Self, RecordError> {
        let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
        let Some((_, form)) = forms.iter().find(|(known, _)| *known == end) else {
            let known: Vec<_> = forms.iter().map(|(known, _)| format!(".{known}")).collect();
            return Err(RecordError::Form(path.into(), known.join(" or ")));
        };
        form.encoder()?;
        record::reserve(path)?;
        let state = Arc::new(Mutex::new(State::Waiting(Reserved(Some(path.into())))));
        Ok(Self { path: path.into(), form: *form, state })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// An element that takes raw media into the file.
    pub fn element(&self) -> gst::Element {
        let output = self.clone();
        let new_sample = move |sink: &AppSink| {
            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            output.push(&sample);
            Ok(gst::FlowSuccess::Ok)
        };
        let callbacks = gst_app::AppSinkCallbacks::builder().new_sample(new_sample).build();
        let raw = match self.form {
            Form::Y4m | Form::Avi => "video/x-raw",
            Form::Wav | Form::Flac | Form::Ogg => "audio/x-raw",
        };
        let caps = gst::Caps::new_empty_simple(raw);
        let sink = AppSink::builder().caps(&caps).sync(false).async_(false).max_buffers(4);
        sink.callbacks(callbacks).build().upcast()
    }

    /// Whether anything has come.
    pub fn has_begun(&self) -> bool {
        !matches!(*self.lock(), State::Waiting(_))
    }

    /// Closes the file.
    ///
    /// # Errors
    /// Nothing was received (the empty file is removed), or it could not be written.
    pub fn finish(&self) -> Result<(), RecordError> {
        match std::mem::replace(&mut *self.lock(), State::Closed) {
            State::Writing(writer) => writer.close(),
            State::Failed(reason) => reason.map_or(Ok(()), Err),
            State::Closed => Ok(()),
            State::Waiting(_) => Err(RecordError::Nothing(self.path.clone())),
        }
    }

    fn push(&self, sample: &gst::Sample) {
        let mut state = self.lock();
        if let State::Waiting(file) = &mut *state {
            file.0 = None;
            *state = match Writer::begin(&self.path, self.form, sample) {
                Ok(writer) => State::Writing(writer),
                Err(error) => State::Failed(Some(error)),
            };
        }
        if let State::Writing(writer) = &mut *state
            && let Err(error) = writer.push(sample)
        {
            *state = State::Failed(Some(error));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Form {
    /// What writes this form, and what it needs before it.
    fn encoder(self) -> Result<Vec<gst::Element>, ElementError> {
        let names: &[&str] = match self {
            Self::Y4m => &["y4menc"],
            Self::Avi => &["jpegenc", "avimux"],
            Self::Wav => &["wavenc"],
            Self::Flac => &["flacenc"],
            Self::Ogg => &["opusenc", "oggmux"],
        };
        names.iter().map(|name| element::make(name)).collect()
    }

    /// The elements before the encoder: what is lost is filled, and a picture keeps the size that
    /// it had first.
    fn converters(self, caps: &gst::CapsRef) -> Result<Vec<gst::Element>, ElementError> {
        let names: &[&str] = match self {
            Self::Y4m | Self::Avi => &["videoconvert", "videoscale", "videorate"],
            Self::Wav | Self::Flac | Self::Ogg => &["audioconvert", "audioresample", "audiorate"],
        };
        let mut elements =
            names.iter().map(|name| element::make(name)).collect::<Result<Vec<_>, _>>()?;
        elements.push(element::caps_filter(&self.format(caps))?);
        Ok(elements)
    }

    /// What the encoder gets.
    fn format(self, caps: &gst::CapsRef) -> gst::Caps {
        let first = caps.structure(0);
        let number = |field| first.and_then(|first| first.get::<i32>(field).ok());
        let mut format = match self {
            Self::Y4m | Self::Avi => {
                let rate = first.and_then(|first| first.get::<gst::Fraction>("framerate").ok());
                let rate = rate.filter(|rate| rate.numer() > 0).unwrap_or(RATE);
                let caps = gst::Caps::builder("video/x-raw").field("format", "I420");
                caps.field("framerate", rate).build()
            }
            Self::Wav | Self::Flac => {
                gst::Caps::builder("audio/x-raw").field("format", "S16LE").build()
            }
            Self::Ogg => gst::Caps::builder("audio/x-raw").field("rate", 48_000).build(),
        };
        for field in ["width", "height", "channels"] {
            if let Some(number) = number(field) {
                format.make_mut().set(field, number);
            }
        }
        format
    }
}

/// The file's pipeline.
#[derive(Debug)]
struct Writer {
    path: PathBuf,
    pipeline: gst::Pipeline,
    source: AppSrc,
    /// The running time of the receiver at which the file begins.
    start: gst::ClockTime,
}

impl Writer {
    fn begin(path: &Path, form: Form, first: &gst::Sample) -> Result<Self, RecordError> {
        let pipeline = gst::Pipeline::new();
        let caps = first.caps().ok_or(ElementError::Link)?;
        let source = AppSrc::builder()
            .caps(&caps.to_owned())
            .format(gst::Format::Time)
            .block(true)
            .max_buffers(8)
            .max_bytes(0)
            .build();
        let sink = element::make("filesink")?;
        sink.set_property("location", path);
        let mut elements = vec![source.clone().upcast::<gst::Element>()];
        elements.extend(form.converters(caps)?);
        elements.extend(form.encoder()?);
        elements.push(sink);
        element::chain(pipeline.upcast_ref(), &elements)?;
        let start = running_time(first).unwrap_or(gst::ClockTime::ZERO);
        if pipeline.set_state(gst::State::Playing).is_err() {
            return Err(RecordError::Write(path.into(), record::reason(&pipeline)));
        }
        Ok(Self { path: path.into(), pipeline, source, start })
    }

    fn push(&mut self, sample: &gst::Sample) -> Result<(), RecordError> {
        let (Some(time), Some(mut buffer)) = (running_time(sample), sample.buffer_owned()) else {
            return Ok(());
        };
        let fields = buffer.make_mut();
        fields.set_pts(time.saturating_sub(self.start));
        fields.set_dts(gst::ClockTime::NONE);
        if self.source.caps().as_deref() != sample.caps() {
            self.source.set_caps(sample.caps().map(ToOwned::to_owned).as_ref());
        }
        let pushed = self.source.push_buffer(buffer);
        pushed
            .map(drop)
            .map_err(|_| RecordError::Write(self.path.clone(), record::reason(&self.pipeline)))
    }

    fn close(self) -> Result<(), RecordError> {
        let _ = self.source.end_of_stream();
        record::await_end(&self.pipeline, &self.path)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn running_time(sample: &gst::Sample) -> Option<gst::ClockTime> {
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    segment.to_running_time(sample.buffer()?.pts())
}
