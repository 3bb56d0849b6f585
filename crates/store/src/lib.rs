//! Plimsoll: store.
