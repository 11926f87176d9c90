//! The cheap checks that a session description must pass before it goes on.
//!
//! Not a full parser: media negotiation is the ends' business. It looks at what is known to end a
//! GStreamer 1.22 process at the other end: an empty answer is a fatal error there, and an answer
//! whose BUNDLE group does not begin with a live first m-line aborts it (`_connect_rtpfunnel`,
//! mended in GStreamer 1.24.10).

use std::collections::HashSet;

/// The longest description that passes, in bytes. Chromium's largest offers are a third of it.
pub const MAX_LEN: usize = 48 * 1024;

/// Why a description is not let through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Nothing but white space.
    #[error("the session description is empty")]
    Empty,
    /// More than [`MAX_LEN`] bytes.
    #[error("the session description has {0} bytes, at most {MAX_LEN} are allowed")]
    TooLong(usize),
    /// A line (counted from 1) that is not `letter=value`, or a `m=` without a port.
    #[error("line {0} of the session description is malformed")]
    Malformed(usize),
    /// It does not begin with `v=0`.
    #[error("the session description does not begin with v=0")]
    NoVersion,
    /// It describes no media.
    #[error("the session description has no m-line")]
    NoMedia,
    /// Two m-lines have this mid.
    #[error("two m-lines have the mid {0:?}")]
    DuplicateMid(String),
    /// BUNDLE names a mid that no m-line has.
    #[error("BUNDLE names {0:?}, which no m-line has")]
    UnknownMid(String),
    /// BUNDLE does not begin with the first m-line, or that one is rejected.
    #[error("BUNDLE must begin with the first m-line, and that one must not be rejected")]
    DeadBundle,
}

/// Refuses a description that could harm the end that reads it.
///
/// # Errors
/// The first fault found, in the order of the lines.
pub fn check(text: &str) -> Result<(), SdpError> {
    if text.trim().is_empty() {
        return Err(SdpError::Empty);
    }
    if text.len() > MAX_LEN {
        return Err(SdpError::TooLong(text.len()));
    }
    let outline = Outline::read(text)?;
    let Some(first) = outline.media.first() else { return Err(SdpError::NoMedia) };
    outline.check_mids()?;
    match outline.bundle.first() {
        Some(tag) if first.rejected || first.mid != Some(tag) => Err(SdpError::DeadBundle),
        _ => Ok(()),
    }
}

/// What [`check`] looks at.
#[derive(Default)]
struct Outline<'a> {
    media: Vec<Media<'a>>,
    /// The mids of the session's first BUNDLE group.
    bundle: Vec<&'a str>,
}

struct Media<'a> {
    mid: Option<&'a str>,
    /// Port 0 without `a=bundle-only` (RFC 9143, 6).
    rejected: bool,
}

impl<'a> Outline<'a> {
    fn read(text: &'a str) -> Result<Self, SdpError> {
        let mut outline = Self::default();
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty()).peekable();
        let begins = lines.next_if(|(_, line)| *line == "v=0").is_some();
        for (index, line) in lines {
            let malformed = SdpError::Malformed(index + 1);
            // A reader in C stops at NUL and would see less than was checked.
            if line.contains(|c: char| c.is_control() && c != '\t') {
                return Err(malformed);
            }
            let Some((kind, value)) = line.split_once('=') else { return Err(malformed) };
            match (kind, value) {
                _ if !begins => return Err(SdpError::NoVersion),
                ("m", _) => {
                    let port = port(value).ok_or(malformed)?;
                    outline.media.push(Media { mid: None, rejected: port == 0 });
                }
                ("a", _) => outline.attribute(value),
                _ if kind.len() == 1 && kind.as_bytes()[0].is_ascii_lowercase() => {}
                _ => return Err(malformed),
            }
        }
        Ok(outline)
    }

    fn attribute(&mut self, value: &'a str) {
        if let Some(media) = self.media.last_mut() {
            if let Some(mid) = value.strip_prefix("mid:") {
                media.mid = Some(mid.trim_end());
            } else if value == "bundle-only" {
                media.rejected = false;
            }
        } else if let Some(tags) = value.strip_prefix("group:BUNDLE")
            && self.bundle.is_empty()
        {
            self.bundle = tags.split_whitespace().collect();
        }
    }

    fn check_mids(&self) -> Result<(), SdpError> {
        let mut mids = HashSet::new();
        for mid in self.media.iter().filter_map(|media| media.mid) {
            if !mids.insert(mid) {
                return Err(SdpError::DuplicateMid(mid.into()));
            }
        }
        match self.bundle.iter().find(|tag| !mids.contains(*tag)) {
            Some(tag) => Err(SdpError::UnknownMid((*tag).into())),
            None => Ok(()),
        }
    }
}

/// The port of `media port[/count] protocol formats`, read as leniently as other readers do.
fn port(m_line: &str) -> Option<u16> {
    let field = m_line.split_ascii_whitespace().nth(1)?;
    field.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";

    fn sdp(rest: &str) -> String {
        format!("{HEAD}{}", rest.replace('|', "\r\n"))
    }

    #[test]
    fn ordinary_descriptions_pass() {
        for rest in [
            "m=video 9 UDP/TLS/RTP/SAVPF 96|a=mid:video0|",
            "a=group:BUNDLE 0 1|m=audio 9 X 111|a=mid:0|m=video 0 X 96|a=mid:1|a=bundle-only|",
            "a=group:BUNDLE 0|m=audio 9 X 111|a=mid:0|m=video 0 X 96|a=mid:1|",
            "m=audio 9 X 111|m=video 9 X 96|",
        ] {
            assert_eq!(check(&sdp(rest)), Ok(()), "{rest}");
        }
    }

    #[test]
    fn each_fault_is_named() {
        for (text, fault) in [
            (String::new(), SdpError::Empty),
            ("\r\n \r\n".into(), SdpError::Empty),
            ("garbage".into(), SdpError::Malformed(1)),
            ("s=-\r\n".into(), SdpError::NoVersion),
            (sdp("garbage|"), SdpError::Malformed(5)),
            (sdp("m=video|"), SdpError::Malformed(5)),
            (sdp(""), SdpError::NoMedia),
            (
                sdp("m=video 9 X 96|a=mid:0|m=audio 9 X 111|a=mid:0|"),
                SdpError::DuplicateMid("0".into()),
            ),
            (sdp("a=group:BUNDLE 7|m=video 9 X 96|a=mid:0|"), SdpError::UnknownMid("7".into())),
            (
                sdp("a=group:BUNDLE data|m=video 0 X 96|a=mid:0|m=application 9 X y|a=mid:data|"),
                SdpError::DeadBundle,
            ),
            (sdp("a=group:BUNDLE 0|m=video 0 X 96|a=mid:0|"), SdpError::DeadBundle),
            (sdp("a=group:BUNDLE 0|m=video 00 X 96|a=mid:0|"), SdpError::DeadBundle),
            (sdp("a=group:BUNDLE 0|m=video 0/2 X 96|a=mid:0|"), SdpError::DeadBundle),
            (sdp("a=group:BUNDLE 0|m=video  0 X 96|a=mid:0|"), SdpError::DeadBundle),
            (sdp("m=video nine X 96|"), SdpError::Malformed(5)),
            (sdp("a=\0|m=video 9 X 96|"), SdpError::Malformed(5)),
            ("\r\ns=-\r\nm=video 9 X 96\r\n".into(), SdpError::NoVersion),
            ("v".repeat(MAX_LEN + 1), SdpError::TooLong(MAX_LEN + 1)),
        ] {
            assert_eq!(check(&text), Err(fault));
        }
    }
}
