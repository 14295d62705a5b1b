//! A query and a time range → counts: in steps of time, and by the values of fields.
//!
//! What the index decides alone is counted from its columns, and no record is read. Else each record
//! that may match is read and verified, as a search does it.

mod facets;
mod histogram;

use std::collections::HashMap;

use serde::Serialize;
use tantivy::columnar::{Cardinality, Column, StrColumn};
use tantivy::query::EnableScoring;
use tantivy::{COLLECT_BLOCK_BUFFER_LEN, DateTime, DocId, DocSet, SegmentOrdinal, TERMINATED};

use super::plan::{self, ColumnOf, skeleton};
use super::segment::Segment;
use super::{Deadline, Shared, StoreError, partition};
use crate::query::{self, BuiltinField, Query};
use crate::record::Record;

/// The most steps of a histogram.
pub const MAX_BUCKETS: usize = 2_000;
/// The most series of a histogram's answer; what the others count is one.
pub const MAX_SERIES: usize = 16;
/// The most series that are told apart while they are counted.
const MAX_COUNTED_SERIES: usize = 256;
/// The most values of a facet that are kept. Twice as many are counted before the rarest are let go.
const MAX_VALUES: usize = 10_000;
/// Of a longer value, its beginning is counted.
const MAX_VALUE_BYTES: usize = 256;
/// Records that are counted, or read, before the deadline is looked at again.
const BETWEEN_LOOKS: usize = 64 * 1024;
const READ_BETWEEN_LOOKS: usize = 64;

pub(super) use facets::facets;
pub(super) use histogram::histogram;

/// What to count.
#[derive(Clone, Debug)]
pub struct CountRequest {
    /// What a record must match.
    pub query: Query,
    /// The earliest time, inclusive.
    pub from_ns: Option<i64>,
    /// The latest time, exclusive.
    pub to_ns: Option<i64>,
    /// When to stop and answer with what was counted, which is the newest.
    pub deadline: Deadline,
}

/// A field whose values are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Facet {
    /// What Foghorn knows of every record.
    Builtin(BuiltinField),
    /// A field of the line, named as in a query.
    Field(String),
}

impl Facet {
    /// The field that a query means by this name.
    pub fn from_name(name: &str) -> Self {
        BuiltinField::from_name(name).map_or_else(|| Self::Field(name.to_owned()), Self::Builtin)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Builtin(field) => field.as_str(),
            Self::Field(name) => name,
        }
    }

    /// Calls `f` with the record's value, which is empty where it has none.
    fn with_value<T>(&self, record: &Record, f: impl FnOnce(&str) -> T) -> T {
        match self {
            Self::Builtin(field) => f(&field.text(record)),
            Self::Field(name) => match query::values(name, record).next() {
                Some(value) => f(&value.text()),
                None => f(""),
            },
        }
    }
}

/// Steps of time, and what to tell apart in each.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Where the first step begins.
    pub start_ns: i64,
    /// How long each is; at least 1.
    pub step_ns: i64,
    /// How many there are, [`MAX_BUCKETS`] at most.
    pub buckets: usize,
    /// Whose values have a series each; none for one series.
    pub by: Option<Facet>,
}

/// How many records have a value in each step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Series {
    /// The value; empty for records that have none, and where nothing is told apart.
    pub value: String,
    /// For each step.
    pub counts: Vec<u64>,
}

/// Records in steps of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// The largest first.
    pub series: Vec<Series>,
    /// For each step, the records of further series; none where there are no further ones.
    pub others: Option<Vec<u64>>,
    /// All records.
    pub total: u64,
    /// The deadline came first: older records are missing.
    pub is_partial: bool,
}

/// How many records have a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Count {
    /// The value.
    pub value: String,
    /// The records.
    pub count: u64,
}

/// The values of one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FacetCounts {
    /// The field's name.
    pub field: String,
    /// The commonest first; of equal counts, in the order of the values.
    pub values: Vec<Count>,
    /// How many values there are; at least so many where [`Self::approximate`].
    pub distinct: usize,
    /// Records whose value is none of `values`.
    pub others: u64,
    /// Records without the field.
    pub missing: u64,
    /// There were too many values to keep: rare ones are counted in `others`.
    pub approximate: bool,
}

/// The values of several fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// In the order asked for.
    pub facets: Vec<FacetCounts>,
    /// All records.
    pub total: u64,
    /// The deadline came first: older records are missing.
    pub is_partial: bool,
}

