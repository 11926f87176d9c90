//! relay: one program and one page, and a server that passes on what they say to each other.
//!
//! Both directions have the same messages, each one JSON object whose `type` names it. Unknown fields
//! are ignored, and nothing is passed on as it came: what is printed is what was read.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::gst::{ParseError, borrowed};

/// What either end says, or hears of the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Message<'a> {
    /// Here is a page. From the page, and then to the program.
    Client,
    /// The page is known. From the program, and to the page.
    Ack {
        /// What is acknowledged: `client`.
        role: Cow<'a, str>,
    },
    /// From the program.
    Offer {
        /// The description, RFC 8866 text.
        sdp: Cow<'a, str>,
    },
    /// From the page.
    Answer {
        /// The description, RFC 8866 text.
        sdp: Cow<'a, str>,
    },
    /// One more way to reach the sender.
    #[serde(rename_all = "camelCase")]
    Ice {
        /// RFC 8839 text beginning with `candidate:`; empty at the end of candidates.
        candidate: Cow<'a, str>,
        /// Index of the m-line it belongs to.
        sdp_m_line_index: u32,
    },
    /// Something was refused, or is over. From the server.
    Error {
        /// One sentence for a person.
        details: Cow<'a, str>,
    },
}

impl<'a> Message<'a> {
    /// Reads one text message.
    ///
    /// # Errors
    /// See [`ParseError`].
    pub fn parse(text: &'a str) -> Result<Self, ParseError> {
        let fields: Fields<'a> = serde_json::from_str(text)?;
        let sdp = fields.sdp.ok_or(ParseError::Missing("sdp"));
        Ok(match &*fields.kind {
            "client" => Self::Client,
            "ack" => Self::Ack { role: fields.role.ok_or(ParseError::Missing("role"))? },
            "offer" => Self::Offer { sdp: sdp? },
            "answer" => Self::Answer { sdp: sdp? },
            "ice" => Self::Ice {
                candidate: fields.candidate.ok_or(ParseError::Missing("candidate"))?,
                sdp_m_line_index: fields
                    .sdp_m_line_index
                    .ok_or(ParseError::Missing("sdpMLineIndex"))?,
            },
            "error" => {
                Self::Error { details: fields.details.ok_or(ParseError::Missing("details"))? }
            }
            other => return Err(ParseError::UnknownType(other.into())),
        })
    }

    /// The message as JSON text.
    pub fn print(&self) -> String {
        serde_json::to_string(self).expect("a message has only strings and numbers")
    }

    /// Its `type`, which may be written down: it tells nothing of what the message says.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Ack { .. } => "ack",
            Self::Offer { .. } => "offer",
            Self::Answer { .. } => "answer",
            Self::Ice { .. } => "ice",
            Self::Error { .. } => "error",
        }
    }
}

/// All fields of all messages.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    role: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    sdp: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    candidate: Option<Cow<'a, str>>,
    #[serde(default)]
    sdp_m_line_index: Option<u32>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    details: Option<Cow<'a, str>>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_message_is_printed_as_it_was_read() {
        for text in [
            r#"{"type":"client"}"#,
            r#"{"type":"ack","role":"client"}"#,
            r#"{"type":"offer","sdp":"v=0\r\n"}"#,
            r#"{"type":"answer","sdp":"v=0\r\n"}"#,
            r#"{"type":"ice","candidate":"candidate:1","sdpMLineIndex":0}"#,
            r#"{"type":"error","details":"no"}"#,
        ] {
            let message = Message::parse(text).unwrap();
            assert_eq!(message.print(), text);
            assert!(text.contains(&format!(r#""type":"{}""#, message.kind())));
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, fault) in [
            ("", "not a message"),
            ("[]", "not a message"),
            (r#"{"sdp":"v=0"}"#, "type"),
            (r#"{"type":"bye"}"#, "unknown message type"),
            (r#"{"type":"ack"}"#, "`role`"),
            (r#"{"type":"offer","sdp":null}"#, "`sdp`"),
            (r#"{"type":"offer","sdp":{}}"#, "not a message"),
            (r#"{"type":"ice","sdpMLineIndex":0}"#, "`candidate`"),
            (r#"{"type":"ice","candidate":""}"#, "`sdpMLineIndex`"),
            (r#"{"type":"ice","candidate":"","sdpMLineIndex":-1}"#, "not a message"),
        ] {
            let error = Message::parse(text).unwrap_err().to_string();
            assert!(error.contains(fault), "{text}: {error}");
        }
    }
}
