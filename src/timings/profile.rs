//! From moments to rows: what happened to each package, and how the time divides.

use super::critical::{self, Segment};
use super::{Happened, Part};
use serde::Serialize;
use std::collections::HashMap;

/// An install, ready to be drawn. All times are microseconds since the program started.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Profile {
    /// When it ended.
    pub wall_us: u64,
    /// Sums over everything below.
    pub totals: Totals,
    /// How the time divides. Stages overlap; an instant belongs to the first one that is still going on.
    pub stages: Vec<Share>,
    /// Steps of the whole install, by their end.
    pub steps: Vec<Step>,
    /// Packuments, in the order in which they were wanted.
    pub packuments: Vec<Packument>,
    /// Packages, in the order in which they were first heard of.
    pub packages: Vec<Package>,
    /// What the end waited for, from the start on.
    pub critical: Vec<Segment>,
}

/// Sums.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Totals {
    /// Packuments that were in the cache and new enough.
    pub packuments_cached: u64,
    /// Packuments that were in the cache, and that the registry was asked whether they had changed.
    pub packuments_confirmed: u64,
    /// Packuments that came over the network.
    pub packuments_fetched: u64,
    /// Tarballs that came over the network.
    pub tarballs: u64,
    /// The size of everything that came over the network.
    pub downloaded_bytes: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Packages that were imported.
    pub imported: u64,
    /// The size of their files.
    pub imported_bytes: u64,
    /// Packages whose files were in the store before.
    pub in_store: u64,
    /// Slots of `node_modules` that were built.
    pub slots: u64,
    /// Files in them; nothing when a blueprint was carried out, which does not count them.
    pub linked_files: Option<u64>,
}

/// The time that belongs to a stage.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Share {
    pub part: Part,
    pub time_us: u64,
}

/// A time with a beginning and an end, as `[from, to]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Span(pub u64, pub u64);

/// A step of the whole install.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Step {
    pub part: Part,
    pub label: String,
    pub span: Span,
}

/// What happened to a packument.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Packument {
    pub name: String,
    /// When resolution asked for it.
    pub wanted: u64,
    /// When a request was sent first; nothing when it was in the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<u64>,
    /// When the body of the answer was here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrived: Option<u64>,
    /// When it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered: Option<u64>,
    /// The size of the body.
    pub bytes: u64,
    /// The packument that led to it.
    #[serde(skip)]
    pub because: Option<usize>,
}

/// What happened to a package, or to a part of a blueprint.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Package {
    pub name: String,
    /// Where its packument is, among those that were wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packument: Option<usize>,
    /// When it was known that it has to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordered: Option<u64>,
    /// From the first request to the last byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetch: Option<Span>,
    /// The size of its tarball.
    #[serde(skip_serializing_if = "is_zero")]
    pub bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import: Option<Span>,
    #[serde(skip_serializing_if = "is_zero")]
    pub files: u64,
    /// The size of its files, when they were imported.
    #[serde(skip_serializing_if = "is_zero")]
    pub unpacked: u64,
    /// When its files could be linked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<u64>,
    /// Each time it was put in place: once for each context of peers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Span>,
    /// How often a request for it was sent again.
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: u64,
    /// The packument that led to its choice.
    #[serde(skip)]
    pub because: Option<usize>,
    /// Whether its import has ended.
    #[serde(skip)]
    pub imported: bool,
}

// serde calls it with a reference.
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Brings together what was taken down until `wall_us`.
pub(super) fn profile(moments: Vec<(u64, Happened)>, wall_us: u64) -> Profile {
    let mut gathering = Gathering::default();
    for (now, moment) in moments {
        gathering.take(now, moment);
    }
    let Gathering { mut profile, .. } = gathering;
    profile.wall_us = wall_us;
    profile.stages = stages(&profile);
    profile.totals = totals(&profile);
    profile.critical = critical::path(&profile);
    profile
}

#[derive(Default)]
struct Gathering {
    profile: Profile,
    packuments: HashMap<String, usize>,
    packages: HashMap<String, usize>,
}

impl Gathering {
    fn take(&mut self, now: u64, moment: Happened) {
        match moment {
            Happened::Wanted { name, because } => {
                let because = because.and_then(|name| self.packuments.get(&name).copied());
                let index = *self.packuments.entry(name.clone()).or_insert(self.profile.packuments.len());
                if index == self.profile.packuments.len() {
                    self.profile.packuments.push(Packument { name, wanted: now, because, ..Packument::default() });
                }
            }
            Happened::Answered { name } => {
                if let Some(packument) = self.packument(&name) {
                    packument.answered = Some(now);
                }
            }
            Happened::Chosen { subject, because } => {
                self.package(subject).because = because.and_then(|name| self.packuments.get(&name).copied());
            }
            Happened::Ordered { subject } => self.package(subject).ordered = Some(now),
            Happened::Sent { subject } => self.sent(now, subject),
            Happened::Retried { subject } => self.retried(subject),
            Happened::Arrived { subject, bytes } => self.arrived(now, subject, bytes),
            Happened::Ended { subject, bytes } => self.ended(now, subject, bytes),
            Happened::Unpacking { subject } => self.package(subject).import = Some(Span(now, now)),
            Happened::Imported { subject, renamed, files, bytes } => {
                if let Some(name) = renamed {
                    self.rename(&subject, name);
                }
                let package = self.package(subject);
                (package.files, package.unpacked, package.imported) = (files, bytes, true);
                package.import = Some(Span(package.import.map_or(now, |import| import.0), now));
            }
            Happened::Ready { subject, stored } => {
                let index = self.index(subject);
                self.profile.packages[index].ready = Some(now);
                self.packages.entry(stored).or_insert(index);
            }
            Happened::Linked { subject, began_us, files, slots } => {
                let package = self.package(subject);
                package.links.push(Span(began_us, now));
                package.files = files.unwrap_or(package.files);
                let totals = &mut self.profile.totals;
                totals.slots += slots;
                totals.linked_files = files.map(|files| totals.linked_files.unwrap_or(0) + files);
            }
            Happened::Step { part, label, began_us } => self.profile.steps.push(Step { part, label, span: Span(began_us, now) }),
        }
    }

