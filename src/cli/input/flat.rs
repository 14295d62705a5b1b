//! An object of texts on one line → what it says of a log line, in one pass.
//!
//! What `foghorn import` reads most are objects such as Foghorn's own records, and most of each is the
//! line, full of escapes. Whatever is unusual here, such as a nested value or a time that is a number, is
//! none, and left to serde: what this reads is what serde would have read.

/// The members that matter; empty where the object has none of that name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Flat<'a> {
    /// With room for a newline.
    pub line: Vec<u8>,
    pub time: Option<&'a str>,
    pub container: &'a str,
    pub service: &'a str,
    pub project: &'a str,
    pub stream: Option<&'a str>,
}

/// Reads a line of UTF-8; none where serde has to.
pub(super) fn object(text: &str) -> Option<Flat<'_>> {
    let bytes = text.as_bytes();
    // Between tokens they would be space, and in a string they are an error.
    if bytes.iter().copied().fold(u8::MAX, u8::min) < b' ' {
        return None;
    }
    let mut flat = Flat::default();
    let (mut line, mut seen) = (None, 0_u8);
    let mut at = expect(bytes, 0, b'{')?;
    loop {
        let (name, behind) = plain(text, at)?;
        at = skip_spaces(bytes, expect(bytes, behind, b':')?);
        let mut once = |bit: u8| {
            let is_first = seen & bit == 0;
            seen |= bit;
            is_first.then_some(())
        };
        match name {
            "line" => {
                once(1)?;
                let (text, behind) = unescaped(bytes, at)?;
                (line, at) = (Some(text), behind);
            }
            "ts" | "time" => {
                once(2)?;
                let (text, behind) = plain(text, at)?;
                (flat.time, at) = (Some(text), behind);
            }
            "container" => {
                once(4)?;
                (flat.container, at) = plain(text, at)?;
            }
            "service" => {
                once(8)?;
                (flat.service, at) = plain(text, at)?;
            }
            "project" => {
                once(16)?;
                (flat.project, at) = plain(text, at)?;
            }
            "stream" => {
                once(32)?;
                let (text, behind) = plain(text, at)?;
                (flat.stream, at) = (Some(text), behind);
            }
            "number" => return None,
            _ => (_, at) = plain(text, at)?,
        }
        at = skip_spaces(bytes, at);
        match bytes.get(at)? {
            b',' => at = skip_spaces(bytes, at + 1),
            b'}' => break,
            _ => return None,
        }
    }
    if skip_spaces(bytes, at + 1) < bytes.len() {
        return None;
    }
    flat.line = line?;
    Some(flat)
}

fn skip_spaces(bytes: &[u8], at: usize) -> usize {
    at + bytes.get(at..).unwrap_or_default().iter().take_while(|byte| **byte == b' ').count()
}

/// Where it goes on behind this byte and the spaces around it.
fn expect(bytes: &[u8], at: usize, byte: u8) -> Option<usize> {
    let at = skip_spaces(bytes, at);
    (*bytes.get(at)? == byte).then(|| skip_spaces(bytes, at + 1))
}

/// A string without escapes, and where it goes on.
fn plain(text: &str, at: usize) -> Option<(&str, usize)> {
    let bytes = text.as_bytes();
    let start = at + usize::from(*bytes.get(at)? == b'"');
    let end = next_special(bytes, start);
    (start > at && *bytes.get(end)? == b'"').then(|| (&text[start..end], end + 1))
}

/// What a string stands for, and where it goes on.
fn unescaped(bytes: &[u8], at: usize) -> Option<(Vec<u8>, usize)> {
    let mut at = (*bytes.get(at)? == b'"').then_some(at + 1)?;
    let mut text = Vec::with_capacity(bytes.len() - at);
    loop {
        let end = next_special(bytes, at);
        text.extend_from_slice(&bytes[at..end]);
        if *bytes.get(end)? == b'"' {
            return Some((text, end + 1));
        }
        at = end + 2;
        match *bytes.get(end + 1)? {
            b'n' => text.push(b'\n'),
            b't' => text.push(b'\t'),
            b'r' => text.push(b'\r'),
            b'b' => text.push(0x08),
            b'f' => text.push(0x0c),
            itself @ (b'"' | b'\\' | b'/') => text.push(itself),
            b'u' => {
                let (character, behind) = escaped_character(bytes, at)?;
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                at = behind;
            }
            _ => return None,
        }
    }
}

