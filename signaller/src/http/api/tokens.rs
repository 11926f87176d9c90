//! Tokens of devices and programs, and invites: for admins. A new secret is told once.

use axum::extract::State;
use axum::http::StatusCode;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use signaller_core::CredentialId;

use super::accounts::account;
use super::asker::Admin;
use super::body::{Days, Json, Part, Time};
use super::refused::account_name;
use super::{Api, Refused};
use crate::store::{Listing, label};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    /// What it is for.
    name: Option<String>,
    /// Without, until it is revoked.
    days: Option<Days>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewInvite {
    days: Option<Days>,
}

#[derive(Serialize)]
pub(super) struct Token {
    id: i64,
    token: String,
}

#[derive(Serialize)]
pub(super) struct Invite {
    invite: String,
}

#[derive(Serialize)]
pub(super) struct Tokens {
    tokens: Vec<View>,
}

/// Never the secret, which nobody knows.
#[derive(Serialize)]
struct View {
    id: i64,
    kind: &'static str,
    name: Option<String>,
    created: Time,
    used: Option<Time>,
    expires: Option<Time>,
}

pub(super) async fn list(
    State(api): State<Api>,
    _: Admin,
    Part(name): Part,
) -> Result<axum::Json<Tokens>, Refused> {
    let account = account(&api, &account_name(&name)?).await?;
    let listings = api.store.credentials(Some(&account.name)).await?;
    Ok(axum::Json(Tokens { tokens: listings.into_iter().map(View::from).collect() }))
}

pub(super) async fn create(
    State(api): State<Api>,
    Admin(admin): Admin,
    Part(name): Part,
    Json(new): Json<NewToken>,
) -> Result<(StatusCode, axum::Json<Token>), Refused> {
    let account = account_name(&name)?;
    let label = new.name.as_deref().map(label).transpose()?;
    let life = new.days.map(Days::duration);
    let made = api.store.create_token(&account, label.as_deref(), life, &admin.actor()).await;
    let (id, token) = made?;
    let token = Token { id: id.0, token: token.expose_secret().to_owned() };
    Ok((StatusCode::CREATED, axum::Json(token)))
}

/// Also ends a web session. Whoever is connected with it is cut.
pub(super) async fn revoke(
    State(api): State<Api>,
    Admin(admin): Admin,
    id: Part,
) -> Result<StatusCode, Refused> {
    let none = || Refused::new("noSuchToken", "there is no such token");
    let id = CredentialId(id.number().ok_or_else(none)?);
    match api.store.revoke(id, None, &admin.actor()).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(none()),
    }
}

pub(super) async fn invite(
    State(api): State<Api>,
    Admin(admin): Admin,
    Json(NewInvite { days }): Json<NewInvite>,
) -> Result<(StatusCode, axum::Json<Invite>), Refused> {
    let life = days.unwrap_or(Days::WEEK).duration();
    let invite = api.store.create_invite(life, &admin.actor()).await?;
    Ok((StatusCode::CREATED, axum::Json(Invite { invite: invite.expose_secret().to_owned() })))
}

impl From<Listing> for View {
    fn from(listing: Listing) -> Self {
        let time = |millis| Time { millis };
        Self {
            id: listing.id.0,
            kind: listing.kind.word(),
            name: listing.name,
            created: time(listing.created),
            used: listing.used.map(time),
            expires: listing.expires.map(time),
        }
    }
}
