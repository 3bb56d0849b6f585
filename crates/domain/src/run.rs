//! Running a project's services on this machine's Docker: what such a set is called, how its parts
//! are told from everybody else's, and what a container is given.

use crate::{
    JobId, ProjectId, ServiceId,
    name::Name,
    service::{InvalidSpec, Limits, ServiceSpec},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The image of the database, unless a project asks for another.
pub const POSTGRES: &str = "postgres:17-alpine";
/// The name of the database's container in the network of its project. Services' names have no
/// dots, so none is called the same.
pub const DATABASE_HOST: &str = "postgres.internal";
/// The variable that tells services where the database is.
pub const DATABASE_URL: &str = "DATABASE_URL";
/// The database's user, which the official image makes.
pub const DATABASE_USER: &str = "postgres";
/// Where the database's volume is mounted, and the folder in it that the database uses: one that is
/// not the mount itself, which may hold `lost+found`.
pub const DATABASE_FOLDERS: (&str, &str) = ("/var/lib/postgresql", "/var/lib/postgresql/pgdata");

/// Label of everything that a run makes; its value is the installation that made it.
pub const LABEL: &str = "plimsoll.run";
const LABEL_PROJECT: &str = "plimsoll.run.project";
const LABEL_PART: &str = "plimsoll.run.part";
const LABEL_SERVICE: &str = "plimsoll.run.service";
const LABEL_NAMES: &str = "plimsoll.run.names";
const LABEL_BY: &str = "plimsoll.run.by";
const LABEL_JOB: &str = "plimsoll.run.job";

/// How a project runs on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunSettings {
    /// The image of a Postgres that its services share; `None` when they need none.
    pub postgres: Option<String>,
    /// Limits on each container, where its service has none of its own.
    pub limits: Limits,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            postgres: None,
            limits: Limits {
                memory_bytes: Some(1 << 30),
                cpu_millis: Some(2_000),
                pids: Some(1_000),
            },
        }
    }
}

impl RunSettings {
    /// Checks them.
    ///
    /// # Errors
    /// The first that cannot be.
    pub fn check(&self) -> Result<(), InvalidSpec> {
        if let Some(image) = &self.postgres {
            let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-/:@".contains(&b);
            let starts_well = image.starts_with(|c: char| c.is_ascii_alphanumeric());
            if !starts_well || image.len() > 500 || !image.bytes().all(is_allowed) {
                return Err(InvalidSpec {
                    setting: "postgres",
                    why: format!(
                        "“{}” does not name an image; write it as in `docker pull`, such as \
                         {POSTGRES}",
                        image.chars().take(80).collect::<String>().escape_debug()
                    ),
                });
            }
        }
        ServiceSpec {
            limits: self.limits.clone(),
            ..ServiceSpec::default()
        }
        .check()
    }

    /// The limits of a service's container: its own where it has them.
    pub fn limits_of(&self, spec: &ServiceSpec) -> Limits {
        Limits {
            memory_bytes: spec.limits.memory_bytes.or(self.limits.memory_bytes),
            cpu_millis: spec.limits.cpu_millis.or(self.limits.cpu_millis),
            pids: spec.limits.pids.or(self.limits.pids),
        }
    }
}

/// What a part of a run is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RunPart {
    /// The container of a service.
    Service {
        /// The service.
        service_id: ServiceId,
        /// Its name.
        name: Name,
    },
    /// The container in which a service's release command runs once.
    Release {
        /// The service.
        service_id: ServiceId,
        /// Its name.
        name: Name,
    },
    /// The container of the database.
    Database,
    /// The network.
    Network,
    /// A volume of a service.
    Volume {
        /// The service.
        service_id: ServiceId,
        /// Its name.
        name: Name,
    },
    /// The volume of the database.
    DatabaseVolume,
}

/// Whose a container, a network or a volume is. It is written into labels, so that what a crash
/// left is found again, and nobody else's is ever touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunMark {
    /// The installation.
    pub home: String,
    /// The project.
    pub project_id: ProjectId,
    /// Its name when this was made.
    pub project: Name,
    /// What it is.
    pub part: RunPart,
    /// The process that made it, by its registration.
    pub by: i64,
    /// The job that made it.
    pub job_id: Option<JobId>,
}

