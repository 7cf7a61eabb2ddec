//! The critical path: the chain of events that the end of an install waited for.
//!
//! It is found from the end backwards. Whatever ended last before something began, of all that it needed, is what it
//! waited for: a link needs the plan of the layout and the transaction that made its package known, a transaction needs
//! imports, an import needs the tarball, a tarball needs the packument that led to its choice, and a packument the one
//! that led to it. A link or an import that had all
//! it needed and began as soon as another one ended has waited for the thread of that one. Where a step of the whole
//! install needs nothing in particular, it comes after what ended last. What lies between two events of the chain is
//! waiting: for a connection, a thread, or the index.

use super::Part;
use super::profile::{Profile, Span, Step};
use serde::Serialize;

/// How soon a thread that has become free takes up the next thing, in microseconds.
const HANDOVER_US: u64 = 1_000;

/// One event of the chain, less the time in which the one before went on.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Segment {
    /// The stage it belongs to.
    pub part: Part,
    /// What it is.
    pub event: Event,
    /// A package, the name of a packument, or a step.
    pub label: String,
    /// Its time.
    pub span: Span,
}

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Event {
    Step,
    Packument,
    Tarball,
    /// A tarball that is unpacked while it arrives, from its first byte on.
    Stream,
    Import,
    Link,
}

/// An event of the profile.
#[derive(Clone, Copy)]
enum Node {
    /// A step, up to some time.
    Step(usize, u64),
    Link(usize, Span),
    Import(usize),
    Fetch(usize),
    Packument(usize),
}

/// Returns the chain, from the start on.
pub(super) fn path(profile: &Profile) -> Vec<Segment> {
    let mut walk = Walk::new(profile);
    let (mut chain, mut limit) = (Vec::new(), profile.wall_us);
    let mut next = walk.last(u64::MAX);
    while let Some(node) = next {
        let Span(from, to) = walk.span(node);
        next = walk.before(node);
        // Events overlap where one did not need all of the other: its share ends where the next one begins.
        let to = to.min(limit);
        let from = next.map_or(from, |before| from.max(walk.span(before).1)).min(to);
        limit = from;
        let (part, event) = walk.kind(node);
        chain.push(Segment { part, event, label: walk.label(node), span: Span(from, to) });
    }
    chain.reverse();
    chain
}

/// A walk back in time.
struct Walk<'a> {
    profile: &'a Profile,
    /// Steps with this number and later ones lie behind: whatever the clock says, there is no way around in a circle.
    steps: usize,
    /// What threads did, by its end. As with steps, the latest one that was gone to and all behind it are cut off.
    work: Vec<(u64, Node)>,
}

