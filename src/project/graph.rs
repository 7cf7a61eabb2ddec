//! Which projects of a workspace depend on which, and in what order that lets them be built.
//!
//! An edge is a dependency of any list that another project answers: through `workspace:`, through a path to its folder,
//! or, where the workspace links its projects by version, through a range that the project satisfies.

use super::error::{ProjectError, Result};
use super::settings::LinkWorkspacePackages;
use super::workspace::{Project, Workspace};
use crate::fs::without_dots;
use crate::package::name::PackageName;
use crate::package::range::Range;
use crate::package::spec::{OfWorkspace, Specifier, Want};
use crate::package::version::Version;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::path::Path;

/// The projects of a workspace as a graph. Projects are indices into [`Workspace::projects`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectGraph {
    /// The projects that each project depends on, sorted. Nothing depends on itself here.
    pub dependencies: Vec<Vec<usize>>,
    /// Which project gets a copy of which (`dependenciesMeta.*.injected`).
    copies: Vec<(usize, usize)>,
}

/// What dependencies are looked up in.
struct Projects<'a> {
    by_name: FxHashMap<&'a str, usize>,
    by_folder: FxHashMap<&'a Path, usize>,
    all: &'a [Project],
    by_version: bool,
}

impl ProjectGraph {
    /// Reads the graph of a workspace. Where `link-workspace-packages` says so, a project also answers ranges of its name
    /// that it satisfies.
    pub fn read(workspace: &Workspace, linking: LinkWorkspacePackages) -> ProjectGraph {
        let by_version = linking != LinkWorkspacePackages::Never;
        let all = &workspace.projects;
        let projects = Projects {
            by_name: (0..).zip(all).filter_map(|(index, project)| Some((project.name()?, index))).collect(),
            by_folder: (0..).zip(all).map(|(index, project)| (project.folder.as_path(), index)).collect(),
            all,
            by_version,
        };
        let mut copies = Vec::new();
        let dependencies = (0..).zip(all).map(|(own, project)| {
            let injected = project.injected();
            let answers = asked(project).filter_map(|(alias, text)| Some((alias, projects.answer(project, alias, text)?)));
            let answers: Vec<(&str, usize)> = answers.collect();
            copies.extend(answers.iter().filter(|(alias, _)| injected.contains(*alias)).map(|(_, index)| (own, *index)));
            let mut found: Vec<usize> = answers.into_iter().map(|(_, index)| index).collect();
            found.retain(|index| *index != own);
            found.sort_unstable();
            found.dedup();
            found
        });
        let dependencies = dependencies.collect();
        ProjectGraph { dependencies, copies }
    }

    /// Checks that no project gets a copy of one that depends on it in turn: the copy could never be up to date.
    pub fn check_copies(&self, workspace: &Workspace) -> Result<()> {
        for &(owner, copied) in &self.copies {
            if let Some(way) = self.way(copied, owner) {
                let label = |index: usize| {
                    let project = &workspace.projects[index];
                    project.name().unwrap_or(&project.path).to_owned()
                };
                let way: Vec<String> = std::iter::once(owner).chain(way).map(label).collect();
                let manifest = |index: usize| workspace.projects[index].stamp.path.clone();
                return Err(ProjectError::CopiedInCircle {
                    owner: manifest(owner),
                    copied: manifest(copied),
                    alias: label(copied),
                    way: way.join(" > "),
                });
            }
        }
        Ok(())
    }

    /// Returns the shortest way from one project to another, both included.
    fn way(&self, from: usize, to: usize) -> Option<Vec<usize>> {
        let mut came_from: Vec<Option<usize>> = vec![None; self.dependencies.len()];
        let mut open = VecDeque::from([from]);
        while let Some(index) = open.pop_front() {
            if index == to {
                let mut way = vec![to];
                while let Some(before) = came_from[way[way.len() - 1]].filter(|_| way[way.len() - 1] != from) {
                    way.push(before);
                }
                way.reverse();
                return Some(way);
            }
            for &next in &self.dependencies[index] {
                if next != from && came_from[next].is_none() {
                    came_from[next] = Some(index);
                    open.push_back(next);
                }
            }
        }
        None
    }

