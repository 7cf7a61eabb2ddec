//! The record of what an install put into `node_modules`: the file `tree` in the folder of slots.
//!
//! It is what the next install compares its plan with, so that only what changed is touched. The bytes are private to
//! deka and can be lost at no cost but a relink: a version byte, a flag that says whether the install was finished,
//! the slots, the folders, and 16 bytes of BLAKE3 over all of that. Texts are prefixed by their length and lists by
//! their count, both as little-endian u32. Whatever does not read back in full counts as no record.

use crate::package::name::PackageName;
use crate::package::path::RelPath;
use std::sync::Arc;

/// First byte of the file.
const FORMAT: u8 = 1;
/// Bytes of the checksum at the end.
const CHECK: usize = 16;
/// The name of the file in the folder of slots.
pub const FILE_NAME: &str = "tree";

/// A command of a package and the file that it runs.
pub type Command = (String, RelPath);
/// The place of a link in its folder and the text in it.
pub type LinkText = (String, String);

/// What stands in a project's `node_modules`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Whether nothing stands there but what is recorded. It is not while an install is under way.
    pub complete: bool,
    /// The slots. What stays is in several records while an install is under way, so they share it.
    pub slots: Vec<Arc<RecordedSlot>>,
    /// The `node_modules` of the projects, and the hidden hoist.
    pub folders: Vec<Arc<RecordedFolder>>,
}

/// A slot that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedSlot {
    /// Its name.
    pub name: String,
    /// Whether it stands in the store.
    pub shared: bool,
    /// The name of its package.
    pub package: PackageName,
    /// What tells the bytes of its package from all others.
    pub content: String,
    /// Whether its files are its own.
    pub private: bool,
    /// Whether the scripts of its package have still to run; such a slot is built again by the next install.
    pub unsettled: bool,
    /// The commands of its package whose files are there, sorted.
    pub commands: Vec<Command>,
    /// Its links, in the order of the plan.
    pub links: Vec<LinkText>,
    /// What stands in its `.bin`, sorted.
    pub bins: Vec<LinkText>,
}

/// A folder of links that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedFolder {
    /// Relative to the root: `node_modules`, `packages/a/node_modules`, `node_modules/.deka/node_modules`.
    pub path: String,
    /// Its links, sorted by place.
    pub links: Vec<LinkText>,
    /// What stands in its `.bin`, sorted.
    pub bins: Vec<LinkText>,
}

impl Record {
    /// Returns the bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes_expected());
        out.extend_from_slice(&[FORMAT, u8::from(self.complete)]);
        put_count(&mut out, self.slots.len());
        for slot in &self.slots {
            put(&mut out, &slot.name);
            out.push(u8::from(slot.shared) | u8::from(slot.private) << 1 | u8::from(slot.unsettled) << 2);
            put(&mut out, slot.package.as_str());
            put(&mut out, &slot.content);
            put_commands(&mut out, &slot.commands);
            put_links(&mut out, &slot.links);
            put_links(&mut out, &slot.bins);
        }
        put_count(&mut out, self.folders.len());
        for folder in &self.folders {
            put(&mut out, &folder.path);
            put_links(&mut out, &folder.links);
            put_links(&mut out, &folder.bins);
        }
        seal(out)
    }

    /// Returns about how long the file is, rather more than less.
    fn bytes_expected(&self) -> usize {
        let of_slots = self.slots.iter().map(|slot| 256 + 96 * (slot.links.len() + slot.bins.len()));
        let of_folders = self.folders.iter().map(|folder| 128 + 96 * (folder.links.len() + folder.bins.len()));
        of_slots.chain(of_folders).sum()
    }

    /// Reads the bytes of the file; nothing when they are damaged or of another format.
    pub fn decode(bytes: &[u8]) -> Option<Record> {
        let mut rest = unseal(bytes)?;
        let complete = take_flags(&mut rest, 1)? == 1;
        let mut slots = Vec::new();
        for _ in 0..take_count(&mut rest)? {
            let name = take_segment(&mut rest)?;
            let flags = take_flags(&mut rest, 7)?;
            slots.push(Arc::new(RecordedSlot {
                name,
                shared: flags & 1 != 0,
                private: flags & 2 != 0,
                unsettled: flags & 4 != 0,
                package: PackageName::parse(take(&mut rest)?).ok()?,
                content: take(&mut rest)?.to_owned(),
                commands: take_commands(&mut rest)?,
                links: take_links(&mut rest)?,
                bins: take_links(&mut rest)?,
            }));
        }
        let mut folders = Vec::new();
        for _ in 0..take_count(&mut rest)? {
            let path = take(&mut rest)?;
            RelPath::parse(path).ok()?;
            let (path, links, bins) = (path.to_owned(), take_links(&mut rest)?, take_links(&mut rest)?);
            folders.push(Arc::new(RecordedFolder { path, links, bins }));
        }
        rest.is_empty().then_some(Record { complete, slots, folders })
    }
}

