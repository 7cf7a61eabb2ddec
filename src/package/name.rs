//! Names of packages and the aliases they are installed under.
//!
//! A name becomes a folder below `node_modules`, so the check here is what keeps a hostile manifest or lockfile from
//! writing elsewhere. The rule is npm's for existing packages (upper case is allowed, since old packages have it), less
//! the names that mean something to the layout itself.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// The longest name that npm accepts, in bytes.
const LENGTH_MAX: usize = 214;
/// Names that would stand where `node_modules` keeps its own things, or that JavaScript tools cannot hold as a key.
const RESERVED: [&str; 3] = ["node_modules", "favicon.ico", "__proto__"];

/// A valid package name, with its scope if it has one: `react`, `@types/node`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageName(Arc<str>);

/// Why a text is not a package name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid package name: {reason}")]
pub struct NameError {
    /// The text, with control characters escaped.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl PackageName {
    /// Checks a name.
    pub fn parse(text: &str) -> Result<PackageName, NameError> {
        match fault(text) {
            None => Ok(PackageName(text.into())),
            Some(reason) => Err(NameError { text: text.escape_debug().to_string(), reason }),
        }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the scope with its `@` (`@types`), if there is one.
    pub fn scope(&self) -> Option<&str> {
        self.0.split_once('/').map(|(scope, _)| scope)
    }

    /// Returns the part behind the scope: `node` of `@types/node`.
    pub fn unscoped(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(_, name)| name)
    }
}

fn fault(text: &str) -> Option<&'static str> {
    if text.len() > LENGTH_MAX {
        return Some("it is longer than 214 bytes");
    }
    match text.strip_prefix('@') {
        None => segment_fault(text),
        Some(scoped) => match scoped.split_once('/') {
            None => Some("a scope needs a name behind it"),
            Some((scope, name)) => segment_fault(scope).or_else(|| segment_fault(name)),
        },
    }
}

fn segment_fault(segment: &str) -> Option<&'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'!' | b'\'' | b'(' | b')' | b'*');
    if segment.is_empty() {
        Some("it has an empty part")
    } else if segment.starts_with('.') {
        Some("no part may start with a dot")
    } else if !segment.bytes().all(plain) {
        Some("it has characters that no address may hold")
    } else if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(segment)) {
        Some("the name is reserved")
    } else {
        None
    }
}

impl Borrow<str> for PackageName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for PackageName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for PackageName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, out)
    }
}

#[cfg(test)]
mod tests {
    use super::PackageName;

    #[test]
    fn takes_what_npm_takes() {
        for name in ["react", "@types/node", "JSONStream", "lodash.merge", "a~b", "constructor", "hasOwnProperty", "node"] {
            assert!(PackageName::parse(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn refuses_what_would_leave_or_shadow_node_modules() {
        let long = "a".repeat(215);
        for name in [
            "",
            ".",
            "..",
            "../x",
            "../../../x",
            "a/b",
            "/a",
            "a/",
            "@a",
            "@/a",
            "@a/",
            "@a/../b",
            "@../a",
            ".bin",
            ".deka",
            ".pnpm",
            ".modules.yaml",
            "node_modules",
            "Node_Modules",
            "@a/node_modules",
            "__proto__",
            "a b",
            "a\\b",
            "a\0b",
            "é",
            "a:b",
            "a\u{202e}b",
            &long,
        ] {
            assert!(PackageName::parse(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn splits_the_scope() {
        let name = PackageName::parse("@types/node").expect("a valid name");
        assert_eq!((name.scope(), name.unscoped()), (Some("@types"), "node"));
        assert_eq!(PackageName::parse("react").expect("a valid name").scope(), None);
    }
}
