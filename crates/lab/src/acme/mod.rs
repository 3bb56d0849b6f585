//! A public certificate authority that speaks ACME: Let's Encrypt's own test server, Pebble, as
//! Debian packages it. Nobody trusts it but the lab, and its root is a new one at each start.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Serialize;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::error::{AtPath, LabError};
use crate::tls::Authority;

/// How long the program may take until it answers.
const START: Duration = Duration::from_secs(15);

/// Between two looks at a program that starts.
const LOOK: Duration = Duration::from_millis(50);

/// How much of the log an error shows, bytes from its end.
const SHOWN: usize = 2_000;

const PROGRAM: &str = "pebble";

/// How the authority is set up.
#[derive(Debug, Clone)]
pub struct AcmeSettings {
    /// Folder for its files; made when it is missing.
    pub folder: PathBuf,
    /// Where it speaks ACME, over TLS.
    pub listen: SocketAddr,
    /// Where it tells its root, over TLS.
    pub management: SocketAddr,
    /// The resolver that it asks for the names to certify.
    pub resolver: SocketAddr,
    /// Port on which it looks for HTTP-01 answers; 80 outside tests.
    pub http_port: u16,
    /// Port on which it looks for TLS-ALPN-01 answers; 443 outside tests.
    pub tls_port: u16,
    /// How many good nonces of a hundred it refuses, as real authorities sometimes do: a client
    /// that cannot take that is not ready for them. Pebble's own default is 5.
    pub nonce_reject_percent: u8,
    /// Names and addresses of its own TLS certificate, beside those it listens on.
    pub names: Vec<String>,
}

/// A running authority; dropping it stops it.
#[derive(Debug)]
pub struct AcmeAuthority {
    child: Child,
    directory_url: String,
    root_pem: String,
}

#[derive(Serialize)]
struct Config {
    pebble: Pebble,
}

/// The program's own settings, by its names for them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pebble {
    listen_address: SocketAddr,
    management_listen_address: SocketAddr,
    certificate: PathBuf,
    private_key: PathBuf,
    http_port: u16,
    tls_port: u16,
    #[serde(rename = "ocspResponderURL")]
    ocsp_responder_url: String,
    external_account_binding_required: bool,
}

/// Whether the program is installed.
pub fn is_installed() -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(PROGRAM).is_file()))
}

impl AcmeAuthority {
    /// Starts it, with a TLS certificate of `authority`, and waits until it answers.
    ///
    /// # Errors
    /// [`LabError::Missing`] when the package is not installed, [`LabError::Program`] with the end
    /// of its log when it does not come up, [`LabError::File`] when its files cannot be written.
    pub async fn start(settings: &AcmeSettings, authority: &Authority) -> Result<Self, LabError> {
        let folder = &settings.folder;
        std::fs::create_dir_all(folder).at("make", folder)?;
        let config = write_config(settings, authority)?;
        let log_path = folder.join("pebble.log");
        let log = std::fs::File::create(&log_path).at("make", &log_path)?;
        let twin = log.try_clone().at("open", &log_path)?;
        let mut child = Command::new(PROGRAM)
            .arg("-strict")
            .arg("-config")
            .arg(&config)
            .arg("-dnsserver")
            .arg(settings.resolver.to_string())
            // Real authorities take their time before they look; practising does not need that.
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env(
                "PEBBLE_WFE_NONCEREJECT",
                settings.nonce_reject_percent.min(100).to_string(),
            )
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(twin)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| not_started(&error))?;
        let root_pem = wait_for_root(settings, authority, &mut child, &log_path).await?;
        Ok(Self {
            child,
            directory_url: format!("https://{}/dir", settings.listen),
            root_pem,
        })
    }

    /// Where ACME clients begin. Its TLS certificate is the lab authority's, not its own.
    pub fn directory_url(&self) -> &str {
        &self.directory_url
    }

    /// The root of the certificates that it issues, PEM: what browsers and strict edges have to
    /// trust.
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// Stops it and waits until it is gone. Its accounts, orders and root go with it.
    ///
    /// # Errors
    /// [`LabError::Program`] when the system refuses to end it.
    pub async fn stop(mut self) -> Result<(), LabError> {
        self.child.kill().await.map_err(|error| LabError::Program {
            doing: "stop the ACME authority".to_owned(),
            program: PROGRAM.to_owned(),
            how: "did not end".to_owned(),
            stderr: error.to_string(),
        })
    }
}

