//! What a segment keeps of each record beside its words and its line: time, ordinal, and keywords.
//!
//! A component of our own beside tantivy's columns: keywords that are found by have their documents
//! here, too, neighbours that are alike cost next to nothing, and nothing is read to open it.
//!
//! ```text
//! parts      times, bounds of times, ordinals; of each column of keywords: which each document has, the keywords,
//!            how many documents have each, and which
//! footer     where each part ends, and the form of the file
//! ```

mod numbers;
mod strings;

use std::any::Any;
use std::borrow::Cow;
use std::io::Write;
use std::sync::{Arc, OnceLock};

use tantivy::directory::{OwnedBytes, TerminatingWrite};
use tantivy::index::SegmentComponent;
use tantivy::indexer::doc_id_mapping::DocIdMapping;
use tantivy::schema::Schema;
use tantivy::schema::document::ErasedDocument;
use tantivy::{
    DocId, PluginMergeContext, PluginWriter, PluginWriterContext, Segment, SegmentPlugin, SegmentReader, TantivyError,
};

use super::blocks::{Blocks, BlocksWriter};
use super::interner::Interner;
use super::keyword::ColumnOf;
use super::packed::{self, damaged};
use super::postings::{self, Postings};
use super::schema::RecordDocument;
use numbers::NumbersWriter;
pub(super) use numbers::{BLOCK, Cursor, Numbers};
use strings::StringsWriter;
pub(super) use strings::{Stream, Strings};

/// How the file of a segment ends.
const EXTENSION: &str = "columns";
/// The form of the file.
const VERSION: u32 = 1;
/// Of more methods and statuses, which documents have each is not kept: they would not be few in memory. A
/// hundred are usual; more are text that somebody called so.
const MAX_KNOWN: usize = 4_096;
/// The file is written in pieces of so many bytes.
const WRITE_BYTES: usize = 64 * 1024;
const KINDS: usize = ColumnOf::ALL.len();
/// Of each column of keywords: numbers, keywords, counts, documents.
const PARTS: usize = 3 + 4 * KINDS;
const FOOTER_BYTES: usize = PARTS * 8 + 4;

/// Opens the columns of a segment.
pub(super) fn open(reader: &SegmentReader) -> tantivy::Result<Columns> {
    Columns::open(&reader.open_read(component())?.read_bytes()?, reader.max_doc())
}

fn component() -> SegmentComponent {
    SegmentComponent::Custom(EXTENSION.into())
}

/// Writes and merges the columns of segments.
pub(super) struct ColumnsPlugin;

impl SegmentPlugin for ColumnsPlugin {
    fn extensions(&self) -> &[&str] {
        &[EXTENSION]
    }

    fn create_writer(&self, _: &PluginWriterContext<'_>) -> tantivy::Result<Box<dyn PluginWriter>> {
        Ok(Box::new(ColumnsWriter::default()))
    }

    fn merge(&self, context: PluginMergeContext<'_>) -> tantivy::Result<()> {
        let sources = context.readers.iter().map(|reader| Ok((reader, open(reader)?)));
        let sources = sources.collect::<tantivy::Result<Vec<_>>>()?;
        // Calls `f` with each document that stays.
        let each = |f: &mut dyn FnMut(usize, DocId)| {
            for (at, (reader, _)) in sources.iter().enumerate() {
                let alive = reader.alive_bitset();
                (0..reader.max_doc())
                    .filter(|id| alive.is_none_or(|alive| alive.is_alive(*id)))
                    .for_each(|id| f(at, id));
            }
        };
        let mut file = FileWriter::default();
        {
            let mut cursors: Vec<_> = sources.iter().map(|(_, columns)| Cursor::new(&columns.times)).collect();
            let mut times = TimesWriter::default();
            each(&mut |at, document| times.push(cursors[at].get(document)));
            whole(&cursors)?;
            file.times(times);
        }
        {
            let mut cursors: Vec<_> = sources.iter().map(|(_, columns)| Cursor::new(&columns.ordinals)).collect();
            let mut ordinals = NumbersWriter::default();
            each(&mut |at, document| ordinals.push(cursors[at].get(document)));
            whole(&cursors)?;
            file.packed(ordinals);
        }
        for of in ColumnOf::ALL {
            let kept: Vec<_> = sources.iter().map(|(_, columns)| columns.column(of)).collect();
            let mut cursors: Vec<_> = kept.iter().map(|column| Cursor::new(&column.numbers)).collect();
            // What no document has that stays is forgotten: it may have been deleted for privacy.
            let mut places: Vec<Vec<u32>> = kept.iter().map(|column| vec![0; column.keywords.len() + 1]).collect();
            each(&mut |at, document| {
                if let Some(place) = places[at].get_mut(cursors[at].get(document) as usize) {
                    *place = 1;
                }
            });
            let mut keywords = StringsWriter::default();
            let mut count = 0;
            merge(kept.iter().map(|column| &column.keywords), |keyword, present| {
                let mut is_new = false;
                for (at, number) in present {
                    let place = &mut places[*at][*number + 1];
                    if *place > 0 {
                        *place = count + 1;
                        is_new = true;
                    }
                }
                if is_new {
                    keywords.push(keyword)?;
                    count += 1;
                }
                Ok(())
            })?;
            places.iter_mut().for_each(|places| places[0] = 0);
            let mut numbers = Vec::new();
            each(&mut |at, document| {
                let number = cursors[at].get(document) as usize;
                numbers.push(places[at].get(number).copied().unwrap_or_default());
            });
            whole(&cursors)?;
            file.column(of, &numbers, keywords, count)?;
        }
        let write = context.target_segment.open_write(component())?;
        Ok(file.finish(write)?.terminate()?)
    }
}

