//! Looking a store through for the sake of the projects that use it: which of them a fault concerns, and whether the
//! files of one project are still those of its packages.

use super::roots::{self, Installed, Known, Needs, Root};
use crate::error::Error;
use crate::install::of_store;
use crate::project::env::Env;
use crate::store::verify::{Checks, Fault, Finding, Findings, ObjectName, Progress};
use crate::store::{PackageKey, Store, StoredPackage};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What is to be looked at.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Only what this project needs, and its own files too.
    pub project: Option<PathBuf>,
    /// How the store is looked at. Which packages it is about follows from the project.
    pub checks: Checks,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// What is wrong with the store.
    pub findings: Findings,
    /// The projects that each fault concerns, in the order of the faults.
    pub concerns: Vec<Vec<Concern>>,
    /// Files of the project that are not those of its packages, sorted by path.
    pub edited: Vec<Edited>,
    /// Files of the project that were compared.
    pub compared: u64,
    /// Packages of the project that have files of their own because scripts run there; they are not compared.
    pub private: u64,
    /// Objects that were damaged once, and of which no project has an old file.
    pub over: Vec<ObjectName>,
    /// Projects of which nobody knows what they need, and why.
    pub unreadable: Vec<(PathBuf, Error)>,
}

/// A project that uses what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concern {
    /// Its folder.
    pub project: PathBuf,
    /// Its files that come from there, absolute. None when only its lockfile names the package.
    pub files: Vec<PathBuf>,
}

/// A file of a project that is not what its package has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The file, absolute.
    pub file: PathBuf,
    /// What it should be.
    pub name: ObjectName,
    /// Its package, as `name@version`.
    pub package: String,
    /// Whether it is not there at all.
    pub missing: bool,
    /// The project.
    pub project: PathBuf,
}

impl Report {
    /// Says how many things are wrong.
    pub fn faults(&self) -> usize {
        self.findings.faults.len() + self.edited.len()
    }
}

/// Looks a store through, or what one project needs of it.
pub fn run(store: &Store, env: &Env, request: &Request, progress: &Progress) -> Result<Report, Error> {
    let mut roots = roots::read(store, env)?;
    let mut checks = request.checks.clone();
    let own = match &request.project {
        None => None,
        Some(project) => Some(known_of(project, store, env)?),
    };
    if let (Some(project), Some(known)) = (&request.project, &own) {
        let keys: FxHashSet<&PackageKey> =
            known.locked.iter().map(|package| &package.key).chain(known.slots.iter().map(|slot| &slot.key)).collect();
        checks.only = Some(keys.into_iter().cloned().collect());
        // It may never have been registered.
        if !roots.iter().any(|root| root.project == *project) {
            let needs = roots::of_project(project, store.root(), env);
            roots.push(Root { project: project.clone(), used_day: 0, needs });
        }
    }
    let findings = store.verify(&checks, progress).map_err(of_store)?;
    let concerns = findings.faults.iter().map(|finding| concerns(finding, &roots)).collect();
    let mut report = Report { findings, concerns, ..Report::default() };
    drop_what_is_over(store, &mut report)?;
    if let (Some(project), Some(known)) = (&request.project, own) {
        report.private = known.slots.iter().filter(|slot| slot.private).count() as u64;
        compare(store, project, &known.slots, &mut report)?;
    }
    for root in roots {
        if let Needs::Unreadable(error) = root.needs {
            report.unreadable.push((root.project, error));
        }
    }
    Ok(report)
}

fn known_of(project: &Path, store: &Store, env: &Env) -> Result<Known, Error> {
    match roots::of_project(project, store.root(), env) {
        Needs::Known(known) => Ok(known),
        Needs::Unreadable(error) => Err(error),
        Needs::Gone => Err(Error::new(crate::error::Code::Usage, format!("there is no project in {}", project.display()))
            .hint("Name its folder: `deka store verify --project <DIR>`.")),
    }
}

