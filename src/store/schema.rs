//! Record ↔ tantivy document: the fields of the index and how each is kept.
//!
//! What is searched as text is indexed without positions, because a phrase is verified on the
//! line itself; what is filtered, ordered or shown is a fast field; only the line is stored, and
//! its structured fields are read from it again when it is shown.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use tantivy::directory::MmapDirectory;
use tantivy::schema::document::{ReferenceValue, ReferenceValueLeaf, Value};
use tantivy::schema::{
    DateOptions, DateTimePrecision, Document, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing,
    TextOptions,
};
use tantivy::store::{Compressor, ZstdCompressor};
use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer, TokenizerManager};
use tantivy::{DateTime, Index, IndexBuilder, IndexSettings};

use crate::query::{self, RequestField};
use crate::record::{Container, ContainerId, FieldValue, Kind, Level, Record, Stream};
use crate::text;

const WORDS: &str = "words";
/// Tantivy's own: a value as it is.
const RAW: &str = "raw";
/// Similar lines lie side by side; larger blocks compress better and cost a fetch more.
const STORE_BLOCK_BYTES: usize = 128 * 1024;

/// The fields of every partition's index.
///
/// A column costs each record a look-up while it is written, so what has few values together is
/// one keyword: who speaks is `origin`, all that is small and known is `marks`, and a request's method
/// and status are `request`. They have few distinct values in a segment; a query on a part of them
/// goes through their dictionaries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub time: Field,
    pub ordinal: Field,
    /// [`origin`] of the container.
    pub origin: Field,
    /// [`Marks`] of the record.
    pub marks: Field,
    /// [`request`] of the record, where it has one.
    pub request: Field,
    /// [`path`] of the record, where it has one.
    pub path: Field,
    /// The words of a record, indexed only.
    pub body: Field,
    /// The line, stored only.
    pub raw: Field,
    /// Structured fields that the line does not hold, as JSON, stored only.
    pub extra: Field,
}

pub(super) fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let indexing = |tokenizer| {
        TextFieldIndexing::default()
            .set_tokenizer(tokenizer)
            .set_index_option(IndexRecordOption::Basic)
            .set_fieldnorms(false)
    };
    let keyword = || TextOptions::default().set_indexing_options(indexing(RAW)).set_fast(RAW);
    let fields = Fields {
        time: builder
            .add_date_field("time", DateOptions::default().set_fast().set_precision(DateTimePrecision::Nanoseconds)),
        ordinal: builder.add_u64_field("ordinal", NumericOptions::default().set_fast()),
        origin: builder.add_text_field("origin", keyword()),
        marks: builder.add_text_field("marks", keyword()),
        request: builder.add_text_field("request", keyword()),
        path: builder.add_text_field("path", TextOptions::default().set_fast(RAW)),
        body: builder.add_text_field("body", TextOptions::default().set_indexing_options(indexing(WORDS))),
        raw: builder.add_text_field("raw", TextOptions::default().set_stored()),
        extra: builder.add_text_field("extra", TextOptions::default().set_stored()),
    };
    (builder.build(), fields)
}

/// Between the parts of a keyword; no name of the engine's can hold it.
const SEPARATOR: char = '\u{1f}';
/// The same as a text.
const UNIT: &str = "\u{1f}";

/// A container as the keyword that its records carry.
pub(super) fn origin(container: &Container) -> String {
    let Container { id, name, project, service, number } = container;
    format!("{id}{SEPARATOR}{name}{SEPARATOR}{project}{SEPARATOR}{service}{SEPARATOR}{number}")
}

/// The container of an [`origin`]; a keyword that is none gives one without a name.
pub(super) fn container(origin: &str) -> Container {
    let mut parts = origin.splitn(5, SEPARATOR);
    let mut next = || parts.next().unwrap_or_default().to_owned();
    Container {
        id: ContainerId::new(&next()),
        name: next(),
        project: next(),
        service: next(),
        number: next().parse().unwrap_or_default(),
    }
}

/// In place of values that no keyword holds: the record has to be read.
pub(super) const UNSURE: &str = "\u{1e}";
/// Behind a value that a query finds under the short name alone. It sorts before all that a longer
/// value can have there.
const SHORT_ONLY: char = '\u{1}';
/// What a record has is nothing that a keyword can tell.
struct Untold;

/// Longer values are not kept twice.
const MAX_KEYWORD_BYTES: usize = 512;

/// The method and the status of a record as one keyword: empty where there is neither.
pub(super) fn request(record: &Record) -> String {
    let method = told(RequestField::Method, RequestField::HttpMethod, record);
    let status = told(RequestField::Status, RequestField::HttpStatus, record);
    match (method, status) {
        (Ok(method), Ok(status)) if method.is_empty() && status.is_empty() => String::new(),
        (Ok(method), Ok(status)) => method + UNIT + &status,
        _ => UNSURE.to_owned(),
    }
}

