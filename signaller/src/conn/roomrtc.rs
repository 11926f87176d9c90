//! A connection in lines, on which one login follows another.
//!
//! What closes a WebSocket with a Close frame is said here in a last line.

use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use signaller_core::CloseReason;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::{Desk, End, FAREWELL, HELLO, Messages, Timing, next_text, serve, take_leave};
use crate::dialect::Dialect;
use crate::dialect::roomrtc::error;
use crate::gate::{Caller, Heard};
use crate::hub_task::{HubGone, HubHandle};

/// Lines of somebody who is not logged in, before it is enough.
const STRANGE_LINES: usize = 16;

const STRANGE: &str = "16 lines came without a login";
const NO_LOGIN: &str = "nobody logged in in time";
const TOO_MANY_STRANGERS: &str =
    "too many connections of your address have not logged in; try again in a moment";

/// Until the connection ends; who logs out may log in again.
pub(super) async fn take_turns<T>(
    sink: &mut SplitSink<T, Message>,
    stream: &mut SplitStream<T>,
    caller: Caller,
    hub: &HubHandle,
    timing: Timing,
) -> End
where
    T: Messages,
{
    let mut patience = HELLO;
    let end = loop {
        let end = match Box::pin(meet(sink, stream, &caller, hub, patience, timing)).await {
            Ok(desk) => Box::pin(serve(sink, stream, desk, hub, timing)).await,
            Err(end) => end,
        };
        match end {
            End::Told(CloseReason::LoggedOut | CloseReason::LoggedInAlready) => {
                patience = timing.visit;
            }
            end => break end,
        }
    };
    if end.code().is_some() {
        say_last(sink, end.words()).await;
    }
    end
}

/// One line to somebody for whom there is no place, and no more.
pub(crate) async fn turn_away<T>(socket: T, words: &'static str)
where
    T: Messages,
{
    let (mut sink, mut stream) = socket.split();
    say_last(&mut sink, words).await;
    take_leave(&mut sink, &mut stream, End::TurnedAway(words)).await;
}

/// Until somebody is logged in.
async fn meet<T>(
    sink: &mut SplitSink<T, Message>,
    stream: &mut SplitStream<T>,
    caller: &Caller,
    hub: &HubHandle,
    first: Duration,
    timing: Timing,
) -> Result<Box<Desk>, End>
where
    T: Messages,
{
    let Some(_share) = caller.share() else {
        return Err(End::TurnedAway(TOO_MANY_STRANGERS));
    };
    let mut patience = first;
    for _ in 0..STRANGE_LINES {
        let line = match timeout(patience, next_text(stream)).await {
            Ok(line) => line?,
            Err(_) => return Err(End::TurnedAway(NO_LOGIN)),
        };
        let words = match caller.hear(&line).await {
            Heard::Answer(words) => words,
            Heard::Known { identity, resume } => {
                let membership = hub.connect(identity, Some(resume), caller.way()).await;
                let membership = membership.map_err(|HubGone| End::Lost)?;
                return Ok(Box::new(Desk::new(membership, Dialect::roomrtc(), 0)));
            }
        };
        match timeout(timing.write, sink.send(Message::text(words))).await {
            Ok(Ok(())) => patience = timing.visit,
            Ok(Err(_)) => return Err(End::Lost),
            Err(_) => return Err(End::Stuck),
        }
    }
    Err(End::TurnedAway(STRANGE))
}

async fn say_last<T>(sink: &mut SplitSink<T, Message>, words: &str)
where
    T: Messages,
{
    // Who does not read it has lost the reason, not more.
    let _ = timeout(FAREWELL, sink.send(Message::text(error(words)))).await;
}
