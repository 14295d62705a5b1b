//! A word, or the beginning of one → the documents that have it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tantivy::index::SegmentId;
use tantivy::query::{ConstScorer, EmptyScorer, EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::{DocId, Score, SegmentReader};

use super::super::marked::Marked;
use super::super::postings::Postings;
use super::super::view::View;
use super::super::words;
use super::listed::Listed;
use super::no_score;

/// Finds documents by a word.
#[derive(Clone)]
pub(super) struct WordQuery {
    view: Arc<View>,
    /// As the index holds it.
    word: Arc<[u8]>,
    is_prefix: bool,
    /// What was found in the last segment: a search asks several times.
    found: Arc<Mutex<Option<(SegmentId, Found)>>>,
}

/// What was found in a segment.
#[derive(Clone)]
enum Found {
    Nothing,
    Word(Box<Postings>),
    Prefix(Arc<Marked>),
}

impl WordQuery {
    /// The documents that have the word; of a UUID, those that have one with the same beginning.
    pub(super) fn word(view: &Arc<View>, word: &str) -> Self {
        Self { view: Arc::clone(view), word: words::held(word).into(), is_prefix: false, found: Arc::default() }
    }

    /// The documents that have a word which begins so; of what goes on within a UUID, more than these.
    pub(super) fn prefix(view: &Arc<View>, prefix: &str) -> Self {
        Self { word: words::held(prefix).into(), is_prefix: true, ..Self::word(view, "") }
    }
}

impl fmt::Debug for WordQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WordQuery({:?}{})", String::from_utf8_lossy(&self.word), if self.is_prefix { "*" } else { "" })
    }
}

impl Query for WordQuery {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for WordQuery {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let id = reader.segment_id();
        let words = &self.view.part(id)?.words;
        let mut known = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match &*known {
            Some((known, found)) if *known == id => found.clone(),
            _ => {
                let found = if self.is_prefix {
                    Found::Prefix(Arc::new(words.find_prefix(&self.word)?))
                } else {
                    words.find(&self.word)?.map_or(Found::Nothing, |postings| Found::Word(Box::new(postings)))
                };
                *known = Some((id, found.clone()));
                found
            }
        };
        Ok(match found {
            Found::Nothing => Box::new(EmptyScorer),
            Found::Word(postings) => Box::new(ConstScorer::new(*postings, boost)),
            Found::Prefix(documents) => Box::new(ConstScorer::new(Listed::new(documents), boost)),
        })
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> tantivy::Result<Explanation> {
        no_score()
    }
}
