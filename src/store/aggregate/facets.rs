//! Records → counts of the values of fields.

use std::collections::HashMap;

use tantivy::{COLLECT_BLOCK_BUFFER_LEN, DateTime, DocId};

use super::super::plan::{self, ColumnOf};
use super::super::segment::Segment;
use super::super::{Shared, StoreError};
use super::{
    Count, CountRequest, Counts, Facet, FacetCounts, MAX_VALUES, Tally, beginning, column, for_each_keyword, values,
    walk,
};
use crate::record::Record;

/// Counts the values of fields.
pub(in crate::store) fn facets(
    shared: &Shared,
    request: &CountRequest,
    facets: &[Facet],
    top: usize,
) -> Result<Counts, StoreError> {
    let mut tally = Fields {
        facets: facets.iter().map(|facet| (facet, Values::default())).collect(),
        columns: [(ColumnOf::Container, Vec::new()), (ColumnOf::Marks, Vec::new())],
        total: 0,
    };
    let is_partial = walk(shared, request, &mut tally)?;
    let total = tally.total;
    let facets = tally.facets.into_iter().map(|(facet, values)| values.finish(facet, top)).collect();
    Ok(Counts { facets, total, is_partial })
}

struct Fields<'a> {
    facets: Vec<(&'a Facet, Values)>,
    /// How many documents of the segment have each keyword.
    columns: [(ColumnOf, Vec<u64>); 2],
    total: u64,
}

impl Fields<'_> {
    fn is_wanted(&self, column: ColumnOf) -> bool {
        self.facets.iter().any(|(facet, _)| matches!(facet, Facet::Builtin(field) if plan::column_of(*field) == column))
    }
}

impl Tally for Fields<'_> {
    fn needs_records(&self) -> bool {
        self.facets.iter().any(|(facet, _)| matches!(facet, Facet::Field(_)))
    }

    fn begin(&mut self, segment: &Segment<'_>) -> Result<(), StoreError> {
        for at in 0..self.columns.len() {
            let of = self.columns[at].0;
            let keywords = if self.is_wanted(of) { column(segment, of).num_terms() } else { 0 };
            self.columns[at].1 = vec![0; keywords];
        }
        Ok(())
    }

    fn documents(&mut self, segment: &Segment<'_>, documents: &[DocId], _: &[DateTime]) {
        self.total += documents.len() as u64;
        for (of, counts) in self.columns.iter_mut().filter(|(_, counts)| !counts.is_empty()) {
            let mut keywords = [0; COLLECT_BLOCK_BUFFER_LEN];
            let keywords = &mut keywords[..documents.len()];
            values(column(segment, *of).ords(), documents, keywords);
            for keyword in keywords {
                if let Some(count) = counts.get_mut(*keyword as usize) {
                    *count += 1;
                }
            }
        }
    }

    fn end(&mut self, segment: &Segment<'_>) -> Result<(), StoreError> {
        for (of, counts) in self.columns.iter().filter(|(_, counts)| !counts.is_empty()) {
            for_each_keyword(segment, *of, |keyword, record| {
                let count = counts[keyword];
                for (facet, values) in &mut self.facets {
                    if count > 0 && matches!(facet, Facet::Builtin(field) if plan::column_of(*field) == *of) {
                        facet.with_value(record, |value| values.add(value, count));
                    }
                }
            })?;
        }
        Ok(())
    }

    fn record(&mut self, record: &Record) {
        self.total += 1;
        for (facet, values) in &mut self.facets {
            facet.with_value(record, |value| values.add(value, 1));
        }
    }
}

/// The values of one field while they are counted, in bounded space.
#[derive(Debug, Default)]
struct Values {
    counts: HashMap<String, u64>,
    missing: u64,
    /// Records whose value was let go.
    let_go: u64,
}

impl Values {
    fn add(&mut self, value: &str, count: u64) {
        let value = beginning(value);
        if value.is_empty() {
            self.missing += count;
        } else if let Some(sum) = self.counts.get_mut(value) {
            *sum += count;
        } else {
            if self.counts.len() >= 2 * MAX_VALUES {
                self.let_rare_go();
            }
            self.counts.insert(value.to_owned(), count);
        }
    }

    fn let_rare_go(&mut self) {
        let mut sizes: Vec<u64> = self.counts.values().copied().collect();
        let (_, &mut median, _) = sizes.select_nth_unstable(MAX_VALUES);
        let mut room = MAX_VALUES - self.counts.values().filter(|count| **count > median).count();
        self.counts.retain(|_, count| {
            let stays = *count > median || *count == median && room > 0;
            room -= usize::from(stays && *count == median);
            self.let_go += if stays { 0 } else { *count };
            stays
        });
    }

    fn finish(self, facet: &Facet, top: usize) -> FacetCounts {
        let distinct = self.counts.len();
        let mut values: Vec<Count> = self.counts.into_iter().map(|(value, count)| Count { value, count }).collect();
        values.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
        let rest = values.split_off(values.len().min(top));
        FacetCounts {
            field: facet.name().to_owned(),
            values,
            distinct,
            others: rest.iter().map(|count| count.count).sum::<u64>() + self.let_go,
            missing: self.missing,
            approximate: self.let_go > 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_values_the_rare_ones_are_let_go_and_counted() {
        let mut values = Values::default();
        values.add("common", 7);
        for n in 0..3 * MAX_VALUES {
            values.add(&n.to_string(), 1);
            values.add("frequent", 1);
        }
        values.add("", 5);
        assert!(values.counts.len() <= 2 * MAX_VALUES);
        let counts = values.finish(&Facet::Field("id".into()), 2);
        let top: Vec<_> = counts.values.iter().map(|count| (count.value.as_str(), count.count)).collect();
        assert_eq!(top, [("frequent", 3 * MAX_VALUES as u64), ("common", 7)]);
        assert_eq!((counts.others, counts.missing, counts.approximate), (3 * MAX_VALUES as u64, 5, true));
    }
}
