//! Variables and secrets.

use crate::{
    args::VariableVerb,
    desk::Desk,
    failure::{Answer, Failed},
    input,
    output::table,
};
use plimsoll_domain::name::VariableName;
use std::path::Path;

/// `plimsoll variable …`
pub async fn run(verb: VariableVerb, desk: &Desk) -> Answer {
    match verb {
        VariableVerb::Set { path, name, value } => {
            let (environment, service) = desk.run_path(&path).await?;
            let receipt = desk
                .engine
                .set_variable(environment, service, named(&name)?, value)
                .await?;
            desk.output.answer(&receipt, |_| {
                format!("{name} is set from the next deployment on.")
            });
        }
        VariableVerb::Secret { path, name, file } => {
            let (environment, service) = desk.run_path(&path).await?;
            let variable = named(&name)?;
            let value = input::secret("secret", file.as_deref())?;
            let receipt = desk
                .engine
                .set_secret(environment, service, variable, value)
                .await?;
            desk.output.answer(&receipt, |_| {
                format!("{name} is sealed; it is set from the next deployment on.")
            });
        }
        VariableVerb::Import {
            path,
            file,
            secrets,
        } => {
            let (environment, service) = desk.run_path(&path).await?;
            let file = (file != Path::new("-")).then_some(file);
            let text = input::secret(".env file", file.as_deref())?;
            let all = secrets.iter().any(|name| name == "*");
            let secrets = if all {
                let entries = plimsoll_domain::dotenv::parse(text.expose()).map_err(|error| {
                    Failed::input("invalid_dotenv", format!("The .env file: {error}."), "")
                })?;
                entries.into_iter().map(|(name, _)| name).collect()
            } else {
                secrets
                    .iter()
                    .map(|name| named(name))
                    .collect::<Answer<Vec<_>>>()?
            };
            let imported = desk
                .engine
                .import_variables(environment, service, &text, &secrets)
                .await?;
            desk.output.answer(&imported, |imported| {
                format!(
                    "Set {} variables and {} secrets.",
                    imported.plain.len(),
                    imported.secret.len()
                )
            });
        }
        VariableVerb::List { path } => {
            let (environment, service) = desk.run_path(&path).await?;
            let variables = desk.engine.variables(environment, service).await?;
            desk.output.answer(&variables, |variables| {
                let rows: Vec<_> = variables
                    .iter()
                    .map(|variable| {
                        let value = variable.value.clone().unwrap_or_else(|| "(sealed)".into());
                        vec![
                            variable.name.to_string(),
                            value,
                            variable.updated_at.to_string(),
                        ]
                    })
                    .collect();
                table(&["NAME", "VALUE", "SET"], &rows)
            });
        }
        VariableVerb::Unset { path, name } => {
            let (environment, service) = desk.run_path(&path).await?;
            let receipt = desk
                .engine
                .unset_variable(environment, service, &named(&name)?)
                .await?;
            desk.output.answer(&receipt, |_| {
                format!("{name} is gone from the next deployment on.")
            });
        }
        VariableVerb::Reveal { path, name } => {
            let (environment, service) = desk.run_path(&path).await?;
            let secret = desk
                .engine
                .reveal_secret(environment, service, &named(&name)?)
                .await?;
            let shown = serde_json::json!({"name": name, "value": secret.expose()});
            desk.output.answer(&shown, |_| secret.expose().to_owned());
        }
    }
    Ok(())
}

fn named(name: &str) -> Answer<VariableName> {
    VariableName::parse(name)
        .map_err(|error| Failed::input("invalid_variable_name", error.to_string(), ""))
}
