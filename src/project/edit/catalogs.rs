//! Editing the catalogs of a `pnpm-workspace.yaml` as text: comments, order and quotes stay.
//!
//! This is no editor for YAML at large. It knows the one shape that people give catalogs, keys with plain or quoted texts
//! on lines of their own, and refuses every other. What it has made is read again and has to mean exactly what was
//! asked for, so that a shape which only looks like that one is refused too.

use crate::project::catalogs::DEFAULT;
use crate::project::error::{ProjectError, Result};
use crate::project::workspace::parse_yaml;
use serde_json::{Map, Value};
use std::path::Path;

/// Gives an entry of a catalog a specifier, in the text of the workspace file at `path`. The entry and the catalog are
/// made if they are not there.
pub fn set(text: &[u8], path: &Path, (catalog, alias): (&str, &str), specifier: &str) -> Result<Vec<u8>> {
    let wrong = |reason: &str| ProjectError::Edit { path: path.to_owned(), reason: reason.to_owned() };
    let before = parse_yaml(text, path)?;
    let source = std::str::from_utf8(text).map_err(|_| wrong("it is not UTF-8"))?;
    let mut lines = Lines::new(source);
    let home = home(&before, catalog);
    let entry = format!("{}: {}", scalar(alias), scalar(specifier));
    match lines.find(&home) {
        Some(section) => lines.put(section, alias, specifier, &entry),
        None if home.len() == 2 && lines.find(&home[..1]).is_some() => {
            let parent = lines.find(&home[..1]).unwrap_or_default();
            lines.append(parent, &[format!("{}:", scalar(catalog)), format!("  {entry}")]);
        }
        None => lines.add_section(&home, &entry),
    }
    let out = lines.0.concat();
    let wanted = with_entry(before, &home, alias, specifier);
    if parse_yaml(out.as_bytes(), path).ok().as_ref() != Some(&wanted) {
        return Err(wrong(&format!(
            "the catalog `{catalog}` is not written as lines of `name: range`; change the entry of `{alias}` there yourself"
        )));
    }
    Ok(out.into_bytes())
}

/// Returns the keys that lead to a catalog.
fn home<'a>(fields: &Map<String, Value>, catalog: &'a str) -> Vec<&'a str> {
    let is_named = fields.get("catalogs").and_then(|catalogs| catalogs.get(catalog)).is_some();
    if catalog == DEFAULT && !is_named { vec!["catalog"] } else { vec!["catalogs", catalog] }
}

fn with_entry(mut fields: Map<String, Value>, home: &[&str], alias: &str, specifier: &str) -> Map<String, Value> {
    let Some((key, rest)) = home.split_first() else {
        fields.insert(alias.to_owned(), specifier.into());
        return fields;
    };
    let inside = match fields.get(*key) {
        Some(Value::Object(inside)) => inside.clone(),
        _ => Map::new(),
    };
    fields.insert((*key).to_owned(), Value::Object(with_entry(inside, rest, alias, specifier)));
    fields
}

/// The lines of a file, each with its end.
struct Lines(Vec<String>);

impl Lines {
    fn new(text: &str) -> Lines {
        Lines(text.split_inclusive('\n').map(str::to_owned).collect())
    }

    /// Finds the line of the last of some keys, each inside of the one before.
    fn find(&self, keys: &[&str]) -> Option<usize> {
        let (mut at, mut found) = (0..self.0.len(), None);
        for key in keys {
            let indent = found.map_or(Some(0), |section| self.inner_indent(section))?;
            let line = at.clone().find(|line| self.indent(*line) == Some(indent) && self.key(*line).as_deref() == Some(*key))?;
            at = line + 1..self.end(line);
            found = Some(line);
        }
        found
    }

    /// Returns how far a line is indented; nothing for one that is empty or a comment.
    fn indent(&self, line: usize) -> Option<usize> {
        let text = self.0[line].trim_start_matches('\u{feff}');
        let plain = text.trim_start_matches(' ');
        (!plain.trim().is_empty() && !plain.starts_with('#')).then(|| text.len() - plain.len())
    }

    /// Returns the line behind everything that belongs to a key.
    fn end(&self, section: usize) -> usize {
        let indent = self.indent(section).unwrap_or(0);
        let is_inside = |line: &usize| self.indent(*line).is_some_and(|inner| inner > indent);
        let outside = (section + 1..self.0.len()).find(|line| self.indent(*line).is_some_and(|other| other <= indent));
        let last = (section + 1..outside.unwrap_or(self.0.len())).rev().find(is_inside);
        last.map_or(section + 1, |last| last + 1)
    }

