//! What is answered when something is not done: `{code, details}`, and the one place where a code
//! gets its HTTP status.

use std::time::Duration;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use signaller_core::{AccountName, NameError};

use crate::gate::NotAdmitted;
use crate::hub_task::HubGone;
use crate::store::{AccountError, BadLabel, Broken, CredentialError};

/// Why something is not done, for programs and for people.
#[derive(Debug)]
pub(crate) struct Refused {
    code: &'static str,
    details: String,
    retry_after: Option<Duration>,
}

#[derive(Serialize)]
struct Body<'a> {
    code: &'a str,
    details: &'a str,
}

impl Refused {
    pub(super) fn new(code: &'static str, details: impl Into<String>) -> Self {
        Self { code, details: details.into(), retry_after: None }
    }

    pub(super) fn not_logged_in() -> Self {
        Self::new("notLoggedIn", "this needs a login")
    }

    pub(super) fn forbidden() -> Self {
        Self::new("forbidden", "this is for admins")
    }

    pub(super) fn foreign_page() -> Self {
        Self::new(
            "foreignOrigin",
            "pages of this origin may not ask this; \
             start the server with --allowed-origin ORIGIN to change that",
        )
    }

    pub(super) fn no_such_account(name: &str) -> Self {
        Self::new("noSuchAccount", format!("there is no account {name}"))
    }

    pub(super) fn unreadable(details: impl Into<String>) -> Self {
        Self::new("unreadable", details)
    }

    pub(super) fn is(&self, code: &str) -> bool {
        self.code == code
    }

    fn status(&self) -> StatusCode {
        match self.code {
            "notLoggedIn" | "badLogin" => StatusCode::UNAUTHORIZED,
            "forbidden" | "foreignOrigin" | "wrongPassword" | "registrationClosed"
            | "badInvite" => StatusCode::FORBIDDEN,
            "notFound" | "noSuchAccount" | "noSuchToken" | "noSuchSession" | "noSuchPeer" => {
                StatusCode::NOT_FOUND
            }
            "methodNotAllowed" => StatusCode::METHOD_NOT_ALLOWED,
            "nameTaken" | "lastAdmin" | "badState" | "tooMany" => StatusCode::CONFLICT,
            "tooLong" => StatusCode::PAYLOAD_TOO_LARGE,
            "notJson" => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unreadable" | "badName" | "badLabel" | "badPassword" => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            "tooManyFailures" => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::SERVICE_UNAVAILABLE, // unavailable
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = self.status();
        let body = Body { code: self.code, details: &self.details };
        let mut response = (status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.retry_after {
            // Rounded up: who comes back then is not too early.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<NotAdmitted> for Refused {
    fn from(NotAdmitted { code, words, retry_after }: NotAdmitted) -> Self {
        Self { code, details: words, retry_after }
    }
}

impl From<AccountError> for Refused {
    fn from(error: AccountError) -> Self {
        let details = error.to_string();
        let code = match error {
            AccountError::Exists(_) => "nameTaken",
            AccountError::NoSuch(_) => "noSuchAccount",
            AccountError::LastAdmin(_) => "lastAdmin",
            AccountError::Device(_) => "badState",
            AccountError::NeedsPassword(_) | AccountError::Password(_) => "badPassword",
            AccountError::Crowded(_) => "unavailable",
            AccountError::Broken(broken) => return broken.into(),
        };
        Self::new(code, details)
    }
}

impl From<CredentialError> for Refused {
    fn from(error: CredentialError) -> Self {
        let details = error.to_string();
        let code = match error {
            CredentialError::NoSuchAccount(_) => "noSuchAccount",
            CredentialError::TooMany { .. } => "tooMany",
            CredentialError::Broken(broken) => return broken.into(),
        };
        Self::new(code, details)
    }
}

impl From<Broken> for Refused {
    fn from(broken: Broken) -> Self {
        NotAdmitted::from(broken).into()
    }
}

impl From<HubGone> for Refused {
    fn from(HubGone: HubGone) -> Self {
        Self::new("unavailable", "the server stops")
    }
}

impl From<NameError> for Refused {
    fn from(error: NameError) -> Self {
        Self::new("badName", error.to_string())
    }
}

impl From<BadLabel> for Refused {
    fn from(error: BadLabel) -> Self {
        Self::new("badLabel", error.to_string())
    }
}

impl From<JsonRejection> for Refused {
    fn from(rejection: JsonRejection) -> Self {
        let code = match rejection.status() {
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "notJson",
            StatusCode::PAYLOAD_TOO_LARGE => "tooLong",
            _ => "unreadable",
        };
        Self::new(code, rejection.body_text())
    }
}

impl From<QueryRejection> for Refused {
    fn from(rejection: QueryRejection) -> Self {
        Self::unreadable(rejection.body_text())
    }
}

/// An account's name in an address: what is no name is nobody's.
pub(super) fn account_name(text: &str) -> Result<AccountName, Refused> {
    AccountName::parse(text).map_err(|_| Refused::no_such_account(text))
}
