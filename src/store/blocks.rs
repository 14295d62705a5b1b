//! The times of a segment, block by block → which of its documents can lie in a window of time.
//!
//! Documents lie in the order of commits, and within a commit in that of services. So a block of
//! neighbours covers a short time, and a search for the newest records looks at few of them.

use tantivy::{DateTime, DocId, SegmentReader};

/// Documents of a block. Fewer make more blocks to choose from, and more to keep.
const BLOCK_DOCUMENTS: u32 = 2_048;

/// The earliest and the latest time of each block.
#[derive(Debug, Default)]
pub(super) struct Blocks(Vec<(i64, i64)>);

impl Blocks {
    /// Reads the times of all documents once.
    pub(super) fn of(reader: &SegmentReader) -> tantivy::Result<Self> {
        let times = reader.fast_fields().date("time")?;
        let mut blocks = Vec::new();
        let mut block = vec![DateTime::default(); BLOCK_DOCUMENTS as usize];
        let mut start = 0;
        while start < reader.max_doc() {
            let len = BLOCK_DOCUMENTS.min(reader.max_doc() - start) as usize;
            times.values.get_range(u64::from(start), &mut block[..len]);
            let ns = block[..len].iter().map(|time| time.into_timestamp_nanos());
            blocks.push(ns.fold((i64::MAX, i64::MIN), |(first, last), ns| (first.min(ns), last.max(ns))));
            start += BLOCK_DOCUMENTS;
        }
        Ok(Self(blocks))
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
