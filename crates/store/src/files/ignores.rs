//! What a workspace ignores, asked entry by entry.

use super::{IGNORE_FILE, OWN_FOLDER, Rules};
use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Longest ignore file that is read, bytes.
const LONGEST: u64 = 4 << 20;

/// How the files begin and end that we write beside others for a moment.
const MOMENTARY: (&str, &str) = (".plimsoll-", ".tmp");

/// Whether an entry of that name never belongs to a version and is never shown: git's folder, our
/// own, and what we write for a moment. Disks that tell no capitals apart know git's folder as
/// `.GIT`, too.
pub fn is_never_saved(name: &str) -> bool {
    let (start, end) = MOMENTARY;
    name.eq_ignore_ascii_case(".git")
        || name.eq_ignore_ascii_case(OWN_FOLDER)
        || (name.starts_with(start) && name.ends_with(end))
}

/// Whether a name must not be written by whoever takes files from elsewhere: this system's disk would
/// take it for one that is never saved.
pub(super) fn is_never_written(name: &str) -> bool {
    is_never_saved(name)
        || (cfg!(windows) && is_never_saved_on_windows(name))
        || (cfg!(target_os = "macos") && is_never_saved_on_macos(name))
}

/// Windows drops dots and blanks at the end of a name and what follows a colon, and gives a long name
/// a short one (<https://learn.microsoft.com/windows/win32/fileio/naming-a-file>).
fn is_never_saved_on_windows(name: &str) -> bool {
    let first = name.split(':').next().unwrap_or(name);
    let stem = first.trim_end_matches(['.', ' ']);
    let is_short = |long: &str| {
        stem.len() > long.len()
            && stem.is_char_boundary(long.len())
            && stem[..long.len()].eq_ignore_ascii_case(long)
            && stem[long.len()..].bytes().all(|byte| byte.is_ascii_digit())
    };
    is_never_saved(stem) || is_short("git~") || is_short("plimso~")
}

/// HFS+ passes over these characters when it compares names
/// (<https://developer.apple.com/library/archive/technotes/tn/tn1150.html>, `FastUnicodeCompare`).
fn is_never_saved_on_macos(name: &str) -> bool {
    let is_passed_over = |character: char| {
        matches!(
            character,
            '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
        )
    };
    let seen: String = name.chars().filter(|c| !is_passed_over(*c)).collect();
    is_never_saved(&seen)
}

/// A name beside others for what is written and then renamed; no other call of this process answers
/// it again.
pub fn momentary_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let (start, end) = MOMENTARY;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{start}{}-{number}{end}", std::process::id())
}

/// What the ignore files of a folder and of those above it, and the settings of the project, say
/// about the entries of that folder. Cloning is cheap.
#[derive(Clone)]
pub struct Ignores {
    folder: PathBuf,
    /// Those from the workspace down to the folder that say anything.
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
            levels: Level::read(workspace, |_| true).into_iter().collect(),
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
        self.below_listed(name, |_| true)
    }

    /// What counts in a folder of this one whose entries are known.
    pub(super) fn below_listed(&self, name: &str, may_have: impl Fn(&str) -> bool) -> Self {
        let all = self.is_ignored(name, true);
        let folder = self.folder.join(name);
        let mut levels = self.levels.clone();
        if !all {
            levels.extend(Level::read(&folder, may_have));
        }
        Self {
            folder,
            levels,
            rules: self.rules.clone(),
            all,
        }
    }

    /// Whether an entry of this folder is left out.
    pub fn is_ignored(&self, name: impl AsRef<OsStr>, is_folder: bool) -> bool {
        let name = name.as_ref();
        if self.all || name.to_str().is_some_and(is_never_saved) {
            return true;
        }
        if self.levels.is_empty() && self.rules.is_empty() {
            return false;
        }
        let path = self.folder.join(name);
        if self.rules.leave_out(&path, is_folder) {
            return true;
        }
        // Of each kind of file the nearest that says anything counts; of the kinds, ours first. Nobody
        // asks for a repository, so what is above a nested one counts in it, too.
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
    /// What the ignore files of a folder say; `None` when they say nothing.
    fn read(folder: &Path, may_have: impl Fn(&str) -> bool) -> Option<Arc<Self>> {
        let file = |name: &str| {
            let first = name.split_once('/').map_or(name, |(first, _)| first);
            let path = folder.join(name);
            let text = may_have(first).then(|| lines_of(&path)).flatten();
            text.map_or_else(Gitignore::empty, |text| patterns(folder, &path, &text))
        };
        let level = Self {
            own: file(IGNORE_FILE),
            plain: file(".ignore"),
            git: file(".gitignore"),
            exclude: file(".git/info/exclude"),
        };
        let all = [&level.own, &level.plain, &level.git, &level.exclude];
        let says_anything = all.iter().any(|file| !file.is_empty());
        says_anything.then(|| Arc::new(level))
    }
}

