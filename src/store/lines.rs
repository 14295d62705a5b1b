//! The lines of a segment's records ↔ the file that holds them.
//!
//! A component of our own beside tantivy's store of documents, which keeps the names of fields with each
//! document: lines alone take a fifth less, and half as large blocks are unpacked to read one.
//!
//! ```text
//! blocks     of lines, packed: how long each text is, and the texts
//! entries    of each block 20 bytes: see Entry
//! footer     where the entries begin, and the form of the file
//! ```

use std::any::Any;
use std::io::{self, Write};
use std::ops::Range;

use tantivy::directory::{OwnedBytes, TerminatingWrite, WritePtr};
use tantivy::index::SegmentComponent;
use tantivy::indexer::doc_id_mapping::DocIdMapping;
use tantivy::schema::Schema;
use tantivy::schema::document::ErasedDocument;
use tantivy::{
    DocId, PluginMergeContext, PluginWriter, PluginWriterContext, Segment, SegmentPlugin, SegmentReader, TantivyError,
};

use super::packed::{self, damaged};
use super::schema::RecordDocument;

/// How the file of a segment ends.
const EXTENSION: &str = "lines";
/// A block is packed when its texts have so many bytes. On the mix of the benchmarks, blocks of 32, 64 and
/// 128 KiB take 0.156, 0.146 and 0.140 of the lines' bytes; unpacking one is what reading a line costs.
const BLOCK_BYTES: usize = 64 * 1024;
const ENTRY_BYTES: usize = 20;
const FOOTER_BYTES: usize = 12;
/// The form of the file.
const VERSION: u32 = 1;

/// Opens the lines of a segment.
pub(super) fn open(reader: &SegmentReader) -> tantivy::Result<Lines> {
    Lines::open(&reader.open_read(component())?.read_bytes()?, reader.max_doc())
}

fn component() -> SegmentComponent {
    SegmentComponent::Custom(EXTENSION.into())
}

/// Writes and merges the lines of segments.
pub(super) struct LinesPlugin;

impl SegmentPlugin for LinesPlugin {
    fn extensions(&self) -> &[&str] {
        &[EXTENSION]
    }

    fn create_writer(&self, context: &PluginWriterContext<'_>) -> tantivy::Result<Box<dyn PluginWriter>> {
        let segment = context.segment;
        Ok(Box::new(SegmentLines(FileWriter::new(segment.open_write(component())?))))
    }

    fn merge(&self, context: PluginMergeContext<'_>) -> tantivy::Result<()> {
        let segment = context.target_segment;
        let mut writer = FileWriter::new(segment.open_write(component())?);
        for reader in context.readers {
            let lines = open(reader)?;
            for at in 0..lines.block_count() {
                let entry = lines.entry(at)?;
                // What was packed stays so, but for what is small or has lost lines.
                if reader.alive_bitset().is_none() && entry.unpacked_bytes >= BLOCK_BYTES / 2 {
                    writer.end_block()?;
                    writer.write_block(entry.packed, entry.unpacked_bytes as u32, entry.documents.len() as DocId)?;
                    continue;
                }
                let block = Block::read(&entry)?;
                for document in entry.documents {
                    if reader.alive_bitset().is_none_or(|alive| alive.is_alive(document)) {
                        let (line, extra) = block.texts(document)?;
                        writer.add(line, extra)?;
                    }
                }
            }
        }
        Ok(writer.finish()?.terminate()?)
    }
}

/// Writes the lines of a segment as they come.
struct SegmentLines(FileWriter<WritePtr>);

impl PluginWriter for SegmentLines {
    fn add_document(&mut self, _: DocId, document: &dyn ErasedDocument, _: &Schema) -> tantivy::Result<()> {
        let document = document.as_any().downcast_ref::<RecordDocument>();
        let document = document.ok_or_else(|| TantivyError::InvalidArgument("only records have lines".into()))?;
        Ok(self.0.add(&document.record().raw, document.extra())?)
    }

    fn serialize(self: Box<Self>, _: &Segment, _: Option<&DocIdMapping>) -> tantivy::Result<()> {
        Ok(self.0.finish()?.terminate()?)
    }

