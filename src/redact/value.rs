//! Where a value ends in each form that it is written in, and whether it can be a secret.

use super::MASK;
use super::scan::Scan;

/// Characters of passwords that language does not have inside its words.
const SPECIAL: &[u8] = b"!#$%^*&~";

/// Past this a word of free text is judged by its beginning.
const MAX_SHAPE_BYTES: usize = 64;

/// A quote and the backslashes before it: none, one in a string, three in a string in a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quote {
    pub byte: u8,
    pub slashes: usize,
}

/// How sure a free text must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// After a colon behind a password's name: people's own are short.
    Password,
    /// After a colon.
    Colon,
    /// After a space only.
    Space,
}

impl Quote {
    /// The bytes of the quote with its backslashes.
    pub(super) fn len(self) -> usize {
        self.slashes + 1
    }

    /// The quote as it is written.
    pub(super) fn text(self) -> &'static str {
        match (self.byte, self.slashes) {
            (b'"', 0) => "\"",
            (b'"', 1) => "\\\"",
            (b'"', 3) => "\\\\\\\"",
            _ => "",
        }
    }
}

impl Scan<'_> {
    /// The quote at `at`.
    pub(super) fn quote(&self, at: usize) -> Option<Quote> {
        let slashes = self.bytes.get(at..)?.iter().take(8).take_while(|byte| **byte == b'\\').count();
        let byte = self.byte(at + slashes);
        (matches!(byte, b'"' | b'\'') && matches!(slashes, 0 | 1 | 3 | 7)).then_some(Quote { byte, slashes })
    }

    /// The double quote that ends at `end`, spaces aside. Backslashes beyond those of its level
    /// belong to what it closes.
    pub(super) fn quote_before(&self, end: usize) -> Option<Quote> {
        let bytes = self.bytes[..end].trim_ascii_end();
        let (byte, bytes) = bytes.split_last()?;
        let count = bytes.iter().rev().take_while(|byte| **byte == b'\\').count();
        let slashes = [0, 1, 3].into_iter().find(|slashes| count % (2 * (slashes + 1)) == *slashes)?;
        (*byte == b'"').then_some(Quote { byte: *byte, slashes })
    }

    /// The end of what a quote opened right before `at`, without the closing quote: the end of
    /// the enclosing string or the line where none closes it.
    pub(super) fn quoted_end(&self, at: usize, quote: Quote) -> usize {
        let mut end = at;
        while end < self.bytes.len() {
            match self.bytes[end] {
                b'\n' | b'\r' => return end,
                b'\\' => {
                    let slashes = self.bytes[end..].iter().take_while(|byte| **byte == b'\\').count();
                    let byte = self.byte(end + slashes);
                    if byte == quote.byte || byte == b'"' && self.json {
                        // Levels of strings: after an odd number (at no slashes) an inner quote.
                        let rest = slashes % (2 * quote.len());
                        if byte == quote.byte && rest == quote.slashes {
                            return end + slashes - quote.slashes;
                        }
                        if rest != 2 * quote.slashes + 1 && (byte == b'"' || quote.slashes > 0) {
                            return end;
                        }
                        end += slashes + 1;
                    } else {
                        end += slashes;
                    }
                }
                byte if byte == quote.byte => {
                    // SQL doubles a quote inside a text.
                    let doubled = byte == b'\'' && end > at && quote.slashes == 0 && self.byte(end + 1) == b'\'';
                    if doubled && self.byte(end + 2).is_ascii_alphanumeric() {
                        end += 2;
                        continue;
                    }
                    return end;
                }
                b'"' if self.json || quote.slashes > 0 => return end,
                _ => end += 1,
            }
        }
        self.bytes.len()
    }

    /// The byte that stands at `at`, escapes resolved, and how many bytes write it.
    pub(super) fn unit(&self, at: usize) -> (u8, usize) {
        if self.byte(at) != b'\\' {
            return (self.byte(at), 1);
        }
        let slashes = self.bytes[at..].iter().take_while(|byte| **byte == b'\\').count();
        match self.byte(at + slashes) {
            b'n' => (b'\n', slashes + 1),
            b'r' => (b'\r', slashes + 1),
            b't' => (b'\t', slashes + 1),
            b'u' => match self.hex(at + slashes + 1, 4) {
                Some(code) => (u8::try_from(code).unwrap_or(b'a'), slashes + 5),
                None => (b'\\', slashes),
            },
            byte @ (b'"' | b'\'' | b'/') => (byte, slashes + 1),
            b'b' | b'f' => (b'\\', slashes + 1),
            _ => (b'\\', slashes),
        }
    }

    fn hex(&self, at: usize, digits: usize) -> Option<u32> {
        let text = self.bytes.get(at..at + digits)?;
        text.iter().try_fold(0, |code, byte| Some(code * 16 + char::from(*byte).to_digit(16)?))
    }

    /// The end of a value without quotes: at a space, a quote, or what separates it from the next.
    pub(super) fn word_end(&self, at: usize) -> usize {
        self.word_end_before(at, self.bytes.len())
    }

    /// The end of a word of free text that looks like a secret. Its beginning decides, so that a
    /// megabyte of `token:token:` is not read to its end again and again.
    pub(super) fn shaped_end(&self, start: usize, shape: Shape) -> Option<usize> {
        // What is nothing but small letters this far is no secret.
        const MAX_PLAIN_BYTES: usize = 24;
        let stands_out = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase() || SPECIAL.contains(byte);
        let head = self.bytes.get(start..)?.iter().take(MAX_PLAIN_BYTES);
        if !head.take_while(|byte| **byte > b' ').any(stands_out) {
            return None;
        }
        let head_end = start + MAX_SHAPE_BYTES;
        let end = self.word_end_before(start, head_end.min(self.bytes.len()));
        let value = self.bytes.get(start..end)?;
        // A short one is the last word: `password: user12 locked` is a sentence.
        let goes_on =
            self.bytes.get(end..).is_some_and(|rest| matches!(rest, [b' ', next, ..] if next.is_ascii_alphanumeric()));
        let shape = if shape == Shape::Password && goes_on { Shape::Colon } else { shape };
        let fits = has_shape(value, shape);
        fits.then(|| if end < head_end { end } else { self.word_end(end) })
    }

    fn word_end_before(&self, at: usize, limit: usize) -> usize {
        let mut end = at;
        while end < limit {
            let (byte, len) = self.unit(end);
            let stop = match byte {
                0..=b' ' | 0x7f | b'"' | b'\'' | b'`' | b'&' | b'<' | b'>' => true,
                b',' | b';' => self.next_item(end + len),
                b'[' => self.bytes[end..].starts_with(MASK.as_bytes()),
                b')' | b']' | b'}' => !self.byte(end + len).is_ascii_alphanumeric(),
                b'%' => self.at_fold(end, "%26") || self.at_fold(end, "%22") || self.at_fold(end, "%20"),
                _ => false,
            };
            if stop {
                break;
            }
            end += len;
        }
        end.min(self.bytes.len())
    }

    /// Whether what follows a `,` or `;` is another item, and not the rest of a password.
    fn next_item(&self, at: usize) -> bool {
        let (first, _) = self.unit(at);
        if at >= self.bytes.len()
            || matches!(first, 0..=b' ' | b'"' | b'\'' | b',' | b';' | b')' | b']' | b'}' | b'{' | b'[')
        {
            return true;
        }
        let name = self.bytes[at..].iter().take(32).take_while(|byte| is_key_byte(**byte)).count();
        name > 0 && matches!(self.unit(at + name).0, b'=' | b':')
    }
}