/// Returns the bytes of the file that stands in each shared slot and says which commands its package has, so that a
/// project that uses it needs nothing else of the store.
pub fn encode_commands(commands: &[Command]) -> Vec<u8> {
    let mut out = vec![FORMAT];
    put_commands(&mut out, commands);
    seal(out)
}

/// Reads what [`encode_commands`] wrote; nothing when it is damaged or of another format.
pub fn decode_commands(bytes: &[u8]) -> Option<Vec<Command>> {
    let mut rest = unseal(bytes)?;
    let commands = take_commands(&mut rest)?;
    rest.is_empty().then_some(commands)
}

fn seal(mut out: Vec<u8>) -> Vec<u8> {
    let check = blake3::hash(&out);
    out.extend_from_slice(&check.as_bytes()[..CHECK]);
    out
}

fn unseal(bytes: &[u8]) -> Option<&[u8]> {
    let (body, check) = bytes.split_at_checked(bytes.len().checked_sub(CHECK)?)?;
    let (&FORMAT, rest) = body.split_first()? else {
        return None;
    };
    (&blake3::hash(body).as_bytes()[..CHECK] == check).then_some(rest)
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    // No list and no text here comes near 4 GiB: they are bounded by the lockfile.
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

fn put(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn put_links(out: &mut Vec<u8>, links: &[LinkText]) {
    put_count(out, links.len());
    for (place, text) in links {
        put(out, place);
        put(out, text);
    }
}

fn put_commands(out: &mut Vec<u8>, commands: &[Command]) {
    put_count(out, commands.len());
    for (command, path) in commands {
        put(out, command);
        put(out, path.as_str());
    }
}

fn take_flags(rest: &mut &[u8], largest: u8) -> Option<u8> {
    let (&flags, tail) = rest.split_first()?;
    *rest = tail;
    (flags <= largest).then_some(flags)
}

fn take_count(rest: &mut &[u8]) -> Option<usize> {
    let (count, tail) = rest.split_first_chunk::<4>()?;
    *rest = tail;
    usize::try_from(u32::from_le_bytes(*count)).ok()
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = take_count(rest)?;
    let (text, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    std::str::from_utf8(text).ok()
}

/// A text that is one segment of a path.
fn take_segment(rest: &mut &[u8]) -> Option<String> {
    let text = take(rest)?;
    let path = RelPath::parse(text).ok()?;
    path.split().0.is_none().then(|| text.to_owned())
}

/// Places are checked as well: the file may come from a stranger's archive, and what it lists is removed one day.
fn take_links(rest: &mut &[u8]) -> Option<Vec<LinkText>> {
    let mut links = Vec::new();
    for _ in 0..take_count(rest)? {
        let place = take(rest)?;
        RelPath::parse(place).ok()?;
        links.push((place.to_owned(), take(rest)?.to_owned()));
    }
    Some(links)
}

fn take_commands(rest: &mut &[u8]) -> Option<Vec<Command>> {
    let mut commands = Vec::new();
    for _ in 0..take_count(rest)? {
        let command = take_segment(rest)?;
        commands.push((command, RelPath::parse(take(rest)?).ok()?));
    }
    Some(commands)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let text = |text: &str| text.to_owned();
        let links = vec![(text("b"), text("../../b@1.0.0/node_modules/b"))];
        Record {
            complete: true,
            slots: vec![Arc::new(RecordedSlot {
                name: text("a@1.0.0"),
                shared: false,
                private: true,
                unsettled: true,
                package: PackageName::parse("a").expect("a name"),
                content: text("sha512-x"),
                commands: vec![(text("a"), RelPath::parse("bin/a.js").expect("a path"))],
                links: links.clone(),
                bins: vec![],
            })],
            folders: vec![Arc::new(RecordedFolder { path: text("node_modules"), links, bins: vec![(text("a"), text("../a/bin/a.js"))] })],
        }
    }

    #[test]
    fn reads_back_in_full_or_not_at_all() {
        let bytes = record().encode();
        assert_eq!(Record::decode(&bytes), Some(record()));
        for end in 0..bytes.len() {
            assert_eq!(Record::decode(&bytes[..end]), None);
            let mut flipped = bytes.clone();
            flipped[end] ^= 1;
            assert_eq!(Record::decode(&flipped), None);
        }
    }

    #[test]
    fn a_record_that_names_places_elsewhere_is_none() {
        let mut slot = record();
        Arc::make_mut(&mut slot.slots[0]).name = "../x".to_owned();
        let mut folder = record();
        Arc::make_mut(&mut folder.folders[0]).path = "/etc".to_owned();
        let mut link = record();
        Arc::make_mut(&mut link.folders[0]).links[0].0 = "../../x".to_owned();
        let mut bin = record();
        Arc::make_mut(&mut bin.folders[0]).bins[0].0 = "..".to_owned();
        for bad in [slot, folder, link, bin] {
            assert_eq!(Record::decode(&bad.encode()), None);
        }
    }

    #[test]
    fn commands_of_a_shared_slot_read_back() {
        let commands = record().slots[0].commands.clone();
        assert_eq!(decode_commands(&encode_commands(&commands)), Some(commands));
        assert_eq!(decode_commands(b""), None);
    }
}
