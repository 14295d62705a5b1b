//! Records → counts in steps of time, told apart by the values of a field.

use std::collections::HashMap;
use std::ops::ControlFlow;

use tantivy::DocId;

use super::super::keyword::ColumnOf;
use super::super::segment::Segment;
use super::super::{Shared, StoreError};
use super::{
    Axis, CountRequest, Histogram, Keywords, MAX_COUNTED_SERIES, MAX_SERIES, Series, Tally, Walked, beginning, facets,
    walk,
};
use crate::record::Record;

/// Counts in steps of time.
pub(in crate::store) fn histogram(
    shared: &Shared,
    request: &CountRequest,
    axis: &Axis,
) -> Result<Histogram, StoreError> {
    let mut tally = Steps {
        axis,
        numbers: HashMap::new(),
        counts: Vec::new(),
        is_chosen: false,
        others: vec![0; axis.buckets],
        total: 0,
        keywords: None,
        of_keyword: Vec::new(),
        met: Vec::new(),
        step: None,
    };
    match &axis.by {
        None => {
            tally.number("");
        }
        // Too many to tell apart while they are counted.
        Some(facet) if ColumnOf::of_facet(facet) == Some(ColumnOf::Path) => {
            let first = CountRequest { deadline: request.deadline.half(), ..request.clone() };
            let paths = facets(shared, &first, std::slice::from_ref(facet), MAX_SERIES)?;
            let paths = paths.facets.iter().flat_map(|facet| &facet.values);
            for path in paths {
                tally.number(&path.value);
            }
            tally.number("");
            tally.is_chosen = true;
        }
        Some(_) => {}
    }
    let is_partial = walk(shared, request, &mut tally)? == Walked::Late;
    Ok(tally.finish(is_partial))
}

struct Steps<'a> {
    axis: &'a Axis,
    /// Which of `counts` is a value's.
    numbers: HashMap<String, usize>,
    /// For each step of the first, then for each of the second, and so on.
    counts: Vec<u64>,
    /// No further value gets a number.
    is_chosen: bool,
    /// What is told apart no more.
    others: Vec<u64>,
    total: u64,
    /// Of the segment.
    keywords: Option<Keywords>,
    /// Which of `counts` each of them belongs to.
    of_keyword: Vec<usize>,
    /// The keywords of some documents, kept for its memory.
    met: Vec<i64>,
    /// The step of the last record, from and to, and its number: the next one is mostly in it.
    step: Option<(i64, i64, usize)>,
}

/// In place of a number: told apart no more.
const OTHER: usize = usize::MAX;
/// In place of a number: no record of the segment had the keyword.
const UNMET: usize = usize::MAX - 1;

impl Steps<'_> {
    fn number(&mut self, value: &str) -> usize {
        let value = beginning(value);
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let number = self.numbers.len();
        if number == MAX_COUNTED_SERIES || self.is_chosen {
            return OTHER;
        }
        self.counts.resize((number + 1) * self.axis.buckets, 0);
        self.numbers.insert(value.to_owned(), number);
        number
    }

    /// The number of a keyword of the segment, or of none, that a record has.
    fn meet(&mut self, keywords: &Keywords, keyword: i64) -> usize {
        let Some(facet) = &self.axis.by else { return 0 };
        // What cannot be read is counted as none; it is no keyword that was written.
        let number = match keywords.text(keyword) {
            Ok(Some(text)) => keywords.known(text.as_bytes()).with_value(facet, |value| self.number(value)),
            Ok(None) | Err(_) => self.number(""),
        };
        if let Some(of_keyword) = usize::try_from(keyword).ok().and_then(|keyword| self.of_keyword.get_mut(keyword)) {
            *of_keyword = number;
        }
        number
    }

    fn add(&mut self, number: usize, time_ns: i64) {
        let step = match self.step {
            Some((from, to, step)) if time_ns >= from && time_ns < to => step,
            _ => {
                let Some(since) = time_ns.checked_sub(self.axis.start_ns).filter(|since| *since >= 0) else { return };
                let Ok(step) = usize::try_from(since / self.axis.step_ns) else { return };
                if step >= self.axis.buckets {
                    return;
                }
                let from = self.axis.start_ns + step as i64 * self.axis.step_ns;
                self.step = Some((from, from.saturating_add(self.axis.step_ns), step));
                step
            }
        };
        self.total += 1;
        if number == OTHER {
            self.others[step] += 1;
        } else {
            self.counts[number * self.axis.buckets + step] += 1;
        }
    }

    fn finish(self, is_partial: bool) -> Histogram {
        let mut others = self.others;
        let buckets = self.axis.buckets;
        let counts = |number: usize| self.counts[number * buckets..(number + 1) * buckets].to_vec();
        let series = self.numbers.into_iter().map(|(value, number)| Series { value, counts: counts(number) });
        let mut series: Vec<Series> = series.collect();
        let size = |series: &Series| series.counts.iter().sum::<u64>();
        series.retain(|one| size(one) > 0 || self.axis.by.is_none());
        series.sort_by(|a, b| size(b).cmp(&size(a)).then_with(|| a.value.cmp(&b.value)));
        for one in series.drain(series.len().min(MAX_SERIES)..) {
            others.iter_mut().zip(one.counts).for_each(|(sum, count)| *sum += count);
        }
        let others = Some(others).filter(|counts| counts.iter().any(|count| *count > 0));
        Histogram { series, others, total: self.total, is_partial }
    }
}

