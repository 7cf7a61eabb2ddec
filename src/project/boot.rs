//! Which boot of the machine this is.
//!
//! Files that were written without an `fsync` are on disk for certain once the machine has gone down cleanly, and may be
//! empty after it has not. Comparing boots is how deka knows which files to doubt; clocks are not asked, since they jump.

/// The number that the kernel gives to each boot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BootId(pub [u8; 16]);

const FILE: &str = "/proc/sys/kernel/random/boot_id";

impl BootId {
    /// Returns this boot's number; nothing where the system has none.
    pub fn current() -> Option<BootId> {
        BootId::parse(&std::fs::read(FILE).ok()?)
    }

    fn parse(text: &[u8]) -> Option<BootId> {
        let digits = text.iter().filter(|byte| byte.is_ascii_hexdigit());
        let mut id = [0_u8; 16];
        let mut count = 0;
        for digit in digits {
            let value = u8::try_from(char::from(*digit).to_digit(16)?).ok()?;
            let byte = id.get_mut(count / 2)?;
            *byte = *byte << 4 | value;
            count += 1;
        }
        (count == 32).then_some(BootId(id))
    }
}

#[cfg(test)]
mod tests {
    use super::BootId;

    #[test]
    fn reads_the_kernels_form_only() {
        let id = BootId::parse(b"00112233-4455-6677-8899-aabbccddeeff\n").expect("an id");
        assert_eq!(id.0[..3], [0x00, 0x11, 0x22]);
        assert_eq!(id.0[15], 0xff);
        assert_eq!(BootId::parse(b""), None);
        assert_eq!(BootId::parse(b"00112233-4455-6677-8899-aabbccddee"), None);
        assert_eq!(BootId::parse(b"00112233-4455-6677-8899-aabbccddeeff00"), None);
    }
}