impl RunMark {
    /// As labels.
    pub fn labels(&self) -> BTreeMap<String, String> {
        let (part, service) = match &self.part {
            RunPart::Service { service_id, name } => ("service", Some((service_id, name))),
            RunPart::Release { service_id, name } => ("release", Some((service_id, name))),
            RunPart::Volume { service_id, name } => ("volume", Some((service_id, name))),
            RunPart::Database => ("database", None),
            RunPart::DatabaseVolume => ("database-volume", None),
            RunPart::Network => ("network", None),
        };
        let mut names = self.project.to_string();
        let mut labels = BTreeMap::from([
            (LABEL.to_owned(), self.home.clone()),
            (LABEL_PROJECT.to_owned(), self.project_id.to_string()),
            (LABEL_PART.to_owned(), part.to_owned()),
            (LABEL_BY.to_owned(), self.by.to_string()),
        ]);
        if let Some((id, name)) = service {
            names = format!("{names}/{name}");
            labels.insert(LABEL_SERVICE.to_owned(), id.to_string());
        }
        labels.insert(LABEL_NAMES.to_owned(), names);
        if let Some(job) = self.job_id {
            labels.insert(LABEL_JOB.to_owned(), job.to_string());
        }
        labels
    }

    /// Reads labels; `None` when they are not those of a run.
    pub fn read(labels: &BTreeMap<String, String>) -> Option<Self> {
        let get = |label: &str| labels.get(label).map(String::as_str);
        let mut names = get(LABEL_NAMES)?.split('/');
        let project = Name::parse(names.next()?).ok()?;
        let service = || {
            let name = Name::parse(labels.get(LABEL_NAMES)?.split('/').nth(1)?).ok()?;
            Some((get(LABEL_SERVICE)?.parse().ok()?, name))
        };
        let part = match get(LABEL_PART)? {
            "service" => service().map(|(service_id, name)| RunPart::Service { service_id, name }),
            "release" => service().map(|(service_id, name)| RunPart::Release { service_id, name }),
            "volume" => service().map(|(service_id, name)| RunPart::Volume { service_id, name }),
            "database" => Some(RunPart::Database),
            "database-volume" => Some(RunPart::DatabaseVolume),
            "network" => Some(RunPart::Network),
            _ => None,
        }?;
        Some(Self {
            home: get(LABEL)?.to_owned(),
            project_id: get(LABEL_PROJECT)?.parse().ok()?,
            project,
            part,
            by: get(LABEL_BY)?.parse().ok()?,
            job_id: match get(LABEL_JOB) {
                Some(job) => Some(job.parse().ok()?),
                None => None,
            },
        })
    }
}

/// The name of the network of a project's run. Its last part keeps projects of the same name in two
/// installations apart: the end of a UUIDv7 is random.
pub fn network_name(project: &Name, id: ProjectId) -> String {
    format!("plimsoll-run.{project}.{}", tail(id))
}

/// The name of a container.
pub fn container_name(project: &Name, id: ProjectId, part: &RunPart) -> String {
    let of = network_name(project, id);
    match part {
        RunPart::Service { name, .. } => format!("{of}.{name}"),
        RunPart::Release { name, .. } => format!("{of}.{name}.release"),
        RunPart::Database | RunPart::Network | RunPart::Volume { .. } | RunPart::DatabaseVolume => {
            format!("{of}.postgres.internal")
        }
    }
}

/// The name of the database's volume. It has the project's id and not its name, so that a project
/// with another name keeps its data.
pub fn database_volume(id: ProjectId) -> String {
    format!("plimsoll-run.{id}.postgres.internal")
}

/// The name of a service's volume.
pub fn volume_name(project: ProjectId, service: ServiceId, volume: &Name) -> String {
    format!("plimsoll-run.{project}.{service}.{volume}")
}

/// The tag of the image that is built for a service: the next build takes it over.
pub fn image_tag(project: &Name, id: ProjectId, service: &Name) -> String {
    format!("plimsoll-run-{project}-{service}:{}", tail(id))
}

/// The database of a project; Postgres wants underscores where names have dashes, or quotes.
pub fn database_name(project: &Name) -> String {
    project.as_str().replace('-', "_")
}

/// Where services find the database. The password is made of letters and digits.
pub fn database_url(project: &Name, password: &str) -> String {
    let name = database_name(project);
    format!("postgres://{DATABASE_USER}:{password}@{DATABASE_HOST}:5432/{name}")
}

