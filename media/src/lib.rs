//! What both device binaries need: sources, sinks, encoders, recording, statistics, calls.
//!
//! Everything here is about one machine's media and one account's calls. Who may talk to whom is
//! decided by the signaller; when to do what, by the programs.

pub mod audio;
pub mod branch;
pub mod call;
pub mod cli;
pub mod decode;
mod demand;
pub mod devices;
pub mod element;
pub mod encode;
pub mod feed;
pub mod notify;
mod opener;
pub mod output;
pub mod peer;
pub mod record;
pub mod run;
pub mod send;
pub mod sink;
pub mod source;
pub mod spec;
pub mod stats;
pub mod trouble;

use gst::glib;

/// Starts GStreamer and registers the plugins that are part of the binary.
///
/// They are registered by hand because GStreamer's registry knows nothing of them: no
/// `GST_PLUGIN_PATH` is needed, and what one names cannot take their place.
///
/// # Errors
/// GStreamer cannot start, or a plugin refuses to.
pub fn init() -> Result<(), InitError> {
    share_heaps();
    gst::init().map_err(InitError::Gstreamer)?;
    gstrsrtp::plugin_register_static().map_err(InitError::Plugin)?;
    gstintercom::plugin_register_static().map_err(InitError::Plugin)
}

/// Threads come and go with devices and viewers. glibc would give each a heap of its own, up to eight for
/// a processor, and each of those keeps a few pictures.
fn share_heaps() {
    // SAFETY: it sets a number, before there are threads.
    let done = unsafe { libc::mallopt(libc::M_ARENA_MAX, 2) };
    if done == 0 {
        tracing::debug!("glibc takes no advice on its heaps");
    }
}

/// Why GStreamer could not be started.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The library itself.
    #[error("GStreamer does not start: {0}")]
    Gstreamer(glib::Error),
    /// One of the plugins inside the binary.
    #[error("a built-in GStreamer plugin does not start: {0}")]
    Plugin(glib::BoolError),
}
