//! Sources with a pipeline of their own: what they deliver, how they end and come back.

#![allow(clippy::unwrap_used)]

use std::{
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use gst::prelude::*;
use intercom_media::{
    feed::CAMERA_MESSAGE,
    source::{self, OVER_MESSAGE},
    spec::{AudioSource, Size, VideoSource},
};

const SIZE: Size = Size { width: 160, height: 120, fps: 30 };
const PATIENCE: Duration = Duration::from_secs(20);

/// A clip of one second: a picture, and sound.
fn clip(dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(name);
    launch(&format!(
        "videotestsrc num-buffers=30 ! video/x-raw,width=320,height=240,framerate=30/1 ! \
         x264enc key-int-max=15 ! video/x-h264,profile=main ! h264parse ! matroskamux name=file ! \
         filesink location=\"{}\" audiotestsrc num-buffers=100 samplesperbuffer=480 ! \
         audio/x-raw,rate=48000 ! audioconvert ! opusenc ! file.",
        path.display()
    ));
    path
}

/// A second of sound.
fn sound(dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(name);
    launch(&format!(
        "audiotestsrc num-buffers=100 samplesperbuffer=441 ! wavenc ! filesink location=\"{}\"",
        path.display()
    ));
    path
}

/// Runs a whole pipeline.
fn launch(line: &str) {
    intercom_media::init().unwrap();
    let pipeline = gst::parse::launch(line).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = pipeline.bus().unwrap().timed_pop_filtered(gst::ClockTime::from_seconds(20), &ends);
    assert_eq!(end.unwrap().type_(), gst::MessageType::Eos, "{line}");
    pipeline.set_state(gst::State::Null).unwrap();
}

/// A running source: the start and the length of all that it delivers.
struct Running {
    pipeline: gst::Pipeline,
    buffers: Receiver<(gst::ClockTime, gst::ClockTime)>,
}

impl Running {
    fn video(spec: &str) -> Self {
        intercom_media::init().unwrap();
        let spec: VideoSource = spec.parse().unwrap();
        Self::start(&source::video(&spec, SIZE).unwrap().unwrap())
    }

    fn audio(spec: &str) -> Self {
        intercom_media::init().unwrap();
        let spec: AudioSource = spec.parse().unwrap();
        Self::start(&source::audio(&spec).unwrap().unwrap())
    }

    fn start(bin: &gst::Bin) -> Self {
        let pipeline = gst::Pipeline::new();
        let sink = gst::ElementFactory::make("fakesink").property("async", false).build().unwrap();
        pipeline.add_many([bin.upcast_ref(), &sink]).unwrap();
        bin.link(&sink).unwrap();
        let (sender, buffers) = channel();
        sink.static_pad("sink").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let buffer = info.buffer().unwrap();
            let _ = sender.send((buffer.pts().unwrap(), buffer.duration().unwrap_or_default()));
            gst::PadProbeReturn::Ok
        });
        pipeline.set_state(gst::State::Playing).unwrap();
        Self { pipeline, buffers }
    }

    /// The next buffers, of so much media.
    fn next(&self, length: Duration) -> Vec<(gst::ClockTime, gst::ClockTime)> {
        let mut all = vec![self.buffers.recv_timeout(PATIENCE).unwrap()];
        while all.last().unwrap().0 - all[0].0 < gst::ClockTime::try_from(length).unwrap() {
            all.push(self.buffers.recv_timeout(PATIENCE).unwrap());
        }
        all
    }

    /// The next message that says something of this name, or an error's words.
    fn said(&self, name: &str) -> String {
        let bus = self.pipeline.bus().unwrap();
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let message = bus.timed_pop(gst::ClockTime::from_mseconds(200));
            match message.as_ref().map(|message| message.view()) {
                Some(gst::MessageView::Error(error)) => return error.error().message().into(),
                Some(_) => {
                    let text = message.unwrap().structure().map(ToString::to_string);
                    if let Some(text) = text.filter(|text| text.starts_with(name)) {
                        return text;
                    }
                }
                None => {}
            }
        }
        panic!("{name} was not said");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// Each buffer begins where the one before it ends, give or take so much.
fn assert_gapless(buffers: &[(gst::ClockTime, gst::ClockTime)], tolerance: Duration) {
    for pair in buffers.windows(2) {
        let gap = (pair[0].0 + pair[0].1).nseconds().abs_diff(pair[1].0.nseconds());
        let gap = Duration::from_nanos(gap);
        assert!(gap <= tolerance, "{gap:?} between {} and {}", pair[0].0, pair[1].0);
    }
}

#[test]
fn a_clip_that_repeats_has_no_gaps() {
    let dir = tempfile::tempdir().unwrap();
    let path = clip(dir.path(), "a clip.mkv");
    let sound = sound(dir.path(), "a.wav");
    let video = Running::video(&format!("file:{}?loop", path.display()));
    let audio = Running::audio(&format!("file:{}?loop", sound.display()));
    let began = Instant::now();
    let pictures = video.next(Duration::from_millis(3500));
    let took = began.elapsed();
    assert!(took > Duration::from_millis(3000), "it is played in time, not in {took:?}");
    // A round is as long as the longer track: it may end within a frame.
    assert_gapless(&pictures, Duration::from_millis(34));
    assert_gapless(&audio.next(Duration::from_millis(3500)), Duration::from_millis(1));
}

