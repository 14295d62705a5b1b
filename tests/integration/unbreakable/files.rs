//! A store's files as another process sees them while Foghorn writes: how far it is.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;

use crate::support::PATIENCE;

/// The files of a segment.
pub const COMPONENTS: usize = 9;

/// What is known of one partition.
pub struct Partition {
    pub name: String,
    /// Records in the segments that it lists.
    pub records: u64,
    pub segments: usize,
    /// Those of so few records that sixteen of them are merged.
    pub small: usize,
    /// Files of segments that are not listed: those of a commit or a merge that is not done.
    pub unlisted: usize,
}

/// The partitions, oldest first. What is being written or removed at this moment may be left out.
pub fn partitions(index: &Path) -> Vec<Partition> {
    let entries = fs::read_dir(index).into_iter().flatten().flatten();
    let mut partitions: Vec<Partition> = entries.filter_map(|entry| partition(&entry.path())).collect();
    partitions.sort_by(|a, b| a.name.cmp(&b.name));
    partitions
}

fn partition(path: &PathBuf) -> Option<Partition> {
    let name = path.file_name()?.to_str()?.to_owned();
    if !name.starts_with("20") {
        return None;
    }
    // The files before the list: a segment that is listed meanwhile was none that is unlisted.
    let files: Vec<String> =
        fs::read_dir(path).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let meta: Value = serde_json::from_slice(&fs::read(path.join("meta.json")).ok()?).ok()?;
    let segments = meta["segments"].as_array()?;
    let ids: HashSet<String> =
        segments.iter().filter_map(|segment| Some(segment["segment_id"].as_str()?.replace('-', ""))).collect();
    let is_unlisted = |file: &&String| {
        let id = file.split('.').next().unwrap_or_default();
        id.len() == 32 && !ids.contains(id)
    };
    Some(Partition {
        name,
        records: segments.iter().filter_map(|segment| segment["max_doc"].as_u64()).sum(),
        segments: segments.len(),
        small: segments.iter().filter(|segment| segment["max_doc"].as_u64().is_some_and(|count| count < 256)).count(),
        unlisted: files.iter().filter(is_unlisted).count(),
    })
}

/// Looks as often as it can until something is so: what is waited for lasts a millisecond.
pub fn watch(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    tokio::task::block_in_place(|| {
        while !is_so() {
            assert!(since.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for {what}");
            std::thread::yield_now();
        }
    });
}

pub fn records(index: &Path) -> u64 {
    partitions(index).iter().map(|partition| partition.records).sum()
}

pub fn unlisted(index: &Path) -> usize {
    partitions(index).iter().map(|partition| partition.unlisted).sum()
}

pub fn small(index: &Path) -> usize {
    partitions(index).iter().map(|partition| partition.small).sum()
}
