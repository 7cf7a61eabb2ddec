//! Which objects packages hold, and how dear the dearest package is that holds each.
//!
//! One list for each folder of objects, sorted by name, without a name twice: a million objects are 48 megabytes, and a
//! folder on the disk is held against 4,000 names that lie beside each other.

use super::ObjectName;
use super::marking::{DEAD, PINNED, Rank};
use crate::store::tree::Tree;

/// A list is sorted before it grows over this many entries, and later whenever it has doubled.
const LIST_MIN: usize = 4096;

/// The objects of packages.
#[derive(Debug)]
pub(super) struct Holdings {
    shards: Vec<List>,
}

#[derive(Debug, Default)]
struct List {
    held: Vec<Held>,
    /// The length at which names that came twice are removed.
    full: usize,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    name: ObjectName,
    rank: Rank,
    size_bytes: u64,
}

impl Default for Holdings {
    fn default() -> Holdings {
        Holdings { shards: (0..256).map(|_| List { held: Vec::new(), full: LIST_MIN }).collect() }
    }
}

impl Holdings {
    /// Adds the objects of a package.
    pub fn add(&mut self, tree: &Tree, rank: Rank) {
        for entry in tree.entries() {
            let name = name_of(entry.object.as_bytes(), entry.executable);
            let list = &mut self.shards[usize::from(name[0])];
            list.held.push(Held { name, rank, size_bytes: entry.size_bytes });
            if list.held.len() >= list.full {
                list.settle();
                list.full = LIST_MIN.max(list.held.len() * 2);
            }
        }
    }

    /// Sorts what was added. Nothing is found before.
    pub fn finish(&mut self) {
        self.shards.iter_mut().for_each(List::settle);
    }

    /// Returns the length of all objects together.
    pub fn bytes(&self) -> u64 {
        self.shards.iter().flat_map(|list| &list.held).map(|held| held.size_bytes).sum()
    }

    /// Returns the rank of the dearest package that holds an object, and the object's length.
    pub fn find(&self, name: &ObjectName) -> Option<(Rank, u64)> {
        let held = &self.shards[usize::from(name[0])].held;
        let found = held.binary_search_by(|held| held.name.cmp(name)).ok()?;
        Some((held[found].rank, held[found].size_bytes))
    }

    /// Returns the last rank up to which everything can stay within a number of bytes, and by how many bytes already
    /// that which cannot go is more.
    pub fn last_within(&self, budget_bytes: u64) -> (Rank, u64) {
        let mut by_rank: Vec<(Rank, u64)> = Vec::new();
        for held in self.shards.iter().flat_map(|list| &list.held).filter(|held| held.rank != DEAD) {
            let place = held.rank as usize;
            if by_rank.len() <= place {
                by_rank.extend((by_rank.len()..=place).map(|rank| (rank as Rank, 0)));
            }
            by_rank[place].1 += held.size_bytes;
        }
        let mut sum_bytes = 0;
        for (rank, bytes) in by_rank {
            sum_bytes += bytes;
            if sum_bytes > budget_bytes {
                return if rank == PINNED { (PINNED, sum_bytes - budget_bytes) } else { (rank - 1, 0) };
            }
        }
        (DEAD - 1, 0)
    }
}

impl List {
    fn settle(&mut self) {
        self.held.sort_unstable_by(|one, other| one.name.cmp(&other.name).then(one.rank.cmp(&other.rank)));
        self.held.dedup_by(|later, kept| later.name == kept.name);
    }
}

/// Returns the name of an object as it is compared here.
pub(super) fn name_of(object: &[u8; 32], executable: bool) -> ObjectName {
    let mut name = [0; 33];
    name[..32].copy_from_slice(object);
    name[32] = u8::from(executable);
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::path::RelPath;
    use crate::store::{NewEntry, ObjectId};

    fn tree(files: &[(&str, u64)]) -> Tree {
        let entry = |(content, size_bytes): &(&str, u64)| NewEntry {
            path: RelPath::parse(content).expect("a path"),
            object: ObjectId::of(content.as_bytes()),
            executable: false,
            size_bytes: *size_bytes,
        };
        Tree::new(files.iter().map(entry).collect()).expect("no clash")
    }

    fn find(holdings: &Holdings, content: &str) -> Option<(Rank, u64)> {
        holdings.find(&name_of(ObjectId::of(content.as_bytes()).as_bytes(), false))
    }

    #[test]
    fn an_object_has_the_rank_of_its_dearest_package() {
        let mut holdings = Holdings::default();
        holdings.add(&tree(&[("a", 1), ("both", 10)]), 3);
        holdings.add(&tree(&[("b", 2), ("both", 10)]), 1);
        holdings.finish();
        assert_eq!((find(&holdings, "both"), find(&holdings, "a"), find(&holdings, "none")), (Some((1, 10)), Some((3, 1)), None));
        assert_eq!(holdings.find(&name_of(ObjectId::of(b"a").as_bytes(), true)), None, "the executable variant is another");
    }

    #[test]
    fn a_budget_is_a_rank() {
        let mut holdings = Holdings::default();
        holdings.add(&tree(&[("pinned", 100), ("shared", 50)]), PINNED);
        holdings.add(&tree(&[("new", 10), ("shared", 50)]), 1);
        holdings.add(&tree(&[("old", 10)]), 2);
        holdings.add(&tree(&[("dead", 1_000)]), DEAD);
        holdings.finish();
        assert_eq!(holdings.last_within(1_000), (DEAD - 1, 0));
        assert_eq!(holdings.last_within(170), (DEAD - 1, 0));
        assert_eq!(holdings.last_within(169), (1, 0));
        assert_eq!(holdings.last_within(150), (PINNED, 0));
        assert_eq!(holdings.last_within(149), (PINNED, 1));
    }
}
