//! Who is on the server, asked once.

use std::time::Duration;

use intercom_protocol::gst::{self, ClientMessage, ServerMessage};
use serde_json::Value;
use tokio::time::timeout;

use crate::client::Endpoint;
use crate::config::Config;
use crate::error::{Lost, PermanentError};
use crate::hello::Hello;
use crate::ids::PeerId;
use crate::socket::{ConnectError, Frame, Socket};

/// From the first packet to the last answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// A peer on the server.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Its id.
    pub peer_id: PeerId,
    /// The `name` of its meta, if it has one.
    pub name: Option<String>,
    /// What it does.
    pub roles: Vec<ListedRole>,
    /// All that it says about itself; `Null` if nothing.
    pub meta: Value,
}

/// What a peer in a list does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedRole {
    /// Can be watched.
    Producer,
    /// Waits for a producer to call it.
    Consumer,
}

/// Why there is no list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// Trying again cannot help.
    #[error(transparent)]
    Permanent(#[from] PermanentError),
    /// No connection, or it broke.
    #[error("no answer from the server: {0}")]
    Lost(#[from] Lost),
    /// The server refuses, in its own words.
    #[error("the server refuses: {0}")]
    Refused(String),
}

impl ListedRole {
    /// As it is called on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

/// Connects, asks who is there and leaves. The role in `config` does not matter.
///
/// # Errors
/// See [`ListError`]; nothing is tried twice.
pub async fn list(config: &Config) -> Result<Vec<Listed>, ListError> {
    // Not as the installation that it is: that one may be connected.
    let config = Config { instance: None, calls: false, ..config.clone() };
    let endpoint = Endpoint::new(&config)?;
    let hello = Hello::new(&config);
    let asking = async {
        let mut socket = endpoint.open().await?;
        if socket.is_extended() {
            socket.write(hello.message(None).print(None));
        } else if !hello.may_go_without() {
            return Err(PermanentError::NoLogins.into());
        }
        let listed = ask(&mut socket).await?;
        socket.close().await;
        Ok(listed)
    };
    timeout(DEADLINE, asking).await.unwrap_or(Err(Lost::ConnectTimeout(DEADLINE).into()))
}

async fn ask(socket: &mut Socket) -> Result<Vec<Listed>, ListError> {
    let mut listed = Vec::new();
    let (mut producers_known, mut consumers_known) = (false, false);
    while !(producers_known && consumers_known) {
        let Frame::Text(text) = socket.read().await? else { continue };
        match ServerMessage::parse(&text) {
            Ok(ServerMessage::Welcome { .. }) => request(socket),
            Ok(ServerMessage::List { producers }) => {
                add(&mut listed, &producers, ListedRole::Producer);
                producers_known = true;
            }
            Ok(ServerMessage::ListConsumers { consumers }) => {
                add(&mut listed, &consumers, ListedRole::Consumer);
                consumers_known = true;
            }
            Ok(ServerMessage::Error { details }) => return Err(ListError::Refused(details.into())),
            // Whatever else a newer server has to say.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(listed)
}

fn request(socket: &Socket) {
    for message in [
        ClientMessage::SetPeerStatus { roles: vec![gst::Role::Listener], meta: None },
        ClientMessage::List,
        ClientMessage::ListConsumers,
    ] {
        socket.write(message.print());
    }
}

fn add(listed: &mut Vec<Listed>, peers: &[gst::Listed<'_>], role: ListedRole) {
    for peer in peers {
        let Some(peer_id) = PeerId::new(&peer.id) else { continue };
        if let Some(known) = listed.iter_mut().find(|known| known.peer_id == peer_id) {
            known.roles.push(role);
            continue;
        }
        let meta: Value = peer
            .meta
            .as_ref()
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or(Value::Null);
        let name = meta.get("name").and_then(Value::as_str).map(str::to_owned);
        listed.push(Listed { peer_id, name, roles: vec![role], meta });
    }
}

impl From<ConnectError> for ListError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Lost(lost) => lost.into(),
            ConnectError::NotExtended => Lost::Protocol("no subprotocol".into()).into(),
            ConnectError::Permanent(error) => error.into(),
        }
    }
}
