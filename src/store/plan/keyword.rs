//! A test of a column's keywords → the documents whose keyword passes.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tantivy::index::SegmentId;
use tantivy::query::{ConstScorer, EmptyScorer, EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::{DocId, Score, SegmentReader};

use super::super::columns::{Column, Cursor};
use super::super::keyword::{ColumnOf, Known};
use super::super::marked::Marked;
use super::super::packed::damaged;
use super::super::view::View;
use super::listed::{Listed, Passing};
use super::no_score;
use crate::query::Decision;

/// Where one in so many documents passes, it is faster to look at each than to list them.
const MANY: u32 = 16;

/// Finds documents by their keyword.
#[derive(Clone)]
pub(in super::super) struct KeywordQuery {
    view: Arc<View>,
    column: ColumnOf,
    test: Test,
    /// What passes in the last segment: a search asks several times.
    found: Arc<Mutex<Option<(SegmentId, Found)>>>,
}

#[derive(Clone)]
enum Test {
    Decision(Arc<Decision>),
    /// One of these texts.
    Texts(Arc<[String]>),
}

impl Test {
    fn passes(&self, column: ColumnOf, keyword: &str) -> bool {
        match self {
            Self::Decision(decision) => Known::of(column, keyword).passes(decision),
            Self::Texts(texts) => texts.iter().any(|text| text == keyword),
        }
    }

    /// Whether no keyword behind this one passes.
    fn is_behind(&self, keyword: &[u8]) -> bool {
        match self {
            Self::Decision(_) => false,
            Self::Texts(texts) => texts.iter().all(|text| text.as_bytes() <= keyword),
        }
    }
}

/// What passes in a segment.
#[derive(Clone)]
enum Found {
    Nothing,
    /// One keyword alone, by its place among those of the column.
    One(usize),
    Listed(Arc<Marked>),
    /// Which keywords pass: none, then each; and about how many documents.
    Each(Arc<[bool]>, u32),
}

impl KeywordQuery {
    /// The documents whose keyword is what the decision, by this column alone, asks for; those without
    /// one, too, where that passes.
    pub(super) fn of_decision(view: &Arc<View>, column: ColumnOf, decision: Decision) -> Self {
        Self::new(view, column, Test::Decision(decision.into()))
    }

    /// The documents that have one of these keywords.
    pub(in super::super) fn of_texts(view: &Arc<View>, column: ColumnOf, texts: Vec<String>) -> Self {
        Self::new(view, column, Test::Texts(texts.into()))
    }

    fn new(view: &Arc<View>, column: ColumnOf, test: Test) -> Self {
        Self { view: Arc::clone(view), column, test, found: Arc::default() }
    }

    fn find(&self, column: &Column, max_doc: DocId) -> tantivy::Result<Found> {
        let passes_without = match &self.test {
            Test::Decision(decision) => self.column.is_optional() && Known::default().passes(decision),
            Test::Texts(_) => false,
        };
        let mut passing = vec![passes_without];
        let Some(known) = column.known()? else {
            let mut keywords = column.keywords.stream();
            while keywords.advance()? {
                let keyword = std::str::from_utf8(keywords.text());
                passing.push(keyword.is_ok_and(|keyword| self.test.passes(self.column, keyword)));
                if self.test.is_behind(keywords.text()) {
                    break;
                }
            }
            return Ok(match passing.iter().filter(|passes| **passes).count() {
                0 => Found::Nothing,
                // How many documents have them is not known; that some have is.
                _ => Found::Each(passing.into(), max_doc / 2),
            });
        };
        passing.extend(known.iter().map(|keyword| self.test.passes(self.column, &keyword.text)));
        let places: Vec<usize> = (0..known.len()).filter(|place| passing[place + 1]).collect();
        let count = places.iter().map(|place| u64::from(known[*place].count)).sum::<u64>().min(max_doc.into()) as u32;
        let is_exact = matches!(self.test, Test::Texts(_));
        Ok(match places.as_slice() {
            _ if passes_without => Found::Each(passing.into(), max_doc / 2),
            [] => Found::Nothing,
            [place] if !is_exact => Found::One(*place),
            _ if count > max_doc / MANY && !is_exact => Found::Each(passing.into(), count),
            _ => {
                let mut found = Marked::none_of(max_doc);
                let mut documents = Vec::new();
                for place in places {
                    documents.clear();
                    let mut postings = column.documents(&known[place]);
                    postings.take_all(&mut documents);
                    // What is deleted for good must not be fewer than there are.
                    if postings.is_damaged() {
                        return Err(damaged("the documents of a keyword are not what was written"));
                    }
                    found.mark(&documents);
                }
                Found::Listed(Arc::new(found))
            }
        })
    }
}

impl fmt::Debug for KeywordQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.test {
            Test::Decision(decision) => write!(f, "KeywordQuery({decision:?})"),
            Test::Texts(texts) => write!(f, "KeywordQuery({:?}, {texts:?})", self.column),
        }
    }
}

impl Query for KeywordQuery {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for KeywordQuery {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let (id, max_doc) = (reader.segment_id(), reader.max_doc());
        let column = self.view.part(id)?.columns.column(self.column);
        let mut known = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match &*known {
            Some((known, found)) if *known == id => found.clone(),
            _ => {
                let found = self.find(column, max_doc)?;
                *known = Some((id, found.clone()));
                found
            }
        };
        Ok(match found {
            Found::Nothing => Box::new(EmptyScorer),
            Found::One(place) => {
                let keyword = column.known()?.and_then(|known| known.get(place));
                match keyword.map(|keyword| column.documents(keyword)) {
                    Some(documents) => Box::new(ConstScorer::new(documents, boost)),
                    None => Box::new(EmptyScorer),
                }
            }
            Found::Listed(documents) => Box::new(ConstScorer::new(Listed::new(documents), boost)),
            Found::Each(passing, size) => {
                let keywords = Cursor::new(&column.numbers);
                Box::new(ConstScorer::new(Passing::new(keywords, passing, max_doc, size), boost))
            }
        })
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> tantivy::Result<Explanation> {
        no_score()
    }
}
