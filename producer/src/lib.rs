//! Publishes a camera and a microphone: command line in, running pipeline out.
//!
//! What the parts of the pipeline are made of stands in `intercom-media`; here they are put
//! together and it is decided what happens when one of them fails.

pub mod args;
mod pipeline;

use std::{cell::RefCell, rc::Rc};

use gst::prelude::*;
use intercom_media::{
    audio, cli, devices,
    element::ElementError,
    peer,
    run::{self, End, RunError},
    spec::VideoSource,
};

use crate::{args::Args, pipeline::Parts};

/// Publishes until a signal or a failure ends it.
///
/// # Errors
/// See [`ProducerError`].
pub fn run(args: &Args) -> Result<(), ProducerError> {
    if args.video == VideoSource::None && args.audio == intercom_media::spec::AudioSource::None {
        return Err(ProducerError::Nothing);
    }
    gstintercom::preheat_dtls();
    let parts = pipeline::build(args)?;
    announce(&parts, &args.name);
    let sound = parts.sound.map(|sound| Rc::new(RefCell::new(sound)));
    let on_start = {
        let sound = sound.clone();
        move |_: &End| {
            if let Some(sound) = &sound {
                sound.borrow_mut().open();
                audio::retry(sound);
            }
        }
    };
    let camera = args.video.clone();
    let picture = parts.camera.clone();
    let on_message = move |message: &gst::Message, end: &End| {
        let gst::MessageView::Error(error) = message.view() else { return false };
        if sound.as_ref().is_some_and(|sound| sound.borrow_mut().took(error)) {
            return true;
        }
        if let Some(failure) = camera_failure(&camera, picture.as_ref(), error) {
            end.with(Err(failure));
            return true;
        }
        false
    };
    let ended = run::run(&parts.pipeline, on_start, on_message);
    peer::say_goodbye(&parts.signaller);
    ended.map_err(ProducerError::Run)
}

/// Says on standard output each time that the producer is listed.
fn announce(parts: &Parts, name: &str) {
    let name = name.to_owned();
    parts.signaller.connect("connected", false, move |values| {
        let id = values.get(1).and_then(|value| value.get::<String>().ok()).unwrap_or_default();
        cli::say(&format!("on air: {name} (peer id {id})"));
        None
    });
}

/// The failure of a camera, told as one; `None` for an error of any other part.
fn camera_failure(
    spec: &VideoSource,
    bin: Option<&gst::Bin>,
    error: &gst::message::Error,
) -> Option<RunError> {
    let VideoSource::V4l2(device) = spec else { return None };
    let bin = bin?;
    if !error.src().is_some_and(|source| source.has_as_ancestor(bin)) {
        return None;
    }
    Some(RunError::Camera {
        camera: format!("v4l2:{device}"),
        error: run::one_line(error.error().message()),
        found: devices::found(devices::Kind::Camera),
    })
}

/// Why nothing is published.
#[derive(Debug, thiserror::Error)]
pub enum ProducerError {
    /// Both sources are `none`.
    #[error("--video none and --audio none leave nothing to send")]
    Nothing,
    /// The pipeline cannot be built.
    #[error(transparent)]
    Element(#[from] ElementError),
    /// It was built and failed.
    #[error(transparent)]
    Run(RunError),
}

impl ProducerError {
    /// The exit code: 2 when the command line must change, 1 when something failed.
    pub fn code(&self) -> u8 {
        match self {
            Self::Nothing | Self::Element(_) => 2,
            Self::Run(_) => 1,
        }
    }
}
