//! Forms with what stands in them, and what somebody had typed when they left.

use crate::{Engine, Result, error::EngineError};
use plimsoll_domain::{
    ServerId,
    form::{self, Form, FormKind, Values},
    project::{Environment, Service},
    server::{Provider, ProviderAccount, Server, ServerState},
};
use std::str::FromStr;

/// A form that is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenForm {
    /// What is asked.
    pub form: Form,
    /// What stands there: how things are, or what a new one begins with.
    pub values: Values,
    /// What somebody had typed when they left, without secrets.
    pub draft: Option<Values>,
}

impl Engine {
    /// Opens a form about something: an id of what it changes, or of what a new one will belong to;
    /// empty for what belongs to nothing.
    pub async fn open_form(&self, kind: FormKind, about: &str) -> Result<OpenForm> {
        let store = &self.world.store;
        let (form, values) = match kind {
            FormKind::Project => (form::project::form(), Values::default()),
            FormKind::ProjectSettings => {
                let settings = self.project_settings(id(about)?).await?;
                (
                    form::project::settings_form(),
                    form::project::settings_written(&settings),
                )
            }
            FormKind::Environment => {
                let servers = self.servers_to_choose(&[]).await?;
                (form::environment::form(&servers), Values::default())
            }
            FormKind::EnvironmentServers => {
                let environment = store.need::<Environment>(&id(about)?).await?;
                let servers = self.servers_to_choose(&environment.server_ids).await?;
                (
                    form::environment::servers_form(&servers),
                    form::environment::servers_written(&environment.server_ids),
                )
            }
            FormKind::Service => (form::service::form(), form::service::blank()),
            FormKind::ServiceSettings => {
                let service = store.need::<Service>(&id(about)?).await?;
                (
                    form::service::settings_form(),
                    form::service::write(&service.source, &service.spec),
                )
            }
            FormKind::Variable => (form::variable::form(), Values::default()),
            FormKind::Account => self.account_form(about).await?,
            FormKind::AccountToken => {
                let account = store.need::<ProviderAccount>(&id(about)?).await?;
                (
                    form::account::token_form(account.provider),
                    Values::default(),
                )
            }
            FormKind::Domain => self.domain_form(about).await?,
            FormKind::Server => {
                let offered = self.offered(id(about)?).await?;
                (form::server::form(&offered), form::server::blank(&offered))
            }
            FormKind::AddServer => (form::server::add_form(), form::server::add_blank()),
            FormKind::BaseSnapshot => {
                let offered = self.offered(id(about)?).await?;
                (
                    form::server::base_form(&offered),
                    form::server::blank(&offered),
                )
            }
            FormKind::Preferences => (
                form::preferences::form(),
                form::preferences::written(&self.preferences().await?),
            ),
        };
        let draft = self.draft(kind, about, &form).await?;
        Ok(OpenForm {
            form,
            values,
            draft,
        })
    }

    /// Keeps what was typed until the form is opened again. Secrets are left out.
    pub async fn keep_draft(&self, kind: FormKind, about: &str, values: &Values) -> Result<()> {
        if !kind.keeps_drafts() {
            return Ok(());
        }
        let kept = if kind.asks_provider() {
            values.clone()
        } else {
            self.open_form(kind, about).await?.form.draft(values)
        };
        let text = serde_json::to_string(&kept)
            .map_err(|error| EngineError::internal("internal", error.to_string()))?;
        let mut write = self.world.store.write().await?;
        write.set_setting(&entry(kind, about), &text).await?;
        write.commit().await?;
        Ok(())
    }

    /// Forgets what was typed: it was saved, or thrown away.
    pub async fn forget_draft(&self, kind: FormKind, about: &str) -> Result<()> {
        let mut write = self.world.store.write().await?;
        write.forget_setting(&entry(kind, about)).await?;
        write.commit().await?;
        Ok(())
    }

    /// What cannot be read counts as never typed; what the form no longer asks is left out.
    async fn draft(&self, kind: FormKind, about: &str, form: &Form) -> Result<Option<Values>> {
        let kept = self.world.store.setting(&entry(kind, about)).await?;
        let values = kept.and_then(|text| serde_json::from_str::<Values>(&text).ok());
        Ok(values.map(|values| form.draft(&values)))
    }

    /// `about` is the provider. The first login of each gets its usual name.
    async fn account_form(&self, about: &str) -> Result<(Form, Values)> {
        let provider = match about {
            "cloudflare" => Provider::Cloudflare,
            _ => Provider::Digitalocean,
        };
        let usual = form::account::usual_name(provider);
        let mut values = Values::default();
        let accounts = self.accounts().await?;
        if accounts
            .iter()
            .all(|account| account.name.as_str() != usual)
        {
            values.set("name", usual);
        }
        Ok((form::account::form(provider), values))
    }

    /// `about` is the place that the name shall lead to, where that is known.
    async fn domain_form(&self, about: &str) -> Result<(Form, Values)> {
        let mut places = Vec::new();
        for project in self.projects().await? {
            let services = self.services(project.id).await?;
            for environment in self.environments(project.id).await? {
                places.extend(services.iter().map(|service| {
                    let names = [&project.name, &environment.name, &service.name];
                    let path = names.map(|name| name.as_str()).join("/");
                    (environment.id, service.id, path)
                }));
            }
        }
        let accounts: Vec<_> = self
            .accounts()
            .await?
            .into_iter()
            .filter(|account| account.provider == Provider::Cloudflare)
            .map(|account| (account.id, account.name.to_string(), account.owner))
            .collect();
        let mut values = Values::default();
        if !about.is_empty() {
            values.set("place", about);
        } else if let [(environment, service, _)] = places.as_slice() {
            values.set("place", form::domain::place_value(*environment, *service));
        }
        // The only account needs no choosing.
        if let [(account, ..)] = accounts.as_slice() {
            values.set("account", account.to_string());
        }
        Ok((form::domain::form(&places, &accounts), values))
    }

    /// Servers that can be deployed to, and those that are chosen already, however they are.
    async fn servers_to_choose(
        &self,
        chosen: &[ServerId],
    ) -> Result<Vec<(ServerId, String, String)>> {
        let mut servers: Vec<Server> = self.servers().await?;
        // Those that are chosen come first, in their order: the first of them builds.
        let place = |id: &ServerId| chosen.iter().position(|chosen| chosen == id);
        servers.sort_by_key(|server| place(&server.id).unwrap_or(usize::MAX));
        Ok(servers
            .into_iter()
            .filter(|server| server.state != ServerState::Destroyed || chosen.contains(&server.id))
            .map(|server| {
                let address = server.ssh.as_ref().map(|ssh| ssh.host.clone());
                let state = match server.state {
                    ServerState::Provisioning => "is being provisioned",
                    ServerState::Ready => "",
                    ServerState::Off => "is switched off",
                    ServerState::Destroyed => "was destroyed",
                };
                let told = [address.as_deref().unwrap_or_default(), state];
                let told: Vec<&str> = told.into_iter().filter(|part| !part.is_empty()).collect();
                (server.id, server.name.to_string(), told.join(", "))
            })
            .collect())
    }
}

fn entry(kind: FormKind, about: &str) -> String {
    format!("draft/{}/{about}", kind.as_str())
}

fn id<I: FromStr<Err: std::fmt::Display>>(about: &str) -> Result<I> {
    about.parse().map_err(|error: I::Err| {
        EngineError::bad_input("invalid_id", error.to_string())
            .next_step("Open the form again from its list.")
    })
}
