//! Drives the layout: plans it, gets the packages that it needs, and builds slots as those become ready.

use super::folder::Contents;
use super::news::{Counters, Stage};
use super::session::Session;
use super::supply::{Order, Supply};
use super::{Message, failure};
use crate::error::Error;
use crate::layout::apply::{Builder, Job};
use crate::layout::diff::{self, Work};
use crate::layout::finish::Done;
use crate::layout::plan::{self, Groups, Input, Options, Wanted};
use crate::layout::survey::{self, Survey};
use crate::layout::{LayoutError, record};
use crate::package::facts::Facts;
use crate::package::platform::Host;
use crate::pool::Priority;
use crate::project::settings::{ImportMethod, Settings};
use crate::resolve::graph::{InstanceIndex, Package, PackageIndex, Resolution};
use crate::store::{self, Checkout, CheckoutError, CheckoutOptions, Learnt, PackageKey, StoredPackage};
use crate::timings::{Happened, Part, subject};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many files one job links, about: enough that handing out jobs costs nothing beside them, few enough that the
/// last job does not keep one thread busy alone.
const FILES_PER_JOB: usize = 300;

/// What one slot came to.
pub(super) type Linked = Result<Checkout, LayoutError>;

/// A planned layout, held against what stands there.
pub(super) struct Planned {
    /// The plan.
    pub wanted: Arc<Wanted>,
    /// What is to be done.
    pub work: Work,
    /// What stood there.
    pub before: Survey,
}

/// Who decides what goes where.
pub(super) struct Choice<'a> {
    /// The machine.
    pub host: &'a Host,
    /// Packages whose scripts may run; they get files of their own.
    pub private: &'a FxHashSet<PackageIndex>,
    /// Optional instances that are left out.
    pub skipped: &'a FxHashSet<InstanceIndex>,
    /// What the folders hold whose files are copied.
    pub folders: &'a Contents,
    /// Whether what stands there is believed.
    pub trust: bool,
}

/// Returns what a package is looked up by in the store.
pub(crate) fn key_of(package: &Package) -> PackageKey {
    match &package.integrity {
        Some(integrity) => PackageKey::of_integrity(integrity),
        None => PackageKey::of_source(package.id.clone()),
    }
}

/// Plans the layout and compares it with what stands there.
pub(super) fn plan(session: &Session, resolution: &Resolution, choice: &Choice<'_>) -> Result<Planned, Error> {
    let _step = session.counters.timings.step(Part::Link, "plan of the layout");
    let layout = &session.settings.layout;
    let groups = session.settings.groups;
    let contents: Vec<PackageKey> = (0..)
        .map(PackageIndex)
        .zip(&resolution.packages)
        .map(|(index, package)| match choice.folders.digests.get(&index) {
            Some(digest) => PackageKey::of_source(format!("{}#{digest}", package.id)),
            None => key_of(package),
        })
        .collect();
    let mut options = Options {
        host: choice.host.clone(),
        groups: Groups { prod: groups.prod, dev: groups.dev, optional: groups.optional },
        hoist: layout.hoist,
        hoist_pattern: layout.hoist_pattern.clone(),
        public_hoist_pattern: layout.public_hoist_pattern.clone(),
        shamefully_hoist: false,
        scope: session.scope(),
    };
    let input = Input { resolution, contents: &contents, skipped: choice.skipped, private: choice.private };
    let planned = |options: &Options| -> Result<(Wanted, Survey), LayoutError> {
        let wanted = plan::plan(&input, options, &session.places)?;
        let seen = session.seen.take().and_then(Result::ok).flatten();
        let before = survey::survey(&wanted, &session.places, (choice.trust, seen))?;
        Ok((wanted, before))
    };
    let (mut wanted, mut before) = planned(&options).map_err(failure::of_layout)?;
    if before.leftovers && options.scope.take().is_some() {
        // Nobody knows what stands there for the other projects, so all of them are laid out.
        (wanted, before) = planned(&options).map_err(failure::of_layout)?;
    }
    let work = diff::diff(&wanted, before.clone(), &session.places);
    Ok(Planned { wanted: Arc::new(wanted), work, before })
}

