//! OUTPUT the index: append, commit with cursors, search, retention.
//!
//! One thread takes batches (`writer.rs`) and one commits them (`commit.rs`); searches read what is
//! committed and what is not alike. A record is in memory until the commit that makes it durable has succeeded, so a full
//! disk loses nothing: the writer stops taking records and the engine keeps the rest.

mod aggregate;
mod blocks;
mod columns;
mod commit;
mod deadline;
mod delete;
mod interner;
mod keyword;
mod ledger;
mod lines;
mod marked;
mod packed;
mod partition;
mod plan;
mod postings;
mod request;
mod retention;
mod schema;
mod search;
mod segment;
mod trim;
mod view;
mod words;
mod writer;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File, TryLockError};
use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;

use serde::Serialize;
use tantivy::TantivyError;
use tokio::sync::mpsc;
use tracing::{error, warn};

pub use aggregate::{
    Axis, Count, CountRequest, Counts, Facet, FacetCounts, Histogram, MAX_BUCKETS, MAX_SERIES, Series,
};
pub use deadline::Deadline;
pub use search::{Order, PAGE_BYTES, Page, SearchRequest};

use crate::config::{RetentionConfig, StoreConfig};
use crate::record::{Batch, Checkpoint, Container, ContainerId, Fields, Record};
use ledger::Ledger;
use partition::{Key, OpenError, Partition};
use view::View;

/// Batches on their way to the writer, of at most about 128 KiB each; a full queue makes the
/// source wait.
const QUEUE_BATCHES: usize = 32;

/// What goes wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory cannot be used.
    #[error("{path}: {source}")]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process writes there.
    #[error("{0} is in use by another foghorn")]
    InUse(PathBuf),
    /// The index.
    #[error("the index failed: {0}")]
    Index(#[from] TantivyError),
    /// Files.
    #[error("the index's files failed: {0}")]
    Io(#[from] io::Error),
    /// There is not enough space to write safely.
    #[error("the disk is full: {free_bytes} bytes are free, and {wanted_bytes} are wanted")]
    DiskFull {
        /// What is free.
        free_bytes: u64,
        /// What the next commit may take.
        wanted_bytes: u64,
    },
}

/// How the store is doing.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StoreStatus {
    /// Why no records are taken; none while they are.
    pub paused: Option<String>,
    /// Partitions that were found damaged since the start, and why: mostly they were set aside.
    pub damaged: Vec<String>,
    /// Bytes of all partitions.
    pub size_bytes: u64,
    /// Records of all partitions, those in memory included.
    pub records: u64,
    /// Containers whose read cursors are durable.
    pub checkpoints: usize,
    /// How many partitions there are.
    pub partitions: usize,
    /// Commits since the start.
    pub commits: u64,
    /// Commits that failed since the start.
    pub failed_commits: u64,
    /// Records not stored because they were older than the retention when they arrived.
    pub too_old_records: u64,
    /// Partitions removed since the start.
    pub removed: Removed,
    /// Records removed since the start because they were too old for their service, while their day stays.
    pub removed_records: u64,
    /// Bytes free on the store's file system, and its size.
    pub filesystem_bytes: (u64, u64),
}

/// Partitions removed since the start, by the reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// They were too old.
    pub age: u64,
    /// The index was too large.
    pub bytes: u64,
    /// The disk was nearly full.
    pub free_space: u64,
}

impl Removed {
    fn count(&mut self, reason: retention::Expiry) {
        *match reason {
            retention::Expiry::Age => &mut self.age,
            retention::Expiry::Bytes => &mut self.bytes,
            retention::Expiry::FreeSpace => &mut self.free_space,
        } += 1;
    }
}

/// How far a container's records are durable.
#[derive(Clone, Copy, Debug, Default)]
pub struct Durability {
    /// The time of the last durable record.
    pub durable_ns: Option<i64>,
    /// The time of the last record taken.
    pub taken_ns: Option<i64>,
}

