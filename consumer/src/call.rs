//! `--call`: a two-way call from a terminal, until one of the two hangs up.

use gst::glib;
use intercom_client::Media;
use intercom_media::{
    call::{Ear, Line, Manner, Phone},
    notify, peer,
    run::{self, End},
    send::{Outgoing, Sender},
    spec::{AudioSource, Bitrate, Codec, Encode, Size, VideoSource},
    trouble::Change,
};

use crate::{ConsumerError, args::Args, live::Live};

/// A picture from a terminal is a small one.
const SIZE: Size = Size { width: 640, height: 480, fps: 30 };

/// Enough for that.
const BITRATE: Bitrate = Bitrate(1_000_000);

/// Rings the account and talks with it; returns when the call is over.
pub(crate) fn call(args: &Args, to: &str, mut live: Live) -> Result<(), ConsumerError> {
    let _key = gstintercom::preheat_dtls();
    let name = glib::host_name().to_string();
    let sender = Sender::build(&Outgoing {
        server: &args.server,
        instance: None,
        name: &name,
        video: &args.video,
        audio: &args.audio,
        codec: Codec::Vp8,
        bitrate: BITRATE,
        size: SIZE,
        encode: Encode::Shared,
        always_on: false,
    })?;
    let speaker = args.loudspeaker();
    let ear = Ear::build(&args.server, (&speaker, args.volume), &args.screen(), args.latency);
    let ear = ear.map_err(ConsumerError::Reserve)?;
    let loudspeaker = ear.loudspeaker();
    let line = Line::open(&args.server, None).map_err(ConsumerError::Run)?;
    let media =
        Media { audio: args.audio != AudioSource::None, video: args.video != VideoSource::None };
    let Sender { pipeline, signaller, sources, .. } = sender;
    let phone = Phone::new(line, ear, signaller.clone(), media, Manner::Terminal(to.into()));
    let on_start = {
        let (sources, phone) = (sources.clone(), phone.clone());
        move |end: &End| {
            sources.open();
            notify::keep_alive(|| true);
            if let Err(error) = phone.start(end) {
                end.with(Err(error));
            }
        }
    };
    let heard = phone.clone();
    let ended = run::run(&pipeline, on_start, move |message, end| {
        if let Some(change) = Change::read(message) {
            heard.device(change);
        }
        if run::is_reload(message) {
            live.reload(loudspeaker.as_ref());
            return true;
        }
        sources.heard(message, end)
    });
    let closed = phone.close();
    peer::say_goodbye(&signaller);
    ended.map_err(ConsumerError::Run).and(closed.map_err(ConsumerError::Record))
}
