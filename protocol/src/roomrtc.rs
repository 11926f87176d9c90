//! roomrtc: one line a message, `TYPE|field:value|field:value`.
//!
//! A field ends at its first colon. In a value, `\\`, `\n` and `\r` stand for a backslash, a line
//! feed and a carriage return; there is no way to say `|`. Fields may come in any order, and those
//! that are not known are ignored. A line here has no line feed at its end.

use std::borrow::Cow;
use std::fmt;

/// What stands where a value has `|`.
const NO_BAR: char = '/';

/// A client's message.
#[derive(Clone, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    /// Asks for an account.
    Register {
        /// The name that it is to have.
        username: Cow<'a, str>,
        /// Its password.
        password: Cow<'a, str>,
    },
    /// Says who this is.
    Login {
        /// The account's name.
        username: Cow<'a, str>,
        /// Its password.
        password: Cow<'a, str>,
    },
    /// Leaves; the connection stays, for whoever logs in next.
    Logout,
    /// Asks for all users that may be seen.
    GetUsers,
    /// Rings a user.
    CallOffer {
        /// Whom.
        to: Cow<'a, str>,
        /// Where the caller is to be reached.
        offer: Description<'a>,
    },
    /// Accepts the call of a user, or rejects it.
    CallAnswer {
        /// Whose.
        to: Cow<'a, str>,
        /// Where the callee is to be reached; `None` if it does not want to be.
        answer: Option<Description<'a>>,
    },
    /// Rejects the call of a user.
    CallReject {
        /// Whose.
        to: Cow<'a, str>,
    },
    /// Ends the call with a user, or cancels it while it rings.
    CallEnd {
        /// With whom.
        to: Cow<'a, str>,
    },
    /// One more way to reach the sender.
    IceCandidate {
        /// The other side.
        to: Cow<'a, str>,
        /// As the sender's ICE agent prints it.
        candidate: Cow<'a, str>,
    },
}

/// The server's message.
#[derive(Clone, PartialEq, Eq)]
pub enum ServerMessage<'a> {
    /// There is an account now.
    RegisterSuccess {
        /// One sentence for a person.
        message: Cow<'a, str>,
    },
    /// There is none.
    RegisterError {
        /// Why, for a person.
        error: Cow<'a, str>,
    },
    /// The connection is that user's.
    LoginSuccess,
    /// It is not.
    LoginError {
        /// Why, for a person.
        error: Cow<'a, str>,
    },
    /// The connection is nobody's again.
    LogoutSuccess,
    /// All users that may be seen, oneself not among them.
    UserList(Vec<(Cow<'a, str>, Status)>),
    /// Somebody came, went, got busy or free.
    UserStatusChanged {
        /// Who.
        username: Cow<'a, str>,
        /// What it is now.
        status: Status,
    },
    /// Somebody rings.
    IncomingCall {
        /// Who.
        from: Cow<'a, str>,
        /// Where the caller is to be reached.
        offer: Description<'a>,
    },
    /// To the caller: the call has begun.
    CallAccepted {
        /// The callee.
        from: Cow<'a, str>,
        /// Where it is to be reached.
        answer: Description<'a>,
    },
    /// To the caller: there is no call.
    CallRejected {
        /// The callee.
        from: Cow<'a, str>,
    },
    /// The call is over.
    CallEnded {
        /// The other side.
        from: Cow<'a, str>,
    },
    /// To the caller: it does not even ring.
    CallError {
        /// Why, for a person.
        error: Cow<'a, str>,
    },
    /// One more way to reach the other side.
    IceCandidate {
        /// The other side.
        from: Cow<'a, str>,
        /// As it came.
        candidate: Cow<'a, str>,
    },
    /// Something else was refused.
    Error {
        /// Why, for a person.
        error: Cow<'a, str>,
    },
}

/// Where one side's media are to be had, as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Description<'a> {
    /// A session description (RFC 8866).
    pub sdp: Cow<'a, str>,
    /// What the media are ciphered with, in base64.
    pub srtp_key: Option<Cow<'a, str>>,
}

/// Whether a user can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is not there.
    Disconnected,
    /// It is there, and free.
    Available,
    /// It is in a call, ringing included.
    Busy,
}

