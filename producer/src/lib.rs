//! Publishes a camera and a microphone: command line in, running pipeline out.
//!
//! What the parts of the pipeline are made of stands in `intercom-media`; here they are put
//! together and it is decided what happens when one of them fails.

pub mod args;
mod live;
mod pipeline;
mod status;

use std::{cell::RefCell, rc::Rc};

use gst::prelude::*;
use intercom_media::{
    audio::{self, Sound},
    devices::{self, Kind},
    element::ElementError,
    feed, notify, peer,
    run::{self, End, RunError},
    source,
    spec::VideoSource,
};
use intercom_settings::{Settings, log::Log};

use crate::{args::Args, live::Live, pipeline::Parts, status::Status};

/// Publishes until a signal, the end of the source or a failure ends it; or only prints the devices.
///
/// # Errors
/// See [`ProducerError`].
pub fn run(args: &Args, settings: Settings, log: Log) -> Result<(), ProducerError> {
    if args.list_devices {
        devices::print(&[Kind::Camera, Kind::Microphone]);
        return Ok(());
    }
    let args = Args { video: source::resolve(&args.video)?, ..args.clone() };
    gstintercom::preheat_dtls();
    let parts = pipeline::build(&args)?;
    let status = Status::follow(&parts, &args.name);
    let Parts { pipeline, signaller, camera, sound, sink, encoder, .. } = parts;
    let mut live = Live { settings, log, encode: args.encode, encoder, sink };
    let sound = sound.map(|sound| Rc::new(RefCell::new(sound)));
    let on_start = {
        let (sound, status) = (sound.clone(), status.clone());
        move |_: &End| {
            if let Some(sound) = &sound {
                sound.borrow_mut().open();
                audio::retry(sound);
            }
            notify::keep_alive(move || status.lives());
        }
    };
    let sources = Sources { spec: args.video, camera, sound, status };
    let ended = run::run(&pipeline, on_start, move |message, end| {
        if run::is_reload(message) {
            live.reload();
            return true;
        }
        sources.heard(message, end)
    });
    peer::say_goodbye(&signaller);
    ended.map_err(ProducerError::Run)
}

/// What can end, fail or come back while the pipeline runs.
struct Sources {
    spec: VideoSource,
    camera: Option<gst::Bin>,
    sound: Option<Rc<RefCell<Sound>>>,
    status: Status,
}

impl Sources {
    /// Whether a message was about a source; it is then dealt with.
    fn heard(&self, message: &gst::Message, end: &End) -> bool {
        match message.view() {
            gst::MessageView::Error(error) => self.failed(error, end),
            gst::MessageView::Application(message) => self.is_over(message, end),
            gst::MessageView::Element(message) => self.camera_came_or_went(message),
            _ => false,
        }
    }

    fn failed(&self, error: &gst::message::Error, end: &End) -> bool {
        if self.sound.as_ref().is_some_and(|sound| sound.borrow_mut().took(error)) {
            return true;
        }
        let is_camera = |bin| error.src().is_some_and(|source| source.has_as_ancestor(bin));
        let failed = self.camera.as_ref().is_some_and(is_camera);
        if failed {
            end.with(Err(source::failure(&self.spec, error)));
        }
        failed
    }

    /// With the picture, the producer ends; sound that is over is silence, if there is a picture.
    fn is_over(&self, message: &gst::message::Application, end: &End) -> bool {
        if !message.structure().is_some_and(|over| over.has_name(source::OVER_MESSAGE)) {
            return false;
        }
        let from_sound = self.sound.as_ref().is_some_and(|sound| sound.borrow().sent(message));
        if !from_sound || self.camera.is_none() {
            end.with(Ok(()));
        }
        true
    }

    fn camera_came_or_went(&self, message: &gst::message::Element) -> bool {
        let camera = message.structure().filter(|state| state.has_name(feed::CAMERA_MESSAGE));
        let there = camera.and_then(|state| state.get::<bool>("there").ok());
        if let Some(there) = there {
            self.status.camera(there);
        }
        there.is_some()
    }
}

/// Why nothing is published.
#[derive(Debug, thiserror::Error)]
pub enum ProducerError {
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
            Self::Element(ElementError::NothingFound(_)) | Self::Run(_) => 1,
            Self::Element(_) => 2,
        }
    }
}
