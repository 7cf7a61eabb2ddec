//! Which version of node is installed, for checking `engines`.
//!
//! Starting node costs more than everything else that a small install does. Its own distributions, and most packagers, put
//! headers beside the binary that say the version. Where there are none it is asked once, and the answer is kept in the
//! cache together with the stamp of the binary that gave it.

use super::ask::{Asked, ask};
use super::env::Env;
use super::stamp::FileStamp;
use crate::fs::{self, Stat};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file in the cache folder. One line: version, size, time and number of the binary, and its path last.
const FILE: &str = "node-version";
/// Where the headers are, seen from the folder that has `bin`.
const HEADER: &str = "include/node/node_version.h";
/// How far the times of the binary and of its headers lie apart at most. Headers of another release were built on another
/// day.
const TOGETHER_NS: u64 = 24 * 60 * 60 * 1_000_000_000;
/// How long node may take to say its version.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Returns the version of the node that is on `PATH`, if its headers say it, or it was asked before and is still the same
/// binary.
pub fn known_version(env: &Env, cache_dir: &Path) -> Option<String> {
    let (node, stat) = binary(env)?;
    if let Some(version) = version_in_headers(&node, stat) {
        return Some(version);
    }
    let kept = fs::read_if_there(&cache_dir.join(FILE)).ok().flatten()?;
    recall(&kept, &node, stat)
}

/// Returns the version of the node that is on `PATH`, without a `v`; nothing when there is none or it does not say.
pub fn node_version(env: &Env, cache_dir: &Path) -> Option<String> {
    if let Some(version) = known_version(env, cache_dir) {
        return Some(version);
    }
    let (node, stat) = binary(env)?;
    let cwd = node.parent().unwrap_or(Path::new("/"));
    let answer = ask(&Asked { program: &node, arguments: &["--version"], env, cwd, timeout: TIMEOUT }).ok()?;
    let version = answer.trim().trim_start_matches('v');
    if !version.starts_with(|first: char| first.is_ascii_digit()) || version.contains(char::is_whitespace) {
        return None;
    }
    // A cache that cannot be written only means that node is asked again.
    let text = line(version, &node, stat);
    let _ = fs::create_dir_all(cache_dir).and_then(|()| fs::write_atomic(&cache_dir.join(FILE), text.as_bytes()));
    Some(version.to_owned())
}

/// Returns the real binary, so that a version manager that moves a link is noticed, and what a stat says of it.
fn binary(env: &Env) -> Option<(PathBuf, Stat)> {
    let node = std::fs::canonicalize(env.find_program("node")?).ok()?;
    let stat = FileStamp::of_written(&node).stat?;
    Some((node, stat))
}

/// Reads the version in the headers that came with a binary. Only a release is told from others by three numbers.
fn version_in_headers(node: &Path, stat: Stat) -> Option<String> {
    let header = node.parent()?.parent()?.join(HEADER);
    let found = FileStamp::of_written(&header).stat?;
    if found.mtime_ns.abs_diff(stat.mtime_ns) > TOGETHER_NS {
        return None;
    }
    let text = fs::read_if_there(&header).ok().flatten()?;
    let text = std::str::from_utf8(&text).ok()?;
    let number = |name: &str| {
        let mut values = text.lines().filter_map(|line| line.strip_prefix("#define ")?.trim_start().strip_prefix(name));
        values.next()?.trim().parse::<u32>().ok()
    };
    if number("NODE_VERSION_IS_RELEASE ")? != 1 {
        return None;
    }
    let [major, minor, patch] = ["NODE_MAJOR_VERSION ", "NODE_MINOR_VERSION ", "NODE_PATCH_VERSION "].map(number);
    Some(format!("{}.{}.{}", major?, minor?, patch?))
}

fn line(version: &str, node: &Path, stat: Stat) -> String {
    format!("{version} {} {} {} {}\n", stat.size, stat.mtime_ns, stat.inode, node.display())
}

fn recall(kept: &[u8], node: &Path, stat: Stat) -> Option<String> {
    let kept = std::str::from_utf8(kept).ok()?;
    let version = kept.split(' ').next()?;
    (kept == line(version, node, stat)).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{known_version, node_version};
    use crate::project::env::Env;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    fn write_node(folder: &Path, version: &str) {
        let node = folder.join("bin/node");
        let script = format!("#!/bin/sh\necho asked >> {}\necho {version}\n", folder.join("log").display());
        // A new file, since the old one may still be in use by the kernel.
        let _ = fs::remove_file(&node);
        fs::write(&node, script).expect("a file");
        fs::set_permissions(&node, fs::Permissions::from_mode(0o755)).expect("permissions");
    }

    #[test]
    fn headers_of_the_same_day_spare_the_question() {
        let folder = tempfile::tempdir().expect("a folder");
        let include = folder.path().join("include/node");
        fs::create_dir_all(&include).expect("a folder");
        fs::create_dir(folder.path().join("bin")).expect("a folder");
        let env = Env::from_iter([("PATH", folder.path().join("bin").display().to_string())]);
        let cache = folder.path().join("cache");
        write_node(folder.path(), "v20.1.0");
        let header = include.join("node_version.h");
        let lines = |release: u8| {
            let numbers = "#define NODE_MAJOR_VERSION 24\n#define NODE_MINOR_VERSION 3\n#define NODE_PATCH_VERSION 10\n";
            format!("#ifndef X\n{numbers}#define NODE_VERSION_IS_LTS 0\n#define NODE_VERSION_IS_RELEASE {release}\n")
        };
        fs::write(&header, lines(1)).expect("a file");
        assert_eq!(known_version(&env, &cache).as_deref(), Some("24.3.10"));
        fs::write(&header, lines(0)).expect("a file");
        assert_eq!(known_version(&env, &cache), None, "a build of somebody's own");
        fs::write(&header, lines(1)).expect("a file");
        let older = SystemTime::now() - Duration::from_secs(3 * 24 * 60 * 60);
        fs::File::options().write(true).open(&header).and_then(|file| file.set_modified(older)).expect("a time");
        assert_eq!(known_version(&env, &cache), None, "headers of another node");
    }

    #[test]
    fn asks_once_for_each_binary() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("bin")).expect("a folder");
        let path = format!("relative:{}:/usr/bin:/bin", folder.path().join("bin").display());
        let env = Env::from_iter([("PATH", path)]);
        let cache = folder.path().join("cache");
        let asked = || fs::read_to_string(folder.path().join("log")).unwrap_or_default().lines().count();
        write_node(folder.path(), "v20.1.0");
        for _ in 0..3 {
            assert_eq!(node_version(&env, &cache).as_deref(), Some("20.1.0"));
        }
        assert_eq!(asked(), 1);
        write_node(folder.path(), "v22.10.0");
        assert_eq!(node_version(&env, &cache).as_deref(), Some("22.10.0"));
        assert_eq!(asked(), 2);
        write_node(folder.path(), "something else");
        assert_eq!(node_version(&env, &cache), None);
        assert_eq!(node_version(&Env::default(), &cache), None);
    }
}
