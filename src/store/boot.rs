//! Which boot of the machine this is.
//!
//! Objects are written without an fsync each. As long as the machine runs they are right all the same: the kernel has
//! them. Only a later boot has to doubt them, and it knows that it is a later one by the kernel's boot id.

/// Where Linux tells its boot id.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Returns the id of this boot; nothing where the system has none, in which case every commit is synchronised instead.
pub(super) fn id() -> Option<String> {
    let text = std::fs::read_to_string(BOOT_ID).ok()?;
    let id = text.trim();
    (!id.is_empty() && id.len() <= 64).then(|| id.to_owned())
}
