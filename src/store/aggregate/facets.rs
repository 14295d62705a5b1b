//! Records → counts of the values of fields.

use std::ops::ControlFlow;

use tantivy::DocId;

use super::super::keyword::ColumnOf;
use super::super::segment::Segment;
use super::super::{Shared, StoreError};
use super::values::{Counted, Values, merge};
use super::{CountRequest, Counts, Facet, Keywords, Tally, Walked, walk};
use crate::record::Record;

/// Keywords whose counts wait to be put together; each is eight bytes.
const MAX_WAITING: usize = 4 << 20;

/// Counts the values of fields.
pub(in crate::store) fn facets(
    shared: &Shared,
    request: &CountRequest,
    facets: &[Facet],
    top: usize,
) -> Result<Counts, StoreError> {
    let mut columns: Vec<Column> = Vec::new();
    for of in facets.iter().filter_map(ColumnOf::of_facet) {
        if columns.iter().all(|column| column.of != of) {
            columns.push(Column { of, segment: None, without: 0, waiting: Vec::new() });
        }
    }
    let facets = facets.iter().map(|facet| (facet, Values::default())).collect();
    let mut tally = Fields { facets, columns, total: 0 };
    let is_partial = walk(shared, request, &mut tally)? == Walked::Late;
    let total = tally.total;
    let facets = tally.facets.into_iter().map(|(facet, mut values)| {
        let of = ColumnOf::of_facet(facet);
        let Some(column) = tally.columns.iter().find(|column| Some(column.of) == of) else {
            return values.finish(facet, top, &[]);
        };
        values.missing += column.without;
        // Too many to keep, and in their order.
        if column.of == ColumnOf::Path {
            return values.finish(facet, top, &column.waiting);
        }
        merge(&column.waiting, facet, |value, count| values.add(value, count));
        values.finish(facet, top, &[])
    });
    Ok(Counts { facets: facets.collect(), total, is_partial })
}

struct Fields<'a> {
    facets: Vec<(&'a Facet, Values)>,
    columns: Vec<Column>,
    total: u64,
}

/// How many documents have each keyword of a column.
struct Column {
    of: ColumnOf,
    /// In the segment that is being counted.
    segment: Option<Counted>,
    /// Documents that have none.
    without: u64,
    /// In the segments before.
    waiting: Vec<Counted>,
}

impl Tally for Fields<'_> {
    fn columns(&self) -> Option<Vec<ColumnOf>> {
        self.facets.iter().map(|(facet, _)| ColumnOf::of_facet(facet)).collect()
    }

    fn needs_times(&self) -> bool {
        false
    }

    fn begin(&mut self, segment: &Segment<'_>) -> Result<(), StoreError> {
        for column in &mut self.columns {
            let keywords = Keywords::open(segment, column.of);
            column.segment = Some(Counted { counts: vec![0; keywords.len() + 1], keywords });
        }
        Ok(())
    }

    fn whole(&mut self, segment: &Segment<'_>) -> bool {
        self.total += u64::from(segment.reader.max_doc());
        for Counted { keywords, counts } in self.columns.iter_mut().filter_map(|column| column.segment.as_mut()) {
            keywords.for_all(|numbers| numbers.iter().for_each(|number| count(counts, *number)));
        }
        true
    }

    fn documents(&mut self, documents: &[DocId], _: &[i64]) {
        self.total += documents.len() as u64;
        for Counted { keywords, counts } in self.columns.iter_mut().filter_map(|column| column.segment.as_mut()) {
            keywords.for_documents(documents, |_, number| count(counts, number));
        }
    }

    fn end(&mut self) -> Result<(), StoreError> {
        for column in &mut self.columns {
            column.without += column.segment.as_ref().map_or(0, |segment| segment.counts[0]);
            column.waiting.extend(column.segment.take());
            let waiting: usize = column.waiting.iter().map(|segment| segment.counts.len()).sum();
            if waiting > MAX_WAITING {
                for (facet, values) in self.facets.iter_mut().filter(|(f, _)| ColumnOf::of_facet(f) == Some(column.of))
                {
                    merge(&column.waiting, facet, |value, count| values.add(value, count));
                }
                column.waiting.clear();
            }
        }
        Ok(())
    }

    fn record(&mut self, record: &Record) -> ControlFlow<()> {
        self.total += 1;
        for (facet, values) in &mut self.facets {
            facet.with_value(record, |value| values.add(value, 1));
        }
        ControlFlow::Continue(())
    }
}

/// Counts a keyword by its number.
#[inline]
fn count(counts: &mut [u64], number: i64) {
    // What a damaged file says counts as none.
    let place = usize::try_from(number).ok().filter(|place| *place < counts.len()).unwrap_or_default();
    counts[place] += 1;
}
