//! The practice cloud.

use crate::{
    args::{FaultVerb, PracticeVerb},
    desk::practice_folder,
    failure::{Answer, Failed, Kind},
    output::Output,
};
use plimsoll_domain::{
    Secret,
    job::Failure,
    server::{Endpoint, Provider},
};
use plimsoll_lab::{
    api::FaultRule,
    practice::{self, Running, Wipe},
    settings::Settings,
};

/// `plimsoll practice …`
pub async fn run(verb: &PracticeVerb, output: Output) -> Answer {
    match verb {
        PracticeVerb::Start => {
            let running =
                practice::start(&settings()?, |line| output.note(&format!("  {line}"))).await?;
            output.answer(&running, facts);
        }
        PracticeVerb::Status => output.answer(&running().await?, facts),
        PracticeVerb::Stop { wipe } => {
            let wipe = if *wipe { Wipe::State } else { Wipe::No };
            practice::stop(&settings()?, wipe).await?;
            output.answer(&serde_json::json!({"stopped": true}), |_| {
                "Stopped.".to_owned()
            });
        }
        PracticeVerb::Fault(fault) => {
            let running = running().await?;
            let answer = match fault {
                FaultVerb::Answer {
                    path,
                    method,
                    fault,
                    times,
                } => {
                    let rule = FaultRule {
                        method: method.clone(),
                        path: path.clone(),
                        skip: 0,
                        times: *times,
                        for_ms: None,
                        fault: fault_of(fault)?,
                    };
                    running.break_answers(&rule).await?
                }
                FaultVerb::Droplet { id, fault } => {
                    running.break_droplet(*id, &fault_of(fault)?).await?
                }
                FaultVerb::Clear => running.mend_answers().await?,
            };
            output.answer(&answer, |_| "Done.".to_owned());
        }
        PracticeVerb::Serve => plimsoll_lab::serve(practice::settings_from_environment()?).await?,
        PracticeVerb::Gateway => plimsoll_lab::gateway::run().await?,
    }
    Ok(())
}

/// Endpoint and token of the running practice cloud.
pub async fn account(provider: Provider) -> Answer<(Endpoint, Secret)> {
    let doors = running().await?.doors()?;
    let door = match provider {
        Provider::Digitalocean => doors.digitalocean,
        Provider::Cloudflare => doors.cloudflare,
    };
    let endpoint = Endpoint {
        url: Some(door.url),
        ca_pem: Some(door.ca_pem),
        proxy: door.proxy,
        resolver: Some(door.resolver),
    };
    Ok((endpoint, Secret::new(door.token)))
}

fn fault_of<T: serde::de::DeserializeOwned>(text: &str) -> Answer<T> {
    serde_json::from_str(text).map_err(|error| {
        Failed::input(
            "invalid_fault",
            format!("“{text}” is no fault: {error}."),
            "Such as {\"kind\":\"cut\"}; see `plimsoll help practice fault`.",
        )
    })
}

async fn running() -> Answer<Running> {
    practice::status(&settings()?.state)
        .await?
        .ok_or_else(|| Failed {
            kind: Kind::NotFound,
            failure: Failure {
                code: "practice_not_running".into(),
                message: "The practice cloud does not run.".into(),
                evidence: Vec::new(),
                next_step: "Start it with `plimsoll practice start`.".into(),
                retryable: false,
            },
        })
}

fn settings() -> Answer<Settings> {
    let mut settings = Settings::usual(practice_folder(), &["practice"]).map_err(|error| {
        Failed::input(
            "practice_no_home",
            format!("No folder for the practice cloud: {error}."),
            "Set PLIMSOLL_PRACTICE.",
        )
    })?;
    if let Some(cache) = std::env::var_os("PLIMSOLL_PRACTICE_CACHE") {
        settings.cache = cache.into();
    }
    Ok(settings)
}

fn facts(running: &Running) -> String {
    let lines = [
        format!("DigitalOcean  {}", running.digitalocean_url),
        format!("Cloudflare    {}", running.cloudflare_url),
        format!("Authority     {}", running.ca.display()),
        format!("Resolver      {}", running.resolver),
        "Next: plimsoll account connect digitalocean --practice".to_owned(),
    ];
    lines.join("\n")
}

impl From<plimsoll_lab::error::LabError> for Failed {
    fn from(error: plimsoll_lab::error::LabError) -> Self {
        Failed {
            kind: Kind::Remote,
            failure: Failure {
                code: error.code().to_owned(),
                message: error.to_string(),
                evidence: Vec::new(),
                next_step: error.next_step().to_owned(),
                retryable: false,
            },
        }
    }
}
