//! What is measured. A row loads one fresh server and returns named figures. Those of the signaller
//! are measured here, those of the pipelines in [`media`].

use std::pin::Pin;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use serde_json::json;
use tokio::task::JoinSet;

use crate::client::{Client, Pair, candidate, tls_connector};
use crate::media;
use crate::server::Server;
use crate::setup::Setup;

/// Name, unit included, and value.
pub(crate) type Figures = Vec<(&'static str, f64)>;

pub(crate) type Measured<'a> = Pin<Box<dyn Future<Output = Result<Figures>> + Send + 'a>>;

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Signaller,
    Media,
}

pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) group: Group,
    pub(crate) tls: bool,
    pub(crate) measure: for<'a> fn(&'a Server, &'a Setup) -> Measured<'a>,
}

/// Every row, in the order of the report.
pub(crate) fn all() -> impl Iterator<Item = &'static Row> {
    SIGNALLER.iter().chain(media::ROWS)
}

const SIGNALLER: &[Row] = &[
    Row {
        name: "5 000 idle connections, plain",
        group: Group::Signaller,
        tls: false,
        measure: |server, setup| Box::pin(idle(server, setup, 5_000)),
    },
    Row {
        name: "3 000 idle connections, TLS",
        group: Group::Signaller,
        tls: true,
        measure: |server, setup| Box::pin(idle(server, setup, 3_000)),
    },
    Row {
        name: "50 pairs echo flat out",
        group: Group::Signaller,
        tls: false,
        measure: |server, _| Box::pin(echo(server, None)),
    },
    Row {
        name: "50 pairs echo every 20 ms",
        group: Group::Signaller,
        tls: false,
        measure: |server, _| Box::pin(echo(server, Some(Duration::from_millis(20)))),
    },
    Row {
        name: "a session is set up",
        group: Group::Signaller,
        tls: false,
        measure: |server, _| Box::pin(session_setup(server)),
    },
    Row {
        name: "one peer stops reading, 20 others go on",
        group: Group::Signaller,
        tls: false,
        measure: |server, _| Box::pin(stuck_peer(server)),
    },
];

const PAIRS: usize = 50;
const WINDOW: Duration = Duration::from_secs(5);

async fn idle(server: &Server, setup: &Setup, count: usize) -> Result<Figures> {
    let connector = if server.tls { Some(tls_connector(setup)?) } else { None };
    let before = server.memory()?;
    let mut clients = Vec::with_capacity(count);
    while clients.len() < count {
        let batch = (0..50).map(|_| Client::connect(server, connector.as_ref()));
        clients.extend(try_join_all(batch).await?);
    }
    let used = server.memory()?.saturating_sub(before);
    Ok(vec![("memory per connection, KiB", used as f64 / clients.len() as f64 / 1024.0)])
}

/// Every consumer sends, its producer echoes, and the consumer sends again: at once, or paced.
async fn echo(server: &Server, pace: Option<Duration>) -> Result<Figures> {
    let pairs = try_join_all((0..PAIRS).map(|_| Pair::connect(server))).await?;
    let cpu = server.cpu()?;
    let end = Instant::now() + WINDOW;
    let mut tasks = JoinSet::new();
    for pair in pairs {
        tasks.spawn(echo_pair(pair, end, pace));
    }
    let mut round_trips = Vec::new();
    while let Some(times) = tasks.join_next().await {
        round_trips.extend(times??);
    }
    let cpu = server.cpu()? - cpu;
    let relayed = 2 * round_trips.len();
    round_trips.sort_unstable();
    Ok(vec![
        ("server CPU per relayed message, µs", cpu.as_secs_f64() * 1e6 / relayed as f64),
        ("round trip p50, µs", micros(percentile(&round_trips, 50)?)),
        ("round trip p99, µs", micros(percentile(&round_trips, 99)?)),
        ("messages relayed a second", relayed as f64 / WINDOW.as_secs_f64()),
    ])
}

async fn echo_pair(mut pair: Pair, end: Instant, pace: Option<Duration>) -> Result<Vec<Duration>> {
    let message = candidate(&pair.session);
    let mut times = Vec::new();
    let mut ticks = pace.map(tokio::time::interval);
    let Pair { producer, consumer, .. } = &mut pair;
    while Instant::now() < end {
        if let Some(ticks) = &mut ticks {
            ticks.tick().await;
        }
        let start = Instant::now();
        consumer.send(message.as_str()).await?;
        let text = producer.relayed().await?;
        producer.send(text).await?;
        consumer.relayed().await?;
        times.push(start.elapsed());
    }
    Ok(times)
}

async fn session_setup(server: &Server) -> Result<Figures> {
    let mut pair = Pair::connect(server).await?;
    let mut times = Vec::new();
    for round in 1..=1_000 {
        // Ours takes so many of one connection at a time.
        if round % 100 == 0 {
            pair = Pair::connect(server).await?;
        }
        let start = json!({"type": "startSession", "peerId": pair.producer.peer_id}).to_string();
        let asked = Instant::now();
        pair.consumer.send(start.as_str()).await?;
        let started = pair.consumer.expect("sessionStarted").await?;
        pair.producer.expect("startSession").await?;
        times.push(asked.elapsed());
        let end = json!({"type": "endSession", "sessionId": started["sessionId"]}).to_string();
        pair.consumer.send(end).await?;
        pair.producer.expect("endSession").await?;
    }
    times.sort_unstable();
    Ok(vec![
        ("asked to both ends told p50, µs", micros(percentile(&times, 50)?)),
        ("asked to both ends told p99, µs", micros(percentile(&times, 99)?)),
    ])
}

/// How much of their paced traffic 20 pairs get through while a 21st is flooded and does not read.
async fn stuck_peer(server: &Server) -> Result<Figures> {
    let Pair { mut consumer, producer: stuck, session } = Pair::connect(server).await?;
    let pairs = try_join_all((0..20).map(|_| Pair::connect(server))).await?;
    let flood = tokio::spawn(async move {
        let message = candidate(&session);
        // Ends with an error when the server closes the flooded session, as it should.
        while consumer.send(message.as_str()).await.is_ok() {}
    });
    tokio::time::sleep(Duration::from_millis(500)).await;

    let pace = Duration::from_millis(20);
    let expected = 20.0 * WINDOW.as_secs_f64() / pace.as_secs_f64();
    let mut tasks = JoinSet::new();
    for pair in pairs {
        let end = Instant::now() + WINDOW;
        tasks.spawn(tokio::time::timeout(2 * WINDOW, echo_pair(pair, end, Some(pace))));
    }
    let mut done = 0;
    while let Some(times) = tasks.join_next().await {
        done += times?.map_or(0, |times| times.map_or(0, |times| times.len()));
    }
    flood.abort();
    drop(stuck);
    Ok(vec![("echoes of the others, percent of due", 100.0 * done as f64 / expected)])
}

/// Of values in order.
pub(crate) fn percentile<T: Copy>(sorted: &[T], percent: usize) -> Result<T> {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().context("nothing was measured")
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
