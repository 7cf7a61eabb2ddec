//! Stamps: what a `stat` says of a file, kept to notice later that it changed.
//!
//! A stamp is taken from the open file before it is read, so that a change during the reading is noticed next time. Two
//! writes within one tick of the file system's clock can look alike; a file that is younger than a few ticks gets a
//! stamp that never matches. That costs one slower run and never a wrong answer.

use crate::fs::{Context, Result, Stat};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How old a file must be for its time to be telling.
pub const AGE_MIN: Duration = Duration::from_millis(20);
/// The longest file that is read, in bytes: far above any manifest, and a bound on the memory used.
const LENGTH_MAX: u64 = 64 << 20;
/// Stands for a time that never matches.
const NEVER: i64 = i64::MIN;

/// A file, or its absence, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStamp {
    /// The file, absolute.
    pub path: PathBuf,
    /// What stood there; nothing when no file did.
    pub stat: Option<Stat>,
}

impl FileStamp {
    /// Takes the stamp of a file that others may write.
    pub fn take(path: &Path) -> FileStamp {
        FileStamp { path: path.to_owned(), stat: std::fs::metadata(path).ok().map(|found| guarded(&found)) }
    }

    /// Takes the stamp of a file that deka itself has just written and so knows the content of.
    pub fn of_written(path: &Path) -> FileStamp {
        FileStamp { path: path.to_owned(), stat: std::fs::metadata(path).ok().map(|found| Stat::of(&found)) }
    }

    /// Says whether the file was too young for its time to be telling: the stamp matches nothing, not even another one.
    pub fn is_young(&self) -> bool {
        self.stat.is_some_and(|stat| stat.mtime_ns == NEVER)
    }

    /// Says whether the file is as it was.
    pub fn is_current(&self) -> bool {
        match std::fs::metadata(&self.path) {
            Ok(found) => self.stat == Some(Stat::of(&found)),
            Err(_) => self.stat.is_none(),
        }
    }
}

/// Reads a file and takes its stamp; no content when it is not there or not a file.
pub fn read(path: &Path) -> Result<(Option<Vec<u8>>, FileStamp)> {
    let absent = || (None, FileStamp { path: path.to_owned(), stat: None });
    // Without blocking, since opening a pipe that somebody left there would wait for a writer.
    let file = match open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(absent()),
        Err(errno) => return Err(errno).at("read", path),
    };
    let found = file.metadata().at("read", path)?;
    if !found.is_file() {
        return Ok((None, FileStamp { path: path.to_owned(), stat: Some(guarded(&found)) }));
    }
    let mut text = Vec::with_capacity(usize::try_from(found.len().min(LENGTH_MAX)).unwrap_or(0) + 1);
    file.take(LENGTH_MAX + 1).read_to_end(&mut text).at("read", path)?;
    if text.len() as u64 > LENGTH_MAX {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge)).at("read", path);
    }
    Ok((Some(text), FileStamp { path: path.to_owned(), stat: Some(guarded(&found)) }))
}

fn guarded(found: &Metadata) -> Stat {
    // A time far ahead was set by somebody or by another clock, and says as little about a write just now as an old one.
    let settled = found.modified().is_ok_and(|changed| match SystemTime::now().duration_since(changed) {
        Ok(age) => age >= AGE_MIN,
        Err(ahead) => ahead.duration() >= AGE_MIN,
    });
    let stat = Stat::of(found);
    if settled { stat } else { Stat { mtime_ns: NEVER, ..stat } }
}

#[cfg(test)]
mod tests {
    use super::{AGE_MIN, FileStamp, LENGTH_MAX, read};
    use std::fs;

    #[test]
    fn notices_every_kind_of_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let absent = FileStamp::take(&path);
        assert!(absent.is_current());
        fs::write(&path, "one").expect("a file");
        assert!(!absent.is_current());
        assert!(!FileStamp::take(&path).is_current(), "a file this young is not trusted");
        let written = FileStamp::of_written(&path);
        assert!(written.is_current());
        std::thread::sleep(AGE_MIN * 2);
        let (content, stamp) = read(&path).expect("readable");
        assert_eq!((content.as_deref(), stamp.is_current()), (Some(&b"one"[..]), true));
        fs::write(&path, "two").expect("a file");
        assert!(!stamp.is_current() && !written.is_current());
        fs::remove_file(&path).expect("a file");
        assert!(!stamp.is_current());
    }

    #[test]
    fn what_is_no_file_reads_as_nothing_and_what_is_too_long_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(read(folder.path()).expect("readable").0, None);
        assert_eq!(read(&folder.path().join("a/b")).expect("readable").0, None);
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()));
        assert_eq!(read(&pipe).expect("no wait").0, None);
        let huge = folder.path().join("huge");
        fs::File::create(&huge).and_then(|file| file.set_len(LENGTH_MAX + 1)).expect("a sparse file");
        assert!(read(&huge).expect_err("too long").to_string().contains("huge"));
    }
}
