//! A server for those we are compared with, from the same practice cloud: Docker and nginx, and
//! nothing of ours.

use crate::Done;
use plimsoll_lab::{api::Credentials, practice::Running};
use reqwest::{Certificate, Client};
use serde_json::{Value, json};
use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// How long a droplet may take to get its address.
const PATIENCE: Duration = Duration::from_secs(120);

/// Region, size and image of every server here.
pub const REGION: &str = "ams3";
/// See [`REGION`].
pub const SIZE: &str = "s-1vcpu-1gb";
/// See [`REGION`].
pub const IMAGE: &str = "debian-12-x64";

/// The practice cloud's DigitalOcean.
pub struct Cloud {
    client: Client,
    url: String,
    token: String,
}

impl Cloud {
    /// Takes address and token from a running practice cloud.
    pub fn new(running: &Running) -> Done<Self> {
        let authority = Certificate::from_pem(&std::fs::read(&running.ca)?)?;
        Ok(Self {
            client: Client::builder()
                .no_proxy()
                .tls_certs_only([authority])
                .build()?,
            url: format!("{}/v2", running.digitalocean_url),
            token: Credentials::read(&running.api)?.digitalocean_token,
        })
    }

    /// Creates a droplet that this key may log in to, and answers its id and public address.
    pub async fn droplet(&self, name: &str, public_key: &str) -> Done<(u64, IpAddr)> {
        let key = json!({"name": name, "public_key": public_key});
        let key = self.post("/account/keys", &key).await?;
        let droplet = json!({
            "name": name, "region": REGION, "size": SIZE, "image": IMAGE,
            "ssh_keys": [key["ssh_key"]["id"]],
        });
        let created = self.post("/droplets", &droplet).await?;
        let id = created["droplet"]["id"]
            .as_u64()
            .ok_or("a droplet without an id")?;
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            // A new droplet may not be found for a moment.
            let droplet = self
                .get(&format!("/droplets/{id}"))
                .await
                .unwrap_or_default();
            let networks = droplet["droplet"]["networks"]["v4"].as_array();
            let public = networks
                .and_then(|networks| networks.iter().find(|network| network["type"] == "public"));
            if let Some(address) = public.and_then(|network| network["ip_address"].as_str()) {
                return Ok((id, address.parse::<Ipv4Addr>()?.into()));
            }
            sleep(Duration::from_millis(200)).await;
        }
        Err("the droplet got no address".into())
    }

    /// Destroys a droplet.
    pub async fn destroy(&self, id: u64) -> Done {
        let url = format!("{}/droplets/{id}", self.url);
        let request = self.client.delete(url).bearer_auth(&self.token);
        request.send().await?.error_for_status()?;
        Ok(())
    }

    async fn post(&self, path: &str, body: &Value) -> Done<Value> {
        let request = self.client.post(format!("{}{path}", self.url)).json(body);
        answer(request.bearer_auth(&self.token)).await
    }

    async fn get(&self, path: &str) -> Done<Value> {
        let request = self.client.get(format!("{}{path}", self.url));
        answer(request.bearer_auth(&self.token)).await
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Done<Value> {
    let answer = request.send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    if !status.is_success() {
        return Err(format!("{status}: {text}").into());
    }
    Ok(serde_json::from_str(&text)?)
}
