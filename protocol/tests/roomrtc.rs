//! What is printed reads as it was meant, and nothing that comes is too much for the parser.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;

use intercom_protocol::roomrtc::{ClientMessage, Description, ParseError, ServerMessage, Status};
use proptest::prelude::*;

/// Everything but a bar can be said.
fn value() -> impl Strategy<Value = Cow<'static, str>> {
    any::<String>().prop_map(|text| text.replace('|', "\\").into())
}

/// The name of an account.
fn name() -> impl Strategy<Value = Cow<'static, str>> {
    "[a-z0-9._-]{1,32}".prop_map(Into::into)
}

fn description() -> impl Strategy<Value = Description<'static>> {
    (value(), proptest::option::of(value()))
        .prop_map(|(sdp, srtp_key)| Description { sdp, srtp_key })
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![Just(Status::Disconnected), Just(Status::Available), Just(Status::Busy)]
}

fn from_client() -> impl Strategy<Value = ClientMessage<'static>> {
    use ClientMessage as M;
    prop_oneof![
        (value(), value()).prop_map(|(username, password)| M::Register { username, password }),
        (value(), value()).prop_map(|(username, password)| M::Login { username, password }),
        Just(M::Logout),
        Just(M::GetUsers),
        (value(), description()).prop_map(|(to, offer)| M::CallOffer { to, offer }),
        (value(), proptest::option::of(description()))
            .prop_map(|(to, answer)| M::CallAnswer { to, answer }),
        value().prop_map(|to| M::CallReject { to }),
        value().prop_map(|to| M::CallEnd { to }),
        (value(), value()).prop_map(|(to, candidate)| M::IceCandidate { to, candidate }),
    ]
}

fn from_server() -> impl Strategy<Value = ServerMessage<'static>> {
    use ServerMessage as M;
    prop_oneof![
        value().prop_map(|message| M::RegisterSuccess { message }),
        value().prop_map(|error| M::RegisterError { error }),
        Just(M::LoginSuccess),
        value().prop_map(|error| M::LoginError { error }),
        Just(M::LogoutSuccess),
        proptest::collection::vec((name(), status()), 0..5).prop_map(M::UserList),
        (value(), status())
            .prop_map(|(username, status)| M::UserStatusChanged { username, status }),
        (value(), description()).prop_map(|(from, offer)| M::IncomingCall { from, offer }),
        (value(), description()).prop_map(|(from, answer)| M::CallAccepted { from, answer }),
        value().prop_map(|from| M::CallRejected { from }),
        value().prop_map(|from| M::CallEnded { from }),
        value().prop_map(|error| M::CallError { error }),
        (value(), value()).prop_map(|(from, candidate)| M::IceCandidate { from, candidate }),
        value().prop_map(|error| M::Error { error }),
    ]
}

proptest! {
    #[test]
    fn a_client_is_read_as_it_was_printed(message in from_client()) {
        let line = message.print();
        prop_assert!(!line.contains(['\n', '\r']));
        prop_assert_eq!(ClientMessage::parse(&line), Ok(message));
    }

    #[test]
    fn the_server_is_read_as_it_was_printed(message in from_server()) {
        let line = message.print();
        prop_assert!(!line.contains(['\n', '\r']));
        prop_assert_eq!(ServerMessage::parse(&line), Ok(message));
    }

    #[test]
    fn whatever_is_read_is_printed_as_one_line(line in any::<String>()) {
        both(&line);
    }

    #[test]
    fn whatever_looks_like_a_line_is_read_or_refused(
        line in r"(CALL_OFFER|CALL_ANSWER|USER_LIST|ICE_CANDIDATE)(\|(to|from|accept|sdp|candidate)?:?[\\nr:|a]{0,8}){0,5}",
    ) {
        both(&line);
    }
}

/// What is understood means the same once it is printed.
fn both(line: &str) {
    if let Ok(message) = ClientMessage::parse(line) {
        assert_eq!(ClientMessage::parse(&message.print()), Ok(message));
    }
    if let Ok(message) = ServerMessage::parse(line) {
        assert_eq!(ServerMessage::parse(&message.print()), Ok(message));
    }
}

#[test]
fn a_description_keeps_its_lines() {
    let line = r"CALL_OFFER|to:bob|sdp:v=0\r\na=x:\\n\q\|srtp_key:a:b==";
    let ClientMessage::CallOffer { to, offer } = ClientMessage::parse(line).unwrap() else {
        panic!()
    };
    assert_eq!((&*to, &*offer.sdp), ("bob", "v=0\r\na=x:\\n\\q\\"));
    assert_eq!(offer.srtp_key.as_deref(), Some("a:b=="));
    let incoming = ServerMessage::IncomingCall { from: "ann".into(), offer }.print();
    assert_eq!(incoming, r"INCOMING_CALL|from:ann|sdp:v=0\r\na=x:\\n\\q\\|srtp_key:a:b==");
}

#[test]
fn a_bar_cannot_be_said() {
    let line = ServerMessage::Error { error: "a|b".into() }.print();
    assert_eq!(line, "ERROR|error:a/b");
}

#[test]
fn what_is_wrong_is_said() {
    let missing = |kind, field| ParseError::Missing { kind, field };
    for (line, fault) in [
        ("", ParseError::UnknownType),
        ("login|username:a|password:b", ParseError::UnknownType),
        ("USER_LIST", ParseError::UnknownType),
        ("LOGIN", missing("LOGIN", "username")),
        ("LOGIN|username:a", missing("LOGIN", "password")),
        ("LOGIN|username:a|password", ParseError::NoColon),
        ("LOGOUT|", ParseError::NoColon),
        ("CALL_OFFER|to:a", missing("CALL_OFFER", "sdp")),
        ("CALL_ANSWER|to:a|accept:true", missing("CALL_ANSWER", "sdp")),
        (
            "CALL_ANSWER|to:a|accept:yes",
            ParseError::BadValue { field: "accept", values: "true, false" },
        ),
    ] {
        assert_eq!(ClientMessage::parse(line), Err(fault), "{line}");
    }
}

#[test]
fn nothing_of_a_message_is_shown_but_its_type() {
    let line = "LOGIN|username:ann|password:secret";
    assert_eq!(format!("{:?}", ClientMessage::parse(line).unwrap()), "LOGIN");
}