/// What is done with the records that match.
trait Tally {
    /// Whether columns are not enough.
    fn needs_records(&self) -> bool;
    /// A segment's documents follow.
    fn begin(&mut self, segment: &Segment<'_>) -> Result<(), StoreError>;
    /// Documents that match, and their times.
    fn documents(&mut self, segment: &Segment<'_>, documents: &[DocId], times: &[DateTime]);
    /// No more of the segment follow.
    fn end(&mut self, segment: &Segment<'_>) -> Result<(), StoreError>;
    /// A record that matches.
    fn record(&mut self, record: &Record);
}

/// The earliest and the latest time of all records.
pub(super) fn time_range(shared: &Shared) -> Option<(i64, i64)> {
    let (memory, searchers) = shared.snapshot();
    let in_memory = memory.iter().flat_map(|records| records.iter().map(|record| (record.time_ns(), record.time_ns())));
    let on_disk =
        searchers.iter().flat_map(|(_, searcher)| searcher.segment_readers()).filter_map(partition::time_range);
    in_memory.chain(on_disk).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// Gives every record that matches to the tally; answers whether the deadline came first.
fn walk(shared: &Shared, request: &CountRequest, tally: &mut impl Tally) -> Result<bool, StoreError> {
    let (from_ns, to_ns) = (request.from_ns.unwrap_or(i64::MIN), request.to_ns.unwrap_or(i64::MAX));
    let is_wanted = |time_ns: i64| time_ns >= from_ns && (time_ns < to_ns || request.to_ns.is_none());
    let (memory, searchers) = shared.snapshot();
    for record in memory.iter().flat_map(|records| records.iter()) {
        if is_wanted(record.time_ns()) && request.query.matches(record) {
            tally.record(record);
        }
    }
    // The newest first: where the deadline comes, they are what is counted.
    for (partition, searcher) in searchers.iter().rev() {
        let mut segments: Vec<(i64, i64, usize)> = searcher
            .segment_readers()
            .iter()
            .enumerate()
            .filter_map(|(at, reader)| partition::time_range(reader).map(|(first, last)| (first, last, at)))
            .filter(|(first, last, _)| *last >= from_ns && (is_wanted(*first) || *first < from_ns))
            .collect();
        if segments.is_empty() {
            continue;
        }
        segments.sort_unstable_by_key(|(_, last, _)| std::cmp::Reverse(*last));
        let fields = partition.fields();
        let decided = if tally.needs_records() { None } else { plan::decide(&request.query, fields, searcher)? };
        let is_decided = decided.is_some();
        let query = match decided {
            Some(query) => query,
            None => plan::narrow(&request.query, fields, searcher)?,
        };
        let weight = query.weight(EnableScoring::disabled_from_searcher(searcher))?;
        for (first, last, at) in segments {
            if request.deadline.is_over() {
                return Ok(true);
            }
            let segment = Segment::open(shared, partition, searcher, at as SegmentOrdinal)?;
            let documents = weight.scorer(segment.reader, 1.0)?;
            let is_over = if is_decided {
                let all = is_wanted(first) && is_wanted(last);
                let is_wanted = |time: DateTime| all || is_wanted(time.into_timestamp_nanos());
                count(&segment, documents, is_wanted, &request.deadline, tally)?
            } else {
                read(&segment, documents, is_wanted, request, tally)?
            };
            if is_over {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Counts documents that are known to match; answers whether the deadline came first.
fn count(
    segment: &Segment<'_>,
    mut documents: impl DocSet,
    is_wanted: impl Fn(DateTime) -> bool,
    deadline: &Deadline,
    tally: &mut impl Tally,
) -> Result<bool, StoreError> {
    tally.begin(segment)?;
    let mut block = [0; COLLECT_BLOCK_BUFFER_LEN];
    let mut times = [DateTime::default(); COLLECT_BLOCK_BUFFER_LEN];
    let mut since_look = 0;
    loop {
        let mut len = documents.fill_buffer(&mut block);
        if len == 0 {
            tally.end(segment)?;
            return Ok(false);
        }
        since_look += len;
        if since_look > BETWEEN_LOOKS {
            since_look = 0;
            if deadline.is_over() {
                tally.end(segment)?;
                return Ok(true);
            }
        }
        values(&segment.times, &block[..len], &mut times[..len]);
        let mut kept = 0;
        for at in 0..len {
            (block[kept], times[kept]) = (block[at], times[at]);
            kept += usize::from(is_wanted(times[at]));
        }
        len = kept;
        tally.documents(segment, &block[..len], &times[..len]);
    }
}

/// Reads and verifies documents that may match; answers whether the deadline came first.
fn read(
    segment: &Segment<'_>,
    mut documents: impl DocSet,
    is_wanted: impl Fn(i64) -> bool,
    request: &CountRequest,
    tally: &mut impl Tally,
) -> Result<bool, StoreError> {
    let mut containers = HashMap::new();
    let mut since_look = 0;
    let mut candidates = Vec::new();
    let mut document = documents.doc();
    while document != TERMINATED {
        candidates.push(document);
        document = documents.advance();
    }
    // Later documents are mostly the newer ones, and those are counted first.
    for document in candidates.into_iter().rev() {
        if segment.times.first(document).is_some_and(|time| is_wanted(time.into_timestamp_nanos())) {
            since_look += 1;
            if since_look > READ_BETWEEN_LOOKS {
                since_look = 0;
                if request.deadline.is_over() {
                    return Ok(true);
                }
            }
            let record = segment.record(document, &mut containers)?;
            if request.query.matches(&record) {
                tally.record(&record);
            }
        }
    }
    Ok(false)
}

/// The values of a column that every document has.
fn values<T: PartialOrd + Copy + Default + std::fmt::Debug + Send + Sync + 'static>(
    column: &Column<T>,
    documents: &[DocId],
    values: &mut [T],
) {
    if column.get_cardinality() == Cardinality::Full {
        column.values.get_vals(documents, values);
    } else {
        for (value, document) in values.iter_mut().zip(documents) {
            *value = column.first(*document).unwrap_or_default();
        }
    }
}

/// The place of a segment's column that a built-in field is a part of.
fn column<'s>(segment: &'s Segment<'_>, column: ColumnOf) -> &'s StrColumn {
    match column {
        ColumnOf::Container => &segment.origins,
        ColumnOf::Marks => &segment.marks,
    }
}

/// Calls `f` with the number of each keyword of a column, and a record that has it.
fn for_each_keyword(segment: &Segment<'_>, of: ColumnOf, mut f: impl FnMut(usize, &Record)) -> Result<(), StoreError> {
    let column = column(segment, of);
    let mut keyword = String::new();
    for number in 0..column.num_terms() {
        keyword.clear();
        column.ord_to_str(number as u64, &mut keyword)?;
        f(number, &skeleton(&keyword, of == ColumnOf::Marks));
    }
    Ok(())
}

fn beginning(value: &str) -> &str {
    &value[..value.floor_char_boundary(MAX_VALUE_BYTES)]
}
