//! Whether the other end still says anything, and whether media have come at all.
//!
//! GStreamer 1.22 does not notice in minutes that a peer was switched off. Whatever is done here in a
//! streaming thread is a look at two bytes and a store; the verdict is reached elsewhere, once a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::failure::SessionFailure;

/// Between two looks.
const TICK: Duration = Duration::from_secs(1);
/// Ticks from the moment that media can flow until some must have.
const MEDIA_WITHIN: u32 = 10;
/// The same until some of use must have, when others came.
const MEDIA_UNUSED: u32 = 2;
/// Ticks without a packet of media at a receiver that had some.
const MEDIA_AGAIN: u32 = 15;
/// So many ticks without a packet, of one that speaks in each…
const SILENT: u32 = 4;
/// …which takes this many in a row to be known,
const STEADY: u32 = 3;
/// and of one that speaks more rarely, such as a browser that only listens to sound.
const LONG_SILENT: u32 = 20;
/// How often our own ends say at least that they are there, by RTCP, nanoseconds.
const RTCP_INTERVAL: u64 = 500_000_000;

/// What was heard since somebody last looked. Packets of any kind count, but those of ICE.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    heard: AtomicBool,
    /// Of these, a packet of media.
    heard_media: AtomicBool,
    /// Media went in or came out, ever.
    media: AtomicBool,
    /// They came out.
    receives: AtomicBool,
    /// Media came that the element has no use for.
    unused: AtomicBool,
}

/// What the looks come to.
#[derive(Debug, Default)]
struct Life {
    ticks: u32,
    /// Ticks in a row with a packet.
    steady: u32,
    /// It was `STEADY` once. What falls silent for less than `SILENT` speaks as often as before: a
    /// hiccup, such as a machine has that is busy.
    speaks_often: bool,
    silent: u32,
    /// Ticks in a row in which media paused.
    paused: u32,
}

/// What one look found.
#[derive(Clone, Copy, Debug)]
struct Look {
    heard: bool,
    media: Media,
}

/// What has come up to now.
#[derive(Clone, Copy, Debug)]
enum Media {
    None,
    /// Only such as the element has no use for.
    Unused,
    Some,
    /// Some, but of a receiver's none since the last look.
    Paused,
}

impl Pulse {
    /// Notes media that go in or come out, from now on.
    pub(super) fn notice_media(self: &Arc<Self>, webrtcbin: &gst::Element) {
        let pulse = self.clone();
        let notice = move |pad: &gst::Pad| {
            let pulse = pulse.clone();
            let data = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
            pad.add_probe(data, move |pad, _| {
                let what = if pad.is_linked() { &pulse.media } else { &pulse.unused };
                what.store(true, Ordering::Relaxed);
                if pad.direction() == gst::PadDirection::Src {
                    pulse.receives.store(true, Ordering::Relaxed);
                }
                gst::PadProbeReturn::Remove
            });
        };
        webrtcbin.pads().iter().for_each(&notice);
        webrtcbin.connect_pad_added(move |_, pad| notice(pad));
    }

    /// Notes packets of the other end, once there is a way to it, and has our own end speak often
    /// enough. For webrtcbin's own thread.
    pub(super) fn listen(self: &Arc<Self>, webrtcbin: &gst::Element) {
        let Some(bin) = webrtcbin.downcast_ref::<gst::Bin>() else { return };
        for source in bin.iterate_all_by_element_factory_name("nicesrc").into_iter().flatten() {
            let (pulse, Some(pad)) = (self.clone(), source.static_pad("src")) else { continue };
            let data = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
            pad.add_probe(data, move |_, info| {
                pulse.heard.store(true, Ordering::Relaxed);
                if is_media(info) {
                    pulse.heard_media.store(true, Ordering::Relaxed);
                }
                gst::PadProbeReturn::Ok
            });
        }
        let Some(rtpbin) = bin.by_name("rtpbin") else { return };
        let session =
            |id: u32| rtpbin.emit_by_name::<Option<glib::Object>>("get-internal-session", &[&id]);
        for session in (0..).map_while(session) {
            session.set_property("rtcp-min-interval", RTCP_INTERVAL);
        }
    }

    /// Looks once a second, until it has come to the worst. A machine that stood still is not taken
    /// for a peer that did.
    pub(super) async fn fails(&self) -> SessionFailure {
        let (mut ticks, mut life) = (interval_at(Instant::now() + TICK, TICK), Life::default());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Some(failure) = life.tick(self.look()) {
                return failure;
            }
        }
    }
}

impl Pulse {
    fn look(&self) -> Look {
        let heard = self.heard.swap(false, Ordering::Relaxed);
        let heard_media = self.heard_media.swap(false, Ordering::Relaxed);
        let media = match self.media.load(Ordering::Relaxed) {
            true if !heard_media && self.receives.load(Ordering::Relaxed) => Media::Paused,
            true => Media::Some,
            false if self.unused.load(Ordering::Relaxed) => Media::Unused,
            false => Media::None,
        };
        Look { heard, media }
    }
}

