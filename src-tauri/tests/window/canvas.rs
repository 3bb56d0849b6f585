//! A canvas is somebody's page: it is shown, and it reaches nothing.

use crate::support::{Desk, Keyring, SOON, Window, binary};
use serde_json::{Value, json};
use std::{
    fs,
    io::Read,
    net::TcpListener,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// Tries everything that a page can try, and tells what became of it.
const ATTACK: &str = include_str!("attack.js");

/// A project whose folder holds a canvas; answers the folder of the canvas.
fn project(desk: &Desk, folder: &Path) -> PathBuf {
    let command = Path::new(&binary()).with_file_name("plimsoll");
    let created = Command::new(command)
        .args(["project", "create", "shop", "--folder"])
        .arg(folder)
        .env("PLIMSOLL_HOME", desk.home())
        .output()
        .unwrap();
    assert!(created.status.success(), "{created:?}");
    let canvas = folder.join(".canvas");
    fs::create_dir_all(&canvas).unwrap();
    canvas
}

/// Shows the canvas of the only project, and hears what it says.
async fn show(window: &Window) -> String {
    window
        .script(
            "window.told = [];
             window.addEventListener('message', ({ data, origin }) => {
                 if (data?.attack) window.told.push({ ...data, origin });
             });
             return null;",
            vec![],
        )
        .await;
    let desk = window.command("desk_load", json!({})).await;
    let id = desk["projects"][0]["id"].as_str().unwrap_or_default();
    assert!(!id.is_empty(), "{desk}");
    let go = "location.hash = `#/projects/${arguments[0]}/canvas`;
        window.dispatchEvent(new PopStateEvent('popstate', { state: { depth: 0 } }));
        return null;";
    window.script(go, vec![id.into()]).await;
    id.to_owned()
}

/// What the canvas told under a name.
async fn told(window: &Window, name: &str) -> Value {
    let began = Instant::now();
    loop {
        let all = window.script("return window.told", vec![]).await;
        let all = all.as_array().cloned().unwrap_or_default();
        if let Some(found) = all.iter().find(|each| each["attack"] == name) {
            return found["outcome"].clone();
        }
        if began.elapsed() > SOON {
            window
                .fail(&format!("{name} was never told: {all:?}"))
                .await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Everything that was sent to a listener. Web views connect to where somebody wants to go before they
/// ask whether they may; what counts is that nothing is told there.
fn what_was_sent(listener: &TcpListener) -> String {
    let mut sent = String::new();
    while let Ok((mut stream, _)) = listener.accept() {
        let soon = Some(Duration::from_millis(200));
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(soon).unwrap();
        let mut bytes = [0; 1_024];
        if let Ok(read) = stream.read(&mut bytes) {
            sent.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    }
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canvas_reaches_its_own_files_and_nothing_else() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let foreign = TcpListener::bind("127.0.0.1:0").unwrap();
    foreign.set_nonblocking(true).unwrap();
    let address = format!("http://{}/", foreign.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("shop");
    let canvas = project(&desk, &root);
    fs::write(folder.path().join("outside.txt"), "SECRET").unwrap();
    fs::write(root.join("secret.txt"), "SECRET").unwrap();
    symlink("../secret.txt", canvas.join("link.txt")).unwrap();
    fs::write(canvas.join("own.json"), "{\"own\": true}").unwrap();
    fs::write(canvas.join("own.mjs"), "export const own = true;").unwrap();
    fs::write(canvas.join("attack.js"), ATTACK).unwrap();
    let page = format!(
        "<!doctype html><title>Canvas</title><p>The canvas itself</p>\
         <script data-foreign=\"{address}\" src=\"attack.js\"></script>"
    );
    fs::write(canvas.join("index.html"), page).unwrap();

    let window = desk.open().await;
    window.sees("Projects").await;
    let id = show(&window).await;

    // What it may: its own data and modules. Without this, everything below would prove nothing.
    assert_eq!(told(&window, "own data").await, json!({"own": true}));
    assert_eq!(told(&window, "own module").await, json!(true));
    for (name, outcome) in [
        ("internals", json!("undefined")),
        ("parent document", json!("SecurityError")),
        ("top address", json!("SecurityError")),
        ("storage", json!("SecurityError")),
        ("origin", json!("null")),
        ("new window", json!("none")),
        ("ipc by fetch", json!("refused")),
        ("window's page by fetch", json!("refused")),
        ("foreign by fetch", json!("refused")),
        ("foreign by image", json!("refused")),
        ("foreign by beacon", json!("sent or not")),
        ("frame of a foreign page", json!("nothing")),
        ("frame of the window", json!("nothing")),
        ("encoded way up", json!(403)),
        ("encoded slash", json!(403)),
        ("link out", json!(403)),
        ("hidden file", json!(403)),
    ] {
        assert_eq!(told(&window, name).await, outcome, "{name}");
    }
    let up = told(&window, "plain way up").await;
    assert!(up == "refused" || up == 403 || up == 404, "{up}");
    told(&window, "everything tried").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let sent = what_was_sent(&foreign);
    assert_eq!(sent, "", "the foreign host was asked");
    let here = window.script("return location.href", vec![]).await;
    let here = here.as_str().unwrap_or_default().to_owned();
    assert!(here.starts_with("tauri://localhost"), "{here}");
    assert!(here.contains(&id), "{here}");
    let desk_now = window.command("desk_load", json!({})).await.to_string();
    assert!(!desk_now.contains("attacked"), "{desk_now}");
    let said = window
        .script("return JSON.stringify(window.told)", vec![])
        .await;
    assert!(!said.to_string().contains("SECRET"), "{said}");
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canvas_that_came_to_fill_the_window_commands_nothing() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let canvas = project(&desk, &folder.path().join("shop"));
    let page = "<!doctype html><p>The canvas itself</p><script>
        const call = { values: { name: 'attacked' } };
        window.__TAURI_INTERNALS__?.invoke('project_create', call);
        </script>";
    fs::write(canvas.join("index.html"), page).unwrap();
    let window = desk.open().await;
    window.sees("Projects").await;
    let id = show(&window).await;
    let ask = json!({"projectId": id, "canvas": "main", "scheme": "system"});
    let address = window.command("canvas_open", ask).await;
    window
        .script("location.href = arguments[0]; return null;", vec![address])
        .await;
    // Its program would have made a project by then.
    tokio::time::sleep(Duration::from_secs(2)).await;
    window.crash();
    let window = desk.open().await;
    window.sees("Projects").await;
    let projects = window.command("desk_load", json!({})).await;
    assert!(projects.to_string().contains("shop"), "{projects}");
    assert!(!projects.to_string().contains("attacked"), "{projects}");
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_file_is_seen_at_once_and_what_was_filled_in_stays() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let canvas = project(&desk, &folder.path().join("shop"));
    let page = |words: &str, tall: &str| {
        format!(
            "<!doctype html><link rel=\"stylesheet\" href=\"a.css\"><p>{words}</p>\
             <input id=\"field\"><div style=\"height: 3000px\"></div>{tall}"
        )
    };
    fs::write(canvas.join("a.css"), "p { color: rgb(1, 2, 3) }").unwrap();
    fs::write(canvas.join("index.html"), page("first words", "")).unwrap();
    let window = desk.open().await;
    window.sees("Projects").await;
    show(&window).await;
    let framed = "return document.querySelector('iframe') !== null";
    let began = Instant::now();
    while window.script(framed, vec![]).await != true {
        assert!(began.elapsed() < SOON, "there is no preview");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let driver = window.driver();
    driver.enter_frame(0).await.unwrap();
    let asked = async |script: &str| {
        let answer = driver.execute(script, vec![]).await.unwrap();
        answer.json().clone()
    };
    let becomes = async |script: &str, wanted: Value| {
        let began = Instant::now();
        loop {
            let is = asked(script).await;
            if is == wanted {
                break;
            }
            assert!(began.elapsed() < SOON, "{script} is {is}, not {wanted}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let words = "return document.querySelector('p')?.textContent ?? null";
    let color = "return getComputedStyle(document.querySelector('p')).color";
    becomes(words, json!("first words")).await;
    asked(
        "document.getElementById('field').value = 'typed';
         window.scrollTo(0, 700); window.mark = 1; return null;",
    )
    .await;
    fs::write(canvas.join("a.css"), "p { color: rgb(4, 5, 6) }").unwrap();
    becomes(color, json!("rgb(4, 5, 6)")).await;
    fs::write(canvas.join("index.html"), page("second words", "")).unwrap();
    becomes(words, json!("second words")).await;
    let kept = "return [document.getElementById('field').value, window.scrollY, window.mark ?? 0]";
    assert_eq!(asked(kept).await, json!(["typed", 700, 1]));
    // A new program needs the page anew: scroll and fields are brought along.
    let more = "<script>window.ran = true</script>";
    fs::write(canvas.join("index.html"), page("third words", more)).unwrap();
    becomes("return window.ran ?? false", json!(true)).await;
    becomes(kept, json!(["typed", 700, 0])).await;
    driver.enter_default_frame().await.unwrap();
    window.close().await;
}
