//! Plimsoll: lab.
