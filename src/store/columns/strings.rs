//! Texts in the order of their bytes ↔ packed blocks, to be read from the first to the last.

use tantivy::DocId;
use tantivy::directory::OwnedBytes;

use super::super::packed::{self, damaged};

/// A block is packed when its texts take so many bytes.
const BLOCK_BYTES: usize = 16 * 1024;

/// Packs texts, which come in order.
#[derive(Default)]
pub(super) struct StringsWriter {
    blocks: Vec<u8>,
    open: Vec<u8>,
    last: Vec<u8>,
    count: u64,
}

impl StringsWriter {
    pub(super) fn push(&mut self, text: &[u8]) -> std::io::Result<()> {
        if self.open.is_empty() {
            self.last.clear();
        }
        let shared = self.last.iter().zip(text).take_while(|(a, b)| a == b).count();
        packed::put(shared as u64, &mut self.open);
        packed::put((text.len() - shared) as u64, &mut self.open);
        self.open.extend_from_slice(&text[shared..]);
        self.last.clear();
        self.last.extend_from_slice(text);
        self.count += 1;
        if self.open.len() >= BLOCK_BYTES { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> std::io::Result<()> {
        if !self.open.is_empty() {
            let block = packed::pack(&self.open)?;
            packed::put(self.open.len() as u64, &mut self.blocks);
            packed::put(block.len() as u64, &mut self.blocks);
            self.blocks.extend_from_slice(&block);
            self.open.clear();
        }
        Ok(())
    }

    /// Appends all that was packed.
    pub(super) fn finish(mut self, bytes: &mut Vec<u8>) -> std::io::Result<()> {
        self.end_block()?;
        bytes.append(&mut self.blocks);
        bytes.extend_from_slice(&self.count.to_le_bytes());
        Ok(())
    }
}

/// Texts in order.
#[derive(Clone)]
pub(in super::super) struct Strings {
    blocks: OwnedBytes,
    count: usize,
}

impl Strings {
    /// None where the file is not what was written for so many documents.
    pub(super) fn open(bytes: &OwnedBytes, max_doc: DocId) -> Option<Self> {
        let blocks_bytes = bytes.len().checked_sub(8)?;
        let count = usize::try_from(packed::u64_at(bytes, blocks_bytes)?).ok()?;
        // Each text is one that a document has.
        (count <= max_doc as usize).then(|| Self { blocks: bytes.slice(0..blocks_bytes), count })
    }

    /// How many there are.
    pub(in super::super) fn len(&self) -> usize {
        self.count
    }

    /// From the first on.
    pub(in super::super) fn stream(&self) -> Stream {
        Stream { rest: self.blocks.clone(), block: Vec::new(), at: 0, text: Vec::new(), next: 0, count: self.count }
    }
}

/// Walks through texts.
pub(in super::super) struct Stream {
    rest: OwnedBytes,
    block: Vec<u8>,
    at: usize,
    text: Vec<u8>,
    /// The number of the next text.
    next: usize,
    count: usize,
}

impl Stream {
    /// Goes to the next text; false where there is none.
    ///
    /// # Errors
    /// The file is not what was written.
    pub(in super::super) fn advance(&mut self) -> tantivy::Result<bool> {
        if self.next >= self.count {
            return Ok(false);
        }
        if self.at >= self.block.len() {
            let mut rest = self.rest.as_slice();
            let read = || Some((packed::take_usize(&mut rest)?, packed::take_usize(&mut rest)?));
            let (len, packed_bytes) = { read }().ok_or_else(|| damaged("keywords are not what was written"))?;
            let packed = packed::take_bytes(&mut rest, packed_bytes);
            self.block = packed::unpack(packed.ok_or_else(|| damaged("keywords are cut off"))?, len)?;
            let taken = self.rest.len() - rest.len();
            self.rest.advance(taken);
            self.at = 0;
            self.text.clear();
        }
        let mut rest = &self.block[self.at..];
        let mut read = || {
            let shared = packed::take_usize(&mut rest).filter(|shared| *shared <= self.text.len())?;
            let more = packed::take_usize(&mut rest)?;
            let more = packed::take_bytes(&mut rest, more)?;
            self.text.truncate(shared);
            self.text.extend_from_slice(more);
            Some(())
        };
        read().ok_or_else(|| damaged("a keyword is not what was written"))?;
        self.at = self.block.len() - rest.len();
        self.next += 1;
        Ok(true)
    }

    /// The text.
    pub(in super::super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Its number, from 0.
    pub(in super::super) fn number(&self) -> usize {
        self.next.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(texts: &[String]) -> Vec<u8> {
        let mut writer = StringsWriter::default();
        texts.iter().for_each(|text| writer.push(text.as_bytes()).unwrap());
        let mut bytes = Vec::new();
        writer.finish(&mut bytes).unwrap();
        bytes
    }

    fn read(bytes: Vec<u8>) -> tantivy::Result<Vec<String>> {
        let strings = Strings::open(&OwnedBytes::new(bytes), 10_000).ok_or_else(|| damaged("too short"))?;
        let (mut stream, mut texts) = (strings.stream(), Vec::new());
        while stream.advance()? {
            assert_eq!(stream.number(), texts.len());
            texts.push(String::from_utf8_lossy(stream.text()).into_owned());
        }
        assert_eq!(strings.len(), texts.len());
        Ok(texts)
    }

    #[test]
    fn texts_survive_their_bytes() {
        let many: Vec<String> = (0..9_000).map(|n| format!("/api/orders/{:08}", n * 7_919)).collect();
        for texts in [Vec::new(), vec![String::new()], vec!["a".repeat(100_000), "b".into()], many] {
            assert_eq!(read(packed(&texts)).unwrap(), texts);
        }
    }

    #[test]
    fn damaged_bytes_are_an_error_or_other_texts() {
        let texts: Vec<String> = (0..40).map(|n| format!("keyword {n:04}")).collect();
        let whole = packed(&texts);
        for at in 0..whole.len() {
            drop(read(whole[..at].to_vec()));
            for byte in [0, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = byte;
                // A count of billions is an error at the first text that there is not.
                drop(read(bytes));
            }
        }
    }
}