/// Whether a byte can be in a key.
pub(super) fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// Whether a value clearly holds no secret: nothing, a placeholder, or a mask of someone else's.
pub(super) fn is_none(value: &[u8]) -> bool {
    const NONE: [&str; 18] = [
        "null",
        "nil",
        "none",
        "true",
        "false",
        "undefined",
        "unset",
        "empty",
        "n/a",
        "nan",
        "filtered",
        "redacted",
        "masked",
        "hidden",
        "protected",
        "removed",
        "sensitive",
        "%5bfiltered%5d",
    ];
    // A longer placeholder is none that anyone prints.
    const MAX_BYTES: usize = 256;
    const MAX_NONE_BYTES: usize = 14;
    if value.starts_with(MASK.as_bytes()) || value.is_empty() {
        return true;
    }
    if value.len() > MAX_BYTES {
        return false;
    }
    let is_edge =
        |byte: &u8| matches!(byte, b'[' | b']' | b'(' | b')' | b'{' | b'}' | b'<' | b'>' | b'\\' | b' ' | b',');
    let from = value.iter().position(|byte| !is_edge(byte)).unwrap_or(value.len());
    let to = value.iter().rposition(|byte| !is_edge(byte)).map_or(from, |last| last + 1);
    let inner = &value[from..to];
    if inner.len() > 2
        && inner.len() <= MAX_NONE_BYTES
        && NONE.iter().any(|none| inner.eq_ignore_ascii_case(none.as_bytes()))
    {
        return true;
    }
    let text = str::from_utf8(inner).unwrap_or("x");
    let template = |open: &str| {
        let name = text.strip_prefix(open).unwrap_or_default();
        !name.is_empty() && name.bytes().all(|byte| is_key_byte(byte) || matches!(byte, b' ' | b':'))
    };
    let placeholder = value.starts_with(b"<") && value.ends_with(b">");
    let parameter =
        text.strip_prefix('$').is_some_and(|rest| rest.len() <= 2 && rest.bytes().all(|b| b.is_ascii_digit()));
    text.chars().all(|c| matches!(c, '*' | '•' | '.' | '-' | '?' | '●' | '#'))
        || text.len() > 2 && text.bytes().all(|byte| matches!(byte, b'x' | b'X'))
        || text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_punctuation())
        || placeholder && inner.iter().all(|byte| is_key_byte(*byte) || *byte == b' ')
        || parameter
        || matches!(text, "%s" | "%v" | "%q")
        || template("${")
}

