//! Bringing objects back out of packs, for a checkout that misses them and for a repair.

use super::super::Store;
use super::super::error::{StoreError, explain};
use super::super::id::ObjectId;
use super::super::mark::Mark;
use super::super::object::{Draft, mode};
use super::cold::Cold;
use super::footer::Place;
use super::open::{Pack, copy_checked};
use crate::fs::{Context, FsError};
use rustc_hash::{FxHashMap, FxHashSet};
use rustix::fs::OFlags;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The marks of objects that are loose now.
type Restored = FxHashMap<(ObjectId, bool), Mark>;

/// Makes loose objects of packed ones. Returns the marks of those that were found and right; the packs stay as they are.
pub(in crate::store) fn restore(store: &Store, wanted: &[Cold]) -> Result<Restored, StoreError> {
    let publish = |draft: Draft<'_>, place: &Place, executable| store.objects.publish(draft, &place.object, executable, place.size_bytes);
    restore_by(store, wanted, publish)
}

/// Does the same, and does not look at what stands under the names of the objects now.
pub(in crate::store) fn restore_over(store: &Store, wanted: &[Cold]) -> Result<Restored, StoreError> {
    restore_by(store, wanted, |draft, place, executable| store.objects.publish_over(draft, &place.object, executable))
}

fn restore_by(
    store: &Store,
    wanted: &[Cold],
    publish: impl Fn(Draft<'_>, &Place, bool) -> Result<Mark, StoreError>,
) -> Result<Restored, StoreError> {
    let objects = &store.objects;
    let mut marks = FxHashMap::default();
    for pack in store.packs().list() {
        for executable in [false, true] {
            let left = |cold: &&Cold| cold.executable == executable && !marks.contains_key(&(cold.object, executable));
            let mut places = find(pack, wanted.iter().filter(left));
            pack.read(&mut places, |place, reader| {
                // What this process knew of the object is no longer so.
                objects.forget(&place.object, executable);
                let draft = objects.draft_named(&place.object, executable)?;
                let copied = copy_checked(reader, &place.object, place.size_bytes, &mut &draft.file);
                if copied.at("write an object to", store.root()).map_err(explain)? {
                    let mark = publish(draft, place, executable)?;
                    marks.insert((place.object, executable), mark);
                }
                Result::<(), StoreError>::Ok(())
            })?;
        }
    }
    Ok(marks)
}

/// Writes packed objects straight to new files, for a store that cannot be written. Returns the files that stand now.
pub(in crate::store) fn extract(store: &Store, wanted: &[(Cold, PathBuf)]) -> Result<FxHashSet<PathBuf>, StoreError> {
    let mut targets: FxHashMap<ObjectId, Vec<(bool, &Path)>> = FxHashMap::default();
    for (cold, path) in wanted {
        targets.entry(cold.object).or_default().push((cold.executable, path));
    }
    let mut written = FxHashSet::default();
    for pack in store.packs().list() {
        let left = wanted.iter().filter(|(_, path)| !written.contains(path)).map(|(cold, _)| cold);
        let mut places = find(pack, left);
        pack.read(&mut places, |place, reader| {
            let Some(((executable, first), others)) = targets.get(&place.object).and_then(|paths| paths.split_first()) else {
                return Ok(());
            };
            let mut file = create(first, *executable)?;
            let copied = copy_checked(reader, &place.object, place.size_bytes, &mut file);
            if !copied.at("write", first).map_err(explain)? {
                return Ok(crate::fs::remove_file(first)?);
            }
            written.insert(first.to_path_buf());
            for (executable, path) in others {
                let mut source = File::open(first).at("open", first)?;
                std::io::copy(&mut source, &mut create(path, *executable)?).at("write", path).map_err(explain)?;
                written.insert(path.to_path_buf());
            }
            Result::<(), StoreError>::Ok(())
        })?;
    }
    Ok(written)
}

/// Finds objects in a pack, each once.
fn find<'a>(pack: &Pack, wanted: impl Iterator<Item = &'a Cold>) -> Vec<Place> {
    let mut seen = FxHashSet::default();
    wanted.filter(|cold| seen.insert(cold.object)).filter_map(|cold| pack.find(&cold.object)).collect()
}

/// Creates a file and the folders above it.
fn create(path: &Path, executable: bool) -> Result<File, StoreError> {
    if let Some(folder) = path.parent() {
        crate::fs::create_dir_all(folder).map_err(explain)?;
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, mode(executable)).at("create", path);
    Ok(File::from(file.map_err(|error: FsError| explain(error))?))
}