/// Makes the fields of a stored line again: from the line, the name of its format, its time and who
/// said it.
pub type ReadFields = Arc<dyn Fn(&str, &str, i64, &Container) -> Fields + Send + Sync>;

/// What readers see: replaced under one lock, so a record is either in memory or committed.
struct Visible {
    partitions: BTreeMap<Key, Arc<Partition>>,
    memory: Vec<Arc<[Record]>>,
}

struct Shared {
    root: PathBuf,
    visible: RwLock<Visible>,
    status: Mutex<StoreStatus>,
    durability: Mutex<HashMap<ContainerId, Durability>>,
    /// Partitions that a search could not read all of.
    suspects: Mutex<BTreeSet<Key>>,
    read_fields: ReadFields,
    /// Set while a command changes partitions itself.
    by_hand: AtomicBool,
    /// Held while what a partition holds is written anew.
    rewriting: Mutex<()>,
    /// Set where the pieces of partitions are merged before the store is closed.
    tidy: AtomicBool,
    /// Set when Foghorn stops: what cannot be made durable now will not be.
    closing: AtomicBool,
}

impl Shared {
    fn new(root: PathBuf, read_fields: ReadFields) -> Self {
        Self {
            root,
            visible: RwLock::new(Visible { partitions: BTreeMap::new(), memory: Vec::new() }),
            status: Mutex::default(),
            durability: Mutex::default(),
            suspects: Mutex::default(),
            read_fields,
            by_hand: AtomicBool::new(false),
            rewriting: Mutex::default(),
            tidy: AtomicBool::new(false),
            closing: AtomicBool::new(false),
        }
    }

    fn visible(&self) -> RwLockReadGuard<'_, Visible> {
        self.visible.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn visible_mut(&self) -> RwLockWriteGuard<'_, Visible> {
        self.visible.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn status(&self) -> MutexGuard<'_, StoreStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn durability(&self) -> MutexGuard<'_, HashMap<ContainerId, Durability>> {
        self.durability.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rewriting(&self) -> MutexGuard<'_, ()> {
        self.rewriting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One look at memory and index together: a record is in exactly one of them.
    fn snapshot(&self) -> (Vec<Arc<[Record]>>, Vec<Arc<View>>) {
        let visible = self.visible();
        (visible.memory.clone(), visible.partitions.values().map(|partition| partition.view()).collect())
    }

    /// Moves a partition out of the way, where a person can look at it.
    ///
    /// # Errors
    /// It stays where it is, such as on a full disk; the status names it all the same.
    fn set_aside(&self, path: &Path, reason: &str) -> io::Result<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let aside = self.root.join("damaged");
        let target = (0..=9_999).map(|n| aside.join(format!("{name}-{n}"))).find(|target| !target.exists());
        let moved = fs::create_dir_all(&aside).and_then(|()| fs::rename(path, target.unwrap_or(aside)));
        match &moved {
            Ok(()) => warn!(partition = name, reason, "a damaged partition was set aside"),
            Err(error) => error!(partition = name, reason, %error, "a damaged partition could not be set aside"),
        }
        self.tell_damaged(&name, reason);
        moved
    }

    /// Names a damaged partition in the status, once, with what is known of it last.
    fn tell_damaged(&self, name: &str, reason: &str) {
        let mut status = self.status();
        status.damaged.retain(|told| told.strip_prefix(name).is_none_or(|rest| !rest.starts_with(": ")));
        status.damaged.push(format!("{name}: {reason}"));
    }

