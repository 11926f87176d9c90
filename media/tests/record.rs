//! Recordings of real RTP, read back.

#![allow(clippy::unwrap_used)]

use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use gst::prelude::*;
use gst_pbutils::{Discoverer, DiscovererInfo};
use intercom_media::{
    decode::Received,
    record::{Container, RecordError, Recording},
};

const VP8: &str = "videotestsrc num-buffers=VIDEO ! video/x-raw,width=320,height=240,framerate=30/1 ! \
                   vp8enc deadline=1 keyframe-max-dist=30 ! rtpvp8pay";
const H264: &str = "videotestsrc num-buffers=VIDEO ! video/x-raw,width=320,height=240,framerate=30/1 ! \
                    x264enc tune=zerolatency key-int-max=30 ! \
                    video/x-h264,profile=constrained-baseline ! rtph264pay config-interval=-1";
const VP9: &str = "videotestsrc num-buffers=VIDEO ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 ! \
                   vp9enc deadline=1 cpu-used=8 keyframe-max-dist=30 ! rtpvp9pay";
const AV1: &str = "videotestsrc num-buffers=VIDEO ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 ! \
                   av1enc usage-profile=realtime cpu-used=10 keyframe-max-dist=30 ! av1parse ! rtpav1pay";
const OPUS: &str = "audiotestsrc num-buffers=AUDIO samplesperbuffer=480 ! audio/x-raw,rate=48000,channels=2 ! \
                    audioconvert ! opusenc ! rtpopuspay";

/// A pipeline that sends each of these through RTP into the recording, in real time: tracks that
/// run apart are not what a network delivers.
struct Bench {
    pipeline: gst::Pipeline,
}

impl Bench {
    fn new(recording: &Recording, tracks: &[(&str, String)]) -> Self {
        intercom_media::init().unwrap();
        let pipeline = gst::Pipeline::new();
        for (codec, line) in tracks {
            let codec = Received::from_rtp(codec).unwrap();
            let source = gst::parse::bin_from_description(line, true).unwrap();
            let depay = codec.depayloader().unwrap();
            let sink =
                gst::ElementFactory::make("fakesink").property("sync", true).build().unwrap();
            let elements = [source.upcast_ref(), depay.upcast_ref(), &sink];
            pipeline.add_many(elements).unwrap();
            gst::Element::link_many(elements).unwrap();
            recording.tap(codec, &depay.static_pad("src").unwrap());
        }
        Self { pipeline }
    }

