//! Records → counts in steps of time, told apart by the values of a field.

use std::collections::HashMap;

use tantivy::{COLLECT_BLOCK_BUFFER_LEN, DateTime, DocId};

use super::super::plan;
use super::super::segment::Segment;
use super::super::{Shared, StoreError};
use super::{
    Axis, CountRequest, Facet, Histogram, MAX_COUNTED_SERIES, MAX_SERIES, Series, Tally, beginning, column,
    for_each_keyword, values, walk,
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
        others: vec![0; axis.buckets],
        total: 0,
        of_keyword: Vec::new(),
        step: None,
    };
    if axis.by.is_none() {
        tally.number("");
    }
    let is_partial = walk(shared, request, &mut tally)?;
    Ok(tally.finish(is_partial))
}

struct Steps<'a> {
    axis: &'a Axis,
    /// Which of `counts` is a value's.
    numbers: HashMap<String, usize>,
    counts: Vec<Vec<u64>>,
    /// What is told apart no more.
    others: Vec<u64>,
    total: u64,
    /// Which of `counts` each keyword of the segment belongs to.
    of_keyword: Vec<usize>,
    /// The step of the last record, from and to, and its number: the next one is mostly in it.
    step: Option<(i64, i64, usize)>,
}

/// In place of a number: told apart no more.
const OTHER: usize = usize::MAX;

impl Steps<'_> {
    fn number(&mut self, value: &str) -> usize {
        let value = beginning(value);
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        if self.counts.len() == MAX_COUNTED_SERIES {
            return OTHER;
        }
        self.counts.push(vec![0; self.axis.buckets]);
        self.numbers.insert(value.to_owned(), self.counts.len() - 1);
        self.counts.len() - 1
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
        self.counts.get_mut(number).unwrap_or(&mut self.others)[step] += 1;
    }

    fn finish(self, is_partial: bool) -> Histogram {
        let mut others = self.others;
        let mut counts = self.counts;
        let mut series: Vec<Series> = self
            .numbers
            .into_iter()
            .map(|(value, number)| Series { value, counts: std::mem::take(&mut counts[number]) })
            .collect();
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
    fn needs_records(&self) -> bool {
        matches!(self.axis.by, Some(Facet::Field(_)))
    }

    fn begin(&mut self, segment: &Segment<'_>) -> Result<(), StoreError> {
        self.of_keyword.clear();
        if let Some(Facet::Builtin(field)) = self.axis.by {
            for_each_keyword(segment, plan::column_of(field), |_, record| {
                let number = self.number(&field.text(record));
                self.of_keyword.push(number);
            })?;
        }
        Ok(())
    }

    fn documents(&mut self, segment: &Segment<'_>, documents: &[DocId], times: &[DateTime]) {
        let Some(Facet::Builtin(field)) = self.axis.by else {
            times.iter().for_each(|time| self.add(0, time.into_timestamp_nanos()));
            return;
        };
        let mut keywords = [0; COLLECT_BLOCK_BUFFER_LEN];
        let keywords = &mut keywords[..documents.len()];
        values(column(segment, plan::column_of(field)).ords(), documents, keywords);
        for (time, keyword) in times.iter().zip(keywords) {
            let number = self.of_keyword.get(*keyword as usize).copied().unwrap_or(OTHER);
            self.add(number, time.into_timestamp_nanos());
        }
    }

    fn end(&mut self, _: &Segment<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    fn record(&mut self, record: &Record) {
        let number = match &self.axis.by {
            Some(facet) => facet.with_value(record, |value| self.number(value)),
            None => 0,
        };
        self.add(number, record.time_ns());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_tells_so_many_series_apart_and_counts_all() {
        let by = Some(Facet::Field("id".into()));
        let axis = Axis { start_ns: -10, step_ns: 10, buckets: 3, by };
        let mut steps = Steps {
            axis: &axis,
            numbers: HashMap::new(),
            counts: Vec::new(),
            others: vec![0; 3],
            total: 0,
            of_keyword: Vec::new(),
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
