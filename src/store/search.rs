//! A query, a time range and a place → a page of records, in the order of all records.
//!
//! The index narrows, the query decides: postings and time find candidates, and each candidate is
//! read and matched by the same evaluator that live tail uses. Segments are visited in the order
//! of time and left out where they cannot hold anything better than what was found.

use std::collections::HashMap;

use tantivy::query::{Query as TantivyQuery, Weight};
use tantivy::{DocId, DocSet, SegmentOrdinal, TERMINATED};

use super::blocks::Blocks;
use super::plan::narrow;
use super::segment::Segment;
use super::{Deadline, Shared, StoreError};
use crate::query::Query;
use crate::record::{Record, RecordId};

/// The best blocks of a segment are looked at first: so many, and then four times as many.
const FIRST_BLOCKS: usize = 4;

/// How many bytes of lines a page has at most, unless its first record alone has more.
pub const PAGE_BYTES: usize = 16 << 20;

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
    /// The most bytes of lines to answer with, usually [`PAGE_BYTES`]; there is always one record.
    pub max_bytes: usize,
    /// When to stop and answer with what was found.
    pub deadline: Deadline,
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

/// The best records so far, at most one more than the page has.
struct Best<'a> {
    request: &'a SearchRequest,
    rank: Rank,
    found: Vec<(RecordId, Record)>,
    /// The bytes of all their lines.
    bytes: usize,
}

