//! simple: whatever is said is read as something, and what is printed is read as what it was.

use intercom_protocol::simple::{ClientMessage, ServerMessage, Speech};
use proptest::prelude::*;

fn name() -> impl Strategy<Value = String> {
    "[^\\s\\p{Z}\\p{C}]{1,12}"
}

/// A text that no command is made of.
fn speech() -> impl Strategy<Value = String> {
    prop_oneof![Just("OFFER_REQUEST".to_owned()), "\\{.*", "[a-z ]*"]
}

proptest! {
    #[test]
    fn nothing_is_too_odd(command in "[A-Z_]{0,14}", text in "\\PC*", any in ".*") {
        let texts = [text.clone(), any, format!("{command} {text}"), format!("HELLO\u{a0}{text}")];
        for text in texts {
            let read = ClientMessage::parse(&text).print();
            prop_assert_eq!(ClientMessage::parse(&read).print(), read.as_str());
            let read = ServerMessage::parse(&text).print();
            prop_assert_eq!(ServerMessage::parse(&read).print(), read.as_str());
            let _ = Speech::parse(&text);
        }
    }

    #[test]
    fn a_clients_message_survives_the_way(uid in name(), text in speech()) {
        let text = text.trim_start();
        for message in [
            ClientMessage::Hello { uid: &uid },
            ClientMessage::Session { uid: &uid },
            ClientMessage::Room { id: &uid },
            ClientMessage::RoomPeerMsg { uid: &uid, text },
            ClientMessage::RoomPeerList,
            ClientMessage::Text(text),
        ] {
            let printed = message.print();
            prop_assert_eq!(ClientMessage::parse(&printed), message);
        }
    }

    #[test]
    fn a_servers_message_survives_the_way(
        uids in prop::collection::vec(name(), 0..5),
        uid in name(),
        text in speech(),
    ) {
        let text = text.trim_start();
        let uids: Vec<_> = uids.iter().map(String::as_str).collect();
        for message in [
            ServerMessage::Hello,
            ServerMessage::SessionOk,
            ServerMessage::RoomOk { uids: uids.clone() },
            ServerMessage::RoomPeerList { uids: uids.clone() },
            ServerMessage::RoomPeerJoined { uid: &uid },
            ServerMessage::RoomPeerLeft { uid: &uid },
            ServerMessage::RoomPeerMsg { uid: &uid, text },
            ServerMessage::Error { words: text },
            ServerMessage::Text(text),
        ] {
            let printed = message.print();
            prop_assert_eq!(ServerMessage::parse(&printed), message);
        }
    }
}
