//! Login, logout, tickets, and what belongs to one's own account.

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use signaller_core::{AccountName, CredentialId, Kind};
use tracing::info;

use super::asker::{Anyone, Asker};
use super::body::{Json, Part, Time, secret};
use super::{Api, Refused};
use crate::credentials::COOKIE;
use crate::gate::NotAdmitted;
use crate::store::{CredentialKind, Listing, kind_word};

/// As long as browsers keep a cookie at all: the server ends sessions that are not used.
const COOKIE_LIFE: u32 = 400 * 24 * 3600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    name: String,
    #[serde(deserialize_with = "secret")]
    password: SecretString,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Register {
    name: String,
    #[serde(deserialize_with = "secret")]
    password: SecretString,
    invite: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    #[serde(deserialize_with = "secret")]
    old: SecretString,
    #[serde(deserialize_with = "secret")]
    new: SecretString,
}

#[derive(Serialize)]
pub(super) struct Me {
    name: String,
    kind: &'static str,
    label: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Ticket {
    ticket: String,
}

#[derive(Serialize)]
pub(super) struct Sessions {
    sessions: Vec<Session>,
}

#[derive(Serialize)]
struct Session {
    id: i64,
    name: Option<String>,
    created: Time,
    used: Option<Time>,
    expires: Option<Time>,
    /// The one that asks.
    current: bool,
}

pub(super) async fn log_in(
    State(api): State<Api>,
    anyone: Anyone,
    Json(Login { name, password }): Json<Login>,
) -> Result<Response, Refused> {
    let login = api.gate.log_in(&name, password, anyone.remote()).await;
    let (account, _) = login.map_err(|refusal| not_admitted(&anyone, refusal))?;
    open(&api, &anyone, &account, StatusCode::OK).await
}

pub(super) async fn register(
    State(api): State<Api>,
    anyone: Anyone,
    Json(Register { name, password, invite }): Json<Register>,
) -> Result<Response, Refused> {
    let account = api.gate.register(&name, password, invite.as_deref(), anyone.remote()).await;
    let account = account.map_err(|refusal| not_admitted(&anyone, refusal))?;
    open(&api, &anyone, &account, StatusCode::CREATED).await
}

/// Ends the web session, and with it all connections that came in with it.
pub(super) async fn log_out(State(api): State<Api>, asker: Asker) -> Result<Response, Refused> {
    if !asker.has_session {
        return Err(Refused::new("badState", "a token is not logged out but revoked"));
    }
    api.store.revoke(asker.credential.id, Some(asker.name()), &asker.actor()).await?;
    Ok((StatusCode::NO_CONTENT, cookie("", 0)).into_response())
}

pub(super) async fn ticket(
    State(api): State<Api>,
    asker: Asker,
) -> Result<axum::Json<Ticket>, Refused> {
    let ticket = api.store.issue_ticket(&asker.credential);
    let ticket =
        ticket.map_err(|_| Refused::new("unavailable", "the system has no random numbers"))?;
    Ok(axum::Json(Ticket { ticket: ticket.expose_secret().to_owned() }))
}

pub(super) async fn me(State(api): State<Api>, asker: Asker) -> Result<axum::Json<Me>, Refused> {
    Ok(axum::Json(Me::of(&api, asker.name()).await?))
}

/// Whoever found an open page does not know the old password, and guesses it as slowly as at the
/// login. All other sessions end.
pub(super) async fn change_password(
    State(api): State<Api>,
    asker: Asker,
    Json(NewPassword { old, new }): Json<NewPassword>,
) -> Result<StatusCode, Refused> {
    if asker.credential.kind == Kind::Device {
        return Err(Refused::new("badState", "a device has tokens and no password"));
    }
    if !api.gate.is_password(asker.name(), old, asker.remote()).await? {
        return Err(Refused::new("wrongPassword", "the old password is another one"));
    }
    let keep = Some(asker.credential.id);
    api.store.set_password(asker.name(), new, keep, &asker.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn sessions(
    State(api): State<Api>,
    asker: Asker,
) -> Result<axum::Json<Sessions>, Refused> {
    let sessions = own_sessions(&api, &asker).await?.into_iter();
    let current = asker.credential.id;
    let sessions = sessions.map(|listing| Session::of(listing, current)).collect();
    Ok(axum::Json(Sessions { sessions }))
}

pub(super) async fn end_session(
    State(api): State<Api>,
    asker: Asker,
    id: Part,
) -> Result<StatusCode, Refused> {
    let own = own_sessions(&api, &asker).await?;
    let wanted = own.iter().find(|listing| Some(listing.id.0) == id.number());
    let none = || Refused::new("noSuchSession", "you have no such session");
    end(&api, &asker, wanted.ok_or_else(none)?.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn end_other_sessions(
    State(api): State<Api>,
    asker: Asker,
) -> Result<StatusCode, Refused> {
    for listing in own_sessions(&api, &asker).await? {
        if listing.id != asker.credential.id {
            end(&api, &asker, listing.id).await?;
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

impl Me {
    pub(super) async fn of(api: &Api, name: &AccountName) -> Result<Self, Refused> {
        let account = api.store.account(name).await?;
        // It may have been removed a moment ago.
        let account = account.ok_or_else(Refused::not_logged_in)?;
        let label = account.label.as_deref().map(str::to_owned);
        Ok(Self { name: name.to_string(), kind: kind_word(account.kind), label })
    }
}

impl Session {
    fn of(listing: Listing, current: CredentialId) -> Self {
        let time = |millis| Time { millis };
        Self {
            id: listing.id.0,
            name: listing.name,
            created: time(listing.created),
            used: listing.used.map(time),
            expires: listing.expires.map(time),
            current: listing.id == current,
        }
    }
}

/// A web session for somebody who has just said who it is.
async fn open(
    api: &Api,
    anyone: &Anyone,
    account: &AccountName,
    status: StatusCode,
) -> Result<Response, Refused> {
    let by = anyone.actor(account);
    let (_, secret) = api.store.open_session(account, anyone.agent.as_deref(), &by).await?;
    let me = Me::of(api, account).await?;
    Ok((status, cookie(secret.expose_secret(), COOKIE_LIFE), axum::Json(me)).into_response())
}

/// With this name a browser takes it only over TLS (or on its own machine), and shows it to nobody
/// else; `Secure` is said on the plain listener as well, where it is the proxy that has the TLS.
pub(super) fn cookie(secret: &str, life: u32) -> [(HeaderName, String); 1] {
    let attributes = "Path=/; Secure; HttpOnly; SameSite=Strict";
    [(header::SET_COOKIE, format!("{COOKIE}={secret}; Max-Age={life}; {attributes}"))]
}

fn not_admitted(anyone: &Anyone, refusal: NotAdmitted) -> Refused {
    let NotAdmitted { code, words, .. } = &refusal;
    info!(remote = %anyone.remote(), code, "not admitted: {words}");
    refusal.into()
}

async fn own_sessions(api: &Api, asker: &Asker) -> Result<Vec<Listing>, Refused> {
    let mut listings = api.store.credentials(Some(asker.name())).await?;
    listings.retain(|listing| listing.kind == CredentialKind::Session);
    Ok(listings)
}

async fn end(api: &Api, asker: &Asker, id: CredentialId) -> Result<(), Refused> {
    api.store.revoke(id, Some(asker.name()), &asker.actor()).await?;
    Ok(())
}
