//! Figures for Prometheus (text format 0.0.4): for programs of this machine, and for admins.

use std::fmt::Write;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::api::{Admin, Api, Refused};
use crate::hub_task::Counts;
use crate::link::Visit;

const FORMAT: &str = "text/plain; version=0.0.4";

pub(super) async fn metrics(State(api): State<Api>, request: Request) -> Response {
    match figures(&api, request).await {
        Ok(text) => ([(header::CONTENT_TYPE, FORMAT)], text).into_response(),
        Err(refused) => refused.into_response(),
    }
}

async fn figures(api: &Api, request: Request) -> Result<String, Refused> {
    let (mut parts, _) = request.into_parts();
    if !parts.extensions.get::<Visit>().is_some_and(|visit| visit.is_local) {
        Admin::from_request_parts(&mut parts, api).await?;
    }
    Ok(print(api.hub.count().await?, api.gate.failed_logins()))
}

fn print(counts: Counts, failed_logins: u64) -> String {
    let Counts { peers, sessions, calls, overflowed } = counts;
    let mut text = String::new();
    for (name, kind, help, value) in [
        ("peers", "gauge", "Connected peers.", peers as u64),
        ("sessions", "gauge", "One-way media between two peers.", sessions as u64),
        ("calls", "gauge", "Calls that ring or were accepted.", calls as u64),
        ("failed_logins_total", "counter", "Wrong or too hasty passwords.", failed_logins),
        ("overflowed_total", "counter", "Connections closed for not reading.", overflowed),
    ] {
        // Writing to a String does not fail.
        let _ = writeln!(text, "# HELP intercom_{name} {help}");
        let _ = writeln!(text, "# TYPE intercom_{name} {kind}");
        let _ = writeln!(text, "intercom_{name} {value}");
    }
    text
}
