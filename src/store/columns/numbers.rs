//! A number for each document of a segment ↔ bytes.
//!
//! Blocks of 128 numbers, each as the lowest and what the others are above it, or, where that is smaller,
//! as the first and the steps from each to the next; either in as many bits as the largest needs. What is
//! the same all along a block takes no more than its beginning.

use std::ops::Range;

use tantivy::DocId;
use tantivy::directory::OwnedBytes;

use super::super::packed;

/// Numbers of a block.
pub(in super::super) const BLOCK: usize = 128;
/// In the first byte of a block: it has steps. The rest of the byte is how many bits each takes.
const STEPS: u8 = 0x80;
/// More bits than that do not come with one load, and are 64.
const MOST_BITS: u32 = 56;
/// Behind the last block, so that eight bytes can be loaded wherever a number begins.
const PADDING_BYTES: usize = 8;

/// Packs the numbers.
#[derive(Default)]
pub(super) struct NumbersWriter {
    blocks: Vec<u8>,
    /// Where each block begins.
    places: Vec<u8>,
    open: Vec<i64>,
}

impl NumbersWriter {
    pub(super) fn push(&mut self, number: i64) {
        self.open.push(number);
        if self.open.len() == BLOCK {
            self.end_block();
        }
    }

    fn end_block(&mut self) {
        let (Some(first), Some(lowest), Some(highest)) =
            (self.open.first().copied(), self.open.iter().copied().min(), self.open.iter().copied().max())
        else {
            return;
        };
        self.places.extend_from_slice(&(self.blocks.len() as u32).to_le_bytes());
        // Differences wrap around: read back, they do so, too.
        let step = |pair: &[i64]| pair[1].wrapping_sub(pair[0]);
        let lowest_step = self.open.windows(2).map(step).min().unwrap_or_default();
        let highest_step = self.open.windows(2).map(step).max().unwrap_or_default();
        let width = |low: i64, high: i64| match 64 - (high.wrapping_sub(low) as u64).leading_zeros() {
            bits if bits > MOST_BITS => 64,
            bits => bits,
        };
        let (bits, step_bits) = (width(lowest, highest), width(lowest_step, highest_step));
        if step_bits < bits {
            self.blocks.push(STEPS | step_bits as u8);
            packed::put(zigzag(first), &mut self.blocks);
            packed::put(zigzag(lowest_step), &mut self.blocks);
            let steps = self.open.windows(2).map(step);
            pack(steps.map(|step| step.wrapping_sub(lowest_step) as u64), step_bits, &mut self.blocks);
        } else {
            self.blocks.push(bits as u8);
            packed::put(zigzag(lowest), &mut self.blocks);
            pack(self.open.iter().map(|number| number.wrapping_sub(lowest) as u64), bits, &mut self.blocks);
        }
        self.open.clear();
    }

    /// Bytes of memory.
    pub(super) fn mem_usage(&self) -> usize {
        self.blocks.capacity() + self.places.capacity() + self.open.capacity() * size_of::<i64>()
    }

    /// Appends all that was packed.
    pub(super) fn finish(mut self, bytes: &mut Vec<u8>) {
        self.end_block();
        bytes.append(&mut self.blocks);
        bytes.extend_from_slice(&[0; PADDING_BYTES]);
        bytes.append(&mut self.places);
    }
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn from_zigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

fn pack(numbers: impl Iterator<Item = u64>, bits: u32, bytes: &mut Vec<u8>) {
    if bits == 64 {
        return numbers.for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
    }
    let mut writer = packed::BitWriter::default();
    for number in numbers {
        writer.put(number, bits, bytes);
    }
    writer.finish(bytes);
}

/// The number of each document. What a damaged file holds is some number.
#[derive(Clone)]
pub(in super::super) struct Numbers {
    blocks: OwnedBytes,
    places: OwnedBytes,
    count: usize,
}

impl Numbers {
    /// So many numbers; none where the file is not what was written.
    pub(super) fn open(bytes: &OwnedBytes, count: DocId) -> Option<Self> {
        let count = count as usize;
        let places_at = bytes.len().checked_sub(count.div_ceil(BLOCK) * 4)?;
        let is_padded = places_at >= PADDING_BYTES;
        is_padded.then(|| Self {
            blocks: bytes.slice(0..places_at),
            places: bytes.slice(places_at..bytes.len()),
            count,
        })
    }

    /// How many blocks there are.
    pub(in super::super) fn block_count(&self) -> usize {
        self.count.div_ceil(BLOCK)
    }

    /// Reads a block; answers how many numbers it has, and whether they are what was written.
    pub(in super::super) fn read(&self, block: usize, numbers: &mut [i64; BLOCK]) -> (usize, bool) {
        let count = self.count.saturating_sub(block * BLOCK).min(BLOCK);
        let is_whole = self.try_read(block, &mut numbers[..count]).is_some();
        if !is_whole {
            numbers.fill(0);
        }
        (count, is_whole)
    }

