//! What a search sees of a partition: tantivy's segments, and of each the components that we add.
//!
//! A view stays whole while it is held, whatever is committed, merged or removed meanwhile.

use std::collections::HashMap;
use std::sync::Arc;

use tantivy::index::SegmentId;
use tantivy::{Searcher, SegmentReader};

use super::columns::{self, Columns};
use super::keyword::ColumnOf;
use super::lines::{self, Lines};
use super::packed::damaged;
use super::partition::Key;
use super::words::{self, Dictionary};

/// A partition at one moment.
pub(super) struct View {
    /// Which partition.
    pub key: Key,
    pub searcher: Searcher,
    /// Held by the partition, too: whoever has a weak one sees whether either is still there.
    pub is_there: Arc<()>,
    parts: HashMap<SegmentId, Arc<Part>>,
}

/// A segment's components.
pub(super) struct Part {
    pub words: Dictionary,
    pub lines: Lines,
    pub columns: Columns,
}

impl View {
    /// Opens what is new; the rest is that of the view before, if there is one.
    ///
    /// # Errors
    /// A file is missing, or not what was written.
    pub(super) fn open(
        key: Key,
        searcher: Searcher,
        is_there: &Arc<()>,
        before: Option<&Self>,
    ) -> tantivy::Result<Self> {
        let part = |reader: &SegmentReader| {
            let id = reader.segment_id();
            let part = match before.and_then(|view| view.parts.get(&id)) {
                Some(part) => Arc::clone(part),
                None => Arc::new(Part {
                    words: words::open(reader)?,
                    lines: lines::open(reader)?,
                    columns: columns::open(reader)?,
                }),
            };
            Ok((id, part))
        };
        let parts = searcher.segment_readers().iter().map(part).collect::<tantivy::Result<_>>()?;
        Ok(Self { key, searcher, is_there: Arc::clone(is_there), parts })
    }

    /// The components of one of its segments.
    pub(super) fn part(&self, id: SegmentId) -> tantivy::Result<&Arc<Part>> {
        self.parts.get(&id).ok_or_else(|| damaged("a segment's components are not open"))
    }

    /// The earliest and the latest time of a segment's records; none of an empty one.
    pub(super) fn time_range(&self, reader: &SegmentReader) -> Option<(i64, i64)> {
        self.parts.get(&reader.segment_id()).and_then(|part| part.columns.blocks.bounds())
    }

    /// The segments that have records, earliest and latest time first.
    pub(super) fn segments(&self) -> impl Iterator<Item = ((i64, i64), usize, &SegmentReader)> {
        let readers = self.searcher.segment_readers().iter().enumerate();
        readers.filter_map(|(at, reader)| Some((self.time_range(reader)?, at, reader)))
    }

    /// Whether a record has this keyword, before which no other sorts.
    pub(super) fn has_first_keyword(&self, column: ColumnOf, keyword: &str) -> tantivy::Result<bool> {
        for part in self.parts.values() {
            let mut keywords = part.columns.column(column).keywords.stream();
            if keywords.advance()? && keywords.text() == keyword.as_bytes() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
