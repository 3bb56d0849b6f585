//! A provider of machines and one of names, in memory.

use crate::{
    fakes::Faults,
    hosts::{Host, Hosts},
};
use async_trait::async_trait;
use plimsoll_domain::{Timestamp, dns::DnsRecord, server::ProviderAccount};
use plimsoll_engine::ports::*;
use std::sync::{Arc, Mutex};

#[derive(Default)]
pub struct State {
    pub droplets: Vec<Droplet>,
    pub snapshots: Vec<DiskSnapshot>,
    pub firewalls: Vec<Firewall>,
    pub reserved: Vec<ReservedIp>,
    pub records: Vec<DnsRecord>,
    pub ssl: Option<SslMode>,
    pub certificates: Vec<String>,
    /// Signing requests and the ids of the certificates that they got.
    pub signed: Vec<(String, String)>,
    pub next: u64,
}

pub struct FakeCloud {
    pub state: Mutex<State>,
    pub faults: Arc<Faults>,
    pub hosts: Arc<Hosts>,
}

impl FakeCloud {
    fn certificate(id: String, hosts: &[String], days: u32) -> IssuedCertificate {
        IssuedCertificate {
            id,
            chain_pem: format!("chain for {}", hosts.join(",")),
            expires_at: Timestamp::from_millis(1_790_000_000_000 + i64::from(days) * 86_400_000),
        }
    }
    /// The certificate that a request got, while it is not revoked.
    fn signed(state: &State, request: &str) -> Option<String> {
        let mut all = state.signed.iter();
        let (_, id) = all.find(|(r, id)| r == request && state.certificates.contains(id))?;
        Some(id.clone())
    }
    fn mint(state: &mut State) -> u64 {
        state.next += 1;
        state.next
    }
}

