//! Where picture and sound go: a bin with one sink pad that takes raw media.

use std::path::Path;

use gst::prelude::*;

use crate::{
    devices,
    element::{self, ElementError},
    output::Output,
    record::RecordError,
    spec::{AudioSink, VideoSink},
};

/// The element in a loudspeaker that sets its volume.
const GAIN: &str = "gain";

/// Where raw media ends.
#[derive(Debug)]
pub struct Sink {
    /// With one pad, `sink`.
    pub bin: gst::Bin,
    /// The file that it ends in, which must be finished.
    pub file: Option<Output>,
}

/// What shows raw video; `None` for [`VideoSink::None`], and, after one line in the log, when
/// `auto` finds nothing to show a picture on.
///
/// # Errors
/// An element is missing, the text of a `launch:` is not understood, or a file cannot be made.
pub fn video(spec: &VideoSink) -> Result<Option<Sink>, RecordError> {
    let (sink, file) = match spec {
        VideoSink::None => return Ok(None),
        VideoSink::File(path) => into_file(Output::video(path)?),
        VideoSink::Launch(text) => (open_ended(text, "video")?.upcast(), None),
        VideoSink::Auto => {
            let screens = screens();
            match first_usable(&screens) {
                Some(sink) => (sink, None),
                None => {
                    tracing::warn!("{}, the picture is not shown", no_screen(&screens));
                    return Ok(None);
                }
            }
        }
    };
    let bin = gst::Bin::with_name("screen");
    let convert = element::make("videoconvert")?;
    element::chain(&bin, &[convert.clone(), sink])?;
    element::ghost(&bin, &convert, "sink")?;
    Ok(Some(Sink { bin, file }))
}

/// What plays raw audio at this volume (1 is unchanged); `None` for [`AudioSink::None`], and,
/// after one line in the log, when there is no loudspeaker.
///
/// # Errors
/// An element is missing, the text of a `launch:` is not understood, or a file cannot be made.
pub fn audio(spec: &AudioSink, volume: f64) -> Result<Option<Sink>, RecordError> {
    let (sink, file) = match spec {
        AudioSink::None => return Ok(None),
        AudioSink::File(path) => into_file(Output::audio(path)?),
        AudioSink::Launch(text) => (open_ended(text, "audio")?.upcast(), None),
        AudioSink::Auto => match first_usable(LOUDSPEAKERS) {
            Some(sink) => (sink, None),
            None => {
                tracing::warn!(
                    "no sound card was found, the sound is not played (--audio-out none)"
                );
                return Ok(None);
            }
        },
        AudioSink::Alsa(_) | AudioSink::Pulse(_) | AudioSink::Pipewire(_) => {
            match loudspeaker(spec)? {
                Some(sink) => (sink, None),
                None => {
                    let found = devices::found(devices::Kind::Loudspeaker);
                    tracing::warn!("{spec} cannot be opened, the sound is not played; {found}");
                    return Ok(None);
                }
            }
        }
    };
    let bin = gst::Bin::with_name("loudspeaker");
    let convert = element::make("audioconvert")?;
    let resample = element::make("audioresample")?;
    let gain = element::make("volume")?;
    gain.set_property("name", GAIN);
    gain.set_property("volume", volume);
    element::chain(&bin, &[convert.clone(), resample, gain, sink])?;
    element::ghost(&bin, &convert, "sink")?;
    Ok(Some(Sink { bin, file }))
}

/// Has such a bin play at this volume from here on.
pub fn set_volume(loudspeaker: &gst::Bin, volume: f64) {
    if let Some(gain) = loudspeaker.by_name(GAIN) {
        gain.set_property("volume", volume);
    }
}

fn into_file(file: Output) -> (gst::Element, Option<Output>) {
    (file.element(), Some(file))
}

/// The whole text as a bin with one open sink pad, for raw media of this kind.
fn open_ended(text: &str, kind: &'static str) -> Result<gst::Bin, ElementError> {
    let sink = element::fragment(text)?;
    match &sink.sink_pads()[..] {
        [pad] if sink.src_pads().is_empty() && element::carries_raw(pad, kind) => Ok(sink),
        [_] if sink.src_pads().is_empty() => Err(ElementError::Media { deal: "take", kind }),
        _ => Err(ElementError::NoPad("sink")),
    }
}

/// The first of these that opens. GStreamer's own `autovideosink` is not asked: it tries every
/// sink there is, and one of them (`dfbvideosink`) ends the process where there is no display.
fn first_usable(names: &[&str]) -> Option<gst::Element> {
    names.iter().filter_map(|name| element::make(name).ok()).find(element::opens)
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

/// Why none of these shows a picture.
fn no_screen(screens: &[&str]) -> String {
    let missing = screens.iter().map(|name| element::need(&[name]).err());
    match missing.collect::<Option<Vec<_>>>().and_then(|missing| missing.into_iter().next()) {
        Some(missing) => missing.to_string(),
        None if screens.is_empty() => "no display was found".into(),
        None => "the display cannot be opened".into(),
    }
}

/// What can play sound: PulseAudio, which PipeWire speaks, too, else the card itself.
const LOUDSPEAKERS: &[&str] = &["pulsesink", "alsasink"];

/// The sink of this name; `None` if it cannot be opened.
fn loudspeaker(spec: &AudioSink) -> Result<Option<gst::Element>, ElementError> {
    let (element, property, name) = match spec {
        AudioSink::Alsa(device) => ("alsasink", "device", Some(device)),
        AudioSink::Pulse(name) => ("pulsesink", "device", name.as_ref()),
        AudioSink::Pipewire(name) => ("pipewiresink", "target-object", name.as_ref()),
        _ => return Ok(None),
    };
    let sink = element::make(element)?;
    sink.set_property(property, name);
    Ok((element::opens(&sink) && is_known(spec)).then_some(sink))
}

/// PulseAudio and PipeWire open before they look for the name: the one then fails while it plays, the
/// other plays elsewhere.
fn is_known(spec: &AudioSink) -> bool {
    match spec {
        AudioSink::Pulse(Some(_)) => {
            let known = devices::list(devices::Kind::Loudspeaker);
            known.iter().any(|device| device.spec == spec.to_string())
        }
        AudioSink::Pipewire(Some(name)) => devices::pipewire_knows(name),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn sinks_have_one_sink_pad() {
        gst::init().unwrap();
        let screen = video(&"launch:fakesink".parse().unwrap()).unwrap().unwrap();
        assert_eq!(screen.bin.sink_pads().len(), 1);
        let loud = audio(&"launch:fakesink".parse().unwrap(), 0.5).unwrap().unwrap();
        assert_eq!(loud.bin.sink_pads().len(), 1);
        assert!(video(&VideoSink::None).unwrap().is_none());
        assert!(audio(&AudioSink::None, 1.0).unwrap().is_none());
        assert!(audio(&AudioSink::Alsa("nosuchcard".into()), 1.0).unwrap().is_none());
        // Whether there are any is this machine's business; that looking for them ends is ours.
        video(&VideoSink::Auto).unwrap();
        audio(&AudioSink::Auto, 1.0).unwrap();
        assert_eq!(no_screen(&[]), "no display was found");
        assert_eq!(no_screen(&["nosuchsink", "fakesink"]), "the display cannot be opened");
        assert!(
            no_screen(&["nosuchsink"]).starts_with("the GStreamer element nosuchsink is missing")
        );
        let error = video(&"launch:videotestsrc".parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains("has no open sink end"), "{error}");
    }
}
