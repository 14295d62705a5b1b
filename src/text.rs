//! The tokenizer that the index, queries and the live tail share: from a text to its lower-cased
//! words.
//!
//! Letters, digits and `_` make tokens, everything else separates them. A UUID is one token with
//! its dashes, and an ANSI escape sequence is a separator. A token of more than
//! [`MAX_TOKEN_BYTES`] is cut into pieces, in a text and in a query alike, so a search still finds
//! it. What is equal under [`eq_fold`] has equal tokens, which is what lets an index of tokens
//! answer for a comparison of values.

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

/// The longest token, in bytes of its lower-cased text; a longer one is cut into such pieces.
pub const MAX_TOKEN_BYTES: usize = 64;

/// The bytes of a UUID's text, dashes included.
pub const UUID_BYTES: usize = 36;

/// Calls `f` with every token of `text`, lower-cased, and the bytes of `text` that it came from.
///
/// ```
/// let mut seen = Vec::new();
/// foghorn::text::tokens("GET /api?id=Ab-12", |token, range| seen.push((token.to_owned(), range)));
/// assert_eq!(seen[2], ("id".to_owned(), 9..11));
/// assert_eq!(seen[3], ("ab".to_owned(), 12..14));
/// assert_eq!(seen.len(), 5);
/// ```
pub fn tokens(text: &str, mut f: impl FnMut(&str, Range<usize>)) {
    let ControlFlow::Continue(()) = try_tokens(text, |token, range| -> ControlFlow<std::convert::Infallible> {
        f(token, range);
        ControlFlow::Continue(())
    });
}

/// The tokens of `text` as a list, where speed does not matter.
///
/// ```
/// let id = "0191B2C3-0000-7000-8000-00000000000a";
/// assert_eq!(foghorn::text::token_list(id), ["0191b2c3-0000-7000-8000-00000000000a"]);
/// ```
pub fn token_list(text: &str) -> Vec<String> {
    let mut list = Vec::new();
    tokens(text, |token, _| list.push(token.to_owned()));
    list
}

/// [`tokens`] that stops when `f` breaks, and answers with what it broke with.
pub fn try_tokens<B>(text: &str, f: impl FnMut(&str, Range<usize>) -> ControlFlow<B>) -> ControlFlow<B> {
    match Plain::of(text) {
        Some(plain) => plain.tokens(f),
        None => any_tokens(text, f),
    }
}

/// A text of nothing but ASCII, without escape sequences, and which of its bytes are what, a bit for each:
/// where tokens begin and end is not told byte by byte then, which no branch can foresee.
struct Plain<'t> {
    text: &'t str,
    /// Bytes of tokens; none is set behind the text.
    token: [u64; MAX_PLAIN_BYTES / 64 + 1],
    upper: [u64; MAX_PLAIN_BYTES / 64 + 1],
}

/// Shorter and longer texts are read byte by byte.
const LEAST_PLAIN_BYTES: usize = 48;
const MAX_PLAIN_BYTES: usize = 2 * 1024;

impl<'t> Plain<'t> {
    fn of(text: &'t str) -> Option<Self> {
        if !(LEAST_PLAIN_BYTES..=MAX_PLAIN_BYTES).contains(&text.len()) {
            return None;
        }
        let mut plain = Self { text, token: [0; MAX_PLAIN_BYTES / 64 + 1], upper: [0; MAX_PLAIN_BYTES / 64 + 1] };
        let mut others = 0;
        let mut classify = |at: usize, bytes: &[u8; 64]| {
            let other = |byte: u8| byte & 0x80 | u8::from(byte == ESC);
            for byte in bytes {
                others |= other(*byte);
            }
            let is_upper = |byte: u8| byte.wrapping_sub(b'A') < 26;
            #[allow(clippy::needless_bitwise_bool, reason = "without a branch, many bytes are told at once")]
            let is_token =
                |byte: u8| ((byte | 0x20).wrapping_sub(b'a') < 26) | (byte.wrapping_sub(b'0') < 10) | (byte == b'_');
            plain.token[at] = bits(bytes, is_token);
            plain.upper[at] = bits(bytes, is_upper);
        };
        let (chunks, rest) = text.as_bytes().as_chunks::<64>();
        chunks.iter().enumerate().for_each(|(at, chunk)| classify(at, chunk));
        if !rest.is_empty() {
            let mut last = [0; 64];
            last[..rest.len()].copy_from_slice(rest);
            classify(chunks.len(), &last);
        }
        (others == 0).then_some(plain)
    }

