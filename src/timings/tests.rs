//! From moments to the page, with times that are made up.

use super::critical::Event;
use super::page::{Ending, Outcome, page};
use super::profile::{Profile, Span, profile};
use super::{Happened, Part, Timings, subject};
use proptest::prelude::*;
use std::time::Instant;

fn text(text: &str) -> String {
    text.to_owned()
}

/// A step that ends at a time and began at another.
fn step(ends: u64, part: Part, label: &str, began_us: u64) -> (u64, Happened) {
    (ends, Happened::Step { part, label: text(label), began_us })
}

/// The moments of a package from its packument to its link, each some milliseconds later than the
/// one before.
fn life(name: &str, because: Option<&str>, start_ms: u64) -> Vec<(u64, Happened)> {
    let subject = || format!("{name}@1.0.0");
    let at = |ms: u64| (start_ms + ms) * 1_000;
    vec![
        (at(0), Happened::Wanted { name: text(name), because: because.map(text) }),
        (at(1), Happened::Sent { subject: text(name) }),
        (at(10), Happened::Ended { subject: text(name), bytes: 500 }),
        (at(12), Happened::Answered { name: text(name) }),
        (at(13), Happened::Chosen { subject: subject(), because: Some(text(name)) }),
        (at(14), Happened::Ordered { subject: subject() }),
        (at(15), Happened::Sent { subject: subject() }),
        (at(30), Happened::Arrived { subject: subject(), bytes: 1_000 }),
        (at(31), Happened::Ended { subject: subject(), bytes: 1_000 }),
        (at(35), Happened::Unpacking { subject: subject() }),
        (at(40), Happened::Imported { subject: subject(), renamed: None, files: 3, bytes: 4_000 }),
        step(at(45), Part::Import, "writing of the index", at(41)),
        (at(46), Happened::Ready { subject: subject(), stored: subject() }),
        (at(60), Happened::Linked { subject: subject(), began_us: at(50), files: Some(3), slots: 1 }),
    ]
}

fn gathered(mut moments: Vec<(u64, Happened)>, wall_us: u64) -> Profile {
    moments.sort_by_key(|(time, _)| *time);
    profile(moments, wall_us)
}

#[test]
fn sums_are_of_what_happened() {
    let mut moments = [life("a", None, 10), life("b", Some("a"), 30)].concat();
    moments.extend([
        (1, Happened::Wanted { name: text("cached"), because: None }),
        (2, Happened::Answered { name: text("cached") }),
        (3, Happened::Wanted { name: text("same"), because: None }),
        (4, Happened::Sent { subject: text("same") }),
        (5, Happened::Retried { subject: text("same") }),
        (6, Happened::Sent { subject: text("same") }),
        (7, Happened::Ended { subject: text("same"), bytes: 0 }),
        (8, Happened::Answered { name: text("same") }),
        (9, Happened::Ready { subject: text("stored@2.0.0"), stored: text("stored@2.0.0") }),
        (20, Happened::Linked { subject: text("stored@2.0.0"), began_us: 10, files: Some(5), slots: 1 }),
    ]);
    let totals = gathered(moments, 100_000).totals;
    assert_eq!((totals.packuments_fetched, totals.packuments_cached, totals.packuments_confirmed), (2, 1, 1));
    assert_eq!((totals.tarballs, totals.downloaded_bytes, totals.retries), (2, 3_000, 1));
    assert_eq!((totals.imported, totals.imported_bytes, totals.in_store), (2, 8_000, 1));
    assert_eq!((totals.slots, totals.linked_files), (3, Some(11)));
}

#[test]
fn the_chain_goes_from_the_end_back_to_the_packument_that_began_it() {
    let mut moments = [life("a", None, 110), life("b", Some("a"), 122), life("other", None, 110)].concat();
    moments.extend([
        step(100_000, Part::Rest, "opening", 0),
        step(150_000, Part::Resolve, "resolution", 105_000),
        step(165_000, Part::Link, "plan", 160_000),
        step(190_000, Part::Rest, "the state", 185_000),
    ]);
    let profile = gathered(moments, 200_000);
    let chain: Vec<(Event, &str)> = profile.critical.iter().map(|segment| (segment.event, segment.label.as_str())).collect();
    let expected = [
        (Event::Step, "opening"),
        (Event::Packument, "a"),
        (Event::Packument, "b"),
        (Event::Tarball, "b@1.0.0"),
        (Event::Import, "b@1.0.0"),
        (Event::Step, "writing of the index"),
        (Event::Link, "b@1.0.0"),
        (Event::Step, "the state"),
    ];
    assert_eq!(chain, expected);
}

#[test]
fn a_link_that_had_to_wait_for_a_thread_comes_after_the_one_that_had_it() {
    let linked = |subject: &str, began_us, ends| (ends, Happened::Linked { subject: text(subject), began_us, files: Some(1), slots: 1 });
    let ready = |subject: &str| (20, Happened::Ready { subject: text(subject), stored: text(subject) });
    let plan = step(15, Part::Link, "plan", 0);
    let (first, second) = ("first@1.0.0", "second@1.0.0");
    let soon = gathered(vec![plan.clone(), ready(first), ready(second), linked(first, 25, 500), linked(second, 510, 900)], 1_000);
    let labels = |profile: &Profile| profile.critical.iter().map(|segment| segment.label.clone()).collect::<Vec<_>>();
    assert_eq!(labels(&soon), ["plan", first, second]);
    // When the thread was idle in between, something else was waited for.
    let late = gathered(vec![plan, ready(first), ready(second), linked(first, 25, 500), linked(second, 5_000, 5_100)], 6_000);
    assert_eq!(labels(&late), ["plan", second]);
}

