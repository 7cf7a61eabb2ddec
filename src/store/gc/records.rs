//! Records of packages that go.
//!
//! A file of records goes when all of its packages do. Where some stay it is written anew without the others, under the
//! name that its bytes then have, and the old one is removed after that: a gc that dies in between leaves some records
//! twice. The new file keeps the time of the old, for of two records of one package the one in the younger file counts.

use super::{Count, Limits, seconds};
use crate::fs::{Context, Result};
use crate::store::package::PackageKey;
use crate::store::record;
use rustc_hash::FxHashSet;
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A file of records that changes.
#[derive(Debug)]
pub(super) struct RecordFile {
    path: PathBuf,
    /// Where the records stand that stay.
    kept: Vec<Range<usize>>,
}

/// Finds the files that hold records of packages that go, or that the index does not know. The latter stay as long as
/// their file is young.
pub(super) fn plan(
    root: &Path,
    live: &FxHashSet<&PackageKey>,
    dead: &FxHashSet<&PackageKey>,
    limits: &Limits,
) -> Result<(Vec<RecordFile>, Count)> {
    let (mut files, mut count) = (Vec::new(), Count::default());
    for path in record::files(root)? {
        let bytes = crate::fs::read(&path)?;
        let written = std::fs::metadata(&path).and_then(|found| found.modified()).at("look at", &path)?;
        let old = limits.is_older(seconds(written), limits.grace_s);
        let (mut kept, mut going) = (Vec::new(), 0_usize);
        record::scan(&bytes, |package, place| {
            let key = &package.key;
            if live.contains(key) || !(old || dead.contains(key)) { kept.push(place) } else { going += 1 }
        });
        // What cannot be read is nobody's record, and goes with the last that can.
        if going > 0 || (kept.is_empty() && old) {
            let kept_bytes: usize = kept.iter().map(Range::len).sum();
            count.bytes += (bytes.len() - kept_bytes) as u64;
            count.files += u64::from(kept.is_empty());
            files.push(RecordFile { path, kept });
        }
    }
    Ok((files, count))
}

impl RecordFile {
    /// Removes the records that go.
    pub fn prune(&self) -> Result<()> {
        if !self.kept.is_empty() {
            self.write_kept()?;
        }
        crate::fs::remove_file(&self.path)
    }

    fn write_kept(&self) -> Result<()> {
        let bytes = crate::fs::read(&self.path)?;
        let kept: Vec<u8> = self.kept.iter().filter_map(|place| bytes.get(place.clone())).flatten().copied().collect();
        let written = std::fs::metadata(&self.path).and_then(|found| found.modified()).at("look at", &self.path)?;
        let target = self.path.with_file_name(blake3::hash(&kept).to_hex().as_str());
        let draft = crate::fs::temporary_beside(&target);
        let made = File::create(&draft).and_then(|mut file| {
            file.write_all(&kept)?;
            file.set_modified(written)
        });
        let moved = made.at("write", &draft).and_then(|()| crate::fs::rename(&draft, &target));
        if moved.is_err() {
            // The error that matters is the one above.
            let _ = crate::fs::remove_file(&draft);
        }
        moved
    }
}
