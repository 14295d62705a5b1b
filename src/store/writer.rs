//! The store's first thread: batches → memory, and groups of them → [`commit`](super::commit).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout_at;

use super::commit::{Group, Pending};
use super::partition::Key;
use super::{Shared, retention};
use crate::config::{RetentionConfig, StoreConfig};
use crate::record::{Batch, ContainerId, Record};

/// A batch that must be durable soon waits at most this long.
const URGENT: Duration = Duration::from_millis(200);
/// How soon a group that is due asks again while the one before is being committed.
const AGAIN: Duration = Duration::from_millis(50);

/// What is read in one order, and becomes durable in that order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Log {
    /// A container's.
    Container(ContainerId),
    /// A file's, whatever containers speak in it: how far it was imported is one place in it.
    Import(u64),
}

impl Log {
    fn of(batch: &Batch) -> Self {
        match batch.checkpoint.import {
            Some(import) => Self::Import(import.source),
            None => Self::Container(batch.container.id.clone()),
        }
    }
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    commit_interval: Duration,
    commit_records: usize,
    commit_bytes: usize,
    retention: RetentionConfig,
    group: Group,
    group_records: usize,
    due: Option<Instant>,
    /// The part that each day's records go to in this group.
    group_keys: HashMap<i64, Key>,
    /// The partition that the last batch of a log went to: a clock set back does not go back.
    last_key: HashMap<Log, Key>,
    /// Where groups go: taken one at a time, so that at most two are in memory.
    groups: SyncSender<Group>,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        config: &StoreConfig,
        retention: &RetentionConfig,
        groups: SyncSender<Group>,
    ) -> Self {
        Self {
            shared,
            commit_interval: config.commit_interval,
            commit_records: usize::try_from(config.commit_records).unwrap_or(usize::MAX),
            commit_bytes: usize::try_from(config.commit_bytes).unwrap_or(usize::MAX),
            retention: retention.clone(),
            group: Group::default(),
            group_records: 0,
            due: None,
            group_keys: HashMap::new(),
            last_key: HashMap::new(),
            groups,
        }
    }

    /// Takes batches until every sender is gone, then hands over the rest.
    pub(super) fn run(mut self, runtime: &Handle, mut receiver: mpsc::Receiver<Batch>) {
        loop {
            if self.due.is_some_and(|due| due <= Instant::now()) && !self.hand_over() {
                return;
            }
            let batch = match self.due {
                None => Ok(runtime.block_on(receiver.recv())),
                Some(due) => runtime.block_on(async { timeout_at(due.into(), receiver.recv()).await }),
            };
            match batch {
                Ok(Some(batch)) => self.append(batch),
                Ok(None) => break,
                Err(_elapsed) => {}
            }
        }
        if !self.group.pending.is_empty() {
            // An error means that the committer gave up already, and said so.
            drop(self.groups.send(self.group));
        }
    }

    /// Hands the group over; waits only where it is full. False where nobody takes it any more.
    fn hand_over(&mut self) -> bool {
        let is_full = self.is_full();
        let group = Group { is_full, ..std::mem::take(&mut self.group) };
        let sent = if is_full {
            self.groups.send(group).map_err(|e| TrySendError::Disconnected(e.0))
        } else {
            self.groups.try_send(group)
        };
        match sent {
            Ok(()) => {
                (self.group_records, self.due) = (0, None);
                self.group_keys.clear();
                true
            }
            Err(TrySendError::Full(group)) => {
                self.group = group;
                self.due = Some(Instant::now() + AGAIN);
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }

    fn is_full(&self) -> bool {
        self.group_records >= self.commit_records || self.group.bytes >= self.commit_bytes
    }

    fn append(&mut self, batch: Batch) {
        let now = Instant::now();
        let first_ns = batch.records.first().map(Record::time_ns);
        let service = &batch.container.service;
        // Before it has a partition: there is none for days that are not kept.
        let batch = match first_ns {
            Some(time_ns) if retention::is_too_old(time_ns, service, &self.retention, retention::now_ns()) => {
                self.shared.status().too_old_records += batch.records.len() as u64;
                Batch { records: Arc::new([]), ..batch }
            }
            _ => batch,
        };
        let log = Log::of(&batch);
        let key = self.key(&batch, &log);
        let records = batch.records.len();
        if !batch.records.is_empty() {
            self.group_records += records;
            self.group.bytes += batch.records.iter().map(|r| r.raw.len()).sum::<usize>();
            let taken_ns = batch.records.last().map(Record::time_ns);
            self.shared.durability().entry(batch.container.id.clone()).or_default().taken_ns = taken_ns;
            self.shared.visible_mut().memory.push(Arc::clone(&batch.records));
        }
        let urgent = batch.checkpoint.urgent;
        // A batch that only says that a container was seen is no place in time: its history may lie
        // days before, and goes to the partitions of its days. Whatever waits of the container
        // goes first, so that its checkpoints stay in order.
        if records > 0 && self.last_key.insert(log.clone(), key).is_none() {
            for pending in self.group.pending.iter_mut().filter(|p| Log::of(&p.batch) == log) {
                pending.key = pending.key.min(key);
            }
        }
        if batch.checkpoint.forget {
            self.last_key.remove(&log);
        }
        self.group.pending.push(Pending { key, batch });
        let due = if self.is_full() {
            now
        } else if urgent {
            now + URGENT.min(self.commit_interval)
        } else {
            now + self.commit_interval
        };
        self.due = Some(self.due.map_or(due, |before| before.min(due)));
    }

    /// The partition of a batch: that of its day, or a later one that its log has reached.
    fn key(&mut self, batch: &Batch, log: &Log) -> Key {
        let last = self.last_key.get(log).copied();
        let day = match (batch.records.first(), last) {
            (Some(record), _) => Key::of_time(record.time_ns()),
            (None, Some(last)) => last,
            (None, None) => Key::of_time(retention::now_ns()),
        };
        // One part a day and group, whatever the sizes do meanwhile.
        let shared = &self.shared;
        let part_limit = self.retention.max_bytes / retention::PARTS;
        let key = *self.group_keys.entry(day.day).or_insert_with(|| {
            let visible = shared.visible();
            let next_day = Key { day: day.day + 1, part: 0 };
            match visible.partitions.range(day..next_day).next_back() {
                Some((key, partition)) if partition.size_bytes() > part_limit.max(retention::MIN_PART_BYTES) => {
                    Key { part: key.part + 1, ..*key }
                }
                Some((key, _)) => *key,
                None => day,
            }
        });
        last.map_or(key, |last| last.max(key))
    }
}
