//! The nouns of the data path: what a container says, from `Frame` through `Line` to `Record`.
//!
//! Nothing here knows another module of the crate. Times are Docker's own timestamps, in
//! nanoseconds since the Unix epoch, because they are what order and cursors are made of.

mod fields;
mod import;
mod names;
mod shown;
mod time;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use fields::{FieldValue, Fields, FieldsBuilder, FieldsOf, MAX_FIELDS, MAX_NAME_BYTES, Mark, Origin, place_in};

pub use import::Import;
pub use names::{COMPUTED_NAMES, KNOWN_NAMES};
pub use shown::Shown;
pub use time::{read_time, time_text};

/// A container's full id, 64 hexadecimal digits as the engine prints it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContainerId(Arc<str>);

impl ContainerId {
    /// Wraps an id as the engine gave it.
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits, as `docker ps` shows them; all of it where it is shorter.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Debug for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who is speaking: a container and the service that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// The engine's id.
    pub id: ContainerId,
    /// The name without its leading slash.
    pub name: String,
    /// The Compose project; empty outside Compose.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub project: String,
    /// The Compose service, else the container's name.
    pub service: String,
    /// The Compose container number, from 1; 0 outside Compose.
    #[serde(default)]
    pub number: u32,
}

/// Where a line came from. The order breaks ties between records of one time: what Foghorn says
/// of a gap stands before the line that follows the gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Not the container's: a note of Foghorn's own, such as a gap.
    Foghorn,
    /// Standard output; everything of a container with a TTY.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// The name used in queries, JSON and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Foghorn => "foghorn",
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    /// The stream of that name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Foghorn, Self::Stdout, Self::Stderr].into_iter().find(|s| s.as_str() == name)
    }
}

/// How bad it is, in rising order; `Unknown` is below all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing in the line says.
    #[default]
    Unknown,
    /// Finer than debug.
    Trace,
    /// For developers.
    Debug,
    /// Normal operation.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
    /// The process, or a large part of it, gave up.
    Fatal,
}

impl Level {
    /// Every level, in rising order.
    pub const ALL: [Self; 7] =
        [Self::Unknown, Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    /// The name used in queries, JSON and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    /// The level of exactly that name, as [`Level::as_str`] writes it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == name)
    }
}

/// A place in one stream of one container: the `ordinal`-th frame (from 1) at `time_ns`.
///
/// The engine's timestamps are monotonic within a stream, but a split line repeats its first
/// fragment's timestamp and a coarse clock repeats anyone's, so the time alone is not a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Docker's timestamp, nanoseconds since the epoch.
    pub time_ns: i64,
    /// Which frame of that timestamp, from 1.
    pub ordinal: u32,
}

/// How far one stream was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamCursor {
    /// The last frame of the last finished record; none before the first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last: Option<Position>,
    /// The first frame of a record that is not finished: reading resumes with this very frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_at: Option<Position>,
    /// The latest time read so far, where it is later than `last`: the clock was set back.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub high_ns: Option<i64>,
}

impl StreamCursor {
    /// Moves to `last`, whose record is finished.
    pub fn advance(&mut self, last: Position) {
        let high_ns = self.last.map_or(i64::MIN, |p| p.time_ns).max(self.high_ns.unwrap_or(i64::MIN));
        self.high_ns = (high_ns > last.time_ns).then_some(high_ns);
        self.last = Some(last);
        self.open_at = None;
    }
}

/// How far a container's log was read: both streams, at one moment of the log file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerCursor {
    /// Standard output.
    pub stdout: StreamCursor,
    /// Standard error.
    pub stderr: StreamCursor,
}

impl ContainerCursor {
    /// The cursor of `stream`; what Foghorn says itself has none and answers standard output's.
    pub fn stream(&self, stream: Stream) -> &StreamCursor {
        if stream == Stream::Stderr { &self.stderr } else { &self.stdout }
    }

    /// The same, to change it.
    pub fn stream_mut(&mut self, stream: Stream) -> &mut StreamCursor {
        if stream == Stream::Stderr { &mut self.stderr } else { &mut self.stdout }
    }

    /// Nothing was read of either stream.
    pub fn is_fresh(&self) -> bool {
        [self.stdout, self.stderr].iter().all(|stream| stream.last.is_none() && stream.open_at.is_none())
    }

