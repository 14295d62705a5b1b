//! A source that keeps what it says, and the store itself: what was said → what the store finds.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foghorn::config::{RetentionConfig, StoreConfig};
use foghorn::parse;
use foghorn::pipeline::{Pipeline, Settings};
use foghorn::record::{
    Batch, Checkpoint, Container, ContainerCursor, ContainerId, DAY_NS, Frame, Position, Record, RecordId, Stream,
};
use foghorn::store::{Deadline, Order, PAGE_BYTES, SearchRequest, Store, StoreReader};

/// The days that are spoken on, as their partitions are called.
pub const DAYS: [&str; 3] = ["2026-11-20", "2026-11-21", "2026-11-22"];
/// Midnight of the first.
const START_NS: i64 = 1_795_132_800_000_000_000;
/// Commits of each day, which are its segments.
pub const COMMITS: usize = 3;
/// Records of each container in each commit.
const RECORDS: usize = 60;

/// Lines by the ids of their records.
pub type Lines = BTreeMap<RecordId, Box<str>>;

/// Where reading resumes, as the store has it.
pub type Resumable = HashMap<ContainerId, (Container, Checkpoint)>;

/// Two containers that said something on each day, and can be asked for it again.
#[derive(Clone)]
pub struct Source {
    pub batches: Vec<Batch>,
}

impl Source {
    pub fn new() -> Self {
        let mut source = Self { batches: Vec::new() };
        for day in 0..DAYS.len() {
            (0..COMMITS).for_each(|commit| source.say(day, commit));
        }
        source
    }

    fn say(&mut self, day: usize, commit: usize) {
        let start_ns = START_NS + day as i64 * DAY_NS + commit as i64 * 3_600_000_000_000;
        let batches = ["web", "api"].iter().zip(1..).map(|(name, number)| batch(name, number, start_ns));
        self.batches.extend(batches);
    }

    /// Says more on the last day.
    pub fn go_on(&mut self) {
        self.say(DAYS.len() - 1, COMMITS);
    }

    /// What was said of days that are wanted.
    pub fn lines(&self, is_wanted: impl Fn(&str) -> bool) -> Lines {
        let records = self.batches.iter().flat_map(|batch| batch.records.iter());
        records.filter(|record| is_wanted(day(record))).map(|record| (record.id(), record.raw.clone())).collect()
    }

    /// What was said behind the places that the store knows.
    pub fn behind(&self, resumable: &Resumable) -> Vec<Batch> {
        let is_new = |batch: &&Batch| {
            let (_, known) = resumable.get(&batch.container.id)?;
            let place = |checkpoint: &Checkpoint| checkpoint.cursor.stdout.last;
            Some(place(&batch.checkpoint) > place(known))
        };
        self.batches.iter().filter(|batch| is_new(batch).unwrap_or(true)).cloned().collect()
    }
}

/// The partition of a record.
pub fn day(record: &Record) -> &'static str {
    DAYS[usize::try_from((record.time_ns() - START_NS) / DAY_NS).unwrap()]
}

/// What a container says in a minute.
fn batch(service: &str, number: u32, start_ns: i64) -> Batch {
    let container = Arc::new(Container {
        id: ContainerId::new(&format!("{number:064x}")),
        name: format!("shop-{service}-1"),
        project: "shop".into(),
        service: service.into(),
        number: 1,
    });
    let mut pipeline = Pipeline::new(Arc::clone(&container), ContainerCursor::default(), &Settings::default());
    for n in 0..RECORDS as i64 {
        let time_ns = start_ns + n * 1_000_000_000;
        let line = format!("GET /items/{} took {} ms for {time_ns:x}\n", time_ns % 977, n * 7);
        let position = Position { time_ns, ordinal: 0 };
        pipeline.push(Frame { stream: Stream::Stdout, position, bytes: line.as_bytes() });
    }
    pipeline.finish();
    let finish = pipeline.take().pop().unwrap();
    assert_eq!(finish.records.len(), RECORDS);
    let checkpoint = Checkpoint {
        cursor: finish.cursor,
        first_seen_ns: START_NS,
        complete: false,
        import: None,
        forget: false,
        urgent: false,
    };
    Batch { container, records: finish.records.into(), checkpoint }
}

/// Opens a store that makes a commit of each batch of both containers.
pub fn open(path: &Path) -> Store {
    let config = StoreConfig {
        path: path.to_owned(),
        commit_interval: Duration::from_secs(5),
        commit_records: 2 * RECORDS as u64,
        commit_bytes: 16 << 20,
    };
    let retention = RetentionConfig {
        max_age: Duration::from_secs(1 << 30),
        services: BTreeMap::default(),
        max_bytes: 10 << 30,
        min_free_bytes: 0,
    };
    let read_fields = |raw: &str, format: &str, time_ns, _: &Container| parse::fields(raw, format, time_ns);
    Store::open(&config, &retention, Arc::new(read_fields)).unwrap()
}

/// Sends batches to a store, and waits until they are durable.
pub async fn fill(store: Store, batches: Vec<Batch>) {
    let appender = store.appender();
    for batch in batches {
        appender.send(batch).await.unwrap();
    }
    drop(appender);
    close(store).await;
}

pub async fn close(store: Store) {
    tokio::task::spawn_blocking(|| store.close()).await.unwrap();
}

/// Everything that the store finds; fails where something comes twice, or not in order.
pub fn find(reader: &StoreReader, what: &str) -> Lines {
    let found = find_any(reader, what);
    assert!(found.is_sorted_by(|a, b| a.id() < b.id()), "{what}: records come twice, or out of order");
    found.into_iter().map(|record| (record.id(), record.raw)).collect()
}

pub fn soon() -> Deadline {
    Deadline::at(Instant::now() + crate::support::PATIENCE)
}

/// The same, whatever it is: what is damaged may have another time with each look.
pub fn find_any(reader: &StoreReader, what: &str) -> Vec<Record> {
    let mut found = Vec::new();
    loop {
        let request = SearchRequest {
            query: "".parse().unwrap(),
            from_ns: None,
            to_ns: None,
            order: Order::OldestFirst,
            after: found.last().map(Record::id),
            limit: 500,
            max_bytes: PAGE_BYTES,
            deadline: soon(),
        };
        let page = reader.search(&request).unwrap_or_else(|error| panic!("{what}: a search over everything: {error}"));
        assert!(!page.is_partial, "{what}: a page is not complete");
        found.extend(page.records);
        if !page.has_more {
            return found;
        }
    }
}
