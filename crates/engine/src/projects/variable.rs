//! Variables: plain ones are stored, secret ones sealed.

use crate::{Engine, Receipt, Result, deploy::here, error::EngineError, seal::Place};
use plimsoll_domain::{
    EnvironmentId, Secret, ServiceId, VariableId, dotenv, name::VariableName, project::Variable,
    release::VariableValue,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What an import brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// The change; the id is the service's.
    pub receipt: Receipt<ServiceId>,
    /// Names that are stored plain.
    pub plain: Vec<VariableName>,
    /// Names that are sealed.
    pub secret: Vec<VariableName>,
}

/// What an import would do with a variable; its value is not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedVariable {
    /// The name.
    pub name: VariableName,
    /// Whether it is proposed as a secret: it is one already, or its name says so.
    pub secret: bool,
    /// Whether it is a secret already, and stays one.
    pub sealed_already: bool,
    /// What becomes of the one that is there.
    pub change: ImportChange,
}

/// What an import would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportChange {
    /// There was none of the name.
    New,
    /// The value that is there is replaced, or may be: a sealed one is not compared.
    Replaced,
    /// The same value is there already.
    Same,
}

/// A variable on its way into the store.
struct Incoming {
    name: VariableName,
    value: Secret,
    secret: bool,
}

impl Engine {
    /// The variables of a service in an environment, by name. Values of secrets are not here.
    pub async fn variables(
        &self,
        environment: EnvironmentId,
        service: ServiceId,
    ) -> Result<Vec<Variable>> {
        here(&self.world, environment, service).await?;
        Ok(self.world.store.variables_of(environment, service).await?)
    }

    /// The variables of all services in all environments. Values of secrets are not here.
    pub async fn all_variables(&self) -> Result<Vec<Variable>> {
        Ok(self.world.store.all::<Variable>().await?)
    }

    /// Sets a plain variable: from the next deployment on.
    pub async fn set_variable(
        &self,
        environment: EnvironmentId,
        service: ServiceId,
        name: VariableName,
        value: String,
    ) -> Result<Receipt<ServiceId>> {
        let incoming = Incoming {
            name,
            value: Secret::new(value),
            secret: false,
        };
        self.write_variables(environment, service, vec![incoming])
            .await
    }

    /// Sets a secret variable: from the next deployment on. It is sealed at once.
    pub async fn set_secret(
        &self,
        environment: EnvironmentId,
        service: ServiceId,
        name: VariableName,
        value: Secret,
    ) -> Result<Receipt<ServiceId>> {
        let incoming = Incoming {
            name,
            value,
            secret: true,
        };
        self.write_variables(environment, service, vec![incoming])
            .await
    }

    /// What a pasted `.env` text would set, so that people see it before it happens.
    pub async fn preview_import(
        &self,
        environment: EnvironmentId,
        service: ServiceId,
        text: &Secret,
    ) -> Result<Vec<ImportedVariable>> {
        let there = self.variables(environment, service).await?;
        let found = dotenv::parse(text.expose())?;
        Ok(found
            .into_iter()
            .map(|(name, value)| {
                let before = there.iter().find(|variable| variable.name == name);
                let sealed_already = before.is_some_and(|variable| variable.secret);
                ImportedVariable {
                    secret: sealed_already || dotenv::is_usually_secret(&name),
                    sealed_already,
                    change: match before {
                        None => ImportChange::New,
                        Some(variable) if variable.value.as_ref() == Some(&value) => {
                            ImportChange::Same
                        }
                        Some(_) => ImportChange::Replaced,
                    },
                    name,
                }
            })
            .collect())
    }

    /// Takes the variables of a pasted `.env` text, all or none. A variable that is secret already
    /// stays secret.
    pub async fn import_variables(
        &self,
        environment: EnvironmentId,
        service: ServiceId,
        text: &Secret,
        secrets: &[VariableName],
    ) -> Result<Imported> {
        let there = self.variables(environment, service).await?;
        let found = dotenv::parse(text.expose())?;
        if let Some(name) = secrets
            .iter()
            .find(|name| found.iter().all(|(known, _)| known != *name))
        {
            return Err(EngineError::bad_input(
                "variable_unknown",
                format!("The text has no variable {name}, which is to be secret."),
            )
            .next_step("Correct the name; nothing was changed."));
        }
        let is_secret = |name: &VariableName| {
            secrets.contains(name)
                || there
                    .iter()
                    .any(|variable| variable.name == *name && variable.secret)
        };
        let incoming: Vec<Incoming> = found
            .into_iter()
            .map(|(name, value)| Incoming {
                secret: is_secret(&name),
                value: Secret::new(value),
                name,
            })
            .collect();
        let (secret, plain): (Vec<_>, Vec<_>) = incoming
            .iter()
            .map(|incoming| (incoming.name.clone(), incoming.secret))
            .partition(|(_, secret)| *secret);
        let receipt = self.write_variables(environment, service, incoming).await?;
        let names = |list: Vec<(VariableName, bool)>| list.into_iter().map(|(n, _)| n).collect();
        Ok(Imported {
            receipt,
            plain: names(plain),
            secret: names(secret),
        })
    }

