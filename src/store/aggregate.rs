//! A query and a time range → counts: in steps of time, and by the values of fields.
//!
//! What the index decides alone is counted from its columns, and no record is read. Else each record
//! that may match is read and verified, as a search does it.

mod facets;
mod histogram;
mod values;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::Serialize;
use tantivy::query::{EnableScoring, Query as TantivyQuery};
use tantivy::{COLLECT_BLOCK_BUFFER_LEN, DocId, DocSet, SegmentOrdinal, TERMINATED};

use super::columns::{BLOCK, Column, Cursor};
use super::keyword::{ColumnOf, Known};
use super::plan::{self, Decided};
use super::segment::Segment;
use super::view::{Part, View};
use super::{Deadline, Shared, StoreError};
use crate::query::{self, BuiltinField, Query, RequestField};
use crate::record::{FieldValue, Record};

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
    /// What the index keeps of a request.
    Request(RequestField),
    /// Any other field of the line, named as in a query.
    Field(String),
}

impl Facet {
    /// The field that a query means by this name.
    pub fn from_name(name: &str) -> Self {
        let request = || RequestField::from_name(name).map(Self::Request);
        let known = BuiltinField::from_name(name).map(Self::Builtin).or_else(request);
        known.unwrap_or_else(|| Self::Field(name.to_owned()))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Builtin(field) => field.as_str(),
            Self::Request(field) => field.as_str(),
            Self::Field(name) => name,
        }
    }

    /// Calls `f` with the record's value, which is empty where it has none.
    fn with_value<T>(&self, record: &Record, f: impl FnOnce(&str) -> T) -> T {
        match self {
            Self::Builtin(field) => f(&field.text(record)),
            Self::Request(field) => f(&field.values(record).next().map(FieldValue::text).unwrap_or_default()),
            Self::Field(name) => f(&query::values(name, record).next().map(FieldValue::text).unwrap_or_default()),
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
    /// The columns that tell all that is counted; none where records have to be read for it.
    fn columns(&self) -> Option<Vec<ColumnOf>>;
    /// Whether it is told the times of documents.
    fn needs_times(&self) -> bool;
    /// A segment's documents follow.
    fn begin(&mut self, segment: &Segment<'_>) -> Result<(), StoreError>;
    /// Counts all documents of the segment at once; false where it has to be told of each.
    fn whole(&mut self, _: &Segment<'_>) -> bool {
        false
    }
    /// Documents of it that match, and their times.
    fn documents(&mut self, documents: &[DocId], times_ns: &[i64]);
    /// No more of the segment follow.
    fn end(&mut self) -> Result<(), StoreError>;
    /// A record that matches; a break ends the walk.
    fn record(&mut self, record: &Record) -> ControlFlow<()>;
}

/// Where each record is all that is asked for.
struct Visitor<'a>(&'a mut dyn FnMut(&Record) -> ControlFlow<()>);

impl Tally for Visitor<'_> {
    fn columns(&self) -> Option<Vec<ColumnOf>> {
        None
    }

    fn needs_times(&self) -> bool {
        true
    }

    fn begin(&mut self, _: &Segment<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    fn documents(&mut self, _: &[DocId], _: &[i64]) {}

    fn end(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn record(&mut self, record: &Record) -> ControlFlow<()> {
        (self.0)(record)
    }
}

/// Calls `f` with each record that matches, mostly the newest first, until it breaks or the deadline
/// comes; answers whether the latter did.
pub(super) fn visit(
    shared: &Shared,
    request: &CountRequest,
    f: &mut dyn FnMut(&Record) -> ControlFlow<()>,
) -> Result<bool, StoreError> {
    Ok(walk(shared, request, &mut Visitor(f))? == Walked::Late)
}

/// How far a walk came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Walked {
    Through,
    /// The deadline came first.
    Late,
    /// The tally has enough.
    Enough,
}

/// The earliest and the latest time of all records.
pub(super) fn time_range(shared: &Shared) -> Option<(i64, i64)> {
    let (memory, views) = shared.snapshot();
    let in_memory = memory.iter().flat_map(|records| records.iter().map(|record| (record.time_ns(), record.time_ns())));
    let on_disk = views.iter().flat_map(|view| view.segments().map(|(range, ..)| range));
    in_memory.chain(on_disk).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// Gives every record that matches to the tally.
fn walk(shared: &Shared, request: &CountRequest, tally: &mut impl Tally) -> Result<Walked, StoreError> {
    let (from_ns, to_ns) = (request.from_ns.unwrap_or(i64::MIN), request.to_ns.unwrap_or(i64::MAX));
    let is_wanted = |time_ns: i64| time_ns >= from_ns && (time_ns < to_ns || request.to_ns.is_none());
    let (memory, views) = shared.snapshot();
    for records in memory.iter().rev() {
        if request.deadline.is_over() {
            return Ok(Walked::Late);
        }
        for record in records.iter().rev() {
            if is_wanted(record.time_ns()) && request.query.matches(record) && tally.record(record).is_break() {
                return Ok(Walked::Enough);
            }
        }
    }
    // The newest first: where the deadline comes, they are what is counted.
    for view in views.iter().rev() {
        let walked = walk_view(shared, view, request, tally);
        // What is damaged counts as far as it can be read.
        let walked = shared.or_without(view, walked)?.unwrap_or(Walked::Through);
        if walked != Walked::Through {
            return Ok(walked);
        }
    }
    Ok(Walked::Through)
}

/// The same of one partition.
fn walk_view(
    shared: &Shared,
    view: &Arc<View>,
    request: &CountRequest,
    tally: &mut impl Tally,
) -> Result<Walked, StoreError> {
    let (from_ns, to_ns) = (request.from_ns.unwrap_or(i64::MIN), request.to_ns.unwrap_or(i64::MAX));
    let is_wanted = |time_ns: i64| time_ns >= from_ns && (time_ns < to_ns || request.to_ns.is_none());
    let searcher = &view.searcher;
    let mut segments: Vec<(i64, i64, usize)> = view
        .segments()
        .map(|((first, last), at, _)| (first, last, at))
        .filter(|(first, last, _)| *last >= from_ns && (is_wanted(*first) || *first < from_ns))
        .collect();
    if segments.is_empty() {
        return Ok(Walked::Through);
    }
    segments.sort_unstable_by_key(|(_, last, _)| std::cmp::Reverse(*last));
    let decided = match tally.columns() {
        Some(columns) => plan::decide(&request.query, &columns, view)?,
        None => None,
    };
    let is_everything = request.query.is_everything() && decided.as_ref().is_some_and(|d| d.unsure.is_none());
    let (decided, unsure) = match decided {
        Some(Decided { query, unsure }) => (Some(query), unsure),
        None => (None, Some(plan::narrow(&request.query, view)?)),
    };
    let weigh = |query: Option<Box<dyn TantivyQuery>>| {
        query.map(|query| query.weight(EnableScoring::disabled_from_searcher(searcher))).transpose()
    };
    let (decided, unsure) = (weigh(decided)?, weigh(unsure)?);
    for (first, last, at) in segments {
        if request.deadline.is_over() {
            return Ok(Walked::Late);
        }
        let segment = Segment::open(shared, view, at as SegmentOrdinal)?;
        let is_whole = is_wanted(first) && is_wanted(last);
        if is_everything && is_whole && segment.reader.alive_bitset().is_none() {
            tally.begin(&segment)?;
            if tally.whole(&segment) {
                tally.end()?;
                continue;
            }
        }
        if let Some(weight) = &decided {
            let documents = weight.scorer(segment.reader, 1.0)?;
            let is_wanted = (!is_whole).then_some(&is_wanted);
            let walked = count(&segment, documents, is_wanted, &request.deadline, tally)?;
            if walked != Walked::Through {
                return Ok(walked);
            }
        }
        if let Some(weight) = &unsure {
            let walked = read(&segment, weight.scorer(segment.reader, 1.0)?, is_wanted, request, tally)?;
            if walked != Walked::Through {
                return Ok(walked);
            }
        }
    }
    Ok(Walked::Through)
}

/// Counts documents that are known to match, those at a wanted time where not all are.
fn count(
    segment: &Segment<'_>,
    mut documents: impl DocSet,
    is_wanted: Option<&impl Fn(i64) -> bool>,
    deadline: &Deadline,
    tally: &mut impl Tally,
) -> Result<Walked, StoreError> {
    tally.begin(segment)?;
    let mut block = [0; COLLECT_BLOCK_BUFFER_LEN];
    let mut times_ns = [0; COLLECT_BLOCK_BUFFER_LEN];
    let mut times = segment.times();
    let mut since_look = 0;
    loop {
        let mut len = documents.fill_buffer(&mut block);
        if len == 0 {
            tally.end()?;
            return Ok(Walked::Through);
        }
        since_look += len;
        if since_look > BETWEEN_LOOKS {
            since_look = 0;
            if deadline.is_over() {
                tally.end()?;
                return Ok(Walked::Late);
            }
        }
        if let Some(alive) = segment.reader.alive_bitset() {
            let mut kept = 0;
            for at in 0..len {
                block[kept] = block[at];
                kept += usize::from(alive.is_alive(block[at]));
            }
            len = kept;
        }
        if is_wanted.is_some() || tally.needs_times() {
            block[..len].iter().zip(&mut times_ns).for_each(|(document, time_ns)| *time_ns = times.get(*document));
        }
        if let Some(is_wanted) = is_wanted {
            let mut kept = 0;
            for at in 0..len {
                (block[kept], times_ns[kept]) = (block[at], times_ns[at]);
                kept += usize::from(is_wanted(times_ns[at]));
            }
            len = kept;
        }
        tally.documents(&block[..len], &times_ns[..len]);
    }
}

/// Reads and verifies documents that may match.
fn read(
    segment: &Segment<'_>,
    mut documents: impl DocSet,
    is_wanted: impl Fn(i64) -> bool,
    request: &CountRequest,
    tally: &mut impl Tally,
) -> Result<Walked, StoreError> {
    let mut containers = HashMap::new();
    let mut times = segment.times();
    let mut since_look = 0;
    let mut candidates = Vec::new();
    let mut document = documents.doc();
    while document != TERMINATED {
        if segment.reader.alive_bitset().is_none_or(|alive| alive.is_alive(document)) {
            candidates.push(document);
        }
        document = documents.advance();
    }
    // Later documents are mostly the newer ones, and those are counted first.
    for document in candidates.into_iter().rev() {
        if is_wanted(times.get(document)) {
            since_look += 1;
            if since_look > READ_BETWEEN_LOOKS {
                since_look = 0;
                if request.deadline.is_over() {
                    return Ok(Walked::Late);
                }
            }
            let Some(record) = segment.or_without(segment.record(document, &mut containers))? else { continue };
            if request.query.matches(&record) && tally.record(&record).is_break() {
                return Ok(Walked::Enough);
            }
        }
    }
    Ok(Walked::Through)
}

/// A segment's column of keywords, while its documents are counted.
struct Keywords {
    of: ColumnOf,
    part: Arc<Part>,
    numbers: Cursor,
}

impl Keywords {
    fn open(segment: &Segment<'_>, of: ColumnOf) -> Self {
        let numbers = Cursor::new(&segment.part.columns.column(of).numbers);
        Self { of, part: Arc::clone(segment.part), numbers }
    }

    fn column(&self) -> &Column {
        self.part.columns.column(self.of)
    }

    /// How many keywords there are.
    fn len(&self) -> usize {
        self.column().keywords.len()
    }

    /// What a keyword tells.
    fn known<'k>(&self, keyword: &'k [u8]) -> Known<'k> {
        Known::of(self.of, std::str::from_utf8(keyword).unwrap_or_default())
    }

    /// Whether the keyword of a number can be told without reading all before it.
    fn are_known(&self) -> bool {
        self.column().known().is_ok_and(|known| known.is_some())
    }

    /// The keyword of a number; none where there is none.
    fn text(&self, number: i64) -> Result<Option<Cow<'_, str>>, StoreError> {
        Ok(self.column().text(number)?)
    }

    /// Calls `f` with the number of each keyword, from 1, and what it tells.
    fn for_each(&self, mut f: impl FnMut(usize, &Known<'_>)) -> Result<(), StoreError> {
        let mut keywords = self.column().keywords.stream();
        while keywords.advance()? {
            f(keywords.number() + 1, &self.known(keywords.text()));
        }
        Ok(())
    }

    /// Calls `f` with the numbers of the keywords of all documents, some at a time: 0 for none.
    fn for_all(&self, mut f: impl FnMut(&[i64])) {
        let numbers = &self.column().numbers;
        let mut block = [0; BLOCK];
        for at in 0..numbers.block_count() {
            let (len, _) = numbers.read(at, &mut block);
            f(&block[..len]);
        }
    }

    /// Calls `f` with the place of each document and the number of its keyword: 0 for none.
    fn for_documents(&mut self, documents: &[DocId], mut f: impl FnMut(usize, i64)) {
        documents.iter().enumerate().for_each(|(at, document)| f(at, self.numbers.get(*document)));
    }
}

fn beginning(value: &str) -> &str {
    &value[..value.floor_char_boundary(MAX_VALUE_BYTES)]
}
