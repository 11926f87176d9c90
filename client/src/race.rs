//! One TCP connection out of a name's addresses: the next address is tried when the one before is
//! slow, so that one dead address cannot use up the deadline.

use std::io;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The head start of each address (RFC 8305, 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to whichever address of `host` answers first.
pub(crate) async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut attempts = JoinSet::new();
    let mut last = None;
    for address in lookup_host((host, port)).await? {
        attempts.spawn(TcpStream::connect(address));
        match timeout(HEAD_START, attempts.join_next()).await {
            Ok(Some(Ok(Ok(stream)))) => return Ok(stream),
            Ok(Some(Ok(Err(error)))) => last = Some(error),
            _ => {}
        }
    }
    while let Some(attempt) = attempts.join_next().await {
        match attempt {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = Some(error),
            Err(_) => {}
        }
    }
    Err(last.unwrap_or_else(|| io::Error::other("the name has no address")))
}
