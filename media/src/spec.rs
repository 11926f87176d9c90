//! What a user may write on the command line for a source, a sink, a size or a bitrate.
//!
//! Text becomes a type here and is never looked at again. Whether a device exists or an element is
//! installed is found out later, when it is opened.

use std::{fmt, str::FromStr};

/// Where the picture comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VideoSource {
    /// A moving test picture, or the `videotestsrc` pattern of this name.
    Test(Option<String>),
    /// A camera, by its device file.
    V4l2(String),
    /// A piece of a `gst-launch-1.0` line that ends in raw video.
    Launch(String),
    /// No picture.
    None,
}

/// Where the sound comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudioSource {
    /// A tone, or the `audiotestsrc` wave of this name.
    Test(Option<String>),
    /// A microphone, by its ALSA name.
    Alsa(String),
    /// A piece of a `gst-launch-1.0` line that ends in raw audio.
    Launch(String),
    /// No sound.
    None,
}

/// Where the picture goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VideoSink {
    /// A window, or whatever this machine can show a picture on.
    Auto,
    /// Nowhere; it is not even decoded.
    None,
    /// A piece of a `gst-launch-1.0` line that takes raw video.
    Launch(String),
}

/// Where the sound goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudioSink {
    /// This machine's default output.
    Auto,
    /// Nowhere; it is not even decoded.
    None,
    /// A loudspeaker, by its ALSA name.
    Alsa(String),
    /// A piece of a `gst-launch-1.0` line that takes raw audio.
    Launch(String),
}

/// A video codec that a producer can send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Every browser, no licence question.
    Vp8,
    /// H.264 constrained baseline: hardware encoders, Safari, mp4.
    H264,
}

/// Who encodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encode {
    /// One encoder, shared by all viewers.
    Shared,
    /// An encoder for each viewer.
    PerViewer,
}

/// Picture size and rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Pixels, even.
    pub width: i32,
    /// Pixels, even.
    pub height: i32,
    /// Frames a second.
    pub fps: i32,
}

/// Bits a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bitrate(pub u32);

impl FromStr for VideoSource {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        match split(text) {
            ("test", pattern) => Ok(Self::Test(pattern.map(str::to_owned))),
            ("v4l2", Some(device)) => Ok(Self::V4l2(device.to_owned())),
            ("launch", Some(line)) => Ok(Self::Launch(line.to_owned())),
            ("none", None) => Ok(Self::None),
            _ => Err(SpecError::Unknown {
                text: text.to_owned(),
                known: "test[:PATTERN], v4l2:/dev/videoN, launch:GST-LAUNCH-FRAGMENT or none",
            }),
        }
    }
}

impl FromStr for AudioSource {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        match split(text) {
            ("test", wave) => Ok(Self::Test(wave.map(str::to_owned))),
            ("alsa", Some(device)) => Ok(Self::Alsa(device.to_owned())),
            ("launch", Some(line)) => Ok(Self::Launch(line.to_owned())),
            ("none", None) => Ok(Self::None),
            _ => Err(SpecError::Unknown {
                text: text.to_owned(),
                known: "test[:WAVE], alsa:DEVICE, launch:GST-LAUNCH-FRAGMENT or none",
            }),
        }
    }
}

impl FromStr for VideoSink {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        match split(text) {
            ("auto", None) => Ok(Self::Auto),
            ("none", None) => Ok(Self::None),
            ("launch", Some(line)) => Ok(Self::Launch(line.to_owned())),
            _ => Err(SpecError::Unknown {
                text: text.to_owned(),
                known: "auto, none or launch:GST-LAUNCH-FRAGMENT",
            }),
        }
    }
}

impl FromStr for AudioSink {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        match split(text) {
            ("auto", None) => Ok(Self::Auto),
            ("none", None) => Ok(Self::None),
            ("alsa", Some(device)) => Ok(Self::Alsa(device.to_owned())),
            ("launch", Some(line)) => Ok(Self::Launch(line.to_owned())),
            _ => Err(SpecError::Unknown {
                text: text.to_owned(),
                known: "auto, none, alsa:DEVICE or launch:GST-LAUNCH-FRAGMENT",
            }),
        }
    }
}

impl FromStr for Codec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        match text {
            "vp8" => Ok(Self::Vp8),
            "h264" => Ok(Self::H264),
            _ => Err(SpecError::Unknown { text: text.to_owned(), known: "vp8 or h264" }),
        }
    }
}

impl FromStr for Encode {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        match text {
            "shared" => Ok(Self::Shared),
            "per-viewer" => Ok(Self::PerViewer),
            _ => Err(SpecError::Unknown { text: text.to_owned(), known: "shared or per-viewer" }),
        }
    }
}