/// Why a line is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// No type of a message.
    #[error("there is no message of this type")]
    UnknownType,
    /// What stands between two bars.
    #[error("a field is name:value, and in one of them there is no colon")]
    NoColon,
    /// A field that the type needs.
    #[error("{kind} needs the field {field}")]
    Missing {
        /// The type.
        kind: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A field that has only a few values.
    #[error("{field} must be one of {values}")]
    BadValue {
        /// The field.
        field: &'static str,
        /// What it can be.
        values: &'static str,
    },
}

impl<'a> ClientMessage<'a> {
    /// Reads a line.
    ///
    /// # Errors
    /// See [`ParseError`].
    pub fn parse(line: &'a str) -> Result<Self, ParseError> {
        let (kind, fields) = split(line);
        let fields = |kind| Fields::read(kind, fields);
        Ok(match kind {
            REGISTER => {
                let fields = fields(REGISTER)?;
                Self::Register {
                    username: fields.take(USERNAME)?,
                    password: fields.take(PASSWORD)?,
                }
            }
            LOGIN => {
                let fields = fields(LOGIN)?;
                Self::Login { username: fields.take(USERNAME)?, password: fields.take(PASSWORD)? }
            }
            LOGOUT => fields(LOGOUT).map(|_| Self::Logout)?,
            GET_USERS => fields(GET_USERS).map(|_| Self::GetUsers)?,
            CALL_OFFER => {
                let fields = fields(CALL_OFFER)?;
                Self::CallOffer { to: fields.take(TO)?, offer: fields.description()? }
            }
            CALL_ANSWER => {
                let fields = fields(CALL_ANSWER)?;
                let answer = match &*fields.take(ACCEPT)? {
                    "true" => Some(fields.description()?),
                    "false" => None,
                    _ => return Err(ParseError::BadValue { field: ACCEPT, values: "true, false" }),
                };
                Self::CallAnswer { to: fields.take(TO)?, answer }
            }
            CALL_REJECT => Self::CallReject { to: fields(CALL_REJECT)?.take(TO)? },
            CALL_END => Self::CallEnd { to: fields(CALL_END)?.take(TO)? },
            ICE_CANDIDATE => {
                let fields = fields(ICE_CANDIDATE)?;
                Self::IceCandidate { to: fields.take(TO)?, candidate: fields.take(CANDIDATE)? }
            }
            _ => return Err(ParseError::UnknownType),
        })
    }

    /// The line that says this.
    pub fn print(&self) -> String {
        let line = Line::of(self.kind());
        match self {
            Self::Register { username, password } | Self::Login { username, password } => {
                line.with(USERNAME, username).with(PASSWORD, password)
            }
            Self::Logout | Self::GetUsers => line,
            Self::CallOffer { to, offer } => line.with(TO, to).described(offer),
            Self::CallAnswer { to, answer: Some(answer) } => {
                line.with(TO, to).with(ACCEPT, "true").described(answer)
            }
            Self::CallAnswer { to, answer: None } => line.with(TO, to).with(ACCEPT, "false"),
            Self::CallReject { to } | Self::CallEnd { to } => line.with(TO, to),
            Self::IceCandidate { to, candidate } => line.with(TO, to).with(CANDIDATE, candidate),
        }
        .0
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Register { .. } => REGISTER,
            Self::Login { .. } => LOGIN,
            Self::Logout => LOGOUT,
            Self::GetUsers => GET_USERS,
            Self::CallOffer { .. } => CALL_OFFER,
            Self::CallAnswer { .. } => CALL_ANSWER,
            Self::CallReject { .. } => CALL_REJECT,
            Self::CallEnd { .. } => CALL_END,
            Self::IceCandidate { .. } => ICE_CANDIDATE,
        }
    }
}

