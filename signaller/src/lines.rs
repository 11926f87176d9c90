//! Lines as messages: what a protocol without WebSockets is read from and written to.
//!
//! A line that is too long or not UTF-8 ends the connection, as such a message does elsewhere. What
//! a line says is not looked at.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::codec::{Decoder, Encoder, Framed, LinesCodec, LinesCodecError};

use crate::conn::{MAX_MESSAGE_LEN, Messages};

/// As for a WebSocket.
const BUFFER_LEN: usize = 2 * 1024;

/// How long nothing may come before the system asks whether the peer is there, how long it waits for
/// an answer, and how often it asks.
const IDLE: Duration = Duration::from_secs(25);
const PATIENCE: Duration = Duration::from_secs(5);
const QUESTIONS: u32 = 3;

/// One line, one text message. Reads `\r\n` as well, and writes `\n`.
#[derive(Debug)]
pub(crate) struct Lines(LinesCodec);

/// A socket that speaks in lines.
pub(crate) type LineSocket<S> = Framed<S, Lines>;

/// Reads and writes lines.
pub(crate) fn lines<S>(socket: S) -> LineSocket<S>
where
    S: AsyncRead + AsyncWrite,
{
    let lines = Lines(LinesCodec::new_with_max_length(MAX_MESSAGE_LEN));
    Framed::with_capacity(socket, lines, BUFFER_LEN)
}

/// Has the system find out when the peer is gone without a word, whether something is on the way to it or
/// nothing: there are no pings.
///
/// # Errors
/// The system's.
pub(crate) fn keep_alive(socket: &TcpStream) -> io::Result<()> {
    let keepalive =
        TcpKeepalive::new().with_time(IDLE).with_interval(PATIENCE).with_retries(QUESTIONS);
    let socket = SockRef::from(socket);
    socket.set_tcp_keepalive(&keepalive)?;
    // It asks for nothing while it waits to hear that something came in.
    socket.set_tcp_user_timeout(Some(IDLE + QUESTIONS * PATIENCE))
}

impl<S> Messages for LineSocket<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    const PINGS: bool = false;
}

impl Decoder for Lines {
    type Item = Message;
    type Error = Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Message>, Error> {
        match self.0.decode(bytes) {
            Ok(line) => Ok(line.map(Message::text)),
            Err(LinesCodecError::MaxLineLengthExceeded) => {
                let (size, max_size) = (bytes.len(), MAX_MESSAGE_LEN);
                Err(Error::Capacity(CapacityError::MessageTooLong { size, max_size }))
            }
            Err(LinesCodecError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Err(Error::Utf8(error.to_string()))
            }
            Err(LinesCodecError::Io(error)) => Err(Error::Io(error)),
        }
    }

    /// Half a line at the end is none: nobody knows what the other half would have said.
    fn decode_eof(&mut self, bytes: &mut BytesMut) -> Result<Option<Message>, Error> {
        let line = self.decode(bytes)?;
        if line.is_none() {
            bytes.clear();
        }
        Ok(line)
    }
}

impl Encoder<Message> for Lines {
    type Error = Error;

    fn encode(&mut self, message: Message, bytes: &mut BytesMut) -> Result<(), Error> {
        let Message::Text(text) = message else { return Ok(()) };
        bytes.extend_from_slice(text.as_bytes());
        bytes.extend_from_slice(b"\n");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures_util::{SinkExt, StreamExt};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::net::TcpListener;

    use super::*;

    async fn read(bytes: &[u8]) -> Vec<Result<Message, Error>> {
        let (ours, mut theirs) = duplex(4 * MAX_MESSAGE_LEN);
        theirs.write_all(bytes).await.unwrap();
        drop(theirs);
        lines(ours).collect().await
    }

    fn texts(read: &[Result<Message, Error>]) -> Vec<&str> {
        read.iter().map(|line| line.as_ref().unwrap().to_text().unwrap()).collect()
    }

    #[tokio::test]
    async fn a_line_is_a_message_and_half_a_line_is_none() {
        let read = read(b"one\ntwo\r\n\nthree").await;
        assert_eq!(texts(&read), ["one", "two", ""]);
    }

    /// By the system's default it would be a quarter of an hour.
    #[tokio::test]
    async fn who_is_gone_is_missed_within_a_minute() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        keep_alive(&socket).unwrap();
        let socket = SockRef::from(&socket);
        assert!(socket.keepalive().unwrap());
        let idle = socket.tcp_keepalive_time().unwrap();
        let (interval, retries) =
            (socket.tcp_keepalive_interval().unwrap(), socket.tcp_keepalive_retries().unwrap());
        assert!(idle + retries * interval < Duration::from_secs(60));
        assert!(socket.tcp_user_timeout().unwrap().unwrap() < Duration::from_secs(60));
    }

    #[tokio::test]
    async fn a_line_has_an_end() {
        let longest = "x".repeat(MAX_MESSAGE_LEN);
        assert_eq!(texts(&read(format!("{longest}\n").as_bytes()).await), [longest.as_str()]);
        let too_long = read(format!("{longest}xx\nnext\n").as_bytes()).await;
        assert!(matches!(too_long[..], [Err(Error::Capacity(_))]), "{}", too_long.len());
    }

    #[tokio::test]
    async fn a_line_is_text() {
        let read = read(b"fine\n\xff\xfe\nnext\n").await;
        assert!(matches!(read[..], [Ok(_), Err(Error::Utf8(_))]), "{}", read.len());
    }

    #[tokio::test]
    async fn what_is_no_text_is_not_written() {
        let (ours, mut theirs) = duplex(64);
        let mut lines = lines(ours);
        for message in [Message::text("hello"), Message::Ping("?".into()), Message::Close(None)] {
            lines.send(message).await.unwrap();
        }
        lines.close().await.unwrap();
        let mut written = String::new();
        theirs.read_to_string(&mut written).await.unwrap();
        assert_eq!(written, "hello\n");
    }
}