    /// Has the element `size` halve the picture after so many frames.
    fn shrink_after(&self, frames: usize) {
        let size = self.pipeline.by_name("size").unwrap();
        let seen = AtomicUsize::new(0);
        size.static_pad("sink").unwrap().add_probe(gst::PadProbeType::BUFFER, move |pad, _| {
            if seen.fetch_add(1, Ordering::Relaxed) == frames {
                let caps =
                    gst::Caps::builder("video/x-raw").field("width", 160).field("height", 120);
                pad.parent_element().unwrap().set_property("caps", caps.build());
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// Sends all there is.
    fn run(&self) {
        self.pipeline.set_state(gst::State::Playing).unwrap();
        let bus = self.pipeline.bus().unwrap();
        let ends = [gst::MessageType::Eos, gst::MessageType::Error];
        let end = bus.timed_pop_filtered(gst::ClockTime::from_seconds(60), &ends);
        assert_eq!(end.unwrap().type_(), gst::MessageType::Eos);
        self.pipeline.set_state(gst::State::Null).unwrap();
    }
}

fn track<'a>(codec: &'a str, line: &str, seconds: usize) -> (&'a str, String) {
    let line = line.replace("VIDEO", &(seconds * 30).to_string());
    (codec, line.replace("AUDIO", &(seconds * 100).to_string()))
}

fn read_back(path: &Path) -> DiscovererInfo {
    let discoverer = Discoverer::new(gst::ClockTime::from_seconds(20)).unwrap();
    let path = path.canonicalize().unwrap();
    discoverer.discover_uri(&format!("file://{}", path.display())).unwrap()
}

fn seconds(info: &DiscovererInfo) -> f64 {
    info.duration().unwrap().mseconds() as f64 / 1000.0
}

#[test]
fn both_tracks_are_in_the_file_and_it_has_a_duration() {
    record_both(&[
        ("a.mkv", "VP8", VP8),
        ("b.mkv", "H264", H264),
        ("c.mp4", "H264", H264),
        ("d.webm", "VP8", VP8),
    ]);
}

#[test]
fn newer_codecs_are_recorded_as_well() {
    record_both(&[
        ("a.mkv", "VP9", VP9),
        ("b.webm", "VP9", VP9),
        ("c.mkv", "AV1", AV1),
        ("d.mp4", "AV1", AV1),
    ]);
}

/// Records such a picture and sound into each of these files, and reads them back.
fn record_both(files: &[(&str, &str, &str)]) {
    let dir = tempfile::tempdir().unwrap();
    for (name, codec, line) in files {
        let path = dir.path().join(name);
        let recording = Recording::create(&path).unwrap();
        let tracks = [track(codec, line, 4), track("OPUS", OPUS, 4)];
        Bench::new(&recording, &tracks).run();
        recording.finish().unwrap();
        let info = read_back(&path);
        assert_eq!((info.video_streams().len(), info.audio_streams().len()), (1, 1), "{name}");
        assert!((3.5..=4.5).contains(&seconds(&info)), "{name}: {}", seconds(&info));
        assert_eq!(info.video_streams()[0].width(), 320, "{name}");
        assert!(info.is_seekable(), "{name}");
    }
}

#[test]
fn a_track_that_was_not_announced_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mp4");
    let recording = Recording::create(&path).unwrap();
    recording.expect(true, false);
    Bench::new(&recording, &[track("H264", H264, 2)]).run();
    recording.finish().unwrap();
    assert!(read_back(&path).audio_streams().is_empty());
}

#[test]
fn an_announced_track_that_never_comes_does_not_stop_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mkv");
    let recording = Recording::create(&path).unwrap();
    Bench::new(&recording, &[track("VP8", VP8, 5)]).run();
    recording.finish().unwrap();
    assert!(seconds(&read_back(&path)) > 4.0);
}

#[test]
fn sound_that_stops_does_not_stop_the_picture() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mkv");
    let recording = Recording::create(&path).unwrap();
    Bench::new(&recording, &[track("VP8", VP8, 8), track("OPUS", OPUS, 2)]).run();
    recording.finish().unwrap();
    let info = read_back(&path);
    assert!(seconds(&info) > 7.0, "{}", seconds(&info));
    assert_eq!(info.audio_streams().len(), 1);
}

#[test]
fn a_picture_that_changes_its_size_is_recorded_on() {
    let dir = tempfile::tempdir().unwrap();
    for (name, codec, encoder) in [
        ("a.mkv", "VP8", "vp8enc deadline=1 keyframe-max-dist=30 ! rtpvp8pay"),
        (
            "b.mp4",
            "H264",
            "x264enc tune=zerolatency key-int-max=30 ! video/x-h264,profile=constrained-baseline ! \
             rtph264pay config-interval=-1",
        ),
    ] {
        let path = dir.path().join(name);
        let recording = Recording::create(&path).unwrap();
        recording.expect(true, false);
        let line = format!(
            "videotestsrc num-buffers=120 ! video/x-raw,width=320,height=240,framerate=30/1 ! \
             videoscale ! capsfilter name=size caps=video/x-raw,width=320,height=240 ! {encoder}"
        );
        let bench = Bench::new(&recording, &[(codec, line)]);
        bench.shrink_after(60);
        bench.run();
        recording.finish().unwrap();
        let info = read_back(&path);
        assert!(seconds(&info) > 3.5, "{name}: {}", seconds(&info));
    }
}

#[test]
fn a_file_is_never_overwritten_and_an_empty_one_not_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mkv");
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(Recording::create(&path), Err(RecordError::Exists(_))));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");

    gst::init().unwrap();
    let empty = dir.path().join("b.mkv");
    let recording = Recording::create(&empty).unwrap();
    assert!(!recording.has_begun());
    assert!(matches!(recording.finish(), Err(RecordError::Nothing(_))));
    assert!(!empty.exists());

    assert!(matches!(Recording::create(&dir.path().join("a.avi")), Err(RecordError::Name(_))));
    let nowhere = dir.path().join("no/such/a.mkv");
    assert!(matches!(Recording::create(&nowhere), Err(RecordError::Create(..))));
}

#[test]
fn containers_hold_what_players_expect() {
    assert!(Container::Matroska.holds(Received::Vp8));
    assert!(Container::Mp4.holds(Received::H264));
    assert!(!Container::Mp4.holds(Received::Vp8));
    assert!(Container::Webm.holds(Received::Vp9) && Container::Mp4.holds(Received::Av1));
    assert!(!Container::Webm.holds(Received::H264));
}
