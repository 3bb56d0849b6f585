//! The practice cloud and the tour through it.

use crate::{
    desk::Desk,
    practice::{self, Practice},
    views::{
        BadDayView, CommandError, DomainId, DomainVisitView, PlanView, PracticeRunningView,
        PracticeView, ReceiptView, SampleChangeView, SampleContentView, TourStepIdView, TourView,
    },
};
use plimsoll_lab::sample::Content;
use tauri::{AppHandle, State, ipc::Channel};

/// Whether the practice cloud runs.
#[tauri::command]
#[specta::specta]
pub async fn practice_status(practice: State<'_, Practice>) -> Result<PracticeView, CommandError> {
    let starting = practice.starting();
    Ok(PracticeView {
        running: practice::running().await?.map(Into::into),
        starting: starting.is_some(),
        said: starting.unwrap_or_default(),
    })
}

/// Starts it, or joins a start that is under way; `said` gets a line for each thing that happens.
#[tauri::command]
#[specta::specta]
pub async fn practice_start(
    practice: State<'_, Practice>,
    said: Channel<String>,
) -> Result<PracticeRunningView, CommandError> {
    // A page that is gone does not stop the start.
    let say = |line: &str| drop(said.send(line.to_owned()));
    Ok(practice.start(say).await?.into())
}

/// Stops it. Everything in it stays for the next start.
#[tauri::command]
#[specta::specta]
pub async fn practice_stop() -> Result<(), CommandError> {
    practice::stop(false).await
}

/// Stops it and removes everything in it, and everything that is known of it.
#[tauri::command]
#[specta::specta]
pub async fn practice_wipe(app: AppHandle, desk: State<'_, Desk>) -> Result<(), CommandError> {
    let engine = desk.engine().await?;
    // Forgotten first: that is refused while something runs there.
    engine.forget_practice().await?;
    practice::stop(true).await?;
    practice::renew_sample(&app)
}

/// Connects both of its accounts, or brings them up to date.
#[tauri::command]
#[specta::specta]
pub async fn practice_connect(desk: State<'_, Desk>) -> Result<ReceiptView, CommandError> {
    let logins = practice::logins(&practice::need().await?)?;
    let connected = desk.engine().await?.connect_practice(logins).await?;
    connected
        .into_iter()
        .max_by_key(|connected| connected.receipt.seq)
        .map(|connected| connected.receipt.into())
        .ok_or_else(CommandError::closing)
}

/// Gives both clouds a bad day, or with none a good one again.
#[tauri::command]
#[specta::specta]
pub async fn practice_day(day: Option<BadDayView>) -> Result<(), CommandError> {
    practice::set_day(day.map(Into::into)).await
}

/// Writes the sample application as it came, or with a mistake; answers the lines that changed.
#[tauri::command]
#[specta::specta]
pub async fn sample_write(
    app: AppHandle,
    content: SampleContentView,
) -> Result<Vec<SampleChangeView>, CommandError> {
    let content = Content::from(content);
    practice::sample(&app)?.write(content)?;
    let changes = content.changes().into_iter();
    Ok(changes
        .map(|(before, after)| SampleChangeView { before, after })
        .collect())
}

/// Shows the sample's folder in the system's file manager.
#[tauri::command]
#[specta::specta]
pub async fn sample_reveal(app: AppHandle) -> Result<(), CommandError> {
    let folder = practice::sample(&app)?.folder().to_owned();
    tauri_plugin_opener::open_path(&folder, None::<&str>).map_err(|error| {
        CommandError::input(
            "folder_not_shown",
            format!("{} could not be shown: {error}.", folder.display()),
            "Open the folder yourself.",
        )
    })
}

/// Where somebody stands in the tour.
#[tauri::command]
#[specta::specta]
pub async fn tour_load(app: AppHandle, desk: State<'_, Desk>) -> Result<TourView, CommandError> {
    let ground = practice::ground(&app).await?;
    let tour = desk.engine().await?.tour(&ground).await?;
    Ok(TourView::of(tour, &ground))
}

/// The plan that a step of the tour proposes.
#[tauri::command]
#[specta::specta]
pub async fn tour_plan(
    app: AppHandle,
    desk: State<'_, Desk>,
    step: TourStepIdView,
) -> Result<PlanView, CommandError> {
    let ground = practice::ground(&app).await?;
    let engine = desk.engine().await?;
    Ok(engine.plan_tour(&ground, step.into()).await?.into())
}

/// Creates the project of the sample application, and the sample as it came.
#[tauri::command]
#[specta::specta]
pub async fn tour_project(
    app: AppHandle,
    desk: State<'_, Desk>,
) -> Result<ReceiptView, CommandError> {
    practice::renew_sample(&app)?;
    let ground = practice::ground(&app).await?;
    Ok(desk.engine().await?.create_sample(&ground).await?.into())
}

/// Looks at the tour's site from outside.
#[tauri::command]
#[specta::specta]
pub async fn tour_visit(
    desk: State<'_, Desk>,
    domain_id: DomainId,
) -> Result<DomainVisitView, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.visit_tour(domain_id.into()).await?.into())
}

/// Puts the tour away, or takes it out again.
#[tauri::command]
#[specta::specta]
pub async fn tour_hide(desk: State<'_, Desk>, hidden: bool) -> Result<(), CommandError> {
    Ok(desk.engine().await?.hide_tour(hidden).await?)
}
