//! The newcomer's tour of the practice cloud. Where somebody stands in it follows from what exists:
//! nothing is ticked off by hand, and whoever did a step elsewhere has done it.

use crate::{
    JobId,
    deployment::DeploymentKind,
    job::JobStatus,
    server::{Endpoint, ServerState},
};
use serde::{Deserialize, Serialize};

/// The steps, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TourStepId {
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

/// All steps, first to last.
pub const TOUR: [TourStepId; 12] = [
    TourStepId::Practice,
    TourStepId::Accounts,
    TourStepId::Server,
    TourStepId::Project,
    TourStepId::Deploy,
    TourStepId::Domain,
    TourStepId::Visit,
    TourStepId::Break,
    TourStepId::Refused,
    TourStepId::Mistake,
    TourStepId::Live,
    TourStepId::RollBack,
];

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TourState {
    /// What it wants is there.
    Done,
    /// A job does it.
    Underway,
    /// It can be done now.
    Now,
    /// Another one comes first.
    Later,
}

/// A step and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TourStep {
    /// Which.
    pub id: TourStepId,
    /// Where it stands.
    pub state: TourState,
    /// The job that does it, did it, or failed at it.
    pub job_id: Option<JobId>,
}

/// What the sample application's files say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleState {
    /// They are not there.
    #[default]
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

/// A job that was asked for, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TourJob {
    /// The job.
    pub id: JobId,
    /// Where it stands.
    pub status: JobStatus,
}

/// A deployment of the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TourDeployment {
    /// Its job.
    pub job: TourJob,
    /// Why it happened.
    pub kind: DeploymentKind,
}

/// What exists of the tour.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TourFacts {
    /// Whether the practice cloud runs.
    pub practice_runs: bool,
    /// Whether both of its accounts are connected.
    pub accounts: bool,
    /// A server of it, the furthest one.
    pub server: Option<ServerState>,
    /// The last job that worked on that server.
    pub server_job: Option<TourJob>,
    /// What the sample's files say.
    pub sample: SampleState,
    /// Whether there is a service with the sample as its source.
    pub service: bool,
    /// Its deployments, oldest first.
    pub deployments: Vec<TourDeployment>,
    /// Whether a name with a certificate leads to it.
    pub domain: bool,
    /// The last job that worked on its names.
    pub domain_job: Option<TourJob>,
    /// Whether somebody has looked at it from outside.
    pub visited: bool,
}

/// Where somebody stands: the first step that is not done is the present one.
pub fn steps(facts: &TourFacts) -> Vec<TourStep> {
    let story = Story::of(&facts.deployments);
    let mut open = true;
    TOUR.into_iter()
        .map(|id| {
            let (done, job) = look(id, facts, &story);
            let state = match (done, open) {
                (true, _) => TourState::Done,
                (false, false) => TourState::Later,
                (false, true) if job.is_some_and(|job| !job.status.is_final()) => {
                    TourState::Underway
                }
                (false, true) => TourState::Now,
            };
            open &= done;
            let job_id = job.filter(|_| state != TourState::Later).map(|job| job.id);
            TourStep { id, state, job_id }
        })
        .collect()
}

/// The deployments as the chapters of the tour.
#[derive(Default)]
struct Story {
    first: Option<TourJob>,
    refused: Option<TourJob>,
    live: Option<TourJob>,
    rolled_back: Option<TourJob>,
    /// The latest one, while it has no chapter: it runs, or did not do what its step wants.
    loose: Option<TourJob>,
}

impl Story {
    fn of(deployments: &[TourDeployment]) -> Self {
        let mut story = Self::default();
        for TourDeployment { job, kind } in deployments {
            story.loose = None;
            let chapter = match (kind, job.status) {
                (DeploymentKind::Deploy, JobStatus::Succeeded) if story.first.is_none() => {
                    &mut story.first
                }
                (DeploymentKind::Deploy, JobStatus::Succeeded) => &mut story.live,
                (DeploymentKind::Deploy, JobStatus::Failed) if story.first.is_some() => {
                    &mut story.refused
                }
                (DeploymentKind::Rollback, JobStatus::Succeeded) => &mut story.rolled_back,
                _ => &mut story.loose,
            };
            *chapter = Some(*job);
        }
        story
    }
}

/// Whether a step is done, and the job that has to do with it.
fn look(id: TourStepId, facts: &TourFacts, story: &Story) -> (bool, Option<TourJob>) {
    let chapter = |job: Option<TourJob>| (job.is_some(), job.or(story.loose));
    match id {
        TourStepId::Practice => (facts.practice_runs, None),
        TourStepId::Accounts => (facts.accounts, None),
        TourStepId::Server => (facts.server == Some(ServerState::Ready), facts.server_job),
        TourStepId::Project => (facts.service, None),
        TourStepId::Deploy => chapter(story.first),
        TourStepId::Domain => (facts.domain, facts.domain_job),
        TourStepId::Visit => (facts.visited, None),
        TourStepId::Break => {
            let later = story.refused.is_some() || story.rolled_back.is_some();
            (later || facts.sample == SampleState::Broken, None)
        }
        TourStepId::Refused => {
            let (done, job) = chapter(story.refused);
            (done || story.rolled_back.is_some(), job)
        }
        TourStepId::Mistake => {
            let later = story.live.is_some() || story.rolled_back.is_some();
            (later || facts.sample == SampleState::Mistaken, None)
        }
        TourStepId::Live => {
            let (done, job) = chapter(story.live);
            (done || story.rolled_back.is_some(), job)
        }
        TourStepId::RollBack => chapter(story.rolled_back),
    }
}

