//! Answers "is there anything to do?" from a few stats.
//!
//! The last act of an install is to write down what it was made from: the stamps of all files that were read or looked
//! for, a hash of the flags and variables that count, and the links of the direct dependencies. When all of that is
//! unchanged the next install is over before anything else of deka is set up. The file is deka's own and holds nothing
//! that could not be thrown away: damaged, of another version of deka, or simply missing, it means "look again".
//!
//! The form: the bytes `deka-state`, a format number, then the fields in the order of [`State`], and eight bytes of
//! BLAKE3 over everything before them. Numbers are little-endian; texts and lists have their length in front as u32.

use super::boot::BootId;
use super::env::Env;
use super::folder;
use super::settings::{Flags, Groups, Inputs, fingerprint};
use super::stamp::FileStamp;
use crate::fs::{self, Context, Result, Stat, unique_suffix};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, renameat, statat, unlinkat};
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

#[cfg(test)]
mod tests;

/// The file's name in deka's folder.
pub const NAME: &str = "state";

const MAGIC: &[u8] = b"deka-state";
const FORMAT: u8 = 2;
const CHECKSUM_LENGTH: usize = 8;
/// Another version of deka may lay things out differently, so each looks again after the other.
const WRITER: &str = env!("CARGO_PKG_VERSION");

/// What a `node_modules` was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The root of the project, absolute; another one means that the project was moved or copied.
    pub root: PathBuf,
    /// What settings, manifests and lockfile were when they were read.
    pub inputs: Inputs,
    /// The store that the files come from.
    pub store_dir: PathBuf,
    /// What was installed.
    pub groups: Groups,
    /// The projects that were installed, by path, sorted; empty for all of the workspace.
    pub only: Vec<String>,
    /// The links of direct dependencies; all of them have to lead somewhere.
    pub linked: Vec<LinkFolder>,
    /// The boot in which the files were written; nothing once they are known to be on disk.
    pub boot: Option<BootId>,
    /// How many packages there are.
    pub packages: u32,
}

/// The links of one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkFolder {
    /// The modules folder of the project, relative to the root.
    pub path: String,
    /// The links in it.
    pub links: Vec<String>,
}

/// What a state is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Now<'a> {
    /// The root of the project.
    pub root: &'a Path,
    /// The projects that are to be installed, by path, sorted; empty for all of the workspace.
    pub only: &'a [String],
    /// The environment.
    pub env: &'a Env,
    /// The command line.
    pub flags: &'a Flags,
}

impl State {
    /// Reads the state of a modules folder; nothing when there is none that can be relied on.
    pub fn read(modules_dir: &Path) -> Option<State> {
        decode(&std::fs::read(folder::path(modules_dir).join(NAME)).ok()?)
    }

    /// Says whether everything still is as it was. It is not, either, when the files were written in an earlier boot and
    /// nobody has looked at them since (see [`State::written_in_this_boot`]).
    pub fn is_current(&self, now: &Now<'_>) -> bool {
        self.inputs.fingerprint == fingerprint(now.env, now.flags, &self.inputs.variables)
            && (self.only.is_empty() || self.only == now.only)
            && self.is_in_place(now.root)
    }

    /// Says the same of the projects that were installed, whatever the flags and variables: whoever uses a `node_modules`
    /// need not repeat them.
    pub fn is_in_place(&self, root: &Path) -> bool {
        self.root == root
            && self.inputs.files.iter().all(FileStamp::is_current)
            && self.links_lead_somewhere()
            && (self.boot.is_none() || self.written_in_this_boot())
    }

    /// Says whether the files were written since the machine was started. If they were not, a power failure may have
    /// emptied them: whoever finds them whole once writes the state again with `boot` empty.
    pub fn written_in_this_boot(&self) -> bool {
        self.boot.is_some() && self.boot == BootId::current()
    }

    /// Writes the state of a modules folder. It is the last thing that an install does there.
    pub fn write(&self, modules_dir: &Path) -> Result<()> {
        let path = folder::path(modules_dir).join(NAME);
        let folder = folder::open_or_create(&self.root, modules_dir)?;
        // Named like all unfinished work there, so that the next install sweeps what a crash leaves.
        let beside = format!(".tmp-{}", unique_suffix());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&folder, &beside, flags, Mode::from_raw_mode(0o666)).at("create", &path)?);
        // A rename replaces a planted link instead of writing through it.
        let written =
            file.write_all(&encode(self)).at("write", &path).and_then(|()| renameat(&folder, &beside, &folder, NAME).at("rename", &path));
        if written.is_err() {
            let _ = unlinkat(&folder, &beside, AtFlags::empty());
        }
        written
    }

    fn links_lead_somewhere(&self) -> bool {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = |path: &str| openat(CWD, self.root.join(path), flags, Mode::empty());
        let stand = |folder: &LinkFolder| {
            open(&folder.path).is_ok_and(|open| folder.links.iter().all(|link| statat(&open, link.as_str(), AtFlags::empty()).is_ok()))
        };
        self.linked.iter().all(stand)
    }
}