/// What was built.
pub(super) struct Built {
    /// What the layout reports.
    pub done: Done,
    /// Facts of the packages whose slots were built.
    pub facts: FxHashMap<PackageIndex, Facts>,
    /// Whether objects turned out to be other than they were known to be.
    pub learnt: bool,
    /// How files came from the store, but for those that scripts may change.
    pub method: store::Method,
    /// Whether optional packages could not be had.
    pub left_out: bool,
    /// The plan.
    pub wanted: Arc<Wanted>,
}

/// How the packages of a build stand.
struct Site<'a> {
    session: &'a Session<'a>,
    resolution: &'a Resolution,
    /// Jobs of the pool borrow it, and only while they run.
    builder: Arc<Builder>,
    /// The slots that wait for each package.
    waiting: FxHashMap<PackageIndex, Vec<usize>>,
    index_of: FxHashMap<&'a str, PackageIndex>,
    facts: FxHashMap<PackageIndex, Facts>,
    /// Packages that were fetched again because their files were damaged.
    replaced: FxHashSet<PackageIndex>,
    learnt: Vec<Learnt>,
    copied_instead: bool,
    left: usize,
}

/// The outcome of trying to build.
pub(super) enum Attempt {
    /// Everything stands.
    Built(Box<Built>),
    /// Optional packages could not be had: plan again without them.
    Without(Vec<InstanceIndex>, Error),
}

/// Builds what is planned.
pub(super) fn build(session: &Session, supply: &mut Supply, resolution: &Resolution, planned: Planned) -> Result<Attempt, Error> {
    let Planned { wanted, work, .. } = planned;
    let build = work.build.clone();
    let checkout = CheckoutOptions { method: method(session, build.is_empty())?, verify: session.settings.verify };
    let folder_commands = folder_commands(&wanted, session);
    let job = Job { wanted: Arc::clone(&wanted), work, places: session.places.clone(), checkout, folder_commands };
    let landings = &session.sources.landings;
    let builder = Arc::new(Builder::begin(job, landings.folder()).map_err(failure::of_layout)?);
    let mut waiting: FxHashMap<PackageIndex, Vec<usize>> = FxHashMap::default();
    for slot in &build {
        waiting.entry(wanted.slots[*slot].package).or_default().push(*slot);
    }
    Counters::add(&session.counters.to_link, build.len() as u64);
    link_ahead(session, &builder);
    let first = |(index, slots): (&PackageIndex, &Vec<usize>)| Some((resolution.package(*index).id.clone(), *slots.first()?));
    landings.open(&builder, &session.sources.store, waiting.iter().filter_map(first));
    let index_of = waiting.keys().map(|index| (resolution.package(*index).id.as_str(), *index)).collect();
    let mut site = Site {
        session,
        resolution,
        builder,
        waiting,
        index_of,
        facts: FxHashMap::default(),
        replaced: FxHashSet::default(),
        learnt: Vec::new(),
        copied_instead: false,
        left: build.len(),
    };
    let ended = match site.run(supply) {
        Ok(None) => session.sources.store.commit_marks(&site.learnt).map_err(failure::of_store).map(|()| None),
        other => other,
    };
    let Site { builder, facts, copied_instead, learnt, replaced, .. } = site;
    let learnt = !learnt.is_empty() || !replaced.is_empty();
    landings.close();
    let builder = into_inner(builder);
    match ended {
        Ok(None) => {}
        Ok(Some(without)) => {
            builder.abandon().map_err(failure::of_layout)?;
            forget_linked(session);
            return Ok(without);
        }
        Err(error) => {
            // What went wrong first is the news, and what stays behind is swept by the next install.
            let _ = builder.abandon();
            return Err(error);
        }
    }
    if copied_instead {
        session.warn("some files had to be copied, because they could not be linked from the store");
    }
    session.trace(format!("all slots are built; {} were filled as their packages came", builder.landed_count()));
    supply.settle();
    let step = session.counters.timings.step(Part::Link, "links, commands and the record");
    let done = builder.finish().map_err(failure::of_layout)?;
    drop(step);
    Ok(Attempt::Built(Box::new(Built {
        done,
        facts,
        learnt,
        method: if copied_instead { store::Method::Copy } else { checkout.method },
        left_out: false,
        wanted,
    })))
}

