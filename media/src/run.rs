//! The main loop of a device binary: messages of the pipeline, signals, and how it ends.

use std::{cell::RefCell, io, rc::Rc, sync::mpsc, time::Duration};

use gst::{glib, prelude::*};
use intercom_settings::Terminal;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::notify;

/// A pipeline that does not stop within this time is left behind: its process ends anyway.
/// (webrtcbin of GStreamer 1.22.0 is known to block while it is closed.)
const STOP: Duration = Duration::from_secs(3);

/// The message on the bus that a signal makes.
const STOP_MESSAGE: &str = "intercom-stop";

/// The message on the bus that a SIGHUP makes.
const RELOAD_MESSAGE: &str = "intercom-reload";

/// The message on the bus that a SIGUSR1 makes.
const RING_MESSAGE: &str = "intercom-ring";

/// The message on the bus that says that something failed in another thread; its field is the
/// reason.
const FAULT_MESSAGE: &str = "intercom-failed";

/// The message on the bus that a pipeline makes that did not start and does not say why.
const FAILED_MESSAGE: &str = "intercom-not-started";

/// What ends a run. Cloned into whatever may end it.
#[derive(Clone, Debug)]
pub struct End {
    main_loop: glib::MainLoop,
    outcome: Rc<RefCell<Option<Result<(), RunError>>>>,
}

impl End {
    fn new() -> Self {
        Self { main_loop: glib::MainLoop::new(None, false), outcome: Rc::default() }
    }

    /// Ends the run; the first outcome counts.
    pub fn with(&self, outcome: Result<(), RunError>) {
        self.outcome.borrow_mut().get_or_insert(outcome);
        self.main_loop.quit();
    }
}

/// Whether a message was made by SIGHUP: the settings are to be read again.
pub fn is_reload(message: &gst::Message) -> bool {
    is_named(message, RELOAD_MESSAGE)
}

/// Whether a message was made by SIGUSR1: somebody presses the button of the door.
pub fn is_ring(message: &gst::Message) -> bool {
    is_named(message, RING_MESSAGE)
}

/// Starts a pipeline and runs the main loop until something ends it: SIGINT, SIGTERM, an error of
/// the pipeline, or `on_message`, which sees every message of the pipeline first and returns
/// whether it has dealt with it.
///
/// `on_start` is called once, when the pipeline has been started.
///
/// # Errors
/// What ended the run, if it was not a signal.
pub fn run(
    pipeline: &gst::Pipeline,
    on_start: impl FnOnce(&End),
    mut on_message: impl FnMut(&gst::Message, &End) -> bool + 'static,
) -> Result<(), RunError> {
    let end = End::new();
    let bus = pipeline.bus().ok_or(RunError::NoBus)?;
    let guard = bus.add_watch_local({
        let end = end.clone();
        let pipeline = pipeline.clone();
        move |_, message| {
            if !on_message(message, &end) {
                default(message, &pipeline, &end);
            }
            glib::ControlFlow::Continue
        }
    });
    let _guard = guard.map_err(|_| RunError::NoBus)?;
    watch_signals(&bus).map_err(RunError::Signals)?;
    if pipeline.set_state(gst::State::Playing).is_ok() {
        on_start(&end);
    } else {
        // Behind the messages of the part that failed: those know more.
        post(&bus, FAILED_MESSAGE);
    }
    end.main_loop.run();
    notify::stopping();
    stop(pipeline);
    let outcome = end.outcome.borrow_mut().take();
    outcome.unwrap_or(Ok(()))
}

/// Says on an element's bus that something failed; from any thread.
pub fn fail(element: &impl IsA<gst::Element>, reason: &str) {
    let reason = gst::Structure::builder(FAULT_MESSAGE).field("reason", reason).build();
    if element.post_message(gst::message::Application::new(reason)).is_err() {
        tracing::debug!("the pipeline is gone already");
    }
}

/// The reason in a message of [`fail`].
pub fn fault(message: &gst::message::Application) -> Option<String> {
    let structure = message.structure().filter(|structure| structure.has_name(FAULT_MESSAGE))?;
    structure.get("reason").ok()
}

