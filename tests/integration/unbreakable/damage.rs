//! Damaged files: the day is named and set aside, and every other day is served as it was.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use foghorn::record::RecordId;
use foghorn::store::{Axis, CountRequest, Facet, StoreReader};
use futures_util::StreamExt as _;
use tempfile::TempDir;

use super::source::{COMMITS, DAYS, Lines, Source, close, fill, find, find_any, open, soon};
use crate::support::{Dice, patiently, poll};

/// Stores that are looked at at once: most of the time each waits for the check of its files.
const AT_ONCE: usize = 6;

/// Of the bytes of a description, each so many-th is tried.
const EVERY: usize = 7;

/// What becomes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    Emptied,
    Halved,
    LastByteCut,
    FirstByteFlipped,
    MiddleByteFlipped,
    LastByteFlipped,
    Removed,
}

impl Harm {
    const ALL: [Self; 7] = [
        Self::Emptied,
        Self::Halved,
        Self::LastByteCut,
        Self::FirstByteFlipped,
        Self::MiddleByteFlipped,
        Self::LastByteFlipped,
        Self::Removed,
    ];

    fn befall(self, path: &Path) {
        let bytes = fs::read(path).unwrap();
        let middle = content_bytes(path, &bytes) / 2;
        let keep = |len: usize| fs::write(path, &bytes[..len]).unwrap();
        match self {
            Self::Emptied => keep(0),
            Self::Halved => keep(bytes.len() / 2),
            Self::LastByteCut => keep(bytes.len() - 1),
            Self::FirstByteFlipped => flip(path, 0),
            Self::MiddleByteFlipped => flip(path, middle),
            Self::LastByteFlipped => flip(path, bytes.len() - 1),
            Self::Removed => fs::remove_file(path).unwrap(),
        }
    }
}

fn has_ending(file: impl AsRef<Path>, endings: &[&str]) -> bool {
    file.as_ref().extension().is_some_and(|ending| endings.iter().any(|one| ending == *one))
}

/// How much of a file comes before the footer that tantivy adds: its length is before its last four bytes.
/// What the footer says of versions is under no checksum, and nothing depends on it.
fn content_bytes(path: &Path, bytes: &[u8]) -> usize {
    if has_ending(path, &["json", "lock"]) {
        return bytes.len();
    }
    let (footer_bytes, _) = bytes[bytes.len() - 8..].split_first_chunk().unwrap();
    bytes.len() - 8 - u32::from_le_bytes(*footer_bytes) as usize
}

/// Turns one bit: a digit stays a digit, so that much stays readable.
fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// A store of three days, which is copied for each harm.
struct Whole {
    source: Source,
    folder: TempDir,
}

impl Whole {
    async fn new() -> Self {
        let whole = Self { source: Source::new(), folder: tempfile::tempdir().unwrap() };
        fill(open(whole.folder.path()), whole.source.batches.clone()).await;
        for name in DAYS {
            let of_lines = whole.files(name).into_iter().filter(|file| has_ending(file, &["lines"]));
            assert_eq!(of_lines.count(), COMMITS, "{name} has another number of segments");
        }
        whole
    }

    fn day(&self, name: &str) -> PathBuf {
        self.folder.path().join("index").join(name)
    }

    /// The names of the files of a day.
    fn files(&self, name: &str) -> Vec<String> {
        let entries = fs::read_dir(self.day(name)).unwrap();
        let mut files: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        files
    }

    /// The same store once more, of which this day may be harmed. No file is ever written twice, so that
    /// those of other days can be the same.
    fn copy(&self, harmed: &str) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        for name in DAYS {
            let to = copy.path().join("index").join(name);
            fs::create_dir_all(&to).unwrap();
            for file in self.files(name) {
                let (from, to) = (self.day(name).join(&file), to.join(&file));
                if name == harmed {
                    fs::copy(from, to).map(drop).unwrap();
                } else {
                    fs::hard_link(from, to).unwrap();
                }
            }
        }
        copy
    }

    /// Everything but this day, which is all that a store may have where the day is damaged.
    fn without(&self, name: &str) -> Lines {
        self.source.lines(|day| day != name)
    }
}

fn names(reader: &StoreReader, day: &str) -> bool {
    reader.status().damaged.iter().any(|text| text.starts_with(day))
}

