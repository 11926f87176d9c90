//! The command line of the custom CA.
fn main() {}
