//! `.dockerignore`, as Docker reads it.
//!
//! The rules are those of Docker's documentation ("Dockerignore files") and of its matcher:
//! patterns in the manner of Go's `filepath.Match`, rooted at the context, with `**` for any number
//! of folders; `!` takes back; the last pattern that matches wins; what is below an ignored folder
//! is ignored with it, unless a later `!` takes it back.

use plimsoll_engine::ports::{PortError, PortResult};
use regex::Regex;

/// What is left out where a folder has no `.dockerignore`.
pub(crate) const DEFAULT: &str = ".git\n**/node_modules\n";

/// The patterns of one `.dockerignore`.
#[derive(Debug, Default)]
pub(crate) struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    takes_back: bool,
    matcher: Regex,
    /// The text before the first wildcard.
    literal: String,
}

impl Ignore {
    /// Reads a `.dockerignore`; a pattern that Docker would refuse is an error that names it.
    pub(crate) fn parse(text: &str) -> PortResult<Self> {
        let mut patterns = Vec::new();
        for line in text.trim_start_matches('\u{feff}').lines() {
            if line.starts_with('#') {
                continue;
            }
            let line = line.trim();
            let (takes_back, written) = match line.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, line),
            };
            if written.is_empty() {
                if takes_back {
                    return Err(refused(line, "there is nothing after the “!”"));
                }
                continue;
            }
            let cleaned = cleaned(written);
            let matcher = expression(&cleaned)
                .and_then(|expression| Regex::new(&expression).ok())
                .ok_or_else(|| refused(line, "a bracket is not closed, or a range is backwards"))?;
            let end = cleaned.find(['*', '?', '[', '\\']).unwrap_or(cleaned.len());
            let literal = cleaned[..end].to_owned();
            patterns.push(Pattern {
                takes_back,
                matcher,
                literal,
            });
        }
        Ok(Self { patterns })
    }

    /// Whether a path (with `/`, relative to the context) is left out.
    pub(crate) fn is_ignored(&self, path: &str) -> bool {
        let mut ignored = false;
        for pattern in &self.patterns {
            // A pattern that would say what already holds need not be asked.
            if pattern.takes_back == ignored && pattern.covers(path) {
                ignored = !pattern.takes_back;
            }
        }
        ignored
    }

    /// Whether something below an ignored folder may be taken back, so that it has to be walked.
    pub(crate) fn may_take_back_below(&self, folder: &str) -> bool {
        let inside = format!("{folder}/");
        self.patterns
            .iter()
            .filter(|pattern| pattern.takes_back)
            .any(|pattern| {
                let literal = pattern.literal.as_str();
                literal.starts_with(&inside) || inside.starts_with(literal)
            })
    }
}

impl Pattern {
    /// Whether the pattern matches the path or a folder above it.
    fn covers(&self, path: &str) -> bool {
        self.matcher.is_match(path)
            || path
                .match_indices('/')
                .any(|(index, _)| self.matcher.is_match(&path[..index]))
    }
}

fn refused(line: &str, why: &str) -> PortError {
    PortError::new(
        "dockerignore_invalid",
        format!("a line of .dockerignore cannot be read: {why}"),
    )
    .evidence(line.to_owned())
    .next_step("Correct that line; Docker itself would refuse it too.")
}

/// A pattern without `.`, `..`, doubled and leading slashes (Go's `filepath.Clean`).
fn cleaned(pattern: &str) -> String {
    let is_rooted = pattern.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            // Above the root there is nothing but the root.
            ".." if is_rooted => {}
            part => parts.push(part),
        }
    }
    if parts.is_empty() {
        ".".to_owned()
    } else {
        parts.join("/")
    }
}

/// The pattern as a regular expression; `None` where Go would call it a bad pattern.
fn expression(pattern: &str) -> Option<String> {
    let mut written = String::from("(?s)^");
    let mut rest = pattern.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '*' if rest.peek() == Some(&'*') => {
                rest.next();
                rest.next_if_eq(&'/');
                // At the end it stands for everything; before more, for any number of folders.
                written.push_str(if rest.peek().is_none() {
                    ".*"
                } else {
                    "(.*/)?"
                });
            }
            '*' => written.push_str("[^/]*"),
            '?' => written.push_str("[^/]"),
            '\\' => push_literal(&mut written, rest.next()?),
            '[' => {
                written.push('[');
                if rest.next_if_eq(&'^').is_some() {
                    written.push('^');
                }
                let mut members = 0;
                while members == 0 || rest.next_if_eq(&']').is_none() {
                    let low = class_member(&mut rest)?;
                    let high = match rest.next_if_eq(&'-') {
                        Some(_) => class_member(&mut rest)?,
                        None => low,
                    };
                    if low > high {
                        return None;
                    }
                    push_escaped(&mut written, low);
                    written.push('-');
                    push_escaped(&mut written, high);
                    members += 1;
                }
                written.push(']');
            }
            other => push_literal(&mut written, other),
        }
    }
    written.push('$');
    Some(written)
}

/// A character of a class; Go refuses `-` and `]` there unless they are escaped.
fn class_member(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    match rest.next()? {
        '-' | ']' => None,
        '\\' => rest.next(),
        other => Some(other),
    }
}

fn push_escaped(written: &mut String, character: char) {
    written.push_str(&format!("\\x{{{:x}}}", u32::from(character)));
}

