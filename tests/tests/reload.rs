//! SIGHUP: producer and consumer read their settings again, and what is live changes in the running
//! session.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use intercom_tests::{Program, Signaller};
use tempfile::TempDir;

/// A picture that takes a high bitrate and bears a low one.
const PRODUCER: &str = "video = \"test:smpte\"\nsize = \"320x240@30\"\n";

/// Bytes of sound in a second: 48 kHz, two channels, 16 bits.
const SECOND: u64 = 48_000 * 2 * 2;

#[test]
fn bitrate_and_volume_change_while_they_run() {
    let (signaller, dir) = (Signaller::start(), TempDir::new().unwrap());
    let settings = Settings::new(&dir, "producer.toml", &format!("{PRODUCER}bitrate = \"1500k\""));
    let (mut producer, _) = signaller.producer("door", &["--config", settings.path()]);

    let sound = dir.path().join("sound");
    let out = format!(
        "launch:audioconvert ! audio/x-raw,format=S16LE ! filesink location={}",
        sound.display()
    );
    let basic = format!("stats = true\nvideo_out = \"none\"\naudio_out = \"{out}\"\n");
    let heard = Settings::new(&dir, "consumer.toml", &format!("{basic}volume = 0.5"));
    let mut consumer = signaller.consumer(&["--config", heard.path()]);
    wait_for_rate(&mut consumer, |rate| rate > 900);
    wait_for_sound(&mut consumer, &sound, SECOND / 2);

    heard.reload(&consumer, &format!("{basic}volume = 0\nlatency = 200"));
    consumer.expect("settings read again: changed volume; a restart is needed for latency");
    settings.reload(&producer, &format!("{PRODUCER}bitrate = \"300k\"\ncodec = \"h264\""));
    producer.expect("settings read again: changed bitrate; a restart is needed for codec");
    let heard_so_far = fs::metadata(&sound).unwrap().len();
    wait_for_rate(&mut consumer, |rate| (100..500).contains(&rate));
    wait_for_sound(&mut consumer, &sound, heard_so_far + SECOND);

    // What is wrong changes nothing, and says so in one line.
    settings.reload(&producer, "bitrate = \"fast\"");
    let line = producer.expect("the settings stay as they are: ");
    assert!(
        line.contains("producer.toml:1: bitrate: \"fast\" is not a bitrate from 50k to 50M"),
        "{line}"
    );

    assert!(consumer.terminate().success());
    assert!(producer.terminate().success());
    let sound = fs::read(sound).unwrap();
    let (begun, ended) = sound.split_at(heard_so_far as usize);
    assert!(loudest(begun) > 1000, "nothing is heard in the beginning");
    assert_eq!(loudest(&ended[ended.len() / 2..]), 0, "it is still heard in the end");
}

struct Settings(PathBuf);

impl Settings {
    fn new(dir: &TempDir, name: &str, text: &str) -> Self {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        Path::to_str(&self.0).unwrap()
    }

    fn reload(&self, program: &Program, text: &str) {
        fs::write(&self.0, text).unwrap();
        program.signal("HUP");
    }
}

/// Reads statistics, a line a second, until so many kbit/s of picture come.
fn wait_for_rate(consumer: &mut Program, is_it: impl Fn(u32) -> bool) {
    let came = (0..60).any(|_| {
        let line = consumer.expect("stats fps=");
        let (_, rest) = line.split_once("video=").unwrap();
        let (rate, _) = rest.split_once("kbit/s").unwrap();
        is_it(rate.parse().unwrap())
    });
    assert!(came, "no picture of that rate");
}

/// Reads statistics until so many bytes were heard.
fn wait_for_sound(consumer: &mut Program, file: &Path, bytes: u64) {
    for _ in 0..60 {
        if fs::metadata(file).unwrap().len() >= bytes {
            return;
        }
        consumer.expect("stats fps=");
    }
    panic!("nothing is heard");
}

fn loudest(sound: &[u8]) -> i16 {
    let samples = sound.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
    samples.map(i16::saturating_abs).max().unwrap()
}
