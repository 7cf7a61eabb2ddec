//! `deka update --interactive`: which packages are brought up to date is chosen at the terminal.

use super::super::question::{self, Reach};
use super::super::{Context, outdated};
use crate::cli::edit::Update;
use crate::cli::ls::Lists;
use crate::error::{Code, Error};
use crate::inquiry::outdated::{Outdated, Query, candidates, compare};
use crate::inquiry::subject::Subject;
use crate::package::version::Version;
use crate::report::table::{Side, table};
use crate::report::text::count;
use std::collections::{BTreeMap, BTreeSet};

/// How many projects are named in one row.
const NAMES_MAX: usize = 2;

/// What came of asking.
pub(super) enum Answer {
    /// These packages, by the names that they are installed under.
    Update(Vec<String>),
    /// There is nothing to choose from, or nothing was chosen.
    Nothing(&'static str),
    /// Everything is to be left as it is.
    Leave,
}

/// What is offered of one package.
#[derive(Default)]
struct Offer {
    from: BTreeSet<String>,
    to: Option<Version>,
    projects: BTreeSet<usize>,
}

/// Asks which of the packages that are old are to be brought up to date.
pub(super) fn ask(context: &Context, arguments: &Update) -> Result<Answer, Error> {
    if !context.reporter.can_ask() {
        return Err(Error::new(Code::Usage, "`--interactive` needs a terminal to ask at")
            .hint("Name the packages instead: `deka outdated` says which are old."));
    }
    let names = question::names(&arguments.names)?;
    let (subject, projects) = question::subject(context, arguments.how.overrides(), Reach::Project)?;
    let both = arguments.prod && arguments.dev;
    let lists = Lists { prod: arguments.prod && !both, dev: arguments.dev && !both, no_optional: arguments.no_optional };
    let asked = candidates(&subject, &Query { names: &names, projects: &projects, groups: question::groups(&lists) })?;
    let answers = outdated::ask(context, &subject, &asked)?;
    let old = compare(asked, &answers, !arguments.latest);
    if let Some(error) = answers.into_values().find_map(Result::err) {
        return Err(error);
    }
    let offers = offers(&old, arguments.latest);
    if offers.is_empty() {
        return Ok(Answer::Nothing("Everything is up to date"));
    }
    let rows = rows(&subject, &offers, projects.len() > 1);
    let chosen = context
        .reporter
        .choose("Which packages are to be brought up to date?", &rows)
        .map_err(|error| Error::new(Code::Io, format!("cannot ask at the terminal: {error}")))?;
    Ok(match chosen {
        None => Answer::Leave,
        Some(chosen) if chosen.is_empty() => Answer::Nothing("Nothing was chosen, and nothing changed"),
        Some(chosen) => {
            let names: Vec<&str> = offers.keys().copied().collect();
            Answer::Update(chosen.into_iter().filter_map(|index| names.get(index)).map(|name| (*name).to_owned()).collect())
        }
    })
}

/// Puts together what is offered of each package, whatever projects have it. An update goes by names, so it cannot tell
/// them apart either.
fn offers(old: &[Outdated], latest: bool) -> BTreeMap<&str, Offer> {
    let mut offers: BTreeMap<&str, Offer> = BTreeMap::new();
    let version = |text: &Option<String>| text.as_deref().and_then(Version::parse);
    for outdated in old {
        // As for the update itself, nobody is taken back to `latest`.
        let to = version(&outdated.wanted).max(version(&outdated.latest).filter(|_| latest));
        if to <= version(&outdated.current) {
            continue;
        }
        let offer = offers.entry(&outdated.alias).or_default();
        offer.from.insert(outdated.current.clone().unwrap_or_else(|| "missing".to_owned()));
        offer.to = to.max(offer.to.take());
        offer.projects.extend(&outdated.projects);
    }
    offers
}

fn rows(subject: &Subject, offers: &BTreeMap<&str, Offer>, with_projects: bool) -> Vec<String> {
    let name = |index: &usize| {
        let project = &subject.workspace.projects[*index];
        project.name().unwrap_or(&project.path).to_owned()
    };
    let cells = offers.iter().map(|(alias, offer)| {
        let from: Vec<&str> = offer.from.iter().map(String::as_str).collect();
        let to = offer.to.as_ref().map(Version::to_string).unwrap_or_default();
        let projects: Vec<String> = offer.projects.iter().filter(|_| with_projects).map(name).collect();
        vec![(*alias).to_owned(), from.join(", "), "→".to_owned(), to, in_few_words(&projects)]
    });
    table(&[Side::Left; 5], &cells.collect::<Vec<_>>())
}

/// Names projects as long as they are few, and counts them otherwise.
fn in_few_words(projects: &[String]) -> String {
    if projects.len() > NAMES_MAX { count(projects.len() as u64, "project") } else { projects.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::in_few_words;

    #[test]
    fn many_projects_are_counted() {
        let names = ["web", "docs", "api"].map(str::to_owned);
        assert_eq!((in_few_words(&names[..2]), in_few_words(&names)), ("web, docs".to_owned(), "3 projects".to_owned()));
        assert_eq!(in_few_words(&[]), "");
    }
}
