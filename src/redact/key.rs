//! Values of keys that are named password, secret, token or api_key, in every form that a key
//! and its value are written in.

use super::MASK;
use super::hint::{Hint, Hit};
use super::scan::Scan;
use super::token;
use super::value::{Quote, Shape, is_count, is_key_byte, is_none};

/// The longest key that is looked at, back from the word in it.
const MAX_KEY_BYTES: usize = 64;

/// A key and the word in it that says what its value is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// Where the key begins; at a hyphen for a flag.
    pub start: usize,
    pub end: usize,
    pub kind: &'static str,
    /// `tokens`: a count is no secret.
    pub plural: bool,
    /// `pass` alone, which is also what a test does.
    pub bare_pass: bool,
}

/// What stands after a key and before its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Separator {
    /// `=`, `=>`, `:=`, `\u003d`, `%3D`.
    Equals,
    Colon,
}

/// The way from a key to its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    /// The quote after the key.
    pub key_quote: Option<Quote>,
    /// Where the key and its quote end.
    pub key_end: usize,
    /// The separator, and where the value begins, spaces skipped.
    pub value: Option<(Separator, usize)>,
}

/// A value in its quotes or without.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    Quoted(usize, usize),
    /// The first byte of a list of quoted values.
    List(usize),
    Bare(usize),
}

/// Looks for a key around a hint and masks its value; the answer is where to go on.
pub(super) fn check(scan: &mut Scan<'_>, hit: Hit) -> usize {
    if hit.hint == Hint::Identified {
        let at = scan.skip_spaces(hit.end);
        let key = Key { start: hit.start, end: hit.end, kind: "password", plural: false, bare_pass: false };
        return if scan.byte(at) == b'\'' { quoted_word(scan, at, key).unwrap_or(hit.end) } else { hit.end };
    }
    let Some(key) = find(scan, hit) else { return hit.end };
    mask_value(scan, key).unwrap_or(hit.end)
}

/// The key that a hint is in, when the key ends with the word.
fn find(scan: &Scan<'_>, hit: Hit) -> Option<Key> {
    let (word, mut end, kind) = match hit.hint {
        Hint::Pass => {
            let rest = ["word", "wd", "phrase", "code"].iter().find(|rest| scan.at_fold(hit.end, rest));
            (hit.start, hit.end + rest.map_or(0, |rest| rest.len()), "password")
        }
        Hint::Pwd => (hit.start, hit.end, "password"),
        Hint::Secret => (before(scan, hit, b's')?, hit.end, "secret"),
        Hint::Token => (before(scan, hit, b't')?, hit.end, "token"),
        Hint::ApiKey => {
            let start = before(scan, hit, b'a')?;
            let rest = ["_key", "-key", " key", "key"].iter().find(|rest| scan.at_fold(hit.start + 2, rest))?;
            (start, hit.start + 2 + rest.len(), "api-key")
        }
        _ => return None,
    };
    let (core, bare_pass) = (end - word, end - word == 4);
    let plural = matches!(scan.byte(end), b's' | b'S') && !bare_pass;
    end += usize::from(plural);
    end = suffix_end(scan, end, kind);
    let next = scan.byte(end);
    let goes_on = next.is_ascii_alphanumeric()
        || next == b'_'
        || next >= 0x80
        || matches!(next, b'-' | b'.') && scan.byte(end + 1).is_ascii_alphanumeric();
    if goes_on {
        return None;
    }
    let mut start = word;
    while start > scan.floor && word - start < MAX_KEY_BYTES && is_key_byte(scan.bytes[start - 1]) {
        start -= 1;
    }
    start += escape_tail(scan, start, word);
    // `pass` and `pwd` end many other words, and stand by chance in base64.
    let previous = if word > start { scan.before(word) } else { 0 };
    let camel = previous.is_ascii_lowercase() && scan.bytes[word].is_ascii_uppercase();
    if core <= 4 && !camel && previous.is_ascii_alphanumeric() || scan.bytes[..start].ends_with(MASK.as_bytes()) {
        return None;
    }
    Some(Key { start, end, kind, plural, bare_pass })
}

/// Where the word begins whose first letter stands before a hint.
fn before(scan: &Scan<'_>, hit: Hit, letter: u8) -> Option<usize> {
    (scan.before(hit.start).eq_ignore_ascii_case(&letter)).then(|| hit.start - 1)
}