/// The character that four hexadecimal digits stand for, or two times four; and where it goes on.
fn escaped_character(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let unit = code_unit(bytes, at)?;
    if let Some(character) = char::from_u32(unit) {
        return Some((character, at + 4));
    }
    // The first half of a pair; one half alone is no text.
    let is_pair = bytes.get(at + 4..at + 6)? == b"\\u";
    let high = unit.checked_sub(0xd800).filter(|high| is_pair && *high < 0x400)?;
    let low = code_unit(bytes, at + 6)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    Some((char::from_u32(0x1_0000 + (high << 10 | low))?, at + 10))
}

fn code_unit(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 4)?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}

/// Where the next quote or backslash is; all the way where there is none. Eight bytes at a time: in a line
/// of JSON there is one every few bytes, too near for a search that has to be begun anew each time.
fn next_special(bytes: &[u8], from: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    let mut at = from;
    while let Some(word) = bytes.get(at..at + 8).and_then(|word| word.try_into().ok()).map(u64::from_le_bytes) {
        // The highest bit of the first byte that is zero, and of none before.
        let zero = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
        let found = zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\')));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    fn string() -> impl Strategy<Value = String> {
        prop_oneof![
            3 => "\\PC{0,20}",
            2 => "[\u{0}-\u{1f}\"\\\\/a😀é]{0,12}",
            2 => "[a-z0-9 :.-]{0,40}",
        ]
    }

    fn json() -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec![
            "line",
            "ts",
            "time",
            "container",
            "service",
            "project",
            "stream",
            "x",
            "number",
        ]);
        let value = prop_oneof![
            8 => string().prop_map(|text| serde_json::to_string(&text).unwrap()),
            2 => "\"([a-c/]|\\\\[nrtbfux\"\\\\/]|\\\\u[dD][89a-fA-F][0-9a-f]{2}|\\\\u[0-9a-f]{3,4}){0,6}\"",
            1 => Just("12".to_owned()),
            1 => Just("null".to_owned()),
            1 => Just("{\"a\":[1]}".to_owned()),
        ];
        let space = " {0,2}";
        let member = (name, space, value, space)
            .prop_map(|(name, before, value, behind)| format!("\"{name}\":{before}{value}{behind}"));
        (prop::collection::vec(member, 0..6), "[ ,x]{0,1}")
            .prop_map(|(members, end)| format!("{{{}}}{end}", members.join(",")))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn what_it_reads_is_what_serde_reads(json in json()) {
            if let Some(flat) = object(&json) {
                let read: Map<String, Value> = serde_json::from_str(&json).unwrap();
                let text = |name: &str| read.get(name).and_then(Value::as_str);
                let line = String::from_utf8(flat.line).unwrap();
                prop_assert_eq!(Some(line.as_str()), text("line"));
                prop_assert_eq!(flat.time, text("ts").or(text("time")));
                prop_assert_eq!(flat.container, text("container").unwrap_or_default());
                prop_assert_eq!(flat.service, text("service").unwrap_or_default());
                prop_assert_eq!(flat.project, text("project").unwrap_or_default());
                prop_assert_eq!(flat.stream, text("stream"));
            }
        }
    }

    #[test]
    fn usual_objects_are_read_and_unusual_ones_are_not() {
        let usual = r#"{"ts":"2026-11-20T00:00:00.032446935Z","container":"a-1","service":"a","stream":"stdout","line":"{\"x\":\"y\\n\"} \u00e9\ud83d\ude00"}"#;
        let flat = object(usual).unwrap();
        assert_eq!(String::from_utf8(flat.line).unwrap(), "{\"x\":\"y\\n\"} é😀");
        assert_eq!((flat.container, flat.service, flat.stream), ("a-1", "a", Some("stdout")));
        for unusual in [
            "",
            "{}",
            "{\"line\":\"a\"",
            "{\"line\":\"a\"}}",
            "{\"line\":\"a\",}",
            "{\"line\":\"a\",\"line\":\"b\"}",
            "{\"line\":\"a\",\"ts\":\"1\",\"time\":\"2\"}",
            "{\"line\":\"a\",\"number\":1}",
            "{\"line\":\"a\",\"ts\":1}",
            "{\"line\":\"a\",\"x\":{}}",
            "{\"line\":\"\\ud800\"}",
            "{\"line\":\"\\x\"}",
            "{\"li\\u006ee\":\"a\"}",
            "{\"line\":\"a\u{1}\"}",
            "{line:\"a\"}",
        ] {
            assert_eq!(object(unusual), None, "{unusual}");
        }
    }
}
