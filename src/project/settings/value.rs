//! Reads raw values into types.
//!
//! A word that npm takes for "not set" (`null`, `undefined`, an empty text) counts as not set here too. Everything else
//! that does not fit the type is an error that names the setting, the value and where it was given.

use super::layers::{Layers, Raw, RawValue};
use super::table::{self, CHOICE_ALIASES, KEYS, Key, Kind};
use crate::package::quantity::parse_size;
use crate::project::error::{ProjectError, Result, shown};
use std::path::{Path, PathBuf};
use url::Url;

/// Reads settings, with what paths are relative to.
pub struct Reader<'a> {
    /// The values.
    pub layers: &'a Layers,
    /// What paths on the command line and in the environment are relative to.
    pub cwd: &'a Path,
    /// The folder that `~` stands for.
    pub home: Option<&'a Path>,
}

impl Reader<'_> {
    /// Returns a flag; its default when nobody sets it.
    pub fn flag(&self, name: &str) -> Result<bool> {
        Ok(self.flag_if_set(name)?.unwrap_or(default(name) == "true"))
    }

    /// Returns a flag that has no default.
    pub fn flag_if_set(&self, name: &str) -> Result<Option<bool>> {
        let Some((raw, text)) = self.text_of(name)? else { return Ok(None) };
        match text {
            "true" | "1" => Ok(Some(true)),
            "false" | "0" => Ok(Some(false)),
            _ => Err(wrong(name, raw, "`true` or `false`".to_owned())),
        }
    }

    /// Returns a number; its default when nobody sets it.
    pub fn number(&self, name: &str) -> Result<u64> {
        let (min, max) = match key(name).map(|key| key.kind) {
            Some(Kind::Number(min, max)) => (min, max),
            _ => (0, u64::MAX),
        };
        match self.text_of(name)? {
            None => Ok(default(name).parse().unwrap_or(min)),
            Some((raw, text)) => text
                .parse()
                .ok()
                .filter(|number| (min..=max).contains(number))
                .ok_or_else(|| wrong(name, raw, format!("a whole number from {min} to {max}"))),
        }
    }

    /// Returns a number of bytes, given as `10GB`.
    pub fn size(&self, name: &str) -> Result<Option<u64>> {
        let size = |(raw, text)| parse_size(text).ok_or_else(|| wrong(name, raw, "a size such as `500MB` or `10GB`".to_owned()));
        self.text_of(name)?.map(size).transpose()
    }

    /// Returns a text.
    pub fn text(&self, name: &str) -> Result<Option<String>> {
        Ok(self.text_of(name)?.map(|(_, text)| text.to_owned()))
    }

    /// Returns the number of the word that a choice has.
    pub fn choice(&self, name: &str) -> Result<usize> {
        let words = match key(name).map(|key| key.kind) {
            Some(Kind::Choice(words)) => words,
            _ => &[],
        };
        let place = |text: &str| words.iter().position(|word| *word == text);
        let Some((raw, text)) = self.text_of(name)? else { return Ok(place(default(name)).unwrap_or(0)) };
        let meant = CHOICE_ALIASES.iter().find(|(alias, _)| *alias == text).map_or(text, |(_, meant)| meant);
        place(meant).ok_or_else(|| wrong(name, raw, format!("one of {}", quoted(words))))
    }

    /// Returns a path, made absolute.
    pub fn path(&self, name: &str) -> Result<Option<PathBuf>> {
        Ok(self.text_of(name)?.map(|(raw, text)| raw.resolve(text, self.cwd, self.home)))
    }

    /// Returns an address.
    pub fn url(&self, name: &str) -> Result<Option<Url>> {
        self.text_of(name)?.map(|(raw, text)| parse_url(name, raw, text)).transpose()
    }

    /// Returns a list; its default when nobody sets it. In a single text the entries are separated by spaces, line breaks
    /// or commas (but not by a comma inside braces, where it belongs to a pattern).
    pub fn list(&self, name: &str) -> Result<Vec<String>> {
        match self.layers.get(name) {
            None => Ok(split_list(default(name))),
            Some(Raw { value: RawValue::List(list), .. }) => Ok(list.clone()),
            Some(Raw { value: RawValue::Text(text), .. }) => Ok(if is_unset(text) { split_list(default(name)) } else { split_list(text) }),
            Some(raw) => Err(wrong(name, raw, "a list".to_owned())),
        }
    }

    /// Returns texts that are not to be split, such as certificates.
    pub fn blocks(&self, name: &str) -> Result<Vec<String>> {
        match self.layers.get(name) {
            None => Ok(Vec::new()),
            Some(Raw { value: RawValue::List(list), .. }) => Ok(list.clone()),
            Some(_) => Ok(self.text(name)?.into_iter().collect()),
        }
    }

    fn text_of(&self, name: &str) -> Result<Option<(&Raw, &str)>> {
        match self.layers.get(name) {
            None => Ok(None),
            Some(raw @ Raw { value: RawValue::Text(text), .. }) => Ok(Some((raw, text.trim())).filter(|(_, text)| !is_unset(text))),
            // `key[]=x` with one entry is how some write a single value.
            Some(raw @ Raw { value: RawValue::List(list), .. }) if list.len() == 1 => Ok(Some((raw, list[0].trim()))),
            Some(raw) => Err(wrong(name, raw, "a single value".to_owned())),
        }
    }
}

fn key(name: &str) -> Option<&'static Key> {
    table::find(name).map(|index| &KEYS[index])
}

fn default(name: &str) -> &'static str {
    key(name).map_or("", |key| key.default)
}

fn is_unset(text: &str) -> bool {
    matches!(text, "" | "null" | "undefined")
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Reads the address of a registry. It ends in a slash afterwards, so that paths can be joined to it.
pub fn parse_url(name: &str, raw: &Raw, text: &str) -> Result<Url> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let mut url = url.ok_or_else(|| wrong(name, raw, "an http or https address".to_owned()))?;
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// Splits a text into the entries of a list.
pub fn split_list(text: &str) -> Vec<String> {
    let mut depth = 0_u32;
    let pieces = text.split(|letter: char| {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter.is_whitespace() || (letter == ',' && depth == 0)
    });
    pieces.filter(|piece| !piece.is_empty()).map(str::to_owned).collect()
}

/// Builds the error for a value that does not fit.
pub fn wrong(name: &str, raw: &Raw, expected: String) -> ProjectError {
    let value = match &raw.value {
        RawValue::Text(text) => shown(text),
        RawValue::List(list) => shown(&list.join(", ")),
        RawValue::Object(_) => "an object".to_owned(),
    };
    ProjectError::Setting { name: name.to_owned(), expected, value, origin: raw.origin.clone() }
}
