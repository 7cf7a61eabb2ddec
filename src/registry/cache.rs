//! Cached packuments: one file a package, read on every install that resolves.
//!
//! A file is, with numbers in little-endian:
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | magic, whose digit is the version of the format |
//! | 8 | when it was asked for, unix seconds |
//! | 8 | until when it is fresh, unix seconds |
//! | 4 | CRC-32 of the sixteen bytes before |
//! | 4 | CRC-32 of all that follows |
//! | 4 + n | length and text of the `ETag`, empty when there was none |
//! | 4 + n | the same of `Last-Modified` |
//! | rest | [`Packument::encoded`] |
//!
//! When the registry says that nothing changed, only the two times and their checksum are overwritten in place. A write
//! that is torn there leaves a checksum that is wrong, and a file that is wrong anywhere counts as absent. The cache can
//! be removed at any time.

use super::address;
use super::config::Config;
use crate::fs::{self, Stat};
use crate::package::name::PackageName;
use crate::package::packument::Packument;
use rustix::buffer::spare_capacity;
use rustix::io::retry_on_intr;
use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Seek, SeekFrom, Write};
use std::ops::Range as Span;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use url::Url;

const MAGIC: &[u8; 8] = b"dekapc1\n";
/// How long an answer is fresh whose registry does not say: five minutes, as npm has it.
const FRESH_SECONDS: u64 = 300;
/// How much is read at once: all of most files.
const READ_BYTES: usize = 64 << 10;
/// A longer validator is not kept.
const VALIDATOR_BYTES_MAX: usize = 1024;

/// What a registry said about keeping an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Validators {
    pub(super) etag: String,
    pub(super) last_modified: String,
}

/// When an answer was asked for and until when it may be used unasked, in unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) asked: u64,
    pub(super) fresh_until: u64,
}

/// A cached answer whose header was read.
pub(super) struct Cached {
    pub(super) validators: Validators,
    pub(super) times: Times,
    /// The file, as it was opened.
    pub(super) stat: Stat,
    /// What the checksum is of, in the bytes that were read.
    checked: Span<usize>,
    check: u32,
    /// The packument, which stands at the end of that.
    packument: Span<usize>,
}

impl Validators {
    /// Takes the values of `ETag` and `Last-Modified`.
    pub(super) fn of(etag: Option<&str>, last_modified: Option<&str>) -> Validators {
        let kept = |text: Option<&str>| text.filter(|text| text.len() <= VALIDATOR_BYTES_MAX).unwrap_or_default().to_owned();
        Validators { etag: kept(etag), last_modified: kept(last_modified) }
    }
}

impl Times {
    /// Reads `Cache-Control` and `Age`. Nothing when the answer may not be kept at all.
    pub(super) fn of(now: u64, cache_control: Option<&str>, age: Option<&str>) -> Option<Times> {
        let mut fresh = FRESH_SECONDS;
        for directive in cache_control.unwrap_or_default().split(',') {
            let (key, value) = directive.split_once('=').unwrap_or((directive, ""));
            match key.trim().to_ascii_lowercase().as_str() {
                "no-store" => return None,
                "no-cache" => fresh = 0,
                "max-age" if fresh > 0 => fresh = value.trim().trim_matches('"').parse().unwrap_or(0),
                _ => {}
            }
        }
        let age = age.and_then(|age| age.trim().parse::<u64>().ok()).unwrap_or(0);
        Some(Times { asked: now, fresh_until: now.saturating_add(fresh.saturating_sub(age)) })
    }

    /// Says whether an answer is fresh. One from the future tells of a clock that was set back, and is not.
    pub(super) fn is_fresh(&self, now: u64) -> bool {
        self.asked <= now && now < self.fresh_until
    }
}

