//! Editing what people write by hand: `package.json` as text, with everything kept that is not concerned.
//!
//! Formatting, order of keys, indentation, line ends, a byte order mark and a missing newline at the end stay as they
//! are, and a manifest without any whitespace stays without. A list of dependencies that is sorted stays sorted; one that
//! is not gets what is new at its end. A list that nothing is left in is taken out, as pnpm does.

pub mod catalogs;

use super::error::{ProjectError, Result};
use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstObjectProp, CstRootNode};
use std::path::Path;

#[cfg(test)]
mod tests;

/// The lists of dependencies that a manifest can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    /// `dependencies`.
    Prod,
    /// `devDependencies`.
    Dev,
    /// `optionalDependencies`.
    Optional,
    /// `peerDependencies`.
    Peer,
}

impl List {
    /// All lists.
    pub const ALL: [List; 4] = [List::Prod, List::Dev, List::Optional, List::Peer];

    /// Returns the name of the field.
    pub fn field(self) -> &'static str {
        match self {
            List::Prod => "dependencies",
            List::Dev => "devDependencies",
            List::Optional => "optionalDependencies",
            List::Peer => "peerDependencies",
        }
    }
}

/// A `package.json` that is being edited.
pub struct Document {
    root: CstRootNode,
    object: CstObject,
    has_bom: bool,
    /// What stands behind a manifest without any whitespace in it; nothing for others.
    behind_compact: Option<String>,
}

const BOM: &str = "\u{feff}";

impl Document {
    /// Reads the text of the manifest at `path`. It has to be strict JSON with an object at its top.
    pub fn parse(text: &[u8], path: &Path) -> Result<Document> {
        let wrong = |reason: String| ProjectError::Edit { path: path.to_owned(), reason };
        let text = std::str::from_utf8(text).map_err(|_| wrong("it is not UTF-8".to_owned()))?;
        let (text, has_bom) = text.strip_prefix(BOM).map_or((text, false), |text| (text, true));
        // The editor takes more than JSON, comments for one.
        serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| wrong(error.to_string()))?;
        let root = CstRootNode::parse(text, &ParseOptions::default()).map_err(|error| wrong(error.to_string()))?;
        let object = root.object_value().ok_or_else(|| wrong("it holds no object".to_owned()))?;
        Ok(Document { root, object, has_bom, behind_compact: behind_compact(text) })
    }

    /// Returns what a list has for a dependency.
    pub fn get(&self, list: List, alias: &str) -> Option<String> {
        text_of(&last(&self.list(list)?, alias)?)
    }

    /// Returns the names in a list, in their order.
    pub fn aliases(&self, list: List) -> Vec<String> {
        self.list(list).iter().flat_map(CstObject::properties).filter_map(|property| property.decoded_name()).collect()
    }

    /// Puts a dependency into a list, or gives the one that is there another specifier.
    pub fn set(&self, list: List, alias: &str, specifier: &str) {
        put(&object_at(&self.object, list.field()), alias, specifier);
    }

    /// Gives a key of an object inside the manifest a text. Objects on the way that are not there are made.
    pub fn set_at(&self, keys: &[&str], name: &str, text: &str) {
        let object = keys.iter().fold(self.object.clone(), |object, key| object_at(&object, key));
        put(&object, name, text);
    }

    /// Takes a dependency out of a list; says whether it was there.
    pub fn remove(&self, list: List, alias: &str) -> bool {
        self.list(list).is_some_and(|object| remove(&self.object, &object, list.field(), alias))
    }

    /// Takes out what `dependenciesMeta` says of a dependency.
    pub fn remove_meta(&self, alias: &str) {
        const FIELD: &str = "dependenciesMeta";
        if let Some(object) = last(&self.object, FIELD).and_then(|property| property.object_value()) {
            remove(&self.object, &object, FIELD, alias);
        }
    }

    /// Returns the text.
    pub fn text(&self) -> String {
        let text = self.root.to_string();
        let compact = self.behind_compact.as_ref().and_then(|behind| Some(compact(&text)? + behind));
        format!("{}{}", if self.has_bom { BOM } else { "" }, compact.unwrap_or(text))
    }

    fn list(&self, list: List) -> Option<CstObject> {
        last(&self.object, list.field())?.object_value()
    }
}

/// Returns a JSON text without whitespace between its parts.
fn compact(text: &str) -> Option<String> {
    serde_json::from_str::<serde_json::Value>(text).ok().map(|value| value.to_string())
}

fn behind_compact(text: &str) -> Option<String> {
    let plain = text.trim_end();
    // An empty object has no style yet.
    (plain != "{}" && compact(plain)? == plain).then(|| text[plain.len()..].to_owned())
}

/// Returns all properties of one name. A manifest should have one at most; where it has more, the last one counts.
fn all(object: &CstObject, name: &str) -> Vec<CstObjectProp> {
    object.properties().into_iter().filter(|property| property.decoded_name().as_deref() == Some(name)).collect()
}

fn last(object: &CstObject, name: &str) -> Option<CstObjectProp> {
    all(object, name).pop()
}

fn text_of(property: &CstObjectProp) -> Option<String> {
    property.value()?.as_string_lit()?.decoded_value().ok()
}

/// Returns an object inside another; it is made if it is not there.
fn object_at(object: &CstObject, key: &str) -> CstObject {
    match last(object, key) {
        Some(property) => property.object_value_or_set(),
        None => object.append(key, CstInputValue::Object(Vec::new())).object_value_or_set(),
    }
}

fn put(object: &CstObject, name: &str, text: &str) {
    let value = CstInputValue::String(text.to_owned());
    match all(object, name).split_last() {
        Some((last, others)) => {
            others.iter().for_each(|property| property.clone().remove());
            if text_of(last).as_deref() != Some(text) {
                last.set_value(value);
            }
        }
        None => {
            object.insert(place(object, name), name, value);
        }
    }
}

/// Returns where a new key belongs: in its place if the keys are sorted, else behind all others.
fn place(object: &CstObject, name: &str) -> usize {
    let names: Vec<String> = object.properties().iter().filter_map(CstObjectProp::decoded_name).collect();
    if names.is_sorted() { names.partition_point(|other| other.as_str() < name) } else { names.len() }
}

/// Removes a key from an object inside the manifest, and the object too when it was the last one.
fn remove(manifest: &CstObject, object: &CstObject, field: &str, name: &str) -> bool {
    let found = all(object, name);
    let was_there = !found.is_empty();
    found.into_iter().for_each(CstObjectProp::remove);
    if was_there && object.properties().is_empty() {
        all(manifest, field).into_iter().for_each(CstObjectProp::remove);
    }
    was_there
}
