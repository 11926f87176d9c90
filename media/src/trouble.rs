//! What is wrong with a camera or a microphone while the rest goes on: how it is named, the
//! message on the bus that says so, and when it is tried again.

use std::time::Duration;

use gst::{glib, prelude::*};
use gstintercom::SessionFailure;

use crate::run::one_line;

/// A device that delivers nothing for this long is gone.
pub(crate) const SILENCE: Duration = Duration::from_secs(5);

/// How long after its loss a device is tried again; doubled after each try in vain.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

const MESSAGE: &str = "intercom-device";

/// Why a device gives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It was unplugged, fails or has fallen silent.
    Gone,
    /// Another program holds it.
    Busy,
}

/// Which one it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// What the picture comes from.
    Camera,
    /// What the sound comes from.
    Microphone,
}

/// A device has failed, fails for another reason, or works again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub device: Device,
    /// `None`: it works.
    pub trouble: Option<Trouble>,
}

/// What a device is said to have, in words.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) reason: String,
    pub(crate) trouble: Trouble,
}

impl Failure {
    pub(crate) fn gone(reason: &str) -> Self {
        Self { reason: reason.trim().into(), trouble: Trouble::Gone }
    }

    pub(crate) fn of(error: &glib::Error) -> Self {
        Self { reason: one_line(error.message()), trouble: error.into() }
    }

    /// That a device fails: one clause.
    pub(crate) fn words(&self, device: &str) -> String {
        match self.trouble {
            Trouble::Busy => format!("{device} is in use by another program"),
            Trouble::Gone => format!("{device} does not work ({})", self.reason),
        }
    }

    /// That a file cannot be played.
    pub(crate) fn of_file(&self, file: &str) -> String {
        format!("{file} cannot be played ({})", self.reason)
    }
}

impl Trouble {
    /// The word for programs: `deviceGone`, `deviceBusy`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Gone => "deviceGone",
            Self::Busy => "deviceBusy",
        }
    }

    /// As what it is counted.
    pub(crate) fn as_failure(self, device: Device) -> SessionFailure {
        let word = device.word().to_owned();
        match self {
            Self::Gone => SessionFailure::DeviceGone(word),
            Self::Busy => SessionFailure::DeviceBusy(word),
        }
    }
}

impl From<&glib::Error> for Trouble {
    fn from(error: &glib::Error) -> Self {
        if error.matches(gst::ResourceError::Busy) { Self::Busy } else { Self::Gone }
    }
}

impl Device {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Microphone => "microphone",
        }
    }

    /// What is sent in its place.
    fn stand_in(self) -> &'static str {
        match self {
            Self::Camera => "a picture that says so",
            Self::Microphone => "silence",
        }
    }
}

impl Change {
    /// Says it on the bus of an element.
    fn tell(self, element: &impl IsA<gst::Element>) {
        let Self { device, trouble } = self;
        let said = gst::Structure::builder(MESSAGE)
            .field("device", device.word())
            .field("trouble", trouble.map(Trouble::code))
            .build();
        let message =
            gst::message::Element::builder(said).src(element.upcast_ref::<gst::Element>()).build();
        if element.post_message(message).is_err() {
            tracing::debug!("the pipeline is gone already");
        }
    }

    /// What a message says, if it is one of these.
    pub fn read(message: &gst::Message) -> Option<Self> {
        let gst::MessageView::Element(message) = message.view() else { return None };
        let said = message.structure().filter(|said| said.has_name(MESSAGE))?;
        let (device, trouble) = (said.get::<&str>("device").ok()?, said.get("trouble").ok()?);
        let devices = [Device::Camera, Device::Microphone];
        let code = |known: &Trouble| Some(known.code()) == trouble;
        Some(Self {
            device: devices.into_iter().find(|known| known.word() == device)?,
            trouble: [Trouble::Gone, Trouble::Busy].into_iter().find(code),
        })
    }
}

