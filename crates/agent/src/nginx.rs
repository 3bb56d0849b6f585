//! The text of nginx's configuration. Nothing here needs escaping: names are strict, addresses are
//! numbers, paths are ours.

use std::{
    fmt::Write,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

/// A site as nginx needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vhost {
    /// The service's key: names the file.
    pub name: String,
    /// Names to answer for.
    pub hosts: Vec<String>,
    /// The service's virtual address.
    pub upstream: Ipv4Addr,
    /// Certificate chain and key.
    pub tls: Option<(PathBuf, PathBuf)>,
}

/// The ports that an nginx listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// For HTTP.
    pub http: u16,
    /// For HTTPS.
    pub https: u16,
    /// On IPv6 as well; a server may have none.
    pub v6: bool,
}

impl Ports {
    /// The public ports.
    pub fn public(v6: bool) -> Self {
        Self {
            http: 80,
            https: 443,
            v6,
        }
    }

    /// The `listen` directives of a port.
    fn listen(self, port: u16, rest: &str) -> String {
        let v4 = format!("    listen {port}{rest};\n");
        if self.v6 {
            format!("{v4}    listen [::]:{port}{rest};\n")
        } else {
            v4
        }
    }
}

/// Which parts of the common file this nginx takes: it may have some of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Common {
    /// Refuse names that no site answers for.
    pub default_server: bool,
    /// Set the size of the table of names.
    pub hash_size: bool,
}

/// Whether a text is a host name in lower case (RFC 1123), or one with `*.` before it.
pub fn is_host(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    name.len() <= 253 && name.split('.').all(label) && (name == text || name.contains('.'))
}

/// What all sites share.
pub fn common(ports: Ports, parts: Common) -> String {
    let mut text = String::from("# Written by Plimsoll; changes are overwritten.\n");
    if parts.hash_size {
        text.push_str("server_names_hash_bucket_size 128;\n");
    }
    text.push_str(
        "map $http_upgrade $plimsoll_connection {\n    default upgrade;\n    '' close;\n}\n",
    );
    if parts.default_server {
        let _ = write!(
            text,
            "server {{\n{}    server_name _;\n    return 444;\n}}\n\
             server {{\n{}    server_name _;\n    ssl_reject_handshake on;\n}}\n",
            ports.listen(ports.http, " default_server"),
            ports.listen(ports.https, " ssl default_server"),
        );
    }
    text
}

/// One site.
pub fn site(vhost: &Vhost, ports: Ports) -> String {
    let names = vhost.hosts.join(" ");
    let http = ports.listen(ports.http, "");
    let proxy = proxy(vhost.upstream);
    let mut text = String::from("# Written by Plimsoll; changes are overwritten.\n");
    match &vhost.tls {
        None => {
            let _ = write!(
                text,
                "server {{\n{http}    server_name {names};\n{proxy}}}\n"
            );
        }
        Some((chain, key)) => {
            let _ = write!(
                text,
                "server {{\n{http}    server_name {names};\n    \
                 return 308 https://$host$request_uri;\n}}\n\
                 server {{\n{https}    server_name {names};\n    ssl_certificate {chain};\n    \
                 ssl_certificate_key {key};\n    ssl_protocols TLSv1.2 TLSv1.3;\n    \
                 ssl_session_cache shared:plimsoll:4m;\n{proxy}}}\n",
                https = ports.listen(ports.https, " ssl http2"),
                chain = chain.display(),
                key = key.display(),
            );
        }
    }
    text
}

/// The way to the service. Each request takes a connection of its own to the virtual address: one
/// that waits for the next request could be closed just when that is sent, and a POST must not be
/// sent twice.
fn proxy(upstream: Ipv4Addr) -> String {
    format!(
        "    client_max_body_size 100m;\n    location / {{\n        proxy_pass http://{upstream}:80;\n        \
         proxy_http_version 1.1;\n        proxy_set_header Host $host;\n        \
         proxy_set_header Upgrade $http_upgrade;\n        \
         proxy_set_header Connection $plimsoll_connection;\n        \
         proxy_set_header X-Real-IP $remote_addr;\n        \
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n        \
         proxy_set_header X-Forwarded-Proto $scheme;\n        \
         proxy_set_header X-Forwarded-Host $host;\n        \
         proxy_connect_timeout 10s;\n        proxy_read_timeout 300s;\n        \
         proxy_send_timeout 300s;\n        proxy_next_upstream off;\n    }}\n"
    )
}