    /// What was read of a partition; none where its files are not what was written: searches go on
    /// without, the status says so, and the committer has its files checked.
    fn or_without<T>(&self, view: &View, read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(error @ StoreError::Index(TantivyError::DataCorruption(_))) => {
                if self.suspects.lock().unwrap_or_else(PoisonError::into_inner).insert(view.key) {
                    let name = view.key.name();
                    warn!(partition = name, %error, "a search cannot read all of a partition");
                    self.tell_damaged(&name, &format!("searches cannot read all of it: {error}"));
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Reads the store; cloning is cheap.
#[derive(Clone)]
pub struct StoreReader {
    shared: Arc<Shared>,
}

impl StoreReader {
    /// How the store is doing.
    pub fn status(&self) -> StoreStatus {
        let mut status = self.shared.status().clone();
        let visible = self.shared.visible();
        status.partitions = visible.partitions.len();
        status.records = visible.partitions.values().map(|p| p.record_count()).sum::<u64>()
            + visible.memory.iter().map(|batch| batch.len() as u64).sum::<u64>();
        status.filesystem_bytes = retention::filesystem_bytes(&self.shared.root).unwrap_or_default();
        status
    }

    /// How far each container's records are durable.
    pub fn durability(&self) -> HashMap<ContainerId, Durability> {
        self.shared.durability().clone()
    }

    /// Finds records. Blocks for as long as the request allows: call it on a thread that may.
    ///
    /// # Errors
    /// [`StoreError::Index`] where the index cannot be read.
    pub fn search(&self, request: &SearchRequest) -> Result<Page, StoreError> {
        search::search(&self.shared, request)
    }

    /// Counts the records that match in steps of time. Blocks like [`search`](Self::search).
    ///
    /// # Errors
    /// [`StoreError::Index`] where the index cannot be read.
    pub fn histogram(&self, request: &CountRequest, axis: &Axis) -> Result<Histogram, StoreError> {
        aggregate::histogram(&self.shared, request, axis)
    }

    /// Counts the values of fields in the records that match. Blocks like [`search`](Self::search).
    ///
    /// # Errors
    /// [`StoreError::Index`] where the index cannot be read.
    pub fn facets(&self, request: &CountRequest, facets: &[Facet], top: usize) -> Result<Counts, StoreError> {
        aggregate::facets(&self.shared, request, facets, top)
    }

    /// Calls `f` with each record that matches, mostly the newest first, until it breaks or the deadline
    /// comes; answers whether the latter did. Blocks like [`search`](Self::search).
    ///
    /// # Errors
    /// [`StoreError::Index`] where the index cannot be read.
    pub fn visit(
        &self,
        request: &CountRequest,
        f: &mut dyn FnMut(&Record) -> ControlFlow<()>,
    ) -> Result<bool, StoreError> {
        aggregate::visit(&self.shared, request, f)
    }

    /// The earliest and the latest time of all records; none where there are none.
    pub fn time_range(&self) -> Option<(i64, i64)> {
        aggregate::time_range(&self.shared)
    }
}

/// The open store: its writer, and what was found in it.
pub struct Store {
    shared: Arc<Shared>,
    sender: mpsc::Sender<Batch>,
    threads: [JoinHandle<()>; 2],
    /// Where reading resumes for each container, as it was committed last.
    pub resumable: HashMap<ContainerId, (Container, Checkpoint)>,
}

impl Store {
    /// Opens the store at `config.path`, or makes it, and starts its thread. Damaged partitions
    /// are set aside: they never keep Foghorn from starting.
    ///
    /// # Errors
    /// [`StoreError::Directory`] where the directory or a file in it cannot be opened for a reason
    /// that says nothing about its content, and [`StoreError::InUse`].
    pub fn open(
        config: &StoreConfig,
        retention: &RetentionConfig,
        read_fields: ReadFields,
    ) -> Result<Self, StoreError> {
        let root = config.path.join("index");
        let directory = |source| StoreError::Directory { path: root.clone(), source };
        fs::create_dir_all(&root).map_err(directory)?;
        let lock =
            File::options().create(true).write(true).truncate(false).open(root.join("lock")).map_err(directory)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse(root)),
            Err(TryLockError::Error(source)) => return Err(directory(source)),
        }
        let shared = Arc::new(Shared::new(root.clone(), read_fields));
        let ledger = open_partitions(&shared).map_err(directory)?;
        shared.status().checkpoints = ledger.len();
        shared.status().size_bytes = shared.visible().partitions.values().map(|p| p.size_bytes()).sum();
        let (sender, receiver) = mpsc::channel(QUEUE_BATCHES);
        let (groups, due) = std::sync::mpsc::sync_channel(0);
        let writer = writer::Writer::new(Arc::clone(&shared), config, retention, groups);
        let committer = commit::Committer::new(Arc::clone(&shared), retention, ledger.clone(), lock);
        let runtime = tokio::runtime::Handle::current();
        let watched = Arc::clone(&shared);
        let spawn = |name: &str| std::thread::Builder::new().name(name.into());
        let threads = [
            spawn("store").spawn(move || writer.run(&runtime, receiver))?,
            spawn("commit").spawn(move || {
                if catch_unwind(AssertUnwindSafe(|| committer.run(&due))).is_err() {
                    error!("the store's thread failed; restart foghorn, and it goes on behind the last commit");
                    watched.status().paused =
                        Some("the store's thread failed, see foghorn's own log; restart it".into());
                }
            })?,
        ];
        Ok(Self { shared, sender, threads, resumable: ledger.into_entries() })
    }

    /// A handle to read with.
    pub fn reader(&self) -> StoreReader {
        StoreReader { shared: Arc::clone(&self.shared) }
    }

    /// A handle to append with: blocks while the store is behind, or paused.
    pub fn appender(&self) -> mpsc::Sender<Batch> {
        self.sender.clone()
    }

    /// From now on what cannot be made durable is given up, so that nobody waits for a full disk.
    pub fn stop_waiting(&self) {
        self.shared.closing.store(true, Ordering::Release);
    }

    /// The containers that have durable records, and how many.
    ///
    /// # Errors
    /// [`StoreError::Index`] where the index cannot be read.
    pub fn containers(&self) -> Result<Vec<(Container, u64)>, StoreError> {
        delete::containers(&self.shared)
    }

    /// Deletes every durable record of the containers that are wanted, and writes what held them anew.
    /// Nothing may have been appended since the store was opened.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`] where there is no room to write, and [`StoreError::Index`]: what was
    /// deleted until then is, and the rest when it is asked for again.
    pub fn delete(&self, is_wanted: &dyn Fn(&Container) -> bool) -> Result<(), StoreError> {
        self.shared.by_hand.store(true, Ordering::Release);
        // What was begun before ends first.
        let _alone = self.shared.rewriting();
        delete::delete(&self.shared, is_wanted)
    }

    /// As [`close`](Self::close), and merges what many commits left in pieces: for one that filled the
    /// store and will not be there to do so later.
    pub fn close_tidy(self) {
        self.shared.tidy.store(true, Ordering::Release);
        self.close();
    }

    /// Waits until everything appended is durable, or cannot be made so. Every other appender has
    /// to be gone.
    pub fn close(self) {
        self.stop_waiting();
        drop(self.sender);
        for thread in self.threads {
            if thread.join().is_err() {
                error!("a thread of the store failed");
            }
        }
    }
}

/// Opens what there is; answers the newest cursors.
fn open_partitions(shared: &Shared) -> io::Result<Ledger> {
    let mut newest = Ledger::default();
    for entry in fs::read_dir(&shared.root)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if name.starts_with(".new-") {
            fs::remove_dir_all(&path)?;
            continue;
        }
        let Some(key) = Key::from_name(name) else { continue };
        if path.join(retention::DAMAGED_MARK).exists() {
            // Where it stays, it is tried again before its day is written.
            drop(shared.set_aside(&path, "its checksums were found wrong"));
            continue;
        }
        let opened = Partition::open(&path, key).and_then(|partition| Ok((partition.ledger()?, partition)));
        match opened {
            Ok((ledger, partition)) => {
                if let Some(ledger) = ledger.filter(|l| l.sequence > newest.sequence) {
                    newest = ledger;
                }
                shared.visible_mut().partitions.insert(key, Arc::new(partition));
            }
            Err(OpenError::Damaged(reason)) => drop(shared.set_aside(&path, &reason)),
            Err(OpenError::System(error)) => return Err(error),
        }
    }
    Ok(newest)
}
