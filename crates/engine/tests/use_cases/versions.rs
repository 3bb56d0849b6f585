//! Versions on their way out: saved before a deployment, deployed from, kept while in use.

use crate::world::{World, name};
use plimsoll_domain::{
    job::JobStatus,
    settings::ProjectSettings,
    source::Source,
    version::{Retention, VersionCause},
};
use plimsoll_engine::{DeployRequest, NewService, SavingNews};
use std::{fs, path::PathBuf, sync::Arc};

struct Site {
    world: World,
    spot: crate::world::Spot,
    project: plimsoll_domain::ProjectId,
    folder: PathBuf,
}

/// `site/production/web`, whose code is the folder of the project's files.
async fn site() -> Site {
    let world = World::new().await;
    let servers = world.servers(&["web-1"]).await;
    let folder = world.folder.path().join("site");
    let engine = &world.engine;
    let project = engine.create_project_in(name("site"), &folder).await;
    let project = project.unwrap().id;
    fs::create_dir(folder.join("app")).unwrap();
    fs::write(folder.join("app/Dockerfile"), "FROM scratch").unwrap();
    fs::write(folder.join("app/main"), "one").unwrap();
    fs::write(folder.join("notes.txt"), "not deployed").unwrap();
    let environment = engine
        .create_environment(project, name("production"), servers)
        .await
        .unwrap()
        .id;
    let new = NewService {
        project_id: project,
        name: name("web"),
        source: Source::Folder {
            path: folder.join("app").to_str().unwrap().to_owned(),
        },
        spec: Default::default(),
    };
    let service = engine.create_service(new).await.unwrap().id;
    Site {
        spot: crate::world::Spot {
            environment,
            service,
        },
        world,
        project,
        folder,
    }
}

impl Site {
    fn request(&self, version: Option<u32>) -> DeployRequest {
        DeployRequest {
            environment_id: self.spot.environment,
            service_id: self.spot.service,
            reference: None,
            configuration_id: None,
            version,
        }
    }

    /// The newest release's origin, and what it was built from.
    async fn newest(&self) -> plimsoll_domain::release::Release {
        let engine = &self.world.engine;
        let releases = engine.releases(self.spot.environment, self.spot.service);
        releases.await.unwrap().remove(0)
    }
}

#[tokio::test]
async fn a_version_is_saved_before_each_deployment_and_the_release_names_it() {
    let site = site().await;
    let engine = &site.world.engine;
    let job = site.world.deploy(site.spot).await;
    assert_eq!(job.status, JobStatus::Succeeded, "{:?}", job.error);
    let versions = engine.versions(site.project).await.unwrap();
    assert_eq!(versions.len(), 1);
    assert_eq!(versions[0].cause, VersionCause::BeforeDeploy);
    assert_eq!(
        versions[0].message,
        "Before site/production/web was deployed"
    );
    assert_eq!(
        versions[0].files, 3,
        "all of the project, not only the service"
    );
    let saved = site.newest().await.provenance.version.unwrap();
    assert_eq!((saved.number, saved.root), (1, versions[0].root));

    // Nothing was changed: the same version is meant.
    site.world.deploy(site.spot).await;
    assert_eq!(engine.versions(site.project).await.unwrap().len(), 1);
    fs::write(site.folder.join("app/main"), "two").unwrap();
    site.world.deploy(site.spot).await;
    assert_eq!(site.newest().await.provenance.version.unwrap().number, 2);
    let ids = [site.newest().await.deployment_id];
    let rows = engine.deployment_rows(&ids).await.unwrap();
    assert_eq!(rows[0].version.unwrap().number, 2);
}

#[tokio::test]
async fn a_plan_names_what_goes_out_and_is_in_no_version() {
    let site = site().await;
    let notices = async || site.world.plan_deploy(site.spot).await.unwrap().notices;
    let before = notices().await;
    assert!(
        !before.iter().any(|notice| notice.contains("no version")),
        "{before:?}"
    );
    fs::create_dir(site.folder.join("app/made")).unwrap();
    fs::write(site.folder.join("app/made/out"), "built").unwrap();
    fs::write(site.folder.join(".gitignore"), "made/\n").unwrap();
    let told = notices().await;
    let told = told.iter().find(|notice| notice.contains("no version"));
    assert!(told.unwrap().contains("1 file goes out"), "{told:?}");
    assert!(told.unwrap().contains("“made/out”"), "{told:?}");
}

