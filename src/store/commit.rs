//! Groups of batches → commits, one after the other, and the care of partitions.
//!
//! Runs on a thread of its own beside the one that takes batches, so that a commit's waiting for
//! the disk does not hold up reading.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tracing::{debug, info, warn};

use super::ledger::Ledger;
use super::partition::{Key, Partition, PartitionWriter, RecordAt};
use super::retention::{Expiry, Room};
use super::trim::{Due, Trimmer};
use super::{Shared, StoreError, retention};
use crate::config::RetentionConfig;
use crate::record::{Batch, Record};

/// How often a paused store tries again.
const RETRY: Duration = Duration::from_secs(2);
/// How often retention and merging look around on an otherwise idle machine.
const CARE: Duration = Duration::from_mins(1);
/// The same while a partition is written anew without what is too old: the next one may wait.
const TRIM_CARE: Duration = Duration::from_secs(1);
/// How often damage is asked for while files are checked.
const LOOK: Duration = Duration::from_millis(100);
/// While every commit is full, merging waits for so many: there are segments enough to search.
const BUSY_COMMITS: u64 = 64;
/// How long nothing is merged after a merge failed.
const MERGE_PAUSE: Duration = Duration::from_mins(10);
/// How often the index's size is measured while it grows.
const MEASURE: Duration = Duration::from_secs(10);
/// A partition that is not written any more keeps its writer for so many commits.
const IDLE_COMMITS: u64 = 3;

/// A batch and the partition that it belongs to.
pub(super) struct Pending {
    pub key: Key,
    pub batch: Batch,
}

/// What one commit makes durable, in the order in which it was taken.
#[derive(Default)]
pub(super) struct Group {
    pub pending: Vec<Pending>,
    pub bytes: usize,
    /// It was full before it was due: records pour in.
    pub is_full: bool,
}

struct OpenWriter {
    writer: PartitionWriter,
    last_used: u64,
}

pub(super) struct Committer {
    shared: Arc<Shared>,
    retention: RetentionConfig,
    ledger: Ledger,
    /// Committed records that searches still find in memory, by address.
    unshown: HashMap<Key, HashSet<usize>>,
    writers: HashMap<Key, OpenWriter>,
    commits: u64,
    measured: Instant,
    merge: Option<(Key, std_mpsc::Receiver<Result<(), String>>)>,
    /// No merge before then: one failed, and would do so again.
    next_merge: Instant,
    /// What a commit wanted that had no room; 0 where the last one had.
    wanted_bytes: u64,
    room: Room,
    trimmer: Trimmer,
    /// The partitions that this process wrote to.
    written: HashSet<Key>,
    check: Option<std_mpsc::Receiver<(Key, Vec<std::path::PathBuf>)>>,
    /// What searches could not read, and was checked since.
    checked: HashSet<Key>,
    _lock: File,
}

impl Committer {
    pub(super) fn new(shared: Arc<Shared>, retention: &RetentionConfig, ledger: Ledger, lock: File) -> Self {
        let check = retention::check_in_background(&shared, |_| true);
        Self {
            shared,
            retention: retention.clone(),
            trimmer: Trimmer::new(retention),
            ledger,
            unshown: HashMap::new(),
            writers: HashMap::new(),
            commits: 0,
            measured: Instant::now(),
            merge: None,
            next_merge: Instant::now(),
            wanted_bytes: 0,
            room: Room::default(),
            written: HashSet::new(),
            check: Some(check),
            checked: HashSet::new(),
            _lock: lock,
        }
    }

    /// Commits group after group until there will be no more.
    pub(super) fn run(mut self, groups: &std_mpsc::Receiver<Group>) {
        let is_all = self.commit_all(groups);
        self.trimmer.wait(&self.shared);
        if is_all && self.shared.tidy.load(Ordering::Acquire) {
            self.tidy();
        }
    }

