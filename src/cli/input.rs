//! Files of log lines, of whatever kind → records: what `parse` and `import` share.

mod flat;
mod kind;
mod reader;
mod source;

pub use reader::{Found, Reader, Resume};
pub use source::{HEAD_BYTES, Place, Source, SourceError, hash};
