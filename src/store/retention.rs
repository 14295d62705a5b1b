//! What may stay: by age and by bytes, whole partitions, oldest first; and whether there is room.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use super::partition::Key;
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

/// Whether a record would be removed as soon as it was stored.
pub(super) fn is_too_old(time_ns: i64, retention: &RetentionConfig) -> bool {
    Key::of_time(time_ns).day < oldest_day(retention)
}

fn oldest_day(retention: &RetentionConfig) -> i64 {
    let age_ns = i64::try_from(retention.max_age.as_nanos()).unwrap_or(i64::MAX);
    let now_ns = chrono::Utc::now().timestamp_nanos_opt().unwrap_or(i64::MAX);
    now_ns.saturating_sub(age_ns).div_euclid(DAY_NS)
}

/// The partitions to remove: those whose whole day is too old, then the oldest until the rest is
/// small enough. Never the newest, and never `keep`, which holds the cursors.
pub(super) fn expired(shared: &Shared, retention: &RetentionConfig, keep: Option<Key>) -> Vec<Key> {
    let sizes: Vec<(Key, u64)> = shared.visible().partitions.iter().map(|(key, p)| (*key, p.size_bytes())).collect();
    choose(&sizes, oldest_day(retention), retention.max_bytes, keep)
}

fn choose(sizes: &[(Key, u64)], oldest_day: i64, max_bytes: u64, keep: Option<Key>) -> Vec<Key> {
    let mut total: u64 = sizes.iter().map(|(_, size)| size).sum();
    let newest = sizes.last().map(|(key, _)| *key);
    let mut expired = Vec::new();
    for &(key, size) in sizes {
        if Some(key) == newest || Some(key) == keep {
            continue;
        }
        if key.day < oldest_day || total > max_bytes {
            total -= size;
            expired.push(key);
        }
    }
    expired
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

/// Reads every partition's files once, newest first, and reports those with wrong checksums.
pub(super) fn check_in_background(shared: &Arc<Shared>) -> Receiver<(Key, Vec<PathBuf>)> {
    let (sender, receiver) = channel();
    let partitions: Vec<_> = shared.visible().partitions.iter().rev().map(|(k, p)| (*k, Arc::downgrade(p))).collect();
    let check = move || {
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
    fn whole_days_go_oldest_first_and_never_the_newest() {
        let key = |day, part| Key { day, part };
        let sizes = [(key(1, 0), 10), (key(2, 0), 10), (key(2, 1), 10), (key(3, 0), 10)];
        assert_eq!(choose(&sizes, 0, 100, None), []);
        assert_eq!(choose(&sizes, 2, 100, None), [key(1, 0)]);
        assert_eq!(choose(&sizes, 0, 25, None), [key(1, 0), key(2, 0)]);
        assert_eq!(choose(&sizes, 9, 0, None), [key(1, 0), key(2, 0), key(2, 1)]);
        assert_eq!(choose(&sizes, 2, 100, Some(key(1, 0))), []);
    }
}
