//! What may stay: by age and by bytes, whole partitions, oldest first; and whether there is room. What a
//! service's own age takes out of a partition is done by [`trim`](super::trim).

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::partition::{Key, Partition};
use super::{Shared, StoreError};
use crate::config::RetentionConfig;
use crate::record::DAY_NS;

/// A file in a partition that was found damaged while it could not be set aside.
pub(super) const DAMAGED_MARK: &str = "DAMAGED";
/// A day is continued in a further partition when it has taken this part of the retention, so
/// that the bytes can be kept to without dropping a whole day.
pub(super) const PARTS: u64 = 8;
/// A partition is not split below this.
pub(super) const MIN_PART_BYTES: u64 = 16 << 20;
/// Kept free beyond what a commit may take: merges and the engine need room, too.
const RESERVE_BYTES: u64 = 32 << 20;

/// Some file systems free what was removed so much later.
const LINGER: Duration = Duration::from_mins(1);

/// Checksums are compared when the start is over.
const CHECK_DELAY: Duration = Duration::from_secs(2);

/// Whether a service's record would be removed as soon as it was stored.
pub(super) fn is_too_old(time_ns: i64, service: &str, retention: &RetentionConfig, now_ns: i64) -> bool {
    end_ns(Key::of_time(time_ns).day, retention.age_of(service)) <= now_ns
}

/// From when on the records of a day are too old: when the youngest that the day can have would be.
pub(super) fn end_ns(day: i64, age: Duration) -> i64 {
    let age_ns = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
    day.saturating_add(1).saturating_mul(DAY_NS).saturating_add(age_ns)
}

/// The time, in nanoseconds of the epoch.
pub(super) fn now_ns() -> i64 {
    chrono::Utc::now().timestamp_nanos_opt().unwrap_or(DAY_NS)
}

/// The oldest day of which something may stay, whatever service said it.
fn oldest_day(retention: &RetentionConfig) -> i64 {
    let (_, longest) = retention.ages();
    let age_ns = i64::try_from(longest.as_nanos()).unwrap_or(i64::MAX);
    now_ns().saturating_sub(age_ns).div_euclid(DAY_NS)
}

/// Why a partition is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// `retention.max_age`
    Age,
    /// `retention.max_bytes`
    Bytes,
    /// `retention.min_free_bytes`, or a commit that had no room
    FreeSpace,
}

/// The partitions to remove: those whose whole day is too old, then the oldest until the rest is
/// small enough and so many bytes that are missing on the disk come free. Never the newest, and never
/// `keep`, which holds the cursors.
pub(super) fn expired(
    shared: &Shared,
    retention: &RetentionConfig,
    missing_bytes: u64,
    keep: Option<Key>,
) -> Vec<(Key, Expiry)> {
    let sizes: Vec<(Key, u64)> = shared.visible().partitions.iter().map(|(key, p)| (*key, p.size_bytes())).collect();
    choose(&sizes, oldest_day(retention), retention.max_bytes, missing_bytes, keep)
}

fn choose(
    sizes: &[(Key, u64)],
    oldest_day: i64,
    max_bytes: u64,
    missing_bytes: u64,
    keep: Option<Key>,
) -> Vec<(Key, Expiry)> {
    let mut total: u64 = sizes.iter().map(|(_, size)| size).sum();
    let newest = sizes.last().map(|(key, _)| *key);
    let mut freed = 0;
    let mut expired = Vec::new();
    for &(key, size) in sizes {
        if Some(key) == newest || Some(key) == keep {
            continue;
        }
        let reason = if key.day < oldest_day {
            Expiry::Age
        } else if total > max_bytes {
            Expiry::Bytes
        } else if freed < missing_bytes {
            Expiry::FreeSpace
        } else {
            continue;
        };
        total -= size;
        freed += size;
        expired.push((key, reason));
    }
    expired
}

