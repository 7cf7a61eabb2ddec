//! `deka store quarantine`

use crate::cli::store::quarantine::Quarantine as Arguments;
use crate::commands::Context;
use crate::error::{Code, Error};
use crate::install::of_store;
use crate::package::name::PackageName;
use crate::package::version::Version;
use crate::store::{Mode, Quarantine, Store};
use crate::upkeep::quarantine::{Affected, Found, affected};
use serde_json::{Value, json};
use std::path::Path;

/// Forbids a version, allows it again, or lists what is forbidden.
pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<(), Error> {
    let settings = super::settings(context, &arguments.place)?;
    match &arguments.package {
        Some(package) if !arguments.list => change(context, arguments, &settings.store_dir, package),
        _ => list(context, arguments, &settings.store_dir),
    }
}

fn change(context: &Context, arguments: &Arguments, root: &Path, package: &str) -> Result<(), Error> {
    let (name, version) = parse(package)?;
    let store = Store::open(root, Mode::ReadWrite).map_err(of_store)?;
    if arguments.remove {
        let (_, was_in_it) = store.change_quarantine(|quarantine| quarantine.remove(&name, &version)).map_err(of_store)?;
        let text = if was_in_it { format!("{package} may be installed again") } else { format!("{package} was not in quarantine") };
        let report = json!({ "name": name.as_str(), "version": version, "removed": was_in_it });
        context.reporter.data(&if arguments.json { format!("{report:#}") } else { text });
        return Ok(());
    }
    store.change_quarantine(|quarantine| quarantine.add(&name, &version, &arguments.reason)).map_err(of_store)?;
    let found = affected(&store, &context.env, &name, &version)?;
    for error in &found.unreadable {
        context.reporter.warning(&error.message);
    }
    let report = json!({
        "name": name.as_str(),
        "version": version,
        "reason": arguments.reason,
        "affected": found.affected.iter().map(as_json).collect::<Vec<Value>>(),
    });
    context.reporter.data(&if arguments.json { format!("{report:#}") } else { as_text(package, &found) });
    Ok(())
}

/// Reads `name@version`, the version in its exact form.
fn parse(package: &str) -> Result<(PackageName, String), Error> {
    let parts = package.rsplit_once('@').and_then(|(name, version)| Some((PackageName::parse(name).ok()?, Version::parse(version)?)));
    let (name, version) = parts.ok_or_else(|| {
        Error::new(Code::Usage, format!("`{package}` is no exact version of a package")).hint("Name it like `left-pad@1.3.0`.")
    })?;
    Ok((name, version.to_string()))
}

fn as_json(affected: &Affected) -> Value {
    json!({ "project": affected.project.to_string_lossy(), "locked": affected.locked, "installed": affected.installed })
}

fn as_text(package: &str, found: &Found) -> String {
    let mut text = format!("{package} is in quarantine: installs that need it stop");
    if found.affected.is_empty() {
        return text + "\nno project on this machine has it";
    }
    text += "\nprojects that have it:";
    for affected in &found.affected {
        let how = match (affected.locked, affected.installed) {
            (true, true) => "installed",
            (true, false) => "in the lockfile",
            _ => "installed, not in the lockfile",
        };
        text += &format!("\n  {} ({how})", affected.project.display());
    }
    text
}

fn list(context: &Context, arguments: &Arguments, root: &Path) -> Result<(), Error> {
    let quarantine = Quarantine::read(root).map_err(of_store)?;
    if arguments.json {
        let entry =
            |(name, version, reason): (&PackageName, &str, &str)| json!({ "name": name.as_str(), "version": version, "reason": reason });
        let report = json!({ "quarantined": quarantine.entries().map(entry).collect::<Vec<Value>>() });
        context.reporter.data(&format!("{report:#}"));
    } else if quarantine.is_empty() {
        context.reporter.data("nothing is in quarantine");
    } else {
        quarantine.entries().for_each(|(name, version, reason)| context.reporter.data(format!("{name}@{version}  {reason}").trim_end()));
    }
    Ok(())
}
