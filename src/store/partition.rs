//! A day's records → one tantivy index in a directory of its own.
//!
//! Segments are made here, not by tantivy's writer queue, and merged when this file says so: only
//! neighbours in time are merged, so a segment covers a short time and a search for the newest
//! records opens few of them.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tantivy::directory::MmapDirectory;
use tantivy::directory::error::{LockError, OpenDirectoryError, OpenReadError};
use tantivy::index::SegmentId;
use tantivy::indexer::{AddOperation, IndexWriterOptions, NoMergePolicy, SegmentWriter};
use tantivy::{
    Directory as _, Index, IndexReader, IndexWriter, ReloadPolicy, SegmentReader, TantivyDocument, TantivyError,
};

use tracing::warn;

use super::keyword::ColumnOf;
use super::plan::KeywordQuery;
use super::schema::{self, RecordDocument};
use super::view::View;
use super::{StoreError, ledger::Ledger, retention};
use crate::record::{Container, DAY_NS, Record};

/// Memory for tantivy's own postings of one segment, of which there are none.
const SEGMENT_MEMORY_BYTES: usize = 1 << 20;
/// A segment is ended where gathering it takes more memory: its records have unusually many words.
const MAX_SEGMENT_MEMORY_BYTES: usize = 48 << 20;
/// The memory is measured again after so many bytes of lines.
const MEASURE_BYTES: usize = 1 << 20;
/// What tantivy wants for a worker that is never used.
const WORKER_MEMORY_BYTES: usize = 15_000_000;
/// So many neighbours of one size class are merged into one.
const MERGE_FACTOR: usize = 16;
/// Checksums are begun anew so often where files are merged away meanwhile.
const CHECKS: usize = 3;
/// No segment grows beyond this many records by merging.
const MAX_MERGED_RECORDS: u32 = 1_000_000;

/// Which partition: a UTC day, and a number from 0 where the day has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    /// Days since the epoch.
    pub day: i64,
    pub part: u32,
}

impl Key {
    pub(super) fn of_time(time_ns: i64) -> Self {
        Self { day: time_ns.div_euclid(DAY_NS), part: 0 }
    }

    /// `2026-11-21`, or `2026-11-21.001`.
    pub(super) fn name(self) -> String {
        let date = chrono::DateTime::from_timestamp_nanos(self.day * DAY_NS).format("%Y-%m-%d");
        if self.part == 0 { date.to_string() } else { format!("{date}.{:03}", self.part) }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        let (date, part) = match name.split_once('.') {
            Some((date, part)) => (date, part.parse().ok().filter(|&p| p > 0)?),
            None => (name, 0),
        };
        let date = chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
        Some(Self { day: date.and_hms_opt(0, 0, 0)?.and_utc().timestamp().div_euclid(86_400), part })
    }
}

/// What the system answers where files may be whole: opening writes a lock file, too.
const SYSTEM_CODES: [i32; 9] = [
    libc::EMFILE,
    libc::ENFILE,
    libc::ENOMEM,
    libc::EAGAIN,
    libc::EACCES,
    libc::EPERM,
    libc::EROFS,
    libc::ENOSPC,
    libc::EDQUOT,
];

/// Why a partition cannot be opened.
#[derive(Debug)]
pub(super) enum OpenError {
    /// Its files are not what was written.
    Damaged(String),
    /// The system lacks something, or forbids it, which says nothing about the files.
    System(io::Error),
}

impl OpenError {
    fn of(error: &TantivyError) -> Self {
        let io = match error {
            TantivyError::IoError(error)
            | TantivyError::LockFailure(LockError::IoError(error), _)
            | TantivyError::OpenReadError(OpenReadError::IoError { io_error: error, .. })
            | TantivyError::OpenDirectoryError(OpenDirectoryError::IoError { io_error: error, .. }) => Some(error),
            _ => None,
        };
        let code = io.and_then(|error| error.raw_os_error()).filter(|code| SYSTEM_CODES.contains(code));
        code.map_or_else(|| Self::Damaged(error.to_string()), |code| Self::System(io::Error::from_raw_os_error(code)))
    }
}

/// One partition, open for reading; for writing, too, while its day is being written.
pub(super) struct Partition {
    key: Key,
    pub path: PathBuf,
    index: Index,
    reader: IndexReader,
    /// What searches that begin now see.
    view: RwLock<Arc<View>>,
}

