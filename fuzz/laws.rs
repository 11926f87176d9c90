//! What every parser of the wire promises, whatever bytes it is given: it does not panic, and what it
//! has read it prints so that it reads the same again.
//!
//! `make fuzz` looks for bytes that break a promise; `protocol/tests/corpus.rs` holds the parsers to
//! it on stable, for all that was found before.

use intercom_protocol::intercom::{FromClient, FromServer, Tagged, tag};
use intercom_protocol::relay::Message;
use intercom_protocol::{gst, roomrtc as lines, sdp as description, simple as words};

/// A promise; it panics if the bytes break it.
pub type Law = fn(&[u8]);

/// Every parser and what it promises; `corpus/NAME` has bytes for it.
pub const LAWS: [(&str, Law); 6] = [
    ("gst", gst),
    ("intercom", intercom),
    ("relay", relay),
    ("roomrtc", roomrtc),
    ("sdp", sdp),
    ("simple", simple),
];

/// The stock protocol, both directions.
pub fn gst(bytes: &[u8]) {
    settles(bytes, |text| Some(gst::ClientMessage::parse(text).ok()?.print()));
    settles(bytes, |text| Some(gst::ServerMessage::parse(text).ok()?.print()));
}

/// The extension, both directions.
pub fn intercom(bytes: &[u8]) {
    settles(bytes, |text| {
        let Tagged { message, id } = Tagged::<FromClient<'_>>::parse(text).ok()?;
        Some(match (message, id) {
            (FromClient::Intercom(message), id) => message.print(id.as_deref()),
            (FromClient::Gst(message), Some(id)) => tag(message.print(), &id),
            (FromClient::Gst(message), None) => message.print(),
        })
    });
    settles(bytes, |text| {
        let Tagged { message, id } = Tagged::<FromServer<'_>>::parse(text).ok()?;
        Some(match (message, id) {
            (FromServer::Intercom(message), id) => message.print(id.as_deref()),
            (FromServer::Gst(message), Some(id)) => tag(message.print(), &id),
            (FromServer::Gst(message), None) => message.print(),
        })
    });
}

/// The messages of a page and a program.
pub fn relay(bytes: &[u8]) {
    settles(bytes, |text| Some(Message::parse(text).ok()?.print()));
}

/// Lines, both directions; what is printed is one line.
pub fn roomrtc(bytes: &[u8]) {
    let one_line = |line: String| {
        assert!(!line.contains(['\n', '\r']), "{line:?}");
        line
    };
    settles(bytes, |line| Some(one_line(lines::ClientMessage::parse(line).ok()?.print())));
    settles(bytes, |line| Some(one_line(lines::ServerMessage::parse(line).ok()?.print())));
}

/// The words of GStreamer's example clients, both directions, and what is said in a session.
pub fn simple(bytes: &[u8]) {
    settles(bytes, |text| Some(words::ClientMessage::parse(text).print()));
    settles(bytes, |text| Some(words::ServerMessage::parse(text).print()));
    settles(bytes, |text| {
        Some(match words::Speech::parse(text) {
            words::Speech::Sdp(sdp) => words::print_sdp(sdp.raw),
            words::Speech::Ice(ice) => words::print_ice(ice.raw),
            words::Speech::OfferRequest => words::OFFER_REQUEST.to_owned(),
            words::Speech::Other => return None,
        })
    });
}

/// The check of a description: what passes is bounded, has media and nothing that a reader in C would
/// stop at, and passes with the line ends of another system as well.
pub fn sdp(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if description::check(text).is_ok() {
        assert!(text.len() <= description::MAX_LEN && !text.contains('\0'));
        assert!(text.lines().any(|line| line.starts_with("m=")));
        assert_eq!(description::check(&text.replace("\r\n", "\n")), Ok(()));
    }
}

/// Read, printed, read and printed again is printed the same; `again` is `None` for what is no
/// message.
fn settles(bytes: &[u8], again: impl Fn(&str) -> Option<String>) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(once) = again(text) {
        assert_eq!(again(&once).as_deref(), Some(&*once));
    }
}
