//! `foghorn import`: files of log lines → the store, each line once.
//!
//! How far a file was read is committed with its records, so that an import that was ended goes on
//! behind its last commit, and one that is repeated adds nothing. Records reach the store in
//! rounds: what concerns the whole file moves on with the last batch of a round, when everything
//! before it is on its way, and the writer keeps the batches of one file in order.

mod progress;

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches};
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::SendTimeoutError;

use super::input::{Found, HEAD_BYTES, Place, Reader, Resume, Source, SourceError, hash};
use crate::app;
use crate::config::Config;
use crate::pipeline::Settings;
use crate::record::{
    Batch, Checkpoint, Container, ContainerCursor, ContainerId, DAY_NS, FieldValue, Import, Position, Record, Stream,
};
use crate::store::{Store, StoreError, StoreReader};
use progress::{Progress, Totals};

/// What is imported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The service of lines that do not say whose they are; none to take the file's name.
    pub service: Option<String>,
    /// Import a file although another content was imported under its name.
    pub again: bool,
    /// Files; `-` is standard input.
    pub files: Vec<PathBuf>,
}

/// The command's own arguments.
pub(super) fn command(about: &'static str) -> clap::Command {
    clap::Command::new("import").about(about).args([
        Arg::new("service")
            .long("service")
            .value_name("NAME")
            .value_parser(clap::builder::NonEmptyStringValueParser::new())
            .help("The service of lines that do not say whose they are [default: the file's name]"),
        Arg::new("again")
            .long("again")
            .action(ArgAction::SetTrue)
            .help("Import a file although another content was imported under its name"),
        super::parse::files().required(true),
    ])
}

impl Options {
    pub(super) fn of(matches: &ArgMatches) -> Self {
        Self {
            service: matches.get_one("service").cloned(),
            again: matches.get_flag("again"),
            files: matches.get_many("file").into_iter().flatten().cloned().collect(),
        }
    }
}

/// Why a file is not imported, or not to its end.
#[derive(Debug, thiserror::Error)]
enum ImportError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(
        "{place}: its content is not what was imported under this name before, up to byte {seen_bytes}; give it \
         another name, or import it as something new with --again"
    )]
    Changed { place: Place, seen_bytes: u64 },
    #[error("{place}: the store takes no records: {reason}; import it again, and it goes on behind what is stored")]
    Paused { place: Place, reason: String },
    #[error("{place}: the store failed; import it again, and it goes on behind what is stored")]
    Closed { place: Place },
}

/// How soon a full queue is asked again whether the store is paused.
const PATIENCE: Duration = Duration::from_secs(1);
/// A batch has about so many bytes of lines.
const BATCH_BYTES: usize = 128 * 1024;
/// How far ahead of us a line may claim to be, by a clock that is fast or a zone that is not said.
const FUTURE_NS: i64 = DAY_NS;

