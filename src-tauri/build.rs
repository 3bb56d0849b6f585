//! What Tauri needs to know of the window at compile time.

fn main() {
    tauri_build::build();
}
