//! Plimsoll: protocol.
