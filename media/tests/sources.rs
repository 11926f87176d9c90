//! Sources with a pipeline of their own: what they deliver, how they end and come back.

#![allow(clippy::unwrap_used)]

use std::{
    ops::RangeBounds,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use gst::prelude::*;
use intercom_media::{
    feed::Feed,
    source::{self, OVER_MESSAGE},
    spec::{AudioSource, Size, VideoSource},
    trouble::{Change, Device, Trouble},
};

const SIZE: Size = Size { width: 160, height: 120, fps: 30 };
const PATIENCE: Duration = Duration::from_secs(40);

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
        Self::start(Feed::new(&spec, SIZE).unwrap().unwrap().bin())
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

    /// The next change for the worse or the better.
    fn change(&self) -> Option<Trouble> {
        let bus = self.pipeline.bus().unwrap();
        let types = [gst::MessageType::Element, gst::MessageType::Error];
        loop {
            let message = bus.timed_pop_filtered(PATIENCE.try_into().ok(), &types);
            let message = message.expect("a change that does not come");
            assert_ne!(message.type_(), gst::MessageType::Error, "{message:?}");
            if let Some(Change { device, trouble }) = Change::read(&message) {
                assert_eq!(device, Device::Camera);
                return trouble;
            }
        }
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

/// A picture goes on in its own time, 30 frames a second; what was on its way may come before.
fn assert_flows(watched: &Running) {
    await_rate(watched, 13..);
}

/// The still picture is sent, five times a second at most.
fn assert_stands(watched: &Running) {
    await_rate(watched, 2..12);
}

/// Waits for a second with so many frames.
fn await_rate(watched: &Running, wanted: impl RangeBounds<usize>) {
    let end = Instant::now() + PATIENCE;
    loop {
        let frames = watched.next(Duration::from_secs(1)).len();
        if wanted.contains(&frames) {
            return;
        }
        assert!(Instant::now() < end, "{frames} frames a second");
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
        assert!((10..=32).contains(&frames.len()), "{name}: {}", frames.len());
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
        let error = Feed::new(&spec, SIZE).unwrap_err().to_string();
        assert!(error.contains("cannot be read: "), "{error}");
    }
}

#[test]
fn what_comes_late_comes_back() {
    let late = Running::video(
        "launch:videotestsrc is-live=true ! video/x-raw,framerate=10/1 ! identity error-after=40 ! \
         queue max-size-buffers=0 max-size-bytes=0 max-size-time=0 min-threshold-time=500000000",
    );
    for _ in 0..2 {
        assert_eq!(late.change(), Some(Trouble::Gone));
        assert_eq!(late.change(), None);
    }
}

#[test]
fn a_camera_that_gives_nothing_at_the_start_is_a_mistake_and_no_grey_picture() {
    let silent = Running::video("launch:videotestsrc is-live=true ! valve drop=true");
    assert_eq!(silent.said("nothing"), "nothing comes");
    assert_eq!(silent.buffers.try_iter().count(), 0);
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
        assert_flows(&watched);
        let port = camera.port.clone();
        drop(camera);
        assert_eq!(watched.change(), Some(Trouble::Gone));
        assert_stands(&watched);
        let _camera = Camera::switch_on(&port);
        assert_eq!(watched.change(), None);
        assert_flows(&watched);
    }

    #[test]
    fn a_wrong_password_is_said_without_it() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let writer = log.reopen().unwrap();
        let level = tracing::Level::DEBUG;
        tracing_subscriber::fmt().with_max_level(level).with_ansi(false).with_writer(writer).init();
        let camera = Camera::switch_on("0");
        let watched = Running::video(&camera.spec("eye:guess@"));
        assert_eq!(watched.change(), Some(Trouble::Gone));
        // Other tests log there, too.
        let said = std::fs::read_to_string(log.path()).unwrap();
        let words = format!("the camera {} does not work (Unauthorized), sending", camera.spec(""));
        assert!(said.contains(&words), "{said}");
        assert!(!said.contains("guess"), "{said}");
    }
}

mod device {
    //! A device that can be pulled out, or held by somebody else: an element of ours for `launch:`.

    use std::{
        cell::RefCell,
        process::Command,
        rc::Rc,
        sync::atomic::{AtomicU8, AtomicUsize, Ordering},
    };

    use gst::{glib, subclass::prelude::*};
    use intercom_media::{
        audio::{self, Sound},
        feed::Feed,
        spec::VideoSource,
    };

