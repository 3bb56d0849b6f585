//! The window opens, safely.

use crate::support::{Desk, Keyring, Role, SOON, eventually};
use std::{net::TcpListener, time::Duration};

#[tokio::test(flavor = "multi_thread")]
async fn the_window_opens_and_nothing_goes_wrong_in_it() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let window = desk.open().await;
    window.sees("Welcome to Plimsoll").await;
    let title = window.driver().title().await.unwrap();
    assert_eq!(title, "Welcome · Plimsoll");
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
            tokio::time::sleep(Duration::from_millis(50)).await;
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
    tokio::time::sleep(Duration::from_millis(500)).await;
    let address = window.script("return location.href", vec![]).await;
    assert!(
        address.as_str().unwrap().starts_with("tauri://localhost"),
        "{address}"
    );
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_page_gets_no_frame_and_a_frame_no_commands() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let foreign = TcpListener::bind("127.0.0.1:0").unwrap();
    foreign.set_nonblocking(true).unwrap();
    let address = format!("http://{}/", foreign.local_addr().unwrap());
    let window = desk.open().await;
    window.sees("Welcome to Plimsoll").await;
    // What is put between, as a page of somebody else's would try it: by address, by text, by data.
    let attack = "parent.attacked = true; \
         (window.__TAURI_INTERNALS__ ?? parent.__TAURI_INTERNALS__) \
             .invoke('project_create', { values: { name: 'attacked' } });";
    let framed = "const [address, attack] = arguments;
         window.refused = [];
         document.addEventListener('securitypolicyviolation', (event) =>
             window.refused.push(event.effectiveDirective));
         const page = `<script>${attack}</script>`;
         const frames = [
             { src: address },
             { src: `data:text/html,${encodeURIComponent(page)}` },
             { srcdoc: page },
             { src: URL.createObjectURL(new Blob([page], { type: 'text/html' })) }
         ];
         for (const frame of frames)
             document.body.append(Object.assign(document.createElement('iframe'), frame));
         return null;";
    window
        .script(framed, vec![address.into(), attack.into()])
        .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(foreign.accept().is_err(), "the foreign page was asked for");
    let refused = window.script("return window.refused", vec![]).await;
    let refused: Vec<String> = serde_json::from_value(refused).unwrap();
    let frames = refused.iter().filter(|each| *each == "frame-src").count();
    assert!(frames >= 3, "only refused {refused:?}");
    let attacked = window
        .script("return window.attacked ?? false", vec![])
        .await;
    assert_eq!(attacked, false);
    let projects = window.command("desk_load", serde_json::json!({})).await;
    assert!(!projects.to_string().contains("attacked"), "{projects}");
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_leaves_the_work_to_the_first() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let window = desk.open_as_people_do().await;
    window.sees("Welcome to Plimsoll").await;
    let mut second = desk.start_again();
    eventually("the second start has ended", SOON, || {
        second.0.try_wait().unwrap().is_some()
    })
    .await;
    window.click(Role::Link, "Projects").await;
    window.sees("No projects yet").await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}
