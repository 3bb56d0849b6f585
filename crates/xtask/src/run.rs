//! Running other programs: shown as they are called, failing with what they said.

use std::{
    fmt,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

/// Why a task could not go on, ready to be shown.
#[derive(Debug)]
pub struct Trouble(pub String);

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// What a task answers.
pub type Done<T = ()> = Result<T, Trouble>;

/// Says what is being done.
pub fn say(text: impl AsRef<str>) {
    eprintln!("\x1b[1m▸ {}\x1b[0m", text.as_ref());
}

/// Runs a program in the foreground; its output goes where ours goes.
pub fn run(command: &mut Command) -> Done {
    let shown = shown(command);
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| Trouble(format!("{shown} could not be started: {error}")))?;
    if status.success() {
        Ok(())
    } else {
        Err(Trouble(format!("{shown} ended with {status}")))
    }
}

/// Runs a program and answers what it printed.
pub fn output(command: &mut Command) -> Done<String> {
    let shown = shown(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Trouble(format!("{shown} could not be started: {error}")))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Trouble(format!(
            "{shown} ended with {}\n{}",
            output.status,
            said.trim()
        )))
    }
}

/// Runs a program, passes its lines through and hands each to `watch`; answers whether it
/// succeeded.
pub fn watched(command: &mut Command, mut watch: impl FnMut(&str)) -> Done<bool> {
    let shown = shown(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Trouble(format!("{shown} could not be started: {error}")))?;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            println(&line);
            watch(&line);
        }
    }
    Ok(child.wait()?.success())
}

/// Prints a line on standard output, where results belong.
#[allow(clippy::print_stdout)]
pub fn println(line: &str) {
    println!("{line}");
}

/// Whether a program can be found on the path.
pub fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| {
        ["/usr/sbin", "/sbin"]
            .iter()
            .map(Path::new)
            .chain([folder.as_path()])
            .any(|folder| {
                folder.join(program).is_file() || folder.join(format!("{program}.exe")).is_file()
            })
    })
}

fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    format!("`{}`", words.join(" "))
}
