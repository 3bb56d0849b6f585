//! Logins at providers, and the keys that servers know us by. A token goes in and never comes out.

use crate::{
    desk::Desk,
    views::{
        CommandError, ConnectedView, KeyView, ProviderAccountId, ProviderView, ReceiptView,
        SecretText, TokenReportView,
    },
};
use plimsoll_domain::{name::Name, server::Endpoint};
use plimsoll_engine::ConnectAccount;
use tauri::State;

/// Connects an account, when its token works.
#[tauri::command]
#[specta::specta]
pub async fn account_connect(
    desk: State<'_, Desk>,
    provider: ProviderView,
    name: String,
    token: SecretText,
) -> Result<ConnectedView, CommandError> {
    let name = Name::parse(&name).map_err(|error| CommandError::from(error).about("name"))?;
    let wanted = ConnectAccount {
        provider: provider.into(),
        name,
        endpoint: Endpoint::default(),
        token: token.trimmed(),
    };
    let connected = desk.engine().await?.connect_account(wanted).await;
    Ok(connected.map_err(CommandError::of_login)?.into())
}

/// Asks the provider again what an account's token is.
#[tauri::command]
#[specta::specta]
pub async fn account_test(
    desk: State<'_, Desk>,
    account_id: ProviderAccountId,
) -> Result<TokenReportView, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.test_account(account_id.into()).await?.into())
}

/// Replaces an account's token, when the new one works.
#[tauri::command]
#[specta::specta]
pub async fn account_replace_token(
    desk: State<'_, Desk>,
    account_id: ProviderAccountId,
    token: SecretText,
) -> Result<ConnectedView, CommandError> {
    let engine = desk.engine().await?;
    let replaced = engine
        .replace_token(account_id.into(), token.trimmed())
        .await;
    Ok(replaced.map_err(CommandError::of_login)?.into())
}

/// Disconnects an account and forgets its token.
#[tauri::command]
#[specta::specta]
pub async fn account_disconnect(
    desk: State<'_, Desk>,
    account_id: ProviderAccountId,
) -> Result<ReceiptView, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.disconnect_account(account_id.into()).await?.into())
}

/// The key that has to be among the authorized keys of a server that is added; made when there is
/// none.
#[tauri::command]
#[specta::specta]
pub async fn key_login(desk: State<'_, Desk>) -> Result<KeyView, CommandError> {
    Ok(desk.engine().await?.login_key().await?.into())
}
