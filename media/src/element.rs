//! Making elements, and saying which Debian package has one that is missing.

use gst::prelude::*;

/// Makes an element.
///
/// # Errors
/// It is not installed; the message names the package.
pub fn make(name: &str) -> Result<gst::Element, ElementError> {
    gst::ElementFactory::make(name).build().map_err(|_| ElementError::missing(name))
}

/// Whether these elements are installed; none is made, which may take its time.
///
/// # Errors
/// The first that is not, and its package.
pub fn need(names: &[&str]) -> Result<(), ElementError> {
    match names.iter().find(|name| gst::ElementFactory::find(name).is_none()) {
        Some(missing) => Err(ElementError::missing(missing)),
        None => Ok(()),
    }
}

/// Makes the first of these elements that is installed.
///
/// # Errors
/// None of them is; the message names the package of the first.
pub fn make_first(names: &[&str]) -> Result<gst::Element, ElementError> {
    let found = names.iter().find_map(|name| gst::ElementFactory::make(name).build().ok());
    found.ok_or_else(|| ElementError::missing(names.first().copied().unwrap_or_default()))
}

/// Whether a device's element opens; it is closed again.
pub(crate) fn opens(element: &gst::Element) -> bool {
    let opens = element.set_state(gst::State::Ready).is_ok();
    element.set_state(gst::State::Null).is_ok() && opens
}

/// A bin made of a piece of a `gst-launch-1.0` line. Pads that are not linked inside become the
/// bin's.
///
/// # Errors
/// An element is not installed, or the text is not such a line.
pub fn fragment(text: &str) -> Result<gst::Bin, ElementError> {
    let mut context = gst::ParseContext::new();
    let flags = gst::ParseFlags::FATAL_ERRORS;
    gst::parse::bin_from_description_full(text, true, Some(&mut context), flags)
        .map(|element| element.downcast::<gst::Bin>().unwrap_or_default())
        .map_err(|error| match (error.kind(), context.missing_elements().first()) {
            // An element whose property is wrong is called missing, too.
            (Some(gst::ParseError::NoSuchElement), Some(name)) => ElementError::missing(name),
            _ => ElementError::Fragment(without_value(error.message()).into()),
        })
}

/// What GStreamer says of a property that it cannot set, without what to.
fn without_value(error: &str) -> &str {
    match error.strip_prefix("could not set property") {
        Some(rest) => {
            &error[..error.len() - rest.len() + rest.find(" to \"").unwrap_or(rest.len())]
        }
        None => error,
    }
}

/// Whether raw media of this kind, `video` or `audio`, can pass a pad.
pub(crate) fn carries_raw(pad: &gst::Pad, kind: &str) -> bool {
    let raw = gst::Caps::builder(format!("{kind}/x-raw")).any_features().build();
    pad.query_caps(Some(&raw)).can_intersect(&raw)
}

/// Adds the elements to the bin and links them in this order.
///
/// # Errors
/// Two neighbours have no format in common.
pub fn chain(bin: &gst::Bin, elements: &[gst::Element]) -> Result<(), ElementError> {
    let failed = |_| ElementError::Link;
    bin.add_many(elements).map_err(failed)?;
    gst::Element::link_many(elements).map_err(failed)
}

/// A `capsfilter` that lets only these caps through.
///
/// # Errors
/// GStreamer's core elements are not installed.
pub fn caps_filter(caps: &gst::Caps) -> Result<gst::Element, ElementError> {
    let filter = make("capsfilter")?;
    filter.set_property("caps", caps);
    Ok(filter)
}

/// A queue that drops its oldest content when it holds more than this, so that nobody upstream
/// ever waits for somebody downstream.
///
/// # Errors
/// GStreamer's core elements are not installed.
pub fn leaky_queue(limit: gst::ClockTime) -> Result<gst::Element, ElementError> {
    let queue = make("queue")?;
    queue.set_property_from_str("leaky", "downstream");
    queue.set_property("max-size-buffers", 0u32);
    queue.set_property("max-size-bytes", 0u32);
    queue.set_property("max-size-time", limit.nseconds());
    Ok(queue)
}

/// A bin's ghost pad on a pad of one of its elements.
///
/// # Errors
/// The element has no such pad.
pub fn ghost(bin: &gst::Bin, element: &gst::Element, pad: &str) -> Result<(), ElementError> {
    let target = element.static_pad(pad).ok_or(ElementError::Link)?;
    let ghost = gst::GhostPad::with_target(&target).map_err(|_| ElementError::Link)?;
    bin.add_pad(&ghost).map_err(|_| ElementError::Link)
}

