//! Words in the order of their bytes, with where their documents are ↔ the file of a segment.
//!
//! ```text
//! blocks     of words, packed: of each word how much of the one before it begins with, and the rest; before
//!            each, the postings of those of its words that more than one record has
//! keys       the first word of each block, one after the other
//! entries    of each block 32 bytes: see Entry
//! footer     where keys and entries begin, and the form of the file
//! ```
//!
//! Nothing is read when a file is opened but its footer. A word is looked for among the keys, which lie
//! in memory as the file does, and then in one block.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Write};
use std::ops::Range;

use tantivy::DocId;
use tantivy::directory::OwnedBytes;

use super::super::marked::Marked;
use super::super::packed::{self, damaged};
use super::super::postings::{self, Postings};

/// A block is packed when its words take so many bytes. Larger ones are smaller in sum, and slower to
/// look into.
const BLOCK_BYTES: usize = 8 * 1024;
const ENTRY_BYTES: usize = 32;
const FOOTER_BYTES: usize = 20;
/// The form of the file.
const VERSION: u32 = 1;

/// Writes words, which have to come in order.
pub(super) struct DictionaryWriter<W> {
    write: W,
    /// Bytes of postings and blocks that were written.
    written_bytes: u64,
    keys: Vec<u8>,
    entries: Vec<u8>,
    open: OpenBlock,
    last: Vec<u8>,
    scratch: Vec<u8>,
}

/// A block of words while it is filled.
#[derive(Default)]
struct OpenBlock {
    words: u64,
    /// Of each word: how many bytes it shares with the one before, and how many more it has.
    lengths: Vec<u8>,
    /// Of each word: how many documents have it, and which, or how many bytes say that.
    places: Vec<u8>,
    letters: Vec<u8>,
    /// Where the block's first postings begin.
    postings_at: u64,
    key: Range<usize>,
}

impl<W: Write> DictionaryWriter<W> {
    pub(super) fn new(write: W) -> Self {
        Self {
            write,
            written_bytes: 0,
            keys: Vec::new(),
            entries: Vec::new(),
            open: OpenBlock::default(),
            last: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Adds a word that comes after all others, and its documents, which rise.
    pub(super) fn add(&mut self, word: &[u8], documents: &[DocId]) -> io::Result<()> {
        let Some(first) = documents.first() else { return Ok(()) };
        if self.open.words == 0 {
            self.last.clear();
            let start = self.keys.len();
            self.keys.extend_from_slice(word);
            self.open.key = start..self.keys.len();
            self.open.postings_at = self.written_bytes;
        }
        let shared = self.last.iter().zip(word).take_while(|(a, b)| a == b).count();
        packed::put(shared as u64, &mut self.open.lengths);
        packed::put((word.len() - shared) as u64, &mut self.open.lengths);
        self.open.letters.extend_from_slice(&word[shared..]);
        packed::put(documents.len() as u64, &mut self.open.places);
        if documents.len() == 1 {
            packed::put((*first).into(), &mut self.open.places);
        } else {
            self.scratch.clear();
            postings::encode(documents, &mut self.scratch);
            packed::put(self.scratch.len() as u64, &mut self.open.places);
            self.write.write_all(&self.scratch)?;
            self.written_bytes += self.scratch.len() as u64;
        }
        self.last.clear();
        self.last.extend_from_slice(word);
        self.open.words += 1;
        let OpenBlock { lengths, places, letters, .. } = &self.open;
        if lengths.len() + places.len() + letters.len() >= BLOCK_BYTES { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> io::Result<()> {
        let open = &mut self.open;
        let mut block = Vec::with_capacity(2 * BLOCK_BYTES);
        packed::put(open.words, &mut block);
        packed::put(open.lengths.len() as u64, &mut block);
        packed::put(open.places.len() as u64, &mut block);
        for part in [&mut open.lengths, &mut open.places, &mut open.letters] {
            block.append(part);
        }
        let packed = packed::pack(&block)?;
        self.write.write_all(&packed)?;
        let entry = Entry {
            block_at: self.written_bytes,
            postings_at: open.postings_at,
            block_bytes: packed.len() as u32,
            unpacked_bytes: block.len() as u32,
            key_at: open.key.start as u32,
            key_bytes: open.key.len() as u32,
        };
        entry.write(&mut self.entries);
        self.written_bytes += packed.len() as u64;
        open.words = 0;
        Ok(())
    }

    /// Writes what remains, and hands back where all was written to.
    pub(super) fn finish(mut self) -> io::Result<W> {
        if self.open.words > 0 {
            self.end_block()?;
        }
        let keys_at = self.written_bytes;
        let entries_at = keys_at + self.keys.len() as u64;
        for part in [&self.keys, &self.entries] {
            self.write.write_all(part)?;
        }
        for number in [keys_at, entries_at] {
            self.write.write_all(&number.to_le_bytes())?;
        }
        self.write.write_all(&VERSION.to_le_bytes())?;
        Ok(self.write)
    }
}

/// Where a block of words is.
struct Entry {
    block_at: u64,
    /// Where the postings of its first word begin.
    postings_at: u64,
    block_bytes: u32,
    unpacked_bytes: u32,
    /// In the part of keys.
    key_at: u32,
    key_bytes: u32,
}

impl Entry {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.block_at.to_le_bytes());
        bytes.extend_from_slice(&self.postings_at.to_le_bytes());
        for number in [self.block_bytes, self.unpacked_bytes, self.key_at, self.key_bytes] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            block_at: packed::u64_at(bytes, 0)?,
            postings_at: packed::u64_at(bytes, 8)?,
            block_bytes: packed::u32_at(bytes, 16)?,
            unpacked_bytes: packed::u32_at(bytes, 20)?,
            key_at: packed::u32_at(bytes, 24)?,
            key_bytes: packed::u32_at(bytes, 28)?,
        })
    }
}

