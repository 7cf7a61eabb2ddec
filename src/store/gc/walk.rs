//! What stands on the disk.
//!
//! Each of the 256 folders of objects is listed once, by two threads or as many as there are processors, and every name is
//! held against what packages hold. Only what goes is looked at, for its length and its age.

use super::holdings::{Holdings, name_of};
use super::marking::Rank;
use super::{Count, LEFTOVER_AGE_S, Limits, Roots, Shard, seconds};
use crate::fs::{Context, Result};
use crate::store::error::{StoreError, explain};
use crate::store::object::TEMPORARY;
use crate::store::threads::{self, on_threads};
use crate::store::verify::QUARANTINED;
use crate::store::{Store, index, projects, record};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};

/// What was found among the objects.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What goes, folder by folder.
    pub shards: Vec<Shard>,
    pub going: Count,
    pub staying: Count,
    pub temporary: Count,
}

/// What is known of objects while folders are listed.
struct Look<'a> {
    store: &'a Store,
    holdings: &'a Holdings,
    last: Rank,
    unknown_go: bool,
    roots: &'a Roots,
    limits: &'a Limits,
}

/// Lists all objects. Those of packages whose rank is above `last` go, and with `unknown_go` those that no package holds,
/// unless they are young.
pub(super) fn objects(
    store: &Store,
    holdings: &Holdings,
    last: Rank,
    unknown_go: bool,
    roots: &Roots,
    limits: &Limits,
) -> std::result::Result<Found, StoreError> {
    let look = Look { store, holdings, last, unknown_go, roots, limits };
    let next = AtomicU16::new(0);
    let parts = on_threads(threads::count(), || {
        let mut found = Found::default();
        while let Ok(number) = u8::try_from(next.fetch_add(1, Ordering::Relaxed)) {
            look.shard(number, &mut found)?;
        }
        Ok(found)
    });
    let mut all = Found::default();
    for part in parts {
        let part: Found = part.map_err(explain)?;
        all.shards.extend(part.shards);
        all.going.add_all(part.going);
        all.staying.add_all(part.staying);
        all.temporary.add_all(part.temporary);
    }
    all.shards.sort_by_key(|shard| shard.number);
    Ok(all)
}

impl Look<'_> {
    fn shard(&self, number: u8, found: &mut Found) -> Result<()> {
        let name = format!("{number:02x}");
        let path = self.store.root.join("objects").join(&name);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = match rustix::fs::openat(self.store.objects.folder(), name.as_str(), flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(()),
            opened => opened.at("open", &path)?,
        };
        let mut shard = Shard { number, ..Shard::default() };
        for entry in Dir::read_from(&folder).at("list", &path)? {
            let entry = entry.at("list", &path)?;
            self.entry(&folder, entry.file_name(), &mut shard, found);
        }
        if !shard.objects.is_empty() || !shard.leftovers.is_empty() {
            found.shards.push(shard);
        }
        Ok(())
    }

    fn entry(&self, folder: &OwnedFd, name: &CStr, shard: &mut Shard, found: &mut Found) {
        let Some(object) = parse(shard.number, name.to_bytes()) else {
            return self.leftover(folder, name, shard, found);
        };
        let held = self.holdings.find(&object);
        if let Some((_, size_bytes)) = held.filter(|(rank, _)| *rank <= self.last) {
            return found.staying.add(size_bytes);
        }
        // Gone meanwhile, or no object: none of a gc's business.
        let Some(stat) = look_at(folder, name) else { return };
        let goes = held.is_some() || (self.unknown_go && self.limits.is_older(time_s(&stat), self.limits.grace_s));
        if goes {
            found.going.add(self.freed(&stat));
            shard.objects.push(object);
        } else {
            found.staying.add(size(&stat));
        }
    }

    fn leftover(&self, folder: &OwnedFd, name: &CStr, shard: &mut Shard, found: &mut Found) {
        let Some(name) = name.to_str().ok().filter(|name| name.starts_with(TEMPORARY)) else { return };
        if let Some(stat) = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()
            && self.limits.is_older(time_s(&stat), LEFTOVER_AGE_S)
        {
            found.temporary.add(size(&stat));
            shard.leftovers.push(name.to_owned());
        }
    }

    /// Returns how many bytes become free when an object goes: none while a project has a link to it.
    fn freed(&self, stat: &Stat) -> u64 {
        let going = self.roots.links_going.get(&stat.st_ino).copied().unwrap_or(0);
        // The width of this field differs between platforms.
        #[allow(clippy::unnecessary_cast)]
        let links = stat.st_nlink as u64;
        if links <= going + 1 { size(stat) } else { 0 }
    }
}

fn look_at(folder: &OwnedFd, name: &CStr) -> Option<Stat> {
    let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    (FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile).then_some(stat)
}

fn size(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

fn time_s(stat: &Stat) -> i64 {
    // The width of this field differs between platforms.
    #[allow(clippy::unnecessary_cast)]
    let time_s = stat.st_mtime as i64;
    time_s
}

/// Reads the name of an object in one of the folders; nothing when it is none.
fn parse(shard: u8, name: &[u8]) -> Option<super::ObjectName> {
    let (digits, end) = name.split_at_checked(62)?;
    let executable = match end {
        b"" => false,
        b"-x" => true,
        _ => return None,
    };
    let mut object = [0; 32];
    object[0] = shard;
    for (byte, pair) in object[1..].iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(name_of(&object, executable))
}

fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    }
}

/// Lists what dead processes left outside of the objects: unfinished files, and indexes that were moved aside.
pub(super) fn leftovers(root: &Path, limits: &Limits) -> Result<(Vec<PathBuf>, Count)> {
    let (mut paths, mut count) = (Vec::new(), Count::default());
    let broken = format!("{}.broken-", index::FILE);
    let quarantined = root.join(QUARANTINED);
    for folder in [root.to_owned(), root.join(record::FOLDER), root.join(projects::FOLDER), quarantined.clone()] {
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries.at("list", &folder)?,
        };
        for entry in entries {
            let entry = entry.at("list", &folder)?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let is_leftover = name.starts_with(&broken) || (name.starts_with('.') && name.ends_with(".tmp"));
            // A person may want to look at damaged objects for as long as anything else that nobody needs is kept.
            let age_s = if folder == quarantined { limits.grace_s } else { LEFTOVER_AGE_S };
            if !(is_leftover || folder == quarantined) {
                continue;
            }
            let found = entry.metadata().at("look at", &entry.path())?;
            if limits.is_older(seconds(found.modified().at("look at", &entry.path())?), age_s) {
                count.add(found.len());
                paths.push(entry.path());
            }
        }
    }
    paths.sort();
    Ok((paths, count))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn only_names_of_objects_are_read() {
        let digits = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd";
        let plain = parse(0xfe, digits.as_bytes()).expect("a name");
        assert_eq!((plain[0], plain[1], plain[31], plain[32]), (0xfe, 0x01, 0xcd, 0));
        assert_eq!(parse(0xfe, format!("{digits}-x").as_bytes()).map(|name| name[32]), Some(1));
        for other in [".", "..", ".new-1", &digits[1..], &digits.to_uppercase(), &format!("{digits}-y"), &format!("{digits}0")] {
            assert_eq!(parse(0, other.as_bytes()), None, "{other}");
        }
    }
}
