//! Plans, jobs and the use cases. Everything outside is reached through the traits in [`ports`].

mod accounts;
mod action;
mod afterwards;
mod again;
mod apart;
pub mod audit;
mod canvas;
mod data;
mod deploy;
mod diagnostics;
mod domains;
mod engine;
mod error;
mod forms;
mod hands;
mod health;
mod history;
mod intent;
pub mod jobs;
mod keys;
mod live;
mod notices;
pub mod ports;
mod practice;
mod preferences;
mod projects;
pub mod redact;
mod rows;
mod runs;
pub mod seal;
mod servers;
mod steps;
mod tour;
mod versions;
mod workspace;
mod world;

pub use accounts::{ConnectAccount, Connected, Offers};
pub use action::Action;
pub use canvas::{
    CanvasAnswer, CanvasDoor, CanvasOverview, CanvasRequest, CanvasSettings, LARGEST_CANVAS_FILE,
};
pub use data::{Everything, Whereabouts};
pub use deploy::{
    DeployAction, DeployRequest, Draft, Files, ImageFrom, LogsRequest, Origin, ReconfigureRequest,
    RemoveEnvironmentRequest, RemoveServiceRequest, RestartRequest, RollbackRequest, Since, Spot,
};
pub use diagnostics::Diagnostics;
pub use domains::{
    CertificateState, DomainAction, DomainAddRequest, DomainCheck, DomainRemoveRequest,
    DomainVisit, Site,
};
pub use engine::{Engine, Receipt};
pub use error::{EngineError, Kind, Result};
pub use forms::OpenForm;
pub use health::{ServerHealth, ServiceHealth};
pub use history::{
    Comparison, DeploymentDetail, DeploymentRow, Difference, FileDifference, ReleaseRow,
    VariableDifference,
};
pub use jobs::{JobEvent, JobNews};
pub use live::{LiveLine, LiveLog};
pub use notices::Notice;
pub use projects::{ImportChange, Imported, ImportedVariable, NewService, Place};
pub use rows::{AnyRow, Changed, ChangedRow};
pub use runs::{RunAction, RunDraft, RunHold, RunRequest, RunSeen, Runs, WatchNews};
pub use servers::{
    AdoptRequest, BaseSnapshotRequest, BaseSnapshotState, DeleteSnapshotRequest, DestroyRequest,
    DestroyTarget, Ending, Figures, HostKeySeen, ImageChoice, Journal, Listed, Losses,
    PowerRequest, ProvisionRequest, Running, ServerAction, Sighting, SnapshotRequest,
    SnapshotState, Terminal, Viewer,
};
pub use tour::{Tour, TourGround};
pub use versions::{
    Checked, FileContent, HurtVersion, ImportedProject, ImportedVersion, KeptProject, LostVersion,
    ProjectDocument, Prunable, Recalled, Repaired, RestoredVersion, Returned, SavedVersion, Saving,
    SavingNews, SettingsDocument,
};
pub use workspace::{Emptied, FileHash, SearchNews, Searching};
pub use world::{Patience, Ports, Settings};

pub use plimsoll_store::files::{
    Difference as VersionDifference, Progress as SaveProgress, Remarks as ArchiveRemarks,
};
pub use plimsoll_store::workspace::{
    BinEntry, Content, Draft as FileDraft, EntryKind, FileHits, FileRead, Hit, LineEnding, NewText,
    Query, Replaced, Restoration, SearchEnd, TakenIn, TreeEntry, Writing, Written,
};
pub use plimsoll_store::{
    AuditFilter, AuditReport, Backup, DeploymentFilter, JobFilter, LogLine, Page, Slice,
};

/// A plan of ours: what a click will do, before it does it.
pub type Plan = plimsoll_domain::plan::Plan<Action>;
