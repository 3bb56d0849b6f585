//! How a canvas is looked at in the real window: sizes, colours, what the page says, and several
//! canvases in one project.

use crate::support::{Desk, Key, Keyring, Role, SOON, Window, eventually};
use serde_json::json;
use std::{fs, path::Path};

const PAGE: &str = "<!doctype html><style>
    p { color: rgb(0, 0, 1) }
    @media (prefers-color-scheme: dark) { p { color: rgb(255, 255, 254) } }
</style><p>Words</p><img src=\"assets/missing.svg\"><script>
    console.warn('careful', { of: [1, 2] });
    fetch('https://example.com/data').catch(() => null);
    setTimeout(() => { throw new Error('it broke') });
</script><script src=\"app.js\"></script><script>nobodyKnows()</script><script>const y = ;</script>";

/// Chooses in one of the menus above the preview.
async fn choose(window: &Window, menu: &str, item: &str) {
    window.press(menu).await;
    window.click(Role::MenuItem, item).await;
}

/// Types at the end of the page.
async fn type_in(window: &Window, text: &str) {
    window.click(Role::Textbox, "Text of index.html").await;
    window.control(Key::End).await;
    window.keys(text).await;
}

/// Waits until the frame is drawn in this size, in pixels of the window.
async fn drawn(window: &Window, width: u32, height: u32) {
    let size = format!(
        "const at = document.querySelector('iframe')?.getBoundingClientRect();
         return Math.abs((at?.width ?? 0) - {width}) < 1 && Math.abs((at?.height ?? 0) - {height}) < 1"
    );
    let what = format!("the preview is drawn as {width} × {height}");
    window.until(&what, &size, SOON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_seen_as_on_a_device_in_both_colours_and_tells_what_went_wrong() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let shop = folder.path().join("shop");
    fs::create_dir_all(shop.join(".canvas")).unwrap();
    fs::write(shop.join(".canvas/index.html"), PAGE).unwrap();
    fs::write(shop.join(".canvas/app.js"), "throw new Error('in a file');").unwrap();
    let window = desk.open_at(&shop, "canvas").await;
    let size = "return [innerWidth, innerHeight]";
    let color = "return getComputedStyle(document.querySelector('p')).color";
    let is_dark = "return matchMedia('(prefers-color-scheme: dark)').matches";

    choose(&window, "Device: Fill", "Phone, 390 × 844").await;
    window.in_frame(size, json!([390, 844])).await;
    window.press("Turn the device").await;
    window.in_frame(size, json!([844, 390])).await;
    choose(&window, "Zoom: fit", "50 %").await;
    drawn(&window, 422, 195).await;
    window.in_frame(size, json!([844, 390])).await;
    choose(&window, "Zoom: 50 %", "150 %").await;
    drawn(&window, 1266, 585).await;
    choose(&window, "Device: Phone", "Fill").await;
    choose(&window, "Zoom: 150 %", "Fit").await;

    type_in(&window, "Typed").await;
    for (menu, item, wanted, dark) in [
        (
            "Colours of the system",
            "Dark colours",
            "rgb(255, 255, 254)",
            true,
        ),
        ("Dark colours", "Light colours", "rgb(0, 0, 1)", false),
    ] {
        choose(&window, menu, item).await;
        window.in_frame(color, json!(wanted)).await;
        window.in_frame(is_dark, json!(dark)).await;
        // What was typed and not saved is still seen.
        let typed = "return document.body.innerText.includes('Typed')";
        window.in_frame(typed, json!(true)).await;
    }

    for said in [
        "warn: careful {of: [1, 2]}",
        "error: Error: it broke",
        "error: Error: in a file (app.js:1:",
        "in a script that begins with “nobodyKnows()”",
        "error: SyntaxError: Unexpected token ';'",
    ] {
        window.sees(said).await;
    }
    window.click(Role::Tab, "Failed requests").await;
    window.sees("assets/missing.svg").await;
    window.sees("<img> could not be loaded").await;
    window.sees("https://example.com/data").await;
    assert_eq!(
        fs::read_to_string(shop.join(".canvas/index.html")).unwrap(),
        PAGE
    );
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canvas_begins_with_the_starter_and_stands_beside_others_of_its_project() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let shop = folder.path().join("shop");
    let window = desk.open_at(&shop, "canvas").await;
    window.sees("No canvas yet").await;
    window.press("Begin with the starter").await;
    window.find(Role::Textbox, "Text of index.html").await;
    is_there(&shop.join(".canvas/index.html")).await;
    type_in(&window, "Typed into main").await;

    choose(&window, "Canvas: main", "New canvas…").await;
    window.fill(Role::Textbox, "Name", "../up").await;
    window.press("Create canvas").await;
    let invalid = "return document.activeElement?.getAttribute('aria-invalid') === 'true'
        || document.querySelector('[aria-invalid=true]') !== null";
    window.until("the name is refused", invalid, SOON).await;
    window.fill(Role::Textbox, "Name", "landing").await;
    window.press("Create canvas").await;
    window.find(Role::Button, "Canvas: landing").await;
    window.find(Role::Textbox, "Text of index.html").await;
    is_there(&shop.join(".canvases/landing/index.html")).await;
    // Each has its own words: what was typed into one is not shown in the other.
    let typed = "return document.body.innerText.includes('Typed into main')";
    window.in_frame(typed, json!(false)).await;
    window.loses("Typed into main").await;
    choose(&window, "Canvas: landing", "main").await;
    window.sees("Typed into main").await;
    window.sees("Not saved").await;
    window.in_frame(typed, json!(true)).await;

    // A page that another program takes away is still here, and comes back.
    fs::remove_file(shop.join(".canvas/index.html")).unwrap();
    window
        .sees("index.html was removed by another program.")
        .await;
    window.press("Write it anew").await;
    is_there(&shop.join(".canvas/index.html")).await;
    window.loses("removed by another program").await;
    window.in_frame(typed, json!(true)).await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}

async fn is_there(file: &Path) {
    let what = format!("{} is there", file.display());
    eventually(&what, SOON, || file.is_file()).await;
}
