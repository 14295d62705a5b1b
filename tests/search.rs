//! The store answers as a scan of all records does: over real lines of every format, each in its own
//! container, on two days, for queries of every kind and those that are made of the lines' own words.

#![allow(clippy::unwrap_used, reason = "a test may stop where its own preparation fails")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foghorn::config::{RetentionConfig, StoreConfig};
use foghorn::parse;
use foghorn::pipeline::{Pipeline, Settings};
use foghorn::query;
use foghorn::query::Query;
use foghorn::record::{
    Batch, Checkpoint, Container, ContainerCursor, ContainerId, DAY_NS, Frame, Position, Record, Stream,
};
use foghorn::store::{Axis, CountRequest, Deadline, Facet, Order, PAGE_BYTES, SearchRequest, Store, StoreReader};
use foghorn::text;
use serde_json::json;

/// Noon, so that half a day later is another partition.
const START_NS: i64 = 1_795_176_000_000_000_000;

/// Every record of the corpus, in batches of one container and one day.
fn batches() -> Vec<Batch> {
    let mut files: Vec<_> = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "log") {
                files.push(path);
            }
        }
    }
    files.sort();
    let texts = files.iter().map(|file| {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read(file).unwrap())
    });
    let texts = texts.chain([("untold".to_owned(), untold())]);
    let mut batches = Vec::new();
    let step_ns = DAY_NS / 2_500;
    let mut time_ns = START_NS;
    for (number, (name, text)) in texts.enumerate() {
        let container = Arc::new(Container {
            id: ContainerId::new(&format!("{number:064x}")),
            name: format!("shop-{name}-{number}"),
            project: if number % 5 == 0 { "" } else { "shop" }.into(),
            service: name,
            number: number as u32 % 4,
        });
        let mut pipeline = Pipeline::new(Arc::clone(&container), ContainerCursor::default(), &Settings::default());
        for (at, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            time_ns += step_ns;
            let stream = if at % 3 == 2 { Stream::Stderr } else { Stream::Stdout };
            pipeline.push(Frame { stream, position: Position { time_ns, ordinal: 1 }, bytes: line });
        }
        pipeline.finish();
        for finish in pipeline.take() {
            let checkpoint = Checkpoint {
                cursor: finish.cursor,
                first_seen_ns: START_NS,
                complete: false,
                import: None,
                forget: false,
                urgent: false,
            };
            let days = finish.records.chunk_by(|a, b| a.time_ns() / DAY_NS == b.time_ns() / DAY_NS);
            batches.extend(days.map(|records| Batch {
                container: Arc::clone(&container),
                records: records.into(),
                checkpoint,
            }));
        }
    }
    batches
}

