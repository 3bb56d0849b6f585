//! What every handler shares: the books with their folder, the ground, the clock, the limits.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::books::Books;
use super::faults::Faults;
use super::folder::{self, Credentials, FolderError};
use super::journal::Journal;
use super::limits::{LimitSettings, Limits};
use super::mint::Mint;
use super::origin_ca::{OriginCa, OriginCaError};
use super::setbacks::Setbacks;
use super::time::{Clock, SystemClock};
use super::{cloudflare, control, digitalocean};
use crate::ground::{Ground, InboundRule};

const BOOKS: &str = "books.json";

/// How long the clouds take, beyond what the ground itself takes. All in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delays {
    /// A droplet answers 404 for this long after its creation was accepted.
    pub hidden_ms: u64,
    /// An action stays in progress for at least this long.
    pub action_ms: u64,
    /// The private address appears this long after the droplet became active.
    pub private_address_ms: u64,
    /// The public address appears this long after the droplet became active.
    pub public_address_ms: u64,
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            hidden_ms: 120,
            action_ms: 250,
            private_address_ms: 100,
            public_address_ms: 250,
        }
    }
}

impl Delays {
    /// Everything happens at once.
    pub const NONE: Self = Self {
        hidden_ms: 0,
        action_ms: 0,
        private_address_ms: 0,
        public_address_ms: 0,
    };
}

/// How a lab's clouds behave.
#[derive(Clone)]
pub struct Options {
    /// What the clock says.
    pub clock: Arc<dyn Clock>,
    /// How long things take.
    pub delays: Delays,
    /// How many requests a token has.
    pub limits: LimitSettings,
    /// Base of the links in DigitalOcean's answers, such as `https://127.0.0.1:7443`; without it
    /// they repeat the host that the request named.
    pub public_url: Option<String>,
    /// Zone of the default Cloudflare account.
    pub zone: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            delays: Delays::default(),
            limits: LimitSettings::default(),
            public_url: None,
            zone: "plimsoll.test".to_owned(),
        }
    }
}

/// The clouds could not be opened from their folder.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The state folder refused.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The Origin CA's key or certificate is unusable.
    #[error(transparent)]
    OriginCa(#[from] OriginCaError),
    /// The operating system gave no randomness.
    #[error("could not seed the identifiers: {0}")]
    Randomness(#[from] getrandom::Error),
}

/// The two clouds, ready to be served by [`super::router`]. Cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Inner>);

/// The inbound rules last told to the ground, by droplet.
pub(crate) type Told = HashMap<u64, Option<Vec<InboundRule>>>;

struct Inner {
    folder: PathBuf,
    books: Mutex<Books>,
    ground: Arc<dyn Ground>,
    options: Options,
    delays: RwLock<Delays>,
    mint: Mint,
    origin_ca: OriginCa,
    credentials: Credentials,
    limits: Limits,
    faults: Faults,
    setbacks: Setbacks,
    journal: Journal,
    publishing: tokio::sync::Mutex<Option<String>>,
    filtering: tokio::sync::Mutex<Told>,
}

impl ApiState {
    /// Opens the clouds kept in `folder`, or founds them there: accounts, tokens, the default
    /// zone, the Origin CA. Actions that a stop cut off are carried on, and the ground is told the
    /// zones. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// When the folder cannot be made, read or written, or holds what this version cannot read.
    pub async fn open(
        folder: impl AsRef<Path>,
        ground: Arc<dyn Ground>,
        options: Options,
    ) -> Result<Self, OpenError> {
        let folder = folder.as_ref().to_owned();
        folder::prepare(&folder)?;
        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed)?;
        let mint = Mint::new(seed);
        let now = options.clock.now();
        let kept: Option<Books> = folder::read(&folder.join(BOOKS))?;
        let credentials = folder::read(&folder.join(Credentials::FILE))?;
        let (books, credentials) = match (kept, credentials) {
            (Some(books), Some(credentials)) => (books, credentials),
            // The first start, or one of the two files was lost: new tokens to what is there.
            (kept, _) => {
                let mut books = kept.unwrap_or_default();
                let credentials = control::found(&mut books, &mint, &options.zone, now);
                folder::write_json(&folder.join(BOOKS), &books)?;
                folder::write_json(&folder.join(Credentials::FILE), &credentials)?;
                (books, credentials)
            }
        };
        let origin_ca = OriginCa::open(&folder, now)?;
        let state = Self(Arc::new(Inner {
            books: Mutex::new(books),
            ground,
            delays: RwLock::new(options.delays),
            limits: Limits::new(options.limits),
            options,
            mint,
            origin_ca,
            credentials,
            faults: Faults::default(),
            setbacks: Setbacks::default(),
            journal: Journal::default(),
            publishing: tokio::sync::Mutex::new(None),
            filtering: tokio::sync::Mutex::new(Told::new()),
            folder,
        }));
        digitalocean::resume(&state);
        cloudflare::publish(&state).await;
        Ok(state)
    }

    /// What opens the demo account and the control interface.
    pub fn credentials(&self) -> &Credentials {
        &self.0.credentials
    }

    /// The Origin CA's certificate, PEM: what the edge trusts in *strict* mode.
    pub fn origin_ca_pem(&self) -> &str {
        self.0.origin_ca.certificate_pem()
    }

    pub(crate) fn ground(&self) -> &dyn Ground {
        self.0.ground.as_ref()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.options.clock.now()
    }

    pub(crate) fn mint(&self) -> &Mint {
        &self.0.mint
    }

    pub(crate) fn origin_ca(&self) -> &OriginCa {
        &self.0.origin_ca
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.0.faults
    }

    pub(crate) fn setbacks(&self) -> &Setbacks {
        &self.0.setbacks
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.0.journal
    }

    pub(crate) fn public_url(&self) -> Option<&str> {
        self.0.options.public_url.as_deref()
    }

    pub(crate) fn delays(&self) -> Delays {
        *self.0.delays.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_delays(&self, delays: Delays) {
        *self
            .0
            .delays
            .write()
            .unwrap_or_else(PoisonError::into_inner) = delays;
    }

    /// Held while the ground is told the zones; carries why the last telling failed.
    pub(crate) fn publishing(&self) -> &tokio::sync::Mutex<Option<String>> {
        &self.0.publishing
    }

    /// Held while the ground is told firewall rules; carries what it was told.
    pub(crate) fn filtering(&self) -> &tokio::sync::Mutex<Told> {
        &self.0.filtering
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks into the books.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Books) -> T) -> T {
        look(&self.books())
    }

    /// Changes the books: on success they are on disk when this returns, on any error they are as
    /// before, in memory and on disk.
    pub(crate) fn change<T, E: From<FolderError>>(
        &self,
        act: impl FnOnce(&mut Books) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut books = self.books();
        let mut draft = books.clone();
        let outcome = act(&mut draft)?;
        folder::write_json(&self.0.folder.join(BOOKS), &draft)?;
        *books = draft;
        Ok(outcome)
    }

    /// Changes the books from a background task, where nobody waits for an error: a disk that is
    /// full for a moment must not leave an action in progress for ever.
    pub(crate) async fn note(&self, act: impl Fn(&mut Books)) {
        for wait_ms in [200, 1_000, 5_000, 30_000] {
            let outcome = self.change(|books| {
                act(books);
                Ok::<(), FolderError>(())
            });
            match outcome {
                Ok(()) => return,
                Err(error) => tracing::error!(%error, "will be tried again"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(wait_ms)).await;
        }
        tracing::error!("the practice cloud's books could not be kept; a restart mends them");
    }
}
