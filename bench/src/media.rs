//! The rows of the pipelines: 1280×720 at 30 frames a second, VP8, over loopback.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;

use crate::ends::{Consumer, Feed, Producer, What, viewer};
use crate::rows::{Figures, Group, Row, percentile};
use crate::server::{Kind, Server};
use crate::setup::Setup;

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "a consumer starts",
        group: Group::Media,
        tls: false,
        measure: |server, setup| Box::pin(first_frame(server, setup)),
    },
    Row {
        name: "glass to glass, 1280×720@30",
        group: Group::Media,
        tls: false,
        measure: |server, setup| Box::pin(glass_to_glass(server, setup)),
    },
    Row {
        name: "viewers of 1280×720@30",
        group: Group::Media,
        tls: false,
        measure: |server, setup| Box::pin(viewers(server, setup)),
    },
];

/// Starts of a consumer a round.
const STARTS: usize = 11;
/// How long pictures are looked at, once they are there for [`SETTLING`].
const WINDOW: Duration = Duration::from_secs(10);
/// For the bitrate to rise and the clocks to find each other.
const SETTLING: Duration = Duration::from_secs(4);
/// How long the processor's time is taken for each number of viewers.
const CPU_WINDOW: Duration = Duration::from_secs(6);

/// From the start of the process to the first decoded picture. The first start is not counted: in
/// it the producer makes its key and GStreamer looks through its plugins.
async fn first_frame(server: &Server, setup: &Setup) -> Result<Figures> {
    let producer = Producer::start(server, setup, Feed::Raw).await?;
    let (mut until_made, mut until_decoded) = (Vec::new(), Vec::new());
    for start in 0..=STARTS {
        let asked = gstbench::now();
        let mut consumer = Consumer::start(server, setup, &producer).await?;
        let made = awaited(&mut consumer, What::Made).await?;
        let decoded = awaited(&mut consumer, What::Decoded).await?;
        consumer.end().await?;
        if start > 0 {
            until_made.push((made - asked) as f64 / 1e6);
            until_decoded.push((decoded - asked) as f64 / 1e6);
        }
    }
    until_made.sort_unstable_by(f64::total_cmp);
    until_decoded.sort_unstable_by(f64::total_cmp);
    Ok(vec![
        ("process start to first decoded frame p50, ms", percentile(&until_decoded, 50)?),
        ("of it to the making of its elements p50, ms", percentile(&until_made, 50)?),
    ])
}

async fn awaited(consumer: &mut Consumer, what: What) -> Result<u64> {
    loop {
        let event = consumer.next().await?;
        if event.what == what {
            return Ok(event.at);
        }
    }
}

/// From the stamp at the camera to the moment at which the picture is due on the screen.
async fn glass_to_glass(server: &Server, setup: &Setup) -> Result<Figures> {
    let producer = Producer::start(server, setup, Feed::Raw).await?;
    let mut consumer = Consumer::start(server, setup, &producer).await?;
    let first = awaited(&mut consumer, What::Decoded).await?;
    let (from, to) = (first + SETTLING.as_nanos() as u64, (SETTLING + WINDOW).as_nanos() as u64);
    let (mut ages, mut shown) = (Vec::new(), 0);
    loop {
        let event = consumer.next().await?;
        if event.at > first + to {
            break;
        }
        if let (What::Shown(age), true) = (event.what, event.at >= from) {
            shown += 1;
            ages.extend(age.map(|micros| f64::from(micros) / 1e3));
        }
    }
    ages.sort_unstable_by(f64::total_cmp);
    Ok(vec![
        ("age of a picture when it is seen p50, ms", percentile(&ages, 50)?),
        ("age of a picture when it is seen p99, ms", percentile(&ages, 99)?),
        ("pictures seen a second", f64::from(shown) / WINDOW.as_secs_f64()),
    ])
}

/// The producer's processor time with more and more viewers. A stock producer has two ways, ours
/// has both advantages in one: it is shown beside each.
async fn viewers(server: &Server, setup: &Setup) -> Result<Figures> {
    let raw = watched(server, setup, Feed::Raw).await?;
    let encoded = match server.kind {
        Kind::Stock => {
            // The first one is gone when the server says so, and there it is the only producer.
            let server = Server::start(Kind::Stock, server.tls, setup).await?;
            watched(&server, setup, Feed::Encoded).await?
        }
        Kind::Ours => raw,
    };
    Ok(vec![
        ("producer CPU, 1 viewer, % of a core, stock raw", raw[0]),
        ("producer CPU, 2 viewers, % of a core, stock raw", raw[1]),
        ("producer CPU, 4 viewers, % of a core, stock raw", raw[2]),
        ("producer CPU, 1 viewer, % of a core, stock pre-encoded", encoded[0]),
        ("producer CPU, 2 viewers, % of a core, stock pre-encoded", encoded[1]),
        ("producer CPU, 4 viewers, % of a core, stock pre-encoded", encoded[2]),
    ])
}

/// Percent of a core with 1, 2 and 4 viewers, which do not decode.
async fn watched(server: &Server, setup: &Setup, feed: Feed) -> Result<[f64; 3]> {
    let producer = Producer::start(server, setup, feed).await?;
    let mut watching = Vec::new();
    let mut percent = [0.0; 3];
    for (percent, wanted) in percent.iter_mut().zip([1, 2, 4]) {
        while watching.len() < wanted {
            watching.push(viewer(server, setup, &producer)?);
        }
        sleep(SETTLING).await;
        let (start, cpu) = (Instant::now(), producer.cpu()?);
        sleep(CPU_WINDOW).await;
        let cpu = producer.cpu()? - cpu;
        *percent = 100.0 * cpu.as_secs_f64() / start.elapsed().as_secs_f64();
    }
    Ok(percent)
}
