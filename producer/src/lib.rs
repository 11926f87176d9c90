//! Publishes a camera and a microphone: command line in, running pipeline out.
//!
//! What the parts of the pipeline are made of stands in `intercom-media`; here they are put
//! together and it is decided what happens when one of them fails.

pub mod args;
mod live;
mod status;

use std::{io, path::PathBuf};

use intercom_client::Media;
use intercom_media::{
    call::{Ear, Greeting, Line, Manner, Phone},
    devices::{self, Kind},
    element::ElementError,
    notify, peer,
    record::RecordError,
    run::{self, End, RunError},
    send::{Outgoing, Sender, Sources},
    spec::{AudioSource, Clip, VideoSource},
    trouble::Change,
};
use intercom_settings::{Settings, log::Log};

use crate::{args::Args, live::Live, status::Status};

/// What the connection of a device that sends is called, so that its peer id stays.
const CAMERA: &str = "camera";

/// What its connection that rings is called.
const CONTROL: &str = "control";

/// The jitter buffer of a call, milliseconds.
const LATENCY: u32 = 40;

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
    let _key = gstintercom::preheat_dtls();
    let sender = Sender::build(&outgoing(args))?;
    let status = Status::follow(&sender, &args.name);
    let phone = args.has_phone().then(|| phone(args, &sender)).transpose()?;
    let Sender { pipeline, signaller, sink, encoder, sources, .. } = sender;
    let mut live = Live { settings, log, encode: args.encode, encoder, sink };
    let on_start = {
        let (sources, status, phone) = (sources.clone(), status.clone(), phone.clone());
        move |end: &End| {
            sources.open();
            notify::keep_alive(move || status.lives(&sources));
            if let Some(Err(error)) = phone.map(|phone| phone.start(end)) {
                end.with(Err(error));
            }
        }
    };
    let heard = phone.clone();
    let ended = run::run(&pipeline, on_start, move |message, end| {
        if run::is_reload(message) {
            live.reload();
            return true;
        }
        if let Some(phone) = heard.as_ref().filter(|_| run::is_ring(message)) {
            phone.press();
            return true;
        }
        if let Some(change) = Change::read(message) {
            status.device(change);
            heard.iter().for_each(|phone| phone.device(change));
        }
        sources.heard(message, end)
    });
    if let Some(Err(error)) = phone.map(|phone| phone.close()) {
        tracing::warn!("{error}");
    }
    peer::say_goodbye(&signaller);
    ended.map_err(ProducerError::Run)
}

/// What rings and is rung, and plays the other side.
fn phone(args: &Args, sender: &Sender) -> Result<Phone, ProducerError> {
    let greeting = args.greeting.as_deref().map(Clip::once);
    greeting.as_ref().map(Sources::can_greet).transpose()?;
    let sources = sender.sources.clone();
    let greeting = greeting.map(|clip| Greeting { clip, sources });
    let ear = Ear::build(&args.server, (&args.speaker, 1.0), &args.show, LATENCY);
    let ear = ear.map_err(ProducerError::Ear)?;
    let line = Line::open(&args.server, Some(CONTROL)).map_err(ProducerError::Run)?;
    let media =
        Media { audio: args.audio != AudioSource::None, video: args.video != VideoSource::None };
    let (answer, button) = (args.answer.clone(), args.call.clone());
    let manner = Manner::Device { answer, button, greeting };
    let phone = Phone::new(line, ear, sender.signaller.clone(), media, manner);
    if let Some(path) = &args.control_socket {
        phone.listen(path).map_err(|error| ProducerError::Control(path.clone(), error))?;
    }
    Ok(phone)
}

fn outgoing(args: &Args) -> Outgoing<'_> {
    Outgoing {
        server: &args.server,
        instance: args.server.token_file.is_some().then_some(CAMERA),
        name: &args.name,
        video: &args.video,
        audio: &args.audio,
        codec: args.codec,
        bitrate: args.bitrate,
        size: args.size,
        encode: args.encode,
        always_on: args.always_on,
    }
}

/// Why nothing is published.
#[derive(Debug, thiserror::Error)]
pub enum ProducerError {
    /// The pipeline cannot be built.
    #[error(transparent)]
    Element(#[from] ElementError),
    /// What is heard and seen of calls cannot be played, or written.
    #[error(transparent)]
    Ear(RecordError),
    /// The control socket cannot be made.
    #[error("the control socket {} cannot be made: {}", .0.display(), .1)]
    Control(PathBuf, io::Error),
    /// It was built and failed.
    #[error(transparent)]
    Run(RunError),
}

impl ProducerError {
    /// The exit code: 2 when the command line must change, 1 when something failed.
    pub fn code(&self) -> u8 {
        match self {
            Self::Element(ElementError::NothingFound(_)) | Self::Run(_) => 1,
            Self::Element(_) | Self::Ear(_) | Self::Control(..) => 2,
        }
    }
}