/// Requests whose fields are such that the columns of the index do not tell them.
fn untold() -> Vec<u8> {
    let long = "/x".repeat(300);
    let mut lines = String::new();
    for n in 0..40 {
        let line = match n % 8 {
            0 if n > 20 => json!({"msg": "long ones", "path": format!("/api{}{n}", "/y".repeat(150))}),
            1 if n > 20 => json!({"msg": "long ones", "http": {"path": format!("/api{}{n}", "/y".repeat(150))}}),
            0 => json!({"msg": "two of them", "Status": "200", "STATUS": "500", "path": "/api/a"}),
            1 => json!({"msg": "a fraction", "status": 500.5, "method": "GET"}),
            2 => json!({"msg": "a long one", "path": format!("/api{long}{n}"), "status": 200}),
            3 => json!({"msg": "an empty one", "path": "", "method": "", "status": ""}),
            4 => json!({"msg": "signs", "path": "/api/\u{1f}\u{1e}", "method": "\u{1e}", "status": "\u{1f}404"}),
            5 if n > 20 => json!({"msg": "of two names", "path": "/one", "http": {"path": "/two", "status": 200}}),
            5 => json!({"msg": "of other types", "path": true, "method": false, "status": -7}),
            6 => json!({"msg": "like a number", "path": "5e2", "status": "0500"}),
            _ => json!({"msg": "a usual error", "path": "/api/a", "status": 502, "method": "post"}),
        };
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    lines.into_bytes()
}

/// A store on a disk with these records, which was closed and opened again.
async fn stored(batches: Vec<Batch>, path: &Path, commit_records: u64, close: fn(Store)) -> Store {
    let config = StoreConfig {
        path: path.to_owned(),
        commit_interval: Duration::from_secs(5),
        commit_records,
        commit_bytes: 16 << 20,
    };
    let retention = RetentionConfig {
        max_age: Duration::from_secs(1 << 30),
        services: BTreeMap::new(),
        max_bytes: 10 << 30,
        min_free_bytes: 0,
    };
    let open = || {
        let read_fields = |raw: &str, format: &str, time_ns, _: &Container| parse::fields(raw, format, time_ns);
        Store::open(&config, &retention, Arc::new(read_fields)).unwrap()
    };
    let store = open();
    let appender = store.appender();
    for batch in batches {
        appender.send(batch).await.unwrap();
    }
    drop(appender);
    tokio::task::spawn_blocking(move || close(store)).await.unwrap();
    open()
}

/// Numbers that look drawn and are the same each time: the constants are Knuth's, of MMIX.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn of<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }

    /// A term that is made of what a record says; signs alone are none.
    fn term(&mut self, records: &[&Record]) -> String {
        loop {
            let term = self.attempt(records);
            if term.parse::<Query>().is_ok() {
                return term;
            }
        }
    }

    fn attempt(&mut self, records: &[&Record]) -> String {
        let record = self.of(records);
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let words = text::token_list(&record.raw);
        let word = |draw: &mut Self| words.get(draw.below(words.len().max(1))).cloned().unwrap_or_default();
        let fields: Vec<(&str, String)> =
            record.fields().iter().map(|(name, value)| (name, value.text().into_owned())).collect();
        let field = fields.get(self.below(fields.len().max(1)));
        let start = |text: &str| text.chars().take(4).collect::<String>();
        let (first, second) = (word(self), word(self));
        let written = |draw: &mut Self| {
            let mut pieces = Vec::new();
            text::tokens(&record.raw, |_, range| pieces.push(range));
            let Some(first) = pieces.get(draw.below(pieces.len().max(1))) else { return String::new() };
            let last = pieces.iter().find(|range| range.start > first.start).filter(|_| draw.below(2) == 0);
            record.raw[first.start..last.unwrap_or(first).end].to_owned()
        };
        let flag = *self.of(&[&"", &"", &"c"]);
        match (self.below(13), field) {
            (0, _) => format!("{}*", quoted(&start(&first))),
            (1, _) => quoted(&format!("{first} {second}")),
            (2, Some((name, value))) => format!("{name}:{}{flag}", quoted(value)),
            (3, Some((name, value))) => format!("{name}:{}{flag}*", quoted(&start(value))),
            (4, Some((name, _))) => format!("{name}:*"),
            (5, Some((name, value))) if value.parse::<f64>().is_ok() => {
                format!("{name}:{}{value}", self.of(&["<", "<=", ">", ">="]))
            }
            (6, _) => format!("service:{}{flag}", quoted(&record.container.service)),
            // Words as they are written, and as they are not.
            (11, _) => format!("{}c{}", quoted(&written(self)), self.of(&["", "*"])),
            (12, Some((name, value))) => format!("{name}:{}c", quoted(&value.to_uppercase())),
            (7, _) => format!("level:{}{}", self.of(&["", ">=", "<="]), self.of(&["info", "warn", "error"])),
            (8 | 9, _) => {
                let name = *self.of(&[&"status", &"method", &"path", &"http.status", &"http.path"]);
                let record = self.of(records);
                let value = query::values(name, record).next().map_or_else(String::new, |value| value.text().into());
                match self.below(5) {
                    0 => format!("{name}:*"),
                    1 if !value.is_empty() => format!("{name}:{}{flag}*", quoted(&start(&value))),
                    2 => format!("{name}:{}{}", self.of(&["<", "<=", ">", ">="]), self.of(&["200", "404", "500.5"])),
                    _ => format!("{name}:{}{flag}", quoted(&value)),
                }
            }
            _ => quoted(&first),
        }
    }

    /// Terms in lists, groups and negations.
    fn query(&mut self, records: &[&Record]) -> String {
        let mut text = self.term(records);
        for _ in 0..self.below(3) {
            let term = self.term(records);
            text = match self.below(5) {
                0 => format!("{text} {term}"),
                1 => format!("{text} -{term}"),
                2 => format!("({text}) -({term})"),
                3 => format!("({text} OR {term}) {}", self.term(records)),
                _ => format!("{text} OR {term}"),
            };
        }
        text
    }
}

