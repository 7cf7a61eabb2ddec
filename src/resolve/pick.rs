//! Which version of a package satisfies a want.
//!
//! The order of preference: a version of the previous lockfile that satisfies, a version that a project depends on
//! directly and that satisfies, what `latest` points at if that is in range and not deprecated, the highest version in
//! range that is not deprecated, the highest in range. Nothing else is looked at, so equal questions have equal answers.

use super::error::Fault;
use crate::package::packument::Packument;
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

/// Chooses the version of a package that a want leads to; returns its index.
pub fn pick(packument: &Packument, want: &Want, preferred: Preferred<'_>) -> Result<usize, Fault> {
    match want {
        Want::Tag(tag) => packument.tagged(tag).ok_or_else(|| no_tag(packument, tag)),
        Want::Range(range) => in_range(packument, range, preferred).ok_or_else(|| no_version(packument, range)),
    }
}

/// Chooses a version that lies in all of the ranges, for a peer that several packages ask for.
pub fn pick_for_all(packument: &Packument, ranges: &[Range]) -> Option<usize> {
    let ceiling = ranges.iter().filter_map(Range::ceiling).min();
    search(packument, ceiling, |version| ranges.iter().all(|range| range.contains(version)))
        .or_else(|| search(packument, None, |version| ranges.iter().all(|range| range.contains_with_prereleases(version))))
}

fn in_range(packument: &Packument, range: &Range, preferred: Preferred<'_>) -> Option<usize> {
    if let Some(exact) = range.exact() {
        return packument.find(exact);
    }
    let known = preferred.pinned.iter().chain(preferred.direct).filter(|version| range.contains(version));
    if let Some(index) = known.filter_map(|version| packument.find(version)).next() {
        return Some(index);
    }
    // For npm, `*` means `latest` even where that is a prerelease, and any version where there is no other.
    if matches!(range.text().trim(), "" | "*") {
        return packument
            .tagged("latest")
            .filter(|index| !packument.is_deprecated(*index))
            .or_else(|| search(packument, None, |version| range.contains(version)))
            .or_else(|| search(packument, None, |_| true));
    }
    search(packument, range.ceiling(), |version| range.contains(version))
}

/// Chooses among the versions that are admitted: `latest`, else the highest, deprecated ones last. None of them is above
/// the ceiling, if there is one.
fn search(packument: &Packument, ceiling: Option<&Version>, admits: impl Fn(&Version) -> bool) -> Option<usize> {
    let latest = packument.tagged("latest").filter(|index| packument.version(*index).is_some_and(|version| admits(&version)));
    if let Some(latest) = latest.filter(|index| !packument.is_deprecated(*index)) {
        return Some(latest);
    }
    // The ceiling itself may be admitted.
    let end = ceiling.map_or(packument.len(), |ceiling| packument.first_not_below(ceiling).saturating_add(1));
    let mut highest = None;
    for (index, _) in packument.below(end).filter(|(_, version)| admits(version)) {
        if !packument.is_deprecated(index) {
            return Some(index);
        }
        highest = highest.or(Some(index));
    }
    highest
}

fn no_tag(packument: &Packument, tag: &str) -> Fault {
    let tags: Vec<&str> = packument.dist_tags().map(|(tag, _)| tag).take(NAMED_MAX).collect();
    let available = if tags.is_empty() { "no tag".to_owned() } else { tags.join(", ") };
    Fault::NoTag { name: packument.name.to_string(), tag: tag.escape_debug().to_string(), available }
}

/// Names `latest` and the versions that share most with the lower end of the range, or the highest there are.
fn no_version(packument: &Packument, range: &Range) -> Fault {
    let wanted: String = range.text().chars().skip_while(|character| !character.is_ascii_digit()).collect();
    let major = wanted.split(|character: char| !character.is_ascii_digit()).next().and_then(|digits| digits.parse::<u64>().ok());
    let highest_first = || packument.below(packument.len()).map(|(_, version)| version);
    let mut named: Vec<Version> =
        highest_first().filter(|version| Some(version.major) == major && !version.is_prerelease()).take(NAMED_MAX).collect();
    if named.is_empty() {
        named = highest_first().take(NAMED_MAX).collect();
    }
    let mut available: Vec<String> = named.iter().map(Version::to_string).collect();
    if let Some(latest) = packument.tagged("latest").and_then(|index| packument.version(index)) {
        available.insert(0, format!("{latest} (latest)"));
    }
    Fault::NoVersion { name: packument.name.to_string(), want: range.text().escape_debug().to_string(), available: available.join(", ") }
}

#[cfg(test)]
mod tests;
