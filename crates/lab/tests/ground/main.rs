//! The ground on real containers, asked through the public APIs of a running lab.
//!
//! `PLIMSOLL_PRACTICE` names the state folder of that lab; without it every test here is skipped
//! and says so.

mod cloud;
mod life;
mod machines;