/// Queries of every kind.
const QUERIES: [&str; 49] = [
    "",
    "error",
    "connection refused",
    "\"connection refused\"",
    "conn*",
    "level:>=warn",
    "level:<info",
    "-level:>=info",
    "level:error OR level:warn",
    "status:>=500",
    "status:500..599",
    "status:200 OR status:404",
    "-status:*",
    "duration_ms:>1s",
    "duration_ms:<=5ms",
    "bytes:>1KiB",
    "path:/api/*",
    "path:/^\\/a/",
    "message:/time(d )?out/",
    "/refused|denied/",
    "/(?-i)ERROR/ level:>=warn",
    "format:json OR format:logfmt",
    "service:* -service:json",
    "number:>2",
    "number:1..2 stream:stderr",
    "project:\"\" level:fatal",
    "(stream:stderr level:error) OR (stream:stdout level:warn)",
    "(container:shop-a* OR container:shop-b*) -level:unknown",
    "error OR level:fatal",
    "(get OR post) (200 OR 404)",
    "NOT (get OR post OR level:info)",
    "-status:200 -path:/healthz",
    "method:GET status:<400 level:info",
    "(method:post OR path:/api/*) -(status:2* path:*)",
    "-(status:200 OR error)",
    "path:\"\" OR status:\"\"",
    "method:* -method:get refused OR path:>5",
    "7 OR 12",
    "traceback OR exception OR panic",
    "nothing-that-is-there OR \"neither this\"",
    "\"ERROR\"c",
    "\"Error\"c*",
    "-\"error\"c error",
    "\"Connection refused\"c OR \"connection refused\"c",
    "method:\"GET\"c",
    "-method:\"get\"c method:*",
    "service:\"JSON\"c OR path:\"/Api\"c*",
    "message:\"GET\"c* -level:\"error\"",
    "\"200\"c -\"404\"c",
];

fn soon() -> Deadline {
    Deadline::at(Instant::now() + Duration::from_secs(60))
}

/// A record's value of a field, by the definition; empty where it has none.
fn value_of(facet: &Facet, record: &Record) -> String {
    match facet {
        Facet::Builtin(field) => field.text(record).into_owned(),
        Facet::Request(field) => field.values(record).next().map_or_else(String::new, |value| value.text().into()),
        Facet::Field(name) => query::values(name, record).next().map_or_else(String::new, |value| value.text().into()),
    }
}

fn cut(value: &str) -> &str {
    &value[..value.floor_char_boundary(256)]
}

/// Counts of the store and of a scan, by the values of a field and in steps of time.
fn count(
    reader: &StoreReader,
    text: &str,
    records: &[&Record],
    facet: &Facet,
    from_ns: Option<i64>,
    to_ns: Option<i64>,
) {
    let query: Query = text.parse().unwrap();
    let is_wanted = |record: &&&Record| {
        let time_ns = record.time_ns();
        from_ns.is_none_or(|from_ns| time_ns >= from_ns) && to_ns.is_none_or(|to_ns| time_ns < to_ns)
    };
    let found: Vec<&Record> =
        records.iter().filter(is_wanted).filter(|record| query.matches(record)).copied().collect();
    let mut expected: BTreeMap<String, (u64, Vec<u64>)> = BTreeMap::new();
    let axis = Axis { start_ns: START_NS, step_ns: DAY_NS / 24, buckets: 48, by: Some(facet.clone()) };
    for record in &found {
        let (count, steps) = expected.entry(cut(&value_of(facet, record)).to_owned()).or_default();
        *count += 1;
        steps.resize(axis.buckets, 0);
        steps[((record.time_ns() - axis.start_ns) / axis.step_ns) as usize] += 1;
    }
    let request = CountRequest { query, from_ns, to_ns, deadline: soon() };
    let counts = reader.facets(&request, std::slice::from_ref(facet), 1_000).unwrap();
    assert!(!counts.is_partial);
    assert_eq!(counts.total, found.len() as u64, "{text}");
    let [counted] = &counts.facets[..] else { panic!("one facet is one answer") };
    let mut values: BTreeMap<_, _> = counted.values.iter().map(|one| (one.value.clone(), one.count)).collect();
    if counted.missing > 0 {
        values.insert(String::new(), counted.missing);
    }
    let sums: BTreeMap<_, _> = expected.iter().map(|(value, (count, _))| (value.clone(), *count)).collect();
    assert_eq!(values, sums, "{text} by {}", facet.name());
    assert!(counted.values.is_sorted_by_key(|one| (std::cmp::Reverse(one.count), one.value.clone())));
    let histogram = reader.histogram(&request, &axis).unwrap();
    assert_eq!(histogram.total, found.len() as u64, "{text}");
    for series in &histogram.series {
        assert_eq!(
            Some(&series.counts),
            expected.get(&series.value).map(|(_, steps)| steps),
            "{text}: {}",
            series.value
        );
    }
    let sum = |counts: &Vec<u64>| counts.iter().sum::<u64>();
    let told: u64 = histogram.series.iter().map(|series| sum(&series.counts)).sum();
    assert_eq!(told + histogram.others.as_ref().map_or(0, sum), histogram.total, "{text}");
}

