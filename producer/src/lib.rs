//! Publishes a camera and a microphone: command line in, running pipeline out.
//!
//! What the parts of the pipeline are made of stands in `intercom-media`; here they are put
//! together and it is decided what happens when one of them fails.

pub mod args;
mod live;
mod status;

use intercom_media::{
    devices::{self, Kind},
    element::ElementError,
    feed, notify, peer,
    run::{self, End, RunError},
    send::{Outgoing, Sender},
};
use intercom_settings::{Settings, log::Log};

use crate::{args::Args, live::Live, status::Status};

/// What the connection of a device that sends is called, so that its peer id stays.
const INSTANCE: &str = "camera";

/// Publishes until a signal, the end of the source or a failure ends it; or only prints the devices.
///
/// # Errors
/// See [`ProducerError`].
pub fn run(args: &Args, settings: Settings, log: Log) -> Result<(), ProducerError> {
    if args.list_devices {
        devices::print(&[Kind::Camera, Kind::Microphone]);
        return Ok(());
    }
    args.server.advise();
    gstintercom::preheat_dtls();
    let sender = Sender::build(&outgoing(args))?;
    let status = Status::follow(&sender, &args.name);
    let Sender { pipeline, signaller, sink, encoder, sources, .. } = sender;
    let mut live = Live { settings, log, encode: args.encode, encoder, sink };
    let on_start = {
        let (sources, status) = (sources.clone(), status.clone());
        move |_: &End| {
            sources.open();
            notify::keep_alive(move || status.lives());
        }
    };
    let ended = run::run(&pipeline, on_start, move |message, end| {
        if run::is_reload(message) {
            live.reload();
            return true;
        }
        sources.heard(message, end) || camera_came_or_went(message, &status)
    });
    peer::say_goodbye(&signaller);
    ended.map_err(ProducerError::Run)
}

fn outgoing(args: &Args) -> Outgoing<'_> {
    Outgoing {
        server: &args.server,
        instance: args.server.token_file.is_some().then_some(INSTANCE),
        name: &args.name,
        video: &args.video,
        audio: &args.audio,
        codec: args.codec,
        bitrate: args.bitrate,
        size: args.size,
        encode: args.encode,
    }
}

fn camera_came_or_went(message: &gst::Message, status: &Status) -> bool {
    let gst::MessageView::Element(message) = message.view() else { return false };
    let camera = message.structure().filter(|state| state.has_name(feed::CAMERA_MESSAGE));
    let there = camera.and_then(|state| state.get::<bool>("there").ok());
    if let Some(there) = there {
        status.camera(there);
    }
    there.is_some()
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
