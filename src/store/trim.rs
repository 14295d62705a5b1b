//! Ages of single services → partitions without the records that are too old for theirs.
//!
//! A day goes when nothing in it may stay any longer. Until then what is too old for its service is taken
//! out, as if it were deleted by hand: one partition at a time, on a thread of its own, because what stays is
//! written anew. Cut off half way, the records are gone or not, and the rest is done after the next start,
//! as a segment knows whose records it once had until it is written anew.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tracing::{info, warn};

use super::keyword::ColumnOf;
use super::partition::{Key, Partition};
use super::{Shared, StoreError, delete, retention, schema};
use crate::config::RetentionConfig;

/// How long a partition is left alone in which it failed.
const PAUSE: Duration = Duration::from_mins(10);

/// What has to be done to a partition.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing is left in it, or would be: it goes.
    Removal(Key),
    /// It is written anew.
    Anew(Anew),
}

/// A partition that is written anew without the records of some containers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Anew {
    pub key: Key,
    /// The containers, as the index holds them.
    without: Vec<String>,
    /// When what stays will be too old, at the earliest; in nanoseconds of the epoch, the last of them where
    /// nothing stays.
    next_ns: i64,
}

/// What of a partition is too old.
#[derive(Debug, PartialEq, Eq)]
struct Look {
    /// The containers whose records are.
    too_old: Vec<String>,
    /// Whether records of others stay.
    is_rest: bool,
    /// As [`Anew::next_ns`].
    next_ns: i64,
}

impl Look {
    /// At the partition of a day that has records of these containers.
    fn at(day: i64, origins: Vec<String>, retention: &RetentionConfig, now_ns: i64) -> Self {
        let end_ns = |origin: &String| retention::end_ns(day, retention.age_of(&schema::container(origin).service));
        let (too_old, rest): (Vec<_>, Vec<_>) = origins.into_iter().partition(|origin| end_ns(origin) <= now_ns);
        Self { too_old, is_rest: !rest.is_empty(), next_ns: rest.iter().map(end_ns).min().unwrap_or(i64::MAX) }
    }
}

/// Finds the partitions that have something too old, and writes one after the other anew.
pub(super) struct Trimmer {
    retention: RetentionConfig,
    /// When to look at a partition again that was looked at, so that an idle machine stays idle.
    next_ns: HashMap<Key, i64>,
    work: Option<Work>,
}

struct Work {
    key: Key,
    next_ns: i64,
    thread: JoinHandle<Result<u64, StoreError>>,
}

impl Trimmer {
    pub(super) fn new(retention: &RetentionConfig) -> Self {
        Self { retention: retention.clone(), next_ns: HashMap::new(), work: None }
    }

    pub(super) fn is_at_work(&self) -> bool {
        self.work.is_some()
    }

    /// The partition got records, or is gone: what was known of it does not hold any more.
    pub(super) fn look_again(&mut self, key: Key) {
        self.next_ns.remove(&key);
    }

    /// What is due in the oldest partition that has something too old; not in one that is busy, and nothing
    /// that there is no room for. What is kept is not removed, whatever is in it.
    pub(super) fn next(
        &mut self,
        shared: &Shared,
        now_ns: i64,
        is_busy: impl Fn(Key) -> bool,
        is_kept: impl Fn(Key) -> bool,
    ) -> Option<Due> {
        if self.retention.services.is_empty() {
            return None;
        }
        let (shortest, _) = self.retention.ages();
        let partitions: Vec<(Key, Arc<Partition>)> =
            shared.visible().partitions.iter().map(|(key, partition)| (*key, Arc::clone(partition))).collect();
        for (key, partition) in partitions {
            let next_ns = self.next_ns.get(&key).copied().unwrap_or_else(|| retention::end_ns(key.day, shortest));
            if now_ns < next_ns || is_busy(key) {
                continue;
            }
            let origins = match delete::origins(&partition) {
                Ok(origins) => origins.into_iter().map(|(origin, _)| origin).collect::<Vec<_>>(),
                Err(error) => {
                    self.pause(key, now_ns, &error.to_string());
                    continue;
                }
            };
            let look = Look::at(key.day, origins, &self.retention, now_ns);
            let Look { too_old: without, is_rest, next_ns } = look;
            match (without.is_empty(), is_rest) {
                (_, false) if !is_kept(key) => return Some(Due::Removal(key)),
                (true, true) => _ = self.next_ns.insert(key, next_ns),
                // Until others are newer, there is nothing to be done.
                (true, false) => {}
                (false, _) => {
                    if retention::has_room_for_copy(&shared.root, partition.size_bytes(), &self.retention) {
                        return Some(Due::Anew(Anew { key, without, next_ns }));
                    }
                }
            }
        }
        None
    }