/// An error where one of them met what was not written: merged, it would look whole.
fn whole(cursors: &[Cursor]) -> tantivy::Result<()> {
    let is_damaged = cursors.iter().any(Cursor::is_damaged);
    if is_damaged { Err(damaged("a column is not what was written")) } else { Ok(()) }
}

/// Calls `f` with each different text in order, and with which of `strings` have it, under which number.
fn merge<'s>(
    strings: impl Iterator<Item = &'s Strings>,
    mut f: impl FnMut(&[u8], &[(usize, usize)]) -> tantivy::Result<()>,
) -> tantivy::Result<()> {
    let mut streams: Vec<Stream> = strings.map(Strings::stream).collect();
    let mut heads = std::collections::BinaryHeap::new();
    for (at, stream) in streams.iter_mut().enumerate() {
        if stream.advance()? {
            heads.push(std::cmp::Reverse((stream.text().to_vec(), at)));
        }
    }
    let mut present = Vec::new();
    while let Some(std::cmp::Reverse((text, first))) = heads.pop() {
        present.clear();
        present.push(first);
        while heads.peek().is_some_and(|std::cmp::Reverse((other, _))| *other == text)
            && let Some(std::cmp::Reverse((_, at))) = heads.pop()
        {
            present.push(at);
        }
        let numbered: Vec<_> = present.iter().map(|at| (*at, streams[*at].number())).collect();
        f(&text, &numbered)?;
        for at in &present {
            if streams[*at].advance()? {
                heads.push(std::cmp::Reverse((streams[*at].text().to_vec(), *at)));
            }
        }
    }
    Ok(())
}

/// Gathers the columns of a segment.
#[derive(Default)]
struct ColumnsWriter {
    times: TimesWriter,
    ordinals: NumbersWriter,
    columns: [ColumnWriter; KINDS],
    /// Whose keyword was the last one of the first column: neighbours have the same.
    origin: Option<Arc<str>>,
}

/// Gathers one column of keywords.
#[derive(Default)]
struct ColumnWriter {
    keywords: Interner,
    /// Of each document the number of its keyword, from 1; 0 where it has none.
    numbers: Vec<u32>,
}

impl ColumnWriter {
    fn add(&mut self, keyword: &str) {
        let number = if keyword.is_empty() { 0 } else { self.keywords.number(keyword.as_bytes()) + 1 };
        self.numbers.push(number);
    }
}

impl PluginWriter for ColumnsWriter {
    fn add_document(&mut self, _: DocId, document: &dyn ErasedDocument, _: &Schema) -> tantivy::Result<()> {
        let document = document.as_any().downcast_ref::<RecordDocument>();
        let document = document.ok_or_else(|| TantivyError::InvalidArgument("only records have columns".into()))?;
        let record = document.record();
        self.times.push(record.time_ns());
        self.ordinals.push(record.position.ordinal.into());
        let origins = &mut self.columns[ColumnOf::Container as usize];
        match (&self.origin, origins.numbers.last().copied()) {
            (Some(origin), Some(last)) if Arc::ptr_eq(origin, document.origin()) => origins.numbers.push(last),
            _ => {
                origins.add(document.origin());
                self.origin = Some(Arc::clone(document.origin()));
            }
        }
        self.columns[ColumnOf::Marks as usize].add(document.marks());
        self.columns[ColumnOf::Request as usize].add(document.request());
        self.columns[ColumnOf::Path as usize].add(document.path());
        Ok(())
    }