    fn mem_usage(&self) -> usize {
        self.0.texts.capacity() + self.0.lengths.capacity() + self.0.entries.capacity()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

struct FileWriter<W> {
    write: W,
    written_bytes: u64,
    entries: Vec<u8>,
    /// Of each line of the open block its bytes, twice, and one more where something stands beside it, of
    /// which the bytes follow.
    lengths: Vec<u8>,
    texts: Vec<u8>,
    /// Documents in the open block.
    open: DocId,
    /// Documents in all others.
    end: DocId,
}

impl<W: Write> FileWriter<W> {
    fn new(write: W) -> Self {
        let (entries, lengths, texts) = (Vec::new(), Vec::new(), Vec::new());
        Self { write, written_bytes: 0, entries, lengths, texts, open: 0, end: 0 }
    }

    fn add(&mut self, line: &str, extra: &str) -> io::Result<()> {
        packed::put(line.len() as u64 * 2 + u64::from(!extra.is_empty()), &mut self.lengths);
        if !extra.is_empty() {
            packed::put(extra.len() as u64, &mut self.lengths);
        }
        self.texts.extend_from_slice(line.as_bytes());
        self.texts.extend_from_slice(extra.as_bytes());
        self.open += 1;
        if self.texts.len() + self.lengths.len() >= BLOCK_BYTES { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> io::Result<()> {
        if self.open == 0 {
            return Ok(());
        }
        let mut block = Vec::with_capacity(self.texts.len() + self.lengths.len() + 8);
        packed::put(self.lengths.len() as u64, &mut block);
        block.append(&mut self.lengths);
        block.append(&mut self.texts);
        let count = std::mem::take(&mut self.open);
        self.write_block(&packed::pack(&block)?, block.len() as u32, count)
    }

    /// Adds a packed block of so many documents.
    fn write_block(&mut self, packed: &[u8], unpacked_bytes: u32, count: DocId) -> io::Result<()> {
        self.end = self.end.saturating_add(count);
        self.entries.extend_from_slice(&self.written_bytes.to_le_bytes());
        for number in [packed.len() as u32, unpacked_bytes, self.end] {
            self.entries.extend_from_slice(&number.to_le_bytes());
        }
        self.written_bytes += packed.len() as u64;
        self.write.write_all(packed)
    }

    /// Writes what remains, and hands back where all was written to.
    fn finish(mut self) -> io::Result<W> {
        self.end_block()?;
        self.write.write_all(&self.entries)?;
        self.write.write_all(&self.written_bytes.to_le_bytes())?;
        self.write.write_all(&VERSION.to_le_bytes())?;
        Ok(self.write)
    }
}

/// The lines of a segment. Nothing is read when they are opened but the footer.
pub(super) struct Lines {
    blocks: OwnedBytes,
    entries: OwnedBytes,
}

/// Where a block of lines is.
struct Entry<'l> {
    packed: &'l [u8],
    unpacked_bytes: usize,
    documents: Range<DocId>,
}

impl Lines {
    /// # Errors
    /// The file is not what was written for so many documents.
    fn open(bytes: &OwnedBytes, max_doc: DocId) -> tantivy::Result<Self> {
        let open = || {
            let content_bytes = bytes.len().checked_sub(FOOTER_BYTES)?;
            let entries_at = usize::try_from(packed::u64_at(bytes, content_bytes)?).ok()?;
            let entries_bytes = content_bytes.checked_sub(entries_at)?;
            let is_whole = entries_bytes % ENTRY_BYTES == 0 && packed::u32_at(bytes, content_bytes + 8)? == VERSION;
            let lines = Self { blocks: bytes.slice(0..entries_at), entries: bytes.slice(entries_at..content_bytes) };
            (is_whole && lines.end(lines.block_count())? == max_doc).then_some(lines)
        };
        open().ok_or_else(|| damaged("the lines of a segment are not what was written"))
    }

    fn block_count(&self) -> usize {
        self.entries.len() / ENTRY_BYTES
    }

    /// How many documents the first blocks have.
    fn end(&self, blocks: usize) -> Option<DocId> {
        match blocks.checked_sub(1) {
            None => Some(0),
            Some(last) => packed::u32_at(&self.entries, last * ENTRY_BYTES + 16),
        }
    }

    fn entry(&self, at: usize) -> tantivy::Result<Entry<'_>> {
        let read = || {
            let entry = self.entries.get(at * ENTRY_BYTES..)?;
            let start = usize::try_from(packed::u64_at(entry, 0)?).ok()?;
            let end = start.checked_add(packed::u32_at(entry, 8)? as usize)?;
            let documents = self.end(at)?..self.end(at + 1)?;
            let (packed, unpacked_bytes) = (self.blocks.get(start..end)?, packed::u32_at(entry, 12)? as usize);
            let is_one_of_all = documents.start < documents.end && documents.end <= self.end(self.block_count())?;
            is_one_of_all.then_some(Entry { packed, unpacked_bytes, documents })
        };
        read().ok_or_else(|| damaged("a block of lines is not where it was written"))
    }

    /// The block that a document is in.
    fn block_of(&self, document: DocId) -> usize {
        let (mut low, mut high) = (0, self.block_count());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.end(middle + 1).is_some_and(|end| end <= document) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Unpacks the block that a document is in.
    pub(super) fn block(&self, document: DocId) -> tantivy::Result<Block> {
        Block::read(&self.entry(self.block_of(document))?)
    }
}

/// Lines of neighbouring documents.
pub(super) struct Block {
    documents: Range<DocId>,
    bytes: Vec<u8>,
    /// Where each document's line ends and where what stands beside it does; the first begins where the
    /// last length ends.
    ends: Vec<[usize; 2]>,
    texts_at: usize,
}

impl Block {
    fn read(entry: &Entry<'_>) -> tantivy::Result<Self> {
        let bytes = packed::unpack(entry.packed, entry.unpacked_bytes)?;
        let read = || {
            let mut rest = bytes.as_slice();
            let lengths_bytes = packed::take_usize(&mut rest)?;
            let mut lengths = packed::take_bytes(&mut rest, lengths_bytes)?;
            let texts_at = bytes.len() - rest.len();
            let mut end = texts_at;
            let mut ends = Vec::with_capacity(entry.documents.len().min(lengths.len()));
            for _ in entry.documents.clone() {
                let length = packed::take_usize(&mut lengths)?;
                let line_end = end.checked_add(length / 2)?;
                let extra_bytes = if length % 2 == 1 { packed::take_usize(&mut lengths)? } else { 0 };
                end = line_end.checked_add(extra_bytes)?;
                ends.push([line_end, end]);
            }
            (end == bytes.len()).then_some((texts_at, ends))
        };
        let (texts_at, ends) = read().ok_or_else(|| damaged("a block of lines is not what was written"))?;
        Ok(Self { documents: entry.documents.clone(), bytes, ends, texts_at })
    }

    /// How many bytes of memory they take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<[usize; 2]>()
    }

    /// Whether the document's line is one of these.
    pub(super) fn has(&self, document: DocId) -> bool {
        self.documents.contains(&document)
    }

    /// The line of a document, and what stands beside it.
    pub(super) fn texts(&self, document: DocId) -> tantivy::Result<(&str, &str)> {
        let read = || {
            let at = document.checked_sub(self.documents.start)? as usize;
            let start = at.checked_sub(1).map_or(Some(self.texts_at), |before| Some(self.ends.get(before)?[1]))?;
            let [line_end, end] = *self.ends.get(at)?;
            let text = |range: Range<usize>| std::str::from_utf8(self.bytes.get(range)?).ok();
            Some((text(start..line_end)?, text(line_end..end)?))
        };
        read().ok_or_else(|| damaged("a line is not what was written"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(texts: &[(String, String)]) -> OwnedBytes {
        let mut writer = FileWriter::new(Vec::new());
        for (line, extra) in texts {
            writer.add(line, extra).unwrap();
        }
        OwnedBytes::new(writer.finish().unwrap())
    }

    fn read(lines: &Lines, max_doc: DocId) -> tantivy::Result<Vec<(String, String)>> {
        let read = |document| {
            let block = lines.block(document)?;
            assert!(block.has(document));
            block.texts(document).map(|(line, extra)| (line.to_owned(), extra.to_owned()))
        };
        (0..max_doc).map(read).collect()
    }

    fn texts() -> impl Strategy<Value = Vec<(String, String)>> {
        let line = prop_oneof![Just(String::new()), "\\PC{0,40}", "[a-d]{20000,30000}"];
        let extra = prop_oneof![9 => Just(String::new()), 1 => "\\PC{1,20}"];
        proptest::collection::vec((line, extra), 0..30)
    }

    proptest! {
        #[test]
        fn lines_survive_their_file(texts in texts()) {
            let lines = Lines::open(&written(&texts), texts.len() as DocId).unwrap();
            prop_assert_eq!(read(&lines, texts.len() as DocId).unwrap(), texts);
        }

        #[test]
        fn damaged_bytes_are_an_error_or_other_lines(texts in texts(), at in any::<prop::sample::Index>(), byte in any::<u8>(), end in any::<prop::sample::Index>(), is_cut in any::<bool>()) {
            let mut bytes = written(&texts).to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if is_cut {
                bytes.truncate(end.index(bytes.len()));
            }
            if let Ok(lines) = Lines::open(&OwnedBytes::new(bytes), texts.len() as DocId) {
                for document in 0..=texts.len() as DocId {
                    drop(lines.block(document).map(|block| block.texts(document).map(drop)));
                }
            }
        }
    }

    #[test]
    fn a_block_is_as_large_as_it_may_be_and_no_larger() {
        let texts: Vec<_> = (0..2_000).map(|n| (format!("{n:0100}"), String::new())).collect();
        let lines = Lines::open(&written(&texts), 2_000).unwrap();
        assert_eq!(lines.block_count(), 4);
        assert_eq!(lines.entry(0).unwrap().documents, 0..643);
        assert!(Lines::open(&written(&texts), 1_999).is_err());
        assert_eq!(Lines::open(&written(&[]), 0).unwrap().block_count(), 0);
    }
}
