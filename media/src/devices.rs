//! The cameras, microphones and loudspeakers of this machine, for the line that says that one
//! could not be opened.

use gst::prelude::*;

/// What kind of device is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Cameras, as `v4l2:DEVICE`.
    Camera,
    /// Microphones, as `alsa:DEVICE`.
    Microphone,
    /// Loudspeakers, as `alsa:DEVICE`.
    Loudspeaker,
}

/// One line: the devices found, as they can be written on the command line.
pub fn found(kind: Kind) -> String {
    let specs = list(kind);
    if specs.is_empty() {
        return format!("no {} was found", kind.words().0);
    }
    format!("{} found: {}", kind.words().1, specs.join(", "))
}

/// The devices found, as they can be written on the command line, each with its name.
pub fn list(kind: Kind) -> Vec<String> {
    let monitor = gst::DeviceMonitor::new();
    monitor.add_filter(Some(kind.class()), None);
    if monitor.start().is_err() {
        return Vec::new();
    }
    let mut specs: Vec<_> =
        monitor.devices().iter().filter_map(|device| spec(kind, device)).collect();
    monitor.stop();
    specs.sort();
    specs.dedup();
    specs
}

impl Kind {
    fn class(self) -> &'static str {
        match self {
            Self::Camera => "Video/Source",
            Self::Microphone => "Audio/Source",
            Self::Loudspeaker => "Audio/Sink",
        }
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Camera => ("camera", "cameras"),
            Self::Microphone => ("microphone", "microphones"),
            Self::Loudspeaker => ("loudspeaker", "loudspeakers"),
        }
    }
}

/// `v4l2:/dev/video0 (name)` or `alsa:hw:1,0 (name)`; `None` for a device of another system.
fn spec(kind: Kind, device: &gst::Device) -> Option<String> {
    let properties = device.properties()?;
    let text = |keys: &[&str]| keys.iter().find_map(|key| properties.get::<String>(*key).ok());
    let path = match kind {
        Kind::Camera => format!("v4l2:{}", text(&["device.path", "api.v4l2.path"])?),
        Kind::Microphone | Kind::Loudspeaker => {
            let number = |key| text(&[key])?.parse::<u32>().ok();
            let card = text(&["alsa.card", "api.alsa.card", "alsa.card_name"])?;
            let path = text(&["device.string", "api.alsa.path"])
                .filter(|path| path.starts_with("hw:"))
                .unwrap_or_else(|| format!("hw:{card},{}", number("alsa.device").unwrap_or(0)));
            format!("alsa:{path}")
        }
    };
    Some(format!("{path} ({})", device.display_name()))
}
