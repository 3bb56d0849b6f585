//! The first process of a container with secrets: reads them, then becomes the application.
//!
//! It replaces itself (`execve`), so the application keeps process id 1, its signals, its user and
//! its working directory, and nothing of the shim remains.

use crate::secrets;
use std::{ffi::OsString, fs, os::unix::process::CommandExt, process::Command};

/// Where the shim is mounted in a container.
pub const SHIM_PATH: &str = "/.plimsoll/init";
/// Where its secrets are mounted.
pub const ENVIRONMENT_PATH: &str = "/.plimsoll/environment";

/// Exit status when the application cannot be started; the one shells use.
const CANNOT_START: u8 = 127;

/// Becomes the application with its secrets; answers only when that fails.
pub fn become_application(argv: &[OsString]) -> std::process::ExitCode {
    let Some((program, arguments)) = argv.split_first() else {
        eprintln!("plimsoll: the image names no command to run");
        return CANNOT_START.into();
    };
    let mut command = Command::new(program);
    command.args(arguments);
    match fs::read(ENVIRONMENT_PATH).map(|bytes| secrets::decode(&bytes)) {
        Ok(Some(values)) => {
            command.envs(
                values
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str())),
            );
        }
        Ok(None) => {
            eprintln!("plimsoll: the file with the secrets is damaged");
            return CANNOT_START.into();
        }
        Err(error) => {
            eprintln!("plimsoll: cannot read the secrets: {error}");
            return CANNOT_START.into();
        }
    }
    let error = command.exec();
    eprintln!(
        "plimsoll: cannot start {}: {error}",
        program.to_string_lossy()
    );
    CANNOT_START.into()
}