/// Main configuration of an nginx of our own beside the server's: same sites, other ports.
pub fn beside(folder: &Path, settings: &Beside) -> String {
    let Beside {
        user,
        mime_types,
        logs,
    } = settings;
    let mime_types = mime_types.as_ref().map_or_else(String::new, |path| {
        format!("    include {};\n", path.display())
    });
    let (access, error) = match logs {
        Some(logs) => (
            logs.join("access.log").display().to_string(),
            logs.join("error.log").display().to_string(),
        ),
        None => (
            "off".to_owned(),
            folder.join("error.log").display().to_string(),
        ),
    };
    let folder = folder.display();
    format!(
        "# Written by Plimsoll; changes are overwritten.\nuser {user};\nworker_processes auto;\n\
         pid {folder}/nginx.pid;\nerror_log {error};\nevents {{\n    worker_connections 1024;\n}}\n\
         http {{\n{mime_types}    default_type application/octet-stream;\n    \
         access_log {access};\n    sendfile on;\n    tcp_nopush on;\n    \
         types_hash_max_size 2048;\n    include {folder}/sites/*.conf;\n}}\n"
    )
}

/// What an nginx beside takes over from the server's own.
#[derive(Debug, Clone)]
pub struct Beside {
    /// The user of its workers.
    pub user: String,
    /// Its table of types.
    pub mime_types: Option<PathBuf>,
    /// Its folder of logs.
    pub logs: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vhost(tls: bool) -> Vhost {
        Vhost {
            name: "shop.production.web".to_owned(),
            hosts: vec!["shop.example.com".to_owned(), "*.example.org".to_owned()],
            upstream: Ipv4Addr::new(198, 18, 0, 2),
            tls: tls.then(|| {
                (
                    "/etc/nginx/plimsoll/tls/a.pem".into(),
                    "/etc/nginx/plimsoll/tls/a.key".into(),
                )
            }),
        }
    }

    #[test]
    fn a_certificate_brings_https_http2_and_the_redirect() {
        let text = site(&vhost(true), Ports::public(true));
        for part in [
            "listen 443 ssl http2;",
            "return 308 https://$host$request_uri;",
            "server_name shop.example.com *.example.org;",
            "proxy_pass http://198.18.0.2:80;",
            "proxy_set_header Upgrade $http_upgrade;",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        assert!(!site(&vhost(false), Ports::public(true)).contains("443"));
    }

    #[test]
    fn unknown_names_are_refused_by_both_default_servers() {
        let text = common(
            Ports::public(true),
            Common {
                default_server: true,
                hash_size: true,
            },
        );
        assert!(text.contains("return 444;") && text.contains("ssl_reject_handshake on;"));
        assert!(text.contains("server_names_hash_bucket_size 128;"));
    }

    #[test]
    fn only_host_names_become_names_of_sites() {
        for good in [
            "example.com",
            "a-b.c9.example",
            "*.example.com",
            "localhost",
            "xn--bcher-kva.example",
        ] {
            assert!(is_host(good), "{good} refused");
        }
        for bad in [
            "",
            "a b",
            "a;b",
            "$host",
            "a\nb",
            "*.com;",
            "*",
            "*.localhost",
            "-a.b",
            "a..b",
            "A.b",
            "ü.de",
            "~x",
            "a/b",
            "\"a\"",
        ] {
            assert!(!is_host(bad), "{bad:?} passed");
        }
    }

    proptest! {
        #[test]
        fn whatever_passes_as_a_host_cannot_leave_its_directive(text in ".{0,40}") {
            if is_host(&text) {
                prop_assert!(text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.*".contains(&b)));
            }
        }
        #[test]
        fn braces_balance_and_no_directive_rewrites(hosts in prop::collection::vec("[a-z]{1,10}\\.[a-z]{2,5}", 1..40), tls: bool) {
            let text = site(&Vhost { hosts, ..vhost(tls) }, Ports::public(true));
            prop_assert_eq!(text.matches('{').count(), text.matches('}').count());
            for word in text.split_whitespace() {
                prop_assert!(!matches!(word, "rewrite" | "if" | "set"));
            }
        }
    }
}
