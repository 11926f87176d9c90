//! What an offer announces, looked at before any packet comes.

use intercom_media::{decode::Received, record::Container};

/// The media that the other end will send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Announced {
    /// Names of the video codecs offered, in order; `None` without video.
    pub(crate) video: Option<Vec<String>>,
    /// Whether there is sound.
    pub(crate) audio: bool,
}

impl Announced {
    /// Reads an offer.
    pub(crate) fn read(sdp: &gst_sdp::SDPMessageRef) -> Self {
        let mut announced = Self::default();
        for media in sdp.medias().filter(|media| is_sent(media)) {
            match media.media() {
                Some("audio") => announced.audio = true,
                Some("video") => {
                    announced.video.get_or_insert_default().extend(codecs(media));
                }
                _ => {}
            }
        }
        announced
    }

    /// Why this cannot be recorded into such a file, in one sentence.
    pub(crate) fn obstacle(&self, container: Container) -> Option<String> {
        let video = self.video.as_ref()?;
        let holds =
            |name: &String| Received::from_rtp(name).is_some_and(|codec| container.holds(codec));
        if video.iter().any(holds) {
            return None;
        }
        let offered: Vec<_> = video.iter().filter(|name| !is_repair(name)).cloned().collect();
        let (file, codecs) = container.words();
        Some(format!(
            "{file} file holds only {codecs}, and the producer sends {}: record into an .mkv file",
            offered.join(", ")
        ))
    }
}

fn is_sent(media: &gst_sdp::SDPMediaRef) -> bool {
    let has = |name| media.attribute_val(name).is_some();
    let rejected = media.port() == 0 && !has("bundle-only");
    !rejected && !has("inactive") && !has("recvonly")
}

fn codecs(media: &gst_sdp::SDPMediaRef) -> Vec<String> {
    let maps = media.attributes().filter(|attribute| attribute.key() == "rtpmap");
    maps.filter_map(|map| {
        let (_, codec) = map.value()?.split_once(' ')?;
        Some(codec.split('/').next()?.to_owned())
    })
    .collect()
}

fn is_repair(name: &str) -> bool {
    matches!(name.to_ascii_lowercase().as_str(), "rtx" | "red" | "ulpfec" | "flexfec-03")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(media: &str) -> Announced {
        gst::init().unwrap();
        let head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
        let text = format!("{head}{}", media.replace('|', "\r\n"));
        Announced::read(&gst_sdp::SDPMessage::parse_buffer(text.as_bytes()).unwrap())
    }

    #[test]
    fn only_what_is_sent_counts() {
        let announced = read(
            "m=video 9 X 96 97|a=rtpmap:96 VP8/90000|a=rtpmap:97 rtx/90000|a=sendonly|\
             m=audio 9 X 111|a=rtpmap:111 opus/48000/2|a=inactive|",
        );
        assert_eq!(announced.video, Some(vec!["VP8".into(), "rtx".into()]));
        assert!(!announced.audio);
        assert_eq!(read("m=video 0 X 96|a=rtpmap:96 VP8/90000|").video, None);
        assert!(read("m=audio 0 X 111|a=bundle-only|").audio);
    }

    #[test]
    fn an_mp4_file_needs_h264() {
        let vp8 = read("m=video 9 X 96 97|a=rtpmap:96 VP8/90000|a=rtpmap:97 rtx/90000|");
        assert_eq!(vp8.obstacle(Container::Matroska), None);
        let obstacle = vp8.obstacle(Container::Mp4).unwrap();
        assert!(obstacle.contains("the producer sends VP8: record into an .mkv"), "{obstacle}");
        let both = read("m=video 9 X 96 97|a=rtpmap:96 VP8/90000|a=rtpmap:97 H264/90000|");
        assert_eq!(both.obstacle(Container::Mp4), None);
        assert_eq!(read("m=audio 9 X 111|").obstacle(Container::Mp4), None);
    }
}
