//! Words, phrases and prefixes: from what was typed to the runs of tokens that it stands for, and
//! whether a record has one of them.

use std::fmt;
use std::ops::ControlFlow;

use super::index::index_fields;
use super::value::with_text;
use crate::record::{COMPUTED_NAMES, Record};
use crate::text;

/// A word or phrase to find: its tokens, one after the other, within the line or within the value
/// of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    written: String,
    end: End,
    run: Run,
    /// A prefix such as `7f3a91c4-2b*`, which can end within a UUID: the same with that as one
    /// token.
    uuid: Option<Run>,
}

/// How a searched text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With its last word.
    Whole,
    /// Anywhere in its last word, as `conn*`.
    Prefix,
}

impl Text {
    /// The text to find; none where it has no letter or digit, as no index knows it.
    pub fn new(text: impl Into<String>, end: End) -> Option<Self> {
        let text = text.into();
        let (mut tokens, mut last_end, mut uuid) = (Vec::new(), 0, None);
        text::tokens(&text, |token, range| {
            let tail = &text[range.start..];
            if uuid.is_none() && tail.len() > range.len() && text::begins_uuid(tail) {
                let mut tokens = tokens.clone();
                tokens.push(tail.to_ascii_lowercase());
                uuid = Some(Run::new(tokens, End::Prefix));
            }
            tokens.push(token.to_owned());
            last_end = range.end;
        });
        if tokens.is_empty() {
            return None;
        }
        // `conn-*` has the whole word `conn`, and then anything.
        let last = if last_end == text.len() { end } else { End::Whole };
        let uuid = uuid.filter(|_| end == End::Prefix);
        Some(Self { run: Run::new(tokens, last), uuid, written: text, end })
    }

    /// As it was written, without quotes, escapes and the star.
    pub fn text(&self) -> &str {
        &self.written
    }

    /// How it ends.
    pub fn end(&self) -> End {
        self.end
    }

    /// Its tokens, and how the last of them ends.
    pub(super) fn run(&self) -> &Run {
        &self.run
    }

    /// Its tokens where it ends within a UUID; their end is a prefix.
    pub(super) fn uuid(&self) -> Option<&Run> {
        self.uuid.as_ref()
    }

    pub(super) fn matches(&self, record: &Record) -> bool {
        if let ([_], None) = (self.run.tokens(), &self.uuid) {
            // One word is what an index holds: also of names, and of numbers in their usual form.
            let mut is_found = self.run.is_in(&record.raw);
            if !is_found && !record.fields().is_empty() {
                index_fields(record, |token| is_found |= self.run.fits(0, token));
            }
            return is_found;
        }
        let is_said = |(name, _): &(&str, _)| !COMPUTED_NAMES.contains(name);
        self.is_in(&record.raw)
            || record.fields().iter().filter(is_said).any(|(_, value)| with_text(value, |text| self.is_in(text)))
    }

    fn is_in(&self, text: &str) -> bool {
        self.run.is_in(text) || self.uuid.as_ref().is_some_and(|run| run.is_in(text))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::write_quoted(f, &self.written)?;
        f.write_str(if self.end == End::Prefix { "*" } else { "" })
    }
}

/// Consecutive tokens, at least one; the last may be the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    tokens: Vec<String>,
    end: End,
    /// Knuth, Morris and Pratt's table: where to go on after `at + 1` tokens fitted and the next
    /// did not, so that a phrase is found in one pass however often it repeats itself.
    resume: Vec<usize>,
    needle: Option<Needle>,
}

impl Run {
    fn new(tokens: Vec<String>, end: End) -> Self {
        let mut resume = vec![0; tokens.len()];
        let mut fitted = 0;
        for at in 1..tokens.len() {
            while fitted > 0 && tokens[fitted] != tokens[at] {
                fitted = resume[fitted - 1];
            }
            fitted += usize::from(tokens[fitted] == tokens[at]);
            resume[at] = fitted;
        }
        Self { needle: Needle::of(&tokens), tokens, end, resume }
    }

    pub(super) fn tokens(&self) -> &[String] {
        &self.tokens
    }

    pub(super) fn end(&self) -> End {
        self.end
    }