    fn sent(&mut self, now: u64, subject: String) {
        if let Some(packument) = self.packument(&subject) {
            packument.sent.get_or_insert(now);
        } else if is_package(&subject) {
            self.package(subject).fetch.get_or_insert(Span(now, now));
        }
    }

    fn arrived(&mut self, now: u64, subject: String, bytes: u64) {
        let package = self.package(subject);
        package.fetch = Some(Span(package.fetch.map_or(now, |fetch| fetch.0), now));
        package.bytes = bytes;
    }

    fn ended(&mut self, now: u64, subject: String, bytes: u64) {
        self.profile.totals.downloaded_bytes += bytes;
        if let Some(packument) = self.packument(&subject) {
            (packument.arrived, packument.bytes) = (Some(now), bytes);
        } else if is_package(&subject) {
            let package = self.package(subject.clone());
            // One that was unpacked while it arrived, and whose last byte came before its last file.
            if package.bytes == 0 {
                let imported = package.import.filter(|_| package.imported).map(|import| import.1);
                self.arrived(imported.unwrap_or(now), subject, bytes);
            }
        }
    }

    fn retried(&mut self, subject: String) {
        self.profile.totals.retries += 1;
        if is_package(&subject) {
            self.package(subject).retries += 1;
        }
    }

    /// Shows a package by another name, and knows it by both.
    fn rename(&mut self, before: &str, name: String) {
        if let Some(index) = self.packages.get(before).copied() {
            self.profile.packages[index].name.clone_from(&name);
            self.packages.entry(name).or_insert(index);
        }
    }

    fn packument(&mut self, name: &str) -> Option<&mut Packument> {
        self.packuments.get(name).map(|index| &mut self.profile.packuments[*index])
    }

    fn package(&mut self, subject: String) -> &mut Package {
        let index = self.index(subject);
        &mut self.profile.packages[index]
    }

    /// Finds the row of a package, or begins one.
    fn index(&mut self, subject: String) -> usize {
        // The network says `name@` of what has no version yet.
        let subject = subject.strip_suffix('@').map(str::to_owned).unwrap_or(subject);
        let packages = &mut self.profile.packages;
        let index = *self.packages.entry(subject.clone()).or_insert(packages.len());
        if index == packages.len() {
            let packument = self.packuments.get(name_of(&subject)).copied();
            packages.push(Package { name: subject, packument, ..Package::default() });
        }
        index
    }
}

/// Says whether it is a package with a version that the network speaks of. The `@` of a scope does not count.
fn is_package(subject: &str) -> bool {
    name_of(subject).len() < subject.len()
}

/// Returns `name` of `name@version`.
fn name_of(subject: &str) -> &str {
    let at = subject.char_indices().skip(1).find(|(_, letter)| *letter == '@');
    at.map_or(subject, |(at, _)| &subject[..at])
}

fn totals(profile: &Profile) -> Totals {
    let count = |found: &dyn Fn(&Packument) -> bool| profile.packuments.iter().filter(|packument| found(packument)).count() as u64;
    let imported = || profile.packages.iter().filter(|package| package.imported);
    Totals {
        packuments_cached: count(&|packument| packument.sent.is_none() && packument.answered.is_some()),
        packuments_confirmed: count(&|packument| packument.arrived.is_some() && packument.bytes == 0),
        packuments_fetched: count(&|packument| packument.bytes > 0),
        tarballs: profile.packages.iter().filter(|package| package.bytes > 0).count() as u64,
        imported: imported().count() as u64,
        imported_bytes: imported().map(|package| package.unpacked).sum(),
        in_store: profile.packages.iter().filter(|package| package.ready.is_some() && package.import.is_none()).count() as u64,
        ..profile.totals
    }
}

/// Divides the time: each instant belongs to the first stage that is still going on, and to the rest when none is.
fn stages(profile: &Profile) -> Vec<Share> {
    let mut edges: Vec<(u64, usize, i32)> = Vec::new();
    let mut add = |part: Part, Span(from, to): Span| {
        edges.push((from, part as usize, 1));
        edges.push((to, part as usize, -1));
    };
    profile.steps.iter().for_each(|step| add(step.part, step.span));
    for package in &profile.packages {
        package.fetch.into_iter().for_each(|span| add(Part::Fetch, span));
        package.import.into_iter().for_each(|span| add(Part::Import, span));
        package.links.iter().for_each(|span| add(Part::Link, *span));
    }
    edges.sort_unstable();
    edges.push((profile.wall_us, Part::Rest as usize, 0));
    let (mut time_us, mut active, mut before) = ([0; Part::ALL.len()], [0; Part::ALL.len()], 0);
    for (at, part, change) in edges {
        let at = at.min(profile.wall_us);
        let owner = active.iter().position(|count| *count > 0).unwrap_or(Part::Rest as usize);
        time_us[owner] += at - before;
        active[part] += change;
        before = at;
    }
    Part::ALL.into_iter().zip(time_us).map(|(part, time_us)| Share { part, time_us }).collect()
}