    fn tokens<B>(&self, mut f: impl FnMut(&str, Range<usize>) -> ControlFlow<B>) -> ControlFlow<B> {
        let bytes = self.text.as_bytes();
        let mut buffer = [0; MAX_TOKEN_BYTES];
        let mut at = 0;
        loop {
            at = next_bit(&self.token, at, 0);
            if at >= bytes.len() {
                return ControlFlow::Continue(());
            }
            if bytes.get(at + 8) == Some(&b'-') && is_uuid(&self.text[at..]) {
                let end = at + UUID_BYTES;
                f(lower(&self.text[at..end], &mut buffer), at..end)?;
                at = end;
                continue;
            }
            // Most end in the word in which they begin.
            let run = (!(self.token[at / 64] >> (at % 64))).trailing_zeros() as usize;
            let (end, is_lower) = if at % 64 + run < 64 {
                (at + run, (self.upper[at / 64] >> (at % 64)) & ((1 << run) - 1) == 0)
            } else {
                let end = next_bit(&self.token, at, u64::MAX);
                (end, next_bit(&self.upper, at, 0) >= end)
            };
            while at < end {
                let piece = at..end.min(at + MAX_TOKEN_BYTES);
                at = piece.end;
                let token = &self.text[piece.clone()];
                f(if is_lower { token } else { lower(token, &mut buffer) }, piece)?;
            }
        }
    }
}

/// A bit for each byte.
#[inline]
fn bits(bytes: &[u8; 64], is: impl Fn(u8) -> bool) -> u64 {
    let mut flags = [0; 64];
    for (flag, byte) in flags.iter_mut().zip(bytes) {
        *flag = u8::from(is(*byte));
    }
    let (eights, _) = flags.as_chunks::<8>();
    // The product moves the lowest bit of each byte into the highest byte.
    let bits = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    eights.iter().enumerate().fold(0, |all, (at, eight)| all | bits(eight) << (at * 8))
}

/// The first bit from `at` on that differs from those of `inverted`; where there is none, one behind all.
#[inline]
fn next_bit(words: &[u64], at: usize, inverted: u64) -> usize {
    let Some(first) = words.get(at / 64) else { return at };
    let first = (first ^ inverted) >> (at % 64);
    if first != 0 {
        return at + first.trailing_zeros() as usize;
    }
    let next = at / 64 + 1;
    let rest = words.get(next..).unwrap_or_default();
    match rest.iter().position(|word| word ^ inverted != 0) {
        Some(ahead) => (next + ahead) * 64 + (rest[ahead] ^ inverted).trailing_zeros() as usize,
        None => words.len() * 64,
    }
}

/// [`try_tokens`] of whatever text, byte by byte.
fn any_tokens<B>(text: &str, mut f: impl FnMut(&str, Range<usize>) -> ControlFlow<B>) -> ControlFlow<B> {
    let bytes = text.as_bytes();
    let mut buffer = [0; MAX_TOKEN_BYTES];
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let class = CLASS[usize::from(byte)];
        if class & (TOKEN | WIDE | ESCAPE) == 0 {
            at += 1;
            continue;
        }
        if class & ESCAPE != 0 {
            at = escape_end(bytes, at);
            continue;
        }
        if class & HEX != 0 && bytes.get(at + 8) == Some(&b'-') && is_uuid(&text[at..]) {
            let end = at + UUID_BYTES;
            f(lower(&text[at..end], &mut buffer), at..end)?;
            at = end;
            continue;
        }
        let (mut end, mut seen) = (at, 0);
        let stop = loop {
            let class = bytes.get(end).map_or(0, |byte| CLASS[usize::from(*byte)]);
            if class & TOKEN == 0 {
                break class;
            }
            seen |= class;
            end += 1;
        };
        if stop & WIDE != 0 {
            at = wide_token(text, at, &mut buffer, &mut f)?;
            continue;
        }
        while at < end {
            let piece = at..end.min(at + MAX_TOKEN_BYTES);
            at = piece.end;
            let token = &text[piece.clone()];
            f(if seen & UPPER == 0 { token } else { lower(token, &mut buffer) }, piece)?;
        }
    }
    ControlFlow::Continue(())
}

