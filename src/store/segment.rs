//! One segment of a partition: its documents read back as records.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tantivy::{DocId, SegmentOrdinal, SegmentReader};

use super::columns::Cursor;
use super::keyword::ColumnOf;
use super::lines;
use super::schema::{self, Marks};
use super::view::{Part, View};
use super::{Shared, StoreError};
use crate::record::{Container, Kind, Position, Record};

/// One segment, and what makes a record of its documents.
pub(super) struct Segment<'a> {
    shared: &'a Shared,
    pub view: &'a View,
    pub part: &'a Arc<Part>,
    pub reader: &'a SegmentReader,
    read: RefCell<Read>,
}

/// What was read last: the next record is often near.
struct Read {
    times: Cursor,
    ordinals: Cursor,
    origins: Cursor,
    marks: Cursor,
    lines: VecDeque<lines::Block>,
}

/// So many blocks of lines are kept.
const KEPT_BLOCKS: usize = 8;

impl<'a> Segment<'a> {
    pub(super) fn open(shared: &'a Shared, view: &'a View, ordinal: SegmentOrdinal) -> Result<Self, StoreError> {
        let reader = view.searcher.segment_reader(ordinal);
        let part = view.part(reader.segment_id())?;
        let keywords = |of| Cursor::new(&part.columns.column(of).numbers);
        let read = Read {
            times: Cursor::new(&part.columns.times),
            ordinals: Cursor::new(&part.columns.ordinals),
            origins: keywords(ColumnOf::Container),
            marks: keywords(ColumnOf::Marks),
            lines: VecDeque::new(),
        };
        Ok(Self { shared, view, part, reader, read: RefCell::new(read) })
    }

    /// The times of its documents.
    pub(super) fn times(&self) -> Cursor {
        Cursor::new(&self.part.columns.times)
    }

    /// The keyword that a document has; empty where it has none.
    fn keyword(&self, of: ColumnOf, number: i64) -> Result<&str, StoreError> {
        let known = self.part.columns.column(of).known()?;
        let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        Ok(place.and_then(|place| known.get(place)).map_or("", |keyword| &keyword.text))
    }

    /// Reads a document.
    ///
    /// # Errors
    /// The files are not what was written.
    pub(super) fn record(
        &self,
        doc: DocId,
        containers: &mut HashMap<i64, Arc<Container>>,
    ) -> Result<Record, StoreError> {
        let mut read = self.read.borrow_mut();
        let (time_ns, ordinal) = (read.times.get(doc), read.ordinals.get(doc));
        let (origin, marks) = (read.origins.get(doc), read.marks.get(doc));
        if let Some(at) = read.lines.iter().position(|block| block.has(doc)) {
            read.lines.swap(0, at);
        } else {
            read.lines.truncate(KEPT_BLOCKS - 1);
            read.lines.push_front(self.part.lines.block(doc)?);
        }
        let (raw, extra) = read.lines[0].texts(doc)?;
        let container = if let Some(container) = containers.get(&origin) {
            Arc::clone(container)
        } else {
            let container = Arc::new(schema::container(self.keyword(ColumnOf::Container, origin)?));
            containers.insert(origin, Arc::clone(&container));
            container
        };
        let marks = Marks::from_keyword(self.keyword(ColumnOf::Marks, marks)?);
        let mut fields = if marks.kind == Kind::Line {
            (self.shared.read_fields)(raw, marks.format, time_ns, &container)
        } else {
            crate::record::Fields::default()
        };
        if !extra.is_empty() {
            schema::add_extra(&mut fields, extra);
        }
        Ok(Record {
            container,
            stream: marks.stream,
            position: Position { time_ns, ordinal: u32::try_from(ordinal).unwrap_or_default() },
            kind: marks.kind,
            level: marks.level,
            raw: raw.into(),
            fields,
            format: marks.format,
            truncated: marks.truncated,
        })
    }
}
