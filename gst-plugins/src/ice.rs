//! The server's STUN and TURN servers, as webrtcbin spells them.

use gst::prelude::*;
use intercom_client::IceServer;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Lets a webrtcbin that negotiates nothing yet use them. A STUN server that its owner chose stays.
pub(crate) fn offer(webrtcbin: &gst::Element, servers: &[IceServer]) {
    let urls = servers.iter().flat_map(|server| server.urls.iter().map(move |url| (server, url)));
    for (server, url) in urls {
        let Some((scheme, host)) = url.split_once(':') else { continue };
        match scheme {
            "stun" if webrtcbin.property::<Option<String>>("stun-server").is_none() => {
                webrtcbin.set_property("stun-server", format!("stun://{host}"));
            }
            "turn" | "turns" => {
                let url = format!("{scheme}://{}{host}", login(server));
                if !webrtcbin.emit_by_name::<bool>("add-turn-server", &[&url]) {
                    gst::warning!(crate::CAT, obj = webrtcbin, "cannot use {scheme}:{host}");
                }
            }
            _ => {} // webrtcbin knows one STUN server, and none over TLS
        }
    }
}

/// Whether there is a TURN server among them.
pub(crate) fn has_turn(servers: &[IceServer]) -> bool {
    servers.iter().flat_map(|server| &server.urls).any(|url| url.starts_with("turn"))
}

/// Whether it is an address that a TURN server gave.
pub(crate) fn is_relayed(candidate: &str) -> bool {
    candidate.contains(" typ relay")
}

/// `user:password@`, so that neither can be taken for a part of the rest.
fn login(server: &IceServer) -> String {
    let escape = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    match (&server.username, &server.credential) {
        (Some(user), Some(password)) => format!("{}:{}@", escape(user), escape(password)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn server(urls: &[&str], login: Option<(&str, &str)>) -> IceServer {
        let (username, credential) =
            login.map(|(user, password)| (user.into(), password.into())).unzip();
        IceServer { urls: urls.iter().map(|url| (*url).into()).collect(), username, credential }
    }

    fn webrtcbin() -> gst::Element {
        gst::init().unwrap();
        gst::ElementFactory::make("webrtcbin").build().unwrap()
    }

    fn stun(webrtcbin: &gst::Element) -> Option<String> {
        webrtcbin.property("stun-server")
    }

    #[test]
    fn the_servers_stun_is_used_unless_another_was_chosen() {
        let servers = [server(&["stuns:a:1", "stun:b:3478", "stun:c:3478"], None)];
        let bin = webrtcbin();
        offer(&bin, &servers);
        assert_eq!(stun(&bin).as_deref(), Some("stun://b:3478"));
        bin.set_property("stun-server", "stun://own:1");
        offer(&bin, &servers);
        assert_eq!(stun(&bin).as_deref(), Some("stun://own:1"));
    }

    #[test]
    fn a_login_is_escaped() {
        let turn = server(&["turn:relay:3478?transport=udp"], Some(("1790000000:door", "a/b+c=@")));
        let url = format!("turn://{}relay:3478?transport=udp", login(&turn));
        assert_eq!(url, "turn://1790000000%3Adoor:a%2Fb%2Bc%3D%40@relay:3478?transport=udp");
        assert!(webrtcbin().emit_by_name::<bool>("add-turn-server", &[&url]));
    }
}
