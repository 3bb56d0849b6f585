//! Plans and jobs as people read them: live on a terminal, plain lines elsewhere.

use crate::{
    failure::Answer,
    output::{Output, bytes, dollars, duration},
};
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use plimsoll_domain::{
    JobId,
    job::{Job, JobStep, StepStatus},
};
use plimsoll_engine::{Engine, JobEvent, Plan};
use std::{fmt::Write as _, time::Duration};

/// A plan: its steps, what each changes, and what the whole costs.
pub fn plan_text(plan: &Plan) -> String {
    let mut text = format!("{}\n", plan.title);
    for (index, step) in plan.steps.iter().enumerate() {
        let _ = write!(text, "\n{:>3}. {}", index + 1, step.title);
        let mut facts = Vec::new();
        facts.extend(
            step.price_cents_month
                .map(|cents| format!("{} a month", dollars(cents))),
        );
        facts.extend(
            step.transfer_bytes
                .map(|sent| format!("about {}", bytes(sent))),
        );
        if step.downtime_ms > 0 {
            facts.push(format!(
                "down for {}",
                duration(step.downtime_ms.cast_signed())
            ));
        }
        if !facts.is_empty() {
            let _ = write!(text, "  ({})", facts.join(", "));
        }
        for change in &step.changes {
            let none = "nothing".to_owned();
            let before = change.before.as_ref().unwrap_or(&none);
            let after = change.after.as_ref().unwrap_or(&none);
            let _ = write!(text, "\n       {}: {before} → {after}", change.subject);
        }
        if let Some(undo) = &step.undo {
            let _ = write!(text, "\n       undo: {undo}");
        }
    }
    let _ = write!(
        text,
        "\n\nCost: {} a month. To send: {}. Downtime: {}.",
        dollars(plan.price_cents_month()),
        bytes(plan.transfer_bytes()),
        duration(plan.downtime_ms().cast_signed()),
    );
    for notice in &plan.notices {
        let _ = write!(text, "\nNote: {notice}");
    }
    text
}

/// Runs a job to its end, showing each step. Ctrl-C asks it to stop and to take back what it did;
/// a second one leaves it interrupted.
pub async fn run(engine: &Engine, output: Output, job_id: JobId) -> Answer<Job> {
    let mut events = Box::pin(engine.watch(job_id).await?.fuse());
    let running = engine.run(job_id);
    tokio::pin!(running);
    let mut screen = Screen::new(output);
    let mut asked = false;
    loop {
        tokio::select! {
            biased;
            Some(event) = events.next() => screen.show(event?),
            job = &mut running => {
                let job = job?;
                while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(300), events.next()).await {
                    screen.show(event?);
                }
                screen.close();
                return Ok(job);
            }
            signal = tokio::signal::ctrl_c() => {
                if signal.is_err() || asked {
                    screen.close();
                    std::process::exit(130);
                }
                asked = true;
                output.note("Asked to stop; what was done is taken back. Once more leaves it as it is.");
                engine.cancel(job_id).await?;
            }
        }
    }
}

/// Watches a job that another process may run, until it ends.
pub async fn follow(engine: &Engine, output: Output, job_id: JobId) -> Answer<Job> {
    let mut events = Box::pin(engine.watch(job_id).await?.fuse());
    let mut screen = Screen::new(output);
    while let Some(event) = events.next().await {
        screen.show(event?);
    }
    screen.close();
    Ok(engine.job(job_id).await?)
}

/// Where events go.
struct Screen {
    output: Output,
    spinner: Option<ProgressBar>,
    last: Option<(u32, StepStatus)>,
}

impl Screen {
    fn new(output: Output) -> Self {
        let spinner = output.lively().then(|| {
            let spinner = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}") {
                spinner.set_style(style);
            }
            spinner.enable_steady_tick(Duration::from_millis(120));
            spinner
        });
        Self {
            output,
            spinner,
            last: None,
        }
    }

    fn show(&mut self, event: JobEvent) {
        match event {
            JobEvent::Step { step } => self.step(&step),
            JobEvent::Log { line } => self.line(&format!("      {}", line.text)),
            JobEvent::Bytes { done, total, .. } => {
                if let Some(spinner) = &self.spinner {
                    let of = total
                        .map(|total| format!(" of {}", bytes(total)))
                        .unwrap_or_default();
                    spinner.set_message(format!("{}{of}", bytes(done)));
                }
            }
            JobEvent::Waiting { on, process } => {
                let by = process
                    .map(|process| format!(" (in {process})"))
                    .unwrap_or_default();
                self.line(&format!("  … waits for “{}”{by}", on.title));
            }
            JobEvent::Job { .. } => {}
        }
    }

    fn step(&mut self, step: &JobStep) {
        if self.last == Some((step.number, step.status)) {
            return;
        }
        self.last = Some((step.number, step.status));
        let took = step
            .finished_at
            .zip(step.started_at)
            .map(|(end, start)| format!("  {}", duration(end.since_ms(start))))
            .unwrap_or_default();
        let (mark, took) = match step.status {
            StepStatus::Pending => return,
            StepStatus::Running => {
                if let Some(spinner) = &self.spinner {
                    spinner.set_message(step.title.clone());
                    return;
                }
                ("▸", String::new())
            }
            StepStatus::Done => ("✓", took),
            StepStatus::Skipped => ("=", "  already so".to_owned()),
            StepStatus::Failed => ("✗", took),
            StepStatus::Undoing => ("↶", "  taking it back".to_owned()),
            StepStatus::Undone => ("↶", "  taken back".to_owned()),
            StepStatus::UndoFailed => ("!", "  could not be taken back".to_owned()),
        };
        self.line(&format!("  {mark} {}{took}", step.title));
        if let Some(failure) = &step.error
            && matches!(step.status, StepStatus::Failed | StepStatus::UndoFailed)
        {
            self.line(&format!("      {}", failure.message));
        }
    }

    fn line(&self, line: &str) {
        match &self.spinner {
            Some(spinner) => spinner.println(line),
            None => self.output.note(line),
        }
    }

    fn close(&self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}