/// Has links set ahead, by whoever has nothing else to do. If it fails, or does not happen, the end makes up for it.
fn link_ahead(session: &Session, builder: &Arc<Builder>) {
    let builder = Arc::downgrade(builder);
    session.spawner.spawn(Priority::Link, move || {
        if let Some(builder) = builder.upgrade() {
            let _ = builder.link_ahead();
        }
    });
}

/// Waits for the last job that builds to let go of the builder; those that have not begun find it gone.
fn into_inner(mut builder: Arc<Builder>) -> Builder {
    loop {
        match Arc::try_unwrap(builder) {
            Ok(builder) => return builder,
            Err(shared) => builder = shared,
        }
        std::thread::yield_now();
    }
}

/// Drops what the jobs of an abandoned build still had to say; deliveries are for the next one too.
fn forget_linked(session: &Session) {
    let waiting: Vec<Message> = session.receiver.try_iter().collect();
    for message in waiting.into_iter().filter(|message| !matches!(message, Message::Linked(..))) {
        // Cannot fail while the session holds the receiver.
        let _ = session.sender.send(message);
    }
}

impl Site<'_> {
    /// Gets packages and builds their slots until all stand.
    fn run(&mut self, supply: &mut Supply) -> Result<Option<Attempt>, Error> {
        let mut indices: Vec<PackageIndex> = self.waiting.keys().copied().collect();
        indices.sort_unstable();
        supply.order_packages(indices.iter().map(|index| self.resolution.package(*index)));
        self.session.counters.enter(Stage::Fetching);
        let mut without = self.arrived(supply, &indices)?;
        while self.left > 0 && without.is_none() {
            match self.session.receive()? {
                Message::Delivery(delivery) => {
                    let ids = supply.take(delivery)?;
                    let indices: Vec<PackageIndex> = ids.iter().filter_map(|id| self.index_of.get(id.as_str()).copied()).collect();
                    without = self.arrived(supply, &indices)?;
                }
                Message::Linked(outcomes) => {
                    for (slot, outcome) in outcomes {
                        self.linked(supply, slot, outcome)?;
                    }
                }
                Message::Answer(_) => {}
            }
        }
        Ok(without)
    }

    /// Begins to build the slots of packages that are ready now, or gives up on one that cannot be had. Those that are
    /// neither are passed over.
    fn arrived(&mut self, supply: &Supply, indices: &[PackageIndex]) -> Result<Option<Attempt>, Error> {
        let mut group: Vec<(usize, Arc<StoredPackage>)> = Vec::new();
        let mut files = 0;
        for &index in indices {
            let id = self.resolution.package(index).id.as_str();
            if let Some(error) = supply.failure(id) {
                return self.failed(index, error.clone()).map(Some);
            }
            let Some(package) = supply.ready(id) else { continue };
            self.session.counters.timings.note(|| {
                let wanted = self.resolution.package(index);
                let (subject, stored) = (subject(&wanted.name, &wanted.version), subject(&package.name, &package.version));
                Happened::Ready { subject, stored }
            });
            self.facts.insert(index, package.facts.clone());
            for slot in self.waiting.remove(&index).unwrap_or_default() {
                files += package.tree.len();
                group.push((slot, Arc::clone(package)));
                if files >= FILES_PER_JOB {
                    self.link(std::mem::take(&mut group), std::mem::take(&mut files));
                }
            }
        }
        self.link(group, files);
        Ok(None)
    }

    /// Builds some slots in one job.
    fn link(&self, group: Vec<(usize, Arc<StoredPackage>)>, files: usize) {
        if group.is_empty() {
            return;
        }
        let (builder, sender) = (Arc::downgrade(&self.builder), self.session.sender.clone());
        let (store, counters) = (Arc::clone(&self.session.sources.store), Arc::clone(&self.session.counters));
        self.session.spawner.spawn_weighted(Priority::Link, files as u64, move || {
            let Some(builder) = builder.upgrade() else { return };
            let build = |(slot, package): &(usize, Arc<StoredPackage>)| {
                let began_us = counters.timings.now_us();
                let outcome = builder.build(*slot, &store, package);
                counters.timings.note(|| {
                    let subject = subject(&package.name, &package.version);
                    Happened::Linked { subject, began_us, files: Some(package.tree.len() as u64), slots: 1 }
                });
                (*slot, outcome)
            };
            let outcomes = group.iter().map(build).collect();
            // The receiver is gone only when the install has failed already.
            let _ = sender.send(Message::Linked(outcomes));
            // Last, so that when nobody holds the builder all has been said.
            drop(builder);
        });
    }

    fn linked(&mut self, supply: &mut Supply, slot: usize, outcome: Linked) -> Result<(), Error> {
        match outcome {
            Ok(checkout) => {
                self.left -= 1;
                Counters::add(&self.session.counters.linked, 1);
                self.copied_instead |= checkout.copied_instead;
                self.learnt.extend(checkout.learnt);
                Ok(())
            }
            Err(LayoutError::Checkout(CheckoutError::Damaged { objects })) => self.replace(supply, slot, &objects),
            Err(error) => Err(failure::of_layout(error)),
        }
    }

    /// Fetches a package again whose files in the store turned out to be wrong; once.
    fn replace(&mut self, supply: &mut Supply, slot: usize, objects: &[store::Damage]) -> Result<(), Error> {
        let index = self.builder.wanted().slots[slot].package;
        let package = self.resolution.package(index);
        let known = self.waiting.entry(index).or_default();
        known.push(slot);
        if known.len() > 1 && self.replaced.contains(&index) {
            return Ok(());
        }
        let damaged = CheckoutError::Damaged { objects: objects.to_vec() };
        if !self.replaced.insert(index) {
            return Err(failure::of_layout(LayoutError::Checkout(damaged)));
        }
        self.session.warn(format!("{}: {damaged}; it is fetched again", package.id));
        supply.replace(Order::of_package(package));
        Ok(())
    }

    /// Decides what a package that cannot be had means: nothing much when all of its instances are optional.
    fn failed(&self, index: PackageIndex, error: Error) -> Result<Attempt, Error> {
        let instances = self.resolution.instances.iter().enumerate().filter(|(_, instance)| instance.package == index);
        let indices: Vec<InstanceIndex> = instances.clone().filter_map(|(at, _)| u32::try_from(at).ok().map(InstanceIndex)).collect();
        if instances.clone().all(|(_, instance)| instance.optional) {
            return Ok(Attempt::Without(indices, error));
        }
        let trail = super::trail::to_package(self.resolution, index);
        Err(Error { message: format!("{}\nneeded by {trail}", error.message), ..error })
    }
}

