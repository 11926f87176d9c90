//! What a user may write on the command line for a source, a sink, a size or a bitrate.
//!
//! Text becomes a type here and is never looked at again. Whether a device exists or an element is
//! installed is found out later, when it is opened.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use percent_encoding::percent_decode_str;
use url::Url;

/// Where the picture comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VideoSource {
    /// The first camera there is.
    Auto,
    /// A moving test picture, or the `videotestsrc` pattern of this name.
    Test(Option<String>),
    /// A camera, by its device file.
    V4l2(String),
    /// A camera of libcamera, by its name; without one, the first.
    Libcamera(Option<String>),
    /// The picture of a media file.
    File(Clip),
    /// An image that stands still.
    Image(PathBuf),
    /// A network camera.
    Rtsp(RtspUrl),
    /// A piece of a `gst-launch-1.0` line that ends in raw video.
    Launch(String),
    /// No picture.
    None,
}

/// Where the sound comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudioSource {
    /// This machine's default input.
    Auto,
    /// A tone, or the `audiotestsrc` wave of this name.
    Test(Option<String>),
    /// A microphone, by its ALSA name.
    Alsa(String),
    /// A source of PulseAudio, by its name; without one, the default.
    Pulse(Option<String>),
    /// A source of PipeWire, by its name; without one, the default.
    Pipewire(Option<String>),
    /// The sound of a media file.
    File(Clip),
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
    /// Decoded, into a file.
    File(PathBuf),
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
    /// A sink of PulseAudio, by its name; without one, the default.
    Pulse(Option<String>),
    /// A sink of PipeWire, by its name; without one, the default.
    Pipewire(Option<String>),
    /// Decoded, into a file.
    File(PathBuf),
    /// A piece of a `gst-launch-1.0` line that takes raw audio.
    Launch(String),
}

/// A media file, and whether it begins again when it ends: `PATH` or `PATH?loop`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    /// The file.
    pub path: PathBuf,
    /// Endlessly.
    pub repeats: bool,
}

/// The address of a network camera. Its text, for logs and errors, has no user and no password.
#[derive(Clone, PartialEq, Eq)]
pub struct RtspUrl(Url);

/// A video codec that a producer can send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Every browser, no licence question.
    Vp8,
    /// A better picture than VP8 for the same bitrate and more CPU.
    Vp9,
    /// H.264 constrained baseline: hardware encoders, Safari, mp4.
    H264,
    /// The best picture for a bitrate, and the most CPU.
    Av1,
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
            ("auto", None) => Ok(Self::Auto),
            ("test", pattern) => Ok(Self::Test(pattern.map(str::to_owned))),
            ("v4l2", Some(device)) => Ok(Self::V4l2(device.to_owned())),
            ("libcamera", name) => Ok(Self::Libcamera(name.map(str::to_owned))),
            ("file", Some(path)) => Ok(Self::File(Clip::read(path))),
            ("image", Some(path)) => Ok(Self::Image(path.into())),
            ("rtsp" | "rtsps", _) => RtspUrl::read(text).map(Self::Rtsp),
            ("launch", Some(line)) => Ok(Self::Launch(line.to_owned())),
            ("none", None) => Ok(Self::None),
            _ => Err(SpecError::Unknown {
                text: text.to_owned(),
                known: "auto, test[:PATTERN], v4l2:/dev/videoN, libcamera[:NAME], file:PATH[?loop], \
                        image:PATH, rtsp://HOST/PATH, launch:GST-LAUNCH-FRAGMENT or none",
            }),
        }
    }
}

