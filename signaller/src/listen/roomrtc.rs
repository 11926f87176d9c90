//! The port of roomrtc: TLS, and lines in it. Its clients say a name of their own in the handshake and
//! check nothing, so any certificate will do.

use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tracing::info;

use super::{DEADLINE, Visits, accept_all, link};
use crate::conn::{self, Entrance, Timing};
use crate::gate::{Caller, Gate};
use crate::hub_task::HubHandle;
use crate::lines::{keep_alive, lines};
use crate::link::Side;
use crate::room::Room;

const NO_ROOM: &str = "the server has as many clients as --max-clients allows";

/// Everything that a connection needs.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    pub(crate) hub: HubHandle,
    pub(crate) gate: Arc<Gate>,
    /// A seat for every connection that there may be.
    pub(crate) room: Room,
    pub(crate) timing: Timing,
}

/// Serves each connection in a task of its own, once its handshake is done.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    visits: Visits,
    server: Lines,
) {
    accept_all(&listener, &visits, |socket| {
        let (tls, server) = (TlsAcceptor::from(Arc::clone(&tls)), server.clone());
        async move {
            keep_alive(&socket)?;
            let link = link(Side::Tls, &socket)?;
            let socket = lines(timeout(DEADLINE, tls.accept(socket)).await??);
            let Some(seat) = server.room.seat() else {
                info!(remote = %link.remote, "roomrtc refused: {NO_ROOM}");
                conn::turn_away(socket, NO_ROOM).await;
                return Ok(());
            };
            info!(remote = %link.remote, "roomrtc");
            let Lines { hub, gate, timing, .. } = server;
            let entrance = Entrance::RoomRtc(Caller::new(gate, link.way("roomrtc")));
            tokio::spawn(async move {
                conn::run(socket, entrance, hub, timing).await;
                drop(seat);
            });
            Ok(())
        }
    })
    .await;
}
