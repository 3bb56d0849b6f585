//! Saved configurations.

use crate::{args::ConfigurationVerb, desk::Desk, failure::Answer, output::table};
use plimsoll_domain::name::Name;

/// `plimsoll configuration …`
pub async fn run(verb: ConfigurationVerb, desk: &Desk) -> Answer {
    match verb {
        ConfigurationVerb::Save { name, path } => {
            let (environment, service) = desk.run_path(&path).await?;
            let receipt = desk
                .engine
                .save_configuration(Name::parse(&name)?, environment, service)
                .await?;
            desk.output.answer(&receipt, |_| format!("Saved {name}."));
        }
        ConfigurationVerb::List => {
            let configurations = desk.engine.configurations().await?;
            desk.output.answer(&configurations, |configurations| {
                let rows: Vec<_> = configurations
                    .iter()
                    .map(|saved| {
                        let port = saved.spec.port.map_or("–".into(), |port| port.to_string());
                        vec![
                            saved.name.to_string(),
                            port,
                            saved.variables.len().to_string(),
                        ]
                    })
                    .collect();
                table(&["NAME", "PORT", "VARIABLES"], &rows)
            });
        }
        ConfigurationVerb::Delete { name } => {
            let configuration = desk
                .engine
                .configuration_named(&Name::parse(&name)?)
                .await?;
            let receipt = desk.engine.delete_configuration(configuration.id).await?;
            desk.output.answer(&receipt, |_| format!("Deleted {name}."));
        }
    }
    Ok(())
}