    fn serialize(self: Box<Self>, segment: &Segment, _: Option<&DocIdMapping>) -> tantivy::Result<()> {
        let mut file = FileWriter::default();
        file.times(self.times);
        file.packed(self.ordinals);
        for (of, column) in ColumnOf::ALL.into_iter().zip(self.columns) {
            let ColumnWriter { keywords: known, mut numbers } = column;
            let mut keywords = StringsWriter::default();
            let mut places = vec![0; known.len() + 1];
            for (place, number) in known.in_order().into_iter().enumerate() {
                keywords.push(known.text(number))?;
                places[number as usize + 1] = place as u32 + 1;
            }
            numbers.iter_mut().for_each(|number| *number = places[*number as usize]);
            file.column(of, &numbers, keywords, known.len() as u32)?;
        }
        let write = segment.open_write(component())?;
        Ok(file.finish(write)?.terminate()?)
    }

    fn mem_usage(&self) -> usize {
        let column = |column: &ColumnWriter| column.keywords.mem_usage() + column.numbers.capacity() * size_of::<u32>();
        self.times.numbers.mem_usage() + self.ordinals.mem_usage() + self.columns.iter().map(column).sum::<usize>()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// Packs times as they come, and notes their bounds.
#[derive(Default)]
struct TimesWriter {
    numbers: NumbersWriter,
    blocks: BlocksWriter,
}

impl TimesWriter {
    fn push(&mut self, time_ns: i64) {
        self.numbers.push(time_ns);
        self.blocks.push(time_ns);
    }
}

/// The content of a file, part after part.
#[derive(Default)]
struct FileWriter {
    bytes: Vec<u8>,
    ends: Vec<u64>,
}

impl FileWriter {
    fn end_part(&mut self) {
        self.ends.push(self.bytes.len() as u64);
    }

    fn packed(&mut self, numbers: NumbersWriter) {
        numbers.finish(&mut self.bytes);
        self.end_part();
    }

    fn numbers(&mut self, numbers: impl Iterator<Item = i64>) {
        let mut writer = NumbersWriter::default();
        numbers.for_each(|number| writer.push(number));
        self.packed(writer);
    }

    /// Writes the times, and their bounds.
    fn times(&mut self, times: TimesWriter) {
        self.packed(times.numbers);
        times.blocks.write(&mut self.bytes);
        self.end_part();
    }

    /// Writes a column: the keyword of each document, by its place among the keywords, from 1.
    fn column(&mut self, of: ColumnOf, numbers: &[u32], keywords: StringsWriter, count: u32) -> tantivy::Result<()> {
        self.numbers(numbers.iter().copied().map(i64::from));
        keywords.finish(&mut self.bytes)?;
        self.end_part();
        if of.has_documents() && (of != ColumnOf::Request || count as usize <= MAX_KNOWN) {
            let mut counts = vec![0_usize; count as usize + 1];
            numbers.iter().for_each(|number| counts[*number as usize] += 1);
            let mut next = 0;
            let mut places: Vec<usize> = counts
                .iter()
                .map(|count| {
                    next += count;
                    next - count
                })
                .collect();
            let mut documents = vec![0; numbers.len()];
            for (document, number) in numbers.iter().enumerate() {
                let place = &mut places[*number as usize];
                documents[*place] = document as DocId;
                *place += 1;
            }
            let mut packed = Vec::new();
            // Those without a keyword come first, and are not asked for.
            let mut start = counts[0];
            for count in &counts[1..] {
                let before = packed.len();
                postings::encode(&documents[start..start + count], &mut packed);
                packed::put(*count as u64, &mut self.bytes);
                packed::put((packed.len() - before) as u64, &mut self.bytes);
                start += count;
            }
            self.end_part();
            self.bytes.append(&mut packed);
        } else {
            self.end_part();
        }
        self.end_part();
        Ok(())
    }

    fn finish<W: Write>(self, mut write: W) -> std::io::Result<W> {
        debug_assert_eq!(self.ends.len(), PARTS);
        // What is written in one piece is mapped in one piece, whatever part of it is looked at.
        for piece in self.bytes.chunks(WRITE_BYTES) {
            write.write_all(piece)?;
        }
        for end in &self.ends {
            write.write_all(&end.to_le_bytes())?;
        }
        write.write_all(&VERSION.to_le_bytes())?;
        Ok(write)
    }
}

/// The columns of a segment. Nothing is read when they are opened but the footer.
pub(super) struct Columns {
    pub times: Numbers,
    pub ordinals: Numbers,
    pub blocks: Blocks,
    of_keywords: [Column; KINDS],
}

impl Columns {
    /// # Errors
    /// The file is not what was written for so many documents.
    fn open(bytes: &OwnedBytes, max_doc: DocId) -> tantivy::Result<Self> {
        let open = || {
            let content_bytes = bytes.len().checked_sub(FOOTER_BYTES)?;
            if packed::u32_at(bytes, bytes.len() - 4)? != VERSION {
                return None;
            }
            let mut start = 0;
            let mut parts = Vec::with_capacity(PARTS);
            for at in 0..PARTS {
                let end = usize::try_from(packed::u64_at(bytes, content_bytes + at * 8)?).ok()?;
                if end < start || end > content_bytes {
                    return None;
                }
                parts.push(bytes.slice(start..end));
                start = end;
            }
            let mut parts = parts.into_iter();
            let times = Numbers::open(&parts.next()?, max_doc)?;
            let blocks = Blocks::open(&parts.next()?, max_doc)?;
            let ordinals = Numbers::open(&parts.next()?, max_doc)?;
            let mut column = |_| {
                let numbers = Numbers::open(&parts.next()?, max_doc)?;
                let keywords = Strings::open(&parts.next()?, max_doc)?;
                let (counts, documents) = (parts.next()?, parts.next()?);
                Some(Column { numbers, keywords, counts, documents, known: OnceLock::new(), max_doc })
            };
            let columns: Vec<Column> = ColumnOf::ALL.into_iter().map(&mut column).collect::<Option<_>>()?;
            Some(Self { times, ordinals, blocks, of_keywords: columns.try_into().ok()? })
        };
        open().ok_or_else(|| damaged("the columns of a segment are not what was written"))
    }

    pub(super) fn column(&self, of: ColumnOf) -> &Column {
        &self.of_keywords[of as usize]
    }
}

/// A column of keywords.
pub(super) struct Column {
    /// Of each document the number of its keyword, from 1; 0 where it has none.
    pub numbers: Numbers,
    /// In order.
    pub keywords: Strings,
    counts: OwnedBytes,
    documents: OwnedBytes,
    known: OnceLock<Vec<Keyword>>,
    max_doc: DocId,
}

/// A keyword of a column that keeps which documents have it.
pub(super) struct Keyword {
    pub text: Box<str>,
    /// How many documents have it.
    pub count: u32,
    documents: std::ops::Range<usize>,
}

impl Column {
    /// The keywords, where which documents have each is kept; read once.
    pub(super) fn known(&self) -> tantivy::Result<Option<&[Keyword]>> {
        if self.counts.is_empty() && self.keywords.len() > 0 {
            return Ok(None);
        }
        if let Some(known) = self.known.get() {
            return Ok(Some(known));
        }
        let mut known = Vec::new();
        let mut counts = self.counts.as_slice();
        let mut keywords = self.keywords.stream();
        let mut start = 0;
        while !counts.is_empty() && keywords.advance()? {
            let mut read = || {
                let count = u32::try_from(packed::take(&mut counts)?).ok()?;
                let end = packed::take_usize(&mut counts)?.checked_add(start)?;
                let text = std::str::from_utf8(keywords.text()).ok()?.into();
                (end <= self.documents.len()).then_some(Keyword { text, count, documents: start..end })
            };
            let keyword = { read }().ok_or_else(|| damaged("the counts of keywords are not what was written"))?;
            start = keyword.documents.end;
            known.push(keyword);
        }
        Ok(Some(self.known.get_or_init(|| known)))
    }

    /// The keyword of a number; none where there is none.
    ///
    /// # Errors
    /// The file is not what was written.
    pub(super) fn text(&self, number: i64) -> tantivy::Result<Option<Cow<'_, str>>> {
        let Some(place) = usize::try_from(number).ok().and_then(|number| number.checked_sub(1)) else {
            return Ok(None);
        };
        if let Some(known) = self.known()? {
            return Ok(known.get(place).map(|keyword| (&*keyword.text).into()));
        }
        let mut keywords = self.keywords.stream();
        while keywords.advance()? {
            if keywords.number() == place {
                return Ok(Some(String::from_utf8_lossy(keywords.text()).into_owned().into()));
            }
        }
        Ok(None)
    }

    /// The documents that have one of its [known](Self::known) keywords.
    pub(super) fn documents(&self, keyword: &Keyword) -> Postings {
        Postings::new(self.documents.slice(keyword.documents.clone()), keyword.count, self.max_doc)
    }
}

#[cfg(test)]
mod tests {
    use tantivy::{DocSet, TERMINATED};

