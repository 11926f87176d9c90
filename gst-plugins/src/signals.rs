//! The signals and actions that the signaller and the elements around it share.
//!
//! The signaller emits from its own thread, with no lock held; the elements pass on. An action only
//! queues, so that it may be emitted anywhere.

#![allow(unused_doc_comments, reason = "gtk-doc's, where gst-plugins-rs has them")]

use gst::glib;
use gst::glib::subclass::Signal;
use gst::prelude::*;
use intercom_client::{CallId, Client, HangUpReason, Media, PeerId, RejectReason};

use crate::Signaller;

/// What is told, and what may be asked for.
pub(crate) fn all() -> Vec<Signal> {
    let mut all = events();
    all.extend(actions());
    all
}

/// Has an element emit what its signaller does.
pub(crate) fn pass_on(signaller: &Signaller, element: &gst::Element) {
    for signal in events() {
        let (name, element) = (signal.name().to_owned(), element.downgrade());
        signaller.connect(signal.name(), false, move |values| {
            let element = element.upgrade()?;
            element.emit_by_name_with_values(&name, values.get(1..)?);
            None
        });
    }
}

fn events() -> Vec<Signal> {
    let text = str::static_type;
    vec![
        /**
         * IntercomSignaller::connected:
         * @peer_id: our id on the server
         * @account: (nullable): our account there; %NULL for a guest
         *
         * Registered on the server; again after each reconnect.
         */
        Signal::builder("connected")
            .param_types([text(), Option::<String>::static_type()])
            .build(),
        /**
         * IntercomSignaller::disconnected:
         * @reason: one sentence
         * @retry_ms: the wait before the next attempt, milliseconds
         *
         * No connection. What is live goes on, and the next attempt comes by itself.
         */
        Signal::builder("disconnected").param_types([text(), u64::static_type()]).build(),
        /**
         * IntercomSignaller::refused:
         * @details: the server's sentence
         * @code: its word for programs, such as `forbidden`; empty where it has none
         *
         * The server refused a request; nothing has ended, and a session is asked for again.
         */
        Signal::builder("refused").param_types([text(), text()]).build(),
        /**
         * IntercomSignaller::session-failed:
         * @session_id: the session
         * @code: a word for programs
         * @text: one sentence
         *
         * Emitted before `session-ended`, when the reason is a fault.
         */
        Signal::builder("session-failed").param_types([text(), text(), text()]).build(),
        /**
         * IntercomSignaller::presence-changed:
         * @account: whose presence
         * @status: `disconnected`, `available` or `busy`; `gone` for an account that was removed or
         *   may no longer be seen
         * @callable: whether it may be called
         *
         * With `calls`: of every account that may be seen, once after login and at each change.
         */
        Signal::builder("presence-changed")
            .param_types([text(), text(), bool::static_type()])
            .build(),
        /**
         * IntercomSignaller::incoming-call:
         * @call_id: the new call
         * @from: the caller's account
         * @audio: the caller will send sound
         * @video: the caller will send a picture
         *
         * With `calls`: somebody rings. The answer is `accept-call` or `reject-call`.
         */
        Signal::builder("incoming-call")
            .param_types([text(), text(), bool::static_type(), bool::static_type()])
            .build(),
        /**
         * IntercomSignaller::call-state-changed:
         * @call_id: (nullable): the call; %NULL for one that did not come about
         * @state: `ringing` at the other side, `accepted`, `away` (the other side lost its
         *   connection and may come back), `back`, `ended` or `refused`
         * @detail: (nullable): the other account for `ringing` and `accepted`, the reason for
         *   `ended` and `refused`
         *
         * With `calls`: of a call that comes about, `ended` is the last, exactly once.
         */
        Signal::builder("call-state-changed")
            .param_types([
                Option::<String>::static_type(),
                text(),
                Option::<String>::static_type(),
            ])
            .build(),
    ]
}

fn actions() -> Vec<Signal> {
    let (text, flag) = (str::static_type, bool::static_type);
    vec![
        /**
         * IntercomSignaller::call:
         * @to: the account to ring
         * @audio: sound will be sent
         * @video: a picture will be sent
         *
         * Rings an account: `ringing` or `refused` follows.
         */
        action("call", &[text(), flag(), flag()], |client, args| {
            client.call(args.text(1)?, args.media(2)?);
            Some(())
        }),
        /**
         * IntercomSignaller::accept-call:
         * @call_id: an incoming call
         * @audio: sound will be sent
         * @video: a picture will be sent
         *
         * Accepts it: `accepted` or `ended` follows.
         */
        action("accept-call", &[text(), flag(), flag()], |client, args| {
            client.accept(args.call()?, args.media(2)?);
            Some(())
        }),
        /**
         * IntercomSignaller::reject-call:
         * @call_id: an incoming call
         *
         * Does not accept it: `ended` follows.
         */
        action("reject-call", &[text()], |client, args| {
            client.reject(args.call()?, RejectReason::Rejected);
            Some(())
        }),
        /**
         * IntercomSignaller::hang-up:
         * @call_id: any call of the own account
         *
         * Ends it, or cancels it while it rings: `ended` follows.
         */
        action("hang-up", &[text()], |client, args| {
            client.hang_up(args.call()?, HangUpReason::Hangup);
            Some(())
        }),
        /**
         * IntercomSignaller::attach-peer:
         * @call_id: an accepted call that is this connection's
         * @peer_id: a producer of the own account
         *
         * Says that this producer carries our media of the call. A sink with `calls` says it of
         * itself.
         */
        action("attach-peer", &[text(), text()], |client, args| {
            client.attach_peer(args.call()?, PeerId::new(&args.text(2)?)?);
            Some(())
        }),
    ]
}

/// The values of an action, the object first.
struct Args<'a>(&'a [glib::Value]);

impl Args<'_> {
    fn text(&self, at: usize) -> Option<String> {
        self.0.get(at)?.get().ok()
    }

    fn call(&self) -> Option<CallId> {
        CallId::new(&self.text(1)?)
    }

    /// Sound at this place, the picture after it.
    fn media(&self, at: usize) -> Option<Media> {
        let flag = |at: usize| self.0.get(at)?.get::<bool>().ok();
        Some(Media { audio: flag(at)?, video: flag(at + 1)? })
    }

    /// The object itself, or the one in its property `signaller`.
    fn signaller(&self) -> Option<Signaller> {
        let object = self.0.first()?.get::<glib::Object>().ok()?;
        object.clone().downcast().ok().or_else(|| {
            object.find_property("signaller")?;
            object.property_value("signaller").get::<glib::Object>().ok()?.downcast().ok()
        })
    }
}

/// Ids that cannot be ids, and whatever is said before the start, do nothing.
fn action(
    name: &str,
    params: &[glib::Type],
    perform: impl Fn(&Client, &Args<'_>) -> Option<()> + Send + Sync + 'static,
) -> Signal {
    Signal::builder(name)
        .param_types(params.iter().copied())
        .action()
        .class_handler(move |values| {
            let args = Args(values);
            if let Some(signaller) = args.signaller() {
                signaller.with_client(|client| perform(client, &args));
            }
            None
        })
        .build()
}