/// Writes certificate, key and settings; returns the path of the settings.
fn write_config(settings: &AcmeSettings, authority: &Authority) -> Result<PathBuf, LabError> {
    let mut names = vec![
        settings.listen.ip().to_string(),
        settings.management.ip().to_string(),
    ];
    names.extend(settings.names.iter().cloned());
    names.sort();
    names.dedup();
    let leaf = authority.leaf(&names)?;
    let (certificate, private_key, config) = (
        settings.folder.join("certificate.pem"),
        settings.folder.join("key.pem"),
        settings.folder.join("pebble.json"),
    );
    crate::folder::write(&certificate, leaf.chain_pem.as_bytes())?;
    crate::folder::write_private(&private_key, leaf.key_pem.as_bytes())?;
    let content = Config {
        pebble: Pebble {
            listen_address: settings.listen,
            management_listen_address: settings.management,
            certificate,
            private_key,
            http_port: settings.http_port,
            tls_port: settings.tls_port,
            ocsp_responder_url: String::new(),
            external_account_binding_required: false,
        },
    };
    let text = serde_json::to_vec_pretty(&content).map_err(|error| LabError::State {
        path: config.clone(),
        cause: error.to_string(),
    })?;
    crate::folder::write(&config, &text)?;
    Ok(config)
}

/// The program answers its root as soon as it is ready.
async fn wait_for_root(
    settings: &AcmeSettings,
    authority: &Authority,
    child: &mut Child,
    log: &Path,
) -> Result<String, LabError> {
    let failed = |how: String| LabError::Program {
        doing: "start the ACME authority".to_owned(),
        program: PROGRAM.to_owned(),
        how,
        stderr: end_of(log),
    };
    let client = reqwest::Certificate::from_pem(authority.pem().as_bytes())
        .and_then(|root| {
            reqwest::Client::builder()
                .tls_certs_only([root])
                .no_proxy()
                .timeout(Duration::from_secs(2))
                .build()
        })
        .map_err(|error| failed(error.to_string()))?;
    let url = format!("https://{}/roots/0", settings.management);
    let deadline = Instant::now() + START;
    loop {
        if let Some(status) = child
            .try_wait()
            .map_err(|error| failed(error.to_string()))?
        {
            return Err(failed(format!("ended with {status}")));
        }
        let answer = match client.get(&url).send().await {
            Ok(response) if response.status().is_success() => response.text().await,
            Ok(response) => response.error_for_status().map(|_| String::new()),
            Err(error) => Err(error),
        };
        match answer {
            Ok(pem) if pem.contains("BEGIN CERTIFICATE") => return Ok(pem),
            Ok(_) if Instant::now() >= deadline => {
                return Err(failed("answered no root".to_owned()));
            }
            Err(error) if Instant::now() >= deadline => {
                return Err(failed(format!("did not answer: {error}")));
            }
            Ok(_) | Err(_) => sleep(LOOK).await,
        }
    }
}

fn not_started(error: &std::io::Error) -> LabError {
    let doing = "start the ACME authority".to_owned();
    match error.kind() {
        std::io::ErrorKind::NotFound => LabError::Missing {
            doing,
            program: PROGRAM.to_owned(),
            package: PROGRAM.to_owned(),
        },
        _ => LabError::Program {
            doing,
            program: PROGRAM.to_owned(),
            how: "could not be started".to_owned(),
            stderr: error.to_string(),
        },
    }
}

fn end_of(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let from = bytes.len().saturating_sub(SHOWN);
    String::from_utf8_lossy(&bytes[from..]).trim().to_owned()
}
