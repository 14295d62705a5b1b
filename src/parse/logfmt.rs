//! `key=value key="some words"`: the pairs of a line, and lines that are nothing else.

use super::draft::Draft;
use super::scan::quoted;
use crate::record::FieldValue;

/// A line that begins with a pair and has more of them than of anything else.
pub(super) fn line(draft: &mut Draft<'_>) -> Option<()> {
    if !begins_with_pair(draft.head) {
        return None;
    }
    draft.is_structured = true;
    let found = pairs(draft, draft.head);
    let is_telling = |name: &str| draft.fields.so_far().get(name).is_some_and(|value| value != FieldValue::Text(""));
    let has_own = || ["level", "lvl", "msg", "message", "ts", "time", "t", "severity"].into_iter().any(is_telling);
    // One pair may be the beginning of a sentence.
    let is_it = found.pairs >= 2 && found.words <= found.pairs / 2 || found.words == 0 && has_own();
    if is_it && found.words > 0 {
        flags(draft);
    }
    is_it.then_some(())
}

/// Keys without a value are true.
fn flags(draft: &mut Draft<'_>) {
    let mut rest = draft.head;
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c == '"' || c.is_whitespace()).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        if let Some(value) = after.strip_prefix('=') {
            let end = match value.strip_prefix('"') {
                Some(text) => quoted(text).map_or(value.len(), |(content, _)| content.len() + 2),
                None => value_end(value),
            };
            rest = value[end..].trim_start();
        } else {
            if is_key(key) && !after.starts_with('"') {
                draft.fields.set(key, FieldValue::Bool(true));
            }
            let skipped = if end == 0 { after.chars().next().map_or(0, char::len_utf8) } else { end };
            rest = rest[skipped..].trim_start();
        }
    }
}

/// How many of each there were.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    pub pairs: usize,
    pub words: usize,
}

/// The same of pairs whose values are written as Python's `repr` does.
pub(super) fn python_pairs(draft: &mut Draft<'_>, text: &str) -> Found {
    read(draft, text, |word| match word.strip_prefix('\'') {
        Some(rest) => FieldValue::Text(rest.strip_suffix('\'').unwrap_or(rest)),
        None => match word.parse::<f64>() {
            Ok(value) if value.is_finite() && word.contains(['e', 'E']) => FieldValue::Float(value),
            _ => scalar(word),
        },
    })
}

/// Sets each pair of the text as a field of the line's own.
pub(super) fn pairs(draft: &mut Draft<'_>, text: &str) -> Found {
    read(draft, text, scalar)
}

fn read(draft: &mut Draft<'_>, text: &str, value_of: impl Fn(&str) -> FieldValue<'_>) -> Found {
    let mut found = Found::default();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c == '"' || c.is_whitespace()).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        let Some(value) = after.strip_prefix('=').filter(|_| is_key(key)) else {
            found.words += 1;
            let skipped = if end == 0 { after.chars().next().map_or(0, char::len_utf8) } else { end };
            rest = rest[skipped..].trim_start();
            continue;
        };
        found.pairs += 1;
        if let Some(text) = value.strip_prefix('"') {
            let (content, after) = quoted(text).unwrap_or((text, ""));
            if content.contains('\\') {
                draft.fields.set(key, FieldValue::Text(&unescaped(content)));
            } else {
                draft.fields.set(key, FieldValue::Text(content));
            }
            rest = after.trim_start();
            continue;
        }
        let end = value_end(value);
        let (word, after) = value.split_at(end);
        // structlog writes pairs as Python does.
        match word.strip_prefix('\'').and_then(|word| word.strip_suffix('\'')) {
            Some(text) if text.contains("\\'") || text.starts_with("Traceback") => {
                draft.fields.set(key, FieldValue::Text(&unescaped(text)));
            }
            Some(text) => draft.fields.set(key, FieldValue::Text(text)),
            None => draft.fields.set(key, value_of(word)),
        }
        rest = after.trim_start();
    }
    found
}

/// A value ends at white space, unless it is a Python text in single quotes, a list or a mapping.
fn value_end(value: &str) -> usize {
    let space = || {
        let end = value.find(char::is_whitespace).unwrap_or(value.len());
        // tower-http prints a space before the unit: `latency=3 ms`.
        let is_number = end > 0 && value.as_bytes()[..end].iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
        let unit = [" ms", " μs", " ns", " s"].into_iter().find(|unit| {
            is_number && value[end..].strip_prefix(unit).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        });
        end + unit.map_or(0, str::len)
    };
    let close = match value.as_bytes().first() {
        // Where it is never closed, it is all the rest.
        Some(b'\'') => {
            let end = single_quoted(&value[1..]).map_or(value.len(), |end| end + 2);
            let is_end = value[end..].chars().next().is_none_or(char::is_whitespace);
            return if is_end { end } else { space() };
        }
        Some(b'[') => ']',
        Some(b'{') => '}',
        _ => return space(),
    };
    // Bounded, else a line of openings alone would be read once for each.
    let near = &value[1..value.floor_char_boundary(4096)];
    let end = near.find(close).map(|at| at + 2);
    end.filter(|end| value[*end..].chars().next().is_none_or(char::is_whitespace)).unwrap_or_else(space)
}

