//! Plimsoll: adapters.
