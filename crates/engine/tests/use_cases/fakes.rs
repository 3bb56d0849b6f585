//! Small stand-ins for the outside world, kept in memory. Every call can be made to fail before or
//! after its effect.

use async_trait::async_trait;
use plimsoll_domain::{
    Secret, Timestamp,
    dns::HostName,
    run::RunMark,
    server::{Endpoint, Provider},
    service::BuildSpec,
    source::GitReference,
};
use plimsoll_engine::ports::*;
use plimsoll_protocol::{ContextFile, ContextFileKind, manifest_hash};
use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// How much faster than ours the clock of the tests runs.
const HASTE: u64 = 200;

pub struct FakeClock {
    began: Instant,
    drawn: AtomicU64,
}

impl Default for FakeClock {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            drawn: AtomicU64::new(0),
        }
    }
}

#[async_trait]
impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        let elapsed = self.began.elapsed().as_millis() as u64 * HASTE;
        Timestamp::from_millis(1_790_000_000_000 + elapsed as i64)
    }
    fn entropy(&self, bytes: &mut [u8]) {
        let drawn = self.drawn.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        for (byte, drawn) in bytes.iter_mut().rev().zip(drawn.into_iter().rev()) {
            *byte = drawn;
        }
    }
    async fn sleep_ms(&self, ms: u64) {
        tokio::time::sleep(Duration::from_micros(ms * 1_000 / HASTE)).await;
    }
}

/// When a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Nothing happened.
    Before,
    /// It happened, and the answer was lost.
    After,
}

/// Counts calls and makes one of them fail.
#[derive(Default)]
pub struct Faults {
    pub calls: Mutex<Vec<String>>,
    armed: Mutex<Option<(usize, When)>>,
    /// Calls with this name never come back.
    pub hang: Mutex<Option<String>>,
}

impl Faults {
    /// Forgets the calls so far; the call of that place, from 0, fails.
    pub fn arm(&self, place: usize, when: When) {
        self.calls.lock().unwrap().clear();
        *self.armed.lock().unwrap() = Some((place, when));
    }
    pub fn clear(&self) {
        self.calls.lock().unwrap().clear();
        *self.armed.lock().unwrap() = None;
    }
    pub fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }
    /// A call begins.
    pub async fn enter(&self, name: &str) -> PortResult<Guard<'_>> {
        let place = {
            let mut calls = self.calls.lock().unwrap();
            calls.push(name.to_owned());
            calls.len() - 1
        };
        // Steps that run side by side take turns, as they would over a network.
        tokio::task::yield_now().await;
        let hangs = self.hang.lock().unwrap().as_deref() == Some(name);
        if hangs {
            std::future::pending::<()>().await;
        }
        let armed = *self.armed.lock().unwrap();
        match armed {
            Some((at, When::Before)) if at == place => Err(broken(name)),
            Some((at, When::After)) if at == place => Ok(Guard(Some(name.to_owned()), self)),
            _ => Ok(Guard(None, self)),
        }
    }
}

/// A call that has had its effect.
pub struct Guard<'a>(Option<String>, #[allow(dead_code)] &'a Faults);

impl Guard<'_> {
    pub fn answer<T>(self, answer: T) -> PortResult<T> {
        match self.0 {
            Some(name) => Err(broken(&name)),
            None => Ok(answer),
        }
    }
}

fn broken(name: &str) -> PortError {
    PortError::new("fault", format!("{name} failed, as the test wanted.")).next_step("None.")
}

#[derive(Default)]
pub struct FakeKeychain(pub Mutex<BTreeMap<String, Secret>>);

#[async_trait]
impl Keychain for FakeKeychain {
    async fn get(&self, entry: &str) -> PortResult<Option<Secret>> {
        Ok(self.0.lock().unwrap().get(entry).cloned())
    }
    async fn set(&self, entry: &str, value: &Secret) -> PortResult<()> {
        let mut entries = self.0.lock().unwrap();
        entries.insert(entry.to_owned(), value.clone());
        Ok(())
    }
    async fn delete(&self, entry: &str) -> PortResult<()> {
        self.0.lock().unwrap().remove(entry);
        Ok(())
    }
}

#[derive(Default)]
pub struct FakeKeys(AtomicU64);

impl Keys for FakeKeys {
    fn ssh_key_pair(&self, comment: &str) -> PortResult<(Secret, String)> {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        Ok((
            Secret::new(format!(
                "-----BEGIN KEY-----\nprivate{number}\n-----END KEY-----\n"
            )),
            format!("ssh-ed25519 AAAA{number:04} {comment}"),
        ))
    }
    fn signing_request(&self, hosts: &[String]) -> PortResult<(Secret, String)> {
        // No two requests of all processes are the same.
        static REQUESTS: AtomicU64 = AtomicU64::new(0);
        let number = REQUESTS.fetch_add(1, Ordering::SeqCst);
        Ok((
            Secret::new(format!("certificate-key-{number}-canary")),
            format!("CSR {number} for {}", hosts.join(",")),
        ))
    }
}