/// Returns the current unix time in seconds.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Returns the folder of the answers of one registry to one identity in one form.
pub(super) fn folder(config: &Config, registry: &Url) -> PathBuf {
    let form = if config.full_metadata { "full" } else { "abbreviated" };
    let whole = format!("{}\n{}\n{form}", address::shown(registry), address::identity(config, registry));
    let key = blake3::hash(whole.as_bytes()).to_hex();
    config.cache_dir.join("packuments-v1").join(&key[..32])
}

/// Returns the file of a package in such a folder.
pub(super) fn file(folder: &Path, name: &PackageName) -> PathBuf {
    folder.join(file_name(name))
}

/// Returns the name of that file. `+` stands in no name of a package.
pub(super) fn file_name(name: &PackageName) -> String {
    name.as_str().replace('/', "+")
}

/// Appends a cached answer to `bytes` and reads its header. When there is none that can be used, `bytes` is as before.
pub(super) fn read(path: &Path, bytes: &mut Vec<u8>) -> Option<Cached> {
    let start = bytes.len();
    let cached = append(path, bytes).and_then(|stat| decode(bytes, start, stat));
    if cached.is_none() {
        bytes.truncate(start);
    }
    cached
}

/// Reads a cached packument, however old it is, and says what its file was like.
pub(super) fn load(path: &Path, name: &PackageName) -> Option<(Packument, Stat)> {
    let mut bytes = Vec::new();
    let cached = read(path, &mut bytes)?;
    let stat = cached.stat;
    Some((cached.packument(Arc::new(bytes), name)?, stat))
}

/// Appends a file to `bytes`. Says what it was like before it was read.
fn append(path: &Path, bytes: &mut Vec<u8>) -> Option<Stat> {
    let file = File::open(path).ok()?;
    let stat = Stat::of(&file.metadata().ok()?);
    loop {
        bytes.reserve(READ_BYTES);
        let room = bytes.capacity() - bytes.len();
        let count = retry_on_intr(|| rustix::io::read(&file, spare_capacity(bytes))).ok()?;
        // Asking for more behind its end would cost as much as reading most of them.
        if count < room {
            return Some(stat);
        }
    }
}

impl Cached {
    /// Checks the whole answer, which `bytes` still holds, and takes its packument.
    pub(super) fn packument(self, bytes: Arc<Vec<u8>>, name: &PackageName) -> Option<Packument> {
        let is_whole = crc32fast::hash(bytes.get(self.checked)?) == self.check;
        is_whole.then(|| Packument::decode(bytes, self.packument, name).ok())?
    }
}

/// Keeps an answer, and returns what its file is like. A cache that cannot be written is no reason to fail.
pub(super) fn write(path: &Path, packument: &Packument, validators: &Validators, times: Times) -> Option<Stat> {
    let body = packument.encoded();
    let head = encode_head(body, validators, times);
    // Where nothing stands no reader can lose what it had, and a file that is not whole yet counts as absent.
    let mut created = File::create_new(path);
    if created.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        // The first file of its folder.
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        created = made.and_then(|()| File::create_new(path));
    }
    match created {
        Ok(file) => fill(file, path, &head, body).ok(),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => replace(path, &head, body).ok(),
        Err(_) => None,
    }
}

/// Puts a file in the place of another.
fn replace(path: &Path, head: &[u8], body: &[u8]) -> io::Result<Stat> {
    let beside = fs::temporary_beside(path);
    let stat = fill(File::create(&beside)?, &beside, head, body)?;
    std::fs::rename(&beside, path).inspect_err(|_| drop(std::fs::remove_file(&beside)))?;
    Ok(stat)
}

/// Writes a file that was made just now. One that cannot be written goes again.
fn fill(mut file: File, path: &Path, head: &[u8], body: &[u8]) -> io::Result<Stat> {
    let mut write = || {
        let mut done = file.write_vectored(&[IoSlice::new(head), IoSlice::new(body)])?;
        for part in [head, body] {
            let begun = done.min(part.len());
            file.write_all(&part[begun..])?;
            done -= begun;
        }
        Ok(Stat::of(&file.metadata()?))
    };
    write().inspect_err(|_| drop(std::fs::remove_file(path)))
}