fn push_literal(written: &mut String, character: char) {
    written.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(patterns: &str, ignored: &[&str], kept: &[&str]) {
        let ignore = Ignore::parse(patterns).unwrap();
        for path in ignored {
            assert!(ignore.is_ignored(path), "{patterns:?} keeps {path:?}");
        }
        for path in kept {
            assert!(!ignore.is_ignored(path), "{patterns:?} leaves out {path:?}");
        }
    }

    #[test]
    fn the_examples_of_dockers_documentation_hold() {
        check(
            "*/temp*",
            &["somedir/temporary.txt", "somedir/temp"],
            &["temp", "a/b/temp"],
        );
        check(
            "*/*/temp*",
            &["somedir/subdir/temporary.txt"],
            &["a/temp", "a/b/c/temp"],
        );
        check("temp?", &["tempa", "tempb"], &["temp", "tempab", "a/tempa"]);
        check(
            "/foo/bar",
            &["foo/bar", "foo/bar/baz"],
            &["a/foo/bar", "foo/bars"],
        );
        check("foo/bar", &["foo/bar"], &["a/foo/bar"]);
        check("**/*.go", &["main.go", "a/b/c.go"], &["a/go", "main.gob"]);
        check("*.md\n!README.md", &["a.md"], &["README.md", "sub/a.md"]);
        check(
            "*.md\n!README*.md\nREADME-secret.md",
            &["x.md", "README-secret.md"],
            &["README.md", "README-public.md"],
        );
        check(
            "*.md\nREADME-secret.md\n!README*.md",
            &["x.md"],
            &["README-secret.md", "README.md"],
        );
        check("# comment\n\n  */temp*  \n", &["a/temp"], &["# comment"]);
    }

    #[test]
    fn what_is_below_an_ignored_folder_goes_with_it_unless_taken_back() {
        check(
            "node_modules",
            &["node_modules", "node_modules/a/b.js"],
            &["src/node_modules/a"],
        );
        check(
            "**/node_modules",
            &["node_modules", "a/b/node_modules/c"],
            &["node_modules2"],
        );
        check(
            "*\n!src\n!package.json",
            &["a", "b/c"],
            &["src", "src/a/b", "package.json"],
        );
        check(
            "*\n!src\nsrc/*.log",
            &["src/a.log"],
            &["src/a.js", "src/b/a.log"],
        );
        check(
            "docs\n!docs/keep/me.md",
            &["docs/a", "docs/keep/you.md"],
            &["docs/keep/me.md"],
        );
        check(
            "build/**",
            &["build/a", "build/a/b"],
            &["build", "abuild/x"],
        );
        check("**", &["a", "a/b"], &[]);
        check("a/**/z", &["a/z", "a/b/z", "a/b/c/z"], &["a/b/y", "z"]);
    }

    #[test]
    fn odd_patterns_mean_what_docker_takes_them_for() {
        check("./a/../b/", &["b", "b/c"], &["a"]);
        check("/../x", &["x"], &[]);
        check("[a-c]x", &["ax", "cx"], &["dx", "/x"]);
        check("[^a-c]x", &["dx"], &["ax"]);
        check("\\*", &["*"], &["a"]);
        check("a.b+(c)|{d}$^", &["a.b+(c)|{d}$^"], &["axb+(c)|{d}$^"]);
        check("ü*", &["über", "ü"], &["u"]);
        check("\u{feff}a", &["a"], &[]);
        check("line*", &["line\nbreak"], &[]);
        for bad in ["[", "[a", "[]", "[z-a]", "a\\", "!", "[-]"] {
            let error = Ignore::parse(bad).unwrap_err();
            assert_eq!(error.code(), "dockerignore_invalid", "{bad:?}");
        }
    }

    #[test]
    fn an_ignored_folder_is_walked_only_when_something_may_come_back() {
        let ignore = Ignore::parse("*\n!src/*.rs\n!a/b/c").unwrap();
        for folder in ["src", "a", "a/b", "a/b/c"] {
            assert!(ignore.may_take_back_below(folder), "{folder}");
        }
        for folder in ["node_modules", "srcs", "a/x"] {
            assert!(!ignore.may_take_back_below(folder), "{folder}");
        }
        assert!(Ignore::parse("a\n!**/b").unwrap().may_take_back_below("a"));
    }

    proptest! {
        #[test]
        fn no_pattern_is_too_strange(text in "[\\[\\]*?!\\\\/.a-c\n^#-]{0,24}", path in "[a-c./]{1,12}") {
            if let Ok(ignore) = Ignore::parse(&text) {
                ignore.is_ignored(&path);
            }
        }

        /// Nothing that is kept lies below a folder that the walk leaves out.
        #[test]
        fn leaving_a_folder_out_loses_nothing(
            patterns in prop::collection::vec("!?(\\*\\*/)?[ab*](/[ab*]){0,2}", 1..5),
            path in "[ab](/[ab]){0,4}",
        ) {
            let ignore = Ignore::parse(&patterns.join("\n")).unwrap();
            for (index, _) in path.match_indices('/') {
                let folder = &path[..index];
                if ignore.is_ignored(folder) && !ignore.may_take_back_below(folder) {
                    prop_assert!(ignore.is_ignored(&path));
                }
            }
        }
    }
}
