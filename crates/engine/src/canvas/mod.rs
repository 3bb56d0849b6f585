//! Canvases: pages of a project that are previewed as they are written. The main one lies in
//! `.canvas`, further ones in `.canvases/<name>`; each begins with its `index.html`.
//!
//! A preview is reached through a *door*: an address with a secret in it that nobody can guess, so
//! that one preview cannot name another. The window and the server for browsers answer the same
//! requests with [`Engine::canvas_answer`].

mod answer;
mod changes;
mod page;
mod preview;
mod range;
mod scripts;

pub use answer::{CanvasAnswer, CanvasRequest, LARGEST_CANVAS_FILE};
pub use preview::CanvasDoor;
pub(crate) use preview::Preview;

use crate::{Engine, Receipt, Result, error::EngineError, ports::CanvasFile, projects::NewService};
use plimsoll_domain::{
    ProjectId, ServiceId,
    canvas::{AllowedHost, CanvasName, CanvasPath, ColorScheme, INDEX, MOST_HOSTS},
    name::Name,
    project::{Project, Service},
    service::ServiceSpec,
    source::Source,
};
use plimsoll_store::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::PathBuf;

/// Most files of a canvas that are listed.
const LISTED: usize = 5_000;
/// Where files go that are dropped on a canvas.
const ASSETS: &str = "assets";
/// What a canvas begins with.
const STARTER: &str = include_str!("starter.html");

/// A canvas as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CanvasOverview {
    /// Its name.
    pub name: CanvasName,
    /// Whether its `index.html` is there.
    pub has_page: bool,
    /// Hosts that it may reach.
    pub hosts: Vec<AllowedHost>,
    /// Whether its own scripts are off, as one of them did not come to an end.
    pub scripts_off: bool,
}

/// What a person decided about a canvas. It is kept on this machine and never in the canvas: who
/// adopts a folder of somebody else's gives it nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CanvasSettings {
    /// Hosts that it may reach.
    pub hosts: Vec<AllowedHost>,
}

fn setting(project: ProjectId, canvas: &CanvasName) -> String {
    format!("canvas/{project}/{canvas}")
}

impl Engine {
    /// The canvases of a project: the main one first, whether it is there or not.
    pub async fn canvases(&self, project: ProjectId) -> Result<Vec<CanvasOverview>> {
        let root = self.canvas_root(project).await?;
        let named = [CanvasName::NAMED_FOLDER.to_owned()];
        let files = &self.world.ports.canvases;
        let folders = files.folders(&root, &named).await?;
        let others = folders
            .iter()
            .filter_map(|folder| CanvasName::parse(folder).ok())
            .filter(|name| !name.is_main());
        let mut canvases = Vec::new();
        for name in std::iter::once(CanvasName::main()).chain(others) {
            let there = self.canvas_files(project, &name).await?;
            canvases.push(CanvasOverview {
                has_page: there.iter().any(|file| file.path == INDEX),
                hosts: self.canvas_settings(project, &name).await?.hosts,
                scripts_off: self.canvas_scripts_are_off(project, &name),
                name,
            });
        }
        Ok(canvases)
    }

    /// The folder of a project, which has to be there: an unplugged disk is not an empty canvas.
    pub(super) async fn canvas_root(&self, project: ProjectId) -> Result<PathBuf> {
        let root = self.need_folder(project).await?;
        match root.is_dir() {
            true => Ok(root),
            false => Err(StoreError::WorkspaceGone { path: root }.into()),
        }
    }

    /// The files of a canvas; none when its folder is not there.
    pub async fn canvas_files(
        &self,
        project: ProjectId,
        canvas: &CanvasName,
    ) -> Result<Vec<CanvasFile>> {
        let root = self.canvas_root(project).await?;
        let files = &self.world.ports.canvases;
        let listed = files.list(&root, &canvas.folder(), LISTED).await?;
        Ok(listed.unwrap_or_default())
    }