/// Whether two texts are equal but for case.
///
/// ```
/// assert!(foghorn::text::eq_fold("Straße ÄÖ", "straße äö"));
/// assert!(!foghorn::text::eq_fold("a", "ab"));
/// ```
pub fn eq_fold(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return a.eq_ignore_ascii_case(b);
    }
    a.chars().map(fold_char).eq(b.chars().map(fold_char))
}

/// Whether `text` begins with `prefix` but for case.
///
/// ```
/// assert!(foghorn::text::starts_with_fold("Checkout-2", "check"));
/// ```
pub fn starts_with_fold(text: &str, prefix: &str) -> bool {
    let mut chars = text.chars().map(fold_char);
    prefix.chars().map(fold_char).all(|c| chars.next() == Some(c))
}

/// The text in the case that tokens have: what an index holds of a keyword.
///
/// ```
/// assert_eq!(foghorn::text::fold("Web-1"), "web-1");
/// ```
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    text.chars().map(fold_char).collect::<String>().into()
}

/// Whether `text` could be the beginning of a UUID, or is one: shorter ends are fine, longer ones
/// and the empty text are not.
pub fn begins_uuid(text: &str) -> bool {
    let shape = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    !text.is_empty() && text.len() <= UUID_BYTES && text.bytes().enumerate().all(shape)
}

/// Whether the tokens of `part` are certainly among the tokens of `text`, because it stands there
/// as it is, between separators. A quick answer: `false` means not found.
pub fn stands_in(part: &str, text: &str) -> bool {
    // Each field of a line is looked for, so a huge line must not cost its length each time.
    const MAX_TEXT_BYTES: usize = 16 * 1024;
    const MAX_PLACES: usize = 64;
    let (part, bytes) = (part.as_bytes(), text.as_bytes());
    let Some(first) = part.first() else { return true };
    if bytes.len() > MAX_TEXT_BYTES {
        return false;
    }
    let found = memchr::memchr_iter(*first, bytes)
        .take(MAX_PLACES)
        .any(|at| bytes[at..].starts_with(part) && stands_apart(bytes, at, part.len()));
    found && memchr::memchr(ESC, bytes).is_none()
}

/// Whether no token or UUID can reach across the ends of the part of a text that begins at `at`.
pub fn stands_apart(bytes: &[u8], at: usize, len: usize) -> bool {
    let parts_at = |byte: Option<&u8>| byte.is_none_or(|byte| *byte != b'-' && CLASS[usize::from(*byte)] == 0);
    parts_at(at.checked_sub(1).and_then(|before| bytes.get(before))) && parts_at(bytes.get(at + len))
}

