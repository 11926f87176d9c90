//! `intercomsink` and `intercomsrc`: upstream's base elements with our signaller in them. What they
//! do is upstream's and the signaller's; here is only what joins the two.

#![allow(unused_doc_comments, reason = "gtk-doc's, where gst-plugins-rs has them")]

mod links;
mod shared;
mod sink;
mod src;
mod uri;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gstrswebrtc::webrtcsink::BaseWebRTCSink;
use gstrswebrtc::webrtcsrc::BaseWebRTCSrc;

const AUTHOR: &str = concat!("gst-intercom, ", env!("CARGO_PKG_REPOSITORY"));

/**
 * SECTION:element-intercomsink
 * @title: intercomsink
 * @short_description: sends picture and sound to whoever asks an intercom-signaller for them
 *
 * All that #GstBaseWebRTCSink has (pads, properties, signals, `stats`), with a signaller that keeps
 * its connection and its sessions, verifies certificates, checks who is at the other end of DTLS,
 * and knows logins and calls. Its properties and signals are those of #IntercomSignaller, also
 * reached as `signaller::…`. The element's name is what it is listed under, unless `meta` or
 * `signaller::name` say otherwise.
 *
 * ```bash
 * gst-launch-1.0 videotestsrc is-live=true ! intercomsink name=door \
 *     uri=wss://door.local:8443 cafile=ca.pem token-file=door.token
 * ```
 */
glib::wrapper! {
    /// The element `intercomsink`.
    pub struct IntercomSink(ObjectSubclass<sink::IntercomSink>)
        @extends BaseWebRTCSink, gst::Bin, gst::Element, gst::Object,
        @implements gst::ChildProxy;
}

/**
 * SECTION:element-intercomsrc
 * @title: intercomsrc
 * @short_description: receives picture and sound from a producer of an intercom-signaller
 *
 * All that #GstBaseWebRTCSrc has, with the signaller of #intercomsink. It asks for a session with
 * the wanted producer whenever there is none. Each session has pads of its own; what was linked to
 * those of the last one is linked to them, unless the application links them itself.
 *
 * ```bash
 * gst-launch-1.0 intercomsrc uri=wss://door.local:8443 cafile=ca.pem peer=door ! \
 *     videoconvert ! autovideosink
 * INTERCOM_CA=ca.pem gst-launch-1.0 playbin3 uri=intercom://door.local/door
 * ```
 */
glib::wrapper! {
    /// The element `intercomsrc`.
    pub struct IntercomSrc(ObjectSubclass<src::IntercomSrc>)
        @extends BaseWebRTCSrc, gst::Bin, gst::Element, gst::Object,
        @implements gst::ChildProxy, gst::URIHandler;
}

// SAFETY: the parent's class is initialised by the default method, and nothing is added to it.
// Upstream implements this for types with a trait that it keeps to itself; for a type of ours it is
// ours to implement.
unsafe impl IsSubclassable<sink::IntercomSink> for BaseWebRTCSink {}
// SAFETY: the same.
unsafe impl IsSubclassable<src::IntercomSrc> for BaseWebRTCSrc {}

/// Registers both.
pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    let (sink, src) = (IntercomSink::static_type(), IntercomSrc::static_type());
    gst::Element::register(Some(plugin), "intercomsink", gst::Rank::NONE, sink)?;
    gst::Element::register(Some(plugin), "intercomsrc", gst::Rank::PRIMARY, src)
}