#[async_trait]
impl Compute for FakeCloud {
    async fn sizes(&self, _: &ProviderAccount) -> PortResult<Vec<Size>> {
        self.faults.enter("sizes").await?.answer(vec![Size {
            slug: "small".to_owned(),
            memory_mib: 1024,
            vcpus: 1,
            disk_gib: 25,
            price_cents_month: 600,
            regions: vec!["fra1".to_owned()],
            available: true,
        }])
    }
    async fn regions(&self, _: &ProviderAccount) -> PortResult<Vec<Region>> {
        self.faults.enter("regions").await?.answer(vec![Region {
            slug: "fra1".to_owned(),
            name: "Frankfurt".to_owned(),
            available: true,
        }])
    }
    async fn ensure_ssh_key(&self, _: &ProviderAccount, _: &str, _: &str) -> PortResult<u64> {
        self.faults.enter("ensure_ssh_key").await?.answer(7)
    }
    async fn create_droplet(&self, _: &ProviderAccount, new: &NewDroplet) -> PortResult<Droplet> {
        let call = self.faults.enter("create_droplet").await?;
        let droplet = {
            let mut state = self.state.lock().unwrap();
            let known = state
                .droplets
                .iter()
                .find(|droplet| droplet.tags.contains(&new.unique_tag))
                .cloned();
            match known {
                Some(droplet) => droplet,
                None => {
                    let id = Self::mint(&mut state);
                    let address = format!("10.0.0.{id}");
                    let key = new
                        .user_data
                        .expose()
                        .lines()
                        .find_map(|line| line.trim().strip_prefix("ed25519_public: "))
                        .unwrap()
                        .to_owned();
                    self.hosts.boot(&address, Host::with_key(&key));
                    let mut tags = new.tags.clone();
                    tags.push(new.unique_tag.clone());
                    let droplet = Droplet {
                        id,
                        name: new.name.clone(),
                        status: "active".to_owned(),
                        public_ipv4: Some(address),
                        region: new.region.clone(),
                        size: new.size.clone(),
                        price_cents_month: 600,
                        tags,
                        created_at: String::new(),
                    };
                    state.droplets.push(droplet.clone());
                    droplet
                }
            }
        };
        call.answer(droplet)
    }
    async fn droplet(&self, _: &ProviderAccount, id: u64) -> PortResult<Option<Droplet>> {
        let call = self.faults.enter("droplet").await?;
        let found = {
            let state = self.state.lock().unwrap();
            state.droplets.iter().find(|d| d.id == id).cloned()
        };
        call.answer(found)
    }
    async fn droplets(&self, _: &ProviderAccount, tag: Option<&str>) -> PortResult<Vec<Droplet>> {
        let call = self.faults.enter("droplets").await?;
        let found = {
            let state = self.state.lock().unwrap();
            let tagged = |d: &&Droplet| tag.is_none_or(|tag| d.tags.iter().any(|t| t == tag));
            state.droplets.iter().filter(tagged).cloned().collect()
        };
        call.answer(found)
    }
    async fn destroy_droplet(&self, _: &ProviderAccount, id: u64) -> PortResult<()> {
        let call = self.faults.enter("destroy_droplet").await?;
        self.state.lock().unwrap().droplets.retain(|d| d.id != id);
        call.answer(())
    }
    async fn act(&self, _: &ProviderAccount, id: u64, act: &DropletAct) -> PortResult<()> {
        let call = self.faults.enter("act").await?;
        {
            let mut state = self.state.lock().unwrap();
            let new_id = Self::mint(&mut state);
            match act {
                DropletAct::Snapshot { name } => state.snapshots.push(DiskSnapshot {
                    id: new_id.to_string(),
                    name: name.clone(),
                    regions: vec!["fra1".to_owned()],
                    min_disk_gib: 25,
                    size_bytes: 1,
                    created_at: String::new(),
                }),
                other => {
                    let on = matches!(other, DropletAct::PowerOn | DropletAct::Reboot);
                    let droplet = state.droplets.iter_mut().find(|d| d.id == id).unwrap();
                    droplet.status = if on { "active" } else { "off" }.to_owned();
                    if let (DropletAct::Reboot, Some(address)) = (other, &droplet.public_ipv4) {
                        self.hosts.with(address, |host| host.boots += 1);
                    }
                }
            }
        }
        call.answer(())
    }
    async fn tag(&self, _: &ProviderAccount, id: u64, tag: &str) -> PortResult<()> {
        let mut state = self.state.lock().unwrap();
        if let Some(droplet) = state.droplets.iter_mut().find(|d| d.id == id) {
            droplet.tags.push(tag.to_owned());
        }
        Ok(())
    }
    async fn untag(&self, _: &ProviderAccount, _: u64, _: &str, _: bool) -> PortResult<()> {
        self.faults.enter("untag").await?.answer(())
    }
    async fn snapshots(&self, _: &ProviderAccount) -> PortResult<Vec<DiskSnapshot>> {
        let call = self.faults.enter("snapshots").await?;
        let all = self.state.lock().unwrap().snapshots.clone();
        call.answer(all)
    }
    async fn delete_snapshot(&self, _: &ProviderAccount, id: &str) -> PortResult<()> {
        let call = self.faults.enter("delete_snapshot").await?;
        self.state.lock().unwrap().snapshots.retain(|s| s.id != id);
        call.answer(())
    }
    async fn firewalls(&self, _: &ProviderAccount) -> PortResult<Vec<Firewall>> {
        let call = self.faults.enter("firewalls").await?;
        let all = self.state.lock().unwrap().firewalls.clone();
        call.answer(all)
    }
    async fn put_firewall(&self, _: &ProviderAccount, wanted: &Firewall) -> PortResult<Firewall> {
        let call = self.faults.enter("put_firewall").await?;
        let put = {
            let mut state = self.state.lock().unwrap();
            state.firewalls.retain(|f| f.name != wanted.name);
            let put = Firewall {
                id: Some(Self::mint(&mut state).to_string()),
                ..wanted.clone()
            };
            state.firewalls.push(put.clone());
            put
        };
        call.answer(put)
    }
    async fn delete_firewall(&self, _: &ProviderAccount, id: &str) -> PortResult<()> {
        let call = self.faults.enter("delete_firewall").await?;
        let mut state = self.state.lock().unwrap();
        state.firewalls.retain(|f| f.id.as_deref() != Some(id));
        drop(state);
        call.answer(())
    }
    async fn reserved_ips(&self, _: &ProviderAccount) -> PortResult<Vec<ReservedIp>> {
        let call = self.faults.enter("reserved_ips").await?;
        let all = self.state.lock().unwrap().reserved.clone();
        call.answer(all)
    }
    async fn reserve_ip(&self, _: &ProviderAccount, droplet_id: u64) -> PortResult<ReservedIp> {
        let call = self.faults.enter("reserve_ip").await?;
        let new = {
            let mut state = self.state.lock().unwrap();
            let new = ReservedIp {
                ip: format!("203.0.113.{}", Self::mint(&mut state)),
                region: "fra1".to_owned(),
                droplet_id: Some(droplet_id),
            };
            state.reserved.push(new.clone());
            new
        };
        // Here it is reserved, and nobody has heard of it.
        self.faults
            .enter("answer of the reservation")
            .await?
            .answer(())?;
        call.answer(new)
    }
    async fn assign_ip(&self, _: &ProviderAccount, ip: &str, to: Option<u64>) -> PortResult<()> {
        let call = self.faults.enter("assign_ip").await?;
        let mut state = self.state.lock().unwrap();
        let known = state.reserved.iter_mut().find(|known| known.ip == ip);
        known.unwrap().droplet_id = to;
        drop(state);
        call.answer(())
    }
    async fn release_ip(&self, _: &ProviderAccount, ip: &str) -> PortResult<()> {
        let call = self.faults.enter("release_ip").await?;
        self.state.lock().unwrap().reserved.retain(|r| r.ip != ip);
        call.answer(())
    }
}

