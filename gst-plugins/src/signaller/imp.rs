//! The GObject: properties, signals and the thread that emits them. What is done when, is decided
//! in `intercom-client`.
//!
//! The elements call it with their locks held, so every method only queues; nothing is emitted but
//! from the signaller's own thread, with none of its locks held.

#![allow(missing_docs)] // of the properties' accessors: the wrapper's page says what they are
#![allow(unused_doc_comments, reason = "gtk-doc's, where gst-plugins-rs has them")]

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gst::glib;
use gst::glib::subclass::Signal;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_webrtc::{WebRTCSDPType, WebRTCSessionDescription};
use gstrswebrtc::signaller::prelude::*;
use gstrswebrtc::signaller::{Signallable, WebRTCSignallerRole};
use intercom_client::{
    CallId, Client, Config, Driver, EndReason, Event, Events, IceServer, IceServers, Login, PeerId,
    PermanentError, Private, Role, SdpKind, SessionId, Target, Trust,
};
use tokio::task::JoinSet;

use super::failure::SessionFailure;
use super::latch::Latch;
use super::peer_connection::{self, News, PeerConnection};
use super::pulse::Pulse;
use super::remains::Remains;
use super::remnants;
use super::sessions::Sessions;
use super::setups::Setups;
use crate::{CAT, RUNTIME, ice, meta, sdp, signals};

const DEFAULT_URI: &str = "ws://127.0.0.1:8443";
/// webrtcbin's own.
const DEFAULT_LATENCY: u32 = 200;
/// Field reports: who is not connected after 12 s will not be.
const DEFAULT_NEGOTIATION_TIMEOUT: u32 = 12_000;

/// From an element's word that a session has ended until the other end hears it. The element looks at
/// a webrtcbin that failed just before we do; what we see then is the reason.
const HEARSAY: Duration = Duration::from_millis(50);

