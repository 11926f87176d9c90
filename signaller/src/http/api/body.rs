//! What requests bring along, read or refused: a JSON body, a query, one part of the path.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Api, Refused};

/// A body of `application/json`.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

/// What is after the question mark.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

/// The part of the path that differs.
#[derive(Debug)]
pub(super) struct Part(pub(super) String);

/// A point in time: RFC 3339, to the second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    /// Milliseconds since 1970.
    pub(super) millis: i64,
}

/// For how long something is good: 1 to 36500 days.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "u16")]
pub(super) struct Days(u16);

impl Days {
    pub(super) const WEEK: Self = Self(7);

    pub(super) fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0) * 24 * 3600)
    }
}

impl TryFrom<u16> for Days {
    type Error = &'static str;

    fn try_from(days: u16) -> Result<Self, Self::Error> {
        if (1..=36_500).contains(&days) { Ok(Self(days)) } else { Err("1 to 36500 days") }
    }
}

impl<T: DeserializeOwned> FromRequest<Api> for Json<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Refused> {
        let axum::Json(body) = axum::Json::from_request(request, api).await?;
        Ok(Self(body))
    }
}

impl<T: DeserializeOwned> FromRequestParts<Api> for Query<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refused> {
        let axum::extract::Query(query) =
            axum::extract::Query::from_request_parts(parts, api).await?;
        Ok(Self(query))
    }
}

impl FromRequestParts<Api> for Part {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refused> {
        match Path::from_request_parts(parts, api).await {
            Ok(Path(part)) => Ok(Self(part)),
            Err(_) => Err(Refused::new("notFound", "the path is not UTF-8")),
        }
    }
}

impl Part {
    /// As a number; what is none is nothing's.
    pub(super) fn number(&self) -> Option<i64> {
        self.0.parse().ok()
    }
}

impl Time {
    /// Of a moment that was, by today's clock: it may have been set since.
    pub(super) fn of(moment: Instant) -> Self {
        let time = SystemTime::now().checked_sub(moment.elapsed()).unwrap_or(UNIX_EPOCH);
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { millis: i64::try_from(since.as_millis()).unwrap_or(i64::MAX) }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = OffsetDateTime::from_unix_timestamp(self.millis.div_euclid(1000));
        let text = time.map_err(serde::ser::Error::custom)?.format(&Rfc3339);
        serializer.serialize_str(&text.map_err(serde::ser::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = OffsetDateTime::parse(&text, &Rfc3339).map_err(serde::de::Error::custom)?;
        Ok(Self { millis: time.unix_timestamp() * 1000 + i64::from(time.millisecond()) })
    }
}

/// Reads a text that is never shown.
pub(super) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
    String::deserialize(from).map(Into::into)
}

/// The same for one that may be missing.
pub(super) fn secret_or_none<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(Into::into))
}