/// Imports what `options` names. Exits 1 where something cannot be imported, after the rest, and
/// where the store is in use.
pub async fn run(config: &Config, options: &Options) -> ExitCode {
    let mut out = io::stderr();
    // Where standard error is gone, the exit code has to do.
    let mut say = |text: &str| drop(writeln!(out, "{text}"));
    let mut store = match Store::open(&config.store, &config.retention, app::read_fields(config)) {
        Ok(store) => store,
        Err(error) => {
            let hint = match error {
                StoreError::InUse(_) => "; stop it, import, and start it again",
                _ => "",
            };
            say(&format!("foghorn: store.path: {error}{hint}"));
            return ExitCode::FAILURE;
        }
    };
    let resumable = std::mem::take(&mut store.resumable);
    let known = resumable.into_iter().filter_map(|(id, (_, checkpoint))| Some((id, checkpoint.import?)));
    let reader = store.reader();
    let told = reader.status().damaged;
    told.iter().for_each(|damage| say(&format!("foghorn: a damaged partition was set aside: {damage}")));
    let mut importer = Importer {
        settings: app::settings(config),
        sender: store.appender(),
        store: reader.clone(),
        service: options.service.clone(),
        again: options.again,
        known: known.collect(),
        totals: Totals::default(),
        now_ns: chrono::Utc::now().timestamp_nanos_opt().unwrap_or_default(),
    };
    let mut is_whole = true;
    for file in &options.files {
        match importer.import(&Place::of(file)).await {
            Ok(None) => {}
            Ok(Some(note)) => say(&note),
            Err(error) => {
                is_whole = false;
                say(&format!("foghorn: {error}"));
            }
        }
    }
    let mut totals = importer.totals;
    drop(importer.sender);
    store.close_tidy();
    let status = reader.status();
    for damage in status.damaged.iter().filter(|damage| !told.contains(damage)) {
        say(&format!("foghorn: a partition is damaged: {damage}"));
    }
    let mut done = "imported";
    if let Some(reason) = status.paused {
        (is_whole, done) = (false, "read");
        say(&format!(
            "foghorn: the last records could not be stored: {reason}; import again, and it goes on behind what is stored"
        ));
    }
    totals.records = totals.records.saturating_sub(status.too_old_records);
    say(&totals.summary(done));
    if status.too_old_records > 0 {
        let days = config.retention.max_age.as_secs() / 86_400;
        let or = if config.retention.services.is_empty() { "" } else { ", or the age of their service" };
        say(&format!(
            "{} records were not stored, because they are older than retention.max_age ({days} days){or}",
            status.too_old_records
        ));
    }
    if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Importer {
    settings: Settings,
    sender: Sender<Batch>,
    store: StoreReader,
    service: Option<String>,
    again: bool,
    /// What was imported before, and in this run.
    known: HashMap<ContainerId, Import>,
    totals: Totals,
    now_ns: i64,
}

/// One file on its way to the store.
struct Job<'a> {
    importer: &'a mut Importer,
    reader: Reader,
    place: Place,
    /// Its first 4 KiB, and their hash.
    head: Vec<u8>,
    head_hash: u64,
    /// What concerns the whole file, as the last batch of the round before said it.
    file: Import,
    /// Where this content has to be the one that was imported before.
    expected: Option<Import>,
    /// The time of a line before which there is none with a time.
    modified_ns: i64,
    /// Records that are not on their way yet.
    pending: Vec<Found>,
    pending_bytes: usize,
    /// Records of this run.
    records: u64,
}

impl Importer {
    /// Imports a file; answers what is to be said of it, if anything.
    async fn import(&mut self, place: &Place) -> Result<Option<String>, ImportError> {
        // A line of JSON is longer than what it says.
        let max_line_bytes = self.settings.max_line_bytes * 6 + 64 * 1024;
        let mut source = Source::open(place, max_line_bytes)?;
        let name = self.service.clone().unwrap_or_else(|| name_of(place));
        let mut identity = Reader::identity(&source);
        let head = source.head().to_vec();
        if *place == Place::Stdin {
            identity.extend_from_slice(name.as_bytes());
            identity.extend_from_slice(&head);
        }
        let mut file = unread(hash(&[&identity]));
        let mine = || self.known.values().filter(|import| import.source == file.source);
        let expected = mine().max_by_key(|import| (import.generation, import.seen_bytes)).copied();
        let expected = match expected {
            Some(before) if hash_of_head(&head, before.seen_bytes) != Some(before.head) => {
                if !self.again {
                    return Err(ImportError::Changed { place: place.clone(), seen_bytes: before.seen_bytes });
                }
                // Ordinals go on, so that no two records are the same one.
                file.lines = mine().map(|import| import.lines).max().unwrap_or_default();
                file.generation = before.generation + 1;
                None
            }
            expected => expected,
        };
        let modified_ns = source.modified_ns.unwrap_or(self.now_ns);
        let mut reader = Reader::new(source, &self.settings, &name, &identity, self.now_ns);
        let (mut before, mut resume) = (0, Resume { lines: file.lines, ..Resume::default() });
        if let Some(expected) = expected {
            file = expected;
            resume.offset_bytes = expected.offset_bytes;
            resume.lines = expected.lines;
            for (id, import) in &self.known {
                if import.source == expected.source && import.generation == expected.generation {
                    before += import.records;
                    resume.done.insert(id.clone(), [import.stdout_bytes, import.stderr_bytes]);
                }
            }
        }
        let is_long_enough = reader.resume(resume);
        let mut job = Job {
            importer: self,
            reader,
            place: place.clone(),
            head_hash: hash(&[&head]),
            head,
            file,
            expected,
            modified_ns,
            pending: Vec::new(),
            pending_bytes: 0,
            records: 0,
        };
        if !is_long_enough {
            return Err(job.changed());
        }
        job.run().await?;
        let (records, failure) = (job.records, job.reader.source.failure());
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        Ok((records == 0).then(|| match before {
            0 => format!("{place}: nothing to import"),
            before => format!("{place}: already imported: {before} records, nothing new"),
        }))
    }
}

