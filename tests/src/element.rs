//! `intercomsink` and `intercomsrc` in pipelines of the test's own process, and what they say.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Once};
use std::thread;
use std::time::{Duration, Instant};

use gst::glib;
use gst::prelude::*;
use gstintercom::Signaller;

use crate::PATIENCE;

/// A picture that costs little.
const PICTURE: &str = "videotestsrc is-live=true pattern=ball \
    ! video/x-raw,format=I420,width=320,height=240,framerate=15/1 ! queue leaky=downstream";

/// One buffer a frame, not decoded.
const FRAMES: &str = "capsfilter caps=video/x-vp8 ! fakesink sync=false async=false";

/// What an element tells; each becomes a line, as `connected(PEER-ID, -)`.
const SIGNALS: [&str; 7] = [
    "connected",
    "disconnected",
    "refused",
    "session-failed",
    "presence-changed",
    "incoming-call",
    "call-state-changed",
];

/// A pipeline with one of our elements, and the lines that it says.
pub struct Pipeline {
    pipeline: gst::Pipeline,
    element: gst::Element,
    frames: Arc<AtomicUsize>,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Pipeline {
    /// Sends a picture by an `intercomsink` with these properties.
    pub fn sending(properties: &[(&str, &str)]) -> Self {
        let this = Self::of("intercomsink", properties);
        this.element.set_property("video-caps", gst::Caps::new_empty_simple("video/x-vp8"));
        let picture = gst::parse::bin_from_description(PICTURE, true).unwrap();
        this.pipeline.add(&picture).unwrap();
        picture.link(&this.element).unwrap();
        this.play()
    }

    /// Receives by an `intercomsrc` with these properties, and counts the frames.
    pub fn receiving(properties: &[(&str, &str)]) -> Self {
        let this = Self::of("intercomsrc", properties);
        let (frames, weak) = (this.frames.clone(), this.pipeline.downgrade());
        this.element.connect_pad_added(move |_, pad| {
            let Some(pipeline) = weak.upgrade() else { return };
            let frames = frames.clone();
            pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
                frames.fetch_add(1, Ordering::SeqCst);
                gst::PadProbeReturn::Ok
            });
            let sink = gst::parse::bin_from_description(FRAMES, true).unwrap();
            pipeline.add(&sink).unwrap();
            sink.sync_state_with_parent().unwrap();
            pad.link(&sink.static_pad("sink").unwrap()).unwrap();
        });
        this.play()
    }

    fn of(factory: &str, properties: &[(&str, &str)]) -> Self {
        static INIT: Once = Once::new();
        INIT.call_once(|| {
            gst::init().unwrap();
            gstintercom::plugin_register_static().unwrap();
        });
        let element = gst::ElementFactory::make(factory).build().unwrap();
        for (name, value) in properties {
            match name.strip_prefix("signaller::") {
                Some(name) => {
                    let signaller = element.property::<glib::Object>("signaller");
                    signaller.set_property_from_str(name, value);
                }
                None => element.set_property_from_str(name, value),
            }
        }
        let pipeline = gst::Pipeline::new();
        pipeline.add(&element).unwrap();
        let (said, lines) = channel();
        listen(&element, &pipeline, &said);
        Self { pipeline, element, frames: Arc::default(), lines, seen: Vec::new() }
    }

    fn play(self) -> Self {
        self.pipeline.set_state(gst::State::Playing).unwrap();
        self
    }

    /// The element.
    pub fn element(&self) -> &gst::Element {
        &self.element
    }

    /// The pipeline around it.
    pub fn pipeline(&self) -> &gst::Pipeline {
        &self.pipeline
    }

    /// Stops it as an application does that ends.
    pub fn stop(&self) {
        self.pipeline.set_state(gst::State::Null).unwrap();
    }

    /// The signaller inside it.
    pub fn signaller(&self) -> Signaller {
        self.element.property::<glib::Object>("signaller").downcast().unwrap()
    }

    /// Its peer id, as soon as it is registered, the next time if it was before.
    pub fn peer_id(&mut self) -> String {
        let line = self.expect("connected(");
        line.split(['(', ',']).nth(1).unwrap().to_owned()
    }

    /// Waits for the next line that begins with `text`, and returns it.
    pub fn expect(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("{} does not say {text:?}, only {:#?}", self.element.name(), self.seen)
            };
            self.seen.push(line.clone());
            if line.starts_with(text) {
                return line;
            }
        }
    }

    /// Everything said so far.
    pub fn said(&mut self) -> &[String] {
        self.seen.extend(self.lines.try_iter());
        &self.seen
    }

    /// Waits until that many more frames have come.
    pub fn expect_frames(&mut self, count: usize) {
        let goal = self.frames() + count;
        let deadline = Instant::now() + PATIENCE;
        while self.frames() < goal {
            let (frames, late) = (self.frames(), Instant::now() >= deadline);
            assert!(!late, "{frames} of {goal} frames; said {:#?}", self.said());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Frames that have come so far.
    pub fn frames(&self) -> usize {
        self.frames.load(Ordering::SeqCst)
    }
}

impl Drop for Pipeline {
    /// The sink of GStreamer 1.22 can stand still for ever while it closes a live session; the
    /// binaries leave it behind as well, and say goodbye all the same.
    fn drop(&mut self) {
        self.signaller().emit_by_name::<bool>("stop", &[]);
        let (pipeline, (done, stopped)) = (self.pipeline.clone(), channel());
        thread::spawn(move || {
            let _ = pipeline.set_state(gst::State::Null);
            let _ = done.send(());
        });
        if stopped.recv_timeout(Duration::from_secs(5)).is_err() {
            eprintln!("a pipeline does not close and is left behind");
        }
    }
}

fn listen(element: &gst::Element, pipeline: &gst::Pipeline, said: &Sender<String>) {
    for name in SIGNALS {
        let said = said.clone();
        element.connect(name, false, move |values| {
            let words: Vec<_> = values[1..].iter().map(word).collect();
            let _ = said.send(format!("{name}({})", words.join(", ")));
            None
        });
    }
    let signaller = element.property::<glib::Object>("signaller");
    let started = said.clone();
    signaller.connect("session-started", false, move |_| {
        let _ = started.send("session started".into());
        None
    });
    let ended = said.clone();
    signaller.connect("session-ended", false, move |_| {
        let _ = ended.send("session ended".into());
        Some(true.to_value())
    });
    let bus = said.clone();
    pipeline.bus().unwrap().set_sync_handler(move |_, message| {
        if let gst::MessageView::Error(error) = message.view() {
            let _ = bus.send(format!("error: {}", error.error()));
        }
        gst::BusSyncReply::Drop
    });
}

fn word(value: &glib::Value) -> String {
    let text = value.get::<Option<String>>().map(|text| text.unwrap_or_else(|| "-".into()));
    let flag = || value.get::<bool>().map(|flag| flag.to_string());
    let number = || value.get::<u64>().map(|number| number.to_string());
    text.or_else(|_| flag()).or_else(|_| number()).unwrap()
}