#[async_trait]
impl Zones for FakeCloud {
    async fn zones(&self, _: &ProviderAccount) -> PortResult<Vec<Zone>> {
        self.faults.enter("zones").await?.answer(vec![Zone {
            id: "z1".to_owned(),
            name: "example.com".to_owned(),
            status: "active".to_owned(),
        }])
    }
    async fn records(
        &self,
        _: &ProviderAccount,
        _: &str,
        name: Option<&str>,
    ) -> PortResult<Vec<DnsRecord>> {
        let call = self.faults.enter("records").await?;
        let found = {
            let state = self.state.lock().unwrap();
            let named = |r: &&DnsRecord| name.is_none_or(|name| r.name == name);
            state.records.iter().filter(named).cloned().collect()
        };
        call.answer(found)
    }
    async fn put_record(
        &self,
        _: &ProviderAccount,
        _: &str,
        record: &DnsRecord,
    ) -> PortResult<DnsRecord> {
        let call = self.faults.enter("put_record").await?;
        let put = {
            let mut state = self.state.lock().unwrap();
            let id = match &record.provider_ref {
                Some(id) => id.clone(),
                None => Self::mint(&mut state).to_string(),
            };
            let put = DnsRecord {
                provider_ref: Some(id.clone()),
                ..record.clone()
            };
            state
                .records
                .retain(|r| r.provider_ref.as_deref() != Some(&id));
            state.records.push(put.clone());
            put
        };
        call.answer(put)
    }
    async fn delete_record(&self, _: &ProviderAccount, _: &str, id: &str) -> PortResult<()> {
        let call = self.faults.enter("delete_record").await?;
        let mut state = self.state.lock().unwrap();
        state
            .records
            .retain(|r| r.provider_ref.as_deref() != Some(id));
        drop(state);
        call.answer(())
    }
    async fn ssl_mode(&self, _: &ProviderAccount, _: &str) -> PortResult<SslMode> {
        let call = self.faults.enter("ssl_mode").await?;
        let mode = self.state.lock().unwrap().ssl.unwrap_or(SslMode::Flexible);
        call.answer(mode)
    }
    async fn set_ssl_mode(&self, _: &ProviderAccount, _: &str, mode: SslMode) -> PortResult<()> {
        let call = self.faults.enter("set_ssl_mode").await?;
        self.state.lock().unwrap().ssl = Some(mode);
        call.answer(())
    }
    async fn issue_origin_certificate(
        &self,
        _: &ProviderAccount,
        hosts: &[String],
        request: &str,
        days: u32,
    ) -> PortResult<IssuedCertificate> {
        let call = self.faults.enter("issue_origin_certificate").await?;
        let id = {
            let mut state = self.state.lock().unwrap();
            match Self::signed(&state, request) {
                Some(id) => id,
                None => {
                    let id = Self::mint(&mut state).to_string();
                    state.certificates.push(id.clone());
                    state.signed.push((request.to_owned(), id.clone()));
                    id
                }
            }
        };
        // Here it is signed, and nobody has heard of it.
        self.faults
            .enter("answer of the origin ca")
            .await?
            .answer(())?;
        call.answer(Self::certificate(id, hosts, days))
    }
    async fn origin_certificate(
        &self,
        _: &ProviderAccount,
        hosts: &[String],
        request: &str,
    ) -> PortResult<Option<IssuedCertificate>> {
        let call = self.faults.enter("origin_certificate").await?;
        let id = Self::signed(&self.state.lock().unwrap(), request);
        call.answer(id.map(|id| Self::certificate(id, hosts, 30)))
    }
    async fn revoke_origin_certificate(&self, _: &ProviderAccount, id: &str) -> PortResult<()> {
        let call = self.faults.enter("revoke_origin_certificate").await?;
        self.state.lock().unwrap().certificates.retain(|c| c != id);
        call.answer(())
    }
}
