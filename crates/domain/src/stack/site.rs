use super::{Generated, Stack, render};
use minijinja::context;

const SERVE: &str = include_str!("site.Dockerfile");

pub(super) fn generate(marker: &str, port: Option<u16>) -> Generated {
    let folder = marker
        .strip_suffix("index.html")
        .unwrap_or("")
        .trim_end_matches('/');
    let folder = if folder.is_empty() { "." } else { folder };
    Generated {
        stack: Stack::Static,
        dockerfile: serve(folder, false, port),
        reasons: vec![format!("nginx serves the folder “{folder}” as it is")],
    }
}

/// The stage that serves files with nginx. `built` takes them from the stage before.
pub(super) fn serve(folder: &str, built: bool, port: Option<u16>) -> String {
    render(
        SERVE,
        context! { folder, built, port => port.unwrap_or(8080) },
    )
}
