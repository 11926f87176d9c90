//! The phone of a device: what is done when somebody rings, accepts, sends and hangs up, and the
//! lines about it on standard output. One call at a time; all of it in the main loop.

use std::{
    cell::RefCell,
    io,
    path::Path,
    rc::Rc,
    time::{Duration, Instant},
};

use gst::{glib, prelude::*};
use gst_webrtc::WebRTCPeerConnectionState;
use gstintercom::Signaller;
use intercom_client::{
    CallEnd, CallEvent, CallId, Client, Event, HangUpReason, Media, PeerId, RejectReason,
};
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{
    Answer, Ear, Line, News,
    control::{Control, Request},
    remote::Remote,
    silence::{Look, Silence},
};
use crate::{
    cli,
    record::RecordError,
    run::{End, RunError},
    send::Sources as SendingSources,
    spec::Clip,
    trouble::{Change, Device},
};

/// How often it is looked whether anything comes.
const TICK: Duration = Duration::from_secs(1);

/// How a phone behaves.
#[derive(Clone, Debug)]
pub enum Manner {
    /// It answers by itself, and rings somebody when its button is pressed.
    Device {
        /// Whom it answers.
        answer: Answer,
        /// Whom the button rings.
        button: Option<String>,
        /// What is said to those whom it answers.
        greeting: Option<Greeting>,
    },
    /// It rings this account once, and the program ends with the call.
    Terminal(String),
}

/// What is said first to whoever is answered.
#[derive(Clone, Debug)]
pub struct Greeting {
    /// The file.
    pub clip: Clip,
    /// Where it is played.
    pub sources: SendingSources,
}

/// A phone. Clones are the same.
#[derive(Clone, Debug)]
pub struct Phone(Rc<RefCell<State>>);

/// What belongs to a phone.
#[derive(Debug)]
struct State {
    line: Option<Line>,
    ear: Ear,
    /// The connection of what this side sends.
    sending: Signaller,
    /// What it sends, as long as nothing is wrong.
    whole: Media,
    /// What it sends.
    media: Media,
    manner: Manner,
    /// It was, once.
    is_connected: bool,
    /// It is.
    is_online: bool,
    /// Who is to be rung as soon as it is connected.
    wish: Option<String>,
    call: Option<Call>,
    control: Option<Control>,
    /// What it listens to, until it does.
    sources: Option<Sources>,
}

#[derive(Debug)]
struct Sources {
    events: Receiver<Event>,
    tell: UnboundedSender<News>,
    news: UnboundedReceiver<News>,
}

/// The call there is.
#[derive(Debug)]
struct Call {
    id: CallId,
    with: String,
    is_accepted: bool,
    /// Whether the other side is still to be greeted, once it hears us.
    is_to_be_greeted: bool,
    /// Whose media are played.
    peer: Option<PeerId>,
    /// The other side says that it sends something.
    sends: bool,
    /// It has lost its connection.
    is_away: bool,
    silence: Silence,
}

impl Phone {
    /// A phone on this line, that sends `media` by the producer of the connection `sending`.
    pub fn new(
        (line, events): (Line, Receiver<Event>),
        ear: Ear,
        sending: Signaller,
        media: Media,
        manner: Manner,
    ) -> Self {
        let (tell, news) = unbounded_channel();
        if let Manner::Device { greeting: Some(_), .. } = &manner {
            tell_of_listeners(&sending, &tell);
        }
        let on_air = tell.clone();
        sending.connect("connected", false, move |_| {
            // Nobody listens any more at the end.
            let _ = on_air.send(News::OnAir);
            None
        });
        let sources = Some(Sources { events, tell, news });
        let wish = match &manner {
            Manner::Terminal(to) => Some(to.clone()),
            Manner::Device { .. } => None,
        };
        Self(Rc::new(RefCell::new(State {
            line: Some(line),
            ear,
            sending,
            whole: media,
            media,
            manner,
            is_connected: false,
            is_online: false,
            wish,
            call: None,
            control: None,
            sources,
        })))
    }