    /// Begins to write a partition anew. Nobody else may write to it until that is done.
    pub(super) fn start(&mut self, shared: &Arc<Shared>, anew: Anew) {
        let Anew { key, without, next_ns } = anew;
        let Some(partition) = shared.visible().partitions.get(&key).cloned() else { return };
        let its = Arc::clone(shared);
        let work = move || {
            let _alone = its.rewriting();
            if its.by_hand.load(Ordering::Acquire) {
                return Ok(0);
            }
            trim(&partition, without, &|| !its.closing.load(Ordering::Acquire))
        };
        match Builder::new().name("trim".into()).spawn(work) {
            Ok(thread) => self.work = Some(Work { key, next_ns, thread }),
            Err(error) => self.pause(key, retention::now_ns(), &error.to_string()),
        }
    }

    /// Whether no partition is being written anew; notes what became of one that was.
    pub(super) fn is_done(&mut self, shared: &Shared) -> bool {
        if self.work.as_ref().is_some_and(|work| !work.thread.is_finished()) {
            return false;
        }
        self.wait(shared);
        true
    }

    /// Waits where this partition is being written anew.
    pub(super) fn wait_for(&mut self, key: Key, shared: &Shared) {
        if self.work.as_ref().is_some_and(|work| work.key == key) {
            self.wait(shared);
        }
    }

    /// Waits until no partition is being written anew.
    pub(super) fn wait(&mut self, shared: &Shared) {
        let Some(Work { key, next_ns, thread }) = self.work.take() else { return };
        match thread.join() {
            Ok(Ok(records)) => {
                // Where nothing stays, it may go when others are newer.
                if next_ns < i64::MAX {
                    self.next_ns.insert(key, next_ns);
                }
                shared.status().removed_records += records;
                if records > 0 {
                    info!(partition = key.name(), records, "removed records that were too old for their service");
                }
            }
            Ok(Err(error)) => self.pause(key, retention::now_ns(), &error.to_string()),
            Err(_) => self.pause(key, retention::now_ns(), "it panicked"),
        }
    }

    fn pause(&mut self, key: Key, now_ns: i64, reason: &str) {
        warn!(partition = key.name(), reason, "records that are too old for their service stay for now");
        self.next_ns.insert(key, now_ns.saturating_add(i64::try_from(PAUSE.as_nanos()).unwrap_or(i64::MAX)));
    }
}

/// Writes the partition anew without the records of these containers, for as long as that may go on; answers
/// how many are gone.
fn trim(partition: &Partition, without: Vec<String>, goes_on: &dyn Fn() -> bool) -> Result<u64, StoreError> {
    let before = partition.record_count();
    partition.delete(ColumnOf::Container, without, goes_on)?;
    Ok(before.saturating_sub(partition.record_count()))
}

#[cfg(test)]
mod tests {
    use tantivy::SegmentReader;

    use super::super::keyword::skeleton;
    use super::super::ledger::Ledger;
    use super::super::partition::RecordAt;
    use super::*;
    use crate::record::{Container, ContainerId, DAY_NS, Fields, Position, Record};

    const DAY: Key = Key { day: 100, part: 0 };

    fn days(days: u64) -> Duration {
        Duration::from_secs(days * 86_400)
    }

    /// When a day that is kept for so many days is too old.
    fn end_ns(age_days: i64) -> i64 {
        (DAY.day + 1 + age_days) * DAY_NS
    }

    /// nginx two days, audit ninety, everything else seven.
    fn retention() -> RetentionConfig {
        let services = [("nginx".to_owned(), days(2)), ("audit".to_owned(), days(90))].into();
        RetentionConfig { max_age: days(7), services, max_bytes: u64::MAX, min_free_bytes: 0 }
    }

    fn origin(service: &str) -> String {
        schema::origin(&Container {
            id: ContainerId::new(&format!("{:0>64}", service.len())),
            name: format!("shop-{service}-1"),
            project: "shop".into(),
            service: service.into(),
            number: 1,
        })
    }

