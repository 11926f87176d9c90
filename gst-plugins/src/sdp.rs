//! What GStreamer 1.22's webrtcbin cannot take is taken out of an offer before it gets there.

use std::borrow::Cow;
use std::collections::HashSet;

/// Major, minor, micro and nano version of GStreamer.
type Version = (u32, u32, u32, u32);

/// The first version that is not known to fail. Nothing between 1.22 and it was at hand; taking
/// ULPFEC out there as well costs little, RTX stays.
const TAKES_ALL: Version = (1, 26, 0, 0);

/// Packet formats that browsers offer and webrtcbin 1.22 fails on: a Chrome that sends VP8 or VP9
/// wrapped in RED gives "failed to match fec decoder" and not one frame; AV1 has no depayloader.
const UNUSABLE: [&str; 4] = ["red", "ulpfec", "flexfec-03", "av1"];

/// The offer without what this GStreamer fails on. An m-line that would lose all its formats is
/// left as it is: webrtcbin then rejects that m-line only.
pub(crate) fn usable_offer(offer: &str, gstreamer: Version) -> Cow<'_, str> {
    if gstreamer >= TAKES_ALL {
        return Cow::Borrowed(offer);
    }
    let mut sections = Vec::new();
    for line in offer.lines() {
        if line.starts_with("m=") || sections.is_empty() {
            sections.push(Vec::new());
        }
        if let Some(section) = sections.last_mut() {
            section.push(line);
        }
    }
    let mut usable = String::with_capacity(offer.len());
    for section in &sections {
        without_unusable(section, &mut usable);
    }
    Cow::Owned(usable)
}

fn without_unusable(section: &[&str], out: &mut String) {
    let unusable = unusable_formats(section);
    let media = section.first().copied().unwrap_or_default();
    let Some(media) = without_formats(media, &unusable) else {
        return section.iter().for_each(|line| push(out, line));
    };
    push(out, &media);
    let belongs = |line: &&&str| {
        format_of(line).is_some_and(|format| unusable.contains(format))
            || line.starts_with("a=ssrc-group:FEC")
    };
    section.iter().skip(1).filter(|line| !belongs(line)).for_each(|line| push(out, line));
}

/// Payload types of unusable formats and of their retransmissions.
fn unusable_formats<'a>(section: &[&'a str]) -> HashSet<&'a str> {
    let mut unusable: HashSet<_> = section
        .iter()
        .filter_map(|line| line.strip_prefix("a=rtpmap:")?.split_once(' '))
        .filter(|(_, name)| {
            let name = name.split('/').next().unwrap_or_default();
            UNUSABLE.iter().any(|known| known.eq_ignore_ascii_case(name))
        })
        .map(|(format, _)| format)
        .collect();
    let rtx: Vec<_> = section
        .iter()
        .filter_map(|line| line.strip_prefix("a=fmtp:")?.split_once(' '))
        .filter(|(_, parameters)| {
            let apt = parameters.split(';').find_map(|one| one.trim().strip_prefix("apt="));
            apt.is_some_and(|format| unusable.contains(format.trim()))
        })
        .map(|(format, _)| format)
        .collect();
    unusable.extend(rtx);
    unusable
}

/// The m-line without these formats; `None` if it stays as it is or none would be left.
fn without_formats(media: &str, unusable: &HashSet<&str>) -> Option<String> {
    if unusable.is_empty() || !media.starts_with("m=") {
        return None;
    }
    let mut words = media.split_whitespace();
    let head: Vec<_> = words.by_ref().take(3).collect();
    let formats: Vec<_> = words.filter(|format| !unusable.contains(format)).collect();
    (!formats.is_empty()).then(|| format!("{} {}", head.join(" "), formats.join(" ")))
}

/// The payload type that an attribute is about.
fn format_of(line: &str) -> Option<&str> {
    let rest = ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"]
        .iter()
        .find_map(|prefix| line.strip_prefix(prefix))?;
    rest.split(' ').next()
}

fn push(out: &mut String, line: &str) {
    out.push_str(line);
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Chromium 156 offers for a camera and a microphone.
    const CHROMIUM: &str = include_str!("../tests/data/chromium-offer.sdp");
    const OLD: Version = (1, 22, 0, 0);

    fn formats(sdp: &str, media: &str) -> String {
        let line = sdp.lines().find(|line| line.starts_with(media)).unwrap_or_default();
        line.split(' ').skip(3).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn chromiums_red_ulpfec_and_av1_are_gone_with_their_retransmissions() {
        let usable = usable_offer(CHROMIUM, OLD);
        // 118 red, 119 its rtx, 120 ulpfec, 45 AV1, 46 its rtx; 63 is RED of Opus.
        assert_eq!(
            formats(&usable, "m=video"),
            "96 97 102 103 104 107 108 109 114 115 116 117 39 40 98 99 100 101"
        );
        assert_eq!(formats(&usable, "m=audio"), "111 9 0 8 13 110 126");
        for gone in
            ["red/", "ulpfec", "AV1", "a=rtcp-fb:45", "a=fmtp:119", "a=fmtp:46", "a=fmtp:63"]
        {
            assert!(CHROMIUM.contains(gone), "the test is about {gone}");
            assert!(!usable.contains(gone), "{gone} is still there");
        }
    }

    #[test]
    fn all_else_stays_as_it_is_and_where_it_is() {
        let usable = usable_offer(CHROMIUM, OLD);
        let mut kept = usable.lines();
        for line in CHROMIUM.lines().filter(|line| !line.starts_with("m=")) {
            let Some(format) = format_of(line) else {
                let next = kept.by_ref().find(|kept| *kept == line);
                assert_eq!(next, Some(line));
                continue;
            };
            let is_gone = ["118", "119", "120", "45", "46", "63"].contains(&format);
            assert_eq!(usable.lines().any(|kept| kept == line), !is_gone, "{line}");
        }
        assert!(usable.ends_with("\r\n") && !usable.replace("\r\n", "").contains('\n'));
    }

    #[test]
    fn a_newer_gstreamer_gets_the_offer_untouched() {
        assert_eq!(usable_offer(CHROMIUM, TAKES_ALL), CHROMIUM);
    }

    #[test]
    fn an_m_line_that_would_be_empty_stays() {
        let offer = "v=0\r\nm=video 9 X 45 46\r\na=rtpmap:45 AV1/90000\r\na=rtpmap:46 rtx/90000\r\n\
                     a=fmtp:46 apt=45\r\n";
        assert_eq!(usable_offer(offer, OLD), offer);
    }

    #[test]
    fn fec_ssrcs_of_a_removed_format_are_not_announced() {
        let offer = "v=0\r\nm=video 9 X 96 35\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:35 flexfec-03/90000\r\n\
                     a=ssrc-group:FEC-FR 1 2\r\na=ssrc-group:FID 1 3\r\n";
        let usable = usable_offer(offer, OLD);
        assert!(!usable.contains("FEC-FR") && usable.contains("FID 1 3"), "{usable}");
    }
}