    /// Opens the loudspeaker and answers, from the main loop.
    ///
    /// # Errors
    /// The loudspeaker does not open.
    pub fn start(&self, end: &End) -> Result<(), RunError> {
        let Some(Sources { mut events, tell, mut news }) = self.0.borrow_mut().sources.take()
        else {
            return Ok(());
        };
        self.0.borrow_mut().ear.open(move |news| {
            let _ = tell.send(news);
        })?;
        let watched = Rc::downgrade(&self.0);
        glib::timeout_add_local(TICK, move || {
            let Some(state) = watched.upgrade() else { return glib::ControlFlow::Break };
            state.borrow_mut().look();
            glib::ControlFlow::Continue
        });
        let (state, end) = (self.0.clone(), end.clone());
        glib::MainContext::default().spawn_local(async move {
            loop {
                tokio::select! {
                    Some(event) = events.recv() => state.borrow_mut().heard(event, &end),
                    Some(news) = news.recv() => state.borrow_mut().told(news, &end),
                    else => break,
                }
            }
        });
        Ok(())
    }

    /// Listens on a control socket, for lines `call NAME`, `hangup` and `status`; before
    /// [`start`](Self::start).
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn listen(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        let State { line: Some(line), sources: Some(sources), .. } = &*state else {
            return Ok(());
        };
        state.control = Some(Control::listen(path, line.runtime(), sources.tell.clone())?);
        Ok(())
    }

    /// Somebody presses the button of the door; in a call that does nothing.
    pub fn press(&self) {
        self.0.borrow_mut().press();
    }

    /// A device fails or works again: the other side of a call is told what it has to do without.
    pub fn device(&self, change: Change) {
        self.0.borrow_mut().device(change);
    }

    /// Hangs up, says goodbye and stops.
    ///
    /// # Errors
    /// What was heard or seen could not be written.
    pub fn close(&self) -> Result<(), RecordError> {
        self.0.borrow_mut().close()
    }
}

impl Call {
    /// Where it stands, one line.
    fn status(&self) -> String {
        let with = cli::printable(&self.with);
        if self.is_accepted { format!("in call with {with}") } else { format!("ringing {with}") }
    }
}

impl State {
    fn close(&mut self) -> Result<(), RecordError> {
        if let Some(line) = self.line.take() {
            line.close();
        }
        self.control = None;
        if self.call.take().is_some() {
            cli::say("call ended: hangup");
        }
        self.ear.close()
    }

    fn heard(&mut self, event: Event, end: &End) {
        match event {
            Event::Connected { account, .. } => self.connected(account.is_some(), end),
            Event::Failed(error) => end.with(Err(RunError::Other(error.to_string()))),
            Event::Disconnected { reason, .. } => {
                self.is_online = false;
                tracing::warn!("no connection to the signaller: {reason}; trying again");
            }
            Event::Refused { details, .. } => tracing::warn!("the signaller refuses: {details}"),
            Event::Call(event) => self.call(event, end),
            _ => {}
        }
    }

    fn connected(&mut self, is_somebody: bool, end: &End) {
        if !is_somebody {
            let reason = "this server knows no accounts, so there are no calls";
            return end.with(Err(RunError::Other(reason.into())));
        }
        (self.is_connected, self.is_online) = (true, true);
        if let Some(to) = self.wish.take() {
            self.ring(to);
        }
    }

    fn told(&mut self, news: News, end: &End) {
        match news {
            News::OnAir => self.attach(),
            News::Asked(request, answer) => {
                // Who asked may be gone.
                let _ = answer.send(self.answer(request));
            }
            News::Heard => self.greet(),
            News::TrackOver => self.ear.tidy(),
            News::RemoteFailed(reason) => {
                tracing::warn!("the other side's media do not come: {reason}");
                self.media_failed();
            }
            News::LoudspeakerFailed(reason) => {
                end.with(Err(RunError::Other(format!("the loudspeaker failed: {reason}"))));
            }
        }
    }

    fn press(&mut self) {
        let Manner::Device { button: Some(to), .. } = &self.manner else { return };
        if self.call.is_none() {
            let to = to.clone();
            self.ring(to);
        }
    }