/// The body of [`super::Signaller`].
#[derive(Default, glib::Properties)]
#[properties(wrapper_type = super::Signaller)]
pub struct Signaller {
    /**
     * IntercomSignaller:uri:
     *
     * Address of the server, `wss://HOST:PORT`; `ws://` only for a server on the same machine.
     */
    #[property(name = "uri", type = String, get, set, member = uri, default = DEFAULT_URI,
        nick = "Server", blurb = "Address of the server: wss://HOST:PORT, \
        or ws://127.0.0.1:PORT on its own machine")]
    /**
     * IntercomSignaller:cafile:
     *
     * PEM file of the authorities that may sign the server's certificate. Without it the variable
     * `INTERCOM_CA`, without that the system's authorities.
     */
    #[property(name = "cafile", type = Option<String>, get, set, member = cafile, nullable,
        nick = "CA file", blurb = "PEM file of the authorities that count \
        (default: $INTERCOM_CA, else the system's)")]
    /**
     * IntercomSignaller:token:
     *
     * Token to log in with. Write-only, so that no dump of a pipeline has it; `token-file` keeps it
     * out of command lines as well.
     */
    #[property(name = "token", type = Option<String>, set, member = token, nullable,
        nick = "Token", blurb = "Token to log in with; it is stronger than token-file")]
    /**
     * IntercomSignaller:token-file:
     *
     * File whose first line is the token to log in with. Without it the variable
     * `INTERCOM_TOKEN_FILE`, without that a guest.
     */
    #[property(name = "token-file", type = Option<String>, get, set, member = token_file, nullable,
        nick = "Token file", blurb = "File whose first line is the token to log in with \
        (default: $INTERCOM_TOKEN_FILE, else a guest)")]
    /**
     * IntercomSignaller:instance:
     *
     * Which installation of the account this is, 1 to 64 printable characters. Account and instance
     * together have one peer id, also after a restart; without it, it is another at each start.
     */
    #[property(name = "instance", type = Option<String>, get, set, member = instance, nullable,
        nick = "Instance", blurb = "Which installation of the account this is; \
        with it, the peer id stays the same")]
    /**
     * IntercomSignaller:name:
     *
     * What others see it under in lists. It stands above the `name` of the element's `meta`.
     */
    #[property(name = "name", type = Option<String>, get, set, member = name, nullable,
        nick = "Name", blurb = "What others see it under in lists")]
    /**
     * IntercomSignaller:role:
     *
     * What it does on the server.
     */
    #[property(name = "role", type = WebRTCSignallerRole, get, set, member = role,
        nick = "Role", blurb = "What it does on the server",
        builder(WebRTCSignallerRole::Consumer))]
    /**
     * IntercomSignaller:producer-peer-id:
     *
     * The producer that a consumer wants, by its exact id. If it is not there at first, that is an
     * error.
     */
    #[property(name = "producer-peer-id", type = Option<String>, get, set,
        member = producer_peer_id, nullable, nick = "Producer's peer id",
        blurb = "The producer to take from, by its exact id; it is stronger than peer")]
    /**
     * IntercomSignaller:peer:
     *
     * The producer that a consumer wants, by its account's name, or else by the name it is listed
     * under. It is waited for.
     */
    #[property(name = "peer", type = Option<String>, get, set, member = peer, nullable,
        nick = "Peer", blurb = "The producer to take from, by account or name; it is waited for")]
    /**
     * IntercomSignaller:connect-to-first-producer:
     *
     * Without a wanted producer, take whichever is there, or wait until one starts a session.
     */
    #[property(name = "connect-to-first-producer", type = bool, get, set,
        member = connect_to_first_producer, default = true, nick = "Connect to first producer",
        blurb = "Without a wanted producer, take whichever is there \
        (else wait until one starts a session)")]
    /**
     * IntercomSignaller:calls:
     *
     * Whether calls of the account ring here, and presence is told. It needs a login. A producer
     * then carries the calls that it makes or accepts; a consumer without a wanted producer takes
     * what the other side of such a call sends, and nothing else.
     */
    #[property(name = "calls", type = bool, get, set, member = calls, default = false,
        nick = "Calls", blurb = "Whether calls of the account ring here, and presence is told; \
        needs a login")]
    /**
     * IntercomSignaller:latency:
     *
     * Length of a consumer's jitter buffer, milliseconds.
     */
    #[property(name = "latency", type = u32, get, set, member = latency,
        default = DEFAULT_LATENCY, nick = "Latency",
        blurb = "Length of the jitter buffer, milliseconds")]
    /**
     * IntercomSignaller:negotiation-timeout:
     *
     * From a session's start until media must be able to flow, milliseconds; 0 means for ever.
     */
    #[property(name = "negotiation-timeout", type = u32, get, set, member = negotiation_timeout,
        default = DEFAULT_NEGOTIATION_TIMEOUT, nick = "Negotiation timeout",
        blurb = "From a session's start until media must be able to flow, milliseconds \
        (0 = for ever)")]
    settings: Mutex<Settings>,
    /// webrtcsink asks: descriptions may be changed by its `munge-session-description`.
    #[property(name = "manual-sdp-munging", type = bool, get = |_| false)]
    _manual_sdp_munging: (),
    /**
     * IntercomSignaller:client-id:
     *
     * Our peer id on the server, `NULL` while there is no connection.
     */
    #[property(name = "client-id", type = Option<String>, get, nick = "Peer id",
        blurb = "Our peer id on the server, NULL while there is no connection")]
    client_id: Mutex<Option<String>>,
    sessions: Sessions,
    /// A producer's.
    setups: Setups,
    /// Of a consumer's last session.
    remains: Mutex<Option<Arc<Remains>>>,
    /// Those of the server, for the sessions to come.
    ice_servers: Mutex<Vec<IceServer>>,
    /// The accepted call that is this connection's.
    pub(super) held: Mutex<Option<CallId>>,
    run: Mutex<Option<Run>>,
    /// The last run, stopped or not.
    finished: Mutex<Option<Arc<Latch>>>,
}

