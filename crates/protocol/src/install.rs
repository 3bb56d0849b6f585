//! Where the agent stands on a server, and the unit that keeps it running.

/// The agent's binary.
pub const AGENT_PATH: &str = "/usr/local/bin/plimsoll-agent";
/// The binary before the last upgrade; it takes over again when the new one does not answer.
pub const PREVIOUS_AGENT_PATH: &str = "/usr/local/bin/plimsoll-agent.previous";
/// The systemd unit.
pub const UNIT: &str = "plimsoll-agent.service";
/// The unit's file.
pub const UNIT_PATH: &str = "/etc/systemd/system/plimsoll-agent.service";

/// The unit's text.
///
/// Only the agent's own process is stopped with it: what it started (a build, a command inside a
/// container) ends by itself. Its folders under `/run` and `/var/lib` it makes itself, so that a
/// restart empties none of them.
pub const UNIT_TEXT: &str = "\
[Unit]
Description=Plimsoll agent: runs and switches what is deployed on this server
After=network-online.target docker.service
Wants=network-online.target docker.service

[Service]
ExecStart=/usr/local/bin/plimsoll-agent
Restart=always
RestartSec=1
KillMode=process
UMask=0077
OOMScoreAdjust=-500
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_starts_the_binary_that_is_installed() {
        assert!(UNIT_TEXT.contains(&format!("\nExecStart={AGENT_PATH}\n")));
        assert!(UNIT_PATH.ends_with(&format!("/{UNIT}")));
    }
}