impl Partition {
    /// Opens a partition that exists, and every segment in it.
    pub(super) fn open(path: &Path, key: Key) -> Result<Self, OpenError> {
        let open = || {
            let index = schema::open(MmapDirectory::open(path)?)?;
            if index.schema() != schema::schema() || !schema::has_components(&index.load_metas()?) {
                return Err(TantivyError::SchemaError("it was written by another version of foghorn".into()));
            }
            Self::new(index, path, key)
        };
        // Damaged files can panic instead of failing.
        match catch_unwind(AssertUnwindSafe(open)) {
            Ok(Ok(partition)) => Ok(partition),
            Ok(Err(error)) => Err(OpenError::of(&error)),
            Err(_) => Err(OpenError::Damaged("reading it failed".into())),
        }
    }

    /// Makes an empty partition; it appears whole or not at all.
    pub(super) fn create(root: &Path, key: Key) -> Result<Self, StoreError> {
        let path = root.join(key.name());
        let temporary = root.join(format!(".new-{}", key.name()));
        if temporary.exists() {
            fs::remove_dir_all(&temporary)?;
        }
        fs::create_dir_all(&temporary)?;
        drop(schema::builder().create_in_dir(&temporary)?);
        fs::rename(&temporary, &path)?;
        sync_directory(root)?;
        Ok(Self::new(schema::open(MmapDirectory::open(&path).map_err(TantivyError::from)?)?, &path, key)?)
    }

    fn new(index: Index, path: &Path, key: Key) -> tantivy::Result<Self> {
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let view = View::open(key, IndexReader::searcher(&reader), &Arc::default(), None)?;
        Ok(Self { key, path: path.to_owned(), index, reader, view: RwLock::new(Arc::new(view)) })
    }

    /// What there is to be searched.
    pub(super) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Shows what was committed to searches that begin from now on.
    pub(super) fn reload(&self) -> Result<(), StoreError> {
        self.reader.reload()?;
        let before = self.view();
        let view = Arc::new(View::open(self.key, self.reader.searcher(), &before.is_there, Some(&before))?);
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
        Ok(())
    }

    pub(super) fn record_count(&self) -> u64 {
        self.view().searcher.num_docs()
    }

    /// The cursors of the last commit; none before the first.
    pub(super) fn ledger(&self) -> Result<Option<Ledger>, OpenError> {
        let metas = self.index.load_metas().map_err(|error| OpenError::of(&error))?;
        if metas.payload.is_none() && !metas.segments.is_empty() {
            return Err(OpenError::Damaged("its cursors are missing".into()));
        }
        metas.payload.as_deref().map(Ledger::from_payload).transpose().map_err(OpenError::Damaged)
    }

