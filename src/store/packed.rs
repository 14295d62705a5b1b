//! Numbers and blocks ↔ bytes, for the files that we add to a segment.
//!
//! Whatever a damaged file holds, reading answers none, and neither panics nor asks for much memory.

use std::cell::RefCell;
use std::io;

use tantivy::TantivyError;
use tantivy::error::DataCorruption;
use zstd::bulk::{Compressor, Decompressor};

/// Level 1 is as fast as the lines come; higher levels gained nothing on logs.
const LEVEL: i32 = 1;
/// No block unpacks to more: the longest record is shorter by far.
const MAX_BLOCK_BYTES: usize = 1 << 30;

/// The error of a file whose content is not what was written.
pub(super) fn damaged(what: &str) -> TantivyError {
    DataCorruption::comment_only(what).into()
}

/// Appends codes of some bits each, the low bits first.
#[derive(Default)]
pub(super) struct BitWriter {
    word: u64,
    used: u32,
}

impl BitWriter {
    /// Appends the `len` bits of a code, 57 at most: less than a byte waits.
    #[inline]
    pub(super) fn put(&mut self, code: u64, len: u32, bytes: &mut Vec<u8>) {
        self.word |= code << self.used;
        self.used += len;
        while self.used >= 8 {
            bytes.push(self.word as u8);
            self.word >>= 8;
            self.used -= 8;
        }
    }

    /// Appends what waits.
    pub(super) fn finish(self, bytes: &mut Vec<u8>) {
        if self.used > 0 {
            bytes.push(self.word as u8);
        }
    }
}

/// Appends a number in as many bytes as it needs, seven bits each, the low ones first.
pub(super) fn put(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes a number from the beginning of `bytes`.
pub(super) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            *bytes = &bytes[at + 1..];
            return Some(number);
        }
    }
    None
}

/// The same of a number that is a length or a count in memory.
pub(super) fn take_usize(bytes: &mut &[u8]) -> Option<usize> {
    usize::try_from(take(bytes)?).ok()
}

/// Takes so many bytes from the beginning.
pub(super) fn take_bytes<'b>(bytes: &mut &'b [u8], len: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

/// The four bytes at `at` as a number, the low ones first.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// The eight bytes at `at` as a number, the low ones first.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

thread_local! {
    // Made once a thread: each has tables of its own, and they are dear.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The block in as few bytes as zstd finds.
pub(super) fn pack(block: &[u8]) -> io::Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        let compressor = match compressor {
            Some(compressor) => compressor,
            None => compressor.insert(Compressor::new(LEVEL)?),
        };
        compressor.compress(block)
    })
}

/// The block of so many bytes that was packed.
///
/// # Errors
/// It is not what was packed, or has another length.
pub(super) fn unpack(packed: &[u8], len: usize) -> tantivy::Result<Vec<u8>> {
    let said = zstd::zstd_safe::get_frame_content_size(packed);
    if len > MAX_BLOCK_BYTES || !matches!(said, Ok(Some(said)) if said == len as u64) {
        return Err(damaged("a block has another length than was written"));
    }
    DECOMPRESSOR.with_borrow_mut(|decompressor| {
        let decompressor = match decompressor {
            Some(decompressor) => decompressor,
            None => decompressor.insert(Decompressor::new()?),
        };
        match decompressor.decompress(packed, len) {
            Ok(block) if block.len() == len => Ok(block),
            Ok(_) => Err(damaged("a block has another length than was written")),
            Err(error) => Err(damaged(&format!("a block cannot be unpacked: {error}"))),
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_survive_their_bytes(numbers in proptest::collection::vec(any::<u64>().prop_flat_map(|n| (0..64_u32).prop_map(move |bits| n >> bits)), 0..20)) {
            let mut bytes = Vec::new();
            numbers.iter().for_each(|number| put(*number, &mut bytes));
            let mut rest = bytes.as_slice();
            let read: Vec<_> = std::iter::from_fn(|| take(&mut rest)).collect();
            prop_assert_eq!(read, numbers);
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn a_block_survives_packing(block in proptest::collection::vec(0..4_u8, 0..2_000)) {
            let packed = pack(&block).unwrap();
            prop_assert_eq!(unpack(&packed, block.len()).unwrap(), block.clone());
            prop_assert!(unpack(&packed, block.len() + 1).is_err());
            prop_assert!(unpack(&packed[..packed.len() - 1], block.len()).is_err());
        }
    }

    #[test]
    fn what_was_not_written_is_an_error() {
        assert_eq!(take(&mut [0x80; 3].as_slice()), None);
        assert_eq!(take(&mut [0xff; 12].as_slice()), None);
        assert_eq!(take_bytes(&mut [1, 2].as_slice(), 3), None);
        assert_eq!((u32_at(&[0; 7], 4), u64_at(&[0; 7], usize::MAX)), (None, None));
        assert!(unpack(b"no block", 8).is_err());
        assert!(unpack(&pack(b"x").unwrap(), usize::MAX).is_err());
    }
}
