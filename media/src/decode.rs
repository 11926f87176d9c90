//! From RTP to the codec's own packets, and from those to raw media, one element chain a codec.
//!
//! We depayload and decode ourselves instead of asking `webrtcsrc` for raw media: a recording
//! needs the packets as they were sent, and decodebin3 of GStreamer 1.22.0 can hang.

use gst::prelude::*;

use crate::element::{self, ElementError};

/// A codec that a consumer can receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// VP8 video.
    Vp8,
    /// VP9 video.
    Vp9,
    /// AV1 video.
    Av1,
    /// H.264 video.
    H264,
    /// Opus audio.
    Opus,
}

impl Received {
    /// By its name in RTP caps and SDP (`encoding-name`).
    pub fn from_rtp(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "VP8" => Some(Self::Vp8),
            "VP9" => Some(Self::Vp9),
            "AV1" => Some(Self::Av1),
            "H264" => Some(Self::H264),
            "OPUS" | "MULTIOPUS" => Some(Self::Opus),
            _ => None,
        }
    }

    /// Whether it is a picture.
    pub fn is_video(self) -> bool {
        self != Self::Opus
    }

    /// A bin that takes this codec's RTP packets and delivers whole frames, or packets of sound,
    /// with the first frame being a key frame. Lost packets make it ask for a new one.
    ///
    /// # Errors
    /// An element is missing.
    pub fn depayloader(self) -> Result<gst::Bin, ElementError> {
        let (name, caps) = match self {
            Self::Vp8 => ("rtpvp8depay", gst::Caps::new_empty_simple("video/x-vp8")),
            Self::Vp9 => ("rtpvp9depay", gst::Caps::new_empty_simple("video/x-vp9")),
            Self::Av1 => ("rtpav1depay", av1_caps()),
            Self::H264 => ("rtph264depay", h264_caps("byte-stream")),
            Self::Opus => ("rtpopusdepay", gst::Caps::new_empty_simple("audio/x-opus")),
        };
        let depay = element::make(name)?;
        if self.is_video() {
            depay.set_property("request-keyframe", true);
            depay.set_property("wait-for-keyframe", true);
        }
        let filter = element::caps_filter(&caps)?;
        let bin = gst::Bin::new();
        let mut elements = vec![depay.clone()];
        if self == Self::Av1 {
            // It delivers pieces of frames.
            elements.push(element::make("av1parse")?);
        }
        elements.push(filter.clone());
        element::chain(&bin, &elements)?;
        element::ghost(&bin, &depay, "sink")?;
        element::ghost(&bin, &filter, "src")?;
        Ok(bin)
    }

    /// A bin that decodes, in a thread of its own.
    ///
    /// # Errors
    /// An element is missing.
    pub fn decoder(self) -> Result<gst::Bin, ElementError> {
        let queue = element::leaky_queue(gst::ClockTime::from_seconds(2))?;
        let mut elements = vec![queue.clone()];
        match self {
            Self::Vp8 => elements.push(element::make("vp8dec")?),
            Self::Vp9 => elements.push(element::make("vp9dec")?),
            Self::Av1 => elements.push(element::make("av1dec")?),
            Self::H264 => {
                elements.push(element::make("h264parse")?);
                elements.push(element::make_first(&["avdec_h264", "openh264dec"])?);
            }
            Self::Opus => {
                let decoder = element::make("opusdec")?;
                decoder.set_property("use-inband-fec", true);
                decoder.set_property("plc", true);
                elements.push(decoder);
            }
        }
        let bin = gst::Bin::new();
        element::chain(&bin, &elements)?;
        element::ghost(&bin, &queue, "sink")?;
        let last = elements.last().ok_or(ElementError::Link)?;
        element::ghost(&bin, last, "src")?;
        Ok(bin)
    }

    /// The elements that make this codec's packets fit for a file.
    ///
    /// # Errors
    /// An element is missing.
    pub(crate) fn parser(self) -> Result<Vec<gst::Element>, ElementError> {
        match self {
            Self::Vp8 => Ok(Vec::new()),
            Self::Vp9 => Ok(vec![element::make("vp9parse")?]),
            Self::Av1 => Ok(vec![element::make("av1parse")?]),
            Self::Opus => Ok(vec![element::make("opusparse")?]),
            Self::H264 => {
                let parser = element::make("h264parse")?;
                // A browser changes the picture's size as it goes: each key frame says which.
                parser.set_property("config-interval", -1i32);
                Ok(vec![parser, element::caps_filter(&h264_caps("avc"))?])
            }
        }
    }
}

fn av1_caps() -> gst::Caps {
    gst::Caps::builder("video/x-av1")
        .field("stream-format", "obu-stream")
        .field("alignment", "tu")
        .build()
}

fn h264_caps(format: &str) -> gst::Caps {
    gst::Caps::builder("video/x-h264")
        .field("stream-format", format)
        .field("alignment", "au")
        .build()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_codec_has_its_chain() {
        crate::init().unwrap();
        for name in ["VP8", "vp9", "H264", "AV1", "OPUS"] {
            let codec = Received::from_rtp(name).unwrap();
            codec.depayloader().unwrap();
            codec.decoder().unwrap();
            codec.parser().unwrap();
        }
        assert_eq!(Received::from_rtp("H265"), None);
    }
}
