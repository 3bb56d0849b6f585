//! The first process of a container with secrets: reads them, then becomes the application.
//!
//! It replaces itself (`execve`), so the application keeps process id 1, its signals, its user and
//! its working directory, and nothing of the shim remains.

use crate::secrets::{self, Values};
use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::{fs::OpenOptionsExt, process::CommandExt},
    path::Path,
    process::{Command, ExitCode, Stdio},
};
use zeroize::Zeroizing;

/// Where the shim is mounted in a container.
pub const SHIM_PATH: &str = "/.plimsoll/init";
/// Where its secrets are mounted.
pub const ENVIRONMENT_PATH: &str = "/.plimsoll/environment";

/// Where a container that runs on a desktop has one file a secret, in memory.
const FILES_PATH: &str = "/run/secrets";
/// Most bytes of secrets that are received.
const MOST_BYTES: u64 = 16 << 20;

/// Exit status when the application cannot be started; the one shells use.
const CANNOT_START: u8 = 127;

/// Becomes the application with its secrets; answers only when that fails.
pub fn become_application(argv: &[OsString]) -> ExitCode {
    match fs::read(ENVIRONMENT_PATH).map(|bytes| secrets::decode(&bytes)) {
        Ok(Some(values)) => execute(argv, &values, None),
        Ok(None) => {
            eprintln!("plimsoll: the file with the secrets is damaged");
            CANNOT_START.into()
        }
        Err(error) => {
            eprintln!("plimsoll: cannot read the secrets: {error}");
            CANNOT_START.into()
        }
    }
}

/// Takes secrets from the standard input, on a desktop whose files a container cannot share, puts
/// them into memory as files, and becomes the application with them; answers only when that fails.
pub fn receive_and_become(argv: &[OsString]) -> ExitCode {
    let received = receive(io::stdin().lock()).and_then(|values| {
        for (name, value) in &values {
            write_file(&Path::new(FILES_PATH).join(name.as_str()), value.as_bytes())?;
        }
        Ok(values)
    });
    match received {
        Ok(values) => execute(argv, &values, Some(Stdio::null())),
        Err(error) => {
            eprintln!("plimsoll: cannot take the secrets: {error}");
            CANNOT_START.into()
        }
    }
}

/// Their length in bytes as a decimal line, then what [`secrets::encode`] makes of them.
fn receive(mut from: impl Read) -> io::Result<Values> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "they are damaged");
    let mut length: u64 = 0;
    loop {
        let mut byte = [0u8; 1];
        from.read_exact(&mut byte)?;
        match byte[0] {
            b'\n' => break,
            digit @ b'0'..=b'9' if length <= MOST_BYTES => {
                length = length * 10 + u64::from(digit - b'0');
            }
            _ => return Err(damaged()),
        }
    }
    let length = usize::try_from(length.min(MOST_BYTES)).map_err(|_| damaged())?;
    let mut bytes = Zeroizing::new(vec![0u8; length]);
    from.read_exact(&mut bytes)?;
    secrets::decode(&bytes).ok_or_else(damaged)
}

fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o400)
        .open(path)?;
    file.write_all(content)
}

fn execute(argv: &[OsString], values: &Values, stdin: Option<Stdio>) -> ExitCode {
    let Some((program, arguments)) = argv.split_first() else {
        eprintln!("plimsoll: the image names no command to run");
        return CANNOT_START.into();
    };
    let mut command = Command::new(program);
    command.args(arguments).envs(
        values
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    if let Some(stdin) = stdin {
        command.stdin(stdin);
    }
    let error = command.exec();
    eprintln!(
        "plimsoll: cannot start {}: {error}",
        program.to_string_lossy()
    );
    CANNOT_START.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_domain::name::VariableName;

    #[test]
    fn what_was_sent_is_received_and_nothing_after_it() {
        let name = VariableName::parse("TOKEN").unwrap();
        let values = Values::from([(name, Zeroizing::new("two\nlines".to_owned()))]);
        let encoded = secrets::encode(&values);
        let mut sent = format!("{}\n", encoded.len()).into_bytes();
        sent.extend_from_slice(&encoded);
        sent.extend_from_slice(b"of the application");
        assert_eq!(receive(&sent[..]).unwrap(), values);
        assert!(receive(&b"0\n"[..]).unwrap().is_empty());
        for damaged in [
            &b""[..],
            b"9",
            b"9\nshort",
            b"-1\n",
            b"4\nTOKE",
            b"99999999999999\nx",
        ] {
            assert!(receive(damaged).is_err(), "{damaged:?}");
        }
    }
}
