//! Words, phrases and prefixes: from what was typed to the runs of tokens that it stands for, and
//! whether a record has one of them.

use std::fmt;
use std::ops::ControlFlow;

use super::index::field_texts;
use super::value::{Case, with_text};
use crate::record::{COMPUTED_NAMES, Record};
use crate::text;

/// A word or phrase to find: its tokens, one after the other, within the line or within the value
/// of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    written: String,
    end: End,
    case: Case,
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
    pub fn new(text: impl Into<String>, end: End, case: Case) -> Option<Self> {
        let text = text.into();
        let (mut pieces, mut last_end, mut uuid) = (Vec::new(), 0, None);
        text::tokens(&text, |_, range| {
            let tail = &text[range.start..];
            if uuid.is_none() && tail.len() > range.len() && text::begins_uuid(tail) {
                let pieces: Vec<&str> = pieces.iter().copied().chain([tail]).collect();
                uuid = Some(Run::new(&pieces, End::Prefix, case));
            }
            last_end = range.end;
            pieces.push(&text[range]);
        });
        if pieces.is_empty() {
            return None;
        }
        // `conn-*` has the whole word `conn`, and then anything.
        let last = if last_end == text.len() { end } else { End::Whole };
        let uuid = uuid.filter(|_| end == End::Prefix);
        Some(Self { run: Run::new(&pieces, last, case), uuid, end, case, written: text })
    }

    /// As it was written, without quotes, escapes and the star.
    pub fn text(&self) -> &str {
        &self.written
    }

    /// How it ends.
    pub fn end(&self) -> End {
        self.end
    }

    /// Whether case counts.
    pub fn case(&self) -> Case {
        self.case
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
                field_texts(record, |text| is_found = is_found || self.run.is_in(text));
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
        super::write_value(f, &self.written, self.case)?;
        f.write_str(if self.end == End::Prefix { "*" } else { "" })
    }
}

/// Consecutive tokens, at least one; the last may be the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    tokens: Vec<String>,
    /// The tokens as they were written, where case counts.
    letters: Option<Vec<String>>,
    end: End,
    /// Knuth, Morris and Pratt's table: where to go on after `at + 1` tokens fitted and the next
    /// did not, so that a phrase is found in one pass however often it repeats itself.
    resume: Vec<usize>,
    needle: Option<Needle>,
}

impl Run {
    /// The run of the pieces of a text that are its tokens, as they were written.
    fn new(pieces: &[&str], end: End, case: Case) -> Self {
        let tokens: Vec<String> = pieces.iter().map(|piece| text::fold(piece).into_owned()).collect();
        let letters = (case == Case::Exact).then(|| pieces.iter().map(|piece| (*piece).to_owned()).collect());
        let mut run = Self { needle: Needle::of(&tokens), tokens, letters, end, resume: Vec::new() };
        let compared = run.compared();
        let mut resume = vec![0; compared.len()];
        let mut fitted = 0;
        for at in 1..compared.len() {
            while fitted > 0 && compared[fitted] != compared[at] {
                fitted = resume[fitted - 1];
            }
            fitted += usize::from(compared[fitted] == compared[at]);
            resume[at] = fitted;
        }
        run.resume = resume;
        run
    }

    /// In lower case, as an index holds them.
    pub(super) fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// Whether the tokens say all of it: there is no letter whose case counts.
    pub(super) fn is_told_by_tokens(&self) -> bool {
        let has_no_case = |token: &String| token.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
        self.letters.is_none() || self.tokens.iter().all(has_no_case)
    }

    /// What a text's tokens have to be: as they are written there where case counts, else in lower case.
    fn compared(&self) -> &[String] {
        self.letters.as_deref().unwrap_or(&self.tokens)
    }

    pub(super) fn end(&self) -> End {
        self.end
    }

