//! Calls run while, at random, the signaller is killed, cables are pulled and devices lose their
//! power. At the end nothing may be left of it: no call, no session, no peer, nobody busy.
//!
//! `SEED` repeats a run as far as time allows, `SECONDS` says how long it goes on.

#![allow(clippy::unwrap_used)]

use std::fmt::Debug;
use std::os::unix::process::ExitStatusExt;
use std::str::FromStr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use intercom_tests::{Host, Network, PATIENCE, Program, Signaller, Usage};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

const DEVICES: [&str; 3] = ["front", "back", "gate"];
const CALLERS: [&str; 3] = ["ann", "bob", "eve"];

const SIGINT: i32 = 2;

/// From the last fault until all is as if there had been none: the longest wait between two attempts
/// to connect, and the time that a call waits for who is away, each with as much again.
const HEALED: Duration = Duration::from_secs(90);
/// How much larger a device may be after all of it, KiB: three times as much as was seen.
const GROWN: usize = 10 * 1024;
/// A signaller of this size holds three devices and nothing else, KiB. A call that stays does not show
/// in it, but what is kept for each that was lost would.
const SMALL: usize = 64 * 1024;

#[test]
#[ignore = "make chaos"]
fn chaos_leaves_nothing_behind() {
    let seed = variable("SEED").unwrap_or_else(|| rand::rng().random());
    let length = Duration::from_secs(variable("SECONDS").unwrap_or(180));
    println!("SEED={seed}");
    let mut network = Network::new().expect("this test makes network namespaces: run it as root");
    let mut town = Town::build(&mut network);
    let mut rng = StdRng::seed_from_u64(seed);
    let begun = Instant::now();
    while begun.elapsed() < length {
        town.ring(&mut rng);
        let fault = Fault::any(&mut rng);
        println!("{:5.1} s: {fault:?}", begun.elapsed().as_secs_f32());
        town.suffer(&fault);
        town.heal();
        sleep(moment(&mut rng, 500..6_000));
        town.look();
    }
    town.hang_up();
    town.await_peace();
    town.is_as_new();
}

/// What can happen to a town, and for how long.
#[derive(Clone, Debug)]
enum Fault {
    SignallerKilled(Duration),
    SignallerStopped(Duration),
    CablePulled(Place, Duration),
    LineSwallows(Place, Duration),
    LineNarrow(Place, Duration),
    DeviceFrozen(usize, Duration),
    DeviceKilled(usize, Duration),
    CallerKilled(usize),
    CallerHangsUp(usize),
    /// The second comes while the first one lasts.
    Both(Box<Fault>, Box<Fault>),
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Signaller,
    Device(usize),
    Caller(usize),
}

impl Fault {
    fn any(rng: &mut StdRng) -> Self {
        match rng.random_range(0..8) {
            0 => Self::Both(Box::new(Self::one(rng)), Box::new(Self::one(rng))),
            _ => Self::one(rng),
        }
    }

    fn one(rng: &mut StdRng) -> Self {
        let device = rng.random_range(0..DEVICES.len());
        let caller = rng.random_range(0..CALLERS.len());
        let place =
            *[Place::Signaller, Place::Device(device), Place::Caller(caller)].choose(rng).unwrap();
        // Mostly shorter than anybody waits, now and then longer.
        let time = match rng.random_range(0..10) {
            0..5 => moment(rng, 50..1_500),
            5..9 => moment(rng, 1_500..8_000),
            _ => moment(rng, 32_000..40_000),
        };
        match rng.random_range(0..10) {
            0 | 1 => Self::SignallerKilled(time),
            2 => Self::SignallerStopped(time),
            3 => Self::CablePulled(place, time),
            4 => Self::LineSwallows(place, time),
            5 => Self::LineNarrow(place, time),
            6 => Self::DeviceFrozen(device, time),
            7 => Self::DeviceKilled(device, time),
            8 => Self::CallerKilled(caller),
            _ => Self::CallerHangsUp(caller),
        }
    }
}