    fn try_read(&self, block: usize, numbers: &mut [i64]) -> Option<()> {
        let place = packed::u32_at(&self.places, block * 4)? as usize;
        let (first, mut rest) = self.blocks.get(place..)?.split_first()?;
        let bits = u32::from(first & !STEPS);
        let base = from_zigzag(packed::take(&mut rest)?);
        if first & STEPS == 0 {
            if bits == 0 {
                numbers.fill(base);
                return Some(());
            }
            return unpack(rest, bits, numbers, |above| base.wrapping_add(above as i64));
        }
        let lowest_step = from_zigzag(packed::take(&mut rest)?);
        let (first, others) = numbers.split_first_mut()?;
        *first = base;
        let mut last = base;
        unpack(rest, bits, others, |above| {
            last = last.wrapping_add(lowest_step).wrapping_add(above as i64);
            last
        })
    }
}

fn unpack(bytes: &[u8], bits: u32, numbers: &mut [i64], mut number: impl FnMut(u64) -> i64) -> Option<()> {
    if bits > MOST_BITS {
        for (at, slot) in numbers.iter_mut().enumerate() {
            *slot = number(packed::u64_at(bytes, at * 8)?);
        }
        return Some(());
    }
    let mask = (1_u64 << bits) - 1;
    // What is loaded last, before the loop, so that nothing is checked in it.
    let end = numbers.len().saturating_sub(1) * bits as usize / 8 + 8;
    let bytes = bytes.get(..end)?;
    let mut at = 0;
    for slot in numbers {
        let word = u64::from_le_bytes(bytes.get(at / 8..at / 8 + 8)?.try_into().ok()?);
        *slot = number(word >> (at % 8) & mask);
        at += bits as usize;
    }
    Some(())
}

/// Reads numbers one after the other, or here and there.
pub(in super::super) struct Cursor {
    numbers: Numbers,
    documents: Range<DocId>,
    block: [i64; BLOCK],
    is_damaged: bool,
}

impl Cursor {
    pub(in super::super) fn new(numbers: &Numbers) -> Self {
        Self { numbers: numbers.clone(), documents: 0..0, block: [0; BLOCK], is_damaged: false }
    }

    /// The number of a document; 0 of one that there is not.
    #[inline]
    pub(in super::super) fn get(&mut self, document: DocId) -> i64 {
        if !self.documents.contains(&document) {
            let block = document as usize / BLOCK;
            let (count, is_whole) = self.numbers.read(block, &mut self.block);
            self.is_damaged |= !is_whole && count > 0;
            let start = (block * BLOCK) as DocId;
            self.documents = start..start + count as DocId;
            if !self.documents.contains(&document) {
                return 0;
            }
        }
        self.block[document as usize % BLOCK]
    }

    /// Whether a number that was asked for could not be read.
    pub(in super::super) fn is_damaged(&self) -> bool {
        self.is_damaged
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packed(numbers: &[i64]) -> OwnedBytes {
        let mut writer = NumbersWriter::default();
        numbers.iter().for_each(|number| writer.push(*number));
        let mut bytes = Vec::new();
        writer.finish(&mut bytes);
        OwnedBytes::new(bytes)
    }

    fn numbers() -> impl Strategy<Value = Vec<i64>> {
        let part = prop_oneof![
            (any::<i64>(), 1..300_usize).prop_map(|(number, len)| vec![number; len]),
            (0..1_i64 << 60, proptest::collection::vec(0..1_000_000_i64, 1..300)).prop_map(|(start, steps)| {
                steps
                    .into_iter()
                    .scan(start, |last, step| {
                        *last += step;
                        Some(*last)
                    })
                    .collect()
            }),
            proptest::collection::vec(0..300_i64, 1..300),
            proptest::collection::vec(any::<i64>(), 1..20),
        ];
        proptest::collection::vec(part, 0..4).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn numbers_survive_their_bytes(numbers in numbers(), places in proptest::collection::vec(any::<prop::sample::Index>(), 20)) {
            let column = Numbers::open(&packed(&numbers), numbers.len() as DocId).unwrap();
            let mut cursor = Cursor::new(&column);
            let read: Vec<_> = (0..numbers.len() as DocId).map(|document| cursor.get(document)).collect();
            prop_assert_eq!(&read, &numbers);
            for place in places {
                if !numbers.is_empty() {
                    let at = place.index(numbers.len());
                    prop_assert_eq!(cursor.get(at as DocId), numbers[at]);
                }
            }
            prop_assert_eq!(cursor.get(numbers.len() as DocId), 0);
        }

        #[test]
        fn damaged_bytes_are_some_numbers(numbers in numbers(), at in any::<prop::sample::Index>(), byte in any::<u8>(), end in any::<prop::sample::Index>()) {
            let mut bytes = packed(&numbers).to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes.truncate(end.index(bytes.len()) + 1);
            if let Some(column) = Numbers::open(&OwnedBytes::new(bytes), numbers.len() as DocId) {
                let mut cursor = Cursor::new(&column);
                for document in 0..numbers.len() as DocId {
                    cursor.get(document);
                }
            }
        }
    }

    #[test]
    fn what_is_the_same_or_rises_evenly_is_small() {
        let size = |numbers: &[i64]| packed(numbers).len() - PADDING_BYTES - 4;
        assert_eq!(size(&[7; 128]), 2);
        let even: Vec<i64> = (0..128).map(|n| 1_000_000_000_000 + n * 1_000).collect();
        assert_eq!(size(&even), 9);
        let few: Vec<i64> = (0..128).map(|n| n % 4).collect();
        assert_eq!(size(&few), 2 + 32);
    }
}