    /// Returns the projects that depend on each project, sorted.
    pub fn dependents(&self) -> Vec<Vec<usize>> {
        let mut dependents = vec![Vec::new(); self.dependencies.len()];
        for (index, dependencies) in self.dependencies.iter().enumerate() {
            dependencies.iter().for_each(|&dependency| dependents[dependency].push(index));
        }
        dependents
    }

    /// Returns the projects in groups: each depends on projects of earlier groups only, but for projects that depend on
    /// each other in a circle, which stand in one group. Groups are sorted.
    pub fn order(&self) -> Vec<Vec<usize>> {
        let components = self.components();
        let mut group_of = vec![0; self.dependencies.len()];
        let mut groups: Vec<Vec<usize>> = Vec::new();
        // A component comes after all that it leads to.
        for members in components {
            let below = members.iter().flat_map(|member| &self.dependencies[*member]).filter(|index| !members.contains(index));
            let group = below.map(|index| group_of[*index] + 1).max().unwrap_or(0);
            members.iter().for_each(|member| group_of[*member] = group);
            if groups.len() <= group {
                groups.resize(group + 1, Vec::new());
            }
            groups[group].extend(members);
        }
        groups.iter_mut().for_each(|group| group.sort_unstable());
        groups
    }

    /// Returns the sets of projects that depend on each other in circles, each sorted, by their first project.
    pub fn cycles(&self) -> Vec<Vec<usize>> {
        let mut cycles: Vec<Vec<usize>> = self.components().into_iter().filter(|members| members.len() > 1).collect();
        cycles.iter_mut().for_each(|members| members.sort_unstable());
        cycles.sort();
        cycles
    }

    /// Returns the strongly connected components, each after all that it leads to (Tarjan, without recursion).
    fn components(&self) -> Vec<Vec<usize>> {
        let count = self.dependencies.len();
        let (mut began, mut lowest) = (vec![usize::MAX; count], vec![usize::MAX; count]);
        let mut is_open = vec![false; count];
        let (mut open, mut components, mut clock) = (Vec::new(), Vec::new(), 0);
        for start in 0..count {
            let mut walk: Vec<(usize, usize)> = if began[start] == usize::MAX { vec![(start, 0)] } else { Vec::new() };
            while let Some((node, next)) = walk.last_mut() {
                let node = *node;
                if *next == 0 && began[node] == usize::MAX {
                    (began[node], lowest[node], is_open[node]) = (clock, clock, true);
                    clock += 1;
                    open.push(node);
                }
                if let Some(&below) = self.dependencies[node].get(*next) {
                    *next += 1;
                    if began[below] == usize::MAX {
                        walk.push((below, 0));
                    } else if is_open[below] {
                        lowest[node] = lowest[node].min(began[below]);
                    }
                    continue;
                }
                walk.pop();
                if let Some((above, _)) = walk.last() {
                    lowest[*above] = lowest[*above].min(lowest[node]);
                }
                if lowest[node] == began[node] {
                    let first = open.iter().rposition(|member| *member == node).unwrap_or(0);
                    let members = open.split_off(first);
                    members.iter().for_each(|member| is_open[*member] = false);
                    components.push(members);
                }
            }
        }
        components
    }
}

impl Projects<'_> {
    /// Finds the project that a dependency of `project` means.
    fn answer(&self, project: &Project, alias: &str, text: &str) -> Option<usize> {
        // Most of what projects ask for is a range of a package: it has neither a protocol nor a path in it.
        let is_place = text.contains([':', '/']) || text.starts_with('.');
        if !(is_place || (self.by_version && self.by_name.contains_key(alias))) {
            return None;
        }
        let name = PackageName::parse(alias).ok()?;
        match Specifier::parse(&name, text).ok()? {
            Specifier::Workspace(target) => match OfWorkspace::parse(alias, &target) {
                OfWorkspace::Path(path) => self.at(project, path),
                OfWorkspace::Named { name, .. } => self.by_name.get(name).copied(),
            },
            Specifier::Link(path) | Specifier::File(path) => self.at(project, &path),
            Specifier::Registry { name, want } if self.by_version => {
                let index = *self.by_name.get(name.as_str())?;
                satisfies(&self.all[index], &want).then_some(index)
            }
            _ => None,
        }
    }

    fn at(&self, project: &Project, path: &str) -> Option<usize> {
        self.by_folder.get(without_dots(&project.folder.join(path)).as_path()).copied()
    }
}

