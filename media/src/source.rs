//! Sources of raw video and audio: a bin with one source pad, in the format that the rest of the
//! producer works with.

use gst::{glib, prelude::*};

use crate::{
    devices,
    element::{self, ElementError},
    feed::{self, Form, Origin},
    run::RunError,
    spec::{AudioSource, Size, VideoSource},
    trouble::Failure,
};

/// The name of the message on the bus, from the bin of a source, that says that there is no more
/// to come.
pub const OVER_MESSAGE: &str = "intercom-source-over";

/// The format of all audio between a source and the encoder.
pub fn audio_caps() -> gst::Caps {
    gst::Caps::builder("audio/x-raw")
        .field("format", "S16LE")
        .field("layout", "interleaved")
        .field("rate", 48_000)
        .field("channels", 2)
        .field("channel-mask", gst::Bitmask::new(3))
        .build()
}

/// The format of all video between a source and the encoder.
pub fn video_caps(size: Size) -> gst::Caps {
    gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .field("width", size.width)
        .field("height", size.height)
        .field("framerate", gst::Fraction::new(size.fps, 1))
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .build()
}

/// The first camera there is.
///
/// # Errors
/// There is none.
pub(crate) fn first_camera() -> Result<VideoSource, ElementError> {
    let mut cameras = devices::list(devices::Kind::Camera).into_iter();
    cameras.find_map(|camera| camera.spec.parse().ok()).ok_or_else(|| {
        let looked_for = "no camera was found, neither by libcamera nor as /dev/videoN";
        ElementError::NothingFound(format!("{looked_for}; --video test needs none"))
    })
}

/// What it means for the producer that its picture's source never worked.
pub(crate) fn failure(spec: &VideoSource, error: &gst::message::Error) -> RunError {
    let failure = Failure::of(&error.error());
    RunError::Other(match spec {
        VideoSource::V4l2(_) | VideoSource::Libcamera(_) | VideoSource::Auto => {
            let words = failure.words(&format!("the camera {spec}"));
            format!("{words}; {}", devices::found(devices::Kind::Camera))
        }
        VideoSource::File(_) | VideoSource::Image(_) => failure.of_file(&spec.to_string()),
        _ => failure.words("the source of the picture"),
    })
}

/// A bin that delivers [`video_caps`], or the same with another rate, from a source that has elements
/// of its own; the others are [`feed`]'s.
///
/// # Errors
/// An element is missing, the text of a `launch:` is not understood, or there is no camera.
pub(crate) fn device(spec: &VideoSource, size: Size) -> Result<gst::Bin, ElementError> {
    let bin = gst::Bin::with_name("device");
    match spec {
        VideoSource::Auto => return device(&first_camera()?, size),
        VideoSource::V4l2(device) => camera(&bin, device, size)?,
        VideoSource::Libcamera(name) => libcamera(&bin, name.as_deref(), size)?,
        VideoSource::Launch(text) => {
            let source = open_ended(text, "video")?;
            bin.add(&source).map_err(|_| ElementError::Link)?;
            let head = fit(&bin, size)?;
            source.link(&head).map_err(|_| ElementError::Link)?;
        }
        VideoSource::Test(pattern) => {
            let source = test_picture(pattern.as_deref())?;
            let filter = element::caps_filter(&video_caps(size))?;
            element::chain(&bin, &[source, filter.clone()])?;
            element::ghost(&bin, &filter, "src")?;
        }
        VideoSource::File(_) | VideoSource::Image(_) | VideoSource::Rtsp(_) | VideoSource::None => {
            return Err(ElementError::NoPad("source"));
        }
    }
    Ok(bin)
}

/// Whether there shall be sound. No device is opened.
///
/// # Errors
/// As those of [`audio`], which then are known before.
pub(crate) fn can_be_heard(spec: &AudioSource) -> Result<bool, ElementError> {
    match spec {
        AudioSource::Auto => element::need(&["pulsesrc"]).map(|()| true),
        spec => audio(spec).map(|bin| bin.is_some()),
    }
}