impl FromStr for AudioSource {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        match split(text) {
            ("auto", None) => Ok(Self::Auto),
            ("test", wave) => Ok(Self::Test(wave.map(str::to_owned))),
            ("alsa", Some(device)) => Ok(Self::Alsa(device.to_owned())),
            ("pulse", name) => Ok(Self::Pulse(name.map(str::to_owned))),
            ("pipewire", name) => Ok(Self::Pipewire(name.map(str::to_owned))),
            ("file", Some(path)) => Ok(Self::File(Clip::read(path))),
            ("launch", Some(line)) => Ok(Self::Launch(line.to_owned())),
            ("none", None) => Ok(Self::None),
            _ => Err(SpecError::Unknown {
                text: text.to_owned(),
                known: "auto, test[:WAVE], alsa:DEVICE, pulse[:NAME], pipewire[:NAME], \
                        file:PATH[?loop], launch:GST-LAUNCH-FRAGMENT or none",
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
            ("file", Some(path)) => Ok(Self::File(path.into())),
            ("launch", Some(line)) => Ok(Self::Launch(line.to_owned())),
            _ => Err(SpecError::Unknown {
                text: text.to_owned(),
                known: "auto, none, file:PATH or launch:GST-LAUNCH-FRAGMENT",
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
            ("pulse", name) => Ok(Self::Pulse(name.map(str::to_owned))),
            ("pipewire", name) => Ok(Self::Pipewire(name.map(str::to_owned))),
            ("file", Some(path)) => Ok(Self::File(path.into())),
            ("launch", Some(line)) => Ok(Self::Launch(line.to_owned())),
            _ => Err(SpecError::Unknown {
                text: text.to_owned(),
                known: "auto, none, alsa:DEVICE, pulse[:NAME], pipewire[:NAME], file:PATH or \
                        launch:GST-LAUNCH-FRAGMENT",
            }),
        }
    }
}

impl FromStr for Codec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        Self::ALL.into_iter().find(|codec| codec.name() == text).ok_or_else(|| SpecError::Unknown {
            text: text.to_owned(),
            known: "vp8, vp9, h264 or av1",
        })
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

impl fmt::Display for VideoSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Test(pattern) => named(f, "test", pattern.as_deref()),
            Self::V4l2(device) => write!(f, "v4l2:{device}"),
            Self::Libcamera(name) => named(f, "libcamera", name.as_deref()),
            Self::File(clip) => clip.fmt(f),
            Self::Image(path) => write!(f, "image:{}", path.display()),
            Self::Rtsp(url) => url.fmt(f),
            Self::Launch(line) => write!(f, "launch:{line}"),
            Self::None => f.write_str("none"),
        }
    }
}

impl fmt::Display for AudioSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Test(wave) => named(f, "test", wave.as_deref()),
            Self::Alsa(device) => write!(f, "alsa:{device}"),
            Self::Pulse(name) => named(f, "pulse", name.as_deref()),
            Self::Pipewire(name) => named(f, "pipewire", name.as_deref()),
            Self::File(clip) => clip.fmt(f),
            Self::Launch(line) => write!(f, "launch:{line}"),
            Self::None => f.write_str("none"),
        }
    }
}

impl fmt::Display for AudioSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::None => f.write_str("none"),
            Self::Alsa(device) => write!(f, "alsa:{device}"),
            Self::Pulse(name) => named(f, "pulse", name.as_deref()),
            Self::Pipewire(name) => named(f, "pipewire", name.as_deref()),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Launch(line) => write!(f, "launch:{line}"),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}@{}", self.width, self.height, self.fps)
    }
}

impl Codec {
    const ALL: [Self; 4] = [Self::Vp8, Self::Vp9, Self::H264, Self::Av1];

    /// The name on the command line and in meta data, such as `vp8`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vp8 => "vp8",
            Self::Vp9 => "vp9",
            Self::H264 => "h264",
            Self::Av1 => "av1",
        }
    }

    /// The name in GStreamer's caps, such as `video/x-vp8`.
    pub fn caps_name(self) -> &'static str {
        match self {
            Self::Vp8 => "video/x-vp8",
            Self::Vp9 => "video/x-vp9",
            Self::H264 => "video/x-h264",
            Self::Av1 => "video/x-av1",
        }
    }
}

impl Clip {
    /// The file, once.
    pub fn once(path: &Path) -> Self {
        Self { path: path.into(), repeats: false }
    }

    fn read(text: &str) -> Self {
        let (path, repeats) = match text.strip_suffix("?loop") {
            Some(path) => (path, true),
            None => (text, false),
        };
        Self { path: path.into(), repeats }
    }
}

impl fmt::Display for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file:{}", self.path.display())
    }
}