/// Forgets the state of a modules folder. An install does this before it changes anything there, so that being
/// interrupted cannot leave a state behind that is not true any more.
pub fn forget(modules_dir: &Path) -> Result<()> {
    fs::remove_file(&folder::path(modules_dir).join(NAME))
}

fn encode(state: &State) -> Vec<u8> {
    let mut out = Vec::with_capacity(4096);
    out.extend_from_slice(MAGIC);
    out.push(FORMAT);
    put(&mut out, WRITER.as_bytes());
    put_path(&mut out, &state.root);
    put_count(&mut out, state.inputs.files.len());
    for FileStamp { path, stat } in &state.inputs.files {
        put_path(&mut out, path);
        out.push(u8::from(stat.is_some()));
        if let Some(stat) = stat {
            out.extend_from_slice(&stat.size.to_le_bytes());
            out.extend_from_slice(&stat.mtime_ns.to_le_bytes());
            out.extend_from_slice(&stat.inode.to_le_bytes());
        }
    }
    put_count(&mut out, state.inputs.variables.len());
    state.inputs.variables.iter().for_each(|name| put(&mut out, name.as_bytes()));
    out.extend_from_slice(&state.inputs.fingerprint);
    put_path(&mut out, &state.store_dir);
    let Groups { prod, dev, optional } = state.groups;
    out.push(u8::from(prod) | u8::from(dev) << 1 | u8::from(optional) << 2);
    put_count(&mut out, state.only.len());
    state.only.iter().for_each(|path| put(&mut out, path.as_bytes()));
    put_count(&mut out, state.linked.len());
    for LinkFolder { path, links } in &state.linked {
        put(&mut out, path.as_bytes());
        put_count(&mut out, links.len());
        links.iter().for_each(|link| put(&mut out, link.as_bytes()));
    }
    out.push(u8::from(state.boot.is_some()));
    if let Some(BootId(id)) = state.boot {
        out.extend_from_slice(&id);
    }
    out.extend_from_slice(&state.packages.to_le_bytes());
    let checksum = checksum(&out);
    out.extend_from_slice(&checksum);
    out
}

fn decode(bytes: &[u8]) -> Option<State> {
    let (bytes, sum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_LENGTH)?)?;
    if sum != checksum(bytes) {
        return None;
    }
    let mut rest = Bytes(bytes.strip_prefix(MAGIC)?);
    if rest.byte()? != FORMAT || rest.slice()? != WRITER.as_bytes() {
        return None;
    }
    let root = rest.path()?;
    let files = rest.list(|rest| {
        let path = rest.path()?;
        let stat = match rest.byte()? {
            0 => None,
            _ => Some(Stat {
                size: u64::from_le_bytes(rest.array()?),
                mtime_ns: i64::from_le_bytes(rest.array()?),
                inode: u64::from_le_bytes(rest.array()?),
            }),
        };
        Some(FileStamp { path, stat })
    })?;
    let variables = rest.list(Bytes::text)?;
    let fingerprint = rest.array()?;
    let store_dir = rest.path()?;
    let groups = rest.byte()?;
    let groups = Groups { prod: groups & 1 != 0, dev: groups & 2 != 0, optional: groups & 4 != 0 };
    let only = rest.list(Bytes::text)?;
    let linked = rest.list(|rest| Some(LinkFolder { path: rest.text()?, links: rest.list(Bytes::text)? }))?;
    let boot = match rest.byte()? {
        0 => None,
        _ => Some(BootId(rest.array()?)),
    };
    let packages = u32::from_le_bytes(rest.array()?);
    let inputs = Inputs { files, variables, fingerprint };
    rest.0.is_empty().then_some(State { root, inputs, store_dir, groups, only, linked, boot, packages })
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_LENGTH] {
    let mut short = [0; CHECKSUM_LENGTH];
    short.copy_from_slice(&blake3::hash(bytes).as_bytes()[..CHECKSUM_LENGTH]);
    short
}

fn put(out: &mut Vec<u8>, text: &[u8]) {
    put_count(out, text.len());
    out.extend_from_slice(text);
}

fn put_path(out: &mut Vec<u8>, path: &Path) {
    put(out, path.as_os_str().as_bytes());
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

/// What is still to be read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.array()?)).ok()
    }

    fn slice(&mut self) -> Option<&'a [u8]> {
        let length = self.count()?;
        let (slice, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(slice)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.slice()?.to_vec()).ok()
    }

    fn path(&mut self) -> Option<PathBuf> {
        Some(OsString::from_vec(self.slice()?.to_vec()).into())
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Bytes<'a>) -> Option<T>) -> Option<Vec<T>> {
        // Every item takes a byte or more, so a wrong count ends at the end of the bytes.
        let count = self.count()?;
        let mut items = Vec::with_capacity(count.min(self.0.len()));
        for _ in 0..count {
            items.push(item(self)?);
        }
        Some(items)
    }
}