    use super::*;

    fn written(rows: &[(i64, &str, &str)]) -> Vec<u8> {
        let mut file = FileWriter::default();
        let mut times = TimesWriter::default();
        rows.iter().for_each(|row| times.push(row.0));
        file.times(times);
        file.numbers(rows.iter().map(|_| 1));
        for of in ColumnOf::ALL {
            let mut column = ColumnWriter::default();
            rows.iter().for_each(|row| column.add(if of == ColumnOf::Path { row.2 } else { row.1 }));
            let mut keywords = StringsWriter::default();
            let mut places = vec![0; column.keywords.len() + 1];
            for (place, number) in column.keywords.in_order().into_iter().enumerate() {
                keywords.push(column.keywords.text(number)).unwrap();
                places[number as usize + 1] = place as u32 + 1;
            }
            let numbers: Vec<u32> = column.numbers.iter().map(|number| places[*number as usize]).collect();
            file.column(of, &numbers, keywords, column.keywords.len() as u32).unwrap();
        }
        file.finish(Vec::new()).unwrap()
    }

    #[test]
    fn columns_survive_their_file() {
        let rows: Vec<_> =
            (0..1_000).map(|n| (n * n, ["b", "", "a"][n as usize % 3], ["/x", "/y"][n as usize % 2])).collect();
        let columns = Columns::open(&OwnedBytes::new(written(&rows)), 1_000).unwrap();
        let mut times = Cursor::new(&columns.times);
        assert!((0..1_000).all(|document| times.get(document) == rows[document as usize].0));
        let marks = columns.column(ColumnOf::Marks);
        let known: Vec<_> =
            marks.known().unwrap().unwrap().iter().map(|keyword| (&*keyword.text, keyword.count)).collect();
        assert_eq!(known, [("a", 333), ("b", 334)]);
        let mut documents = marks.documents(&marks.known().unwrap().unwrap()[1]);
        for document in (0..1_000).step_by(3) {
            assert_eq!(documents.doc(), document);
            documents.advance();
        }
        assert_eq!(documents.doc(), TERMINATED);
        let mut numbers = Cursor::new(&marks.numbers);
        assert_eq!([numbers.get(0), numbers.get(1), numbers.get(2)], [2, 0, 1]);
        let paths = columns.column(ColumnOf::Path);
        assert!(paths.known().unwrap().is_none());
        assert_eq!(paths.text(2).unwrap().as_deref(), Some("/y"));
        assert_eq!((marks.text(1).unwrap().as_deref(), marks.text(3).unwrap()), (Some("a"), None));
        assert_eq!(paths.keywords.len(), 2);
    }

