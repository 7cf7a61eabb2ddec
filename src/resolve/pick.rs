//! Which version of a package satisfies a want.
//!
//! The order of preference: a version of the previous lockfile that satisfies, a version that a project depends on
//! directly and that satisfies, what `latest` points at if that is in range and not deprecated, the highest version in
//! range that is not deprecated, the highest in range. Nothing else is looked at, so equal questions have equal answers.

use super::error::Fault;
use crate::package::manifest::Manifest;
use crate::package::packument::{Listed, Packument};
use crate::package::range::Range;
use crate::package::spec::Want;
use crate::package::version::Version;

/// How many versions an error names.
const NAMED_MAX: usize = 5;

/// Versions that come before what the registry would say. Each list is in order of preference.
#[derive(Clone, Copy, Debug, Default)]
pub struct Preferred<'a> {
    /// What the previous lockfile has.
    pub pinned: &'a [Version],
    /// What projects depend on directly.
    pub direct: &'a [Version],
}

/// A version and its manifest, which choosing had to decode anyway.
#[derive(Clone, Debug)]
pub struct Picked {
    /// Where it stands in [`Packument::versions`].
    pub index: usize,
    /// The manifest.
    pub manifest: Manifest,
}

/// Chooses the version of a package that a want leads to.
pub fn pick(packument: &Packument, want: &Want, preferred: Preferred<'_>) -> Result<Picked, Fault> {
    match want {
        Want::Tag(tag) => packument.tagged(tag).map(|listed| picked(packument, listed)).ok_or_else(|| no_tag(packument, tag)),
        Want::Range(range) => in_range(packument, range, preferred).ok_or_else(|| no_version(packument, range)),
    }
}

/// Chooses a version that lies in all of the ranges, for a peer that several packages ask for.
pub fn pick_for_all(packument: &Packument, ranges: &[Range]) -> Option<Picked> {
    search(packument, |version| ranges.iter().all(|range| range.contains(version)))
        .or_else(|| search(packument, |version| ranges.iter().all(|range| range.contains_with_prereleases(version))))
}

fn in_range(packument: &Packument, range: &Range, preferred: Preferred<'_>) -> Option<Picked> {
    if let Some(exact) = range.exact() {
        return packument.find(exact).map(|listed| picked(packument, listed));
    }
    let known = preferred.pinned.iter().chain(preferred.direct).filter(|version| range.contains(version));
    if let Some(listed) = known.filter_map(|version| packument.find(version)).next() {
        return Some(picked(packument, listed));
    }
    // For npm, `*` means `latest` even where that is a prerelease, and any version where there is no other.
    if matches!(range.text().trim(), "" | "*") {
        let latest = packument.tagged("latest").map(|listed| picked(packument, listed));
        return latest
            .filter(|found| found.manifest.deprecated.is_none())
            .or_else(|| search(packument, |version| range.contains(version)))
            .or_else(|| search(packument, |_| true));
    }
    search(packument, |version| range.contains(version))
}

/// Chooses among the versions that are admitted: `latest`, else the highest, deprecated ones last.
fn search(packument: &Packument, admits: impl Fn(&Version) -> bool) -> Option<Picked> {
    let latest = packument.tagged("latest").filter(|listed| admits(&listed.version));
    let descending = packument.versions.iter().rev().filter(|listed| admits(&listed.version));
    let mut deprecated = None;
    for listed in latest.into_iter().chain(descending) {
        let found = picked(packument, listed);
        if found.manifest.deprecated.is_none() {
            return Some(found);
        }
        // The highest, which is not `latest` when a higher one is in range.
        match &deprecated {
            Some(Picked { index, .. }) if *index >= found.index => {}
            _ => deprecated = Some(found),
        }
    }
    deprecated
}

fn picked(packument: &Packument, listed: &Listed) -> Picked {
    let index = packument.versions.partition_point(|other| other.version < listed.version);
    Picked { index, manifest: packument.manifest(listed) }
}

fn no_tag(packument: &Packument, tag: &str) -> Fault {
    let tags: Vec<&str> = packument.dist_tags.iter().map(|(tag, _)| tag.as_str()).take(NAMED_MAX).collect();
    let available = if tags.is_empty() { "no tag".to_owned() } else { tags.join(", ") };
    Fault::NoTag { name: packument.name.to_string(), tag: tag.escape_debug().to_string(), available }
}

/// Names `latest` and the versions that share most with the lower end of the range, or the highest there are.
fn no_version(packument: &Packument, range: &Range) -> Fault {
    let wanted: String = range.text().chars().skip_while(|character| !character.is_ascii_digit()).collect();
    let major = wanted.split(|character: char| !character.is_ascii_digit()).next().and_then(|digits| digits.parse::<u64>().ok());
    let highest_first = || packument.versions.iter().rev().map(|listed| &listed.version);
    let mut named: Vec<&Version> =
        highest_first().filter(|version| Some(version.major) == major && !version.is_prerelease()).take(NAMED_MAX).collect();
    if named.is_empty() {
        named = highest_first().take(NAMED_MAX).collect();
    }
    let mut available: Vec<String> = named.into_iter().map(Version::to_string).collect();
    if let Some(latest) = packument.tagged("latest") {
        available.insert(0, format!("{} (latest)", latest.version));
    }
    Fault::NoVersion { name: packument.name.to_string(), want: range.text().escape_debug().to_string(), available: available.join(", ") }
}

#[cfg(test)]
mod tests;