#[tokio::test]
async fn a_deployment_whose_files_cannot_be_saved_says_so_before_it_touches_a_server() {
    let site = site().await;
    let plan = site.world.plan_deploy(site.spot).await.unwrap();
    assert_eq!(plan.steps[0].title, "Save the project's files as a version");
    // The store of files is a file now: nothing can be kept.
    let store = site.world.folder.path().join("store/versions");
    let _ = fs::remove_dir_all(&store);
    fs::write(&store, "").unwrap();
    let job = site.world.run(plan).await;
    assert_eq!(job.status, JobStatus::Failed);
    let failure = job.error.unwrap();
    assert_eq!(failure.code, "store_file");
    assert!(!failure.next_step.is_empty());
    assert_eq!(site.world.serves("10.0.0.1"), None);
}

#[tokio::test]
async fn a_version_is_deployed_from_the_store_alone() {
    let site = site().await;
    let engine = &site.world.engine;
    let save = |message: &'static str| async move {
        let progress = Arc::default();
        engine.save_version(site.project, message, &progress).await
    };
    save("first").await.unwrap();
    site.world.deploy(site.spot).await;
    let of_folder = site.newest().await.provenance;
    fs::write(site.folder.join("app/main"), "two").unwrap();
    save("second").await.unwrap();
    site.world.deploy(site.spot).await;
    fs::remove_dir_all(&site.folder).unwrap();

    let source = |number| Source::Version {
        number,
        folder: "app".to_owned(),
    };
    let update = engine.update_service(site.spot.service, Some(source(2)), None);
    update.await.unwrap();
    let plan = engine.plan_deploy(site.request(Some(1))).await.unwrap();
    assert!(
        plan.notices
            .iter()
            .any(|notice| notice.contains("version 1"))
    );
    site.world.succeed(plan).await;
    let release = site.newest().await;
    assert_eq!(release.source, source(1));
    assert_eq!(release.provenance.content_hash, of_folder.content_hash);
    assert_eq!(release.provenance.version, of_folder.version);
    assert_eq!(engine.versions(site.project).await.unwrap().len(), 2);

    let image = Source::Image {
        reference: "nginx".to_owned(),
    };
    let update = engine.update_service(site.spot.service, Some(image), None);
    update.await.unwrap();
    let elsewhere = engine.plan_deploy(site.request(Some(1))).await;
    assert_eq!(elsewhere.unwrap_err().code(), "source_elsewhere");
    let update = engine.update_service(site.spot.service, Some(source(2)), None);
    update.await.unwrap();
    let unknown = engine.plan_deploy(site.request(Some(9))).await;
    assert_eq!(unknown.unwrap_err().code(), "version_unknown");
}

#[tokio::test]
async fn a_copy_that_somebody_changed_is_made_again() {
    let site = site().await;
    let engine = &site.world.engine;
    site.world.deploy(site.spot).await;
    let wanted = site.newest().await.provenance.content_hash;
    let plan = engine.plan_deploy(site.request(Some(1))).await.unwrap();
    let copies = site.world.folder.path();
    let copy = find(copies, "main", "unpacked").unwrap();
    for forged in ["two", "longer than it was"] {
        fs::write(&copy, forged).unwrap();
        let plan = engine.plan_deploy(site.request(Some(1))).await.unwrap();
        site.world.succeed(plan).await;
        assert_eq!(site.newest().await.provenance.content_hash, wanted);
    }
    // One that is gone when its job begins is unpacked again.
    fs::remove_dir_all(copy.parent().unwrap()).unwrap();
    site.world.succeed(plan).await;
}

fn find(folder: &std::path::Path, name: &str, below: &str) -> Option<PathBuf> {
    fs::read_dir(folder).ok()?.flatten().find_map(|entry| {
        let path = entry.path();
        if path.is_dir() {
            find(&path, name, below)
        } else {
            (path.ends_with(name) && path.to_str().unwrap().contains(below)).then_some(path)
        }
    })
}