    fn device(&mut self, Change { device, trouble }: Change) {
        let works = trouble.is_none();
        match device {
            Device::Camera => self.media.video = self.whole.video && works,
            Device::Microphone => self.media.audio = self.whole.audio && works,
        }
        if let Some(call) = self.call.as_ref().filter(|call| call.is_accepted) {
            self.with_client(|client| client.update_call(call.id.clone(), self.media));
        }
    }

    /// What the control socket says to a request.
    fn answer(&mut self, request: Request) -> String {
        match (request, &self.call) {
            (Request::Call(_), Some(call)) => format!("error: {}", call.status()),
            (Request::Call(to), None) => {
                self.ring(to);
                "ok".into()
            }
            (Request::HangUp, None) => "error: idle".into(),
            (Request::HangUp, Some(call)) => {
                let id = call.id.clone();
                self.with_client(|client| client.hang_up(id, HangUpReason::Hangup));
                "ok".into()
            }
            (Request::Status, None) => "idle".into(),
            (Request::Status, Some(call)) => call.status(),
        }
    }

    /// A line that was connected once remembers by itself what it is asked while it is not.
    fn ring(&mut self, to: String) {
        if self.is_connected {
            self.with_client(|client| client.call(to, self.media));
        } else {
            self.wish = Some(to);
        }
    }

    fn call(&mut self, event: CallEvent, end: &End) {
        match event {
            CallEvent::Refused { to, code, details } => {
                tracing::info!("{to} was not rung: {details}");
                cli::say(&format!("call ended: {}", cli::printable(&code)));
                self.over(&to, Err(&code), end);
            }
            CallEvent::Ringing { call, to } => {
                cli::say(&format!("ringing {}", cli::printable(&to)));
                self.begin(call, to);
            }
            CallEvent::Incoming { call, from, .. } => self.incoming(call, from),
            CallEvent::Accepted { call, with, media } => {
                cli::say(&format!("in call with {}", cli::printable(&with)));
                if let Some(current) = self.current(&call) {
                    current.is_accepted = true;
                    current.sends = media.audio || media.video;
                    current.silence = Silence::new(Instant::now());
                }
                if self.media != self.whole {
                    // It may have changed while it rang.
                    self.with_client(|client| client.update_call(call, self.media));
                }
                self.attach();
            }
            CallEvent::Peer { call, peer_id } => self.listen_to(&call, &peer_id),
            CallEvent::PeerGone { call, peer_id } => self.peer_gone(&call, &peer_id),
            CallEvent::Ended { call, reason } => self.ended(&call, reason, end),
            CallEvent::Updated { call, media } => {
                if let Some(current) = self.current(&call) {
                    current.sends = media.audio || media.video;
                }
            }
            CallEvent::Away { call } => self.away(&call, true),
            CallEvent::Back { call } => self.away(&call, false),
        }
    }

    fn incoming(&mut self, call: CallId, from: String) {
        let Manner::Device { answer, .. } = &self.manner else { return };
        cli::say(&format!("call from {}", cli::printable(&from)));
        let takes = answer.takes(&from);
        self.with_client(|client| match takes {
            true => client.accept(call.clone(), self.media),
            false => client.reject(call.clone(), RejectReason::Rejected),
        });
        self.begin(call, from);
        if let Some(call) = &mut self.call {
            call.is_to_be_greeted = takes;
        }
    }

    fn begin(&mut self, id: CallId, with: String) {
        self.let_go();
        self.call = Some(Call {
            id,
            with,
            is_accepted: false,
            is_to_be_greeted: false,
            peer: None,
            sends: false,
            is_away: false,
            silence: Silence::new(Instant::now()),
        });
    }

    fn away(&mut self, id: &CallId, is_away: bool) {
        if let Some(call) = self.current(id) {
            call.is_away = is_away;
        }
    }

