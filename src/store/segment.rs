//! One segment of a partition: its documents read back as records.

use std::borrow::Cow;
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

/// So much of lines is kept: in order of time, the records of many services are read in turn.
const KEPT_BYTES: usize = 4 << 20;

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

    /// What was read of it; none where it is damaged.
    pub(super) fn or_without<T>(&self, read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        self.shared.or_without(self.view, read)
    }

    /// The times of its documents.
    pub(super) fn times(&self) -> Cursor {
        Cursor::new(&self.part.columns.times)
    }

    /// The keyword that a document has; empty where it has none.
    fn keyword(&self, of: ColumnOf, number: i64) -> Result<Cow<'_, str>, StoreError> {
        Ok(self.part.columns.column(of).text(number)?.unwrap_or_default())
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
        let kept = read.lines.iter().position(|block| block.has(doc)).and_then(|at| read.lines.remove(at));
        let block = match kept {
            Some(block) => block,
            None => self.part.lines.block(doc)?,
        };
        // What was not read for the longest time goes.
        while read.lines.iter().map(lines::Block::bytes).sum::<usize>() + block.bytes() > KEPT_BYTES
            && read.lines.pop_back().is_some()
        {}
        read.lines.push_front(block);
        let (raw, extra) = read.lines[0].texts(doc)?;
        let container = if let Some(container) = containers.get(&origin) {
            Arc::clone(container)
        } else {
            let container = Arc::new(schema::container(&self.keyword(ColumnOf::Container, origin)?));
            containers.insert(origin, Arc::clone(&container));
            container
        };
        let marks = Marks::from_keyword(&self.keyword(ColumnOf::Marks, marks)?);
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
