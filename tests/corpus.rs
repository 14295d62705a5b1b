//! The corpus: each `tests/corpus/*/*.log` is read as a container wrote it, and is what a person
//! read in it, as the `.json` beside it says: one object a record, as `foghorn parse` prints it,
//! without the line itself. `FOGHORN_BLESS=1` writes what was found over it, to review the
//! difference.
#![allow(clippy::unwrap_used, reason = "a test may stop where its own preparation fails")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foghorn::parse::Parser;
use foghorn::pipeline::{Pipeline, Settings};
use foghorn::record::{Container, ContainerCursor, ContainerId, Frame, Position, Record, Shown, Stream};
use serde_json::Value;

/// 2026-07-02T11:00:00Z: lines without a year are of 2026.
const START_NS: i64 = 1_782_990_000_000_000_000;

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut cases = Vec::new();
    for folder in fs::read_dir(root).unwrap() {
        let folder = folder.unwrap().path();
        if folder.is_dir() {
            let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
            cases.extend(files.filter(|path| path.extension().is_some_and(|extension| extension == "log")));
        }
    }
    cases.sort();
    assert!(cases.len() > 250, "the corpus has {} cases", cases.len());
    cases
}

fn container() -> Arc<Container> {
    Arc::new(Container {
        id: ContainerId::new("ab12"),
        name: "case".into(),
        project: String::new(),
        service: "case".into(),
        number: 0,
    })
}

/// The records of the lines, a millisecond apart.
fn records(log: &[u8]) -> Vec<Record> {
    let mut pipeline = Pipeline::new(container(), ContainerCursor::default(), &Settings::default());
    for (n, line) in log.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let position = Position { time_ns: START_NS + n as i64 * 1_000_000, ordinal: 1 };
        pipeline.push(Frame { stream: Stream::Stdout, position, bytes: line });
    }
    pipeline.finish();
    pipeline.take().into_iter().flat_map(|finish| finish.records).collect()
}

fn shown(record: &Record) -> Value {
    let mut json = serde_json::to_value(Shown::said(record)).unwrap();
    let object = json.as_object_mut().unwrap();
    object.remove("line");
    object.remove("signature");
    json
}

/// Numbers are equal within a rounding of each other, everything else exactly.
fn is_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| is_equal(value, other)))
        }
        _ => a == b,
    }
}

/// What differs, a line each.
fn difference(expected: &Value, found: &Value) -> String {
    let mut text = String::new();
    let (expected, found) = (expected.as_object().unwrap(), found.as_object().unwrap());
    for key in expected.keys().chain(found.keys().filter(|key| !expected.contains_key(*key))) {
        let (a, b) = (expected.get(key).unwrap_or(&Value::Null), found.get(key).unwrap_or(&Value::Null));
        if is_equal(a, b) {
            continue;
        }
        match (a, b) {
            (Value::Object(_), Value::Object(_)) => {
                for line in difference(a, b).lines() {
                    writeln!(text, "  {key}.{}", line.trim_start()).unwrap();
                }
            }
            _ => writeln!(text, "  {key}: expected {a}, found {b}").unwrap(),
        }
    }
    text
}

#[test]
fn each_case_is_read_as_a_person_reads_it() {
    let only = std::env::var("FOGHORN_TEST_CASE").unwrap_or_default();
    let is_blessed = std::env::var("FOGHORN_BLESS").is_ok();
    let (mut wrong, mut failed, mut total) = (String::new(), 0, 0);
    for path in cases().into_iter().filter(|path| path.to_str().unwrap().contains(&only)) {
        total += 1;
        let records = records(&fs::read(&path).unwrap());
        let found: Vec<Value> = records.iter().map(shown).collect();
        let beside = path.with_extension("json");
        if is_blessed {
            let lines: Vec<String> = found.iter().map(|json| format!("{json}\n")).collect();
            fs::write(&beside, lines.concat()).unwrap();
            continue;
        }
        let text = fs::read_to_string(&beside).unwrap_or_else(|_| panic!("{} is missing", beside.display()));
        let expected: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut differences = String::new();
        if expected.len() == found.len() {
            for (n, (expected, found)) in expected.iter().zip(&found).enumerate() {
                if !is_equal(expected, found) {
                    let line: String = records[n].raw.chars().take(160).collect();
                    write!(differences, "  record {n}: {line:?}\n{}", difference(expected, found)).unwrap();
                }
            }
        } else {
            writeln!(differences, "  expected {} records, found {}:", expected.len(), found.len()).unwrap();
            for record in &records {
                writeln!(differences, "    {:?}", record.raw.chars().take(100).collect::<String>()).unwrap();
            }
        }
        if !differences.is_empty() {
            failed += 1;
            write!(wrong, "{}\n{differences}", path.display()).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{failed} of {total} cases are read otherwise:\n{wrong}");
}

/// Which formats a stream had before changes how fast a line is read, and never what is read in it.
#[test]
fn no_record_depends_on_the_ones_before() {
    let records: Vec<Record> = cases().into_iter().flat_map(|path| records(&fs::read(path).unwrap())).collect();
    let mut parsers = [Parser::default(), Parser::default(), Parser::default()];
    let mut wrong = String::new();
    // In three orders, so that each has others before it.
    for (parser, step) in parsers.iter_mut().zip([1, 7, records.len() - 1]) {
        for at in (0..records.len()).map(|n| n * step % records.len()) {
            let record = &records[at];
            let alone = Parser::default().parse(&record.raw, record.time_ns());
            let after = parser.parse(&record.raw, record.time_ns());
            if (after.format, after.level) != (alone.format, alone.level) || after.fields != alone.fields {
                let line: String = record.raw.chars().take(120).collect();
                writeln!(wrong, "{} alone, {} behind others: {line:?}", alone.format, after.format).unwrap();
            }
            let again = foghorn::parse::fields(&record.raw, alone.format, record.time_ns());
            if again != alone.fields {
                let line: String = record.raw.chars().take(120).collect();
                writeln!(wrong, "as {}, other fields when it is read from the store: {line:?}", alone.format).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
