//! The one place where the lab runs programs of the host.
//!
//! Arguments are vectors; no shell is involved.

use std::ffi::OsStr;
use std::process::Stdio;

use crate::error::LabError;

/// How much of a failing program's standard error is kept, in bytes from its end.
const STDERR_KEPT: usize = 2_000;

/// A program of the host and its arguments.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    package: &'static str,
    command: tokio::process::Command,
}

impl Program {
    /// `name` is looked up in the path; `package` is Debian's name of the package that holds it.
    pub(crate) fn new(name: &str, package: &'static str) -> Self {
        let mut command = tokio::process::Command::new(name);
        command.stdin(Stdio::null()).kill_on_drop(true);
        Self {
            name: name.to_owned(),
            package,
            command,
        }
    }

    /// Adds one argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds several arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it to its end and returns what it wrote to its standard output.
    pub(crate) async fn run(mut self, doing: &str) -> Result<String, LabError> {
        let output = self
            .command
            .output()
            .await
            .map_err(|error| self.not_started(doing, &error))?;
        if !output.status.success() {
            return Err(self.failed(doing, output.status, &output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs it to its end and says whether it succeeded; its output is dropped.
    pub(crate) async fn succeeds(mut self) -> bool {
        self.command.stdout(Stdio::null()).stderr(Stdio::null());
        self.command
            .status()
            .await
            .is_ok_and(|status| status.success())
    }

    /// Starts it as a service of its own session, so that a signal to the lab's terminal does not
    /// end it; its output goes to `log`.
    pub(crate) fn detach(mut self, doing: &str, log: std::fs::File) -> Result<u32, LabError> {
        let twin = log
            .try_clone()
            .map_err(|error| self.not_started(doing, &error))?;
        self.command.stdout(log).stderr(twin).kill_on_drop(false);
        #[cfg(unix)]
        self.command.process_group(0);
        let child = self
            .command
            .spawn()
            .map_err(|error| self.not_started(doing, &error))?;
        Ok(child.id().unwrap_or_default())
    }

    fn not_started(&self, doing: &str, error: &std::io::Error) -> LabError {
        if error.kind() == std::io::ErrorKind::NotFound {
            return LabError::Missing {
                doing: doing.to_owned(),
                program: self.name.clone(),
                package: self.package.to_owned(),
            };
        }
        LabError::Program {
            doing: doing.to_owned(),
            program: self.name.clone(),
            how: "could not be started".to_owned(),
            stderr: error.to_string(),
        }
    }

    fn failed(&self, doing: &str, status: std::process::ExitStatus, stderr: &[u8]) -> LabError {
        let from = stderr.len().saturating_sub(STDERR_KEPT);
        LabError::Program {
            doing: doing.to_owned(),
            program: self.name.clone(),
            how: format!("ended with {status}"),
            stderr: String::from_utf8_lossy(&stderr[from..]).trim().to_owned(),
        }
    }
}

/// Whether a process is there and has not ended.
pub(crate) fn process_runs(pid: u32) -> bool {
    #[cfg(target_os = "linux")]
    {
        // A child that ended and was not waited for still has an entry, in state Z.
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|text| {
            text.rsplit(") ")
                .next()
                .is_some_and(|rest| !rest.starts_with('Z'))
        })
    }
    #[cfg(all(unix, not(target_os = "linux")))]
    {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap_or(i32::MAX));
        nix::sys::signal::kill(pid, None).is_ok()
    }
    #[cfg(not(unix))]
    {
        let _ = pid;
        true
    }
}

/// What a process is told.
pub(crate) enum Signal {
    /// To end in its own way.
    End,
    /// To end now.
    Kill,
}

/// Tells a process something; one that is gone is not told.
#[cfg(unix)]
pub(crate) fn signal(pid: u32, signal: Signal) {
    let signal = match signal {
        Signal::End => nix::sys::signal::Signal::SIGTERM,
        Signal::Kill => nix::sys::signal::Signal::SIGKILL,
    };
    if let Ok(pid) = i32::try_from(pid) {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal);
    }
}

/// Tells a process something; one that is gone is not told.
#[cfg(not(unix))]
pub(crate) fn signal(_: u32, _: Signal) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_missing_program_names_its_package() {
        let error = Program::new("plimsoll-no-such-program", "no-such-package")
            .run("try it")
            .await
            .expect_err("there is no such program");
        assert_eq!(error.code(), "practice_program_missing");
        assert!(error.to_string().contains("no-such-package"), "{error}");
    }

    #[tokio::test]
    async fn a_failing_program_shows_what_it_said() {
        let error = Program::new("ls", "coreutils")
            .arg("/plimsoll/no/such/folder")
            .run("list a folder")
            .await
            .expect_err("there is no such folder");
        assert!(
            error.to_string().contains("/plimsoll/no/such/folder"),
            "{error}"
        );
    }
}
