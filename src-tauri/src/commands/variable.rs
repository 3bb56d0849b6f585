//! Variables, and configurations that were saved.

use crate::{
    desk::Desk,
    views::{
        CommandError, ConfigurationId, EnvironmentId, ImportedVariableView, ImportedView,
        ReceiptView, SecretText, ServiceId,
    },
};
use plimsoll_domain::name::{Name, VariableName};
use tauri::State;

/// Sets a variable, plain or sealed.
#[tauri::command]
#[specta::specta]
pub async fn variable_set(
    desk: State<'_, Desk>,
    environment_id: EnvironmentId,
    service_id: ServiceId,
    name: String,
    value: SecretText,
    secret: bool,
) -> Result<ReceiptView, CommandError> {
    let name = VariableName::parse(&name)?;
    let (environment, service) = (environment_id.into(), service_id.into());
    let (engine, value) = (desk.engine().await?, value.into_secret());
    let set = if secret {
        engine.set_secret(environment, service, name, value).await
    } else {
        let value = value.expose().to_owned();
        engine.set_variable(environment, service, name, value).await
    };
    Ok(set?.into())
}

/// Removes a variable.
#[tauri::command]
#[specta::specta]
pub async fn variable_unset(
    desk: State<'_, Desk>,
    environment_id: EnvironmentId,
    service_id: ServiceId,
    name: String,
) -> Result<ReceiptView, CommandError> {
    let name = VariableName::parse(&name)?;
    let engine = desk.engine().await?;
    let unset = engine.unset_variable(environment_id.into(), service_id.into(), &name);
    Ok(unset.await?.into())
}

/// Hands out the value of a secret, because somebody asked for this one. The audit log says so.
#[tauri::command]
#[specta::specta]
pub async fn variable_reveal(
    desk: State<'_, Desk>,
    environment_id: EnvironmentId,
    service_id: ServiceId,
    name: String,
) -> Result<String, CommandError> {
    let name = VariableName::parse(&name)?;
    let engine = desk.engine().await?;
    let secret = engine.reveal_secret(environment_id.into(), service_id.into(), &name);
    Ok(secret.await?.expose().to_owned())
}

/// What a pasted `.env` text would set.
#[tauri::command]
#[specta::specta]
pub async fn variable_preview_import(
    desk: State<'_, Desk>,
    environment_id: EnvironmentId,
    service_id: ServiceId,
    text: SecretText,
) -> Result<Vec<ImportedVariableView>, CommandError> {
    let (engine, text) = (desk.engine().await?, text.into_secret());
    let preview = engine.preview_import(environment_id.into(), service_id.into(), &text);
    Ok(preview.await?.into_iter().map(Into::into).collect())
}

/// Sets the variables of a pasted `.env` text, all or none; those that are named are sealed.
#[tauri::command]
#[specta::specta]
pub async fn variable_import(
    desk: State<'_, Desk>,
    environment_id: EnvironmentId,
    service_id: ServiceId,
    text: SecretText,
    secrets: Vec<String>,
) -> Result<ImportedView, CommandError> {
    let names = secrets.iter().map(|name| VariableName::parse(name));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let (engine, text) = (desk.engine().await?, text.into_secret());
    let imported = engine.import_variables(environment_id.into(), service_id.into(), &text, &names);
    Ok(imported.await?.into())
}

/// Saves how a service is built and run, with its plain variables, under a name.
#[tauri::command]
#[specta::specta]
pub async fn configuration_save(
    desk: State<'_, Desk>,
    name: String,
    environment_id: EnvironmentId,
    service_id: ServiceId,
) -> Result<ReceiptView, CommandError> {
    let name = Name::parse(name.trim()).map_err(|error| CommandError::from(error).about("name"))?;
    let engine = desk.engine().await?;
    let saved = engine.save_configuration(name, environment_id.into(), service_id.into());
    Ok(saved.await.map_err(CommandError::of_name)?.into())
}

/// Deletes a saved configuration.
#[tauri::command]
#[specta::specta]
pub async fn configuration_delete(
    desk: State<'_, Desk>,
    configuration_id: ConfigurationId,
) -> Result<ReceiptView, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine
        .delete_configuration(configuration_id.into())
        .await?
        .into())
}
