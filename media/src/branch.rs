//! From a pad of `webrtcsrc` to its output, one branch a track.
//!
//! Branches are made in the threads that deliver pads and caps, because upstream asks what is
//! linked right after it has shown a pad; they are taken down in the main loop, because a thread
//! cannot end an element that it runs through.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gst::prelude::*;

use crate::{
    decode::Received,
    element::{self, ElementError},
    record::Recording,
    run,
    stats::Meter,
};

/// What every branch leads to.
#[derive(Debug)]
pub struct Outputs {
    /// What shows the picture.
    pub screen: Option<gst::Bin>,
    /// What plays the sound.
    pub loudspeaker: Option<gst::Bin>,
    /// What both are recorded by.
    pub recording: Option<Recording>,
    /// What counts what comes.
    pub meter: Meter,
}

/// The branches of the session, live and dead. Clones are the same set.
#[derive(Clone, Debug)]
pub struct Branches {
    parent: gst::Bin,
    outputs: Arc<Outputs>,
    set: Arc<Mutex<Set>>,
}

#[derive(Debug, Default)]
struct Set {
    live: Vec<Branch>,
    dead: Vec<Branch>,
}

#[derive(Debug)]
struct Branch {
    pad: gst::Pad,
    elements: Vec<gst::Element>,
}

impl Branches {
    /// None yet; they will stand in this pipeline, or bin of one.
    pub fn new(parent: &impl IsA<gst::Bin>, outputs: Outputs) -> Self {
        Self { parent: parent.clone().upcast(), outputs: Arc::new(outputs), set: Arc::default() }
    }

    /// Links a new pad. The branch grows when the pad says what it carries; asking for RTP keeps
    /// upstream from decoding.
    ///
    /// # Errors
    /// The pad cannot be linked.
    pub fn add(&self, pad: &gst::Pad) -> Result<(), ElementError> {
        let filter = element::caps_filter(&gst::Caps::new_empty_simple("application/x-rtp"))?;
        self.put(std::slice::from_ref(&filter))?;
        let (sink, src) = (filter.static_pad("sink"), filter.static_pad("src"));
        let (Some(sink), Some(src)) = (sink, src) else { return Err(ElementError::Link) };
        let branch = Branch { pad: pad.clone(), elements: vec![filter] };
        self.lock().live.push(branch);
        let branches = self.clone();
        let source = pad.clone();
        src.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |src, info| {
            let Some(event) = info.event() else { return gst::PadProbeReturn::Ok };
            let gst::EventView::Caps(caps) = event.view() else { return gst::PadProbeReturn::Ok };
            if src.is_linked() {
                return gst::PadProbeReturn::Ok;
            }
            if let Err(error) = branches.grow(&source, src, caps.caps()) {
                run::fail(&branches.parent, &error.to_string());
            }
            gst::PadProbeReturn::Ok
        });
        pad.link(&sink).map(drop).map_err(|_| ElementError::Link)
    }

    /// Notes that a pad is gone. Its branch still exists until [`bury`](Self::bury).
    pub fn remove(&self, pad: &gst::Pad) {
        let mut set = self.lock();
        while let Some(at) = set.live.iter().position(|branch| branch.pad == *pad) {
            let branch = set.live.swap_remove(at);
            set.dead.push(branch);
        }
    }

    /// Takes down the branches of pads that are gone; from the main loop.
    pub fn bury(&self) {
        let dead = std::mem::take(&mut self.lock().dead);
        for element in dead.into_iter().flat_map(|branch| branch.elements) {
            let stopped = element.set_state(gst::State::Null);
            if stopped.is_err() || self.parent.remove(&element).is_err() {
                tracing::debug!(element = %element.name(), "not taken down cleanly");
            }
        }
    }

    /// Appends to a branch what its caps ask for.
    fn grow(
        &self,
        pad: &gst::Pad,
        src: &gst::Pad,
        caps: &gst::CapsRef,
    ) -> Result<(), ElementError> {
        let name = caps.structure(0).and_then(|caps| caps.get::<&str>("encoding-name").ok());
        let name = name.unwrap_or("nothing known");
        let elements = match Received::from_rtp(name) {
            Some(codec) => self.receive(codec)?,
            None => {
                tracing::warn!("the producer sends {name}, which is not played or recorded");
                vec![ignore()?]
            }
        };
        self.put(&elements)?;
        let first = elements.first().and_then(|element| element.static_pad("sink"));
        let linked = first.is_some_and(|first| src.link(&first).is_ok());
        let mut set = self.lock();
        let branch = set.live.iter_mut().find(|branch| branch.pad == *pad);
        match branch {
            Some(branch) => branch.elements.extend(elements),
            // The session ended in this moment.
            None => set.dead.push(Branch { pad: pad.clone(), elements }),
        }
        if linked { Ok(()) } else { Err(ElementError::Link) }
    }

    /// Depayloader, decoder and output of a codec, not linked yet.
    fn receive(&self, codec: Received) -> Result<Vec<gst::Element>, ElementError> {
        let depayloader = codec.depayloader()?;
        if let Some(pad) = depayloader.static_pad("src") {
            self.outputs.meter.count(codec.is_video(), &pad);
            if let Some(recording) = &self.outputs.recording {
                recording.tap(codec, &pad);
            }
        }
        let output = match codec.is_video() {
            true => &self.outputs.screen,
            false => &self.outputs.loudspeaker,
        };
        let mut elements = vec![depayloader.upcast()];
        match output {
            // Of two tracks of a kind, the first is shown.
            Some(output) if output.parent().is_none() => {
                elements.push(codec.decoder()?.upcast());
                elements.push(output.clone().upcast());
            }
            _ => elements.push(ignore()?),
        }
        Ok(elements)
    }

    /// Adds elements to the running pipeline, linked to each other.
    fn put(&self, elements: &[gst::Element]) -> Result<(), ElementError> {
        element::chain(&self.parent, elements)?;
        for element in elements.iter().rev() {
            element.sync_state_with_parent().map_err(|_| ElementError::Link)?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Set> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An unlinked pad of `webrtcsrc` would stop the other one, too.
fn ignore() -> Result<gst::Element, ElementError> {
    let sink = element::make("fakesink")?;
    sink.set_property("sync", false);
    sink.set_property("async", false);
    Ok(sink)
}
