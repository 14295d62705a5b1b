//! The store's thread: batches → memory → commits, and the care of partitions.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout_at;
use tracing::{debug, info, warn};

use super::ledger::Ledger;
use super::partition::{Key, Partition, PartitionWriter, RecordAt};
use super::{Shared, StoreError, retention};
use crate::config::{RetentionConfig, StoreConfig};
use crate::record::{Batch, ContainerId, DAY_NS, Record};

/// A batch that must be durable soon waits at most this long.
const URGENT: Duration = Duration::from_millis(200);
/// How often a paused store tries again.
const RETRY: Duration = Duration::from_secs(2);
/// How often retention and merging look around on an otherwise idle machine.
const CARE: Duration = Duration::from_secs(60);
/// How often the index's size is measured while it grows.
const MEASURE: Duration = Duration::from_secs(10);
/// While every commit is full, merging waits for so many: there are segments enough to search.
const BUSY_COMMITS: u64 = 64;
/// A partition that is not written any more keeps its writer for so many commits.
const IDLE_COMMITS: u64 = 3;

struct Pending {
    key: Key,
    batch: Batch,
}

struct OpenWriter {
    writer: PartitionWriter,
    last_used: u64,
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    commit_interval: Duration,
    commit_records: usize,
    commit_bytes: usize,
    retention: RetentionConfig,
    ledger: Ledger,
    pending: Vec<Pending>,
    pending_records: usize,
    pending_bytes: usize,
    due: Option<Instant>,
    writers: HashMap<Key, OpenWriter>,
    /// The part that each day's records go to until the next commit.
    round_keys: HashMap<i64, Key>,
    /// The partition that a container's last batch went to: a clock set back does not go back.
    last_key: HashMap<ContainerId, Key>,
    commits: u64,
    measured: Instant,
    merge: Option<(Key, std_mpsc::Receiver<Result<(), String>>)>,
    check: Option<std_mpsc::Receiver<(Key, Vec<std::path::PathBuf>)>>,
    _lock: File,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        config: &StoreConfig,
        retention: &RetentionConfig,
        ledger: Ledger,
        lock: File,
    ) -> Self {
        let check = retention::check_in_background(&shared);
        Self {
            shared,
            commit_interval: config.commit_interval,
            commit_records: usize::try_from(config.commit_records).unwrap_or(usize::MAX),
            commit_bytes: usize::try_from(config.commit_bytes).unwrap_or(usize::MAX),
            retention: *retention,
            ledger,
            pending: Vec::new(),
            pending_records: 0,
            pending_bytes: 0,
            due: None,
            writers: HashMap::new(),
            round_keys: HashMap::new(),
            last_key: HashMap::new(),
            commits: 0,
            measured: Instant::now(),
            merge: None,
            check: Some(check),
            _lock: lock,
        }
    }

    /// Takes batches until every sender is gone, then commits the rest.
    pub(super) fn run(mut self, runtime: &Handle, mut receiver: mpsc::Receiver<Batch>) {
        let mut next_care = Instant::now();
        loop {
            if self.due.is_some_and(|due| due <= Instant::now())
                && let Err(error) = self.commit()
            {
                self.pause(&error);
                if receiver.is_closed() {
                    warn!(%error, "stopping with records that are not durable; the engine has them still");
                    return;
                }
                std::thread::park_timeout(RETRY);
                continue;
            }
            if next_care <= Instant::now() {
                self.care();
                next_care = Instant::now() + CARE;
            }
            let wake = self.due.map_or(next_care, |due| due.min(next_care));
            let batch = runtime.block_on(async { timeout_at(wake.into(), receiver.recv()).await });
            match batch {
                Ok(Some(batch)) => self.append(batch),
                Ok(None) => break,
                Err(_elapsed) => {}
            }
        }
        if let Err(error) = self.commit() {
            warn!(%error, "stopping with records that are not durable; the engine has them still");
        }
        if let Some((_, merging)) = self.merge.take() {
            // A merge that is cut off costs nothing but its work.
            drop(merging);
        }
    }

    fn append(&mut self, batch: Batch) {
        let now = Instant::now();
        let key = self.key(&batch);
        let records = batch.records.len();
        let first_ns = batch.records.first().map(Record::time_ns);
        let batch = match first_ns {
            Some(time_ns) if retention::is_too_old(time_ns, &self.retention) => {
                self.shared.status().too_old_records += records as u64;
                Batch { records: Arc::new([]), ..batch }
            }
            _ => batch,
        };
        if !batch.records.is_empty() {
            self.pending_records += records;
            self.pending_bytes += batch.records.iter().map(|r| r.raw.len()).sum::<usize>();
            let taken_ns = batch.records.last().map(Record::time_ns);
            self.shared.durability().entry(batch.container.id.clone()).or_default().taken_ns = taken_ns;
            self.shared.visible_mut().memory.push(Arc::clone(&batch.records));
        }
        let urgent = batch.checkpoint.urgent;
        self.last_key.insert(batch.container.id.clone(), key);
        if batch.checkpoint.forget {
            self.last_key.remove(&batch.container.id);
        }
        self.pending.push(Pending { key, batch });
        let due = if self.pending_records >= self.commit_records || self.pending_bytes >= self.commit_bytes {
            now
        } else if urgent {
            now + URGENT.min(self.commit_interval)
        } else {
            now + self.commit_interval
        };
        self.due = Some(self.due.map_or(due, |before| before.min(due)));
    }

    /// The partition of a batch: that of its day, or a later one that its container has reached.
    fn key(&mut self, batch: &Batch) -> Key {
        let last = self.last_key.get(&batch.container.id).copied();
        let day = match (batch.records.first(), last) {
            (Some(record), _) => Key::of_time(record.time_ns()),
            (None, Some(last)) => last,
            (None, None) => Key::of_time(now_ns()),
        };
        let visible = self.shared.visible();
        let newest_part =
            visible.partitions.range(day..Key { day: day.day + 1, part: 0 }).next_back().map_or(day, |(key, _)| *key);
        let part_limit = self.retention.max_bytes / retention::PARTS;
        let key = match visible.partitions.get(&newest_part) {
            Some(partition)
                if !self.round_keys.contains_key(&day.day)
                    && partition.size_bytes() > part_limit.max(retention::MIN_PART_BYTES) =>
            {
                Key { part: newest_part.part + 1, ..newest_part }
            }
            _ => newest_part,
        };
        drop(visible);
        // One part a day and round, whatever the sizes do meanwhile.
        let key = *self.round_keys.entry(day.day).or_insert(key);
        last.map_or(key, |last| last.max(key))
    }

    /// Commits everything pending, one partition after the other, oldest first. What a failure
    /// leaves is still pending, and will be tried again.
    fn commit(&mut self) -> Result<(), StoreError> {
        if self.pending.is_empty() {
            self.due = None;
            return Ok(());
        }
        let began = Instant::now();
        retention::check_space(&self.shared.root, self.pending_bytes as u64)?;
        let mut rounds: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
        for (at, pending) in self.pending.iter().enumerate() {
            rounds.entry(pending.key).or_default().push(at);
        }
        let total = self.pending_records;
        for (key, places) in rounds {
            self.commit_partition(key, &places)?;
        }
        self.pending.clear();
        self.round_keys.clear();
        (self.pending_records, self.pending_bytes, self.due) = (0, 0, None);
        self.commits += 1;
        let commits = self.commits;
        self.writers.retain(|_, open| commits - open.last_used <= IDLE_COMMITS);
        {
            let mut status = self.shared.status();
            status.commits += 1;
            if status.paused.take().is_some() {
                info!("the store takes records again");
            }
        }
        debug!(records = total, ms = began.elapsed().as_millis(), "committed");
        // Not while records pour in: merging competes with reading them.
        if total < self.commit_records || self.commits.is_multiple_of(BUSY_COMMITS) {
            self.merge();
        }
        if self.measured.elapsed() > MEASURE {
            self.measure();
        }
        release_memory();
        Ok(())
    }

    fn commit_partition(&mut self, key: Key, places: &[usize]) -> Result<(), StoreError> {
        let partition = self.partition(key)?;
        let mut ledger = self.ledger.clone();
        ledger.sequence += 1;
        let mut records = Vec::new();
        for &at in places {
            let batch = &self.pending[at].batch;
            ledger.apply(&batch.container, &batch.checkpoint);
            records.extend((0..batch.records.len()).map(|index| RecordAt { batch: Arc::clone(&batch.records), index }));
        }
        let open = match self.writers.remove(&key) {
            Some(open) => Ok(open.writer),
            None => partition.writer(),
        };
        let mut writer = open?;
        // A writer that failed is dropped: used again, it would go on over missing records.
        writer.commit(&mut records, &ledger)?;
        self.writers.insert(key, OpenWriter { writer, last_used: self.commits + 1 });
        self.ledger = ledger;
        self.shared.status().checkpoints = self.ledger.len();

        // From memory to the index in one step, as seen by searches.
        let mut visible = self.shared.visible_mut();
        partition.reload()?;
        let done: Vec<Batch> = places.iter().map(|&at| self.pending[at].batch.clone()).collect();
        let committed: HashSet<*const Record> = done.iter().map(|batch| batch.records.as_ptr()).collect();
        visible.memory.retain(|records| !committed.contains(&records.as_ptr()));
        drop(visible);
        let mut durability = self.shared.durability();
        for batch in &done {
            if batch.checkpoint.forget {
                durability.remove(&batch.container.id);
            } else if let Some(record) = batch.records.last() {
                durability.entry(batch.container.id.clone()).or_default().durable_ns = Some(record.time_ns());
            }
        }
        drop(durability);
        // Done even if a later partition of this round fails: never write these again.
        for &at in places {
            self.pending[at].batch.records = Arc::new([]);
        }
        Ok(())
    }

    fn partition(&mut self, key: Key) -> Result<Arc<Partition>, StoreError> {
        if let Some(partition) = self.shared.visible().partitions.get(&key) {
            return Ok(Arc::clone(partition));
        }
        let partition = Arc::new(Partition::create(&self.shared.root, key)?);
        self.shared.visible_mut().partitions.insert(key, Arc::clone(&partition));
        Ok(partition)
    }

    fn pause(&mut self, error: &StoreError) {
        let mut status = self.shared.status();
        status.failed_commits += 1;
        let reason = error.to_string();
        if status.paused.as_ref() != Some(&reason) {
            warn!(reason, "the store is paused: the engine keeps the lines, and reading resumes when it can");
        }
        status.paused = Some(reason);
        drop(status);
        for open in self.writers.values() {
            open.writer.collect_garbage();
        }
        self.due = Some(Instant::now());
    }

    /// Starts a merge where one is worth it and none is running.
    fn merge(&mut self) {
        if let Some((key, done)) = &self.merge {
            match done.try_recv() {
                Err(std_mpsc::TryRecvError::Empty) => return,
                Ok(Err(reason)) => warn!(partition = key.name(), reason, "a merge failed"),
                Ok(Ok(())) | Err(std_mpsc::TryRecvError::Disconnected) => {}
            }
            if let Some(partition) = self.shared.visible().partitions.get(key)
                && let Err(error) = partition.reload()
            {
                warn!(partition = key.name(), %error, "a merged partition cannot be reloaded");
            }
            self.merge = None;
        }
        for (&key, open) in &mut self.writers {
            let Some(partition) = self.shared.visible().partitions.get(&key).cloned() else { continue };
            if let Some(merging) = open.writer.start_merge(&partition) {
                let (sender, receiver) = std_mpsc::channel();
                let waiting = std::thread::Builder::new().name("merge".into()).spawn(move || {
                    let result = merging.wait().map(|_| ()).map_err(|e| e.to_string());
                    drop(sender.send(result));
                });
                if waiting.is_ok() {
                    self.merge = Some((key, receiver));
                }
                return;
            }
        }
    }

    /// What has to be done now and then: retention, merges, damage found by the check.
    fn care(&mut self) {
        self.merge();
        if let Some(check) = &self.check {
            match check.try_recv() {
                Ok((key, files)) => self.damaged(key, &files),
                Err(std_mpsc::TryRecvError::Disconnected) => self.check = None,
                Err(std_mpsc::TryRecvError::Empty) => {}
            }
        }
        let expired = retention::expired(&self.shared, &self.retention, self.ledger_key());
        for key in expired {
            self.writers.remove(&key);
            let removed = self.shared.visible_mut().partitions.remove(&key);
            if let Some(partition) = removed {
                match std::fs::remove_dir_all(&partition.path) {
                    Ok(()) => info!(partition = key.name(), "removed: older or more than the retention allows"),
                    Err(error) => warn!(partition = key.name(), %error, "an expired partition cannot be removed"),
                }
            }
        }
        self.measure();
    }

    fn measure(&mut self) {
        let size_bytes = self.shared.visible().partitions.values().map(|p| p.size_bytes()).sum();
        self.shared.status().size_bytes = size_bytes;
        self.measured = Instant::now();
    }

    /// The partition whose payload counts: the one written last.
    fn ledger_key(&self) -> Option<Key> {
        let visible = self.shared.visible();
        visible
            .partitions
            .iter()
            .filter_map(|(key, partition)| Some((partition.ledger().ok()??.sequence, *key)))
            .max()
            .map(|(_, key)| key)
    }

    /// An old partition is set aside at once. The one that holds the cursors is marked, and set
    /// aside at the next start, where cursors and records can go back together.
    fn damaged(&mut self, key: Key, files: &[std::path::PathBuf]) {
        let reason = format!("{} of its files have wrong checksums", files.len());
        if self.ledger_key() == Some(key) || self.writers.contains_key(&key) {
            let path = self.shared.visible().partitions.get(&key).map(|p| p.path.clone());
            if let Some(path) = path {
                warn!(
                    partition = key.name(),
                    reason, "the current partition is damaged; restart to set it aside and read its lines again"
                );
                drop(std::fs::write(path.join(retention::DAMAGED_MARK), &reason));
                self.shared.status().damaged.push(format!("{}: {reason}; restart to set it aside", key.name()));
            }
            return;
        }
        let removed = self.shared.visible_mut().partitions.remove(&key);
        if let Some(partition) = removed {
            self.shared.set_aside(&partition.path, &reason);
        }
    }
}

/// Gives memory of a commit back to the system: an allocator keeps it for the next burst, and an
/// agent that sits idle beside an application should not.
#[allow(unsafe_code)]
fn release_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim takes no pointers and may be called at any time (glibc's manual, MT-Safe).
    unsafe {
        libc::malloc_trim(0);
    }
}

fn now_ns() -> i64 {
    chrono::Utc::now().timestamp_nanos_opt().unwrap_or(DAY_NS)
}
