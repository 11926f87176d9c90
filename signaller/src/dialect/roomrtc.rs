//! roomrtc (`docs/ref/roomrtc.md`) ↔ the core.
//!
//! It names users where the core names calls, and whoever ends a call hears nothing of its end: so a
//! connection keeps in mind which call it has told its client of, and which one that wants to end.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use intercom_protocol::roomrtc::{self as wire, ClientMessage, ServerMessage};
use secrecy::SecretString;
use signaller_core::{
    AccountName, AccountStatus, Act, CallId, CloseReason, Description, EndReason, Notice, Refusal,
    Request, Seen, Text,
};

use super::Said;

/// To be called by somebody who gave no description: valid, and of no use (RFC 8866, 5).
const NO_SDP: &str = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
                      m=video 9 RTP/AVP 96\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n";

const LOGGED_IN: &str = "you are logged in already; say LOGOUT first";
const ALREADY_CONNECTED: &str = "already connected";

/// What the answer to a request is called: the tag of the request says of what kind that was.
const OFFER: &str = "offer";
const END: &str = "end";
const CANDIDATE: &str = "candidate";
const LOGIN: &str = "login";
const REGISTER: &str = "register";

/// One connection's side of the protocol.
#[derive(Debug, Default)]
pub(crate) struct RoomRtc(Mutex<Mind>);

#[derive(Debug, Default)]
struct Mind {
    /// The one call that there may be, as far as the client was told.
    call: Option<Told>,
    /// With whom the client wants to end it, until that is done or refused.
    ends: Option<AccountName>,
}

#[derive(Debug)]
struct Told {
    id: CallId,
    with: AccountName,
    is_outgoing: bool,
    is_accepted: bool,
}

/// What somebody says who is not logged in.
#[derive(Debug)]
pub(crate) enum First {
    /// It wants an account.
    Register { username: String, password: SecretString },
    /// It has one.
    Login { username: String, password: SecretString },
}

/// Reads it; the error is one sentence.
pub(crate) fn first(line: &str) -> Result<First, String> {
    match ClientMessage::parse(line) {
        Ok(ClientMessage::Register { username, password }) => {
            Ok(First::Register { username: username.into(), password: secret(&password) })
        }
        Ok(ClientMessage::Login { username, password }) => {
            Ok(First::Login { username: username.into(), password: secret(&password) })
        }
        Ok(_) => Err("this needs a LOGIN first".to_owned()),
        Err(fault) => Err(fault.to_string()),
    }
}

/// There is an account now.
pub(crate) fn registered(account: &AccountName) -> String {
    ServerMessage::RegisterSuccess { message: format!("{account} can log in now").into() }.print()
}

/// There is none.
pub(crate) fn not_registered(words: &str) -> String {
    ServerMessage::RegisterError { error: words.into() }.print()
}

/// Nobody is logged in.
pub(crate) fn not_logged_in(words: &str) -> String {
    ServerMessage::LoginError { error: words.into() }.print()
}

/// Something is wrong.
pub(crate) fn error(words: &str) -> String {
    ServerMessage::Error { error: words.into() }.print()
}

/// The last words of a login after which the connection stays: another may follow.
pub(super) fn farewell(reason: CloseReason) -> Option<String> {
    match reason {
        CloseReason::LoggedOut => Some(ServerMessage::LogoutSuccess.print()),
        CloseReason::LoggedInAlready => Some(not_logged_in(ALREADY_CONNECTED)),
        _ => None,
    }
}

impl RoomRtc {
    /// What a line says.
    pub(super) fn read(&self, line: &str) -> Said {
        let message = match ClientMessage::parse(line) {
            Ok(message) => message,
            Err(fault) => return said(unreadable(&fault.to_string()), None),
        };
        let tag = match &message {
            ClientMessage::CallOffer { .. } => Some(OFFER),
            ClientMessage::Login { .. } => Some(LOGIN),
            ClientMessage::Register { .. } => Some(REGISTER),
            ClientMessage::CallEnd { .. }
            | ClientMessage::CallReject { .. }
            | ClientMessage::CallAnswer { answer: None, .. } => Some(END),
            ClientMessage::IceCandidate { .. } => Some(CANDIDATE),
            _ => None,
        };
        let request = request(message).unwrap_or_else(Request::Refuse);
        if let Request::Described { with, act: Act::Reject | Act::End } = &request {
            self.mind().ends = Some(with.clone());
        }
        said(request, tag)
    }