#[tokio::test]
async fn what_releases_came_from_stays_and_what_nobody_needs_goes() {
    let site = site().await;
    let engine = &site.world.engine;
    site.world.deploy(site.spot).await;
    for text in ["two", "three", "four"] {
        fs::write(site.folder.join("app/main"), text).unwrap();
        let progress = Arc::default();
        let saved = engine.save_version(site.project, text, &progress).await;
        saved.unwrap();
    }
    let other = site.folder.with_file_name("other");
    let other_project = engine.create_project_in(name("other"), &other).await;
    let other_project = other_project.unwrap().id;
    fs::write(other.join("big"), vec![7; 5_000]).unwrap();
    let progress = Arc::default();
    let saved = engine.save_version(other_project, "", &progress).await;
    saved.unwrap();
    let settings = ProjectSettings {
        retention: Retention { last: 1, days: 0 },
        ..Default::default()
    };
    let set = engine.set_project_settings(site.project, settings);
    set.await.unwrap();
    let rule = engine.retention(site.project).await.unwrap();
    let told = engine.prunable_versions(site.project, rule).await.unwrap();
    let numbers: Vec<u32> = told.versions.iter().map(|version| version.number).collect();
    assert_eq!(numbers, [3, 2], "1 serves, 4 is the newest");

    // The versions of a project that was deleted are nobody's any more.
    engine.delete_project(other_project).await.unwrap();
    let again = engine.prunable_versions(site.project, rule).await.unwrap();
    assert!(again.waste_bytes > told.waste_bytes, "{again:?} {told:?}");
    assert!(engine.versions(other_project).await.unwrap().is_empty());
    // And its folder is free again.
    let taken = engine.create_project_in(name("next"), &other).await;
    taken.unwrap();
}

#[tokio::test]
async fn a_save_tells_its_end_and_what_windows_could_not_keep() {
    let site = site().await;
    let engine = &site.world.engine;
    let end = || async {
        let mut saving = engine.start_saving(site.project, "").await.unwrap();
        loop {
            match saving.next().await.unwrap() {
                SavingNews::Seen { .. } => {}
                SavingNews::Ended(end) => return end,
            }
        }
    };
    assert_eq!(end().await.unwrap().refused_by_windows, [""; 0]);
    fs::write(site.folder.join("app/aux.c"), "").unwrap();
    let saved = end().await.unwrap();
    let told = "app/aux.c: it is the name of a device";
    assert_eq!(saved.refused_by_windows, [told]);
    assert_eq!(engine.version(saved.id).await.unwrap().number, 2);
    assert_eq!(end().await.unwrap_err().code(), "nothing_changed");
}

#[tokio::test]
async fn settings_are_checked_kept_and_taken_along() {
    let site = site().await;
    let engine = &site.world.engine;
    let with = |ignore: &str| ProjectSettings {
        ignore: vec![ignore.to_owned()],
        ..Default::default()
    };
    let wrong = engine
        .set_project_settings(site.project, with("[z-a]"))
        .await;
    assert_eq!(wrong.unwrap_err().code(), "invalid_pattern");
    let set = engine.set_project_settings(site.project, with("*.txt"));
    set.await.unwrap();
    let progress = Arc::default();
    let saved = engine.save_version(site.project, "", &progress).await;
    let version = engine.version(saved.unwrap().id).await.unwrap();
    assert_eq!(version.files, 2, "notes.txt is left out");

    let document = engine.settings_document().await.unwrap();
    let set = engine.set_project_settings(site.project, ProjectSettings::default());
    set.await.unwrap();
    let renamed = document.replace("\"site\"", "\"elsewhere\"");
    let unknown = engine.take_settings(&renamed).await.unwrap();
    assert_eq!(unknown, [name("elsewhere")]);
    let untouched = engine.project_settings(site.project).await.unwrap();
    assert_eq!(untouched, ProjectSettings::default());
    engine.take_settings(&document).await.unwrap();
    let taken = engine.project_settings(site.project).await.unwrap();
    assert_eq!(taken, with("*.txt"));
    for bad in [
        "",
        "{}",
        &document.replace("settings 1", "settings 2"),
        &document.replace("*.txt", "[z-a]"),
    ] {
        let refused = engine.take_settings(bad).await.unwrap_err();
        assert_eq!(refused.code(), "invalid_settings", "{bad}");
    }
}

#[tokio::test]
async fn an_archive_that_is_refused_leaves_no_project_and_no_folder() {
    let world = World::new().await;
    let zip = world.folder.path().join("bad.zip");
    fs::write(&zip, "no archive").unwrap();
    let folder = world.folder.path().join("new/shop");
    let engine = &world.engine;
    let refused = engine.import_project(name("shop"), &zip, &folder).await;
    assert_eq!(refused.unwrap_err().code(), "invalid_archive");
    assert!(engine.projects().await.unwrap().is_empty());
    assert!(!world.folder.path().join("new").exists());
    // One that was there before stays, and nobody has a claim on it.
    fs::create_dir_all(&folder).unwrap();
    let refused = engine.import_project(name("shop"), &zip, &folder).await;
    refused.unwrap_err();
    assert!(folder.is_dir());
    let again = engine.create_project_in(name("again"), &folder).await;
    again.unwrap();
    // A name that is taken makes no folder either.
    let other = world.folder.path().join("other");
    let refused = engine.create_project_in(name("again"), &other).await;
    refused.unwrap_err();
    assert!(!other.exists());
}
