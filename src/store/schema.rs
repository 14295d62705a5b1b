//! Record ↔ tantivy document: the fields of the index and how each is kept.
//!
//! What is searched as text is indexed without positions, because a phrase is verified on the
//! line itself; what is filtered, ordered or shown is a fast field; only the line is stored, and
//! its structured fields are read from it again when it is shown.

use std::sync::Arc;

use tantivy::directory::MmapDirectory;
use tantivy::schema::document::{ReferenceValue, ReferenceValueLeaf, Value};
use tantivy::schema::{
    DateOptions, DateTimePrecision, Document, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::store::{Compressor, ZstdCompressor};
use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer, TokenizerManager};
use tantivy::{DateTime, Index, IndexBuilder, IndexSettings};

use crate::query;
use crate::record::Record;
use crate::text;

const WORDS: &str = "words";
const KEYWORD: &str = "keyword";
/// Similar lines lie side by side; larger blocks compress better and cost a fetch more.
const STORE_BLOCK_BYTES: usize = 128 * 1024;

/// The fields of every partition's index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub time: Field,
    pub ordinal: Field,
    pub container_id: Field,
    pub container: Field,
    pub project: Field,
    pub service: Field,
    pub number: Field,
    pub stream: Field,
    pub level: Field,
    pub kind: Field,
    pub truncated: Field,
    /// The words of a record, indexed only.
    pub body: Field,
    /// The line, stored only.
    pub raw: Field,
    /// Structured fields that the line does not hold, as JSON, stored only.
    pub extra: Field,
}

pub(super) fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let keyword = || {
        let indexing = TextFieldIndexing::default().set_tokenizer(KEYWORD).set_index_option(IndexRecordOption::Basic).set_fieldnorms(false);
        TextOptions::default().set_indexing_options(indexing).set_fast("raw")
    };
    let words = TextFieldIndexing::default().set_tokenizer(WORDS).set_index_option(IndexRecordOption::Basic).set_fieldnorms(false);
    let number = || NumericOptions::default().set_fast();
    let fields = Fields {
        time: builder.add_date_field("time", DateOptions::default().set_fast().set_precision(DateTimePrecision::Nanoseconds)),
        ordinal: builder.add_u64_field("ordinal", number()),
        container_id: builder.add_text_field("container_id", keyword()),
        container: builder.add_text_field("container", keyword()),
        project: builder.add_text_field("project", keyword()),
        service: builder.add_text_field("service", keyword()),
        number: builder.add_u64_field("number", number()),
        stream: builder.add_text_field("stream", keyword()),
        level: builder.add_text_field("level", keyword()),
        kind: builder.add_text_field("kind", keyword()),
        truncated: builder.add_u64_field("truncated", number()),
        body: builder.add_text_field("body", TextOptions::default().set_indexing_options(words)),
        raw: builder.add_text_field("raw", TextOptions::default().set_stored()),
        extra: builder.add_text_field("extra", TextOptions::default().set_stored()),
    };
    (builder.build(), fields)
}

pub(super) fn builder() -> IndexBuilder {
    let settings = IndexSettings {
        docstore_compression: Compressor::Zstd(ZstdCompressor { compression_level: Some(1) }),
        docstore_blocksize: STORE_BLOCK_BYTES,
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    };
    Index::builder().schema(schema().0).settings(settings).tokenizers(tokenizers())
}

/// Opens an index that exists; tantivy's own `open_or_create` would make an empty one where the
/// description of a full one is lost.
pub(super) fn open(directory: MmapDirectory) -> tantivy::Result<Index> {
    let mut index = Index::open(directory)?;
    index.set_tokenizers(tokenizers());
    Ok(index)
}

fn tokenizers() -> TokenizerManager {
    let tokenizers = TokenizerManager::default();
    tokenizers.register(WORDS, TextAnalyzer::from(Words::default()));
    tokenizers.register(KEYWORD, TextAnalyzer::from(Keyword::default()));
    tokenizers
}

/// The project's tokenizer, for tantivy.
#[derive(Clone, Default)]
struct Words {
    tokens: String,
    ends: Vec<usize>,
    token: Token,
}

struct WordStream<'a> {
    words: &'a mut Words,
    next: usize,
    start: usize,
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        self.tokens.clear();
        self.ends.clear();
        text::tokens(text, |token, _| {
            self.tokens.push_str(token);
            self.ends.push(self.tokens.len());
        });
        self.token.reset();
        WordStream { words: self, next: 0, start: 0 }
    }
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        let words = &mut *self.words;
        let Some(&end) = words.ends.get(self.next) else { return false };
        words.token.text.clear();
        words.token.text.push_str(&words.tokens[self.start..end]);
        words.token.position = self.next;
        self.start = end;
        self.next += 1;
        true
    }

    fn token(&self) -> &Token {
        &self.words.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.words.token
    }
}