impl RtspUrl {
    fn read(text: &str) -> Result<Self, SpecError> {
        Url::parse(text).ok().filter(Url::has_host).map(Self).ok_or(SpecError::Rtsp)
    }

    /// The address without user and password.
    pub fn address(&self) -> String {
        let mut url = self.0.clone();
        // Neither fails for a URL that has a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.into()
    }

    /// User and password, if the address has them.
    pub fn login(&self) -> Option<(String, String)> {
        let text = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let user = text(self.0.username());
        (!user.is_empty()).then(|| (user, text(self.0.password().unwrap_or_default())))
    }
}

impl fmt::Display for RtspUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address())
    }
}

impl fmt::Debug for RtspUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RtspUrl({self})")
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
    /// Not the address of a network camera; it may hold a password and is not repeated.
    #[error(
        "a network camera's address looks like rtsp://HOST/PATH, with USER:PASSWORD@ before its host"
    )]
    Rtsp,
    /// Not a size.
    #[error(
        "{0:?} is not a size like 1280x720@30 (even numbers from 16 to 8192, 1 to 120 frames a second)"
    )]
    Size(String),
    /// Not a bitrate.
    #[error("{0:?} is not a bitrate from 50k to 50M, like 2M or 800k")]
    Bitrate(String),
}

fn named(f: &mut fmt::Formatter<'_>, kind: &str, name: Option<&str>) -> fmt::Result {
    match name {
        Some(name) => write!(f, "{kind}:{name}"),
        None => f.write_str(kind),
    }
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
        assert_eq!("libcamera".parse(), Ok(VideoSource::Libcamera(None)));
        let name = "/base/soc/i2c0mux/i2c@1/imx708@1a";
        let named = Ok(VideoSource::Libcamera(Some(name.into())));
        assert_eq!(format!("libcamera:{name}").parse(), named);
        assert_eq!("pulse".parse(), Ok(AudioSource::Pulse(None)));
        assert_eq!("pipewire:42".parse(), Ok(AudioSink::Pipewire(Some("42".into()))));
        assert_eq!("image:/a b.png".parse(), Ok(VideoSource::Image("/a b.png".into())));
        let clip = |path: &str, repeats| Clip { path: path.into(), repeats };
        assert_eq!("file:a.mp4".parse(), Ok(VideoSource::File(clip("a.mp4", false))));
        assert_eq!("file:a.wav?loop".parse(), Ok(AudioSource::File(clip("a.wav", true))));
        assert_eq!("file:a.wav".parse(), Ok(AudioSink::File("a.wav".into())));
        assert_eq!("alsa:default".parse(), Ok(AudioSink::Alsa("default".into())));
    }

    #[test]
    fn a_password_is_for_the_camera_only() {
        let text = "rtsp://eye:p%40ss@cam.local:554/live?ch=1";
        let VideoSource::Rtsp(url) = text.parse().unwrap() else { panic!("no camera") };
        assert_eq!(url.to_string(), "rtsp://cam.local:554/live?ch=1");
        assert_eq!(url.login(), Some(("eye".into(), "p@ss".into())));
        assert!(!format!("{url:?}").contains("ss@"));
        let VideoSource::Rtsp(url) = "rtsps://cam/".parse().unwrap() else { panic!("no camera") };
        assert_eq!(url.login(), None);
        for wrong in ["rtsp:", "rtsp://", "rtsp:/cam", "rtsp://eye:secret@:1/x"] {
            let error = wrong.parse::<VideoSource>().unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused_with_what_is() {
        for text in ["", "tset", "v4l2", "v4l2:", "launch: ", "none:x", "test:", "auto:x", "file:"]
        {
            let error = text.parse::<VideoSource>().unwrap_err().to_string();
            assert!(error.contains("v4l2:/dev/videoN"), "{error}");
        }
        for text in ["alsa", "alsa:", "v4l2:/dev/video0"] {
            assert!(text.parse::<AudioSource>().is_err(), "{text}");
            assert!(text.parse::<AudioSink>().is_err(), "{text}");
        }
        assert!("alsa:default".parse::<VideoSink>().is_err());
        assert!("av2".parse::<Codec>().is_err());
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
