//! A query, a time range and a place → a page of records, in the order of all records.
//!
//! The index narrows, the query decides: postings and time find candidates, and each candidate is
//! read and matched by the same evaluator that live tail uses. Segments are visited in the order
//! of time and left out where they cannot hold anything better than what was found.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use tantivy::columnar::{Column, StrColumn};
use tantivy::query::{
    AllQuery, BooleanQuery, ConstScoreQuery, Occur, Query as TantivyQuery, RegexQuery, TermQuery, TermSetQuery,
};
use tantivy::schema::{Field, IndexRecordOption, Value as _};
use tantivy::{DateTime, DocId, DocSet, Searcher, SegmentOrdinal, SegmentReader, TERMINATED, TantivyDocument, Term};

use super::partition::{Partition, time_range};
use super::schema::{self, Fields, Marks};
use super::{Shared, StoreError};
use crate::query::{BuiltinField, Query, Requirement};
use crate::record::{Container, Kind, Position, Record, RecordId};

/// Which end first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The latest record first.
    NewestFirst,
    /// The earliest record first.
    OldestFirst,
}

/// What to look for.
#[derive(Clone, Debug)]
pub struct SearchRequest {
    /// What a record must match.
    pub query: Query,
    /// The earliest time, inclusive.
    pub from_ns: Option<i64>,
    /// The latest time, exclusive.
    pub to_ns: Option<i64>,
    /// Which end first.
    pub order: Order,
    /// The last record of the page before; the page begins behind it.
    pub after: Option<RecordId>,
    /// The most records to answer with.
    pub limit: usize,
    /// When to stop and answer with what was found.
    pub deadline: Instant,
}

/// Records, and whether they are all there is.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// In the order asked for.
    pub records: Vec<Record>,
    /// There are more behind the last one.
    pub has_more: bool,
    /// The deadline came first: matching records may be missing from the page.
    pub is_partial: bool,
}

/// Times as numbers that fall in the order asked for: the best first, the greatest best.
#[derive(Clone, Copy)]
struct Rank(Order);

impl Rank {
    fn of_time(self, time_ns: i64) -> i64 {
        match self.0 {
            Order::NewestFirst => time_ns,
            // The complement turns the order round and never overflows.
            Order::OldestFirst => !time_ns,
        }
    }

    fn is_better(self, a: &RecordId, b: &RecordId) -> bool {
        match self.0 {
            Order::NewestFirst => a > b,
            Order::OldestFirst => a < b,
        }
    }
}

/// The best records so far, at most one more than asked for.
struct Best<'a> {
    request: &'a SearchRequest,
    rank: Rank,
    found: Vec<(RecordId, Record)>,
}

impl Best<'_> {
    /// Room for the page and the one record that tells that there are more.
    fn room(&self) -> usize {
        self.request.limit + 1
    }

    /// Nothing ranked below this can still be taken; none while there is room.
    fn floor(&self) -> Option<i64> {
        (self.found.len() >= self.room())
            .then(|| self.found.last().map(|(id, _)| self.rank.of_time(id.time_ns)))
            .flatten()
    }

    fn offer(&mut self, record: Record) {
        let id = record.id();
        let request = self.request;
        if request.after.as_ref().is_some_and(|after| !self.rank.is_better(after, &id))
            || !request.query.matches(&record)
        {
            return;
        }
        let at = self.found.partition_point(|(other, _)| self.rank.is_better(other, &id));
        if at < self.room() {
            self.found.insert(at, (id, record));
            self.found.truncate(self.room());
        }
    }
}

/// The ranks that are still of interest, both inclusive.
#[derive(Clone, Copy)]
struct Window {
    low: i64,
    high: i64,
}

