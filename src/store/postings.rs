//! Documents in rising order ↔ bytes: those that have a word, or a keyword.
//!
//! Blocks of 128 documents, each in the smallest of three ways: nothing at all where they follow each
//! other without a gap, a bit for every document of their span, or Golomb-Rice codes of the gaps. Similar
//! records lie side by side, so most blocks of common words are of the first two kinds.
//!
//! Where there are several blocks, a list before them says of each how long it is and where it ends, so
//! that a reader goes past those that it does not need.

use tantivy::directory::OwnedBytes;
use tantivy::{DocId, DocSet, TERMINATED};

use super::packed;

/// Documents of a block.
const BLOCK: usize = 128;

/// The first byte of a block whose documents follow each other.
const RUN: u8 = 0xff;
/// The first byte of a block that has a bit for every document of its span.
const BITS: u8 = 0xfe;
/// A quotient of so much or more is not written: the whole gap is, in 32 bits.
const ESCAPE: u32 = 24;
/// The most low bits of a gap that stand apart. With the quotient they fit into what one load gives.
const MAX_LOW_BITS: u32 = 31;

/// Appends the documents, which rise.
pub(super) fn encode(documents: &[DocId], bytes: &mut Vec<u8>) {
    if documents.len() <= BLOCK {
        return encode_block(documents, 0, bytes);
    }
    let (mut list, mut blocks) = (Vec::new(), Vec::new());
    let mut base = 0;
    for block in documents.chunks(BLOCK) {
        let start = blocks.len();
        encode_block(block, base, &mut blocks);
        let end = block.last().map_or(base, |last| last + 1);
        packed::put(u64::from(end - base), &mut list);
        packed::put((blocks.len() - start) as u64, &mut list);
        base = end;
    }
    packed::put(list.len() as u64, bytes);
    bytes.extend_from_slice(&list);
    bytes.extend_from_slice(&blocks);
}

/// `base` is the first document that could be the block's first.
fn encode_block(documents: &[DocId], base: DocId, bytes: &mut Vec<u8>) {
    let Some(last) = documents.last() else { return };
    let span = last + 1 - base;
    if span as usize == documents.len() {
        return bytes.push(RUN);
    }
    let mut gaps = [0_u32; BLOCK];
    let gaps = &mut gaps[..documents.len()];
    let mut next = base;
    for (gap, document) in gaps.iter_mut().zip(documents) {
        *gap = document - next;
        next = document + 1;
    }
    let (low_bits, cost) = low_bits(gaps);
    if u64::from(span) <= cost {
        bytes.push(BITS);
        let start = bytes.len();
        bytes.resize(start + span.div_ceil(8) as usize, 0);
        for document in documents {
            let at = (document - base) as usize;
            bytes[start + at / 8] |= 1 << (at % 8);
        }
        return;
    }
    bytes.push(low_bits as u8);
    let mut writer = packed::BitWriter::default();
    for gap in &*gaps {
        let quotient = gap >> low_bits;
        let (code, len) = if quotient < ESCAPE {
            let low = u64::from(gap & ((1 << low_bits) - 1));
            ((1 << quotient) | low << (quotient + 1), quotient + 1 + low_bits)
        } else {
            (1 << ESCAPE | u64::from(*gap) << (ESCAPE + 1), ESCAPE + 1 + 32)
        };
        writer.put(code, len, bytes);
    }
    writer.finish(bytes);
}

/// How many low bits of each gap stand apart where that is cheapest, and how many bits all cost then.
fn low_bits(gaps: &[u32]) -> (u32, u64) {
    let lengths: u32 = gaps.iter().map(|gap| u32::BITS - gap.leading_zeros()).sum();
    let middle = lengths / gaps.len() as u32;
    let cost = |low_bits: u32| -> u64 {
        let of_gap = |gap: &u32| match gap >> low_bits {
            quotient if quotient < ESCAPE => quotient + 1 + low_bits,
            _ => ESCAPE + 1 + 32,
        };
        gaps.iter().map(|gap| u64::from(of_gap(gap))).sum()
    };
    let choices = middle.saturating_sub(2)..=middle.min(MAX_LOW_BITS);
    choices.map(|low_bits| (low_bits, cost(low_bits))).min_by_key(|(_, cost)| *cost).unwrap_or((0, u64::MAX))
}

