//! The cameras, microphones and loudspeakers of this machine, as they are written on the command
//! line: for a list of them, and for the line that says that one could not be opened.

use gst::{glib, prelude::*};

use crate::cli::{printable, say};

/// The system whose elements do not know the names of its devices.
const PIPEWIRE: &str = "pipewire";

/// The name of such a device, among its properties.
const NODE_NAME: &str = "node.name";

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
    let devices = probe(kind.class());
    let mut devices: Vec<_> = devices.iter().filter_map(|device| read(kind, device)).collect();
    devices.sort();
    devices.dedup();
    devices.into_iter().map(|(_, spec, name)| Device { spec, name }).collect()
}

/// Whether PipeWire has something of this name or number that plays or delivers sound.
pub(crate) fn pipewire_knows(name: &str) -> bool {
    let is_it = |known: String| known == name;
    let nodes = probe("Audio");
    let mut nodes = nodes.iter().filter_map(gst::Device::properties);
    nodes.any(|node| {
        [NODE_NAME, "object.serial"].iter().any(|field| node.get(*field).is_ok_and(is_it))
    })
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

    /// The systems that have such devices, the best first, as in a SPEC; and the property of their
    /// elements with the name.
    fn systems(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Camera => &[("libcamera", "camera-name"), ("v4l2", "device")],
            Self::Microphone | Self::Loudspeaker => {
                &[("pulse", "device"), (PIPEWIRE, "target-object"), ("alsa", "device")]
            }
        }
    }
}

/// The devices of these classes. The monitor is not started: the devices would only be followed, and
/// PipeWire's (0.3.65) spoil the heap then.
fn probe(classes: &str) -> glib::List<gst::Device> {
    let monitor = gst::DeviceMonitor::new();
    monitor.add_filter(Some(classes), None);
    // A system that speaks for others hides theirs.
    monitor.set_show_all_devices(true);
    monitor.devices()
}

/// Rank, SPEC and name; `None` for a device of another system. The element that the device makes
/// knows best how it is called, but for PipeWire's: that may be one for the other direction, and only
/// knows a number of today.
fn read(kind: Kind, device: &gst::Device) -> Option<(usize, String, String)> {
    let element = device.create_element(None).ok()?;
    let factory = element.factory()?.name();
    let rank = kind.systems().iter().position(|(system, _)| {
        factory.strip_prefix(system).is_some_and(|end| ["src", "sink"].contains(&end))
    })?;
    let (system, property) = kind.systems()[rank];
    let node = device.properties().filter(|_| system == PIPEWIRE);
    let name = node.and_then(|node| node.get::<String>(NODE_NAME).ok());
    let name = name.or_else(|| element.property_value(property).get().ok())?;
    Some((rank, format!("{system}:{name}"), device.display_name().into()))
}
