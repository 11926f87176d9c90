//! What a page needs before the login, and what it needs for media.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use intercom_protocol::intercom::IceServer;
use serde::Serialize;
use signaller_core::Access;

use super::Api;
use super::asker::{Anyone, Asker};
use crate::store::Registration;

/// The description of this API, OpenAPI 3.1.
pub(super) const OPENAPI: &str = include_str!("../../../../docs/ref/openapi.json");

#[derive(Serialize)]
pub(super) struct Info {
    version: &'static str,
    registration: &'static str,
    guests: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IceServers {
    ice_servers: Vec<IceServer>,
    ttl: Option<u32>,
}

pub(super) async fn info(State(api): State<Api>, anyone: Anyone) -> Json<Info> {
    let registration = match api.gate.registration() {
        Registration::Open => "open",
        Registration::Invite => "invite",
        Registration::Closed => "closed",
    };
    let guests = match anyone.visit.guests {
        None => "deny",
        Some(Access::Watch) => "watch",
        Some(Access::Full) => "full",
    };
    Json(Info { version: env!("CARGO_PKG_VERSION"), registration, guests })
}

pub(super) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}

pub(super) async fn ice_servers(State(api): State<Api>, asker: Asker) -> Json<IceServers> {
    let ice = api.gate.ice_servers(asker.name().as_str());
    Json(IceServers { ice_servers: ice.servers, ttl: ice.ttl })
}