struct Settings {
    uri: String,
    cafile: Option<String>,
    token: Option<String>,
    token_file: Option<String>,
    /// What no property says; see [`super::Signaller::log_in`].
    login: Option<Login>,
    instance: Option<String>,
    name: Option<String>,
    role: WebRTCSignallerRole,
    producer_peer_id: Option<String>,
    peer: Option<String>,
    connect_to_first_producer: bool,
    calls: bool,
    latency: u32,
    negotiation_timeout: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            uri: DEFAULT_URI.to_owned(),
            cafile: variable("INTERCOM_CA"),
            token: None,
            token_file: variable("INTERCOM_TOKEN_FILE"),
            login: None,
            instance: None,
            name: None,
            role: WebRTCSignallerRole::Consumer,
            producer_peer_id: None,
            peer: None,
            connect_to_first_producer: true,
            calls: false,
            latency: DEFAULT_LATENCY,
            negotiation_timeout: DEFAULT_NEGOTIATION_TIMEOUT,
        }
    }
}

/// Sessions that are over, each until its element can take it down.
type Closing = JoinSet<SessionId>;

/// From `start` to `stop`.
struct Run {
    client: Client,
    finished: Arc<Latch>,
}

#[glib::object_subclass]
impl ObjectSubclass for Signaller {
    const NAME: &'static str = "IntercomSignaller";
    type Type = super::Signaller;
    type ParentType = glib::Object;
    type Interfaces = (Signallable,);
}

impl ObjectImpl for Signaller {
    /// The derived ones, and one of a type that cannot be.
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            let mut all = Signaller::derived_properties().to_vec();
            /**
             * IntercomSignaller:stats:
             *
             * `sessions` that there were, those that are `live`, and how many `failed` for what
             * reason, by the codes of #IntercomSignaller::session-failed.
             */
            all.push(
                glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
                    .nick("Statistics")
                    .blurb(
                        "Sessions that there were, that are live, and that failed, by the reason",
                    )
                    .read_only()
                    .build(),
            );
            all
        });
        PROPERTIES.as_ref()
    }

    fn set_property(&self, id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        self.derived_set_property(id, value, pspec);
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "stats" => self.sessions.stats().to_value(),
            _ => self.derived_property(id, pspec),
        }
    }

    fn signals() -> &'static [Signal] {
        static SIGNALS: LazyLock<Vec<Signal>> = LazyLock::new(signals::all);
        SIGNALS.as_ref()
    }

    fn constructed(&self) {
        self.parent_constructed();
        // Emitted by the elements: here we are just another listener.
        self.obj().connect_closure(
            "webrtcbin-ready",
            false,
            glib::closure!(|this: super::Signaller, id: &str, webrtcbin: gst::Element| {
                this.imp().watch(id, &webrtcbin);
            }),
        );
    }
}

impl SignallableImpl for Signaller {
    fn start(&self) {
        let mut run = lock(&self.run);
        if run.is_some() {
            return;
        }
        gst::info!(CAT, imp = self, "starting");
        let (client, driver) = Client::new();
        if lock(&self.settings).calls {
            client.list_accounts();
        }
        let finished = Arc::new(Latch::default());
        *lock(&self.finished) = Some(finished.clone());
        *run = Some(Run { client, finished: finished.clone() });
        drop(run);
        let this = self.obj().downgrade();
        let speaker = std::thread::Builder::new().name("intercom-events".into());
        let spawned = speaker.spawn(move || {
            speak(&this, driver, &finished);
            finished.set();
        });
        if let Err(error) = spawned {
            gst::error!(CAT, imp = self, "no thread for events: {error}");
        }
    }

    fn stop(&self) {
        let Some(run) = lock(&self.run).take() else { return };
        gst::info!(CAT, imp = self, "stopping");
        run.client.close();
        *lock(&self.client_id) = None;
        *lock(&self.held) = None;
        self.sessions.clear();
        self.setups.clear();
    }

