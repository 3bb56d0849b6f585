//! Stand-ins for the public images that people's Dockerfiles start from, made of Debian's packages
//! and served by the lab's registry mirror, so that an unmodified `FROM python:3.11-slim` builds
//! on a machine that reaches no registry.
//!
//! They are not the public images: each carries a label that says what it holds instead. A machine
//! that reaches the real registry gets the real image for every name that is not listed here.

use super::overlay::Entry;
use super::recipe::{Recipe, USUAL_PATH, environment};
use super::store::ImageConfig;

/// The label that says what a stand-in really holds.
const STANDS_IN: &str = "dev.plimsoll.practice.stands-in";

/// One stand-in and the names that it answers to.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    pub(crate) recipe: Recipe,
    pub(crate) config: ImageConfig,
    /// `repository:tag` as in a Dockerfile, without `library/`.
    pub(crate) names: &'static [&'static str],
}

/// All stand-ins, the most wanted first: they are built in this order.
pub(crate) fn all() -> Vec<Base> {
    vec![busybox(), python(), node(), debian(), nginx()]
}

fn config(command: &[&str], holds: &str) -> ImageConfig {
    ImageConfig {
        environment: environment(USUAL_PATH),
        command: command.iter().map(|&word| word.to_owned()).collect(),
        working_directory: None,
        exposed_ports: Vec::new(),
        stop_signal: None,
        labels: vec![(STANDS_IN.to_owned(), holds.to_owned())],
    }
}

fn debian() -> Base {
    Base {
        recipe: Recipe {
            name: "base-debian",
            suite: "bookworm",
            variant: "minbase",
            packages: &["ca-certificates"],
            overlay: Vec::new(),
            finish: &[],
        },
        config: config(&["bash"], "Debian 12"),
        names: &[
            "debian:12",
            "debian:12-slim",
            "debian:bookworm",
            "debian:bookworm-slim",
            "debian:latest",
            "debian:stable-slim",
        ],
    }
}

fn python() -> Base {
    Base {
        recipe: Recipe {
            name: "base-python",
            suite: "bookworm",
            variant: "minbase",
            packages: &["ca-certificates", "python3", "python3-pip", "python3-venv"],
            // The public image's interpreter lives in /usr/local.
            overlay: vec![
                Entry::link("/usr/local/bin/python", "/usr/bin/python3"),
                Entry::link("/usr/local/bin/python3", "/usr/bin/python3"),
                Entry::link("/usr/local/bin/pip", "/usr/bin/pip3"),
            ],
            // In an image of its own nobody else's Python is in the way.
            finish: &["rm -f \"$1\"/usr/lib/python3*/EXTERNALLY-MANAGED"],
        },
        config: config(&["python3"], "Python 3.11 of Debian 12"),
        names: &[
            "python:3",
            "python:3-slim",
            "python:3.11",
            "python:3.11-bookworm",
            "python:3.11-slim",
            "python:3.11-slim-bookworm",
            "python:3.12",
            "python:3.12-slim",
            "python:3.12-slim-bookworm",
            "python:latest",
            "python:slim",
        ],
    }
}

fn node() -> Base {
    Base {
        recipe: Recipe {
            name: "base-node",
            suite: "trixie",
            variant: "minbase",
            packages: &["ca-certificates", "nodejs", "npm"],
            overlay: vec![Entry::file(
                "/etc/passwd.practice",
                0o644,
                "node:x:1000:1000::/home/node:/bin/bash\n",
            )],
            // The public image has an unprivileged user of this name and number.
            finish: &[
                "cat \"$1\"/etc/passwd.practice >>\"$1\"/etc/passwd",
                "echo node:x:1000: >>\"$1\"/etc/group",
                "rm \"$1\"/etc/passwd.practice",
                "install -d -o 1000 -g 1000 \"$1\"/home/node",
            ],
        },
        config: config(&["node"], "Node.js 20 of Debian 13"),
        names: &[
            "node:20",
            "node:20-alpine",
            "node:20-bookworm-slim",
            "node:20-slim",
            "node:22",
            "node:22-alpine",
            "node:22-bookworm-slim",
            "node:22-slim",
            "node:alpine",
            "node:latest",
            "node:lts",
            "node:lts-alpine",
            "node:lts-slim",
            "node:slim",
        ],
    }
}

fn nginx() -> Base {
    let overlay = vec![
        Entry::file(
            "/etc/nginx/nginx.conf",
            0o644,
            include_str!("../../assets/bases/nginx.conf"),
        ),
        Entry::file(
            "/etc/nginx/conf.d/default.conf",
            0o644,
            include_str!("../../assets/bases/nginx-default.conf"),
        ),
        Entry::file(
            "/usr/share/nginx/html/index.html",
            0o644,
            "<!doctype html>\n<title>nginx</title>\n<h1>nginx</h1>\n",
        ),
        Entry::link("/var/log/nginx/access.log", "/dev/stdout"),
        Entry::link("/var/log/nginx/error.log", "/dev/stderr"),
    ];
    let mut config = config(&["nginx", "-g", "daemon off;"], "nginx 1.22 of Debian 12");
    config.exposed_ports = vec!["80/tcp".to_owned()];
    config.stop_signal = Some("SIGQUIT".to_owned());
    Base {
        recipe: Recipe {
            name: "base-nginx",
            suite: "bookworm",
            variant: "minbase",
            packages: &["ca-certificates", "curl", "nginx"],
            overlay,
            finish: &["rm -f \"$1\"/etc/nginx/sites-enabled/default"],
        },
        config,
        names: &[
            "nginx:1",
            "nginx:alpine",
            "nginx:latest",
            "nginx:mainline",
            "nginx:mainline-alpine",
            "nginx:stable",
            "nginx:stable-alpine",
        ],
    }
}

fn busybox() -> Base {
    Base {
        recipe: Recipe {
            name: "base-busybox",
            suite: "bookworm",
            variant: "extract",
            packages: &["busybox-static"],
            overlay: vec![
                Entry::file("/etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\n"),
                Entry::file("/etc/group", 0o644, "root:x:0:\n"),
            ],
            finish: &[
                "mkdir -p \"$1\"/proc \"$1\"/sys \"$1\"/tmp \"$1\"/root \"$1\"/home",
                "chmod 1777 \"$1\"/tmp",
                "chroot \"$1\" /bin/busybox --install -s /bin",
                "rm -rf \"$1\"/usr/share",
            ],
        },
        config: config(&["sh"], "BusyBox of Debian 12"),
        names: &[
            "alpine:3",
            "alpine:latest",
            "busybox:latest",
            "busybox:musl",
            "busybox:stable",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_name_belongs_to_one_stand_in() {
        let mut seen = HashSet::new();
        for base in all() {
            for name in base.names {
                assert!(seen.insert(*name), "{name} twice");
                assert!(name.contains(':'), "{name} has no tag");
            }
        }
    }

    #[test]
    fn every_stand_in_says_what_it_holds() {
        for base in all() {
            let (key, value) = base.config.labels.first().expect("a label");
            assert_eq!(key, STANDS_IN);
            assert!(!value.is_empty());
        }
    }
}
