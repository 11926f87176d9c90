//! What can change while the consumer runs.

use intercom_media::{notify, sink};
use intercom_settings::{Settings, log::Log};

use crate::args::Args;

pub(crate) struct Live {
    pub(crate) settings: Settings,
    pub(crate) log: Log,
}

impl Live {
    /// Reads the settings again. The picture does not stop.
    pub(crate) fn reload(&mut self, loudspeaker: Option<&gst::Bin>) {
        let Self { settings, log } = self;
        let apply = |args: Args| {
            log.follow(&args.server.log);
            if let Some(loudspeaker) = loudspeaker {
                sink::set_volume(loudspeaker, args.volume);
            }
        };
        notify::reload(|| settings.reload(Args::accept, apply));
    }
}
