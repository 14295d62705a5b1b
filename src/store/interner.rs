//! Texts → numbers in the order in which they come, and these numbers in the order of the texts.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Gives each different text a number, from 0.
#[derive(Default)]
pub(super) struct Interner {
    /// Seeded anew each time, so that nobody can write lines whose words collide.
    hasher: RandomState,
    numbers: HashTable<u32>,
    known: Vec<Known>,
    letters: Vec<u8>,
}

struct Known {
    text: Beginning,
    hash: u64,
    at: u32,
    /// The number of the text that came after this one the last time.
    next: u32,
}

/// How long a text is, and its first eight bytes: all of most words.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Beginning {
    bytes: u64,
    len: u32,
}

impl Beginning {
    #[inline]
    fn of(text: &[u8]) -> Self {
        let len = text.len();
        let bytes = match (text.first_chunk::<8>(), text.first_chunk::<4>(), text.last_chunk::<4>()) {
            (Some(first), ..) => u64::from_le_bytes(*first),
            // Two parts that overlap, and are the same where they do.
            (None, Some(first), Some(last)) => {
                u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (len - 4))
            }
            _ => text.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)),
        };
        Self { bytes, len: len as u32 }
    }

    /// Behind the first eight bytes.
    fn rest(text: &[u8]) -> &[u8] {
        text.get(8..).unwrap_or_default()
    }
}

impl Interner {
    /// The number of a text that comes after the one of number `before`. Lines of logs repeat themselves:
    /// what came after it the last time is mostly what comes now, and compared before anything is hashed.
    #[inline]
    pub(super) fn number_after(&mut self, before: u32, text: &[u8]) -> u32 {
        let beginning = Beginning::of(text);
        let guess = self.known.get(before as usize).map_or(0, |known| known.next);
        if self.is_text(guess, beginning, text) {
            return guess;
        }
        let number = self.find(beginning, text);
        if let Some(before) = self.known.get_mut(before as usize) {
            before.next = number;
        }
        number
    }

    /// The number of a text.
    pub(super) fn number(&mut self, text: &[u8]) -> u32 {
        self.find(Beginning::of(text), text)
    }

    #[inline]
    fn is_text(&self, number: u32, beginning: Beginning, text: &[u8]) -> bool {
        let Some(known) = self.known.get(number as usize) else { return false };
        known.text == beginning && (text.len() <= 8 || Beginning::rest(self.text(number)) == Beginning::rest(text))
    }

    fn find(&mut self, beginning: Beginning, text: &[u8]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u64(beginning.bytes);
        hasher.write_u32(beginning.len);
        if text.len() > 8 {
            hasher.write(Beginning::rest(text));
        }
        let hash = hasher.finish();
        if let Some(number) = self.numbers.find(hash, |number| self.is_text(*number, beginning, text)) {
            return *number;
        }
        let Self { known, letters, .. } = self;
        let number = known.len() as u32;
        known.push(Known { text: beginning, hash, at: letters.len() as u32, next: 0 });
        letters.extend_from_slice(text);
        self.numbers.insert_unique(hash, number, |number| known[*number as usize].hash);
        number
    }

    /// The text of a number that was given.
    pub(super) fn text(&self, number: u32) -> &[u8] {
        let Known { text, at, .. } = &self.known[number as usize];
        &self.letters[*at as usize..][..text.len as usize]
    }

    /// How many texts there are.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// All numbers in the order of the bytes of their texts.
    pub(super) fn in_order(&self) -> Vec<u32> {
        let beginning = |known: &Known| known.text.bytes.swap_bytes();
        let mut order: Vec<(u64, u32)> = self.known.iter().map(beginning).zip(0..).collect();
        order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| self.text(a.1).cmp(self.text(b.1))));
        order.into_iter().map(|(_, number)| number).collect()
    }

    /// Bytes of memory.
    pub(super) fn mem_usage(&self) -> usize {
        self.known.capacity() * size_of::<Known>()
            + self.numbers.capacity() * (size_of::<u32>() + 1)
            + self.letters.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_numbers_and_an_order() {
        let mut interner = Interner::default();
        let texts = ["b", "a", "longer than eight", "longer than nine", "b", "", "longer t", "a"];
        let numbers = texts.map(|text| interner.number(text.as_bytes()));
        assert_eq!(numbers, [0, 1, 2, 3, 0, 4, 5, 1]);
        let mut after = interner.number(b"b");
        for text in ["a", "new", "b", "a", "new", "b", "new"] {
            let number = interner.number_after(after, text.as_bytes());
            assert_eq!(interner.text(number), text.as_bytes());
            after = number;
        }
        let order: Vec<_> = interner.in_order().into_iter().map(|number| interner.text(number)).collect();
        let expected: [&[u8]; 7] = [b"", b"a", b"b", b"longer t", b"longer than eight", b"longer than nine", b"new"];
        assert_eq!((order.as_slice(), interner.len()), (expected.as_slice(), 7));
    }
}
