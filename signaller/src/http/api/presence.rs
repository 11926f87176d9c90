//! Who is there: for everybody with a login, and in full for admins.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use intercom_protocol::intercom as wire;
use serde::Serialize;
use signaller_core::{
    AccountName, AccountStatus, EndView, Kind, PeerId, PeerView, Role, Seen, SessionView,
};

use super::asker::{Admin, Asker};
use super::body::{Part, Time};
use super::{Api, Refused};
use crate::hub_task::Connected;
use crate::link::Way;
use crate::store::{Action, Event};

/// As `accounts` of intercom.v1 has it.
#[derive(Serialize)]
pub(super) struct Presence {
    accounts: Vec<wire::Account<'static>>,
}

#[derive(Serialize)]
pub(super) struct Connections {
    connections: Vec<Connection>,
    sessions: Vec<Session>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    peer_id: String,
    account: Option<String>,
    /// What it logged in with, as a number that can be revoked.
    credential: Option<i64>,
    roles: Vec<&'static str>,
    away: bool,
    /// What is known of its newest socket; all null if there was none since the server was started.
    remote: Option<IpAddr>,
    since: Option<Time>,
    transport: Option<&'static str>,
    protocol: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    session_id: String,
    producer: End,
    consumer: End,
    call_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct End {
    peer_id: String,
    account: Option<String>,
}

pub(super) async fn presence(
    State(api): State<Api>,
    asker: Asker,
) -> Result<Json<Presence>, Refused> {
    let seen = api.hub.presence(asker.name().clone()).await?;
    Ok(Json(Presence { accounts: seen.into_iter().map(account).collect() }))
}

pub(super) async fn connections(
    State(api): State<Api>,
    _: Admin,
) -> Result<Json<Connections>, Refused> {
    let (peers, sessions) = api.hub.overview().await?;
    Ok(Json(Connections {
        connections: peers.into_iter().map(Connection::from).collect(),
        sessions: sessions.into_iter().map(Session::from).collect(),
    }))
}

pub(super) async fn cut(
    State(api): State<Api>,
    Admin(admin): Admin,
    Part(peer): Part,
) -> Result<StatusCode, Refused> {
    if !api.hub.cut(PeerId::from(&*peer)).await? {
        return Err(Refused::new("noSuchPeer", "nobody who is connected has this peer id"));
    }
    api.store.audit(Event::new(&admin.actor(), Action::Cut).of(&peer));
    Ok(StatusCode::NO_CONTENT)
}

fn account(seen: Seen) -> wire::Account<'static> {
    wire::Account {
        name: seen.name.to_string().into(),
        kind: match seen.kind {
            Kind::User => wire::AccountRole::User,
            Kind::Device => wire::AccountRole::Device,
            Kind::Admin => wire::AccountRole::Admin,
        },
        label: seen.label.map(|label| label.to_string().into()),
        status: match seen.status {
            AccountStatus::Disconnected => wire::Status::Disconnected,
            AccountStatus::Available => wire::Status::Available,
            AccountStatus::Busy => wire::Status::Busy,
        },
        callable: seen.callable,
    }
}

impl From<Connected> for Connection {
    fn from(Connected { peer, way }: Connected) -> Self {
        let PeerView { peer, account, credential, roles, is_away, .. } = peer;
        Self {
            peer_id: peer.to_string(),
            account: name(account.as_ref()),
            credential: credential.map(|credential| credential.0),
            roles: roles.into_iter().map(role).collect(),
            away: is_away,
            remote: way.map(|way| way.remote),
            since: way.map(|way| Time::of(way.since)),
            transport: way.map(transport),
            protocol: way.map(|way| way.protocol),
        }
    }
}

impl From<SessionView> for Session {
    fn from(view: SessionView) -> Self {
        Self {
            session_id: view.session.to_string(),
            producer: view.producer.into(),
            consumer: view.consumer.into(),
            call_id: view.call.map(|call| call.to_string()),
        }
    }
}

impl From<EndView> for End {
    fn from(view: EndView) -> Self {
        Self { peer_id: view.peer.to_string(), account: name(view.account.as_ref()) }
    }
}

fn name(account: Option<&AccountName>) -> Option<String> {
    account.map(ToString::to_string)
}

fn transport(way: Way) -> &'static str {
    if way.is_encrypted { "tls" } else { "plain" }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Producer => "producer",
        Role::Listener => "listener",
        Role::Consumer => "consumer",
    }
}