/// All that matches, page by page.
fn pages(reader: &StoreReader, query: &Query, order: Order, limit: usize, max_bytes: usize) -> Vec<Record> {
    let mut found: Vec<Record> = Vec::new();
    let mut last_page: Option<(usize, usize)> = None;
    loop {
        let page = reader
            .search(&SearchRequest {
                query: query.clone(),
                from_ns: None,
                to_ns: None,
                order,
                after: found.last().map(Record::id),
                limit,
                max_bytes,
                deadline: soon(),
            })
            .unwrap();
        assert!(!page.is_partial);
        let is_last = !page.has_more;
        let bytes: usize = page.records.iter().map(|record| record.raw.len()).sum();
        assert!(page.records.len() == 1 || bytes <= max_bytes, "{bytes} bytes in a page of {max_bytes}");
        assert!(!page.records.is_empty() || is_last);
        // The first record of a page had no room in the page before.
        if let (Some((count, before)), Some(first)) = (last_page, page.records.first()) {
            assert!(count == limit || before + first.raw.len() > max_bytes, "{count} records of {before} bytes");
        }
        last_page = Some((page.records.len(), bytes));
        found.extend(page.records);
        if is_last {
            return found;
        }
    }
}

/// The store's answers to these queries are those of a scan of the records; how many queries find something.
fn compare(reader: &StoreReader, records: &[Record], texts: &[String], draw: &mut Draw) -> usize {
    let all: Vec<&Record> = records.iter().collect();
    let mut matched = 0;
    for (number, text) in texts.iter().enumerate() {
        let query: Query = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        let mut expected: Vec<_> = records.iter().filter(|record| query.matches(record)).map(Record::id).collect();
        matched += usize::from(!expected.is_empty());
        // Small pages are for some, as each of them is a search.
        let limit = if number % 10 == 0 { 37 } else { 10_000 };
        let order = if number % 2 == 0 { Order::OldestFirst } else { Order::NewestFirst };
        if order == Order::NewestFirst {
            expected.reverse();
        }
        let max_bytes = match number % 20 {
            5 => 3_000,
            15 => 20_000,
            _ => PAGE_BYTES,
        };
        let found: Vec<_> = pages(reader, &query, order, limit, max_bytes).iter().map(Record::id).collect();
        assert_eq!(found, expected, "{text}");
        let facet = match number % 7 {
            0 => "level",
            1 => "service",
            2 => "format",
            3 => "status",
            4 => "path",
            5 => "method",
            _ => ["http.status", "http.path", "http.method", "logger", "number", "container"][draw.below(6)],
        };
        let at = |draw: &mut Draw| Some(all[draw.below(all.len())].time_ns()).filter(|_| number % 3 == 0);
        let (from_ns, to_ns) = (at(draw), at(draw));
        count(reader, text, &all, &Facet::from_name(facet), from_ns, to_ns);
    }
    matched
}

