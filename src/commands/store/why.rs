//! `deka store why`

use crate::cli::store::usage;
use crate::commands::Context;
use crate::error::{Code, Error};
use crate::report::table::Side;
use crate::report::text::bytes;
use crate::upkeep::usage::{Origin, Origins, Sought, State, origins};

/// Fewer digits than this name too many objects.
const DIGITS_MIN: usize = 6;
/// Length of a whole name.
const DIGITS_MAX: usize = 64;

/// Prints which packages and projects a file or object belongs to. Returns 0 when it is one of the store's, 1 when not.
pub(super) fn run(context: &Context, asked: &usage::Why) -> Result<u8, Error> {
    let sought = sought(context, &asked.what)?;
    let store = super::open(context, &asked.answer.place)?;
    let none = || Origins { file: None, is_right: None, objects: Vec::new(), unreadable: Vec::new() };
    let found = store.map(|store| origins(&store, &context.env, &sought)).transpose()?.unwrap_or_else(none);
    let status = if found.objects.is_empty() { 1 } else { 0 };
    if asked.answer.json {
        return super::print_json(context, &found).map(|()| status);
    }
    super::warn_of(context, &found.unreadable);
    if let (Some(file), Some(is_right)) = (&found.file, found.is_right) {
        let said = if is_right { "right" } else { "WRONG: not what its package holds" };
        let rows = [["file", file], ["bytes", said]].map(|row| row.map(str::to_owned).to_vec());
        super::print_table(context, &[Side::Left, Side::Left], &rows);
    }
    found.objects.iter().for_each(|origin| print(context, origin));
    if found.objects.is_empty() {
        context.reporter.data("No package of the store holds this.");
    }
    Ok(status)
}

/// Takes what was typed for digits where no file has that name.
fn sought(context: &Context, what: &str) -> Result<Sought, Error> {
    let file = context.dir.join(what);
    let is_digits = what.len() <= DIGITS_MAX && what.bytes().all(|byte| byte.is_ascii_hexdigit());
    if file.exists() || !is_digits {
        return Ok(Sought::File(file));
    }
    if what.len() < DIGITS_MIN {
        let message = format!("`{what}` is no file, and too short for the name of an object");
        return Err(Error::new(Code::Usage, message).hint(format!("Give at least {DIGITS_MIN} digits.")));
    }
    Ok(Sought::Digits(what.to_owned()))
}

fn print(context: &Context, origin: &Origin) {
    let executable = if origin.executable { ", executable" } else { "" };
    let size = format!("{}{executable}", bytes(origin.size_bytes));
    let rows = [["object", &origin.object], ["size", &size], ["stored", stored(origin.state)]].map(|row| row.map(str::to_owned).to_vec());
    super::print_table(context, &[Side::Left, Side::Left], &rows);
    context.reporter.data("held by");
    let holder = |held: &crate::upkeep::usage::Holder| vec![String::new(), format!("{}@{}", held.name, held.version), held.path.clone()];
    super::print_table(context, &[Side::Left, Side::Left, Side::Left], &origin.holders.iter().map(holder).collect::<Vec<_>>());
    context.reporter.data(if origin.projects.is_empty() { "used by no project" } else { "used by" });
    let project = |path: &String| vec![String::new(), path.clone()];
    super::print_table(context, &[Side::Left, Side::Left], &origin.projects.iter().map(project).collect::<Vec<_>>());
}

fn stored(state: State) -> &'static str {
    match state {
        State::Right => "as it should be",
        State::WrongMode => "with the wrong mode",
        State::Damaged => "DAMAGED: its bytes are not what its name says",
        State::Missing => "not as a file of its own",
    }
}
