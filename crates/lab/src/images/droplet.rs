//! The image that droplets boot from.

use super::overlay::Entry;
use super::recipe::Recipe;

/// Units that have nothing to do, or would fail, without hardware of one's own.
const MASKED: &[&str] = &[
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "console-getty.service",
    "dev-hugepages.mount",
    "getty.target",
    "networking.service",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-binfmt.service",
    "systemd-modules-load.service",
    "systemd-networkd-wait-online.service",
    "systemd-remount-fs.service",
    "systemd-sysctl.service",
    "systemd-timesyncd.service",
    "systemd-udev-settle.service",
    "systemd-udev-trigger.service",
    "systemd-udevd.service",
];

/// The first process of a droplet.
pub(crate) const INIT: &str = "/usr/local/sbin/practice-init";

/// Debian 12 with cloud-init, SSH, Docker and nginx.
pub(crate) fn recipe() -> Recipe {
    let mut overlay = vec![
        Entry::file(
            INIT,
            0o755,
            include_str!("../../assets/droplet/practice-init"),
        ),
        // In /usr/local, so that an upgrade of the real packages leaves them alone.
        Entry::file(
            "/usr/local/sbin/dmidecode",
            0o755,
            include_str!("../../assets/droplet/dmidecode"),
        ),
        Entry::file(
            "/usr/local/sbin/systemd-detect-virt",
            0o755,
            include_str!("../../assets/droplet/systemd-detect-virt"),
        ),
        Entry::file(
            "/etc/cloud/cloud.cfg.d/90-practice.cfg",
            0o644,
            include_str!("../../assets/droplet/90-practice.cfg"),
        ),
        Entry::file(
            "/etc/systemd/system.conf.d/practice.conf",
            0o644,
            include_str!("../../assets/droplet/system.conf"),
        ),
        Entry::link(
            "/etc/systemd/system/default.target",
            "/lib/systemd/system/multi-user.target",
        ),
    ];
    overlay.extend(MASKED.iter().map(|unit| Entry::masked(unit)));
    Recipe {
        name: "droplet",
        suite: "bookworm",
        variant: "minbase",
        packages: &[
            "ca-certificates",
            "cloud-init",
            "conntrack",
            "curl",
            "dbus",
            "docker.io",
            "git",
            "iproute2",
            "iptables",
            "iputils-arping",
            "iputils-ping",
            "libnginx-mod-stream",
            "netbase",
            "nftables",
            "nginx",
            "openssh-server",
            // The gateway's image is the droplets', and it answers for a public authority.
            "pebble",
            "procps",
            "rsync",
            "sudo",
            "systemd",
            "systemd-sysv",
            "unattended-upgrades",
            "xz-utils",
            "zstd",
        ],
        overlay,
        finish: &[
            // Each droplet makes its own identity at its first boot.
            "rm -f \"$1\"/etc/ssh/ssh_host_*",
            ": >\"$1\"/etc/machine-id",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_droplet_has_no_identity_before_it_boots() {
        let finish = recipe().finish.join("\n");
        assert!(finish.contains("ssh_host_") && finish.contains("machine-id"));
    }

    #[test]
    fn packages_are_sorted_and_unique() {
        let recipe = recipe();
        let mut sorted = recipe.packages.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted, recipe.packages);
    }
}
