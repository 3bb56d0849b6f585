//! Sites: what nginx on a server answers for.

use super::{DomainAction, certificate};
use crate::{
    Result,
    deploy::{Here, Spot},
    jobs::StepContext,
    ports::{Body, PortResult},
    steps::{Prepared, Steps},
    world::World,
};
use plimsoll_domain::{CertificateId, ServerId, deployment::Deployment};
use plimsoll_protocol::{Request, SetSite, SiteSet};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The names that a service answers for on a server, and its certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// The names; empty means no site.
    pub hosts: Vec<String>,
    /// The certificate; `None` serves plain HTTP.
    pub certificate_id: Option<CertificateId>,
}

/// Steps that take all servers of an environment from one site to another, side by side.
pub(super) fn steps(steps: &mut Steps, here: &Here, before: &Site, after: &Site) {
    let shown = |site: &Site| (!site.hosts.is_empty()).then(|| site.hosts.join(", "));
    for (index, server) in here.servers.iter().enumerate() {
        let title = if after.hosts.is_empty() {
            format!("Remove the site from “{}”", server.name)
        } else {
            format!(
                "Have “{}” answer for {}",
                server.name,
                after.hosts.join(", ")
            )
        };
        let action = DomainAction::Site {
            server_id: server.id,
            place: here.spot(),
            before: before.clone(),
            after: after.clone(),
        };
        let step = if index == 0 {
            steps.then(title, action)
        } else {
            steps.beside(title, action)
        };
        step.on(server.id)
            .change(
                format!("site on {}", server.name),
                shown(before),
                shown(after),
            )
            .undo("set the site back");
    }
}

/// A server that joins an environment whose service has domains gets their site with the first
/// deployment; the others have it.
pub(crate) async fn sites_for_new_servers(
    world: &World,
    here: &Here,
    serving: Option<&Deployment>,
    prepared: &mut Prepared,
) -> Result<()> {
    let domains = world
        .store
        .domains_of(here.environment.id, here.service.id)
        .await?;
    if domains.is_empty() {
        return Ok(());
    }
    let site = Site {
        certificate_id: domains.iter().find_map(|domain| domain.certificate_id),
        hosts: domains
            .iter()
            .map(|domain| domain.host.to_string())
            .collect(),
    };
    let known = serving
        .map(|serving| serving.server_ids.as_slice())
        .unwrap_or_default();
    let mut extra = Steps::default();
    for server in &here.servers {
        if known.contains(&server.id) {
            continue;
        }
        extra
            .then(
                format!(
                    "Have “{}” answer for {}",
                    server.name,
                    site.hosts.join(", ")
                ),
                DomainAction::Site {
                    server_id: server.id,
                    place: here.spot(),
                    before: Site::default(),
                    after: site.clone(),
                },
            )
            .on(server.id)
            .undo("remove the site");
        prepared.notices.push(format!(
            "“{}” is new here: add the domains again so that their records lead to it too.",
            server.name
        ));
    }
    let last = prepared.steps.last().map_or(0, |step| step.group + 1);
    prepared
        .steps
        .extend(extra.finish().into_iter().map(|mut step| {
            step.group += last;
            step
        }));
    Ok(())
}

pub(super) async fn set(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
    place: &Spot,
    site: &Site,
) -> PortResult<Value> {
    let (_, target) = world.target(server_id).await?;
    let (chain_pem, body) = match site.certificate_id.filter(|_| !site.hosts.is_empty()) {
        Some(id) => {
            let (chain, key) = certificate::open(world, id).await?;
            (Some(chain), Body::Secret(key))
        }
        None => (None, Body::Empty),
    };
    let request = Request::SetSite(SetSite {
        key: place.key.clone(),
        hosts: site.hosts.clone(),
        chain_pem,
    });
    let set: SiteSet = world
        .ask(&target, &request, body, context.progress.clone())
        .await?;
    Ok(json!({"changed": set.changed}))
}