    /// The line that says this, or two of them.
    pub(super) fn print(&self, notice: &Notice, tag: Option<&Text>) -> Option<String> {
        let message = match notice {
            Notice::Welcome { .. } => ServerMessage::LoginSuccess,
            Notice::Accounts(accounts) => ServerMessage::UserList(
                accounts.iter().map(|seen| (text(&seen.name), status(seen))).collect(),
            ),
            Notice::Presence(seen) => ServerMessage::UserStatusChanged {
                username: text(&seen.name),
                status: status(seen),
            },
            Notice::AccountGone { account } => ServerMessage::UserStatusChanged {
                username: text(account),
                status: wire::Status::Disconnected,
            },
            Notice::CallRinging { call, to } => {
                self.mind().rings(*call, to, true);
                return None;
            }
            Notice::IncomingCall { call, from, offer, .. } => {
                self.mind().rings(*call, from, false);
                ServerMessage::IncomingCall { from: text(from), offer: description(offer.as_ref()) }
            }
            Notice::CallAccepted { call, from, answer, .. } => {
                if !self.mind().accepted(*call) {
                    return None;
                }
                let answer = description(answer.as_ref());
                ServerMessage::CallAccepted { from: text(from), answer }
            }
            Notice::CallCandidate { from, candidate, .. } => {
                ServerMessage::IceCandidate { from: text(from), candidate: (**candidate).into() }
            }
            Notice::CallEnded { call, reason } => return self.mind().ended(*call, *reason),
            Notice::Refused(refusal) => {
                return self.mind().refused(refusal, tag.map(|tag| &**tag));
            }
            Notice::Done => {
                if tag.is_some_and(|tag| **tag == *END) {
                    self.mind().ends = None;
                }
                return None;
            }
            _ => return None,
        };
        Some(message.print())
    }

    fn mind(&self) -> MutexGuard<'_, Mind> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mind {
    fn rings(&mut self, id: CallId, with: &AccountName, is_outgoing: bool) {
        self.call = Some(Told { id, with: with.clone(), is_outgoing, is_accepted: false });
    }

    /// Whether the client has to be told: who accepted knows.
    fn accepted(&mut self, id: CallId) -> bool {
        let Some(call) = self.call.as_mut().filter(|call| call.id == id) else { return false };
        call.is_accepted = true;
        call.is_outgoing
    }

    fn ended(&mut self, id: CallId, reason: EndReason) -> Option<String> {
        let Told { with, is_outgoing, is_accepted, .. } =
            self.call.take_if(|call| call.id == id)?;
        if self.ends.take_if(|ends| *ends == with).is_some() {
            return None;
        }
        let was_not_taken =
            matches!(reason, EndReason::Rejected | EndReason::Busy | EndReason::NoAnswer);
        if is_outgoing && !is_accepted && was_not_taken {
            return Some(ServerMessage::CallRejected { from: text(&with) }.print());
        }
        let ended = ServerMessage::CallEnded { from: text(&with) }.print();
        if reason != EndReason::Incompatible {
            return Some(ended);
        }
        let words: Cow<'_, str> =
            format!("your program and the one of {with} cannot exchange pictures and sound").into();
        let why = match is_outgoing {
            true => ServerMessage::CallError { error: words },
            false => ServerMessage::Error { error: words },
        };
        Some(format!("{}\n{ended}", why.print()))
    }

    fn refused(&mut self, refusal: &Refusal, tag: Option<&str>) -> Option<String> {
        let is_late = match tag {
            // Both ends hung up at once, and this one was told nothing of the other's.
            Some(END) => self.ends.take().is_none(),
            Some(CANDIDATE) => true,
            _ => false,
        };
        if is_late && *refusal == Refusal::NoSuchCall {
            return None;
        }
        let words = refusal.to_string();
        Some(match tag {
            Some(OFFER) => ServerMessage::CallError { error: words.into() }.print(),
            Some(LOGIN) => not_logged_in(&words),
            Some(REGISTER) => not_registered(&words),
            _ => error(&words),
        })
    }
}

fn said(request: Request, tag: Option<&str>) -> Said {
    Said::Request { request: Some(request), tag: tag.map(Into::into) }
}

fn request(message: ClientMessage<'_>) -> Result<Request, Refusal> {
    let described =
        |with: &str, act| Ok(Request::Described { with: AccountName::parse(with)?, act });
    match message {
        ClientMessage::Register { .. } | ClientMessage::Login { .. } => Ok(unreadable(LOGGED_IN)),
        ClientMessage::Logout => Ok(Request::LogOut),
        ClientMessage::GetUsers => Ok(Request::ListAccounts),
        ClientMessage::CallOffer { to, offer } => described(&to, Act::Offer(kept(&offer))),
        ClientMessage::CallAnswer { to, answer: Some(answer) } => {
            described(&to, Act::Accept(kept(&answer)))
        }
        ClientMessage::CallAnswer { to, answer: None } | ClientMessage::CallReject { to } => {
            described(&to, Act::Reject)
        }
        ClientMessage::CallEnd { to } => described(&to, Act::End),
        ClientMessage::IceCandidate { to, candidate } => {
            described(&to, Act::Candidate((*candidate).into()))
        }
    }
}

fn unreadable(fault: &str) -> Request {
    Request::Unreadable { fault: fault.to_owned() }
}

fn secret(password: &str) -> SecretString {
    password.into()
}

fn kept(wire::Description { sdp, srtp_key }: &wire::Description<'_>) -> Arc<Description> {
    Arc::new(Description { sdp: (**sdp).into(), key: srtp_key.as_deref().map(Into::into) })
}