impl Life {
    fn tick(&mut self, look: Look) -> Option<SessionFailure> {
        self.ticks += 1;
        (self.steady, self.silent) =
            if look.heard { (self.steady + 1, 0) } else { (0, self.silent + 1) };
        self.speaks_often |= self.steady >= STEADY;
        self.paused = if matches!(look.media, Media::Paused) { self.paused + 1 } else { 0 };
        let patience = if self.speaks_often { SILENT } else { LONG_SILENT };
        if self.silent >= patience {
            return Some(SessionFailure::PeerGone { seconds: self.silent });
        }
        match look.media {
            Media::Unused if self.ticks >= MEDIA_UNUSED => Some(SessionFailure::Codec),
            Media::None if self.ticks >= MEDIA_WITHIN => {
                Some(SessionFailure::NoMedia { seconds: MEDIA_WITHIN })
            }
            Media::Paused if self.paused >= MEDIA_AGAIN => {
                Some(SessionFailure::NoMedia { seconds: MEDIA_AGAIN })
            }
            _ => None,
        }
    }
}

/// Whether there is RTP in it, as RFC 5761 and 5764 tell it from RTCP and all else.
fn is_media(info: &gst::PadProbeInfo<'_>) -> bool {
    let is_rtp = |buffer: &gst::BufferRef| {
        let mut head = [0; 2];
        let is_there = buffer.size() >= head.len() && buffer.copy_to_slice(0, &mut head).is_ok();
        is_there && (128..192).contains(&head[0]) && !(192..224).contains(&head[1])
    };
    match &info.data {
        Some(gst::PadProbeData::Buffer(buffer)) => is_rtp(buffer),
        Some(gst::PadProbeData::BufferList(list)) => list.iter().any(is_rtp),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// After how many seconds it fails, and how. A packet in each second is an `x`.
    fn verdict(seconds: &str, media: Media) -> Option<(usize, &'static str)> {
        let mut life = Life::default();
        let mut heard = seconds.chars().map(|second| second == 'x');
        let failed = heard.by_ref().find_map(|heard| life.tick(Look { heard, media }));
        failed.map(|failure| (seconds.len() - heard.count(), failure.code()))
    }

    #[test]
    fn who_spoke_every_second_is_gone_after_four() {
        assert_eq!(verdict("xxxxxx....", Media::Some), Some((10, "peerGone")));
        assert_eq!(verdict("xxxxxx...xxx...xxxxx...x", Media::Some), None);
    }

    #[test]
    fn who_had_a_hiccup_is_gone_as_soon() {
        for (seconds, at) in [("xxxxxx.xx....", 13), ("xxx...x....", 11), ("xxx.x.x..x....", 14)] {
            assert_eq!(verdict(seconds, Media::Some), Some((at, "peerGone")), "{seconds}");
        }
    }

    #[test]
    fn who_speaks_rarely_is_waited_for() {
        let rarely = "x.....".repeat(20);
        assert_eq!(verdict(&rarely, Media::Some), None);
        assert_eq!(verdict(&"xx....".repeat(20), Media::Some), None);
        assert_eq!(verdict(&".".repeat(30), Media::Some), Some((20, "peerGone")));
    }

    #[test]
    fn without_media_it_is_over_after_ten_and_with_unusable_ones_sooner() {
        assert_eq!(verdict(&"x".repeat(30), Media::None), Some((10, "noMedia")));
        assert_eq!(verdict(&"x".repeat(30), Media::Unused), Some((2, "codec")));
        assert_eq!(verdict(&"x".repeat(30), Media::Some), None);
    }

    #[test]
    fn media_that_stop_are_waited_for_a_while() {
        let mut life = Life::default();
        let mut after = |ticks: usize, media: Media| {
            (0..ticks).find_map(|_| life.tick(Look { heard: true, media }))
        };
        assert_eq!(after(20, Media::Some), None);
        assert_eq!(after(14, Media::Paused), None);
        assert_eq!(after(1, Media::Some), None);
        assert_eq!(after(14, Media::Paused), None);
        assert_eq!(after(1, Media::Paused).map(|failure| failure.code()), Some("noMedia"));
    }

    #[test]
    fn of_all_that_comes_only_rtp_is_media() {
        gst::init().unwrap();
        let is_it = |packet: &'static [u8]| {
            let data = gst::PadProbeData::Buffer(gst::Buffer::from_slice(packet));
            is_media(&gst::PadProbeInfo {
                mask: gst::PadProbeType::BUFFER,
                id: None,
                offset: 0,
                size: 0,
                data: Some(data),
                flow_res: Ok(gst::FlowSuccess::Ok),
            })
        };
        let (vp8, marked, sender_report) = (&[128, 96], &[144, 96 | 128], &[128, 200]);
        assert!(is_it(vp8) && is_it(marked));
        let (dtls, stun) = (&[22, 254], &[0, 1]);
        let others: [&[u8]; 5] = [sender_report, dtls, stun, &[128], &[]];
        assert!(others.into_iter().all(|packet| !is_it(packet)));
    }
}
