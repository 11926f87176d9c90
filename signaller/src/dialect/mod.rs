//! The wire's words ↔ the core's words, one file a protocol, the same functions in each.
//!
//! No sockets and no time here: text in, a request out; a notice in, text out.

mod free_form;
mod gst;

pub(crate) use gst::Gst;
