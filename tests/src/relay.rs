//! A piece of network between a client and a server, which a test counts and takes away.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Passes TCP on, from a port of its own on 127.0.0.1 to another.
pub struct Relay {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    connections: AtomicUsize,
    /// How many of them, the first ones, lead nowhere any more.
    dead: AtomicUsize,
    /// Dead ones stay open: neither end hears of it.
    kept: Mutex<Vec<TcpStream>>,
}

impl Relay {
    /// A relay to this port of 127.0.0.1.
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::<State>::default();
        let shared = state.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                shared.clone().connect(client, server);
            }
        });
        Self { port, state }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Connections made so far.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// From now on nothing passes on the connections that there are, without a FIN or a RST. New
    /// ones work.
    pub fn swallow(&self) {
        self.state.dead.store(self.connections(), Ordering::SeqCst);
    }
}

impl State {
    fn connect(self: Arc<Self>, client: TcpStream, server: u16) {
        let number = self.connections.fetch_add(1, Ordering::SeqCst);
        // A server that is away refuses, and so does the relay.
        let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { return };
        let halves =
            |stream: &TcpStream| (stream.try_clone().unwrap(), stream.try_clone().unwrap());
        let ((client_in, client_out), (server_in, server_out)) = (halves(&client), halves(&server));
        self.kept.lock().unwrap().extend([client, server]);
        let up = self.clone();
        thread::spawn(move || up.carry(number, client_in, server_out));
        thread::spawn(move || self.carry(number, server_in, client_out));
    }

    fn carry(&self, number: usize, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 16 * 1024];
        let is_dead = || number < self.dead.load(Ordering::SeqCst);
        loop {
            let read = from.read(&mut buffer).unwrap_or(0);
            match read {
                _ if is_dead() && read > 0 => {}
                0 => break,
                _ if to.write_all(&buffer[..read]).is_err() => break,
                _ => {}
            }
        }
        if !is_dead() {
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
        }
    }
}
