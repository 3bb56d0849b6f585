//! The window opens, safely.

use crate::support::{Desk, Keyring, SOON, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn the_window_opens_and_nothing_goes_wrong_in_it() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let window = desk.open().await;
    assert_eq!(window.driver().title().await.unwrap(), "Plimsoll");
    window.sees("Plimsoll").await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_loads_no_foreign_content_and_runs_no_text_as_a_program() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let window = desk.open().await;
    let tried = window
        .script(
            "const refused = [];
             document.addEventListener('securitypolicyviolation', (event) =>
                 refused.push(event.effectiveDirective));
             window.refused = refused;
             const script = document.createElement('script');
             script.textContent = 'window.inlineRan = true';
             document.head.append(script);
             const image = document.createElement('img');
             image.src = 'https://example.com/pixel.png';
             document.body.append(image);
             const frame = document.createElement('iframe');
             frame.src = 'https://example.com/';
             document.body.append(frame);
             fetch('https://example.com/').catch(() => {});
             try { new Function('window.evalRan = true')(); } catch { window.evalRefused = true; }
             return null;",
            vec![],
        )
        .await;
    assert!(tried.is_null());
    for directive in ["script-src-elem", "img-src", "frame-src", "connect-src"] {
        let began = std::time::Instant::now();
        loop {
            let refused = window.script("return window.refused", vec![]).await;
            if refused.to_string().contains(directive) {
                break;
            }
            assert!(
                began.elapsed() < SOON,
                "{directive} was not refused: {refused}"
            );
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    let ran = "return [window.inlineRan ?? false, window.evalRan ?? false, window.evalRefused]";
    assert_eq!(
        window.script(ran, vec![]).await,
        serde_json::json!([false, false, true])
    );
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_goes_nowhere_else() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let window = desk.open().await;
    window
        .script(
            "location.href = 'https://example.com/'; return null;",
            vec![],
        )
        .await;
    // A navigation that was let through would have begun by then.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let address = window.script("return location.href", vec![]).await;
    assert!(
        address.as_str().unwrap().starts_with("tauri://localhost"),
        "{address}"
    );
    let log = desk.log();
    eventually("the window runs", SOON, || log.exists()).await;
    window.close().await;
}
