//! The plan: which slots and links a resolution asks for on this machine.
//!
//! Pure. The result is plain data in a fixed order, with the text of every link, so that a test can print it and an
//! install can compare it with the record of the last one.

use super::closure::{self, Closure, Node};
use super::hoist::{self, Graph, Hoisted, Patterns};
use super::link::{join, relative};
use super::slot::{keyed_slot_name, slot_name, unshared_slot_name};
use super::{LayoutError, Places};
use crate::package::name::PackageName;
use crate::package::platform::Host;
use crate::resolve::graph::{Group, InstanceIndex, PackageIndex, Resolution, Target};
use crate::store::PackageKey;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;

/// What is planned from.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The resolution.
    pub resolution: &'a Resolution,
    /// What tells the bytes of each package from all others (its key in the store), parallel to the packages.
    pub contents: &'a [PackageKey],
    /// Instances that are left out whatever else is said: optional ones that could not be had.
    pub skipped: &'a FxHashSet<InstanceIndex>,
    /// Packages that get files of their own, because their scripts may change them.
    pub private: &'a FxHashSet<PackageIndex>,
}

/// How it is to be laid out.
#[derive(Clone, Debug)]
pub struct Options {
    /// The machine that the install is for.
    pub host: Host,
    /// Which lists of dependencies are wanted.
    pub groups: Groups,
    /// Whether there is a hidden hoist.
    pub hoist: bool,
    /// What goes into the hidden hoist; everything is `*`.
    pub hoist_pattern: Vec<String>,
    /// What goes into the root's `node_modules`.
    pub public_hoist_pattern: Vec<String>,
    /// Whether everything goes into the root's `node_modules`.
    pub shamefully_hoist: bool,
    /// The projects that are laid out, by path; nothing for all of them. What stands for the others is not touched.
    pub scope: Option<BTreeSet<String>>,
}

/// Lists of dependencies in the manifests of projects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// `dependencies`.
    pub prod: bool,
    /// `devDependencies`.
    pub dev: bool,
    /// `optionalDependencies`, of projects and of packages.
    pub optional: bool,
}

impl Groups {
    /// All of them.
    pub const ALL: Groups = Groups { prod: true, dev: true, optional: true };

    fn admit(self, group: Group) -> bool {
        match group {
            Group::Prod => self.prod,
            Group::Dev => self.dev,
            Group::Optional => self.optional,
        }
    }
}

/// The wanted `node_modules`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The slots, sorted by the path of their instance. Instances that share a slot of the store stand here once.
    pub slots: Vec<Slot>,
    /// What is put into the `node_modules` of each project, in the order of the importers.
    pub importers: Vec<Folder>,
    /// What is put into the hidden hoist.
    pub hidden: Vec<Link>,
    /// Slots in the order in which those of the store are published: what a slot links to comes before it, but for
    /// slots that depend on each other in a circle; those are one group.
    pub components: Vec<Vec<usize>>,
    /// Whether there are projects that this plan does not speak of.
    pub partial: bool,
}

/// A folder for one package and its links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its name.
    pub name: String,
    /// Whether it stands in the store and is shared by projects.
    pub shared: bool,
    /// The instance.
    pub instance: InstanceIndex,
    /// The package of the instance.
    pub package: PackageIndex,
    /// The name of the package: its folder in the slot.
    pub package_name: PackageName,
    /// What tells its bytes from all others.
    pub content: String,
    /// Whether its files are its own rather than links to the store's.
    pub private: bool,
    /// The links to its dependencies, sorted by alias.
    pub links: Vec<Link>,
}

/// The `node_modules` of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// The project's folder, relative to the root; `.` is the root.
    pub path: String,
    /// Its direct dependencies, sorted by alias.
    pub links: Vec<Link>,
    /// What is hoisted to it, sorted by alias.
    pub hoisted: Vec<Link>,
}

/// A symbolic link to a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The name of the link.
    pub alias: PackageName,
    /// What it leads to.
    pub to: LinkTarget,
    /// What is written into it.
    pub text: String,
}

/// What a link leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkTarget {
    /// The package in a slot, by its index in [`Wanted::slots`].
    Slot(usize),
    /// A folder, relative to the root or absolute.
    Folder(String),
}

impl Slot {
    /// Returns where a link stands, relative to the `node_modules` of the slot. That is its alias, but for a package
    /// that depends on another version of itself: beside its own folder there is no room for it, so it goes inside.
    pub fn place_of(&self, link: &Link) -> String {
        let mut place = String::new();
        self.push_place_of(link, &mut place);
        place
    }

    /// Appends what [`Slot::place_of`] returns.
    pub(super) fn push_place_of(&self, link: &Link, out: &mut String) {
        out.push_str(link.alias.as_str());
        if link.alias == self.package_name {
            out.push_str("/node_modules/");
            out.push_str(link.alias.as_str());
        }
    }
}

impl Options {
    fn admits(&self, importer: &str) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.contains(importer))
    }
}

fn inside(name: &PackageName) -> String {
    format!("{name}/node_modules/{name}")
}

