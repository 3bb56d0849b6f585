//! The audit of every act. An act whose entry cannot be written does not happen: the entry is part
//! of the act's transaction, or written before the act where that lies outside. What makes room,
//! or is done outside and cannot be taken back, is noted afterwards (see [`crate::afterwards`]).

use crate::{
    ports::{Clock, PortResult},
    redact::Redactor,
};
use plimsoll_domain::{AuditId, audit::AuditEntry};
use plimsoll_store::{Store, Write};
use serde_json::Value;
use std::sync::Arc;

/// Records acts, cleaned of secrets. Cloning is cheap.
#[derive(Clone)]
pub struct Auditor {
    clock: Arc<dyn Clock>,
    redactor: Arc<Redactor>,
}

impl Auditor {
    /// An auditor that cleans by this redactor.
    pub fn new(clock: Arc<dyn Clock>, redactor: Arc<Redactor>) -> Self {
        Self { clock, redactor }
    }

    /// Records an act in the transaction that does it.
    pub async fn record(
        &self,
        write: &mut Write,
        act: &str,
        subject: &str,
        details: Value,
    ) -> PortResult<AuditEntry> {
        let mut entropy = [0; 10];
        self.clock.entropy(&mut entropy);
        let id = AuditId::mint(self.clock.now(), entropy);
        let details = self.redactor.value(details);
        let subject = self.redactor.text(subject);
        Ok(write.audit(id, act, &subject, details).await?)
    }

    /// Records an act outside the store, before it happens.
    pub async fn record_before(
        &self,
        store: &Store,
        act: &str,
        subject: &str,
        details: Value,
    ) -> PortResult<AuditEntry> {
        let mut write = store.write().await?;
        let entry = self.record(&mut write, act, subject, details).await?;
        write.commit().await?;
        Ok(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::tests::world::{FakeClock, open_store};
    use plimsoll_domain::Secret;
    use plimsoll_store::{AuditFilter, Page};
    use serde_json::json;

    #[tokio::test]
    async fn an_act_is_recorded_without_its_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FakeClock::default());
        let store = open_store(folder.path(), &clock).await;
        let redactor = Arc::new(Redactor::new());
        redactor.learn(&Secret::new("dop_v1_token"));
        let auditor = Auditor::new(clock, redactor);
        for number in 0..3 {
            let details = json!({"token": "dop_v1_token", "number": number});
            auditor
                .record_before(&store, "account.connect", "account:dop_v1_token", details)
                .await
                .unwrap();
        }
        let found = store
            .audit(&AuditFilter::default(), &Page::default())
            .await
            .unwrap();
        assert_eq!(found.items.len(), 3);
        assert_eq!(found.items[0].details, json!({"token": "***", "number": 2}));
        assert_eq!(found.items[0].subject, "account:***");
        let report = store.verify_audit().await.unwrap();
        assert_eq!((report.entries, report.broken), (3, vec![]));
    }
}
