//! Plimsoll's window.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

fn main() -> std::process::ExitCode {
    plimsoll_desktop::run()
}