    fn inner_indent(&self, section: usize) -> Option<usize> {
        (section + 1..self.end(section)).find_map(|line| self.indent(line))
    }

    fn key(&self, line: usize) -> Option<String> {
        Some(split(self.0[line].trim_start_matches('\u{feff}').trim_start())?.0)
    }

    /// Gives an entry of a section its value.
    fn put(&mut self, section: usize, alias: &str, specifier: &str, entry: &str) {
        let Some(indent) = self.inner_indent(section) else { return self.append(section, &[entry.to_owned()]) };
        let entries: Vec<(usize, String)> = (section + 1..self.end(section))
            .filter(|line| self.indent(*line) == Some(indent))
            .filter_map(|line| Some((line, self.key(line)?)))
            .collect();
        if let Some((line, _)) = entries.iter().find(|(_, key)| key == alias) {
            self.0[*line] = replaced(&self.0[*line], specifier);
            return;
        }
        let is_sorted = entries.is_sorted_by(|left, right| left.1 <= right.1);
        match entries.iter().rev().find(|(_, key)| !is_sorted || key.as_str() < alias) {
            Some((line, _)) => self.insert(line + 1, indent, entry),
            None => self.insert(section + 1, indent, entry),
        }
    }

    /// Puts lines at the end of a section.
    fn append(&mut self, section: usize, texts: &[String]) {
        let indent = self.inner_indent(section).unwrap_or_else(|| self.indent(section).unwrap_or(0) + 2);
        let end = self.end(section);
        for (offset, text) in texts.iter().enumerate() {
            self.insert(end + offset, indent, text);
        }
    }

    fn add_section(&mut self, home: &[&str], entry: &str) {
        if !self.0.is_empty() {
            let end = self.0.len();
            self.insert(end, 0, "");
        }
        for (depth, key) in home.iter().enumerate() {
            let end = self.0.len();
            self.insert(end, depth * 2, &format!("{}:", scalar(key)));
        }
        let end = self.0.len();
        self.insert(end, home.len() * 2, entry);
    }

    fn insert(&mut self, at: usize, indent: usize, text: &str) {
        let end = if self.0.iter().any(|line| line.ends_with("\r\n")) { "\r\n" } else { "\n" };
        if let Some(before) = at.checked_sub(1).and_then(|before| self.0.get_mut(before)).filter(|before| !before.ends_with('\n')) {
            before.push_str(end);
        }
        self.0.insert(at, format!("{}{text}{end}", " ".repeat(indent)));
    }
}

/// Splits `key: value` at the colon; nothing when the line has no key of the known forms.
fn split(line: &str) -> Option<(String, usize)> {
    let quote = line.chars().next().filter(|first| matches!(first, '\'' | '"'));
    let (key, behind) = match quote {
        Some(quote) => {
            let end = line[1..].find(quote)? + 1;
            (line[1..end].to_owned(), end + 1)
        }
        None => {
            let end = line.find(':')?;
            (line[..end].trim_end().to_owned(), end)
        }
    };
    let colon = behind + line[behind..].find(':')?;
    line[behind..colon].trim().is_empty().then_some((key, colon))
}

/// Replaces the value of a line and leaves what is around it.
fn replaced(line: &str, specifier: &str) -> String {
    let start = line.len() - line.trim_start().len();
    let Some((_, colon)) = split(&line[start..]) else { return line.to_owned() };
    let behind = &line[start + colon + 1..];
    let gap = behind.len() - behind.trim_start_matches(' ').len();
    let value = &behind[gap..];
    let (end, text) = match value.chars().next() {
        Some(quote @ ('\'' | '"')) => {
            let end = value[1..].find(quote).map_or(value.len(), |end| end + 2);
            (end, if specifier.contains([quote, '\\']) { scalar(specifier) } else { format!("{quote}{specifier}{quote}") })
        }
        _ => (value.find(" #").unwrap_or(value.len()), scalar(specifier)),
    };
    let end = value[..end].trim_end().len();
    let gap = if gap == 0 { " " } else { &behind[..gap] };
    format!("{}{gap}{text}{}", &line[..start + colon + 1], &value[end..])
}