/// Returns the projects that a fault concerns, sorted by path.
fn concerns(finding: &Finding, roots: &[Root]) -> Vec<Concern> {
    let files: FxHashMap<&PackageKey, &[String]> = finding.packages.iter().map(|holder| (&holder.key, holder.files.as_slice())).collect();
    let mut found: BTreeMap<&Path, Vec<PathBuf>> = BTreeMap::new();
    for root in roots {
        let Needs::Known(known) = &root.needs else { continue };
        if known.locked.iter().any(|package| files.contains_key(&package.key)) {
            found.entry(&root.project).or_default();
        }
        for slot in known.slots.iter().filter(|slot| !slot.private) {
            if let Some(files) = files.get(&slot.key) {
                found.entry(&root.project).or_default().extend(files.iter().map(|file| slot.folder.join(file)));
            }
        }
    }
    let concern = |(project, mut files): (&Path, Vec<PathBuf>)| {
        files.sort();
        Concern { project: project.to_owned(), files }
    };
    found.into_iter().map(concern).collect()
}

/// Leaves of objects that were damaged once only those that some project still has an old file of.
fn drop_what_is_over(store: &Store, report: &mut Report) -> Result<(), Error> {
    let mut kept = Vec::new();
    for (finding, mut concerns) in std::mem::take(&mut report.findings.faults).into_iter().zip(std::mem::take(&mut report.concerns)) {
        if let Fault::Once(name) = &finding.fault {
            for concern in &mut concerns {
                let mut old = Vec::new();
                for file in std::mem::take(&mut concern.files) {
                    if !store.equals(name, &file).map_err(of_store)? {
                        old.push(file);
                    }
                }
                concern.files = old;
            }
            concerns.retain(|concern| !concern.files.is_empty());
            if concerns.is_empty() {
                report.over.push(*name);
                continue;
            }
        }
        kept.push((finding, concerns));
    }
    (report.findings.faults, report.concerns) = kept.into_iter().unzip();
    Ok(())
}

/// Compares the files of a project with the trees of its packages.
fn compare(store: &Store, project: &Path, slots: &[Installed], report: &mut Report) -> Result<(), Error> {
    let slots: Vec<&Installed> = slots.iter().filter(|slot| !slot.private).collect();
    let keys: Vec<PackageKey> = slots.iter().map(|slot| slot.key.clone()).collect();
    let packages = store.lookup(&keys).map_err(of_store)?;
    let pairs: Vec<(&Installed, StoredPackage)> =
        slots.into_iter().zip(packages).filter_map(|(slot, package)| Some((slot, package?))).collect();
    report.compared = pairs.iter().map(|(_, package)| package.tree.len() as u64).sum();
    let threads = crate::pool::processors();
    let parts: Vec<Result<Vec<Edited>, Error>> = std::thread::scope(|scope| {
        let part = |pairs: &'_ [(&Installed, StoredPackage)]| -> Result<Vec<Edited>, Error> {
            pairs
                .iter()
                .map(|(slot, package)| edited(store, project, slot, package))
                .collect::<Result<Vec<_>, _>>()
                .map(|found| found.concat())
        };
        let threads: Vec<_> = pairs.chunks(pairs.len().div_ceil(threads).max(1)).map(|pairs| scope.spawn(move || part(pairs))).collect();
        // A thread does not end by a panic.
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    for part in parts {
        report.edited.extend(part?);
    }
    report.edited.sort_by(|one, other| one.file.cmp(&other.file));
    report.edited.dedup_by(|one, other| one.file == other.file);
    Ok(())
}

/// Returns the files of a slot that differ from the package's.
fn edited(store: &Store, project: &Path, slot: &Installed, package: &StoredPackage) -> Result<Vec<Edited>, Error> {
    let mut found = Vec::new();
    for entry in package.tree.entries() {
        let name = ObjectName { object: entry.object, executable: entry.executable, size_bytes: entry.size_bytes };
        let file = slot.folder.join(entry.path);
        let metadata = std::fs::symlink_metadata(&file);
        // The object itself, under a second name: it has been looked at.
        let is_object = metadata.as_ref().is_ok_and(|own| {
            own.nlink() > 1
                && std::fs::symlink_metadata(store.object_path(&name))
                    .is_ok_and(|object| (object.dev(), object.ino()) == (own.dev(), own.ino()))
        });
        if !is_object && !store.equals(&name, &file).map_err(of_store)? {
            let package = format!("{}@{}", package.name, package.version);
            found.push(Edited { file, name, package, missing: metadata.is_err(), project: project.to_owned() });
        }
    }
    Ok(found)
}
