//! What a workspace ignores, asked path by path: the same answer as the walk that saves a version.

use super::{IGNORE_FILE, OWN_FOLDER, Rules};
use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// How the files begin and end that we write beside others for a moment.
const MOMENTARY: (&str, &str) = (".plimsoll-", ".tmp");

/// Whether an entry of that name never belongs to a version and is never shown: git's folder, our
/// own, and what we write for a moment.
pub fn is_never_saved(name: &str) -> bool {
    let (start, end) = MOMENTARY;
    name == ".git" || name == OWN_FOLDER || (name.starts_with(start) && name.ends_with(end))
}

/// A name beside others for what is written and then renamed.
pub fn momentary_name(number: u64) -> String {
    let (start, end) = MOMENTARY;
    format!("{start}{}-{number}{end}", std::process::id())
}

/// What the ignore files of a folder and of those above it, and the settings of the project, say
/// about the entries of that folder. Cloning is cheap.
#[derive(Clone)]
pub struct Ignores {
    folder: PathBuf,
    /// From the workspace down to the folder.
    levels: Vec<Arc<Level>>,
    rules: Rules,
    /// The folder itself is ignored, and so is all that is in it.
    all: bool,
}

struct Level {
    own: Gitignore,
    plain: Gitignore,
    git: Gitignore,
    exclude: Gitignore,
}

impl Ignores {
    /// What counts in a workspace's own folder.
    pub fn of(workspace: &Path, rules: &Rules) -> Self {
        Self {
            folder: workspace.to_owned(),
            levels: vec![Arc::new(Level::read(workspace))],
            rules: rules.clone(),
            all: false,
        }
    }

    /// What counts in the workspace's folder of that relative path, with slashes.
    pub fn at(workspace: &Path, path: &str, rules: &Rules) -> Self {
        let names = path.split('/').filter(|name| !name.is_empty());
        names.fold(Self::of(workspace, rules), |above, name| above.below(name))
    }

    /// What counts in a folder of this one.
    pub fn below(&self, name: &str) -> Self {
        let all = self.is_ignored(name, true);
        let folder = self.folder.join(name);
        let mut levels = self.levels.clone();
        if !all {
            levels.push(Arc::new(Level::read(&folder)));
        }
        Self {
            folder,
            levels,
            rules: self.rules.clone(),
            all,
        }
    }

    /// Whether an entry of this folder is left out.
    pub fn is_ignored(&self, name: &str, is_folder: bool) -> bool {
        if self.all || is_never_saved(name) {
            return true;
        }
        let path = self.folder.join(name);
        if self.rules.leave_out(&path, is_folder) {
            return true;
        }
        // Of each kind of file the nearest that says anything counts; of the kinds, ours first. The
        // walk asks for no repository, so what is above a nested one counts in it, too.
        let nearest = |of: fn(&Level) -> &Gitignore| {
            let mut levels = self.levels.iter().rev();
            levels
                .find_map(|level| match of(level).matched(&path, is_folder) {
                    Match::None => None,
                    found => Some(found.map(|_| ())),
                })
                .unwrap_or(Match::None)
        };
        nearest(|level| &level.own)
            .or(nearest(|level| &level.plain))
            .or(nearest(|level| &level.git))
            .or(nearest(|level| &level.exclude))
            .is_ignore()
    }
}

impl Level {
    fn read(folder: &Path) -> Self {
        let file = |name: &str| {
            let mut builder = GitignoreBuilder::new(folder);
            let path = folder.join(name);
            // A line that cannot be read counts for nothing, as for git.
            if path.exists() {
                let _ = builder.add(path);
            }
            builder.build().unwrap_or_else(|_| Gitignore::empty())
        };
        Self {
            own: file(IGNORE_FILE),
            plain: file(".ignore"),
            git: file(".gitignore"),
            exclude: file(".git/info/exclude"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs};

    /// Everything that is not ignored, asked entry by entry.
    fn asked(folder: &Path, ignores: &Ignores, above: &str, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let is_folder = entry.file_type().unwrap().is_dir();
            if ignores.is_ignored(&name, is_folder) {
                continue;
            }
            let path = format!("{above}{name}");
            if is_folder {
                let below = format!("{path}/");
                asked(&entry.path(), &ignores.below(&name), &below, found);
            }
            found.insert(path);
        }
    }

    #[test]
    fn what_is_asked_entry_by_entry_is_what_the_walk_finds() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for (path, text) in [
            (
                ".gitignore",
                "*.log\n/build\ntarget/\n!keep.log\ndeep/*.txt\n",
            ),
            (".plimsollignore", "secret*\n!sub/secret-shown\n!left.bin\n"),
            (".ignore", "plain.md\n"),
            (".git/info/exclude", "excluded\n"),
            (".git/config", ""),
            (".plimsoll/bin", ""),
            (".plimsoll-1-2.tmp", ""),
            ("a.log", ""),
            ("keep.log", ""),
            ("plain.md", ""),
            ("excluded", ""),
            ("secret-1", ""),
            ("build/out", ""),
            ("sub/build/out", ""),
            ("sub/.gitignore", "!a.log\nlocal\n"),
            ("sub/a.log", ""),
            ("sub/local", ""),
            ("sub/secret-shown", ""),
            ("sub/target/x", ""),
            ("sub/target.rs", ""),
            ("deep/a.txt", ""),
            ("deep/er/a.txt", ""),
            ("nested/.git/HEAD", ""),
            ("nested/.gitignore", "mine\n"),
            ("nested/mine", ""),
            ("nested/a.log", ""),
            ("nested/excluded", ""),
            ("set/kept.bin", ""),
            ("sub/left.bin", ""),
            ("sub/left/out", ""),
        ] {
            let file = root.join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let patterns = ["*.bin", "!kept.bin", "left/"].map(str::to_owned);
        let rules = Rules::all(root, &patterns).unwrap();
        let walked: BTreeSet<String> = super::super::save::walker(root, &rules)
            .build()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.depth() > 0)
            .map(|entry| {
                let path = entry.path().strip_prefix(root).unwrap();
                path.to_str().unwrap().to_owned()
            })
            .collect();
        let mut found = BTreeSet::new();
        asked(root, &Ignores::of(root, &rules), "", &mut found);
        assert_eq!(found, walked);
        assert!(found.contains("sub/a.log") && !found.contains("a.log"));
        assert!(found.contains("set/kept.bin") && !found.contains("sub/left.bin"));
        let at = |path: &str| Ignores::at(root, path, &rules);
        assert!(at("sub/target").is_ignored("x", false));
        assert!(at("sub/left").is_ignored("out", false));
        assert!(!at("sub").is_ignored("target.rs", false));
    }
}