/// How it stands with a device that is tried until it works. Each news is one line of the log and one
/// [`Change`]; what is no news costs nothing.
#[derive(Debug)]
pub(crate) struct Trial {
    device: Device,
    /// As in a sentence.
    name: String,
    /// It is a file, and no device.
    is_file: bool,
    trouble: Option<Trouble>,
    pause: Duration,
}

impl Trial {
    pub(crate) fn new(device: Device, name: String, is_file: bool) -> Self {
        Self { device, name, is_file, trouble: None, pause: FIRST_PAUSE }
    }

    /// It is another one from here on.
    pub(crate) fn rename(&mut self, name: String) {
        self.name = name;
    }

    pub(crate) fn is_in_trouble(&self) -> bool {
        self.trouble.is_some()
    }

    /// How long it is to be left alone now that it has failed.
    pub(crate) fn next_pause(&mut self) -> Duration {
        let longer = (self.pause * 2).min(LONGEST_PAUSE);
        std::mem::replace(&mut self.pause, longer)
    }

    /// It does not work, which is told on the bus of `element`; whether that is news.
    pub(crate) fn lost(&mut self, failure: &Failure, element: &impl IsA<gst::Element>) -> bool {
        let is_news = self.trouble.replace(failure.trouble) != Some(failure.trouble);
        if is_news {
            let words = match self.is_file {
                true => failure.of_file(&self.name),
                false => failure.words(&self.name),
            };
            tracing::warn!("{words}, sending {} and trying again", self.device.stand_in());
            self.tell(element);
        }
        is_news
    }

    /// It works.
    pub(crate) fn found(&mut self, element: &impl IsA<gst::Element>) {
        if self.trouble.is_some() {
            tracing::info!("{} works again", self.name);
        }
        self.rest(element);
    }

    /// Nobody needs it for a while: what was wrong with it is not known any more.
    pub(crate) fn rest(&mut self, element: &impl IsA<gst::Element>) {
        self.pause = FIRST_PAUSE;
        if self.trouble.take().is_some() {
            self.tell(element);
        }
    }

    fn tell(&self, element: &impl IsA<gst::Element>) {
        Change { device: self.device, trouble: self.trouble }.tell(element);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_change_can_be_read() {
        gst::init().unwrap();
        let (element, bus) = (gst::Pipeline::new(), gst::Bus::new());
        element.set_bus(Some(&bus));
        for trouble in [None, Some(Trouble::Gone), Some(Trouble::Busy)] {
            for device in [Device::Camera, Device::Microphone] {
                let change = Change { device, trouble };
                change.tell(&element);
                assert_eq!(Change::read(&bus.pop().unwrap()), Some(change));
            }
        }
    }
    #[test]
    fn only_news_is_told_and_each_try_in_vain_doubles_the_pause() {
        gst::init().unwrap();
        let (element, bus) = (gst::Pipeline::new(), gst::Bus::new());
        element.set_bus(Some(&bus));
        let mut trial = Trial::new(Device::Camera, "the camera".into(), false);
        let told = || bus.pop().and_then(|message| Change::read(&message)?.trouble);
        let busy = Failure { reason: "held".into(), trouble: Trouble::Busy };
        trial.found(&element);
        assert!(bus.pop().is_none());
        assert!(trial.lost(&Failure::gone("pulled out"), &element));
        assert_eq!(told(), Some(Trouble::Gone));
        assert!(!trial.lost(&Failure::gone("still"), &element));
        assert!(bus.pop().is_none());
        assert!(trial.lost(&busy, &element));
        assert_eq!(told(), Some(Trouble::Busy));
        let pauses: Vec<_> = (0..5).map(|_| trial.next_pause().as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 5000]);
        trial.rest(&element);
        let rests = Change { device: Device::Camera, trouble: None };
        assert_eq!(Change::read(&bus.pop().unwrap()), Some(rests));
        assert_eq!(trial.next_pause(), FIRST_PAUSE);
    }
}