/// Every expected line is found once and as it was said, whatever is read of a damaged day, and what is
/// counted is counted without an error.
fn assert_serves(reader: &StoreReader, expected: &Lines, what: &str) {
    let mut rest = expected.clone();
    let found = find_any(reader, what).into_iter().filter(|record| expected.contains_key(&record.id()));
    for record in found {
        let line = rest.remove(&record.id());
        assert_eq!(line.as_ref(), Some(&record.raw), "{what}: {}", record.id());
    }
    assert!(
        rest.is_empty(),
        "{what}: {} of {} lines are missing: {:?}",
        rest.len(),
        expected.len(),
        rest.first_key_value()
    );
    let request = CountRequest { query: "".parse().unwrap(), from_ns: None, to_ns: None, deadline: soon() };
    let by = Some(Facet::from_name("level"));
    let axis = Axis { start_ns: 0, step_ns: i64::MAX, buckets: 1, by };
    let histogram = reader.histogram(&request, &axis).unwrap_or_else(|error| panic!("{what}: a histogram: {error}"));
    let facets = ["service", "path", "format"].map(Facet::from_name);
    let facets = reader.facets(&request, &facets, 9).unwrap_or_else(|error| panic!("{what}: facets: {error}"));
    for total in [histogram.total, facets.total] {
        assert!(total >= expected.len() as u64, "{what}: {total} are counted");
    }
}

/// Every expected line is found as it was said.
fn assert_has(found: &Lines, expected: &Lines, what: &str) {
    let missing: Vec<&RecordId> =
        expected.iter().filter(|(id, line)| found.get(id) != Some(line)).map(|l| l.0).collect();
    assert!(missing.is_empty(), "{what}: {} of {} lines are missing: {:?}", missing.len(), expected.len(), missing[0]);
}

/// A day that is harmed where the store is closed: it is named, the others are served, what the source
/// still has is read again, and a restart is enough to be rid of it.
async fn named_and_set_aside(whole: &Whole, day: &str, what: &str, harm: impl FnOnce(&Path)) {
    let copy = whole.copy(day);
    harm(&copy.path().join("index").join(day));
    let rest = whole.without(day);
    let store = open(copy.path());
    let reader = store.reader();
    assert_serves(&reader, &rest, what);
    // Set aside at once, or marked for the next start.
    let path = copy.path().join("index").join(day);
    let is_known = || !path.exists() || path.join("DAMAGED").exists();
    patiently(&format!("{what}: the day to be named"), poll(async || names(&reader, day) && is_known())).await;
    assert_eq!(reader.status().damaged.len(), 1, "{what}: {:?}", reader.status().damaged);
    let is_set_aside = !path.exists();
    assert_serves(&reader, &rest, what);
    assert!(is_set_aside || day == DAYS[2], "{what}: only the day with the cursors may wait for a restart");
    assert!(!is_set_aside || find(&reader, what) == rest, "{what}: what was set aside is found still");
    // The store's threads live: what comes is taken.
    let behind = whole.source.behind(&store.resumable);
    assert!(is_set_aside || behind.is_empty(), "{what}: the cursors went back without their records");
    fill(store, behind).await;

    let store = open(copy.path());
    assert_eq!(names(&store.reader(), day), !is_set_aside, "{what}: once is enough");
    let behind = whole.source.behind(&store.resumable);
    fill(store, behind).await;
    let store = open(copy.path());
    let found = find(&store.reader(), what);
    assert!(store.reader().status().damaged.is_empty(), "{what}: {:?}", store.reader().status().damaged);
    // The newest day's cursors went back with its records, so that they were read again.
    let expected = if day == DAYS[2] { whole.source.lines(|_| true) } else { rest };
    assert_has(&found, &expected, what);
    assert_eq!(found.len(), expected.len(), "{what}");
    assert!(copy.path().join("index/damaged").join(format!("{day}-0")).exists(), "{what}: it is not kept");
    close(store).await;
}

/// What is harmed is not needed: nothing is missing, and nothing is said.
async fn not_missed(whole: &Whole, day: &str, what: &str, harm: impl FnOnce(&Path)) {
    let copy = whole.copy(day);
    harm(&copy.path().join("index").join(day));
    let store = open(copy.path());
    assert_eq!(find(&store.reader(), what), whole.source.lines(|_| true), "{what}");
    assert!(whole.source.behind(&store.resumable).is_empty(), "{what}: the cursors are others");
    assert!(store.reader().status().damaged.is_empty(), "{what}: {:?}", store.reader().status().damaged);
    close(store).await;
}

