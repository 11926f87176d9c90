//! What both elements have: their properties are those of the signaller inside, one to one.

use std::time::Duration;

use gst::glib;
use gst::prelude::*;

use crate::{CAT, Signaller, signals};

/// How long saying goodbye to the server may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Properties that either element shows of its signaller.
pub(super) const BOTH: [&str; 7] =
    ["uri", "cafile", "token", "token-file", "instance", "calls", "negotiation-timeout"];

/// An element's properties, described by the signaller's of the same names.
pub(super) fn properties(names: &[&str]) -> Vec<glib::ParamSpec> {
    let class = glib::object::Class::<glib::Object>::from_type(Signaller::static_type());
    let Some(class) = class else { return Vec::new() };
    names.iter().filter_map(|name| mirror(&class.find_property(name)?)).collect()
}

/// What differs from upstream's, before the signaller is given to its element.
pub(super) fn set_up(element: &gst::Element, signaller: &Signaller) {
    // Nobody is asked who is not of this network.
    element.set_property("stun-server", None::<String>);
    signals::pass_on(signaller, element);
    let weak = element.downgrade();
    signaller.connect("error", false, move |values| {
        // Upstream's own handler, the next one, has only "a general stream error" for people.
        let [signaller, text, ..] = values else { return None };
        signaller.get::<Signaller>().ok()?.stop_signal_emission_by_name("error");
        let text = text.get::<String>().ok()?;
        gst::element_error!(weak.upgrade()?, gst::ResourceError::Failed, ("{text}"));
        None
    });
}

/// Waits a moment until the server knows that a stopped element is gone: the process may end next.
pub(super) fn say_goodbye(signaller: &Signaller) {
    if !signaller.wait_closed(GOODBYE) {
        gst::info!(CAT, obj = signaller, "the server did not take our goodbye");
    }
}

/// The same property for another class; a description belongs to one class only.
fn mirror(of: &glib::ParamSpec) -> Option<glib::ParamSpec> {
    let (name, nick, blurb) = (of.name(), of.nick(), of.blurb());
    let access = of.flags() & glib::ParamFlags::READWRITE;
    if of.is::<glib::ParamSpecBoxed>() {
        let spec = glib::ParamSpecBoxed::builder::<gst::Structure>(name).nick(nick).blurb(blurb?);
        return Some(spec.flags(access).build());
    }
    let flags = access | gst::PARAM_FLAG_MUTABLE_READY;
    if let Some(text) = of.downcast_ref::<glib::ParamSpecString>() {
        let spec = glib::ParamSpecString::builder(name).nick(nick).blurb(blurb?).flags(flags);
        return Some(spec.default_value(text.default_value()).build());
    }
    if let Some(flag) = of.downcast_ref::<glib::ParamSpecBoolean>() {
        let spec = glib::ParamSpecBoolean::builder(name).nick(nick).blurb(blurb?).flags(flags);
        return Some(spec.default_value(flag.default_value()).build());
    }
    let number = of.downcast_ref::<glib::ParamSpecUInt>()?;
    let spec = glib::ParamSpecUInt::builder(name).nick(nick).blurb(blurb?).flags(flags);
    Some(spec.default_value(number.default_value()).build())
}