    /// False where Foghorn stops before all is durable.
    fn commit_all(&mut self, groups: &std_mpsc::Receiver<Group>) -> bool {
        let mut next_care = Instant::now();
        loop {
            if next_care <= Instant::now() {
                self.care();
                next_care = Instant::now() + if self.trimmer.is_at_work() { TRIM_CARE } else { CARE };
            }
            self.take_damaged();
            let until_care = next_care.saturating_duration_since(Instant::now());
            let until_look = if self.check.is_some() { LOOK } else { until_care };
            match groups.recv_timeout(until_look.min(until_care)) {
                Ok(group) => {
                    if !self.persist(group) {
                        return false;
                    }
                }
                Err(std_mpsc::RecvTimeoutError::Timeout) => {}
                Err(std_mpsc::RecvTimeoutError::Disconnected) => return true,
            }
        }
    }

    /// Commits a group, trying again for as long as it takes; false where Foghorn stops first.
    fn persist(&mut self, mut group: Group) -> bool {
        while let Err(error) = self.commit(&mut group) {
            self.pause(&error);
            self.wanted_bytes = match error {
                StoreError::DiskFull { wanted_bytes, .. } => wanted_bytes,
                _ => 0,
            };
            if self.shared.closing.load(Ordering::Acquire) {
                warn!(%error, "stopping with records that are not durable; the engine has them still");
                return false;
            }
            // What has expired makes room.
            self.care();
            std::thread::park_timeout(RETRY);
        }
        self.wanted_bytes = 0;
        true
    }

    /// Commits a group, one partition after the other, oldest first. What a failure leaves is
    /// still in the group, and will be tried again.
    fn commit(&mut self, group: &mut Group) -> Result<(), StoreError> {
        let began = Instant::now();
        retention::check_space(&self.shared.root, group.bytes as u64)?;
        let total: usize = group.pending.iter().map(|pending| pending.batch.records.len()).sum();
        while let Some(key) = group.pending.iter().map(|pending| pending.key).min() {
            self.commit_partition(key, &group.pending)?;
            // Done even if a later partition fails: written again, cursors would go backwards.
            group.pending.retain(|pending| pending.key != key);
        }
        self.commits += 1;
        let commits = self.commits;
        // Dropped, a writer would end the merge of its partition.
        let merging = self.merge.as_ref().map(|(key, _)| *key);
        self.writers.retain(|key, open| commits - open.last_used <= IDLE_COMMITS || merging == Some(*key));
        {
            let mut status = self.shared.status();
            status.commits += 1;
            if status.paused.take().is_some() {
                info!("the store takes records again");
            }
        }
        debug!(records = total, ms = began.elapsed().as_millis(), "committed");
        // Not while records pour in: merging competes with reading them.
        if !group.is_full || self.commits.is_multiple_of(BUSY_COMMITS) {
            self.merge();
        }
        if self.measured.elapsed() > MEASURE {
            self.measure();
        }
        Ok(())
    }

    fn commit_partition(&mut self, key: Key, pending: &[Pending]) -> Result<(), StoreError> {
        // Two do not write to a partition at once.
        self.trimmer.wait_for(key, &self.shared);
        let partition = self.partition(key)?;
        let mut ledger = self.ledger.clone();
        ledger.sequence += 1;
        let batches = || pending.iter().filter(|pending| pending.key == key).map(|pending| &pending.batch);
        let mut records = Vec::new();
        for batch in batches() {
            ledger.apply(&batch.container, &batch.checkpoint);
            records.extend((0..batch.records.len()).map(|index| RecordAt { batch: Arc::clone(&batch.records), index }));
        }
        let mut writer = match self.writers.remove(&key) {
            Some(open) => open.writer,
            None => partition.writer()?,
        };
        if let Err(error) = writer.commit(&mut records, &ledger) {
            // A writer that failed is dropped: used again, it would go on over missing records.
            writer.collect_garbage();
            self.merge.take_if(|(merging, _)| *merging == key);
            return Err(error);
        }
        self.writers.insert(key, OpenWriter { writer, last_used: self.commits + 1 });
        if !records.is_empty() {
            self.written.insert(key);
            self.trimmer.look_again(key);
        }
        self.ledger = ledger;
        self.shared.status().checkpoints = self.ledger.len();
        let mut durability = self.shared.durability();
        for batch in batches() {
            if batch.checkpoint.forget {
                durability.remove(&batch.container.id);
            } else if let Some(record) = batch.records.last() {
                durability.entry(batch.container.id.clone()).or_default().durable_ns = Some(record.time_ns());
            }
        }
        drop(durability);
        let committed = batches().filter(|batch| !batch.records.is_empty()).map(|batch| address(&batch.records));
        self.unshown.entry(key).or_default().extend(committed);
        self.show(key);
        Ok(())
    }