/// What ended a run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A part of the pipeline failed.
    #[error("{part}: {error}")]
    Pipeline {
        /// The element's name.
        part: String,
        /// GStreamer's words.
        error: String,
    },
    /// Anything else, in one sentence.
    #[error("{0}")]
    Other(String),
    /// The system refuses to tell of signals.
    #[error("SIGINT and SIGTERM cannot be waited for: {0}")]
    Signals(io::Error),
    /// A pipeline without messages.
    #[error("the pipeline has no message bus")]
    NoBus,
}

impl RunError {
    /// The error of an ERROR message.
    pub fn of(error: &gst::message::Error) -> Self {
        // The WebRTC elements put the signaller's sentence where nobody reads it.
        let details = error.debug().unwrap_or_default();
        if let Some((_, reason)) = details.split_once("Signalling error: ") {
            return Self::Other(one_line(reason));
        }
        let part = error.src().map(|source| source.name().to_string()).unwrap_or_default();
        Self::Pipeline { part, error: one_line(error.error().message()) }
    }
}

/// A text of another library, made fit for a line.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What every pipeline does with a message that nobody else wanted.
fn default(message: &gst::Message, pipeline: &gst::Pipeline, end: &End) {
    match message.view() {
        gst::MessageView::Error(error) => end.with(Err(RunError::of(error))),
        gst::MessageView::Eos(_) => end.with(Ok(())),
        gst::MessageView::Application(message) => match message.structure() {
            Some(structure) if structure.has_name(STOP_MESSAGE) => end.with(Ok(())),
            Some(structure) if structure.has_name(FAILED_MESSAGE) => {
                end.with(Err(RunError::Other("the pipeline does not start".into())));
            }
            _ => {}
        },
        gst::MessageView::Latency(_) => {
            if let Err(error) = pipeline.recalculate_latency() {
                tracing::debug!(%error, "latency");
            }
        }
        gst::MessageView::Warning(warning) => {
            let part = warning.src().map(|source| source.name().to_string()).unwrap_or_default();
            tracing::warn!("{part}: {}", one_line(warning.error().message()));
        }
        _ => {}
    }
}

fn is_named(message: &gst::Message, name: &str) -> bool {
    let gst::MessageView::Application(message) = message.view() else { return false };
    message.structure().is_some_and(|structure| structure.has_name(name))
}

/// Has the first SIGINT or SIGTERM end the run, and the second the process. SIGHUP ends nothing but
/// what runs on a terminal that is gone: nobody must be filmed unawares.
fn watch_signals(bus: &gst::Bus) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let signals = {
        let _context = runtime.enter();
        Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            ring: signal(SignalKind::user_defined1())?,
        }
    };
    let (bus, terminal) = (bus.clone(), Terminal::find());
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(forward(signals, terminal, &bus));
    })?;
    Ok(())
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    ring: Signal,
}

async fn forward(mut signals: Signals, terminal: Terminal, bus: &gst::Bus) {
    let mut stopping = false;
    loop {
        tokio::select! {
            _ = signals.interrupt.recv() => {}
            _ = signals.terminate.recv() => {}
            _ = signals.ring.recv() => {
                post(bus, RING_MESSAGE);
                continue;
            }
            _ = signals.hang_up.recv() => {
                if !terminal.is_gone() {
                    post(bus, RELOAD_MESSAGE);
                    continue;
                }
            }
        }
        if stopping || !post(bus, STOP_MESSAGE) {
            std::process::exit(1);
        }
        stopping = true;
    }
}

/// Posts a message of our own; false if the bus takes no more.
fn post(bus: &gst::Bus, name: &str) -> bool {
    bus.post(gst::message::Application::new(gst::Structure::new_empty(name))).is_ok()
}

/// Stops a pipeline, within reason.
pub(crate) fn stop(pipeline: &gst::Pipeline) {
    let (sender, stopped) = mpsc::channel();
    let pipeline = pipeline.clone();
    std::thread::spawn(move || {
        let _ = pipeline.set_state(gst::State::Null);
        let _ = sender.send(());
    });
    if stopped.recv_timeout(STOP).is_err() {
        tracing::warn!("the pipeline did not stop within {STOP:?}; ending anyway");
    }
}
