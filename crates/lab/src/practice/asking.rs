//! What a shell or a test asks of a running lab: faults, further tokens and zones.

use std::time::Duration;

use serde_json::Value;

use super::Running;
use crate::api::{Credentials, FaultRule};
use crate::error::LabError;
use crate::ground::DropletFault;

/// A fault of a droplet may have to fill a disk.
const CALL: Duration = Duration::from_secs(120);

impl Running {
    /// Calls the lab's control interface; `path` goes below `/lab/v1`.
    ///
    /// # Errors
    /// When it does not answer, or refuses: in its own words.
    pub async fn control(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, LabError> {
        let doing = || format!("ask the practice cloud for {method} {path}");
        let trouble = |cause: String| LabError::Network {
            doing: doing(),
            cause,
        };
        let credentials =
            Credentials::read(&self.api).map_err(|error| trouble(error.to_string()))?;
        let ca = std::fs::read(&self.ca).map_err(|error| trouble(error.to_string()))?;
        let ca = reqwest::Certificate::from_pem(&ca).map_err(|error| trouble(error.to_string()))?;
        let client = reqwest::Client::builder()
            .timeout(CALL)
            .no_proxy()
            .tls_certs_only([ca])
            .build()
            .map_err(|error| trouble(error.to_string()))?;
        let method = method
            .parse()
            .map_err(|_| trouble("no such method".into()))?;
        let mut request = client
            .request(method, format!("{}/lab/v1{path}", self.control_url))
            .bearer_auth(&credentials.control_token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request
            .send()
            .await
            .map_err(|error| trouble(error.to_string()))?;
        let status = answer.status();
        let text = answer
            .text()
            .await
            .map_err(|error| trouble(error.to_string()))?;
        if !status.is_success() {
            return Err(trouble(format!("{status}: {text}")));
        }
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|error| trouble(error.to_string()))
    }

    /// Makes answers go wrong.
    ///
    /// # Errors
    /// As [`Running::control`].
    pub async fn break_answers(&self, rule: &FaultRule) -> Result<Value, LabError> {
        self.control("POST", "/faults", Some(&serde_json::json!(rule)))
            .await
    }

    /// Mends every answer.
    ///
    /// # Errors
    /// As [`Running::control`].
    pub async fn mend_answers(&self) -> Result<Value, LabError> {
        self.control("DELETE", "/faults", None).await
    }

    /// Makes something go wrong with a droplet, or mends it.
    ///
    /// # Errors
    /// As [`Running::control`].
    pub async fn break_droplet(&self, id: u64, fault: &DropletFault) -> Result<Value, LabError> {
        let path = format!("/droplets/{id}/fault");
        self.control("POST", &path, Some(&serde_json::json!(fault)))
            .await
    }
}
