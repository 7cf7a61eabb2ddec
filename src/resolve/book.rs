//! What is known of one package of a registry while resolution runs, and how old that may be.
//!
//! A version that the previous answer has can be had from a packument of any age, for a version never changes. So a
//! package of which no more is wanted is not asked about again, and to add one dependency to a large project takes a few
//! questions instead of hundreds. Where the demands of the previous answer are known it does not even take a book.

use super::error::Fault;
use super::tree::NodeId;
use crate::package::packument::Packument;
use crate::package::version::Version;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// What is known of a package.
#[derive(Default)]
pub(super) struct Book {
    /// What the registry says.
    pub answer: Option<Result<Arc<Packument>, Fault>>,
    /// How old that may be.
    pub age: Age,
    /// Dependencies that wait for the answer.
    pub waiting: Vec<usize>,
    /// The versions that projects depend on directly, highest first.
    pub direct: Vec<Version>,
    /// What each want of a package came to; the wants of projects are not among them.
    pub picks: FxHashMap<String, Result<NodeId, Fault>>,
    /// The nodes by the place of their version in the packument.
    pub nodes: FxHashMap<usize, NodeId>,
}

/// How old an answer may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Age {
    /// As old as the settings allow.
    #[default]
    Current,
    /// Any: it is only good for versions that the previous answer has.
    Any,
    /// There is one of any age, and one that is current is on its way.
    Renewing,
}

impl Book {
    /// Says whether a question was asked and not answered.
    pub fn is_open(&self) -> bool {
        self.answer.is_none() || self.age == Age::Renewing
    }

    /// Takes an answer. Nodes that were made from one before keep their versions.
    pub fn take(&mut self, answer: Result<Arc<Packument>, Fault>) {
        if let (Some(Ok(before)), Ok(now)) = (&self.answer, &answer) {
            let place = |index: usize| before.version(index).and_then(|version| now.find(&version));
            self.nodes = self.nodes.drain().filter_map(|(index, node)| Some((place(index)?, node))).collect();
        }
        if self.age == Age::Renewing {
            self.age = Age::Current;
        }
        self.answer = Some(answer);
    }

    /// Adds versions that projects depend on.
    pub fn add_direct(&mut self, mut versions: Vec<Version>) {
        self.direct.append(&mut versions);
        self.direct.sort_by(|left, right| right.cmp(left));
        self.direct.dedup();
    }
}