impl FromStr for Size {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let wrong = || SpecError::Size(text.to_owned());
        let (size, fps) = text.split_once('@').unwrap_or((text, "30"));
        let (width, height) = size.split_once('x').ok_or_else(wrong)?;
        let number = |text: &str| text.parse::<i32>().map_err(|_| wrong());
        let size = Self { width: number(width)?, height: number(height)?, fps: number(fps)? };
        let even = |pixels: i32| pixels % 2 == 0 && (16..=8192).contains(&pixels);
        if even(size.width) && even(size.height) && (1..=120).contains(&size.fps) {
            Ok(size)
        } else {
            Err(wrong())
        }
    }
}

impl FromStr for Bitrate {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let wrong = || SpecError::Bitrate(text.to_owned());
        let (number, unit) = match text.as_bytes().last() {
            Some(b'M') => (&text[..text.len() - 1], 1e6),
            Some(b'k') => (&text[..text.len() - 1], 1e3),
            _ => (text, 1.0),
        };
        if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Err(wrong());
        }
        let bits = number.parse::<f64>().map_err(|_| wrong())? * unit;
        if (50e3..=50e6).contains(&bits) { Ok(Self(bits.round() as u32)) } else { Err(wrong()) }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}@{}", self.width, self.height, self.fps)
    }
}

impl Codec {
    /// The name that goes into meta data: `vp8` or `h264`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vp8 => "vp8",
            Self::H264 => "h264",
        }
    }
}

/// What is wrong with a value on the command line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Not one of the known forms.
    #[error("{text:?} is none of {known}")]
    Unknown {
        /// What was written.
        text: String,
        /// What could have been written.
        known: &'static str,
    },
    /// Not a size.
    #[error(
        "{0:?} is not a size like 1280x720@30 (even numbers from 16 to 8192, 1 to 120 frames a second)"
    )]
    Size(String),
    /// Not a bitrate.
    #[error("{0:?} is not a bitrate from 50k to 50M, like 2M or 800k")]
    Bitrate(String),
}

/// `kind:rest`, the rest only if there is some.
fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once(':') {
        Some((kind, rest)) if !rest.trim().is_empty() => (kind, Some(rest)),
        Some(_) => ("", None),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn sources_and_sinks_are_read() {
        assert_eq!("test".parse(), Ok(VideoSource::Test(None)));
        assert_eq!("test:ball".parse(), Ok(VideoSource::Test(Some("ball".into()))));
        assert_eq!("v4l2:/dev/video0".parse(), Ok(VideoSource::V4l2("/dev/video0".into())));
        assert_eq!(
            "launch:videotestsrc ! video/x-raw,format=(string)I420:x".parse(),
            Ok(VideoSource::Launch("videotestsrc ! video/x-raw,format=(string)I420:x".into()))
        );
        assert_eq!("none".parse(), Ok(VideoSource::None));
        assert_eq!("alsa:hw:CARD=1,DEV=0".parse(), Ok(AudioSource::Alsa("hw:CARD=1,DEV=0".into())));
        assert_eq!("auto".parse(), Ok(VideoSink::Auto));
        assert_eq!("alsa:default".parse(), Ok(AudioSink::Alsa("default".into())));
    }

    #[test]
    fn what_is_not_known_is_refused_with_what_is() {
        for text in ["", "tset", "v4l2", "v4l2:", "launch: ", "none:x", "test:"] {
            let error = text.parse::<VideoSource>().unwrap_err().to_string();
            assert!(error.contains("v4l2:/dev/videoN"), "{error}");
        }
        for text in ["alsa", "alsa:", "v4l2:/dev/video0"] {
            assert!(text.parse::<AudioSource>().is_err(), "{text}");
            assert!(text.parse::<AudioSink>().is_err(), "{text}");
        }
        assert!("alsa:default".parse::<VideoSink>().is_err());
        assert!("av1".parse::<Codec>().is_err());
        assert!("raw".parse::<Encode>().is_err());
    }

    #[test]
    fn sizes() {
        assert_eq!("1280x720@30".parse(), Ok(Size { width: 1280, height: 720, fps: 30 }));
        assert_eq!("640x480".parse(), Ok(Size { width: 640, height: 480, fps: 30 }));
        for text in ["", "720p", "1280x", "1281x720", "0x0", "-2x-2", "640x480@0", "640x480@1e3"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
        assert_eq!("640x480".parse::<Size>().unwrap().to_string(), "640x480@30");
    }

    #[test]
    fn bitrates() {
        for (text, bits) in [("2M", 2_000_000), ("800k", 800_000), ("1.5M", 1_500_000)] {
            assert_eq!(text.parse(), Ok(Bitrate(bits)), "{text}");
        }
        assert_eq!("2500000".parse(), Ok(Bitrate(2_500_000)));
        for text in ["", "M", "2m", "2 M", "-2M", "1k", "51M", "NaN", "infM", "2Mbit", "1e6", "é"]
        {
            assert!(text.parse::<Bitrate>().is_err(), "{text}");
        }
    }
}
