//! Keys of slots that projects share.
//!
//! With `--virtual-store=global` a slot lives in the store and serves every project that wants the same package with
//! the same packages below it. Its key is therefore a hash of its content and of the keys of all that it links to.
//! Packages that depend on each other in a circle have no first key to start from: such a component is hashed as a
//! whole, and each member's key is that hash with its place in the component.
//!
//! Some slots cannot be shared and stay in the project: packages whose scripts may run (they change their files),
//! packages that link to a folder of the project, and everything that depends on one of those.

use crate::resolve::graph::{InstanceIndex, Target};
use blake3::{Hash, Hasher};

/// First bytes of every hashed text; a change to the rules below changes them.
const DOMAIN: &[u8] = b"deka slot 1\n";

/// An instance as this module sees it.
pub struct Node<'a> {
    /// Its package's name, which is the name of a folder in the slot.
    pub name: &'a str,
    /// What tells the bytes of its package from all others.
    pub content: &'a str,
    /// Its links, sorted by alias.
    pub links: Vec<(&'a str, Target)>,
    /// Whether it must stay in the project for its own sake.
    pub private: bool,
}

/// What is known of all instances once their graph is walked.
pub struct Closure {
    /// Instances that reach each other, in groups; a group comes after all groups that it depends on.
    pub components: Vec<Vec<InstanceIndex>>,
    /// The key of each instance; nothing for those that stay in the project or are not wanted.
    pub keys: Vec<Option<Hash>>,
}

/// Computes the keys. `nodes` is parallel to the instances of the resolution; nothing stands for one that is not wanted,
/// and no link leads to such a one.
pub fn close(nodes: &[Option<Node>]) -> Closure {
    let components = components(nodes);
    let mut keys = vec![None; nodes.len()];
    let mut place = vec![(u32::MAX, 0); nodes.len()];
    for (component, members) in (0..).zip(&components) {
        for (position, member) in (0..).zip(members) {
            place[member.0 as usize] = (component, position);
        }
        let Some(whole) = hash_component(nodes, members, component, &place, &keys) else {
            continue;
        };
        for (position, member) in members.iter().enumerate() {
            let key = if members.len() == 1 { whole } else { member_key(whole, position) };
            keys[member.0 as usize] = Some(key);
        }
    }
    Closure { components, keys }
}

fn member_key(whole: Hash, position: usize) -> Hash {
    let mut hasher = Hasher::new();
    hasher.update(DOMAIN).update(whole.as_bytes()).update(&(position as u64).to_le_bytes());
    hasher.finalize()
}

/// Hashes a component; nothing when one of its members cannot be shared.
fn hash_component(
    nodes: &[Option<Node>],
    members: &[InstanceIndex],
    component: u32,
    place: &[(u32, u32)],
    keys: &[Option<Hash>],
) -> Option<Hash> {
    let mut hasher = Hasher::new();
    hasher.update(DOMAIN);
    for member in members {
        let node = nodes[member.0 as usize].as_ref().filter(|node| !node.private)?;
        put(&mut hasher, node.name);
        put(&mut hasher, node.content);
        hasher.update(&(node.links.len() as u64).to_le_bytes());
        for (alias, target) in &node.links {
            let Target::Instance(target) = target else {
                return None;
            };
            put(&mut hasher, alias);
            let (of, position) = place[target.0 as usize];
            if of == component {
                hasher.update(b"i").update(&position.to_le_bytes());
            } else {
                hasher.update(b"k").update(keys[target.0 as usize]?.as_bytes());
            }
        }
    }
    Some(hasher.finalize())
}

fn put(hasher: &mut Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
}

/// Tarjan's algorithm with a stack of its own: a chain of dependencies may be longer than the thread's stack.
struct Walk<'a, 'b> {
    nodes: &'a [Option<Node<'b>>],
    /// The order in which a node was first seen, from 1; 0 is unseen.
    seen: Vec<u32>,
    /// The earliest node on the stack that is reachable.
    low: Vec<u32>,
    on_stack: Vec<bool>,
    stack: Vec<usize>,
    count: u32,
    found: Vec<Vec<InstanceIndex>>,
}

fn components(nodes: &[Option<Node>]) -> Vec<Vec<InstanceIndex>> {
    let size = nodes.len();
    let mut walk = Walk {
        nodes,
        seen: vec![0; size],
        low: vec![0; size],
        on_stack: vec![false; size],
        stack: Vec::new(),
        count: 0,
        found: Vec::new(),
    };
    for (start, node) in nodes.iter().enumerate() {
        if node.is_some() && walk.seen[start] == 0 {
            walk.run(start);
        }
    }
    walk.found
}

