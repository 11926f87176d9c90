//! What a page needs before the login, and what it needs for media.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use intercom_protocol::intercom::IceServer;
use serde::Serialize;
use signaller_core::Access;

use super::asker::{Anyone, Asker};
use super::login::{Me, cookie};
use super::{Api, Refused};
use crate::store::Registration;

/// The description of this API, OpenAPI 3.1.
pub(super) const OPENAPI: &str = include_str!("../../../../docs/ref/openapi.json");

#[derive(Serialize)]
pub(super) struct Info {
    version: &'static str,
    registration: &'static str,
    guests: &'static str,
    /// Who asks; `None` for a guest.
    account: Option<Me>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IceServers {
    ice_servers: Vec<IceServer>,
    ttl: Option<u32>,
}

/// A cookie that is good no more is taken away: a page cannot do that, and as long as it is shown
/// there is no WebSocket, not even for a guest.
pub(super) async fn info(
    State(api): State<Api>,
    anyone: Anyone,
    asker: Result<Asker, Refused>,
) -> Result<Response, Refused> {
    let (account, is_over) = match asker {
        Ok(asker) => (Some(Me::of(&api, asker.name()).await?), false),
        Err(refused) if refused.is("notLoggedIn") => (None, false),
        Err(refused) if refused.is("badLogin") => (None, true),
        Err(refused) => return Err(refused),
    };
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
    let version = env!("CARGO_PKG_VERSION");
    let info = Json(Info { version, registration, guests, account });
    Ok(if is_over { (cookie("", 0), info).into_response() } else { info.into_response() })
}

pub(super) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}

pub(super) async fn ice_servers(State(api): State<Api>, asker: Asker) -> Json<IceServers> {
    let ice = api.gate.ice_servers(asker.name());
    Json(IceServers { ice_servers: ice.servers, ttl: ice.ttl })
}
