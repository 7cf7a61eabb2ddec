//! How the release program is linked, so that it starts quickly: a small install is over after a few milliseconds, and the
//! kernel maps and unmaps each page of the program that is touched. `benches/README.md` has the figures.
//!
//! Both things are worth doing only where programs are ELF files with glibc, and a linker that refuses one of them links
//! without it.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

/// Has the functions that every install runs stand next to each other.
const ORDER: &str = "link/first.ld";

/// What unwinds the stack, for backtraces: as a part of the program, not as a library that is looked up, mapped and
/// bound at each start.
const UNWINDER: &str = "static:-bundle=gcc_eh";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={ORDER}");
    let is = |name: &str, wanted: &str| env::var(name).is_ok_and(|value| value == wanted);
    if !(is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu")) {
        return;
    }
    if links_with(&["-l", UNWINDER]) {
        println!("cargo::rustc-link-lib={UNWINDER}");
    }
    let order = format!("-Wl,-T,{}", Path::new(&variable("CARGO_MANIFEST_DIR")).join(ORDER).display());
    if links_with(&["-C", &format!("link-arg={order}")]) {
        println!("cargo::rustc-link-arg-bin=deka={order}");
    }
}

/// Tries on an empty program whether the compiler and the linker of this build accept `arguments`.
fn links_with(arguments: &[&str]) -> bool {
    let folder = variable("OUT_DIR");
    let source = Path::new(&folder).join("empty.rs");
    if std::fs::write(&source, "fn main() {}").is_err() {
        return false;
    }
    let mut compiler = Command::new(variable("RUSTC"));
    compiler.arg(&source).args(["--out-dir", &folder, "--target", &variable("TARGET")]).args(arguments);
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        compiler.arg(format!("-Clinker={linker}"));
    }
    compiler.args(variable("CARGO_ENCODED_RUSTFLAGS").split('\x1f').filter(|flag| !flag.is_empty()));
    compiler.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// A variable that cargo sets for each build script.
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