    fn is_in(&self, text: &str) -> bool {
        if self.needle.as_ref().is_some_and(|needle| needle.is_missing(text)) {
            return false;
        }
        let mut fitted = 0;
        let scan = text::try_tokens(text, |token, range| {
            let token = if self.letters.is_some() { &text[range] } else { token };
            while fitted > 0 && !self.fits(fitted, token) {
                fitted = self.resume[fitted - 1];
            }
            fitted += usize::from(self.fits(fitted, token));
            if fitted == self.tokens.len() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        scan.is_break()
    }

    fn fits(&self, at: usize, token: &str) -> bool {
        let wanted = &self.compared()[at];
        if self.end == End::Prefix && at + 1 == self.tokens.len() { token.starts_with(wanted) } else { token == wanted }
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
        assert_eq!(Text::new(text, end, Case::Any).unwrap().is_in(line), expected, "{text:?} in {line:?}");
    }

    #[track_caller]
    fn check_exact(text: &str, end: End, line: &str, expected: bool) {
        assert_eq!(Text::new(text, end, Case::Exact).unwrap().is_in(line), expected, "{text:?} in {line:?}");
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
    fn where_case_counts_the_letters_are_the_same() {
        use End::{Prefix, Whole};
        check_exact("Refused", Whole, "REFUSED refused Refused", true);
        check_exact("Refused", Whole, "REFUSED refused Refuse", false);
        check_exact("Ref", Prefix, "refused REF Refused", true);
        check_exact("Ref", Prefix, "refused REFUSED", false);
        check_exact("Connection Refused", Whole, "connection Refused Connection: [Refused]", true);
        check_exact("Connection Refused", Whole, "connection Refused, Connection refused", false);
        check_exact("A a A b", Prefix, "A a A a A bc", true);
        check_exact("A a A b", Prefix, "a A A a a bc", false);
        check_exact("istanbul", Whole, "İstanbul", false);
        check_exact("İstanbul", Whole, "İstanbul", true);
        check_exact("Größe", Whole, "größe GRÖSSE Größe", true);
        check_exact(&"X".repeat(70), Prefix, &"X".repeat(101), true);
        check_exact(&"X".repeat(70), Prefix, &"x".repeat(101), false);
        let line = "id=7F3A91C4-2B5D-4E6F-8A90-C1D2E3F4A5B6 x";
        check_exact("7F3A91C4-2B5D-4E6F-8A90-C1D2E3F4A5B6", Whole, line, true);
        check_exact("7f3a91c4-2B5D-4E6F-8A90-C1D2E3F4A5B6", Whole, line, false);
        check_exact("id=7F3A91C4-2B", Prefix, line, true);
        check_exact("7F3A91C4-2b", Prefix, line, false);
        check_exact("12_5", Whole, "12_5", true);
    }

    #[test]
    fn a_text_of_separators_is_none() {
        assert_eq!(Text::new(" -- ", End::Whole, Case::Any), None);
        assert_eq!(Text::new("", End::Prefix, Case::Exact), None);
    }

    /// The tokens as they are written.
    fn pieces(text: &str) -> Vec<&str> {
        let mut pieces = Vec::new();
        text::tokens(text, |_, range| pieces.push(&text[range]));
        pieces
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
            prop_assert_eq!(Text::new(phrase, end, Case::Any).unwrap().is_in(&line), expected);
        }

        #[test]
        fn where_case_counts_a_phrase_is_found_where_its_very_letters_are(phrase in "[aAiİ]( [aAiİ]){0,4}", line in "([aAiİé]c? ){0,12}", prefix: bool) {
            let end = if prefix { End::Prefix } else { End::Whole };
            let (tokens, wanted) = (pieces(&line), pieces(&phrase));
            let (last, first) = wanted.split_last().unwrap();
            let expected = tokens.windows(wanted.len()).any(|window| {
                &window[..first.len()] == first
                    && if prefix { window[first.len()].starts_with(last) } else { window[first.len()] == *last }
            });
            prop_assert_eq!(Text::new(phrase, end, Case::Exact).unwrap().is_in(&line), expected);
        }
    }
}
