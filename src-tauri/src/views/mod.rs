//! What the pages see of each noun: only what a screen shows, never a secret.

mod account;
mod audit;
mod canvas;
mod data;
mod deployment;
mod desk;
mod domain;
mod failure;
mod file;
mod form;
mod health;
mod ids;
mod job;
mod mirror;
mod opening;
mod plan;
mod practice;
mod project;
mod release;
mod row;
mod run;
mod search;
mod secret;
mod server;
mod settings;
mod snapshot;
mod terminal;
mod update;
mod variable;
mod version;

pub use account::{AccountView, ConnectedView, KeyView, ProviderView, TokenReportView};
pub use audit::{AuditPageView, AuditReportView};
pub use canvas::{CanvasFileView, CanvasNewsView, CanvasView, ColorSchemeView};
pub use data::{DataLocationView, RestoredView, SavedView};
pub use deployment::{
    DeploymentDetailView, DeploymentFilterView, DeploymentRowView, DeploymentView,
};
pub use desk::DeskView;
pub use domain::{CertificateView, DomainView, DomainVisitView, ZoneView};
pub use failure::CommandError;
pub use file::{
    BinEntryView, DraftView, Dropping, EmptiedView, FileReadView, FileWritingView, FolderNewsView,
    NewTextView, RestorationView, TakenInView, TreeEntryView,
};
pub use form::{FieldErrorView, FormKindView, OpenFormView, ValuesView};
pub use health::{HealthView, LiveLineView, LiveLogNews, ServerHealthView};
pub use ids::*;
pub use job::{
    JobDetailView, JobLinesView, JobNewsView, JobPageView, JobStatusView, JobView, SinceView,
};
pub use opening::{CloseAsked, DeskChanged, DeskStateView, Ending, NoticeView, Opened, RunningJob};
pub use plan::{BeforeAfterView, PlanView};
pub use practice::{
    BadDayView, PracticeRunningView, PracticeView, SampleChangeView, SampleContentView,
    TourStepIdView, TourView,
};
pub use project::{EnvironmentView, ProjectView, ServiceView};
pub use release::{ComparisonView, ReleaseRowView, ReleaseView};
pub use row::{Row, RowView};
pub use run::RunsView;
pub use search::{FileHashView, QueryView, ReplacedView, SearchNewsView};
pub use secret::SecretText;
pub use server::{
    FiguresView, FirewallView, HostKeyView, JournalView, LossesView, MachineView, PrunedView,
    RunningView, ServerView,
};
pub use settings::{AtQuitView, LookView, SettingsView};
pub use snapshot::{BaseSnapshotView, SnapshotView};
pub use terminal::{ScreenBytes, ScreenSizeView, TerminalEndView};
pub use update::{FoundUpdateView, UpdateView};
pub use variable::{ConfigurationView, ImportedVariableView, ImportedView, VariableView};
pub use version::{
    CheckedView, ImportedVersionView, PrunableView, RepairedView, RestoredVersionView,
    SavingNewsView, VersionDifferenceView, VersionEntryView, VersionFileView, VersionView,
};

use plimsoll_engine::Receipt;
use serde::{Deserialize, Serialize};
use specta::Type;

/// The answer of every command that writes: what it was about, and the last change that belongs to
/// it. The change itself comes as every change comes.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct ReceiptView {
    /// Id of what was written.
    pub id: String,
    /// Number of the change: whoever has applied it has seen the write.
    pub seq: i64,
}

impl<I: std::fmt::Display> From<Receipt<I>> for ReceiptView {
    fn from(receipt: Receipt<I>) -> Self {
        Self {
            id: receipt.id.to_string(),
            seq: receipt.seq,
        }
    }
}
