//! Looking at one object: is it a plain file of its name, length and mode?

use super::{Fault, ObjectName};
use crate::store::id::ObjectId;
use crate::store::mark::{Look, Mark};
use crate::store::object::{ObjectPath, Objects, mode};
use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read};

/// How much is read at once: enough that hashing, not the calls, takes the time, and small enough for the cache of a
/// processor.
const BUFFER_BYTES: usize = 256 * 1024;

/// Returns a buffer for [`examine`], one for each thread.
pub fn buffer() -> Box<[u8]> {
    vec![0; BUFFER_BYTES].into_boxed_slice()
}

/// Looks at an object, and hashes it when `hash` says so. Returns its mark, or what is wrong. An error of the machine
/// (no file handles left, say) is an error; one of this file is a fault.
pub fn examine(objects: &Objects, name: &ObjectName, hash: bool, buffer: &mut [u8]) -> io::Result<Result<Mark, Fault>> {
    let path = ObjectPath::new(&name.object, name.executable);
    if !hash {
        return Ok(match rustix::fs::statat(objects.folder(), path.as_c_str(), rustix::fs::AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => judge(name, &stat),
            Err(errno) => Err(fault_of(name, errno)?),
        });
    }
    // A symbolic link is not followed and a pipe not waited for.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = rustix::fs::openat(objects.folder(), path.as_c_str(), flags, Mode::empty());
    let file = match opened {
        Ok(file) => File::from(file),
        Err(errno) => return Ok(Err(fault_of(name, errno)?)),
    };
    let mark = match judge(name, &rustix::fs::fstat(&file)?) {
        // The bytes come first: a wrong mode is reported of right bytes only.
        Err(Fault::Mode(name, mode)) => Err(Fault::Mode(name, mode)),
        Err(fault) => return Ok(Err(fault)),
        Ok(mark) => Ok(mark),
    };
    Ok(match digest(&file, name.size_bytes, buffer) {
        Ok(found) if found == name.object => mark,
        Ok(found) => Err(Fault::Bytes(*name, found)),
        Err(error) => Err(Fault::Unreadable(*name, error.to_string())),
    })
}

/// Hashes the first `size_bytes` bytes of a file.
pub fn digest(mut file: &File, size_bytes: u64, buffer: &mut [u8]) -> io::Result<ObjectId> {
    let mut hasher = blake3::Hasher::new();
    let mut left = size_bytes;
    while left > 0 {
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        match file.read(&mut buffer[..room]) {
            Ok(0) => break,
            Ok(length) => {
                hasher.update(&buffer[..length]);
                left -= length as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(ObjectId::from_bytes(*hasher.finalize().as_bytes()))
}

fn judge(name: &ObjectName, stat: &Stat) -> Result<Mark, Fault> {
    let look = Look::of(stat);
    let bits = stat.st_mode & 0o7777;
    match () {
        () if !look.is_file => Err(Fault::NoFile(*name, kind(stat))),
        () if look.size_bytes != name.size_bytes => Err(Fault::Length(*name, look.size_bytes)),
        // Whoever wrote it may have had any umask, which only takes bits away.
        () if look.executable != name.executable || bits & !mode(name.executable).as_raw_mode() != 0 => Err(Fault::Mode(*name, bits)),
        () => Ok(look.mark),
    }
}

/// Tells what is wrong with an object from what is wrong with the machine.
fn fault_of(name: &ObjectName, errno: Errno) -> io::Result<Fault> {
    Ok(match errno {
        Errno::NOENT => Fault::Missing(*name),
        Errno::LOOP => Fault::NoFile(*name, "a symbolic link"),
        Errno::NXIO => Fault::NoFile(*name, "a socket or pipe"),
        Errno::NOTDIR => Fault::NoFile(*name, "below something that is no folder"),
        Errno::ACCESS | Errno::IO => Fault::Unreadable(*name, io::Error::from(errno).to_string()),
        errno => return Err(errno.into()),
    })
}

fn kind(stat: &Stat) -> &'static str {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => "a folder",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        _ => "a device",
    }
}
