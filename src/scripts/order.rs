//! Runs jobs so that each comes after those it depends on, several at once.
//!
//! Packages may depend on one another in circles, and then no order is right; npm and pnpm break circles somewhere. Here
//! a depth-first walk in the order of the indices decides: an edge that leads back into the walk is dropped. The
//! answer depends on nothing but the graph.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Runs `job` for every node in `wanted`, at most `jobs_max` at once, each after all wanted nodes that it depends on,
/// directly or through others. `dependencies` lists what each node depends on. A job that answers `Break` keeps further
/// ones from starting; those under way are waited for.
pub fn run_in_order(dependencies: &[Vec<usize>], wanted: &[usize], jobs_max: usize, job: impl Fn(usize) -> ControlFlow<()> + Sync) {
    let Plan { dependents, waiting, ready } = plan(dependencies, wanted);
    let left = waiting.len();
    let board = Board { state: Mutex::new(State { waiting, ready, left }), changed: Condvar::new() };
    let threads = jobs_max.clamp(1, left.max(1));
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| work(&board, &dependents, &job));
        }
        work(&board, &dependents, &job);
    });
}

/// Returns the wanted nodes in the order in which they run when there is one at a time.
pub fn sequence(dependencies: &[Vec<usize>], wanted: &[usize]) -> Vec<usize> {
    let sequence = Mutex::new(Vec::new());
    run_in_order(dependencies, wanted, 1, |node| {
        sequence.lock().unwrap_or_else(PoisonError::into_inner).push(node);
        ControlFlow::Continue(())
    });
    sequence.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The wanted nodes by their place in the order, which is a number of its own.
struct Plan {
    /// Who waits for whom, by place.
    dependents: Vec<Vec<usize>>,
    /// Of each place: its node, and for how many others it still waits.
    waiting: Vec<(usize, usize)>,
    /// The places that wait for none.
    ready: BTreeSet<usize>,
}

/// Orders the nodes and reduces the graph to the wanted ones: what a wanted node reaches through others counts as its own.
fn plan(dependencies: &[Vec<usize>], wanted: &[usize]) -> Plan {
    let order = depth_first(dependencies);
    let mut rank = vec![usize::MAX; dependencies.len()];
    order.iter().enumerate().for_each(|(place, &node)| rank[node] = place);
    let mut is_wanted = vec![false; dependencies.len()];
    for &node in wanted.iter().filter(|&&node| node < dependencies.len()) {
        is_wanted[node] = true;
    }

    let mut place_of = vec![usize::MAX; dependencies.len()];
    // The wanted nodes nearest below each node; sets stay small because they end at wanted nodes.
    let mut nearest: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); dependencies.len()];
    let mut plan = Plan { dependents: Vec::new(), waiting: Vec::new(), ready: BTreeSet::new() };
    for &node in &order {
        let mut below = BTreeSet::new();
        // An edge to a later node closes a circle.
        for &next in dependencies[node].iter().filter(|&&next| next < rank.len() && rank[next] < rank[node]) {
            if is_wanted[next] {
                below.insert(place_of[next]);
            } else {
                below.extend(nearest[next].iter().copied());
            }
        }
        if is_wanted[node] {
            let place = plan.waiting.len();
            place_of[node] = place;
            plan.waiting.push((node, below.len()));
            plan.dependents.push(Vec::new());
            below.iter().for_each(|&before| plan.dependents[before].push(place));
            if below.is_empty() {
                plan.ready.insert(place);
            }
        } else {
            nearest[node] = below;
        }
    }
    plan
}

/// Returns the nodes so that each comes after those it depends on, as far as circles allow. Without recursion: chains of
/// dependencies can be as long as a stranger likes.
pub(super) fn depth_first(dependencies: &[Vec<usize>]) -> Vec<usize> {
    let mut order = Vec::with_capacity(dependencies.len());
    let mut seen = vec![false; dependencies.len()];
    let mut stack: Vec<(usize, usize)> = Vec::new();
    for start in 0..dependencies.len() {
        if !std::mem::replace(&mut seen[start], true) {
            stack.push((start, 0));
        }
        while let Some((node, next)) = stack.last_mut() {
            match dependencies[*node].get(*next) {
                None => {
                    order.push(*node);
                    stack.pop();
                }
                Some(&child) => {
                    *next += 1;
                    if child < seen.len() && !std::mem::replace(&mut seen[child], true) {
                        stack.push((child, 0));
                    }
                }
            }
        }
    }
    order
}

struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    waiting: Vec<(usize, usize)>,
    ready: BTreeSet<usize>,
    /// Jobs that have not ended; none after a `Break`.
    left: usize,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Jobs run outside of the lock, so a panic cannot leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn work(board: &Board, dependents: &[Vec<usize>], job: &(impl Fn(usize) -> ControlFlow<()> + Sync)) {
    let mut state = board.lock();
    while state.left > 0 {
        let Some(place) = state.ready.pop_first() else {
            state = board.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let node = state.waiting[place].0;
        drop(state);
        let stop = job(node).is_break();
        state = board.lock();
        state.left = if stop { 0 } else { state.left.saturating_sub(1) };
        for &next in &dependents[place] {
            state.waiting[next].1 -= 1;
            if state.waiting[next].1 == 0 {
                state.ready.insert(next);
            }
        }
        board.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::run_in_order;
    use proptest::prelude::*;
    use std::ops::ControlFlow;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn order(dependencies: &[Vec<usize>], wanted: &[usize], jobs: usize) -> Vec<usize> {
        let ran = Mutex::new(Vec::new());
        run_in_order(dependencies, wanted, jobs, |node| {
            ran.lock().expect("no panic").push(node);
            ControlFlow::Continue(())
        });
        ran.into_inner().expect("no panic")
    }

    #[test]
    fn dependencies_go_first_also_through_others() {
        let chain = vec![vec![1], vec![2], vec![3], vec![]];
        assert_eq!(order(&chain, &[0, 1, 2, 3], 4), [3, 2, 1, 0]);
        assert_eq!(order(&chain, &[0, 3], 4), [3, 0]);
        assert_eq!(order(&chain, &[], 4), [0; 0]);
        assert_eq!(order(&[], &[7], 4), [0; 0]);
        let circle = vec![vec![1], vec![2], vec![0], vec![0]];
        assert_eq!(order(&circle, &[0, 1, 2, 3], 4), [2, 1, 0, 3]);
        let itself = vec![vec![0, 99]];
        assert_eq!(order(&itself, &[0], 4), [0]);
        let long: Vec<Vec<usize>> = (0..200_000).map(|node| vec![node + 1]).chain([vec![]]).collect();
        assert_eq!(order(&long, &[0, 200_000], 1), [200_000, 0]);
    }

    #[test]
    fn a_break_keeps_further_jobs_from_starting() {
        let ran = AtomicUsize::new(0);
        run_in_order(&vec![vec![]; 100], &(0..100).collect::<Vec<_>>(), 1, |node| {
            ran.fetch_add(1, Ordering::Relaxed);
            if node == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(ran.into_inner(), 4);
    }

    #[test]
    fn as_many_run_at_once_as_allowed_and_no_more() {
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        run_in_order(&vec![vec![]; 12], &(0..12).collect::<Vec<_>>(), 3, |_| {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(std::time::Duration::from_millis(5));
            running.fetch_sub(1, Ordering::SeqCst);
            ControlFlow::Continue(())
        });
        assert!((2..=3).contains(&most.into_inner()));
    }

    proptest! {
        #[test]
        fn every_wanted_node_runs_once_and_after_what_it_needs(
            edges in prop::collection::vec((0_usize..20, 0_usize..20), 0..60),
            wanted in prop::collection::btree_set(0_usize..20, 0..20),
        ) {
            // Edges that lead down only, so that there is a right order.
            let mut dependencies = vec![Vec::new(); 20];
            for (from, to) in edges.iter().filter(|(from, to)| from > to) {
                dependencies[*from].push(*to);
            }
            let wanted: Vec<usize> = wanted.into_iter().collect();
            let ran = order(&dependencies, &wanted, 3);
            let mut sorted = ran.clone();
            sorted.sort_unstable();
            prop_assert_eq!(&sorted, &wanted);
            let single = order(&dependencies, &wanted, 1);
            for (place, &node) in single.iter().enumerate() {
                let mut below: std::collections::BTreeSet<usize> = dependencies[node].iter().copied().collect();
                // Edges lead down, so one pass from the top finds all that is reached.
                for next in (0..node).rev() {
                    if below.contains(&next) {
                        below.extend(dependencies[next].iter().copied());
                    }
                }
                for next in below {
                    prop_assert!(single.iter().position(|&other| other == next).is_none_or(|at| at < place));
                }
            }
        }
    }
}