/// The words of a segment.
#[derive(Clone)]
pub(in super::super) struct Dictionary {
    /// Postings and blocks.
    content: OwnedBytes,
    keys: OwnedBytes,
    entries: OwnedBytes,
    max_doc: DocId,
}

impl Dictionary {
    /// `max_doc` is how many documents the segment has.
    ///
    /// # Errors
    /// The file is not what was written.
    pub(super) fn open(bytes: &OwnedBytes, max_doc: DocId) -> tantivy::Result<Self> {
        let open = || {
            let content_bytes = bytes.len().checked_sub(FOOTER_BYTES)?;
            let footer = &bytes[content_bytes..];
            let number = |at: usize| packed::u64_at(footer, at);
            let place = |at: usize| usize::try_from(number(at)?).ok();
            let (keys_at, entries_at) = (place(0)?, place(8)?);
            let is_whole = keys_at <= entries_at
                && entries_at <= content_bytes
                && (content_bytes - entries_at) % ENTRY_BYTES == 0
                && packed::u32_at(footer, 16)? == VERSION;
            is_whole.then(|| Self {
                content: bytes.slice(0..keys_at),
                keys: bytes.slice(keys_at..entries_at),
                entries: bytes.slice(entries_at..content_bytes),
                max_doc,
            })
        };
        open().ok_or_else(|| damaged("the words of a segment are not what was written"))
    }

    fn block_count(&self) -> usize {
        self.entries.len() / ENTRY_BYTES
    }

    fn entry(&self, at: usize) -> Option<Entry> {
        Entry::read(self.entries.get(at * ENTRY_BYTES..)?)
    }

    fn key(&self, at: usize) -> Option<&[u8]> {
        let Entry { key_at, key_bytes, .. } = self.entry(at)?;
        self.keys.get(key_at as usize..(key_at as usize).checked_add(key_bytes as usize)?)
    }

