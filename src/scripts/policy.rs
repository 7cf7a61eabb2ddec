//! Which dependencies may run their scripts.
//!
//! None, unless the project names them. An approval binds to what was resolved, never to what a package calls itself: a
//! bare name or `name@version` admits that package from the registry, and nothing that comes from a tarball, a
//! repository or a folder under the same name. Those need their full id (`name@https://host.test/x.tgz`), byte for byte.
//! What is denied is denied even when it is also allowed.

use rustc_hash::FxHashSet;

/// What a project allows.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    allowed: Entries,
    denied: Entries,
}

/// A package as it was resolved.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The name that the source has it under, not an alias.
    pub name: &'a str,
    /// The version.
    pub version: &'a str,
    /// The package's id in the lockfile.
    pub id: &'a str,
    /// Whether it comes from a registry.
    pub from_registry: bool,
}

/// What a policy says of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Its scripts may run.
    Allowed,
    /// The project has said that they may not; nothing is to be said about it again.
    Denied,
    /// The project says nothing, so they may not, and the user should know.
    Unknown,
}

impl Policy {
    /// Builds a policy from the entries of a project.
    pub fn new(allowed: &[String], denied: &[String]) -> Policy {
        Policy { allowed: Entries::new(allowed), denied: Entries::new(denied) }
    }

    /// Decides about one package.
    pub fn decide(&self, package: &Identity<'_>) -> Decision {
        // A denial by name means the name, wherever the package comes from; an approval is never read that widely.
        if self.denied.names.contains(package.name) || self.denied.admits(package) {
            Decision::Denied
        } else if self.allowed.admits(package) {
            Decision::Allowed
        } else {
            Decision::Unknown
        }
    }
}

/// One list, taken apart.
#[derive(Clone, Debug, Default)]
struct Entries {
    names: FxHashSet<String>,
    exact: FxHashSet<(String, String)>,
    ids: FxHashSet<String>,
}

impl Entries {
    fn new(list: &[String]) -> Entries {
        let mut entries = Entries::default();
        for entry in list {
            entries.ids.insert(entry.clone());
            let entry = entry.trim();
            let split = entry.get(1..).and_then(|rest| rest.find('@')).map(|at| entry.split_at(at + 1));
            let Some((name, versions)) = split else {
                entries.names.insert(entry.to_owned());
                continue;
            };
            for version in versions[1..].split("||") {
                entries.exact.insert((name.to_owned(), version.trim().to_owned()));
            }
        }
        entries
    }

    fn admits(&self, package: &Identity<'_>) -> bool {
        if !package.from_registry {
            return self.ids.contains(package.id);
        }
        self.names.contains(package.name)
            || (!self.exact.is_empty() && self.exact.contains(&(package.name.to_owned(), package.version.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::{Decision, Identity, Policy};

    fn decide(allowed: &[&str], denied: &[&str], package: (&str, &str, Option<&str>)) -> Decision {
        let own = |list: &[&str]| list.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>();
        let (name, version, source) = package;
        let id = format!("{name}@{}", source.unwrap_or(version));
        Policy::new(&own(allowed), &own(denied)).decide(&Identity { name, version, id: &id, from_registry: source.is_none() })
    }

    #[test]
    fn an_approval_binds_to_what_was_resolved() {
        use Decision::{Allowed, Denied, Unknown};
        let url = "https://host.test/x.tgz";
        for (allowed, denied, package, want) in [
            (&[][..], &[][..], ("a", "1.0.0", None), Unknown),
            (&["a"], &[], ("a", "1.0.0", None), Allowed),
            (&["a"], &[], ("ab", "1.0.0", None), Unknown),
            (&["@s/a"], &[], ("@s/a", "1.0.0", None), Allowed),
            (&["@s/a"], &[], ("a", "1.0.0", None), Unknown),
            (&["a@1.0.0"], &[], ("a", "1.0.0", None), Allowed),
            (&["a@1.0.0"], &[], ("a", "1.0.1", None), Unknown),
            (&["@s/a@1.0.0 || 2.0.0"], &[], ("@s/a", "2.0.0", None), Allowed),
            // The same name from elsewhere is something else.
            (&["a", "a@1.0.0"], &[], ("a", "1.0.0", Some(url)), Unknown),
            (&["a@https://host.test/x.tgz"], &[], ("a", "1.0.0", Some(url)), Allowed),
            (&["a@https://host.test/x"], &[], ("a", "1.0.0", Some(url)), Unknown),
            (&["a@https://host.test/x.tgz(b)"], &[], ("a", "1.0.0", Some(url)), Unknown),
            (&["a@file:x"], &[], ("a", "file:x", None), Allowed),
            (&["a"], &["a"], ("a", "1.0.0", None), Denied),
            (&["a"], &["a@2.0.0"], ("a", "1.0.0", None), Allowed),
            (&["a@https://host.test/x.tgz"], &["a"], ("a", "1.0.0", Some(url)), Denied),
            (&["*"], &[], ("a", "1.0.0", None), Unknown),
        ] {
            assert_eq!(decide(allowed, denied, package), want, "{allowed:?} {denied:?} {package:?}");
        }
    }
}