    fn send_sdp(&self, session_id: &str, sdp: &WebRTCSessionDescription) {
        let kind = match sdp.type_() {
            WebRTCSDPType::Offer => SdpKind::Offer,
            _ => SdpKind::Answer,
        };
        self.sessions.described(session_id, peer_connection::ufrag(sdp));
        self.setups.described(session_id);
        match sdp.sdp().as_text() {
            Ok(text) => self.queue(session_id, |client, id| client.describe(id, kind, text)),
            Err(error) => gst::error!(CAT, imp = self, "a description cannot be printed: {error}"),
        }
    }

    fn add_ice(&self, session_id: &str, candidate: &str, m_line: u32, _mid: Option<String>) {
        if ice::is_relayed(candidate) {
            self.sessions.relayed(session_id);
        }
        let candidate = candidate.to_owned();
        self.queue(session_id, |client, id| client.add_candidate(id, candidate, m_line));
    }

    fn end_session(&self, session_id: &str) {
        gst::debug!(CAT, imp = self, "session {session_id} ended by the element");
        self.setups.end(session_id);
        self.leave_alone(session_id);
        let (this, id) = (self.obj().downgrade(), session_id.to_owned());
        RUNTIME.spawn(async move {
            tokio::time::sleep(HEARSAY).await;
            if let Some(this) = this.upgrade() {
                this.imp().left(&id);
            }
        });
    }
}

impl Signaller {
    /// Ends a session at both ends and says why.
    pub(super) fn abort(&self, session_id: &str, failure: SessionFailure) {
        let is_refused = failure.code() == "iceFailed" && self.sessions.is_refused(session_id);
        let failure = if is_refused { SessionFailure::TurnRefused } else { failure };
        let words = failure.words();
        if self.sessions.fail(session_id, failure) {
            gst::warning!(CAT, imp = self, "session {session_id}: {words}");
            self.queue(session_id, |client, id| client.abort_session(id, words));
        }
    }

    /// Counts a failure that ends no session.
    pub(super) fn count(&self, code: &'static str) {
        self.sessions.count(code);
    }

    pub(super) fn wait_closed(&self, timeout: Duration) -> bool {
        let finished = lock(&self.finished).clone();
        finished.is_none_or(|finished| finished.wait(timeout))
    }

    /// The element has ended a session. Of one that has failed the client tells, and with that why.
    fn left(&self, session_id: &str) {
        if self.sessions.leave(session_id) {
            self.queue(session_id, Client::end_session);
        }
    }

    /// What is left of a consumer's session.
    fn leave_alone(&self, session_id: &str) {
        if let Some(remains) = &*lock(&self.remains) {
            remains.leave_alone(session_id);
        }
    }

    fn is_producer(&self) -> bool {
        lock(&self.settings).role == WebRTCSignallerRole::Producer
    }

    fn queue(&self, session_id: &str, command: impl FnOnce(&Client, SessionId)) {
        if let Some(id) = SessionId::new(session_id) {
            self.with_client(|client| command(client, id));
        }
    }

    /// The client, between `start` and `stop`. It only queues.
    pub(super) fn with_client<T>(&self, command: impl FnOnce(&Client) -> T) -> Option<T> {
        lock(&self.run).as_ref().map(|run| command(&run.client))
    }

    pub(super) fn log_in(&self, login: Login) {
        lock(&self.settings).login = Some(login);
    }

    /// The configuration, with the meta that the element was given.
    fn config(&self) -> Result<Config, PermanentError> {
        let meta = self.obj().emit_by_name::<Option<gst::Structure>>("request-meta", &[]);
        let settings = lock(&self.settings);
        let role = settings.role()?;
        let instance = settings.instance.as_ref().map(|name| name.parse());
        Ok(Config {
            login: settings.login()?,
            instance: instance.transpose()?,
            calls: settings.calls,
            trust: settings
                .cafile
                .as_ref()
                .map_or(Trust::System, |path| Trust::CaFile(path.into())),
            meta: meta::named(meta.and_then(|meta| meta::to_json(&meta)), settings.name.as_deref())
                .and_then(|json| serde_json::value::to_raw_value(&json).ok()),
            ..Config::new(settings.uri.parse()?, role)
        })
    }

