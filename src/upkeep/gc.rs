//! `deka store gc`: reads what projects need, and has the store delete the rest.
//!
//! A root that cannot be read keeps everything. A project whose folder is gone needs nothing, as far as anybody can know:
//! what it was made from cannot be asked any more. Its packages stay as long as the index says that they were used
//! within the grace period, and the project itself is forgotten when its last install is as old as that.

use super::pack;
use super::roots::{self, Needs, Root};
use crate::error::{Code, Error};
use crate::install::{SHARED_SLOTS, of_file, of_layout, of_store};
use crate::layout::shared::{self, Unneeded};
use crate::project::env::Env;
use crate::store::gc::{self, Count, Limits, Need, Plan, Roots, Swept};
use crate::store::{Mode, Patience, Store, Wait};
use rustc_hash::FxHashSet;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The grace period when nobody sets one: a week.
pub const GRACE_S: u64 = 7 * gc::DAY_S;

/// What a gc is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// How much may go.
    pub limits: Limits,
    /// Only say what would go.
    pub dry_run: bool,
    /// What is to be packed of that which stays.
    pub pack: Option<pack::Request>,
}

/// What a gc did, or would do.
#[derive(Debug, Default)]
pub struct Report {
    /// What went.
    pub freed: Freed,
    /// Packages that stay.
    pub kept_packages: u64,
    /// Objects that stay.
    pub kept_objects: Count,
    /// Projects that were forgotten, sorted.
    pub forgotten: Vec<PathBuf>,
    /// By how many bytes the objects that projects need are more than what was allowed.
    pub over_bytes: u64,
    /// Packages whose lists of files are lost. Because of them objects stayed that nobody knows.
    pub damaged: Vec<String>,
    /// Whether the time was up before everything was gone.
    pub unfinished: bool,
    /// What was packed, when that was asked for.
    pub packed: Option<pack::Outcome>,
}

/// What went, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    /// Packages of the index.
    pub packages: u64,
    /// Objects.
    pub objects: Count,
    /// Shared slots.
    pub slots: u64,
    /// The files in them.
    pub slot_files: Count,
    /// Packs that nobody needs, and the bytes that others lost by being written anew without what nobody needs.
    pub packs: Count,
    /// Files with records, and the bytes of records in other files.
    pub records: Count,
    /// What dead processes left.
    pub temporary: Count,
    /// Bytes of the index; what those are is known only once they are free.
    pub index_bytes: u64,
}

impl Freed {
    /// Returns all bytes together.
    pub fn bytes(&self) -> u64 {
        let counts = [self.objects, self.packs, self.slot_files, self.records, self.temporary];
        counts.iter().map(|count| count.bytes).sum::<u64>() + self.index_bytes
    }
}

/// Runs a gc of the store in a folder. Waits for installs to end, however long that takes; `on_wait` is told after a second. A
/// folder that holds no store is fine: nothing has to go.
pub fn run(store: &Path, env: &Env, task: &Task, on_wait: &dyn Fn(Wait)) -> Result<Report, Error> {
    if !is_store(store) {
        return Ok(Report::default());
    }
    if task.dry_run {
        let store = Store::open_telling(store, Mode::ReadWrite, on_wait).map_err(of_store)?;
        let (plan, slots) = plan(&store, env, &task.limits)?;
        let packs = dead_packs(&store, &plan);
        let packed = pack(&store, env, task.pack)?;
        return Ok(report(plan, &slots, packs, packed));
    }
    match Store::open_exclusive(store, Patience::Wait(on_wait)).map_err(of_store)? {
        Some(store) => execute(&store, env, task, None),
        None => Ok(Report::default()),
    }
}

/// Packs what stays and is cold.
fn pack(store: &Store, env: &Env, request: Option<pack::Request>) -> Result<Option<pack::Outcome>, Error> {
    request.map(|request| pack::run(store, env, &request, &|_| {})).transpose()
}

/// Counts the packs that nobody needs, without those that would only be written anew.
fn dead_packs(store: &Store, plan: &Plan) -> Count {
    let shares = store.packs().shares(&|object, executable| plan.keeps(object, executable));
    let mut count = Count::default();
    shares.iter().filter(|share| share.is_dead()).for_each(|share| count.add(share.pack_bytes));
    count
}