/// A file of which nothing was read. An import may be ended when no more than that is durable of the
/// file as a whole, and every content goes on from there.
fn unread(source: u64) -> Import {
    Import { source, head: hash(&[b""]), tail: hash(&[b""]), ..Import::default() }
}

/// The hash of the first bytes of what was seen; none where there is less.
fn hash_of_head(head: &[u8], seen_bytes: u64) -> Option<u64> {
    let bytes = usize::try_from(seen_bytes).unwrap_or(usize::MAX).min(HEAD_BYTES);
    Some(hash(&[head.get(..bytes)?]))
}

impl Job<'_> {
    async fn run(&mut self) -> Result<(), ImportError> {
        let progress = Progress::start(&self.place, &self.reader.source);
        self.check_tail()?;
        let mut is_more = true;
        let mut found = Vec::new();
        let began = (self.reader.lines(), self.reader.source.offset_bytes());
        while is_more {
            is_more = self.reader.step(&mut |record| found.push(record));
            if !is_more {
                self.reader.finish(&mut |record| found.push(record));
            }
            for found in found.drain(..) {
                self.pending_bytes += found.record.raw.len() + found.record.fields.heap_bytes() + 64;
                self.pending.push(found);
            }
            self.check_tail()?;
            // Nothing goes out before it is certain that it is the same file.
            if self.expected.is_none() && (self.pending_bytes >= BATCH_BYTES || !is_more) {
                self.send().await?;
                progress.at(self.reader.source.packed_bytes());
            }
        }
        if self.expected.is_some() {
            return Err(self.changed());
        }
        self.importer.totals.records += self.records;
        self.importer.totals.lines += self.reader.lines() - began.0;
        self.importer.totals.bytes += self.reader.source.offset_bytes() - began.1;
        Ok(())
    }

    /// Where reading comes to the place that was seen before, what lies before it is the same.
    fn check_tail(&mut self) -> Result<(), ImportError> {
        let Some(expected) = self.expected else { return Ok(()) };
        let offset_bytes = self.reader.source.offset_bytes();
        if offset_bytes < expected.seen_bytes {
            return Ok(());
        }
        if offset_bytes > expected.seen_bytes || self.reader.source.tail_hash() != expected.tail {
            return Err(self.changed());
        }
        self.expected = None;
        Ok(())
    }

    fn changed(&self) -> ImportError {
        let seen_bytes = self.expected.map_or(self.file.seen_bytes, |expected| expected.seen_bytes);
        ImportError::Changed { place: self.place.clone(), seen_bytes }
    }

    /// Sends what is pending, a batch a container and day.
    async fn send(&mut self) -> Result<(), ImportError> {
        self.pending_bytes = 0;
        if self.pending.is_empty() {
            return Ok(());
        }
        let batches = self.batches();
        let (offset_bytes, lines) = self.reader.safe();
        let seen_bytes = self.reader.source.offset_bytes();
        let moved = Import {
            offset_bytes,
            lines,
            seen_bytes,
            head: if seen_bytes >= self.head.len() as u64 {
                self.head_hash
            } else {
                hash_of_head(&self.head, seen_bytes).unwrap_or_default()
            },
            tail: self.reader.source.tail_hash(),
            ..self.file
        };
        let last = batches.len() - 1;
        for (at, (mut batch, done)) in batches.into_iter().enumerate() {
            if at == last {
                self.file = Import { last_ns: self.file.last_ns, ..moved };
            }
            let id = batch.container.id.clone();
            let before = self.importer.known.get(&id).filter(|import| import.generation == self.file.generation);
            let records = before.map_or(0, |import| import.records) + batch.records.len() as u64;
            let import = Import { stdout_bytes: done[0], stderr_bytes: done[1], records, ..self.file };
            batch.checkpoint.import = Some(import);
            self.records += batch.records.len() as u64;
            self.hand_over(batch).await?;
            self.importer.known.insert(id, import);
        }
        Ok(())
    }

    /// What is pending as batches, each with how far its container is done then.
    fn batches(&mut self) -> Vec<(Batch, [u64; 2])> {
        let mut by_voice: Vec<(usize, Vec<Found>)> = Vec::new();
        // Of each container that spoke: there are few.
        let mut places: Vec<Option<usize>> = Vec::new();
        for mut found in std::mem::take(&mut self.pending) {
            found.record.position = self.position(&found);
            if places.len() <= found.voice {
                places.resize(found.voice + 1, None);
            }
            let place = *places[found.voice].get_or_insert_with(|| {
                by_voice.push((found.voice, Vec::new()));
                by_voice.len() - 1
            });
            by_voice[place].1.push(found);
        }
        let mut batches = Vec::new();
        for (voice, found) in by_voice {
            // Backwards, since what is done after a batch is known from what follows it.
            let mut done = self.reader.done(voice);
            let container = Arc::clone(self.reader.container(voice));
            let mut of_voice = Vec::new();
            let mut rest = found;
            while let Some(last) = rest.last() {
                let day = day_of(last);
                let from = rest.iter().rposition(|found| day_of(found) != day).map_or(0, |before| before + 1);
                let records = rest.split_off(from);
                let done_before = records.iter().rev().fold(done, |mut done, found| {
                    done[usize::from(found.record.stream == Stream::Stderr)] = found.start_bytes;
                    done
                });
                let records = records.into_iter().map(|found| found.record).collect();
                of_voice.push((batch(&container, records, self.importer.now_ns), done));
                done = done_before;
            }
            batches.extend(of_voice.into_iter().rev());
        }
        batches
    }

    /// The time of a record, and its place among those of the same time: the number of its line.
    fn position(&mut self, found: &Found) -> Position {
        let latest_ns = self.importer.now_ns.saturating_add(FUTURE_NS);
        let own_ns = || found.record.fields().get("log_time").and_then(FieldValue::as_i64);
        let time_ns = found.time_ns.or_else(own_ns).filter(|time_ns| (0..latest_ns).contains(time_ns));
        let time_ns = time_ns.or(self.file.last_ns).unwrap_or(self.modified_ns);
        self.file.last_ns = Some(time_ns);
        Position { time_ns, ordinal: u32::try_from(found.line % (1 << 32)).unwrap_or_default() }
    }

    async fn hand_over(&mut self, batch: Batch) -> Result<(), ImportError> {
        let mut batch = batch;
        loop {
            match self.importer.sender.send_timeout(batch, PATIENCE).await {
                Ok(()) => return Ok(()),
                Err(SendTimeoutError::Closed(_)) => return Err(ImportError::Closed { place: self.place.clone() }),
                Err(SendTimeoutError::Timeout(unsent)) => {
                    if let Some(reason) = self.importer.store.status().paused {
                        return Err(ImportError::Paused { place: self.place.clone(), reason });
                    }
                    batch = unsent;
                }
            }
        }
    }
}