/// How many of the first bytes of a key belong to an escape: the `n` of `\npassword`.
pub(super) fn escape_tail(scan: &Scan<'_>, start: usize, word: usize) -> usize {
    let (first, before) = (scan.bytes[start], scan.before(start));
    let hex = |count: usize| scan.bytes[start + 1..].iter().take(count).all(u8::is_ascii_hexdigit);
    let tail = match (before, first) {
        (b'\\', b'u') if hex(4) => 5,
        (b'\\', b'n' | b'r' | b't') => 1,
        (b'%', _) if scan.bytes[start..].iter().take(2).all(u8::is_ascii_hexdigit) => 2,
        _ => 0,
    };
    tail.min(word - start)
}

/// The end of what may follow the word in a key: `secret_access_key`, `password_confirmation`.
fn suffix_end(scan: &Scan<'_>, end: usize, kind: &str) -> usize {
    const SECRET: [&str; 6] = ["_access_key", "-access-key", "accesskey", "_key", "-key", "key"];
    const ANY: [&str; 8] =
        ["_confirmation", "confirmation", "_confirm", "confirm", "_again", "_repeat", "_value", "value"];
    if !(scan.byte(end).is_ascii_alphanumeric() || matches!(scan.byte(end), b'_' | b'-')) {
        return end;
    }
    if kind == "secret"
        && let Some(suffix) = SECRET.iter().find(|suffix| scan.at_fold(end, suffix))
    {
        return end + suffix.len();
    }
    if let Some(suffix) = ANY.iter().find(|suffix| scan.at_fold(end, suffix)) {
        return end + suffix.len();
    }
    let digits = scan.bytes[end..].iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
    if digits < 3 { end + digits } else { end }
}

/// The way to the value of the key that ends at `end`.
pub(super) fn link(scan: &Scan<'_>, end: usize) -> Link {
    let mut at = end;
    // `user[password]=…` of a form.
    if scan.byte(at) == b']' && (scan.byte(at + 1) == b'=' || scan.at_fold(at + 1, "%3d")) {
        at += 1;
    } else if scan.at_fold(at, "%5d") {
        at += 3;
    }
    let key_quote = scan.quote(at);
    at += key_quote.map_or(0, Quote::len);
    let key_end = at;
    let (first, len) = scan.unit(at);
    if len > 1 && matches!(first, b'=' | b':') {
        return Link { key_quote, key_end, value: Some((Separator::Equals, at + len)) };
    }
    if scan.at_fold(at, "%3d") {
        return Link { key_quote, key_end, value: Some((Separator::Equals, at + 3)) };
    }
    let at = scan.skip_spaces(at);
    let next = scan.byte(at + 1);
    let value = match scan.byte(at) {
        // Of Ruby and PHP; an arrow between words is prose.
        b'=' if next == b'>' && (key_quote.is_some() || at == key_end) => Some((Separator::Equals, at + 2)),
        b'=' if next == b'>' => Some((Separator::Colon, at + 2)),
        b'=' if next != b'=' && next != b'~' => Some((Separator::Equals, at + 1)),
        b':' if next == b'=' => Some((Separator::Equals, at + 2)),
        b':' if next != b':' && !(next == b'/' && scan.byte(at + 2) == b'/') => Some((Separator::Colon, at + 1)),
        _ => None,
    };
    let value = value.map(|(separator, at)| (separator, scan.skip_spaces(at)));
    Link { key_quote, key_end, value }
}

/// The value at `at`, after a separator.
pub(super) fn value(scan: &Scan<'_>, link: Link, mut at: usize) -> Value {
    let opens = |at: usize| -> Option<Quote> {
        let quote = scan.quote(at)?;
        let needed = link.key_quote.filter(|key| key.byte == quote.byte).map_or(0, |key| key.slashes);
        // In a string of JSON a quote without a backslash closes that string.
        let closes = quote.byte == b'"' && (quote.slashes < needed || scan.json && quote.slashes == 0);
        let is_key = link.key_quote.is_some_and(|key| key == quote);
        if closes && !is_key {
            return None;
        }
        let next = scan.byte(at + quote.len());
        let empty = matches!(next, 0..=b' ' | b',' | b'}' | b')' | b']' | b';' | b':');
        // After a value like `"a": "` only a closing quote makes the empty value.
        (is_key || !empty || scan.quoted_end(at + quote.len(), quote) == at + quote.len()).then_some(quote)
    };
    if scan.byte(at) == b'[' {
        let first = scan.skip_spaces(at + 1);
        if opens(first).is_some() {
            return Value::List(first);
        }
    }
    // `Some("…")` of Rust's Debug, `b'…'` of Python.
    if scan.byte(at).is_ascii_alphabetic() {
        let name = scan.bytes[at..].iter().take(24).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let prefix = name == 1 && matches!(scan.byte(at), b'b' | b'u' | b'r');
        let inner = at + name + usize::from(scan.byte(at + name) == b'(');
        if (prefix || inner > at + name) && opens(inner).is_some() {
            at = inner;
        }
    }
    match opens(at) {
        Some(quote) => Value::Quoted(at + quote.len(), scan.quoted_end(at + quote.len(), quote)),
        None => Value::Bare(at),
    }
}

