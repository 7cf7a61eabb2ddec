//! What can happen to a machine: dice for the moment, limits, disks of every kind, users without rights. Where a fault
//! cannot be made, the reason is returned, for the test to print.

use super::env::{Run, TestEnv};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Somebody without root's rights, for whom a mode means something.
pub const NOBODY: u32 = 65_534;

/// Numbers that come by chance and come again with the same seed (SplitMix64).
pub struct Dice(u64);

impl Dice {
    /// Starts with `DEKA_TEST_SEED`, or with the number of the test.
    pub fn new(test: u64) -> Dice {
        Dice(variable("DEKA_TEST_SEED").unwrap_or(0).wrapping_add(test))
    }

    /// Returns a number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }

    /// Picks one of several.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}

/// Returns how many rounds a test of chance makes: `quick` of them, times `DEKA_TEST_ROUNDS`.
pub fn rounds(quick: u64) -> u64 {
    quick * variable("DEKA_TEST_ROUNDS").unwrap_or(1)
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Prepares a run of deka below a limit of the shell, such as `ulimit -n 64`.
pub fn limited(env: &TestEnv, limit: &str, arguments: &[&str]) -> Run {
    let shell = format!("{limit} && exec '{}' {}", env!("CARGO_BIN_EXE_deka"), arguments.join(" "));
    env.prepare_program(Path::new("/bin/sh"), ["-c", &shell])
}

/// Gives everything of a user to somebody who is not root, and prepares runs for them.
pub struct Unprivileged(PathBuf);

impl Unprivileged {
    /// Hands over the temporary folder. The binary may stand where nobody else can look, so they get a copy.
    pub fn new(env: &TestEnv) -> Unprivileged {
        let binary = env.at_root("project/deka");
        fs::copy(env!("CARGO_BIN_EXE_deka"), &binary).unwrap();
        let this = Unprivileged(binary);
        this.hand_over(env);
        this
    }

    /// Gives away what root has made since.
    pub fn hand_over(&self, env: &TestEnv) {
        if is_root() {
            run("chown", &["-R", &NOBODY.to_string(), &env.at_root("").to_string_lossy()]);
        }
    }

    /// Prepares a run of theirs.
    pub fn prepare(&self, env: &TestEnv, arguments: &[&str]) -> Run {
        env.prepare_program(&self.0, arguments).with(|command| {
            if is_root() {
                command.uid(NOBODY);
            }
        })
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Lets the owner of a folder write everything in it.
pub fn make_writable(folder: &Path) {
    run("chmod", &["-R", "u+w", &folder.to_string_lossy()]);
}

/// A file system of its own, gone when dropped.
pub struct Disk {
    place: PathBuf,
    image: Option<PathBuf>,
}

impl Disk {
    /// Mounts a small file system in memory, with options of tmpfs.
    pub fn in_memory(place: &Path, options: &str) -> Result<Disk, String> {
        fs::create_dir_all(place).unwrap();
        attempt("mount", &["-t", "tmpfs", "-o", options, "deka-test", &place.to_string_lossy()])?;
        Ok(Disk { place: place.to_owned(), image: None })
    }

    /// Makes a file system of a kind (`ext4`, `xfs`, `btrfs`) in a file beside the place, and mounts it there.
    pub fn in_file(place: &Path, kind: &str, size_bytes: u64) -> Result<Disk, String> {
        fs::create_dir_all(place).unwrap();
        let image = place.with_extension("image");
        fs::File::create(&image).unwrap().set_len(size_bytes).unwrap();
        let disk = Disk { place: place.to_owned(), image: Some(image.clone()) };
        attempt(&format!("mkfs.{kind}"), &["-q", &image.to_string_lossy()])?;
        attempt("mount", &["-t", kind, "-o", "loop", &image.to_string_lossy(), &place.to_string_lossy()])?;
        Ok(disk)
    }

    /// Makes a subvolume of btrfs: no file in it is a link to one outside.
    pub fn subvolume(place: &Path) {
        run("btrfs", &["subvolume", "create", &place.to_string_lossy()]);
    }

    /// Says whether all blocks of a file on btrfs belong to other files as well.
    pub fn is_shared(file: &Path) -> bool {
        run("sync", &[]);
        let usage = run("btrfs", &["filesystem", "du", "--raw", &file.to_string_lossy()]);
        let exclusive = usage.lines().last().and_then(|line| line.split_whitespace().nth(1));
        exclusive == Some("0")
    }

    /// Mounts a folder once more over itself, so that it can only be read.
    pub fn read_only(place: &Path) -> Result<Disk, String> {
        attempt("mount", &["--bind", &place.to_string_lossy(), &place.to_string_lossy()])?;
        let disk = Disk { place: place.to_owned(), image: None };
        attempt("mount", &["-o", "remount,ro,bind", &place.to_string_lossy()])?;
        Ok(disk)
    }

    /// Mounts it with other options.
    pub fn remount(&self, options: &str) {
        run("mount", &["-o", &format!("remount,{options}"), &self.place.to_string_lossy()]);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.place).output();
        self.image.iter().for_each(|image| drop(fs::remove_file(image)));
    }
}

/// Runs a program that may be missing or not allowed.
fn attempt(program: &str, arguments: &[&str]) -> Result<String, String> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let output = Command::new(program).args(arguments).env("PATH", path).output().map_err(|error| format!("{program}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(format!("{program}: {}", text(&output.stderr))) }
}

#[track_caller]
fn run(program: &str, arguments: &[&str]) -> String {
    attempt(program, arguments).unwrap()
}