    /// Reads every file and compares its checksum; answers the damaged ones.
    pub(super) fn damaged_files(&self) -> Vec<PathBuf> {
        // Where the list of segments itself cannot be read, each file is one of theirs.
        let is_listed = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let segments = self.index.searchable_segment_metas();
            segments.map_or(true, |all| all.iter().any(|segment| name.starts_with(&segment.id().uuid_string())))
        };
        let check = || catch_unwind(AssertUnwindSafe(|| self.wrong_checksums(|_| true)));
        // What a merge takes away meanwhile is no damage.
        let is_merged_away = |checked: &std::thread::Result<tantivy::Result<_>>| match checked {
            Ok(Err(TantivyError::OpenReadError(OpenReadError::FileDoesNotExist(path)))) => !is_listed(path),
            _ => false,
        };
        let mut checked = check();
        for _ in 0..CHECKS {
            if is_merged_away(&checked) {
                checked = check();
            }
        }
        match checked {
            Ok(Ok(files)) => files.into_iter().filter(is_listed).collect(),
            _ if is_merged_away(&checked) => {
                warn!(path = %self.path.display(), "checksums are not compared: it is being merged again and again");
                Vec::new()
            }
            Ok(Err(error)) if matches!(OpenError::of(&error), OpenError::System(_)) => {
                warn!(path = %self.path.display(), %error, "checksums cannot be compared now");
                Vec::new()
            }
            _ => vec![self.path.clone()],
        }
    }

    /// The files of segments that have another content than was written. Not by tantivy's own list of files
    /// alone, which has no checksum itself.
    fn wrong_checksums(&self, is_wanted: impl Fn(&Path) -> bool) -> tantivy::Result<Vec<PathBuf>> {
        let directory = self.index.directory();
        let managed = directory.list_managed_files();
        let mut wrong = Vec::new();
        for path in self.index.load_metas()?.list_segment_files().into_iter().filter(|path| is_wanted(path)) {
            // Not every segment has each component, such as deletes.
            let is_there = managed.contains(&path) || directory.exists(&path)?;
            if is_there && !directory.validate_checksum(&path)? {
                wrong.push(path);
            }
        }
        Ok(wrong)
    }

    /// The damaged files of segments that are to be merged: merged, they would have right checksums again.
    fn damaged_among(&self, ids: &[SegmentId]) -> Vec<PathBuf> {
        let names: Vec<String> = ids.iter().map(SegmentId::uuid_string).collect();
        let is_wanted = |path: &Path| path.to_str().is_some_and(|path| names.iter().any(|name| path.starts_with(name)));
        match catch_unwind(AssertUnwindSafe(|| self.wrong_checksums(is_wanted))) {
            Ok(Ok(files)) => files,
            // The merge will meet the same.
            Ok(Err(error)) if matches!(OpenError::of(&error), OpenError::System(_)) => Vec::new(),
            _ => vec![self.path.clone()],
        }
    }

    pub(super) fn size_bytes(&self) -> u64 {
        directory_bytes(&self.path)
    }

    pub(super) fn writer(&self) -> Result<PartitionWriter, StoreError> {
        let options = IndexWriterOptions::builder()
            .memory_budget_per_thread(WORKER_MEMORY_BYTES)
            .num_worker_threads(1)
            .num_merge_threads(1)
            .build();
        let writer: IndexWriter<TantivyDocument> = self.index.writer_with_options(options)?;
        writer.set_merge_policy(Box::new(NoMergePolicy));
        Ok(PartitionWriter { writer })
    }
}