/// A bin that delivers [`audio_caps`]; `None` for [`AudioSource::None`].
///
/// # Errors
/// An element is missing, the text of a `launch:` is not understood, or a file cannot be read.
pub fn audio(spec: &AudioSource) -> Result<Option<gst::Bin>, ElementError> {
    let source: gst::Element = match spec {
        AudioSource::None => return Ok(None),
        AudioSource::Test(wave) => tone(wave.as_deref())?,
        AudioSource::Auto => any_microphone()?,
        AudioSource::Alsa(device) => microphone("alsasrc", Some(device))?,
        AudioSource::Pulse(name) => microphone("pulsesrc", name.as_deref())?,
        AudioSource::Pipewire(name) => pipewire(name.as_deref())?,
        AudioSource::File(clip) => feed::source(Origin::Clip(clip.clone()), Form::Sound)?,
        AudioSource::Launch(text) => open_ended(text, "audio")?.upcast(),
    };
    let bin = gst::Bin::with_name("microphone");
    let filter = element::caps_filter(&audio_caps())?;
    let convert = element::make("audioconvert")?;
    let resample = element::make("audioresample")?;
    let queue = element::leaky_queue(gst::ClockTime::from_mseconds(500))?;
    element::chain(&bin, &[source, convert, resample, filter, queue.clone()])?;
    element::ghost(&bin, &queue, "src")?;
    announce_end(&bin, gst::PadProbeReturn::Ok);
    Ok(Some(bin))
}

/// Has the end of the stream said on the bus; `then` is what happens to it.
pub(crate) fn announce_end(bin: &gst::Bin, then: gst::PadProbeReturn) {
    let Some(pad) = bin.static_pad("src") else { return };
    let source = bin.downgrade();
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if !info.event().is_some_and(|event| event.type_() == gst::EventType::Eos) {
            return gst::PadProbeReturn::Ok;
        }
        if let Some(bin) = source.upgrade() {
            let over = gst::Structure::new_empty(OVER_MESSAGE);
            let over = gst::message::Application::builder(over).src(&bin).build();
            if bin.post_message(over).is_err() {
                tracing::debug!("the pipeline is gone already");
            }
        }
        then
    });
}

/// The whole text as a bin with one open source pad, for raw media of this kind.
fn open_ended(text: &str, kind: &'static str) -> Result<gst::Bin, ElementError> {
    let source = element::fragment(text)?;
    match &source.src_pads()[..] {
        [pad] if source.sink_pads().is_empty() && element::carries_raw(pad, kind) => Ok(source),
        [_] if source.sink_pads().is_empty() => Err(ElementError::Media { deal: "deliver", kind }),
        _ => Err(ElementError::NoPad("source")),
    }
}

fn test_picture(pattern: Option<&str>) -> Result<gst::Element, ElementError> {
    let source = element::make("videotestsrc")?;
    source.set_property("is-live", true);
    match pattern {
        Some(pattern) => set_nick(&source, "pattern", pattern, "test pattern")?,
        None => {
            source.set_property_from_str("pattern", "smpte100");
            source.set_property("horizontal-speed", 4i32);
        }
    }
    Ok(source)
}

fn tone(wave: Option<&str>) -> Result<gst::Element, ElementError> {
    let source = element::make("audiotestsrc")?;
    source.set_property("is-live", true);
    source.set_property("volume", 0.2f64);
    source.set_property("samplesperbuffer", 480i32);
    if let Some(wave) = wave {
        set_nick(&source, "wave", wave, "test wave")?;
    }
    Ok(source)
}

/// The first system that answers; without any, ALSA's default, whose error is then told.
fn any_microphone() -> Result<gst::Element, ElementError> {
    let pulse = microphone("pulsesrc", None)?;
    if element::opens(&pulse) { Ok(pulse) } else { microphone("alsasrc", Some("default")) }
}

fn microphone(element: &str, device: Option<&str>) -> Result<gst::Element, ElementError> {
    let source = element::make(element)?;
    source.set_property("device", device);
    source.set_property("buffer-time", 100_000i64);
    source.set_property("latency-time", 10_000i64);
    // The pipeline must not lose its clock when the microphone is pulled out.
    source.set_property("provide-clock", false);
    Ok(source)
}

fn pipewire(name: Option<&str>) -> Result<gst::Element, ElementError> {
    let source = element::make("pipewiresrc")?;
    source.set_property("target-object", name);
    Ok(source)
}

fn libcamera(bin: &gst::Bin, name: Option<&str>, size: Size) -> Result<(), ElementError> {
    let source = element::make("libcamerasrc")?;
    source.set_property("camera-name", name);
    // It sets the rate itself.
    let exact = gst::Structure::builder("video/x-raw")
        .field("width", size.width)
        .field("height", size.height)
        .build();
    let any = gst::Structure::new_empty("video/x-raw");
    let filter =
        element::caps_filter(&gst::Caps::builder_full().structure(exact).structure(any).build())?;
    let queue = element::leaky_queue(gst::ClockTime::from_mseconds(200))?;
    element::chain(bin, &[source, filter, queue.clone()])?;
    let head = fit(bin, size)?;
    queue.link(&head).map_err(|_| ElementError::Link)
}