    /// The latest time that was read on either stream; none before the first line.
    pub fn last_time_ns(&self) -> Option<i64> {
        [self.stdout.last, self.stderr.last].into_iter().flatten().map(|p| p.time_ns).max()
    }
}

/// One message of the engine's log stream: a line with its newline, or a piece of a long one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Which stream.
    pub stream: Stream,
    /// Its place in the stream.
    pub position: Position,
    /// The bytes after the timestamp, with the newline where the engine sent one.
    pub bytes: &'a [u8],
}

/// A whole line of a stream, without its newline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which stream.
    pub stream: Stream,
    /// The place of its first frame: the line's time and identity.
    pub start: Position,
    /// The place of its last frame: where reading resumes.
    pub end: Position,
    /// The text; invalid UTF-8 is replaced by U+FFFD.
    pub text: String,
    /// Bytes cut off because the line was longer than the cap; 0 for a whole line.
    pub cut_bytes: u64,
}

/// What a record is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something that the container wrote.
    #[default]
    Line,
    /// Foghorn's note that lines are missing, and why.
    Gap,
}

impl Kind {
    /// The name used in queries and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Gap => "gap",
        }
    }
}

/// A kind of error: the same error has the same one after a restart and on another machine. Shown as
/// 16 lower-case hexadecimal digits.
///
/// ```
/// use foghorn::record::Signature;
/// let signature: Signature = "00c0ffee00c0ffee".parse()?;
/// assert_eq!(signature.to_string(), "00c0ffee00c0ffee");
/// # Ok::<(), foghorn::record::SignatureError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub u64);

/// A text that is no signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no signature: 16 lower-case hexadecimal digits, such as 00c0ffee00c0ffee")]
pub struct SignatureError(String);

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Signature {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<Self, SignatureError> {
        let fits = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = fits.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number.map(Self).ok_or_else(|| SignatureError(text.chars().take(64).collect()))
    }
}

/// What is searched, watched and counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Who said it.
    pub container: Arc<Container>,
    /// On which stream.
    pub stream: Stream,
    /// Its place in the stream, which is its time, too.
    pub position: Position,
    /// Line or gap.
    pub kind: Kind,
    /// How bad it is.
    pub level: Level,
    /// The line as it was written.
    pub raw: Box<str>,
    /// What the line says, in parts; read them by [`Record::fields`].
    pub fields: Fields,
    /// The name of the format that the line was read as; empty for what is no line.
    pub format: &'static str,
    /// The line was longer than the cap, and its end is missing.
    pub truncated: bool,
}

impl Record {
    /// The record's time, nanoseconds since the epoch.
    pub fn time_ns(&self) -> i64 {
        self.position.time_ns
    }

    /// The record's fields.
    pub fn fields(&self) -> FieldsOf<'_> {
        self.fields.of(&self.raw)
    }

    /// The record's identity.
    pub fn id(&self) -> RecordId {
        RecordId {
            time_ns: self.position.time_ns,
            container: self.container.id.clone(),
            stream: self.stream,
            ordinal: self.position.ordinal,
        }
    }
}

/// A record's identity and its place in the order of all records: time, then container, stream
/// and ordinal. Reading the same line again gives the same id, so it names a record in links and
/// in paging cursors alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordId {
    /// Docker's timestamp.
    pub time_ns: i64,
    /// The container.
    pub container: ContainerId,
    /// The stream.
    pub stream: Stream,
    /// The ordinal at that time.
    pub ordinal: u32,
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}-{}", self.time_ns, self.stream.as_str(), self.ordinal, self.container)
    }
}

/// A text that is no record id.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a record id, expected TIME-STREAM-ORDINAL-CONTAINER as a result's `id` shows it")]
pub struct RecordIdError(String);

impl FromStr for RecordId {
    type Err = RecordIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let mut parts = text.splitn(4, '-');
            let time_ns = parts.next()?.parse().ok()?;
            let stream = Stream::from_name(parts.next()?)?;
            let ordinal = parts.next()?.parse().ok()?;
            let container = parts.next().filter(|c| !c.is_empty() && c.bytes().all(|b| b.is_ascii_alphanumeric()))?;
            Some(Self { time_ns, container: ContainerId::new(container), stream, ordinal })
        };
        read().ok_or_else(|| RecordIdError(text.chars().take(100).collect()))
    }
}