impl Endpoint {
    /// Whether it is on this machine: the practice cloud, not a provider.
    pub fn is_practice(&self) -> bool {
        let Some(url) = &self.url else { return false };
        let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let host = host.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        host == "localhost"
            || host
                .parse::<std::net::Ipv4Addr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn job(number: u8, status: JobStatus) -> TourJob {
        let id = JobId::mint(Timestamp::from_millis(1_000), [number; 10]);
        TourJob { id, status }
    }

    fn deployment(number: u8, kind: DeploymentKind, status: JobStatus) -> TourDeployment {
        TourDeployment {
            job: job(number, status),
            kind,
        }
    }

    fn present(facts: &TourFacts) -> Option<(TourStepId, TourState)> {
        steps(facts)
            .into_iter()
            .find(|step| matches!(step.state, TourState::Now | TourState::Underway))
            .map(|step| (step.id, step.state))
    }

    fn live() -> TourFacts {
        TourFacts {
            practice_runs: true,
            accounts: true,
            server: Some(ServerState::Ready),
            service: true,
            sample: SampleState::Good,
            deployments: vec![deployment(1, DeploymentKind::Deploy, JobStatus::Succeeded)],
            domain: true,
            visited: true,
            ..TourFacts::default()
        }
    }

    #[test]
    fn a_newcomer_begins_with_the_practice_cloud_and_sees_one_step_at_a_time() {
        let steps = steps(&TourFacts::default());
        assert_eq!(steps.len(), TOUR.len());
        assert_eq!(steps[0].state, TourState::Now);
        assert!(steps[1..].iter().all(|step| step.state == TourState::Later));
    }

    #[test]
    fn a_step_that_a_job_does_is_under_way_and_names_the_job() {
        let facts = TourFacts {
            practice_runs: true,
            accounts: true,
            server: Some(ServerState::Provisioning),
            server_job: Some(job(7, JobStatus::Running)),
            ..TourFacts::default()
        };
        let server = &steps(&facts)[2];
        assert_eq!(server.state, TourState::Underway);
        assert_eq!(server.job_id, Some(job(7, JobStatus::Running).id));
    }

    #[test]
    fn a_step_whose_job_failed_can_be_done_again_and_names_the_failure() {
        let facts = TourFacts {
            deployments: vec![deployment(3, DeploymentKind::Deploy, JobStatus::Failed)],
            domain: false,
            visited: false,
            ..live()
        };
        let deploy = &steps(&facts)[4];
        assert_eq!(deploy.state, TourState::Now);
        assert_eq!(deploy.job_id, Some(job(3, JobStatus::Failed).id));
    }

    #[test]
    fn a_first_deployment_that_fails_is_not_the_refusal_that_the_tour_shows() {
        let mut facts = live();
        facts
            .deployments
            .insert(0, deployment(9, DeploymentKind::Deploy, JobStatus::Failed));
        assert_eq!(present(&facts), Some((TourStepId::Break, TourState::Now)));
    }

    #[test]
    fn from_broken_to_rolled_back_each_step_follows_from_the_one_before() {
        let mut facts = live();
        assert_eq!(present(&facts), Some((TourStepId::Break, TourState::Now)));
        facts.sample = SampleState::Broken;
        assert_eq!(present(&facts), Some((TourStepId::Refused, TourState::Now)));
        let mut add = |number, kind, status, sample, expected| {
            facts.deployments.push(deployment(number, kind, status));
            facts.sample = sample;
            assert_eq!(present(&facts), expected);
        };
        use DeploymentKind::{Deploy, Rollback};
        let mistake = Some((TourStepId::Mistake, TourState::Now));
        add(2, Deploy, JobStatus::Failed, SampleState::Broken, mistake);
        let underway = Some((TourStepId::Live, TourState::Underway));
        add(
            3,
            Deploy,
            JobStatus::Running,
            SampleState::Mistaken,
            underway,
        );
        let back = Some((TourStepId::RollBack, TourState::Now));
        add(4, Deploy, JobStatus::Succeeded, SampleState::Mistaken, back);
        add(
            5,
            Rollback,
            JobStatus::Succeeded,
            SampleState::Mistaken,
            None,
        );
    }

    #[test]
    fn the_refusal_is_not_taken_for_a_failure_of_the_next_step() {
        let mut facts = live();
        let refused = deployment(2, DeploymentKind::Deploy, JobStatus::Failed);
        facts.deployments.push(refused);
        facts.sample = SampleState::Mistaken;
        let steps = steps(&facts);
        assert_eq!(steps[8].job_id, Some(refused.job.id));
        assert_eq!((steps[10].state, steps[10].job_id), (TourState::Now, None));
    }

    #[test]
    fn a_practice_cloud_that_was_stopped_is_the_present_step_again_and_nothing_done_is_lost() {
        let facts = TourFacts {
            practice_runs: false,
            ..live()
        };
        assert_eq!(
            present(&facts),
            Some((TourStepId::Practice, TourState::Now))
        );
        assert_eq!(steps(&facts)[4].state, TourState::Done);
    }

    #[test]
    fn only_an_endpoint_on_this_machine_is_the_practice_cloud() {
        let at = |url: &str| Endpoint {
            url: Some(url.to_owned()),
            ..Endpoint::default()
        };
        assert!(at("https://127.0.0.1:7443").is_practice());
        assert!(at("https://localhost:7443/v2").is_practice());
        assert!(!Endpoint::default().is_practice());
        assert!(!at("https://api.digitalocean.com").is_practice());
        assert!(!at("https://127.0.0.1.example.com/").is_practice());
    }
}
