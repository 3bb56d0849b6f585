//! A canvas is somebody's page: it is shown, and it reaches nothing.

use crate::support::{
    Desk, Keyring, LATER, Role, SOON, Window, eventually, names_asked_for, process, without_network,
};
use serde_json::{Value, json};
use std::{
    fs,
    io::Read,
    net::{TcpListener, UdpSocket},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// Tries everything that a page can try, and tells what became of it.
const ATTACK: &str = include_str!("attack.js");

/// A folder for a project, with one for its canvas; answers both.
fn folders(folder: &Path) -> (PathBuf, PathBuf) {
    let shop = folder.join("shop");
    let canvas = shop.join(".canvas");
    fs::create_dir_all(&canvas).unwrap();
    (shop, canvas)
}

/// Opens the window, hears what the canvas of a new project says and shows it; answers the project.
async fn show(desk: &Desk, shop: &Path) -> (Window, String) {
    let window = desk.open().await;
    let listen = "window.told = [];
         window.addEventListener('message', ({ data, origin }) => {
             if (data?.attack) window.told.push({ ...data, origin });
         });
         return null;";
    window.script(listen, vec![]).await;
    let id = window.at_project(shop, "canvas").await;
    (window, id)
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

/// A host that nobody allowed.
struct Foreign {
    connections: TcpListener,
    packets: UdpSocket,
}

impl Foreign {
    fn new() -> Self {
        let connections = TcpListener::bind("127.0.0.1:0").unwrap();
        connections.set_nonblocking(true).unwrap();
        let packets = UdpSocket::bind(connections.local_addr().unwrap()).unwrap();
        packets.set_nonblocking(true).unwrap();
        Self {
            connections,
            packets,
        }
    }

    fn address(&self) -> String {
        format!("http://{}/", self.connections.local_addr().unwrap())
    }

    /// Everything that came so far: that somebody connected is enough to tell them something.
    fn heard(&self) -> Vec<String> {
        let mut heard = Vec::new();
        while let Ok((mut stream, from)) = self.connections.accept() {
            stream.set_nonblocking(false).unwrap();
            let soon = Some(Duration::from_millis(200));
            stream.set_read_timeout(soon).unwrap();
            let mut bytes = [0; 1_024];
            let read = stream.read(&mut bytes).unwrap_or(0);
            let said = String::from_utf8_lossy(&bytes[..read]).into_owned();
            heard.push(format!("{from} connected: {said}"));
        }
        let mut bytes = [0; 1_024];
        while let Ok((length, from)) = self.packets.recv_from(&mut bytes) {
            heard.push(format!("{from} sent {length} bytes"));
        }
        heard
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canvas_reaches_its_own_files_and_nothing_else() {
    // Only where there is no other network nobody else answers for names.
    without_network(|_| async { reaches_nothing_else().await }).await;
}

async fn reaches_nothing_else() {
    let names_folder = tempfile::tempdir().unwrap();
    let names = names_asked_for(names_folder.path());
    let looked_up = Command::new("getent")
        .args(["hosts", "control.leak.test"])
        .output()
        .unwrap();
    assert!(!looked_up.status.success());
    let heard = std::mem::take(&mut *names.lock().unwrap());
    assert!(heard.contains(&"control.leak.test".to_owned()), "{heard:?}");
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let foreign = Foreign::new();
    let address = foreign.address();
    let folder = tempfile::tempdir().unwrap();
    let (root, canvas) = folders(folder.path());
    fs::write(folder.path().join("outside.txt"), "SECRET").unwrap();
    fs::write(root.join("secret.txt"), "SECRET").unwrap();
    symlink("../secret.txt", canvas.join("link.txt")).unwrap();
    fs::write(canvas.join("own.json"), "{\"own\": true}").unwrap();
    fs::write(canvas.join("own.mjs"), "export const own = true;").unwrap();
    fs::write(canvas.join("attack.js"), ATTACK).unwrap();
    let page = format!(
        "<!doctype html><title>Canvas</title><link rel=\"preconnect\" href=\"{address}\">\
         <link rel=\"dns-prefetch\" href=\"//parsed.leak.test\">\
         <link rel=\"preconnect\" href=\"//parsed-too.leak.test\"><p>The canvas itself</p>\
         <script data-foreign=\"{address}\" data-domain=\"leak.test\" src=\"attack.js\"></script>"
    );
    fs::write(canvas.join("index.html"), page).unwrap();

    let (window, id) = show(&desk, &root).await;

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
        ("webrtc", json!("refused")),
        ("service worker", json!("refused")),
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
    let heard = foreign.heard();
    assert!(heard.is_empty(), "the foreign host heard {heard:?}");
    let asked = names.lock().unwrap().clone();
    assert!(asked.is_empty(), "names were looked up: {asked:?}");
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
    let (shop, canvas) = folders(folder.path());
    let page = "<!doctype html><p>The canvas itself</p><script>
        const call = { values: { name: 'attacked' } };
        window.__TAURI_INTERNALS__?.invoke('project_create', call);
        </script>";
    fs::write(canvas.join("index.html"), page).unwrap();
    let (window, id) = show(&desk, &shop).await;
    let ask = json!({"projectId": id, "canvas": "main", "scheme": "system"});
    let address = window.command("canvas_open", ask).await;
    window
        .script("location.href = arguments[0]; return null;", vec![address])
        .await;
    // Its program would have made a project by then.
    tokio::time::sleep(Duration::from_secs(2)).await;
    window.sees("Projects").await;
    let here = window.script("return location.href", vec![]).await;
    let here = here.as_str().unwrap_or_default().to_owned();
    assert!(here.starts_with("tauri://localhost"), "{here}");
    let projects = window.command("desk_load", json!({})).await;
    assert!(projects.to_string().contains("shop"), "{projects}");
    assert!(!projects.to_string().contains("attacked"), "{projects}");
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_without_end_is_ended_and_the_window_comes_back_without_it() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (shop, canvas) = folders(folder.path());
    fs::write(canvas.join("index.html"), "<!doctype html><p>Words").unwrap();
    let window = desk.open_at(&shop, "canvas").await;
    window.sees("Words").await;
    window.close().await;
    let endless = "<!doctype html><script>for (;;) {}</script>";
    fs::write(canvas.join("index.html"), endless).unwrap();
    // A driver would end a page that stands still. Without one the window begins where it was left.
    let started = desk.start_again();
    let program = started.0.id();
    let mut spinning = None;
    eventually("the script runs without end", LATER, || {
        spinning = page_of(program).filter(|page| works(*page));
        spinning.is_some()
    })
    .await;
    eventually("another page is there, and rests", LATER, || {
        page_of(program).is_some_and(|page| Some(page) != spinning && !works(page))
    })
    .await;
    assert!(!process::runs(spinning.unwrap()));
    assert!(process::runs(program));
}

/// The process in which the pages of a program run.
fn page_of(program: u32) -> Option<u32> {
    let called = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let mut children = process::children(program).into_iter();
    // The system keeps the first 15 letters of a name.
    children.find(|pid| called(pid).trim() == "WebKitWebProces")
}

/// Whether a process does little else than to compute, over two seconds.
fn works(pid: u32) -> bool {
    let before = ticks(pid);
    std::thread::sleep(Duration::from_secs(2));
    // A hundred ticks are a second; other programs want their share as well.
    ticks(pid).saturating_sub(before) > 60
}

/// What a process has computed (proc_pid_stat(5): `utime` and `stime`).
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let fields = after.split_whitespace().skip(11).take(2);
    fields.filter_map(|field| field.parse::<u64>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_begins_with_a_slash_means_what_it_means_on_the_site() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (shop, canvas) = folders(folder.path());
    fs::create_dir(canvas.join("assets")).unwrap();
    fs::write(canvas.join("assets/a.css"), "p { color: rgb(1, 2, 3) }").unwrap();
    fs::write(canvas.join("assets/data.txt"), "0123456789").unwrap();
    let page = "<!doctype html><link rel=\"stylesheet\" href=\"/assets/a.css\"><p>Words</p><script>
        addEventListener('load', async () => {
            const tell = (attack, outcome) => parent.postMessage({ attack, outcome }, '*');
            tell('color', getComputedStyle(document.querySelector('p')).color);
            const asked = new XMLHttpRequest();
            asked.addEventListener('loadend', () =>
                tell('part', [asked.status, asked.responseText, asked.getResponseHeader('content-type')]));
            asked.open('GET', '/assets/data.txt');
            asked.setRequestHeader('range', 'bytes=2-4');
            asked.send();
        });
        </script>";
    fs::write(canvas.join("index.html"), page).unwrap();
    let (window, _) = show(&desk, &shop).await;
    assert_eq!(told(&window, "color").await, json!("rgb(1, 2, 3)"));
    let part = json!([206, "234", "text/plain; charset=utf-8"]);
    assert_eq!(told(&window, "part").await, part);
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_file_is_seen_at_once_and_what_was_filled_in_stays() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (shop, canvas) = folders(folder.path());
    let page = |words: &str, tall: &str| {
        format!(
            "<!doctype html><link rel=\"stylesheet\" href=\"a.css\"><p>{words}</p>\
             <input id=\"field\"><div style=\"height: 3000px\"></div>{tall}"
        )
    };
    fs::write(canvas.join("a.css"), "p { color: rgb(1, 2, 3) }").unwrap();
    fs::write(canvas.join("index.html"), page("first words", "")).unwrap();
    let window = desk.open_at(&shop, "canvas").await;
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

#[tokio::test(flavor = "multi_thread")]
async fn the_canvas_is_seen_again_however_often_it_came_to_fill_the_window() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (shop, canvas) = folders(folder.path());
    fs::write(canvas.join("index.html"), "<!doctype html><p>Words").unwrap();
    let (window, id) = show(&desk, &shop).await;
    for round in 0..4 {
        // Again and again before it is back.
        for wait in [round * 60, 40, 150] {
            let ask = json!({"projectId": id, "canvas": "main", "scheme": "system"});
            let fill = "window.before = true;
                window.__TAURI_INTERNALS__?.invoke('canvas_open', arguments[0])
                    .then((address) => (location.href = address));
                return null";
            // A page that is being replaced may not run it any more.
            let _ = window.driver().execute(fill, vec![ask]).await;
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
        let back = "return !window.before && location.protocol === 'tauri:'
            && document.querySelector('iframe')?.src.startsWith('plimsoll-canvas:') === true";
        let began = Instant::now();
        loop {
            let look = window.driver().execute(back, vec![]).await;
            if look.is_ok_and(|told| *told.json() == true) {
                break;
            }
            if began.elapsed() > SOON {
                window.fail("the canvas is not seen again").await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    window.find(Role::Textbox, "Text of index.html").await;
    window.close().await;
}
