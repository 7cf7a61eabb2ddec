//! Mending what `verify` has found.
//!
//! From what costs least to what costs most: rows and records come from each other, objects from a pack or another intact
//! copy on this machine, and what is left is fetched again, package by package, as an install would. Then the projects that hold
//! a link to a damaged file get the right one in its place. What cannot be mended is moved out of the way, so that
//! nothing uses it. Being killed in between leaves what the next run finds: every step makes one thing right by a rename
//! or a transaction, and nothing is taken away before that.

use super::roots::{self, Locked, Needs};
use super::verify::{Concern, Edited, Report};
use crate::error::{Code, Error};
use crate::install::news::Listener;
use crate::install::{self, Again, Task, of_store};
use crate::package::integrity::Integrity;
use crate::package::name::PackageName;
use crate::project::settings::ImportMethod;
use crate::project::workspace::Workspace;
use crate::resolve::graph::Source;
use crate::store::verify::{Fault, Holder, ObjectName, Rows};
use crate::store::{Method, PackageKey, Store, Wanted};
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was mended, and what was not.
#[derive(Debug, Default)]
pub struct Repaired {
    /// Rows and records.
    pub rows: Rows,
    /// Objects that were taken out of a pack.
    pub unpacked: u64,
    /// Objects that were copied from another intact file of this machine.
    pub copied: u64,
    /// Packages that were fetched again, as `name@version`.
    pub fetched: Vec<String>,
    /// Files of projects that were replaced.
    pub replaced: Vec<PathBuf>,
    /// Where damaged objects are now that could not be mended.
    pub quarantined: Vec<PathBuf>,
    /// Where damaged packs are now that nothing depends on any more.
    pub retired: Vec<PathBuf>,
    /// What could not be done, and why.
    pub failures: Vec<Error>,
}

/// A project that names a package in its lockfile, and where the package's bytes come from.
type Places = BTreeMap<PackageKey, (PathBuf, Source)>;

/// One repair under way.
struct Repair<'a> {
    store: &'a Arc<Store>,
    task: &'a Task,
    report: &'a Report,
    done: Repaired,
}

/// Mends what a look at the store has found. The task gives the environment and, for packages that no project names, the
/// folder whose settings apply.
pub fn run(store: &Arc<Store>, task: &Task, report: &Report, listener: &Listener) -> Result<Repaired, Error> {
    let damaged: Vec<ObjectName> = report.findings.faults.iter().filter_map(|finding| finding.fault.object()).collect();
    damaged.iter().try_for_each(|name| store.note_damage(name)).map_err(of_store)?;
    let mut repair = Repair { store, task, report, done: Repaired::default() };
    repair.done.rows = store.mend_rows(&report.findings).map_err(of_store)?;
    let unpacked = repair.unpack()?;
    let broken = repair.copy_objects(&unpacked)?;
    repair.fetch(&broken, listener)?;
    for (name, _) in &broken {
        if !repair.is_right(name)? {
            repair.done.quarantined.extend(store.set_aside(name).map_err(of_store)?);
        }
    }
    repair.retire_packs()?;
    repair.mend_projects()?;
    store.commit_marks(&report.findings.learnt).map_err(of_store)?;
    Ok(repair.done)
}

