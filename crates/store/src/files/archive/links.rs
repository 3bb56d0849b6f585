//! Links of an archive: they may lead from one place of the tree to another, and nowhere else.

use super::refuse;
use crate::Result;
use std::collections::HashMap;

/// Most bytes of a target, as Linux has it.
pub(super) const LONGEST: u64 = 4_095;
/// Most links that are followed on one way, as Linux has it.
const HOPS: u32 = 40;

/// All links of an archive.
#[derive(Default)]
pub(super) struct Links {
    /// By the path in small letters: on many disks `L` stands for `l`.
    by_path: HashMap<String, Link>,
}

struct Link {
    path: String,
    target: String,
}

impl Links {
    /// Takes a link, of which it is not known yet where it leads.
    pub(super) fn put(&mut self, path: String, target: &str) -> Result<()> {
        if target.is_empty() || target.contains('\0') {
            return Err(refuse(&path, "it is a link that leads nowhere"));
        }
        if target.starts_with('/') {
            return Err(refuse(&path, OUTSIDE));
        }
        let key = path.to_lowercase();
        let link = Link {
            path,
            target: target.to_owned(),
        };
        match self.by_path.insert(key, link) {
            None => Ok(()),
            Some(other) => Err(refuse(
                &other.path,
                "it is a link beside another whose name differs in capitals only",
            )),
        }
    }

    /// Refuses the first that leads out, going the way that a system would go.
    pub(super) fn check(&self) -> Result<()> {
        let mut links: Vec<&Link> = self.by_path.values().collect();
        links.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        links.into_iter().try_for_each(|link| {
            let mut above: Vec<&str> = link.path.split('/').collect();
            above.pop();
            let mut hops = HOPS;
            // What lies at the end is a link that is checked itself, or none.
            self.follow(above, &link.target, false, &mut hops)
                .map(drop)
                .map_err(|why| refuse(&link.path, why))
        })
    }

    /// Where a target leads from a folder; `whole` follows a link at its end, too.
    fn follow<'a>(
        &'a self,
        from: Vec<&'a str>,
        target: &'a str,
        whole: bool,
        hops: &mut u32,
    ) -> std::result::Result<Vec<&'a str>, &'static str> {
        let mut place = from;
        let names = target.split('/').filter(|name| !matches!(*name, "" | "."));
        let mut names = names.peekable();
        while let Some(name) = names.next() {
            if name == ".." {
                place.pop().ok_or(OUTSIDE)?;
                continue;
            }
            place.push(name);
            if names.peek().is_none() && !whole {
                break;
            }
            if let Some(link) = self.by_path.get(&place.join("/").to_lowercase()) {
                *hops = hops
                    .checked_sub(1)
                    .ok_or("it is a link that leads round in a circle")?;
                place.pop();
                place = self.follow(place, &link.target, true, hops)?;
            }
        }
        Ok(place)
    }
}

const OUTSIDE: &str = "it is a link that leads out of the folder";

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(links: &[(&str, &str)]) -> std::result::Result<(), String> {
        let mut all = Links::default();
        links
            .iter()
            .try_for_each(|(path, target)| all.put((*path).to_owned(), target))
            .and_then(|()| all.check())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn links_may_lead_anywhere_inside() {
        for links in [
            &[("a", "b")][..],
            &[("a/b/c", "../../d/./e")],
            &[("a/b", "..")],
            &[("a", "b"), ("b", "a")],
            &[
                ("node_modules/x", "../packages/x"),
                ("node_modules/.bin/x", "../x/bin.js"),
            ],
        ] {
            assert_eq!(checked(links), Ok(()), "{links:?}");
        }
    }

    #[test]
    fn a_link_that_leads_out_is_refused_also_by_way_of_others() {
        for links in [
            &[("a", "/etc")][..],
            &[("a", "..")],
            &[("a/b", "../../c")],
            &[("a", "missing/../..")],
            // The first leads to the root, which no name in the second shows.
            &[("a/top", ".."), ("b/c/d", "../../a/top/..")],
            &[("a/Top", ".."), ("b/c/d", "../../a/tOP/..")],
            &[("a", "")],
            &[("a", "x"), ("A", "y")],
        ] {
            assert!(checked(links).is_err(), "{links:?}");
        }
    }

    #[test]
    fn links_that_lead_through_each_other_end() {
        let error = checked(&[("a", "b/x"), ("b", "a/x")]).unwrap_err();
        assert!(error.contains("circle"), "{error}");
    }
}
