//! The machine that packages are installed for.
//!
//! npm's words for systems and processors differ from Rust's. Which C library counts is that of node, not that of deka,
//! which may be linked to none; since node is not asked (that would cost more than the rest of the install), the dynamic
//! loaders on disk decide. A machine that has both kinds is what its distribution is: Alpine is musl even with a
//! compatibility package for glibc.

use super::settings::Architectures;
use crate::package::platform::Host;
use std::path::Path;

/// Folders of dynamic loaders, relative to the root of the system.
const LOADER_FOLDERS: [&str; 3] = ["lib64", "lib", "lib32"];
/// Marks a machine whose own C library is musl.
const ALPINE: &str = "etc/alpine-release";

/// Returns the machine that packages are wanted for. Without wishes it is this one.
pub fn host(wanted: &Architectures) -> Host {
    host_at(wanted, Path::new("/"))
}

fn host_at(wanted: &Architectures, root: &Path) -> Host {
    let libc = if os() == "linux" {
        merge(&wanted.libc, libc(root))
    } else {
        wanted.libc.iter().filter(|name| *name != "current").cloned().collect()
    };
    Host { os: merge(&wanted.os, os()), cpu: merge(&wanted.cpu, cpu()), libc }
}

fn merge(wanted: &[String], current: &str) -> Vec<String> {
    if wanted.is_empty() {
        return vec![current.to_owned()];
    }
    let mut merged: Vec<String> = Vec::with_capacity(wanted.len());
    for name in wanted.iter().map(|name| if name == "current" { current } else { name }) {
        if !merged.iter().any(|known| known == name) {
            merged.push(name.to_owned());
        }
    }
    merged
}

/// Returns this operating system in npm's words.
pub fn os() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        "solaris" | "illumos" => "sunos",
        other => other,
    }
}

/// Returns this processor in npm's words.
pub fn cpu() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "x64",
        "x86" => "ia32",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64",
        "loongarch64" => "loong64",
        "mips" if cfg!(target_endian = "little") => "mipsel",
        other => other,
    }
}

fn libc(root: &Path) -> &'static str {
    let (mut glibc, mut musl) = (false, false);
    // Two names in three folders: asking for them is quicker than reading a folder that may hold thousands.
    for folder in LOADER_FOLDERS {
        glibc |= GLIBC_LOADERS.iter().any(|name| root.join(folder).join(name).exists());
        musl |= MUSL_PROCESSORS.iter().any(|name| root.join(folder).join(format!("ld-musl-{name}.so.1")).exists());
    }
    if musl && (!glibc || root.join(ALPINE).exists()) { "musl" } else { "glibc" }
}

/// The loaders of glibc on the processors that node runs on.
const GLIBC_LOADERS: &[&str] = match std::env::consts::ARCH.as_bytes() {
    b"x86_64" => &["ld-linux-x86-64.so.2"],
    b"x86" => &["ld-linux.so.2"],
    b"aarch64" => &["ld-linux-aarch64.so.1"],
    b"arm" => &["ld-linux-armhf.so.3", "ld-linux.so.3"],
    b"powerpc64" => &["ld64.so.2", "ld64.so.1"],
    b"s390x" => &["ld64.so.1"],
    b"riscv64" => &["ld-linux-riscv64-lp64d.so.1"],
    b"loongarch64" => &["ld-linux-loongarch-lp64d.so.1"],
    _ => &["ld-linux.so.2"],
};

/// What musl calls the processors that node runs on.
const MUSL_PROCESSORS: &[&str] = match std::env::consts::ARCH.as_bytes() {
    b"x86" => &["i386"],
    b"arm" => &["armhf", "arm"],
    b"powerpc64" => &["powerpc64le", "powerpc64"],
    b"aarch64" => &["aarch64"],
    b"s390x" => &["s390x"],
    b"riscv64" => &["riscv64"],
    b"loongarch64" => &["loongarch64"],
    _ => &["x86_64"],
};

#[cfg(test)]
mod tests {
    use super::{ALPINE, Architectures, GLIBC_LOADERS, MUSL_PROCESSORS, cpu, host_at, libc, os};
    use std::path::Path;

    fn machine(files: &[String]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, "").expect("a file");
        }
        root
    }

    #[test]
    fn tells_the_c_library_from_the_loaders() {
        let glibc = |folder: &str| format!("{folder}/{}", GLIBC_LOADERS[0]);
        let musl = format!("lib/ld-musl-{}.so.1", MUSL_PROCESSORS[0]);
        for (files, want) in [
            (vec![glibc("lib64")], "glibc"),
            (vec![glibc("lib")], "glibc"),
            (vec![musl.clone(), ALPINE.to_owned()], "musl"),
            (vec![musl.clone()], "musl"),
            (vec![musl.clone(), glibc("lib"), ALPINE.to_owned()], "musl"),
            (vec![musl.clone(), glibc("lib")], "glibc"),
            (vec![musl, glibc("lib64")], "glibc"),
            (vec![], "glibc"),
        ] {
            assert_eq!(libc(machine(&files).path()), want, "{files:?}");
        }
    }

    #[test]
    fn wishes_add_to_the_current_machine_or_replace_it() {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let none = host_at(&Architectures::default(), Path::new("/"));
        assert_eq!((none.os, none.cpu), (list(&[os()]), list(&[cpu()])));
        let wanted = Architectures { os: list(&["current", "win32", os()]), cpu: list(&["s390x"]), libc: list(&["musl"]) };
        let host = host_at(&wanted, Path::new("/"));
        assert_eq!((host.os, host.cpu, host.libc), (list(&[os(), "win32"]), list(&["s390x"]), list(&["musl"])));
    }
}
