use super::*;
use crate::clock::SystemClock;

fn vault(path: &Path, passphrase: &str) -> Vault {
    Vault::new(path, Secret::new(passphrase), Arc::new(SystemClock))
}

async fn read(vault: &Vault, entry: &str) -> Option<String> {
    vault
        .get(entry)
        .await
        .unwrap()
        .map(|value| value.expose().to_owned())
}

#[tokio::test]
async fn entries_survive_the_process_and_are_not_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/vault.json");
    let one = vault(&path, "correct horse");
    assert_eq!(read(&one, "token").await, None);
    one.check().await.unwrap();
    assert!(!path.exists(), "reading made a file");
    one.set("token", &Secret::new("canary-1")).await.unwrap();
    one.set("key", &Secret::new("canary-2\nline"))
        .await
        .unwrap();
    one.delete("nothing").await.unwrap();
    let other = vault(&path, "correct horse");
    assert_eq!(read(&other, "token").await.as_deref(), Some("canary-1"));
    assert_eq!(read(&other, "key").await.as_deref(), Some("canary-2\nline"));
    other.delete("token").await.unwrap();
    assert_eq!(read(&one, "token").await, None);
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap().path();
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(
            !text.contains("canary") && !text.contains("token"),
            "{}",
            file.display()
        );
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::MetadataExt::mode(&file.metadata().unwrap());
            assert_eq!(mode & 0o777, 0o600, "{}", file.display());
        }
    }
}

#[tokio::test]
async fn a_wrong_passphrase_opens_nothing_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.json");
    vault(&path, "right")
        .set("a", &Secret::new("1"))
        .await
        .unwrap();
    let before = std::fs::read(&path).unwrap();
    let wrong = vault(&path, "wrong");
    assert_eq!(
        wrong.check().await.unwrap_err().code(),
        "vault_wrong_passphrase"
    );
    let error = wrong.set("a", &Secret::new("2")).await.unwrap_err();
    assert_eq!(error.code(), "vault_wrong_passphrase");
    assert_eq!(
        wrong.delete("a").await.unwrap_err().code(),
        "vault_wrong_passphrase"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(
        read(&vault(&path, "right"), "a").await.as_deref(),
        Some("1")
    );
}

#[tokio::test]
async fn every_damage_is_noticed_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.json");
    let whole = vault(&path, "pass");
    whole.set("a", &Secret::new("1")).await.unwrap();
    let good = std::fs::read_to_string(&path).unwrap();
    let value: serde_json::Value = serde_json::from_str(&good).unwrap();
    let mut bad: Vec<String> = vec![
        String::new(),
        "no json".to_owned(),
        good[..good.len() / 2].to_owned(),
        "{}".to_owned(),
        good.replace("plimsoll-vault", "other-vault"),
        good.replace("\"version\": 1", "\"version\": 0"),
        good.replace("\"memory_kib\": 65536", "\"memory_kib\": 4294967295"),
    ];
    for key in ["salt", "nonce", "check", "sealed", "sum"] {
        let text = value[key].as_str().unwrap();
        let first = if text.starts_with('A') { "B" } else { "A" };
        bad.push(good.replace(text, &format!("{first}{}", &text[1..])));
    }
    for text in bad {
        std::fs::write(&path, &text).unwrap();
        let fresh = vault(&path, "pass");
        assert_eq!(
            fresh.check().await.unwrap_err().code(),
            "vault_damaged",
            "{text}"
        );
        let error = fresh.set("b", &Secret::new("2")).await.unwrap_err();
        assert_eq!(error.code(), "vault_damaged");
        assert!(!error.0.next_step.is_empty());
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            text,
            "a damaged file was replaced"
        );
    }
    std::fs::write(&path, good.replace("\"version\": 1", "\"version\": 2")).unwrap();
    assert_eq!(whole.check().await.unwrap_err().code(), "vault_newer");
    std::fs::write(&path, &good).unwrap();
    assert_eq!(read(&vault(&path, "pass"), "a").await.as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.json");
    // Each vault stands for a process: they share nothing but the file.
    let writers = (0..8).map(|n| {
        let vault = vault(&path, "pass");
        async move {
            for m in 0..3 {
                vault
                    .set(&format!("{n}.{m}"), &Secret::new(format!("{n}{m}")))
                    .await
                    .unwrap();
            }
        }
    });
    futures::future::join_all(writers).await;
    let all = vault(&path, "pass");
    for n in 0..8 {
        for m in 0..3 {
            assert_eq!(
                read(&all, &format!("{n}.{m}")).await,
                Some(format!("{n}{m}"))
            );
        }
    }
}

#[tokio::test]
async fn a_draft_that_a_crash_left_is_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.json");
    let vault = vault(&path, "pass");
    vault.set("a", &Secret::new("1")).await.unwrap();
    std::fs::write(beside(&path, "new"), "half a fi").unwrap();
    assert_eq!(read(&vault, "a").await.as_deref(), Some("1"));
    vault.set("b", &Secret::new("2")).await.unwrap();
    assert_eq!(read(&vault, "b").await.as_deref(), Some("2"));
    assert!(!beside(&path, "new").exists());
}

#[tokio::test]
async fn a_file_held_by_another_process_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.json");
    let vault = vault(&path, "pass");
    let held = vault.lock().await.unwrap();
    let value = Secret::new("1");
    let writing = vault.set("a", &value);
    let letting_go = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(held);
    };
    let (written, ()) = tokio::join!(writing, letting_go);
    written.unwrap();
    assert_eq!(read(&vault, "a").await.as_deref(), Some("1"));
}

#[tokio::test]
async fn the_vault_as_it_was_before_its_last_change_lies_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vault");
    let vault = vault(&file, "open sesame");
    for value in ["first", "second"] {
        vault.set("token", &Secret::new(value)).await.unwrap();
    }
    std::fs::write(&file, "{}").unwrap();
    let error = vault.get("token").await.unwrap_err();
    assert_eq!(error.code(), "vault_damaged");
    assert!(error.0.next_step.contains("vault.before"), "{error:?}");
    std::fs::rename(folder.path().join("vault.before"), &file).unwrap();
    assert_eq!(read(&vault, "token").await.as_deref(), Some("first"));
}
