//! The practice cloud and the tour through it.

use super::{
    DomainId, EnvironmentId, JobId, ProjectId, ProviderAccountId, ServerId, ServiceId,
    mirror::mirror,
};
use crate::practice::BadDay;
use plimsoll_domain::tour::{SampleState, TourState, TourStep, TourStepId};
use plimsoll_engine::{Tour, TourGround};
use plimsoll_lab::{practice::Running, sample::Content};
use serde::{Deserialize, Serialize};
use specta::Type;

/// Whether the practice cloud runs.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct PracticeView {
    /// Facts of the running one.
    pub running: Option<PracticeRunningView>,
    /// Whether it is being started.
    pub starting: bool,
    /// What was said while it was started.
    pub said: Vec<String>,
}

/// Facts of a running practice cloud.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct PracticeRunningView {
    /// Where its APIs answer.
    pub url: String,
    /// The Docker engine on which it stands.
    pub engine: String,
    /// Where its names lead, ports 80 and 443.
    pub edge: String,
    /// Certificate of the authority that its names are signed by.
    pub authority: String,
    /// Its folder.
    pub folder: String,
}

impl From<Running> for PracticeRunningView {
    fn from(running: Running) -> Self {
        Self {
            url: running.digitalocean_url,
            engine: running.engine_endpoint,
            edge: running.edge.to_string(),
            authority: running.ca.display().to_string(),
            folder: running.state.display().to_string(),
        }
    }
}

mirror! {
    /// A day on which the clouds are not at their best.
    BadDayView of BadDay {
        /// Answers come late.
        Slow,
        /// The clouds say that there were too many requests.
        Busy,
        /// The clouds cannot be reached.
        Gone,
    }
}

mirror! {
    /// What the sample's files say.
    SampleView of SampleState {
        /// They are not there.
        Missing,
        /// As they came.
        Good,
        /// Its health check answers 500.
        Broken,
        /// It is well, and shows a wrong page.
        Mistaken,
        /// Somebody wrote in them.
        Edited,
    }
}

mirror! {
    /// What the sample shall say.
    SampleContentView of Content {
        /// As it came.
        Good,
        /// Its health check answers 500.
        Broken,
        /// It is well, and shows a wrong page.
        Mistaken,
    }
}

/// A line of the sample that was changed.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct SampleChangeView {
    /// As it came.
    pub before: String,
    /// As it is now.
    pub after: String,
}

mirror! {
    /// The steps of the tour.
    TourStepIdView of TourStepId {
        /// Start the practice cloud.
        Practice,
        /// Connect its two accounts.
        Accounts,
        /// Provision a server.
        Server,
        /// Create a project with a service from the sample application.
        Project,
        /// Deploy the first version.
        Deploy,
        /// Have a name lead to it.
        Domain,
        /// Look at it from outside.
        Visit,
        /// Break the sample's health check.
        Break,
        /// Release the broken version, which is refused.
        Refused,
        /// Make a mistake that no health check sees.
        Mistake,
        /// Release the mistake, which goes live.
        Live,
        /// Go back to the version before.
        RollBack,
    }
}

mirror! {
    /// Where a step stands.
    TourStateView of TourState {
        /// What it wants is there.
        Done,
        /// A job does it.
        Underway,
        /// It can be done now.
        Now,
        /// Another one comes first.
        Later,
    }
}

/// A step and where it stands.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct TourStepView {
    /// Which.
    pub id: TourStepIdView,
    /// Where it stands.
    pub state: TourStateView,
    /// The job that does it, did it, or failed at it.
    pub job_id: Option<JobId>,
}

impl From<TourStep> for TourStepView {
    fn from(step: TourStep) -> Self {
        Self {
            id: step.id.into(),
            state: step.state.into(),
            job_id: step.job_id.map(Into::into),
        }
    }
}

/// Where somebody stands in the tour, and what exists of it.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct TourView {
    /// All steps, first to last.
    pub steps: Vec<TourStepView>,
    /// Whether somebody put it away.
    pub hidden: bool,
    /// The sample's folder.
    pub folder: String,
    /// What the sample's files say.
    pub sample: SampleView,
    /// The practice account that rents servers.
    pub compute_id: Option<ProviderAccountId>,
    /// The practice account that answers for names.
    pub zones_id: Option<ProviderAccountId>,
    /// The server.
    pub server_id: Option<ServerId>,
    /// The project.
    pub project_id: Option<ProjectId>,
    /// The environment.
    pub environment_id: Option<EnvironmentId>,
    /// The service.
    pub service_id: Option<ServiceId>,
    /// The name's id.
    pub domain_id: Option<DomainId>,
    /// The name.
    pub host: Option<String>,
}

impl TourView {
    /// What the pages see of it.
    pub fn of(tour: Tour, ground: &TourGround) -> Self {
        let place = tour.place.as_ref();
        Self {
            steps: tour.steps.into_iter().map(Into::into).collect(),
            hidden: tour.hidden,
            folder: ground.folder.display().to_string(),
            sample: ground.sample.into(),
            compute_id: tour.compute.map(|account| account.id.into()),
            zones_id: tour.zones.map(|account| account.id.into()),
            server_id: tour.server.map(|server| server.id.into()),
            project_id: place.map(|place| place.project.id.into()),
            environment_id: place.map(|place| place.environment.id.into()),
            service_id: place.map(|place| place.service.id.into()),
            domain_id: tour.domain.as_ref().map(|domain| domain.id.into()),
            host: tour.domain.map(|domain| domain.host.to_string()),
        }
    }
}