/// Where the quote stands that ends a text of Python's.
fn single_quoted(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'\'', b'\\', text.as_bytes().get(from..)?)?;
        if text.as_bytes()[at] == b'\'' {
            return Some(at);
        }
        // A path of Windows may end with a backslash.
        let behind = text.get(at + 2..).unwrap_or_default();
        let is_end = behind.is_empty() || behind.strip_prefix(' ').is_some_and(begins_with_pair);
        if text.as_bytes().get(at + 1) == Some(&b'\'') && is_end {
            return Some(at + 1);
        }
        from = at + 2;
    }
}

/// The value that a bare word is.
pub(super) fn scalar(word: &str) -> FieldValue<'_> {
    match word.as_bytes().first() {
        Some(b'0'..=b'9' | b'-' | b'+') if word.len() <= 24 => {
            // What is written back in other words, such as a leading zero, stays a text.
            let is_canonical = |text: &str| text == word;
            if let Some(value) = word.parse().ok().filter(|value: &i64| is_canonical(&value.to_string())) {
                return FieldValue::Integer(value);
            }
            let float = word.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
            match word.parse::<f64>() {
                Ok(value) if float && value.is_finite() && word.contains('.') => FieldValue::Float(value),
                _ => FieldValue::Text(word),
            }
        }
        _ => match word {
            "true" => FieldValue::Bool(true),
            "false" => FieldValue::Bool(false),
            _ => FieldValue::Text(word),
        },
    }
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                Some('r') => plain.push('\r'),
                Some(other @ ('"' | '\'' | '\\' | '/')) => plain.push(other),
                Some(other) => plain.extend(['\\', other]),
                None => plain.push('\\'),
            },
            (c, false) => plain.push(c),
        }
    }
    plain
}

fn is_key(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '@'))
        && key.len() <= 128
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'@' | b'/'))
}

pub(super) fn begins_with_pair(text: &str) -> bool {
    let end = text.bytes().take(130).position(|byte| byte == b'=');
    end.is_some_and(|end| is_key(&text[..end]))
}

/// Where the pairs begin with which the text ends; none where it ends with none.
pub(super) fn first_pair(text: &str) -> Option<usize> {
    let mut start = None;
    let mut at = 0;
    while at < text.len() {
        let word = &text[at..];
        if begins_with_pair(word) {
            start = start.or(Some(at));
            let equals = word.find('=').unwrap_or(0) + 1;
            let value = &word[equals..];
            at += equals;
            at += match value.strip_prefix('"') {
                Some(rest) => match quoted(rest) {
                    Some((content, _)) => content.len() + 2,
                    None => value.len(),
                },
                None => value_end(value),
            };
        } else {
            start = None;
            at += word.find(' ').unwrap_or(word.len());
        }
        at += text[at..].len() - text[at..].trim_start_matches(' ').len();
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::FieldsBuilder;

    fn read(text: &str) -> Option<String> {
        let mut draft = Draft::new(text, FieldsBuilder::new(text), 0);
        line(&mut draft)?;
        Some(serde_json::to_string(&draft.fields.so_far()).unwrap())
    }

    #[test]
    fn pairs_are_fields() {
        for (text, expected) in [
            (r#"a=1 b=x c="d e""#, r#"{"a":1,"b":"x","c":"d e"}"#),
            (r#"msg="say \"hi\"\n" lvl=warn"#, r#"{"msg":"say \"hi\"\n","lvl":"warn"}"#),
            ("a=1.50 b=007 c=-3 d=true e=1e5 f=", r#"{"a":1.5,"b":"007","c":-3,"d":true,"e":"1e5","f":""}"#),
            ("level=info flag msg=x", r#"{"level":"info","msg":"x","flag":true}"#),
            ("level=info", r#"{"level":"info"}"#),
            (r#"a=b c="never ends"#, r#"{"a":"b","c":"never ends"}"#),
            ("a=[1, 2] b='x y' c={'k': 1}", r#"{"a":"[1, 2]","b":"x y","c":"{'k': 1}"}"#),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_sentence_is_none() {
        for text in ["", "=x", "PATH=/usr/bin", "a=1 is what we say", "two words a=b", "x", "<a=b c=d>"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_line_can_end_with_pairs() {
        assert_eq!(first_pair("all done a=1 b=\"c d\""), Some(9));
        assert_eq!(first_pair("a=1 b"), None);
        assert_eq!(first_pair("none"), None);
        assert_eq!(first_pair("x a=1 y b=2"), Some(8));
        assert_eq!(first_pair("é a=\""), Some(3));
    }
}
