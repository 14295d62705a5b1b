//! The times of a segment, block by block → which of its documents can lie in a window of time.
//!
//! Documents lie in the order of commits, and within a commit in that of services. So a block of
//! neighbours covers a short time, and a search for the newest records looks at few of them.

use tantivy::DocId;

use super::packed;

/// Documents of a block. Fewer make more blocks to choose from, and more to keep.
const BLOCK_DOCUMENTS: u32 = 2_048;

/// The earliest and the latest time of each block.
#[derive(Debug, Default)]
pub(super) struct Blocks(Vec<(i64, i64)>);

/// Notes the bounds of times as they come.
#[derive(Debug, Default)]
pub(super) struct BlocksWriter {
    blocks: Vec<(i64, i64)>,
    /// Times of the last block.
    count: u32,
}

impl BlocksWriter {
    pub(super) fn push(&mut self, time_ns: i64) {
        if self.count.is_multiple_of(BLOCK_DOCUMENTS) {
            self.count = 0;
            self.blocks.push((time_ns, time_ns));
        }
        self.count += 1;
        if let Some((first, last)) = self.blocks.last_mut() {
            (*first, *last) = ((*first).min(time_ns), (*last).max(time_ns));
        }
    }

    /// Appends them as [`Blocks::open`] reads them.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        for time in self.blocks.iter().flat_map(|(first, last)| [first, last]) {
            bytes.extend_from_slice(&time.to_le_bytes());
        }
    }
}

impl Blocks {
    /// What was written for so many documents; none where it is something else.
    pub(super) fn open(bytes: &[u8], documents: DocId) -> Option<Self> {
        let count = documents.div_ceil(BLOCK_DOCUMENTS) as usize;
        let time = |at: usize| packed::u64_at(bytes, at).map(|time| time as i64);
        let blocks = (0..count).map(|block| Some((time(block * 16)?, time(block * 16 + 8)?)));
        if bytes.len() == count * 16 { blocks.collect::<Option<_>>().map(Self) } else { None }
    }

    /// The earliest and the latest time of all; none where there are no documents.
    pub(super) fn bounds(&self) -> Option<(i64, i64)> {
        self.iter().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// The earliest and the latest times, block by block.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (i64, i64)> {
        self.0.iter().copied()
    }

    /// The blocks that have documents which pass, by their times.
    pub(super) fn choose(&self, passes: impl Fn(i64, i64) -> bool) -> Chosen {
        Chosen(self.iter().map(|(first, last)| passes(first, last)).collect())
    }
}

/// Blocks of a segment that are looked at.
pub(super) struct Chosen(Vec<bool>);

impl Chosen {
    /// The first document from this one on that lies in such a block; none where there is none.
    pub(super) fn next(&self, document: DocId) -> Option<DocId> {
        let block = (document / BLOCK_DOCUMENTS) as usize;
        if self.0.get(block).copied()? {
            return Some(document);
        }
        let next = block + 1 + self.0[block + 1..].iter().position(|is_chosen| *is_chosen)?;
        Some(next as u32 * BLOCK_DOCUMENTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_survive_their_bytes() {
        for count in [0, 1, BLOCK_DOCUMENTS, BLOCK_DOCUMENTS + 1, 3 * BLOCK_DOCUMENTS] {
            let (mut writer, mut bytes) = (BlocksWriter::default(), Vec::new());
            let times: Vec<i64> = (0..i64::from(count)).map(|n| n * 7_919 % 1_000 - 500).collect();
            times.iter().for_each(|time| writer.push(*time));
            writer.write(&mut bytes);
            let blocks: Vec<_> = Blocks::open(&bytes, count).unwrap().iter().collect();
            let bounds = |block: &[i64]| (*block.iter().min().unwrap(), *block.iter().max().unwrap());
            assert_eq!(blocks, times.chunks(BLOCK_DOCUMENTS as usize).map(bounds).collect::<Vec<_>>());
            assert!(Blocks::open(&bytes, count + 2 * BLOCK_DOCUMENTS).is_none());
        }
    }

    #[test]
    fn documents_of_blocks_that_are_not_chosen_are_passed_over() {
        let blocks = Blocks(vec![(0, 9), (10, 19), (5, 30)]);
        let chosen = blocks.choose(|_, last| last > 15);
        let next: Vec<_> =
            [0, BLOCK_DOCUMENTS, BLOCK_DOCUMENTS + 7, 3 * BLOCK_DOCUMENTS - 1].map(|doc| chosen.next(doc)).into();
        let second = Some(BLOCK_DOCUMENTS);
        assert_eq!(next, [second, second, Some(BLOCK_DOCUMENTS + 7), Some(3 * BLOCK_DOCUMENTS - 1)]);
        assert_eq!(chosen.next(3 * BLOCK_DOCUMENTS), None);
        assert_eq!(blocks.choose(|first, _| first == 5).next(1), Some(2 * BLOCK_DOCUMENTS));
        assert_eq!(blocks.choose(|_, _| false).next(1), None);
    }
}