/// Reads a block of `count` documents behind `base`; none where it is damaged.
fn decode_block(bytes: &[u8], base: DocId, count: usize, documents: &mut [DocId; BLOCK]) -> Option<()> {
    let (&kind, bytes) = bytes.split_first()?;
    let documents = documents.get_mut(..count)?;
    let mut next = base;
    match kind {
        RUN => {
            for document in documents {
                *document = next;
                next = next.checked_add(1)?;
            }
        }
        BITS => {
            let mut filled = documents.iter_mut();
            let mut slot = filled.next();
            for part in bytes.chunks(8) {
                let mut word = [0; 8];
                word[..part.len()].copy_from_slice(part);
                let mut word = u64::from_le_bytes(word);
                while word != 0 {
                    let Some(document) = slot else { return Some(()) };
                    *document = next.checked_add(word.trailing_zeros())?;
                    word &= word - 1;
                    slot = filled.next();
                }
                next = next.checked_add(64)?;
            }
            if slot.is_some() {
                return None;
            }
        }
        low_bits => {
            let low_bits = u32::from(low_bits);
            if low_bits > MAX_LOW_BITS {
                return None;
            }
            let mask = (1_u64 << low_bits) - 1;
            let mut at = 0_usize;
            for document in documents {
                let word = load(bytes, at / 8)? >> (at % 8);
                let quotient = word.trailing_zeros();
                let (gap, bits) = match quotient {
                    ESCAPE => ((word >> (ESCAPE + 1)) as u32, ESCAPE + 1 + 32),
                    0..ESCAPE => {
                        let low = (word >> (quotient + 1) & mask) as u32;
                        (quotient << low_bits | low, quotient + 1 + low_bits)
                    }
                    _ => return None,
                };
                at += bits as usize;
                *document = next.checked_add(gap)?;
                next = document.checked_add(1)?;
            }
        }
    }
    Some(())
}

/// Eight bytes from `at` on; what is missing at the end is zero.
fn load(bytes: &[u8], at: usize) -> Option<u64> {
    if let Some(word) = bytes.get(at..at + 8) {
        return word.try_into().ok().map(u64::from_le_bytes);
    }
    let part = bytes.get(at..)?;
    let mut word = [0; 8];
    word[..part.len()].copy_from_slice(part);
    Some(u64::from_le_bytes(word))
}

/// Walks through packed documents.
///
/// What a damaged file says is not believed: the walk ends where it cannot be read, or leads to a
/// document that there is none of.
#[derive(Clone)]
pub(super) struct Postings {
    bytes: OwnedBytes,
    /// Where the list of blocks goes on.
    list: std::ops::Range<usize>,
    /// Where the next block begins.
    block_at: usize,
    /// The first document that could be the next block's first.
    base: DocId,
    /// Documents of the blocks that were not reached.
    left: usize,
    max_doc: DocId,
    documents: [DocId; BLOCK],
    len: usize,
    at: usize,
    is_damaged: bool,
}

impl Postings {
    /// The `count` documents in `bytes`; all are below `max_doc`.
    pub(super) fn new(bytes: OwnedBytes, count: u32, max_doc: DocId) -> Self {
        let mut postings = Self {
            list: 0..0,
            block_at: 0,
            base: 0,
            left: count as usize,
            max_doc,
            documents: [0; BLOCK],
            len: 0,
            at: 0,
            is_damaged: false,
            bytes,
        };
        if postings.left > BLOCK {
            let mut rest = postings.bytes.as_slice();
            let list = packed::take_usize(&mut rest).filter(|len| *len <= rest.len());
            let start = postings.bytes.len() - rest.len();
            let Some(len) = list else {
                postings.damaged();
                return postings;
            };
            postings.list = start..start + len;
            postings.block_at = start + len;
        }
        postings.load_block(0);
        postings
    }

