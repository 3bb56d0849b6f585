//! The recipe by which a server is prepared, hashed so that an outdated one is recognised.

use crate::{Secret, plan::hash_of};
use serde::{Deserialize, Serialize};

/// Everything that makes a machine one of ours, apart from its identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// The version of what cloud-init is told and of how the rest is carried out.
    pub version: u32,
    /// Packages of the distribution, sorted.
    pub packages: Vec<String>,
    /// Files that are written whole.
    pub files: Vec<RecipeFile>,
    /// Files of packages that stand in the way.
    pub removals: Vec<String>,
    /// Units that are enabled and running afterwards.
    pub units: Vec<String>,
    /// Swap where the machine has less memory than this, MiB.
    pub swap_below_mib: u64,
    /// Size of that swap, MiB.
    pub swap_mib: u64,
    /// BLAKE3 of the agent's binary, hex.
    pub agent_hash: String,
}

/// A file of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipeFile {
    /// Absolute path.
    pub path: String,
    /// Permissions.
    pub mode: u32,
    /// The whole content.
    pub content: String,
}

/// Long service names do not fit the default bucket of 32 or 64 bytes (nginx, “Setting up
/// hashes”); versions in answers help nobody but an attacker.
const NGINX_DEFAULTS: &str = "\
server_names_hash_bucket_size 128;
server_tokens off;
client_max_body_size 64m;
";

const UPGRADES: &str = "\
APT::Periodic::Update-Package-Lists \"1\";
APT::Periodic::Unattended-Upgrade \"1\";
APT::Periodic::AutocleanInterval \"7\";
";

/// Swap is for the rare, as databases and builds of small machines need it.
const SWAPPINESS: &str = "vm.swappiness = 10\n";

/// Where nginx reads our defaults from.
pub const NGINX_DEFAULTS_PATH: &str = "/etc/nginx/conf.d/00-plimsoll-defaults.conf";

impl Recipe {
    /// The recipe of today for an agent with this binary.
    pub fn today(agent_hash: &str) -> Self {
        let texts = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let file = |path: &str, content: &str| RecipeFile {
            path: path.to_owned(),
            mode: 0o644,
            content: content.to_owned(),
        };
        Self {
            version: 1,
            packages: texts(&[
                "ca-certificates",
                "conntrack",
                "docker.io",
                "iproute2",
                "iptables",
                "nftables",
                "nginx",
                "unattended-upgrades",
            ]),
            files: vec![
                file(NGINX_DEFAULTS_PATH, NGINX_DEFAULTS),
                file("/etc/apt/apt.conf.d/20auto-upgrades", UPGRADES),
                file("/etc/sysctl.d/60-plimsoll.conf", SWAPPINESS),
            ],
            removals: texts(&["/etc/nginx/sites-enabled/default"]),
            units: texts(&["docker", "nginx"]),
            swap_below_mib: 2_048,
            swap_mib: 1_024,
            agent_hash: agent_hash.to_owned(),
        }
    }

    /// BLAKE3 over the recipe, hex: two servers with the same hash were prepared alike.
    pub fn hash(&self) -> String {
        hash_of(&serde_json::to_value(self).unwrap_or_default())
    }

    /// The part of the hash that fits names of snapshots and tags.
    pub fn short_hash(&self) -> String {
        self.hash()[..12].to_owned()
    }
}

/// The identity that cloud-init gives a machine for its first contact.
pub struct FirstIdentity<'a> {
    /// Private half of the one-time host key, OpenSSH's PEM form.
    pub host_key: &'a Secret,
    /// Public half of it, `ssh-ed25519 AAAA…`.
    pub host_public: &'a str,
    /// Public key that may log in.
    pub login: &'a str,
}

/// What cloud-init is told: nothing but who the machine is and who may enter, so that the rest of
/// the preparation is the same for machines that somebody else set up.
///
/// The result holds a private key: a secret until that key is replaced at the first contact.
pub fn cloud_init(identity: &FirstIdentity<'_>) -> Secret {
    // Only these characters occur in OpenSSH's forms; anything else could become YAML.
    let one_line = |text: &str| -> String {
        text.chars()
            .filter(|c| c.is_ascii_alphanumeric() || " +/=@._-".contains(*c))
            .collect()
    };
    let mut text = String::from(
        "#cloud-config\n\
         disable_root: false\n\
         ssh_pwauth: false\n\
         ssh_deletekeys: true\n\
         ssh_genkeytypes: [ed25519]\n\
         package_upgrade: false\n",
    );
    text.push_str("ssh_authorized_keys:\n  - ");
    text.push_str(&one_line(identity.login));
    text.push_str("\nssh_keys:\n  ed25519_private: |\n");
    for line in identity.host_key.expose().lines() {
        text.push_str("    ");
        text.push_str(&one_line(line));
        text.push('\n');
    }
    text.push_str("  ed25519_public: ");
    text.push_str(&one_line(identity.host_public));
    text.push('\n');
    Secret::new(text)
}

/// What is removed from a machine before its disk becomes a base snapshot, so that no two machines
/// share an identity: argument vectors, in order.
pub fn forget_identity() -> Vec<Vec<&'static str>> {
    vec![
        vec![
            "find",
            "/etc/ssh",
            "-maxdepth",
            "1",
            "-name",
            "ssh_host_*",
            "-delete",
        ],
        vec!["truncate", "--size=0", "/etc/machine-id"],
        vec!["rm", "-f", "/var/lib/dbus/machine-id"],
        vec!["rm", "-f", "/root/.ssh/authorized_keys"],
        vec!["apt-get", "clean"],
        vec!["cloud-init", "clean", "--logs"],
        vec!["sync"],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_agent_is_another_recipe() {
        assert_ne!(Recipe::today("a").hash(), Recipe::today("b").hash());
        assert_eq!(Recipe::today("a").hash(), Recipe::today("a").hash());
    }

    #[test]
    fn cloud_init_gets_the_keys_and_nothing_that_could_be_yaml() {
        let text = cloud_init(&FirstIdentity {
            host_key: &Secret::new(
                "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl+/=\n-----END OPENSSH PRIVATE KEY-----\n",
            ),
            host_public: "ssh-ed25519 AAAA\nruncmd: [evil]",
            login: "ssh-ed25519 BBBB me@here",
        });
        let text = text.expose();
        assert!(text.starts_with("#cloud-config\n"));
        assert!(text.contains("\n    b3Bl+/=\n"));
        assert!(text.contains("\n  - ssh-ed25519 BBBB me@here\n"));
        assert!(!text.contains("\nruncmd"));
        assert!(!text.contains("[evil]"));
        assert!(text.len() < 64 * 1024);
    }
}
