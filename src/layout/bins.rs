//! The commands of packages in `.bin`.
//!
//! Every project gets the commands of its direct dependencies in `node_modules/.bin`, and every slot those of the
//! package's own dependencies in `<slot>/node_modules/.bin`: the folder that npm's search path has for a package that
//! lives in `<slot>/node_modules/`. A command is a relative link through the link of its package, so its text does not
//! depend on where the folder is. The file was made executable when it came into the store.

use super::plan::{Link, LinkTarget, Slot, Wanted};
use super::record::{Command, LinkText};
use super::warning::Warning;

/// A package whose commands a folder may have.
pub struct Candidate<'a> {
    /// The name that it is linked under in the folder.
    pub alias: &'a str,
    /// Its own name.
    pub package: &'a str,
    /// Whether it is only hoisted to the folder: commands of direct dependencies come first.
    pub hoisted: bool,
    /// Its commands whose files are there.
    pub commands: &'a [Command],
}

/// Chooses the commands of a folder. Of several packages with one command the direct dependency wins, then the package
/// that is called like the command, then the first by name. Returns the links, sorted by command, and for each command
/// that two direct dependencies have the winner and the loser.
pub fn choose<'a>(candidates: &[Candidate<'a>]) -> (Vec<LinkText>, Vec<(&'a str, &'a str, &'a str)>) {
    let mut offers: Vec<_> = candidates
        .iter()
        .flat_map(|candidate| candidate.commands.iter().map(move |(command, path)| (command.as_str(), candidate, path)))
        .map(|(command, candidate, path)| {
            let rank = (command, candidate.hoisted, candidate.package != command, candidate.package, candidate.alias);
            (rank, candidate, path)
        })
        .collect();
    offers.sort_by_key(|(rank, _, _)| *rank);
    let mut links: Vec<LinkText> = Vec::new();
    let mut conflicts = Vec::new();
    let mut winner: Option<&Candidate> = None;
    for ((command, ..), candidate, path) in offers {
        match winner.filter(|_| links.last().is_some_and(|(last, _)| last == command)) {
            None => {
                links.push((command.to_owned(), format!("../{}/{path}", candidate.alias)));
                winner = Some(candidate);
            }
            Some(first) if !candidate.hoisted && first.package != candidate.package => {
                conflicts.push((command, first.package, candidate.package));
            }
            Some(_) => {}
        }
    }
    (links, conflicts)
}

/// Splits the commands of a package into those whose files it has and warnings about the others.
pub fn with_files(package: &str, commands: &[Command], has: impl Fn(&Command) -> bool) -> (Vec<Command>, Vec<Warning>) {
    let (there, missing): (Vec<&Command>, Vec<&Command>) = commands.iter().partition(|command| has(command));
    let warn = |(command, file): &Command| Warning::CommandWithoutFile {
        package: package.to_owned(),
        command: command.clone(),
        file: file.to_string(),
    };
    (there.into_iter().cloned().collect(), missing.into_iter().map(warn).collect())
}

/// What is known of the commands of packages when the folders are filled.
pub struct Known<'a> {
    /// The plan.
    pub wanted: &'a Wanted,
    /// The commands of the package in each slot, parallel to the slots.
    pub slots: &'a [&'a [Command]],
    /// The commands of folders that are linked to, by their path as in [`LinkTarget::Folder`].
    pub folders: &'a std::collections::BTreeMap<String, Vec<Command>>,
}

impl Known<'_> {
    /// Returns the candidate behind a link.
    pub fn behind<'a>(&'a self, link: &'a Link, hoisted: bool) -> Candidate<'a> {
        let (package, commands) = match &link.to {
            LinkTarget::Slot(slot) => (self.wanted.slots[*slot].package_name.as_str(), self.slots[*slot]),
            LinkTarget::Folder(folder) => (link.alias.as_str(), self.folders.get(folder).map_or(&[][..], Vec::as_slice)),
        };
        Candidate { alias: link.alias.as_str(), package, hoisted, commands }
    }

    /// Chooses the commands of a slot: those of the dependencies, and for a package that runs scripts its own too.
    pub fn of_slot(&self, index: usize, slot: &Slot) -> Vec<LinkText> {
        let beside = slot.links.iter().filter(|link| link.alias != slot.package_name);
        let mut candidates: Vec<Candidate> =
            beside.map(|link| self.behind(link, false)).filter(|candidate| !candidate.commands.is_empty()).collect();
        if slot.private {
            let name = slot.package_name.as_str();
            candidates.push(Candidate { alias: name, package: name, hoisted: true, commands: self.slots[index] });
        }
        choose(&candidates).0
    }
}

#[cfg(test)]
mod tests {
    use super::{Candidate, choose};
    use crate::layout::record::Command;
    use crate::package::path::RelPath;

    fn commands(names: &[&str]) -> Vec<Command> {
        names.iter().map(|name| ((*name).to_owned(), RelPath::parse(&format!("bin/{name}.js")).expect("a path"))).collect()
    }

    #[test]
    fn the_winner_does_not_depend_on_order() {
        let (all, x, y) = (commands(&["x", "y"]), commands(&["x"]), commands(&["y"]));
        let candidate = |alias, package, hoisted, commands| Candidate { alias, package, hoisted, commands };
        let mut candidates = vec![
            candidate("b", "b", false, &all[..]),
            candidate("z", "x", false, &x[..]),
            candidate("a", "a", true, &y[..]),
            candidate("c", "c", false, &y[..]),
        ];
        for _ in 0..candidates.len() {
            candidates.rotate_left(1);
            let (links, conflicts) = choose(&candidates);
            let text = |command: &str, text: &str| (command.to_owned(), text.to_owned());
            assert_eq!(links, [text("x", "../z/bin/x.js"), text("y", "../b/bin/y.js")]);
            assert_eq!(conflicts, [("x", "x", "b"), ("y", "b", "c")]);
        }
    }

    #[test]
    fn one_package_under_two_names_is_no_conflict() {
        let x = commands(&["x"]);
        let candidate = |alias| Candidate { alias, package: "x", hoisted: false, commands: &x };
        let (links, conflicts) = choose(&[candidate("x2"), candidate("x1")]);
        assert_eq!(links[0].1, "../x1/bin/x.js");
        assert!(conflicts.is_empty());
    }
}
