//! Messages that masking leaves apart, brought together by similarity: from a masked message to
//! the template that it belongs to, as Drain does, with a tree of fixed depth.
//!
//! He et al., "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017. What
//! differs here: placeholders say nothing about similarity, a word that could be a name counts half,
//! and words in capitals such as `ECONNREFUSED`, which tell errors apart, have to be equal.

use super::Digest;

/// Words of a message that count; the rest of a longer one says nothing new.
pub(super) const MAX_WORDS: usize = 48;

/// What two messages may differ in, as a share of their words that say something.
const MAX_DISTANCE: f32 = 0.34;

/// Of messages with so few such words, none may differ that is no name.
const FEW_WORDS: usize = 3;

/// A place where the messages of a template differ.
pub(super) const ANY: &str = "<*>";

/// A word of a masked message: its hash, and in the lowest bits its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(u64);

const CLASS: u64 = 0b11;
/// What follows says why, as in `evicted: memory`.
const COLON: u64 = 0b100;
/// Could be a name: it has a sign, a digit or a capital inside.
const NAME: u64 = 1;
/// A code such as `ECONNREFUSED` or `NOT_FOUND`.
const CODE: u64 = 2;
/// A masked part, with nothing beside it but signs.
const MASKED: u64 = 3;

impl Word {
    /// A place that fits any word.
    const ANY: Self = Self(MASKED);

    fn of(text: &str) -> Self {
        if text == ANY {
            return Self::ANY;
        }
        let bytes = text.as_bytes();
        let (mut lower, mut upper, mut sign, mut capital) = (0, 0, 0, 0);
        let first = bytes.iter().position(u8::is_ascii_alphanumeric).unwrap_or(0);
        let last = bytes.iter().rposition(|byte| byte.is_ascii_alphanumeric() || *byte >= 128).unwrap_or(0);
        for (at, byte) in bytes.iter().enumerate().take(last + 1).skip(first) {
            match byte {
                b'a'..=b'z' | 128.. => lower += 1,
                b'A'..=b'Z' => {
                    upper += 1;
                    capital += usize::from(at > first);
                }
                b'_' if lower == 0 => {}
                _ => sign += 1,
            }
        }
        let class = if bytes.contains(&b'<') && is_masked(text) {
            MASKED
        } else if upper >= 4 && lower == 0 && sign == 0 {
            CODE
        } else if sign > 0 || capital > 0 && lower > 0 {
            NAME
        } else {
            0
        };
        Self(hash(text) & !(CLASS | COLON) | class | if text.ends_with(':') { COLON } else { 0 })
    }

    fn class(self) -> u64 {
        self.0 & CLASS
    }
}

/// Whether nothing is left of a word beside its placeholders and signs.
fn is_masked(word: &str) -> bool {
    let mut inside = false;
    let mut any = false;
    for byte in word.bytes() {
        match byte {
            b'<' => inside = true,
            b'>' if inside => (inside, any) = (false, true),
            _ if !inside && (byte.is_ascii_alphanumeric() || byte >= 128) => return false,
            _ => {}
        }
    }
    any && !inside
}

fn hash(word: &str) -> u64 {
    let mut digest = Digest::default();
    add(word, &mut digest);
    digest.end()
}

/// Adds a word; `<hex>` and `<id>` are as `<num>`, as an id can be of digits alone.
fn add(word: &str, digest: &mut Digest) {
    if memchr::memchr(b'<', word.as_bytes()).is_some() && (word.contains("<hex>") || word.contains("<id>")) {
        digest.part(word.replace("<hex>", "<num>").replace("<id>", "<num>").as_bytes());
    } else {
        digest.part(word.as_bytes());
    }
}

/// The words of a masked message, at most [`MAX_WORDS`], into `words`.
pub(super) fn words(masked: &str, words: &mut Vec<Word>) {
    words.clear();
    words.extend(split(masked).take(MAX_WORDS).map(Word::of));
}

/// The parts that words are made of: between spaces, and a key apart from its value.
fn split(masked: &str) -> impl Iterator<Item = &str> {
    let bytes = masked.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + bytes[at..].iter().position(|byte| !byte.is_ascii_whitespace())?;
        let rest = &bytes[start..];
        let end = rest.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'=').unwrap_or(rest.len());
        at = start + end + usize::from(rest.get(end) == Some(&b'='));
        Some(&masked[start..at])
    })
}

/// Adds a masked message to what a signature is made of.
pub(super) fn digest(masked: &str, digest: &mut Digest) {
    split(masked).take(MAX_WORDS).for_each(|word| add(word, digest));
}

/// The leaf of the tree that a message belongs to: by the number of its words and its first one,
/// unless that is variable.
pub(super) fn leaf(logger: u64, words: &[Word]) -> u64 {
    let mut digest = Digest::default();
    digest.number(logger);
    digest.number(words.len() as u64);
    digest.number(words.first().filter(|word| matches!(word.class(), 0 | CODE)).map_or(0, |word| word.0));
    digest.end()
}

/// What the messages of a cluster have in common.
#[derive(Debug)]
pub(super) struct Template {
    pub leaf: u64,
    pub logger: u64,
    /// As text, one space between the words.
    pub text: String,
    words: Vec<Word>,
}

impl Template {
    pub fn new(logger: u64, masked: &str, words: &[Word]) -> Self {
        let mut text = String::with_capacity(masked.len());
        for part in masked.split_ascii_whitespace() {
            text.push_str(if text.is_empty() { "" } else { " " });
            text.push_str(part);
        }
        Self { leaf: leaf(logger, words), logger, text, words: words.to_vec() }
    }

    /// How far a message of the same leaf is from this template, from 0 to 1; none where it is too
    /// far, or differs in what must be equal.
    pub fn distance(&self, words: &[Word]) -> Option<f32> {
        if self.words.len() != words.len() {
            return None;
        }
        let (mut says, mut cost, mut equal, mut reason) = (0, 0.0_f32, 0, false);
        for (ours, theirs) in self.words.iter().zip(words) {
            let is_reason = reason;
            reason |= ours.0 & COLON != 0;
            if ours == theirs {
                says += usize::from(ours.class() != MASKED);
                equal += usize::from(ours.class() != MASKED);
                continue;
            }
            says += 1;
            cost += match (ours.class(), theirs.class()) {
                _ if *ours == Word::ANY => 0.5,
                (CODE, _) | (_, CODE) => return None,
                // The same key, name or place, masked in one of them only.
                (MASKED | NAME, MASKED | NAME) => 0.5,
                _ if is_reason => 2.0,
                _ => 1.0,
            };
        }
        let distance = cost / says.max(1) as f32;
        (equal > 0 && distance <= MAX_DISTANCE && (says > FEW_WORDS || cost < 1.0)).then_some(distance)
    }

    /// Leaves open what the message differs in; whether anything did.
    pub fn generalise(&mut self, words: &[Word]) -> bool {
        let mut changed = false;
        for (ours, theirs) in self.words.iter_mut().zip(words) {
            if ours != theirs && *ours != Word::ANY {
                *ours = Word::ANY;
                changed = true;
            }
        }
        if changed {
            let old = std::mem::take(&mut self.text);
            let mut at = 0;
            for part in old.split_ascii_whitespace() {
                self.text.push_str(if self.text.is_empty() { "" } else { " " });
                for word in part.split_inclusive('=') {
                    let open = self.words.get(at).is_some_and(|word| *word == Word::ANY);
                    self.text.push_str(if open { ANY } else { word });
                    at += 1;
                }
            }
        }
        changed
    }
}
