//! What can change while the producer runs.

use intercom_media::{encode::Encoder, notify, peer, spec::Encode};
use intercom_settings::{Settings, log::Log};

use crate::args::Args;

pub(crate) struct Live {
    pub(crate) settings: Settings,
    pub(crate) log: Log,
    pub(crate) encode: Encode,
    /// That of all viewers, if they share one.
    pub(crate) encoder: Option<Encoder>,
    pub(crate) sink: gst::Element,
}

impl Live {
    /// Reads the settings again. Nobody stops watching.
    pub(crate) fn reload(&mut self) {
        let Self { settings, log, encode, encoder, sink } = self;
        let apply = |args: Args| {
            log.follow(&args.server.log);
            peer::set_bitrate(sink, *encode, args.bitrate);
            if let Some(encoder) = encoder {
                encoder.aim(args.bitrate);
            }
        };
        notify::reload(|| settings.reload(Args::accept, apply));
    }
}
