use super::{Evidence, Generated, Stack, Undetected, exec_form, major, render, site};
use minijinja::context;
use serde_json::Value;

const TEMPLATE: &str = include_str!("node.Dockerfile");

/// How each lock file wants its packages installed, the strongest first: file, package manager,
/// command. Corepack provides the managers that the image lacks.
const INSTALLS: &[(&str, &str, &str)] = &[
    (
        "pnpm-lock.yaml",
        "pnpm",
        "corepack enable && pnpm install --frozen-lockfile",
    ),
    (
        "yarn.lock",
        "yarn",
        "corepack enable && yarn install --frozen-lockfile",
    ),
    ("package-lock.json", "npm", "npm ci --no-audit --no-fund"),
    ("npm-shrinkwrap.json", "npm", "npm ci --no-audit --no-fund"),
];

/// Where frameworks that build a static site put it: package, folder.
const SITE_BUILDERS: &[(&str, &str)] = &[
    ("vite", "dist"),
    ("react-scripts", "build"),
    ("astro", "dist"),
    ("@11ty/eleventy", "_site"),
    ("parcel", "dist"),
];

const ENTRIES: &[&str] = &[
    "server.js",
    "server.mjs",
    "index.js",
    "index.mjs",
    "app.js",
    "main.js",
    "src/index.js",
    "src/server.js",
];

const VERSIONS: std::ops::RangeInclusive<u32> = 16..=30;
const DEFAULT_VERSION: u32 = 22;

pub(super) fn generate(evidence: &Evidence, port: Option<u16>) -> Result<Generated, Undetected> {
    let package: Value = serde_json::from_str(evidence.text("package.json")).map_err(|error| {
        Undetected::Malformed {
            file: "package.json",
            why: error.to_string(),
        }
    })?;
    let mut reasons = Vec::new();
    let version = version(evidence, &package, &mut reasons);
    let (manager, install) = install(evidence, &package, &mut reasons);
    let script = |name: &str| package["scripts"][name].as_str().map(str::trim);
    let build = script("build").filter(|text| !text.is_empty()).map(|_| {
        reasons.push("scripts.build is there: it runs after the packages are installed".to_owned());
        format!("{manager} run build")
    });
    let manifests: Vec<&str> = ["package.json"]
        .into_iter()
        .chain(INSTALLS.iter().map(|(lock, ..)| *lock))
        .filter(|path| evidence.has(path))
        .collect();

    let start = start(evidence, &package, manager, &mut reasons);
    let site_folder = match (&start, &build) {
        (None, Some(_)) => SITE_BUILDERS.iter().find_map(|(name, folder)| {
            depends_on(&package, name).then(|| {
                reasons.push(format!(
                    "{name} builds a static site into {folder}, and nothing starts a server: \
                     nginx serves it"
                ));
                *folder
            })
        }),
        _ => None,
    };
    if start.is_none() && site_folder.is_none() {
        return Err(Undetected::NoStart {
            stack: "Node",
            hint: "give package.json a scripts.start or a main, or add a server.js",
        });
    }
    let dockerfile = render(
        TEMPLATE,
        context! {
            version,
            manifests => exec_form(
                &manifests.iter().copied().chain(["./"]).collect::<Vec<_>>()
            ),
            install,
            build,
            start => start.as_deref().map(exec_form),
            site_folder,
            site => site_folder.map(|folder| site::serve(&format!("/app/{folder}"), true, port)),
            port,
        },
    );
    Ok(Generated {
        stack: if site_folder.is_some() {
            Stack::Static
        } else {
            Stack::Node
        },
        dockerfile,
        reasons,
    })
}

fn version(evidence: &Evidence, package: &Value, reasons: &mut Vec<String>) -> u32 {
    let sources = [
        (".nvmrc", evidence.text(".nvmrc")),
        (".node-version", evidence.text(".node-version")),
        (
            "engines.node",
            package["engines"]["node"].as_str().unwrap_or(""),
        ),
    ];
    for (name, text) in sources {
        if let Some(version) = major(text, VERSIONS) {
            reasons.push(format!("{name} asks for Node {version}"));
            return version;
        }
    }
    reasons.push(format!(
        "nothing asks for a version: Node {DEFAULT_VERSION}"
    ));
    DEFAULT_VERSION
}

fn install(
    evidence: &Evidence,
    package: &Value,
    reasons: &mut Vec<String>,
) -> (&'static str, Option<&'static str>) {
    for (lock, manager, command) in INSTALLS {
        if evidence.has(lock) {
            reasons.push(format!("{lock} is there: {manager} installs exactly that"));
            return (manager, Some(command));
        }
    }
    let any = ["dependencies", "devDependencies", "optionalDependencies"]
        .iter()
        .any(|kind| {
            package[*kind]
                .as_object()
                .is_some_and(|list| !list.is_empty())
        });
    if any {
        reasons.push(
            "there is no lock file: two builds may get different versions of packages".to_owned(),
        );
        ("npm", Some("npm install --no-audit --no-fund"))
    } else {
        reasons.push("package.json names no packages: nothing is installed".to_owned());
        ("npm", None)
    }
}

fn start(
    evidence: &Evidence,
    package: &Value,
    manager: &str,
    reasons: &mut Vec<String>,
) -> Option<Vec<String>> {
    if let Some(script) = package["scripts"]["start"].as_str().map(str::trim)
        && !script.is_empty()
    {
        // Started directly, node gets the SIGTERM that npm would keep to itself.
        let words: Vec<&str> = script.split_ascii_whitespace().collect();
        let plain = |word: &&str| {
            word.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_./=@:".contains(&b))
        };
        if words.first() == Some(&"node") && words.len() > 1 && words.iter().all(plain) {
            reasons.push(format!(
                "scripts.start is “{script}”: run without npm between"
            ));
            return Some(words.into_iter().map(str::to_owned).collect());
        }
        reasons.push(format!("scripts.start is there: {manager} runs it"));
        return Some(vec![
            manager.to_owned(),
            "run".to_owned(),
            "start".to_owned(),
        ]);
    }
    let main = package["main"]
        .as_str()
        .map(|path| path.trim_start_matches("./"))
        .filter(|path| evidence.has(path));
    let entry = main.or_else(|| evidence.first(ENTRIES))?;
    reasons.push(format!("{entry} is there: node runs it"));
    Some(vec!["node".to_owned(), entry.to_owned()])
}

fn depends_on(package: &Value, name: &str) -> bool {
    ["dependencies", "devDependencies"]
        .iter()
        .any(|kind| package[*kind].get(name).is_some())
}
