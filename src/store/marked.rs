//! Some of a segment's documents, a bit for each that there is.

use tantivy::DocId;

/// A set of documents.
pub(super) struct Marked {
    bits: Vec<u64>,
    count: u32,
}

impl Marked {
    /// None of so many documents.
    pub(super) fn none_of(max_doc: DocId) -> Self {
        Self { bits: vec![0; (max_doc as usize).div_ceil(64)], count: 0 }
    }

    /// Adds documents; those that there are not are left out.
    pub(super) fn mark(&mut self, documents: &[DocId]) {
        for document in documents {
            if let Some(bits) = self.bits.get_mut(*document as usize / 64) {
                let bit = 1 << (document % 64);
                self.count += u32::from(*bits & bit == 0);
                *bits |= bit;
            }
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The first of them from this one on; none where there is none.
    pub(super) fn next(&self, document: DocId) -> Option<DocId> {
        let at = document as usize / 64;
        let first = *self.bits.get(at)? >> (document % 64);
        if first != 0 {
            return Some(document + first.trailing_zeros());
        }
        let ahead = self.bits[at + 1..].iter().position(|bits| *bits != 0)? + at + 1;
        Some(ahead as DocId * 64 + self.bits[ahead].trailing_zeros())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_marked_is_met_in_order(documents in proptest::collection::btree_set(0..1_000_u32, 0..60), from in 0..1_100_u32) {
            let mut marked = Marked::none_of(1_000);
            let list: Vec<DocId> = documents.iter().copied().collect();
            marked.mark(&list);
            marked.mark(&list);
            marked.mark(&[1_024, DocId::MAX]);
            prop_assert_eq!(marked.count() as usize, list.len());
            prop_assert_eq!(marked.next(from), documents.range(from..).next().copied());
        }
    }
}
