//! Where picture and sound go: a bin with one sink pad that takes raw media.

use std::path::Path;

use gst::prelude::*;

use crate::{
    devices,
    element::{self, ElementError},
    spec::{AudioSink, VideoSink},
};

/// A bin that shows raw video; `None` for [`VideoSink::None`], and, after one line in the log,
/// when `auto` finds nothing to show a picture on.
///
/// # Errors
/// An element is missing, or the text of a `launch:` is not understood.
pub fn video(spec: &VideoSink) -> Result<Option<gst::Bin>, ElementError> {
    let bin = gst::Bin::with_name("screen");
    let sink = match spec {
        VideoSink::None => return Ok(None),
        VideoSink::Launch(text) => open_ended(text)?.upcast(),
        VideoSink::Auto => match first_usable(&screens()) {
            Some(sink) => sink,
            None => {
                tracing::warn!("no display was found, the picture is not shown (--video-out none)");
                return Ok(None);
            }
        },
    };
    let convert = element::make("videoconvert")?;
    element::chain(&bin, &[convert.clone(), sink])?;
    element::ghost(&bin, &convert, "sink")?;
    Ok(Some(bin))
}

/// A bin that plays raw audio at this volume (1 is unchanged); `None` for [`AudioSink::None`], and,
/// after one line in the log, when there is no loudspeaker.
///
/// # Errors
/// An element is missing, or the text of a `launch:` is not understood.
pub fn audio(spec: &AudioSink, volume: f64) -> Result<Option<gst::Bin>, ElementError> {
    let bin = gst::Bin::with_name("loudspeaker");
    let sink = match spec {
        AudioSink::None => return Ok(None),
        AudioSink::Launch(text) => open_ended(text)?.upcast(),
        AudioSink::Alsa(device) => match loudspeaker(device)? {
            Some(sink) => sink,
            None => {
                let found = devices::found(devices::Kind::Loudspeaker);
                tracing::warn!("alsa:{device} cannot be opened, the sound is not played; {found}");
                return Ok(None);
            }
        },
        AudioSink::Auto => match first_usable(LOUDSPEAKERS) {
            Some(sink) => sink,
            None => {
                tracing::warn!(
                    "no sound card was found, the sound is not played (--audio-out none)"
                );
                return Ok(None);
            }
        },
    };
    let convert = element::make("audioconvert")?;
    let resample = element::make("audioresample")?;
    let gain = element::make("volume")?;
    gain.set_property("volume", volume);
    element::chain(&bin, &[convert.clone(), resample, gain, sink])?;
    element::ghost(&bin, &convert, "sink")?;
    Ok(Some(bin))
}

/// The whole text as a bin with one open sink pad.
fn open_ended(text: &str) -> Result<gst::Bin, ElementError> {
    let sink = element::fragment(text)?;
    if sink.sink_pads().len() == 1 && sink.src_pads().is_empty() {
        return Ok(sink);
    }
    Err(ElementError::NoPad { text: text.into(), end: "sink" })
}

/// The first of these that opens. GStreamer's own `autovideosink` is not asked: it tries every
/// sink there is, and one of them (`dfbvideosink`) ends the process where there is no display.
fn first_usable(names: &[&str]) -> Option<gst::Element> {
    names.iter().filter_map(|name| element::make(name).ok()).find(usable)
}

/// What can show a picture where this process runs.
fn screens() -> Vec<&'static str> {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let mut names = Vec::new();
    if set("WAYLAND_DISPLAY") {
        names.push("waylandsink");
    }
    if set("DISPLAY") {
        names.extend(["xvimagesink", "ximagesink", "glimagesink"]);
    }
    if names.is_empty() && Path::new("/dev/dri").exists() {
        names.push("kmssink");
    }
    names
}

/// What can play sound: PulseAudio, which PipeWire speaks, too, else the card itself.
const LOUDSPEAKERS: &[&str] = &["pulsesink", "alsasink"];

fn loudspeaker(device: &str) -> Result<Option<gst::Element>, ElementError> {
    let sink = element::make("alsasink")?;
    sink.set_property("device", device);
    Ok(usable(&sink).then_some(sink))
}

/// Whether a sink opens; it is closed again.
fn usable(sink: &gst::Element) -> bool {
    let opens = sink.set_state(gst::State::Ready).is_ok();
    sink.set_state(gst::State::Null).is_ok() && opens
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn sinks_have_one_sink_pad() {
        gst::init().unwrap();
        let screen = video(&"launch:fakesink".parse().unwrap()).unwrap().unwrap();
        assert_eq!(screen.sink_pads().len(), 1);
        let loud = audio(&"launch:fakesink".parse().unwrap(), 0.5).unwrap().unwrap();
        assert_eq!(loud.sink_pads().len(), 1);
        assert!(video(&VideoSink::None).unwrap().is_none());
        assert!(audio(&AudioSink::None, 1.0).unwrap().is_none());
        assert!(audio(&AudioSink::Alsa("nosuchcard".into()), 1.0).unwrap().is_none());
        // Whether there are any is this machine's business; that looking for them ends is ours.
        video(&VideoSink::Auto).unwrap();
        audio(&AudioSink::Auto, 1.0).unwrap();
        let error = video(&"launch:videotestsrc".parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains("has no open sink end"), "{error}");
    }
}