/// A signaller, devices that answer and people who call them, each on a host of its own.
struct Town {
    signaller: Signaller,
    signaller_host: Host,
    devices: Vec<Device>,
    callers: Vec<Caller>,
    /// What a device has of the system after its first call; they are all the same.
    first: Usage,
}

struct Device {
    account: &'static str,
    host: Host,
    program: Program,
    /// Of its camera.
    peer_id: String,
}

struct Caller {
    account: &'static str,
    host: Host,
    program: Option<Program>,
}

impl Town {
    fn build(network: &mut Network) -> Self {
        let signaller_host = network.host("signaller");
        let accounts = DEVICES.iter().map(|name| (*name, "device"));
        let accounts = accounts.chain(CALLERS.iter().map(|name| (*name, "user")));
        let accounts: Vec<_> = accounts.chain([("host", "admin")]).collect();
        let signaller = Signaller::on(&signaller_host, &accounts);
        let devices = DEVICES.map(|account| {
            let host = network.host(account);
            let (program, peer_id) = plug_in(&signaller, &host, account);
            Device { account, host, program, peer_id }
        });
        let callers =
            CALLERS.map(|account| Caller { account, host: network.host(account), program: None });
        let first = Usage::of(&devices[0].program);
        let (devices, callers) = (devices.into(), callers.into());
        let mut town = Self { signaller, signaller_host, devices, callers, first };
        // What is made once is made by the first call.
        town.visit(0);
        let program = &mut town.devices[0].program;
        program.expect("camera and microphone are closed");
        town.first = Usage::settled(program);
        town
    }

    /// Most of those who do not talk ring somebody.
    fn ring(&mut self, rng: &mut StdRng) {
        for caller in &mut self.callers {
            let to = DEVICES.choose(rng).unwrap();
            if rng.random_bool(0.8) && caller.program.is_none() {
                let args = ["--call", to, "--audio", "test", "--audio-out", "none"];
                let args = [&args[..], &["--video-out", "none"]].concat();
                caller.program = Some(call(&self.signaller, &caller.host, caller.account, &args));
            }
        }
    }

    fn suffer(&mut self, fault: &Fault) {
        match fault {
            Fault::SignallerKilled(time) => {
                self.signaller.kill();
                sound("signaller", self.signaller.program());
                sleep(*time);
                self.signaller.restart();
            }
            Fault::SignallerStopped(time) => {
                assert!(self.signaller.program().terminate().success());
                sound("signaller", self.signaller.program());
                sleep(*time);
                self.signaller.restart();
            }
            Fault::CablePulled(place, time) => {
                self.host(*place).pull();
                sleep(*time);
            }
            Fault::LineSwallows(place, time) => {
                self.host(*place).swallow();
                sleep(*time);
            }
            Fault::LineNarrow(place, time) => {
                self.host(*place).squeeze();
                sleep(*time);
            }
            Fault::DeviceFrozen(index, time) => {
                let device = &self.devices[*index];
                device.program.signal("STOP");
                sleep(*time);
                device.program.signal("CONT");
            }
            Fault::DeviceKilled(index, time) => {
                let Device { account, program, .. } = &mut self.devices[*index];
                program.kill();
                sound(account, program);
                sleep(*time);
                // It may be that it has no line, and it needs none to start.
                self.heal();
                let Device { account, host, program, .. } = &mut self.devices[*index];
                (*program, _) = plug_in(&self.signaller, host, account);
            }
            Fault::CallerKilled(index) => {
                let Caller { account, program, .. } = &mut self.callers[*index];
                if let Some(mut program) = program.take() {
                    program.kill();
                    sound(account, &mut program);
                }
            }
            Fault::CallerHangsUp(index) => self.callers[*index].hang_up(),
            Fault::Both(first, second) => {
                self.begin(first);
                self.suffer(second);
            }
        }
    }

    /// What a cable or a line suffers lasts until it is healed; all else waits for its own end.
    fn begin(&mut self, fault: &Fault) {
        match fault {
            Fault::CablePulled(place, _) => self.host(*place).pull(),
            Fault::LineSwallows(place, _) => self.host(*place).swallow(),
            Fault::LineNarrow(place, _) => self.host(*place).squeeze(),
            fault => self.suffer(fault),
        }
    }