/// Returns a text as YAML has it, in quotes where it could be taken for something else.
fn scalar(text: &str) -> String {
    let rest = text.trim_start_matches(['^', '~']);
    let is_plain = rest.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "^~.-_/@:+".contains(letter))
        && !text.ends_with(':')
        // Words and numbers that are no texts.
        && serde_saphyr::from_str::<Value>(text).is_ok_and(|value| value.is_string());
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

#[cfg(test)]
mod tests {
    use super::set;
    use std::path::Path;

    fn edited(text: &str, catalog: &str, alias: &str, specifier: &str) -> Result<String, String> {
        let out = set(text.as_bytes(), Path::new("pnpm-workspace.yaml"), (catalog, alias), specifier);
        out.map(|bytes| String::from_utf8(bytes).expect("text")).map_err(|error| error.to_string())
    }

    const FILE: &str = "packages:\n  - a/*  # all\n\n# versions\ncatalog:\n  # the ui\n  react: ^18.0.0   # keep\n  zod: '1'\n\ncatalogs:\n  old:\n    \"@a/b\": \"1.0\"\n# end\n";

    #[test]
    fn an_entry_gets_another_value_and_nothing_else_changes() {
        for (catalog, alias, specifier, from, to) in [
            ("default", "react", "^19.1.0", "react: ^18.0.0   # keep", "react: ^19.1.0   # keep"),
            ("default", "zod", "^2.0.0", "zod: '1'", "zod: '^2.0.0'"),
            ("default", "react", ">=1 <2", "react: ^18.0.0   #", "react: '>=1 <2'   #"),
            ("default", "react", "19", "react: ^18.0.0   #", "react: '19'   #"),
            ("old", "@a/b", "2.0", "\"1.0\"", "\"2.0\""),
        ] {
            assert_eq!(edited(FILE, catalog, alias, specifier), Ok(FILE.replace(from, to)), "{alias}");
        }
    }

    #[test]
    fn a_new_entry_takes_its_place() {
        for (catalog, alias, before, line) in [
            ("default", "astro", "catalog:\n", "  astro: ^1.2.3\n"),
            ("default", "vite", "# keep\n", "  vite: ^1.2.3\n"),
            ("default", "@s/x", "catalog:\n", "  '@s/x': ^1.2.3\n"),
            ("old", "c", "\"1.0\"\n", "    c: ^1.2.3\n"),
            ("new", "c", "\"1.0\"\n", "  new:\n    c: ^1.2.3\n"),
        ] {
            assert_eq!(edited(FILE, catalog, alias, "^1.2.3"), Ok(FILE.replace(before, &format!("{before}{line}"))), "{alias}");
        }
    }

    #[test]
    fn what_is_missing_is_made() {
        for (text, catalog, want) in [
            ("", "default", "catalog:\n  a: ^1.0.0\n"),
            ("packages: [x]", "default", "packages: [x]\n\ncatalog:\n  a: ^1.0.0\n"),
            ("packages:\r\n  - x\r\n", "default", "packages:\r\n  - x\r\n\r\ncatalog:\r\n  a: ^1.0.0\r\n"),
            ("# note\n", "new", "# note\n\ncatalogs:\n  new:\n    a: ^1.0.0\n"),
            ("catalog:\n", "default", "catalog:\n  a: ^1.0.0\n"),
            ("catalogs:\n    default:\n        b: '1'\n", "default", "catalogs:\n    default:\n        a: ^1.0.0\n        b: '1'\n"),
            ("catalog:\n  b: '1'", "default", "catalog:\n  a: ^1.0.0\n  b: '1'"),
        ] {
            assert_eq!(edited(text, catalog, "a", "^1.0.0").as_deref(), Ok(want), "{text:?}");
        }
    }

    #[test]
    fn a_shape_that_is_not_understood_is_refused() {
        for text in [
            "catalog: {a: '1'}\n",
            "catalog: &x\n  a: '1'\ncopy: *x\n",
            "catalog:\n  a: >-\n    1.0.0\n",
            "catalog:\n  a:\n    ^1\n",
            "catalog:\n  ? a\n  : '1'\n",
            "{catalog: {a: '1'}}\n",
        ] {
            let error = edited(text, "default", "a", "^2.0.0").expect_err(text);
            assert!(error.starts_with("pnpm-workspace.yaml: the file cannot be edited: the catalog `default`"), "{error}");
        }
    }
}