    /// The block in which a word is, or would be.
    fn block_of(&self, word: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.block_count());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.key(middle).is_some_and(|key| key <= word) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low.saturating_sub(1)
    }

    /// The documents of a word; none where no record has it.
    pub(in super::super) fn find(&self, word: &[u8]) -> tantivy::Result<Option<Postings>> {
        let mut words = self.from(self.block_of(word))?;
        while words.advance()? {
            if words.word() >= word {
                return if words.word() == word { words.postings().map(Some) } else { Ok(None) };
            }
        }
        Ok(None)
    }

    /// The documents of all words that begin with `prefix`.
    pub(in super::super) fn find_prefix(&self, prefix: &[u8]) -> tantivy::Result<Marked> {
        let mut found = Marked::none_of(self.max_doc);
        let mut documents = Vec::new();
        let mut words = self.from(self.block_of(prefix))?;
        while words.advance()? {
            if words.word().starts_with(prefix) {
                documents.clear();
                words.documents(&mut documents)?;
                found.mark(&documents);
            } else if words.word() > prefix {
                break;
            }
        }
        Ok(found)
    }

    /// All words.
    pub(super) fn words(&self) -> tantivy::Result<Words<'_>> {
        self.from(0)
    }

    fn from(&self, block: usize) -> tantivy::Result<Words<'_>> {
        let mut words = Words {
            dictionary: self,
            next_block: block,
            block: Vec::new(),
            lengths: 0..0,
            places: 0..0,
            letters: 0..0,
            left: 0,
            word: Vec::new(),
            count: 0,
            place: 0,
            postings_at: 0,
        };
        words.load_block()?;
        Ok(words)
    }
}

/// Walks through words in order.
pub(super) struct Words<'d> {
    dictionary: &'d Dictionary,
    next_block: usize,
    block: Vec<u8>,
    lengths: Range<usize>,
    places: Range<usize>,
    letters: Range<usize>,
    /// Words of the block that were not reached.
    left: u64,
    word: Vec<u8>,
    /// How many documents have the word.
    count: u32,
    /// The only one, or how many bytes say which.
    place: u64,
    /// Where the postings of the next word begin.
    postings_at: u64,
}

impl Words<'_> {
    fn load_block(&mut self) -> tantivy::Result<()> {
        let Some(entry) = self.dictionary.entry(self.next_block) else { return Ok(()) };
        self.next_block += 1;
        let packed = usize::try_from(entry.block_at)
            .ok()
            .and_then(|at| self.dictionary.content.get(at..at.checked_add(entry.block_bytes as usize)?));
        let packed = packed.ok_or_else(|| damaged("a block of words is not there"))?;
        self.block = packed::unpack(packed, entry.unpacked_bytes as usize)?;
        let mut rest = self.block.as_slice();
        let header =
            || Some((packed::take(&mut rest)?, packed::take_usize(&mut rest)?, packed::take_usize(&mut rest)?));
        let parts = { header }().and_then(|(words, lengths, places)| {
            let start = self.block.len() - rest.len();
            let places_at = start.checked_add(lengths)?;
            let letters_at = places_at.checked_add(places)?;
            (words > 0 && letters_at <= self.block.len()).then_some((words, start, places_at, letters_at))
        });
        let Some((words, start, places_at, letters_at)) = parts else {
            return Err(damaged("a block of words is not what was written"));
        };
        self.left = words;
        self.lengths = start..places_at;
        self.places = places_at..letters_at;
        self.letters = letters_at..self.block.len();
        self.postings_at = entry.postings_at;
        self.word.clear();
        Ok(())
    }

    /// Goes to the next word; false where there is none.
    pub(super) fn advance(&mut self) -> tantivy::Result<bool> {
        if self.count > 1 {
            self.postings_at = self.postings_at.saturating_add(self.place);
        }
        self.count = 0;
        if self.left == 0 {
            self.load_block()?;
            if self.left == 0 {
                return Ok(false);
            }
        }
        self.left -= 1;
        let mut lengths = &self.block[self.lengths.clone()];
        let mut places = &self.block[self.places.clone()];
        let mut letters = &self.block[self.letters.clone()];
        let mut read = || {
            let shared = packed::take_usize(&mut lengths)?;
            let more = packed::take_usize(&mut lengths)?;
            let more = packed::take_bytes(&mut letters, more)?;
            if shared > self.word.len() {
                return None;
            }
            self.word.truncate(shared);
            self.word.extend_from_slice(more);
            self.count = u32::try_from(packed::take(&mut places)?).ok()?;
            self.place = packed::take(&mut places)?;
            Some(())
        };
        if read().is_none() {
            return Err(damaged("a word is not what was written"));
        }
        self.lengths.start = self.lengths.end - lengths.len();
        self.places.start = self.places.end - places.len();
        self.letters.start = self.letters.end - letters.len();
        Ok(true)
    }

    pub(super) fn word(&self) -> &[u8] {
        &self.word
    }

    /// The documents of the word.
    pub(super) fn postings(&self) -> tantivy::Result<Postings> {
        let max_doc = self.dictionary.max_doc;
        if self.count == 1 {
            return Ok(Postings::one(DocId::try_from(self.place).unwrap_or(DocId::MAX), max_doc));
        }
        let range = || {
            let start = usize::try_from(self.postings_at).ok()?;
            let end = start.checked_add(usize::try_from(self.place).ok()?)?;
            (end <= self.dictionary.content.len()).then_some(start..end)
        };
        let range = range().ok_or_else(|| damaged("the documents of a word are not there"))?;
        Ok(Postings::new(self.dictionary.content.slice(range), self.count, max_doc))
    }

    /// Appends the documents of the word.
    ///
    /// # Errors
    /// They are not what was written.
    pub(super) fn documents(&self, documents: &mut Vec<DocId>) -> tantivy::Result<()> {
        let mut postings = self.postings()?;
        postings.take_all(documents);
        if postings.is_damaged() { Err(damaged("the documents of a word are not what was written")) } else { Ok(()) }
    }
}

