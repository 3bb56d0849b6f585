//! A canvas in a real browser.

#![allow(clippy::unwrap_used)]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The browser that Debian brings, which the window's tests need as well.
const BROWSER: &str = "/usr/bin/chromium";

#[test]
fn a_canvas_in_a_browser_reaches_nothing_and_repaints_without_losing_what_was_typed() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui");
    let needed = [
        PathBuf::from(BROWSER),
        pages.join("node_modules/playwright-core/package.json"),
    ];
    if let Some(missing) = needed.iter().find(|path| !path.exists()) {
        assert!(
            std::env::var_os("PLIMSOLL_TEST_WINDOW").is_none(),
            "{} is missing: run `cargo xtask setup`",
            missing.display()
        );
        eprintln!(
            "SKIPPED: {} is missing; `cargo xtask test` brings it",
            missing.display()
        );
        return;
    }
    let told = Command::new("node")
        .arg("tools/canvas-browser.mjs")
        .arg(env!("CARGO_BIN_EXE_plimsoll"))
        .current_dir(pages)
        .output()
        .unwrap();
    assert!(
        told.status.success(),
        "{}{}",
        String::from_utf8_lossy(&told.stdout),
        String::from_utf8_lossy(&told.stderr)
    );
}