    fn heal(&self) {
        let hosts = self.devices.iter().map(|device| &device.host);
        let hosts = hosts.chain(self.callers.iter().map(|caller| &caller.host));
        hosts.chain([&self.signaller_host]).for_each(Host::heal);
    }

    fn host(&self, place: Place) -> &Host {
        match place {
            Place::Signaller => &self.signaller_host,
            Place::Device(index) => &self.devices[index].host,
            Place::Caller(index) => &self.callers[index].host,
        }
    }

    /// Nobody may have crashed. A caller's program ends with its call.
    fn look(&mut self) {
        for device in &mut self.devices {
            assert!(device.program.is_running(), "{} has ended", device.account);
        }
        for caller in &mut self.callers {
            if let Some(program) = caller.program.take_if(|program| !program.is_running()) {
                expect_end(caller.account, program);
            }
        }
    }

    fn hang_up(&mut self) {
        self.look();
        self.callers.iter_mut().for_each(Caller::hang_up);
    }

    /// Until there is nothing of a call any more and everybody is who and where he was at first.
    fn await_peace(&self) {
        let begun = Instant::now();
        let deadline = begun + HEALED;
        while let Err(trouble) = self.is_at_peace() {
            assert!(Instant::now() < deadline, "after {HEALED:?}: {trouble}");
            sleep(Duration::from_millis(500));
        }
        println!("at peace after {:.1} s", begun.elapsed().as_secs_f32());
    }

    fn is_at_peace(&self) -> Result<(), String> {
        let metrics = self.ask("/metrics")?;
        // Each device has its camera and its phone.
        let peers = 2 * self.devices.len();
        for figure in ["sessions 0", "calls 0", &*format!("peers {peers}")] {
            let line = format!("\nintercom_{figure}\n");
            metrics.contains(&line).then_some(()).ok_or(format!("not {figure}: {metrics}"))?;
        }
        let connections = self.ask_json("/api/connections")?;
        let known = connections["connections"].as_array().unwrap();
        for Device { account, peer_id, .. } in &self.devices {
            let is_it = |peer: &&Value| peer["account"] == *account && peer["away"] == false;
            let ends: Vec<_> = known.iter().filter(is_it).collect();
            let camera = ends.iter().find(|peer| peer["roles"] == json!(["producer"]));
            let is_same = camera.is_some_and(|camera| camera["peerId"] == **peer_id);
            (ends.len() == 2 && is_same).then_some(()).ok_or(format!("{account}: {ends:#?}"))?;
        }
        let presence = self.ask_json("/api/presence")?;
        for account in presence["accounts"].as_array().unwrap() {
            let is_device = DEVICES.iter().any(|name| account["name"] == *name);
            let is_right = match account["status"].as_str() {
                Some("available") => is_device && account["callable"] == true,
                Some("disconnected") => !is_device,
                _ => false,
            };
            is_right.then_some(()).ok_or(account.to_string())?;
        }
        Ok(())
    }

    /// Every device can be called, and has not grown.
    fn is_as_new(&mut self) {
        let size = Usage::of(self.signaller.program());
        println!("signaller: {size:?}");
        assert!(size.kib < SMALL, "{size:?}");
        sound("signaller", self.signaller.program());
        let first = self.first;
        let is_flat = |now: &Usage| {
            now.threads <= first.threads + 3
                && now.files <= first.files + 3
                && now.kib <= first.kib + GROWN
        };
        for Device { account, program, .. } in &mut self.devices {
            let now = Usage::once(program, is_flat);
            println!("{account}: {first:?} became {now:?}");
            assert!(is_flat(&now), "{account}: {first:?} became {now:?}");
            let said = sound(account, program);
            let [begun, ended] = ["in call with", "call ended"].map(|it| said.matches(it).count());
            assert!(begun <= ended, "{account} still thinks that it is in a call");
        }
        (0..self.devices.len()).for_each(|index| self.visit(index));
    }