/// Plans the `node_modules` of a resolution.
pub fn plan(input: &Input, options: &Options, places: &Places) -> Result<Wanted, LayoutError> {
    let (hidden, public) = patterns(options, places)?;
    let (direct, kept) = reach(input, options);
    let hoisted = hoist::hoist(&Graph { resolution: input.resolution, kept: &kept, direct: &direct }, &hidden, &public);
    let mut planner = Planner { input, places, kept: &kept, slots: Vec::new(), slot_of: vec![usize::MAX; kept.len()] };
    let closure = places.shared.is_some().then(|| planner.close());
    planner.place(closure.as_ref());
    planner.link();
    let components = closure.map(|closure| planner.components(&closure)).unwrap_or_default();
    let mut importers = planner.importers(direct, &hoisted);
    importers.retain(|importer| options.admits(&importer.path));
    let hidden_folder = join(places.virtual_dir.as_str(), "node_modules");
    let hidden = hoisted.hidden.into_iter().map(|(alias, target)| planner.folder_link(&hidden_folder, alias, target)).collect();
    Ok(Wanted { slots: planner.slots, importers, hidden, components, partial: options.scope.is_some() })
}

/// The patterns of the hidden and the public hoist. Nothing can be hoisted for packages in the store: what one project
/// has would be seen by all.
fn patterns(options: &Options, places: &Places) -> Result<(Patterns, Patterns), LayoutError> {
    let hidden = if options.hoist && places.shared.is_none() { &options.hoist_pattern[..] } else { &[] };
    let everything = ["*".to_owned()];
    let public = if options.shamefully_hoist { &everything[..] } else { &options.public_hoist_pattern };
    Ok((Patterns::parse(hidden)?, Patterns::parse(public)?))
}

/// Walks the resolution from the projects. Returns the direct dependencies that are wanted, for each importer, and which
/// instances are. An optional instance that is not for the host is not, nor is what only such instances lead to.
fn reach(input: &Input, options: &Options) -> (Vec<Vec<(PackageName, Target)>>, Vec<bool>) {
    let resolution = input.resolution;
    let left_out = |index: InstanceIndex| {
        let foreign = || !resolution.package_of(index).platform.admits(&options.host);
        input.skipped.contains(&index) || (resolution.instance(index).optional && foreign())
    };
    let mut kept = vec![false; resolution.instances.len()];
    let mut waiting = Vec::new();
    let mut visit = |target: &Target, waiting: &mut Vec<InstanceIndex>| match target {
        Target::Folder(_) => true,
        Target::Instance(index) if left_out(*index) => false,
        Target::Instance(index) => {
            if !std::mem::replace(&mut kept[index.0 as usize], true) {
                waiting.push(*index);
            }
            true
        }
    };
    let mut direct = Vec::with_capacity(resolution.importers.len());
    for importer in &resolution.importers {
        let wanted = importer.dependencies.iter().filter(|entry| options.admits(&importer.path) && options.groups.admit(entry.group));
        let targets = wanted.filter_map(|entry| Some((entry.alias.clone(), entry.target.clone()?)));
        direct.push(targets.filter(|(_, target)| visit(target, &mut waiting)).collect());
    }
    while let Some(index) = waiting.pop() {
        for edge in &resolution.instance(index).dependencies {
            if options.groups.optional || !edge.optional {
                visit(&edge.target, &mut waiting);
            }
        }
    }
    (direct, kept)
}

/// Builds the tables of a plan.
struct Planner<'a> {
    input: &'a Input<'a>,
    places: &'a Places,
    kept: &'a [bool],
    slots: Vec<Slot>,
    /// The slot of each instance.
    slot_of: Vec<usize>,
}