    /// From memory to the index in one step, as seen by searches. Where the index cannot be
    /// reloaded now, the records stay in memory, and this is done with the next commit.
    fn show(&mut self, key: Key) {
        let mut visible = self.shared.visible_mut();
        let Some(partition) = visible.partitions.get(&key).cloned() else { return };
        if let Err(error) = partition.reload() {
            warn!(partition = key.name(), %error, "the partition cannot be reloaded; its new records are served from memory");
            return;
        }
        if let Some(shown) = self.unshown.remove(&key) {
            visible.memory.retain(|records| !shown.contains(&address(records)));
        }
    }

    fn partition(&mut self, key: Key) -> Result<Arc<Partition>, StoreError> {
        if let Some(partition) = self.shared.visible().partitions.get(&key) {
            return Ok(Arc::clone(partition));
        }
        // One that is damaged, and could not be set aside before.
        let path = self.shared.root.join(key.name());
        if path.exists() {
            self.shared.set_aside(&path, "it cannot be opened")?;
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
    }

    /// Starts a merge where one is worth it and none is running.
    fn merge(&mut self) {
        if let Some((key, done)) = &self.merge {
            let failure = match done.try_recv() {
                Err(std_mpsc::TryRecvError::Empty) => return,
                Ok(Ok(())) => None,
                Ok(Err(reason)) => Some(reason),
                Err(std_mpsc::TryRecvError::Disconnected) => Some("it panicked".into()),
            };
            let key = *key;
            if let Some(reason) = failure {
                warn!(partition = key.name(), reason, "a merge failed; its pieces stay for now");
                self.next_merge = Instant::now() + MERGE_PAUSE;
            }
            self.merge = None;
            self.show(key);
        }
        if Instant::now() < self.next_merge {
            return;
        }
        let mut damaged = None;
        for (&key, open) in &mut self.writers {
            let Some(partition) = self.shared.visible().partitions.get(&key).cloned() else { continue };
            let started = open.writer.start_merge(&partition).unwrap_or_else(|files| {
                damaged = Some((key, files));
                None
            });
            if let Some(merging) = started {
                let (sender, receiver) = std_mpsc::channel();
                let waiting = std::thread::Builder::new().name("merge".into()).spawn(move || {
                    let result = merging.wait().map(|_| ()).map_err(|e| e.to_string());
                    drop(sender.send(result));
                });
                if waiting.is_ok() {
                    self.merge = Some((key, receiver));
                }
                break;
            }
        }
        if let Some((key, files)) = damaged {
            self.next_merge = Instant::now() + MERGE_PAUSE;
            self.damaged(key, &files);
        }
    }

    /// Merges the pieces of the partitions that were written to into as few as there can be.
    fn tidy(&mut self) {
        if let Some((_, done)) = self.merge.take() {
            // What it says was logged by tantivy, and nothing depends on it.
            drop(done.recv());
        }
        let visible = self.shared.visible();
        let written = visible.partitions.iter().filter(|(key, _)| self.written.contains(key));
        let partitions: Vec<(Key, Arc<Partition>)> = written.map(|(key, one)| (*key, Arc::clone(one))).collect();
        drop(visible);
        self.writers.clear();
        for (key, partition) in partitions {
            match partition.reload().and_then(|()| partition.tidy(&self.shared.root)) {
                Ok(damaged) if damaged.is_empty() => {}
                Ok(damaged) => self.damaged(key, &damaged),
                Err(error) => warn!(path = %partition.path.display(), %error, "its pieces stay as they are"),
            }
        }
    }

    /// What has to be done now and then: retention, merges, a look at what searches could not read.
    fn care(&mut self) {
        // Not beside another who writes.
        if self.shared.by_hand.load(Ordering::Acquire) {
            return;
        }
        self.merge();
        if self.check.is_none() {
            let suspects = self.shared.suspects.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let is_new = |key: &Key| suspects.contains(key) && !self.checked.contains(key);
            let keys: Vec<Key> = self.shared.visible().partitions.keys().copied().filter(is_new).collect();
            if !keys.is_empty() {
                self.check = Some(retention::check_in_background(&self.shared, |key| keys.contains(&key)));
                self.checked.extend(keys);
            }
        }
        // While a partition is written anew, it is there twice, which is no reason to remove anything.
        if !self.trimmer.is_done(&self.shared) && self.wanted_bytes == 0 {
            return;
        }
        self.trimmer.wait(&self.shared);
        let (root, is_merging) = (&self.shared.root, self.merge.is_some());
        let missing_bytes = self.room.missing_bytes(root, &self.retention, self.wanted_bytes, is_merging);
        let keep = self.ledger_key();
        for (key, reason) in retention::expired(&self.shared, &self.retention, missing_bytes, keep) {
            self.remove(key, reason);
        }
        self.trim(keep);
        self.measure();
    }

    /// Takes what is too old for its service out of the next partition that has such records; not amid a merge
    /// of it.
    fn trim(&mut self, keep: Option<Key>) {
        let newest = self.shared.visible().partitions.keys().next_back().copied();
        let now_ns = retention::now_ns();
        // Nor where searches do not see yet whose records there are.
        let merging = self.merge.as_ref().map(|(key, _)| *key);
        let busy: HashSet<Key> = self.unshown.keys().copied().chain(merging).collect();
        let is_kept = |key| keep == Some(key) || newest == Some(key);
        loop {
            match self.trimmer.next(&self.shared, now_ns, |key| busy.contains(&key), is_kept) {
                None => return,
                Some(Due::Removal(key)) => self.remove(key, Expiry::Age),
                Some(Due::Anew(anew)) => {
                    // A writer that waits for more would keep others out.
                    self.writers.remove(&anew.key);
                    return self.trimmer.start(&self.shared, anew);
                }
            }
        }
    }

    fn remove(&mut self, key: Key, reason: Expiry) {
        self.writers.remove(&key);
        self.merge.take_if(|(merging, _)| *merging == key);
        self.trimmer.look_again(key);
        let Some(partition) = self.shared.visible_mut().partitions.remove(&key) else { return };
        let bytes = partition.size_bytes();
        self.shared.status().removed.count(reason);
        self.room.goes(&partition, &self.shared.root);
        match (remove(&partition.path), reason) {
            (Ok(()), Expiry::FreeSpace) => {
                warn!(partition = key.name(), bytes, "removed: the disk is nearly full, and new records come first");
            }
            (Ok(()), _) => info!(partition = key.name(), bytes, "removed: older or more than the retention allows"),
            (Err(error), _) => warn!(partition = key.name(), %error, "an expired partition cannot be removed"),
        }
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

    /// Takes what the check has found until now.
    fn take_damaged(&mut self) {
        while let Some(check) = &self.check
            && !self.shared.by_hand.load(Ordering::Acquire)
        {
            match check.try_recv() {
                Ok((key, files)) => self.damaged(key, &files),
                Err(std_mpsc::TryRecvError::Disconnected) => self.check = None,
                Err(std_mpsc::TryRecvError::Empty) => return,
            }
        }
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
                self.shared.tell_damaged(&key.name(), &format!("{reason}; restart to set it aside"));
            }
            return;
        }
        self.trimmer.wait_for(key, &self.shared);
        let removed = self.shared.visible_mut().partitions.remove(&key);
        if let Some(partition) = removed {
            // Where it stays, it is in the way of no record, and looked at with the next start.
            drop(self.shared.set_aside(&partition.path, &reason));
        }
    }
}

/// Removes a partition's directory; cut off half way, the rest is removed at the next start.
fn remove(path: &Path) -> std::io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let going = path.with_file_name(format!(".new-gone-{name}"));
    std::fs::rename(path, &going)?;
    std::fs::remove_dir_all(&going)
}

fn address(records: &Arc<[Record]>) -> usize {
    records.as_ptr().addr()
}