    /// Somebody rings, sees something and hangs up.
    fn visit(&mut self, index: usize) {
        let Device { account, program, .. } = &mut self.devices[index];
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("seen.avi");
        let screen = format!("file:{}", path.display());
        let args = ["--call", account, "--audio", "test", "--audio-out", "none"];
        let args = [&args[..], &["--video-out", &screen]].concat();
        let mut ann = call(&self.signaller, &self.callers[0].host, "ann", &args);
        ann.expect("in call with");
        let deadline = Instant::now() + PATIENCE;
        while path.metadata().map_or(0, |it| it.len()) < 100_000 {
            assert!(Instant::now() < deadline, "{account} shows nothing");
            sleep(Duration::from_millis(100));
        }
        interrupt(&ann);
        assert!(ann.wait().success());
        program.expect("call ended: hangup");
    }

    fn ask_json(&self, path: &str) -> Result<Value, String> {
        let answer = self.ask(path)?;
        serde_json::from_str(&answer).map_err(|_| format!("{path}: {answer}"))
    }

    /// Of the HTTP API, as an admin.
    fn ask(&self, path: &str) -> Result<String, String> {
        let token = std::fs::read_to_string(self.signaller.token("host")).unwrap();
        let url = format!("{}{path}", self.signaller.ws().replace("ws:", "http:"));
        let login = format!("Authorization: Bearer {}", token.trim());
        let mut curl = self.signaller_host.command("curl");
        let answer = curl.args(["-sS", "--max-time", "5", "-H", &login, &url]).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        answer.status.success().then_some(text(answer.stdout)).ok_or(text(answer.stderr))
    }
}

impl Caller {
    fn hang_up(&mut self) {
        if let Some(mut program) = self.program.take() {
            if program.is_running() {
                interrupt(&program);
            }
            expect_end(self.account, program);
        }
    }
}

/// Starts a device, and returns its camera's peer id as well.
fn plug_in(signaller: &Signaller, host: &Host, account: &str) -> (Program, String) {
    let media = ["--video", "test:ball", "--size", "320x240@15", "--audio", "test"];
    let phone = ["--answer", "auto", "--speaker", "none", "--show", "none"];
    let args = [&["--name", account], &media[..], &phone].concat();
    let mut program = start(signaller, host, "intercom-producer", account, &args);
    let line = program.expect("on air: ");
    let peer_id = line.rsplit_once("peer id ").unwrap().1.trim_end_matches(')').to_owned();
    (program, peer_id)
}

fn call(signaller: &Signaller, host: &Host, account: &str, args: &[&str]) -> Program {
    start(signaller, host, "intercom-consumer", account, args)
}

fn start(
    signaller: &Signaller,
    host: &Host,
    program: &str,
    account: &str,
    args: &[&str],
) -> Program {
    let (server, ca, token) = (signaller.wss(), signaller.ca(), signaller.token(account));
    let basics = ["--server", &server, "--ca", ca.to_str().unwrap()];
    let login = ["--token-file", token.to_str().unwrap()];
    host.ours(program, [&basics[..], &login, args].concat())
}

fn interrupt(program: &Program) {
    program.signal("INT");
}

/// What a program has said: nothing that only a bug says.
fn sound(name: &str, program: &mut Program) -> String {
    let said = program.output();
    let is_bad = |words| said.contains(words);
    assert!(!["panicked at", "Trying to dispose"].into_iter().any(is_bad), "{name}: {said}");
    said
}

/// A program that ends by itself says why, and does not crash. One that has only just begun to start
/// knows no signals yet.
fn expect_end(account: &str, mut program: Program) {
    let status = program.wait();
    let is_fine = matches!(status.code(), Some(0 | 1)) || status.signal() == Some(SIGINT);
    assert!(is_fine, "{account}: {status}\n{}", program.output());
    sound(account, &mut program);
}

fn moment(rng: &mut StdRng, milliseconds: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.random_range(milliseconds))
}

fn variable<T: FromStr<Err: Debug>>(name: &str) -> Option<T> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}
