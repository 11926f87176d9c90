//! The command line of `intercom-consumer`.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, builder::NonEmptyStringValueParser};
use intercom_media::{
    call::account,
    cli::ServerArgs,
    peer::Target,
    spec::{AudioSink, AudioSource, VideoSink, VideoSource},
};
use intercom_settings::{Program, secret};
use secrecy::ExposeSecret;

/// What `intercom-settings` must know of this program.
pub const PROGRAM: Program = Program {
    name: "intercom-consumer",
    verb: None,
    parts: &[("user", &["password_file"])],
    live: &["log", "volume"],
};

/// Plays or records what a producer sends.
#[derive(Clone, Debug, Parser)]
#[command(name = "intercom-consumer", version, about)]
pub struct Args {
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap takes the group's own words")]
    pub server: ServerArgs,
    /// Log in as this person, with the password in --password-file or one that is asked for on the terminal.
    #[arg(long, value_name = "NAME", env = "INTERCOM_USER", conflicts_with = "token_file")]
    pub user: Option<String>,
    /// File with the password of --user, in its first line.
    #[arg(long, value_name = "FILE", env = "INTERCOM_PASSWORD_FILE", value_parser = password_file)]
    pub password_file: Option<PathBuf>,
    /// Only print the loudspeakers of this machine: SPEC, kind and name, one a line, tabs between.
    #[arg(long)]
    pub list_devices: bool,
    /// Only print who is there: peer id, name and roles, one a line, tabs between.
    #[arg(long, conflicts_with_all = ["peer_id", "peer", "record", "duration", "stats"])]
    pub list: bool,
    /// Watch the producer with this peer id.
    #[arg(long, value_name = "ID", env = "INTERCOM_PEER_ID", conflicts_with = "peer", value_parser = NonEmptyStringValueParser::new())]
    pub peer_id: Option<String>,
    /// Watch the account or producer of this name; without --peer and --peer-id, the first there is.
    #[arg(long, value_name = "NAME", env = "INTERCOM_PEER", value_parser = NonEmptyStringValueParser::new(), visible_alias = "watch")]
    pub peer: Option<String>,
    /// Ring this account and talk with it; Ctrl-C hangs up. Needs --token-file or --user.
    #[arg(long, value_name = "NAME", value_parser = account, conflicts_with_all = ["list", "peer_id", "peer", "record", "duration", "stats"])]
    pub call: Option<String>,
    /// The picture that is sent in a call: auto, test[:PATTERN], v4l2:/dev/videoN, … or none.
    #[arg(long, value_name = "SPEC", env = "INTERCOM_VIDEO", default_value = "none")]
    pub video: VideoSource,
    /// The sound that is sent in a call: auto, test[:WAVE], alsa:DEVICE, … or none.
    #[arg(long, value_name = "SPEC", env = "INTERCOM_AUDIO", default_value = "auto")]
    pub audio: AudioSource,
    /// Where the picture goes: auto, none, file:PATH or launch:GST-LAUNCH-FRAGMENT [default: auto, with --record none].
    #[arg(long, value_name = "SPEC", env = "INTERCOM_VIDEO_OUT")]
    pub video_out: Option<VideoSink>,
    /// Where the sound goes: auto, none, alsa:DEVICE, pulse[:NAME], pipewire[:NAME], file:PATH or
    /// launch:GST-LAUNCH-FRAGMENT [default: auto, with --record none].
    #[arg(long, value_name = "SPEC", env = "INTERCOM_AUDIO_OUT")]
    pub audio_out: Option<AudioSink>,
    /// Record into this file, as received: .mkv for every codec, .webm for VP8 and VP9, .mp4 for H.264 and AV1.
    #[arg(long, value_name = "FILE", env = "INTERCOM_RECORD")]
    pub record: Option<PathBuf>,
    /// How loud: 0 is silent, 1 as sent, 10 the most.
    #[arg(long, env = "INTERCOM_VOLUME", default_value = "1", allow_negative_numbers = true, value_parser = volume)]
    pub volume: f64,
    /// How long packets may be late, in milliseconds: more for a bad network, less for a cable.
    #[arg(long, value_name = "MS", env = "INTERCOM_LATENCY", default_value = "40", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(0..=5000))]
    pub latency: u32,
    /// Print a line of statistics every second.
    #[arg(long, env = "INTERCOM_STATS")]
    pub stats: bool,
    /// Stop this long after the first packet.
    #[arg(long, value_name = "SECONDS", env = "INTERCOM_DURATION", allow_negative_numbers = true, value_parser = seconds)]
    pub duration: Option<Duration>,
}