    use super::*;

    const WORKS: u8 = 0;
    const GONE: u8 = 1;
    const BUSY: u8 = 2;
    const SILENT: u8 = 3;

    /// How it is with each of these, by their names: every test has one.
    static STATES: [AtomicU8; 5] = [const { AtomicU8::new(WORKS) }; 5];

    /// How many of each are open.
    static OPEN: [AtomicUsize; 5] = [const { AtomicUsize::new(0) }; 5];

    /// Set where a test has the process for itself.
    const ALONE: &str = "INTERCOM_TEST_ALONE";

    /// A live white picture.
    #[derive(Default)]
    struct Imp;

    glib::wrapper! {
        struct TestCamera(ObjectSubclass<Imp>)
            @extends gst::Bin, gst::Element, gst::Object;
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Imp {
        const NAME: &'static str = "IntercomTestCamera";
        type Type = TestCamera;
        type ParentType = gst::Bin;
    }

    impl ObjectImpl for Imp {
        fn constructed(&self) {
            self.parent_constructed();
            let source = gst::ElementFactory::make("videotestsrc").property("is-live", true);
            let source = source.property_from_str("pattern", "white").build().unwrap();
            let bin = self.obj();
            bin.add(&source).unwrap();
            let pad = source.static_pad("src").unwrap();
            let ghost = gst::GhostPad::builder_with_target(&pad).unwrap().name("src").build();
            let this = bin.downgrade();
            ghost.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
                let Some(this) = this.upgrade() else { return gst::PadProbeReturn::Drop };
                match this.imp().state() {
                    WORKS => gst::PadProbeReturn::Ok,
                    SILENT => gst::PadProbeReturn::Drop,
                    _ => {
                        gst::element_error!(this, gst::ResourceError::Read, ("pulled out"));
                        gst::PadProbeReturn::Drop
                    }
                }
            });
            bin.add_pad(&ghost).unwrap();
        }
    }

    impl GstObjectImpl for Imp {}

    impl ElementImpl for Imp {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            static METADATA: std::sync::LazyLock<gst::subclass::ElementMetadata> =
                std::sync::LazyLock::new(|| {
                    gst::subclass::ElementMetadata::new("camera", "Source", "of a test", "nobody")
                });
            Some(&METADATA)
        }

        fn pad_templates() -> &'static [gst::PadTemplate] {
            static TEMPLATES: std::sync::LazyLock<Vec<gst::PadTemplate>> =
                std::sync::LazyLock::new(|| {
                    let caps = gst::Caps::new_empty_simple("video/x-raw");
                    let (direction, always) = (gst::PadDirection::Src, gst::PadPresence::Always);
                    vec![gst::PadTemplate::new("src", direction, always, &caps).unwrap()]
                });
            &TEMPLATES
        }

        fn change_state(
            &self,
            change: gst::StateChange,
        ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
            if change == gst::StateChange::NullToReady && self.state() == BUSY {
                gst::element_imp_error!(self, gst::ResourceError::Busy, ("it is busy"));
                return Err(gst::StateChangeError);
            }
            let open = &OPEN[self.number()];
            match change {
                gst::StateChange::NullToReady => drop(open.fetch_add(1, Ordering::Relaxed)),
                gst::StateChange::ReadyToNull => drop(open.fetch_sub(1, Ordering::Relaxed)),
                _ => {}
            }
            self.parent_change_state(change)
        }
    }

    impl BinImpl for Imp {}

    impl Imp {
        fn number(&self) -> usize {
            let name = self.obj().name();
            name.chars().last().and_then(|digit| digit.to_digit(10)).unwrap() as usize
        }

        fn state(&self) -> u8 {
            STATES[self.number()].load(Ordering::Relaxed)
        }
    }

    /// One of them in use, and the feed that opens and closes it.
    fn camera(number: usize) -> (Running, Feed) {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            intercom_media::init().unwrap();
            let (rank, class) = (gst::Rank::NONE, TestCamera::static_type());
            gst::Element::register(None, "intercomtestcamera", rank, class).unwrap();
        });
        let spec = format!("launch:intercomtestcamera name=camera{number}");
        let spec: VideoSource = spec.parse().unwrap();
        let feed = Feed::new(&spec, SIZE).unwrap().unwrap();
        (Running::start(feed.bin()), feed)
    }

    fn set(number: usize, state: u8) {
        STATES[number].store(state, Ordering::Relaxed);
    }

    fn await_open(number: usize, open: usize) {
        let end = Instant::now() + PATIENCE;
        while OPEN[number].load(Ordering::Relaxed) != open {
            assert!(Instant::now() < end, "{open} are to be open");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn it_may_be_pulled_out_held_by_another_and_fall_silent() {
        let (camera, _feed) = camera(0);
        for round in
            [&[(GONE, Trouble::Gone), (BUSY, Trouble::Busy)][..], &[(SILENT, Trouble::Gone)]]
        {
            assert_flows(&camera);
            for (state, trouble) in round {
                set(0, *state);
                assert_eq!(camera.change(), Some(*trouble));
                assert_stands(&camera);
            }
            set(0, WORKS);
            assert_eq!(camera.change(), None);
        }
        assert_flows(&camera);
    }

    #[test]
    fn what_is_held_by_another_from_the_start_is_a_mistake() {
        set(1, BUSY);
        let (camera, _feed) = camera(1);
        assert_eq!(camera.said("nothing"), "it is busy");
    }

    #[test]
    fn it_gives_nothing_while_it_is_closed() {
        let (camera, feed) = camera(2);
        for _ in 0..3 {
            assert_flows(&camera);
            feed.keep_open(false);
            await_open(2, 0);
            let end = Instant::now() + PATIENCE;
            while camera.buffers.recv_timeout(Duration::from_millis(500)).is_ok() {
                assert!(Instant::now() < end, "something still comes");
            }
            feed.keep_open(true);
        }
        assert_flows(&camera);
    }

    #[test]
    fn nothing_is_wrong_with_it_while_it_is_closed() {
        let (camera, feed) = camera(3);
        assert_flows(&camera);
        for _ in 0..2 {
            set(3, GONE);
            assert_eq!(camera.change(), Some(Trouble::Gone));
            feed.keep_open(false);
            assert_eq!(camera.change(), None, "nobody tries");
            feed.keep_open(true);
        }
        assert_eq!(camera.change(), Some(Trouble::Gone));
        set(3, WORKS);
        assert_eq!(camera.change(), None);
        assert_flows(&camera);
    }

    #[test]
    fn opening_and_closing_leaves_nothing_behind() {
        if std::env::var_os(ALONE).is_none() {
            let mut program = Command::new(std::env::current_exe().unwrap());
            let name = "device::opening_and_closing_leaves_nothing_behind";
            program.args([name, "--exact", "--nocapture"]).env(ALONE, "");
            assert!(program.status().unwrap().success());
            return;
        }
        let (camera, feed) = camera(4);
        let context = glib::MainContext::default();
        let _owned = context.acquire().unwrap();
        let (sound_pipeline, sound) = microphone();
        let open_and_close = |times| {
            for _ in 0..times {
                for open in [true, false] {
                    sound.borrow_mut().keep_open(open);
                    let end = Instant::now() + PATIENCE;
                    while sound_pipeline.by_name("microphone").is_some() != open {
                        assert!(Instant::now() < end, "the microphone is to be open: {open}");
                        context.iteration(true);
                    }
                }
                feed.keep_open(true);
                await_open(4, 1);
                camera.buffers.try_iter().for_each(drop);
                camera.buffers.recv_timeout(PATIENCE).unwrap();
                feed.keep_open(false);
                await_open(4, 0);
            }
            ["task", "fd"]
                .map(|what| std::fs::read_dir(format!("/proc/self/{what}")).unwrap().count())
        };
        let before = open_and_close(5);
        let after = open_and_close(20);
        // Threads that have nothing to do are kept for a while.
        assert!(after[0] <= before[0] + 14, "threads: {before:?}, {after:?}");
        assert!(after[1] <= before[1] + 14, "files: {before:?}, {after:?}");
        sound_pipeline.set_state(gst::State::Null).unwrap();
    }

    /// A sound in use, from a test microphone.
    fn microphone() -> (gst::Pipeline, Rc<RefCell<Sound>>) {
        let pipeline = gst::Pipeline::new();
        let spec: AudioSource = "test".parse().unwrap();
        let (sound, last) = Sound::add(&pipeline, &spec).unwrap().unwrap();
        let sink = gst::ElementFactory::make("fakesink").property("async", false).build().unwrap();
        pipeline.add(&sink).unwrap();
        last.link(&sink).unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        let sound = Rc::new(RefCell::new(sound));
        audio::look_after(&sound);
        (pipeline, sound)
    }
}