pub(super) fn search(shared: &Shared, request: &SearchRequest) -> Result<Page, StoreError> {
    let rank = Rank(request.order);
    let mut window = Window { low: i64::MIN, high: i64::MAX };
    let (first_ns, last_ns) =
        (request.from_ns.unwrap_or(i64::MIN), request.to_ns.map_or(i64::MAX, |t| t.saturating_sub(1)));
    if first_ns > last_ns || request.limit == 0 {
        return Ok(Page::default());
    }
    let (a, b) = (rank.of_time(first_ns), rank.of_time(last_ns));
    (window.low, window.high) = (a.min(b), a.max(b));
    if let Some(after) = &request.after {
        window.high = window.high.min(rank.of_time(after.time_ns));
    }

    // One look at memory and index together: a record is in exactly one of them.
    let (memory, searchers): (Vec<_>, Vec<_>) = {
        let visible = shared.visible();
        let searchers = visible.partitions.values().map(|p| (Arc::clone(p), p.searcher())).collect();
        (visible.memory.clone(), searchers)
    };
    let mut best = Best { request, rank, found: Vec::new() };
    for records in &memory {
        for record in records.iter() {
            let place = rank.of_time(record.time_ns());
            if place >= window.low && place <= window.high && best.floor().is_none_or(|floor| place >= floor) {
                best.offer(record.clone());
            }
        }
    }

    let mut segments: Vec<(Window, usize, SegmentOrdinal)> = Vec::new();
    for (at, (_, searcher)) in searchers.iter().enumerate() {
        for (ordinal, reader) in searcher.segment_readers().iter().enumerate() {
            let Some((first_ns, last_ns)) = time_range(reader) else { continue };
            let (a, b) = (rank.of_time(first_ns), rank.of_time(last_ns));
            let span = Window { low: a.min(b), high: a.max(b) };
            if span.high >= window.low && span.low <= window.high {
                segments.push((span, at, ordinal as SegmentOrdinal));
            }
        }
    }
    segments.sort_by_key(|(span, ..)| std::cmp::Reverse(span.high));
    let mut narrowed: HashMap<usize, Box<dyn TantivyQuery>> = HashMap::new();
    // The best rank that was not looked at, where the deadline came first.
    let mut unseen: Option<i64> = None;
    for (span, at, ordinal) in segments {
        if best.floor().is_some_and(|floor| span.high < floor) {
            break;
        }
        if Instant::now() >= request.deadline {
            unseen = unseen.max(Some(span.high));
            break;
        }
        let (partition, searcher) = &searchers[at];
        let query = match narrowed.entry(at) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(narrow(&request.query, partition.fields(), searcher)?)
            }
        };
        let segment = Segment::open(shared, partition, searcher, ordinal)?;
        unseen = unseen.max(segment.search(&**query, window, &mut best)?);
    }
    // A page goes on behind its last record, so it must not hold any behind what was left out.
    if let Some(unseen) = unseen {
        best.found.retain(|(id, _)| rank.of_time(id.time_ns) > unseen);
    }
    let is_partial = unseen.is_some();
    let has_more = best.found.len() > request.limit;
    best.found.truncate(request.limit);
    Ok(Page { records: best.found.into_iter().map(|(_, record)| record).collect(), has_more, is_partial })
}

/// What a record that matches certainly has, as a query of the index.
fn narrow(query: &Query, fields: Fields, searcher: &Searcher) -> Result<Box<dyn TantivyQuery>, StoreError> {
    Ok(match narrow_by(&query.required(), fields, searcher)? {
        Some(query) => Box::new(ConstScoreQuery::new(query, 1.0)),
        None => Box::new(AllQuery),
    })
}

/// All of these, as one query; none where there are none.
fn narrow_by(
    requirements: &[Requirement],
    fields: Fields,
    searcher: &Searcher,
) -> Result<Option<Box<dyn TantivyQuery>>, StoreError> {
    let mut parts: Vec<(Occur, Box<dyn TantivyQuery>)> = Vec::new();
    let (mut of_container, mut of_marks) = (Vec::new(), Vec::new());
    for requirement in requirements {
        match (column(requirement), requirement) {
            (Some(ColumnOf::Container), _) => of_container.push(requirement),
            (Some(ColumnOf::Marks), _) => of_marks.push(requirement),
            (None, Requirement::Token(token)) => parts.push((Occur::Must, term(fields.body, token))),
            (None, Requirement::TokenPrefix(prefix)) => parts.push((Occur::Must, begins(fields.body, prefix)?)),
            (None, Requirement::Any(alternatives)) => {
                let any = alternatives.iter().map(|list| narrow_by(list, fields, searcher));
                // One that narrows nothing leaves all of them open.
                if let Some(any) = any.collect::<Result<Option<Vec<_>>, _>>()? {
                    let any = any.into_iter().map(|query| (Occur::Should, query)).collect();
                    parts.push((Occur::Must, Box::new(BooleanQuery::new(any))));
                }
            }
            (None, Requirement::Keyword { .. } | Requirement::KeywordPrefix { .. }) => {}
        }
    }
    for (field, requirements) in [(fields.origin, of_container), (fields.marks, of_marks)] {
        if !requirements.is_empty() {
            let terms = keywords(searcher, field, |keyword| {
                let record = skeleton(keyword, field == fields.marks);
                requirements.iter().all(|requirement| satisfies(requirement, &record))
            })?;
            parts.push((Occur::Must, Box::new(TermSetQuery::new(terms))));
        }
    }
    Ok(if parts.is_empty() { None } else { Some(Box::new(BooleanQuery::new(parts))) })
}

