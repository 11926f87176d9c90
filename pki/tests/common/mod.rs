//! A real TLS server on loopback, and certificates that the library would refuse to make.

#![allow(dead_code, unreachable_pub)] // each test file uses its own part

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use intercom_pki::Authority;
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use rustls::{Stream, StreamOwned};

/// What the server's page says.
pub const PAGE: &str = "<p>the door is open</p>";

/// Serves [`PAGE`] with the directory's certificate for as long as the test runs.
pub fn serve(dir: &Path) -> SocketAddr {
    let chain: Vec<_> = CertificateDer::pem_file_iter(dir.join("server.pem"))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_file(dir.join("server.key")).unwrap();
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            // A browser opens sockets that it may never use: each has its own thread.
            thread::spawn(move || answer(socket, config));
        }
    });
    address
}

fn answer(socket: TcpStream, config: Arc<ServerConfig>) -> std::io::Result<()> {
    let tls = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(tls, socket);
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{PAGE}",
        PAGE.len()
    )?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// What rustls, our own client's TLS, says to the server when it trusts this CA only.
pub fn handshake(address: SocketAddr, name: &str, ca: &Path) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(ca).unwrap() {
        roots.add(root.unwrap()).unwrap();
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    let mut stream = Stream::new(&mut tls, &mut socket);
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").map_err(|error| error.to_string())?;
    let mut page = String::new();
    stream.read_to_string(&mut page).map_err(|error| error.to_string())?;
    assert!(page.contains(PAGE), "{page}");
    Ok(())
}

/// Signs with the CA's key what the library refuses to: a server certificate for any name.
pub fn forge(dir: &Path, name: &str) {
    let authority = Authority::open(dir).unwrap();
    let ca_key = KeyPair::from_pem(&std::fs::read_to_string(dir.join("ca.key")).unwrap()).unwrap();
    let ca_pem = std::fs::read_to_string(dir.join("ca.pem")).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&ca_pem, ca_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_before = authority.root().not_before;
    params.not_after = authority.root().not_before + time::Duration::days(390);
    params.use_authority_key_identifier_extension = true;
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    params.is_ca = rcgen::IsCa::ExplicitNoCa;
    params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    let leaf = params.signed_by(&key, &issuer).unwrap();
    std::fs::write(dir.join("server.pem"), leaf.pem() + &ca_pem).unwrap();
    std::fs::write(dir.join("server.key"), key.serialize_pem()).unwrap();
}