/// Why a piece of a pipeline could not be built.
#[derive(Debug, thiserror::Error)]
pub enum ElementError {
    /// Not installed.
    #[error("the GStreamer element {element} is missing: {remedy}")]
    Missing {
        /// The element's name.
        element: String,
        /// What to do about it.
        remedy: String,
    },
    /// A `launch:` text that GStreamer does not understand, in its words. No text is repeated: there
    /// may be a password in it.
    #[error("launch:… is not a piece of a gst-launch-1.0 line: {0}")]
    Fragment(String),
    /// A `launch:` text without an open end: `source` or `sink`.
    #[error("launch:… has no open {0} end to link to")]
    NoPad(&'static str),
    /// A `launch:` text for something else.
    #[error("launch:… does not {deal} raw {kind}")]
    Media {
        /// `deliver` or `take`.
        deal: &'static str,
        /// `video` or `audio`.
        kind: &'static str,
    },
    /// A file that is to be played.
    #[error("{spec} cannot be read: {reason}")]
    Unreadable {
        /// As on the command line.
        spec: String,
        /// The system's words.
        reason: String,
    },
    /// `auto`, and there is none.
    #[error("{0}")]
    NothingFound(String),
    /// Elements that do not fit together.
    #[error("two GStreamer elements cannot be linked; is a plugin of another version installed?")]
    Link,
    /// A name that an element does not know.
    #[error("{name:?} is no {what}; there are {known}")]
    NoSuch {
        /// What was written.
        name: String,
        /// `test pattern`, `test wave`.
        what: &'static str,
        /// What could have been written.
        known: String,
    },
}

impl ElementError {
    fn missing(element: &str) -> Self {
        let remedy = match package(element) {
            Some(package) => format!("apt install {package}"),
            None => "is its name right? `gst-inspect-1.0` lists what is installed".into(),
        };
        Self::Missing { element: element.into(), remedy }
    }
}

/// The Debian 12 package with an element.
fn package(element: &str) -> Option<&'static str> {
    PACKAGES.iter().find(|(_, elements)| elements.contains(&element)).map(|(package, _)| *package)
}