    fn is_current(&self, finished: &Arc<Latch>) -> bool {
        lock(&self.run).as_ref().is_some_and(|run| Arc::ptr_eq(&run.finished, finished))
    }

    fn watch(&self, given_id: &str, webrtcbin: &gst::Element) {
        let latency = {
            let settings = lock(&self.settings);
            (settings.role != WebRTCSignallerRole::Producer).then_some(settings.latency)
        };
        if latency.is_some() {
            *lock(&self.remains) = Remains::of(given_id, webrtcbin).map(Arc::new);
        }
        self.setups.built(webrtcbin);
        remnants::clean_up_after(webrtcbin);
        ice::offer(webrtcbin, &lock(&self.ice_servers));
        let this = self.obj().downgrade();
        let connection = PeerConnection::watch(webrtcbin, given_id, latency, move |peer, news| {
            if let Some(this) = this.upgrade() {
                this.imp().news(peer, news);
            }
        });
        self.sessions.add_connection(connection);
    }

    fn news(&self, connection: &PeerConnection, news: News) {
        let Some(session_id) = self.sessions.session_of(connection) else { return };
        match news {
            News::Up => self.live(&session_id, connection.pulse()),
            News::Failed(failure) => self.abort(&session_id, failure),
        }
    }

    fn begin(&self, session_id: &SessionId) {
        let limit = Duration::from_millis(lock(&self.settings).negotiation_timeout.into());
        let watchdog = (!limit.is_zero()).then(|| {
            let (this, id) = (self.obj().downgrade(), session_id.to_string());
            let task = RUNTIME.spawn(async move {
                tokio::time::sleep(limit).await;
                if let Some(this) = this.upgrade() {
                    this.imp().too_late(&id, limit);
                }
            });
            task.abort_handle()
        });
        let has_turn = ice::has_turn(&lock(&self.ice_servers));
        self.sessions.begin(session_id.as_str(), watchdog, has_turn);
    }

    /// Looks after a session through which media can flow, until it ends.
    fn live(&self, session_id: &str, pulse: Arc<Pulse>) {
        let (this, id) = (self.obj().downgrade(), session_id.to_owned());
        let task = RUNTIME.spawn(async move {
            let failure = pulse.fails().await;
            if let Some(this) = this.upgrade() {
                this.imp().abort(&id, failure);
            }
        });
        self.sessions.up(session_id, task.abort_handle());
    }

    fn too_late(&self, session_id: &str, limit: Duration) {
        let stage = self.sessions.stage(session_id);
        self.abort(session_id, SessionFailure::Timeout { stage, seconds: limit.as_secs() });
    }
}

