//! What the ground remembers of its droplets, addresses and snapshots.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::LabError;
use crate::folder;
use crate::ground::{DropletSpec, InboundRule, PublishedZone};
use crate::network::Allocation;

/// One droplet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Droplet {
    pub(crate) spec: DropletSpec,
    pub(crate) public: Ipv4Addr,
    pub(crate) private: Ipv4Addr,
    /// Whether it shall run: what its owner asked for last, by the API or from inside.
    pub(crate) wanted_on: bool,
    /// Its cloud firewall; `None` when there is none.
    pub(crate) inbound: Option<Vec<InboundRule>>,
    /// Faults of its network, which hold over a reboot as a pulled cable does.
    #[serde(default)]
    pub(crate) cut: bool,
    /// One-way delay of its network, ms; 0 for none.
    #[serde(default)]
    pub(crate) delay_ms: u64,
}

/// Everything that survives a restart of the lab.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pages {
    pub(crate) addresses: Allocation,
    pub(crate) droplets: BTreeMap<u64, Droplet>,
    /// Reserved addresses and whom they point at.
    pub(crate) reserved: BTreeMap<Ipv4Addr, Option<u64>>,
    pub(crate) zones: Vec<PublishedZone>,
}

/// The pages and their file.
#[derive(Debug)]
pub(crate) struct Book {
    path: PathBuf,
    pages: Mutex<Pages>,
}

impl Book {
    pub(crate) fn open(path: &Path) -> Result<Self, LabError> {
        let pages = folder::read_json(path)?.unwrap_or_default();
        Ok(Self {
            path: path.to_owned(),
            pages: Mutex::new(pages),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        // A panic between two assignments leaves a page that is still valid JSON and still ours.
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the pages.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Pages) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the pages and writes them down; what could not be written is not changed.
    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut Pages) -> T) -> Result<T, LabError> {
        let mut pages = self.lock();
        let before = pages.clone();
        let result = change(&mut pages);
        if *pages != before
            && let Err(error) = folder::write_json(&self.path, &*pages)
        {
            *pages = before;
            return Err(error);
        }
        Ok(result)
    }

    /// One droplet.
    pub(crate) fn droplet(&self, id: u64) -> Option<Droplet> {
        self.read(|pages| pages.droplets.get(&id).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_written_is_not_changed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let missing = folder.path().join("not/there/ground.json");
        let book = Book::open(&missing).expect("no file is an empty book");
        let address = Ipv4Addr::new(10, 201, 47, 1);
        book.write(|pages| pages.reserved.insert(address, None))
            .expect_err("no folder");
        assert!(book.read(|pages| pages.reserved.is_empty()));
    }

    #[test]
    fn a_book_is_read_again_after_a_restart() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("ground.json");
        let address = Ipv4Addr::new(10, 201, 47, 1);
        let book = Book::open(&path).expect("opened");
        book.write(|pages| pages.reserved.insert(address, Some(7)))
            .expect("written");
        let again = Book::open(&path).expect("opened");
        assert_eq!(
            again.read(|pages| pages.reserved.get(&address).copied()),
            Some(Some(7))
        );
    }
}
