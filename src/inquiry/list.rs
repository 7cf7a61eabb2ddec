//! What projects depend on, as a tree: the answer to `deka ls`.
//!
//! A tree comes as rows in the order in which it is drawn, each with its depth. The dependencies of a package are shown
//! where it is first met, and wherever it is met later with more room below it than before; elsewhere it is marked as
//! shown already. So a tree has at most as many rows as the graph has edges, for each level at which its depth is cut.

mod row;

pub use row::{Mark, Row};

use super::graph::{Aim, Dependency, Graph, Node, admits};
use super::names::Names;
use super::subject::Subject;
use crate::project::settings::Groups;
use crate::resolve::graph::{Group, asked};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The deepest level that is shown, whatever is asked for. Real trees end long before it; the way down a graph that
/// somebody made up does not.
const DEPTH_MAX: usize = 500;

/// What is to be listed.
#[derive(Debug)]
pub struct Query<'a> {
    /// The levels below the direct dependencies; nothing for all of them.
    pub depth: Option<usize>,
    /// Which lists of dependencies of the projects are wanted.
    pub groups: Groups,
    /// The packages that are wanted, with the ways that lead to them; everything when nothing is named.
    pub names: &'a Names,
    /// Whether only projects of the workspace are wanted.
    pub only_projects: bool,
    /// Whether it is to be found out where each package stands.
    pub with_paths: bool,
}

/// What one project depends on.
#[derive(Debug)]
pub struct Listing {
    /// The project, by its index in the workspace.
    pub project: usize,
    /// Its lists of dependencies that hold something, with their rows.
    pub sections: Vec<(Group, Vec<Row>)>,
}

/// Lists the dependencies of projects, given by their index in the workspace.
pub fn list(subject: &Subject, projects: &[usize], query: &Query<'_>) -> Vec<Listing> {
    let mut walk = Walk { subject, graph: subject.graph(), query, shown: FxHashMap::default(), above: Vec::new(), rows: Vec::new() };
    projects.iter().map(|project| Listing { project: *project, sections: walk.sections(*project) }).collect()
}

/// A direct dependency, as the manifest or the lockfile has it.
struct Entry<'a> {
    group: Group,
    aim: Aim<'a>,
    marks: Vec<Mark>,
    specifier: &'a str,
}

struct Walk<'a> {
    subject: &'a Subject,
    graph: Graph<'a>,
    query: &'a Query<'a>,
    /// How many levels below a node were shown, and whether that came to anything.
    shown: FxHashMap<Node, (usize, bool)>,
    /// The nodes from the project down to the one at hand.
    above: Vec<Node>,
    rows: Vec<Row>,
}

impl<'a> Walk<'a> {
    fn sections(&mut self, project: usize) -> Vec<(Group, Vec<Row>)> {
        let entries = self.entries(project);
        let folder = self.subject.workspace.projects[project].folder.as_path();
        let importer = self.subject.importer_index(project).map(Node::Project);
        let mut sections = Vec::new();
        for group in [Group::Prod, Group::Dev, Group::Optional] {
            if !admits(self.query.groups, group) || self.subject.standing.leaves_out(group) {
                continue;
            }
            self.above.extend(importer);
            for (alias, entry) in entries.iter().filter(|(_, entry)| entry.group == group) {
                self.direct(project, folder, alias, entry);
            }
            self.above.clear();
            let rows = std::mem::take(&mut self.rows);
            if !rows.is_empty() {
                sections.push((group, rows));
            }
        }
        sections
    }

    /// Puts together what the manifest asks for and what the lockfile answers.
    fn entries(&self, project: usize) -> BTreeMap<&'a str, Entry<'a>> {
        let subject: &'a Subject = self.subject;
        let importer = subject.importer(project);
        let locked = importer.map(|importer| importer.dependencies.as_slice()).unwrap_or_default();
        let dependencies = subject.importer_index(project).map(|index| self.graph.dependencies(Node::Project(index)));
        let mut entries: BTreeMap<&str, Entry<'_>> = BTreeMap::new();
        for (direct, dependency) in locked.iter().zip(dependencies.unwrap_or_default()) {
            let entry =
                Entry { group: direct.group, aim: dependency.aim, marks: vec![Mark::NotAsked], specifier: direct.specifier.as_str() };
            entries.insert(direct.alias.as_str(), entry);
        }
        let manifest = &subject.workspace.projects[project].manifest;
        for asked in asked(manifest, subject.settings.resolution.auto_install_peers) {
            match entries.get_mut(asked.alias) {
                Some(entry) if entry.specifier == asked.specifier => entry.marks.clear(),
                Some(entry) => entry.marks = vec![Mark::Asked(asked.specifier.to_owned())],
                None => {
                    let entry = Entry { group: asked.group, aim: Aim::Nothing, marks: vec![Mark::NotLocked], specifier: asked.specifier };
                    entries.insert(asked.alias, entry);
                }
            }
        }
        entries
    }

