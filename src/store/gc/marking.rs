//! Which packages stay.
//!
//! Every package gets a rank. [`PINNED`] are those that stand in a project: nothing makes them go. [`DEAD`] are those that
//! go in any case. Between the two stand those that may go when the store has to become smaller, the one that was used last
//! first: what only lockfiles name, and what nobody needs but is young. A budget is then a rank up to which
//! everything stays.

use super::ledger::Row;
use super::{Limits, Need};
use crate::store::package::PackageKey;
use rustc_hash::FxHashMap;
use std::cmp::Reverse;

/// How dear a package is; less is dearer.
pub(super) type Rank = u32;

/// The rank of what never goes.
pub(super) const PINNED: Rank = 0;
/// The rank of what goes in any case.
pub(super) const DEAD: Rank = Rank::MAX;

/// Ranks packages; the answer is parallel to the rows.
pub(super) fn rank(rows: &[Row], needs: &FxHashMap<PackageKey, Need>, limits: &Limits) -> Vec<Rank> {
    let mut ranks = vec![DEAD; rows.len()];
    let mut movable = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let need = needs.get(&row.key);
        let last_use_s = last_use_s(row, need, limits);
        let young = !limits.is_older(last_use_s, limits.grace_s);
        let too_old = limits.max_age_s.is_some_and(|age_s| limits.is_older(last_use_s, age_s));
        match need {
            Some(Need { installed: true, .. }) => ranks[index] = PINNED,
            _ if too_old => {}
            None if !young => {}
            _ => movable.push((Reverse(last_use_s), &row.key, index)),
        }
    }
    movable.sort_unstable();
    for (place, (_, _, index)) in movable.into_iter().enumerate() {
        // There are fewer packages than ranks: each takes a row of many bytes.
        ranks[index] = u32::try_from(place).map_or(DEAD - 1, |place| (PINNED + 1).saturating_add(place).min(DEAD - 1));
    }
    ranks
}

/// Returns when a package was last used as far as anybody knows, in seconds since 1970: added, found needed, installed.
fn last_use_s(row: &Row, need: Option<&Need>, limits: &Limits) -> i64 {
    let days = [Some(row.used_day), need.map(|need| need.used_day)];
    days.into_iter().flatten().map(|day| limits.end_of(day)).fold(row.added_s, i64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::gc::DAY_S;

    const TODAY: i64 = 20_000;

    fn limits(grace_days: u64) -> Limits {
        Limits { now_s: TODAY * 86_400 + 3_600, grace_s: grace_days * DAY_S, max_age_s: None, max_size_bytes: None }
    }

    fn row(name: &str, added_day: i64, used_day: i64) -> Row {
        Row { key: PackageKey::of_source(name.to_owned()), added_s: added_day * 86_400, used_day, tree: 0 }
    }

    fn needs(list: &[(&str, i64, bool)]) -> FxHashMap<PackageKey, Need> {
        let need = |(name, used_day, installed): &(&str, i64, bool)| {
            (PackageKey::of_source((*name).to_owned()), Need { used_day: *used_day, installed: *installed })
        };
        list.iter().map(need).collect()
    }

    #[test]
    fn what_is_installed_stays_whatever_its_age() {
        let rows = [row("installed", 1, 0), row("locked", 1, 0), row("nobody's", 1, 0)];
        let needs = needs(&[("installed", 2, true), ("locked", 2, false)]);
        assert_eq!(rank(&rows, &needs, &limits(7)), [PINNED, 1, DEAD]);
        let strict = Limits { max_age_s: Some(30 * DAY_S), ..limits(7) };
        assert_eq!(rank(&rows, &needs, &strict), [PINNED, DEAD, DEAD]);
    }

    #[test]
    fn the_grace_period_counts_from_the_last_use() {
        let rows = [row("added", TODAY - 3, 0), row("used", 1, TODAY - 3), row("both long ago", TODAY - 9, TODAY - 9)];
        assert_eq!(rank(&rows, &needs(&[]), &limits(7)), [2, 1, DEAD]);
        assert_eq!(rank(&rows, &needs(&[]), &limits(0)), [DEAD; 3]);
    }

    #[test]
    fn today_is_over_at_once_without_grace_and_the_future_is_young() {
        let rows = [row("today", 1, TODAY), row("tomorrow", 1, TODAY + 1), row("added tomorrow", TODAY + 1, 0)];
        assert_eq!(rank(&rows, &needs(&[]), &limits(0)), [DEAD, 1, 2]);
    }

    #[test]
    fn the_oldest_use_is_the_first_to_go() {
        let rows = [row("a", 1, 5), row("b", 1, 9), row("c", 1, 7)];
        let needs = needs(&[("a", 5, false), ("b", 6, false), ("c", 30, false)]);
        assert_eq!(rank(&rows, &needs, &limits(7)), [3, 2, 1]);
    }

    #[test]
    fn absurd_times_do_no_harm() {
        let rows = [row("min", i64::MIN / 86_400, i64::MIN), row("max", i64::MAX / 86_400, i64::MAX)];
        assert_eq!(rank(&rows, &needs(&[]), &limits(7)), [DEAD, 1]);
    }
}
