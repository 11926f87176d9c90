//! The words on the wire: parse and print.
//!
//! One module a protocol. A type here says what a message *is*; what may be done with it is
//! decided by the core, and who may send it when by the dialect. No policy, no I/O.

pub mod gst;
pub mod intercom;
pub mod relay;
pub mod roomrtc;
pub mod sdp;
pub mod simple;
