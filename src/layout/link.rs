//! What the symbolic links of `node_modules` say.
//!
//! Links inside of a project are relative, so that it can be moved; links from a project to slots in the store are
//! absolute, since the store does not move with it. All paths here are text with `/`, relative to the root of the
//! project, and are computed without looking at the disk.

/// Returns the path that leads from a folder to a target, both relative to the root. `..` at the start of the target
/// leads out of the root; an absolute target stays as it is.
pub fn relative(folder: &str, target: &str) -> String {
    if target.starts_with('/') {
        return target.to_owned();
    }
    let mut from = segments(folder).peekable();
    let mut to = segments(target).peekable();
    while from.peek().is_some() && from.peek() == to.peek() {
        from.next();
        to.next();
    }
    let mut text = "../".repeat(from.count());
    for segment in to {
        text.push_str(segment);
        text.push('/');
    }
    // The last `/` is dropped: a link to `x/` reads as one to `x`.
    text.pop();
    if text.is_empty() { ".".to_owned() } else { text }
}

/// Joins two paths that are relative to the root; `.` adds nothing.
pub fn join(folder: &str, below: &str) -> String {
    let mut joined = String::with_capacity(folder.len() + below.len() + 1);
    for segment in segments(folder).chain(segments(below)) {
        if !joined.is_empty() {
            joined.push('/');
        }
        joined.push_str(segment);
    }
    joined
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty() && *segment != ".")
}

#[cfg(test)]
mod tests {
    use super::{join, relative};

    #[test]
    fn leads_from_a_folder_to_a_target() {
        for (folder, target, text) in [
            ("node_modules", "node_modules/.deka/a@1.0.0/node_modules/a", ".deka/a@1.0.0/node_modules/a"),
            ("node_modules/@s", "node_modules/.deka/x", "../.deka/x"),
            ("packages/a/node_modules", "node_modules/.deka/x", "../../../node_modules/.deka/x"),
            ("packages/a/node_modules", "packages/b", "../../b"),
            ("node_modules", ".", ".."),
            ("packages/a/node_modules", "../outside", "../../../../outside"),
            ("node_modules", "/srv/x", "/srv/x"),
            ("a", "a", "."),
        ] {
            assert_eq!(relative(folder, target), text, "{folder} to {target}");
        }
    }

    #[test]
    fn joins_without_dots() {
        assert_eq!(join(".", "node_modules"), "node_modules");
        assert_eq!(join("packages/a", "./node_modules/"), "packages/a/node_modules");
        assert_eq!(join(".", "."), "");
    }
}