/// Brings a store below its budget after an install: only if nobody else uses it, and only until the deadline. Returns
/// nothing when it is within its budget, or when this is not the moment.
pub fn keep_within(store: &Path, env: &Env, budget_bytes: u64, deadline: Instant) -> Result<Option<Report>, Error> {
    let Some(store) = Store::open_exclusive(store, Patience::None).map_err(of_store)? else { return Ok(None) };
    if gc::held_bytes(&store).map_err(of_store)? <= budget_bytes {
        return Ok(None);
    }
    let limits = Limits { max_size_bytes: Some(budget_bytes), ..Limits::new(GRACE_S) };
    let task = Task { limits, dry_run: false, pack: None };
    execute(&store, env, &task, Some(deadline)).map(Some)
}

/// Says whether there is anything of a store, so that asking does not make one.
fn is_store(folder: &Path) -> bool {
    ["objects", "packages", "index.db", "lock"].iter().any(|name| folder.join(name).exists())
}

fn plan(store: &Store, env: &Env, limits: &Limits) -> Result<(Plan, Unneeded), Error> {
    let (mut needed, slots) = needs(roots::read(store, env)?, limits)?;
    let is_old = |time: SystemTime| {
        let time_s = time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
        limits.is_older(time_s, limits.grace_s)
    };
    let mut unneeded = shared::unneeded(&store.root().join(SHARED_SLOTS), &slots, is_old).map_err(of_file)?;
    needed.links_going = std::mem::take(&mut unneeded.links);
    Ok((gc::plan(store, &needed, limits).map_err(of_store)?, unneeded))
}

fn execute(store: &Store, env: &Env, task: &Task, deadline: Option<Instant>) -> Result<Report, Error> {
    let (plan, slots) = plan(store, env, &task.limits)?;
    gc::forget(store, &plan).map_err(of_store)?;
    shared::remove(&slots).map_err(of_layout)?;
    let swept = gc::sweep(store, &plan, deadline).map_err(of_store)?;
    let packed = pack(store, env, task.pack)?;
    let mut packs = Count::default();
    if swept == Swept::All {
        let swept = store.packs().sweep(&|object, executable| plan.keeps(object, executable)).map_err(of_store)?;
        packs = Count { files: swept.removed, bytes: swept.freed_bytes };
    }
    let index_bytes = gc::shrink(store).map_err(of_store)?.bytes;
    let mut report = report(plan, &slots, packs, packed);
    report.freed.index_bytes = index_bytes;
    report.unfinished = swept == Swept::Part;
    Ok(report)
}

/// Puts the needs of all projects together.
fn needs(roots: Vec<Root>, limits: &Limits) -> Result<(Roots, FxHashSet<String>), Error> {
    let (mut needed, mut slots) = (Roots::default(), FxHashSet::default());
    for root in roots {
        let known = match root.needs {
            Needs::Known(known) => known,
            Needs::Unreadable(error) => return Err(unreadable(&root.project, error)),
            Needs::Gone => {
                if limits.is_older(limits.end_of(root.used_day), limits.grace_s) {
                    needed.forgotten.push(root.project);
                }
                continue;
            }
        };
        let locked = known.locked.into_iter().map(|package| (package.key, false));
        let installed = known.slots.iter().map(|slot| (slot.key.clone(), true));
        for (key, installed) in locked.chain(installed) {
            let need = needed.packages.entry(key).or_insert(Need { used_day: root.used_day, installed });
            need.used_day = need.used_day.max(root.used_day);
            need.installed |= installed;
        }
        slots.extend(known.slots.into_iter().filter(|slot| slot.shared).map(|slot| slot.name));
    }
    Ok((needed, slots))
}

/// Nobody knows what a project needs, so nothing goes.
fn unreadable(project: &Path, error: Error) -> Error {
    let message = format!("what {} needs cannot be read, so nothing was deleted: {}", project.display(), error.message);
    let hints =
        error
            .hints
            .into_iter()
            .chain(["Mend that project; or remove its folder if it is not wanted any more, and it is forgotten after the grace period."
                .to_owned()]);
    Error { hints: hints.collect(), ..Error::new(Code::Store, message) }
}

fn report(plan: Plan, slots: &Unneeded, packs: Count, packed: Option<pack::Outcome>) -> Report {
    let mut temporary = plan.temporary;
    temporary.add_all(Count { files: slots.unfinished_files, bytes: slots.unfinished_bytes });
    Report {
        freed: Freed {
            packages: plan.packages.len() as u64,
            objects: plan.objects,
            packs,
            slots: slots.slots.len() as u64,
            slot_files: Count { files: slots.files, bytes: slots.bytes },
            records: plan.record_files,
            temporary,
            index_bytes: 0,
        },
        kept_packages: plan.kept_packages,
        kept_objects: plan.kept_objects,
        forgotten: plan.projects,
        over_bytes: plan.over_bytes,
        damaged: plan.damaged.iter().map(ToString::to_string).collect(),
        unfinished: false,
        packed,
    }
}
