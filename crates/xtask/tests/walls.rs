//! The walls of the house, checked on every run: who may import whom, what is named where, and
//! which versions are safe.

#![allow(clippy::unwrap_used)]

use regex::Regex;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn manifest(path: &Path) -> toml::Table {
    fs::read_to_string(path).unwrap().parse().unwrap()
}

/// The crates of the workspace: folder name to manifest.
fn crates() -> BTreeMap<String, toml::Table> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        if folder.join("Cargo.toml").is_file() {
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            found.insert(name, manifest(&folder.join("Cargo.toml")));
        }
    }
    let shell = root().join("src-tauri/Cargo.toml");
    if shell.is_file() {
        found.insert("src-tauri".into(), manifest(&shell));
    }
    found
}

/// Names of what a crate depends on when it is shipped, tests left out.
fn dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut collect = |table: Option<&toml::Value>| {
        if let Some(table) = table.and_then(toml::Value::as_table) {
            names.extend(table.keys().cloned());
        }
    };
    collect(manifest.get("dependencies"));
    if let Some(targets) = manifest.get("target").and_then(toml::Value::as_table) {
        targets
            .values()
            .for_each(|target| collect(target.get("dependencies")));
    }
    names
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return files;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The shipped part of a source file: everything above its unit tests.
fn shipped(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    match text.find("#[cfg(test)]\nmod ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

fn places(pattern: &str, folders: &[&str]) -> Vec<String> {
    let pattern = Regex::new(pattern).unwrap();
    let mut hits = Vec::new();
    for folder in folders {
        for file in rust_files(&root().join(folder)) {
            for (number, line) in shipped(&file).lines().enumerate() {
                if pattern.is_match(line) && !line.trim_start().starts_with("//") {
                    let shown = file.strip_prefix(root()).unwrap().display().to_string();
                    hits.push(format!("{shown}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }
    hits
}

#[test]
fn imports_go_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("domain", &[][..]),
        ("protocol", &["domain"]),
        ("store", &["domain"]),
        ("designer", &["domain"]),
        ("engine", &["domain", "store", "protocol"]),
        ("adapters", &["domain", "store", "engine", "protocol"]),
        ("agent", &["domain", "protocol"]),
        ("lab", &[]),
        ("cli", &["domain", "engine", "adapters", "lab", "protocol"]),
        (
            "src-tauri",
            &["domain", "engine", "adapters", "lab", "protocol"],
        ),
        ("xtask", &[]),
    ]);
    for (name, manifest) in crates() {
        let allowed = allowed
            .get(name.as_str())
            .unwrap_or_else(|| panic!("crate {name} has no place in the house: give it one here"));
        for dependency in dependencies(&manifest) {
            if let Some(ours) = dependency.strip_prefix("plimsoll-") {
                assert!(allowed.contains(&ours), "{name} may not import {ours}");
            }
        }
    }
}

#[test]
fn the_outside_world_is_named_only_in_its_rooms() {
    let rooms: [(&str, &[&str]); 6] = [
        ("reqwest", &["adapters", "lab"]),
        ("ssh2", &["adapters", "lab"]),
        ("bollard", &["adapters", "lab", "agent"]),
        ("keyring", &["adapters"]),
        ("sqlx", &["store"]),
        ("tauri", &["src-tauri"]),
    ];
    for (name, manifest) in crates() {
        let dependencies = dependencies(&manifest);
        for (library, allowed) in rooms {
            assert!(
                !dependencies.contains(library) || allowed.contains(&name.as_str()),
                "{name} names {library}, which belongs to {allowed:?}"
            );
        }
    }
}

#[test]
fn time_and_randomness_are_passed_in() {
    let hits = places(
        r"SystemTime::now|Instant::now|Utc::now|Timestamp::now|getrandom::|thread_rng|rand::rng",
        &[
            "crates/domain/src",
            "crates/engine/src",
            "crates/store/src",
            "crates/protocol/src",
        ],
    );
    assert!(
        hits.is_empty(),
        "pass time and randomness in:\n{}",
        hits.join("\n")
    );
}

#[test]
fn no_argument_becomes_shell_text() {
    // A script that is a constant is a program; one that is put together is an injection.
    let hits = places(
        r#"(Command::new\("(ba)?sh"\))|("(ba)?sh",\s*"-[a-z]*c",?\s*&?(format!|[a-z_]+\b))"#,
        &[
            "crates/domain/src",
            "crates/engine/src",
            "crates/store/src",
            "crates/protocol/src",
            "crates/adapters/src",
            "crates/agent/src",
            "crates/cli/src",
            "src-tauri/src",
        ],
    );
    assert!(
        hits.is_empty(),
        "an argument vector, please:\n{}",
        hits.join("\n")
    );
}

#[test]
fn sql_is_never_put_together() {
    let hits = places(r"AssertSqlSafe", &["crates/store/src"]);
    assert!(
        hits.is_empty(),
        "SQL is constant text with bindings:\n{}",
        hits.join("\n")
    );
}

#[test]
fn libraries_with_known_holes_stay_out() {
    let lock = manifest(&root().join("Cargo.lock"));
    // SQLite before 3.51.3 corrupts a WAL database on reset; libssh2 before the fixes vendored in
    // 0.3.4 has CVE-2026-55200; Tauri before 2.11.1 has CVE-2026-42184.
    let floors = [
        ("libsqlite3-sys", [0, 37, 0]),
        ("libssh2-sys", [0, 3, 4]),
        ("tauri", [2, 11, 1]),
    ];
    let mut seen = 0;
    for package in lock["package"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        if let Some((_, floor)) = floors.iter().find(|(floor, _)| *floor == name) {
            let version = package["version"].as_str().unwrap();
            let core = version.split(['-', '+']).next().unwrap();
            let parts: Vec<u64> = core.split('.').map(|part| part.parse().unwrap()).collect();
            assert!(
                parts >= floor.to_vec(),
                "{name} {version} is older than {floor:?}"
            );
            seen += 1;
        }
    }
    assert!(seen >= 2, "the floors were not checked against anything");
}

#[test]
fn every_direct_dependency_comes_in_one_version() {
    let workspace = manifest(&root().join("Cargo.toml"));
    let direct = workspace["workspace"]["dependencies"].as_table().unwrap();
    let lock = manifest(&root().join("Cargo.lock"));
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in lock["package"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        if direct.contains_key(name) {
            versions
                .entry(name)
                .or_default()
                .push(package["version"].as_str().unwrap());
        }
    }
    // Older copies that libraries of ours still bring along (Tauri's GTK bindings the last two);
    // each leaves when its library moves.
    let tolerated: BTreeSet<&str> = TOLERATED.iter().copied().collect();
    let twice: Vec<String> = versions
        .iter()
        .filter(|(name, versions)| versions.len() > 1 && !tolerated.contains(*name))
        .map(|(name, versions)| format!("{name}: {}", versions.join(", ")))
        .collect();
    assert!(
        twice.is_empty(),
        "more than one version of:\n{}",
        twice.join("\n")
    );
}

const TOLERATED: [&str; 5] = ["base64", "getrandom", "sha2", "thiserror", "toml"];

#[test]
fn every_crate_takes_versions_and_lints_from_the_workspace() {
    for (name, manifest) in crates() {
        let lints = manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace"));
        assert_eq!(
            lints.and_then(toml::Value::as_bool),
            Some(true),
            "{name} has lints of its own"
        );
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(table) = manifest.get(section).and_then(toml::Value::as_table) else {
                continue;
            };
            for (dependency, value) in table {
                let shared = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
                assert!(shared, "{name}: {dependency} names a version of its own");
            }
        }
    }
}

#[test]
fn rustfmt_has_nothing_to_say() {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["fmt", "--all", "--check"])
        .current_dir(root())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let files: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("Diff in "))
        .collect();
    assert!(output.status.success(), "run `cargo fmt`:\n{files:#?}");
}
