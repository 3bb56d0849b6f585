//! How the agent comes onto a server and how it is replaced: what the desktop does, and the units
//! that the agent's own `install` writes.
//!
//! The desktop makes [`FOLDER`] ([`make_folder`]), uploads the binary to [`NEW`] with mode 0755 and
//! runs [`install`]. From there on the server does it alone, so a cut connection leaves nothing
//! half-done: the former binary stays as [`PREVIOUS`], the new one is moved into place and started,
//! and unless it answers within [`ANSWER_WITHIN_MS`] with its own hash, the former one takes over
//! again and the command ends with a failure.
//!
//! An installation that ended with its process or its machine leaves [`UPGRADING`]. Before the agent
//! is started the next time, the *former* binary finds it and takes its place back ([`SETTLE_UNIT`]):
//! the new one may be unable to run at all, so nothing depends on it.

/// Where the agent's binaries lie.
pub const FOLDER: &str = "/usr/local/lib/plimsoll";
/// The binary that runs.
pub const BINARY: &str = "/usr/local/lib/plimsoll/plimsoll-agent";
/// Where the desktop uploads the next one; it must be executable (0755).
pub const NEW: &str = "/usr/local/lib/plimsoll/plimsoll-agent.new";
/// The one before, which takes over when the present one does not answer.
pub const PREVIOUS: &str = "/usr/local/lib/plimsoll/plimsoll-agent.previous";
/// There while a new binary has not proved well.
pub const UPGRADING: &str = "/var/lib/plimsoll/upgrading";
/// How long a new agent may take until it answers, ms.
pub const ANSWER_WITHIN_MS: u64 = 60_000;

/// The unit of the agent.
pub const AGENT_UNIT_PATH: &str = "/etc/systemd/system/plimsoll-agent.service";
/// The unit that puts secrets into memory before Docker starts containers.
pub const PREPARE_UNIT_PATH: &str = "/etc/systemd/system/plimsoll-prepare.service";
/// The unit by which the former binary ends an upgrade that nobody looks after any more.
pub const SETTLE_UNIT_PATH: &str = "/etc/systemd/system/plimsoll-settle.service";

/// Text of [`AGENT_UNIT_PATH`].
pub const AGENT_UNIT: &str = "\
[Unit]
Description=Plimsoll agent
After=network.target docker.service plimsoll-settle.service plimsoll-prepare.service
Wants=docker.service plimsoll-settle.service plimsoll-prepare.service
StartLimitIntervalSec=0

[Service]
ExecStart=/usr/local/lib/plimsoll/plimsoll-agent serve
Restart=always
RestartSec=1
TimeoutStopSec=15
OOMScoreAdjust=-500
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
";

/// Text of [`PREPARE_UNIT_PATH`].
pub const PREPARE_UNIT: &str = "\
[Unit]
Description=Secrets of Plimsoll's services, into memory
After=local-fs.target plimsoll-settle.service
Wants=plimsoll-settle.service
Before=docker.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/plimsoll/plimsoll-agent prepare

[Install]
WantedBy=multi-user.target docker.service
";

/// Text of [`SETTLE_UNIT_PATH`].
pub const SETTLE_UNIT: &str = "\
[Unit]
Description=Plimsoll agent: back to the former one after an upgrade that was cut off
After=local-fs.target
ConditionPathExists=/var/lib/plimsoll/upgrading

[Service]
Type=oneshot
ExecStart=/usr/local/lib/plimsoll/plimsoll-agent.previous settle
";

/// The argument vector that makes the folder for the upload; as root.
pub fn make_folder() -> Vec<String> {
    words(&["mkdir", "-p", "--", FOLDER])
}

/// The argument vector that installs or upgrades from [`NEW`]; as root. It ends with 0 once the new
/// agent answers, at most a little over [`ANSWER_WITHIN_MS`] later; its output says why not. It goes
/// on when the connection is cut. A second one at the same time fails and changes nothing.
pub fn install() -> Vec<String> {
    words(&[
        "systemd-run",
        "--quiet",
        "--collect",
        "--wait",
        "--pipe",
        "--unit=plimsoll-install",
        "--",
        NEW,
        "install",
    ])
}

/// The argument vector that asks an installed agent for its version; fails when there is none.
pub fn version() -> Vec<String> {
    words(&[BINARY, "--version"])
}

fn words(argv: &[&str]) -> Vec<String> {
    argv.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_start_the_binary_that_is_installed() {
        assert!(AGENT_UNIT.contains(&format!("ExecStart={BINARY} serve")));
        assert!(PREPARE_UNIT.contains(&format!("ExecStart={BINARY} prepare")));
        assert!(SETTLE_UNIT.contains(&format!("ExecStart={PREVIOUS} settle")));
        assert!(SETTLE_UNIT.contains(&format!("ConditionPathExists={UPGRADING}\n")));
        assert!(NEW.starts_with(FOLDER) && PREVIOUS.starts_with(FOLDER));
    }
}
