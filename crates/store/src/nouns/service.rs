//! Services with their variables, domains and certificates.

use super::find;
use crate::{Result, Store, Write, error::doing, table::Cells};
use plimsoll_domain::{
    CertificateId, EnvironmentId, ProjectId, ServiceId, Timestamp, VariableId,
    dns::{Certificate, Domain, HostName},
    name::{Name, VariableName},
    project::{Service, Variable},
    release::{SealedVariable, VariableValue},
};
use serde_json::Value;

impl Store {
    /// The services of a project, oldest first.
    pub async fn services_of(&self, project: ProjectId) -> Result<Vec<Service>> {
        let sql = "SELECT * FROM services WHERE project_id = ?1 AND deleted_at IS NULL ORDER BY id";
        find!(self, many, sql, project.to_string())
    }

    /// The service of this name in a project.
    pub async fn service_by_name(
        &self,
        project: ProjectId,
        name: &Name,
    ) -> Result<Option<Service>> {
        let sql = "SELECT * FROM services \
                   WHERE project_id = ?1 AND name = ?2 AND deleted_at IS NULL";
        find!(self, one, sql, project.to_string(), name.as_str())
    }

    /// The variables of a service in an environment, by name. Secrets show no value.
    pub async fn variables_of(
        &self,
        environment: EnvironmentId,
        service: ServiceId,
    ) -> Result<Vec<Variable>> {
        let sql = "SELECT * FROM variables \
                   WHERE environment_id = ?1 AND service_id = ?2 AND deleted_at IS NULL \
                   ORDER BY name";
        find!(
            self,
            many,
            sql,
            environment.to_string(),
            service.to_string()
        )
    }

    /// The variable of this name of a service in an environment.
    pub async fn variable_by_name(
        &self,
        environment: EnvironmentId,
        service: ServiceId,
        name: &VariableName,
    ) -> Result<Option<Variable>> {
        let sql = "SELECT * FROM variables WHERE environment_id = ?1 AND service_id = ?2 \
                   AND name = ?3 AND deleted_at IS NULL";
        let (environment, service) = (environment.to_string(), service.to_string());
        find!(self, one, sql, environment, service, name.as_str())
    }

    /// The variables of a service in an environment as a release keeps them, by name: plain values
    /// plain, secrets sealed.
    pub async fn variable_values(
        &self,
        environment: EnvironmentId,
        service: ServiceId,
    ) -> Result<Vec<SealedVariable>> {
        let rows: Vec<(String, Option<String>, Option<String>)> = sqlx::query_as(
            "SELECT name, value, sealed FROM variables \
             WHERE environment_id = ?1 AND service_id = ?2 AND deleted_at IS NULL ORDER BY name",
        )
        .bind(environment.to_string())
        .bind(service.to_string())
        .fetch_all(&mut *self.reader().await?)
        .await
        .map_err(doing("read variables"))?;
        rows.into_iter()
            .map(|(name, value, sealed)| {
                let unreadable = |why: String| crate::StoreError::Unreadable {
                    noun: "variables",
                    id: name.clone(),
                    why,
                };
                let value = match (value, sealed) {
                    (Some(plain), None) => VariableValue::Plain(plain),
                    (None, Some(sealed)) => VariableValue::Sealed(sealed),
                    _ => return Err(unreadable("it is neither plain nor sealed".into())),
                };
                let name = VariableName::parse(&name).map_err(|e| unreadable(e.to_string()))?;
                Ok(SealedVariable { name, value })
            })
            .collect()
    }

    /// The sealed value of a secret variable; `None` for a plain one.
    pub async fn sealed_variable(&self, id: VariableId) -> Result<Option<String>> {
        let sql = "SELECT sealed FROM variables WHERE id = ?1 AND deleted_at IS NULL";
        self.sealed_text(sql, &id.to_string()).await
    }

    /// The domains of a service in an environment, oldest first.
    pub async fn domains_of(
        &self,
        environment: EnvironmentId,
        service: ServiceId,
    ) -> Result<Vec<Domain>> {
        let sql = "SELECT * FROM domains \
                   WHERE environment_id = ?1 AND service_id = ?2 AND deleted_at IS NULL \
                   ORDER BY id";
        find!(
            self,
            many,
            sql,
            environment.to_string(),
            service.to_string()
        )
    }

    /// The domain of this name.
    pub async fn domain_by_host(&self, host: &HostName) -> Result<Option<Domain>> {
        let sql = "SELECT * FROM domains WHERE host = ?1 AND deleted_at IS NULL";
        find!(self, one, sql, host.as_str())
    }

    /// The sealed private key of a certificate.
    pub async fn certificate_key(&self, id: CertificateId) -> Result<Option<String>> {
        let sql = "SELECT sealed_key FROM certificates WHERE id = ?1 AND deleted_at IS NULL";
        self.sealed_text(sql, &id.to_string()).await
    }

    /// Certificates that stop being valid before a moment, soonest first.
    pub async fn certificates_expiring_before(
        &self,
        moment: Timestamp,
    ) -> Result<Vec<Certificate>> {
        let sql = "SELECT * FROM certificates WHERE expires_at < ?1 AND deleted_at IS NULL \
                   ORDER BY expires_at";
        find!(self, many, sql, moment.to_string())
    }
}

impl Write {
    /// Sets a variable: plain by its `value`, or secret by `sealed`. A variable of the same name of
    /// the same service in the same environment is replaced and keeps its id, which is answered.
    pub async fn set_variable(
        &mut self,
        variable: &Variable,
        sealed: Option<&str>,
    ) -> Result<VariableId> {
        let existing: Option<String> = sqlx::query_scalar(
            "SELECT id FROM variables WHERE environment_id = ?1 AND service_id = ?2 \
             AND name = ?3 AND deleted_at IS NULL",
        )
        .bind(variable.environment_id.to_string())
        .bind(variable.service_id.to_string())
        .bind(variable.name.as_str())
        .fetch_optional(&mut *self.transaction)
        .await
        .map_err(doing("look for a variable"))?;
        let mut variable = variable.clone();
        if let Some(id) = existing.and_then(|id| id.parse().ok()) {
            variable.id = id;
        }
        let sealed = Cells::from_iter([("sealed".to_owned(), Value::from(sealed))]);
        self.put_with(&variable, sealed).await?;
        Ok(variable.id)
    }

    /// Keeps a certificate with its private key, sealed.
    pub async fn put_certificate(
        &mut self,
        certificate: &Certificate,
        sealed_key: &str,
    ) -> Result<()> {
        let key = Cells::from_iter([("sealed_key".to_owned(), Value::from(sealed_key))]);
        self.put_with(certificate, key).await
    }
}
