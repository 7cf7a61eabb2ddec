//! Stops an install that would bring a version which is in quarantine on this machine.

use super::failure::of_store;
use super::session::Session;
use super::trail;
use crate::error::{Code, Error};
use crate::project::stamp::FileStamp;
use crate::resolve::graph::{Package, PackageIndex, Resolution};
use crate::store::Quarantine;

/// Fails when a resolution contains such a version, whether or not it is for this machine. Returns the stamp of the list,
/// so that the next install notices when it has changed since.
pub(super) fn check(session: &Session, resolution: &Resolution) -> Result<FileStamp, Error> {
    let store = session.sources.store.root();
    let stamp = FileStamp::take(&Quarantine::path(store));
    let quarantine = Quarantine::read(store).map_err(of_store)?;
    if quarantine.is_empty() {
        return Ok(stamp);
    }
    for (index, package) in (0..).map(PackageIndex).zip(&resolution.packages) {
        if let Some(reason) = quarantine.reason(&package.name, &package.version) {
            return Err(explain(package, reason, &trail::to_package(resolution, index)));
        }
    }
    Ok(stamp)
}

/// Returns the stamp of the list if no version at all is in it.
pub(super) fn is_empty(session: &Session) -> Result<Option<FileStamp>, Error> {
    let store = session.sources.store.root();
    let stamp = FileStamp::take(&Quarantine::path(store));
    Ok(Quarantine::read(store).map_err(of_store)?.is_empty().then_some(stamp))
}

fn explain(package: &Package, reason: &str, trail: &str) -> Error {
    let name = format!("{}@{}", package.name, package.version);
    let because = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    Error::new(Code::Quarantined, format!("{name} is in quarantine on this machine{because}\nneeded by {trail}"))
        .hint("Choose another version, with `overrides` in package.json if a dependency asks for it.")
        .hint(format!("To allow it again, run `deka store quarantine {name} --remove`."))
}