impl Partition {
    /// Deletes the documents that have one of these keywords, and writes their segments anew without them,
    /// for as long as that may go on: the rest of them is written anew the next time.
    pub(super) fn delete(
        &self,
        column: ColumnOf,
        keywords: Vec<String>,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<(), StoreError> {
        // An attempt before may have changed the segments.
        self.reload()?;
        let mut writer = self.writer()?;
        // Files of an attempt before that did not come to its commit stand in the way of this one's.
        writer.collect_garbage();
        writer.writer.delete_query(Box::new(KeywordQuery::of_texts(&self.view(), column, keywords)))?;
        let payload = self.index.load_metas()?.payload;
        let mut commit = writer.writer.prepare_commit()?;
        payload.iter().for_each(|cursors| commit.set_payload(cursors));
        commit.commit()?;
        // Of an attempt before, too, that did not come so far.
        for segment in self.index.searchable_segment_metas()?.iter().filter(|meta| meta.has_deletes()) {
            if !goes_on() {
                break;
            }
            writer.writer.merge(&[segment.id()]).wait()?;
        }
        self.reload()?;
        writer.collect_garbage();
        Ok(())
    }

    /// Merges neighbours in time into segments as large as they may be; answers what is damaged, where that
    /// keeps it from merging.
    pub(super) fn tidy(&self, root: &Path) -> Result<Vec<PathBuf>, StoreError> {
        let segments = segments(self);
        let sizes: Vec<u32> = segments.iter().map(|segment| segment.2).collect();
        let runs = tidy_runs(&sizes);
        if runs.is_empty() {
            return Ok(Vec::new());
        }
        let mut writer = self.writer()?;
        for run in runs {
            retention::check_space(root, self.size_bytes())?;
            let ids: Vec<SegmentId> = segments[run].iter().map(|segment| segment.1).collect();
            let damaged = self.damaged_among(&ids);
            if !damaged.is_empty() {
                return Ok(damaged);
            }
            writer.writer.merge(&ids).wait()?;
        }
        writer.collect_garbage();
        self.reload().map(|()| Vec::new())
    }
}

/// The segments of a partition, earliest first: when each begins, its id and its records.
fn segments(partition: &Partition) -> Vec<(i64, SegmentId, u32)> {
    let view = partition.view();
    let known = |((first_ns, _), _, reader): (_, _, &SegmentReader)| (first_ns, reader.segment_id(), reader.num_docs());
    let mut segments: Vec<(i64, SegmentId, u32)> = view.segments().map(known).collect();
    segments.sort_by_key(|segment| segment.0);
    segments
}

/// Runs of neighbours whose sums are as large as they may be. What is half as large stays as it is: to
/// write it again for a few more would be dear.
fn tidy_runs(sizes: &[u32]) -> Vec<std::ops::Range<usize>> {
    let mut runs = Vec::new();
    let (mut start, mut sum) = (0, 0);
    for (at, &size) in sizes.iter().enumerate().chain([(sizes.len(), &u32::MAX)]) {
        let is_large = size > MAX_MERGED_RECORDS / 2;
        if is_large || sum + size > MAX_MERGED_RECORDS {
            runs.push(start..at);
            (start, sum) = if is_large { (at + 1, 0) } else { (at, size) };
        } else {
            sum += size;
        }
    }
    runs.retain(|run| run.len() > 1);
    runs
}

/// A record of a batch, without moving it.
#[derive(Clone, Debug)]
pub(super) struct RecordAt {
    pub batch: Arc<[Record]>,
    pub index: usize,
}

impl RecordAt {
    pub(super) fn record(&self) -> &Record {
        &self.batch[self.index]
    }
}

/// Writes one partition. After any error it has to be dropped: tantivy's writer would go on over
/// missing records.
pub(super) struct PartitionWriter {
    writer: IndexWriter<TantivyDocument>,
}

impl PartitionWriter {
    /// Makes `records` durable together with `ledger`, or neither.
    pub(super) fn commit(&mut self, records: &mut [RecordAt], ledger: &Ledger) -> Result<(), StoreError> {
        sort(records);
        let mut origins: HashMap<*const Container, Arc<str>> = HashMap::new();
        // Neighbours are alike.
        let mut last: Option<(*const Container, Arc<str>)> = None;
        let mut rest = &*records;
        // One segment, unless its words need much memory.
        while !rest.is_empty() {
            let segment = self.writer.new_segment();
            let mut segment_writer = SegmentWriter::for_segment(SEGMENT_MEMORY_BYTES, segment.clone())?;
            let mut unmeasured_bytes = 0;
            while let Some((at, behind)) = rest.split_first() {
                rest = behind;
                let container = &at.record().container;
                let origin = match &last {
                    Some((known, origin)) if *known == Arc::as_ptr(container) => Arc::clone(origin),
                    _ => {
                        let origin = origins.entry(Arc::as_ptr(container));
                        Arc::clone(origin.or_insert_with(|| schema::origin(container).into()))
                    }
                };
                last = Some((Arc::as_ptr(container), Arc::clone(&origin)));
                let document = RecordDocument::new(&at.batch, at.index, origin);
                segment_writer.add_document(AddOperation { opstamp: 0, document })?;
                unmeasured_bytes += at.record().raw.len();
                if unmeasured_bytes > MEASURE_BYTES {
                    unmeasured_bytes = 0;
                    if segment_writer.mem_usage() > MAX_SEGMENT_MEMORY_BYTES {
                        break;
                    }
                }
            }
            let count = segment_writer.max_doc();
            segment_writer.finalize()?;
            let meta = segment.with_max_doc(count).meta().clone();
            meta.untrack_temp_docstore();
            self.writer.add_segment(meta)?;
        }
        let mut commit = self.writer.prepare_commit()?;
        commit.set_payload(&ledger.to_payload());
        commit.commit()?;
        Ok(())
    }

    /// Starts to merge neighbours where there are enough of them; the answer waits for the end.
    ///
    /// # Errors
    /// The damaged files of what was to be merged.
    pub(super) fn start_merge(
        &mut self,
        partition: &Partition,
    ) -> Result<Option<tantivy::FutureResult<Option<tantivy::SegmentMeta>>>, Vec<PathBuf>> {
        let segments = segments(partition);
        let sizes: Vec<u32> = segments.iter().map(|segment| segment.2).collect();
        let Some(run) = merge_candidates(&sizes) else { return Ok(None) };
        let ids: Vec<SegmentId> = segments[run].iter().map(|segment| segment.1).collect();
        let damaged = partition.damaged_among(&ids);
        if damaged.is_empty() { Ok(Some(self.writer.merge(&ids))) } else { Err(damaged) }
    }

