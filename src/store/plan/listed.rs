//! Documents that were found, and documents by a test of their keyword, as tantivy walks through them.

use std::sync::Arc;

use tantivy::{DocId, DocSet, TERMINATED};

use super::super::columns::Cursor;

/// Documents in rising order.
pub(super) struct Listed {
    documents: Arc<[DocId]>,
    at: usize,
}

impl Listed {
    pub(super) fn new(documents: Arc<[DocId]>) -> Self {
        Self { documents, at: 0 }
    }
}

impl DocSet for Listed {
    fn advance(&mut self) -> DocId {
        self.at += 1;
        self.doc()
    }

    fn seek(&mut self, target: DocId) -> DocId {
        let rest = self.documents.get(self.at..).unwrap_or_default();
        self.at += rest.partition_point(|document| *document < target);
        self.doc()
    }

    fn doc(&self) -> DocId {
        self.documents.get(self.at).copied().unwrap_or(TERMINATED)
    }

    fn size_hint(&self) -> u32 {
        self.documents.len().saturating_sub(self.at) as u32
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