impl Best<'_> {
    /// Room for the page and the one record that tells that there are more.
    fn room(&self) -> usize {
        self.request.limit + 1
    }

    /// Whether the last of so many records, of so many bytes, is beyond the page.
    fn is_beyond(&self, records: usize, bytes: usize) -> bool {
        records > self.request.limit || (records > 1 && bytes > self.request.max_bytes)
    }

    /// Nothing ranked below this can still be taken; none while there is room.
    fn floor(&self) -> Option<i64> {
        self.is_beyond(self.found.len(), self.bytes)
            .then(|| self.found.last().map(|(id, _)| self.rank.of_time(id.time_ns)))
            .flatten()
    }

    /// Lets go of what is behind the first record beyond the page.
    fn let_go(&mut self) {
        while let Some((_, last)) = self.found.last()
            && self.is_beyond(self.found.len() - 1, self.bytes - last.raw.len())
        {
            self.bytes -= last.raw.len();
            self.found.pop();
        }
    }

    /// The page, of which matching records may be missing or not.
    fn into_page(mut self, is_partial: bool) -> Page {
        let mut has_more = false;
        while let Some((_, last)) = self.found.last()
            && self.is_beyond(self.found.len(), self.bytes)
        {
            self.bytes -= last.raw.len();
            self.found.pop();
            has_more = true;
        }
        Page { records: self.found.into_iter().map(|(_, record)| record).collect(), has_more, is_partial }
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
        // Behind the first record beyond the page, none is of interest.
        if at < self.found.len() || self.floor().is_none() {
            self.bytes += record.raw.len();
            self.found.insert(at, (id, record));
            self.let_go();
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
    let (memory, views) = shared.snapshot();
    let mut best = Best { request, rank, found: Vec::new(), bytes: 0 };
    for records in &memory {
        for record in records.iter() {
            let place = rank.of_time(record.time_ns());
            if place >= window.low && place <= window.high && best.floor().is_none_or(|floor| place >= floor) {
                best.offer(record.clone());
            }
        }
    }

    let mut segments: Vec<(Window, usize, SegmentOrdinal)> = Vec::new();
    for (at, view) in views.iter().enumerate() {
        for ((first_ns, last_ns), ordinal, _) in view.segments() {
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
        if request.deadline.is_over() {
            unseen = unseen.max(Some(span.high));
            break;
        }
        let view = &views[at];
        let mut search = || {
            let query = match narrowed.entry(at) {
                std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::hash_map::Entry::Vacant(entry) => entry.insert(narrow(&request.query, view)?),
            };
            Segment::open(shared, view, ordinal)?.search(&**query, window, &mut best)
        };
        let searched = search();
        unseen = unseen.max(shared.or_without(view, searched)?.flatten());
    }
    // A page goes on behind its last record, so it must not hold any behind what was left out.
    if let Some(unseen) = unseen {
        best.found.retain(|(id, _)| rank.of_time(id.time_ns) > unseen);
        best.bytes = best.found.iter().map(|(_, record)| record.raw.len()).sum();
    }
    Ok(best.into_page(unseen.is_some()))
}

impl Segment<'_> {
    /// Offers the segment's matching records, best first, until no further one can be taken.
    /// Answers the best rank that was not looked at, where the deadline came first.
    fn search(&self, query: &dyn TantivyQuery, window: Window, best: &mut Best<'_>) -> Result<Option<i64>, StoreError> {
        let rank = best.rank;
        let weight = query.weight(tantivy::query::EnableScoring::disabled_from_searcher(&self.view.searcher))?;
        let mut rest = window;
        let blocks = &self.part.columns.blocks;
        for low in steps(blocks, rank) {
            if best.floor().is_some_and(|floor| rest.high < floor) || rest.high < window.low {
                return Ok(None);
            }
            if low > rest.high {
                continue;
            }
            let step = Window { low: low.max(window.low), high: rest.high };
            let unseen = self.search_window(&*weight, blocks, step, best)?;
            if unseen.is_some() || low == i64::MIN {
                return Ok(unseen);
            }
            rest.high = low - 1;
        }
        Ok(None)
    }

    /// The same in a part of the window.
    fn search_window(
        &self,
        weight: &dyn Weight,
        blocks: &Blocks,
        window: Window,
        best: &mut Best<'_>,
    ) -> Result<Option<i64>, StoreError> {
        let rank = best.rank;
        let mut window = window;
        let mut wanted = best.room() * 2;
        loop {
            if let Some(floor) = best.floor() {
                window.low = window.low.max(floor);
            }
            let chosen = blocks.choose(|first, last| {
                let (a, b) = (rank.of_time(first), rank.of_time(last));
                a.max(b) >= window.low && a.min(b) <= window.high
            });
            // The best candidates: first how far down they reach, then all of them, because
            // candidates of one time must not be told apart by chance.
            let mut top = Top { ranks: std::collections::BinaryHeap::new(), wanted };
            let mut matching = 0_usize;
            let visit = |take: &mut dyn FnMut(DocId, i64)| -> Result<(), StoreError> {
                let mut times = self.times();
                let mut docs = weight.scorer(self.reader, 1.0)?;
                let mut doc = docs.doc();
                while doc != TERMINATED {
                    match chosen.next(doc) {
                        Some(next) if next == doc => {}
                        Some(next) => {
                            doc = docs.seek(next);
                            continue;
                        }
                        None => break,
                    }
                    if self.reader.alive_bitset().is_none_or(|alive| alive.is_alive(doc)) {
                        let place = rank.of_time(times.get(doc));
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
                if count % 64 == 63 && best.request.deadline.is_over() {
                    return Ok(Some(place));
                }
                if let Some(record) = self.or_without(self.record(doc, &mut containers))? {
                    best.offer(record);
                }
            }
            if lowest == window.low || lowest == i64::MIN {
                return Ok(None);
            }
            window.high = lowest - 1;
            wanted = wanted.saturating_mul(4);
        }
    }
}

/// Where windows end that together are all, the best first: each reaches down to more blocks than
/// the one before.
fn steps(blocks: &Blocks, rank: Rank) -> Vec<i64> {
    let best = |(first, last)| rank.of_time(first).max(rank.of_time(last));
    let mut ranks: Vec<i64> = blocks.iter().map(best).collect();
    ranks.sort_unstable_by_key(|&rank| std::cmp::Reverse(rank));
    // What is better than the best of a block lies in those before it.
    let ends = std::iter::successors(Some(FIRST_BLOCKS), |blocks| Some(blocks * 4));
    let mut steps: Vec<i64> = ends.map_while(|blocks| ranks.get(blocks)?.checked_add(1)).collect();
    steps.push(i64::MIN);
    steps
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
