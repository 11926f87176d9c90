//! The thread that opens, starts and closes a microphone. Each may take as long as a sound server likes, and
//! the main loop must wait for none of them; what has come of it is told there.
//!
//! It does one thing after the other, so that a device is closed before it is opened again.

use std::{sync::mpsc, thread};

use gst::prelude::*;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{devices, source, spec::AudioSource, trouble::Failure};

/// Asks the thread, which ends with it.
#[derive(Debug)]
pub(crate) struct Opener(mpsc::Sender<Job>);

/// What has come of it.
#[derive(Debug)]
pub(crate) enum Done {
    /// An open device, in no pipeline yet.
    Opened(Result<gst::Bin, Failure>),
    /// Whether it plays.
    Started(gst::Bin, bool),
}

#[derive(Debug)]
enum Job {
    Open(AudioSource),
    Start(gst::Bin),
    Close(gst::Bin),
    List,
}

impl Opener {
    /// With what is to be read in the main loop.
    pub(crate) fn new() -> (Self, UnboundedReceiver<Done>) {
        let (jobs, asked) = mpsc::channel::<Job>();
        let (tell, done) = unbounded_channel();
        thread::spawn(move || asked.into_iter().for_each(|job| job.work(&tell)));
        (Self(jobs), done)
    }

    /// Opens a device.
    pub(crate) fn open(&self, spec: &AudioSource) {
        self.ask(Job::Open(spec.clone()));
    }

    /// Starts what has been opened and linked.
    pub(crate) fn start(&self, bin: &gst::Bin) {
        self.ask(Job::Start(bin.clone()));
    }

    /// Closes what stands in no pipeline any more.
    pub(crate) fn close(&self, bin: gst::Bin) {
        self.ask(Job::Close(bin));
    }

    /// Has the log say which devices there are.
    pub(crate) fn list(&self) {
        self.ask(Job::List);
    }

    fn ask(&self, job: Job) {
        // The thread lives as long as this.
        let _ = self.0.send(job);
    }
}

impl Job {
    fn work(self, tell: &UnboundedSender<Done>) {
        let done = match self {
            Self::Open(spec) => Done::Opened(open(&spec)),
            Self::Start(bin) => {
                let plays = bin.set_state(gst::State::Playing).is_ok();
                Done::Started(bin, plays)
            }
            Self::Close(bin) => return close(&bin),
            // Nothing waits for that one, and it may take long, too.
            Self::List => {
                let say = || tracing::info!("{}", devices::found(devices::Kind::Microphone));
                return drop(thread::spawn(say));
            }
        };
        // Nobody listens any more at the end.
        let _ = tell.send(done);
    }
}

/// On a bus of its own: what others have said on the pipeline's is not for us.
fn open(spec: &AudioSource) -> Result<gst::Bin, Failure> {
    let bin = source::audio(spec).map_err(|error| Failure::gone(&error.to_string()))?;
    let bin = bin.ok_or_else(|| Failure::gone("there is none"))?;
    let bus = gst::Bus::new();
    bin.set_bus(Some(&bus));
    let opened = bin.set_state(gst::State::Ready);
    bin.set_bus(None);
    if opened.is_ok() {
        return Ok(bin);
    }
    close(&bin);
    let message = bus.pop_filtered(&[gst::MessageType::Error]);
    Err(match message.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Error(error)) => Failure::of(&error.error()),
        _ => Failure::gone("it cannot be opened"),
    })
}

fn close(bin: &gst::Bin) {
    if bin.set_state(gst::State::Null).is_err() {
        tracing::debug!("a source of sound did not stop cleanly");
    }
}
