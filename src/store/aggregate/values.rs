//! Values and how often each was counted → the commonest ones, in bounded space.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::{Count, Facet, FacetCounts, Keywords, MAX_VALUES, beginning};

/// The keywords of one segment, and how many documents have none, and each.
pub(super) struct Counted {
    pub keywords: Keywords,
    pub counts: Vec<u64>,
}

/// The values of one field while they are counted, in bounded space.
#[derive(Debug, Default)]
pub(super) struct Values {
    counts: HashMap<String, u64>,
    pub missing: u64,
    /// Records whose value was let go.
    let_go: u64,
}

impl Values {
    pub(super) fn add(&mut self, value: &str, count: u64) {
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

    /// The commonest of these values and of those of the keywords, which have to be in the order of the
    /// facet's values and are kept no longer than one is counted.
    pub(super) fn finish(mut self, facet: &Facet, top: usize, counted: &[Counted]) -> FacetCounts {
        let mut best = Best { top, heap: BinaryHeap::new(), distinct: 0, others: self.let_go };
        merge(counted, facet, |value, count| {
            let counted = if self.counts.is_empty() { None } else { self.counts.remove(value) };
            let count = count + counted.unwrap_or_default();
            if value.is_empty() {
                self.missing += count;
            } else {
                best.offer(value, count);
            }
        });
        for (value, count) in &self.counts {
            best.offer(value, *count);
        }
        let values = best.heap.into_sorted_vec().into_iter();
        FacetCounts {
            field: facet.name().to_owned(),
            values: values.map(|Reverse((count, Reverse(value)))| Count { value, count }).collect(),
            distinct: best.distinct,
            others: best.others,
            missing: self.missing,
            approximate: self.let_go > 0,
        }
    }
}

/// The commonest values, and the sum of the others.
struct Best {
    top: usize,
    /// The rarest first; of equal counts, the last in the order of the values.
    heap: BinaryHeap<Reverse<(u64, Reverse<String>)>>,
    distinct: usize,
    others: u64,
}

impl Best {
    fn offer(&mut self, value: &str, count: u64) {
        self.distinct += 1;
        if self.heap.len() < self.top {
            self.heap.push(Reverse((count, Reverse(value.to_owned()))));
            return;
        }
        let mut left_out = count;
        if let Some(mut worst) = self.heap.peek_mut() {
            let Reverse((rarest, Reverse(last))) = &mut *worst;
            if (count, Reverse(value)) > (*rarest, Reverse(last.as_str())) {
                left_out = *rarest;
                *worst = Reverse((count, Reverse(value.to_owned())));
            }
        }
        self.others += left_out;
    }
}

/// Calls `f` with each value that was counted and its count in all segments. The values come in the
/// order of the keywords: where that is not theirs, one comes more than once.
pub(super) fn merge(counted: &[Counted], facet: &Facet, mut f: impl FnMut(&str, u64)) {
    let mut streams = Vec::new();
    let mut heads: BinaryHeap<Reverse<(Vec<u8>, usize)>> = BinaryHeap::new();
    for (at, segment) in counted.iter().enumerate() {
        let mut stream = segment.keywords.column().keywords.stream();
        // Of a damaged file the keywords that can be read are counted; its check tells of it.
        if stream.advance().unwrap_or_default() {
            heads.push(Reverse((stream.text().to_vec(), at)));
        }
        streams.push(stream);
    }
    let mut value = String::new();
    let (mut sum, mut without) = (0, 0);
    while let Some(mut head) = heads.peek_mut() {
        let Reverse((keyword, at)) = &mut *head;
        let (stream, segment) = (&mut streams[*at], &counted[*at]);
        let count = segment.counts.get(stream.number() + 1).copied().unwrap_or_default();
        if count > 0 {
            // Long values of one beginning are neighbours.
            segment.keywords.known(keyword).with_value(facet, |next| {
                let next = beginning(next);
                if next.is_empty() {
                    // Between them stands what has no value under this name.
                    without += count;
                    return;
                }
                if next != value {
                    if sum > 0 {
                        f(&value, sum);
                    }
                    value.clear();
                    value.push_str(next);
                    sum = 0;
                }
                sum += count;
            });
        }
        if stream.advance().unwrap_or_default() {
            keyword.clear();
            keyword.extend_from_slice(stream.text());
        } else {
            std::collections::binary_heap::PeekMut::pop(head);
        }
    }
    if sum > 0 {
        f(&value, sum);
    }
    if without > 0 {
        f("", without);
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
        let counts = values.finish(&Facet::Field("id".into()), 2, &[]);
        let top: Vec<_> = counts.values.iter().map(|count| (count.value.as_str(), count.count)).collect();
        assert_eq!(top, [("frequent", 3 * MAX_VALUES as u64), ("common", 7)]);
        assert_eq!((counts.others, counts.missing, counts.approximate), (3 * MAX_VALUES as u64, 5, true));
    }

    #[test]
    fn of_equally_common_values_the_first_are_answered() {
        let mut values = Values::default();
        for value in ["b", "d", "a", "c"] {
            values.add(value, 2);
        }
        values.add("e", 3);
        let counts = values.finish(&Facet::Field("id".into()), 3, &[]);
        let top: Vec<_> = counts.values.iter().map(|count| count.value.as_str()).collect();
        assert_eq!((top, counts.others, counts.distinct), (vec!["e", "a", "b"], 4, 5));
    }
}
