//! What is typed beside a canvas: nobody ever loses it.

use crate::support::{Desk, Key, Keyring, Role, SOON, Window, holds};
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
};

const PAGE: &str = "<!doctype html><link rel=\"stylesheet\" href=\"style.css\"><p>Words</p><script>
    setInterval(() => parent.postMessage({ said: document.body.innerText }, '*'), 50);
</script><!-- end -->";

/// Begins a canvas of two files, as another program does; answers its folder.
fn begin(shop: &Path) -> PathBuf {
    let canvas = shop.join(".canvas");
    fs::create_dir(&canvas).unwrap();
    fs::write(canvas.join("style.css"), "p { margin: 0 }\n").unwrap();
    fs::write(canvas.join("index.html"), PAGE).unwrap();
    canvas
}

/// Types at the end of the file that is open.
async fn type_in(window: &Window, name: &str, text: &str) {
    window
        .click(Role::Textbox, &format!("Text of {name}"))
        .await;
    window.control(Key::End).await;
    window.keys(text).await;
}

/// Opens another file of the canvas.
async fn open(window: &Window, from: &str, to: &str) {
    window.press(&format!("File: {from}")).await;
    window.click(Role::MenuItem, to).await;
    window.find(Role::Textbox, &format!("Text of {to}")).await;
}

/// Waits until the preview, which tells it again and again, says this.
async fn previews(window: &Window, text: &str) {
    let listen = "window.heard ??= [addEventListener('message', ({ data }) => {
                      if (typeof data?.said === 'string') window.said = data.said;
                  })];
                  return null";
    window.script(listen, vec![]).await;
    let says = format!("return window.said?.includes('{text}') === true");
    window
        .until(&format!("the preview says “{text}”"), &says, SOON)
        .await;
    window
        .script("delete window.said; return null", vec![])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_stays_when_something_else_is_opened_and_after_a_crash() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let shop = folder.path().join("shop");
    fs::create_dir(&shop).unwrap();
    let window = desk.open().await;
    let id = window.at_project(&shop, "canvas").await;
    window.sees("No canvas yet").await;
    let canvas = begin(&shop);
    window.find(Role::Textbox, "Text of index.html").await;
    type_in(&window, "index.html", "more").await;
    previews(&window, "more").await;
    window.sees("Not saved").await;

    // What is decided about the canvas begins nothing anew.
    let allow = json!({"projectId": id, "canvas": "main", "hosts": ["example.com"]});
    window.command("canvas_allow", allow).await;
    window.press("No network").await;
    window.press("Cancel").await;
    window.sees("Not saved").await;

    open(&window, "index.html", "style.css").await;
    window.loses("Not saved").await;
    previews(&window, "more").await;
    window.go(&format!("/projects/{id}/versions")).await;
    window.sees("Save a version").await;
    window.go(&format!("/projects/{id}/files")).await;
    window.find(Role::Tab, "index.html , not saved").await;
    window.go(&format!("/projects/{id}/canvas")).await;
    window.find(Role::Textbox, "Text of index.html").await;
    window.sees("end -->more").await;
    previews(&window, "more").await;
    window.crash();

    let window = desk.open().await;
    window.find(Role::Textbox, "Text of index.html").await;
    window.sees("end -->more").await;
    previews(&window, "more").await;
    assert_eq!(fs::read_to_string(canvas.join("index.html")).unwrap(), PAGE);

    // What another program writes is shown beside it at once.
    fs::write(canvas.join("index.html"), "<!doctype html>theirs").unwrap();
    window.sees("was changed by another program").await;
    window.press("Keep mine").await;
    holds(&canvas.join("index.html"), &format!("{PAGE}more")).await;
    window.loses("Not saved").await;
    window.loses("was changed by another program").await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}
