//! Plimsoll: agent.
fn main() {}
