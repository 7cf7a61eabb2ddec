//! `.npmrc` files, read as npm reads them.
//!
//! The format is npm's dialect of ini: `key = value`, `key[] = value` for lists, comments behind `;` or `#`, values in
//! quotes, backslashes in front of a comment sign. It has no errors: a line that says nothing is passed over. What
//! stands in a `[section]` belongs to nobody and is left out. References to variables (`${NAME}`, `${NAME-default}`,
//! `${NAME:-default}`) are kept by [`parse`] and replaced by [`expand`], since not every file may use them.

use crate::package::json::without_bom;

#[cfg(test)]
mod tests;

/// One setting of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name, without `[]`.
    pub key: String,
    /// What it is set to. A name without `=` is set to `true`.
    pub value: Value,
    /// The line of its last mention, from 1.
    pub line: u32,
}

/// What a name is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// One text.
    One(String),
    /// A list, made with `key[]`.
    Many(Vec<String>),
}

/// A variable that is referred to but not set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unset(pub String);

/// Reads the settings of a file, in the order of their first mention. Where a name is set twice the later
/// value counts, unless it is a list: then it grows.
pub fn parse(text: &[u8]) -> Vec<Entry> {
    let text = String::from_utf8_lossy(without_bom(text));
    let mut entries: Vec<Entry> = Vec::new();
    for (line, number) in text.split(['\n', '\r']).zip(line_numbers(&text)) {
        let line = line.trim();
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        if line.starts_with('[') && line.ends_with(']') {
            // No setting of npm stands in a section, and nothing leads out of one.
            break;
        }
        let (key, value) = match line.split_once('=') {
            Some((key, value)) => (unquote(key), unquote(value)),
            None => (unquote(line), "true".to_owned()),
        };
        match key.strip_suffix("[]") {
            Some(list) if !list.is_empty() => append(&mut entries, list, value, number),
            _ if key.is_empty() => {}
            _ => set(&mut entries, key, value, number),
        }
    }
    entries
}

/// Numbers the pieces that splitting at `\n` and `\r` gives, counting `\r\n` as one break.
fn line_numbers(text: &str) -> impl Iterator<Item = u32> + '_ {
    let mut number = 1;
    let mut breaks = text.bytes().filter(|byte| matches!(byte, b'\n' | b'\r')).peekable();
    std::iter::once(1).chain(std::iter::from_fn(move || {
        let byte = breaks.next()?;
        // A lone `\r` is rare enough that counting only `\n` gives the number an editor shows.
        number += u32::from(byte == b'\n');
        Some(number)
    }))
}

fn set(entries: &mut Vec<Entry>, key: String, value: String, line: u32) {
    match entries.iter_mut().find(|entry| entry.key == key) {
        Some(entry) if matches!(entry.value, Value::Many(_)) => append(entries, &key, value, line),
        Some(entry) => (entry.value, entry.line) = (Value::One(value), line),
        None => entries.push(Entry { key, value: Value::One(value), line }),
    }
}

fn append(entries: &mut Vec<Entry>, key: &str, value: String, line: u32) {
    let Some(entry) = entries.iter_mut().find(|entry| entry.key == key) else {
        return entries.push(Entry { key: key.to_owned(), value: Value::Many(vec![value]), line });
    };
    entry.line = line;
    match &mut entry.value {
        Value::Many(values) => values.push(value),
        Value::One(first) => entry.value = Value::Many(vec![std::mem::take(first), value]),
    }
}

/// Takes the quotes off a text, or cuts it at a comment sign when it has none.
fn unquote(text: &str) -> String {
    let text = text.trim();
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            // npm reads double quotes as JSON, also inside single ones, and keeps them where they hold none.
            let quoted = if quote == '"' { text } else { inner };
            return serde_json::from_str(quoted).unwrap_or_else(|_| quoted.to_owned());
        }
    }
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ';' | '#' => break,
            '\\' => match letters.next() {
                Some(escaped @ (';' | '#' | '\\')) => out.push(escaped),
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Says whether a text refers to a variable.
pub fn refers_to_variable(text: &str) -> bool {
    Reference::first(text).is_some()
}

/// Replaces every reference to a variable by what `lookup` gives. A backslash in front keeps a reference as it stands;
/// `${NAME?}` is empty when the variable is not set.
pub fn expand(text: &str, mut lookup: impl FnMut(&str) -> Option<String>) -> Result<String, Unset> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(reference) = Reference::first(rest) {
        out.push_str(&rest[..reference.start]);
        out.push_str(&reference.value(&mut lookup)?);
        rest = &rest[reference.end..];
    }
    out.push_str(rest);
    Ok(out)
}

/// A reference inside a text.
struct Reference<'a> {
    start: usize,
    end: usize,
    inner: &'a str,
}

impl<'a> Reference<'a> {
    /// Finds the first reference that no backslash protects.
    fn first(text: &'a str) -> Option<Reference<'a>> {
        let mut from = 0;
        while let Some(start) = text[from..].find("${").map(|at| from + at) {
            let inner_start = start + 2;
            let end = inner_start + text[inner_start..].find(['}', '$', '{'])?;
            let backslashes = text[..start].bytes().rev().take_while(|byte| *byte == b'\\').count();
            if text.as_bytes()[end] == b'}' && end > inner_start && backslashes % 2 == 0 {
                return Some(Reference { start, end: end + 1, inner: &text[inner_start..end] });
            }
            from = inner_start;
        }
        None
    }

    fn value(&self, lookup: &mut impl FnMut(&str) -> Option<String>) -> Result<String, Unset> {
        if let Some((name, default)) = self.inner.split_once('-') {
            let (name, or_empty) = name.strip_suffix(':').map_or((name, false), |name| (name, true));
            let value = lookup(name).filter(|value| !(or_empty && value.is_empty()));
            return Ok(value.unwrap_or_else(|| default.to_owned()));
        }
        match self.inner.strip_suffix('?') {
            Some(name) => Ok(lookup(name).unwrap_or_default()),
            None => lookup(self.inner).ok_or_else(|| Unset(self.inner.to_owned())),
        }
    }
}