/// What the client tells, as signals. Only the events' thread calls these.
impl Signaller {
    fn tell(&self, event: Event, closing: &mut Closing) {
        match event {
            Event::Connected { peer_id, account } => self.connected(&peer_id, account.as_deref()),
            Event::Disconnected { reason, retry_in } => {
                let retry = u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX);
                gst::info!(CAT, imp = self, "not connected: {reason}; again in {retry} ms");
                self.set_client_id(None);
                self.emit("disconnected", &[&reason.to_string(), &retry]);
            }
            Event::Failed(error) => self.failed(&error),
            Event::Refused { code, details } => {
                gst::warning!(CAT, imp = self, "refused by the server: {details}");
                self.emit("refused", &[&printable(&details), &printable(&code)]);
            }
            Event::SessionRequested { session_id, peer_id, offer } => {
                self.requested(&session_id, &peer_id, offer.as_deref());
            }
            Event::SessionStarted { session_id, peer_id } => self.started(&session_id, &peer_id),
            Event::Description { session_id, kind, sdp } => self.described(&session_id, kind, &sdp),
            Event::Candidate { session_id, candidate, sdp_m_line_index } => {
                let args: [&dyn ToValue; 4] =
                    [&session_id.as_str(), &sdp_m_line_index, &None::<String>, &&*candidate];
                let args = args.map(ToValue::to_value);
                self.obj().emit_by_name_with_values("handle-ice", &args);
            }
            Event::SessionEnded { session_id, reason } => self.ended(&session_id, &reason, closing),
            Event::ProducerAdded { peer_id, meta, new, .. } => {
                let meta = meta::from_json(&meta);
                self.emit("producer-added", &[&peer_id.as_str(), &meta, &new]);
            }
            Event::ProducerRemoved { peer_id, meta } => {
                let meta = meta::from_json(&meta);
                self.emit("producer-removed", &[&peer_id.as_str(), &meta]);
            }
            // A snapshot has them for everybody.
            Event::Accounts(_) if !self.obj().calls() => {}
            Event::Accounts(accounts) => accounts.iter().for_each(|account| self.presence(account)),
            Event::Presence(account) => self.presence(&account),
            Event::AccountGone { name } => self.account_gone(&name),
            Event::Call(event) => self.call(&event),
            Event::IceServers(IceServers { servers, .. }) => *lock(&self.ice_servers) = servers,
        }
    }

    fn connected(&self, peer_id: &PeerId, account: Option<&str>) {
        gst::info!(CAT, imp = self, "registered as {peer_id}");
        self.set_client_id(Some(peer_id.to_string()));
        self.attach();
        self.emit("connected", &[&peer_id.as_str(), &account.map(printable)]);
    }

    fn failed(&self, error: &PermanentError) {
        gst::error!(CAT, imp = self, "{error}");
        self.set_client_id(None);
        self.emit("error", &[&printable(&error.to_string())]);
    }

    fn requested(&self, session_id: &SessionId, peer_id: &PeerId, offer: Option<&str>) {
        let offer = match offer.map(|text| parse(SdpKind::Offer, text)).transpose() {
            Ok(offer) => offer,
            Err(failure) => {
                self.sessions.begin(session_id.as_str(), None, false);
                return self.abort(session_id.as_str(), failure);
            }
        };
        self.begin(session_id);
        if self.is_producer() {
            self.setups.begin(session_id.as_str());
        }
        self.emit("session-requested", &[&session_id.as_str(), &peer_id.as_str(), &offer]);
    }

    fn started(&self, session_id: &SessionId, peer_id: &PeerId) {
        let remains = lock(&self.remains).clone();
        if remains.is_some_and(|remains| !remains.wait()) {
            gst::warning!(CAT, imp = self, "the session before is still not closed");
        }
        self.begin(session_id);
        self.emit("session-started", &[&session_id.as_str(), &peer_id.as_str()]);
    }

    fn described(&self, session_id: &SessionId, kind: SdpKind, text: &Private) {
        match parse(kind, text) {
            Ok(description) => {
                self.sessions.answered(session_id.as_str());
                self.emit("session-description", &[&session_id.as_str(), &description]);
            }
            Err(failure) => self.abort(session_id.as_str(), failure),
        }
    }

    fn ended(&self, session_id: &SessionId, reason: &EndReason, closing: &mut Closing) {
        gst::info!(CAT, imp = self, "session {session_id}: {reason}");
        let failure = self.sessions.end(session_id.as_str()).or_else(|| match reason {
            EndReason::Remote(words) => SessionFailure::told(words.as_deref()?),
            EndReason::Aborted(_) => None,
            fault => Some(SessionFailure::Description(fault.to_string())),
        });
        if let Some(failure) = failure {
            self.sessions.count(failure.code());
            let text = printable(&failure.to_string());
            self.emit("session-failed", &[&session_id.as_str(), &failure.code(), &text]);
        }
        self.leave_alone(session_id.as_str());
        if self.is_producer() {
            let (can_close, id) = (self.setups.wait(session_id.as_str()), session_id.clone());
            let closes = async move {
                can_close.await;
                id
            };
            closing.spawn_on(closes, RUNTIME.handle());
        } else {
            self.close(session_id);
        }
    }

    /// The element may take the session down.
    fn close(&self, session_id: &SessionId) {
        self.setups.end(session_id.as_str());
        self.obj().emit_by_name::<bool>("session-ended", &[&session_id.as_str()]);
    }

    fn set_client_id(&self, id: Option<String>) {
        *lock(&self.client_id) = id;
        self.obj().notify_client_id();
    }

    pub(super) fn emit(&self, signal: &str, args: &[&dyn ToValue]) {
        self.obj().emit_by_name::<()>(signal, args);
    }
}

