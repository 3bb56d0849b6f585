//! Deployment configurations, saved to be used again.

use super::{taken, unknown};
use crate::{Engine, Receipt, Result, deploy::here};
use plimsoll_domain::{
    ConfigurationId, EnvironmentId, ServiceId, name::Name, project::Configuration,
};
use serde_json::json;

impl Engine {
    /// All saved configurations.
    pub async fn configurations(&self) -> Result<Vec<Configuration>> {
        Ok(self.world.store.all::<Configuration>().await?)
    }

    /// The configuration of that name.
    pub async fn configuration_named(&self, name: &Name) -> Result<Configuration> {
        match self.world.store.configuration_by_name(name).await? {
            Some(configuration) => Ok(configuration),
            None => {
                let there = self.configurations().await?;
                Err(unknown(
                    "configuration",
                    name,
                    there.iter().map(|c| &c.name),
                ))
            }
        }
    }

    /// Saves how a service is built and run, with its plain variables in an environment. Secrets
    /// stay where they are.
    pub async fn save_configuration(
        &self,
        name: Name,
        environment: EnvironmentId,
        service: ServiceId,
    ) -> Result<Receipt<ConfigurationId>> {
        let world = &self.world;
        if world.store.configuration_by_name(&name).await?.is_some() {
            return Err(taken("configuration", &name));
        }
        let here = here(world, environment, service).await?;
        let variables = world.store.variables_of(environment, service).await?;
        let configuration = Configuration {
            id: ConfigurationId::mint(world.now(), world.entropy()),
            name,
            spec: here.service.spec,
            variables: variables
                .into_iter()
                .filter_map(|variable| Some((variable.name, variable.value?)))
                .collect(),
            created_at: world.now(),
        };
        let mut write = world.store.write().await?;
        write.put(&configuration).await?;
        self.audited(
            &mut write,
            "configuration.save",
            format!("configuration:{}", configuration.id),
            json!({"name": configuration.name}),
        )
        .await?;
        let seq = write.commit().await?;
        Ok(Receipt {
            id: configuration.id,
            seq,
        })
    }

    /// Deletes a saved configuration.
    pub async fn delete_configuration(
        &self,
        id: ConfigurationId,
    ) -> Result<Receipt<ConfigurationId>> {
        let configuration = self.world.store.need::<Configuration>(&id).await?;
        let mut write = self.world.store.write().await?;
        write.delete::<Configuration>(&id).await?;
        self.audited(
            &mut write,
            "configuration.delete",
            format!("configuration:{id}"),
            json!({"name": configuration.name}),
        )
        .await?;
        let seq = write.commit().await?;
        Ok(Receipt { id, seq })
    }
}
