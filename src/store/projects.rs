//! The projects that were installed from a store, each in a small file of its own.
//!
//! A gc asks them what they need, and they are known nowhere else. So they do not stand in the index, which may be lost at
//! any time, and an install that has nothing to ask of the index need not open it to say that it was here.
//!
//! A file is named after the path in it. One that a crash has torn does not fit its name and counts as absent; the next
//! install of that project writes it anew.

use super::Project;
use super::error::StoreError;
use crate::fs::{Context, read_if_there};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Name of the folder inside the store.
pub(super) const FOLDER: &str = "projects";
/// First words of a file; the day of the last install stands behind them, and the path in the next line.
const HEAD: &str = "deka project 1 ";
/// How many hexadecimal digits of the path's BLAKE3 are the name of its file.
const NAME_DIGITS: usize = 32;

/// Notes that a project was installed on a day. Writes only what is not there yet.
pub(super) fn note(root: &Path, project: &Project) -> Result<(), StoreError> {
    let (path, bytes) = (root.join(FOLDER).join(name_of(&project.path)), encode(project));
    if read_if_there(&path)?.is_some_and(|before| before == bytes) {
        return Ok(());
    }
    crate::fs::create_dir_all(&root.join(FOLDER))?;
    Ok(crate::fs::write_atomic(&path, &bytes)?)
}

/// Lists the projects that are noted, in no order.
pub(super) fn list(root: &Path) -> Result<Vec<Project>, StoreError> {
    let folder = root.join(FOLDER);
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.at("list", &folder)?,
    };
    let mut projects = Vec::new();
    for entry in entries {
        let name = entry.at("list", &folder)?.file_name();
        if name.len() == NAME_DIGITS
            && let Some(bytes) = read_if_there(&folder.join(&name))?
        {
            projects.extend(decode(&bytes).filter(|project| *name == *name_of(&project.path)));
        }
    }
    Ok(projects)
}

/// Forgets a project, if it is noted.
pub(super) fn forget(root: &Path, project: &Path) -> Result<(), StoreError> {
    Ok(crate::fs::remove_file(&root.join(FOLDER).join(name_of(project)))?)
}

fn name_of(project: &Path) -> String {
    let mut name = blake3::hash(project.as_os_str().as_bytes()).to_hex().to_string();
    name.truncate(NAME_DIGITS);
    name
}

fn encode(project: &Project) -> Vec<u8> {
    let head = format!("{HEAD}{}\n", project.used_day);
    [head.as_bytes(), project.path.as_os_str().as_bytes()].concat()
}

fn decode(bytes: &[u8]) -> Option<Project> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let day = std::str::from_utf8(&bytes[..end]).ok()?.strip_prefix(HEAD)?;
    Some(Project { path: PathBuf::from(OsStr::from_bytes(&bytes[end + 1..])), used_day: day.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn project(path: &str, used_day: i64) -> Project {
        Project { path: PathBuf::from(path), used_day }
    }

    fn listed(root: &Path) -> Vec<Project> {
        let mut projects = list(root).expect("a folder that can be read");
        projects.sort_by(|one, other| one.path.cmp(&other.path));
        projects
    }

    #[test]
    fn what_is_noted_is_listed_until_it_is_forgotten() {
        let root = TempDir::new().expect("a folder");
        assert_eq!(listed(root.path()), []);
        for noted in [project("/b", 20_000), project("/a\nb", 20_000), project("/b", 20_001), project("/b", 20_001)] {
            note(root.path(), &noted).expect("room");
        }
        assert_eq!(listed(root.path()), [project("/a\nb", 20_000), project("/b", 20_001)]);
        forget(root.path(), Path::new("/b")).expect("it can go");
        forget(root.path(), Path::new("/never")).expect("nothing to do");
        assert_eq!(listed(root.path()), [project("/a\nb", 20_000)]);
    }

    #[test]
    fn what_is_torn_or_foreign_is_no_project_and_is_written_anew() {
        let root = TempDir::new().expect("a folder");
        let noted = project("/home/someone/project", 20_000);
        note(root.path(), &noted).expect("room");
        let file = root.path().join(FOLDER).join(name_of(&noted.path));
        let whole = std::fs::read(&file).expect("a file");
        let mut torn: Vec<Vec<u8>> = (0..whole.len()).map(|length| whole[..length].to_vec()).collect();
        torn.extend([vec![0; whole.len()], encode(&project("/home/someone/else", 20_000))]);
        for bytes in torn {
            std::fs::write(&file, &bytes).expect("room");
            assert_eq!(listed(root.path()), [], "{}", bytes.escape_ascii());
            note(root.path(), &noted).expect("room");
            assert_eq!(listed(root.path()), std::slice::from_ref(&noted));
        }
        for foreign in ["README", ".abc.tmp", &"0".repeat(NAME_DIGITS)] {
            std::fs::write(root.path().join(FOLDER).join(foreign), "deka project 1 1\n/x").expect("room");
        }
        assert_eq!(listed(root.path()), [noted]);
    }
}
