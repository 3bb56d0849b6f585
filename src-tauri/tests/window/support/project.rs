//! Projects whose files lie in a folder, and what is seen of them.

use super::{Desk, Role, Window};
use serde_json::json;
use std::path::Path;

impl Desk {
    /// Opens the window at a page of a new project with this folder: `files`, `canvas`, `versions`.
    pub async fn open_at(&self, folder: &Path, page: &str) -> Window {
        let window = self.open().await;
        window.at_project(folder, page).await;
        window
    }
}

impl Window {
    /// Makes a project with the name of its folder, which is made where it is not there; answers its
    /// id.
    pub async fn with_project(&self, folder: &Path) -> String {
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap();
        let created = self.command("project_create", json!({"values": {"name": name}}));
        let id = created.await["id"].as_str().unwrap().to_owned();
        let adopted = json!({"projectId": id, "folder": folder, "make": true});
        self.command("project_set_folder", adopted).await;
        id
    }

    /// The same, and goes to one of its pages.
    pub async fn at_project(&self, folder: &Path, page: &str) -> String {
        self.find(Role::Link, "Projects").await;
        let id = self.with_project(folder).await;
        self.go(&format!("/projects/{id}/{page}")).await;
        id
    }
}