fn queries(records: &[Record], drawn: usize, draw: &mut Draw) -> Vec<String> {
    let all: Vec<&Record> = records.iter().collect();
    let drawn: Vec<String> = (0..drawn).map(|_| draw.query(&all)).collect();
    QUERIES.iter().map(|text| (*text).to_owned()).chain(drawn).collect()
}

fn sorted(batches: &[Batch]) -> Vec<Record> {
    let mut records: Vec<Record> = batches.iter().flat_map(|batch| batch.records.iter().cloned()).collect();
    records.sort_by_key(Record::id);
    records
}

#[tokio::test]
async fn the_store_answers_as_a_scan_does() {
    let batches = batches();
    let records = sorted(&batches);
    let directory = tempfile::tempdir().unwrap();
    let store = stored(batches, directory.path(), 700, Store::close).await;
    let reader = store.reader();
    assert_eq!(reader.status().records, records.len() as u64);
    assert_eq!(reader.status().partitions, 2, "both days have records");
    let mut draw = Draw(7);
    let texts = queries(&records, 2_000, &mut draw);
    let matched = compare(&reader, &records, &texts, &mut draw);
    assert!(matched * 3 > texts.len() * 2, "{matched} of {} queries find something", texts.len());
    // However few bytes a page may have, it has a record.
    let query: Query = "level:fatal".parse().unwrap();
    let expected: Vec<_> = records.iter().filter(|record| query.matches(record)).map(Record::id).collect();
    let found: Vec<_> = pages(&reader, &query, Order::OldestFirst, 10, 1).iter().map(Record::id).collect();
    assert!(expected.len() > 5);
    assert_eq!(found, expected);
    tokio::task::spawn_blocking(|| store.close()).await.unwrap();
}

/// The same of segments that were merged, with more documents than a block has, and when some of their
/// containers were deleted.
#[tokio::test]
async fn merged_and_deleted_from_the_store_answers_as_a_scan_does() {
    let mut batches = batches();
    // The same lines of other containers, at the same times.
    for batch in batches.clone() {
        let Container { id, name, project, service, number } = (*batch.container).clone();
        let id = ContainerId::new(&id.as_str().replacen('0', "f", 1));
        let container = Arc::new(Container { id, name: name + "-copy", project, service: service + "-copy", number });
        let of_copy = |record: &Record| Record { container: Arc::clone(&container), ..record.clone() };
        let records = batch.records.iter().map(of_copy).collect();
        batches.push(Batch { container: Arc::clone(&container), records, ..batch });
    }
    let mut records = sorted(&batches);
    let directory = tempfile::tempdir().unwrap();
    let store = stored(batches, directory.path(), 700, Store::close_tidy).await;
    let segments = |ending: &str| {
        let partitions = std::fs::read_dir(directory.path().join("index")).unwrap().flatten();
        let files =
            partitions.filter(|entry| entry.path().is_dir()).flat_map(|entry| std::fs::read_dir(entry.path()).unwrap());
        files.flatten().filter(|file| file.path().extension().is_some_and(|other| other == ending)).count()
    };
    assert_eq!((segments("words"), segments("lines"), segments("columns")), (2, 2, 2), "each day was merged into one");
    assert!(records.len() > 2 * 2_048, "{} records", records.len());
    let mut draw = Draw(11);
    let texts = queries(&records, 300, &mut draw);
    let matched = compare(&store.reader(), &records, &texts, &mut draw);
    assert!(matched * 3 > texts.len() * 2, "{matched} of {} queries find something", texts.len());

    let is_deleted = |container: &Container| container.service.ends_with("-copy") == (container.number > 1);
    let store = tokio::task::spawn_blocking(move || {
        store.delete(&is_deleted).unwrap();
        store
    });
    let store = store.await.unwrap();
    let before = records.len();
    records.retain(|record| !is_deleted(&record.container));
    assert!(records.len() > before / 4 && records.len() < before * 3 / 4, "{} of {before} stay", records.len());
    assert_eq!(store.reader().status().records, records.len() as u64);
    compare(&store.reader(), &records, &texts, &mut draw);
    tokio::task::spawn_blocking(|| store.close()).await.unwrap();
}
