//! The processes that deka has started, directly or through others, as far as they stayed in its process group.
//!
//! A terminal sends its signals to a whole group. A signal that is sent to deka alone has to reach the same processes,
//! but not others of the group, such as the rest of a pipeline or the script that called deka. The kernel knows who
//! descends from whom; a process that made a group of its own has asked to be left alone.

use rustix::process::{Pid, Signal, getpgrp, getpid, kill_process};
use std::collections::BTreeMap;
use std::path::Path;

/// What the kernel says of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    id: i32,
    parent: i32,
    group: i32,
    /// Whether it has ended and only waits for somebody to ask how.
    is_over: bool,
}

/// Which processes are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All but those below another deka, which hands signals on by itself.
    UpToDeka,
    /// All.
    Whole,
}

/// Sends a signal to the processes below this one. Returns how many there were.
pub fn signal(signal: Signal, reach: Reach) -> usize {
    let found = find(reach);
    for &process in &found {
        // Whoever is gone by now needs no signal.
        let _ = kill_process(process, signal);
    }
    found.len()
}

/// Says whether any process is left.
pub fn is_empty() -> bool {
    find(Reach::Whole).is_empty()
}

fn find(reach: Reach) -> Vec<Pid> {
    let program = std::env::current_exe().ok();
    let is_deka = |id: i32| program.is_some() && std::fs::read_link(format!("/proc/{id}/exe")).ok() == program;
    let (own, group) = (getpid().as_raw_nonzero().get(), getpgrp().as_raw_nonzero().get());
    descendants(&all(), own, |process| reach == Reach::UpToDeka && is_deka(process.id))
        .into_iter()
        .filter(|process| process.group == group && !process.is_over)
        .filter_map(|process| Pid::from_raw(process.id))
        .collect()
}

/// Returns the descendants of a process, parents first. Those below a process that `ends` names are left out.
fn descendants(all: &[Process], root: i32, ends: impl Fn(&Process) -> bool) -> Vec<Process> {
    let mut children: BTreeMap<i32, Vec<Process>> = BTreeMap::new();
    for process in all {
        children.entry(process.parent).or_default().push(*process);
    }
    let mut found: Vec<Process> = children.remove(&root).unwrap_or_default();
    let mut next = 0;
    while let Some(process) = found.get(next).copied() {
        next += 1;
        if !ends(&process) {
            found.extend(children.remove(&process.id).unwrap_or_default());
        }
    }
    found
}

/// Reads the table of processes; empty where the system does not show it as Linux does.
fn all() -> Vec<Process> {
    let entries = std::fs::read_dir(Path::new("/proc")).into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers.filter_map(|id| parse(&String::from_utf8_lossy(&std::fs::read(format!("/proc/{id}/stat")).ok()?))).collect()
}

/// Reads `number (name) state parent group …`. The name may hold anything, so the last bracket counts.
fn parse(line: &str) -> Option<Process> {
    let (head, tail) = line.rsplit_once(')')?;
    let id = head.split_once(' ')?.0.parse().ok()?;
    let mut fields = tail.split_ascii_whitespace();
    let is_over = matches!(fields.next()?, "Z" | "X");
    Some(Process { id, parent: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()?, is_over })
}

#[cfg(test)]
mod tests {
    use super::{Process, descendants, parse};

    fn process(id: i32, parent: i32) -> Process {
        Process { id, parent, group: 1, is_over: false }
    }

    #[test]
    fn a_name_with_brackets_and_blanks_is_no_trap() {
        assert_eq!(parse("12 (a) Z 1 (b) S 7 9 9 0 -1"), Some(Process { id: 12, parent: 7, group: 9, is_over: false }));
        assert_eq!(parse("12 (sh) Z 7 9 9"), Some(Process { id: 12, parent: 7, group: 9, is_over: true }));
        assert_eq!(parse("12 (sh"), None);
    }

    #[test]
    fn finds_children_of_children_and_stops_where_it_is_told_to() {
        let all = [process(1, 0), process(5, 3), process(2, 1), process(3, 2), process(4, 1), process(9, 8)];
        let ids = |ends: i32| descendants(&all, 2, |process| process.id == ends).iter().map(|process| process.id).collect::<Vec<_>>();
        assert_eq!(ids(0), [3, 5]);
        assert_eq!(ids(3), [3]);
        // A table that is read while it changes can even hold a circle.
        assert_eq!(descendants(&[process(1, 2), process(2, 1)], 1, |_| false).len(), 2);
    }
}
