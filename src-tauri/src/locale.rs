//! The language that the pages are told. Under a locale such as `C.UTF-8`, WebKitGTK says that it
//! is “C”, which is none: `Intl` throws on it, and a page that passes it on stays blank.

/// Runs before anything of a page: a language that is none becomes English.
pub const GUARD: &str = r#"
try {
  new Intl.Locale(navigator.language);
} catch {
  Object.defineProperties(navigator, {
    language: { value: "en-US" },
    languages: { value: Object.freeze(["en-US"]) },
  });
}
"#;
