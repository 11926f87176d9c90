//! The command line of `intercom-producer`.

use std::path::PathBuf;

use clap::Parser;
use intercom_media::{
    call::{Answer, account},
    cli::ServerArgs,
    spec::{AudioSink, AudioSource, Bitrate, Codec, Encode, Size, VideoSink, VideoSource},
};
use intercom_settings::Program;

/// What `intercom-settings` must know of this program.
pub const PROGRAM: Program =
    Program { name: "intercom-producer", verb: None, parts: &[], live: &["log", "bitrate"] };

/// Publishes a camera and a microphone.
#[derive(Clone, Debug, Parser)]
#[command(name = "intercom-producer", version, about)]
pub struct Args {
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap takes the group's own words")]
    pub server: ServerArgs,
    /// The name under which others see it; the host's name if not given.
    #[arg(long, env = "INTERCOM_NAME", value_parser = name, default_value_t = host_name())]
    pub name: String,
    /// Picture: auto, test[:PATTERN], v4l2:/dev/videoN, libcamera[:NAME], file:PATH[?loop], image:PATH,
    /// rtsp://HOST/PATH, launch:GST-LAUNCH-FRAGMENT or none.
    #[arg(long, value_name = "SPEC", env = "INTERCOM_VIDEO", default_value = "test")]
    pub video: VideoSource,
    /// Sound: auto, test[:WAVE], alsa:DEVICE, pulse[:NAME], pipewire[:NAME], file:PATH[?loop],
    /// launch:GST-LAUNCH-FRAGMENT or none.
    #[arg(long, value_name = "SPEC", env = "INTERCOM_AUDIO", default_value = "test")]
    pub audio: AudioSource,
    /// Video codec: vp8, vp9, h264 or av1.
    #[arg(long, env = "INTERCOM_CODEC", default_value = "vp8")]
    pub codec: Codec,
    /// Bitrate of the picture, such as 2M or 800k; the most, on a narrow link it is less.
    #[arg(long, env = "INTERCOM_BITRATE", default_value = "2M", allow_negative_numbers = true)]
    pub bitrate: Bitrate,
    /// Size and rate of the picture.
    #[arg(long, value_name = "WxH@FPS", env = "INTERCOM_SIZE", default_value = "1280x720@30")]
    pub size: Size,
    /// Who encodes: shared (one encoder for all viewers) or per-viewer.
    #[arg(long, env = "INTERCOM_ENCODE", default_value = "shared")]
    pub encode: Encode,
    /// Keep camera and microphone open while nobody watches and no call is on.
    #[arg(long, env = "INTERCOM_ALWAYS_ON")]
    pub always_on: bool,
    /// Whose calls are accepted: never, auto or accounts:NAME,NAME. Needs --token-file.
    #[arg(long, value_name = "WHO", env = "INTERCOM_ANSWER", default_value = "never")]
    pub answer: Answer,
    /// Sound file that is played to whoever is answered, once, with the microphone silent meanwhile. Needs --answer.
    #[arg(long, value_name = "FILE", env = "INTERCOM_GREETING")]
    pub greeting: Option<PathBuf>,
    /// Whom SIGUSR1 rings, such as the button of a door. Needs --token-file.
    #[arg(long, value_name = "NAME", env = "INTERCOM_CALL", value_parser = account)]
    pub call: Option<String>,
    /// A unix socket that takes lines: call NAME, hangup or status. Needs --token-file.
    #[arg(long, value_name = "PATH", env = "INTERCOM_CONTROL_SOCKET")]
    pub control_socket: Option<PathBuf>,
    /// Where the sound of a call goes: auto, none, alsa:DEVICE, pulse[:NAME], pipewire[:NAME], file:PATH or
    /// launch:GST-LAUNCH-FRAGMENT.
    #[arg(long, value_name = "SPEC", env = "INTERCOM_SPEAKER", default_value = "auto")]
    pub speaker: AudioSink,
    /// Where the picture of a call goes: auto, none, file:PATH or launch:GST-LAUNCH-FRAGMENT.
    #[arg(long, value_name = "SPEC", env = "INTERCOM_SHOW", default_value = "none")]
    pub show: VideoSink,
    /// Only print the cameras and microphones of this machine: SPEC, kind and name, tabs between.
    #[arg(long)]
    pub list_devices: bool,
}

impl Args {
    /// Takes settings that are each right by themselves.
    ///
    /// # Errors
    /// Why they are not right together.
    pub fn accept(self) -> Result<Self, String> {
        let is_nothing = self.video == VideoSource::None && self.audio == AudioSource::None;
        if is_nothing && !self.list_devices {
            return Err("--video none and --audio none leave nothing to send".into());
        }
        if self.greeting.is_some() && self.answer == Answer::Never {
            return Err("--greeting needs --answer: only who is answered is greeted".into());
        }
        if self.greeting.is_some() && self.audio == AudioSource::None {
            return Err("--greeting does not go with --audio none".into());
        }
        if self.has_phone() && self.server.token_file.is_none() && !self.list_devices {
            let why = "only accounts have calls";
            return Err(format!("--answer, --call and --control-socket need --token-file: {why}"));
        }
        Ok(self)
    }

    /// Whether there are calls.
    pub fn has_phone(&self) -> bool {
        self.answer != Answer::Never || self.call.is_some() || self.control_socket.is_some()
    }
}

fn name(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if text.trim().is_empty() || length > 64 || text.chars().any(char::is_control) {
        return Err("a name has 1 to 64 printable characters".into());
    }
    Ok(text.trim().to_owned())
}

fn host_name() -> String {
    gst::glib::host_name().to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
        let args = Args::try_parse_from(["x", "--name", " door "]).unwrap();
        assert_eq!((args.name.as_str(), args.encode), ("door", Encode::Shared));
        assert!(Args::try_parse_from(["x", "--name", "a\tb"]).is_err());
    }
}
