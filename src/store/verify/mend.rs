//! The tools for mending a store. Each does one thing, and each leaves a store that is no worse when it is cut off: what
//! is new is made aside and renamed, rows are written in one transaction, and what is damaged is moved away last.

use super::{Fault, Findings, ObjectName, examine};
use crate::fs::{Context, FsError};
use crate::store::error::{StoreError, explain};
use crate::store::id::ObjectId;
use crate::store::method::Method;
use crate::store::object::ObjectPath;
use crate::store::package::{PackageKey, StoredPackage};
use crate::store::{Store, record, rows};
use rustc_hash::FxHashSet;
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Name of the folder inside the store that damaged objects are moved to.
pub(in crate::store) const QUARANTINED: &str = "quarantined";

/// What was done to rows and records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Rows written again from their records.
    pub restored: u64,
    /// Rows that no record could restore, removed: the next install fetches their packages.
    pub removed: u64,
    /// Records written again from their rows.
    pub recorded: u64,
    /// Rows written for packages that only a record knew.
    pub added: u64,
}

/// An index that was made anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Packages in it.
    pub packages: u64,
    /// Distinct trees in it.
    pub trees: u64,
    /// Projects that are still known.
    pub projects: u64,
    /// Packages whose row was sound but had no record, which they have now.
    pub recorded: u64,
}

impl Store {
    /// Makes the index anew from the records, without the network. What only the old index knew is written to the
    /// records first, and projects are kept.
    pub fn rebuild_index(&self) -> Result<Rebuilt, StoreError> {
        self.must_be_writable()?;
        let catalogue = super::Catalogue::read(self, None)?;
        let unrecorded: FxHashSet<&PackageKey> = catalogue.faults.iter().filter_map(|finding| record_of(&finding.fault)).collect();
        let recorded = self.write_records(&catalogue.packages, &unrecorded)?;
        let packages = self.index.rebuild()?;
        let keys: FxHashSet<&PackageKey> = packages.iter().map(|package| &package.key).collect();
        let trees: FxHashSet<_> = packages.iter().map(|package| package.tree_id).collect();
        let projects = self.projects()?.len() as u64;
        Ok(Rebuilt { packages: keys.len() as u64, trees: trees.len() as u64, projects, recorded })
    }

    /// Mends what is wrong with rows and records, each from the other.
    pub fn mend_rows(&self, findings: &Findings) -> Result<Rows, StoreError> {
        self.must_be_writable()?;
        let faults = || findings.faults.iter().map(|finding| &finding.fault);
        if faults().any(|fault| *fault == Fault::Index) {
            self.index.rebuild()?;
        }
        let unrecorded: FxHashSet<&PackageKey> = faults().filter_map(record_of).collect();
        let mut done = Rows::default();
        if !unrecorded.is_empty() {
            let keys: Vec<PackageKey> = unrecorded.iter().map(|key| (*key).clone()).collect();
            let packages: Vec<StoredPackage> = self.lookup(&keys)?.into_iter().flatten().collect();
            done.recorded = self.write_records(&packages, &unrecorded)?;
        }
        for fault in faults() {
            let Fault::Row(raw_key) = fault else { continue };
            let key = PackageKey::of_source(String::from_utf8_lossy(raw_key).into_owned());
            if self.index.restore(&[&key])?.is_empty() {
                self.index.write(|connection| rows::remove(connection, raw_key))?;
                done.removed += 1;
            } else {
                done.restored += 1;
            }
        }
        let mut buffer = examine::buffer();
        let whole: Vec<&StoredPackage> = findings.unindexed.iter().filter(|package| self.has_all_of(package, &mut buffer)).collect();
        self.index.write(|connection| rows::write(connection, whole.iter().copied()))?;
        done.added = whole.len() as u64;
        Ok(done)
    }

    /// Notes that an object is damaged, before it is mended: projects may have a link to what stands there now.
    pub fn note_damage(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.must_be_writable()?;
        super::damaged::note(&self.root, name)
    }

    /// Puts an object back whose bytes a file may hold: another variant, or a copy in a project. Returns whether it did;
    /// not when the file's bytes are others.
    pub fn bring_back(&self, name: &ObjectName, source: &Path) -> Result<bool, StoreError> {
        self.must_be_writable()?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let Ok(source) = rustix::fs::open(source, flags, Mode::empty()).map(File::from) else { return Ok(false) };
        if !source.metadata().is_ok_and(|found| found.is_file() && found.len() == name.size_bytes) {
            return Ok(false);
        }
        let draft = self.objects.draft_unnamed(name.executable)?;
        let copied = copy_and_hash(&source, &draft.file);
        match copied.map_err(|error| explain(FsError { verb: "write", path: self.object_path(name), source: error }))? {
            Some(found) if found == name.object => self.objects.publish_over(draft, &name.object, name.executable).map(|_| true),
            _ => Ok(false),
        }
    }

