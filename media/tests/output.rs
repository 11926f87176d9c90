//! Decoded media in files, read back.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use gst::prelude::*;
use gst_pbutils::{Discoverer, DiscovererInfo};
use intercom_media::{
    output::Output,
    record::RecordError,
    sink,
    spec::{AudioSink, VideoSink},
};

/// Plays a line into a sink, to its end.
fn play(line: &str, sink: &gst::Bin) {
    let pipeline = gst::Pipeline::new();
    let source = gst::parse::bin_from_description(line, true).unwrap();
    pipeline.add_many([source.upcast_ref::<gst::Element>(), sink.upcast_ref()]).unwrap();
    source.link(sink).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = pipeline.bus().unwrap().timed_pop_filtered(gst::ClockTime::from_seconds(60), &ends);
    assert_eq!(end.unwrap().type_(), gst::MessageType::Eos, "{line}");
    pipeline.set_state(gst::State::Null).unwrap();
}

fn read_back(path: &Path) -> DiscovererInfo {
    let discoverer = Discoverer::new(gst::ClockTime::from_seconds(20)).unwrap();
    discoverer.discover_uri(&format!("file://{}", path.display())).unwrap()
}

#[test]
fn pictures_of_two_sizes_are_one_file() {
    intercom_media::init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    // The picture becomes smaller on the way.
    let line = "concat name=both ! identity \
                videotestsrc num-buffers=60 ! video/x-raw,width=320,height=240,framerate=30/1 ! both. \
                videotestsrc num-buffers=30 ! video/x-raw,width=160,height=120,framerate=30/1 ! both.";
    for name in ["a.avi", "a.y4m"] {
        let path = dir.path().join(name);
        let screen = sink::video(&VideoSink::File(path.clone())).unwrap().unwrap();
        play(line, &screen.bin);
        screen.file.unwrap().finish().unwrap();
        if name == "a.y4m" {
            let file = std::fs::read(&path).unwrap();
            let header = file.split(|byte| *byte == b'\n').next().unwrap();
            let header = String::from_utf8_lossy(header).into_owned();
            assert!(
                header.starts_with("YUV4MPEG2 ")
                    && header.contains(" W320 H240 ")
                    && header.contains("F30:1"),
                "{header}"
            );
            let frames = (file.len() - header.len() - 1) / (320 * 240 * 3 / 2 + "FRAME\n".len());
            assert!((88..=91).contains(&frames), "{frames}");
        } else {
            let info = read_back(&path);
            assert_eq!(info.video_streams()[0].width(), 320);
            let length = info.duration().unwrap().mseconds();
            assert!((2900..=3100).contains(&length), "{length}");
        }
    }
}

#[test]
fn sound_is_whole_in_every_form() {
    intercom_media::init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let line = "audiotestsrc num-buffers=200 samplesperbuffer=480 ! audio/x-raw,rate=48000,channels=2 ! \
                identity";
    for name in ["a.wav", "a.flac", "a.ogg"] {
        let path = dir.path().join(name);
        let loudspeaker = sink::audio(&AudioSink::File(path.clone()), 0.5).unwrap().unwrap();
        play(line, &loudspeaker.bin);
        loudspeaker.file.unwrap().finish().unwrap();
        let info = read_back(&path);
        let length = info.duration().unwrap().mseconds();
        assert!((1980..=2030).contains(&length), "{name}: {length}");
        assert_eq!(info.audio_streams()[0].channels(), 2, "{name}");
    }
}

#[test]
fn nothing_is_overwritten_and_nothing_empty_left_behind() {
    intercom_media::init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.wav");
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(Output::audio(&path), Err(RecordError::Exists(_))));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");

    let empty = dir.path().join("b.y4m");
    let output = Output::video(&empty).unwrap();
    assert!(empty.exists() && !output.has_begun());
    assert!(matches!(output.finish(), Err(RecordError::Nothing(_))));
    assert!(!empty.exists());
    drop(Output::video(&empty).unwrap());
    assert!(!empty.exists());

    let error = Output::video(&dir.path().join("a.mp4")).unwrap_err().to_string();
    assert!(error.ends_with("a.mp4: the name of such a file ends in .y4m or .avi"), "{error}");
    let error = Output::audio(&dir.path().join("a.mp3")).unwrap_err().to_string();
    assert!(error.contains("ends in .wav or .flac or .ogg"), "{error}");
}
