//! What comes in: frames, bytes, loss and jitter, as one line a second.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use gst::prelude::*;

/// Counts what passes. Cloned into the pads it looks at.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    frames: AtomicU64,
    video_bytes: AtomicU64,
    audio_bytes: AtomicU64,
    /// As webrtcbin reported it last, by SSRC.
    inbound: Mutex<HashMap<u32, Inbound>>,
}

/// One incoming RTP stream since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Inbound {
    received: f64,
    lost: f64,
    /// Seconds.
    jitter: f64,
}

/// All counts at one time.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    at: Instant,
    frames: u64,
    video_bytes: u64,
    audio_bytes: u64,
    inbound: Inbound,
}

/// What happened between two snapshots. Its text is the line of `--stats`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    fps: f64,
    /// kbit/s.
    video: f64,
    /// kbit/s.
    audio: f64,
    /// Packets.
    lost: f64,
    /// Of the packets sent, in percent.
    loss: f64,
    /// Milliseconds, of the worse stream.
    jitter: f64,
}

impl Meter {
    /// Counts the frames (video) or packets (audio) that pass this pad.
    pub fn count(&self, video: bool, pad: &gst::Pad) {
        let counts = self.counts.clone();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(buffer) = info.buffer() {
                let bytes = buffer.size() as u64;
                if video {
                    counts.frames.fetch_add(1, Ordering::Relaxed);
                    counts.video_bytes.fetch_add(bytes, Ordering::Relaxed);
                } else {
                    counts.audio_bytes.fetch_add(bytes, Ordering::Relaxed);
                }
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// Asks webrtcbin for its statistics; they are in the snapshots taken after it has answered.
    pub fn ask(&self, webrtcbin: &gst::Element) {
        let counts = self.counts.clone();
        let promise = gst::Promise::with_change_func(move |reply| {
            if let Ok(Some(stats)) = reply {
                *counts.inbound.lock().unwrap_or_else(PoisonError::into_inner) = inbound(stats);
            }
        });
        webrtcbin.emit_by_name::<()>("get-stats", &[&None::<gst::Pad>, &promise]);
    }

    /// Frames and packets of sound so far.
    pub fn progress(&self) -> u64 {
        let snapshot = self.snapshot();
        snapshot.video_bytes + snapshot.audio_bytes
    }

    /// The counts now.
    pub fn snapshot(&self) -> Snapshot {
        let streams = self.counts.inbound.lock().unwrap_or_else(PoisonError::into_inner);
        Snapshot {
            at: Instant::now(),
            frames: self.counts.frames.load(Ordering::Relaxed),
            video_bytes: self.counts.video_bytes.load(Ordering::Relaxed),
            audio_bytes: self.counts.audio_bytes.load(Ordering::Relaxed),
            inbound: streams.values().fold(Inbound::default(), |all, stream| Inbound {
                received: all.received + stream.received,
                lost: all.lost + stream.lost,
                jitter: all.jitter.max(stream.jitter),
            }),
        }
    }
}

impl Line {
    /// What happened from one snapshot to a later one.
    pub fn between(before: &Snapshot, after: &Snapshot) -> Self {
        let seconds = after.at.duration_since(before.at).as_secs_f64().max(0.001);
        let rate = |from: u64, to: u64| to.saturating_sub(from) as f64 / seconds;
        // A new session starts again at nothing.
        let since = |from: f64, to: f64| if to < from { to } else { to - from };
        let lost = since(before.inbound.lost, after.inbound.lost).max(0.0);
        let received = since(before.inbound.received, after.inbound.received);
        let sent = lost + received;
        Self {
            fps: rate(before.frames, after.frames),
            video: rate(before.video_bytes, after.video_bytes) * 8.0 / 1000.0,
            audio: rate(before.audio_bytes, after.audio_bytes) * 8.0 / 1000.0,
            lost,
            loss: if sent > 0.0 { lost / sent * 100.0 } else { 0.0 },
            jitter: after.inbound.jitter * 1000.0,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fps, video, audio, lost, loss, jitter } = self;
        write!(f, "fps={fps:.1} video={video:.0}kbit/s audio={audio:.0}kbit/s ")?;
        write!(f, "lost={lost:.0} loss={loss:.1}% jitter={jitter:.1}ms")
    }
}

fn inbound(stats: &gst::StructureRef) -> HashMap<u32, Inbound> {
    let streams = stats.iter().filter_map(|(_, value)| value.get::<gst::Structure>().ok());
    streams
        .filter(|stream| stream.name().as_str() == "inbound-rtp" || is_inbound(stream))
        .filter_map(|stream| {
            let number = |field| number(&stream, field);
            let lost = number("packets-lost").unwrap_or_default().max(0.0);
            let received = number("packets-received").unwrap_or_default();
            let jitter = number("jitter").unwrap_or_default();
            Some((number("ssrc")? as u32, Inbound { received, lost, jitter }))
        })
        .collect()
}

fn is_inbound(stream: &gst::StructureRef) -> bool {
    let kind = stream.get::<gst_webrtc::WebRTCStatsType>("type");
    kind == Ok(gst_webrtc::WebRTCStatsType::InboundRtp)
}

/// A number of whatever type this GStreamer gives it.
fn number(structure: &gst::StructureRef, field: &str) -> Option<f64> {
    let value = structure.value(field).ok()?;
    value.transform::<f64>().ok()?.get().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use super::*;

    fn snapshot(at: Instant, frames: u64, lost: f64) -> Snapshot {
        let inbound = Inbound { received: 30.0 * frames as f64, lost, jitter: 0.002 };
        Snapshot { at, frames, video_bytes: frames * 1000, audio_bytes: frames * 10, inbound }
    }

    #[test]
    fn a_line_tells_of_one_second() {
        let start = Instant::now();
        let before = snapshot(start, 30, 0.0);
        let after = snapshot(start + Duration::from_secs(2), 90, 200.0);
        assert_eq!(
            Line::between(&before, &after).to_string(),
            "fps=30.0 video=240kbit/s audio=2kbit/s lost=200 loss=10.0% jitter=2.0ms"
        );
    }

    #[test]
    fn numbers_of_any_type_are_read() {
        gst::init().unwrap();
        let stream = gst::Structure::builder("x")
            .field("ssrc", 7u32)
            .field("packets-received", 90u64)
            .field("packets-lost", 10i64)
            .field("jitter", 0.5f64)
            .field("type", gst_webrtc::WebRTCStatsType::InboundRtp)
            .build();
        let other = gst::Structure::builder("y").field("ssrc", 8u32).build();
        let stats = gst::Structure::builder("s").field("a", stream).field("b", other).build();
        let expected = Inbound { received: 90.0, lost: 10.0, jitter: 0.5 };
        assert_eq!(inbound(&stats), HashMap::from([(7, expected)]));
    }
}
