//! From the JSON of a registry to the compact form, in one pass.
//!
//! The values of versions are not decoded: a field that counts is copied as it stands, unless an earlier version had the
//! same text, and the others are passed over, which [`Reader`] does without looking into them: they may even hold broken
//! UTF-8. Of a key that stands twice the last one counts, as in JavaScript.

use super::PackumentError;
use super::compact::{self, Field, Parts, put_number, put_text, strip_tarball_path, tarball_prefix};
use super::reader::{Fault, Reader, string, text};
use crate::package::integrity::Integrity;
use crate::package::json;
use crate::package::name::PackageName;
use crate::package::version::Version;
use rustc_hash::FxHashMap;
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::convert::Infallible;
use std::ops::Range as Span;

/// Makes the compact form.
pub(super) fn scan(text: &[u8], name: &PackageName) -> Result<Vec<u8>, PackumentError> {
    let mut draft = Draft::new(name);
    let mut reader = Reader::new(json::without_bom(text));
    draft.read(&mut reader).and_then(|()| reader.end()).map_err(PackumentError::Json)?;
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
    /// What stands before the version in the address of a tarball that is where registries put it.
    tarballs: String,
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
    places: FxHashMap<&'a [u8], Span<usize>>,
    /// The last text of each field: most versions say what the one before them says.
    last: [(&'a [u8], Span<usize>); Field::COUNT],
}

/// The fields of one version that count, as they stand in the JSON.
#[derive(Default)]
struct Record<'a> {
    fields: [Option<&'a [u8]>; Field::JSON.len()],
    dist: Dist<'a>,
}

/// The same of `dist`.
#[derive(Default)]
struct Dist<'a> {
    tarball: Option<&'a [u8]>,
    integrity: Option<&'a [u8]>,
    shasum: Option<&'a [u8]>,
    unpacked_size: Option<&'a [u8]>,
}

impl<'a> Draft<'a> {
    fn new(asked: &'a PackageName) -> Draft<'a> {
        Draft {
            tarballs: tarball_prefix(asked),
            name: None,
            tags: BTreeMap::new(),
            found: Vec::new(),
            entries: Vec::new(),
            shared: Shared::default(),
        }
    }

    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        reader.object(|reader, key| {
            match &*key {
                b"name" => self.name = string(reader.value()?).map(Cow::into_owned),
                b"dist-tags" => {
                    let tags = text(reader.value()?);
                    self.tags = json::text_map(&mut serde_json::Deserializer::from_str(&tags)).map_err(|_| reader.fault())?;
                }
                b"versions" => {
                    self.found.clear();
                    reader.object(|reader, key| self.read_version(reader, &key))?;
                }
                _ => drop(reader.value()?),
            }
            Ok(())
        })
    }

    fn read_version(&mut self, reader: &mut Reader<'a>, key: &[u8]) -> Result<(), Fault> {
        let Some((key, version)) = std::str::from_utf8(key).ok().and_then(|key| Some((key, Version::parse(key)?))) else {
            return reader.value().map(drop);
        };
        let mut record = Record::default();
        record.read(reader)?;
        self.add(version, Version::shown_part(key), &record).map_err(|NotJson| reader.fault())
    }

    fn add(&mut self, version: Version, text: &str, record: &Record<'a>) -> Result<(), NotJson> {
        let out = &mut self.entries;
        let start = out.len();
        // What `filled_text` takes for a warning.
        let deprecated = record.fields[Field::JSON.len() - 1];
        let is_deprecated = deprecated.is_some_and(|text| text == b"true" || (text.starts_with(b"\"") && text != b"\"\""));
        out.push(u8::from(is_deprecated));
        put_text(out, text);
        for ((field, _), value) in Field::JSON.iter().zip(record.fields) {
            if let Some(value) = value.filter(|value| !matches!(*value, b"{}" | b"[]" | b"null" | b"false" | b"\"\"")) {
                self.shared.put_json(out, *field, value)?;
            }
        }
        if let Some(tarball) = record.dist.tarball.and_then(string).filter(|tarball| !tarball.is_empty()) {
            match &tarball {
                Cow::Borrowed(whole) if let Some(registry) = strip_tarball_path(whole, &self.tarballs, text) => {
                    self.shared.put(out, Field::Registry, registry.as_bytes());
                }
                whole => {
                    out.push(Field::Tarball as u8);
                    put_text(out, whole);
                }
            }
        }
        put_hashes(out, &record.dist);
        if let Some(size) = record.dist.unpacked_size.and_then(|text| std::str::from_utf8(text).ok()?.parse::<u64>().ok()) {
            out.push(Field::UnpackedSize as u8);
            put_number(out, size);
        }
        self.found.push((version, start..self.entries.len()));
        Ok(())
    }
}

/// Writes the hashes of a tarball down; a shasum only where nothing better is there.
fn put_hashes(out: &mut Vec<u8>, dist: &Dist<'_>) {
    let integrity = dist.integrity.and_then(string);
    if let Some(digest) = integrity.as_deref().and_then(Integrity::single_sha512) {
        out.push(Field::Sha512 as u8);
        out.extend_from_slice(&digest);
        return;
    }
    for (field, text) in [(Field::Integrity, integrity), (Field::Shasum, dist.shasum.and_then(string))] {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            out.push(field as u8);
            put_text(out, &text);
        }
    }
}

/// A value that counts is not JSON.
struct NotJson;

impl<'a> Shared<'a> {
    /// Puts a value, which is looked at when it comes for the first time.
    fn put_json(&mut self, out: &mut Vec<u8>, field: Field, json: &'a [u8]) -> Result<(), NotJson> {
        self.put_if(out, field, json, |text| serde_json::from_str::<IgnoredAny>(text).map_err(|_| NotJson).map(drop))
    }

    fn put(&mut self, out: &mut Vec<u8>, field: Field, text: &'a [u8]) {
        let Ok(()) = self.put_if::<Infallible>(out, field, text, |_| Ok(()));
    }

    /// Puts a text. One that comes for the first time has to be good.
    fn put_if<E>(
        &mut self,
        out: &mut Vec<u8>,
        field: Field,
        bytes: &'a [u8],
        is_good: impl FnOnce(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        let (last, place) = &mut self.last[field as usize - 1];
        if *last != bytes {
            *place = match self.places.entry(bytes) {
                Entry::Occupied(known) => known.get().clone(),
                Entry::Vacant(new) => {
                    let value = text(bytes);
                    is_good(&value)?;
                    let start = self.bytes.len();
                    self.bytes.extend_from_slice(value.as_bytes());
                    new.insert(start..self.bytes.len()).clone()
                }
            };
            *last = bytes;
        }
        out.push(field as u8);
        put_number(out, place.start as u64);
        put_number(out, place.len() as u64);
        Ok(())
    }
}

impl<'a> Record<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        reader.object(|reader, key| {
            if *key == *b"dist" {
                self.dist = Dist::default();
                return self.dist.read(reader);
            }
            let value = reader.value()?;
            if let Some(at) = Field::JSON.iter().position(|(_, name)| *name.as_bytes() == *key) {
                self.fields[at] = Some(value);
            }
            Ok(())
        })
    }
}

impl<'a> Dist<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        reader.object(|reader, key| {
            let value = reader.value()?;
            match &*key {
                b"tarball" => self.tarball = Some(value),
                b"integrity" => self.integrity = Some(value),
                b"shasum" => self.shasum = Some(value),
                b"unpackedSize" => self.unpacked_size = Some(value),
                _ => {}
            }
            Ok(())
        })
    }
}
