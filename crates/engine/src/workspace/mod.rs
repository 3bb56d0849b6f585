//! The files of a project in its folder on this machine.

mod watch;
