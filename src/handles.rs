//! The table of the files that this process has open.

/// How many an install has open at once, connections among them.
const USUAL: u64 = 1024;

/// Has the kernel make room for as many open files as an install needs, as far as the process may have them. When a
/// table grows that threads share, the kernel first waits until nobody can look at the old one, and so does every thread
/// that opens something: 12 milliseconds and more, in which nothing moves. To be called before there are other threads.
pub(crate) fn prepare() {
    let last =
        rustix::process::getrlimit(rustix::process::Resource::Nofile).current.map_or(USUAL, |most| most.min(USUAL)).saturating_sub(1);
    let Ok(last) = i32::try_from(last) else { return };
    // The highest number that a file may have makes room for all below it. Where it is refused the table grows later.
    drop(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), last));
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{USUAL, prepare};

    #[test]
    fn the_table_has_room_for_all_that_is_opened_later() {
        prepare();
        let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
        let status = std::fs::read_to_string("/proc/self/status").expect("what the kernel says of this process");
        let room = status.lines().find_map(|line| line.strip_prefix("FDSize:")).and_then(|size| size.trim().parse::<u64>().ok());
        assert!(room >= Some(most.min(USUAL)), "{room:?}");
    }
}
