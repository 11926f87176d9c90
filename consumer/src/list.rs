//! `--list`: who is on the server, one a line.

use intercom_client::{Listed, ListedRole};
use intercom_media::cli::{self, ServerArgs};

use crate::ConsumerError;

/// Prints peer id, name and roles of everybody, with tabs between.
pub(crate) fn print(server: &ServerArgs) -> Result<(), ConsumerError> {
    let failed = |error: &dyn std::fmt::Display| ConsumerError::List(error.to_string());
    let config = server.client().map_err(|error| failed(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(&error))?;
    let mut listed =
        runtime.block_on(intercom_client::list(&config)).map_err(|error| failed(&error))?;
    listed.sort_by(|a, b| (&a.name, &a.peer_id).cmp(&(&b.name, &b.peer_id)));
    for peer in &listed {
        cli::say(&line(peer));
    }
    Ok(())
}

fn line(peer: &Listed) -> String {
    let roles: Vec<_> = peer
        .roles
        .iter()
        .map(|role| match role {
            ListedRole::Producer => "producer",
            ListedRole::Consumer => "consumer",
        })
        .collect();
    let name = cli::printable(peer.name.as_deref().unwrap_or("-"));
    format!("{}\t{name}\t{}", peer.peer_id, roles.join(","))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use intercom_client::PeerId;

    use super::*;

    #[test]
    fn a_peer_is_one_line() {
        let peer = |name: Option<&str>| Listed {
            peer_id: PeerId::new("7").unwrap(),
            name: name.map(str::to_owned),
            roles: vec![ListedRole::Producer, ListedRole::Consumer],
            meta: serde_json::Value::Null,
        };
        assert_eq!(line(&peer(Some("door"))), "7\tdoor\tproducer,consumer");
        assert_eq!(line(&peer(None)), "7\t-\tproducer,consumer");
        assert_eq!(line(&peer(Some("a\nb\tc"))), "7\ta b c\tproducer,consumer");
    }
}
