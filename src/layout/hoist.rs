//! Hoisting: which packages can be imported by those that do not declare them.
//!
//! Many packages import what they do not declare and get away with it where everything lies in one flat folder. The
//! hidden hoist, `.deka/node_modules`, serves them: it is the next folder that Node looks into after a slot. The public
//! hoist puts packages into the root's own `node_modules` for tools that look only there.
//!
//! One name can be hoisted once. As in pnpm the one nearest to the projects wins: breadth first, and by path among what
//! is equally near. What the root depends on itself is found anyway and takes its name from both.

use super::LayoutError;
use crate::package::name::PackageName;
use crate::resolve::graph::{InstanceIndex, Resolution, Target};
use globset::{GlobBuilder, GlobMatcher};
use rustc_hash::FxHashSet;
use std::borrow::Cow;

/// What is hoisted, sorted by alias.
#[derive(Debug, Default)]
pub struct Hoisted {
    /// Into `.deka/node_modules`.
    pub hidden: Vec<(PackageName, Target)>,
    /// Into the root's `node_modules`.
    pub public: Vec<(PackageName, Target)>,
}

/// A list of patterns on aliases, where `*` stands for anything and `!` takes out what an earlier pattern let in.
pub struct Patterns {
    /// Whether a pattern lets in, and what it matches. Nothing stands for `*`, which nearly everybody has: to compile a
    /// glob takes longer than all the rest of a plan.
    matchers: Vec<(bool, Option<GlobMatcher>)>,
}

impl Patterns {
    /// Reads patterns; an error names the one that cannot be read.
    pub fn parse(patterns: &[String]) -> Result<Patterns, LayoutError> {
        let one = |text: &String| {
            let (admits, plain) = text.strip_prefix('!').map_or((true, text.as_str()), |rest| (false, rest));
            if plain == "*" {
                return Ok((admits, None));
            }
            match GlobBuilder::new(plain).literal_separator(false).build() {
                Ok(glob) => Ok((admits, Some(glob.compile_matcher()))),
                Err(error) => Err(LayoutError::Pattern { pattern: text.clone(), reason: error.kind().to_string() }),
            }
        };
        Ok(Patterns { matchers: patterns.iter().map(one).collect::<Result<_, _>>()? })
    }

    /// Says whether an alias is let in: the last pattern that matches decides. A list of exclusions lets in the rest.
    pub fn admit(&self, alias: &str) -> bool {
        let only_exclusions = !self.matchers.is_empty() && self.matchers.iter().all(|(admits, _)| !admits);
        let matches = |matcher: &Option<GlobMatcher>| matcher.as_ref().is_none_or(|matcher| matcher.is_match(alias));
        let deciding = self.matchers.iter().rev().find(|(_, matcher)| matches(matcher));
        deciding.map_or(only_exclusions, |(admits, _)| *admits)
    }

    fn is_empty(&self) -> bool {
        self.matchers.is_empty()
    }
}

/// The part of a resolution that is wanted, and where it starts.
pub struct Graph<'a> {
    /// The whole resolution.
    pub resolution: &'a Resolution,
    /// Which instances are wanted, parallel to the instances.
    pub kept: &'a [bool],
    /// The direct dependencies that are wanted, a list for each importer.
    pub direct: &'a [Vec<(PackageName, Target)>],
}

/// Chooses what is hoisted.
pub fn hoist(graph: &Graph, hidden: &Patterns, public: &Patterns) -> Hoisted {
    let mut hoisted = Hoisted::default();
    if hidden.is_empty() && public.is_empty() {
        return hoisted;
    }
    let root = graph.resolution.importers.iter().position(|importer| importer.path == ".");
    let mut taken: FxHashSet<Cow<str>> =
        root.map(|root| graph.direct[root].iter().map(|(alias, _)| folded(alias)).collect()).unwrap_or_default();
    let order = breadth_first(graph);
    let edges = order.iter().flat_map(|index| &graph.resolution.instance(*index).dependencies);
    let edges = edges.filter(|edge| leads_somewhere(graph, &edge.target)).map(|edge| (&edge.alias, &edge.target));
    for (alias, target) in graph.direct.iter().flatten().map(|(alias, target)| (alias, target)).chain(edges) {
        if taken.contains(&folded(alias)) {
            continue;
        }
        let list = match (public.admit(alias.as_str()), hidden.admit(alias.as_str())) {
            (true, _) => &mut hoisted.public,
            (false, true) => &mut hoisted.hidden,
            (false, false) => continue,
        };
        taken.insert(folded(alias));
        list.push((alias.clone(), target.clone()));
    }
    hoisted.hidden.sort();
    hoisted.public.sort();
    hoisted
}

/// Names that differ in case only would be one folder on some machines.
fn folded(alias: &PackageName) -> Cow<'_, str> {
    let name = alias.as_str();
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) { name.to_ascii_lowercase().into() } else { name.into() }
}

fn leads_somewhere(graph: &Graph, target: &Target) -> bool {
    match target {
        Target::Instance(index) => graph.kept[index.0 as usize],
        Target::Folder(_) => true,
    }
}

/// The wanted instances by their distance from the importers, those equally far by path.
fn breadth_first(graph: &Graph) -> Vec<InstanceIndex> {
    let mut seen = vec![false; graph.kept.len()];
    let mut order = Vec::with_capacity(graph.kept.len());
    let mut add = |target: &Target, level: &mut Vec<InstanceIndex>| {
        if let Target::Instance(index) = target {
            let place = index.0 as usize;
            if graph.kept[place] && !std::mem::replace(&mut seen[place], true) {
                level.push(*index);
            }
        }
    };
    let mut level = Vec::new();
    for (_, target) in graph.direct.iter().flatten() {
        add(target, &mut level);
    }
    while !level.is_empty() {
        // Instances are sorted by path, so their indices are too.
        level.sort();
        let mut next = Vec::new();
        for index in &level {
            for edge in &graph.resolution.instance(*index).dependencies {
                add(&edge.target, &mut next);
            }
        }
        order.append(&mut level);
        level = next;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::Patterns;

    fn admitted(patterns: &[&str]) -> Vec<&'static str> {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        let patterns = Patterns::parse(&patterns).expect("the patterns are right");
        ["a", "eslint", "eslint-x", "@types/node"].into_iter().filter(|alias| patterns.admit(alias)).collect()
    }

    #[test]
    fn the_last_pattern_that_matches_decides() {
        assert_eq!(admitted(&["*"]), ["a", "eslint", "eslint-x", "@types/node"]);
        assert_eq!(admitted(&[]), [""; 0]);
        assert_eq!(admitted(&["*eslint*", "@types/*"]), ["eslint", "eslint-x", "@types/node"]);
        assert_eq!(admitted(&["*", "!eslint*"]), ["a", "@types/node"]);
        assert_eq!(admitted(&["!eslint*", "eslint"]), ["eslint"]);
        assert_eq!(admitted(&["!a"]), ["eslint", "eslint-x", "@types/node"]);
    }

    #[test]
    fn a_pattern_that_cannot_be_read_is_named() {
        let error = Patterns::parse(&["[".to_owned()]).err().expect("an error");
        assert!(error.to_string().contains("`[`"), "{error}");
    }
}
