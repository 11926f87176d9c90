//! How a client says who it is: with the upgrade and in its first message.

use std::borrow::Cow;

use intercom_protocol::intercom::{ClientMessage, Password, Proof, Resume, SUBPROTOCOL};
use secrecy::ExposeSecret;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};

use crate::config::{Config, Instance, Login, ServerUri};
use crate::error::{Lost, PermanentError};
use crate::ledger::Ledger;
use crate::socket::ConnectError;

/// What the first message says.
#[derive(Clone, Debug)]
pub(crate) struct Hello {
    login: Login,
    instance: Option<Instance>,
    calls: bool,
}

impl Hello {
    pub(crate) fn new(config: &Config) -> Self {
        let Config { login, instance, calls, .. } = config.clone();
        Self { login, instance, calls }
    }

    /// Whether a server without the extension will do. A password is for the first message only.
    pub(crate) fn may_go_without(&self) -> bool {
        !matches!(self.login, Login::Password { .. })
    }

    /// The first message of a new connection, or of one that is to go on.
    pub(crate) fn message<'a>(&'a self, ledger: Option<&'a Ledger>) -> ClientMessage<'a> {
        let proof = match (ledger, &self.login) {
            (Some(ledger), _) => {
                let (token, received) = ledger.resume();
                Proof::Resume(Resume { resume_token: Cow::Borrowed(token), received })
            }
            (None, Login::Password { name, password }) => Proof::Login(Password {
                name: Cow::Borrowed(name),
                password: Cow::Borrowed(password.expose_secret()),
            }),
            // The token came with the upgrade.
            (None, Login::Token(_) | Login::Guest) => Proof::None,
        };
        let instance = self.instance.as_ref().map(|instance| Cow::Borrowed(instance.as_str()));
        ClientMessage::Hello { instance, calls: self.calls, proof }
    }
}

/// The upgrade request, with what says who asks.
pub(crate) fn handshake(
    server: &ServerUri,
    login: &Login,
    instance: Option<&Instance>,
    extended: bool,
) -> Result<Request, ConnectError> {
    let mut request = server
        .request()
        .into_client_request()
        .map_err(|error| Lost::Protocol(error.to_string()))?;
    let headers = request.headers_mut();
    if let Login::Token(token) = login {
        let value = format!("Bearer {}", token.expose_secret());
        let mut value = HeaderValue::try_from(value).map_err(|_| PermanentError::BadToken)?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    if let Some(instance) = instance.and_then(|one| HeaderValue::from_str(one.as_str()).ok()) {
        headers.insert("x-intercom-instance", instance);
    }
    if extended {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    Ok(request)
}