    /// One document, for a word that no other has.
    pub(super) fn one(document: DocId, max_doc: DocId) -> Self {
        let mut documents = [0; BLOCK];
        documents[0] = document;
        Self {
            bytes: OwnedBytes::empty(),
            list: 0..0,
            block_at: 0,
            base: 0,
            left: 0,
            max_doc,
            documents,
            len: usize::from(document < max_doc),
            at: 0,
            is_damaged: document >= max_doc,
        }
    }

    /// Whether the documents ended before they should have.
    pub(super) fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// Appends the documents that were not reached.
    pub(super) fn take_all(&mut self, documents: &mut Vec<DocId>) {
        while self.at < self.len {
            documents.extend_from_slice(&self.documents[self.at..self.len]);
            self.load_block(0);
        }
    }

    /// Goes on with the block that `target` may be in.
    fn load_block(&mut self, target: DocId) {
        (self.at, self.len) = (0, 0);
        while self.left > 0 {
            let count = self.left.min(BLOCK);
            let (end, bytes) = if self.list.is_empty() {
                (None, self.block_at..self.bytes.len())
            } else {
                let mut list = self.bytes.get(self.list.clone()).unwrap_or_default();
                let (Some(span), Some(len)) = (packed::take(&mut list), packed::take_usize(&mut list)) else {
                    return self.damaged();
                };
                self.list.start = self.list.end - list.len();
                let end = u32::try_from(span).ok().and_then(|span| self.base.checked_add(span));
                let bytes = self.block_at..self.block_at.saturating_add(len);
                self.block_at = bytes.end;
                (end, bytes)
            };
            self.left -= count;
            let base = self.base;
            self.base = end.unwrap_or(TERMINATED);
            if end.is_some_and(|end| end <= target) {
                continue;
            }
            let block = self.bytes.get(bytes);
            if block.and_then(|block| decode_block(block, base, count, &mut self.documents)).is_none() {
                return self.damaged();
            }
            self.len = count;
            let last = self.documents[count - 1];
            if last >= self.max_doc || end.is_some_and(|end| last + 1 != end) {
                self.damaged();
            }
            return;
        }
    }

    fn damaged(&mut self) {
        self.is_damaged = true;
        (self.len, self.left, self.at) = (0, 0, 0);
    }
}

impl DocSet for Postings {
    #[inline]
    fn advance(&mut self) -> DocId {
        self.at += 1;
        if self.at >= self.len {
            self.load_block(0);
        }
        self.doc()
    }

    fn seek(&mut self, target: DocId) -> DocId {
        let block = &self.documents[self.at.min(self.len)..self.len];
        if block.last().is_some_and(|last| *last >= target) {
            // Most often it is near.
            self.at += match block.iter().take(8).position(|document| *document >= target) {
                Some(ahead) => ahead,
                None => block.partition_point(|document| *document < target),
            };
        } else {
            self.load_block(target);
            let at = self.documents[..self.len].partition_point(|document| *document < target);
            self.at = at;
            if at >= self.len && self.len > 0 {
                self.load_block(target);
            }
        }
        self.doc()
    }

    #[inline]
    fn doc(&self) -> DocId {
        if self.at < self.len { self.documents[self.at] } else { TERMINATED }
    }

    fn size_hint(&self) -> u32 {
        (self.len.saturating_sub(self.at) + self.left) as u32
    }

