//! What holds for any bytes whatever: one function for each part that reads what comes from outside.
//! The fuzz targets look for bytes that break a law; `tests/fuzz.rs` reads the corpus again.
#![allow(dead_code, reason = "each target uses one of them")]

use std::sync::Arc;

use foghorn::assemble::{Assembler, Joiner, Rules};
use foghorn::docker::frames::{FrameDecoder, Framing};
use foghorn::parse::Parser;
use foghorn::query::{MAX_QUERY_BYTES, Query};
use foghorn::record::{Container, ContainerId, Frame, Kind, Line, Position, Record, Shown, Stream};
use foghorn::redact::Redactor;

/// Bytes of the engine → lines: no panic, and no byte of a message more or less than it has.
pub fn decode(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let framing = if first % 2 == 0 { Framing::Multiplexed } else { Framing::Raw };
    let max_bytes = 1 + usize::from(first / 2) * 64;
    let mut decoder = FrameDecoder::new(framing);
    let mut assembler = Assembler::new(max_bytes);
    let (mut taken, mut given, mut ordinal) = (0, 0, 0);
    let mut push = |(stream, time_ns, bytes): (Stream, i64, &[u8])| {
        ordinal += 1;
        taken += bytes.len() - usize::from(bytes.last() == Some(&b'\n'));
        assembler.push(Frame { stream, position: Position { time_ns, ordinal }, bytes }, |line| {
            given += size(&line);
        });
    };
    // In two pieces, at a place of the data's own.
    let (a, b) = body.split_at(body.len() / 2);
    if decoder.feed(a, &mut push).is_ok() && decoder.feed(b, &mut push).is_ok() && decoder.finish(&mut push).is_ok() {
        assembler.finish(|line| given += size(&line));
        // A byte that is no UTF-8 is shown as a character of three.
        assert!(given >= taken, "{given} of {taken} bytes");
    }
}

fn size(line: &Line) -> usize {
    line.text.len() + usize::try_from(line.cut_bytes).unwrap_or(usize::MAX)
}

/// Lines → entries: each stream's texts, joined, are its lines, and lie where they began and ended.
pub fn multiline(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let rules = Rules { max_bytes: 4096, max_lines: 40, ..Rules::default() };
    let mut joiner = Joiner::new(Arc::new(rules));
    let (mut written, mut found) = ([String::new(), String::new()], [String::new(), String::new()]);
    let index = |stream: Stream| usize::from(stream == Stream::Stderr);
    let mut time_ns = 0;
    let mut ends = [0, 0];
    let mut check = |entry: foghorn::assemble::Entry| {
        assert!(entry.start.time_ns <= entry.end.time_ns && ends[index(entry.stream)] < entry.start.time_ns);
        ends[index(entry.stream)] = entry.end.time_ns;
        assert_eq!(entry.lines as usize, entry.text.split('\n').count());
        found[index(entry.stream)] += &entry.text;
        found[index(entry.stream)].push('\n');
    };
    for line in text.split('\n') {
        // The first character says which stream, and how long it took.
        let stream = if line.starts_with('\u{1}') { Stream::Stderr } else { Stream::Stdout };
        time_ns += if line.starts_with('\u{2}') { 2_000_000_000 } else { 1_000_000 };
        let line = line.trim_start_matches(['\u{1}', '\u{2}']);
        written[index(stream)] += line;
        written[index(stream)].push('\n');
        let position = Position { time_ns, ordinal: 1 };
        joiner.push(Line { stream, start: position, end: position, text: line.to_owned(), cut_bytes: 0 }, &mut check);
    }
    joiner.finish(&mut check);
    assert_eq!(found, written);
}

/// A text → a record: no panic, the same from the store, and it can be shown.
pub fn parse(data: &[u8]) {
    const TIME_NS: i64 = 1_795_225_700_000_000_000;
    let text = String::from_utf8_lossy(data);
    let parsed = Parser::default().parse(&text, TIME_NS);
    assert_eq!(foghorn::parse::fields(&text, parsed.format, TIME_NS), parsed.fields);
    let record = Record {
        container: Arc::new(Container {
            id: ContainerId::new("ab"),
            name: "web".into(),
            project: String::new(),
            service: "web".into(),
            number: 0,
        }),
        stream: Stream::Stdout,
        position: Position { time_ns: TIME_NS, ordinal: 1 },
        kind: Kind::Line,
        level: parsed.level,
        format: parsed.format,
        raw: text.into(),
        fields: parsed.fields,
        truncated: false,
    };
    serde_json::to_string(&Shown::whole(&record)).expect("a record is JSON");
}

/// A text → masked: again changes nothing, it grows within a bound, and JSON stays JSON.
pub fn redact(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let redactor = Redactor::default();
    let Some(redacted) = redactor.redact(&text) else { return };
    assert!(redacted.masks > 0 && redacted.text.len() <= 4 * text.len() + 64);
    if redacted.text.len() <= 128 * 1024 {
        assert_eq!(redactor.redact(&redacted.text), None, "{:?}", redacted.text);
    }
    // A number alone is a line of text.
    let is_nested = text.trim_start().starts_with(['{', '[']);
    if is_nested && serde_json::from_str::<serde_json::Value>(&text).is_ok() {
        serde_json::from_str::<serde_json::Value>(&redacted.text).expect("masked JSON is JSON");
    }
}

/// A query → its text → the same query.
pub fn query(data: &[u8]) {
    let Ok(query) = String::from_utf8_lossy(data).parse::<Query>() else { return };
    let text = query.to_string();
    // What has to be quoted is longer than it was.
    if text.len() > MAX_QUERY_BYTES {
        return;
    }
    assert_eq!(text.parse::<Query>().as_ref(), Ok(&query), "{text:?}");
}
