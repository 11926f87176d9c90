//! A client in virtual time, against a server that is played by hand: no socket, no clock, no task.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::time::{Duration, Instant};

use intercom_client::state::{Input, Output, RETRY, State};
use intercom_client::{
    CallEvent, CallId, Command, Config, Event, Login, Lost, Media, Role, SessionId, Target,
};
use serde_json::{Value, json};

pub const WELCOME: &str = r#"{"type":"welcome","peerId":"me","account":"ann","role":"user","resumeToken":"t1","iceServers":[]}"#;
pub const SOUND: Media = Media { audio: true, video: false };
pub const ALL: Media = Media { audio: true, video: true };

/// A client and the time it lives in.
pub struct World {
    pub state: State,
    pub now: Instant,
}

impl World {
    pub fn new(role: Role, login: Login) -> Self {
        let server = "wss://localhost".parse().unwrap();
        let instance = Some("tablet".parse().unwrap());
        let config = Config { login, instance, calls: true, ..Config::new(server, role) };
        Self::begin(&config)
    }

    pub fn begin(config: &Config) -> Self {
        let mut world = Self { state: State::new(config, 7), now: Instant::now() };
        world.input(Input::Start);
        assert_eq!(world.outputs(), [Output::Connect]);
        world
    }

    pub fn listener() -> Self {
        Self::online(Role::Listener)
    }

    pub fn online(role: Role) -> Self {
        let mut world = Self::new(role, Login::Token("ict_secret".into()));
        world.open();
        world.say_text(WELCOME);
        world.outputs();
        world
    }

    /// In a call that this one took.
    pub fn in_call() -> Self {
        let mut world = Self::listener();
        world.say(json!({"type": "incomingCall", "callId": "c", "from": "door", "media": ALL}));
        world.command(Command::Accept { call: call(), media: SOUND });
        world.say(json!({"type": "callAccepted", "callId": "c", "from": "door", "media": ALL}));
        world.outputs();
        world
    }

    pub fn open(&mut self) {
        self.input(Input::Opened { extended: true });
    }

    /// The socket breaks and another one opens; what the hello on it says.
    pub fn cut(&mut self) -> Value {
        self.input(Input::Lost(Lost::Network("reset".into())));
        self.advance(RETRY.1);
        self.outputs();
        self.open();
        let written = self.written();
        assert_eq!(written.len(), 1, "{written:?}");
        written.into_iter().next().unwrap()
    }

    pub fn resumed(&mut self, received: u64) {
        self.say(json!({"type": "resumed", "received": received, "resumeToken": "t2"}));
    }

    pub fn reset(&mut self, is_restarted: bool, call: &Value, sessions: &[&str]) {
        self.say(json!({"type": "resumed", "received": 0, "resumeToken": "t2", "reset": true,
            "restarted": is_restarted}));
        self.say(json!({"type": "snapshot", "accounts": [], "call": call, "sessions": sessions}));
    }

    #[allow(clippy::needless_pass_by_value, reason = "reads better where it is called")]
    pub fn say(&mut self, message: Value) {
        self.say_text(&message.to_string());
    }

    pub fn say_text(&mut self, text: &str) {
        self.input(Input::Text(text));
    }

    pub fn command(&mut self, command: Command) {
        self.input(Input::Command(command));
    }

    pub fn input(&mut self, input: Input<'_>) {
        self.state.handle(self.now, input);
    }

    /// Lets time pass, with the timeouts that fall due and a server that answers pings.
    pub fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.state.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.input(Input::Timeout);
            self.input(Input::Heard);
        }
        self.now = end;
    }

    pub fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.state.poll_output()).collect()
    }

    pub fn written(&mut self) -> Vec<Value> {
        self.texts().iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }

    /// The same as it is on the wire.
    pub fn texts(&mut self) -> Vec<String> {
        let texts = self.outputs().into_iter().filter_map(|output| match output {
            Output::Write(text) => Some(text),
            _ => None,
        });
        texts.collect()
    }

    /// The types of what is written.
    pub fn types(&mut self) -> Vec<String> {
        self.written().iter().map(|message| message["type"].as_str().unwrap().to_owned()).collect()
    }

    pub fn events(&mut self) -> Vec<Event> {
        let events = self.outputs().into_iter().filter_map(|output| match output {
            Output::Event(event) => Some(event),
            _ => None,
        });
        events.collect()
    }

    pub fn calls(&mut self) -> Vec<CallEvent> {
        let events = self.events().into_iter().filter_map(|event| match event {
            Event::Call(event) => Some(event),
            _ => None,
        });
        events.collect()
    }
}

impl World {
    /// With a server that speaks the stock protocol.
    pub fn stock(role: Role) -> Self {
        Self::begin(&Config::new("ws://localhost".parse().unwrap(), role))
    }

    /// Connected to it, and all that is said at the beginning has been said.
    pub fn stock_online(role: Role) -> Self {
        let mut world = Self::stock(role);
        world.greet();
        world.outputs();
        world
    }

    pub fn consumer_of(target: Target, producers: &str) -> Self {
        let mut world = Self::stock_online(Role::Consumer(target));
        world.say_text(&format!(r#"{{"type":"list","producers":[{producers}]}}"#));
        world
    }

    pub fn greet(&mut self) {
        self.input(Input::Opened { extended: false });
        self.say_text(r#"{"type":"welcome","peerId":"me"}"#);
    }

    /// Lets time pass with a server that says nothing.
    pub fn advance_deaf(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.state.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.input(Input::Timeout);
        }
        self.now = end;
    }
}

pub fn call() -> CallId {
    CallId::new("c").unwrap()
}

pub fn session(id: &str) -> SessionId {
    SessionId::new(id).unwrap()
}
