//! How far a file was imported: what a checkpoint of a file says, as a cursor does of a container.

use serde::{Deserialize, Serialize};

/// How far a file was imported, as of one commit. Offsets count its unpacked bytes.
///
/// One file may hold lines of several containers, each with a checkpoint of its own. What concerns
/// the whole file is the same in all of one round, and the highest `seen_bytes` of the highest
/// `generation` counts; `stdout_bytes`, `stderr_bytes` and `records` are the container's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// Which file: a hash of its path.
    pub source: u64,
    /// Rises where another content is imported under the same name.
    #[serde(default)]
    pub generation: u32,
    /// Where reading resumes: what begins before is durable, for every container of the file.
    pub offset_bytes: u64,
    /// How many lines lie before that.
    pub lines: u64,
    /// How far the file was read; what lies between was not finished, or not of this container.
    pub seen_bytes: u64,
    /// The hash of the first 4 KiB, or of `seen_bytes` where that is less.
    pub head: u64,
    /// The hash of the 256 bytes before `seen_bytes`, or fewer.
    pub tail: u64,
    /// The last time that is known of the file's lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_ns: Option<i64>,
    /// The container's lines on standard output that begin before this are durable.
    #[serde(default)]
    pub stdout_bytes: u64,
    /// The same for standard error.
    #[serde(default)]
    pub stderr_bytes: u64,
    /// How many records of the container were imported.
    pub records: u64,
}