/// Notes that an answer was confirmed, and returns what its file is like now. When that fails, it is asked for again next
/// time.
pub(super) fn confirm(path: &Path, times: Times) -> Option<Stat> {
    let mut file = std::fs::OpenOptions::new().write(true).open(path).ok()?;
    file.seek(SeekFrom::Start(MAGIC.len() as u64)).ok()?;
    file.write_all(&encode_times(times)).ok()?;
    Some(Stat::of(&file.metadata().ok()?))
}

fn encode_times(times: Times) -> [u8; 20] {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&times.asked.to_le_bytes());
    bytes[8..16].copy_from_slice(&times.fresh_until.to_le_bytes());
    let check = crc32fast::hash(&bytes[..16]);
    bytes[16..].copy_from_slice(&check.to_le_bytes());
    bytes
}

/// Encodes all that comes before a packument.
fn encode_head(body: &[u8], validators: &Validators, times: Times) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&encode_times(times));
    let check_at = bytes.len();
    bytes.extend_from_slice(&[0; 4]);
    for text in [&validators.etag, &validators.last_modified] {
        bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(0).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    let mut check = crc32fast::Hasher::new();
    check.update(&bytes[check_at + 4..]);
    check.update(body);
    bytes[check_at..check_at + 4].copy_from_slice(&check.finalize().to_le_bytes());
    bytes
}

/// Reads the header of the answer that begins at `start` and goes to the end.
fn decode(bytes: &[u8], start: usize, stat: Stat) -> Option<Cached> {
    let (times, check, checked) = decode_head(&bytes[start..])?;
    let mut rest = checked;
    let validators = Validators { etag: text(&mut rest)?, last_modified: text(&mut rest)? };
    let end = bytes.len();
    Some(Cached { validators, times, stat, checked: end - checked.len()..end, check, packument: end - rest.len()..end })
}

/// Splits off the magic and the times; returns them, the checksum of the rest, and the rest.
fn decode_head(bytes: &[u8]) -> Option<(Times, u32, &[u8])> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (times, rest) = rest.split_first_chunk::<20>()?;
    let read = Times { asked: number(times, 0), fresh_until: number(times, 8) };
    let (check, rest) = rest.split_first_chunk::<4>()?;
    (encode_times(read) == *times).then_some((read, u32::from_le_bytes(*check), rest))
}

