//! What the window may do is written down here once more: whoever widens it has to say so twice.

#![allow(clippy::unwrap_used)]

use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};

fn read(path: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn there_is_one_capability_for_our_own_pages_in_the_one_window() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("capabilities");
    let files: Vec<_> = fs::read_dir(folder).unwrap().collect();
    assert_eq!(files.len(), 1);
    let capability = read("capabilities/main.json");
    let members: BTreeSet<&str> = capability
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    // No `remote`: a page from elsewhere may call nothing, wherever it is shown.
    let known = [
        "$schema",
        "identifier",
        "description",
        "windows",
        "local",
        "permissions",
    ];
    assert_eq!(members, BTreeSet::from(known));
    assert_eq!(capability["windows"], serde_json::json!(["main"]));
    assert_eq!(capability["local"], true);
    let granted: BTreeSet<&str> = capability["permissions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|permission| permission.as_str().unwrap())
        .collect();
    let needed = BTreeSet::from([
        "core:event:allow-listen",
        "core:event:allow-unlisten",
        "core:app:allow-version",
        "dialog:allow-open",
        "dialog:allow-save",
    ]);
    let more: Vec<_> = granted.difference(&needed).collect();
    assert!(more.is_empty(), "granted without need: {more:?}");
}

#[test]
fn pages_load_and_reach_nothing_but_ourselves() {
    let config = read("tauri.conf.json");
    let security = &config["app"]["security"];
    assert_eq!(security["capabilities"], serde_json::json!(["main"]));
    assert_eq!(config["app"]["withGlobalTauri"], false);
    let policy = security["csp"].as_object().unwrap();
    let ours = [
        "'none'",
        "'self'",
        "'unsafe-inline'",
        "data:",
        "ipc:",
        "http://ipc.localhost",
    ];
    // A canvas is framed under an origin of its own: `plimsoll-canvas://SECRET`, and on Windows, which
    // serves schemes of programs over http, `http://plimsoll-canvas.SECRET.localhost`.
    let canvas = ["plimsoll-canvas:", "http://*.localhost"];
    for (directive, sources) in policy {
        if directive == "frame-src" {
            let framed: Vec<_> = sources.as_str().unwrap().split_whitespace().collect();
            assert_eq!(framed, canvas, "only a canvas is framed");
            continue;
        }
        for source in sources.as_str().unwrap().split_whitespace() {
            assert!(ours.contains(&source), "{directive} allows {source}");
            // Styles cannot act; xterm and the canvas set theirs in place.
            let inline = source == "'unsafe-inline'";
            assert!(
                !inline || directive == "style-src",
                "{directive} allows {source}"
            );
        }
    }
    assert_eq!(policy["default-src"], "'none'");
    assert_eq!(policy["script-src"], "'self'");
    for closed in ["base-uri", "form-action", "frame-ancestors"] {
        assert_eq!(policy[closed], "'none'", "{closed}");
    }
    // Objects, media and manifests fall back to `default-src`.
    for fallen_back in ["child-src", "object-src", "media-src", "manifest-src"] {
        assert!(!policy.contains_key(fallen_back), "{fallen_back}");
    }
    // Frozen prototypes refuse to be shadowed: a library of the pages that gives its own class a
    // `toString` by assignment throws, and the graph of a project does not open. No code but ours
    // runs in our pages, so freezing them would keep nobody out.
    assert_eq!(security["freezePrototype"], false);
    // What differs in development must not be shipped.
    assert!(security.get("devCsp").is_none());
}

#[test]
fn no_plugin_reaches_files_programs_or_the_network_for_a_page() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    for plugin in [
        "shell",
        "fs",
        "http",
        "process",
        "upload",
        "websocket",
        "sql",
    ] {
        let name = format!("tauri-plugin-{plugin}");
        let named = manifest.lines().any(|line| {
            line.strip_prefix(&name)
                .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
        });
        assert!(!named, "{name} is a dependency");
    }
}