/// A container's plain variables, `NAME=value`, with `PORT` for applications that ask for it; the
/// same that a server gives it.
pub fn environment(
    port: Option<u16>,
    plain: &[(String, String)],
    secret_names: &[String],
) -> Vec<String> {
    let is_secret = |name: &str| secret_names.iter().any(|secret| secret == name);
    let names_port = plain.iter().any(|(name, _)| name == "PORT") || is_secret("PORT");
    let port = port.filter(|_| !names_port);
    port.map(|port| format!("PORT={port}"))
        .into_iter()
        .chain(
            plain
                .iter()
                .filter(|(name, _)| !is_secret(name))
                .map(|(name, value)| format!("{name}={value}")),
        )
        .collect()
}

fn tail(id: ProjectId) -> String {
    let text = id.as_uuid().simple().to_string();
    text[text.len() - 8..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use proptest::prelude::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn part(kind: u8, entropy: [u8; 10]) -> RunPart {
        let service_id = ServiceId::mint(Timestamp::from_millis(7), entropy);
        let name = name("web");
        match kind % 6 {
            0 => RunPart::Service { service_id, name },
            1 => RunPart::Release { service_id, name },
            2 => RunPart::Volume { service_id, name },
            3 => RunPart::Database,
            4 => RunPart::DatabaseVolume,
            _ => RunPart::Network,
        }
    }

    proptest! {
        #[test]
        fn a_mark_reads_back_from_its_labels(
            kind: u8, by: i64, entropy: [u8; 10], has_job: bool, home in "[0-9a-f]{16}",
        ) {
            let mark = RunMark {
                home,
                project_id: ProjectId::mint(Timestamp::from_millis(5), entropy),
                project: name("my-shop"),
                part: part(kind, entropy),
                by,
                job_id: has_job.then(|| JobId::mint(Timestamp::from_millis(6), entropy)),
            };
            prop_assert_eq!(RunMark::read(&mark.labels()), Some(mark.clone()));
            // Whatever lacks one of its labels is not taken for ours, the job's aside.
            for missing in mark.labels().into_keys().filter(|label| label != LABEL_JOB) {
                let mut labels = mark.labels();
                labels.remove(&missing);
                prop_assert_eq!(RunMark::read(&labels), None);
            }
        }

        #[test]
        fn a_secret_never_stands_among_the_plain_variables(
            names in prop::collection::vec("[A-Z]{1,3}", 0..6), secret in "[A-Z]{1,3}",
        ) {
            let plain: Vec<(String, String)> =
                names.into_iter().map(|name| (name, "value".to_owned())).collect();
            let given = environment(None, &plain, std::slice::from_ref(&secret));
            let mark = format!("{secret}=");
            prop_assert!(!given.iter().any(|line| line.starts_with(&mark)));
        }
    }

    #[test]
    fn an_application_hears_its_port_unless_a_variable_says_another() {
        let own = [("PORT".to_owned(), "9".to_owned())];
        assert_eq!(environment(Some(80), &[], &[]), ["PORT=80"]);
        assert_eq!(environment(Some(80), &own, &[]), ["PORT=9"]);
        assert!(environment(Some(80), &[], &["PORT".to_owned()]).is_empty());
        assert!(environment(None, &[], &[]).is_empty());
    }

    #[test]
    fn a_services_own_limits_win() {
        let settings = RunSettings::default();
        let mut spec = ServiceSpec::default();
        spec.limits.memory_bytes = Some(64 << 20);
        let limits = settings.limits_of(&spec);
        assert_eq!(limits.memory_bytes, Some(64 << 20));
        assert_eq!(limits.cpu_millis, settings.limits.cpu_millis);
    }

    #[test]
    fn a_database_is_named_by_an_image_and_nothing_else() {
        let with = |image: &str| RunSettings {
            postgres: Some(image.to_owned()),
            ..RunSettings::default()
        };
        assert_eq!(with(POSTGRES).check(), Ok(()));
        for wrong in ["", "--privileged", "a b", "postgres:17\n"] {
            assert!(with(wrong).check().is_err(), "{wrong:?} passed");
        }
    }

    #[test]
    fn two_projects_of_one_name_share_nothing() {
        let id = |seed| ProjectId::mint(Timestamp::from_millis(1), [seed; 10]);
        let shop = name("shop");
        assert_ne!(network_name(&shop, id(1)), network_name(&shop, id(2)));
        assert_ne!(
            image_tag(&shop, id(1), &shop),
            image_tag(&shop, id(2), &shop)
        );
        assert_ne!(database_volume(id(1)), database_volume(id(2)));
    }
}