    /// One commit of so many records of each of these services.
    fn commit(partition: &Partition, services: &[(&str, usize)]) {
        let records = services.iter().flat_map(|(service, count)| {
            let record = skeleton(&origin(service), "stdout info line of");
            (0..*count).map(move |at| {
                let position = Position { time_ns: DAY.day * DAY_NS + at as i64, ordinal: 1 };
                let container = Arc::clone(&record.container);
                let raw = format!("said by {}", container.service).into();
                Record { container, position, raw, fields: Fields::default(), ..record.clone() }
            })
        });
        let batch: Arc<[Record]> = records.collect();
        let mut records: Vec<RecordAt> =
            (0..batch.len()).map(|index| RecordAt { batch: Arc::clone(&batch), index }).collect();
        let mut ledger = Ledger::default();
        ledger.sequence += 7;
        partition.writer().unwrap().commit(&mut records, &ledger).unwrap();
        partition.reload().unwrap();
    }

    /// A store of one partition, which holds what was committed.
    fn store(directory: &tempfile::TempDir, commits: &[&[(&str, usize)]]) -> (Arc<Shared>, Arc<Partition>) {
        let partition = Partition::create(directory.path(), DAY).unwrap();
        commits.iter().for_each(|services| commit(&partition, services));
        opened(directory, partition)
    }

    fn opened(directory: &tempfile::TempDir, partition: Partition) -> (Arc<Shared>, Arc<Partition>) {
        let partition = Arc::new(partition);
        let shared = Shared::new(directory.path().to_owned(), Arc::new(|_, _, _, _| Fields::default()));
        shared.visible_mut().partitions.insert(DAY, Arc::clone(&partition));
        (Arc::new(shared), partition)
    }

    fn next(trimmer: &mut Trimmer, shared: &Shared, now_ns: i64) -> Option<Due> {
        trimmer.next(shared, now_ns, |_| false, |_| false)
    }

    fn anew(due: Option<Due>) -> Anew {
        match due {
            Some(Due::Anew(anew)) => anew,
            other => panic!("{other:?} is not to be written anew"),
        }
    }

    /// How many records the files hold, and how many of them are deleted.
    fn held(partition: &Partition) -> (u32, u32) {
        let view = partition.view();
        let segments = view.searcher.segment_readers();
        (segments.iter().map(SegmentReader::max_doc).sum(), segments.iter().map(SegmentReader::num_deleted_docs).sum())
    }

    #[test]
    fn a_look_says_what_is_too_old_and_when_the_rest_will_be() {
        let check = |services: &[&str], now_ns, too_old: &[&str], next_ns| {
            let origins = |services: &[&str]| services.iter().map(|service| origin(service)).collect::<Vec<_>>();
            let look = Look::at(DAY.day, origins(services), &retention(), now_ns);
            let is_rest = too_old.len() < services.len();
            assert_eq!(look, Look { too_old: origins(too_old), is_rest, next_ns }, "{services:?} at {now_ns}");
        };
        let all = ["web", "nginx", "audit"];
        check(&all, end_ns(2) - 1, &[], end_ns(2));
        check(&all, end_ns(2), &["nginx"], end_ns(7));
        check(&all, end_ns(7), &["web", "nginx"], end_ns(90));
        check(&all, end_ns(90), &all, i64::MAX);
        check(&["nginx"], end_ns(2), &["nginx"], i64::MAX);
        check(&[], end_ns(2), &[], i64::MAX);
    }

    #[test]
    fn what_is_too_old_goes_and_then_the_partition_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        // The second commit is a segment of which nothing stays.
        let (shared, partition) = store(&directory, &[&[("web", 3), ("nginx", 4)], &[("nginx", 2)]]);
        let mut trimmer = Trimmer::new(&retention());
        assert_eq!(next(&mut trimmer, &shared, end_ns(2) - 1), None);
        assert_eq!(trimmer.next(&shared, end_ns(2), |key| key == DAY, |_| false), None, "it is being merged");
        let due = anew(next(&mut trimmer, &shared, end_ns(2)));
        assert_eq!(due, Anew { key: DAY, without: vec![origin("nginx")], next_ns: end_ns(7) });
        trimmer.start(&shared, due);
        assert!(trimmer.is_at_work());
        trimmer.wait_for(DAY, &shared);
        assert!(!trimmer.is_at_work() && trimmer.is_done(&shared));
        assert_eq!((partition.record_count(), held(&partition)), (3, (3, 0)));
        assert_eq!(shared.status().removed_records, 6);
        assert_eq!(partition.ledger().unwrap().unwrap().sequence, 7, "the cursors stay");