/// Words of several dictionaries, in order.
pub(super) struct Merged<'d> {
    words: Vec<Words<'d>>,
    /// The dictionaries that have the present word, in rising order.
    present: Vec<usize>,
    next: BinaryHeap<Reverse<(Vec<u8>, usize)>>,
    word: Vec<u8>,
    /// What words were held in, to hold others.
    spare: Vec<Vec<u8>>,
}

impl<'d> Merged<'d> {
    pub(super) fn new(dictionaries: &'d [Dictionary]) -> tantivy::Result<Self> {
        let words = dictionaries.iter().map(Dictionary::words).collect::<tantivy::Result<Vec<_>>>()?;
        let present = (0..words.len()).collect();
        Ok(Self { words, present, next: BinaryHeap::new(), word: Vec::new(), spare: Vec::new() })
    }

    /// Goes to the next word; false where there is none.
    pub(super) fn advance(&mut self) -> tantivy::Result<bool> {
        for at in self.present.drain(..) {
            let words = &mut self.words[at];
            if words.advance()? {
                let mut word = self.spare.pop().unwrap_or_default();
                word.clear();
                word.extend_from_slice(words.word());
                self.next.push(Reverse((word, at)));
            }
        }
        let Some(Reverse((word, first))) = self.next.pop() else { return Ok(false) };
        self.present.push(first);
        while self.next.peek().is_some_and(|Reverse((other, _))| *other == word)
            && let Some(Reverse((same, at))) = self.next.pop()
        {
            self.present.push(at);
            self.spare.push(same);
        }
        self.spare.push(std::mem::replace(&mut self.word, word));
        Ok(true)
    }

    pub(super) fn word(&self) -> &[u8] {
        &self.word
    }

    /// Which dictionaries have the word, in rising order, each standing at it.
    pub(super) fn present(&self) -> impl Iterator<Item = (usize, &Words<'d>)> {
        self.present.iter().map(|at| (*at, &self.words[*at]))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use tantivy::{DocSet, TERMINATED};

    use super::*;

    type Content = BTreeMap<Vec<u8>, Vec<DocId>>;

    const MAX_DOC: DocId = 100_000;

    fn written(content: &Content) -> Vec<u8> {
        let mut writer = DictionaryWriter::new(Vec::new());
        for (word, documents) in content {
            writer.add(word, documents).unwrap();
        }
        writer.finish().unwrap()
    }

    fn opened(bytes: Vec<u8>) -> tantivy::Result<Dictionary> {
        Dictionary::open(&OwnedBytes::new(bytes), MAX_DOC)
    }

    fn read(dictionary: &Dictionary) -> tantivy::Result<Content> {
        let mut content = Content::new();
        let mut words = dictionary.words()?;
        while words.advance()? {
            let mut documents = Vec::new();
            words.documents(&mut documents)?;
            content.insert(words.word().to_vec(), documents);
        }
        Ok(content)
    }

    /// Enough words for several blocks, of which many begin alike.
    fn content(seed: u64, words: usize) -> Content {
        let mut state = seed;
        let mut draw = move |end: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % end
        };
        let word = |n: u64| match n % 3 {
            0 => format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            1 => format!("word{}", n % 5_000),
            _ => format!("é{}", n % 977),
        };
        let of_word = |n: u64, draw: &mut dyn FnMut(u64) -> u64| {
            let count = if n.is_multiple_of(7) { draw(600) } else { draw(3) } + 1;
            let mut documents: Vec<DocId> = (0..count).map(|_| draw(MAX_DOC.into()) as DocId).collect();
            documents.sort_unstable();
            documents.dedup();
            documents
        };
        (0..words)
            .map(|_| draw(1 << 30))
            .collect::<Vec<_>>()
            .into_iter()
            .map(|n| (word(n).into_bytes(), of_word(n, &mut draw)))
            .collect()
    }

