//! The smallest client: a test picture from `webrtcbin` for whoever is at the other end.
//!
//! It offers VP8 and takes the answer, in GStreamer's HELLO and SESSION protocol (simple) or in the
//! JSON of one program and one page (relay). docs/guide/own-client.md tells it step by step. It is
//! as long as it is because it speaks both, says what goes wrong, and outlives a pipeline of
//! GStreamer 1.22 that does not close.

use std::future::pending;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use gst::prelude::*;
use gst_sdp::SDPMessage;
use gst_webrtc::{WebRTCPeerConnectionState as State, WebRTCSDPType, WebRTCSessionDescription};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_tungstenite::{connect_async, tungstenite::Message};

const USAGE: &str = "usage: webrtcbin --simple URL UID [PEER]   be UID; with PEER, send to it
       webrtcbin --relay URL                send to the page that comes";

const PIPELINE: &str = "videotestsrc is-live=true pattern=ball \
    ! video/x-raw,width=640,height=480,framerate=30/1 ! queue \
    ! vp8enc deadline=1 keyframe-max-dist=30 ! rtpvp8pay picture-id-mode=15-bit \
    ! application/x-rtp,media=video,encoding-name=VP8,payload=96 \
    ! webrtcbin name=webrtc bundle-policy=max-bundle";

/// What the picture says. It says it in threads of its own, where nothing is to be asked.
enum News {
    Offer(String),
    Candidate(u32, String),
    State,
    Failed(String),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["--simple", url, uid] => run(url, Some(uid), None).await,
        ["--simple", url, uid, peer] => run(url, Some(uid), Some(peer)).await,
        ["--relay", url] => run(url, None, None).await,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    let Err(error) = done else { return ExitCode::SUCCESS };
    eprintln!("webrtcbin: {error:#}");
    ExitCode::FAILURE
}

/// Until the server closes the connection. Who has a uid speaks simple, who has none relay.
async fn run(url: &str, uid: Option<&str>, peer: Option<&str>) -> Result<()> {
    gst::init()?;
    let (socket, _) = connect_async(url).await.with_context(|| format!("cannot reach {url}"))?;
    let (mut server, mut said) = socket.split();
    let mut picture = None;
    if let Some(uid) = uid {
        server.send(Message::text(format!("HELLO {uid}"))).await?;
    }
    loop {
        tokio::select! {
            message = said.next() => match message.context("the server is gone")?? {
                Message::Text(text) => {
                    if let Some(answer) = hear(&text, peer, &mut picture)? {
                        server.send(Message::text(answer)).await?;
                    }
                }
                Message::Close(frame) => {
                    let why = frame.map_or(String::new(), |frame| frame.reason.to_string());
                    bail!("the server closed the connection: {why}");
                }
                _ => {}
            },
            news = news(&mut picture) => match news {
                News::Offer(sdp) => {
                    let offer = json!({"type": "offer", "sdp": sdp});
                    let offer = if uid.is_some() { json!({"sdp": offer}) } else { offer };
                    server.send(Message::text(offer.to_string())).await?;
                }
                News::Candidate(line, candidate) => {
                    let ice = json!({"candidate": candidate, "sdpMLineIndex": line});
                    let ice = if uid.is_some() { json!({"ice": ice}) } else { typed("ice", ice) };
                    server.send(Message::text(ice.to_string())).await?;
                }
                News::State => match picture.as_ref().map(Picture::state) {
                    Some(State::Connected) => println!("connected"),
                    Some(State::Failed) => {
                        give_up("found no way to the other end", uid, &mut picture)?;
                    }
                    _ => {}
                },
                News::Failed(why) => give_up(&why, uid, &mut picture)?,
            },
        }
    }
}

/// One that came to nothing: in simple it was the only one, in relay the next page may come.
fn give_up(why: &str, uid: Option<&str>, picture: &mut Option<Picture>) -> Result<()> {
    if uid.is_some() {
        bail!("{why}");
    }
    eprintln!("webrtcbin: {why}");
    *picture = None;
    Ok(())
}