    fn direct(&mut self, project: usize, folder: &Path, alias: &str, entry: &Entry<'a>) {
        if entry.aim == Aim::Nothing && entry.group == Group::Optional && entry.marks.is_empty() {
            // It could not be resolved and did not have to be.
            return;
        }
        let mut marks = entry.marks.clone();
        if let Aim::Node(Node::Package(index)) = entry.aim {
            let package = self.graph.resolution.package_of(index);
            marks.extend(self.subject.standing.fault_of(folder, alias, package).map(Mark::Standing));
        }
        let place = self.query.with_paths.then(|| self.subject.standing.place_of(folder, alias));
        let from = self.subject.workspace.projects[project].path.as_str();
        let row = row::row(&self.graph, (from, alias, entry.specifier), entry.aim, marks);
        self.visit(entry.aim, row, place);
    }

    /// Adds a row and what is below it. Returns whether anything of that is wanted.
    fn visit(&mut self, aim: Aim<'a>, mut row: Row, place: Option<PathBuf>) -> bool {
        if let Aim::Node(Node::Package(index)) = aim
            && self.subject.is_left_out(index)
        {
            return false;
        }
        let (start, depth) = (self.rows.len(), row.depth);
        let mut wanted = self.query.names.admit(&row.alias, &row.name, &row.version);
        if self.query.only_projects {
            wanted &= matches!(aim, Aim::Node(Node::Project(_)));
        }
        row.path = place.and_then(|place| place.canonicalize().ok());
        let folder = row.path.clone();
        self.rows.push(row);
        if let Aim::Node(node) = aim {
            wanted |= self.below(node, depth, folder.as_deref(), start);
        }
        if !wanted {
            self.rows.truncate(start);
        }
        wanted
    }

    /// Adds what is below a node, unless that was shown. Returns whether any of it is wanted.
    fn below(&mut self, node: Node, depth: usize, folder: Option<&Path>, row: usize) -> bool {
        let room = self.query.depth.map_or(usize::MAX, |levels| levels.saturating_sub(depth));
        let children = self.graph.dependencies(node);
        if room == 0 || depth >= DEPTH_MAX || children.is_empty() {
            return false;
        }
        if self.above.contains(&node) {
            self.rows[row].marks.push(Mark::Circular);
            return false;
        }
        if let Some((before, wanted)) = self.shown.get(&node)
            && *before >= room
        {
            self.rows[row].marks.push(Mark::Shown);
            return *wanted;
        }
        self.above.push(node);
        let mut wanted = false;
        for child in children {
            wanted |= self.child(node, &child, depth + 1, folder);
        }
        self.above.pop();
        self.shown.insert(node, (room, wanted));
        wanted
    }

    fn child(&mut self, node: Node, child: &Dependency<'a>, depth: usize, folder: Option<&Path>) -> bool {
        // What only develops a project is no part of it for others.
        if matches!(node, Node::Project(_)) && child.group == Group::Dev {
            return false;
        }
        if child.aim == Aim::Nothing || (child.group == Group::Optional && !self.query.groups.optional) {
            return false;
        }
        let from = match node {
            Node::Project(index) => self.graph.resolution.importers[index].path.as_str(),
            Node::Package(_) => ".",
        };
        let marks = if child.is_peer { vec![Mark::Peer] } else { Vec::new() };
        let mut row = row::row(&self.graph, (from, child.alias.as_str(), ""), child.aim, marks);
        row.depth = depth;
        let place = folder.map(|folder| self.place(node, folder, child.alias.as_str()));
        self.visit(child.aim, row, place)
    }

    /// Returns where a dependency of what stands in a folder is linked: beside a package, but for another version of
    /// itself, and inside of a project.
    fn place(&self, node: Node, folder: &Path, alias: &str) -> PathBuf {
        match node {
            Node::Project(_) => self.subject.standing.place_of(folder, alias),
            Node::Package(index) => {
                let name = &self.graph.resolution.package_of(index).name;
                if name.as_str() == alias {
                    return folder.join("node_modules").join(alias);
                }
                let up = folder.ancestors().nth(name.as_str().split('/').count());
                up.unwrap_or(folder).join(alias)
            }
        }
    }
}