/// Elements that these binaries use, and those that people put into `launch:`.
const PACKAGES: &[(&str, &[&str])] = &[
    (
        "libgstreamer1.0-0",
        &[
            "capsfilter",
            "fakesink",
            "fakesrc",
            "filesink",
            "filesrc",
            "identity",
            "queue",
            "tee",
            "valve",
        ],
    ),
    (
        "gstreamer1.0-plugins-base",
        &[
            "appsink",
            "appsrc",
            "audioconvert",
            "audiomixer",
            "audiorate",
            "audioresample",
            "audiotestsrc",
            "cdparanoiasrc",
            "decodebin",
            "decodebin3",
            "oggdemux",
            "oggmux",
            "opusdec",
            "opusenc",
            "parsebin",
            "playbin",
            "playbin3",
            "rawvideoparse",
            "theoradec",
            "theoraenc",
            "uridecodebin",
            "videoconvert",
            "videorate",
            "videoscale",
            "videotestsrc",
            "volume",
            "vorbisdec",
            "vorbisenc",
        ],
    ),
    (
        "gstreamer1.0-plugins-good",
        &[
            "audiowsinclimit",
            "autoaudiosink",
            "autoaudiosrc",
            "autovideosink",
            "autovideosrc",
            "avimux",
            "flacdec",
            "flacenc",
            "imagefreeze",
            "jpegdec",
            "jpegenc",
            "level",
            "matroskademux",
            "matroskamux",
            "mp4mux",
            "multifilesrc",
            "pngdec",
            "pngenc",
            "pulsesink",
            "pulsesrc",
            "qtdemux",
            "qtmux",
            "rtph264depay",
            "rtph264pay",
            "rtpjitterbuffer",
            "rtpopusdepay",
            "rtpopuspay",
            "rtpvp8depay",
            "rtpvp8pay",
            "rtpvp9depay",
            "rtpvp9pay",
            "rtspsrc",
            "souphttpsrc",
            "udpsink",
            "udpsrc",
            "v4l2h264enc",
            "v4l2sink",
            "v4l2src",
            "videocrop",
            "videoflip",
            "vp8dec",
            "vp8enc",
            "vp9dec",
            "vp9enc",
            "wavenc",
            "wavparse",
            "webmmux",
            "ximagesrc",
            "y4menc",
        ],
    ),
    (
        "gstreamer1.0-plugins-bad",
        &[
            "av1dec",
            "av1enc",
            "av1parse",
            "dtlsdec",
            "dtlsenc",
            "h264parse",
            "h265parse",
            "kmssink",
            "openh264dec",
            "openh264enc",
            "opusparse",
            "sctpdec",
            "sctpenc",
            "srtpdec",
            "srtpenc",
            "vp9parse",
            "waylandsink",
            "webrtcbin",
            "webrtcdsp",
            "webrtcechoprobe",
        ],
    ),
    ("gstreamer1.0-plugins-ugly", &["x264enc", "asfdemux", "mpeg2dec"]),
    ("gstreamer1.0-libav", &["avdec_h264", "avdec_mjpeg", "avenc_aac"]),
    ("gstreamer1.0-alsa", &["alsasink", "alsasrc"]),
    ("gstreamer1.0-gl", &["glimagesink"]),
    ("gstreamer1.0-nice", &["nicesink", "nicesrc"]),
    ("gstreamer1.0-libcamera", &["libcamerasrc"]),
    ("gstreamer1.0-pipewire", &["pipewiresink", "pipewiresrc"]),
    ("gstreamer1.0-gtk3", &["gtksink", "gtkglsink"]),
    ("gstreamer1.0-vaapi", &["vaapih264enc", "vaapisink"]),
    (
        "gstreamer1.0-x",
        &["clockoverlay", "textoverlay", "timeoverlay", "ximagesink", "xvimagesink"],
    ),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{collections::BTreeSet, process::Command};

    use super::*;

    #[test]
    fn a_missing_element_names_its_package() {
        gst::init().unwrap();
        for (element, line) in [
            (
                "x264enc",
                "the GStreamer element x264enc is missing: apt install gstreamer1.0-plugins-ugly",
            ),
            (
                "nosuchelement",
                "the GStreamer element nosuchelement is missing: is its name right? `gst-inspect-1.0` lists what is installed",
            ),
        ] {
            assert_eq!(ElementError::missing(element).to_string(), line);
        }
        assert!(make("nosuchelement").is_err());
        assert!(make_first(&["nosuchelement", "queue"]).is_ok());
    }

    #[test]
    fn every_package_has_its_elements() {
        gst::init().unwrap();
        let mut seen = 0;
        for (package, elements) in PACKAGES {
            let plugin = |element: &&str| gst::ElementFactory::find(element)?.plugin()?.filename();
            let files = elements.iter().filter_map(plugin);
            let files: BTreeSet<_> = files
                .filter_map(|file| Some(format!("*/{}", file.file_name()?.display())))
                .collect();
            if files.is_empty() {
                continue;
            }
            let owners = Command::new("dpkg-query").arg("-S").args(&files).output().unwrap();
            for line in String::from_utf8_lossy(&owners.stdout).lines() {
                let (owner, file) = line.split_once(':').unwrap();
                assert_eq!(owner, *package, "{file}");
                seen += 1;
            }
        }
        assert!(seen > 30, "{seen}");
    }

    #[test]
    fn every_element_has_one_package() {
        let mut all: Vec<_> = PACKAGES.iter().flat_map(|(_, elements)| *elements).collect();
        all.sort_unstable();
        let before = all.len();
        all.dedup();
        assert_eq!(all.len(), before);
    }

    #[test]
    fn a_fragment_names_what_is_wrong_with_it() {
        gst::init().unwrap();
        let missing = fragment("videotestsrc ! nosuchelement").unwrap_err().to_string();
        assert!(missing.contains("nosuchelement is missing"), "{missing}");
        let broken = fragment("videotestsrc !!").unwrap_err().to_string();
        assert!(broken.starts_with("launch:… is not a piece of"), "{broken}");
        let wrong = fragment("videotestsrc pattern=secret").unwrap_err().to_string();
        assert!(wrong.ends_with("property \"pattern\" in element \"videotestsrc\""), "{wrong}");
        assert_eq!(fragment("videotestsrc ! identity").unwrap().src_pads().len(), 1);
    }
}
