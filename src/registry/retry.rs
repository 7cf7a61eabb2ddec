//! When to try again, and when to stop trying.
//!
//! A request waits longer each time, with some chance in it so that many do not come back at once. A registry that is
//! down must not cost every package its own patience: once one request has failed for good and nothing but failures came
//! in between, the rest fails at once.

use super::config::Retry;
use rustc_hash::FxHashMap;
use std::time::{Duration, SystemTime};

/// So many failures in a row, the last attempt of some request among them, and an origin is down.
const DOWN_AFTER: u32 = 8;
/// The longest wait that a server may ask for.
const PATIENCE: Duration = Duration::from_secs(120);

/// Returns the wait before the attempt that follows `attempts` failed ones.
pub(super) fn wait(retry: &Retry, attempts: u32) -> Duration {
    let base = retry.min.saturating_mul(retry.factor.saturating_pow(attempts.saturating_sub(1)));
    let chance = getrandom::u32().unwrap_or(0);
    base.saturating_add(base.mul_f64(f64::from(chance) / f64::from(u32::MAX))).min(retry.max)
}

/// Says whether a wait that a server asks for is too long.
pub(super) fn is_too_long(retry: &Retry, wait: Duration) -> bool {
    wait > retry.max.max(PATIENCE)
}

/// Reads `Retry-After`: seconds or a date.
pub(super) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default()),
    }
}

/// How the origins fare.
#[derive(Default)]
pub(super) struct Health(FxHashMap<String, Record>);

#[derive(Default)]
struct Record {
    failures: u32,
    given_up: bool,
    cause: String,
}

impl Health {
    /// Says whether nothing is known against any origin, which is the rule.
    pub(super) fn is_good(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes that an origin answered.
    pub(super) fn answered(&mut self, origin: &str) {
        self.0.remove(origin);
    }

    /// Notes a failure, and whether a request was given up for it.
    pub(super) fn failed(&mut self, origin: &str, cause: &str, given_up: bool) {
        let record = self.0.entry(origin.to_owned()).or_default();
        record.failures = record.failures.saturating_add(1);
        record.given_up |= given_up;
        cause.clone_into(&mut record.cause);
    }

    /// Returns what an origin that is down ended with.
    pub(super) fn down(&self, origin: &str) -> Option<&str> {
        self.0.get(origin).filter(|record| record.given_up && record.failures >= DOWN_AFTER).map(|record| record.cause.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{DOWN_AFTER, Health, retry_after, wait};
    use crate::registry::config::Retry;
    use std::time::{Duration, SystemTime};

    #[test]
    fn waits_grow_up_to_the_longest() {
        let retry = Retry { count: 9, factor: 10, min: Duration::from_secs(1), max: Duration::from_secs(60) };
        for _ in 0..50 {
            assert!((1.0..=2.0).contains(&wait(&retry, 1).as_secs_f64()));
            assert!((10.0..=20.0).contains(&wait(&retry, 2).as_secs_f64()));
            assert_eq!(wait(&retry, 3), retry.max);
            assert_eq!(wait(&retry, u32::MAX), retry.max);
        }
    }

    #[test]
    fn reads_both_forms_of_retry_after() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(retry_after(" 7 ", now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:40 GMT", now), Some(Duration::from_secs(3)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:40:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
    }

    #[test]
    fn an_origin_is_down_only_when_nothing_else_came_and_a_request_was_given_up() {
        let mut health = Health::default();
        for _ in 0..2 * DOWN_AFTER {
            health.failed("a", "503", false);
        }
        assert_eq!(health.down("a"), None);
        health.failed("a", "504", true);
        assert_eq!(health.down("a"), Some("504"));
        assert_eq!(health.down("b"), None);
        health.answered("a");
        health.failed("a", "503", true);
        assert_eq!(health.down("a"), None);
    }
}
