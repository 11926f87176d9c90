//! What is wrong with a camera or a microphone while the rest goes on: how it is named, and the
//! message on the bus that says so.

use gst::{glib, prelude::*};
use gstintercom::SessionFailure;

use crate::run::one_line;

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
}

impl Change {
    /// Says it on the bus of an element.
    pub(crate) fn tell(self, element: &(impl IsA<gst::Element> + IsA<gst::Object>)) {
        let Self { device, trouble } = self;
        let said = gst::Structure::builder(MESSAGE)
            .field("device", device.word())
            .field("trouble", trouble.map(Trouble::code))
            .build();
        let message = gst::message::Element::builder(said).src(element).build();
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
}