impl Planner<'_> {
    fn kept(&self) -> impl Iterator<Item = InstanceIndex> + use<'_> {
        (0..).zip(self.kept).filter(|(_, kept)| **kept).map(|(index, _)| InstanceIndex(index))
    }

    /// The dependencies of an instance that are wanted. A package that depends on itself needs no link.
    fn edges(&self, index: InstanceIndex) -> impl Iterator<Item = (&PackageName, &Target)> {
        let name = &self.input.resolution.package_of(index).name;
        let edges = self.input.resolution.instance(index).dependencies.iter();
        edges.map(|edge| (&edge.alias, &edge.target)).filter(move |(alias, target)| match target {
            Target::Folder(_) => true,
            Target::Instance(to) => self.kept[to.0 as usize] && !(*to == index && *alias == name),
        })
    }

    fn is_private(&self, index: InstanceIndex) -> bool {
        self.input.private.contains(&self.input.resolution.instance(index).package)
    }

    fn close(&self) -> Closure {
        let mut nodes: Vec<Option<Node>> = self.kept.iter().map(|_| None).collect();
        for index in self.kept() {
            let package = self.input.resolution.instance(index).package;
            nodes[index.0 as usize] = Some(Node {
                name: self.input.resolution.package(package).name.as_str(),
                content: self.input.contents[package.0 as usize].as_str(),
                links: self.edges(index).map(|(alias, target)| (alias.as_str(), target.clone())).collect(),
                private: self.is_private(index),
            });
        }
        closure::close(&nodes)
    }

    /// Gives every instance its slot.
    fn place(&mut self, closure: Option<&Closure>) {
        let resolution = self.input.resolution;
        let mut taken: FxHashMap<String, usize> = FxHashMap::default();
        for index in self.kept().collect::<Vec<_>>() {
            let instance = resolution.instance(index);
            let package = resolution.package(instance.package);
            let key = closure.and_then(|closure| closure.keys[index.0 as usize].as_ref());
            let name = match key {
                Some(key) => keyed_slot_name(package.name.as_str(), &package.version, key),
                None => Some(slot_name(&instance.path))
                    .filter(|name| !taken.contains_key(name))
                    .unwrap_or_else(|| unshared_slot_name(&instance.path)),
            };
            let slot = *taken.entry(name.clone()).or_insert(self.slots.len());
            self.slot_of[index.0 as usize] = slot;
            if slot == self.slots.len() {
                self.slots.push(Slot {
                    name,
                    shared: key.is_some(),
                    instance: index,
                    package: instance.package,
                    package_name: package.name.clone(),
                    content: self.input.contents[instance.package.0 as usize].as_str().to_owned(),
                    private: self.is_private(index),
                    links: Vec::new(),
                });
            }
        }
    }

    /// Fills in the links of all slots.
    fn link(&mut self) {
        for place in 0..self.slots.len() {
            let slot = &self.slots[place];
            let links = self.edges(slot.instance).map(|(alias, target)| self.slot_link(slot, alias, target)).collect();
            self.slots[place].links = links;
        }
    }

    fn slot_link(&self, slot: &Slot, alias: &PackageName, target: &Target) -> Link {
        let link = |to, text| Link { alias: alias.clone(), to, text };
        let depth = |name: &PackageName| 1 + usize::from(name.scope().is_some());
        // From the folder of the link up to the folder of all slots.
        let inside = if *alias == slot.package_name { depth(alias) + 1 } else { 0 };
        let up = 1 + depth(alias) + inside;
        match target {
            Target::Instance(index) => {
                let place = self.slot_of[index.0 as usize];
                let to = &self.slots[place];
                let text = match &self.places.shared {
                    Some(shared) if to.shared && !slot.shared => absolute(shared, to),
                    _ => format!("{}{}/node_modules/{}", "../".repeat(up), to.name, to.package_name),
                };
                link(LinkTarget::Slot(place), text)
            }
            Target::Folder(folder) => {
                let place = if inside > 0 { self::inside(alias) } else { alias.to_string() };
                let whole = format!("{}/{}/node_modules/{place}", self.places.virtual_dir, slot.name);
                let above = whole.rsplit_once('/').map_or("", |(above, _)| above);
                link(LinkTarget::Folder(folder.clone()), relative(above, folder))
            }
        }
    }

    /// A link that stands in a folder outside of the slots.
    fn folder_link(&self, folder: &str, alias: PackageName, target: Target) -> Link {
        let folder = alias.scope().map_or_else(|| folder.to_owned(), |scope| join(folder, scope));
        match target {
            Target::Instance(index) => {
                let place = self.slot_of[index.0 as usize];
                let to = &self.slots[place];
                let text = match &self.places.shared {
                    Some(shared) if to.shared => absolute(shared, to),
                    _ => relative(&folder, &format!("{}/{}/node_modules/{}", self.places.virtual_dir, to.name, to.package_name)),
                };
                Link { alias, to: LinkTarget::Slot(place), text }
            }
            Target::Folder(target) => {
                let text = relative(&folder, &target);
                Link { alias, to: LinkTarget::Folder(target), text }
            }
        }
    }

    fn importers(&self, direct: Vec<Vec<(PackageName, Target)>>, hoisted: &Hoisted) -> Vec<Folder> {
        let folder = |(path, direct): (&String, Vec<(PackageName, Target)>)| {
            let modules = join(path, self.places.modules_dir.as_str());
            let link = |(alias, target)| self.folder_link(&modules, alias, target);
            let public = if path == "." { hoisted.public.clone() } else { Vec::new() };
            Folder { path: path.clone(), links: direct.into_iter().map(link).collect(), hoisted: public.into_iter().map(link).collect() }
        };
        self.input.resolution.importers.iter().map(|importer| &importer.path).zip(direct).map(folder).collect()
    }

    /// The components in terms of slots, those of the store only.
    fn components(&self, closure: &Closure) -> Vec<Vec<usize>> {
        let mut seen = vec![false; self.slots.len()];
        let slots = |members: &Vec<InstanceIndex>| -> Vec<usize> {
            let places = members.iter().map(|member| self.slot_of[member.0 as usize]);
            places.filter(|place| self.slots[*place].shared && !std::mem::replace(&mut seen[*place], true)).collect()
        };
        closure.components.iter().map(slots).filter(|slots| !slots.is_empty()).collect()
    }
}

/// The text of a link from a project into the store.
fn absolute(shared: &str, to: &Slot) -> String {
    format!("{shared}/{}/node_modules/{}", to.name, to.package_name)
}

#[cfg(test)]
mod tests;