#[test]
fn a_tarball_that_is_unpacked_while_it_arrives_hands_over_at_its_first_byte() {
    let subject = || text("a@1.0.0");
    let moments = vec![
        (10, Happened::Ordered { subject: subject() }),
        (20, Happened::Sent { subject: subject() }),
        (30, Happened::Unpacking { subject: subject() }),
        (90, Happened::Imported { subject: subject(), renamed: None, files: 1, bytes: 10 }),
        (91, Happened::Ended { subject: subject(), bytes: 5 }),
        step(99, Part::Import, "writing of the index", 95),
        (110, Happened::Linked { subject: subject(), began_us: 100, files: Some(1), slots: 1 }),
    ];
    let profile = gathered(moments, 120);
    assert_eq!(profile.packages[0].fetch, Some(Span(20, 90)));
    let spans: Vec<(Event, Span)> = profile.critical.iter().map(|segment| (segment.event, segment.span)).collect();
    let tail = [(Event::Tarball, Span(20, 30)), (Event::Stream, Span(30, 90)), (Event::Step, Span(95, 99)), (Event::Link, Span(100, 110))];
    assert_eq!(spans, tail);
}

#[test]
fn what_came_from_an_address_is_one_package_under_its_own_name() {
    let (fetched, known) = (|| text("atgz"), || text("a@1.0.0"));
    let moments = vec![
        (10, Happened::Ordered { subject: fetched() }),
        (11, Happened::Sent { subject: text("atgz@") }),
        (20, Happened::Arrived { subject: text("atgz@"), bytes: 7 }),
        (21, Happened::Unpacking { subject: fetched() }),
        (30, Happened::Imported { subject: fetched(), renamed: Some(known()), files: 1, bytes: 9 }),
        (31, Happened::Ended { subject: text("atgz@"), bytes: 7 }),
        (32, Happened::Ready { subject: known(), stored: fetched() }),
        (40, Happened::Linked { subject: fetched(), began_us: 35, files: Some(1), slots: 1 }),
    ];
    // The next time it is in the store, under the name that it came with.
    for (moments, in_store) in [(moments[6..].to_vec(), 1), (moments, 0)] {
        let profile = gathered(moments, 50);
        let names: Vec<&str> = profile.packages.iter().map(|package| package.name.as_str()).collect();
        assert_eq!((names, profile.totals.in_store, profile.totals.slots), (vec!["a@1.0.0"], in_store, 1));
    }
}

fn ending() -> Ending {
    Ending {
        command: text("deka install"),
        project: text("app"),
        version: "1.2.3",
        outcome: Outcome::Installed,
        error: None,
        in_tree: None,
        threads: 2,
        ended_ms: 0,
    }
}

#[test]
fn three_thousand_packages_are_less_than_two_megabytes() {
    let timings = Timings::since(Instant::now());
    for number in 0..3_000 {
        let name = format!("@some-scope/a-package-with-a-long-name-{number}");
        life(&name, None, 0).into_iter().for_each(|(_, moment)| timings.note(|| moment));
    }
    let bytes = page(&timings, &ending()).expect("a page").len();
    assert!(bytes < 2 << 20, "{bytes} bytes");
}

#[test]
fn nothing_is_taken_down_for_nobody() {
    let timings = Timings::default();
    timings.note(|| unreachable!("nobody asked"));
    drop(timings.step(Part::Rest, "a step"));
    assert_eq!((timings.now_us(), timings.moments().len()), (0, 0));
}

/// Anything that may happen, to few names and in any order.
fn anything() -> impl Strategy<Value = (u64, Happened)> {
    (0..400_u64, 0..400_u64, 0..13, 0..4_u8, 0..4_u8).prop_map(|(time, other, kind, name, cause)| {
        let (name, because) = (format!("p{name}"), (cause > 0).then(|| format!("p{cause}")));
        let subject = || subject(&name, "1.0.0");
        let began_us = other.min(time);
        let moment = match kind {
            0 => Happened::Wanted { name, because },
            1 => Happened::Answered { name },
            2 => Happened::Chosen { subject: subject(), because },
            3 => Happened::Ordered { subject: subject() },
            4 => Happened::Sent { subject: if cause > 1 { name } else { subject() } },
            5 => Happened::Retried { subject: subject() },
            6 => Happened::Arrived { subject: subject(), bytes: other },
            7 => Happened::Ended { subject: if cause > 1 { name } else { subject() }, bytes: other },
            8 => Happened::Unpacking { subject: subject() },
            9 => Happened::Imported { subject: subject(), renamed: (cause > 2).then(|| text("renamed@1.0.0")), files: 1, bytes: other },
            10 => Happened::Ready { subject: subject(), stored: subject() },
            11 => Happened::Linked { subject: subject(), began_us, files: Some(1), slots: 1 },
            _ => Happened::Step { part: Part::ALL[usize::from(cause)], label: name, began_us },
        };
        (time, moment)
    })
}

proptest! {
    // Whatever is told in whatever order, the time is divided without rest, and the chain goes forward and ends.
    #[test]
    fn times_add_up_and_the_chain_never_goes_back(moments in prop::collection::vec(anything(), 0..60), more in 0..50_u64) {
        let wall_us = 400 + more;
        let profile = gathered(moments, wall_us);
        prop_assert_eq!(profile.stages.iter().map(|share| share.time_us).sum::<u64>(), wall_us);
        let mut before = 0;
        for segment in &profile.critical {
            prop_assert!(before <= segment.span.0 && segment.span.0 <= segment.span.1, "{:?}", profile.critical);
            before = segment.span.1;
        }
        prop_assert!(before <= wall_us);
    }
}
