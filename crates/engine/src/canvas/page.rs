//! What is done to a page on its way into a preview. All of it is pure.

use super::{answer::CLIENT_PATH, preview::Scripts};
use plimsoll_domain::{
    canvas::{AllowedHost, ColorScheme},
    content::ContentHash,
};
use regex::Regex;
use std::{borrow::Cow, sync::LazyLock};

/// What keeps a preview in.
pub(super) struct Walls {
    /// The field `Content-Security-Policy`.
    pub policy: String,
    /// The field `Connection-Allowlist` (WICG), for what no directive of a policy is asked about:
    /// names that are looked up and hosts that are connected to in advance, and WebRTC. Chromium
    /// knows it from 152 on.
    pub connections: String,
}

/// The walls of a preview whose files are below `base`.
pub(super) fn walls(base: &str, framed_by: &str, hosts: &[AllowedHost], scripts: Scripts) -> Walls {
    let origins: String = hosts
        .iter()
        .map(|host| format!(" \"{}\"", host.origin()))
        .collect();
    Walls {
        policy: policy(base, framed_by, hosts, scripts),
        connections: format!("(response-origin{origins});webrtc=block"),
    }
}

/// The policy of a preview (CSP3): its own files below `base`, what stands in the page itself, and
/// the hosts that were allowed. It is sandboxed also where it is opened outside a frame, and only
/// `framed_by` may show it.
fn policy(base: &str, framed_by: &str, hosts: &[AllowedHost], scripts: Scripts) -> String {
    let hosts: String = hosts
        .iter()
        .map(|host| format!(" {}", host.sources()))
        .collect();
    // `'self'` would be every preview of this scheme; the path names this one.
    let own = format!("{base}{hosts}");
    [
        "default-src 'none'".to_owned(),
        match scripts {
            Scripts::Run => format!("script-src {own} 'unsafe-inline' 'unsafe-eval'"),
            Scripts::Off => format!("script-src {base}{CLIENT_PATH}"),
        },
        format!("style-src {own} 'unsafe-inline'"),
        format!("img-src {own} data: blob:"),
        format!("font-src {own} data:"),
        format!("media-src {own} data: blob:"),
        format!("connect-src {own}"),
        match scripts {
            Scripts::Run => "worker-src blob:".to_owned(),
            Scripts::Off => "worker-src 'none'".to_owned(),
        },
        "frame-src 'none'".to_owned(),
        "object-src 'none'".to_owned(),
        "base-uri 'none'".to_owned(),
        "form-action 'none'".to_owned(),
        "webrtc 'block'".to_owned(),
        format!("frame-ancestors {framed_by}"),
        "sandbox allow-scripts allow-forms".to_owned(),
    ]
    .join("; ")
}

/// How a page is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub scheme: ColorScheme,
    pub scripts: Scripts,
}

/// Puts our script before everything of the page: behind its doctype, where a parser begins the
/// head with it and goes on with the page's own (HTML §13.2.6.4).
pub(super) fn with_client(html: &[u8], client: &str, look: Look) -> Vec<u8> {
    let at = behind_doctype(html);
    let scripts = match look.scripts {
        Scripts::Run => "",
        Scripts::Off => " data-scripts=\"off\"",
    };
    let scheme = match look.scheme {
        ColorScheme::System => "",
        ColorScheme::Light => " data-scheme=\"light\"",
        ColorScheme::Dark => " data-scheme=\"dark\"",
    };
    let mark = mark(html);
    let tag = format!("<script src=\"{client}\" data-mark=\"{mark}\"{scheme}{scripts}></script>");
    let mut page = Vec::with_capacity(html.len() + tag.len());
    page.extend_from_slice(&html[..at]);
    page.extend_from_slice(tag.as_bytes());
    page.extend_from_slice(&html[at..]);
    page
}

static SCRIPT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let address = r#"(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))"#;
    Regex::new(&format!(
        r"(?i)<script(\s[^>]*?)?\ssrc\s*=\s*{address}([^>]*)>"
    ))
    .ok()
});

