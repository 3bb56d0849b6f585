//! The only door to a shell: argument vectors become POSIX shell words here and nowhere else.

/// An argument that no shell can carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an argument contains a NUL character, which no command line can carry")]
pub struct NulInArgument;

/// Quotes an argument vector for `sh -c` (POSIX.1-2017 §2.2.2: single quotes keep every character).
///
/// sshd hands the command of an exec request to the login shell, so an argument vector has to
/// become text once; this is that once.
pub fn shell_words<S: AsRef<str>>(argv: &[S]) -> Result<String, NulInArgument> {
    let mut line = String::new();
    for (index, argument) in argv.iter().enumerate() {
        let argument = argument.as_ref();
        if argument.contains('\0') {
            return Err(NulInArgument);
        }
        if index > 0 {
            line.push(' ');
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:@,+".contains(&b);
        if !argument.is_empty() && argument.bytes().all(plain) {
            line.push_str(argument);
        } else {
            line.push('\'');
            line.push_str(&argument.replace('\'', r"'\''"));
            line.push('\'');
        }
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_nul_is_refused() {
        assert_eq!(shell_words(&["a\0b"]), Err(NulInArgument));
    }

    #[cfg(unix)]
    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_real_shell_reads_back_every_argument(argv in prop::collection::vec("[^\0]{0,40}", 1..5)) {
            let mut wanted = vec!["printf".to_owned(), "%s\\0".to_owned()];
            wanted.extend(argv.iter().cloned());
            let line = shell_words(&wanted).unwrap();
            let out = std::process::Command::new("sh").arg("-c").arg(line).output().unwrap();
            let mut expected = argv.join("\0").into_bytes();
            expected.push(0);
            prop_assert_eq!(out.stdout, expected);
        }
    }
}