impl<'a> Walk<'a> {
    fn new(profile: &'a Profile) -> Walk<'a> {
        let mut work = Vec::new();
        for (index, package) in profile.packages.iter().enumerate() {
            work.extend(package.links.iter().map(|link| (link.1, Node::Link(index, *link))));
            work.extend(package.import.filter(|_| package.imported).map(|import| (import.1, Node::Import(index))));
        }
        work.sort_by_key(|(ended, _)| *ended);
        Walk { profile, steps: profile.steps.len(), work }
    }

    fn before(&mut self, node: Node) -> Option<Node> {
        let packages = &self.profile.packages;
        let Span(began, _) = self.span(node);
        match node {
            Node::Step(index, until) if self.profile.steps[index].part == Part::Resolve => {
                self.last_answer(Span(began, until)).or_else(|| self.decision(began))
            }
            Node::Step(..) => self.last(began),
            Node::Link(index, _) => {
                let ready = packages[index].ready.map_or(began, |ready| ready.min(began));
                self.freed(began, self.stepped(ready)).or_else(|| self.step(ready))
            }
            Node::Import(index) => {
                let fetched = packages[index].fetch.map(|fetch| fetch.1);
                let freed = self.freed(began, fetched.unwrap_or_default());
                freed.or_else(|| fetched.map(|_| Node::Fetch(index))).or_else(|| self.decision(began))
            }
            Node::Fetch(index) => packages[index].because.map(Node::Packument).or_else(|| self.around(began)),
            Node::Packument(index) => self.profile.packuments[index].because.map(Node::Packument).or_else(|| self.decision(began)),
        }
    }

    /// Goes to whatever ended last before a time, be it a step or the work of a thread.
    fn last(&mut self, time: u64) -> Option<Node> {
        let stepped = self.stepped(time);
        self.worked(time).filter(|(ended, _)| *ended >= stepped).map(|(_, node)| self.take_up(node)).or_else(|| self.step(time))
    }

    /// Goes to the work that kept a thread until a time, if that is later than everything that was needed was there.
    fn freed(&mut self, time: u64, needed: u64) -> Option<Node> {
        let (_, node) = self.worked(time).filter(|(ended, _)| *ended > needed && time - ended <= HANDOVER_US)?;
        Some(self.take_up(node))
    }

    /// Returns the work that ended last before a time, and cuts off what is behind it.
    fn worked(&mut self, time: u64) -> Option<(u64, Node)> {
        self.work.truncate(self.work.partition_point(|(ended, _)| *ended <= time));
        self.work.last().copied()
    }

    fn take_up(&mut self, node: Node) -> Node {
        self.work.pop();
        node
    }

    /// Goes to the step that ended last before a time.
    fn step(&mut self, time: u64) -> Option<Node> {
        self.go_to(|step| step.span.1 <= time)
    }

    /// Returns when it ended.
    fn stepped(&self, time: u64) -> u64 {
        let ended = self.profile.steps[..self.steps].iter().rfind(|step| step.span.1 <= time);
        ended.map_or(0, |step| step.span.1)
    }

    /// Goes to the step that ended last before a time, of those that decide what is needed: not to a transaction.
    fn decision(&mut self, time: u64) -> Option<Node> {
        self.go_to(|step| step.span.1 <= time && step.part != Part::Import)
    }

    fn go_to(&mut self, is_meant: impl Fn(&Step) -> bool) -> Option<Node> {
        self.steps = self.profile.steps[..self.steps].iter().rposition(is_meant)?;
        Some(Node::Step(self.steps, self.profile.steps[self.steps].span.1))
    }

    /// Goes to the step that was going on at a time and decided something, or else to the one that ended last before.
    fn around(&mut self, time: u64) -> Option<Node> {
        let goes_on = |step: &Step| step.span.0 <= time && time < step.span.1 && step.part != Part::Import;
        match self.go_to(goes_on) {
            Some(Node::Step(index, _)) => Some(Node::Step(index, time)),
            _ => self.decision(time),
        }
    }

    /// Returns the packument that was read last in a span.
    fn last_answer(&self, within: Span) -> Option<Node> {
        let answered = self.profile.packuments.iter().enumerate().filter_map(|(at, packument)| Some((packument.answered?, at)));
        answered.filter(|(time, _)| (within.0..=within.1).contains(time)).max().map(|(_, at)| Node::Packument(at))
    }

    fn span(&self, node: Node) -> Span {
        match node {
            Node::Step(index, until) => Span(self.profile.steps[index].span.0, until),
            Node::Link(_, span) => span,
            Node::Import(index) => self.profile.packages[index].import.unwrap_or_default(),
            Node::Fetch(index) => {
                let package = &self.profile.packages[index];
                let Span(from, to) = package.fetch.unwrap_or_default();
                Span(from, package.import.map_or(to, |import| to.min(import.0).max(from)))
            }
            Node::Packument(index) => {
                let packument = &self.profile.packuments[index];
                Span(packument.wanted, packument.answered.unwrap_or(packument.wanted))
            }
        }
    }

    fn kind(&self, node: Node) -> (Part, Event) {
        match node {
            Node::Step(index, _) => (self.profile.steps[index].part, Event::Step),
            Node::Link(..) => (Part::Link, Event::Link),
            Node::Import(index) => (Part::Import, if self.is_stream(index) { Event::Stream } else { Event::Import }),
            Node::Fetch(_) => (Part::Fetch, Event::Tarball),
            Node::Packument(_) => (Part::Resolve, Event::Packument),
        }
    }

    fn is_stream(&self, index: usize) -> bool {
        let package = &self.profile.packages[index];
        package.fetch.zip(package.import).is_some_and(|(fetch, import)| import.0 < fetch.1)
    }

    fn label(&self, node: Node) -> String {
        match node {
            Node::Step(index, _) => self.profile.steps[index].label.clone(),
            Node::Link(index, _) | Node::Import(index) | Node::Fetch(index) => self.profile.packages[index].name.clone(),
            Node::Packument(index) => self.profile.packuments[index].name.clone(),
        }
    }
}