    fn is_in(&self, text: &str) -> bool {
        if self.needle.as_ref().is_some_and(|needle| needle.is_missing(text)) {
            return false;
        }
        let mut fitted = 0;
        let scan = text::try_tokens(text, |token, _| {
            while fitted > 0 && !self.fits(fitted, token) {
                fitted = self.resume[fitted - 1];
            }
            fitted += usize::from(self.fits(fitted, token));
            if fitted == self.tokens.len() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        scan.is_break()
    }

    fn fits(&self, at: usize, token: &str) -> bool {
        if self.end == End::Prefix && at + 1 == self.tokens.len() {
            token.starts_with(&self.tokens[at])
        } else {
            token == self.tokens[at]
        }
    }
}

/// What a text has to contain, in any case, to have the tokens of a run: most texts do not, and
/// are not taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Needle {
    token: String,
    /// The place of a rare letter in the token, and the letter.
    rare_at: usize,
    rare: u8,
}

impl Needle {
    /// The longest of the tokens that are ASCII.
    fn of(tokens: &[String]) -> Option<Self> {
        // Roughly from rare to common, in logs.
        const RARE: &[u8] = b"qzjxkvwyhbgfumpl_cdnrsoaite9876543210";
        let rank = |byte: u8| RARE.iter().position(|rare| *rare == byte).unwrap_or(0);
        let token = tokens.iter().filter(|token| token.is_ascii()).max_by_key(|token| token.len())?;
        let (rare_at, rare) =
            token.bytes().enumerate().filter(|(_, byte)| *byte != b'-').min_by_key(|(_, byte)| rank(*byte))?;
        Some(Self { token: token.clone(), rare_at, rare })
    }

    /// Whether the text certainly does not have the token.
    fn is_missing(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let stands_at = |rare_at: usize| {
            let start = rare_at.checked_sub(self.rare_at)?;
            let found = bytes.get(start..start + self.token.len())?;
            found.eq_ignore_ascii_case(self.token.as_bytes()).then_some(())
        };
        memchr::memchr2_iter(self.rare, self.rare.to_ascii_uppercase(), bytes).find_map(stands_at).is_none()
            // The `İ` of a text is an `i` to the tokenizer.
            && (!self.token.contains('i') || text.is_ascii())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, end: End, line: &str, expected: bool) {
        assert_eq!(Text::new(text, end).unwrap().is_in(line), expected, "{text:?} in {line:?}");
    }

    #[test]
    fn a_text_is_found_as_its_tokens_in_a_row() {
        use End::{Prefix, Whole};
        check("refused", Whole, "Connection REFUSED by peer", true);
        check("refuse", Whole, "connection refused", false);
        check("refuse", Prefix, "connection refused", true);
        check("connection refused", Whole, "connection: [refused]", true);
        check("connection refused", Whole, "refused connection", false);
        check("connection refused", Whole, "connection was refused", false);
        check("connection re", Prefix, "a connection refused", true);
        check("conn re", Prefix, "a connection refused", false);
        check("istanbul", Whole, "İSTANBUL", true);
        check("größe xl", Whole, "GRÖSSE GRÖßE XL", true);
        check("conn-", Prefix, "connection", false);
        check("conn-", Prefix, "conn=x", true);
        check("a a b", Whole, "a a a b", true);
        check("a b a c", Whole, "a b a b a c", true);
        check("a b a b", Prefix, "a b a bc", true);
        check(&"x".repeat(100), Whole, &"x".repeat(100), true);
        check(&"x".repeat(100), Whole, &"x".repeat(101), false);
        check(&"x".repeat(70), Prefix, &"X".repeat(101), true);
        let line = "id=7f3a91c4-2b5d-4e6f-8a90-c1d2e3f4a5b6 x";
        check("7F3A91C4-2b5d-4e6f-8a90-c1d2e3f4a5b6", Whole, line, true);
        check("7f3a91c4", Whole, line, false);
        check("7f3a91c4", Prefix, line, true);
        check("7f3a91c4-2B", Prefix, line, true);
        check("id=7f3a91c4-", Prefix, line, true);
        check("7f3a91c4-2b", Prefix, "7f3a91c4-2bx", true);
        check("7f3a91c4-3b", Prefix, line, false);
    }

    #[test]
    fn a_text_of_separators_is_none() {
        assert_eq!(Text::new(" -- ", End::Whole), None);
        assert_eq!(Text::new("", End::Prefix), None);
    }

    proptest! {
        #[test]
        fn a_phrase_is_found_where_its_tokens_are_in_a_row(phrase in "[abi]( [abi]){0,4}", line in "([abAİé]c? ){0,12}", prefix: bool) {
            let end = if prefix { End::Prefix } else { End::Whole };
            let (tokens, wanted) = (text::token_list(&line), text::token_list(&phrase));
            let (last, first) = wanted.split_last().unwrap();
            let expected = tokens.windows(wanted.len()).any(|window| {
                &window[..first.len()] == first
                    && if prefix { window[first.len()].starts_with(last) } else { window[first.len()] == *last }
            });
            prop_assert_eq!(Text::new(phrase, end).unwrap().is_in(&line), expected);
        }
    }
}