/// What an ignore file says; `None` when there is none. Like git we follow no link to it, and whoever
/// puts a pipe or an endless device in its place keeps nobody waiting.
fn lines_of(path: &Path) -> Option<String> {
    let found = path.symlink_metadata().ok()?;
    if !found.is_file() || found.len() > LONGEST {
        return None;
    }
    Some(String::from_utf8_lossy(&fs::read(path).ok()?).into_owned())
}

fn patterns(folder: &Path, path: &Path, text: &str) -> Gitignore {
    let mut builder = GitignoreBuilder::new(folder);
    for line in text.trim_start_matches('\u{feff}').lines() {
        // A line that cannot be read counts for nothing, as for git; those behind it do.
        let _ = builder.add_line(Some(path.to_owned()), line);
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{Listed, Visit, walk};
    use ignore::WalkBuilder;
    use std::{collections::BTreeSet, io, ops::ControlFlow, sync::Mutex};

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

    struct Walked(Mutex<BTreeSet<String>>);

    impl Visit for Walked {
        fn folder(&self, path: &str, listed: io::Result<Listed>) -> ControlFlow<()> {
            let slash = if path.is_empty() { "" } else { "/" };
            let entries = listed.unwrap().entries.into_iter();
            let paths = entries.map(|found| format!("{path}{slash}{}", found.name));
            self.0.lock().unwrap().extend(paths);
            ControlFlow::Continue(())
        }
    }

    /// The walk of the library whose manner we follow.
    fn walker(workspace: &Path, rules: &Rules) -> WalkBuilder {
        let rules = rules.clone();
        let mut walker = WalkBuilder::new(workspace);
        walker
            .hidden(false)
            .parents(false)
            .require_git(false)
            .git_global(false)
            .add_custom_ignore_filename(IGNORE_FILE)
            .filter_entry(move |entry| {
                let never = || entry.file_name().to_str().is_some_and(is_never_saved);
                let is_folder = || entry.file_type().is_some_and(|kind| kind.is_dir());
                entry.depth() == 0 || !(never() || rules.leave_out(entry.path(), is_folder()))
            });
        walker
    }

    #[test]
    fn gits_folder_is_known_by_every_name_that_a_disk_has_for_it() {
        for name in [
            ".git",
            ".GIT",
            ".Git",
            ".plimsoll",
            ".Plimsoll",
            ".plimsoll-1-2.tmp",
        ] {
            assert!(is_never_saved(name) && is_never_written(name), "{name}");
        }
        for name in [
            ".git ",
            ".git.",
            ".GIT. .",
            ".git::$INDEX_ALLOCATION",
            "GIT~1",
            "plimso~2",
        ] {
            assert!(is_never_saved_on_windows(name), "{name}");
        }
        for name in [".g\u{200c}it", "\u{feff}.Git"] {
            assert!(is_never_saved_on_macos(name), "{name:?}");
        }
        for name in [
            ".gitignore",
            ".github",
            "git",
            "git~",
            "git~x",
            ".plimsollignore",
        ] {
            let anywhere = is_never_written(name)
                || is_never_saved_on_windows(name)
                || is_never_saved_on_macos(name);
            assert!(!anywhere, "{name}");
        }
    }

    #[test]
    fn what_is_left_out_is_the_same_by_asking_by_our_walk_and_by_the_librarys() {
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
        let walked: BTreeSet<String> = walker(root, &rules)
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
        let ours = Walked(Mutex::default());
        walk(root, &rules, &ours);
        assert_eq!(ours.0.into_inner().unwrap(), walked);
        assert!(found.contains("sub/a.log") && !found.contains("a.log"));
        assert!(found.contains("set/kept.bin") && !found.contains("sub/left.bin"));
        let at = |path: &str| Ignores::at(root, path, &rules);
        assert!(at("sub/target").is_ignored("x", false));
        assert!(at("sub/left").is_ignored("out", false));
        assert!(!at("sub").is_ignored("target.rs", false));
    }

    #[test]
    fn a_line_that_is_no_text_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join(IGNORE_FILE),
            b"\xef\xbb\xbffirst\nb\xffd\n*.tmp\r\n",
        )
        .unwrap();
        let rules = Rules::all(folder.path(), &[]).unwrap();
        let ignores = Ignores::of(folder.path(), &rules);
        let is_ignored = |name: &str| ignores.is_ignored(name, false);
        assert!(is_ignored("first") && is_ignored("a.tmp") && !is_ignored("bd"));
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_or_a_link_in_the_place_of_an_ignore_file_counts_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let pipe = root.join(IGNORE_FILE);
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink("/dev/zero", root.join(".gitignore")).unwrap();
        let ignores = Ignores::of(root, &Rules::all(root, &[]).unwrap());
        assert!(!ignores.is_ignored("a", false));
    }
}
