//! Which machines a package is for: `os`, `cpu` and `libc`.

/// The machine that an install is for, in npm's words. Several values mean that packages for any of them are wanted
/// (`supportedArchitectures`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// `linux`, `darwin`, `win32`, …
    pub os: Vec<String>,
    /// `x64`, `arm64`, …
    pub cpu: Vec<String>,
    /// `glibc` or `musl`; empty where the question does not arise.
    pub libc: Vec<String>,
}

/// What a package says of the machines it is for. An empty list admits all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Platform {
    /// Operating systems; `!` in front excludes.
    pub os: Vec<String>,
    /// Processors; `!` in front excludes.
    pub cpu: Vec<String>,
    /// C libraries; `!` in front excludes.
    pub libc: Vec<String>,
}

impl Platform {
    /// Says whether every machine is admitted.
    pub fn is_any(&self) -> bool {
        self.os.is_empty() && self.cpu.is_empty() && self.libc.is_empty()
    }

    /// Says whether the package is for the machine.
    pub fn admits(&self, host: &Host) -> bool {
        admits(&self.os, &host.os) && admits(&self.cpu, &host.cpu) && (host.libc.is_empty() || admits(&self.libc, &host.libc))
    }
}

/// npm's rule: one match is enough, one exclusion is fatal, a list of exclusions only admits the rest.
fn admits(listed: &[String], wanted: &[String]) -> bool {
    if listed.is_empty() || listed == ["any"] {
        return true;
    }
    wanted.iter().any(|value| {
        let excluded = listed.iter().any(|entry| entry.strip_prefix('!') == Some(value));
        let included = listed.iter().any(|entry| entry == value);
        let only_exclusions = listed.iter().all(|entry| entry.starts_with('!'));
        !excluded && (included || only_exclusions)
    })
}

#[cfg(test)]
mod tests {
    use super::{Host, Platform};

    fn list(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn admits_by_npms_rule() {
        let host = Host { os: list(&["linux"]), cpu: list(&["x64"]), libc: list(&["glibc"]) };
        let admits = |os: &[&str], cpu: &[&str], libc: &[&str]| Platform { os: list(os), cpu: list(cpu), libc: list(libc) }.admits(&host);
        assert!(admits(&[], &[], &[]));
        assert!(admits(&["linux", "darwin"], &["any"], &[]));
        assert!(admits(&["!win32"], &[], &["glibc"]));
        assert!(!admits(&["!linux"], &[], &[]));
        assert!(!admits(&["darwin"], &[], &[]));
        assert!(!admits(&["linux"], &["arm64"], &[]));
        assert!(!admits(&["linux"], &["x64"], &["musl"]));
    }
}
