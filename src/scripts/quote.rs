//! Writes words so that a shell reads them as they are.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Appends arguments to a command line, each quoted where a shell would read something else. The command line itself is
/// left as its author wrote it.
pub fn with_arguments(command: &OsStr, arguments: &[OsString]) -> OsString {
    let mut line = command.as_bytes().to_vec();
    for argument in arguments {
        if !line.is_empty() {
            line.push(b' ');
        }
        quote(argument.as_bytes(), &mut line);
    }
    OsString::from_vec(line)
}

/// Inside single quotes nothing has a meaning but the quote itself, which is written outside of them.
fn quote(word: &[u8], line: &mut Vec<u8>) {
    if !word.is_empty() && word.iter().all(|byte| is_plain(*byte)) {
        line.extend_from_slice(word);
        return;
    }
    line.push(b'\'');
    for &byte in word {
        match byte {
            b'\'' => line.extend_from_slice(br"'\''"),
            byte => line.push(byte),
        }
    }
    line.push(b'\'');
}

/// Says whether a byte means only itself wherever it stands in a word.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::with_arguments;
    use proptest::prelude::{Strategy, any, prop_assert_eq, proptest};
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::OsStringExt;
    use std::process::Command;

    #[test]
    fn plain_words_stay_readable() {
        let words = ["--port=80", "a b", "it's", "", "$HOME"].map(OsString::from);
        let line = with_arguments(OsStr::new("serve && x"), &words);
        assert_eq!(line, r"serve && x --port=80 'a b' 'it'\''s' '' '$HOME'");
        assert_eq!(with_arguments(OsStr::new(""), &words[..1]), "--port=80");
    }

    proptest! {
        #![proptest_config(proptest::test_runner::Config { cases: 48, ..Default::default() })]
        #[test]
        fn a_shell_reads_what_was_meant(words in proptest::collection::vec(word(), 1..6)) {
            let output = Command::new("/bin/sh").arg("-c").arg(with_arguments(OsStr::new("printf '%s\\0'"), &words)).output()?;
            let read: Vec<OsString> =
                output.stdout.strip_suffix(b"\0").unwrap_or_default().split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec())).collect();
            prop_assert_eq!(read, words);
        }
    }

    /// Any bytes that an argument can have.
    fn word() -> impl Strategy<Value = OsString> {
        proptest::collection::vec(any::<u8>().prop_filter("an argument ends at NUL", |byte| *byte != 0), 0..12).prop_map(OsString::from_vec)
    }
}
