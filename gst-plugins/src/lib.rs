//! GStreamer plugin `intercom`: `intercomsink` and `intercomsrc`, and the signaller inside them, which
//! reconnects, verifies and never takes media down with it.
//!
//! The stock elements are registered from here as well: their types cannot exist twice in one
//! process, so this file takes the place of `libgstrswebrtc.so`. What the signaller decides is in
//! `intercom-client`; this crate only translates.

mod dtls;
mod elements;
mod fingerprint;
mod ice;
mod lifetime;
mod meta;
mod pace;
mod sdp;
mod signaller;
mod signals;

use std::sync::LazyLock;

use gst::glib;
use tokio::runtime::{Builder, Runtime};

pub use dtls::{DtlsKey, preheat_dtls};
pub use elements::{IntercomSink, IntercomSrc};
pub use gstrswebrtc::signaller::WebRTCSignallerRole;
pub use lifetime::outlive_sessions;
pub use pace::send_at_once;
pub use signaller::{SessionFailure, Signaller, Stage};

pub use plugin::plugin_register_static;

/// Ours, not upstream's: that one has a single thread, which its elements block now and then.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("intercom-signal")
        .enable_all()
        .build()
        .expect("a process that cannot start one thread cannot run a pipeline either")
});

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "intercomsignaller",
        gst::DebugColorFlags::empty(),
        Some("Intercom signaller"),
    )
});

fn plugin_init(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    // The stock signaller's TLS asks for a process-wide provider. An error means that there is one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    gstrswebrtc::webrtcsink::register(plugin)?;
    gstrswebrtc::webrtcsrc::register(Some(plugin))?;
    elements::register(plugin)
}

/// What the macro makes.
mod plugin {
    #![allow(missing_docs)] // the macro writes none

    use super::plugin_init;

    gst::plugin_define!(
        intercom,
        env!("CARGO_PKG_DESCRIPTION"),
        plugin_init,
        concat!(env!("CARGO_PKG_VERSION"), "-", env!("COMMIT_ID")),
        "MPL",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_REPOSITORY"),
        env!("BUILD_REL_DATE")
    );
}