    /// Writes the page that a canvas begins with.
    ///
    /// # Errors
    /// `canvas_exists` when it has one.
    pub async fn create_canvas(&self, project: ProjectId, canvas: &CanvasName) -> Result<()> {
        let root = self.canvas_root(project).await?;
        let mut page = canvas.folder();
        page.push(INDEX.to_owned());
        let name = self.world.store.need::<Project>(&project).await?.name;
        let text = STARTER.replace("{{ name }}", name.as_str());
        let files = &self.world.ports.canvases;
        files.create(&root, &page, text.as_bytes()).await?;
        let subject = format!("project:{project}");
        self.note_done("canvas.create", subject, json!({"canvas": canvas}))
            .await;
        Ok(())
    }

    /// Puts a file into a canvas's `assets`, replacing nothing: where its name is taken it gets a
    /// number. Answers where it is.
    pub async fn add_canvas_asset(
        &self,
        project: ProjectId,
        canvas: &CanvasName,
        name: &str,
        content: &[u8],
    ) -> Result<CanvasPath> {
        let root = self.canvas_root(project).await?;
        let name = name.trim_start_matches('.');
        let (stem, ending) = match name.rsplit_once('.') {
            Some((stem, ending)) if !stem.is_empty() => (stem, format!(".{ending}")),
            _ => (name, String::new()),
        };
        for number in 1..1_000 {
            let path = match number {
                1 => CanvasPath::parse(&format!("{ASSETS}/{stem}{ending}"))?,
                number => CanvasPath::parse(&format!("{ASSETS}/{stem}-{number}{ending}"))?,
            };
            let whole = [&canvas.folder(), path.parts()].concat();
            match self
                .world
                .ports
                .canvases
                .create(&root, &whole, content)
                .await
            {
                Err(error) if error.code() == "canvas_exists" => {}
                made => {
                    made?;
                    let details = json!({"canvas": canvas, "path": path, "bytes": content.len()});
                    self.note_done("canvas.asset", format!("project:{project}"), details)
                        .await;
                    return Ok(path);
                }
            }
        }
        Err(EngineError::conflict(
            "canvas_exists",
            format!("There are a thousand files like “{name}” already."),
        )
        .next_step("Give the file another name."))
    }

    /// What was decided about a canvas. What cannot be read allows nothing.
    pub async fn canvas_settings(
        &self,
        project: ProjectId,
        canvas: &CanvasName,
    ) -> Result<CanvasSettings> {
        let kept = self.world.store.setting(&setting(project, canvas)).await?;
        Ok(kept
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default())
    }