/// The text without its escape sequences: what a terminal shows.
///
/// ```
/// assert_eq!(foghorn::text::without_escapes("\u{1b}[32mINFO\u{1b}[0m: up"), "INFO: up");
/// ```
pub fn without_escapes(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut kept = 0;
    let mut shown = String::new();
    for at in memchr::memchr_iter(ESC, bytes) {
        // One that begins within the sequence before ends with it.
        if at >= kept {
            shown.push_str(&text[kept..at]);
            kept = escape_end(bytes, at);
        }
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    shown.push_str(&text[kept..]);
    shown.into()
}

/// Simple lower case, one character for one, so that folding a text never changes where its
/// tokens are. `İ`, the only one whose lower case is two characters, becomes the `i` that it begins
/// with; the sign for kelvin stays itself, as its `k` could end an escape sequence.
fn fold_char(c: char) -> char {
    const KELVIN: char = '\u{212a}';
    match c {
        _ if c.is_ascii() => c.to_ascii_lowercase(),
        KELVIN => c,
        _ => c.to_lowercase().next().unwrap_or(c),
    }
}

const ESC: u8 = 0x1b;

const TOKEN: u8 = 1;
const UPPER: u8 = 2;
const HEX: u8 = 4;
const WIDE: u8 = 8;
const ESCAPE: u8 = 16;

/// What a byte is: a sum of the bits above; 0 separates.
const CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        if b.is_ascii_alphanumeric() || b == b'_' {
            table[byte] |= TOKEN;
        }
        if b.is_ascii_uppercase() {
            table[byte] |= UPPER;
        }
        if b.is_ascii_hexdigit() {
            table[byte] |= HEX;
        }
        if !b.is_ascii() {
            table[byte] |= WIDE;
        }
        byte += 1;
    }
    table[ESC as usize] = ESCAPE;
    table
};

/// The end of the control sequence (ECMA-48: `ESC [`, parameters, a final byte) that begins at
/// `at`; of the escape character alone where it is not one. `i` (media copy) and `I` (tabs) end
/// none here: no log has them, and [`fold_char`] makes an `i` of `İ`.
fn escape_end(bytes: &[u8], at: usize) -> usize {
    if bytes.get(at + 1) != Some(&b'[') {
        return at + 1;
    }
    let rest = &bytes[at + 2..];
    let parameters = rest.iter().take_while(|byte| matches!(byte, 0x30..=0x3f)).count();
    match rest.get(parameters) {
        Some(b'i' | b'I') => at + 1,
        Some(0x40..=0x7e) => at + 3 + parameters,
        _ => at + 1,
    }
}

/// Whether `text` begins with a UUID that ends where a token would end.
fn is_uuid(text: &str) -> bool {
    text.as_bytes().get(8) == Some(&b'-')
        && text.split_at_checked(UUID_BYTES).is_some_and(|(uuid, rest)| {
            begins_uuid(uuid) && !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
        })
}

/// The token in lower case; it is ASCII of at most [`MAX_TOKEN_BYTES`].
fn lower<'b>(token: &str, buffer: &'b mut [u8; MAX_TOKEN_BYTES]) -> &'b str {
    let lower = &mut buffer[..token.len()];
    lower.copy_from_slice(token.as_bytes());
    lower.make_ascii_lowercase();
    std::str::from_utf8(lower).expect("ASCII is UTF-8")
}

/// One token at `at` that has, or may have, characters beyond ASCII; answers where it ends, or
/// where the separator that stands there ends.
fn wide_token<B>(
    text: &str,
    at: usize,
    buffer: &mut [u8; MAX_TOKEN_BYTES],
    f: &mut impl FnMut(&str, Range<usize>) -> ControlFlow<B>,
) -> ControlFlow<B, usize> {
    let (mut start, mut used) = (at, 0);
    let mut end = at;
    for c in text[at..].chars() {
        if !(c.is_alphanumeric() || c == '_') {
            if end == at {
                return ControlFlow::Continue(at + c.len_utf8());
            }
            break;
        }
        let folded = fold_char(c);
        if used + folded.len_utf8() > MAX_TOKEN_BYTES {
            f(filled(buffer, used), start..end)?;
            (start, used) = (end, 0);
        }
        used += folded.encode_utf8(&mut buffer[used..]).len();
        end += c.len_utf8();
    }
    if used > 0 {
        f(filled(buffer, used), start..end)?;
    }
    ControlFlow::Continue(end)
}