/// Works on a message of the server; what is answered at once.
fn hear(text: &str, peer: Option<&str>, picture: &mut Option<Picture>) -> Result<Option<String>> {
    match text {
        "HELLO" => {
            println!("known to the server");
            return Ok(peer.map(|peer| format!("SESSION {peer}")));
        }
        "SESSION_OK" | "OFFER_REQUEST" => {
            *picture = Some(Picture::start()?);
            return Ok(None);
        }
        _ if text.starts_with("ERROR") => bail!("the server says: {text}"),
        _ => {}
    }
    let message: Value = serde_json::from_str(text).context("the server says no JSON")?;
    // simple has an object around each, relay has not.
    let [sdp, ice] = ["sdp", "ice"].map(|key| match &message[key] {
        inside @ Value::Object(_) => inside,
        _ => &message,
    });
    match (sdp["type"].as_str(), sdp["sdp"].as_str(), ice["candidate"].as_str(), &*picture) {
        (Some("client"), ..) => {
            // A new one for each page: what another has negotiated is of no use to it.
            *picture = None;
            *picture = Some(Picture::start()?);
            return Ok(Some(typed("ack", json!({"role": "client"})).to_string()));
        }
        (Some("error"), ..) => {
            eprintln!("the server says: {}", message["details"].as_str().unwrap_or(text));
            *picture = None; // the next page may come
        }
        (Some("offer"), ..) => bail!("the other end offers, and so does this program"),
        (Some("answer"), Some(sdp), _, Some(picture)) => picture.answer(sdp)?,
        (_, _, Some(candidate), Some(picture)) => {
            let line = u32::try_from(ice["sdpMLineIndex"].as_u64().unwrap_or_default())?;
            picture.webrtc.emit_by_name::<()>("add-ice-candidate", &[&line, &candidate]);
        }
        _ => {}
    }
    Ok(None)
}

fn typed(kind: &str, mut message: Value) -> Value {
    message["type"] = kind.into();
    message
}

async fn news(picture: &mut Option<Picture>) -> News {
    match picture {
        Some(picture) => picture.news.recv().await.unwrap_or(News::State),
        None => pending().await,
    }
}

/// A running pipeline; it ends when it is dropped.
struct Picture {
    pipeline: gst::Pipeline,
    webrtc: gst::Element,
    news: UnboundedReceiver<News>,
}

impl Picture {
    fn start() -> Result<Self> {
        let pipeline = gst::parse::launch(PIPELINE).context("a GStreamer plugin is missing")?;
        let pipeline = pipeline.downcast::<gst::Pipeline>().expect("several elements are one");
        let webrtc = pipeline.by_name("webrtc").context("there is no webrtcbin")?;
        let (sender, news) = unbounded_channel();

        let tell = sender.clone();
        webrtc.connect("on-negotiation-needed", false, move |args| {
            offer(&args[0].get().ok()?, tell.clone());
            None
        });
        let tell = sender.clone();
        webrtc.connect("on-ice-candidate", false, move |args| {
            let _ = tell.send(News::Candidate(args[1].get().ok()?, args[2].get().ok()?));
            None
        });
        let tell = sender.clone();
        webrtc.connect_notify(Some("connection-state"), move |_, _| {
            let _ = tell.send(News::State);
        });
        pipeline.bus().context("a pipeline has a bus")?.set_sync_handler(move |_, message| {
            if let gst::MessageView::Error(error) = message.view() {
                let _ = sender.send(News::Failed(format!("the pipeline: {}", error.error())));
            }
            gst::BusSyncReply::Drop
        });
        let picture = Self { pipeline, webrtc, news };
        picture.pipeline.set_state(gst::State::Playing).context("the pipeline does not start")?;
        Ok(picture)
    }

    fn answer(&self, sdp: &str) -> Result<()> {
        let sdp = SDPMessage::parse_buffer(sdp.as_bytes()).context("the answer is no SDP")?;
        let answer = WebRTCSessionDescription::new(WebRTCSDPType::Answer, sdp);
        let done = None::<gst::Promise>;
        self.webrtc.emit_by_name::<()>("set-remote-description", &[&answer, &done]);
        Ok(())
    }

    fn state(&self) -> State {
        self.webrtc.property("connection-state")
    }
}

impl Drop for Picture {
    /// In a thread of its own: GStreamer 1.22 can stand still for ever there, and the next page waits.
    fn drop(&mut self) {
        let (pipeline, (done, ended)) = (self.pipeline.clone(), mpsc::channel());
        thread::spawn(move || done.send(pipeline.set_state(gst::State::Null)));
        if ended.recv_timeout(Duration::from_secs(2)).is_err() {
            eprintln!("webrtcbin: a pipeline does not close and is left behind");
        }
    }
}

/// Makes an offer, takes it for its own, and has it sent.
fn offer(webrtc: &gst::Element, tell: UnboundedSender<News>) {
    let again = webrtc.clone();
    let made = gst::Promise::with_change_func(move |reply| {
        let reply = reply.ok().flatten();
        let offer = reply.and_then(|it| it.get::<WebRTCSessionDescription>("offer").ok());
        let Some(Ok(text)) = offer.as_ref().map(|offer| offer.sdp().as_text()) else {
            let _ = tell.send(News::Failed("webrtcbin makes no offer".into()));
            return;
        };
        // The offer first: candidates come as soon as it is taken.
        let _ = tell.send(News::Offer(text));
        again.emit_by_name::<()>("set-local-description", &[&offer, &None::<gst::Promise>]);
    });
    webrtc.emit_by_name::<()>("create-offer", &[&None::<gst::Structure>, &made]);
}