impl Tally for Steps<'_> {
    fn columns(&self) -> Option<Vec<ColumnOf>> {
        match &self.axis.by {
            Some(facet) => ColumnOf::of_facet(facet).map(|column| vec![column]),
            None => Some(Vec::new()),
        }
    }

    fn needs_times(&self) -> bool {
        true
    }

    fn begin(&mut self, segment: &Segment<'_>) -> Result<(), StoreError> {
        self.of_keyword.clear();
        self.keywords = self.axis.by.as_ref().and_then(ColumnOf::of_facet).map(|of| Keywords::open(segment, of));
        let Some(keywords) = self.keywords.take() else { return Ok(()) };
        self.of_keyword.resize(keywords.len() + 1, UNMET);
        if (self.is_chosen || !keywords.are_known())
            && let Some(facet) = &self.axis.by
        {
            // Of many keywords, one after the other is faster than each when it is met.
            keywords.for_each(|keyword, known| {
                self.of_keyword[keyword] = known.with_value(facet, |value| self.number(value));
            })?;
        }
        self.keywords = Some(keywords);
        Ok(())
    }

    fn documents(&mut self, documents: &[DocId], times_ns: &[i64]) {
        let Some(mut keywords) = self.keywords.take() else {
            let number = self.number("");
            times_ns.iter().for_each(|time_ns| self.add(number, *time_ns));
            return;
        };
        let mut met = std::mem::take(&mut self.met);
        met.clear();
        keywords.for_documents(documents, |_, keyword| met.push(keyword));
        for (keyword, time_ns) in met.iter().zip(times_ns) {
            let number = match usize::try_from(*keyword).ok().and_then(|keyword| self.of_keyword.get(keyword)) {
                Some(number) if *number != UNMET => *number,
                _ => self.meet(&keywords, *keyword),
            };
            self.add(number, *time_ns);
        }
        self.met = met;
        self.keywords = Some(keywords);
    }

    fn end(&mut self) -> Result<(), StoreError> {
        self.keywords = None;
        Ok(())
    }

    fn record(&mut self, record: &Record) -> ControlFlow<()> {
        let number = match &self.axis.by {
            Some(facet) => facet.with_value(record, |value| self.number(value)),
            None => 0,
        };
        self.add(number, record.time_ns());
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_tells_so_many_series_apart_and_counts_all() {
        let by = Some(super::super::Facet::Field("id".into()));
        let axis = Axis { start_ns: -10, step_ns: 10, buckets: 3, by };
        let mut steps = Steps {
            axis: &axis,
            numbers: HashMap::new(),
            counts: Vec::new(),
            is_chosen: false,
            others: vec![0; 3],
            total: 0,
            keywords: None,
            of_keyword: Vec::new(),
            met: Vec::new(),
            step: None,
        };
        for time_ns in [-11, -10, -1, 0, 9, 10, 19, 20, i64::MIN, i64::MAX] {
            let number = steps.number("often");
            steps.add(number, time_ns);
        }
        for n in 0..300 {
            let number = steps.number(&n.to_string());
            steps.add(number, 0);
        }
        let histogram = steps.finish(false);
        assert_eq!(histogram.series.len(), MAX_SERIES);
        assert_eq!(histogram.series[0], Series { value: "often".into(), counts: vec![2, 2, 2] });
        assert_eq!(histogram.others, Some(vec![0, 300 - (MAX_SERIES as u64 - 1), 0]));
        assert_eq!(histogram.total, 306);
    }
}