/// The columns of which one keyword tells all that they know of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ColumnOf {
    Container,
    Marks,
}

/// The column that alone decides a requirement; none of a word's, and where it takes several.
fn column(requirement: &Requirement) -> Option<ColumnOf> {
    match requirement {
        Requirement::Token(_) | Requirement::TokenPrefix(_) => None,
        Requirement::Keyword { field, .. } | Requirement::KeywordPrefix { field, .. } => Some(match field {
            BuiltinField::Container
            | BuiltinField::ContainerId
            | BuiltinField::Project
            | BuiltinField::Service
            | BuiltinField::Number => ColumnOf::Container,
            BuiltinField::Stream | BuiltinField::Level | BuiltinField::Kind | BuiltinField::Format => ColumnOf::Marks,
        }),
        Requirement::Any(alternatives) => {
            let mut columns = alternatives.iter().flatten().map(column);
            let first = columns.next()??;
            columns.all(|column| column == Some(first)).then_some(first)
        }
    }
}

/// The keywords of `field` that pass, from the dictionaries of all segments: there are few.
fn keywords(searcher: &Searcher, field: Field, passes: impl Fn(&str) -> bool) -> Result<Vec<Term>, StoreError> {
    let mut terms = BTreeSet::new();
    for reader in searcher.segment_readers() {
        let index = reader.inverted_index(field)?;
        let mut keywords = index.terms().stream()?;
        while keywords.advance() {
            if let Some(keyword) = std::str::from_utf8(keywords.key()).ok().filter(|keyword| passes(keyword)) {
                terms.insert(Term::from_field_text(field, keyword));
            }
        }
    }
    Ok(terms.into_iter().collect())
}

/// A record that has the keyword and nothing else.
fn skeleton(keyword: &str, is_marks: bool) -> Record {
    let marks = Marks::from_keyword(if is_marks { keyword } else { "" });
    Record {
        container: Arc::new(schema::container(if is_marks { "" } else { keyword })),
        stream: marks.stream,
        position: Position::default(),
        kind: marks.kind,
        level: marks.level,
        raw: "".into(),
        fields: crate::record::Fields::default(),
        format: marks.format,
        truncated: marks.truncated,
    }
}

fn satisfies(requirement: &Requirement, record: &Record) -> bool {
    match requirement {
        Requirement::Keyword { field, value } => field.keyword(record) == value.as_str(),
        Requirement::KeywordPrefix { field, value } => field.keyword(record).starts_with(value.as_str()),
        Requirement::Any(alternatives) => {
            alternatives.iter().any(|list| list.iter().all(|requirement| satisfies(requirement, record)))
        }
        Requirement::Token(_) | Requirement::TokenPrefix(_) => true,
    }
}

fn term(field: Field, text: &str) -> Box<dyn TantivyQuery> {
    Box::new(TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::Basic))
}

fn begins(field: Field, prefix: &str) -> Result<Box<dyn TantivyQuery>, StoreError> {
    Ok(Box::new(RegexQuery::from_pattern(&format!("{}(.|\\n)*", regex::escape(prefix)), field)?))
}

/// One segment, with the columns that make a record.
struct Segment<'a> {
    shared: &'a Shared,
    fields: Fields,
    searcher: &'a Searcher,
    ordinal: SegmentOrdinal,
    reader: &'a SegmentReader,
    times: Column<DateTime>,
    ordinals: Column<u64>,
    origins: StrColumn,
    marks: StrColumn,
}