/// The free space of the disk, from look to look.
#[derive(Default)]
pub(super) struct Room {
    going: Vec<Going>,
    /// How often in a row there was less than is to be left free.
    low_looks: u32,
}

/// A removed partition, whose bytes come free when the last search in it ends, or later.
struct Going {
    /// Of the partition and of what searches hold of it.
    is_there: Weak<()>,
    bytes: u64,
    free_before: u64,
    since: Instant,
}

impl Going {
    /// Whether its bytes may still come free.
    fn is_awaited(&self, free_bytes: u64) -> bool {
        let is_searched = self.is_there.strong_count() > 0;
        is_searched || (self.since.elapsed() < LINGER && free_bytes < self.free_before.saturating_add(self.bytes / 2))
    }
}

impl Room {
    /// How many bytes have to come free, beside those on their way, so that a commit that had no room has
    /// it, and that what is to be left free is. One look is not enough for the latter, and none amid a
    /// merge: what is short for a moment is no reason to remove anything.
    pub(super) fn missing_bytes(
        &mut self,
        root: &Path,
        retention: &RetentionConfig,
        commit_bytes: u64,
        is_merging: bool,
    ) -> u64 {
        // Nor is what cannot be told.
        let Ok((free_bytes, size_bytes)) = filesystem_bytes(root) else { return 0 };
        self.going.retain(|going| going.is_awaited(free_bytes));
        let free_bytes = free_bytes + self.going.iter().map(|going| going.bytes).sum::<u64>();
        let floor_bytes = retention.min_free_bytes.min(size_bytes / 10);
        self.low_looks = if free_bytes < floor_bytes && !is_merging { self.low_looks + 1 } else { 0 };
        let floor_bytes = if self.low_looks > 1 { floor_bytes } else { 0 };
        floor_bytes.max(commit_bytes).saturating_sub(free_bytes)
    }

    /// A partition is about to be removed.
    pub(super) fn goes(&mut self, partition: &Partition, root: &Path) {
        let (free_before, _) = filesystem_bytes(root).unwrap_or_default();
        let (is_there, bytes) = (Arc::downgrade(&partition.view().is_there), partition.size_bytes());
        self.going.push(Going { is_there, bytes, free_before, since: Instant::now() });
    }
}

/// Whether so many bytes can be written a second time without coming near what is to be left free.
pub(super) fn has_room_for_copy(root: &Path, copy_bytes: u64, retention: &RetentionConfig) -> bool {
    filesystem_bytes(root).is_ok_and(|(free_bytes, size_bytes)| {
        let floor_bytes = retention.min_free_bytes.min(size_bytes / 10);
        free_bytes >= floor_bytes.max(RESERVE_BYTES).saturating_add(copy_bytes)
    })
}

/// Refuses a commit that the disk has no room for: failing before writing is cheaper than after.
pub(super) fn check_space(root: &Path, pending_bytes: u64) -> Result<(), StoreError> {
    let wanted_bytes = RESERVE_BYTES + 2 * pending_bytes;
    let (free_bytes, _) = filesystem_bytes(root)?;
    if free_bytes < wanted_bytes { Err(StoreError::DiskFull { free_bytes, wanted_bytes }) } else { Ok(()) }
}

/// Bytes available to us on the file system of `path`, and its size.
#[allow(unsafe_code)]
pub(super) fn filesystem_bytes(path: &Path) -> io::Result<(u64, u64)> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut stat = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path is a C string, and statvfs fills the whole structure where it answers 0.
    let stat = unsafe {
        if libc::statvfs(path.as_ptr(), stat.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        stat.assume_init()
    };
    Ok((stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize))
}

