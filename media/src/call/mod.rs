//! Calls of a device: the connection that rings ([`Line`]), what is heard and seen of the other
//! side ([`Ear`]), and who does what when ([`Phone`]).
//!
//! What a device sends is [`send`](crate::send)'s; who may ring whom is the signaller's.

mod control;
mod ear;
mod line;
mod phone;
mod remote;
mod silence;
mod words;

pub use ear::Ear;
pub use line::Line;
pub use phone::{Greeting, Manner, Phone};
pub use words::{Answer, account};

use words::News;
