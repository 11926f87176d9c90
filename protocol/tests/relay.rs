//! relay: what is printed is read as it was meant, and nothing that comes is too much for the parser.

use std::borrow::Cow;

use intercom_protocol::relay::Message;
use proptest::prelude::*;

fn value() -> impl Strategy<Value = Cow<'static, str>> {
    any::<String>().prop_map(Into::into)
}

fn message() -> impl Strategy<Value = Message<'static>> {
    use Message as M;
    prop_oneof![
        Just(M::Client),
        value().prop_map(|role| M::Ack { role }),
        value().prop_map(|sdp| M::Offer { sdp }),
        value().prop_map(|sdp| M::Answer { sdp }),
        (value(), any::<u32>())
            .prop_map(|(candidate, sdp_m_line_index)| M::Ice { candidate, sdp_m_line_index }),
        value().prop_map(|details| M::Error { details }),
    ]
}

proptest! {
    #[test]
    fn a_message_is_read_as_it_was_printed(message in message()) {
        let text = message.print();
        prop_assert_eq!(Message::parse(&text).ok(), Some(message.clone()));
    }

    /// Whichever it is, and whatever else is said beside it.
    #[test]
    fn no_field_is_lost_in_silence(message in message(), extra in "x[a-z]{0,8}", any in value()) {
        let serde_json::Value::Object(mut fields) = serde_json::from_str(&message.print())? else {
            panic!("{message:?} is no object")
        };
        fields.insert(extra, any.into());
        let text = serde_json::to_string(&fields)?;
        prop_assert_eq!(Message::parse(&text).ok(), Some(message.clone()));
        let names: Vec<_> = fields.keys().filter(|name| !name.starts_with('x')).cloned().collect();
        for name in names {
            let mut fields = fields.clone();
            fields.remove(&name);
            let text = serde_json::to_string(&fields)?;
            let fault = Message::parse(&text).expect_err("it is complete").to_string();
            prop_assert!(fault.contains(&name), "{}: {}", name, fault);
        }
    }

    #[test]
    fn whatever_is_read_means_the_same_once_it_is_printed(
        any in any::<String>(),
        json in r#"\{"type":"(client|ack|offer|answer|ice|error)"(,"(role|sdp|candidate|sdpMLineIndex|details)":("[\\nu0-9a-f]{0,6}"|-?[0-9]{1,11}|null)){0,4}\}"#,
    ) {
        for text in [any, json] {
            if let Ok(message) = Message::parse(&text) {
                let printed = message.print();
                prop_assert_eq!(Message::parse(&printed).ok(), Some(message));
            }
        }
    }
}
