//! What leaves the state: messages for the server, counted and kept where they can be said again,
//! and events for the user. It decides nothing.

use std::collections::{HashMap, VecDeque};

use intercom_protocol::gst;
use intercom_protocol::intercom::{self, ClientMessage};
use serde_json::value::RawValue;

use crate::ledger::Ledger;
use crate::state::Output;
use crate::words::Event;

/// Requests whose answers say by their number which they belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// A call with this account.
    Call(String),
    /// The consumer's session.
    Session,
    /// The producer's registration.
    Registration,
    /// Something whose refusal the user should hear of.
    Other,
    /// Something that may come too late without harm.
    HangUp,
}

/// The way out.
#[derive(Debug, Default)]
pub(crate) struct Outlet {
    outputs: VecDeque<Output>,
    /// Both counts, on a server that speaks the extension; also while the socket is away.
    ledger: Option<Ledger>,
    /// Whether what is written now arrives.
    is_up: bool,
    requests: HashMap<u64, Request>,
    last_request: u64,
}

impl Outlet {
    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Tells the user.
    pub(crate) fn tell(&mut self, event: Event) {
        self.push(Output::Event(event));
    }

    /// Says something in the stock protocol's words.
    pub(crate) fn gst(&mut self, message: &gst::ClientMessage<'_>) {
        self.say(message.print());
    }

    /// Asks something in the stock protocol's words. Only a server that speaks the extension
    /// repeats the number.
    pub(crate) fn ask_gst(&mut self, message: &gst::ClientMessage<'_>, request: Request) {
        let text = message.print();
        let text = match self.number(request) {
            Some(number) => intercom::tag(text, &number),
            None => text,
        };
        self.say(text);
    }

    /// Asks something in the extension's words; nothing happens where they are not known.
    pub(crate) fn ask(&mut self, message: &ClientMessage<'_>, request: Request) {
        if let Some(number) = self.number(request) {
            self.say(message.print(Some(&number)));
        }
    }

    /// Says something that is not counted.
    pub(crate) fn aside(&mut self, message: &ClientMessage<'_>) {
        self.push(Output::Write(message.print(None)));
    }

    /// The request that an answer belongs to.
    pub(crate) fn answered(&mut self, id: Option<&RawValue>) -> Option<Request> {
        self.requests.remove(&id?.get().parse().ok()?)
    }

    /// Whether the server speaks the extension, as far as is known.
    pub(crate) fn is_extended(&self) -> bool {
        self.ledger.is_some()
    }

    pub(crate) fn is_up(&self) -> bool {
        self.is_up
    }

    /// Whether something waits for a connection.
    pub(crate) fn is_kept(&self) -> bool {
        !self.is_up && self.ledger.as_ref().is_some_and(|ledger| ledger.kept().next().is_some())
    }

    pub(crate) fn ledger(&self) -> Option<&Ledger> {
        self.ledger.as_ref()
    }

    pub(crate) fn ledger_mut(&mut self) -> Option<&mut Ledger> {
        self.ledger.as_mut()
    }

    /// From now on what is said arrives, after what is said again now.
    pub(crate) fn up(&mut self) {
        self.is_up = true;
        let again = self.ledger.iter().flat_map(Ledger::kept);
        self.outputs.extend(again.map(|text| Output::Write(text.to_owned())));
    }

    /// From now on it does not.
    pub(crate) fn down(&mut self) {
        self.is_up = false;
    }

    /// Counts anew, or not at all. What was asked is lost with that; the accounts that were called.
    pub(crate) fn begin(&mut self, ledger: Option<Ledger>) -> Vec<String> {
        self.ledger = ledger;
        let called = |(_, request)| match request {
            Request::Call(to) => Some(to),
            Request::Session | Request::Registration | Request::Other | Request::HangUp => None,
        };
        self.requests.drain().filter_map(called).collect()
    }

    fn say(&mut self, text: String) {
        if self.is_up {
            self.push(Output::Write(text.clone()));
        }
        if let Some(ledger) = &mut self.ledger {
            ledger.keep(text);
        }
    }

    fn number(&mut self, request: Request) -> Option<Box<RawValue>> {
        self.ledger.as_ref()?;
        self.last_request += 1;
        self.requests.insert(self.last_request, request);
        serde_json::value::to_raw_value(&self.last_request).ok()
    }
}