/// Whether a value is a count, such as `512`, `4.5k` or `512/4096`.
pub(super) fn is_count(value: &[u8]) -> bool {
    let fits =
        |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'/' | b'k' | b'K' | b'm' | b'M' | b'%' | b'-');
    value.first().is_some_and(u8::is_ascii_digit) && value.len() <= 12 && value.iter().all(fits)
}

/// Whether a word of free text looks like a secret and not like language: 8 characters or more
/// of mixed classes, 6 where it is called a password.
pub(super) fn has_shape(value: &[u8], shape: Shape) -> bool {
    // What keeps a password is not one.
    const METHODS: [&str; 8] = ["sha", "md5", "argon2", "base64", "pbkdf2", "oauth2", "bcrypt2", "scram-sha"];
    let end =
        value.iter().rposition(|byte| !matches!(byte, b'.' | b',' | b';' | b':' | b'!' | b'?' | b')' | b']' | b'}'));
    let value = &value[..end.map_or(0, |last| last + 1)];
    let head = &value[..value.len().min(MAX_SHAPE_BYTES)];
    let is_method =
        || METHODS.iter().any(|name| head.get(..name.len()).is_some_and(|h| h.eq_ignore_ascii_case(name.as_bytes())));
    let is_version =
        || matches!(head, [b'v' | b'V', b'0'..=b'9', ..]) && head[1..].iter().all(|b| b.is_ascii_digit() || *b == b'.');
    let enough = if shape == Shape::Password && !is_method() && !is_version() { 6 } else { 8 };
    if value.len() < enough || head.starts_with(b"/") || memchr::memmem::find(head, b"://").is_some() {
        return false;
    }
    if memchr::memmem::find(value, MASK.as_bytes()).is_some() || is_none(value) {
        return false;
    }
    let (mut lower, mut upper, mut digit, mut special, mut changes) = (0, 0, 0, 0, 0);
    let mut last = 0_u8;
    for byte in head {
        match byte {
            b'a'..=b'z' => lower += 1,
            b'A'..=b'Z' => upper += 1,
            b'0'..=b'9' => digit += 1,
            _ => special += usize::from(SPECIAL.contains(byte)),
        }
        changes += usize::from(last.is_ascii_alphabetic() && byte.is_ascii_uppercase() != last.is_ascii_uppercase());
        last = *byte;
    }
    let letters = lower + upper;
    let is_time = lower == 0 && upper <= 2 && digit >= 8 && head.contains(&b'T') && head.contains(&b':');
    if is_time || letters == 0 && special == 0 {
        return false;
    }
    // `InvalidToken` changes case twice a word; what a machine drew, far more often.
    let drawn = digit == 0 && upper >= 2 && lower >= 2 && changes * 3 >= head.len();
    match shape {
        Shape::Colon | Shape::Password => digit > 0 || special > 0 || drawn,
        Shape::Space => !is_identifier(head) && (digit > 0 && letters > 0 || drawn && head.len() >= 16),
    }
}

/// Whether a text is words joined by dashes and the like, with short numbers: `web-token-2`.
fn is_identifier(text: &[u8]) -> bool {
    let is_word = |part: &[u8]| {
        let short = part.len() <= 5 && part.iter().all(u8::is_ascii_alphanumeric);
        let hex = part.starts_with(b"0x");
        short || hex || part.iter().all(u8::is_ascii_lowercase) || part.iter().all(u8::is_ascii_digit)
    };
    text.split(|byte| matches!(byte, b'-' | b'_' | b'.' | b'/' | b':' | b'=')).all(is_word)
}
