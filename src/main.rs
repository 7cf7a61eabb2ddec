//! The `deka` program: arguments in, exit status out. The only place that exits.

use deka::cli::Cli;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let started = Instant::now();
    prepare_allocator();
    ExitCode::from(deka::commands::run(Cli::of_program(), started))
}

/// Has the allocator ask the kernel for memory rarely and in large parts. Each time it asks, all threads that touch new
/// memory wait for it, and while a lockfile is read that is all of them.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn prepare_allocator() {
    const MIB: libc::c_int = 1 << 20;
    for (option, value) in [(libc::M_TOP_PAD, 2 * MIB), (libc::M_MMAP_THRESHOLD, 64 * MIB), (libc::M_TRIM_THRESHOLD, 256 * MIB)] {
        // SAFETY: no other thread has been started, and a value that is refused changes nothing.
        unsafe { libc::mallopt(option, value) };
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn prepare_allocator() {}