impl<'a> ServerMessage<'a> {
    /// Reads a line.
    ///
    /// # Errors
    /// See [`ParseError`].
    pub fn parse(line: &'a str) -> Result<Self, ParseError> {
        let (kind, fields) = split(line);
        let fields = |kind| Fields::read(kind, fields);
        Ok(match kind {
            REGISTER_SUCCESS => {
                Self::RegisterSuccess { message: fields(REGISTER_SUCCESS)?.take(MESSAGE)? }
            }
            REGISTER_ERROR => Self::RegisterError { error: fields(REGISTER_ERROR)?.take(FAULT)? },
            LOGIN_SUCCESS => fields(LOGIN_SUCCESS).map(|_| Self::LoginSuccess)?,
            LOGIN_ERROR => Self::LoginError { error: fields(LOGIN_ERROR)?.take(FAULT)? },
            LOGOUT_SUCCESS => fields(LOGOUT_SUCCESS).map(|_| Self::LogoutSuccess)?,
            USER_LIST => {
                let users = fields(USER_LIST)?.all.into_iter();
                let users =
                    users.map(|(name, status)| Ok((unescape(name), Status::parse(status)?)));
                Self::UserList(users.collect::<Result<_, _>>()?)
            }
            USER_STATUS_CHANGED => {
                let fields = fields(USER_STATUS_CHANGED)?;
                let status = Status::parse(&fields.take(STATUS)?)?;
                Self::UserStatusChanged { username: fields.take(USERNAME)?, status }
            }
            INCOMING_CALL => {
                let fields = fields(INCOMING_CALL)?;
                Self::IncomingCall { from: fields.take(FROM)?, offer: fields.description()? }
            }
            CALL_ACCEPTED => {
                let fields = fields(CALL_ACCEPTED)?;
                Self::CallAccepted { from: fields.take(FROM)?, answer: fields.description()? }
            }
            CALL_REJECTED => Self::CallRejected { from: fields(CALL_REJECTED)?.take(FROM)? },
            CALL_ENDED => Self::CallEnded { from: fields(CALL_ENDED)?.take(FROM)? },
            CALL_ERROR => Self::CallError { error: fields(CALL_ERROR)?.take(FAULT)? },
            ICE_CANDIDATE => {
                let fields = fields(ICE_CANDIDATE)?;
                Self::IceCandidate { from: fields.take(FROM)?, candidate: fields.take(CANDIDATE)? }
            }
            ERROR => Self::Error { error: fields(ERROR)?.take(FAULT)? },
            _ => return Err(ParseError::UnknownType),
        })
    }

    /// The line that says this.
    pub fn print(&self) -> String {
        let line = Line::of(self.kind());
        match self {
            Self::RegisterSuccess { message } => line.with(MESSAGE, message),
            Self::RegisterError { error }
            | Self::LoginError { error }
            | Self::CallError { error }
            | Self::Error { error } => line.with(FAULT, error),
            Self::LoginSuccess | Self::LogoutSuccess => line,
            Self::UserList(users) => users.iter().fold(line, |line, (name, status)| {
                line.with(&name.replace(':', ""), status.word())
            }),
            Self::UserStatusChanged { username, status } => {
                line.with(USERNAME, username).with(STATUS, status.word())
            }
            Self::IncomingCall { from, offer: description }
            | Self::CallAccepted { from, answer: description } => {
                line.with(FROM, from).described(description)
            }
            Self::CallRejected { from } | Self::CallEnded { from } => line.with(FROM, from),
            Self::IceCandidate { from, candidate } => {
                line.with(FROM, from).with(CANDIDATE, candidate)
            }
        }
        .0
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::RegisterSuccess { .. } => REGISTER_SUCCESS,
            Self::RegisterError { .. } => REGISTER_ERROR,
            Self::LoginSuccess => LOGIN_SUCCESS,
            Self::LoginError { .. } => LOGIN_ERROR,
            Self::LogoutSuccess => LOGOUT_SUCCESS,
            Self::UserList(_) => USER_LIST,
            Self::UserStatusChanged { .. } => USER_STATUS_CHANGED,
            Self::IncomingCall { .. } => INCOMING_CALL,
            Self::CallAccepted { .. } => CALL_ACCEPTED,
            Self::CallRejected { .. } => CALL_REJECTED,
            Self::CallEnded { .. } => CALL_ENDED,
            Self::CallError { .. } => CALL_ERROR,
            Self::IceCandidate { .. } => ICE_CANDIDATE,
            Self::Error { .. } => ERROR,
        }
    }
}

/// Passwords, descriptions and keys are inside.
impl fmt::Debug for ClientMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl fmt::Debug for ServerMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl fmt::Debug for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Status {
    fn parse(word: &str) -> Result<Self, ParseError> {
        [Self::Disconnected, Self::Available, Self::Busy]
            .into_iter()
            .find(|status| status.word() == word)
            .ok_or(ParseError::BadValue { field: STATUS, values: "DISCONNECTED, AVAILABLE, BUSY" })
    }

    fn word(self) -> &'static str {
        match self {
            Self::Disconnected => "DISCONNECTED",
            Self::Available => "AVAILABLE",
            Self::Busy => "BUSY",
        }
    }
}

