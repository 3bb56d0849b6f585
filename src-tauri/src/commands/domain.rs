//! Names that lead to services.

use crate::{
    desk::Desk,
    views::{
        CommandError, DomainId, DomainVisitView, EnvironmentId, PlanView, ProviderAccountId,
        ServiceId, ZoneView,
    },
};
use plimsoll_domain::dns::HostName;
use plimsoll_engine::{DomainAddRequest, DomainRemoveRequest};
use tauri::State;

/// The zones of an account.
#[tauri::command]
#[specta::specta]
pub async fn domain_zones(
    desk: State<'_, Desk>,
    account_id: ProviderAccountId,
) -> Result<Vec<ZoneView>, CommandError> {
    let zones = desk.engine().await?.zones(account_id.into()).await?;
    Ok(zones.into_iter().map(Into::into).collect())
}

/// Plans to have a name lead to a service. `replace` is the content of somebody else's record that
/// may be replaced.
#[tauri::command]
#[specta::specta]
pub async fn domain_plan_add(
    desk: State<'_, Desk>,
    host: String,
    environment_id: EnvironmentId,
    service_id: ServiceId,
    account_id: ProviderAccountId,
    replace: Option<String>,
) -> Result<PlanView, CommandError> {
    let request = DomainAddRequest {
        host: HostName::parse(host.trim()).map_err(CommandError::of_host)?,
        environment_id: environment_id.into(),
        service_id: service_id.into(),
        account_id: account_id.into(),
        replace: replace.filter(|content| !content.trim().is_empty()),
    };
    let planned = desk.engine().await?.plan_domain_add(request).await;
    Ok(planned.map_err(CommandError::of_domain)?.into())
}

/// Plans to have a name lead nowhere.
#[tauri::command]
#[specta::specta]
pub async fn domain_plan_remove(
    desk: State<'_, Desk>,
    domain_id: DomainId,
) -> Result<PlanView, CommandError> {
    let request = DomainRemoveRequest {
        domain_id: domain_id.into(),
    };
    let engine = desk.engine().await?;
    Ok(engine.plan_domain_remove(request).await?.into())
}

/// Opens a name in the system's browser.
#[tauri::command]
#[specta::specta]
pub async fn domain_open(desk: State<'_, Desk>, domain_id: DomainId) -> Result<(), CommandError> {
    let address = desk
        .engine()
        .await?
        .domain_address(domain_id.into())
        .await?;
    tauri_plugin_opener::open_url(&address, None::<&str>).map_err(|error| {
        CommandError::input(
            "browser_not_opened",
            format!("{address} could not be opened: {error}."),
            "Copy the address into a browser.",
        )
    })
}

/// Looks at a name from outside.
#[tauri::command]
#[specta::specta]
pub async fn domain_visit(
    desk: State<'_, Desk>,
    domain_id: DomainId,
    path: String,
) -> Result<DomainVisitView, CommandError> {
    let engine = desk.engine().await?;
    let visit = engine.visit_domain(domain_id.into(), &path).await;
    Ok(visit
        .map_err(|error| CommandError::from(error).about("path"))?
        .into())
}
