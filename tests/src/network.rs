//! Hosts of the test's own: network namespaces at one switch, with cables that can be pulled.
//!
//! It needs root. What it makes is gone when it is dropped, and what a test left that was killed is
//! taken away by the next one. Nothing outside of these namespaces is touched.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use crate::{Program, target_dir};

/// How the namespaces are called; the process that made them follows.
const PREFIX: &str = "intercom-test-";
/// The switch, in a namespace of its own.
const BRIDGE: &str = "switch";
/// What a narrow line lets through: some of the sound, and no picture.
const NARROW: [&str; 7] = ["tbf", "rate", "64kbit", "burst", "2kb", "latency", "200ms"];

/// A switch and the hosts at it. It is to outlive the programs on them.
pub struct Network {
    switch: String,
    hosts: Vec<Host>,
}

/// One of the hosts. Clones are the same.
#[derive(Clone)]
pub struct Host {
    namespace: String,
    switch: String,
    /// Its place at the switch.
    port: String,
    address: String,
}

impl Network {
    /// A switch with nobody at it. `None` for whoever is not root.
    pub fn new() -> Option<Self> {
        remove_stale();
        let switch = namespace("switch");
        if !ip(&["netns", "add", &switch]) {
            return None;
        }
        let this = Self { switch, hosts: Vec::new() };
        must(&["-n", &this.switch, "link", "add", "name", BRIDGE, "type", "bridge"]);
        must(&["-n", &this.switch, "link", "set", BRIDGE, "up"]);
        Some(this)
    }

    /// One host more.
    pub fn host(&mut self, name: &str) -> Host {
        let number = self.hosts.len() + 1;
        let host = Host {
            namespace: namespace(name),
            switch: self.switch.clone(),
            port: format!("port{number}"),
            address: format!("10.77.0.{number}"),
        };
        // Known from here on, so that it is removed whatever happens next.
        self.hosts.push(host.clone());
        must(&["netns", "add", &host.namespace]);
        let (inside, port) = (["-n", &*host.namespace], &*host.port);
        let cable = ["link", "add", "name", port, "type", "veth", "peer", "name", "eth0", "netns"];
        must(&[&["-n", &*host.switch], &cable[..], &[&*host.namespace]].concat());
        let address = format!("{}/24", host.address);
        must(&[&inside[..], &["address", "add", &address, "dev", "eth0"]].concat());
        for device in ["lo", "eth0"] {
            must(&[&inside[..], &["link", "set", device, "up"]].concat());
        }
        host.at_switch(&["up"]);
        host.join();
        host
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let namespaces = self.hosts.iter().map(|host| &host.namespace);
        for namespace in namespaces.chain([&self.switch]) {
            if !ip(&["netns", "del", namespace]) {
                eprintln!("the namespace {namespace} stays");
            }
        }
    }
}

impl Host {
    /// Its address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Starts one of our binaries on it.
    pub fn ours<A: AsRef<OsStr>>(&self, name: &str, args: impl IntoIterator<Item = A>) -> Program {
        let mut command = self.command(target_dir().join(name));
        command.args(args);
        Program::spawn(name, command)
    }

    /// Any program, to be run on it.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }

    /// Pulls its cable, which it notices.
    pub fn pull(&self) {
        self.at_switch(&["down"]);
    }

    /// Takes what it sends and what is sent to it away, which nobody notices.
    pub fn swallow(&self) {
        self.at_switch(&["nomaster"]);
    }

    /// Makes its line so narrow that most of what is sent to it is lost.
    pub fn squeeze(&self) {
        self.queue(&[&["replace", "dev", &*self.port, "root"], &NARROW[..]].concat());
    }

    /// Its line is as it was at first.
    pub fn heal(&self) {
        self.at_switch(&["up"]);
        self.join();
        self.queue(&["replace", "dev", &self.port, "root", "pfifo", "limit", "1000"]);
    }

    fn join(&self) {
        self.at_switch(&["master", BRIDGE]);
    }

    fn at_switch(&self, change: &[&str]) {
        must(&[&["-n", &*self.switch, "link", "set", &*self.port], change].concat());
    }

    fn queue(&self, change: &[&str]) {
        let args = [&["-n", &*self.switch, "qdisc"], change].concat();
        let done = Command::new("tc").args(&args).status().unwrap();
        assert!(done.success(), "tc {}", args.join(" "));
    }
}

fn namespace(name: &str) -> String {
    format!("{PREFIX}{}-{name}", std::process::id())
}

/// Of tests that did not get to it.
fn remove_stale() {
    let listed = Command::new("ip").args(["netns", "list"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    for name in listed.lines().filter_map(|line| line.split_whitespace().next()) {
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            must(&["netns", "del", name]);
        }
    }
}

fn must(args: &[&str]) {
    assert!(ip(args), "ip {}", args.join(" "));
}

fn ip(args: &[&str]) -> bool {
    Command::new("ip").args(args).status().is_ok_and(|status| status.success())
}
