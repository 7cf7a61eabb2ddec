//! How far a run has come, in case it is cut off: the file `verify.state` in the store.
//!
//! It is text: a line `deka verify 1`, a line with the number of folders of objects that are done, and a line for each
//! object that was wrong in one of them. A run that is resumed looks at those objects again and goes on after the
//! folders. The file says nothing about anything else, so whatever it holds a run that uses it reports nothing false;
//! one that cannot be read is as good as none.

use super::shard::{Shard, parse};
use super::{Checks, ObjectName};
use crate::store::Store;
use crate::store::error::{StoreError, explain};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Name of the file inside the store.
const FILE: &str = "verify.state";
/// The first line.
const HEAD: &str = "deka verify 1";
/// How often it is written. A store that is looked through faster than this never has one.
const PAUSE: Duration = Duration::from_secs(2);

/// Which folders are done.
pub struct Ledger {
    path: PathBuf,
    /// Where the run that is continued had come to.
    pub resumed_at: Option<usize>,
    /// Whether it is kept at all: only a look through the whole of a store that can be written is.
    kept: bool,
    pages: Mutex<Pages>,
}

struct Pages {
    done: [bool; 256],
    /// The path of each wrong object, relative to the folder of objects.
    suspects: Vec<String>,
    written: Instant,
}

impl Ledger {
    /// Begins a run, and leaves out of `shards` what is done when one is continued.
    pub fn begin(store: &Store, checks: &Checks, shards: &mut [Shard]) -> Result<Ledger, StoreError> {
        let path = store.root.join(FILE);
        let kept = checks.only.is_none() && store.is_writable();
        let pages = Pages { done: [false; 256], suspects: Vec::new(), written: Instant::now() };
        let mut ledger = Ledger { path, resumed_at: None, kept, pages: Mutex::new(pages) };
        if checks.resume && checks.only.is_none() {
            ledger.resume(shards)?;
        }
        Ok(ledger)
    }

    fn resume(&mut self, shards: &mut [Shard]) -> Result<(), StoreError> {
        let text = crate::fs::read_if_there(&self.path)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let mut lines = text.lines();
        let done = lines.next().filter(|line| *line == HEAD).and_then(|_| lines.next()?.parse().ok());
        let Some(done) = done.filter(|done| (1..=256).contains(done)) else { return Ok(()) };
        self.resumed_at = Some(done);
        shards[..done].iter_mut().for_each(|shard| shard.suspects = Some(Vec::new()));
        for (folder, name) in lines.filter_map(|line| line.split_once('/')) {
            let Ok(number) = u8::from_str_radix(folder, 16) else { continue };
            let (shard, parsed) = (&mut shards[usize::from(number)], parse(number, name));
            let is_same = |name: &ObjectName| parsed == Some((name.object, name.executable));
            if let Some(suspects) = &mut shard.suspects {
                suspects.extend(shard.wanted.iter().map(|wanted| wanted.name).filter(is_same));
            }
        }
        Ok(())
    }

    /// Notes that a folder was looked through, and writes that down from time to time.
    pub fn done(&self, shard: &Shard) -> Result<(), StoreError> {
        if !self.kept {
            return Ok(());
        }
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.done[usize::from(shard.number)] = true;
        let folder = shard.folder();
        let names = shard.faults.iter().filter_map(|(_, path)| path.file_name()).map(|name| format!("{folder}/{}", name.to_string_lossy()));
        pages.suspects.extend(names);
        if pages.written.elapsed() < PAUSE {
            return Ok(());
        }
        pages.written = Instant::now();
        let done = pages.done.iter().take_while(|done| **done).count();
        // What is wrong in a folder beyond those will be found again.
        let suspects = pages.suspects.join("\n");
        crate::fs::write_atomic(&self.path, format!("{HEAD}\n{done}\n{suspects}\n").as_bytes()).map_err(explain)
    }

    /// Removes what was written: the run came to its end.
    pub fn end(self) -> Result<(), StoreError> {
        if self.kept { Ok(crate::fs::remove_file(&self.path)?) } else { Ok(()) }
    }
}
