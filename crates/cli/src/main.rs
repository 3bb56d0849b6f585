//! Plimsoll: cli.
fn main() {}