/// Reads the files of the partitions that are wanted once, newest first, and reports those with wrong
/// checksums.
pub(super) fn check_in_background(
    shared: &Arc<Shared>,
    is_wanted: impl Fn(Key) -> bool,
) -> Receiver<(Key, Vec<PathBuf>)> {
    let (sender, receiver) = channel();
    let visible = shared.visible();
    let wanted = visible.partitions.iter().rev().filter(|(key, _)| is_wanted(**key));
    let partitions: Vec<_> = wanted.map(|(key, partition)| (*key, Arc::downgrade(partition))).collect();
    drop(visible);
    let check = move || {
        // All that is checked becomes resident for a while, and what is wanted at the start comes first.
        std::thread::park_timeout(CHECK_DELAY);
        for (key, partition) in partitions {
            let Some(partition) = partition.upgrade() else { continue };
            let files = partition.damaged_files();
            if !files.is_empty() && partition.path.exists() && sender.send((key, files)).is_err() {
                return;
            }
        }
    };
    if let Err(error) = std::thread::Builder::new().name("checksums".into()).spawn(check) {
        tracing::warn!(%error, "checksums cannot be checked");
    }
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_removed_is_awaited_while_a_search_holds_it() {
        let root = tempfile::tempdir().unwrap();
        let partition = Partition::create(root.path(), Key { day: 1, part: 0 }).unwrap();
        let view = partition.view();
        let since = Instant::now().checked_sub(2 * LINGER).unwrap();
        let going = Going { is_there: Arc::downgrade(&view.is_there), bytes: 8, free_before: 0, since };
        drop(partition);
        assert!(going.is_awaited(100));
        drop(view);
        assert!(!going.is_awaited(100));
    }

    #[test]
    fn a_record_is_too_old_a_whole_day_at_a_time_and_by_its_service() {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        let retention = RetentionConfig {
            max_age: days(7),
            services: [("nginx".to_owned(), days(2)), ("audit".to_owned(), days(90))].into(),
            max_bytes: 0,
            min_free_bytes: 0,
        };
        let day_100 = 100 * DAY_NS;
        for (service, last_day) in [("web", 107), ("Nginx", 107), ("nginx", 102), ("audit", 190)] {
            let end_ns = (last_day + 1) * DAY_NS;
            for time_ns in [day_100, day_100 + DAY_NS - 1] {
                assert!(!is_too_old(time_ns, service, &retention, end_ns - 1), "{service}");
                assert!(is_too_old(time_ns, service, &retention, end_ns), "{service}");
            }
            assert!(!is_too_old(day_100 + DAY_NS, service, &retention, end_ns), "{service}");
        }
        assert_eq!(end_ns(-1, Duration::ZERO), 0);
        assert_eq!(end_ns(100, Duration::MAX), i64::MAX);
    }

    #[test]
    fn whole_days_go_oldest_first_and_never_the_newest() {
        let key = |day, part| Key { day, part };
        let sizes = [(key(1, 0), 10), (key(2, 0), 10), (key(2, 1), 10), (key(3, 0), 10)];
        let all = [key(1, 0), key(2, 0), key(2, 1)];
        let because = |keys: &[Key], reason| keys.iter().map(|key| (*key, reason)).collect::<Vec<_>>();
        assert_eq!(choose(&sizes, 0, 100, 0, None), []);
        assert_eq!(choose(&sizes, 2, 100, 0, None), because(&all[..1], Expiry::Age));
        assert_eq!(choose(&sizes, 0, 25, 0, None), because(&all[..2], Expiry::Bytes));
        assert_eq!(choose(&sizes, 9, 0, 0, None), because(&all, Expiry::Age));
        assert_eq!(choose(&sizes, 2, 100, 0, Some(key(1, 0))), []);
        assert_eq!(choose(&sizes, 0, 100, 1, None), because(&all[..1], Expiry::FreeSpace));
        assert_eq!(choose(&sizes, 0, 100, 11, Some(key(1, 0))), because(&all[1..], Expiry::FreeSpace));
        assert_eq!(choose(&sizes, 0, 100, 99, None), because(&all, Expiry::FreeSpace));
        // What goes for another reason makes room, too.
        assert_eq!(choose(&sizes, 2, 100, 10, None), because(&all[..1], Expiry::Age));
    }
}