    #[test]
    fn words_survive_their_bytes_and_are_found() {
        for words in [0, 1, 3, 20_000] {
            let content = content(7, words);
            let dictionary = opened(written(&content)).unwrap();
            assert_eq!(read(&dictionary).unwrap(), content);
            for (word, documents) in content.iter().step_by(17) {
                let mut found = Vec::new();
                dictionary.find(word).unwrap().unwrap().take_all(&mut found);
                assert_eq!(&found, documents);
                for absent in [[word, b"!".as_slice()].concat(), word[..word.len() - 1].to_vec()] {
                    assert_eq!(dictionary.find(&absent).unwrap().is_some(), content.contains_key(&absent));
                }
            }
            for prefix in ["", "w", "word1", "é9", "3f", "zz", "\u{ff}"] {
                let with = content.iter().filter(|(word, _)| word.starts_with(prefix.as_bytes()));
                let mut expected: Vec<DocId> = with.flat_map(|(_, documents)| documents.iter().copied()).collect();
                expected.sort_unstable();
                expected.dedup();
                let found = dictionary.find_prefix(prefix.as_bytes()).unwrap();
                let after = |last: &DocId| found.next(last + 1);
                let found: Vec<DocId> = std::iter::successors(found.next(0), after).collect();
                assert_eq!(found, expected, "{prefix:?}");
            }
        }
    }

    #[test]
    fn merged_words_come_in_order_and_say_whose_they_are() {
        let contents = [content(1, 3_000), content(2, 5), Content::new(), content(3, 2_000)];
        let dictionaries: Vec<_> = contents.iter().map(|content| opened(written(content)).unwrap()).collect();
        let mut merged = Merged::new(&dictionaries).unwrap();
        let mut expected: BTreeMap<Vec<u8>, Vec<(usize, Vec<DocId>)>> = BTreeMap::new();
        for (at, content) in contents.iter().enumerate() {
            for (word, documents) in content {
                expected.entry(word.clone()).or_default().push((at, documents.clone()));
            }
        }
        for (word, whose) in expected {
            assert!(merged.advance().unwrap());
            assert_eq!(merged.word(), word);
            let found = merged.present().map(|(at, words)| {
                let mut documents = Vec::new();
                words.documents(&mut documents).unwrap();
                (at, documents)
            });
            assert_eq!(found.collect::<Vec<_>>(), whose);
        }
        assert!(!merged.advance().unwrap());
    }

    proptest! {
        #[test]
        fn damaged_bytes_are_an_error_or_words_without_strange_documents(at in any::<prop::sample::Index>(), byte in any::<u8>(), end in any::<prop::sample::Index>(), is_cut in any::<bool>()) {
            let content = content(5, 700);
            let mut bytes = written(&content);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if is_cut {
                bytes.truncate(end.index(bytes.len()));
            }
            let Ok(dictionary) = opened(bytes) else { return Ok(()) };
            if let Ok(content) = read(&dictionary) {
                prop_assert!(content.values().flatten().all(|document| *document < MAX_DOC));
            }
            for word in content.keys().step_by(97) {
                if let Ok(Some(mut postings)) = dictionary.find(word) {
                    while postings.doc() != TERMINATED {
                        prop_assert!(postings.doc() < MAX_DOC);
                        postings.advance();
                    }
                }
                drop(dictionary.find_prefix(&word[..1]));
            }
        }
    }
}