/// Why lines are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// The engine rotated its log away before it was read.
    Rotated,
    /// The engine cannot read part of its own log.
    Unreadable,
    /// The container was removed, and its log with it, before the end was read.
    Removed,
}

impl GapReason {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Rotated, Self::Unreadable, Self::Removed];

    /// The name used in JSON and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rotated => "rotated",
            Self::Unreadable => "unreadable",
            Self::Removed => "removed",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Rotated => "the engine rotated its log before the lines were read",
            Self::Unreadable => "the engine cannot read this part of its log",
            Self::Removed => "the container was removed before the end of its log was read",
        }
    }
}

/// Lines that were, or may have been, written and that nobody can read any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The last line before the gap; none where nothing of the container was ever read.
    pub from_ns: Option<i64>,
    /// The first line after it, or when the container was removed.
    pub to_ns: i64,
    /// Why.
    pub reason: GapReason,
}

impl Gap {
    /// The record that shows the gap, at the gap's end.
    pub fn record(&self, container: Arc<Container>) -> Record {
        let from = self.from_ns.map_or_else(|| "the container's start".to_owned(), time_text);
        let raw = format!("lines are missing from {from} to {}: {}", time_text(self.to_ns), self.reason.sentence());
        let mut fields = FieldsBuilder::new(&raw);
        if let Some(from_ns) = self.from_ns {
            fields.set("gap.from", FieldValue::Text(&time_text(from_ns)));
        }
        fields.set("gap.reason", FieldValue::Text(self.reason.as_str()));
        fields.set("gap.to", FieldValue::Text(&time_text(self.to_ns)));
        let fields = fields.finish();
        Record {
            container,
            stream: Stream::Foghorn,
            position: Position { time_ns: self.to_ns, ordinal: 1 },
            kind: Kind::Gap,
            level: Level::Warn,
            raw: raw.into(),
            fields,
            format: "",
            truncated: false,
        }
    }
}

/// Nanoseconds in a day, the width of a partition.
pub const DAY_NS: i64 = 86_400_000_000_000;

/// Records of one container, of one UTC day, in order, with the cursor that holds after them.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Who said them.
    pub container: Arc<Container>,
    /// In reading order; empty where only the cursor moved. Shared by all outputs.
    pub records: Arc<[Record]>,
    /// Where reading resumes once these records are durable.
    pub checkpoint: Checkpoint,
}

/// What is kept of a container so that reading can resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// How far its log was read.
    pub cursor: ContainerCursor,
    /// When Foghorn first saw the container: lines before are history.
    pub first_seen_ns: i64,
    /// The log was read to its end after the container exited; nothing is outstanding.
    #[serde(default)]
    pub complete: bool,
    /// The lines come from a file and not from the engine: how far it was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import: Option<Import>,
    /// The container is gone for good: forget its cursor.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forget: bool,
    /// Make it durable soon: the engine will not keep this container's lines.
    #[serde(skip)]
    pub urgent: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_id_survives_its_text() {
        let id = RecordId {
            time_ns: 1_795_224_647_450_000_001,
            container: ContainerId::new("ab12"),
            stream: Stream::Stderr,
            ordinal: 3,
        };
        assert_eq!(id.to_string().parse::<RecordId>().unwrap(), id);
        for wrong in ["", "1", "1-stdout-1", "1-stdout-1-", "x-stdout-1-ab", "1-both-1-ab", "1-stdout-1-a/b"] {
            assert!(wrong.parse::<RecordId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_gap_says_from_when_to_when_and_why() {
        let container = Arc::new(Container {
            id: ContainerId::new("ab"),
            name: "web".into(),
            project: String::new(),
            service: "web".into(),
            number: 0,
        });
        let record = Gap { from_ns: Some(0), to_ns: DAY_NS, reason: GapReason::Rotated }.record(container);
        assert_eq!(
            &*record.raw,
            "lines are missing from 1970-01-01T00:00:00.000000000Z to 1970-01-02T00:00:00.000000000Z: the engine rotated its log before the lines were read"
        );
        assert_eq!(record.time_ns(), DAY_NS);
    }
}
