//! Documents that were found, and documents by a test of their keyword, as tantivy walks through them.

use std::sync::Arc;

use tantivy::{DocId, DocSet, TERMINATED};

use super::super::columns::Cursor;
use super::super::marked::Marked;

/// Documents that were found, a bit for each document of the segment.
pub(super) struct Listed {
    found: Arc<Marked>,
    document: DocId,
}

impl Listed {
    pub(super) fn new(found: Arc<Marked>) -> Self {
        let document = found.next(0).unwrap_or(TERMINATED);
        Self { found, document }
    }
}

impl DocSet for Listed {
    fn advance(&mut self) -> DocId {
        self.seek(self.document.saturating_add(1))
    }

    fn seek(&mut self, target: DocId) -> DocId {
        self.document = self.found.next(target).unwrap_or(TERMINATED);
        self.document
    }

    fn doc(&self) -> DocId {
        self.document
    }

    fn size_hint(&self) -> u32 {
        self.found.count()
    }
}

/// The documents of a segment whose keyword passes: each is looked at when it is reached.
pub(super) struct Passing {
    keywords: Cursor,
    /// For no keyword, then for each.
    accepted: Arc<[bool]>,
    document: DocId,
    max_doc: DocId,
    /// About how many pass.
    size: u32,
}

impl Passing {
    pub(super) fn new(keywords: Cursor, accepted: Arc<[bool]>, max_doc: DocId, size: u32) -> Self {
        let mut documents = Self { keywords, accepted, document: 0, max_doc, size };
        documents.seek(0);
        documents
    }
}

impl DocSet for Passing {
    fn advance(&mut self) -> DocId {
        self.seek(self.document.saturating_add(1))
    }

    fn seek(&mut self, target: DocId) -> DocId {
        self.document = target;
        while self.document < self.max_doc {
            let keyword = self.keywords.get(self.document);
            if self.accepted.get(keyword as usize).copied().unwrap_or_default() {
                return self.document;
            }
            self.document += 1;
        }
        self.document = TERMINATED;
        TERMINATED
    }

    fn doc(&self) -> DocId {
        self.document
    }

    fn size_hint(&self) -> u32 {
        self.size
    }
}
