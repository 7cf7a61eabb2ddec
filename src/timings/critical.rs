//! The critical path: the chain of events that the end of an install waited for.
//!
//! It is found from the end backwards. Whatever ended last before something began, of all that it needed, is what it
//! waited for: a link needs the import of its package and the plan of the layout, an import needs the tarball, a tarball
//! needs the packument that led to its choice, and a packument the one that led to it. Where a step of the whole install
//! needs nothing in particular, it comes after what ended last. What lies between two events of the chain is waiting: for
//! a connection, a thread, or the index.

use super::Part;
use super::profile::{Profile, Span, Step};
use serde::Serialize;

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
    let mut walk = Walk { profile, steps: profile.steps.len() };
    let mut chain = Vec::new();
    let mut next = walk.last(u64::MAX);
    while let Some(node) = next {
        let Span(from, to) = walk.span(node);
        next = walk.before(node);
        let from = next.map_or(from, |before| from.max(walk.span(before).1)).min(to);
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
}

impl Walk<'_> {
    fn before(&mut self, node: Node) -> Option<Node> {
        let packages = &self.profile.packages;
        let Span(began, _) = self.span(node);
        match node {
            Node::Step(index, until) if self.profile.steps[index].part == Part::Resolve => {
                self.last_answer(Span(began, until)).or_else(|| self.step(began))
            }
            Node::Step(..) => self.last(began),
            Node::Link(index, _) => {
                let import = packages[index].import.filter(|_| packages[index].imported).filter(|import| import.1 <= began);
                match (import, self.peek(began)) {
                    (Some(import), Some(step)) if self.profile.steps[step].span.1 > import.1 => self.step(began),
                    (Some(_), _) => Some(Node::Import(index)),
                    (None, _) => self.step(began),
                }
            }
            Node::Import(index) => packages[index].fetch.map(|_| Node::Fetch(index)).or_else(|| self.step(began)),
            Node::Fetch(index) => packages[index].because.map(Node::Packument).or_else(|| self.around(began)),
            Node::Packument(index) => self.profile.packuments[index].because.map(Node::Packument).or_else(|| self.step(began)),
        }
    }

    /// Returns the link or the step that ended last before a time.
    fn last(&mut self, time: u64) -> Option<Node> {
        let step = self.peek(time);
        let links = self.profile.packages.iter().enumerate().flat_map(|(at, package)| package.links.iter().map(move |link| (at, *link)));
        let link = links.filter(|(_, link)| link.1 <= time).max_by_key(|(_, link)| link.1);
        match (link, step) {
            (Some((at, link)), step) if step.is_none_or(|step| self.profile.steps[step].span.1 <= link.1) => Some(Node::Link(at, link)),
            _ => self.step(time),
        }
    }

    /// Goes to the step that ended last before a time.
    fn step(&mut self, time: u64) -> Option<Node> {
        self.steps = self.peek(time)?;
        Some(Node::Step(self.steps, self.profile.steps[self.steps].span.1))
    }

    fn peek(&self, time: u64) -> Option<usize> {
        self.profile.steps[..self.steps].iter().rposition(|step| step.span.1 <= time)
    }

    /// Goes to the step that was going on at a time, or else to the one that ended last before.
    fn around(&mut self, time: u64) -> Option<Node> {
        let goes_on = |step: &Step| step.span.0 <= time && time < step.span.1;
        match self.profile.steps[..self.steps].iter().rposition(goes_on) {
            Some(index) => {
                self.steps = index;
                Some(Node::Step(index, time))
            }
            None => self.step(time),
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
            Node::Fetch(index) => self.profile.packages[index].fetch.unwrap_or_default(),
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
            Node::Import(_) => (Part::Import, Event::Import),
            Node::Fetch(_) => (Part::Fetch, Event::Tarball),
            Node::Packument(_) => (Part::Resolve, Event::Packument),
        }
    }

    fn label(&self, node: Node) -> String {
        match node {
            Node::Step(index, _) => self.profile.steps[index].label.clone(),
            Node::Link(index, _) | Node::Import(index) | Node::Fetch(index) => self.profile.packages[index].name.clone(),
            Node::Packument(index) => self.profile.packuments[index].name.clone(),
        }
    }
}