const REGISTER: &str = "REGISTER";
const LOGIN: &str = "LOGIN";
const LOGOUT: &str = "LOGOUT";
const GET_USERS: &str = "GET_USERS";
const CALL_OFFER: &str = "CALL_OFFER";
const CALL_ANSWER: &str = "CALL_ANSWER";
const CALL_REJECT: &str = "CALL_REJECT";
const CALL_END: &str = "CALL_END";
const ICE_CANDIDATE: &str = "ICE_CANDIDATE";
const REGISTER_SUCCESS: &str = "REGISTER_SUCCESS";
const REGISTER_ERROR: &str = "REGISTER_ERROR";
const LOGIN_SUCCESS: &str = "LOGIN_SUCCESS";
const LOGIN_ERROR: &str = "LOGIN_ERROR";
const LOGOUT_SUCCESS: &str = "LOGOUT_SUCCESS";
const USER_LIST: &str = "USER_LIST";
const USER_STATUS_CHANGED: &str = "USER_STATUS_CHANGED";
const INCOMING_CALL: &str = "INCOMING_CALL";
const CALL_ACCEPTED: &str = "CALL_ACCEPTED";
const CALL_REJECTED: &str = "CALL_REJECTED";
const CALL_ENDED: &str = "CALL_ENDED";
const CALL_ERROR: &str = "CALL_ERROR";
const ERROR: &str = "ERROR";

const USERNAME: &str = "username";
const PASSWORD: &str = "password";
const STATUS: &str = "status";
const MESSAGE: &str = "message";
const FAULT: &str = "error";
const TO: &str = "to";
const FROM: &str = "from";
const ACCEPT: &str = "accept";
const SDP: &str = "sdp";
const SRTP_KEY: &str = "srtp_key";
const CANDIDATE: &str = "candidate";

/// A line's type, and its fields if it has any.
fn split(line: &str) -> (&str, Option<&str>) {
    match line.split_once('|') {
        Some((kind, fields)) => (kind, Some(fields)),
        None => (line, None),
    }
}

/// The fields of one line; of two with the same name, the first counts.
struct Fields<'a> {
    kind: &'static str,
    all: Vec<(&'a str, &'a str)>,
}

impl<'a> Fields<'a> {
    fn read(kind: &'static str, fields: Option<&'a str>) -> Result<Self, ParseError> {
        let fields = fields.into_iter().flat_map(|fields| fields.split('|'));
        let fields = fields.map(|field| field.split_once(':').ok_or(ParseError::NoColon));
        Ok(Self { kind, all: fields.collect::<Result<_, _>>()? })
    }

    fn find(&self, field: &str) -> Option<Cow<'a, str>> {
        self.all.iter().find(|(name, _)| *name == field).map(|(_, value)| unescape(value))
    }

    fn take(&self, field: &'static str) -> Result<Cow<'a, str>, ParseError> {
        self.find(field).ok_or(ParseError::Missing { kind: self.kind, field })
    }

    fn description(&self) -> Result<Description<'a>, ParseError> {
        Ok(Description { sdp: self.take(SDP)?, srtp_key: self.find(SRTP_KEY) })
    }
}

/// A backslash before anything else is a backslash.
fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return value.into();
    }
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars().peekable();
    while let Some(char) = chars.next() {
        let meant = match chars.peek() {
            Some('\\') if char == '\\' => Some('\\'),
            Some('n') if char == '\\' => Some('\n'),
            Some('r') if char == '\\' => Some('\r'),
            _ => None,
        };
        if meant.is_some() {
            chars.next();
        }
        text.push(meant.unwrap_or(char));
    }
    text.into()
}

/// A line that is being written.
struct Line(String);

impl Line {
    fn of(kind: &str) -> Self {
        Self(kind.to_owned())
    }

    fn with(mut self, field: &str, value: &str) -> Self {
        self.0.push('|');
        self.escape(field);
        self.0.push(':');
        self.escape(value);
        self
    }

    fn described(self, Description { sdp, srtp_key }: &Description<'_>) -> Self {
        let line = self.with(SDP, sdp);
        match srtp_key {
            Some(key) => line.with(SRTP_KEY, key),
            None => line,
        }
    }

    fn escape(&mut self, value: &str) {
        for char in value.chars() {
            match char {
                '\\' => self.0.push_str(r"\\"),
                '\n' => self.0.push_str(r"\n"),
                '\r' => self.0.push_str(r"\r"),
                '|' => self.0.push(NO_BAR),
                char => self.0.push(char),
            }
        }
    }
}