/// Returns how files are to get into the project.
pub(super) fn wanted_method(settings: &Settings) -> store::Wanted {
    match settings.layout.import_method {
        ImportMethod::Auto => store::Wanted::Auto,
        ImportMethod::Reflink => store::Wanted::Reflink,
        ImportMethod::Hardlink => store::Wanted::Hardlink,
        ImportMethod::Copy => store::Wanted::Copy,
    }
}

/// Finds out how files get from the store into the project; not asked when none have to.
fn method(session: &Session, nothing_to_build: bool) -> Result<store::Method, Error> {
    if nothing_to_build {
        return Ok(store::Method::Copy);
    }
    let places = &session.places;
    let own = places.root.join(places.virtual_dir.as_str());
    crate::project::folder::make(&places.root, &own).map_err(failure::of_file)?;
    let folder = places.shared.as_ref().map_or(own, Into::into);
    let method = session.sources.store.probe(&folder, wanted_method(&session.settings)).map_err(failure::of_store)?;
    session.trace(format!("files come from the store by {method:?}").to_lowercase());
    Ok(method)
}

/// Reads the commands of folders that are linked to where they stand (`link:`). One that cannot be read has none.
fn folder_commands(wanted: &Wanted, session: &Session) -> BTreeMap<String, Vec<record::Command>> {
    let links = wanted.importers.iter().flat_map(|importer| &importer.links);
    let folders = links.filter_map(|link| match &link.to {
        plan::LinkTarget::Folder(path) => Some((path, &link.alias)),
        plan::LinkTarget::Slot(_) => None,
    });
    let commands = folders.filter_map(|(path, alias)| {
        let text = crate::fs::read_if_there(&session.workspace.root.join(path).join("package.json")).ok()??;
        let manifest = crate::package::manifest::Manifest::parse(&text).ok()?;
        Some((path.clone(), Facts::of(&manifest, alias, std::iter::empty()).bins))
    });
    commands.collect()
}
