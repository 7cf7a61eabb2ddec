//! Orders jobs of projects by what the projects depend on.
//!
//! A project can have several jobs or none at all, and still stand between others that have some. So each project has a
//! gate: a node that is never run and opens when the project's jobs are done and the gates of its dependencies are open.
//! A job waits for the gates of what its project depends on.

use super::order::depth_first;

/// Returns what each job waits for, in the form of [`super::order::run_in_order`]: the jobs come first, under their own
/// numbers, and the gates behind them. `dependencies` lists what each project depends on, `owners` the project of each job.
/// Where projects depend on each other in a circle, one of the edges is left out.
pub fn graph(dependencies: &[Vec<usize>], owners: &[usize]) -> Vec<Vec<usize>> {
    let mut rank = vec![0; dependencies.len()];
    depth_first(dependencies).into_iter().enumerate().for_each(|(place, project)| rank[project] = place);
    let gate = |project: usize| owners.len() + project;
    // Circles are cut here, between projects: cut later, a gate might open before the jobs behind it are done.
    let comes_first = |project: usize, next: usize| next < rank.len() && rank[next] < rank[project];
    let below = |project: usize| -> Vec<usize> {
        let next = dependencies.get(project).into_iter().flatten().copied();
        next.filter(|next| comes_first(project, *next)).map(gate).collect()
    };
    let mut graph: Vec<Vec<usize>> = owners.iter().copied().chain(0..dependencies.len()).map(below).collect();
    for (job, project) in owners.iter().enumerate() {
        if let Some(gate) = graph.get_mut(gate(*project)) {
            gate.push(job);
        }
    }
    graph
}

#[cfg(test)]
mod tests {
    use super::graph;
    use crate::scripts::order::run_in_order;
    use std::ops::ControlFlow;
    use std::sync::Mutex;

    fn order(dependencies: &[Vec<usize>], owners: &[usize]) -> Vec<usize> {
        let ran = Mutex::new(Vec::new());
        let wanted: Vec<usize> = (0..owners.len()).collect();
        run_in_order(&graph(dependencies, owners), &wanted, 1, |job| {
            ran.lock().expect("no panic").push(owners[job]);
            ControlFlow::Continue(())
        });
        ran.into_inner().expect("no panic")
    }

    #[test]
    fn dependencies_come_first_even_through_projects_without_a_job() {
        // 0 needs 1, which has no job and needs 2.
        let projects = [vec![1], vec![2], vec![]];
        assert_eq!(order(&projects, &[0, 2]), [2, 0]);
        assert_eq!(order(&projects, &[0, 0, 2, 2]), [2, 2, 0, 0]);
        assert_eq!(order(&[], &[0, 0]), [0, 0], "without an order all run");
    }

    #[test]
    fn a_circle_is_cut_somewhere() {
        assert_eq!(order(&[vec![1], vec![0], vec![2, 0]], &[0, 1, 2]), [1, 0, 2]);
        assert_eq!(order(&[vec![1], vec![0], vec![2, 0]], &[2, 0, 1]), [1, 0, 2]);
    }
}