/// Has the canvas's own scripts fetched as from anywhere: what goes wrong in one that was fetched
/// otherwise is hidden from a page of no origin (HTML, "muted errors"), and so from who writes it.
pub(super) fn telling(text: &str) -> Cow<'_, str> {
    let Some(script) = &*SCRIPT else {
        return Cow::Borrowed(text);
    };
    script.replace_all(text, |found: &regex::Captures<'_>| {
        let group = |index| found.get(index).map_or("", |part| part.as_str());
        let address = [2, 3, 4].map(group).concat();
        let is_foreign = address.starts_with("//") || address.contains(':');
        let says = |part: &str| part.to_ascii_lowercase().contains("crossorigin");
        let whole = group(0);
        if is_foreign || says(group(1)) || says(group(5)) {
            return whole.to_owned();
        }
        format!(
            "{} crossorigin{}",
            &whole[.."<script".len()],
            &whole["<script".len()..]
        )
    })
}

/// What tells one text of a page from another: our script compares what it runs in with what it reads.
fn mark(html: &[u8]) -> String {
    let mut mark = ContentHash::of(html).to_string();
    mark.truncate(16);
    mark
}

/// Where the doctype ends, with blanks and comments before it; 0 for a page without.
fn behind_doctype(html: &[u8]) -> usize {
    let mut at = if html.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    let begins = at;
    loop {
        let rest = &html[at..];
        if rest.first().is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        } else if rest.starts_with(b"<!--") {
            match rest.windows(3).position(|end| end == b"-->") {
                Some(end) => at += end + 3,
                None => return begins,
            }
        } else if rest.len() > 9 && rest[..9].eq_ignore_ascii_case(b"<!doctype") {
            let end = rest.iter().position(|byte| *byte == b'>');
            return end.map_or(begins, |end| at + end + 1);
        } else {
            return begins;
        }
    }
}

static PREFERENCE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\(\s*prefers-color-scheme\s*:\s*(light|dark)\s*\)").ok());
static DECLARED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r#"(?i)((?:^|[\s;{"'])color-scheme\s*:\s*|<meta\s[^>]*name\s*=\s*["']?color-scheme["']?[^>]*content\s*=\s*["'])(?:light\s+dark|dark\s+light)"#;
    Regex::new(pattern).ok()
});