    /// Lets a canvas reach these hosts, and no others.
    ///
    /// # Errors
    /// `invalid_canvas_host` for what is no host, or when there are too many.
    pub async fn set_canvas_hosts(
        &self,
        project: ProjectId,
        canvas: &CanvasName,
        hosts: &[String],
    ) -> Result<Receipt<ProjectId>> {
        let world = &self.world;
        world.store.need::<Project>(&project).await?;
        let given = hosts.iter().map(|text| text.trim());
        let mut hosts = Vec::new();
        for text in given.filter(|text| !text.is_empty()) {
            let host = AllowedHost::parse(text)?;
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        if hosts.len() > MOST_HOSTS {
            return Err(EngineError::bad_input(
                "invalid_canvas_host",
                format!("A canvas may reach {MOST_HOSTS} hosts at most."),
            )
            .next_step("Take some of them off the list."));
        }
        let settings = CanvasSettings { hosts };
        let text = serde_json::to_string(&settings)
            .map_err(|error| EngineError::internal("internal", error.to_string()))?;
        let mut write = world.store.write().await?;
        write.set_setting(&setting(project, canvas), &text).await?;
        let details = json!({"canvas": canvas, "hosts": settings.hosts});
        self.audited(
            &mut write,
            "canvas.hosts",
            format!("project:{project}"),
            details,
        )
        .await?;
        let seq = write.commit().await?;
        Ok(Receipt { id: project, seq })
    }

    /// Opens a door to a canvas; it stays open until it is closed or the program ends.
    pub async fn open_canvas(
        &self,
        project: ProjectId,
        canvas: &CanvasName,
        scheme: ColorScheme,
    ) -> Result<CanvasDoor> {
        self.canvas_root(project).await?;
        let mut secret = [0; 16];
        self.world.ports.clock.entropy(&mut secret);
        Ok(self.world.canvas.open(secret, project, canvas, scheme))
    }

    /// Closes a door: nobody gets in by its address any more.
    pub fn close_canvas(&self, door: &CanvasDoor) {
        self.world.canvas.close(door);
    }

    /// Shows a text in previews as if it had been saved; `None` shows again what is on disk.
    ///
    /// # Errors
    /// `canvas_draft_large` for more than a preview can hold.
    pub fn draft_canvas(
        &self,
        project: ProjectId,
        canvas: &CanvasName,
        path: &str,
        text: Option<String>,
    ) -> Result<()> {
        let path = CanvasPath::parse(path)?;
        self.world.canvas.draft(project, canvas, path, text)
    }

    /// What [`Self::draft_canvas`] shows of a file; `None` when it is what is on disk.
    pub fn drafted_canvas(
        &self,
        project: ProjectId,
        canvas: &CanvasName,
        path: &str,
    ) -> Result<Option<String>> {
        let path = CanvasPath::parse(path)?;
        let drafted = self.world.canvas.drafted(project, canvas, &path);
        Ok(drafted.map(|text| text.to_string()))
    }

    /// Whether some preview may connect to a port of a host: a person allowed it for a canvas that a
    /// door leads to. What cannot be read allows nothing.
    pub async fn canvas_may_reach(&self, host: &str, port: u16) -> bool {
        for (project, canvas) in self.world.canvas.open_now() {
            let settings = self.canvas_settings(project, &canvas).await;
            let hosts = settings.unwrap_or_default().hosts;
            if hosts.iter().any(|allowed| allowed.is(host, port)) {
                return true;
            }
        }
        false
    }

    /// Makes a static service of a canvas, or finds the one that was made of it before. It is
    /// deployed as every service is.
    pub async fn publish_canvas(
        &self,
        project: ProjectId,
        canvas: &CanvasName,
    ) -> Result<Receipt<ServiceId>> {
        let path = self.need_canvas(project, canvas).await?;
        let path = path.to_str().ok_or_else(|| {
            EngineError::bad_input("invalid_folder", "The canvas's path is no Unicode.")
                .next_step("Move the project's folder.")
        })?;
        let source = Source::Folder {
            path: path.to_owned(),
        };
        let services = self.services(project).await?;
        if let Some(made) = services.iter().find(|service| service.source == source) {
            let seq = self.last_seq().await?;
            return Ok(Receipt { id: made.id, seq });
        }
        let name = free_name(canvas, &services)?;
        self.create_service(NewService {
            project_id: project,
            name,
            source,
            spec: ServiceSpec::default(),
        })
        .await
    }

    /// The folder of a canvas with a page in it.
    async fn need_canvas(&self, project: ProjectId, canvas: &CanvasName) -> Result<PathBuf> {
        let root = self.canvas_root(project).await?;
        let mut page = canvas.folder();
        page.push(INDEX.to_owned());
        let files = &self.world.ports.canvases;
        match files.read(&root, &page, LARGEST_CANVAS_FILE).await? {
            Some(_) => Ok(canvas.folder().iter().fold(root, |at, part| at.join(part))),
            None => Err(EngineError::not_found(
                "canvas_unknown",
                format!("The canvas “{canvas}” has no {INDEX}."),
            )
            .next_step(format!(
                "Write {}, or begin with the starter.",
                page.join("/")
            ))),
        }
    }
}

/// `site` for the main canvas, its own name for another; with a number where a service has that.
fn free_name(canvas: &CanvasName, services: &[Service]) -> Result<Name> {
    let wanted = if canvas.is_main() {
        "site".to_owned()
    } else {
        canvas.to_string()
    };
    let free = |name: &Name| services.iter().all(|service| service.name != *name);
    let mut names = std::iter::once(Name::suggest(&wanted))
        .chain((2..1_000).map(|number| Name::suggest(&format!("{wanted}-{number}"))));
    names.find(free).ok_or_else(|| {
        EngineError::conflict("name_taken", "No name is left for the service.")
            .next_step("Delete services that nobody needs.")
    })
}