impl Args {
    /// Takes settings that are each right by themselves.
    ///
    /// # Errors
    /// Why they are not right together.
    pub fn accept(self) -> Result<Self, String> {
        let is_call = self.call.is_some() && !self.list_devices;
        if is_call && self.server.token_file.is_none() && self.user.is_none() {
            return Err("--call needs --token-file or --user: only accounts have calls".into());
        }
        if self.password_file.is_some() && self.user.is_none() {
            return Err("--password-file needs --user".into());
        }
        if is_call && self.video == VideoSource::None && self.audio == AudioSource::None {
            return Err("--video none and --audio none leave nothing to send".into());
        }
        Ok(self)
    }

    /// Which producer is meant.
    pub fn target(&self) -> Target {
        match (&self.peer_id, &self.peer) {
            (Some(id), _) => Target::PeerId(id.clone()),
            (None, Some(name)) => Target::Name(name.clone()),
            (None, None) => Target::First,
        }
    }

    /// Where the picture goes: who records need not also watch.
    pub fn screen(&self) -> VideoSink {
        let unsaid = if self.record.is_some() { VideoSink::None } else { VideoSink::Auto };
        self.video_out.clone().unwrap_or(unsaid)
    }

    /// Where the sound goes.
    pub fn loudspeaker(&self) -> AudioSink {
        let unsaid = if self.record.is_some() { AudioSink::None } else { AudioSink::Auto };
        self.audio_out.clone().unwrap_or(unsaid)
    }
}

/// What is wrong with the file is said before anything is started.
fn password_file(text: &str) -> Result<PathBuf, String> {
    match secret::from_file(text.as_ref()) {
        Ok(password) if password.expose_secret().is_empty() => {
            Err("its first line is empty".into())
        }
        Ok(_) => Ok(text.into()),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

fn volume(text: &str) -> Result<f64, String> {
    let volume: f64 = text.parse().map_err(|_| "a volume is a number from 0 to 10")?;
    if (0.0..=10.0).contains(&volume) {
        Ok(volume)
    } else {
        Err("a volume is a number from 0 to 10".into())
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = "a number of seconds above 0 is needed";
    let seconds: f64 = text.parse().map_err(|_| wrong)?;
    let duration = Duration::try_from_secs_f64(seconds).map_err(|_| wrong)?;
    if duration.is_zero() { Err(wrong.into()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::CommandFactory;

    use super::*;

    fn read(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
        assert_eq!(read("x").unwrap().target(), Target::First);
        assert_eq!(read("x --peer door").unwrap().target(), Target::Name("door".into()));
        assert_eq!(read("x --peer-id 7").unwrap().target(), Target::PeerId("7".into()));
        for line in
            ["x --peer a --peer-id b", "x --list --stats", "x --volume -1", "x --volume NaN"]
        {
            assert!(read(line).is_err(), "{line}");
        }
        for line in ["x --duration 0", "x --duration -1", "x --duration inf", "x --latency 9999"] {
            assert!(read(line).is_err(), "{line}");
        }
        for line in ["x --peer ", "x --peer-id ", "x --call ", "x --call=.door"] {
            assert!(read(line).is_err(), "{line}");
        }
        for line in ["x --volume -1", "x --latency -1", "x --duration -1"] {
            let error = read(line).unwrap_err().to_string();
            assert!(error.starts_with("error: invalid value '-1'"), "{error}");
        }
    }

    #[test]
    fn who_records_need_not_watch() {
        let args = read("x --record a.mkv").unwrap();
        assert_eq!((args.screen(), args.loudspeaker()), (VideoSink::None, AudioSink::None));
        let args = read("x").unwrap();
        assert_eq!((args.screen(), args.loudspeaker()), (VideoSink::Auto, AudioSink::Auto));
        assert_eq!(read("x --record a.mkv --video-out auto").unwrap().screen(), VideoSink::Auto);
    }
}