fn filled(buffer: &[u8; MAX_TOKEN_BYTES], used: usize) -> &str {
    std::str::from_utf8(&buffer[..used]).expect("filled with whole characters")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(token_list(text), expected, "{text:?}");
    }

    #[test]
    fn text_becomes_lower_cased_words() {
        check("", &[]);
        check(" \t-./=\n", &[]);
        check("GET /api/Users?id=7", &["get", "api", "users", "id", "7"]);
        check("request_id=ab-12", &["request_id", "ab", "12"]);
        check("10.0.0.1:5432", &["10", "0", "0", "1", "5432"]);
        check("a.b_c:d", &["a", "b_c", "d"]);
        check("Größe ÜBER, Привет—МИР", &["größe", "über", "привет", "мир"]);
        check("naïve_É9 日本語。ok", &["naïve_é9", "日本語", "ok"]);
        check("İstanbul", &["istanbul"]);
        check("\u{fffd}bad\u{fffd}", &["bad"]);
    }

    #[test]
    fn a_uuid_is_one_token() {
        let id = "7f3a91c4-2b5d-4e6f-8a90-c1d2e3f4a5b6";
        check(id, &[id]);
        check(&id.to_uppercase(), &[id]);
        check(&format!("needle-{id}/x"), &["needle", id, "x"]);
        check(&format!("{id}-{id}"), &[id, id]);
        check(&format!("{id}—x"), &[id, "x"]);
        check(&format!("{id}x"), &["7f3a91c4", "2b5d", "4e6f", "8a90", "c1d2e3f4a5b6x"]);
        check(&format!("{id}é"), &["7f3a91c4", "2b5d", "4e6f", "8a90", "c1d2e3f4a5b6é"]);
        check(&format!("x{id}"), &["x7f3a91c4", "2b5d", "4e6f", "8a90", "c1d2e3f4a5b6"]);
        check(&id[..35], &["7f3a91c4", "2b5d", "4e6f", "8a90", "c1d2e3f4a5b"]);
        check("7f3a91c4-2b5d-4e6f-8a90.c1d2e3f4a5b6", &["7f3a91c4", "2b5d", "4e6f", "8a90", "c1d2e3f4a5b6"]);
    }

    #[test]
    fn escape_sequences_separate() {
        check("\u{1b}[32mINFO\u{1b}[0m:ok", &["info", "ok"]);
        check("a\u{1b}[1;38:5:9mb\u{1b}[2Kc", &["a", "b", "c"]);
        check("a\u{1b}[mb", &["a", "b"]);
        check("a\u{1b}x", &["a", "x"]);
        check("a\u{1b}[31", &["a", "31"]);
        check("\u{1b}", &[]);
    }

    #[test]
    fn escape_sequences_are_not_shown() {
        for (text, expected) in [
            ("", ""),
            ("a\u{1b}[1;31mé\u{1b}[0m", "aé"),
            ("\u{1b}\u{1b}[m[x", "[x"),
            ("a\u{1b}[", "a["),
            ("a\u{1b}", "a"),
        ] {
            assert_eq!(without_escapes(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_long_token_is_cut_at_characters() {
        check(&"A".repeat(64), &[&"a".repeat(64)]);
        check(&format!("{} y", "x".repeat(130)), &[&"x".repeat(64), &"x".repeat(64), "xx", "y"]);
        check(&format!("a{}", "é".repeat(32)), &[&format!("a{}", "é".repeat(31)), "é"]);
        // A UUID after sixty-four bytes of the same token is none.
        let id = "7f3a91c4-2b5d-4e6f-8a90-c1d2e3f4a5b6";
        assert_eq!(token_list(&format!("{}{id}", "x".repeat(64)))[1], "7f3a91c4");
    }

    #[test]
    fn folding_keeps_every_character_on_its_side() {
        for c in '\0'..=char::MAX {
            let folded = fold_char(c);
            assert_eq!(c.is_alphanumeric(), folded.is_alphanumeric(), "{c:?}");
            assert_eq!(fold_char(folded), folded, "{c:?}");
            // Else it could become part of a UUID or end an escape sequence.
            assert!(c.is_ascii() || !folded.is_ascii() || folded == 'i', "{c:?}");
        }
    }

    #[test]
    fn the_beginning_of_a_uuid() {
        for (text, expected) in [
            ("7", true),
            ("7f3a91c4", true),
            ("7f3a91c4-", true),
            ("7f3a91c4-2b5d-4e6f-8a90-c1d2e3f4a5b6", true),
            ("7f3a91c4-2b5d-4e6f-8a90-c1d2e3f4a5b6a", false),
            ("7f3a91c4x", false),
            ("7f3a-", false),
            ("", false),
        ] {
            assert_eq!(begins_uuid(text), expected, "{text}");
        }
    }

    #[test]
    fn a_part_stands_in_a_text_between_separators() {
        for (part, text, expected) in [
            ("500", "status=500", true),
            ("500", "x5001 500 ", true),
            ("500", "x5001", false),
            ("é", "é", true),
            ("a", "éa", false),
            ("12", "ab-12", false),
            ("a b", "\"a b\"", true),
            ("31", "\u{1b}[31;1mx", false),
        ] {
            assert_eq!(stands_in(part, text), expected, "{part:?} in {text:?}");
        }
    }

    /// Texts made of what the tokenizer decides by.
    fn text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => "[a-fA-F0-9]{1,12}",
            2 => Just("-".to_owned()),
            2 => "[ ./:=_\\[m;]",
            1 => Just("\u{1b}[".to_owned()),
            1 => "\\PC{0,4}",
            1 => "[a-zA-ZéßİKǅ]{60,70}",
            1 => "[0-9a-fA-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        ];
        proptest::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
    }

    /// The tokenizer again, slow and by the definition.
    fn model(text: &str) -> Vec<String> {
        let escape = regex::Regex::new("\u{1b}\\[[0-?]*[@-HJ-hj-~]").unwrap();
        let uuid = regex::Regex::new("^(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$").unwrap();
        let is_token = |c: &char| c.is_alphanumeric() || *c == '_';
        let text: Vec<char> = escape.replace_all(text, " ").chars().collect();
        let (mut list, mut at) = (Vec::new(), 0);
        while at < text.len() {
            let window: String = text[at..].iter().take(UUID_BYTES).collect();
            let ends = |at: usize| !text.get(at).is_some_and(is_token);
            if uuid.is_match(&window) && ends(at + UUID_BYTES) {
                list.push(window.to_lowercase());
                at += UUID_BYTES;
                continue;
            }
            let mut token = String::new();
            while let Some(c) = text.get(at).filter(|c| is_token(c)) {
                let folded = fold_char(*c);
                if token.len() + folded.len_utf8() > MAX_TOKEN_BYTES {
                    list.push(std::mem::take(&mut token));
                }
                token.push(folded);
                at += 1;
            }
            if token.is_empty() {
                at += 1;
            } else {
                list.push(token);
            }
        }
        list
    }

    proptest! {
        #[test]
        fn the_tokens_are_those_of_the_definition(text in text()) {
            prop_assert_eq!(token_list(&text), model(&text));
        }

        #[test]
        fn a_range_is_where_its_token_stands(text in text()) {
            let mut last = 0;
            tokens(&text, |token, range| {
                assert!(last <= range.start && range.start < range.end);
                assert!(token.len() <= MAX_TOKEN_BYTES);
                assert_eq!(fold(&text[range.clone()]), token);
                last = range.end;
            });
        }

        #[test]
        fn equal_but_for_case_means_equal_tokens(text in text()) {
            let folded = fold(&text).into_owned();
            prop_assert!(eq_fold(&text, &folded));
            prop_assert!(starts_with_fold(&text, &folded));
            prop_assert_eq!(token_list(&text), token_list(&folded));
        }

        #[test]
        fn a_part_that_stands_in_a_text_has_no_other_tokens(before in text(), part in text(), after in text()) {
            let whole = format!("{before}{part}{after}");
            if stands_in(&part, &whole) {
                let tokens = token_list(&whole);
                for token in token_list(&part) {
                    prop_assert!(tokens.contains(&token), "{} of {:?} in {:?}", token, part, whole);
                }
            }
        }
    }
}