fn number(bytes: &[u8; 20], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(eight)
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let (length, tail) = rest.split_first_chunk::<4>()?;
    let (text, tail) = tail.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = tail;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::{Cached, Times, Validators, confirm, encode_head, file, folder, load, read, write};
    use crate::package::name::PackageName;
    use crate::package::packument::Packument;
    use crate::registry::config::{Auth, Config, Credentials};
    use url::Url;

    fn name() -> PackageName {
        PackageName::parse("@s/a").expect("a name")
    }

    fn packument() -> Packument {
        Packument::parse(br#"{"name":"@s/a","versions":{"1.0.0":{"dependencies":{"b":"1"}}}}"#, &name()).expect("a packument")
    }

    fn validators() -> Validators {
        Validators { etag: "\"x\"".to_owned(), last_modified: String::new() }
    }

    fn open(path: &std::path::Path) -> Option<Cached> {
        read(path, &mut Vec::new())
    }

    #[test]
    fn many_answers_share_their_bytes() {
        let place = tempfile::tempdir().expect("a folder");
        let paths: Vec<_> = ["a", "damaged", "b"].iter().map(|file| place.path().join(file)).collect();
        let times = Times { asked: 1, fresh_until: 2 };
        assert!(paths.iter().all(|path| write(path, &packument(), &validators(), times).is_some()));
        std::fs::write(&paths[1], "dekapc1").expect("the folder is there");
        let mut bytes = b"before".to_vec();
        let cached: Vec<Cached> = paths.iter().filter_map(|path| read(path, &mut bytes)).collect();
        let bytes = std::sync::Arc::new(bytes);
        let read: Vec<Packument> = cached.into_iter().filter_map(|cached| cached.packument(bytes.clone(), &name())).collect();
        assert_eq!(read.iter().map(Packument::encoded).collect::<Vec<_>>(), [packument().encoded(); 2]);
    }

    #[test]
    fn keeps_an_answer_and_confirms_it_in_place() {
        let place = tempfile::tempdir().expect("a folder");
        let path = file(&place.path().join("deep/er"), &name());
        let times = Times { asked: 100, fresh_until: 400 };
        let stat = write(&path, &packument(), &validators(), times);
        let cached = open(&path).expect("an entry");
        assert_eq!((&cached.validators, cached.times, Some(cached.stat)), (&validators(), times, stat));
        assert_eq!(load(&path, &name()).expect("a packument").0.len(), 1);
        let stat = confirm(&path, Times { asked: 500, fresh_until: 800 });
        let cached = open(&path).expect("an entry");
        assert_eq!((cached.times, Some(cached.stat)), (Times { asked: 500, fresh_until: 800 }, stat));
        let other = PackageName::parse("b").expect("a name");
        assert!(load(&path, &other).is_none());
        assert_eq!(std::fs::read_dir(place.path().join("deep/er")).expect("a folder").count(), 1);
    }

    #[test]
    fn any_damage_counts_as_absent() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("a");
        let head = encode_head(packument().encoded(), &validators(), Times { asked: 1, fresh_until: 2 });
        let whole = [head.as_slice(), packument().encoded()].concat();
        let is_read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("the folder is there");
            load(&path, &name()).is_some()
        };
        assert!(is_read(&whole));
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            assert!(!is_read(&bytes), "a flipped bit at {at}");
            assert!(!is_read(&whole[..at]), "cut at {at}");
        }
    }

    #[test]
    fn reads_what_the_registry_allows() {
        let fresh = |control: Option<&str>, age: Option<&str>| Times::of(1000, control, age).map(|times| times.fresh_until - 1000);
        assert_eq!(fresh(None, None), Some(300));
        assert_eq!(fresh(Some("public, max-age=60"), None), Some(60));
        assert_eq!(fresh(Some("Max-Age=60"), Some("50")), Some(10));
        assert_eq!(fresh(Some("max-age=60"), Some("99")), Some(0));
        assert_eq!(fresh(Some("no-cache, max-age=60"), None), Some(0));
        assert_eq!(fresh(Some("max-age=60, no-cache"), None), Some(0));
        assert_eq!(fresh(Some("max-age=soon"), None), Some(0));
        assert_eq!(fresh(Some("no-store"), None), None);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_an_answer_stale() {
        let times = Times { asked: 1000, fresh_until: 1300 };
        assert!(times.is_fresh(1000) && times.is_fresh(1299));
        assert!(!times.is_fresh(999) && !times.is_fresh(1300));
    }

    #[test]
    fn answers_are_kept_apart_by_registry_form_and_identity() {
        let registry = |text: &str| Url::parse(text).expect("an address");
        let mut config = Config::new(registry("https://a.test/"), "cache".into());
        let mut folders = vec![folder(&config, &registry("https://a.test/")), folder(&config, &registry("https://b.test/"))];
        folders.push(folder(&config, &registry("https://a.test/npm/")));
        config.full_metadata = true;
        folders.push(folder(&config, &registry("https://a.test/")));
        for token in ["one", "two"] {
            let credentials = Some(Credentials::Bearer(token.to_owned()));
            config.auth = vec![Auth { prefix: "//a.test/".to_owned(), credentials, certificate: None }];
            folders.push(folder(&config, &registry("https://a.test/")));
        }
        let count = folders.len();
        folders.sort();
        folders.dedup();
        assert_eq!(folders.len(), count);
    }
}