/// Every harm to every file of a day.
async fn every_file_and_harm(day: &str) {
    let whole = Whole::new().await;
    let files = whole.files(day);
    for ending in ["words", "lines", "columns", "store", "fast", "idx", "term", "pos", "fieldnorm", "json", "lock"] {
        assert!(files.iter().any(|file| has_ending(file, &[ending])), "no {ending} among {files:?}");
    }
    let cases: Vec<(&String, Harm)> =
        files.iter().flat_map(|file| Harm::ALL.into_iter().map(move |harm| (file, harm))).collect();
    let checks = futures_util::stream::iter(cases).map(|(file, harm)| {
        let whole = &whole;
        async move {
            let what = format!("{file}, {harm:?}");
            let harm_to = |path: &Path| harm.befall(&path.join(file));
            let path = whole.day(day).join(file);
            let bytes = fs::read(&path).unwrap();
            // There may be nothing to harm.
            let len = if harm == Harm::MiddleByteFlipped { content_bytes(&path, &bytes) } else { bytes.len() };
            if len == 0 && harm != Harm::Removed {
                return;
            }
            let is_needed = match file.as_str() {
                lock if has_ending(lock, &["lock"]) => false,
                // Only a list of names, which nothing is read by, and line ends.
                ".managed.json" => !matches!(harm, Harm::Removed | Harm::MiddleByteFlipped | Harm::LastByteCut),
                "meta.json" => harm != Harm::LastByteCut,
                _ => true,
            };
            if is_needed {
                named_and_set_aside(whole, day, &what, harm_to).await;
            } else {
                not_missed(whole, day, &what, harm_to).await;
            }
        }
    });
    checks.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_harm_to_each_file_of_a_day_before_costs_that_day_alone() {
    every_file_and_harm(DAYS[1]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_harm_to_each_file_of_the_newest_day_costs_nothing_that_the_source_has() {
    every_file_and_harm(DAYS[2]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_that_is_no_partition_any_more_is_set_aside() {
    let whole = Whole::new().await;
    for day in [DAYS[1], DAYS[2]] {
        named_and_set_aside(&whole, day, "an empty folder", |path| {
            fs::remove_dir_all(path).unwrap();
            fs::create_dir(path).unwrap();
        })
        .await;
        named_and_set_aside(&whole, day, "a file", |path| {
            fs::remove_dir_all(path).unwrap();
            fs::write(path, "no folder").unwrap();
        })
        .await;
        named_and_set_aside(&whole, day, "drawn bytes in every file", |path| {
            let mut dice = Dice(7);
            for entry in fs::read_dir(path).unwrap() {
                let bytes: Vec<u8> = (0..5_000).map(|_| dice.roll(256) as u8).collect();
                fs::write(entry.unwrap().path(), bytes).unwrap();
            }
        })
        .await;
        named_and_set_aside(&whole, day, "folders in place of files", |path| {
            for entry in fs::read_dir(path).unwrap() {
                let path = entry.unwrap().path();
                fs::remove_file(&path).unwrap();
                fs::create_dir(path).unwrap();
            }
        })
        .await;
    }
}

/// The description has no checksum of its own, and holds the cursors: a wrong digit in it must not become
/// lines that are missing or come twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_bit_anywhere_in_the_description_is_told_or_changes_nothing() {
    let whole = Whole::new().await;
    let day = DAYS[2];
    let file = whole.day(day).join("meta.json");
    let len = fs::read(&file).unwrap().len();
    let places = (0..len).step_by(EVERY).map(|at| {
        let whole = &whole;
        async move {
            let copy = whole.copy(day);
            flip(&copy.path().join("index").join(day).join("meta.json"), at);
            let what = format!("byte {at} of {len}");
            let store = open(copy.path());
            let reader = store.reader();
            let found = find(&reader, &what);
            let behind = whole.source.behind(&store.resumable);
            let is_told = names(&reader, day);
            if is_told {
                assert_eq!(found, whole.without(day), "{what}");
            } else {
                assert_eq!(found, whole.source.lines(|_| true), "{what}");
                assert!(behind.is_empty(), "{what}: {} batches would come twice", behind.len());
            }
            close(store).await;
            usize::from(is_told)
        }
    });
    let told = futures_util::stream::iter(places).buffer_unordered(AT_ONCE).collect::<Vec<usize>>().await;
    let (told, tried) = (told.iter().sum::<usize>(), told.len());
    assert!(told > tried / 2, "only {told} of {tried} were told");
}

/// A merge gives what it writes a right checksum: what is damaged while Foghorn runs must not go into one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_damaged_is_not_merged_into_what_looks_whole() {
    let whole = Whole::new().await;
    let day = DAYS[2];
    let files = whole.files(day).into_iter().filter(|file| has_ending(file, &["words", "lines", "columns"]));
    for file in files {
        let copy = whole.copy(day);
        let path = copy.path().join("index").join(day);
        let store = open(copy.path());
        let mut source = whole.source.clone();
        source.go_on();
        // Behind the check at the start, or before: the pages that a reader has are these.
        let bytes = fs::read(path.join(&file)).unwrap();
        let at = content_bytes(&path.join(&file), &bytes) / 2;
        let harmed = fs::File::options().write(true).open(path.join(&file)).unwrap();
        harmed.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
        let reader = store.reader();
        let appender = store.appender();
        for batch in source.behind(&store.resumable) {
            appender.send(batch).await.unwrap();
        }
        drop(appender);
        tokio::task::spawn_blocking(|| store.close_tidy()).await.unwrap();
        assert!(names(&reader, day), "{file}: {:?}", reader.status().damaged);
        drop(reader);

        let store = open(copy.path());
        assert!(names(&store.reader(), day), "{file} is not set aside");
        assert_eq!(find(&store.reader(), &file), whole.without(day), "{file}");
        let behind = source.behind(&store.resumable);
        fill(store, behind).await;
        let store = open(copy.path());
        assert_eq!(find(&store.reader(), &file), source.lines(|_| true), "{file}");
        close(store).await;
    }
}