/// The method and the status of a [`request`].
pub(super) fn of_request(keyword: &str) -> (Option<&str>, Option<&str>) {
    let (method, status) = keyword.split_once(SEPARATOR).unwrap_or_default();
    (Some(method).filter(|method| !method.is_empty()), Some(status).filter(|status| !status.is_empty()))
}

/// The path of a record as a keyword: empty where there is none.
pub(super) fn path(record: &Record) -> String {
    told(RequestField::Path, RequestField::HttpPath, record).unwrap_or_else(|Untold| UNSURE.to_owned())
}

/// The value of a keyword that a query finds under the short name.
pub(super) fn under_short_name(value: &str) -> &str {
    value.strip_suffix(SHORT_ONLY).unwrap_or(value)
}

/// The value of a keyword that a query finds under the name which parsers give.
pub(super) fn under_long_name(value: &str) -> Option<&str> {
    (!value.ends_with(SHORT_ONLY)).then_some(value)
}

/// What a record has under the two names of a field, as a keyword tells it: empty where it has
/// nothing.
fn told(short: RequestField, long: RequestField, record: &Record) -> Result<String, Untold> {
    match (only(short, record)?, only(long, record)?) {
        (None, None) => Ok(String::new()),
        (Some(value), None) => Ok(value.into_owned() + SHORT_ONLY.encode_utf8(&mut [0; 4])),
        (Some(value), Some(other)) if value == other => Ok(value.into_owned()),
        _ => Err(Untold),
    }
}

/// The text of the only value; none where there is none.
fn only(field: RequestField, record: &Record) -> Result<Option<Cow<'_, str>>, Untold> {
    let mut values = field.values(record);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        // As texts, fractions compare in another way.
        (Some(FieldValue::Float(_)), _) | (_, Some(_)) => Err(Untold),
        (Some(value), None) => {
            let text = value.text();
            let is_told = (1..=MAX_KEYWORD_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte >= b' ');
            if is_told { Ok(Some(text)) } else { Err(Untold) }
        }
    }
}

/// Whether a record has a field that may be one of a request's: most have none.
fn may_be_request(record: &Record) -> bool {
    let ends = |name: &[u8], end: &[u8]| {
        name.len().checked_sub(end.len()).is_some_and(|at| name[at..].eq_ignore_ascii_case(end))
    };
    record.fields().iter().any(|(name, _)| {
        let bytes = name.as_bytes();
        ends(bytes, b"status") || ends(bytes, b"path") || ends(bytes, b"method") || !name.is_ascii()
    })
}

/// What is small and known of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Marks {
    pub stream: Stream,
    pub level: Level,
    pub kind: Kind,
    pub truncated: bool,
    pub format: &'static str,
}

impl Marks {
    pub(super) fn of(record: &Record) -> Self {
        let Record { stream, level, kind, truncated, format, .. } = *record;
        Self { stream, level, kind, truncated, format }
    }

    /// The keyword, such as `stdout info line whole json`.
    fn keyword(self) -> &'static str {
        static KEYWORDS: LazyLock<RwLock<HashMap<Marks, &'static str>>> = LazyLock::new(RwLock::default);
        let known = KEYWORDS.read().unwrap_or_else(PoisonError::into_inner).get(&self).copied();
        known.unwrap_or_else(|| {
            let cut = if self.truncated { "cut" } else { "whole" };
            let parts = [self.stream.as_str(), self.level.as_str(), self.kind.as_str(), cut, self.format];
            let keyword = interned(&parts.join(" "));
            KEYWORDS.write().unwrap_or_else(PoisonError::into_inner).insert(self, keyword);
            keyword
        })
    }

    /// The marks of a keyword; what is none of ours is a plain line.
    pub(super) fn from_keyword(keyword: &str) -> Self {
        let mut parts = keyword.splitn(5, ' ');
        let mut next = || parts.next().unwrap_or_default();
        Self {
            stream: Stream::from_name(next()).unwrap_or(Stream::Stdout),
            level: Level::from_name(next()).unwrap_or_default(),
            kind: if next() == Kind::Gap.as_str() { Kind::Gap } else { Kind::Line },
            truncated: next() == "cut",
            format: interned(next()),
        }
    }
}

/// The text for as long as the process lives. There are as many as formats have names, times the
/// few other marks.
fn interned(text: &str) -> &'static str {
    static TEXTS: LazyLock<RwLock<HashSet<&'static str>>> = LazyLock::new(RwLock::default);
    if let Some(known) = TEXTS.read().unwrap_or_else(PoisonError::into_inner).get(text) {
        return known;
    }
    let mut texts = TEXTS.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = texts.get(text) {
        return known;
    }
    let kept: &'static str = String::from(text).leak();
    texts.insert(kept);
    kept
}

