//! The words of a segment's records → which of its documents have each: the inverted index of the text.
//!
//! A component of our own beside tantivy's, because its own, made for ranking text, costs three times
//! the work and twice the space on lines of logs: here most words are few and in neighbouring records,
//! and each is noted once a record, without frequency or position. A phrase is verified on the line.

mod dictionary;

use std::any::Any;

use tantivy::directory::TerminatingWrite;
use tantivy::index::SegmentComponent;
use tantivy::indexer::doc_id_mapping::DocIdMapping;
use tantivy::schema::Schema;
use tantivy::schema::document::ErasedDocument;
use tantivy::{
    DocId, PluginMergeContext, PluginWriter, PluginWriterContext, Segment, SegmentPlugin, SegmentReader, TERMINATED,
    TantivyError,
};

pub(super) use dictionary::Dictionary;

use super::interner::Interner;
use super::schema::RecordDocument;
use crate::query::index_text;
use dictionary::{DictionaryWriter, Merged};

/// How the file of a segment ends.
const EXTENSION: &str = "words";

/// So much of a UUID is kept: 48 bits, which tell two of any version apart well enough. What they find
/// has to be read.
const UUID_PREFIX_BYTES: usize = "7f3a91c4-2b5d".len();
/// Where they tell nothing, all of it is kept: such are made by hand.
const NIL: &[u8] = b"00000000-0000";

/// What the index holds of a word, or of the beginning of one: of a UUID no more than its own beginning.
pub(super) fn held(word: &str) -> &[u8] {
    let word = word.as_bytes();
    // Nothing but a UUID has a dash, and each has one there.
    if word.len() > UUID_PREFIX_BYTES && word[8] == b'-' && !word.starts_with(NIL) {
        &word[..UUID_PREFIX_BYTES]
    } else {
        word
    }
}

/// Opens the words of a segment.
pub(super) fn open(reader: &SegmentReader) -> tantivy::Result<Dictionary> {
    let file = reader.open_read(component())?;
    Dictionary::open(&file.read_bytes()?, reader.max_doc())
}

fn component() -> SegmentComponent {
    SegmentComponent::Custom(EXTENSION.into())
}

/// Writes and merges the words of segments.
pub(super) struct WordsPlugin;

impl SegmentPlugin for WordsPlugin {
    fn extensions(&self) -> &[&str] {
        &[EXTENSION]
    }

    fn create_writer(&self, _: &PluginWriterContext<'_>) -> tantivy::Result<Box<dyn PluginWriter>> {
        Ok(Box::new(WordsWriter::default()))
    }

    fn merge(&self, context: PluginMergeContext<'_>) -> tantivy::Result<()> {
        let dictionaries = context.readers.iter().map(open).collect::<tantivy::Result<Vec<_>>>()?;
        let places = places(context.readers);
        let mut writer = DictionaryWriter::new(context.target_segment.open_write(component())?);
        let mut merged = Merged::new(&dictionaries)?;
        let mut documents = Vec::new();
        while merged.advance()? {
            documents.clear();
            for (segment, words) in merged.present() {
                let start = documents.len();
                words.documents(&mut documents)?;
                places[segment].map(&mut documents, start);
            }
            writer.add(merged.word(), &documents)?;
        }
        Ok(writer.finish()?.terminate()?)
    }
}

/// Where the documents of a segment go when it is merged with others.
pub(super) enum Place {
    /// All behind those of the segments before: how many these have.
    Behind(DocId),
    /// Each to its own place, or to [`TERMINATED`] where it was deleted.
    Each(Vec<DocId>),
}

impl Place {
    /// Puts the documents from `start` on where they go.
    fn map(&self, documents: &mut Vec<DocId>, start: usize) {
        match self {
            Self::Behind(base) => documents[start..].iter_mut().for_each(|document| *document += base),
            Self::Each(places) => {
                let mut kept = start;
                for at in start..documents.len() {
                    let place = places[documents[at] as usize];
                    documents[kept] = place;
                    kept += usize::from(place != TERMINATED);
                }
                documents.truncate(kept);
            }
        }
    }
}

/// Segments are merged one behind the other, without what was deleted: nothing is sorted.
fn places(readers: &[SegmentReader]) -> Vec<Place> {
    let mut next = 0;
    let place = |reader: &SegmentReader| {
        let Some(alive) = reader.alive_bitset() else {
            let base = next;
            next += reader.max_doc();
            return Place::Behind(base);
        };
        let mut of_document = |document| {
            if !alive.is_alive(document) {
                return TERMINATED;
            }
            next += 1;
            next - 1
        };
        Place::Each((0..reader.max_doc()).map(&mut of_document).collect())
    };
    readers.iter().map(place).collect()
}

/// Gathers the words of a segment.
#[derive(Default)]
struct WordsWriter {
    words: Interner,
    /// The number of the word that came before.
    before: u32,
    /// Of each word the last document that has it, from 1, and how many have it.
    last: Vec<(u32, u32)>,
    /// The numbers of the words that each document has, one document after the other.
    said: Vec<u32>,
    /// Where each document's words end.
    ends: Vec<usize>,
}

impl WordsWriter {
    fn add(&mut self, document: DocId, word: &[u8]) {
        let number = self.words.number_after(self.before, word);
        self.before = number;
        if number as usize == self.last.len() {
            self.last.push((0, 0));
        }
        let (last, count) = &mut self.last[number as usize];
        if *last != document + 1 {
            *last = document + 1;
            *count += 1;
            self.said.push(number);
        }
    }

    /// The documents of all words, and where those of each begin.
    fn documents(&self) -> (Vec<DocId>, Vec<usize>) {
        let mut next = 0;
        let begin = |(_, count): &(u32, u32)| {
            let start = next;
            next += *count as usize;
            start
        };
        let starts: Vec<usize> = self.last.iter().map(begin).collect();
        let mut places = starts.clone();
        let mut documents = vec![0; self.said.len()];
        let mut start = 0;
        for (document, end) in self.ends.iter().enumerate() {
            for number in &self.said[start..*end] {
                let place = &mut places[*number as usize];
                documents[*place] = document as DocId;
                *place += 1;
            }
            start = *end;
        }
        (documents, starts)
    }
}

impl PluginWriter for WordsWriter {
    fn add_document(&mut self, id: DocId, document: &dyn ErasedDocument, _: &Schema) -> tantivy::Result<()> {
        let document = document.as_any().downcast_ref::<RecordDocument>();
        let document = document.ok_or_else(|| TantivyError::InvalidArgument("only records have words".into()))?;
        index_text(document.record(), |word| self.add(id, held(word)));
        self.ends.push(self.said.len());
        Ok(())
    }

    fn serialize(self: Box<Self>, segment: &Segment, _: Option<&DocIdMapping>) -> tantivy::Result<()> {
        let mut writer = DictionaryWriter::new(segment.open_write(component())?);
        let (documents, starts) = self.documents();
        for number in self.words.in_order() {
            let (start, count) = (starts[number as usize], self.last[number as usize].1 as usize);
            writer.add(self.words.text(number), &documents[start..start + count])?;
        }
        Ok(writer.finish()?.terminate()?)
    }

    fn mem_usage(&self) -> usize {
        self.words.mem_usage()
            + self.last.capacity() * size_of::<(u32, u32)>()
            // What is said is there twice at the end.
            + self.said.capacity() * 2 * size_of::<u32>()
            + self.ends.capacity() * size_of::<usize>()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
