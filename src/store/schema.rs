//! Record ↔ document: the keywords that tell most of a record, and what tantivy makes of it.
//!
//! Tantivy keeps segments, commits and merges, and combines queries; what a segment holds are components
//! of our own: [`words`](super::words), [`lines`](super::lines) and [`columns`](super::columns). A line's
//! structured fields are read from it again when it is shown.
//!
//! What has few values together is one keyword: who speaks is [`origin`], all that is small and known is
//! [`Marks`], and a request's method and status are one, too. A query on a part of one goes through those
//! that a segment has.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use foldhash::fast::RandomState;
use tantivy::directory::MmapDirectory;
use tantivy::schema::{Document, Field, OwnedValue, Schema};
use tantivy::store::{Compressor, ZstdCompressor};
use tantivy::{Index, IndexBuilder, IndexMeta, IndexSettings, SegmentPlugin};

use super::columns::ColumnsPlugin;
use super::lines::LinesPlugin;
use super::request;
use super::words::WordsPlugin;
use crate::record::{Container, ContainerId, FieldValue, Kind, Level, Record, Stream};

/// Between the parts of a keyword; no name of the engine's can hold it.
pub(super) const SEPARATOR: char = '\u{1f}';

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
        static KEYWORDS: LazyLock<RwLock<HashMap<Marks, &'static str, RandomState>>> = LazyLock::new(RwLock::default);
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

/// Without a field: all that a record has is in components of our own.
pub(super) fn schema() -> Schema {
    Schema::builder().build()
}

pub(super) fn builder() -> IndexBuilder {
    // Tantivy's own store of documents holds nothing but where each of them would be.
    let settings = IndexSettings {
        docstore_compression: Compressor::Zstd(ZstdCompressor { compression_level: Some(1) }),
        docstore_blocksize: 1 << 20,
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    };
    let builder = Index::builder().schema(schema()).settings(settings);
    plugins().into_iter().fold(builder, IndexBuilder::register_plugin)
}

/// Opens an index that exists; tantivy's own `open_or_create` would make an empty one where the
/// description of a full one is lost.
pub(super) fn open(directory: MmapDirectory) -> tantivy::Result<Index> {
    let mut index = Index::open(directory)?;
    plugins().into_iter().for_each(|plugin| index.register_plugin(plugin));
    Ok(index)
}

/// Whether an index says that its segments have the components that they have, and no others.
pub(super) fn has_components(meta: &IndexMeta) -> bool {
    let plugins = plugins();
    let ours = plugins.iter().flat_map(|plugin| plugin.extensions()).copied();
    ours.eq(meta.persisted_custom_extensions.iter().map(String::as_str))
}

/// The components that a segment has beside tantivy's own.
fn plugins() -> [Arc<dyn SegmentPlugin>; 3] {
    [Arc::new(WordsPlugin), Arc::new(LinesPlugin), Arc::new(ColumnsPlugin)]
}

/// A record on its way into a segment, where it is read by each component.
#[derive(Debug)]
pub(super) struct RecordDocument {
    batch: Arc<[Record]>,
    index: usize,
    origin: Arc<str>,
    marks: &'static str,
    request: String,
    path: String,
    extra: String,
}

impl RecordDocument {
    /// `origin` is that of the record's container.
    pub(super) fn new(batch: &Arc<[Record]>, index: usize, origin: Arc<str>) -> Self {
        let record = &batch[index];
        let (request, path, signature) = request::keywords(record);
        // A parser finds the fields of a line again, but not what other lines had a part in.
        let extra = match signature {
            Some(FieldValue::Text(signature)) => format!(r#"{{"signature":"{signature}"}}"#),
            _ if record.kind == Kind::Line || record.fields.is_empty() => String::new(),
            _ => serde_json::to_string(&record.fields()).unwrap_or_default(),
        };
        Self { batch: Arc::clone(batch), index, origin, marks: Marks::of(record).keyword(), request, path, extra }
    }

    /// What it is made of.
    pub(super) fn record(&self) -> &Record {
        &self.batch[self.index]
    }

    /// [`origin`] of its container.
    pub(super) fn origin(&self) -> &Arc<str> {
        &self.origin
    }

    /// The keyword of its [`Marks`].
    pub(super) fn marks(&self) -> &str {
        self.marks
    }

    /// The keyword of its method and status; empty where it has none: see [`request`].
    pub(super) fn request(&self) -> &str {
        &self.request
    }

    /// The keyword of its path; empty where it has none: see [`request`].
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Fields that the line does not hold, as JSON; empty where there are none.
    pub(super) fn extra(&self) -> &str {
        &self.extra
    }
}

/// What tantivy's own components see of it.
impl Document for RecordDocument {
    type Value<'a> = &'a OwnedValue;
    type FieldsValuesIter<'a> = std::iter::Empty<(Field, &'a OwnedValue)>;

    fn iter_fields_and_values(&self) -> Self::FieldsValuesIter<'_> {
        std::iter::empty()
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