        // Nothing is looked at until something may be too old, or came new.
        assert_eq!(trimmer.next_ns, HashMap::from([(DAY, end_ns(7))]));
        assert_eq!(next(&mut trimmer, &shared, end_ns(7) - 1), None);
        commit(&partition, &[("nginx", 1)]);
        assert_eq!(next(&mut trimmer, &shared, end_ns(7) - 1), None);
        trimmer.look_again(DAY);
        assert_eq!(anew(next(&mut trimmer, &shared, end_ns(7) - 1)).without, [origin("nginx")]);
        // Another trimmer learns from the index that the rest may stay.
        let (shared, partition) = opened(&directory, Partition::open(&partition.path, DAY).unwrap());
        let mut trimmer = Trimmer::new(&retention());
        let due = anew(next(&mut trimmer, &shared, end_ns(2)));
        trimmer.start(&shared, due);
        trimmer.wait(&shared);
        let mut trimmer = Trimmer::new(&retention());
        assert_eq!(next(&mut trimmer, &shared, end_ns(2)), None);
        assert_eq!(trimmer.next_ns, HashMap::from([(DAY, end_ns(7))]));
        assert_eq!(held(&partition), (3, 0));
    }

    #[test]
    fn a_partition_goes_when_nothing_would_be_left_unless_it_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let (shared, partition) = store(&directory, &[&[("web", 2), ("nginx", 2)]]);
        let mut trimmer = Trimmer::new(&retention());
        assert_eq!(next(&mut trimmer, &shared, end_ns(7)), Some(Due::Removal(DAY)));
        let due = anew(trimmer.next(&shared, end_ns(7), |_| false, |_| true));
        trimmer.start(&shared, due);
        trimmer.wait(&shared);
        assert_eq!((partition.record_count(), held(&partition)), (0, (0, 0)));
        assert_eq!(partition.ledger().unwrap().unwrap().sequence, 7, "the cursors stay");
        assert_eq!(trimmer.next(&shared, end_ns(7), |_| false, |_| true), None, "there is nothing more to do");
        assert_eq!(next(&mut trimmer, &shared, end_ns(7)), Some(Due::Removal(DAY)));
    }

    #[test]
    fn without_ages_of_services_nothing_is_looked_at() {
        let directory = tempfile::tempdir().unwrap();
        let (shared, _) = store(&directory, &[&[("web", 1)]]);
        let mut trimmer = Trimmer::new(&RetentionConfig { services: [].into(), ..retention() });
        assert_eq!(next(&mut trimmer, &shared, i64::MAX), None);
    }

    #[test]
    fn there_has_to_be_room_for_what_stays() {
        let directory = tempfile::tempdir().unwrap();
        let (shared, _) = store(&directory, &[&[("web", 1), ("nginx", 1)]]);
        assert!(retention::has_room_for_copy(&shared.root, 1, &retention()));
        assert!(!retention::has_room_for_copy(&shared.root, u64::MAX / 2, &retention()));
    }

    #[test]
    fn what_was_cut_off_half_way_is_done_after_the_next_start() {
        let directory = tempfile::tempdir().unwrap();
        let (shared, partition) = store(&directory, &[&[("web", 3), ("nginx", 4)], &[("web", 1), ("nginx", 1)]]);
        let mut trimmer = Trimmer::new(&retention());
        let due = anew(next(&mut trimmer, &shared, end_ns(2)));
        // Deleted, and not written anew.
        assert_eq!(trim(&partition, due.without, &|| false).unwrap(), 5);
        assert_eq!((partition.record_count(), held(&partition)), (4, (9, 5)));
        let path = partition.path.clone();
        drop((shared, partition));

        let (shared, partition) = opened(&directory, Partition::open(&path, DAY).unwrap());
        let mut trimmer = Trimmer::new(&retention());
        let due = anew(next(&mut trimmer, &shared, end_ns(2)));
        trimmer.start(&shared, due);
        trimmer.wait(&shared);
        assert_eq!((partition.record_count(), held(&partition)), (4, (4, 0)));
        assert_eq!(shared.status().removed_records, 0, "they were counted before");
        assert_eq!(partition.ledger().unwrap().unwrap().sequence, 7);
    }

    #[test]
    fn a_command_that_changes_partitions_itself_comes_first() {
        let directory = tempfile::tempdir().unwrap();
        let (shared, partition) = store(&directory, &[&[("web", 1), ("nginx", 1)]]);
        let mut trimmer = Trimmer::new(&retention());
        let due = anew(next(&mut trimmer, &shared, end_ns(2)));
        shared.by_hand.store(true, Ordering::Release);
        trimmer.start(&shared, due);
        trimmer.wait(&shared);
        assert_eq!(partition.record_count(), 2);
    }
}