/// Adds the fields that a record's line does not hold, from the JSON that [`RecordDocument`] stores.
pub(super) fn add_extra(fields: &mut crate::record::Fields, json: &str) {
    let json: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).unwrap_or_default();
    if let Some(signature) = json.get("signature").and_then(serde_json::Value::as_str) {
        fields.add("signature", signature);
    } else if !json.is_empty() {
        *fields = json.iter().filter_map(|(name, value)| Some((name, FieldValue::Text(value.as_str()?)))).collect();
    }
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
    tokenizers
}

/// The project's tokenizer, for tantivy.
#[derive(Clone, Default)]
struct Words {
    token: Token,
}

/// The words of one text, which indexing takes all at once.
struct WordStream<'a> {
    text: &'a str,
    token: &'a mut Token,
    /// The rest of the words, for one who takes them one by one.
    rest: Option<std::vec::IntoIter<String>>,
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        self.token.reset();
        WordStream { text, token: &mut self.token, rest: None }
    }
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        let rest = self.rest.get_or_insert_with(|| text::token_list(self.text).into_iter());
        let Some(word) = rest.find(|word| query::is_indexed(word)) else { return false };
        self.token.text = word;
        self.token.position = self.token.position.wrapping_add(1);
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }

    fn process(&mut self, sink: &mut dyn FnMut(&Token)) {
        text::tokens(self.text, |word, _| {
            if query::is_indexed(word) {
                self.token.text.clear();
                self.token.text.push_str(word);
                self.token.position = self.token.position.wrapping_add(1);
                sink(self.token);
            }
        });
    }
}

/// A record as tantivy reads it, without copying the line.
#[derive(Debug)]
pub(super) struct RecordDocument {
    batch: Arc<[Record]>,
    index: usize,
    fields: Fields,
    origin: Arc<str>,
    marks: &'static str,
    request: String,
    path: String,
    /// Words that the line does not show as they are.
    words: String,
    extra: String,
}

impl RecordDocument {
    /// `origin` is that of the record's container.
    pub(super) fn new(batch: &Arc<[Record]>, index: usize, origin: Arc<str>, fields: Fields) -> Self {
        let record = &batch[index];
        let mut words = String::new();
        if !record.fields.is_empty() {
            query::index_fields(record, |token| {
                words.push_str(token);
                words.push(' ');
            });
        }
        // A parser finds the fields of a line again, but not what other lines had a part in.
        let extra = match record.fields().get("signature") {
            Some(FieldValue::Text(signature)) => format!(r#"{{"signature":"{signature}"}}"#),
            _ if record.kind == Kind::Line || record.fields.is_empty() => String::new(),
            _ => serde_json::to_string(&record.fields()).unwrap_or_default(),
        };
        let marks = Marks::of(record).keyword();
        let (request, path) =
            if may_be_request(record) { (request(record), path(record)) } else { <(String, String)>::default() };
        Self { batch: Arc::clone(batch), index, fields, origin, marks, request, path, words, extra }
    }

    fn value(&self, at: usize) -> Option<(Field, Leaf<'_>)> {
        let record = &self.batch[self.index];
        let fields = &self.fields;
        Some(match at {
            0 => (fields.time, Leaf::Time(record.time_ns())),
            1 => (fields.ordinal, Leaf::U64(record.position.ordinal.into())),
            2 => (fields.origin, Leaf::Str(&self.origin)),
            3 => (fields.marks, Leaf::Str(self.marks)),
            4 => (fields.raw, Leaf::Str(&record.raw)),
            5 => (fields.body, Leaf::Str(&record.raw)),
            6 => (fields.body, Leaf::Str(&self.words)),
            7 => (fields.extra, Leaf::Str(&self.extra)),
            8 => (fields.request, Leaf::Str(&self.request)),
            9 => (fields.path, Leaf::Str(&self.path)),
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
        loop {
            let value = self.document.value(self.at)?;
            self.at += 1;
            // What a record may lack is empty where it does.
            if self.at <= 6 || !matches!(value.1, Leaf::Str("")) {
                return Some(value);
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_survives_its_origin() {
        let web = Container {
            id: ContainerId::new("ab"),
            name: "web-1".into(),
            project: String::new(),
            service: "web".into(),
            number: 3,
        };
        assert_eq!(container(&origin(&web)), web);
        assert_eq!(container("").number, 0);
    }

    #[test]
    fn marks_survive_their_keyword() {
        let marks =
            Marks { stream: Stream::Stderr, level: Level::Warn, kind: Kind::Gap, truncated: true, format: "of my own" };
        assert_eq!(marks.keyword(), "stderr warn gap cut of my own");
        assert_eq!(Marks::from_keyword(marks.keyword()), marks);
        let plain = Marks { truncated: false, kind: Kind::Line, format: "", ..marks };
        assert_eq!(Marks::from_keyword(plain.keyword()), plain);
        assert_eq!(Marks::from_keyword("").stream, Stream::Stdout);
    }
}