    pub(super) fn collect_garbage(&self) {
        // Files of a failed write stay until the next time at worst.
        drop(self.writer.garbage_collect_files().wait());
    }
}

/// Similar lines side by side compress better: by service, whichever comes first, and time.
fn sort(records: &mut [RecordAt]) {
    let mut services: Vec<String> = Vec::new();
    let mut ranks: HashMap<*const Container, usize> = HashMap::new();
    // A batch is of one container.
    let mut last = None;
    records.sort_by_cached_key(|at| {
        let container = &at.record().container;
        let rank = match last {
            Some((known, rank)) if known == Arc::as_ptr(container) => rank,
            _ => *ranks.entry(Arc::as_ptr(container)).or_insert_with(|| {
                services.iter().position(|service| *service == container.service).unwrap_or_else(|| {
                    services.push(container.service.clone());
                    services.len() - 1
                })
            }),
        };
        last = Some((Arc::as_ptr(container), rank));
        (rank, at.record().time_ns())
    });
}

/// Which neighbours to merge, oldest first: a run of [`MERGE_FACTOR`] of one size class or
/// smaller, where a class is a power of the factor. So a record is merged once a class. What is
/// large enough is left alone and ends a run.
fn merge_candidates(sizes: &[u32]) -> Option<std::ops::Range<usize>> {
    let class = |size: u32| size.max(1).ilog2() / MERGE_FACTOR.ilog2();
    let largest = MAX_MERGED_RECORDS / MERGE_FACTOR as u32;
    (0..=class(largest)).find_map(|limit| {
        let mut start = 0;
        sizes.iter().enumerate().find_map(|(at, &size)| {
            if class(size) > limit || size > largest {
                start = at + 1;
            }
            (at + 1 - start >= MERGE_FACTOR).then_some(start..at + 1)
        })
    })
}

pub(super) fn directory_bytes(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).filter(fs::Metadata::is_file).map(|m| m.len()).sum()
}

pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_name() {
        for (key, name) in
            [(Key { day: 20_778, part: 0 }, "2026-11-21"), (Key { day: 20_778, part: 12 }, "2026-11-21.012")]
        {
            assert_eq!(key.name(), name);
            assert_eq!(Key::from_name(name), Some(key));
        }
        for name in ["lost+found", "2026-13-01", "2026-11-21.000", "2026-11-21.x", ".new-2026-11-21"] {
            assert_eq!(Key::from_name(name), None, "{name}");
        }
        assert_eq!(Key::of_time(DAY_NS - 1).day, 0);
        assert_eq!(Key::of_time(-1).day, -1);
    }

    #[test]
    fn what_the_system_lacks_is_no_damage() {
        let (raw, path) = (io::Error::from_raw_os_error, PathBuf::from("x.idx"));
        for error in [
            TantivyError::from(raw(libc::EMFILE)),
            OpenReadError::wrap_io_error(raw(libc::ENOMEM), path.clone()).into(),
            OpenDirectoryError::wrap_io_error(raw(libc::EACCES), path.clone()).into(),
            TantivyError::LockFailure(LockError::wrap_io_error(raw(libc::EROFS)), None),
        ] {
            assert!(matches!(OpenError::of(&error), OpenError::System(_)), "{error:?}");
        }
        for error in [TantivyError::from(raw(libc::EIO)), OpenReadError::FileDoesNotExist(path).into()] {
            assert!(matches!(OpenError::of(&error), OpenError::Damaged(_)), "{error:?}");
        }
    }

    #[test]
    fn neighbours_of_one_class_are_merged_and_large_ones_left_alone() {
        assert_eq!(merge_candidates(&[100; 15]), None);
        assert_eq!(merge_candidates(&[100; 20]), Some(0..16));
        assert_eq!(merge_candidates(&[[1_000_000].as_slice(), &[100; 16]].concat()), Some(1..17));
        assert_eq!(merge_candidates(&[[100; 8].as_slice(), &[900_000], &[100; 8]].concat()), None);
        assert_eq!(tidy_runs(&[25_000; 90]), [0..40, 40..80, 80..90]);
        assert_eq!(tidy_runs(&[100, 600_000, 100, 100, 600_000, 7, 8]), [2..4, 5..7]);
        assert_eq!(tidy_runs(&[400_000, 400_000, 300_000, 1]), [0..2, 2..4]);
        assert_eq!((tidy_runs(&[]), tidy_runs(&[7])), (vec![], vec![]));
        // Beyond the cap nothing is merged, however many there are.
        assert_eq!(merge_candidates(&[100_000; 40]), None);
        assert_eq!(merge_candidates(&[25_000; 16]), Some(0..16));
    }
}
