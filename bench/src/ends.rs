//! Both ends of a picture's way: a producer's process and a consumer's, stock or ours.

use std::net::Ipv4Addr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;
use tokio::net::UdpSocket;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::client::Client;
use crate::server::{Kind, Server, cpu_of};
use crate::setup::Setup;

/// How long an end may take to do what is measured of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// The same camera for both sides.
const CAMERA: &str = "videotestsrc is-live=true \
                      ! video/x-raw,format=I420,width=1280,height=720,framerate=30/1 ! benchstamp";

/// The stock sink's own settings of this encoder, and the bitrate that ours has by default.
const ENCODER: &str = "vp8enc deadline=1 cpu-used=-16 threads=1 lag-in-frames=0 \
                       keyframe-max-dist=2560 target-bitrate=2000000 buffer-initial-size=100 \
                       buffer-optimal-size=120 buffer-size=150 end-usage=cbr";

/// Nothing but what is measured: no STUN server, which would need a network.
const STOCK: &str = "stun-server=NULL signaller::uri";

/// What a stock producer hands to its sink; ours always gets raw video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feed {
    Raw,
    Encoded,
}

/// A producer's process, registered. It is ended when dropped.
pub(crate) struct Producer {
    process: Child,
    peer_id: String,
}

/// A consumer's process that decodes, and what its screen tells. It is ended when dropped.
pub(crate) struct Consumer {
    process: Child,
    screen: UdpSocket,
}

/// What happened at a consumer's screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) what: What,
    /// Nanoseconds of the monotonic clock.
    pub(crate) at: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// The screen was created.
    Made,
    /// A picture arrived at it.
    Decoded,
    /// A picture was seen: microseconds since it was stamped, if the stamp can be read.
    Shown(Option<u32>),
}

impl Producer {
    pub(crate) async fn start(server: &Server, setup: &Setup, feed: Feed) -> Result<Self> {
        let url = format!("ws://127.0.0.1:{}", server.port);
        let command = match (server.kind, feed) {
            (Kind::Stock, Feed::Raw) => {
                let codec = "video-caps=video/x-vp8"; // else it tries out every encoder first
                setup.stock_launch(&format!("{CAMERA} ! webrtcsink {codec} {STOCK}={url}"))
            }
            (Kind::Stock, Feed::Encoded) => {
                setup.stock_launch(&format!("{CAMERA} ! {ENCODER} ! webrtcsink {STOCK}={url}"))
            }
            (Kind::Ours, _) => {
                let mut command = setup.ours("intercom-producer");
                command.args(["--server", &url, "--name", "bench", "--audio", "none"]);
                command.args(["--video", &format!("launch:{CAMERA}")]);
                command
            }
        };
        let process = spawn(command)?;
        let peer_id = timeout(PATIENCE, registered(server)).await.context("never registered")??;
        Ok(Self { process, peer_id })
    }

    /// Processor time used so far, user and system.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        cpu_of(self.process.id().context("the producer has ended")?)
    }
}

impl Consumer {
    pub(crate) async fn start(server: &Server, setup: &Setup, producer: &Producer) -> Result<Self> {
        let screen = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let sink = format!("benchsink port={}", screen.local_addr()?.port());
        let command = match server.kind {
            Kind::Stock => {
                let source = stock_source(server, producer);
                setup.stock_launch(&format!("{source} ! videoconvert ! {sink}"))
            }
            Kind::Ours => {
                let mut command = our_consumer(server, setup, producer);
                command.args(["--video-out", &format!("launch:{sink}")]);
                command
            }
        };
        Ok(Self { process: spawn(command)?, screen })
    }

    /// What happens next at the screen.
    pub(crate) async fn next(&mut self) -> Result<Event> {
        let mut datagram = [0; 64];
        let received = timeout(PATIENCE, self.screen.recv(&mut datagram)).await;
        let len = received.context("no picture came")??;
        let text = std::str::from_utf8(&datagram[..len])?;
        event(text).with_context(|| format!("the screen says {text:?}"))
    }

    /// Ends it, and waits until it has.
    pub(crate) async fn end(mut self) -> Result<()> {
        Ok(self.process.kill().await?)
    }
}

/// A consumer's process that takes the stream and leaves it encoded. It is ended when dropped.
pub(crate) fn viewer(server: &Server, setup: &Setup, producer: &Producer) -> Result<Child> {
    spawn(match server.kind {
        Kind::Stock => {
            let source = stock_source(server, producer);
            setup.stock_launch(&format!("{source} ! application/x-rtp ! fakesink"))
        }
        Kind::Ours => {
            let mut command = our_consumer(server, setup, producer);
            command.args(["--video-out", "none"]);
            command
        }
    })
}

fn stock_source(server: &Server, producer: &Producer) -> String {
    let url = format!("ws://127.0.0.1:{}", server.port);
    let id = &producer.peer_id;
    format!("webrtcsrc {STOCK}={url} signaller::producer-peer-id={id}")
}

fn our_consumer(server: &Server, setup: &Setup, producer: &Producer) -> Command {
    let mut command = setup.ours("intercom-consumer");
    command.arg("--server").arg(format!("ws://127.0.0.1:{}", server.port));
    command.args(["--peer-id", &producer.peer_id, "--audio-out", "none"]);
    command
}

fn spawn(mut command: Command) -> Result<Child> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let program = command.as_std().get_program().to_owned();
    command.spawn().with_context(|| format!("{} does not start", program.display()))
}

/// Waits for the only producer of a server and returns its peer id.
async fn registered(server: &Server) -> Result<String> {
    let mut lobby = Client::connect(server, None).await?;
    let listen = json!({"type": "setPeerStatus", "roles": ["listener"], "meta": null});
    lobby.send(listen.to_string()).await?;
    lobby.send(json!({"type": "list"}).to_string()).await?;
    let list = lobby.expect("list").await?;
    let mut found = list["producers"][0]["id"].as_str().map(str::to_owned);
    while found.is_none() {
        let status = lobby.expect("peerStatusChanged").await?;
        let produces = status["roles"]
            .as_array()
            .is_some_and(|roles| roles.iter().any(|role| role == "producer"));
        found = status["peerId"].as_str().filter(|_| produces).map(str::to_owned);
    }
    found.context("a producer without an id")
}

fn event(text: &str) -> Result<Event> {
    let mut words = text.split(' ');
    let (what, at) = (words.next(), words.next().context("no time")?.parse()?);
    let what = match what {
        Some("made") => What::Made,
        Some("decoded") => What::Decoded,
        Some("shown") => What::Shown(words.next().and_then(|age| age.parse().ok())),
        _ => bail!("no such event"),
    };
    Ok(Event { what, at })
}
