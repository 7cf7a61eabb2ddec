//! What is going to be installed: what the lockfile says, if it may and does; what was the answer before, if nothing has
//! changed; what resolution finds out otherwise.

use super::answers::{Answer, Fresh};
use super::locked::{self, Locked};
use super::resolving::{self, Early, Resolved};
use super::session::Session;
use super::supply::Supply;
use super::{Message, building, clean, edit, recalled, scripting, telling};
use crate::error::Error;
use crate::layout::aside::Aside;
use crate::package::name::PackageName;
use crate::package::platform::Host;
use crate::resolve::demands::Demands;
use crate::resolve::graph::Resolution;
use crate::scripts::lifecycle::Moment;
use crate::timings::Part;
use std::sync::Arc;

/// What is going to be installed.
pub(super) struct Decided {
    pub locked: Locked,
    pub resolution: Resolution,
    pub origin: Origin,
}

/// Where that comes from.
pub(super) enum Origin {
    /// It stands in the lockfile.
    Lockfile,
    /// It was the answer before. This is the text of the lockfile that it makes.
    Recalled(String),
    /// It was found out.
    Resolved(Learnt),
}

/// What resolution finds out for the next time.
pub(super) struct Learnt {
    /// What the packages ask for.
    demands: Demands,
    /// The packuments that the answer rests on. Nothing when there is more to it.
    asked: Option<Vec<PackageName>>,
    /// What was warned of.
    warnings: Vec<String>,
}

impl Origin {
    /// Returns what there is to keep beside the lockfile.
    pub fn learnt(&self) -> Option<&Learnt> {
        match self {
            Origin::Resolved(learnt) => Some(learnt),
            Origin::Lockfile | Origin::Recalled(_) => None,
        }
    }
}

impl Learnt {
    /// Keeps it, or sees to it that it will be. `text` is what the lockfile says.
    pub fn keep(&self, session: &Session, text: &str) {
        recalled::keep(session, text.as_bytes(), &self.demands);
        if let Some(asked) = &self.asked {
            *session.fresh() = Fresh::new(session, text, asked, &self.warnings);
        }
    }
}

/// Decides. `text` is the lockfile's, and `answer` what stands for it where there is none.
pub(super) fn decide(
    session: &mut Session,
    supply: &mut Supply,
    (text, answer): (Option<Vec<u8>>, Option<Answer>),
    host: &Host,
    from_nothing: bool,
) -> Result<Decided, Error> {
    let counters = Arc::clone(&session.counters);
    let _step = counters.timings.step(Part::Resolve, "lockfile and resolution");
    let groups = session.settings.groups;
    let early = match session.selected {
        _ if session.settings.lockfile.only || !(groups.prod && groups.dev && groups.optional) => Early::Nothing,
        None => Early::All,
        // What is new is there for the projects that are edited; who needs the rest is not known yet.
        Some(_) if session.task.edit.is_some() => Early::New,
        Some(_) => Early::Nothing,
    };
    let needs_all = early == Early::All && from_nothing;
    let foreseen = text.as_deref().or(answer.as_ref().map(|answer| answer.lockfile.as_bytes()));
    if let Some(text) = foreseen.filter(|_| needs_all) {
        supply.foresee(text);
    }
    let mut locked = locked::read(session, text)?;
    if session.task.clean {
        clean(session)?;
    }
    if early != Early::Nothing {
        land_ahead(session);
    }
    let decides = locked.decides(session);
    let answered = answer.and_then(|answer| Some((locked::understand(session, &answer.lockfile)?, answer)));
    let (resolution, origin) = match (locked.lockfile.take(), answered) {
        (Some(lockfile), _) if decides => (lockfile.resolution, Origin::Lockfile),
        (None, Some((resolution, answer))) => {
            answer.tell(session);
            (resolution, Origin::Recalled(answer.lockfile))
        }
        (lockfile, _) => {
            let pins = lockfile.map(|lockfile| lockfile.resolution);
            let (resolution, learnt) = resolve(session, supply, (pins, locked.text.as_deref()), early, host)?;
            (resolution, Origin::Resolved(learnt))
        }
    };
    if !matches!(origin, Origin::Lockfile) {
        session.stage("resolved", format!("Resolved {} packages", resolution.packages.len()));
    }
    if needs_all && !matches!(origin, Origin::Resolved(_)) {
        order_all(session, supply, &resolution, host)?;
    }
    session.trace(format!("{} packages in {} contexts are known", resolution.packages.len(), resolution.instances.len()));
    Ok(Decided { locked, resolution, origin })
}

/// Lets packages land that come before there is a plan, where nothing speaks against it.
fn land_ahead(session: &Session) {
    // A script of the project may do away with what it does not know.
    let runs_scripts = || session.task.edit.is_none() && scripting::has_projects(session, Moment::Before);
    if session.settings.verify || runs_scripts() {
        return;
    }
    let (places, store, method) = (session.places.clone(), Arc::clone(&session.sources.store), building::wanted_method(&session.settings));
    session.sources.landings.begin(move || Aside::ahead(&places, &store, method));
}

/// Finds out what is asked for. `pins` is the previous answer, and `text` the lockfile that it stands in.
fn resolve(
    session: &mut Session,
    supply: &mut Supply,
    (pins, text): (Option<Resolution>, Option<&[u8]>),
    early: Early,
    host: &Host,
) -> Result<(Resolution, Learnt), Error> {
    // Versions that were chosen before are kept, so such an answer rests on more than packuments.
    let is_fresh = pins.is_none() && session.task.edit.is_none();
    let known = pins.as_ref().zip(text).and_then(|(pins, text)| recalled::read(session, text, pins.packages.len()));
    let Resolved { mut resolution, warnings, demands, asked } = resolving::resolve(session, supply, (pins, known), early, host)?;
    let warnings = telling::tell(session, &warnings);
    edit::save(session, &mut resolution)?;
    Ok((resolution, Learnt { demands, asked: asked.filter(|_| is_fresh), warnings }))
}

/// Orders everything that a project with no tree yet is going to need, while the tree is still being planned. What the
/// store is known not to have is fetched meanwhile.
fn order_all(session: &Session, supply: &mut Supply, resolution: &Resolution, host: &Host) -> Result<(), Error> {
    for message in session.receiver.try_iter() {
        // Nothing else was asked for so far.
        if let Message::Delivery(delivery) = message {
            supply.take(delivery)?;
        }
    }
    let needed = resolution.instances.iter().map(|instance| (instance.optional, resolution.package(instance.package)));
    let needed = needed.filter(|(optional, package)| resolving::is_sure(&package.source, *optional, &package.platform, host));
    supply.order_packages(needed.map(|(_, package)| package));
    Ok(())
}