#[derive(Default)]
pub struct FakeTokens;

#[async_trait]
impl Tokens for FakeTokens {
    async fn verify(&self, _: Provider, _: &Endpoint, token: &Secret) -> PortResult<TokenReport> {
        if token.expose().starts_with("bad") {
            return Err(
                PortError::new("token_refused", "The token was refused.").next_step("Make one.")
            );
        }
        Ok(TokenReport {
            owner: "me@example.com".to_owned(),
            limits: vec![],
            missing_scopes: vec![],
            expires_at: None,
        })
    }
}

/// Folders as maps from path to text.
#[derive(Default)]
pub struct FakeSources(pub Mutex<HashMap<PathBuf, BTreeMap<String, String>>>);

impl FakeSources {
    pub fn put(&self, folder: &str, files: &[(&str, &str)]) {
        let files = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect();
        self.0.lock().unwrap().insert(PathBuf::from(folder), files);
    }
    fn files(&self, folder: &Path) -> PortResult<BTreeMap<String, String>> {
        let folders = self.0.lock().unwrap();
        let faked = folders.get(folder).cloned();
        let found = faked.or_else(|| folder.is_dir().then(|| really(folder, folder)));
        found.ok_or_else(|| {
            PortError::new(
                "source_missing",
                format!("There is no {}.", folder.display()),
            )
        })
    }
}

/// The files of a folder that is on the disk.
fn really(root: &Path, folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(really(root, &path));
        } else {
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            files.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
    files
}

pub fn digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

#[async_trait]
impl Sources for FakeSources {
    async fn scan(&self, folder: &Path, _: &Path) -> PortResult<Context> {
        let files: Vec<ContextFile> = self
            .files(folder)?
            .into_iter()
            .map(|(path, text)| ContextFile {
                path,
                kind: ContextFileKind::File {
                    hash: digest(&text),
                    size: text.len() as u64,
                },
                executable: false,
            })
            .collect();
        Ok(Context {
            folder: folder.to_owned(),
            manifest: manifest_hash(&files),
            total_bytes: 0,
            files,
        })
    }
    async fn pack(&self, context: &Context, hashes: &[String], to: &Path) -> PortResult<u64> {
        let contents: BTreeMap<String, String> = self
            .files(&context.folder)?
            .into_values()
            .map(|text| (digest(&text), text))
            .filter(|(hash, _)| hashes.contains(hash))
            .collect();
        let bytes = serde_json::to_vec(&contents).unwrap();
        std::fs::write(to, &bytes).unwrap();
        Ok(bytes.len() as u64)
    }
    async fn read_text(&self, folder: &Path, path: &str, _: u64) -> PortResult<Option<String>> {
        Ok(self.files(folder)?.get(path).cloned())
    }
    async fn checkout(
        &self,
        _: &str,
        reference: &GitReference,
        _: Option<&Secret>,
        _: &Endpoint,
        folder: &Path,
    ) -> PortResult<String> {
        let text = format!("{reference:?}");
        let files = BTreeMap::from([
            ("Dockerfile".to_owned(), "FROM scratch".to_owned()),
            ("branch".to_owned(), text.clone()),
        ]);
        self.0.lock().unwrap().insert(folder.to_owned(), files);
        Ok(digest(&text)[..40].to_owned())
    }
}

#[derive(Default)]
pub struct FakeDocker;

#[async_trait]
impl LocalDocker for FakeDocker {
    async fn version(&self) -> PortResult<String> {
        Ok("28".to_owned())
    }
    async fn build(
        &self,
        _: &Path,
        _: &BuildSpec,
        _: Option<&str>,
        _: &str,
        architecture: &str,
        _: Arc<dyn Progress>,
    ) -> PortResult<LocalImage> {
        Ok(LocalImage {
            id: format!("sha256:{}", digest("local")),
            layers: vec!["sha256:base".to_owned(), "sha256:top".to_owned()],
            size_bytes: 1_000,
            architecture: architecture.to_owned(),
        })
    }
    async fn inspect(&self, _: &str) -> PortResult<Option<LocalImage>> {
        Ok(None)
    }
    async fn export(&self, image_id: &str, _: usize, to: &Path) -> PortResult<u64> {
        std::fs::write(to, format!("{image_id} good")).unwrap();
        Ok(1)
    }
    async fn remove_tag(&self, _: &str) -> PortResult<()> {
        Ok(())
    }
}

