//! The lock of a service on this server: one deployment at a time.

use crate::error::AgentError;
use plimsoll_domain::{DeploymentId, Timestamp};
use plimsoll_protocol::ServiceKey;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Who holds a service's lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// `user@machine`.
    pub owner: String,
    /// For which deployment.
    pub deployment_id: DeploymentId,
    /// Since when.
    pub since: Timestamp,
    /// Last sign of life: a phase was reached, or the desktop sent a heartbeat.
    pub heartbeat: Timestamp,
}

/// All locks of this server. They live as long as the agent: what it finds open in the journals
/// after a restart it takes back or locks again.
#[derive(Debug, Default, Clone)]
pub struct Locks(Arc<Mutex<HashMap<ServiceKey, Holder>>>);

/// A held lock; dropping it frees the service.
#[derive(Debug)]
pub struct Lock {
    locks: Locks,
    key: ServiceKey,
}

impl Locks {
    /// Takes the lock of a service, or tells who has it.
    pub fn take(&self, key: &ServiceKey, holder: Holder) -> Result<Lock, AgentError> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = locks.get(key) {
            return Err(AgentError::refused(
                "deployment_in_progress",
                format!(
                    "{} is deploying “{}” since {} (deployment {})",
                    other.owner, key.service, other.since, other.deployment_id
                ),
                "Wait until that deployment ended, or cancel it, then try again.",
            )
            .with_evidence([format!("last sign of life: {}", other.heartbeat)]));
        }
        locks.insert(key.clone(), holder);
        Ok(Lock {
            locks: self.clone(),
            key: key.clone(),
        })
    }
}

impl Locks {
    /// Whether somebody is at work on a service.
    pub fn is_held(&self, key: &ServiceKey) -> bool {
        let locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        locks.contains_key(key)
    }
}

impl Lock {
    /// Notes a sign of life.
    pub fn heartbeat(&self, now: Timestamp) {
        let mut locks = self.locks.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(holder) = locks.get_mut(&self.key) {
            holder.heartbeat = now;
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let mut locks = self.locks.0.lock().unwrap_or_else(PoisonError::into_inner);
        locks.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_domain::name::Name;

    #[test]
    fn a_second_deployment_is_told_who_is_at_work_and_since_when() {
        let locks = Locks::default();
        let name = |text| Name::parse(text).unwrap();
        let key = ServiceKey {
            project: name("shop"),
            environment: name("production"),
            service: name("web"),
        };
        let now = Timestamp::from_millis(1_790_000_000_120);
        let holder = Holder {
            owner: "ada@desk".to_owned(),
            deployment_id: DeploymentId::mint(now, [1; 10]),
            since: now,
            heartbeat: now,
        };
        let first = locks.take(&key, holder.clone()).unwrap();
        let failure = locks.take(&key, holder.clone()).unwrap_err().failure();
        assert_eq!(failure.code, "deployment_in_progress");
        assert!(failure.message.contains("ada@desk"));
        assert!(failure.message.contains("2026-09-21T14:13:20.120Z"));
        drop(first);
        assert!(locks.take(&key, holder).is_ok());
    }
}
