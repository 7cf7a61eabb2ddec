//! From the JSON of a registry to the compact form, in one pass.
//!
//! The values of versions are not decoded: a field that counts is copied as it stands, unless an earlier version had the
//! same text, and the others are passed over. Of a key that stands twice the last one counts, as in JavaScript.

use super::PackumentError;
use super::compact::{self, Field, Parts, put_number, put_text, tarball_path};
use crate::package::integrity::Integrity;
use crate::package::json;
use crate::package::name::PackageName;
use crate::package::version::Version;
use rustc_hash::FxHashMap;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range as Span;

/// Makes the compact form.
pub(super) fn scan(text: &[u8], name: &PackageName) -> Result<Vec<u8>, PackumentError> {
    // Fields that nobody looks at may hold broken UTF-8; the rest is as good as ever.
    let text = json::without_bom(text);
    let text = std::str::from_utf8(text).map_or_else(|_| String::from_utf8_lossy(text), Cow::Borrowed);
    let mut draft = Draft::new(name);
    let mut input = serde_json::Deserializer::from_str(&text);
    let read = Object(&mut draft).deserialize(&mut input).and_then(|()| input.end());
    read.map_err(PackumentError::Json)?;
    if let Some(found) = draft.name.as_deref().filter(|found| *found != name.as_str()) {
        return Err(PackumentError::OtherPackage { found: found.escape_debug().to_string() });
    }
    let Draft { mut found, tags, entries, shared, .. } = draft;
    if found.is_empty() {
        return Err(PackumentError::NoVersions);
    }
    // A stable sort keeps the later of two equal keys last, and the last one wins.
    found.sort_by(|left, right| left.0.cmp(&right.0));
    found.reverse();
    found.dedup_by(|earlier, kept| earlier.0 == kept.0);
    found.reverse();
    let index_of = |text: &str| {
        let version = Version::parse_loose(text)?;
        found.binary_search_by(|(other, _)| other.cmp(&version)).ok()
    };
    let tags: Vec<(String, Option<usize>)> = tags.into_iter().map(|(tag, version)| (tag, index_of(&version))).collect();
    let order: Vec<Span<usize>> = found.into_iter().map(|(_, span)| span).collect();
    let parts = Parts { name: name.as_str(), tags: &tags, entries: &entries, order: &order, shared: &shared.bytes };
    compact::assemble(&parts).ok_or(PackumentError::TooLarge)
}

/// A compact form in the making.
struct Draft<'a> {
    asked: &'a PackageName,
    /// What the packument says its name is.
    name: Option<String>,
    tags: BTreeMap<String, String>,
    found: Vec<(Version, Span<usize>)>,
    entries: Vec<u8>,
    shared: Shared<'a>,
}

/// The texts that versions share.
#[derive(Default)]
struct Shared<'a> {
    bytes: Vec<u8>,
    places: FxHashMap<&'a str, usize>,
}

/// The fields of one version that count, as they stand in the JSON.
#[derive(Default)]
struct Record<'a> {
    fields: [Option<&'a str>; Field::JSON.len()],
    dist: Dist<'a>,
}

/// The same of `dist`.
#[derive(Default)]
struct Dist<'a> {
    tarball: Option<&'a str>,
    integrity: Option<&'a str>,
    shasum: Option<&'a str>,
    unpacked_size: Option<&'a str>,
}

impl<'a> Draft<'a> {
    fn new(asked: &'a PackageName) -> Draft<'a> {
        Draft { asked, name: None, tags: BTreeMap::new(), found: Vec::new(), entries: Vec::new(), shared: Shared::default() }
    }

    fn add(&mut self, version: Version, text: &str, record: &Record<'a>) {
        let out = &mut self.entries;
        let start = out.len();
        // What `filled_text` takes for a warning.
        let deprecated = record.fields[Field::JSON.len() - 1];
        let is_deprecated = deprecated.is_some_and(|text| text == "true" || (text.starts_with('"') && text != "\"\""));
        out.push(u8::from(is_deprecated));
        put_text(out, text);
        for ((field, _), value) in Field::JSON.iter().zip(record.fields) {
            if let Some(value) = value.filter(|value| !matches!(*value, "{}" | "[]" | "null" | "false" | "\"\"")) {
                self.shared.put(out, *field, value);
            }
        }
        if let Some(tarball) = string(record.dist.tarball).filter(|tarball| !tarball.is_empty()) {
            match &tarball {
                Cow::Borrowed(whole) if let Some(registry) = whole.strip_suffix(tarball_path(self.asked, text).as_str()) => {
                    self.shared.put(out, Field::Registry, registry);
                }
                whole => {
                    out.push(Field::Tarball as u8);
                    put_text(out, whole);
                }
            }
        }
        put_hashes(out, &record.dist);
        if let Some(size) = record.dist.unpacked_size.and_then(|text| text.parse::<u64>().ok()) {
            out.push(Field::UnpackedSize as u8);
            put_number(out, size);
        }
        self.found.push((version, start..self.entries.len()));
    }
}

/// Writes the hashes of a tarball down; a shasum only where nothing better is there.
fn put_hashes(out: &mut Vec<u8>, dist: &Dist<'_>) {
    let integrity = string(dist.integrity);
    if let Some(digest) = integrity.as_deref().and_then(Integrity::single_sha512) {
        out.push(Field::Sha512 as u8);
        out.extend_from_slice(&digest);
        return;
    }
    for (field, text) in [(Field::Integrity, integrity), (Field::Shasum, string(dist.shasum))] {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            out.push(field as u8);
            put_text(out, &text);
        }
    }
}

