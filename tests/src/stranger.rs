//! A client of the stock protocol that sends whatever a test wants it to.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket, connect};

/// A peer on the signaller's plain listener.
pub struct Stranger {
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
}

impl Stranger {
    /// Connects to the signaller at `ws`.
    pub fn connect(ws: &str) -> Self {
        let (socket, _) = connect(ws).unwrap();
        Self { socket }
    }

    /// Sends one message.
    #[allow(clippy::needless_pass_by_value, reason = "so that json! can stand in the call")]
    pub fn send(&mut self, message: Value) {
        self.socket.send(Message::text(message.to_string())).unwrap();
    }

    /// The next message; `None` if none comes in time.
    pub fn receive(&mut self, patience: Duration) -> Option<Value> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if let MaybeTlsStream::Plain(stream) = self.socket.get_ref() {
                stream.set_read_timeout(Some(left.max(Duration::from_millis(1)))).unwrap();
            }
            match self.socket.read() {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                // Pings come for ever.
                Ok(_) if !left.is_zero() => {}
                _ => return None,
            }
        }
    }

    /// The next message that `is_it`; others are passed over.
    pub fn expect(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + crate::PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.receive(left) {
                Some(message) if is_it(&message) => return message,
                Some(_) => {}
                None => panic!("the server does not send {what}"),
            }
        }
    }
}
