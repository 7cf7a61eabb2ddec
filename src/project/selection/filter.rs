//! One filter, read.

use crate::project::error::{ProjectError, Result, shown};
use crate::project::workspace::Workspace;
use globset::{Glob, GlobBuilder, GlobMatcher};
use std::path::Path;

/// What reaches out along the graph.
const REACH: &str = "...";

/// A filter. At least one of name, folder and commit is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    /// How it was typed.
    pub text: String,
    /// Takes projects out.
    pub excludes: bool,
    /// The name, with `*` for anything.
    pub name: Option<String>,
    /// The folder or a glob of folders, relative to the current one.
    pub folder: Option<String>,
    /// The commit that changes are looked for since.
    pub since: Option<String>,
    /// With all that the projects depend on.
    pub dependencies: bool,
    /// With all that depend on the projects.
    pub dependents: bool,
    /// Without the projects themselves.
    pub without_itself: bool,
}

/// Which folders a filter means.
pub(super) struct Folders {
    glob: Option<GlobMatcher>,
    /// The folder itself, where it is no glob, with a slash at the end.
    above: Option<String>,
}

impl Filter {
    pub fn parse(text: &str) -> Result<Filter> {
        let mut filter = Filter { text: text.to_owned(), ..Filter::default() };
        let mut rest = text.trim();
        if let Some(plain) = rest.strip_prefix('!') {
            (filter.excludes, rest) = (true, plain);
        }
        if let Some(plain) = rest.strip_suffix(REACH) {
            (filter.dependencies, rest) = (true, plain);
            if let Some(plain) = rest.strip_suffix('^') {
                (filter.without_itself, rest) = (true, plain);
            }
        }
        if let Some(plain) = rest.strip_prefix(REACH) {
            (filter.dependents, rest) = (true, plain);
            if let Some(plain) = rest.strip_prefix('^') {
                (filter.without_itself, rest) = (true, plain);
            }
        }
        if matches!(rest, "." | "..") || rest.starts_with("./") || rest.starts_with("../") {
            filter.folder = Some(rest.to_owned());
            return Ok(filter);
        }
        let name = &rest[..rest.find(['{', '}', '[', ']']).unwrap_or(rest.len())];
        filter.name = Some(name.to_owned()).filter(|name| !name.is_empty());
        let rest = filter.enclosed(&rest[name.len()..], ('{', '}'), |filter| &mut filter.folder)?;
        let rest = filter.enclosed(rest, ('[', ']'), |filter| &mut filter.since)?;
        let names_something = filter.name.is_some() || filter.folder.is_some() || filter.since.is_some();
        match (names_something, rest) {
            (true, "") => Ok(filter),
            (true, rest) => Err(filter.fault(format!("nothing is expected at `{}`", shown(rest)))),
            (false, _) => Err(filter.fault("it names neither a project nor a folder nor a commit".to_owned())),
        }
    }

    /// Takes a part in brackets from the front of a text and returns the rest.
    fn enclosed<'a>(
        &mut self,
        text: &'a str,
        (open, close): (char, char),
        field: impl Fn(&mut Filter) -> &mut Option<String>,
    ) -> Result<&'a str> {
        let Some(inside) = text.strip_prefix(open) else { return Ok(text) };
        match inside.split_once(close) {
            Some((inside, rest)) if !inside.is_empty() => {
                *field(self) = Some(inside.to_owned());
                Ok(rest)
            }
            _ => Err(self.fault(format!("`{open}` stands without something and `{close}` behind it"))),
        }
    }

    /// Returns the error that it is.
    pub fn fault(&self, reason: String) -> ProjectError {
        ProjectError::Filter { filter: shown(&self.text), reason }
    }

    /// Reads a pattern on names: `*` stands for anything, and all else for itself.
    pub fn names(&self, pattern: &str) -> Result<GlobMatcher> {
        let escaped: Vec<String> = pattern.split('*').map(globset::escape).collect();
        let glob = Glob::new(&escaped.join("*")).map_err(|error| self.fault(error.kind().to_string()))?;
        Ok(glob.compile_matcher())
    }

    /// Reads a folder or a glob of folders.
    pub fn folders(&self, folder: &str, workspace: &Workspace, cwd: &Path) -> Result<Folders> {
        let below = cwd.strip_prefix(&workspace.root).unwrap_or(Path::new(""));
        let mut segments: Vec<String> = below.iter().map(|segment| globset::escape(&segment.to_string_lossy())).collect();
        for segment in folder.split('/') {
            match segment {
                "" | "." => {}
                // What lies above the root is no project.
                ".." if segments.pop().is_none() => return Ok(Folders { glob: None, above: None }),
                ".." => {}
                segment => segments.push(segment.to_owned()),
            }
        }
        let pattern = segments.join("/");
        let glob = GlobBuilder::new(&pattern).literal_separator(true).build().map_err(|error| self.fault(error.kind().to_string()))?;
        let above = if pattern.is_empty() { String::new() } else { format!("{pattern}/") };
        Ok(Folders { glob: Some(glob.compile_matcher()), above: Some(above) })
    }
}

impl Folders {
    /// Says whether a project is meant, by its path; `below` takes in all projects below the folder as well.
    pub fn is_match(&self, path: &str, below: bool) -> bool {
        let path = if path == "." { "" } else { path };
        let inside = format!("{path}/");
        let matches = self.glob.as_ref().is_some_and(|glob| glob.is_match(path) || (!path.is_empty() && glob.is_match(&inside)));
        matches || (below && self.above.as_ref().is_some_and(|above| path.starts_with(above)))
    }
}

#[cfg(test)]
mod tests {
    use super::Filter;

    fn shown(text: &str) -> String {
        let filter = match Filter::parse(text) {
            Ok(filter) => filter,
            Err(error) => return format!("error: {error}"),
        };
        let flags = [(filter.excludes, "!"), (filter.dependents, "<"), (filter.dependencies, ">"), (filter.without_itself, "^")];
        let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, sign)| *sign).collect();
        let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "-".to_owned());
        format!("{flags} {} {} {}", part(&filter.name), part(&filter.folder), part(&filter.since))
    }

    #[test]
    fn reads_every_form() {
        for (text, want) in [
            ("web", " web - -"),
            ("@acme/*", " @acme/* - -"),
            ("web...", "> web - -"),
            ("web^...", ">^ web - -"),
            ("...web", "< web - -"),
            ("...^web", "<^ web - -"),
            ("...web...", "<> web - -"),
            ("!web", "! web - -"),
            ("!...web", "!< web - -"),
            ("./apps/web", " - ./apps/web -"),
            ("./apps/**...", "> - ./apps/** -"),
            (".", " - . -"),
            ("..", " - .. -"),
            ("{apps/*}", " - apps/* -"),
            ("[main]", " - - main"),
            ("...[origin/main]", "< - - origin/main"),
            ("{apps}[HEAD~1]...", "> - apps HEAD~1"),
            ("@acme/*{apps}[main]", " @acme/* apps main"),
        ] {
            assert_eq!(shown(text), want, "{text}");
        }
        for text in ["", "!", "...", "{}", "{a", "a]", "[main]{apps}", "a{b}c"] {
            assert!(shown(text).starts_with("error"), "{text}: {}", shown(text));
        }
    }
}