/// Has rules apply as if the person preferred these colours. No web view lets a page choose for a
/// frame, so the conditions in the canvas's own pages and styles are answered here; what comes from
/// other hosts still follows the system.
pub(super) fn pretending(text: &str, scheme: ColorScheme) -> Cow<'_, str> {
    let wanted = match scheme {
        ColorScheme::System => return Cow::Borrowed(text),
        ColorScheme::Light => "light",
        ColorScheme::Dark => "dark",
    };
    let (Some(preference), Some(declared)) = (&*PREFERENCE, &*DECLARED) else {
        return Cow::Borrowed(text);
    };
    let answered = preference.replace_all(text, |found: &regex::Captures<'_>| {
        if found[1].eq_ignore_ascii_case(wanted) {
            "(min-width:0)"
        } else {
            "(max-width:0)"
        }
    });
    let chosen = declared.replace_all(&answered, |found: &regex::Captures<'_>| {
        format!("{}{wanted}", &found[1])
    });
    Cow::Owned(chosen.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(html: &str) -> String {
        let look = Look {
            scheme: ColorScheme::System,
            scripts: Scripts::Run,
        };
        let page = with_client(html.as_bytes(), "c.js", look);
        String::from_utf8(page).unwrap()
    }

    #[test]
    fn our_script_comes_first_and_leaves_the_page_in_its_mode() {
        for (html, begins) in [
            ("<!doctype html><p>x", "<!doctype html>"),
            (
                "\u{feff} \n<!-- a > b --><!DOCTYPE html SYSTEM \"x\">\n<html>",
                "\u{feff} \n<!-- a > b --><!DOCTYPE html SYSTEM \"x\">",
            ),
            ("<html><head>", ""),
            ("<!-- never closed <!doctype html>", ""),
            ("<!doctype", ""),
            ("", ""),
        ] {
            let mark = mark(html.as_bytes());
            let tag = format!("<script src=\"c.js\" data-mark=\"{mark}\"></script>");
            assert!(
                client(html).starts_with(&format!("{begins}{tag}")),
                "{html}"
            );
            assert_eq!(client(html).replacen(&tag, "", 1), html);
        }
    }

    #[test]
    fn what_goes_wrong_in_the_canvas_own_scripts_is_not_hidden() {
        for (html, told) in [
            (
                "<script src=\"a.js\"></script>",
                "<script crossorigin src=\"a.js\"></script>",
            ),
            (
                "<SCRIPT defer\n src='/assets/a.js' async>",
                "<SCRIPT crossorigin defer\n src='/assets/a.js' async>",
            ),
            ("<script src=a.js>", "<script crossorigin src=a.js>"),
        ] {
            assert_eq!(telling(html), told);
        }
        for html in [
            "<script>let src = 'a.js'; a > b</script>",
            "<script data-src=\"a.js\">",
            "<script src=\"https://example.com/a.js\">",
            "<script src=//example.com/a.js>",
            "<script src=\"a.js\" crossorigin=use-credentials>",
            "<scripts src=\"a.js\">",
        ] {
            assert_eq!(telling(html), html);
        }
    }

    #[test]
    fn conditions_on_colours_are_answered() {
        let css = "@media ( Prefers-Color-Scheme:dark ) and (width>1px){a{}} :root{color-scheme:light dark}";
        let dark = pretending(css, ColorScheme::Dark);
        assert_eq!(
            dark,
            "@media (min-width:0) and (width>1px){a{}} :root{color-scheme:dark}"
        );
        let light = pretending(css, ColorScheme::Light);
        assert_eq!(
            light,
            "@media (max-width:0) and (width>1px){a{}} :root{color-scheme:light}"
        );
        assert_eq!(pretending(css, ColorScheme::System), css);
        let html = "<meta name=\"color-scheme\" content=\"dark light\"><link media=\"(prefers-color-scheme: light)\">";
        let dark = pretending(html, ColorScheme::Dark);
        assert_eq!(
            dark,
            "<meta name=\"color-scheme\" content=\"dark\"><link media=\"(max-width:0)\">"
        );
    }

    #[test]
    fn a_policy_lets_nothing_out_that_was_not_allowed() {
        let base = "plimsoll-canvas://localhost/abc/";
        let closed = policy(base, "tauri://localhost", &[], Scripts::Run);
        assert!(closed.starts_with("default-src 'none'; "));
        assert!(closed.contains(&format!("connect-src {base};")));
        assert!(
            closed.contains(
                "frame-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'"
            )
        );
        assert!(closed.ends_with("sandbox allow-scripts allow-forms"));
        assert!(!closed.contains('*') && !closed.contains("https:"));
        let fonts = [AllowedHost::parse("fonts.example.com").unwrap()];
        let open = policy(base, "tauri://localhost", &fonts, Scripts::Run);
        assert_eq!(open.matches("https://fonts.example.com").count(), 6);
        let walls = walls(base, "tauri://localhost", &fonts, Scripts::Run);
        assert_eq!(
            walls.connections,
            "(response-origin \"https://fonts.example.com\");webrtc=block"
        );
        assert!(open.contains("frame-src 'none'"));
    }

    #[test]
    fn a_page_whose_scripts_are_off_runs_ours_only() {
        let base = "plimsoll-canvas://abc/";
        let fonts = [AllowedHost::parse("fonts.example.com").unwrap()];
        let policy = policy(base, "tauri://localhost", &fonts, Scripts::Off);
        let ours = format!("; script-src {base}.plimsoll/client.js; ");
        assert!(policy.contains(&ours), "{policy}");
        assert!(policy.contains("; worker-src 'none'; "), "{policy}");
    }
}
