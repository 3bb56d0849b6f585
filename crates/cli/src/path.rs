//! `project/environment/service`, as people type it.

use plimsoll_domain::name::{InvalidName, Name};
use std::str::FromStr;

/// A text that names nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// Too few or too many parts.
    #[error("“{given}” should read {expected}")]
    Parts {
        /// What was given.
        given: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A part is no name.
    #[error(transparent)]
    Name(#[from] InvalidName),
}

/// `project/service`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePath {
    /// The project.
    pub project: Name,
    /// The service.
    pub service: Name,
}

/// `project/environment`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentPath {
    /// The project.
    pub project: Name,
    /// The environment.
    pub environment: Name,
}

/// `project/environment/service`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPath {
    /// The project.
    pub project: Name,
    /// The environment.
    pub environment: Name,
    /// The service.
    pub service: Name,
}

fn parts<const N: usize>(text: &str, expected: &'static str) -> Result<[Name; N], InvalidPath> {
    let names = text
        .split('/')
        .map(Name::parse)
        .collect::<Result<Vec<_>, _>>();
    let wrong = || InvalidPath::Parts {
        given: text.chars().take(80).collect(),
        expected,
    };
    if text.split('/').count() != N {
        return Err(wrong());
    }
    <[Name; N]>::try_from(names?).map_err(|_| wrong())
}

impl FromStr for ServicePath {
    type Err = InvalidPath;
    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        let [project, service] = parts(text, "project/service")?;
        Ok(Self { project, service })
    }
}
impl FromStr for EnvironmentPath {
    type Err = InvalidPath;
    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        let [project, environment] = parts(text, "project/environment")?;
        Ok(Self {
            project,
            environment,
        })
    }
}
impl FromStr for RunPath {
    type Err = InvalidPath;
    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        let [project, environment, service] = parts(text, "project/environment/service")?;
        Ok(Self {
            project,
            environment,
            service,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_exactly_its_parts() {
        let path: RunPath = "shop/production/web".parse().unwrap();
        assert_eq!(path.environment.as_str(), "production");
        for bad in [
            "shop", "shop/web", "a/b/c/d", "a//c", "/a/b", "a/b/-c", "a/b/$(c)",
        ] {
            assert!(bad.parse::<RunPath>().is_err(), "{bad:?} passed");
        }
    }
}