/// A camera delivers raw frames or, at the larger sizes, JPEG; the wanted size is preferred in
/// either form to another size that would have to be scaled.
fn camera(bin: &gst::Bin, device: &str, size: Size) -> Result<(), ElementError> {
    let source = element::make("v4l2src")?;
    source.set_property("device", device);
    let exact = |name: &str| {
        gst::Structure::builder(name)
            .field("width", size.width)
            .field("height", size.height)
            .field("framerate", gst::Fraction::new(size.fps, 1))
            .build()
    };
    let caps = gst::Caps::builder_full()
        .structure(exact("video/x-raw"))
        .structure(exact("image/jpeg"))
        .structure(gst::Structure::new_empty("video/x-raw"))
        .structure(gst::Structure::new_empty("image/jpeg"))
        .build();
    let filter = element::caps_filter(&caps)?;
    let decode = element::make("decodebin")?;
    element::make("jpegdec")?;
    element::chain(bin, &[source, filter, decode.clone()])?;
    let head = fit(bin, size)?;
    decode.connect_pad_added(move |_, pad| {
        if let Some(sink) = head.static_pad("sink")
            && !sink.is_linked()
            && pad.link(&sink).is_err()
        {
            tracing::error!("the camera's format cannot be converted");
        }
    });
    Ok(())
}

/// Adds what makes any raw video into [`video_caps`], or the same with fewer frames a second, and the
/// bin's source pad. Returns the first element.
///
/// A rate that is made, rather than only limited, costs every frame the time of one: `videorate` has to
/// wait for the next.
fn fit(bin: &gst::Bin, size: Size) -> Result<gst::Element, ElementError> {
    let convert = element::make("videoconvert")?;
    let scale = element::make("videoscale")?;
    let rate = element::make("videorate")?;
    rate.set_property("drop-only", true);
    rate.set_property("max-rate", size.fps);
    let mut caps = video_caps(size);
    let most = gst::Fraction::new(size.fps, 1);
    caps.make_mut().set("framerate", gst::FractionRange::new(gst::Fraction::new(0, 1), most));
    let filter = element::caps_filter(&caps)?;
    element::chain(bin, &[convert.clone(), scale, rate, filter.clone()])?;
    element::ghost(bin, &filter, "src")?;
    Ok(convert)
}

fn set_nick(
    element: &gst::Element,
    property: &str,
    nick: &str,
    what: &'static str,
) -> Result<(), ElementError> {
    let class = element.find_property(property).map(|property| property.value_type());
    let class = class.and_then(glib::EnumClass::with_type).ok_or(ElementError::Link)?;
    if class.value_by_nick(nick).is_some() {
        element.set_property_from_str(property, nick);
        return Ok(());
    }
    let known: Vec<_> = class.values().iter().map(glib::EnumValue::nick).collect();
    Err(ElementError::NoSuch { name: nick.into(), what, known: known.join(", ") })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const SIZE: Size = Size { width: 64, height: 48, fps: 10 };

    #[test]
    fn sources_have_one_source_pad() {
        gst::init().unwrap();
        for spec in ["test", "test:ball", "v4l2:/dev/video99", "launch:videotestsrc ! identity"] {
            let bin = device(&spec.parse().unwrap(), SIZE).unwrap();
            assert_eq!(bin.src_pads().len(), 1, "{spec}");
        }
        for spec in ["test", "test:ticks", "alsa:nosuch", "launch:audiotestsrc"] {
            let bin = audio(&spec.parse().unwrap()).unwrap().unwrap();
            assert_eq!(bin.src_pads().len(), 1, "{spec}");
        }
        assert!(audio(&AudioSource::None).unwrap().is_none());
    }

    #[test]
    fn faults_are_one_line() {
        gst::init().unwrap();
        for (spec, words) in [
            ("test:nosuch", "\"nosuch\" is no test pattern; there are smpte, snow"),
            ("launch:videotestsrc ! fakesink", "has no open source end"),
            ("launch:identity", "has no open source end"),
            ("launch:nosuchelement", "nosuchelement is missing"),
        ] {
            let error = device(&spec.parse().unwrap(), SIZE).unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains('\n'), "{error}");
        }
        let error = audio(&"test:nosuch".parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains("is no test wave"), "{error}");
    }
}
