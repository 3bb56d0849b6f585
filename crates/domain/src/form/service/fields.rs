//! What is asked of a service.

use crate::form::{Field, FieldKind};

/// Its name.
pub fn name() -> Field {
    Field::new("name", "Name", FieldKind::Text)
        .help("Lower-case letters, digits and dashes.")
        .example("web")
        .required()
}

/// Everything that may change later.
pub fn settings() -> Vec<Field> {
    let mut all = source();
    all.extend(serving());
    all.extend(health());
    all.extend(running());
    all.extend(
        build()
            .into_iter()
            .map(|field| field.when("source", &["folder", "git", "version"])),
    );
    all
}

fn source() -> Vec<Field> {
    vec![
        Field::new(
            "source",
            "Source",
            FieldKind::choice(&[
                ("folder", "A folder", "On this machine."),
                (
                    "git",
                    "A git repository",
                    "Checked out when it is deployed.",
                ),
                ("image", "An image", "Built already, in a registry."),
                (
                    "version",
                    "A version of this project",
                    "As it was saved, whatever its folder holds now.",
                ),
            ]),
        )
        .required(),
        Field::new("source.path", "Folder", FieldKind::Folder)
            .help("The folder with the code, and a Dockerfile if it has one.")
            .required()
            .when("source", &["folder"]),
        Field::new("source.version", "Version", FieldKind::whole(1, None))
            .help("Its number, as the project's Versions screen shows it.")
            .required()
            .when("source", &["version"]),
        Field::new("source.url", "Repository", FieldKind::Text)
            .help("Without a login: the token for a private one is kept in the keychain.")
            .example("https://github.com/acme/shop.git")
            .required()
            .when("source", &["git"]),
        Field::new(
            "source.reference",
            "What to check out",
            FieldKind::choice(&[
                ("default", "The default branch", ""),
                ("branch", "A branch", ""),
                ("commit", "A commit", ""),
            ]),
        )
        .required()
        .when("source", &["git"]),
        Field::new("source.branch", "Branch", FieldKind::Text)
            .example("main")
            .required()
            .when("source.reference", &["branch"]),
        Field::new("source.commit", "Commit", FieldKind::Text)
            .help("The hash, whole or its first 7 digits and more.")
            .required()
            .when("source.reference", &["commit"]),
        Field::new("source.folder", "Folder inside it", FieldKind::Text)
            .help("Empty for its root.")
            .example("apps/web")
            .when("source", &["git", "version"]),
        Field::new("source.image", "Image", FieldKind::Text)
            .example("ghcr.io/acme/web:1.2")
            .required()
            .when("source", &["image"]),
    ]
}

fn serving() -> Vec<Field> {
    vec![
        Field::new("serves", "Answers on a port", FieldKind::Toggle)
            .help("Off for a worker that nobody connects to."),
        Field::new("port", "Port", FieldKind::whole(1, Some(65_535)))
            .help("On which the container listens.")
            .required()
            .when("serves", &["true"]),
    ]
}

fn health() -> Vec<Field> {
    let fields = vec![
        Field::new(
            "health",
            "It is well when",
            FieldKind::choice(&[
                ("http", "A page answers", "GET with an expected status."),
                ("tcp", "Its port accepts a connection", ""),
                ("command", "A command in its container exits with 0", ""),
                ("running", "Its process keeps running", ""),
            ]),
        )
        .required(),
        Field::new("health.path", "Path", FieldKind::Text)
            .help("A redirect counts only when its status is expected.")
            .example("/healthz")
            .required()
            .when("health", &["http"]),
        Field::new("health.statuses", "Expected statuses", FieldKind::Text)
            .help("Empty for 200 to 299.")
            .example("200, 204")
            .when("health", &["http"]),
        Field::new("health.command", "Command", FieldKind::List)
            .help("One argument a line; no shell reads it.")
            .required()
            .when("health", &["command"]),
        seconds("health.start_ms", "Time to its first good answer")
            .help("A new container that is not well by then is discarded; the old one serves on."),
        seconds("health.interval_ms", "Pause between two questions"),
        seconds("health.timeout_ms", "Longest answer"),
        Field::new(
            "health.successes",
            "Good answers before traffic is switched",
            FieldKind::whole(1, None),
        )
        .required(),
        Field::new(
            "health.failures",
            "Bad answers before a restart",
            FieldKind::whole(1, None),
        )
        .required(),
    ];
    under("Health", fields)
}

fn running() -> Vec<Field> {
    let mut all = under(
        "Limits",
        vec![
            Field::new("limits.memory", "Memory", amount(6, 20))
                .unit("MiB")
                .help("Empty for no limit."),
            Field::new("limits.cpu", "Processors", amount(0, 3))
                .unit("cores")
                .help("0.5 is half a core; empty for no limit."),
            Field::new("limits.pids", "Processes and threads", amount(1, 0))
                .help("Empty for no limit."),
        ],
    );
    all.extend(under(
        "Data",
        vec![
            Field::new("volumes", "Volumes", FieldKind::List)
                .help("One a line, as name:/path. What is there outlives releases.")
                .example("data:/var/lib/app"),
        ],
    ));
    all.extend(under(
        "Commands",
        vec![
            Field::new("command", "Command", FieldKind::List)
                .help("Instead of the image's own. One argument a line; no shell reads it."),
            Field::new("release_command", "Release command", FieldKind::List)
                .help("Runs once with the new image before traffic is switched, such as a migration of the database.")
                .example("npm\nrun\nmigrate"),
        ],
    ));
    all.extend(under(
        "Restarts and switches",
        vec![
            Field::new(
                "restart",
                "When its process ends",
                FieldKind::choice(&[
                    ("always", "Start it again", "Also after a reboot."),
                    ("on_failure", "Start it again unless it ended well", ""),
                    ("never", "Leave it stopped", ""),
                ]),
            )
            .required(),
            seconds("drain_ms", "Time to finish requests after a switch"),
            seconds("stop_grace_ms", "Time to stop by itself").help("Then it is killed."),
            seconds("keep_warm_ms", "Previous release stays ready").help(
                "It keeps running beside the new one for as long, so that going back takes a moment.",
            ),
        ],
    ));
    all
}

/// How its image is built, when it is.
pub fn build() -> Vec<Field> {
    let fields = vec![
        Field::new(
            "build.place",
            "Built on",
            FieldKind::choice(&[
                ("server", "The first server", "Only changed files travel."),
                ("local", "This machine", "Its Docker builds; only missing layers travel."),
            ]),
        )
        .required(),
        Field::new("build.dockerfile", "Dockerfile", FieldKind::Text)
            .help("Empty for “Dockerfile”; where there is none, one is made for Node, Python and static sites.")
            .example("deploy/Dockerfile"),
        Field::new("build.target", "Build stage", FieldKind::Text).help("Empty for the last."),
        Field::new("build.args", "Build arguments", FieldKind::Pairs)
            .help("NAME=value, one a line. Not for secrets: they stay in the image's history."),
        seconds("build.timeout_ms", "Longest build").help("0 for 30 minutes."),
    ];
    under("Build", fields)
}

fn seconds(name: &str, label: &str) -> Field {
    Field::new(name, label, amount(0, 3)).unit("s").required()
}

fn amount(min: u64, decimals: u8) -> FieldKind {
    FieldKind::Number {
        min,
        max: None,
        decimals,
    }
}

fn under(group: &str, fields: Vec<Field>) -> Vec<Field> {
    fields.into_iter().map(|field| field.group(group)).collect()
}