    fn fill_buffer(&mut self, buffer: &mut [DocId; tantivy::COLLECT_BLOCK_BUFFER_LEN]) -> usize {
        let mut filled = 0;
        while filled < buffer.len() && self.at < self.len {
            let len = (self.len - self.at).min(buffer.len() - filled);
            buffer[filled..filled + len].copy_from_slice(&self.documents[self.at..self.at + len]);
            filled += len;
            self.at += len;
            if self.at >= self.len {
                self.load_block(0);
            }
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(documents: &[DocId]) -> OwnedBytes {
        let mut bytes = Vec::new();
        encode(documents, &mut bytes);
        OwnedBytes::new(bytes)
    }

    fn all(mut postings: Postings) -> Vec<DocId> {
        let mut documents = Vec::new();
        while postings.doc() != TERMINATED {
            documents.push(postings.doc());
            postings.advance();
        }
        documents
    }

    /// Documents with long runs, dense parts and wide gaps.
    fn documents() -> impl Strategy<Value = Vec<DocId>> {
        let part = prop_oneof![
            (1..400_usize).prop_map(|len| vec![0; len]),
            proptest::collection::vec(0..3_u32, 1..300),
            proptest::collection::vec(0..200_u32, 1..300),
            proptest::collection::vec(0..2_000_000_u32, 1..20),
        ];
        proptest::collection::vec(part, 1..6).prop_map(|parts| {
            let mut next = 0;
            let mut documents = Vec::new();
            for gap in parts.concat() {
                documents.push(next + gap);
                next += gap + 1;
            }
            documents
        })
    }

    proptest! {
        #[test]
        fn documents_survive_their_bytes(documents in documents()) {
            let max_doc = documents.last().unwrap() + 1;
            let bytes = encoded(&documents);
            let open = || Postings::new(bytes.clone(), documents.len() as u32, max_doc);
            prop_assert_eq!(open().size_hint() as usize, documents.len());
            prop_assert_eq!(&all(open()), &documents);
            let mut postings = open();
            let mut filled = Vec::new();
            let mut buffer = [0; tantivy::COLLECT_BLOCK_BUFFER_LEN];
            loop {
                let len = postings.fill_buffer(&mut buffer);
                filled.extend_from_slice(&buffer[..len]);
                if len < buffer.len() {
                    break;
                }
            }
            prop_assert_eq!(&filled, &documents);
            prop_assert!(!postings.is_damaged());
        }

        #[test]
        fn seeking_finds_what_walking_finds(documents in documents(), steps in proptest::collection::vec((0..5_000_u32, any::<bool>()), 1..60)) {
            let max_doc = documents.last().unwrap() + 1;
            let mut postings = Postings::new(encoded(&documents), documents.len() as u32, max_doc);
            let mut at = 0;
            for (step, is_seek) in steps {
                let expected = |at: usize| documents.get(at).copied().unwrap_or(TERMINATED);
                prop_assert_eq!(postings.doc(), expected(at));
                if is_seek {
                    let target = postings.doc().saturating_add(step).min(TERMINATED);
                    at = documents.partition_point(|document| *document < target);
                    prop_assert_eq!(postings.seek(target), expected(at));
                } else {
                    at += 1;
                    prop_assert_eq!(postings.advance(), expected(at));
                }
            }
        }

        #[test]
        fn damaged_bytes_give_rising_documents_that_there_are(documents in documents(), at in any::<prop::sample::Index>(), byte in any::<u8>(), end in any::<prop::sample::Index>()) {
            let max_doc = documents.last().unwrap() + 1;
            let mut bytes = encoded(&documents).to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes.truncate(end.index(bytes.len()) + 1);
            let found = all(Postings::new(OwnedBytes::new(bytes), documents.len() as u32, max_doc));
            prop_assert!(found.len() <= documents.len());
            prop_assert!(found.is_sorted_by(|a, b| a < b));
            prop_assert!(found.iter().all(|document| *document < max_doc));
        }
    }

    #[test]
    fn what_is_dense_is_small() {
        let size = |documents: &[DocId]| encoded(documents).len();
        let run: Vec<DocId> = (0..12_800).collect();
        assert_eq!(size(&run[..128]), 1);
        // A hundred blocks, each a byte and its place in the list of them.
        assert_eq!(size(&run), 402);
        let every_second: Vec<DocId> = (0..128).map(|n| n * 2).collect();
        assert_eq!(size(&every_second), 33);
        let every_thousandth: Vec<DocId> = (0..128).map(|n| n * 1_000).collect();
        assert!(size(&every_thousandth) < 128 * 12 / 8, "{}", size(&every_thousandth));
        // One wide gap does not make the others dear.
        let mut jump: Vec<DocId> = (0..100).map(|n| n * 3).collect();
        jump.push(1 << 30);
        assert!(size(&jump) < 60, "{}", size(&jump));
        assert_eq!(all(Postings::one(7, 8)), [7]);
        assert!(all(Postings::one(7, 7)).is_empty());
        assert_eq!(all(Postings::new(encoded(&jump), 101, (1 << 30) + 1)), jump);
    }
}