/// Says whether a project has a version that will do.
fn satisfies(project: &Project, want: &Want) -> bool {
    let version = project.manifest.version.as_deref().and_then(Version::parse_loose);
    match want {
        Want::Range(range) => version.is_some_and(|version| Range::contains_with_prereleases(range, &version)),
        Want::Tag(_) => false,
    }
}

/// Lists what a project asks for in any of its lists.
fn asked(project: &Project) -> impl Iterator<Item = (&str, &str)> {
    let manifest = &project.manifest;
    let lists = [&manifest.dependencies, &manifest.dev_dependencies, &manifest.optional_dependencies, &manifest.peer_dependencies];
    lists.into_iter().flatten().map(|(alias, text)| (alias.as_str(), text.as_str()))
}

#[cfg(test)]
mod tests {
    use super::{LinkWorkspacePackages, ProjectGraph};
    use crate::project::workspace::Workspace;

    fn graph(edges: &[&[usize]]) -> ProjectGraph {
        ProjectGraph { dependencies: edges.iter().map(|below| below.to_vec()).collect(), copies: Vec::new() }
    }

    #[test]
    fn dependencies_come_first_and_circles_together() {
        for (edges, order, cycles) in [
            (&[&[1, 2][..], &[2], &[]][..], "[[2], [1], [0]]", "[]"),
            (&[&[], &[], &[0]], "[[0, 1], [2]]", "[]"),
            (&[&[1], &[2], &[1], &[]], "[[1, 2, 3], [0]]", "[[1, 2]]"),
            (&[&[1], &[0], &[3, 0], &[2]], "[[0, 1], [2, 3]]", "[[0, 1], [2, 3]]"),
            (&[], "[]", "[]"),
        ] {
            let graph = graph(edges);
            assert_eq!(
                (format!("{:?}", graph.order()), format!("{:?}", graph.cycles())),
                (order.to_owned(), cycles.to_owned()),
                "{edges:?}"
            );
        }
        assert_eq!(graph(&[&[1, 2], &[2], &[]]).dependents(), [vec![], vec![0], vec![0, 1]]);
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let chain: Vec<Vec<usize>> = (0..50_000).map(|index| if index == 49_999 { vec![] } else { vec![index + 1] }).collect();
        assert_eq!(ProjectGraph { dependencies: chain, copies: Vec::new() }.order().len(), 50_000);
    }

    #[test]
    fn every_way_to_name_a_project_is_an_edge() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = [
            ("package.json", r#"{"workspaces":["p/*"]}"#),
            (
                "p/a/package.json",
                r#"{"name":"a","dependencies":{"b":"workspace:*","x":"workspace:@s/c@^1"},"devDependencies":{"y":"link:../d"}}"#,
            ),
            ("p/b/package.json", r#"{"name":"b","version":"1.5.0","dependencies":{"a":"npm:other@1","b":"workspace:*"}}"#),
            ("p/c/package.json", r#"{"name":"@s/c","peerDependencies":{"b":"workspace:^"},"dependencies":{"d":"workspace:../d"}}"#),
            (
                "p/d/package.json",
                r#"{"name":"d","version":"2.0.0","dependencies":{"b":"^1.0.0"},"optionalDependencies":{"z":"file:../b"}}"#,
            ),
            ("p/e/package.json", r#"{"name":"e","dependencies":{"b":"^1.2.0","d":"^1"}}"#),
        ];
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        let workspace = Workspace::load(folder.path()).expect("a workspace");
        let graph = ProjectGraph::read(&workspace, LinkWorkspacePackages::Never);
        assert_eq!(graph.dependencies, [vec![], vec![2, 3, 4], vec![], vec![2, 4], vec![2], vec![]]);
        assert_eq!(
            ProjectGraph::read(&workspace, LinkWorkspacePackages::OfProjects).dependencies[5],
            [2],
            "d has another version than the one asked for"
        );
    }
}
