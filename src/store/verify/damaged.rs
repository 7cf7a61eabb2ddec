//! Which objects were damaged once: an empty file in `damaged/` for each, named as the object, with its length.
//!
//! Mending an object puts a new file under its name, and projects may still have a link to the old one. Nothing would
//! tell so later, so whoever finds a damaged object notes it here first, and the note goes when a repair has seen to the
//! projects. It may be cut off anywhere: a note too many costs a look at a few files.

use super::ObjectName;
use super::shard::parse;
use crate::fs::Context;
use crate::store::Store;
use crate::store::error::{StoreError, explain};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Name of the folder inside the store.
const FOLDER: &str = "damaged";

/// Notes that an object is damaged.
pub fn note(root: &Path, name: &ObjectName) -> Result<(), StoreError> {
    let path = path_of(root, name);
    crate::fs::create_dir_all(&root.join(FOLDER)).map_err(explain)?;
    File::create(&path).at("create", &path).map(drop).map_err(explain)
}

impl Store {
    /// Notes that no project has an old file of an object any more.
    pub fn forget_damage(&self, name: &ObjectName) -> Result<(), StoreError> {
        Ok(crate::fs::remove_file(&path_of(&self.root, name))?)
    }

    /// Returns the objects that were damaged once, sorted. What is no note is passed over.
    pub(super) fn damaged_once(&self) -> Result<Vec<ObjectName>, StoreError> {
        let folder = self.root.join(FOLDER);
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.at("read", &folder)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            names.extend(entry.at("read", &folder)?.file_name().to_str().and_then(read));
        }
        names.sort();
        Ok(names)
    }
}

fn path_of(root: &Path, name: &ObjectName) -> PathBuf {
    let variant = if name.executable { "-x" } else { "" };
    root.join(FOLDER).join(format!("{}{variant}.{}", name.object, name.size_bytes))
}

fn read(text: &str) -> Option<ObjectName> {
    let (name, size) = text.rsplit_once('.')?;
    let shard = u8::from_str_radix(name.get(..2)?, 16).ok()?;
    let (object, executable) = parse(shard, name.get(2..)?)?;
    Some(ObjectName { object, executable, size_bytes: size.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::{path_of, read};
    use crate::store::id::ObjectId;
    use crate::store::verify::ObjectName;
    use std::path::Path;

    #[test]
    fn a_note_names_its_object_and_nothing_else_is_one() {
        for executable in [false, true] {
            let name = ObjectName { object: ObjectId::of(b"some bytes"), executable, size_bytes: 10 };
            let path = path_of(Path::new("/store"), &name);
            let text = path.file_name().and_then(|name| name.to_str()).expect("a name");
            assert_eq!(read(text), Some(name));
            assert_eq!(read(&text[1..]), None);
            assert_eq!(read(&text.replace(".10", "")), None);
            assert_eq!(read(&text.replace(".10", ".x")), None);
        }
        for text in ["", ".", "é.1", "a.1"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