impl Repair<'_> {
    /// Takes out of the packs what is wrong, and what files of projects are to be replaced with.
    fn unpack(&mut self) -> Result<FxHashSet<ObjectName>, Error> {
        let damaged = self.report.findings.faults.iter().filter_map(|finding| finding.fault.object());
        let names: FxHashSet<ObjectName> = damaged.chain(self.report.edited.iter().map(|edited| edited.name)).collect();
        let mut wrong = Vec::new();
        for name in names {
            if !self.is_right(&name)? {
                wrong.push(name);
            }
        }
        let unpacked = self.store.unpack(&wrong).map_err(of_store)?;
        self.done.unpacked = unpacked.len() as u64;
        Ok(unpacked)
    }

    /// Puts back what stands somewhere else in this machine. Returns the objects that do not, with their packages.
    fn copy_objects(&mut self, unpacked: &FxHashSet<ObjectName>) -> Result<Vec<(ObjectName, Vec<Holder>)>, Error> {
        let mut broken = Vec::new();
        for (finding, concerns) in self.report.findings.faults.iter().zip(&self.report.concerns) {
            let Some(name) = finding.fault.object().filter(|_| !matches!(finding.fault, Fault::Once(_))) else { continue };
            if unpacked.contains(&name) {
                continue;
            }
            // Of a wrong mode the bytes are right.
            let itself = matches!(finding.fault, Fault::Mode(..)).then(|| self.store.object_path(&name));
            let variant = self.store.object_path(&ObjectName { executable: !name.executable, ..name });
            let sources = itself.into_iter().chain([variant]).chain(concerns.iter().flat_map(|concern| concern.files.clone()));
            let mut is_back = false;
            for source in sources {
                is_back = is_back || self.store.bring_back(&name, &source).map_err(of_store)?;
            }
            self.done.copied += u64::from(is_back);
            if !is_back {
                broken.push((name, finding.packages.clone()));
            }
        }
        Ok(broken)
    }

    /// Fetches packages until every broken object is right or none of its packages is left to try.
    fn fetch(&mut self, broken: &[(ObjectName, Vec<Holder>)], listener: &Listener) -> Result<(), Error> {
        let keys: FxHashSet<&PackageKey> = broken.iter().flat_map(|(_, holders)| holders).map(|holder| &holder.key).collect();
        let places = self.places(&keys)?;
        let mut tried: FxHashSet<&PackageKey> = FxHashSet::default();
        loop {
            let mut chosen: BTreeMap<&PackageKey, &Holder> = BTreeMap::new();
            for (name, holders) in broken {
                let is_coming = holders.iter().any(|holder| chosen.contains_key(&holder.key));
                let next = holders.iter().find(|holder| !tried.contains(&holder.key));
                if let Some(next) = next.filter(|_| !is_coming)
                    && !self.is_right(name)?
                {
                    chosen.insert(&next.key, next);
                }
            }
            if chosen.is_empty() {
                self.done.fetched.sort();
                return Ok(());
            }
            tried.extend(chosen.keys().copied());
            for (project, packages) in self.orders(&chosen, &places) {
                self.fetch_for(&project, packages, listener)?;
            }
        }
    }

    /// Says what to fetch with the settings of which project; what no registry has is noted as a failure.
    fn orders(&mut self, chosen: &BTreeMap<&PackageKey, &Holder>, places: &Places) -> BTreeMap<PathBuf, Vec<Again>> {
        let mut orders: BTreeMap<PathBuf, Vec<Again>> = BTreeMap::new();
        for (&key, holder) in chosen {
            let anywhere = || (self.task.dir.clone(), Source::Registry { tarball: None });
            let (project, source) = places.get(key).cloned().unwrap_or_else(anywhere);
            let is_tarball = Integrity::parse(key.as_str()).is_some();
            match PackageName::parse(&holder.name) {
                Ok(name) if is_tarball => {
                    let package = Again { key: key.clone(), name, version: holder.version.clone(), source };
                    orders.entry(project).or_default().push(package);
                }
                _ => {
                    let message =
                        format!("{}@{} came from a folder of this machine and cannot be fetched again", holder.name, holder.version);
                    let failure = Error::new(Code::Damaged, message).hint("Run `deka install` in the projects that use it.");
                    self.done.failures.push(failure);
                }
            }
        }
        orders
    }

    fn fetch_for(&mut self, project: &Path, packages: Vec<Again>, listener: &Listener) -> Result<(), Error> {
        let id = |package: &Again| format!("{}@{}", package.name, package.version);
        let asked: Vec<(PackageKey, String)> = packages.iter().map(|package| (package.key.clone(), id(package))).collect();
        let failed = install::fetch_again(project, (self.task, self.store), packages, listener)?;
        let lost: FxHashSet<&PackageKey> = failed.iter().map(|(package, _)| &package.key).collect();
        self.done.fetched.extend(asked.into_iter().filter(|(key, _)| !lost.contains(key)).map(|(_, id)| id));
        self.done.failures.extend(failed.iter().map(|(package, error)| {
            let message = format!("{} could not be fetched again: {}", id(package), error.message);
            Error { message, ..error.clone() }
        }));
        Ok(())
    }

    /// Returns a project for each of some packages that names it in its lockfile, and where its bytes come from.
    fn places(&self, keys: &FxHashSet<&PackageKey>) -> Result<Places, Error> {
        let mut places = Places::new();
        for root in roots::read(self.store, &self.task.env)? {
            let Needs::Known(known) = root.needs else { continue };
            for Locked { key, source, .. } in known.locked {
                if keys.contains(&key) {
                    places.entry(key).or_insert_with(|| (root.project.clone(), source));
                }
            }
        }
        Ok(places)
    }

    /// Moves damaged packs away that nothing depends on any more; of the others it is noted that they stay.
    fn retire_packs(&mut self) -> Result<(), Error> {
        for finding in self.report.findings.faults.iter().filter(|finding| matches!(finding.fault, Fault::Pack(_))) {
            match self.store.retire_pack(&finding.path).map_err(of_store)? {
                Some(path) => self.done.retired.push(path),
                None => {
                    let message = format!(
                        "the pack {} stays: it cannot be read, or a package needs what stands nowhere else",
                        finding.path.display()
                    );
                    let failure = Error::new(Code::Damaged, message).hint("Mend those packages first, then repair the store again.");
                    self.done.failures.push(failure);
                }
            }
        }
        Ok(())
    }

    /// Replaces what projects have of objects that were damaged, and what was edited in the project that was looked at.
    fn mend_projects(&mut self) -> Result<(), Error> {
        let report = self.report;
        for (finding, concerns) in report.findings.faults.iter().zip(&report.concerns) {
            let Some(name) = finding.fault.object() else { continue };
            if !self.is_right(&name)? {
                continue;
            }
            let failures = self.done.failures.len();
            for Concern { project, files } in concerns {
                files.iter().try_for_each(|file| self.mend_file(project, &name, file))?;
            }
            if self.done.failures.len() == failures && report.unreadable.is_empty() {
                self.store.forget_damage(&name).map_err(of_store)?;
            }
        }
        if report.unreadable.is_empty() {
            report.over.iter().try_for_each(|name| self.store.forget_damage(name)).map_err(of_store)?;
        }
        for Edited { file, name, project, .. } in &report.edited {
            if self.is_right(name)? {
                self.mend_file(project, name, file)?;
            }
        }
        Ok(())
    }

    /// Replaces one file, unless it is right. What cannot be replaced is noted, and the others still are.
    fn mend_file(&mut self, project: &Path, name: &ObjectName, file: &Path) -> Result<(), Error> {
        if self.store.equals(name, file).map_err(of_store)? {
            return Ok(());
        }
        let Some(parent) = file.parent().filter(|parent| stays_inside(project, parent)) else {
            let message = format!("{} leads out of its package, so it was left as it is", file.display());
            self.done.failures.push(Error::new(Code::Damaged, message).hint("Run `deka install --force` in its project."));
            return Ok(());
        };
        let method = self.method(project, parent)?;
        match self.store.replace_file(name, file, method) {
            Ok(()) => self.done.replaced.push(file.to_owned()),
            Err(error) => self.done.failures.push(of_store(error)),
        }
        Ok(())
    }

    /// Finds out how a file gets into a project, as an install there would.
    fn method(&self, project: &Path, folder: &Path) -> Result<Method, Error> {
        let workspace = Workspace::load(project).ok();
        let task = Task { dir: project.to_owned(), ..self.task.clone() };
        let wanted = match install::load_settings(&task, workspace.as_ref())?.layout.import_method {
            ImportMethod::Auto => Wanted::Auto,
            ImportMethod::Reflink => Wanted::Reflink,
            ImportMethod::Hardlink => Wanted::Hardlink,
            ImportMethod::Copy => Wanted::Copy,
        };
        self.store.probe(folder, wanted).map_err(of_store)
    }

    fn is_right(&self, name: &ObjectName) -> Result<bool, Error> {
        self.store.equals(name, &self.store.object_path(name)).map_err(of_store)
    }
}

/// Says whether no link on the way to a folder leads somewhere else. Shared slots stand outside of the project, in a
/// folder of the store, and so is the way to them.
fn stays_inside(project: &Path, folder: &Path) -> bool {
    let base = if folder.starts_with(project) {
        project
    } else {
        folder.ancestors().find(|above| above.ends_with(install::SHARED_SLOTS)).unwrap_or(project)
    };
    let (Ok(below), Ok(real), Ok(whole)) = (folder.strip_prefix(base), base.canonicalize(), folder.canonicalize()) else { return false };
    whole == real.join(below)
}
