//! Taking away what a saved state has no more.

use super::{Left, Restore, look::same};
use crate::files::difference::Difference;
use plimsoll_domain::content::Node;
use std::fs;

impl Restore {
    /// Answers whether a file or link was removed.
    pub(super) fn take_away(&self, difference: &Difference) -> Result<bool, Left> {
        let path = self.place(&difference.path)?;
        let there = self.observe(&path, difference)?;
        let Some(found) = &there else {
            return Ok(false);
        };
        if !same(Some(&found.node), difference.before.as_ref()) {
            return Err(Left::changed());
        }
        if matches!(found.node, Node::Folder { .. }) {
            // One that is not empty holds what no version knows: ignored files stay.
            let _ = fs::remove_dir(path);
            return Ok(false);
        }
        self.can_come_back(found, difference)?;
        fs::remove_file(&path).map_err(Left::of("remove", &path))?;
        let mut above = path.parent();
        while let Some(folder) = above.filter(|folder| *folder != self.workspace) {
            if fs::remove_dir(folder).is_err() {
                break;
            }
            above = folder.parent();
        }
        Ok(true)
    }
}
