//! Plimsoll: xtask.
fn main() {}
