//! Trees drawn with lines.

use super::text::clean;
use super::{QUIET, STRONG, WARNING};

/// A branch of a tree. A tree is the list of its branches in the order in which they are drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branch {
    /// The level. At level 0 there is no line in front; what is on it is the root of a tree.
    pub depth: usize,
    /// What it is called.
    pub name: String,
    /// Its version, if it has one; an `@` is put in front.
    pub version: String,
    /// What is to be said of it.
    pub note: String,
    /// What is wrong with it.
    pub fault: String,
    /// Lines that stand below it.
    pub details: Vec<String>,
}

/// Draws trees, one line for each branch and each of its details. Foreign text is cleaned; lines are as long as they are,
/// for a name that is cut is none.
pub fn tree(branches: &[Branch]) -> Vec<String> {
    // From the end it is known of each level whether something follows on it.
    let mut follows: Vec<bool> = Vec::new();
    let mut lines: Vec<String> = Vec::new();
    let mut has_below = false;
    for (index, branch) in branches.iter().enumerate().rev() {
        let depth = branch.depth;
        follows.truncate(depth + 1);
        follows.resize(depth + 1, false);
        let mut before: String = follows.iter().take(depth).skip(1).map(|follows| if *follows { "│ " } else { "  " }).collect();
        let under = format!("{before}{}{}", rail(depth, follows[depth]), if has_below { "│ " } else { "  " });
        lines.extend(branch.details.iter().rev().map(|line| format!("{QUIET}{under}{}{QUIET:#}", clean(line))));
        if depth > 0 {
            before.push_str(if follows[depth] { "├─" } else { "└─" });
            before.push_str(if has_below { "┬ " } else { "─ " });
        }
        lines.push(format!("{QUIET}{before}{QUIET:#}{}", label(branch)));
        follows[depth] = true;
        has_below = index > 0 && branches[index - 1].depth < depth;
    }
    lines.reverse();
    lines
}

/// Returns the line above the trees of something: what it is, and where.
pub fn heading(name: &str, place: &str) -> String {
    format!("{STRONG}{}{STRONG:#} {QUIET}{}{QUIET:#}", clean(name), clean(place))
}

/// What continues the line of a branch below it.
fn rail(depth: usize, follows: bool) -> &'static str {
    match (depth, follows) {
        (0, _) => "",
        (_, true) => "│ ",
        (_, false) => "  ",
    }
}

fn label(branch: &Branch) -> String {
    let name = clean(&branch.name);
    let mut label = if branch.depth == 0 { format!("{STRONG}{name}{STRONG:#}") } else { name };
    if !branch.version.is_empty() {
        label.push_str(&format!("{QUIET}@{}{QUIET:#}", clean(&branch.version)));
    }
    if !branch.note.is_empty() {
        label.push_str(&format!(" {QUIET}{}{QUIET:#}", clean(&branch.note)));
    }
    if !branch.fault.is_empty() {
        label.push_str(&format!(" {WARNING}{}{WARNING:#}", clean(&branch.fault)));
    }
    label
}

#[cfg(test)]
mod tests {
    use super::{Branch, tree};

    fn drawn(branches: &[(usize, &str, &[&str])]) -> String {
        let branch = |(depth, name, details): &(usize, &str, &[&str])| Branch {
            depth: *depth,
            name: (*name).to_owned(),
            details: details.iter().map(|line| (*line).to_owned()).collect(),
            ..Branch::default()
        };
        let lines = tree(&branches.iter().map(branch).collect::<Vec<_>>());
        lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn lines_join_what_belongs_together() {
        let none: &[&str] = &[];
        let text = drawn(&[
            (0, "root", &["says"]),
            (1, "a", none),
            (2, "b", none),
            (3, "c", none),
            (2, "d", &["more", "still"]),
            (1, "e", &["last"]),
            (2, "f", &["deep"]),
            (0, "alone", &["so"]),
        ]);
        insta::assert_snapshot!(text, @r"
        root
        │ says
        ├─┬ a
        │ ├─┬ b
        │ │ └── c
        │ └── d
        │     more
        │     still
        └─┬ e
          │ last
          └── f
              deep
        alone
          so
        ");
    }

    #[test]
    fn what_is_said_of_a_branch_stands_behind_it_and_repaints_nothing() {
        let branch = Branch {
            depth: 1,
            name: "a\x1b[2J".to_owned(),
            version: "1.0.0".to_owned(),
            note: "peer".to_owned(),
            fault: "not installed".to_owned(),
            details: Vec::new(),
        };
        let line = tree(&[branch]).remove(0);
        assert_eq!(anstream::adapter::strip_str(&line).to_string(), "└── a\\u{1b}[2J@1.0.0 peer not installed");
    }
}
