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

    pub fn reserve(bytes: usize) {
        // SAFETY: what was allocated is freed, and nothing is done with it in between.
        unsafe { libc::free(std::hint::black_box(libc::malloc(bytes))) };
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

/// Has the allocator ask the kernel at once for what this thread is going to need, of which nothing is taken before it is
/// used. The heaps of threads grow by no more than is wanted otherwise, each time as above.
pub(crate) fn reserve(bytes: usize) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    gnu::reserve(bytes);
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = bytes;
}

/// Gives memory back that is not in use. The kernel does the same when the process ends, but then nobody else can do
/// anything beside it.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    gnu::give_back();
}