    /// Gives a call up in which nothing comes.
    fn look(&mut self) {
        let (is_online, remote) = (self.is_online, self.ear.remote());
        let Some(call) = self.call.as_mut().filter(|call| call.is_accepted) else { return };
        let look = Look {
            is_due: call.sends || call.peer.is_some(),
            is_connected: is_online && !call.is_away,
            is_answered: remote.is_some_and(Remote::is_answered),
            received: remote.map_or(0, Remote::received),
        };
        if call.silence.is_too_long(Instant::now(), look) {
            tracing::warn!("nothing comes of the other side");
            self.media_failed();
        }
    }

    /// Somebody hears us from now on: in a call that has just been answered, it is the other side.
    fn greet(&mut self) {
        let Manner::Device { greeting: Some(Greeting { clip, sources }), .. } = &self.manner else {
            return;
        };
        let Some(call) = self.call.as_mut().filter(|call| call.is_accepted) else { return };
        if std::mem::take(&mut call.is_to_be_greeted) {
            sources.greet(clip);
        }
    }

    /// Takes down what there is of the other side, and says no more to it.
    fn let_go(&mut self) {
        self.ear.let_go();
        if let Manner::Device { greeting: Some(greeting), .. } = &self.manner {
            greeting.sources.hush();
        }
    }

    /// Says which producer carries this side's media: once it is there, and once the call is.
    fn attach(&self) {
        let Some(call) = self.call.as_ref().filter(|call| call.is_accepted) else { return };
        let id = self.sending.client_id();
        if let Some(peer_id) = id.as_deref().and_then(PeerId::new) {
            self.with_client(|client| client.attach_peer(call.id.clone(), peer_id));
        }
    }

    fn listen_to(&mut self, id: &CallId, peer_id: &PeerId) {
        let Some(call) = self.current(id) else { return };
        call.peer = Some(peer_id.clone());
        if let Err(error) = self.ear.listen_to(peer_id.as_str()) {
            tracing::error!("{error}");
            self.media_failed();
        }
    }

    fn peer_gone(&mut self, id: &CallId, peer_id: &PeerId) {
        let Some(call) = self.current(id) else { return };
        if call.peer.take_if(|peer| peer == peer_id).is_some() {
            self.ear.let_go();
        }
    }

    fn media_failed(&mut self) {
        self.ear.let_go();
        if let Some(Call { id, .. }) = &self.call {
            self.with_client(|client| client.hang_up(id.clone(), HangUpReason::MediaFailed));
        }
    }

    fn ended(&mut self, id: &CallId, reason: CallEnd, end: &End) {
        let Some(Call { with, .. }) = self.call.take_if(|call| call.id == *id) else { return };
        self.let_go();
        let words = reason.to_string();
        cli::say(&format!("call ended: {words}"));
        let is_normal = reason == CallEnd::Hangup;
        self.over(&with, if is_normal { Ok(()) } else { Err(&words) }, end);
    }

    /// A terminal ends with its call.
    fn over(&self, with: &str, outcome: Result<(), &str>, end: &End) {
        if let Manner::Terminal(_) = &self.manner {
            let failed = |why| RunError::Other(format!("the call with {with} ended: {why}"));
            end.with(outcome.map_err(failed));
        }
    }

    fn current(&mut self, id: &CallId) -> Option<&mut Call> {
        self.call.as_mut().filter(|call| call.id == *id)
    }

    fn with_client(&self, command: impl FnOnce(&Client)) {
        if let Some(line) = &self.line {
            command(line.client());
        }
    }
}

/// Has it told when somebody begins to hear what this side sends.
fn tell_of_listeners(sending: &Signaller, tell: &UnboundedSender<News>) {
    let tell = tell.clone();
    sending.connect("webrtcbin-ready", false, move |values| {
        let webrtcbin = values.get(2)?.get::<gst::Element>().ok()?;
        let tell = tell.clone();
        webrtcbin.connect_notify(Some("connection-state"), move |webrtcbin, _| {
            let state: WebRTCPeerConnectionState = webrtcbin.property("connection-state");
            if state == WebRTCPeerConnectionState::Connected {
                // Nobody listens any more at the end.
                let _ = tell.send(News::Heard);
            }
        });
        None
    });
}