impl<'a> Shared<'a> {
    fn put(&mut self, out: &mut Vec<u8>, field: Field, text: &'a str) {
        let place = *self.places.entry(text).or_insert_with(|| {
            self.bytes.extend_from_slice(text.as_bytes());
            self.bytes.len() - text.len()
        });
        out.push(field as u8);
        put_number(out, place as u64);
        put_number(out, text.len() as u64);
    }
}

/// Returns the string that a JSON value is, if it is one.
fn string(json: Option<&str>) -> Option<Cow<'_, str>> {
    let json = json?;
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(json).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

/// Something that the entries of a JSON object go into. Any other value than an object counts as an empty one.
trait Fields<'a> {
    fn take<A: MapAccess<'a>>(&mut self, key: &str, object: &mut A) -> Result<(), A::Error>;
}

impl<'a> Fields<'a> for Draft<'a> {
    fn take<A: MapAccess<'a>>(&mut self, key: &str, object: &mut A) -> Result<(), A::Error> {
        match key {
            "name" => self.name = string(Some(object.next_value::<&RawValue>()?.get())).map(Cow::into_owned),
            "dist-tags" => {
                let text = object.next_value::<&RawValue>()?.get();
                self.tags = json::text_map(&mut serde_json::Deserializer::from_str(text)).map_err(A::Error::custom)?;
            }
            "versions" => {
                self.found.clear();
                object.next_value_seed(Object(&mut Versions(self)))?;
            }
            _ => {
                object.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct Versions<'d, 'a>(&'d mut Draft<'a>);

impl<'a> Fields<'a> for Versions<'_, 'a> {
    fn take<A: MapAccess<'a>>(&mut self, key: &str, object: &mut A) -> Result<(), A::Error> {
        let Some(version) = Version::parse(key) else {
            return object.next_value::<IgnoredAny>().map(drop);
        };
        let mut record = Record::default();
        object.next_value_seed(Object(&mut record))?;
        self.0.add(version, Version::shown_part(key), &record);
        Ok(())
    }
}

impl<'a> Fields<'a> for Record<'a> {
    fn take<A: MapAccess<'a>>(&mut self, key: &str, object: &mut A) -> Result<(), A::Error> {
        if key == "dist" {
            self.dist = Dist::default();
            return object.next_value_seed(Object(&mut self.dist));
        }
        match Field::JSON.iter().position(|(_, name)| *name == key) {
            Some(at) => self.fields[at] = Some(object.next_value::<&RawValue>()?.get()),
            None => drop(object.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl<'a> Fields<'a> for Dist<'a> {
    fn take<A: MapAccess<'a>>(&mut self, key: &str, object: &mut A) -> Result<(), A::Error> {
        let field = match key {
            "tarball" => &mut self.tarball,
            "integrity" => &mut self.integrity,
            "shasum" => &mut self.shasum,
            "unpackedSize" => &mut self.unpacked_size,
            _ => return object.next_value::<IgnoredAny>().map(drop),
        };
        *field = Some(object.next_value::<&RawValue>()?.get());
        Ok(())
    }
}

struct Object<'d, T>(&'d mut T);

impl<'a, T: Fields<'a>> DeserializeSeed<'a> for Object<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl<'a, T: Fields<'a>> Visitor<'a> for Object<'_, T> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut object: A) -> Result<(), A::Error> {
        while let Some(key) = object.next_key_seed(Key)? {
            self.0.take(&key, &mut object)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A key, borrowed unless it holds escapes.
struct Key;

impl<'a> DeserializeSeed<'a> for Key {
    type Value = Cow<'a, str>;

    fn deserialize<D: Deserializer<'a>>(self, input: D) -> Result<Cow<'a, str>, D::Error> {
        input.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Key {
    type Value = Cow<'a, str>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