impl Walk<'_, '_> {
    fn run(&mut self, start: usize) {
        // Each entry is a node and the number of its links that have been followed.
        let mut path = vec![(start, 0)];
        self.enter(start);
        while let Some((node, next)) = path.last_mut() {
            let node = *node;
            let link = self.nodes[node].as_ref().and_then(|entry| entry.links.get(*next));
            *next += 1;
            match link {
                Some((_, Target::Folder(_))) => {}
                Some((_, Target::Instance(target))) => {
                    let target = target.0 as usize;
                    if self.seen[target] == 0 {
                        self.enter(target);
                        path.push((target, 0));
                    } else if self.on_stack[target] {
                        self.low[node] = self.low[node].min(self.seen[target]);
                    }
                }
                None => {
                    path.pop();
                    if let Some((parent, _)) = path.last() {
                        self.low[*parent] = self.low[*parent].min(self.low[node]);
                    }
                    self.leave(node);
                }
            }
        }
    }

    fn enter(&mut self, node: usize) {
        self.count += 1;
        self.seen[node] = self.count;
        self.low[node] = self.count;
        self.on_stack[node] = true;
        self.stack.push(node);
    }

    /// Takes the component off the stack if `node` is the first of it that was seen.
    fn leave(&mut self, node: usize) {
        if self.low[node] != self.seen[node] {
            return;
        }
        let start = self.stack.iter().rposition(|member| *member == node).unwrap_or(0);
        let mut members: Vec<InstanceIndex> = self.stack.drain(start..).map(|member| InstanceIndex(member as u32)).collect();
        for member in &members {
            self.on_stack[member.0 as usize] = false;
        }
        members.sort();
        self.found.push(members);
    }
}

#[cfg(test)]
mod tests {
    use super::{Closure, Node, close};
    use crate::resolve::graph::{InstanceIndex, Target};

    /// Reads `name content -> links`, where a link is the number of a node.
    fn keys(nodes: &[(&'static str, &'static str, &[u32])], private: &[usize]) -> Closure {
        let names = ["a", "b", "c", "d", "e"];
        let node = |(index, (name, content, links)): (usize, &(&'static str, &'static str, &[u32]))| {
            let links = links.iter().map(|link| (names[*link as usize], Target::Instance(InstanceIndex(*link)))).collect();
            Some(Node { name, content, links, private: private.contains(&index) })
        };
        close(&nodes.iter().enumerate().map(node).collect::<Vec<_>>())
    }

    #[test]
    fn a_key_depends_on_everything_below_and_nothing_above() {
        let before = keys(&[("a", "1", &[1]), ("b", "1", &[2]), ("c", "1", &[]), ("d", "1", &[])], &[]).keys;
        let after = keys(&[("a", "1", &[1]), ("b", "2", &[2]), ("c", "1", &[]), ("d", "1", &[])], &[]).keys;
        assert_ne!(before[0], after[0]);
        assert_ne!(before[1], after[1]);
        assert_eq!(before[2..], after[2..]);
        assert!(before.iter().all(Option::is_some));
    }

    #[test]
    fn a_circle_is_hashed_as_a_whole() {
        let circle = |content| keys(&[("a", "1", &[1]), ("b", "1", &[2]), ("c", content, &[0, 3]), ("d", "1", &[]), ("e", "1", &[0])], &[]);
        let (before, after) = (circle("1"), circle("2"));
        assert_eq!(before.components.iter().map(Vec::len).collect::<Vec<_>>(), [1, 3, 1]);
        for changed in [0, 1, 2, 4] {
            assert_ne!(before.keys[changed], after.keys[changed]);
        }
        assert_eq!(before.keys[3], after.keys[3]);
        let distinct: std::collections::HashSet<_> = before.keys.iter().collect();
        assert_eq!(distinct.len(), 5);
    }

    #[test]
    fn what_depends_on_a_private_package_has_no_key() {
        let shared: Vec<bool> =
            keys(&[("a", "1", &[1]), ("b", "1", &[2]), ("c", "1", &[3]), ("d", "1", &[])], &[2]).keys.iter().map(Option::is_some).collect();
        assert_eq!(shared, [false, false, false, true]);
    }

    #[test]
    fn a_long_chain_does_not_overflow_the_stack() {
        let names: Vec<String> = (0..200_000).map(|index| index.to_string()).collect();
        let nodes: Vec<Option<Node>> = (0..names.len())
            .map(|index| {
                let next = (index + 1) % names.len();
                let links = vec![(names[next].as_str(), Target::Instance(InstanceIndex(next as u32)))];
                Some(Node { name: &names[index], content: "1", links, private: false })
            })
            .collect();
        assert_eq!(close(&nodes).components.len(), 1);
    }
}