    #[test]
    fn too_many_statuses_are_not_kept_in_memory() {
        let texts: Vec<String> = (0..=MAX_KNOWN).map(|n| format!("{n:05}")).collect();
        let rows: Vec<_> = texts.iter().map(|text| (0, text.as_str(), "")).collect();
        let columns = Columns::open(&OwnedBytes::new(written(&rows)), rows.len() as DocId).unwrap();
        let request = columns.column(ColumnOf::Request);
        assert!(request.known().unwrap().is_none());
        assert_eq!(request.text(MAX_KNOWN as i64).unwrap().as_deref(), Some(texts[MAX_KNOWN - 1].as_str()));
        // Whose records there are is always known: they can be deleted.
        assert_eq!(columns.column(ColumnOf::Container).known().unwrap().map(<[_]>::len), Some(MAX_KNOWN + 1));
    }

    #[test]
    fn damaged_bytes_are_an_error_or_other_values() {
        let rows: Vec<_> = (0..300).map(|n| (n, ["b", "a"][n as usize % 2], "/x")).collect();
        let whole = written(&rows);
        for at in 0..whole.len() {
            for (bytes, byte) in [(whole[..at].to_vec(), None), (whole.clone(), Some(0)), (whole.clone(), Some(0xff))] {
                let mut bytes = bytes;
                if let Some(byte) = byte {
                    bytes[at] = byte;
                }
                let Ok(columns) = Columns::open(&OwnedBytes::new(bytes), 300) else { continue };
                for of in ColumnOf::ALL {
                    let column = columns.column(of);
                    // Counts are made room for by it.
                    assert!(column.keywords.len() <= 300);
                    let mut numbers = Cursor::new(&column.numbers);
                    for document in 0..300 {
                        numbers.get(document);
                    }
                    for keyword in column.known().unwrap_or_default().unwrap_or_default() {
                        let mut documents = column.documents(keyword);
                        while documents.doc() != TERMINATED {
                            assert!(documents.doc() < 300);
                            documents.advance();
                        }
                    }
                }
            }
        }
    }
}