/// No engine for local runs: they are tested on a real one.
pub struct NoRuns;

fn no_engine<T>() -> PortResult<T> {
    Err(PortError::new(
        "docker_missing",
        "there is no Docker engine running on this machine",
    ))
}

#[async_trait]
impl LocalRuns for NoRuns {
    async fn engine(&self) -> PortResult<RunEngine> {
        no_engine()
    }
    async fn pull(&self, _: &str, _: Option<&Secret>, _: Arc<dyn Progress>) -> PortResult<String> {
        no_engine()
    }
    async fn all(&self, _: &str) -> PortResult<RunThings> {
        no_engine()
    }
    async fn see(&self, _: &str, _: &str) -> PortResult<Option<RunContainer>> {
        no_engine()
    }
    async fn ensure_network(&self, _: &str, _: &RunMark) -> PortResult<()> {
        no_engine()
    }
    async fn ensure_volume(&self, _: &str, _: &RunMark) -> PortResult<()> {
        no_engine()
    }
    async fn start(&self, _: &RunOrder) -> PortResult<RunContainer> {
        no_engine()
    }
    async fn ask(&self, _: &str, _: &str, _: &[String], _: u64) -> PortResult<RunAnswer> {
        no_engine()
    }
    async fn accepts(&self, _: u16) -> bool {
        false
    }
    async fn follow(
        &self,
        _: &str,
        _: &str,
        _: u32,
        _: bool,
        _: Arc<dyn Progress>,
    ) -> PortResult<()> {
        no_engine()
    }
    async fn open_terminal(&self, _: &str, _: &str, _: ScreenSize) -> PortResult<Login> {
        no_engine()
    }
    async fn remove_container(&self, _: &str, _: &str) -> PortResult<()> {
        no_engine()
    }
    async fn remove_network(&self, _: &str, _: &str) -> PortResult<()> {
        no_engine()
    }
    async fn remove_volume(&self, _: &str, _: &str) -> PortResult<()> {
        no_engine()
    }
    async fn drop_image(&self, _: &str) -> PortResult<()> {
        no_engine()
    }
}

/// Sees every name as well set up.
#[derive(Default)]
pub struct FakeOutside {
    pub broken: Mutex<bool>,
}

#[async_trait]
impl Outside for FakeOutside {
    async fn resolve(&self, _: &Endpoint, _: &HostName) -> PortResult<Vec<String>> {
        Ok(vec!["10.0.0.1".to_owned()])
    }
    async fn get(&self, _: &Endpoint, url: &str) -> PortResult<Seen> {
        let plain = url.strip_prefix("http://");
        let status = match plain {
            Some(_) => 301,
            None if *self.broken.lock().unwrap() => 502,
            None => 200,
        };
        Ok(Seen {
            status,
            version: "HTTP/2".to_owned(),
            body: "hello".to_owned(),
            location: plain.map(|rest| format!("https://{rest}")),
            addresses: vec!["10.0.0.1".to_owned()],
        })
    }
}

/// Watches nothing: nobody else changes the folders of these tests.
#[derive(Default)]
pub struct FakeFolders;

#[async_trait]
impl FolderWatcher for FakeFolders {
    async fn watch(&self, _: &Path, _: &[String], _: Watched) -> PortResult<FolderWatch> {
        let (told, news) = tokio::sync::mpsc::channel(1);
        Ok(FolderWatch {
            news,
            watching: Box::new(StillFolder(told)),
        })
    }
}

struct StillFolder(#[allow(dead_code)] tokio::sync::mpsc::Sender<FolderNews>);

#[async_trait]
impl Watching for StillFolder {
    async fn turn_to(&self, _: Watched) -> PortResult<()> {
        Ok(())
    }
}

/// Canvases are tried with the real files, in the adapters' tests.
pub struct NoCanvases;

#[async_trait]
impl CanvasFiles for NoCanvases {
    async fn read(&self, _: &Path, _: &[String], _: u64) -> PortResult<Option<Vec<u8>>> {
        Ok(None)
    }
    async fn list(&self, _: &Path, _: &[String], _: usize) -> PortResult<Option<Vec<CanvasFile>>> {
        Ok(None)
    }
    async fn folders(&self, _: &Path, _: &[String]) -> PortResult<Vec<String>> {
        Ok(Vec::new())
    }
    async fn create(&self, _: &Path, _: &[String], _: &[u8]) -> PortResult<()> {
        Ok(())
    }
    async fn watch(
        &self,
        _: &Path,
        _: &[String],
    ) -> PortResult<futures::stream::BoxStream<'static, Vec<String>>> {
        Ok(Box::pin(futures::stream::pending()))
    }
}
