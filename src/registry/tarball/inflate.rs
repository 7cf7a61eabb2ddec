//! Gzip of a whole body in one step, into a buffer that each thread keeps.
//!
//! libdeflate is the fastest for small bodies, of which there are most, since it always sees all of the input and all of
//! the output. Large bodies are inflated by [`super::deflate`]. The safe binding does not say how much of the input a
//! member took, and without that a second member, or rubbish behind the first, goes unseen. So the one function that
//! does is called here.

use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// What a body inflates to.
pub(crate) enum Inflated<'a> {
    /// All of its bytes.
    Whole(&'a [u8]),
    /// More bytes than were allowed.
    TooLarge,
    /// It is damaged; the text says how.
    Damaged(String),
}

/// The most that one byte of deflate can stand for: a claim above is a lie, and no memory is spent on it.
const EXPANSION_MAX: usize = 1032;
/// The most bytes of buffer that a thread keeps for the next body. What is larger is of use to others meanwhile.
const KEPT_BYTES: usize = 2 << 20;

thread_local! {
    static WORKSPACE: RefCell<Option<Workspace>> = const { RefCell::new(None) };
}

struct Workspace {
    decoder: Decoder,
    /// Room, which is not cleared before it is written to.
    buffer: Vec<u8>,
}

/// Inflates all members of a gzip body of at most `limit_bytes` and shows the outcome to `look`. The bytes live in a
/// buffer of this thread, which is why they cannot be kept.
pub(crate) fn with_inflated<T>(packed: &[u8], limit_bytes: usize, look: impl FnOnce(Inflated<'_>) -> T) -> T {
    let kept = WORKSPACE.take().or_else(|| Some(Workspace { decoder: Decoder::new()?, buffer: Vec::new() }));
    let Some(mut workspace) = kept else {
        return look(Inflated::Damaged("there is no memory to inflate it".to_owned()));
    };
    workspace.buffer.clear();
    let answer = match inflate(&mut workspace, packed, limit_bytes) {
        Ok(()) => look(Inflated::Whole(&workspace.buffer)),
        Err(Failure::TooLarge) => look(Inflated::TooLarge),
        Err(Failure::Damaged(reason)) => look(Inflated::Damaged(reason.to_owned())),
    };
    if workspace.buffer.capacity() > KEPT_BYTES {
        workspace.buffer = Vec::new();
    }
    WORKSPACE.set(Some(workspace));
    answer
}

enum Failure {
    TooLarge,
    Damaged(&'static str),
}

/// Inflates all members into the buffer, which is empty.
fn inflate(Workspace { decoder, buffer }: &mut Workspace, packed: &[u8], limit_bytes: usize) -> Result<(), Failure> {
    let ceiling = packed.len().saturating_mul(EXPANSION_MAX).min(limit_bytes);
    // The last four bytes are the size of the last member, which is nearly always the only one.
    let claim = packed.last_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size) as usize);
    if claim > limit_bytes && claim <= packed.len().saturating_mul(EXPANSION_MAX) {
        return Err(Failure::TooLarge);
    }
    let wanted = claim.min(ceiling);
    if buffer.capacity() < wanted {
        // A vector that grows copies what it has room for.
        *buffer = Vec::with_capacity(wanted);
    }
    let mut rest = packed;
    loop {
        // A kept buffer may be longer than what is allowed here.
        let end = buffer.capacity().min(ceiling);
        let length = buffer.len();
        match decoder.member(rest, &mut buffer.spare_capacity_mut()[..end - length]) {
            Ok((taken, inflated)) => {
                rest = rest.get(taken..).unwrap_or_default();
                // SAFETY: the member's bytes have been written behind those that were there, as far as there was room.
                unsafe { buffer.set_len(length + inflated) };
            }
            Err(MemberError::NoSpace) if end >= ceiling => {
                return Err(if ceiling == limit_bytes { Failure::TooLarge } else { Failure::Damaged("its data cannot be read") });
            }
            Err(MemberError::NoSpace) => {
                let wanted = (end * 2).max(64 << 10).min(ceiling);
                buffer.reserve_exact(wanted - length);
                continue;
            }
            Err(MemberError::BadData) => return Err(Failure::Damaged("its data or checksum is wrong, or it ends too early")),
        }
        if rest.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        if rest[0] != 0x1f {
            return Err(Failure::Damaged("something stands behind its end"));
        }
    }
}

enum MemberError {
    NoSpace,
    BadData,
}

/// A decoder of libdeflate.
struct Decoder(NonNull<libdeflate_sys::libdeflate_decompressor>);

impl Decoder {
    /// Returns nothing when there is no memory.
    fn new() -> Option<Decoder> {
        // SAFETY: the function has no precondition; it answers null when it fails.
        NonNull::new(unsafe { libdeflate_sys::libdeflate_alloc_decompressor() }).map(Decoder)
    }

    /// Inflates the first member of `packed` and checks its CRC-32 and size; returns the bytes taken and written.
    fn member(&mut self, packed: &[u8], out: &mut [MaybeUninit<u8>]) -> Result<(usize, usize), MemberError> {
        let (mut taken, mut written) = (0usize, 0usize);
        // SAFETY: the decoder is live and borrowed alone; both slices are passed with their own lengths, libdeflate reads
        // and writes only within them, of `out` nothing that it has not written, and the two counters outlive the call.
        let result = unsafe {
            libdeflate_sys::libdeflate_gzip_decompress_ex(
                self.0.as_ptr(),
                packed.as_ptr().cast(),
                packed.len(),
                out.as_mut_ptr().cast(),
                out.len(),
                &mut taken,
                &mut written,
            )
        };
        match result {
            libdeflate_sys::libdeflate_result_LIBDEFLATE_SUCCESS => Ok((taken, written)),
            libdeflate_sys::libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE => Err(MemberError::NoSpace),
            _ => Err(MemberError::BadData),
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `libdeflate_alloc_decompressor` and is freed once, here.
        unsafe { libdeflate_sys::libdeflate_free_decompressor(self.0.as_ptr()) }
    }
}