fn description(given: Option<&Arc<Description>>) -> wire::Description<'_> {
    match given {
        Some(given) => wire::Description {
            sdp: (&*given.sdp).into(),
            srtp_key: given.key.as_deref().map(Cow::Borrowed),
        },
        None => wire::Description { sdp: NO_SDP.into(), srtp_key: None },
    }
}

/// Who is there but could not answer is not there for those who look whom they can call.
fn status(seen: &Seen) -> wire::Status {
    match seen.status {
        AccountStatus::Busy => wire::Status::Busy,
        AccountStatus::Available if seen.callable => wire::Status::Available,
        AccountStatus::Available | AccountStatus::Disconnected => wire::Status::Disconnected,
    }
}

fn text(account: &AccountName) -> Cow<'_, str> {
    Cow::Borrowed(account.as_str())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const CALL: &str = "00000000-0000-4000-8000-000000000001";

    fn bob() -> AccountName {
        AccountName::parse("bob").unwrap()
    }

    fn call() -> CallId {
        CallId::parse(CALL).unwrap()
    }

    fn hears(dialect: &RoomRtc, notice: &Notice, tag: Option<&str>) -> Option<String> {
        dialect.print(notice, tag.map(Text::from).as_ref())
    }

    fn ended(reason: EndReason) -> Notice {
        Notice::CallEnded { call: call(), reason }
    }

    /// Having rung bob, or having been rung by him.
    fn ringing(is_outgoing: bool) -> RoomRtc {
        let dialect = RoomRtc::default();
        dialect.mind().rings(call(), &bob(), is_outgoing);
        dialect
    }

    #[test]
    fn the_end_is_told_to_whom_did_not_ask_for_it() {
        for (is_outgoing, reason, words) in [
            (true, EndReason::Rejected, "CALL_REJECTED|from:bob"),
            (true, EndReason::NoAnswer, "CALL_REJECTED|from:bob"),
            (true, EndReason::Disconnected, "CALL_ENDED|from:bob"),
            (false, EndReason::Cancelled, "CALL_ENDED|from:bob"),
            (false, EndReason::NoAnswer, "CALL_ENDED|from:bob"),
        ] {
            let dialect = ringing(is_outgoing);
            let heard = hears(&dialect, &ended(reason), None);
            assert_eq!(heard.as_deref(), Some(words), "{is_outgoing} {reason:?}");
            assert_eq!(hears(&dialect, &ended(reason), None), None, "it is over");
        }
        for line in ["CALL_END|to:bob", "CALL_REJECT|to:bob", "CALL_ANSWER|to:bob|accept:false"] {
            let dialect = ringing(false);
            dialect.read(line);
            assert_eq!(hears(&dialect, &ended(EndReason::Rejected), None), None, "{line}");
            assert_eq!(hears(&dialect, &Notice::Done, Some(END)), None);
        }
    }

    #[test]
    fn of_two_hang_ups_that_cross_neither_is_a_mistake() {
        let dialect = ringing(true);
        dialect.read("CALL_END|to:bob");
        assert_eq!(hears(&dialect, &ended(EndReason::Hangup), None), None);
        let refused = || Notice::Refused(Refusal::NoSuchCall);
        assert_eq!(hears(&dialect, &refused(), Some(END)), None);
        assert_eq!(hears(&dialect, &refused(), Some(CANDIDATE)), None, "as late as that");
        // But with nobody to hang up on it is one, and the call with somebody else goes on.
        let dialect = ringing(true);
        dialect.read("CALL_END|to:eve");
        let heard = hears(&dialect, &refused(), Some(END));
        assert_eq!(heard.as_deref(), Some("ERROR|error:there is no such call"));
        let heard = hears(&dialect, &ended(EndReason::Hangup), None);
        assert_eq!(heard.as_deref(), Some("CALL_ENDED|from:bob"));
    }

    #[test]
    fn what_does_not_fit_is_said_in_words_and_ended() {
        for (is_outgoing, first) in [(true, "CALL_ERROR|error:"), (false, "ERROR|error:")] {
            let dialect = ringing(is_outgoing);
            let heard = hears(&dialect, &ended(EndReason::Incompatible), None).unwrap();
            let (words, end) = heard.split_once('\n').unwrap();
            assert!(words.starts_with(first), "{words}");
            assert_eq!(end, "CALL_ENDED|from:bob");
        }
    }

    #[test]
    fn who_could_not_answer_is_shown_as_away() {
        let seen = |status, callable| Seen {
            name: bob(),
            kind: signaller_core::Kind::Device,
            label: None,
            status,
            callable,
        };
        for (status, callable, word) in [
            (AccountStatus::Available, true, "AVAILABLE"),
            (AccountStatus::Available, false, "DISCONNECTED"),
            (AccountStatus::Busy, true, "BUSY"),
            (AccountStatus::Disconnected, false, "DISCONNECTED"),
        ] {
            let heard = hears(&RoomRtc::default(), &Notice::Presence(seen(status, callable)), None);
            assert_eq!(heard.unwrap(), format!("USER_STATUS_CHANGED|username:bob|status:{word}"));
        }
    }
}
