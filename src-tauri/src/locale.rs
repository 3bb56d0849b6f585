//! The language that the pages are told. WebKitGTK passes on a locale such as `C.UTF-8` as the
//! language “C”, which is none: `Intl` throws on it, and a page stays blank.

/// Which variable to set to what, where the environment names no language.
fn instead(environment: impl Fn(&str) -> Option<String>) -> Option<(&'static str, &'static str)> {
    // The first that is not empty counts (POSIX.1-2024, XBD 8.2).
    let (name, value) = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| Some((name, environment(name).filter(|value| !value.is_empty())?)))
        .unwrap_or(("LANG", String::new()));
    let language = value.split(['.', '@', '_']).next().unwrap_or_default();
    matches!(language, "" | "C" | "POSIX").then_some((name, "en_US.UTF-8"))
}

/// Sets a language where the environment names none. Has to be called before any thread is there.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub fn guard() {
    if let Some((name, value)) = instead(|name| std::env::var(name).ok()) {
        // SAFETY: `run` calls this before anything that could start a thread, so nobody reads the
        // environment at the same time.
        unsafe { std::env::set_var(name, value) };
    }
}

/// The other systems' web views ask the system for its language.
#[cfg(not(target_os = "linux"))]
pub fn guard() {}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(variables: &[(&str, &str)]) -> Option<(&'static str, &'static str)> {
        instead(|asked| {
            let found = variables.iter().find(|(name, _)| *name == asked);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_locale_without_a_language_is_replaced_where_it_counts() {
        let english = "en_US.UTF-8";
        assert_eq!(set(&[]), Some(("LANG", english)));
        assert_eq!(set(&[("LANG", "C.UTF-8")]), Some(("LANG", english)));
        let forced = [("LANG", "de_DE.UTF-8"), ("LC_ALL", "C")];
        assert_eq!(set(&forced), Some(("LC_ALL", english)));
        let posix = [("LANG", "de_DE.UTF-8"), ("LC_CTYPE", "POSIX")];
        assert_eq!(set(&posix), Some(("LC_CTYPE", english)));
    }

    #[test]
    fn a_language_is_left_alone() {
        assert_eq!(set(&[("LANG", "de_DE.UTF-8")]), None);
        assert_eq!(set(&[("LANG", "C"), ("LC_ALL", "ca_ES@valencia")]), None);
        assert_eq!(set(&[("LANG", "pt_BR"), ("LC_ALL", "")]), None);
    }
}
