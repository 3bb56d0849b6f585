use super::*;
use std::sync::{Mutex, atomic::AtomicBool};

fn search(ground: &Ground, query: &Query, instead: Option<&str>) -> (Vec<FileHits>, SearchEnd) {
    let found = Mutex::new(Vec::new());
    let keep = |hits| found.lock().unwrap().push(hits);
    let end = ground
        .workspace
        .search(query, instead, &AtomicBool::new(false), &keep);
    let mut found = found.into_inner().unwrap();
    found.sort_by(|a: &FileHits, b| a.path.cmp(&b.path));
    (found, end.unwrap())
}

fn query(text: &str) -> Query {
    Query {
        text: text.to_owned(),
        ..Query::default()
    }
}

fn ground() -> Ground {
    let ground = Ground::new(&[
        (".gitignore", "out/\n"),
        ("a.css", ".Box { color: red }\r\n.boxed {}\r\n"),
        ("src/b.ts", "const box = 'ü'; // box\n"),
        ("out/c.css", "box"),
    ]);
    fs::write(ground.root().join("binary"), b"box\0").unwrap();
    ground
}

#[test]
fn a_search_finds_places_in_texts_that_are_not_ignored() {
    let ground = ground();
    let (found, end) = search(&ground, &query("BOX"), None);
    let told: Vec<(&str, u64)> = found
        .iter()
        .map(|hits| (hits.path.as_str(), hits.count))
        .collect();
    assert_eq!(told, [("a.css", 2), ("src/b.ts", 2)]);
    assert_eq!((end.hits, end.is_cut), (4, false));
    let last = &found[1].hits[1];
    assert_eq!((last.line, last.column, last.length), (1, 20, 3));
    assert_eq!(
        (last.before.as_str(), last.after.as_str()),
        ("const box = 'ü'; // ", "")
    );
    assert_eq!(found[0].hits[0].after, " { color: red }");

    let case = Query {
        match_case: true,
        ..query("Box")
    };
    assert_eq!(search(&ground, &case, None).1.hits, 1);
    let word = Query {
        whole_word: true,
        ..query("box")
    };
    assert_eq!(search(&ground, &word, None).1.hits, 3);
    let only = Query {
        only: "*.ts".to_owned(),
        ..query("box")
    };
    assert_eq!(search(&ground, &only, None).1.hits, 2);
    let regex = Query {
        is_regex: true,
        ..query(r"^\.(\w+)")
    };
    let (found, _) = search(&ground, &regex, Some("#$1"));
    assert_eq!(found[0].hits[1].instead.as_deref(), Some("#boxed"));
    let wrong = Query {
        is_regex: true,
        ..query("(")
    };
    let stop = AtomicBool::new(false);
    let refused = ground
        .workspace
        .search(&wrong, None, &stop, &|_| {})
        .unwrap_err();
    assert_eq!(refused.code(), "invalid_search");
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let stopped = ground.workspace.search(&query("box"), None, &stop, &|_| {});
    assert_eq!(stopped.unwrap_err().code(), "cancelled");
}

#[test]
fn a_search_in_some_files_only_takes_folders_and_exceptions_and_nothing_ignored() {
    let ground = ground();
    let searched = |only: &str| {
        let only = only.to_owned();
        let query = Query {
            only,
            ..query("box")
        };
        let (found, _) = search(&ground, &query, None);
        let paths: Vec<String> = found.iter().map(|hits| hits.path.to_string()).collect();
        paths
    };
    assert_eq!(searched("src/"), ["src/b.ts"]);
    assert_eq!(searched("!src/"), ["a.css"]);
    assert_eq!(searched("!*.css"), ["src/b.ts"]);
    assert_eq!(searched("*"), ["a.css", "src/b.ts"]);
}

#[test]
fn replacing_touches_only_what_was_seen_and_keeps_line_endings() {
    let ground = ground();
    let (found, _) = search(&ground, &query("box"), Some("$1"));
    let files: Vec<_> = found
        .into_iter()
        .map(|hits| (hits.path, hits.hash))
        .collect();
    fs::write(ground.root().join("src/b.ts"), "changed box\n").unwrap();
    let replaced = ground
        .workspace
        .replace(&query("box"), "$1", &files)
        .unwrap();
    assert_eq!((replaced.files, replaced.hits), (1, 2));
    assert_eq!(replaced.left, ["src/b.ts: it was changed since the search"]);
    // Without an expression a dollar is a dollar.
    assert_eq!(ground.text("a.css"), ".$1 { color: red }\r\n.$1ed {}\r\n");
    assert_eq!(ground.text("src/b.ts"), "changed box\n");
    assert_eq!(ground.text("out/c.css"), "box");
}

#[test]
fn a_search_that_finds_too_much_says_so() {
    let text = "x\n".repeat(1_000);
    let names: Vec<String> = (0..12).map(|number| format!("f{number}")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), &*text)).collect();
    let ground = Ground::new(&files);
    let (found, end) = search(&ground, &query("x"), None);
    assert!(end.is_cut && end.hits >= MOST_HITS, "{end:?}");
    assert!(
        found
            .iter()
            .all(|hits| hits.hits.len() == 200 && hits.count == 1_000)
    );
    assert!(found.len() < 12);
}