/// Whether a JSON value without quotes stands at `start`: no header's value is one.
pub(super) fn is_bare_json(scan: &Scan<'_>, link: Link, start: usize) -> bool {
    let is_json = scan.byte(start).is_ascii_digit() || matches!(scan.byte(start), b'-' | b'{' | b'[');
    link.key_quote.is_some_and(|quote| quote.byte == b'"') && is_json
}

/// Calls `f` with each quoted value of a list whose first quote is at `at`; the answer is the end.
pub(super) fn each_in_list(
    scan: &mut Scan<'_>,
    mut at: usize,
    mut f: impl FnMut(&mut Scan<'_>, usize, usize),
) -> usize {
    let Some(first) = scan.quote(at) else { return at };
    while scan.quote(at) == Some(first) {
        let start = at + first.len();
        let end = scan.quoted_end(start, first);
        f(scan, start, end);
        at = end;
        if scan.quote(at) != Some(first) {
            break;
        }
        at = scan.skip_spaces(at + first.len());
        if scan.byte(at) != b',' {
            break;
        }
        at = scan.skip_spaces(at + 1);
    }
    at
}

/// PostgreSQL's `Key (user_id, token)=(7, abc) already exists`: the values of all columns, since a value may
/// have commas.
fn of_row(scan: &mut Scan<'_>, key: Key) -> Option<usize> {
    const MAX_NAMES_BYTES: usize = 256;
    const MAX_VALUES_BYTES: usize = 4096;
    if !matches!(scan.byte(key.end), b')' | b',' | b'"') {
        return None;
    }
    // It is the engine's sentence, and no call of a function.
    let before = &scan.bytes[key.start.saturating_sub(MAX_NAMES_BYTES).max(scan.floor)..key.start];
    let open = memchr::memrchr(b'(', before)?;
    if !before[..open].ends_with(b"Key ") || memchr::memchr(b')', &before[open..]).is_some() {
        return None;
    }
    let rest = &scan.bytes[key.end..];
    let close = rest.iter().take(MAX_NAMES_BYTES).position(|byte| *byte == b')')?;
    let is_name = |byte: &u8| is_key_byte(*byte) || matches!(byte, b' ' | b',' | b'"');
    if !rest[..close].iter().all(is_name) || !rest[close..].starts_with(b")=(") {
        return None;
    }
    let start = key.end + close + b")=(".len();
    let values = &scan.bytes[start..];
    let mut ends = memchr::memchr_iter(b')', &values[..values.len().min(MAX_VALUES_BYTES)]);
    let end = start + ends.find(|end| !values.get(end + 1).is_some_and(u8::is_ascii_alphanumeric))?;
    structural(scan, key, start, end)
}

fn mask_value(scan: &mut Scan<'_>, key: Key) -> Option<usize> {
    if let Some(end) = of_row(scan, key) {
        return Some(end);
    }
    let mut link = link(scan, key.end);
    let is_flag = scan.byte(key.start) == b'-';
    // `DB_PASSWORD: x` is a setting, and no sentence.
    let name = &scan.bytes[key.start..key.end];
    let is_setting = name.contains(&b'_')
        && name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_');
    if is_setting && link.key_quote.is_none() {
        link.value = link.value.map(|(_, at)| (Separator::Equals, at));
    }
    let Some((separator, at)) = link.value else {
        return match link.key_quote {
            // The arguments of a command as a list: `"--password", "x"`.
            Some(quote) if is_flag && scan.byte(link.key_end) == b',' => {
                let at = scan.skip_spaces(link.key_end + 1);
                (scan.quote(at) == Some(quote)).then(|| quoted_word(scan, at, key)).flatten()
            }
            Some(_) => None,
            None => without_separator(scan, key, is_flag),
        };
    };
    match value(scan, link, at) {
        Value::Quoted(start, end) => structural(scan, key, start, end),
        Value::List(first) => {
            let count = scan.spans.len();
            let end = each_in_list(scan, first, |scan, start, end| {
                structural(scan, key, start, end);
            });
            (scan.spans.len() > count).then_some(end)
        }
        Value::Bare(start) => bare(scan, key, link, separator, start),
    }
}

/// A value without quotes.
fn bare(scan: &mut Scan<'_>, key: Key, link: Link, separator: Separator, start: usize) -> Option<usize> {
    if let (Some(quote), Separator::Colon) = (link.key_quote, separator) {
        let ends = |byte: &u8| matches!(byte, 0..=b' ' | b',' | b'}' | b']' | b'"' | b'\\');
        if matches!(scan.byte(start), b'[' | b'{') {
            return None;
        }
        let rest = &scan.bytes[start..];
        let end = start + rest.iter().position(ends).unwrap_or(rest.len());
        let number = scan.bytes[start..end].iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
        let masked = structural(scan, key, start, end)?;
        if number && let Some(span) = scan.spans.last_mut() {
            span.wrap = quote.text();
        }
        return Some(masked);
    }
    if separator == Separator::Equals {
        let end = scan.word_end(start);
        // The shell's working directory.
        if scan.byte(start) == b'/' && scan.at_fold(key.end.saturating_sub(3), "pwd") {
            return None;
        }
        return structural(scan, key, start, end);
    }
    if key.bare_pass || after_unexpected(scan, key.start) {
        return None;
    }
    shaped(scan, key, start, if key.kind == "password" { Shape::Password } else { Shape::Colon })
}

/// What follows a key with only a space between: a flag's value, SQL's, XML's, or free text.
fn without_separator(scan: &mut Scan<'_>, key: Key, is_flag: bool) -> Option<usize> {
    if scan.byte(key.end) == b'>' && scan.before(key.start) == b'<' {
        let start = key.end + 1;
        let rest = &scan.bytes[start..];
        let end = start + memchr::memchr3(b'<', b'"', b'\n', rest)?;
        return (scan.bytes[end..].starts_with(b"</")).then(|| structural(scan, key, start, end)).flatten();
    }
    let mut at = scan.skip_spaces(key.end);
    if at == key.end {
        return None;
    }
    if let Some(quote) = scan.quote(at) {
        let sql = key.kind == "password" && quote.byte == b'\'';
        if sql && !key.bare_pass || is_flag && quote.byte == b'\'' || is_flag && !scan.json {
            return quoted_word(scan, at, key);
        }
        if scan.json && quote.byte == b'"' && quote.slashes == 0 {
            return None;
        }
        at += quote.len();
    } else if is_flag && scan.byte(at) != b'-' {
        let end = scan.word_end(at);
        return if is_prose(&scan.bytes[at..end]) { None } else { structural(scan, key, at, end) };
    }
    if key.bare_pass || after_unexpected(scan, key.start) {
        return None;
    }
    let mut shape = Shape::Space;
    if let Some(verb) = ["is ", "was ", "is: "].iter().find(|verb| scan.at_fold(at, verb)) {
        at = scan.skip_spaces(at + verb.len());
        shape = if key.kind == "password" { Shape::Password } else { Shape::Colon };
    }
    shaped(scan, key, at, shape)
}

/// Whether a sentence goes on behind a flag that it names: `neither --secret nor --token is set`.
fn is_prose(word: &[u8]) -> bool {
    const WORDS: [&str; 20] = [
        "and", "or", "nor", "not", "is", "are", "was", "to", "for", "with", "from", "in", "the", "must", "should",
        "can", "cannot", "option", "flag", "instead",
    ];
    WORDS.iter().any(|known| word == known.as_bytes())
}

/// Masks the value whose quote is at `at`.
fn quoted_word(scan: &mut Scan<'_>, at: usize, key: Key) -> Option<usize> {
    let quote = scan.quote(at)?;
    let start = at + quote.len();
    let end = scan.quoted_end(start, quote);
    structural(scan, key, start, end)
}

/// Masks a value that has the form of one, unless it is clearly none.
fn structural(scan: &mut Scan<'_>, key: Key, start: usize, end: usize) -> Option<usize> {
    let value = scan.bytes.get(start..end)?;
    let count = key.plural && is_count(value) || key.bare_pass && value.len() < 6 && is_count(value);
    if count || is_none(value) {
        return None;
    }
    let kind = token::kind_of(value).unwrap_or(key.kind);
    Some(scan.mask(start, end, kind))
}

/// Masks a word of free text that looks like a secret.
fn shaped(scan: &mut Scan<'_>, key: Key, start: usize, shape: Shape) -> Option<usize> {
    let end = scan.shaped_end(start, shape)?;
    structural(scan, key, start, end)
}

/// Whether a parser speaks: `Unexpected token …`.
fn after_unexpected(scan: &Scan<'_>, start: usize) -> bool {
    const WORD: &[u8] = b"unexpected ";
    let word = start.checked_sub(WORD.len()).and_then(|from| scan.bytes.get(from..start));
    word.is_some_and(|word| word.eq_ignore_ascii_case(WORD))
}