impl<'a> Segment<'a> {
    fn open(
        shared: &'a Shared,
        partition: &Partition,
        searcher: &'a Searcher,
        ordinal: SegmentOrdinal,
    ) -> Result<Self, StoreError> {
        let reader = searcher.segment_reader(ordinal);
        let fast = reader.fast_fields();
        let text = |name: &str| -> tantivy::Result<StrColumn> {
            fast.str(name)?.ok_or_else(|| tantivy::TantivyError::SchemaError(format!("the column {name} is missing")))
        };
        Ok(Self {
            shared,
            fields: partition.fields(),
            searcher,
            ordinal,
            reader,
            times: fast.date("time")?,
            ordinals: fast.u64("ordinal")?,
            origins: text("origin")?,
            marks: text("marks")?,
        })
    }

    /// Offers the segment's matching records, best first, until no further one can be taken.
    /// Answers the best rank that was not looked at, where the deadline came first.
    fn search(&self, query: &dyn TantivyQuery, window: Window, best: &mut Best<'_>) -> Result<Option<i64>, StoreError> {
        let rank = best.rank;
        let weight = query.weight(tantivy::query::EnableScoring::disabled_from_searcher(self.searcher))?;
        let mut window = window;
        let mut wanted = best.room() * 2;
        loop {
            if let Some(floor) = best.floor() {
                window.low = window.low.max(floor);
            }
            // The best candidates: first how far down they reach, then all of them, because
            // candidates of one time must not be told apart by chance.
            let mut top = Top { ranks: std::collections::BinaryHeap::new(), wanted };
            let mut matching = 0_usize;
            let visit = |take: &mut dyn FnMut(DocId, i64)| -> Result<(), StoreError> {
                let mut docs = weight.scorer(self.reader, 1.0)?;
                let mut doc = docs.doc();
                while doc != TERMINATED {
                    if let Some(time) = self.times.first(doc) {
                        let place = rank.of_time(time.into_timestamp_nanos());
                        if place >= window.low && place <= window.high {
                            take(doc, place);
                        }
                    }
                    doc = docs.advance();
                }
                Ok(())
            };
            visit(&mut |_, place| {
                matching += 1;
                top.offer(place);
            })?;
            let lowest = if matching > wanted { top.lowest() } else { window.low };
            let mut candidates = Vec::with_capacity(matching.min(wanted));
            visit(&mut |doc, place| {
                if place >= lowest {
                    candidates.push((place, doc));
                }
            })?;
            candidates.sort_unstable_by_key(|&(place, _)| std::cmp::Reverse(place));
            let mut containers = HashMap::new();
            for (count, &(place, doc)) in candidates.iter().enumerate() {
                if best.floor().is_some_and(|floor| place < floor) {
                    return Ok(None);
                }
                if count % 64 == 63 && Instant::now() >= best.request.deadline {
                    return Ok(Some(place));
                }
                best.offer(self.record(doc, &mut containers)?);
            }
            if lowest == window.low || lowest == i64::MIN {
                return Ok(None);
            }
            window.high = lowest - 1;
            wanted = wanted.saturating_mul(4);
        }
    }

    fn record(&self, doc: DocId, containers: &mut HashMap<u64, Arc<Container>>) -> Result<Record, StoreError> {
        let stored: TantivyDocument = self.searcher.doc(tantivy::DocAddress::new(self.ordinal, doc))?;
        let text = |field| stored.get_first(field).and_then(|value| value.as_str()).unwrap_or_default();
        let raw = text(self.fields.raw);
        let extra = text(self.fields.extra);
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

/// The greatest of many ranks, kept in constant space.
struct Top {
    ranks: std::collections::BinaryHeap<std::cmp::Reverse<i64>>,
    wanted: usize,
}

impl Top {
    fn offer(&mut self, rank: i64) {
        if self.ranks.len() < self.wanted {
            self.ranks.push(std::cmp::Reverse(rank));
        } else if let Some(mut lowest) = self.ranks.peek_mut()
            && rank > lowest.0
        {
            lowest.0 = rank;
        }
    }

    fn lowest(&self) -> i64 {
        self.ranks.peek().map_or(i64::MIN, |rank| rank.0)
    }
}