#[test]
fn a_clip_that_ends_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = clip(dir.path(), "a.mkv");
    let video = Running::video(&format!("file:{}", path.display()));
    assert!(video.said(OVER_MESSAGE).starts_with(OVER_MESSAGE));
    assert!((28..=32).contains(&video.buffers.try_iter().count()));
}

#[test]
fn an_image_stands_still_in_time() {
    let dir = tempfile::tempdir().unwrap();
    for (encoder, name) in [("pngenc", "a.png"), ("jpegenc", "a.jpg")] {
        let path = dir.path().join(name);
        launch(&format!(
            "videotestsrc num-buffers=1 ! {encoder} ! filesink location=\"{}\"",
            path.display()
        ));
        let image = Running::video(&format!("image:{}", path.display()));
        let began = Instant::now();
        let frames = image.next(Duration::from_secs(1));
        assert!((30..=32).contains(&frames.len()), "{name}: {}", frames.len());
        assert!(began.elapsed() > Duration::from_millis(900), "{name}");
    }
}

#[test]
fn what_cannot_be_played_is_an_error_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let sound = sound(dir.path(), "a.wav");
    let text = dir.path().join("a.txt");
    std::fs::write(&text, "words ".repeat(1000)).unwrap();
    for (spec, words) in [
        (format!("file:{}", sound.display()), "it has no picture that can be decoded here"),
        (format!("file:{}?loop", sound.display()), "it has no picture that can be decoded here"),
        (format!("image:{}", sound.display()), "it has no picture that can be decoded here"),
        (format!("image:{}", text.display()), "it has no picture that can be decoded here"),
    ] {
        assert_eq!(Running::video(&spec).said("nothing"), words, "{spec}");
    }
    for spec in ["file:/no/such/file", "image:/no/such/file", "file:/tmp"] {
        let spec: VideoSource = spec.parse().unwrap();
        let error = source::video(&spec, SIZE).unwrap_err().to_string();
        assert!(error.contains("cannot be read: "), "{error}");
    }
}

mod camera {
    //! A network camera: a real RTSP server, in a process of its own so that it can lose power.

    use std::{
        io::{BufRead, BufReader},
        process::{Child, Command, Stdio},
    };

    use gst_rtsp_server::prelude::*;

    use super::*;

    const VARIABLE: &str = "INTERCOM_TEST_CAMERA";

    /// The camera itself, when this test's program is started as one; else nothing.
    #[test]
    fn camera_process() {
        let Ok(port) = std::env::var(VARIABLE) else { return };
        gst::init().unwrap();
        let server = gst_rtsp_server::RTSPServer::new();
        server.set_address("127.0.0.1");
        server.set_service(&port);
        let factory = gst_rtsp_server::RTSPMediaFactory::new();
        factory.set_launch(
            "( videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1 ! \
             x264enc tune=zerolatency key-int-max=15 ! rtph264pay name=pay0 \
             audiotestsrc is-live=true ! mulawenc ! rtppcmupay name=pay1 )",
        );
        factory.set_shared(true);
        // Only the one with the password may look.
        let auth = gst_rtsp_server::RTSPAuth::new();
        let user =
            gst_rtsp_server::RTSPToken::builder().field("media.factory.role", "user").build();
        let basic = gst_rtsp_server::RTSPAuth::make_basic("eye", "p@ss word");
        auth.add_basic(&basic, &user);
        server.set_auth(Some(&auth));
        let may = gst::Structure::builder("user")
            .field("media.factory.access", true)
            .field("media.factory.construct", true);
        factory.add_role_from_structure(&may.build());
        server.mount_points().unwrap().add_factory("/live", factory);
        let _id = server.attach(None).unwrap();
        println!("\ncamera on {}", server.bound_port());
        gst::glib::MainLoop::new(None, false).run();
    }

    struct Camera {
        process: Child,
        port: String,
    }

    impl Camera {
        fn switch_on(port: &str) -> Self {
            let mut process = Command::new(std::env::current_exe().unwrap())
                .args(["camera::camera_process", "--exact", "--nocapture"])
                .env(VARIABLE, port)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let lines = BufReader::new(process.stdout.take().unwrap()).lines();
            let mut ports = lines.map_while(Result::ok);
            let port = ports.find_map(|line| line.strip_prefix("camera on ").map(str::to_owned));
            Self { process, port: port.unwrap() }
        }

        fn spec(&self, login: &str) -> String {
            format!("rtsp://{login}127.0.0.1:{}/live", self.port)
        }
    }

    impl Drop for Camera {
        fn drop(&mut self) {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }

    #[test]
    fn it_may_lose_its_power() {
        let camera = Camera::switch_on("0");
        let watched = Running::video(&camera.spec("eye:p%40ss%20word@"));
        assert!(watched.next(Duration::from_secs(1)).len() > 15);
        let port = camera.port.clone();
        drop(camera);
        assert!(watched.said(CAMERA_MESSAGE).contains("there=(boolean)false"));
        watched.buffers.try_iter().for_each(drop);
        let _camera = Camera::switch_on(&port);
        assert!(watched.next(Duration::from_secs(1)).len() > 15);
        assert!(watched.said(CAMERA_MESSAGE).contains("there=(boolean)true"));
    }

    #[test]
    fn a_wrong_password_is_said_without_it() {
        let camera = Camera::switch_on("0");
        let watched = Running::video(&camera.spec("eye:wrong@"));
        assert!(watched.said(CAMERA_MESSAGE).contains("there=(boolean)false"));
        assert_eq!(watched.buffers.try_iter().count(), 0);
    }
}