    /// Moves what stands under the name of an object out of the way, so that nothing uses it and the next install
    /// fetches it. Returns where it is now; nothing when there was nothing.
    pub fn set_aside(&self, name: &ObjectName) -> Result<Option<PathBuf>, StoreError> {
        self.must_be_writable()?;
        let folder = self.root.join(QUARANTINED);
        crate::fs::create_dir_all(&folder).map_err(explain)?;
        let variant = if name.executable { "-x" } else { "" };
        let target = folder.join(format!("{}{variant}.{}", name.object, crate::fs::unique_suffix()));
        match crate::fs::rename(&self.object_path(name), &target) {
            Err(error) if matches!(error.source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            moved => Ok(moved.map(|()| Some(target))?),
        }
    }

    /// Puts an object in the place of a file in a project: made beside it and renamed over it, never written into it.
    /// Where `method` does not work the object is copied.
    pub fn replace_file(&self, name: &ObjectName, target: &Path, method: Method) -> Result<(), StoreError> {
        let (source, beside) = (self.object_path(name), crate::fs::temporary_beside(target));
        let made = match method {
            Method::Hardlink => rustix::fs::linkat(CWD, &source, CWD, &beside, AtFlags::empty()).map_err(io::Error::from),
            Method::Reflink => reflink_copy::reflink(&source, &beside)
                .and_then(|()| std::fs::set_permissions(&beside, std::fs::metadata(&source)?.permissions())),
            Method::Copy => Err(Errno::XDEV.into()),
        };
        // A copy has the mode of what it is a copy of.
        let made = made.or_else(|_| std::fs::copy(&source, &beside).map(drop));
        let renamed = made.and_then(|()| std::fs::rename(&beside, target));
        if renamed.is_err() {
            // The error that matters is the one above.
            let _ = std::fs::remove_file(&beside);
        }
        renamed.at("replace", target).map_err(explain)
    }

    /// Hashes a file of a project and says whether it is an object's equal in bytes and mode.
    pub fn equals(&self, name: &ObjectName, file: &Path) -> Result<bool, StoreError> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = match rustix::fs::open(file, flags, Mode::empty()) {
            Ok(opened) => File::from(opened),
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::NOTDIR) => return Ok(false),
            Err(errno) => return Err(errno).at("open", file).map_err(StoreError::from),
        };
        let found = file.metadata().ok().filter(std::fs::Metadata::is_file);
        let fits =
            found.is_some_and(|found| found.len() == name.size_bytes && (found.permissions().mode() & 0o100 != 0) == name.executable);
        Ok(fits && examine::digest(&file, name.size_bytes, &mut examine::buffer()).is_ok_and(|digest| digest == name.object))
    }

    /// Returns the path of an object.
    pub fn object_path(&self, name: &ObjectName) -> PathBuf {
        self.objects.path_of(&ObjectPath::new(&name.object, name.executable))
    }

    fn has_all_of(&self, package: &StoredPackage, buffer: &mut [u8]) -> bool {
        let mut names = package.tree.entries().map(|entry| super::Wanted::name_of(&entry));
        names.all(|name| matches!(examine::examine(&self.objects, &name, true, buffer), Ok(Ok(_))) || self.has_packed(&name))
    }

    fn write_records(&self, packages: &[StoredPackage], keys: &FxHashSet<&PackageKey>) -> Result<u64, StoreError> {
        let chosen: Vec<&StoredPackage> = packages.iter().filter(|package| keys.contains(&package.key)).collect();
        record::write(&self.root, &chosen)?;
        Ok(chosen.len() as u64)
    }
}

fn record_of(fault: &Fault) -> Option<&PackageKey> {
    if let Fault::Record(key) = fault { Some(key) } else { None }
}

/// Copies a file and hashes what is written; nothing when the source cannot be read.
fn copy_and_hash(mut source: &File, mut target: &File) -> io::Result<Option<ObjectId>> {
    let (mut hasher, mut buffer) = (blake3::Hasher::new(), examine::buffer());
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(Some(ObjectId::from_bytes(*hasher.finalize().as_bytes()))),
            Ok(length) => {
                hasher.update(&buffer[..length]);
                target.write_all(&buffer[..length])?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Ok(None),
        }
    }
}
