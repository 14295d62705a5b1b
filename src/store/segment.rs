//! One segment of a partition, with the columns that make a record.

use std::collections::HashMap;
use std::sync::Arc;

use tantivy::columnar::{Column, StrColumn};
use tantivy::schema::Value as _;
use tantivy::{DateTime, DocId, Searcher, SegmentOrdinal, SegmentReader, TantivyDocument};

use super::blocks::Blocks;
use super::columns::ColumnOf;
use super::partition::Partition;
use super::schema::{self, Marks};
use super::{Shared, StoreError};
use crate::record::{Container, Kind, Position, Record};

/// One segment, with the columns that make a record.
pub(super) struct Segment<'a> {
    shared: &'a Shared,
    partition: &'a Partition,
    pub searcher: &'a Searcher,
    ordinal: SegmentOrdinal,
    pub reader: &'a SegmentReader,
    pub times: Column<DateTime>,
    ordinals: Column<u64>,
    origins: StrColumn,
    marks: StrColumn,
}

impl<'a> Segment<'a> {
    pub(super) fn open(
        shared: &'a Shared,
        partition: &'a Partition,
        searcher: &'a Searcher,
        ordinal: SegmentOrdinal,
    ) -> Result<Self, StoreError> {
        let reader = searcher.segment_reader(ordinal);
        let fast = reader.fast_fields();
        let text = |column: ColumnOf| -> tantivy::Result<StrColumn> {
            let missing = || tantivy::TantivyError::SchemaError(format!("the column {} is missing", column.as_str()));
            fast.str(column.as_str())?.ok_or_else(missing)
        };
        Ok(Self {
            shared,
            partition,
            searcher,
            ordinal,
            reader,
            times: fast.date("time")?,
            ordinals: fast.u64("ordinal")?,
            origins: text(ColumnOf::Container)?,
            marks: text(ColumnOf::Marks)?,
        })
    }

    /// The times of its blocks.
    pub(super) fn blocks(&self) -> Result<Arc<Blocks>, StoreError> {
        self.partition.blocks(self.reader)
    }

    /// A column of keywords; none where no record of the segment has one.
    pub(super) fn column(&self, of: ColumnOf) -> Result<Option<StrColumn>, StoreError> {
        Ok(self.reader.fast_fields().str(of.as_str())?)
    }

    pub(super) fn record(
        &self,
        doc: DocId,
        containers: &mut HashMap<u64, Arc<Container>>,
    ) -> Result<Record, StoreError> {
        let stored: TantivyDocument = self.searcher.doc(tantivy::DocAddress::new(self.ordinal, doc))?;
        let fields = self.partition.fields();
        let text = |field| stored.get_first(field).and_then(|value| value.as_str()).unwrap_or_default();
        let raw = text(fields.raw);
        let extra = text(fields.extra);
        let origin = self.origins.ords().first(doc).unwrap_or_default();
        let container = if let Some(container) = containers.get(&origin) {
            Arc::clone(container)
        } else {
            let container = Arc::new(schema::container(&Self::text(&self.origins, doc)?));
            containers.insert(origin, Arc::clone(&container));
            container
        };
        let marks = Marks::from_keyword(&Self::text(&self.marks, doc)?);
        let time_ns = self.times.first(doc).map(DateTime::into_timestamp_nanos).unwrap_or_default();
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
            position: Position {
                time_ns,
                ordinal: self.ordinals.first(doc).and_then(|n| u32::try_from(n).ok()).unwrap_or_default(),
            },
            kind: marks.kind,
            level: marks.level,
            raw: raw.into(),
            fields,
            format: marks.format,
            truncated: marks.truncated,
        })
    }

    fn text(column: &StrColumn, doc: DocId) -> Result<String, StoreError> {
        let mut text = String::new();
        if let Some(ord) = column.ords().first(doc) {
            column.ord_to_str(ord, &mut text)?;
        }
        Ok(text)
    }
}