    /// Removes a variable: from the next deployment on.
    pub async fn unset_variable(
        &self,
        environment: EnvironmentId,
        service: ServiceId,
        name: &VariableName,
    ) -> Result<Receipt<VariableId>> {
        let variable = self.variable(environment, service, name).await?;
        let mut write = self.world.store.write().await?;
        write.delete::<Variable>(&variable.id).await?;
        self.audited(
            &mut write,
            "variable.unset",
            format!("service:{service}"),
            json!({"name": name, "environment": environment}),
        )
        .await?;
        let seq = write.commit().await?;
        Ok(Receipt {
            id: variable.id,
            seq,
        })
    }

    /// Hands out the value of a secret. The audit log says that it happened, before it does.
    pub async fn reveal_secret(
        &self,
        environment: EnvironmentId,
        service: ServiceId,
        name: &VariableName,
    ) -> Result<Secret> {
        let variable = self.variable(environment, service, name).await?;
        self.note(
            "variable.reveal",
            format!("variable:{}", variable.id),
            json!({"name": name, "environment": environment, "service": service}),
        )
        .await?;
        let values = self
            .world
            .store
            .variable_values(environment, service)
            .await?;
        match values.into_iter().find(|value| value.name == *name) {
            Some(found) => match found.value {
                VariableValue::Plain(value) => Ok(Secret::new(value)),
                VariableValue::Sealed(sealed) => {
                    let place = Place::variable(environment, service, name);
                    Ok(self.world.open_sealed(&place, &sealed).await?)
                }
            },
            None => Err(missing(name)),
        }
    }

    async fn variable(
        &self,
        environment: EnvironmentId,
        service: ServiceId,
        name: &VariableName,
    ) -> Result<Variable> {
        self.world
            .store
            .variable_by_name(environment, service, name)
            .await?
            .ok_or_else(|| missing(name))
    }

    async fn write_variables(
        &self,
        environment: EnvironmentId,
        service: ServiceId,
        incoming: Vec<Incoming>,
    ) -> Result<Receipt<ServiceId>> {
        let world = &self.world;
        here(world, environment, service).await?;
        // Sealed before the transaction begins: the keychain may ask a person first.
        let mut rows = Vec::new();
        for incoming in incoming {
            let value = incoming.value.expose();
            if value.contains('\0') {
                return Err(EngineError::bad_input(
                    "invalid_value",
                    format!("The value of {} contains a NUL character.", incoming.name),
                )
                .next_step("Values of variables cannot hold NUL; encode it."));
            }
            let place = Place::variable(environment, service, &incoming.name);
            let sealed = if incoming.secret {
                Some(world.seal(&place, &incoming.value).await?)
            } else {
                None
            };
            rows.push((
                Variable {
                    id: VariableId::mint(world.now(), world.entropy()),
                    environment_id: environment,
                    service_id: service,
                    value: (!incoming.secret).then(|| value.to_owned()),
                    name: incoming.name,
                    secret: incoming.secret,
                    updated_at: world.now(),
                },
                sealed,
            ));
        }
        let mut write = world.store.write().await?;
        for (variable, sealed) in &rows {
            write.set_variable(variable, sealed.as_deref()).await?;
        }
        let names: Vec<_> = rows
            .iter()
            .map(|(variable, _)| json!({"name": variable.name, "secret": variable.secret}))
            .collect();
        self.audited(
            &mut write,
            "variable.set",
            format!("service:{service}"),
            json!({"variables": names, "environment": environment}),
        )
        .await?;
        let seq = write.commit().await?;
        Ok(Receipt { id: service, seq })
    }
}

fn missing(name: &VariableName) -> EngineError {
    EngineError::not_found(
        "variable_unknown",
        format!("There is no variable {name} here."),
    )
    .next_step("List the variables.")
}
