//! How the system's allocator takes memory from the kernel, and gives it back.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod gnu {
    const MIB: libc::c_int = 1 << 20;

    pub fn prepare() {
        for (option, value) in [(libc::M_TOP_PAD, 2 * MIB), (libc::M_MMAP_THRESHOLD, 64 * MIB), (libc::M_TRIM_THRESHOLD, 256 * MIB)] {
            // SAFETY: no other thread has been started, and a value that is refused changes nothing.
            unsafe { libc::mallopt(option, value) };
        }
    }

    pub fn give_back() {
        // SAFETY: it may be called at any time, from any thread; what is in use stays as it is.
        unsafe { libc::malloc_trim(0) };
    }
}

/// Has the allocator ask the kernel for memory rarely and in large parts. Each time it asks, all threads that touch new
/// memory wait for it, and while a lockfile is read that is all of them. To be called before there are other threads.
pub fn prepare() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    gnu::prepare();
}

/// Gives memory back that is not in use. The kernel does the same when the process ends, but then nobody else can do
/// anything beside it.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    gnu::give_back();
}