/// A whole value in lower case, as queries compare names.
#[derive(Clone, Default)]
struct Keyword {
    token: Token,
}

struct KeywordStream<'a> {
    token: &'a mut Token,
    is_over: bool,
}

impl Tokenizer for Keyword {
    type TokenStream<'a> = KeywordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> KeywordStream<'a> {
        self.token.reset();
        self.token.position = 0;
        self.token.text.push_str(&text::fold(text));
        KeywordStream { token: &mut self.token, is_over: false }
    }
}

impl TokenStream for KeywordStream<'_> {
    fn advance(&mut self) -> bool {
        !std::mem::replace(&mut self.is_over, true)
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

/// A record as tantivy reads it, without copying the line.
#[derive(Debug)]
pub(super) struct RecordDocument {
    batch: Arc<[Record]>,
    index: usize,
    fields: Fields,
    /// Words that the line does not show as they are.
    words: String,
    extra: String,
}

impl RecordDocument {
    pub(super) fn new(batch: &Arc<[Record]>, index: usize, fields: Fields) -> Self {
        let record = &batch[index];
        let mut words = String::new();
        if !record.fields.is_empty() {
            query::index_fields(record, |token| {
                words.push_str(token);
                words.push(' ');
            });
        }
        let has_extra = record.kind != crate::record::Kind::Line && !record.fields.is_empty();
        let extra = if has_extra { serde_json::to_string(&record.fields).unwrap_or_default() } else { String::new() };
        Self { batch: Arc::clone(batch), index, fields, words, extra }
    }

    fn value(&self, at: usize) -> Option<(Field, Leaf<'_>)> {
        let record = &self.batch[self.index];
        let container = &*record.container;
        let fields = &self.fields;
        Some(match at {
            0 => (fields.time, Leaf::Time(record.time_ns())),
            1 => (fields.ordinal, Leaf::U64(record.position.ordinal.into())),
            2 => (fields.container_id, Leaf::Str(container.id.as_str())),
            3 => (fields.container, Leaf::Str(&container.name)),
            4 => (fields.project, Leaf::Str(&container.project)),
            5 => (fields.service, Leaf::Str(&container.service)),
            6 => (fields.number, Leaf::U64(container.number.into())),
            7 => (fields.stream, Leaf::Str(record.stream.as_str())),
            8 => (fields.level, Leaf::Str(record.level.as_str())),
            9 => (fields.kind, Leaf::Str(record.kind.as_str())),
            10 => (fields.truncated, Leaf::U64(record.truncated.into())),
            11 => (fields.raw, Leaf::Str(&record.raw)),
            12 => (fields.body, Leaf::Str(&record.raw)),
            13 if !self.words.is_empty() => (fields.body, Leaf::Str(&self.words)),
            13 | 14 if !self.extra.is_empty() => (fields.extra, Leaf::Str(&self.extra)),
            _ => return None,
        })
    }
}

impl Document for RecordDocument {
    type Value<'a> = Leaf<'a>;
    type FieldsValuesIter<'a> = Values<'a>;

    fn iter_fields_and_values(&self) -> Values<'_> {
        Values { document: self, at: 0 }
    }
}

pub(super) struct Values<'a> {
    document: &'a RecordDocument,
    at: usize,
}

impl<'a> Iterator for Values<'a> {
    type Item = (Field, Leaf<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let value = self.document.value(self.at)?;
        // Without further words the extra fields stand at their place; do not show them twice.
        let skips = self.at == 13 && self.document.words.is_empty();
        self.at += if skips { 2 } else { 1 };
        Some(value)
    }
}

/// A value of a record, borrowed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Leaf<'a> {
    Str(&'a str),
    U64(u64),
    Time(i64),
}

impl<'a> Value<'a> for Leaf<'a> {
    type ArrayIter = std::iter::Empty<Self>;
    type ObjectIter = std::iter::Empty<(&'a str, Self)>;

    fn as_value(&self) -> ReferenceValue<'a, Self> {
        ReferenceValue::Leaf(match *self {
            Self::Str(text) => ReferenceValueLeaf::Str(text),
            Self::U64(number) => ReferenceValueLeaf::U64(number),
            Self::Time(time_ns) => ReferenceValueLeaf::Date(DateTime::from_timestamp_nanos(time_ns)),
        })
    }
}
