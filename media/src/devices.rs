//! The cameras, microphones and loudspeakers of this machine, as they are written on the command
//! line: for a list of them, and for the line that says that one could not be opened.

use gst::prelude::*;

use crate::cli::{printable, say};

/// What kind of device is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Cameras: `libcamera:NAME`, `v4l2:DEVICE`.
    Camera,
    /// Microphones: `pulse:NAME`, `pipewire:NAME`, `alsa:DEVICE`.
    Microphone,
    /// Loudspeakers, in the same words.
    Loudspeaker,
}

/// One device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// As on the command line.
    pub spec: String,
    /// What its maker calls it.
    pub name: String,
}

/// One line: the devices found.
pub fn found(kind: Kind) -> String {
    let devices = list(kind);
    if devices.is_empty() {
        return format!("no {} was found", kind.word());
    }
    let specs: Vec<_> =
        devices.iter().map(|device| format!("{} ({})", device.spec, device.name)).collect();
    format!("{}s found: {}", kind.word(), specs.join(", "))
}

/// The devices found, those first that are to be preferred.
pub fn list(kind: Kind) -> Vec<Device> {
    let monitor = gst::DeviceMonitor::new();
    monitor.add_filter(Some(kind.class()), None);
    // A system that speaks for others hides theirs.
    monitor.set_show_all_devices(true);
    if monitor.start().is_err() {
        return Vec::new();
    }
    let mut devices: Vec<_> =
        monitor.devices().iter().filter_map(|device| read(kind, device)).collect();
    monitor.stop();
    devices.sort();
    devices.dedup();
    devices.into_iter().map(|(_, spec, name)| Device { spec, name }).collect()
}

/// Prints a line a device: SPEC, kind and name, with tabs between. None of these kinds being there
/// is one line on standard error.
pub fn print(kinds: &[Kind]) {
    let mut any = false;
    for kind in kinds {
        for Device { spec, name } in list(*kind) {
            let (spec, name) = (printable(&spec), printable(&name));
            say(&format!("{spec}\t{}\t{name}", kind.word()));
            any = true;
        }
    }
    if !any {
        let words: Vec<_> = kinds.iter().map(|kind| kind.word()).collect();
        eprintln!("no {} was found", words.join(" or "));
    }
}

impl Kind {
    fn class(self) -> &'static str {
        match self {
            Self::Camera => "Video/Source",
            Self::Microphone => "Audio/Source",
            Self::Loudspeaker => "Audio/Sink",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Microphone => "microphone",
            Self::Loudspeaker => "loudspeaker",
        }
    }

    /// The elements that open such a device, the best first: their kind of SPEC, and the property
    /// with the name.
    fn elements(self) -> &'static [(&'static str, &'static str, &'static str)] {
        match self {
            Self::Camera => {
                &[("libcamerasrc", "libcamera", "camera-name"), ("v4l2src", "v4l2", "device")]
            }
            Self::Microphone => &[
                ("pulsesrc", "pulse", "device"),
                ("pipewiresrc", "pipewire", "target-object"),
                ("alsasrc", "alsa", "device"),
            ],
            Self::Loudspeaker => &[
                ("pulsesink", "pulse", "device"),
                ("pipewiresink", "pipewire", "target-object"),
                ("alsasink", "alsa", "device"),
            ],
        }
    }
}

/// Rank, SPEC and name; `None` for a device of another system. The element that the device makes
/// knows best how it is called.
fn read(kind: Kind, device: &gst::Device) -> Option<(usize, String, String)> {
    let element = device.create_element(None).ok()?;
    let factory = element.factory()?.name();
    let rank = kind.elements().iter().position(|(element, ..)| *element == factory)?;
    let (_, spec, property) = kind.elements()[rank];
    let name = element.property_value(property).get::<String>().ok()?;
    Some((rank, format!("{spec}:{name}"), device.display_name().into()))
}
