//! Who asks. A handler that takes one of these is for them alone.
//!
//! A cookie is sent by the browser whoever made the page, so that with one nothing is changed
//! without an `Origin` that is ours or listed. A token is sent by nobody who does not know it.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use signaller_core::{AccountName, Kind};

use super::body::Part;
use super::refused::account_name;
use super::{Api, Refused};
use crate::credentials::{self, Carrier};
use crate::link::{Page, Visit};
use crate::store::{Actor, Credential};

/// Somebody who may have no login.
#[derive(Debug)]
pub(super) struct Anyone {
    pub(super) visit: Visit,
    /// What its web session is called in lists: the name of its browser.
    pub(super) agent: Option<String>,
}

/// Somebody with a login.
#[derive(Debug)]
pub(super) struct Asker {
    pub(super) credential: Credential,
    /// It showed the cookie of a web session, and no token.
    pub(super) has_session: bool,
    remote: IpAddr,
}

/// An admin.
#[derive(Debug)]
pub(crate) struct Admin(pub(super) Asker);

/// The owner of the account that is named in the path, or an admin.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) asker: Asker,
    pub(super) name: AccountName,
}

impl Asker {
    pub(super) fn name(&self) -> &AccountName {
        &self.credential.account
    }

    pub(super) fn is_admin(&self) -> bool {
        self.credential.kind == Kind::Admin
    }

    /// Who it is in the audit table.
    pub(super) fn actor(&self) -> Actor {
        actor(self.name(), self.remote)
    }

    pub(super) fn remote(&self) -> IpAddr {
        self.remote
    }
}

impl Anyone {
    pub(super) fn remote(&self) -> IpAddr {
        self.visit.link.remote
    }

    /// Who it turned out to be, in the audit table.
    pub(super) fn actor(&self, name: &AccountName) -> Actor {
        actor(name, self.remote())
    }
}

impl FromRequestParts<Api> for Anyone {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Refused> {
        let agent = header_text(&parts.headers, &header::USER_AGENT);
        Ok(Self { visit: visit(parts)?, agent })
    }
}

impl FromRequestParts<Api> for Asker {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refused> {
        let visit = visit(parts)?;
        let carrier = credentials::of_request(&parts.headers).ok_or_else(Refused::not_logged_in)?;
        let has_session = matches!(carrier, Carrier::Session(_));
        if has_session && !parts.method.is_safe() && visit.page != Page::Allowed {
            return Err(Refused::foreign_page());
        }
        let credential = api.gate.credential(&carrier, visit.link.remote).await?;
        Ok(Self { credential, has_session, remote: visit.link.remote })
    }
}

impl FromRequestParts<Api> for Admin {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refused> {
        let asker = Asker::from_request_parts(parts, api).await?;
        if asker.is_admin() { Ok(Self(asker)) } else { Err(Refused::forbidden()) }
    }
}

impl FromRequestParts<Api> for Owner {
    type Rejection = Refused;

    /// Others learn not even whether there is such an account.
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refused> {
        let asker = Asker::from_request_parts(parts, api).await?;
        let Part(name) = Part::from_request_parts(parts, api).await?;
        match account_name(&name) {
            Ok(name) if *asker.name() == name || asker.is_admin() => Ok(Self { asker, name }),
            Err(unknown) if asker.is_admin() => Err(unknown),
            Ok(_) | Err(_) => {
                Err(Refused::new("forbidden", "this is for its owner and for admins"))
            }
        }
    }
}

/// Whoever serves a request has said how it came in; without that, nothing is believed.
fn visit(parts: &Parts) -> Result<Visit, Refused> {
    parts.extensions.get().copied().ok_or_else(Refused::foreign_page)
}

fn actor(name: &AccountName, remote: IpAddr) -> Actor {
    Actor::Account { name: name.clone(), remote: Some(remote) }
}

fn header_text(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