fn day_of(found: &Found) -> i64 {
    found.record.time_ns().div_euclid(DAY_NS)
}

fn batch(container: &Arc<Container>, records: Vec<Record>, first_seen_ns: i64) -> Batch {
    let checkpoint = Checkpoint {
        cursor: ContainerCursor::default(),
        first_seen_ns,
        complete: true,
        import: None,
        forget: false,
        urgent: false,
    };
    Batch { container: Arc::clone(container), records: records.into(), checkpoint }
}

/// A file's base name without what only says how it is kept: `app.log.1.gz` → `app`.
fn name_of(place: &Place) -> String {
    let Place::File(path) = place else { return "stdin".into() };
    let mut name = path.file_name().map_or_else(|| "file".into(), |name| name.to_string_lossy().into_owned());
    while let Some(stem) = stem_of(&name) {
        name = stem;
    }
    name
}

fn stem_of(name: &str) -> Option<String> {
    let extension = Path::new(name).extension()?.to_str()?;
    let is_number = !extension.is_empty() && extension.bytes().all(|byte| byte.is_ascii_digit());
    let is_known = is_number || ["log", "gz", "zst", "txt", "json", "jsonl", "ndjson"].contains(&extension);
    is_known.then(|| name[..name.len() - extension.len() - 1].to_owned()).filter(|stem| !stem.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_content_goes_on_from_a_file_of_which_nothing_was_read() {
        let import = unread(7);
        for head in [&b""[..], b"some lines\n"] {
            assert_eq!(hash_of_head(head, import.seen_bytes), Some(import.head));
        }
        let source = Source::open(&Place::File("Cargo.toml".into()), 100).unwrap();
        assert_eq!(source.tail_hash(), import.tail);
    }

    #[test]
    fn a_file_is_named_without_its_endings() {
        for (path, name) in [
            ("/var/log/app.log", "app"),
            ("app.log.1.gz", "app"),
            ("app.log.zst", "app"),
            ("app", "app"),
            ("shop.web.log", "shop.web"),
            (".log", ".log"),
            ("1", "1"),
            ("2024.log", "2024"),
        ] {
            assert_eq!(name_of(&Place::File(path.into())), name, "{path}");
        }
        assert_eq!(name_of(&Place::Stdin), "stdin");
    }
}
