//! Plimsoll: domain.
