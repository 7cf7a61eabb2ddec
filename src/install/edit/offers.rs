//! What registries offer for packages that a manifest names.

use crate::error::Error;
use crate::install::latest;
use crate::install::source::Sources;
use crate::package::name::PackageName;
use crate::package::packument::Packument;
use crate::package::range::Range;
use crate::package::spec::Want;
use crate::package::version::Version;
use crate::resolve::pick::{Preferred, pick};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What there is of some packages.
#[derive(Default)]
pub(super) struct Offers(BTreeMap<PackageName, Arc<Packument>>);

impl Offers {
    /// Asks for packages, and waits for all answers. What cannot be had is missing; whoever needs it is told why by
    /// resolution.
    pub fn ask(sources: &Sources, names: BTreeSet<PackageName>) -> Result<Offers, Error> {
        if names.is_empty() {
            return Ok(Offers::default());
        }
        let answers = latest::ask(sources.client()?, names);
        Ok(Offers(answers.filter_map(|(name, answer)| Some((name, answer.ok()?))).collect()))
    }

    /// Returns the version that `latest` points at.
    pub fn latest(&self, name: &PackageName) -> Option<Version> {
        let packument = self.0.get(name)?;
        packument.version(packument.tagged("latest")?)
    }

    /// Returns the version that a range would come to today.
    pub fn in_range(&self, name: &PackageName, range: &str) -> Option<Version> {
        let packument = self.0.get(name)?;
        let want = Want::Range(Range::parse(range)?);
        packument.version(pick(packument, &want, Preferred::default()).ok()?)
    }
}
