//! Resolution of small made-up registries.

mod contexts;
mod faults;
mod order;
mod versions;

use super::demands::Demands;
use super::error::{ResolveError, Warning};
use super::graph::{Resolution, Target};
use super::request::{External, Failure, ImporterRequest, Need, Request};
use super::solve::Solver;
use crate::package::manifest::Manifest;
use crate::package::name::PackageName;
use crate::package::packument::Packument;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the registry has: packuments by name, and manifests by the place of a tarball or folder.
#[derive(Default)]
pub(super) struct World {
    packuments: BTreeMap<String, Value>,
    externals: BTreeMap<String, Value>,
    /// What it had when it was last asked.
    before: Option<Box<World>>,
}

type Answer = Result<(Resolution, Vec<Warning>), ResolveError>;

impl World {
    /// Reads a table of `name@version` and manifest. `latest` is the last release that is listed.
    pub fn new(table: &[(&str, Value)]) -> World {
        let mut world = World::default();
        for (id, manifest) in table {
            let (name, version) = id.rsplit_once('@').expect("name@version");
            let packument =
                world.packuments.entry(name.to_owned()).or_insert_with(|| json!({"name": name, "dist-tags": {}, "versions": {}}));
            packument["versions"][version] = manifest.clone();
            if !version.contains('-') {
                packument["dist-tags"]["latest"] = json!(version);
            }
        }
        world
    }

    pub fn tag(mut self, name: &str, tag: &str, version: &str) -> World {
        self.packuments.get_mut(name).expect("a package")["dist-tags"][tag] = json!(version);
        self
    }

    pub fn external(mut self, place: &str, manifest: Value) -> World {
        self.externals.insert(place.to_owned(), manifest);
        self
    }

    /// Has packuments that may be of any age come from another world, as far as that has them.
    pub fn remembering(mut self, before: World) -> World {
        self.before = Some(Box::new(before));
        self
    }

    /// Resolves, answering the questions in the order that `next` picks out of so many.
    pub fn solve_in_order(&self, request: Request, next: impl FnMut(usize) -> usize) -> Answer {
        self.solve_with_demands(request, next).map(|(answer, _)| answer)
    }

    /// Resolves in such an order, and returns what the packages of the answer ask for as well.
    pub fn solve_with_demands(
        &self,
        request: Request,
        mut next: impl FnMut(usize) -> usize,
    ) -> Result<((Resolution, Vec<Warning>), Demands), ResolveError> {
        let mut solver = Solver::new(request)?;
        let mut open = Vec::new();
        let mut asked = Vec::new();
        loop {
            open.extend(solver.wants());
            if solver.is_done() {
                assert!(open.is_empty(), "done with open questions: {open:?}");
                let answer = solver.finish()?;
                let demands = solver.demands();
                let count = answer.0.packages.len();
                assert_eq!(Demands::decode(demands.encoded().to_vec(), count).as_ref(), Some(&demands));
                return Ok((answer, demands));
            }
            assert!(!open.is_empty(), "neither done nor asking");
            let need = open.swap_remove(next(open.len()));
            assert!(!asked.contains(&need), "asked twice: {need:?}");
            asked.push(need.clone());
            match need {
                Need::Packument(name) => solver.packument(&name, self.packument(&name)),
                Need::Remembered(name) => {
                    let before = self.before.as_ref().and_then(|before| before.packument(&name).ok());
                    solver.packument(&name, before.map_or_else(|| self.packument(&name), Ok));
                }
                Need::External(source) => {
                    let place = super::solve::place_of(&source);
                    let found = self.externals.get(place).map(|manifest| External { manifest: read(manifest), integrity: None });
                    solver.external(&source, found.ok_or(Failure::NotFound));
                }
            }
        }
    }

    pub fn solve(&self, request: Request) -> Answer {
        self.solve_in_order(request, |_| 0)
    }

    /// Resolves for a single project called `app`.
    pub fn app(&self, manifest: Value) -> Answer {
        self.solve(app(manifest))
    }

    /// Resolves for a single project and returns the tree; there must be no warnings.
    pub fn quiet_tree(&self, manifest: Value) -> Vec<String> {
        let (resolution, warnings) = self.app(manifest).expect("a resolution");
        assert_eq!(warnings, []);
        tree(&resolution)
    }

    fn packument(&self, name: &PackageName) -> Result<Arc<Packument>, Failure> {
        let value = self.packuments.get(name.as_str()).ok_or(Failure::NotFound)?;
        Ok(Arc::new(Packument::parse(value.to_string().as_bytes(), name).expect("a packument")))
    }
}

pub(super) fn app(manifest: Value) -> Request {
    projects(&[(".", "app", manifest)])
}

pub(super) fn projects(projects: &[(&str, &str, Value)]) -> Request {
    let importers = projects.iter().map(|(path, name, manifest)| {
        let mut manifest = read(manifest);
        manifest.name = Some((*name).to_owned());
        ImporterRequest { path: (*path).to_owned(), manifest: manifest.into(), ..ImporterRequest::default() }
    });
    Request { importers: importers.collect(), ..Request::default() }
}

/// A manifest with `dependencies`, given as `a@^1 b@2`.
pub(super) fn deps(list: &str) -> Value {
    json!({"dependencies": map(list)})
}

/// A manifest with `peerDependencies`.
pub(super) fn peers(list: &str) -> Value {
    json!({"peerDependencies": map(list)})
}

pub(super) fn map(list: &str) -> Value {
    let split = |entry: &str| {
        let at = entry[1..].find('@').expect("name@specifier") + 1;
        (entry[..at].to_owned(), Value::String(entry[at + 1..].to_owned()))
    };
    Value::Object(list.split_whitespace().map(split).collect::<Map<_, _>>())
}

fn read(manifest: &Value) -> Manifest {
    Manifest::parse(manifest.to_string().as_bytes()).expect("a manifest")
}

/// Shows projects and instances, one a line, with what they are linked to: `a@1.0.0 -> b@2.0.0 c?=x@1.0.0`.
pub(super) fn tree(resolution: &Resolution) -> Vec<String> {
    let shown = |alias: &str, optional: bool, target: Option<&Target>| {
        let path = match target {
            Some(Target::Instance(index)) => resolution.instance(*index).path.clone(),
            Some(Target::Folder(path)) => format!("link:{path}"),
            None => "nothing".to_owned(),
        };
        let mark = if optional { "?" } else { "" };
        if path.starts_with(&format!("{alias}@")) { format!("{mark}{path}") } else { format!("{mark}{alias}={path}") }
    };
    let line =
        |owner: &str, targets: Vec<String>| if targets.is_empty() { owner.to_owned() } else { format!("{owner} -> {}", targets.join(" ")) };
    let importers = resolution.importers.iter().map(|importer| {
        let directs = importer.dependencies.iter().map(|direct| shown(direct.alias.as_str(), false, direct.target.as_ref()));
        line(&importer.path, directs.collect())
    });
    let instances = resolution.instances.iter().map(|instance| {
        let edges = instance.dependencies.iter().map(|edge| shown(edge.alias.as_str(), edge.optional, Some(&edge.target)));
        line(&instance.path, edges.collect())
    });
    importers.chain(instances).collect()
}