impl Settings {
    fn login(&self) -> Result<Login, PermanentError> {
        if let Some(login) = &self.login {
            return Ok(login.clone());
        }
        match (&self.token, &self.token_file) {
            (Some(token), _) => Ok(Login::Token(token.as_str().into())),
            (None, Some(path)) => Login::token_file(path.as_ref()),
            (None, None) => Ok(Login::Guest),
        }
    }

    fn role(&self) -> Result<Role, PermanentError> {
        Ok(match self.role {
            WebRTCSignallerRole::Producer => Role::Producer,
            WebRTCSignallerRole::Listener => Role::Listener,
            WebRTCSignallerRole::Consumer => match (&self.producer_peer_id, &self.peer) {
                (Some(id), _) => Role::Consumer(Target::PeerId(
                    PeerId::new(id).ok_or_else(|| PermanentError::UnknownPeer(id.clone()))?,
                )),
                (None, Some(name)) => Role::Consumer(Target::Name(name.clone())),
                (None, None) if self.calls => Role::Consumer(Target::Call),
                (None, None) if self.connect_to_first_producer => Role::Consumer(Target::First),
                (None, None) => Role::Callee,
            },
        })
    }
}

/// The events' thread: from `start` until the client has finished.
fn speak(this: &glib::WeakRef<super::Signaller>, driver: Driver, finished: &Arc<Latch>) {
    let Some(mut events) = begin_speaking(this, driver) else { return };
    let mut closing = Closing::new();
    while let Some(next) = RUNTIME.block_on(next(&mut events, &mut closing)) {
        let Some(this) = this.upgrade() else { return };
        // What was still on its way when `stop` was called is nobody's business any more.
        if !this.imp().is_current(finished) {
            continue;
        }
        match next {
            Next::Event(event) => this.imp().tell(event, &mut closing),
            Next::Closes(session_id) => this.imp().close(&session_id),
        }
    }
}

/// What the events' thread does next.
enum Next {
    Event(Event),
    Closes(SessionId),
}

async fn next(events: &mut Events, closing: &mut Closing) -> Option<Next> {
    tokio::select! {
        Some(event) = events.next() => Some(Next::Event(event)),
        Some(Ok(session_id)) = closing.join_next() => Some(Next::Closes(session_id)),
        else => None,
    }
}

fn begin_speaking(this: &glib::WeakRef<super::Signaller>, driver: Driver) -> Option<Events> {
    let this = this.upgrade()?;
    match this.imp().config() {
        Ok(config) => Some(driver.start(config, RUNTIME.handle())),
        Err(error) => {
            this.imp().failed(&error);
            None
        }
    }
}

fn parse(kind: SdpKind, text: &str) -> Result<WebRTCSessionDescription, SessionFailure> {
    let (kind, text) = match kind {
        SdpKind::Offer => (WebRTCSDPType::Offer, sdp::usable_offer(text, gst::version())),
        SdpKind::Answer => (WebRTCSDPType::Answer, text.into()),
    };
    let sdp = gst_sdp::SDPMessage::parse_buffer(text.as_bytes())
        .map_err(|error| SessionFailure::Description(error.to_string()))?;
    if kind == WebRTCSDPType::Answer && sdp.medias().all(|media| media.port() == 0) {
        return Err(SessionFailure::Codec);
    }
    Ok(WebRTCSessionDescription::new(kind, sdp))
}

/// What our programs read as well; an empty one says nothing.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A stranger's words, fit for C.
pub(super) fn printable(text: &str) -> String {
    text.replace('\0', "")
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
